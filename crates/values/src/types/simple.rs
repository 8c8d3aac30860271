//! Serializers without parameters, by name.

use super::{
    BytesKind, Constant, ListKind, ListType, Nulls, OptionalKind, Primitive, PrimitiveKind, StringLayout,
    TimeLayout, Type, record,
};

/// The type of a serializer whose snapshot has no content; `None` if nobody knows it.
///
/// `name` is that of [`short_name`](super::class::short_name).
pub(super) fn simple(name: &str) -> Option<Type> {
    constant(name)
        .or_else(|| scalar(name))
        .or_else(|| array(name))
        .or_else(|| record::simple(name))
}

fn constant(name: &str) -> Option<Type> {
    Some(Type::Constant(match name {
        "VoidNamespace" => Constant::VoidNamespace,
        "Void" => Constant::Void,
        "Null" => Constant::Null,
        "GlobalWindow" => Constant::GlobalWindow,
        "Tuple0" => Constant::Tuple0,
        "Unit" => Constant::Unit,
        "NullValue" => Constant::NullValue,
        "Nothing" => Constant::Nothing,
        _ => return None,
    }))
}

fn scalar(name: &str) -> Option<Type> {
    if let Some(primitive) = primitive(name) {
        return Some(Type::Primitive(primitive));
    }
    Some(match name {
        "String" => Type::String(StringLayout::Nullable),
        "StringValue" => Type::String(StringLayout::Value),
        "StringData" | "BinaryString" => Type::String(StringLayout::Utf8),
        "BigInt" => Type::BigInteger,
        "BigDec" => Type::BigDecimal,
        "Date" => Type::Time(TimeLayout::Date),
        "SqlDate" => Type::Time(TimeLayout::SqlDate),
        "SqlTime" => Type::Time(TimeLayout::SqlTime),
        "SqlTimestamp" => Type::Time(TimeLayout::SqlTimestamp),
        "Instant" => Type::Time(TimeLayout::Instant),
        "LocalDate" => Type::Time(TimeLayout::LocalDate),
        "LocalTime" => Type::Time(TimeLayout::LocalTime),
        "LocalDateTime" => Type::Time(TimeLayout::LocalDateTime),
        "Uuid" | "UUID" => Type::Uuid,
        "Variant" => Type::Variant,
        "Bitmap" => Type::Bytes(BytesKind::Bitmap),
        "ByteArrayWrapper" => Type::Bytes(BytesKind::Wrapper),
        "TimeWindow" => Type::TimeWindow,
        "Java" => Type::JavaObject,
        _ => return None,
    })
}

/// A primitive by the name of its serializer: `Long`, `LongValue`.
pub(super) fn primitive(name: &str) -> Option<Primitive> {
    let (kind, mutable) = match name.strip_suffix("Value") {
        Some(kind) => (kind, true),
        None => (name, false),
    };
    Some(Primitive {
        kind: primitive_kind(kind)?,
        mutable,
    })
}

fn primitive_kind(name: &str) -> Option<PrimitiveKind> {
    Some(match name {
        "Boolean" => PrimitiveKind::Boolean,
        "Byte" => PrimitiveKind::Byte,
        "Short" => PrimitiveKind::Short,
        "Char" => PrimitiveKind::Char,
        "Int" => PrimitiveKind::Int,
        "Long" => PrimitiveKind::Long,
        "Float" => PrimitiveKind::Float,
        "Double" => PrimitiveKind::Double,
        _ => return None,
    })
}

/// Primitive arrays, `String[]`, and the arrays of Gelly.
fn array(name: &str) -> Option<Type> {
    let list = |kind, element| {
        Type::List(Box::new(ListType {
            kind,
            element,
            nulls: Nulls::Never,
        }))
    };
    if let Some(kind) = name.strip_suffix("PrimitiveArray").and_then(primitive_kind) {
        return Some(match kind {
            PrimitiveKind::Byte => Type::Bytes(BytesKind::Array),
            kind => list(ListKind::PrimitiveArray, kind.into()),
        });
    }
    Some(match name {
        "StringArray" => list(ListKind::PrimitiveArray, Type::String(StringLayout::Nullable)),
        "StringValueArray" => list(ListKind::SizedValueArray, Type::String(StringLayout::Value)),
        "NullValueArray" => list(ListKind::ValueArray, Type::Constant(Constant::NullValue)),
        _ => list(
            ListKind::ValueArray,
            Type::Primitive(primitive(name.strip_suffix("Array")?).filter(|p| p.mutable)?),
        ),
    })
}

/// The body that one of Flink's value classes writes by itself, inside a `ValueSerializer`.
pub(super) fn value_class(class: &str) -> Option<Type> {
    match class.strip_prefix("org.apache.flink.types.")? {
        "StringValue" => Some(Type::String(StringLayout::Value)),
        "NullValue" => Some(Type::Constant(Constant::NullValueBody)),
        name => primitive(name).filter(|p| p.mutable).map(Type::Primitive),
    }
}

/// A value behind a flag of which 1 means that it is there.
pub(super) fn present(inner: Type) -> Type {
    Type::Optional(Box::new(super::OptionalType {
        kind: OptionalKind::Present,
        inner,
    }))
}

/// A plain list.
pub(super) fn list(element: Type) -> Type {
    Type::List(Box::new(ListType {
        kind: ListKind::List,
        element,
        nulls: Nulls::Never,
    }))
}
