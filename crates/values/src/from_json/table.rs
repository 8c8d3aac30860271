//! Rows, arrays and maps of the Table runtime.

use serde_json::Value as Json;

use super::scalar::{
    decimal_of_scale, instant, local_date, local_date_time, local_time, parsed, primitive_value,
};
use super::{Result, array, bytes, mismatch};
use crate::json::row_kind;
use crate::logical::{LogicalKind, LogicalType};
use crate::mismatch::Mismatch;
use crate::types::{FieldName, PrimitiveKind, Type};
use crate::value::Value;

pub(super) fn value(ty: &Type, json: &Json) -> Result {
    match ty {
        Type::RowData(columns) => row(columns.iter().map(|ty| (None, ty)), json),
        Type::ArrayData(element) => list(element, json),
        Type::MapData(entry) => map(&entry.0, &entry.1, json),
        _ => Err(mismatch(ty, json)),
    }
}

/// The kind of a row and its fields, whichever way they are written.
pub(super) fn row_parts(json: &Json) -> Result<(u8, &Json)> {
    let kind = match json.get("@kind") {
        None => 0,
        Some(kind) => (0..4)
            .find(|number| kind == row_kind(*number))
            .ok_or_else(|| Mismatch::expected("a row kind", kind).in_field("@kind"))?,
    };
    Ok((kind, json.get("@kind").and(json.get("fields")).unwrap_or(json)))
}

/// A row by position, or by name where the names are known.
fn row<'t>(
    columns: impl ExactSizeIterator<Item = (Option<&'t FieldName>, &'t LogicalType)>,
    json: &Json,
) -> Result {
    let (kind, json) = row_parts(json)?;
    let arity = columns.len();
    let mut names = Vec::new();
    let mut fields = Vec::new();
    for (i, (name, ty)) in columns.enumerate() {
        let field = match (json, name) {
            (Json::Array(items), _) if items.len() == arity => items.get(i),
            (Json::Object(members), Some(name)) => members.get(name.as_str()),
            (Json::Array(items), _) => {
                return Err(Mismatch::expected(format!("{arity} fields"), items.len()));
            }
            _ => return Err(mismatch("an array of fields", json)),
        };
        let label = name.map_or_else(|| i.to_string(), |name| name.as_str().to_owned());
        fields.push(nullable(ty, field.unwrap_or(&Json::Null)).map_err(|e| e.in_field(&label))?);
        names.extend(name.map(|name| name.as_str().to_owned()));
    }
    if arity == 0 {
        array(json, "an empty array")?;
    }
    Ok(Value::Row {
        kind,
        names: (!names.is_empty()).then_some(names),
        fields,
    })
}

fn list(element: &LogicalType, json: &Json) -> Result {
    let items = array(json, "an array")?.iter().enumerate();
    items
        .map(|(i, json)| nullable(element, json).map_err(|e| e.at(i)))
        .collect::<Result<_>>()
        .map(Value::List)
}

fn map(key: &LogicalType, value: &LogicalType, json: &Json) -> Result {
    let entry = |found: &Json, json: &Json, at: &str| {
        let found = nullable(key, found).map_err(|e| e.in_field("key").in_field(at))?;
        Ok((found, nullable(value, json).map_err(|e| e.in_field(at))?))
    };
    let entries = match json {
        Json::Object(members) => members
            .iter()
            .map(|(key, json)| entry(&Json::String(key.clone()), json, key))
            .collect::<Result<_>>(),
        Json::Array(pairs) => pairs
            .iter()
            .enumerate()
            .map(|(i, pair)| match pair.as_array().map(Vec::as_slice) {
                Some([key, json]) => entry(key, json, &i.to_string()),
                _ => Err(mismatch("an array of key and value", pair).at(i)),
            })
            .collect(),
        other => Err(mismatch("an object, or an array of pairs", other)),
    };
    entries.map(Value::Map)
}

fn nullable(ty: &LogicalType, json: &Json) -> Result {
    match json {
        Json::Null => Ok(Value::Null),
        json => logical(ty, json),
    }
}

fn logical(ty: &LogicalType, json: &Json) -> Result {
    match &ty.kind {
        LogicalKind::Boolean => primitive_value(PrimitiveKind::Boolean, json),
        LogicalKind::TinyInt => primitive_value(PrimitiveKind::Byte, json),
        LogicalKind::SmallInt => primitive_value(PrimitiveKind::Short, json),
        LogicalKind::Integer | LogicalKind::YearMonthInterval => primitive_value(PrimitiveKind::Int, json),
        LogicalKind::BigInt | LogicalKind::DayTimeInterval => primitive_value(PrimitiveKind::Long, json),
        LogicalKind::Float => primitive_value(PrimitiveKind::Float, json),
        LogicalKind::Double => primitive_value(PrimitiveKind::Double, json),
        LogicalKind::Date => parsed(json, "a date", local_date),
        LogicalKind::Time => parsed(json, "a time of day", local_time),
        LogicalKind::Char(..) => match json.as_str() {
            Some(text) => Ok(Value::String(text.into())),
            None => Err(mismatch("a string", json)),
        },
        LogicalKind::Binary(..) | LogicalKind::Bitmap => bytes(json).map(Value::Bytes),
        LogicalKind::Decimal(_, scale) => decimal_of_scale(json, *scale),
        LogicalKind::Timestamp(_) => parsed(json, "a date and time", local_date_time),
        LogicalKind::TimestampLtz(_) => parsed(json, "a time in UTC", instant),
        LogicalKind::Array(element) => list(element, json),
        LogicalKind::Map(entry) => map(&entry.0, &entry.1, json),
        LogicalKind::Multiset(element) => map(element, &LogicalType::new(LogicalKind::Integer), json),
        LogicalKind::Row(_, fields) => row(fields.iter().map(|(name, ty)| (Some(name), ty)), json),
        LogicalKind::Raw(inner) => super::value(inner, json),
        LogicalKind::Variant | LogicalKind::Unknown(_) => Err(Mismatch::new(format!(
            "values of type {ty} cannot be made from JSON"
        ))),
    }
}
