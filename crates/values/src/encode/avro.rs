//! Avro values as Flink's encoder writes them.

use statetool_format::Put;

use super::{Result, mismatch};
use crate::avro::{AvroId, AvroNode, AvroType};
use crate::mismatch::Mismatch;
use crate::value::Value;

pub(super) fn put(avro: &AvroType, id: AvroId, value: &Value, out: &mut Vec<u8>) -> Result {
    match (avro.node(id), value) {
        (AvroNode::Null, Value::Null) => {}
        (AvroNode::Boolean, Value::Boolean(v)) => out.put_bool(*v),
        (AvroNode::Int, Value::Int(v)) => out.put_i32(*v),
        (AvroNode::Long, Value::Long(v)) => out.put_i64(*v),
        (AvroNode::Float, Value::Float(v)) => out.put(&v.to_be_bytes()),
        (AvroNode::Double, Value::Double(v)) => out.put(&v.to_be_bytes()),
        (AvroNode::Bytes, Value::Bytes(bytes)) => out.put_bytes(bytes),
        (AvroNode::String, Value::String(text)) => out.put_bytes(text.as_wtf8()),
        (AvroNode::Fixed(_, size), Value::Bytes(bytes)) if bytes.len() == *size => out.put(bytes),
        (AvroNode::Enum(_, symbols), Value::Enum { name, .. }) => {
            let index = symbols.iter().position(|symbol| symbol == name);
            out.put_count(index.ok_or_else(|| Mismatch::new(format!("the enum has no symbol `{name}`")))?);
        }
        (AvroNode::Array(item), Value::List(items)) => {
            put_count(items.len(), out)?;
            for (i, value) in items.iter().enumerate() {
                put(avro, *item, value, out).map_err(|e| e.at(i))?;
            }
            out.put_varuint(0);
        }
        (AvroNode::Map(values), Value::Map(entries)) => {
            put_count(entries.len(), out)?;
            for (i, (key, value)) in entries.iter().enumerate() {
                match key {
                    Value::String(key) => out.put_bytes(key.as_wtf8()),
                    other => return Err(mismatch("a string", other).in_field("key").at(i)),
                }
                put(avro, *values, value, out).map_err(|e| e.in_field("value").at(i))?;
            }
            out.put_varuint(0);
        }
        (AvroNode::Union(branches), _) => {
            let branch = branches.iter().position(|branch| fits(avro, *branch, value));
            let branch = branch.ok_or_else(|| mismatch("a value of one of the union's branches", value))?;
            out.put_count(branch);
            if let Some(id) = branches.get(branch) {
                put(avro, *id, value, out)?;
            }
        }
        (AvroNode::Record(name, fields), Value::Object { fields: values, .. }) => {
            if fields.len() != values.len() {
                return Err(Mismatch::expected(
                    format!("the {} fields of `{name}`", fields.len()),
                    values.len(),
                ));
            }
            for (field, (found, value)) in fields.iter().zip(values) {
                let name = field.name.as_str();
                if name != found {
                    return Err(Mismatch::expected(
                        format!("field `{name}`"),
                        format!("`{found}`"),
                    ));
                }
                put(avro, field.schema, value, out).map_err(|e| e.in_field(name))?;
            }
        }
        (node, value) => return Err(mismatch(node.name(), value)),
    }
    Ok(())
}

/// The start of the only block; an empty collection is only its end.
fn put_count(count: usize, out: &mut Vec<u8>) -> Result {
    let count = u32::try_from(count).map_err(|_| Mismatch::new("there are too many items"))?;
    if count > 0 {
        out.put_varuint(count);
    }
    Ok(())
}

/// Whether a value is of a branch of a union, by its kind, and for records by their fields.
fn fits(avro: &AvroType, id: AvroId, value: &Value) -> bool {
    match (avro.node(id), value) {
        (AvroNode::Null, Value::Null)
        | (AvroNode::Boolean, Value::Boolean(_))
        | (AvroNode::Int, Value::Int(_))
        | (AvroNode::Long, Value::Long(_))
        | (AvroNode::Float, Value::Float(_))
        | (AvroNode::Double, Value::Double(_))
        | (AvroNode::Bytes, Value::Bytes(_))
        | (AvroNode::String, Value::String(_))
        | (AvroNode::Map(_), Value::Map(_)) => true,
        (AvroNode::Array(item), Value::List(items)) => {
            items.first().is_none_or(|first| fits(avro, *item, first))
        }
        (AvroNode::Fixed(_, size), Value::Bytes(bytes)) => bytes.len() == *size,
        (AvroNode::Enum(_, symbols), Value::Enum { index, name }) => {
            usize::try_from(*index).ok().and_then(|i| symbols.get(i)) == Some(name)
        }
        (AvroNode::Record(_, fields), Value::Object { fields: values, .. }) => {
            let names = values.iter().map(|(name, _)| name.as_str());
            fields.iter().map(|field| field.name.as_str()).eq(names)
        }
        _ => false,
    }
}
