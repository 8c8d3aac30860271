//! Values back to bytes, in the one form that Flink's serializers write.
//!
//! What [`Value::decode`] read is written with the same bytes, except where Flink itself has
//! several forms for equal values: `BigInteger`s 0, 1 and 10 take the short form that Flink
//! uses for the constants (objects made otherwise have a longer one), Avro collections are
//! written as one block, and nulls in binary rows take no room. Keys that must stay the same
//! are better copied than decoded.

mod avro;
mod cut;
mod scalar;
mod table;

use statetool_format::Put;

use crate::logical::LogicalType;
use crate::mask::put_mask;
use crate::mismatch::Mismatch;
use crate::types::{
    EitherKind, EitherType, Field, ListKind, ListType, MapType, Nulls, OptionalKind, OptionalType, PojoType,
    RowType, TaggedType, Type,
};
use crate::value::Value;
use crate::walk::pojo_flags;

type Result<T = (), E = Mismatch> = std::result::Result<T, E>;

/// Appends the bytes of a value of type `ty`; appends nothing if it fails.
///
/// # Errors
/// Values that do not fit the type, and types that have no one form: Kryo, Java
/// serialization, Protobuf and variants. Their opaque values are copied.
pub fn encode(ty: &Type, value: &Value, out: &mut Vec<u8>) -> Result {
    let start = out.len();
    let result = cut::refuse(ty, value).and_then(|()| put(ty, value, out));
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn put(ty: &Type, value: &Value, out: &mut Vec<u8>) -> Result {
    match ty {
        Type::List(list) => put_list(list, value, out),
        Type::Map(map) => put_map(map, value, out),
        Type::Optional(optional) => put_optional(optional, value, out),
        Type::Either(either) => put_either(either, value, out),
        Type::Tuple(tuple) => put_all(&tuple.fields, items(value, "a tuple")?, out),
        Type::Row(row) => put_row(row, value, out),
        Type::Record(record) => put_fields(&record.fields, value, out, put),
        Type::Tagged(tagged) => put_tagged(tagged, value, out),
        Type::Pojo(pojo) => put_pojo(pojo, value, out),
        Type::Framed(framed) => {
            let mut bytes = Vec::new();
            put(&framed.inner, value, &mut bytes)?;
            out.put_bytes(&bytes);
            Ok(())
        }
        Type::Ttl(inner) => match value {
            Value::Ttl(last_access, value) => {
                out.put_i64(*last_access);
                put(inner, value, out)
            }
            other => Err(mismatch("a value with the time stamp of its last access", other)),
        },
        Type::Avro(avro) => avro::put(avro, avro.root(), value, out),
        Type::RowData(_) | Type::ArrayData(_) | Type::MapData(_) | Type::BinaryRow { .. } => {
            table::put(ty, value, out)
        }
        Type::Kryo(_) | Type::JavaObject | Type::Protobuf(_) | Type::Variant | Type::Opaque(_) => {
            put_opaque(ty, value, out)
        }
        _ => scalar::put(ty, value, out),
    }
}

/// Copies what nobody could interpret.
fn put_opaque(ty: &Type, value: &Value, out: &mut Vec<u8>) -> Result {
    match (ty, value) {
        (Type::Protobuf(_), Value::Opaque { bytes, .. }) => out.put_bytes(bytes),
        (_, Value::Opaque { bytes, .. }) => out.put(bytes),
        _ => return Err(Mismatch::new(format!("values of type {ty} cannot be written"))),
    }
    Ok(())
}

fn put_all(types: &[Type], values: &[Value], out: &mut Vec<u8>) -> Result {
    check_arity(types.len(), values.len())?;
    for (i, (ty, value)) in types.iter().zip(values).enumerate() {
        put(ty, value, out).map_err(|e| e.at(i))?;
    }
    Ok(())
}

/// Fields by name, in the order of the type; absent ones are null.
fn put_fields(
    fields: &[Field],
    value: &Value,
    out: &mut Vec<u8>,
    put: impl Fn(&Type, &Value, &mut Vec<u8>) -> Result,
) -> Result {
    let Value::Object { fields: values, .. } = value else {
        return Err(mismatch("an object", value));
    };
    if let Some((name, _)) = values
        .iter()
        .find(|(name, _)| fields.iter().all(|field| field.name.as_str() != name))
    {
        return Err(Mismatch::new(format!("there is no field `{name}`")));
    }
    for (i, field) in fields.iter().enumerate() {
        let value = field_value(values, i, field);
        put(&field.ty, value, out).map_err(|e| e.in_field(field.name.as_str()))?;
    }
    Ok(())
}

/// The value of the field at a position of a type; null where there is none.
fn field_value<'v>(values: &'v [(String, Value)], position: usize, field: &Field) -> &'v Value {
    let name = field.name.as_str();
    // Decoded values have their fields in the order of the type.
    let by_position = values.get(position).filter(|(found, _)| found == name);
    let found = by_position.or_else(|| values.iter().find(|(found, _)| found == name));
    found.map_or(&Value::Null, |(_, value)| value)
}

fn put_list(list: &ListType, value: &Value, out: &mut Vec<u8>) -> Result {
    let Value::List(items) = value else {
        return Err(mismatch("a list", value));
    };
    out.put_count(items.len());
    if list.kind == ListKind::SizedValueArray {
        let mut bytes = Vec::new();
        put_items(list, items, &mut bytes)?;
        out.put_bytes(&bytes);
        return Ok(());
    }
    if list.nulls == Nulls::Mask {
        put_mask(out, items.iter().map(|item| is_null(&list.element, item)));
    }
    put_items(list, items, out)
}

fn put_items(list: &ListType, items: &[Value], out: &mut Vec<u8>) -> Result {
    for (i, item) in items.iter().enumerate() {
        let null = is_null(&list.element, item);
        match list.nulls {
            Nulls::Never => {}
            Nulls::IsNull => out.put_bool(null),
            Nulls::IsPresent => out.put_bool(!null),
            Nulls::Mask if null => continue,
            Nulls::Mask => {}
        }
        if !null || list.nulls == Nulls::Never {
            put(&list.element, item, out).map_err(|e| e.at(i))?;
        }
    }
    Ok(())
}

fn put_map(map: &MapType, value: &Value, out: &mut Vec<u8>) -> Result {
    let Value::Map(entries) = value else {
        return Err(mismatch("a map", value));
    };
    out.put_count(entries.len());
    for (i, (key, value)) in entries.iter().enumerate() {
        put_nullable(map.null_keys, &map.key, key, out).map_err(|e| e.in_field("key").at(i))?;
        put_nullable(map.null_values, &map.value, value, out).map_err(|e| e.in_field("value").at(i))?;
    }
    Ok(())
}

/// A flag that says whether the value is null, where there is one.
fn put_nullable(flag: bool, ty: &Type, value: &Value, out: &mut Vec<u8>) -> Result {
    if flag {
        out.put_bool(is_null(ty, value));
        if is_null(ty, value) {
            return Ok(());
        }
    }
    put(ty, value, out)
}

/// Whether a value is null for what is around it: an option without a value is no null option.
fn is_null(ty: &Type, value: &Value) -> bool {
    let is_option = matches!(ty, Type::Optional(optional) if optional.kind == OptionalKind::Option);
    *value == Value::Null && !is_option
}

fn put_optional(optional: &OptionalType, value: &Value, out: &mut Vec<u8>) -> Result {
    let null = *value == Value::Null;
    match optional.kind {
        OptionalKind::Nullable { padding } => {
            out.put_bool(null);
            if null {
                out.resize(out.len().saturating_add(padding), 0);
            }
        }
        OptionalKind::Option | OptionalKind::Present => out.put_bool(!null),
    }
    match null {
        true => Ok(()),
        false => put(&optional.inner, value, out),
    }
}

fn put_either(either: &EitherType, value: &Value, out: &mut Vec<u8>) -> Result {
    let Value::Either(right, value) = value else {
        return Err(mismatch("left or right", value));
    };
    out.put_u8(match either.kind {
        EitherKind::Either => u8::from(!right),
        EitherKind::Try => u8::from(*right),
        EitherKind::Union => 1 + u8::from(*right),
    });
    match right {
        false => put(&either.left, value, out).map_err(|e| e.in_field("left")),
        true => put(&either.right, value, out).map_err(|e| e.in_field("right")),
    }
}

fn put_row(row: &RowType, value: &Value, out: &mut Vec<u8>) -> Result {
    let Value::Row { kind, fields, .. } = value else {
        return Err(mismatch("a row", value));
    };
    check_arity(row.fields.len(), fields.len())?;
    let kind_bits = [kind & 1 != 0, kind & 2 != 0];
    let kind_bits = kind_bits.into_iter().take(if row.with_kind { 2 } else { 0 });
    put_mask(
        out,
        kind_bits.chain(
            row.fields
                .iter()
                .zip(fields)
                .map(|(ty, field)| is_null(ty, field)),
        ),
    );
    for (i, (ty, field)) in row.fields.iter().zip(fields).enumerate() {
        if !is_null(ty, field) {
            put(ty, field, out).map_err(|e| e.at(i))?;
        }
    }
    Ok(())
}

fn put_tagged(tagged: &TaggedType, value: &Value, out: &mut Vec<u8>) -> Result {
    let Value::Object { fields, .. } = value else {
        return Err(mismatch("an object", value));
    };
    let [(name, value)] = fields.as_slice() else {
        return Err(Mismatch::expected(
            "one field",
            format!("{} fields", fields.len()),
        ));
    };
    let fits =
        |case: &&(u8, _, Type)| matches!(&case.2, Type::Record(record) if has_fields(&record.fields, value));
    let mut cases = tagged
        .cases
        .iter()
        .filter(|case| case.1.as_str() == name)
        .peekable();
    let first = cases.peek().copied();
    let (tag, name, ty) = cases
        .find(fits)
        .or(first)
        .ok_or_else(|| Mismatch::new(format!("there is no field `{name}`")))?;
    out.put_u8(*tag);
    put(ty, value, out).map_err(|e| e.in_field(name.as_str()))
}

/// Whether an object has exactly these fields: records with and without a time stamp share
/// their name.
fn has_fields(fields: &[Field], value: &Value) -> bool {
    let Value::Object { fields: values, .. } = value else {
        return false;
    };
    values.len() == fields.len()
        && fields
            .iter()
            .all(|f| values.iter().any(|(name, _)| f.name.as_str() == name))
}

fn put_pojo(pojo: &PojoType, value: &Value, out: &mut Vec<u8>) -> Result {
    let class = match value {
        Value::Null => {
            out.put_u8(pojo_flags::NULL);
            return Ok(());
        }
        Value::Object {
            class: Some(class), ..
        } if *class != pojo.class => class,
        _ => {
            out.put_u8(pojo_flags::NO_SUBCLASS);
            return put_fields(&pojo.fields, value, out, |ty, value, out| {
                put_nullable(true, ty, value, out)
            });
        }
    };
    if let Some(tag) = pojo.registered.iter().position(|(name, _)| name == class) {
        out.put_u8(pojo_flags::TAGGED_SUBCLASS);
        out.put_u8(
            u8::try_from(tag).map_err(|_| Mismatch::new(format!("the tag of `{class}` is beyond 255")))?,
        );
    } else {
        out.put_u8(pojo_flags::SUBCLASS);
        scalar::put_utf(class.encode_utf16(), out)?;
    }
    let mut subclasses = pojo.registered.iter().chain(&pojo.non_registered);
    match subclasses.find(|(name, _)| name == class) {
        Some((_, ty)) => put(ty, value, out),
        None => Err(Mismatch::new(format!(
            "`{class}` is no subclass in the snapshot of `{}`",
            pojo.class
        ))),
    }
}

fn items<'v>(value: &'v Value, expected: &str) -> Result<&'v [Value]> {
    match value {
        Value::Tuple(items) | Value::List(items) => Ok(items),
        other => Err(mismatch(expected, other)),
    }
}

fn check_arity(expected: usize, got: usize) -> Result {
    match expected == got {
        true => Ok(()),
        false => Err(Mismatch::expected(format!("{expected} fields"), got)),
    }
}

fn mismatch(expected: impl std::fmt::Display, got: &Value) -> Mismatch {
    Mismatch::expected(expected, got.kind())
}

/// The bytes of a binary row of these columns, without its size.
pub(crate) fn binary_row(columns: &[LogicalType], value: &Value) -> Result<Vec<u8>> {
    table::row(columns.iter(), value)
}
