//! Logical types in SQL's words.

use std::fmt;

use super::{LogicalKind, LogicalType};

impl fmt::Display for LogicalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        f.write_str(if self.nullable { "" } else { " NOT NULL" })
    }
}

impl fmt::Display for LogicalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::TinyInt => f.write_str("TINYINT"),
            Self::SmallInt => f.write_str("SMALLINT"),
            Self::Integer => f.write_str("INT"),
            Self::BigInt => f.write_str("BIGINT"),
            Self::Float => f.write_str("FLOAT"),
            Self::Double => f.write_str("DOUBLE"),
            Self::Date => f.write_str("DATE"),
            Self::Time => f.write_str("TIME"),
            Self::YearMonthInterval => f.write_str("INTERVAL YEAR TO MONTH"),
            Self::DayTimeInterval => f.write_str("INTERVAL DAY TO SECOND"),
            Self::Char(false, i32::MAX) => f.write_str("STRING"),
            Self::Char(fixed, len) => write!(f, "{}({len})", if *fixed { "CHAR" } else { "VARCHAR" }),
            Self::Binary(false, i32::MAX) => f.write_str("BYTES"),
            Self::Binary(fixed, len) => write!(f, "{}({len})", if *fixed { "BINARY" } else { "VARBINARY" }),
            Self::Decimal(precision, scale) => write!(f, "DECIMAL({precision}, {scale})"),
            Self::Timestamp(precision) => write!(f, "TIMESTAMP({precision})"),
            Self::TimestampLtz(precision) => write!(f, "TIMESTAMP_LTZ({precision})"),
            Self::Array(element) => write!(f, "ARRAY<{element}>"),
            Self::Map(entry) => write!(f, "MAP<{}, {}>", entry.0, entry.1),
            Self::Multiset(element) => write!(f, "MULTISET<{element}>"),
            Self::Row(class, fields) => {
                write!(f, "{}<", class.as_deref().unwrap_or("ROW"))?;
                for (i, (name, ty)) in fields.iter().enumerate() {
                    write!(f, "{}`{}` {ty}", if i == 0 { "" } else { ", " }, name.as_str())?;
                }
                f.write_str(">")
            }
            Self::Raw(inner) => write!(f, "RAW<{inner}>"),
            Self::Variant => f.write_str("VARIANT"),
            Self::Bitmap => f.write_str("BITMAP"),
            Self::Unknown(class) => write!(f, "UNKNOWN<{class}>"),
        }
    }
}
