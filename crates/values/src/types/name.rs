//! Types in short, as tables and messages show them.

use std::fmt;

use super::{
    BytesKind, Constant, EitherKind, ListKind, OptionalKind, Primitive, PrimitiveKind, StringLayout,
    TimeLayout, TupleType, Type,
};

impl Type {
    /// The type in short: `Long`, `Map<String, Long>`, `Pojo<com.acme.Total>`.
    pub fn name(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(constant) => f.write_str(constant.name()),
            Self::Primitive(primitive) => primitive.fmt(f),
            Self::String(layout) => f.write_str(match layout {
                StringLayout::Nullable | StringLayout::Utf => "String",
                StringLayout::Value => "StringValue",
                StringLayout::Utf8 => "StringData",
            }),
            Self::BigInteger => f.write_str("BigInteger"),
            Self::BigDecimal => f.write_str("BigDecimal"),
            Self::Time(layout) => f.write_str(layout.name()),
            Self::Uuid => f.write_str("Uuid"),
            Self::Variant => f.write_str("Variant"),
            Self::Bytes(BytesKind::Array) => f.write_str("byte[]"),
            Self::Bytes(BytesKind::Wrapper) => f.write_str("ByteArrayWrapper"),
            Self::Bytes(BytesKind::Bitmap) => f.write_str("Bitmap"),
            Self::List(list) => list_name(&list.kind, &list.element, f),
            Self::Map(map) => write!(f, "Map<{}, {}>", map.key, map.value),
            Self::Optional(optional) => match optional.kind {
                OptionalKind::Nullable { .. } | OptionalKind::Present => {
                    write!(f, "Nullable<{}>", optional.inner)
                }
                OptionalKind::Option => write!(f, "Option<{}>", optional.inner),
            },
            Self::Either(either) => match either.kind {
                EitherKind::Either => write!(f, "Either<{}, {}>", either.left, either.right),
                EitherKind::Try => write!(f, "Try<{}>", either.right),
                EitherKind::Union => write!(f, "Union<{}, {}>", either.left, either.right),
            },
            Self::Tuple(tuple) => tuple_name(tuple, f),
            Self::Row(row) => list_of("Row", &row.fields, f),
            Self::Record(record) => record_name(record, f),
            Self::Tagged(tagged) => f.write_str(tagged.name),
            Self::Pojo(pojo) => write!(f, "Pojo<{}>", pojo.class),
            Self::Enum(e) => write!(f, "Enum<{}>", e.class),
            Self::Avro(avro) => write!(f, "Avro<{}>", avro.name()),
            Self::Kryo(kryo) => write!(f, "Kryo<{}>", kryo.class()),
            Self::JavaObject => f.write_str("JavaObject"),
            Self::Protobuf(protobuf) => write!(f, "Protobuf<{}>", protobuf.name()),
            Self::Framed(framed) => write!(f, "{}<{}>", framed.name, framed.inner),
            Self::Ttl(inner) => write!(f, "Ttl<{inner}>"),
            Self::TimeWindow => f.write_str("TimeWindow"),
            Self::DecimalData { precision, scale } => write!(f, "DecimalData({precision}, {scale})"),
            Self::TimestampData { precision } => write!(f, "TimestampData({precision})"),
            Self::RowData(columns) => list_of("RowData", columns, f),
            Self::BinaryRow { arity } => write!(f, "BinaryRowData({arity})"),
            Self::ArrayData(element) => write!(f, "ArrayData<{element}>"),
            Self::MapData(entry) => write!(f, "MapData<{}, {}>", entry.0, entry.1),
            Self::Opaque(opaque) => write!(f, "Opaque<{}>", opaque.class),
        }
    }
}

impl Constant {
    /// The class in short.
    pub fn name(self) -> &'static str {
        match self {
            Self::VoidNamespace => "VoidNamespace",
            Self::Void => "Void",
            Self::Null => "Null",
            Self::GlobalWindow => "GlobalWindow",
            Self::Tuple0 => "Tuple0",
            Self::Unit => "Unit",
            Self::NullValue | Self::NullValueBody => "NullValue",
            Self::Nothing => "Nothing",
        }
    }
}

impl fmt::Display for Primitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        f.write_str(if self.mutable { "Value" } else { "" })
    }
}

impl TimeLayout {
    /// The class in short.
    pub fn name(self) -> &'static str {
        match self {
            Self::Date => "Date",
            Self::SqlDate => "SqlDate",
            Self::SqlTime => "SqlTime",
            Self::SqlTimestamp => "SqlTimestamp",
            Self::Instant => "Instant",
            Self::LocalDate => "LocalDate",
            Self::LocalTime => "LocalTime",
            Self::LocalDateTime => "LocalDateTime",
        }
    }
}

fn list_name(kind: &ListKind, element: &Type, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (kind, element) {
        (ListKind::List, _) => write!(f, "List<{element}>"),
        (ListKind::Set, _) => write!(f, "Set<{element}>"),
        (ListKind::Traversable, _) => write!(f, "Traversable<{element}>"),
        (ListKind::PrimitiveArray, Type::Primitive(primitive)) => {
            write!(f, "{}[]", primitive.kind.name().to_ascii_lowercase())
        }
        (ListKind::ValueArray | ListKind::SizedValueArray, _) => write!(f, "{element}Array"),
        (ListKind::PrimitiveArray | ListKind::GenericArray(_), _) => write!(f, "{element}[]"),
    }
}

fn list_of<T: fmt::Display>(name: &str, items: &[T], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{name}<")?;
    for (i, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
    }
    f.write_str(">")
}

/// Flink's own tuples by their simple name, users' classes by their full one.
fn tuple_name(tuple: &TupleType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let name = ["org.apache.flink.api.java.tuple.", "scala."]
        .iter()
        .find_map(|package| tuple.class.strip_prefix(package))
        .unwrap_or(&tuple.class);
    list_of(name, &tuple.fields, f)
}

/// Shows the types of the fields that a user chooses, not those that are always the same.
fn record_name(record: &super::RecordType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let fixed = |ty: &Type| {
        matches!(
            ty,
            Type::Primitive(Primitive {
                kind: PrimitiveKind::SortedLong,
                ..
            })
        )
    };
    match record.name {
        "Timer" | "Lockable" | "BufferEntry" => {
            let types: Vec<&Type> = record
                .fields
                .iter()
                .map(|field| &field.ty)
                .filter(|ty| !fixed(ty))
                .collect();
            match (record.name, types.as_slice()) {
                ("Lockable" | "BufferEntry", [_, inner]) => write!(f, "{}<{inner}>", record.name),
                _ => list_of(record.name, &types, f),
            }
        }
        name => f.write_str(name),
    }
}
