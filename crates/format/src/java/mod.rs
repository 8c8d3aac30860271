//! Java object streams (`java.io.ObjectOutputStream`), walked without loading a class.
//!
//! Flink embeds them without a length: SQL column types, comparators, Kryo serializer
//! instances, the properties of a checkpoint, and whole values of its `JavaSerializer`.
//! A [`Graph`] is everything such a stream says: objects with the fields their class
//! descriptors name, arrays, strings, enum constants, and whatever a class wrote by itself.
//!
//! ```
//! use statetool_format::java::JavaStream;
//! let stream = JavaStream(b"\xac\xed\0\x05\x74\0\x02hi".to_vec());
//! assert_eq!(stream.parse()?.root().text().as_deref(), Some("hi"));
//! # Ok::<(), statetool_format::Error>(())
//! ```

mod codes;
mod graph;
pub mod properties;
mod read;
mod view;
mod write;

pub use graph::{ClassDesc, ClassId, Field, FieldType, Graph, Items, Level, Node, NodeId, Slot};
pub use read::MAX_DEPTH;
pub use view::{Collection, View};

use crate::error::Result;
use crate::reader::Reader;

/// One object stream, header included, as it stands in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JavaStream(pub Vec<u8>);

impl JavaStream {
    /// Takes exactly one stream: the header and one object, string, array or null.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self> {
        let start = r.clone();
        Graph::read(r)?;
        Ok(Self(r.since(&start).to_vec()))
    }

    /// What the stream says; offsets in errors count from its first byte.
    pub fn parse(&self) -> Result<Graph> {
        let mut r = Reader::new(&self.0);
        let graph = Graph::read(&mut r)?;
        r.finish("Java object stream")?;
        Ok(graph)
    }
}

#[cfg(test)]
mod tests;
