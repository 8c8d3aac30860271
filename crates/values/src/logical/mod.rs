//! Logical types of SQL: what the columns of binary rows hold.

mod java;
mod name;

use crate::types::{FieldName, Type};

/// A `LogicalType` of the Table API.
#[derive(Debug, Clone, PartialEq)]
pub struct LogicalType {
    /// Whether the column may be null by its declaration; the bytes can say so either way.
    pub nullable: bool,
    /// What the values are.
    pub kind: LogicalKind,
}

/// What the values of a [`LogicalType`] are.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum LogicalKind {
    /// BOOLEAN
    Boolean,
    /// TINYINT
    TinyInt,
    /// SMALLINT
    SmallInt,
    /// INTEGER
    Integer,
    /// BIGINT
    BigInt,
    /// FLOAT
    Float,
    /// DOUBLE
    Double,
    /// DATE: days since 1970-01-01.
    Date,
    /// TIME: milliseconds of the day.
    Time,
    /// INTERVAL YEAR TO MONTH: months.
    YearMonthInterval,
    /// INTERVAL DAY TO SECOND: milliseconds.
    DayTimeInterval,
    /// CHAR (`true`) or VARCHAR of at most so many characters.
    Char(bool, i32),
    /// BINARY (`true`) or VARBINARY of at most so many bytes.
    Binary(bool, i32),
    /// DECIMAL of a precision and scale.
    Decimal(i32, i32),
    /// TIMESTAMP with so many digits of a second.
    Timestamp(i32),
    /// TIMESTAMP_LTZ with so many digits of a second.
    TimestampLtz(i32),
    /// ARRAY
    Array(Box<LogicalType>),
    /// MAP
    Map(Box<(LogicalType, LogicalType)>),
    /// MULTISET
    Multiset(Box<LogicalType>),
    /// ROW, or a structured type with its class.
    Row(Option<String>, Vec<(FieldName, LogicalType)>),
    /// RAW: what the serializer of its class wrote.
    Raw(Box<Type>),
    /// VARIANT (2.1 and later)
    Variant,
    /// BITMAP (2.3 and later)
    Bitmap,
    /// A type that nobody knows, by its class.
    Unknown(String),
}

impl LogicalType {
    /// A nullable type.
    pub fn new(kind: LogicalKind) -> Self {
        Self { nullable: true, kind }
    }

    /// Number of bytes of an element in a binary array.
    pub(crate) fn element_width(&self) -> usize {
        match self.kind {
            LogicalKind::Boolean | LogicalKind::TinyInt => 1,
            LogicalKind::SmallInt => 2,
            LogicalKind::Integer
            | LogicalKind::Date
            | LogicalKind::Time
            | LogicalKind::YearMonthInterval
            | LogicalKind::Float => 4,
            _ => 8,
        }
    }

    /// Adds what only the column's serializer knows: how raw values are written.
    pub(crate) fn with_serializer(mut self, serializer: Option<Type>) -> Self {
        match (&mut self.kind, serializer) {
            (LogicalKind::Raw(inner), Some(Type::Framed(framed))) => **inner = framed.inner,
            (LogicalKind::Row(_, fields), Some(Type::RowData(columns))) if fields.len() == columns.len() => {
                for ((_, field), column) in fields.iter_mut().zip(columns) {
                    *field = column;
                }
            }
            (LogicalKind::Unknown(_), Some(serializer)) => {
                if let Some(kind) = LogicalKind::of_serializer(serializer) {
                    self.kind = kind;
                }
            }
            _ => {}
        }
        self
    }

    /// Calls `f` with the types of all raw parts.
    pub(crate) fn visit_raw<'t>(&'t self, f: &mut impl FnMut(&'t Type)) {
        match &self.kind {
            LogicalKind::Raw(inner) => inner.visit(f),
            LogicalKind::Array(element) | LogicalKind::Multiset(element) => element.visit_raw(f),
            LogicalKind::Map(entry) => {
                entry.0.visit_raw(f);
                entry.1.visit_raw(f);
            }
            LogicalKind::Row(_, fields) => fields.iter().for_each(|(_, ty)| ty.visit_raw(f)),
            _ => {}
        }
    }
}

impl LogicalKind {
    /// The physical family that a column's serializer gives away; it does not tell dates and
    /// times from numbers.
    fn of_serializer(serializer: Type) -> Option<Self> {
        use crate::types::{BytesKind, PrimitiveKind, StringLayout};
        Some(match serializer {
            Type::Primitive(primitive) => match primitive.kind {
                PrimitiveKind::Boolean => Self::Boolean,
                PrimitiveKind::Byte => Self::TinyInt,
                PrimitiveKind::Short => Self::SmallInt,
                PrimitiveKind::Int => Self::Integer,
                PrimitiveKind::Long => Self::BigInt,
                PrimitiveKind::Float => Self::Float,
                PrimitiveKind::Double => Self::Double,
                PrimitiveKind::Char | PrimitiveKind::SortedLong => return None,
            },
            Type::String(StringLayout::Utf8) => Self::Char(false, i32::MAX),
            Type::Bytes(BytesKind::Array) => Self::Binary(false, i32::MAX),
            Type::Bytes(BytesKind::Bitmap) => Self::Bitmap,
            Type::Variant => Self::Variant,
            Type::DecimalData { precision, scale } => Self::Decimal(precision, scale),
            Type::TimestampData { precision } => Self::Timestamp(precision),
            Type::ArrayData(element) => Self::Array(element),
            Type::MapData(entry) => Self::Map(entry),
            Type::Framed(framed) => Self::Raw(Box::new(framed.inner)),
            _ => return None,
        })
    }
}
