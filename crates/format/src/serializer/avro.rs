//! `AvroSerializerSnapshot`: the class of the records and their schema.
//!
//! | version | releases | content |
//! |---|---|---|
//! | 1 | none that is known | modified UTF-8 schema |
//! | 2 | 1.7 to 1.11 | modified UTF-8 class and schema |
//! | 3 | 1.12 and later | class and schema as [`Text`] |

use super::{Content, Text};
use crate::error::Result;
use crate::reader::Reader;

const CLASS: &str = "class of Avro records";
const SCHEMA: &str = "Avro schema";

pub(super) fn decode(r: &mut Reader<'_>, version: i32) -> Result<Content> {
    let (runtime_class, schema) = match version {
        1 => (None, Text::decode_utf(r, SCHEMA)?),
        2 => (Some(Text::decode_utf(r, CLASS)?), Text::decode_utf(r, SCHEMA)?),
        _ => (Some(Text::decode(r, CLASS)?), Text::decode(r, SCHEMA)?),
    };
    Ok(Content::Avro {
        runtime_class,
        schema,
    })
}

pub(super) fn encode(runtime_class: Option<&Text>, schema: &Text, version: i32, out: &mut Vec<u8>) {
    let put = if version < 3 {
        Text::encode_utf
    } else {
        Text::encode
    };
    if let Some(class) = runtime_class {
        put(class, out);
    }
    put(schema, out);
}
