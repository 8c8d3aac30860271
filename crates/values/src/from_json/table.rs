//! Rows, arrays and maps of the Table runtime.

use super::scalar::string;
use super::scalar::{
    decimal_of_scale, instant, local_date, local_date_time, local_time, parsed, primitive_value,
};
use super::{Result, array, bytes, entries, mismatch, not};
use crate::json::row_kind;
use crate::logical::{LogicalKind, LogicalType};
use crate::mismatch::Mismatch;
use crate::plain::Plain;
use crate::types::{FieldName, PrimitiveKind, Type};
use crate::value::Value;

pub(super) fn value(ty: &Type, plain: &Plain) -> Result {
    match ty {
        Type::RowData(columns) => row(columns.iter().map(|ty| (None, ty)), plain),
        Type::ArrayData(element) => list(element, plain),
        Type::MapData(entry) => map(&entry.0, &entry.1, plain),
        _ => Err(mismatch(ty, plain)),
    }
}

/// The kind of a row and its fields, whichever way they are written.
pub(super) fn row_parts(plain: &Plain) -> Result<(u8, &Plain)> {
    let kind = match plain.get("@kind") {
        None => 0,
        Some(kind) => (0..4)
            .find(|number| kind.as_str() == Some(row_kind(*number)))
            .ok_or_else(|| not("a row kind", kind).in_field("@kind"))?,
    };
    Ok((kind, plain.get("@kind").and(plain.get("fields")).unwrap_or(plain)))
}

/// A row by position, or by name where the names are known.
fn row<'t>(
    columns: impl ExactSizeIterator<Item = (Option<&'t FieldName>, &'t LogicalType)>,
    plain: &Plain,
) -> Result {
    let (kind, plain) = row_parts(plain)?;
    let arity = columns.len();
    let mut names = Vec::new();
    let mut fields = Vec::new();
    for (i, (name, ty)) in columns.enumerate() {
        let field = match (plain, name) {
            (Plain::Array(items), _) if items.len() == arity => items.get(i),
            (Plain::Object(members), Some(name)) => Some(members.field(name.as_str())?),
            (Plain::Array(items), _) => {
                return Err(Mismatch::expected(format!("{arity} fields"), items.len()));
            }
            _ => return Err(mismatch("an array of fields", plain)),
        };
        let label = name.map_or_else(|| i.to_string(), |name| name.as_str().to_owned());
        fields.push(nullable(ty, field.unwrap_or(&Plain::Null)).map_err(|e| e.in_field(&label))?);
        names.extend(name.map(|name| name.as_str().to_owned()));
    }
    if arity == 0 {
        array(plain, "an empty array")?;
    }
    let known = |name: &String| name == "@kind" || names.contains(name);
    if let Some(unknown) = plain
        .as_object()
        .and_then(|members| members.keys().find(|name| !known(name)))
    {
        return Err(Mismatch::new(format!("there is no field `{unknown}`")));
    }
    Ok(Value::Row {
        kind,
        names: (!names.is_empty()).then_some(names),
        fields,
    })
}

fn list(element: &LogicalType, plain: &Plain) -> Result {
    let items = array(plain, "an array")?.iter().enumerate();
    items
        .map(|(i, plain)| nullable(element, plain).map_err(|e| e.at(i)))
        .collect::<Result<_>>()
        .map(Value::List)
}

fn map(key: &LogicalType, value: &LogicalType, plain: &Plain) -> Result {
    let found = |plain: &Plain| nullable(key, plain);
    entries(plain, found, |plain| nullable(value, plain)).map(Value::Map)
}

fn nullable(ty: &LogicalType, plain: &Plain) -> Result {
    match plain {
        Plain::Null => Ok(Value::Null),
        plain => logical(ty, plain),
    }
}

fn logical(ty: &LogicalType, plain: &Plain) -> Result {
    match &ty.kind {
        LogicalKind::Boolean => primitive_value(PrimitiveKind::Boolean, plain),
        LogicalKind::TinyInt => primitive_value(PrimitiveKind::Byte, plain),
        LogicalKind::SmallInt => primitive_value(PrimitiveKind::Short, plain),
        LogicalKind::Integer | LogicalKind::YearMonthInterval => primitive_value(PrimitiveKind::Int, plain),
        LogicalKind::BigInt | LogicalKind::DayTimeInterval => primitive_value(PrimitiveKind::Long, plain),
        LogicalKind::Float => primitive_value(PrimitiveKind::Float, plain),
        LogicalKind::Double => primitive_value(PrimitiveKind::Double, plain),
        LogicalKind::Date => parsed(plain, "a date", local_date),
        LogicalKind::Time => parsed(plain, "a time of day", local_time),
        LogicalKind::Char(..) => string(plain),
        LogicalKind::Binary(..) | LogicalKind::Bitmap => bytes(plain).map(Value::Bytes),
        LogicalKind::Decimal(_, scale) => decimal_of_scale(plain, *scale),
        LogicalKind::Timestamp(_) => parsed(plain, "a date and time", local_date_time),
        LogicalKind::TimestampLtz(_) => parsed(plain, "a time in UTC", instant),
        LogicalKind::Array(element) => list(element, plain),
        LogicalKind::Map(entry) => map(&entry.0, &entry.1, plain),
        LogicalKind::Multiset(element) => map(element, &LogicalType::new(LogicalKind::Integer), plain),
        LogicalKind::Row(_, fields) => row(fields.iter().map(|(name, ty)| (Some(name), ty)), plain),
        LogicalKind::Raw(inner) => super::value(inner, plain),
        LogicalKind::Variant | LogicalKind::Unknown(_) => Err(Mismatch::new(format!(
            "values of type {ty} cannot be written anew"
        ))),
    }
}
