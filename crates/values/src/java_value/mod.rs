//! Values of Flink's `JavaSerializer` and other Java object streams.

mod convert;
mod time;

pub(crate) use convert::Converter;

use statetool_format::java::Graph;
use statetool_format::{Error, Reader, Result};

use crate::shape::Shapes;
use crate::value::Value;

/// Decodes one value: a Java object stream of one object.
///
/// Collections, dates, numbers and the classes of `java.time` become the values they stand
/// for; enum constants have the index -1, since the stream has only their names. Any other
/// object is its fields, with what its class wrote besides them as `<annotation>`. An object
/// that contains itself is a text that says so.
pub fn decode(r: &mut Reader<'_>) -> Result<Value> {
    let start = r.offset();
    let graph = Graph::read(r)?;
    let mut shapes = Shapes::default();
    let root = Converter::default().convert(&graph, graph.root().slot(), &mut shapes);
    let bytes = r.offset().saturating_sub(start);
    shapes
        .build(root, bytes)
        .map_err(|fault| Error::new(start, "Java object", fault))
}
