//! Values of Avro schemas.

use super::scalar::{primitive_value, string};
use super::{Result, array, bytes, mismatch, object};
use crate::avro::{AvroId, AvroNode, AvroType};
use crate::mismatch::Mismatch;
use crate::plain::Plain;
use crate::types::PrimitiveKind;
use crate::value::Value;

pub(super) fn value(avro: &AvroType, id: AvroId, plain: &Plain) -> Result {
    match avro.node(id) {
        AvroNode::Null if plain.is_null() => Ok(Value::Null),
        AvroNode::Null => Err(mismatch("null", plain)),
        AvroNode::Boolean => primitive_value(PrimitiveKind::Boolean, plain),
        AvroNode::Int => primitive_value(PrimitiveKind::Int, plain),
        AvroNode::Long => primitive_value(PrimitiveKind::Long, plain),
        AvroNode::Float => primitive_value(PrimitiveKind::Float, plain),
        AvroNode::Double => primitive_value(PrimitiveKind::Double, plain),
        AvroNode::Bytes => bytes(plain).map(Value::Bytes),
        AvroNode::Fixed(_, size) => match bytes(plain)? {
            bytes if bytes.len() == *size => Ok(Value::Bytes(bytes)),
            bytes => Err(Mismatch::expected(format!("{size} bytes"), bytes.len())),
        },
        AvroNode::String => string(plain),
        AvroNode::Enum(name, symbols) => {
            let symbol = plain.as_str().ok_or_else(|| mismatch("a symbol", plain))?;
            let index = symbols
                .iter()
                .position(|known| known == symbol)
                .and_then(|i| i32::try_from(i).ok());
            let index = index.ok_or_else(|| {
                let why = Mismatch::new(format!("`{name}` has no symbol `{symbol}`"));
                why.without_data(format!("no symbol of `{name}` has this name"))
            })?;
            Ok(Value::Enum {
                index,
                name: symbol.to_owned(),
            })
        }
        AvroNode::Array(item) => array(plain, "an array")?
            .iter()
            .enumerate()
            .map(|(i, plain)| value(avro, *item, plain).map_err(|e| e.at(i)))
            .collect::<Result<_>>()
            .map(Value::List),
        AvroNode::Map(values) => object(plain)?
            .iter()
            .map(|(key, plain)| {
                let found = value(avro, *values, plain).map_err(|e| e.at_key(key))?;
                Ok((Value::String(key.as_str().into()), found))
            })
            .collect::<Result<_>>()
            .map(Value::Map),
        AvroNode::Union(branches) => {
            // A string is a string before it is a number.
            let exact = match plain {
                Plain::Text(text) if text.may_be_number => Some(Plain::text(text.text.clone())),
                _ => None,
            };
            let tried = exact.iter().chain([plain]);
            let mut tried = tried.flat_map(|plain| branches.iter().map(move |branch| (plain, branch)));
            match tried.find_map(|(plain, branch)| value(avro, *branch, plain).ok()) {
                Some(found) => Ok(found),
                None => Err(no_branch(avro, branches, plain)),
            }
        }
        AvroNode::Record(name, fields) => {
            let members = object(plain)?;
            let known = |name: &str| fields.iter().any(|field| field.name.as_str() == name);
            if let Some(unknown) = members.keys().find(|name| !known(name)) {
                return Err(Mismatch::new(format!("`{name}` has no field `{unknown}`")));
            }
            let field = |field: &crate::avro::AvroField| {
                let name = field.name.as_str();
                let plain = members.field(name)?;
                Ok((
                    name.to_owned(),
                    value(avro, field.schema, plain).map_err(|e| e.in_field(name))?,
                ))
            };
            Ok(Value::Object {
                class: None,
                fields: fields.iter().map(field).collect::<Result<_>>()?,
            })
        }
    }
}

/// Why a value is of no branch of a union: that of the only branch that it may be of.
fn no_branch(avro: &AvroType, branches: &[AvroId], plain: &Plain) -> Mismatch {
    let mut others = branches
        .iter()
        .filter(|branch| !matches!(avro.node(**branch), AvroNode::Null));
    match (others.next(), others.next()) {
        (Some(only), None) => value(avro, *only, plain).err(),
        _ => None,
    }
    .unwrap_or_else(|| mismatch("a value of one of the union's branches", plain))
}
