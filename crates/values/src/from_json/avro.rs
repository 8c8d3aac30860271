//! Values of Avro schemas.

use serde_json::Value as Json;

use super::scalar::primitive_value;
use super::{Result, array, bytes, mismatch, object};
use crate::avro::{AvroId, AvroNode, AvroType};
use crate::mismatch::Mismatch;
use crate::types::PrimitiveKind;
use crate::value::Value;

pub(super) fn value(avro: &AvroType, id: AvroId, json: &Json) -> Result {
    match avro.node(id) {
        AvroNode::Null if json.is_null() => Ok(Value::Null),
        AvroNode::Null => Err(mismatch("null", json)),
        AvroNode::Boolean => primitive_value(PrimitiveKind::Boolean, json),
        AvroNode::Int => primitive_value(PrimitiveKind::Int, json),
        AvroNode::Long => primitive_value(PrimitiveKind::Long, json),
        AvroNode::Float => primitive_value(PrimitiveKind::Float, json),
        AvroNode::Double => primitive_value(PrimitiveKind::Double, json),
        AvroNode::Bytes => bytes(json).map(Value::Bytes),
        AvroNode::Fixed(_, size) => match bytes(json)? {
            bytes if bytes.len() == *size => Ok(Value::Bytes(bytes)),
            bytes => Err(Mismatch::expected(format!("{size} bytes"), bytes.len())),
        },
        AvroNode::String => match json.as_str() {
            Some(text) => Ok(Value::String(text.into())),
            None => Err(mismatch("a string", json)),
        },
        AvroNode::Enum(name, symbols) => {
            let symbol = json.as_str().ok_or_else(|| mismatch("a symbol", json))?;
            let index = symbols
                .iter()
                .position(|known| known == symbol)
                .and_then(|i| i32::try_from(i).ok());
            let index = index.ok_or_else(|| Mismatch::new(format!("`{name}` has no symbol `{symbol}`")))?;
            Ok(Value::Enum {
                index,
                name: symbol.to_owned(),
            })
        }
        AvroNode::Array(item) => array(json, "an array")?
            .iter()
            .enumerate()
            .map(|(i, json)| value(avro, *item, json).map_err(|e| e.at(i)))
            .collect::<Result<_>>()
            .map(Value::List),
        AvroNode::Map(values) => object(json)?
            .iter()
            .map(|(key, json)| {
                let found = value(avro, *values, json).map_err(|e| e.in_field(key))?;
                Ok((Value::String(key.as_str().into()), found))
            })
            .collect::<Result<_>>()
            .map(Value::Map),
        AvroNode::Union(branches) => {
            let found = branches.iter().find_map(|branch| value(avro, *branch, json).ok());
            found.ok_or_else(|| mismatch("a value of one of the union's branches", json))
        }
        AvroNode::Record(name, fields) => {
            let members = object(json)?;
            let known = |name: &str| fields.iter().any(|field| field.name.as_str() == name);
            if let Some(unknown) = members.keys().find(|name| !known(name)) {
                return Err(Mismatch::new(format!("`{name}` has no field `{unknown}`")));
            }
            let field = |field: &crate::avro::AvroField| {
                let name = field.name.as_str();
                let json = members.get(name).unwrap_or(&Json::Null);
                Ok((
                    name.to_owned(),
                    value(avro, field.schema, json).map_err(|e| e.in_field(name))?,
                ))
            };
            Ok(Value::Object {
                class: None,
                fields: fields.iter().map(field).collect::<Result<_>>()?,
            })
        }
    }
}
