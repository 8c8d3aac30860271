//! The lengths that Flink's serializers declare, and the least that values take.

use super::{Constant, OptionalKind, TimeLayout, Type};

impl Constant {
    /// What is written.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Self::NullValue | Self::Nothing => &[],
            Self::Tuple0 => &[42],
            _ => &[0],
        }
    }
}

impl TimeLayout {
    /// Number of bytes.
    pub fn width(self) -> usize {
        match self {
            Self::Date | Self::SqlDate | Self::SqlTime => 8,
            Self::SqlTimestamp | Self::Instant => 12,
            Self::LocalDate => 6,
            Self::LocalTime => 7,
            Self::LocalDateTime => 13,
        }
    }
}

impl Type {
    /// The fixed length that the serializer declares (`TypeSerializer.getLength`), `None` for -1.
    ///
    /// It is not always what is written, but it decides whether RocksDB keys carry length
    /// suffixes.
    pub fn declared_length(&self) -> Option<usize> {
        match self {
            Self::Constant(Constant::VoidNamespace | Constant::NullValue) => Some(0),
            Self::Constant(Constant::Nothing | Constant::NullValueBody) => None,
            Self::Constant(_) => Some(1),
            Self::Primitive(primitive) => Some(primitive.width()),
            Self::Time(layout) => Some(layout.width()),
            Self::Uuid | Self::TimeWindow => Some(16),
            Self::Enum(_) => Some(4),
            Self::TimestampData { precision } => Some(if *precision <= 3 { 8 } else { 12 }),
            Self::Tuple(tuple) => tuple
                .fields
                .iter()
                .map(|ty| ty.declared_length().filter(|len| *len > 0))
                .sum::<Option<usize>>()
                .filter(|_| !tuple.fields.is_empty()),
            Self::Record(record) => record.length,
            Self::Ttl(inner) => Some(8 + inner.declared_length()?),
            Self::Optional(optional) => match optional.kind {
                OptionalKind::Nullable { padding } if padding > 0 => Some(1 + padding),
                _ => None,
            },
            _ => None,
        }
    }

    /// The least number of bytes that a value takes; 0 if a value may take none at all.
    pub(crate) fn smallest(&self) -> usize {
        match self {
            Self::Constant(constant) => constant.bytes().len(),
            Self::Primitive(primitive) => primitive.width(),
            Self::Time(layout) => layout.width(),
            Self::String(_)
            | Self::Optional(_)
            | Self::Either(_)
            | Self::Tagged(_)
            | Self::Pojo(_)
            | Self::Kryo(_) => 1,
            Self::Uuid | Self::TimeWindow => 16,
            Self::BigInteger
            | Self::BigDecimal
            | Self::Bytes(_)
            | Self::List(_)
            | Self::Map(_)
            | Self::Enum(_) => 4,
            Self::Protobuf(_) | Self::Framed(_) | Self::ArrayData(_) | Self::MapData(_) => 4,
            Self::RowData(_) | Self::BinaryRow { .. } => 4,
            Self::JavaObject => 5,
            Self::Variant | Self::TimestampData { .. } => 8,
            Self::DecimalData { .. } => 4,
            Self::Row(row) => (row.fields.len() + if row.with_kind { 2 } else { 0 }).div_ceil(8),
            Self::Tuple(tuple) => tuple
                .fields
                .iter()
                .map(Self::smallest)
                .fold(0, usize::saturating_add),
            Self::Record(record) => record
                .fields
                .iter()
                .map(|f| f.ty.smallest())
                .fold(0, usize::saturating_add),
            Self::Ttl(inner) => 8 + inner.smallest(),
            Self::Avro(avro) => avro.smallest(),
            Self::Opaque(opaque) => opaque.length.unwrap_or(0),
        }
    }
}
