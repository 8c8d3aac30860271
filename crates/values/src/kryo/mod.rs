//! Values of Flink's `KryoSerializer`: Kryo 2.24 (Flink 1.x) and Kryo 5 (Flink 2.x).
//!
//! ```text
//! value  varint 0 (null), or class object
//! class  varint id + 2, or varint 1, varint n [, name]: the name where n is a new one
//! object varint 1, body, or varint n > 1: the object n - 2 once more
//! ```
//!
//! Bodies have no length and mostly no description of what they hold, so decoding goes as far
//! as classes are known: those of the JDK and of Scala that Kryo has serializers for, those
//! registered with a serializer known here, and those described to the [`KryoConfig`].
//! Others end it with [`UnknownClass`](statetool_format::Fault::UnknownClass).

mod array;
mod body;
mod collection;
mod config;
mod decoder;
mod input;
mod known;
mod layout;
mod registry;
mod scala;
mod text;
mod time;

pub use config::{KryoClass, KryoConfig, KryoField, KryoGeneration};

use statetool_format::{Error, Reader, Result};

use crate::value::Value;
use decoder::Decoder;

/// Decodes one value, and leaves what follows it.
///
/// Shared objects are repeated; an object that contains itself is a text that says so.
///
/// # Errors
/// Objects of classes that nobody described, as
/// [`UnknownClass`](statetool_format::Fault::UnknownClass) at the offset of the object's
/// content, and malformed values.
pub fn decode(config: &KryoConfig, r: &mut Reader<'_>) -> Result<Value> {
    let start = r.offset();
    let mut decoder = Decoder::new(config, r);
    let root = decoder.class_and_object()?;
    let shapes = decoder.into_shapes();
    let bytes = r.offset().saturating_sub(start);
    shapes
        .build(root, bytes)
        .map_err(|fault| Error::new(start, "Kryo value", fault))
}

#[cfg(test)]
mod tests;
