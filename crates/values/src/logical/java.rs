//! Logical types from the Java objects in which snapshots keep them.

use statetool_format::java::{JavaStream, View};

use super::{LogicalKind, LogicalType};
use crate::types::{FieldName, Type};

/// How deep types may nest.
const MAX_DEPTH: u32 = 100;
/// How many types one column may consist of. Objects are shared by reference, so a few
/// bytes could unfold to any number.
const MAX_TYPES: u32 = 10_000;

impl LogicalType {
    /// The type that a Java-serialized `LogicalType` describes; [`LogicalKind::Unknown`]
    /// where it cannot be read.
    pub fn of(stream: &JavaStream) -> Self {
        match stream.parse() {
            Ok(graph) => Self::of_object(graph.root()),
            Err(error) => Self::new(LogicalKind::Unknown(error.to_string())),
        }
    }

    /// The type of a Java object of class `LogicalType`.
    pub(crate) fn of_object(object: View<'_>) -> Self {
        let mut parser = Parser { left: MAX_TYPES };
        parser.logical(object, 0).unwrap_or_else(|| {
            let class = object.class_name().unwrap_or("null".into());
            Self::new(LogicalKind::Unknown(class.into_owned()))
        })
    }
}

struct Parser {
    left: u32,
}

impl Parser {
    fn logical(&mut self, object: View<'_>, depth: u32) -> Option<LogicalType> {
        self.left = self.left.checked_sub(1)?;
        if depth > MAX_DEPTH {
            return None;
        }
        let nullable = object.field("isNullable").and_then(View::bool).unwrap_or(true);
        let root = object.field("typeRoot")?.enum_constant()?;
        if root == "DISTINCT_TYPE" {
            return self.logical(object.field("sourceType")?, depth + 1);
        }
        let kind = scalar(&root, object).or_else(|| self.nested(&root, object, depth))?;
        Some(LogicalType { nullable, kind })
    }

    fn nested(&mut self, root: &str, object: View<'_>, depth: u32) -> Option<LogicalKind> {
        let mut part = |name| self.logical(object.field(name)?, depth + 1);
        Some(match root {
            "ARRAY" => LogicalKind::Array(Box::new(part("elementType")?)),
            "MULTISET" => LogicalKind::Multiset(Box::new(part("elementType")?)),
            "MAP" => LogicalKind::Map(Box::new((part("keyType")?, part("valueType")?))),
            "ROW" => LogicalKind::Row(None, self.fields(object, "fields", depth)?),
            "STRUCTURED_TYPE" => {
                let class = object
                    .field("implementationClass")
                    .and_then(View::represented_class);
                let attributes = self.attributes(object, depth)?;
                LogicalKind::Row(class.map(|class| class.into_owned()), attributes)
            }
            _ => return None,
        })
    }

    fn fields(&mut self, object: View<'_>, list: &str, depth: u32) -> Option<Vec<(FieldName, LogicalType)>> {
        let items = object.field(list)?.list_items()?;
        let field = |field: View<'_>| {
            let name = FieldName::new(&field.field("name")?.text()?);
            Some((name, self.logical(field.field("type")?, depth + 1)?))
        };
        items.into_iter().map(field).collect()
    }

    /// Those of the supertype come first.
    fn attributes(&mut self, object: View<'_>, depth: u32) -> Option<Vec<(FieldName, LogicalType)>> {
        self.left = self.left.checked_sub(1)?;
        if depth > MAX_DEPTH {
            return None;
        }
        let mut attributes = match object.field("superType") {
            Some(parent) if !parent.is_null() => self.attributes(parent, depth + 1)?,
            _ => Vec::new(),
        };
        attributes.extend(self.fields(object, "attributes", depth)?);
        Some(attributes)
    }
}

fn scalar(root: &str, object: View<'_>) -> Option<LogicalKind> {
    let number = |name| object.field(name).and_then(View::i32);
    Some(match root {
        "BOOLEAN" => LogicalKind::Boolean,
        "TINYINT" => LogicalKind::TinyInt,
        "SMALLINT" => LogicalKind::SmallInt,
        "INTEGER" => LogicalKind::Integer,
        "BIGINT" => LogicalKind::BigInt,
        "FLOAT" => LogicalKind::Float,
        "DOUBLE" => LogicalKind::Double,
        "DATE" => LogicalKind::Date,
        "TIME_WITHOUT_TIME_ZONE" => LogicalKind::Time,
        "INTERVAL_YEAR_MONTH" => LogicalKind::YearMonthInterval,
        "INTERVAL_DAY_TIME" => LogicalKind::DayTimeInterval,
        "CHAR" => LogicalKind::Char(true, number("length")?),
        "VARCHAR" => LogicalKind::Char(false, number("length")?),
        "BINARY" => LogicalKind::Binary(true, number("length")?),
        "VARBINARY" => LogicalKind::Binary(false, number("length")?),
        "DECIMAL" => LogicalKind::Decimal(number("precision")?, number("scale")?),
        "TIMESTAMP_WITHOUT_TIME_ZONE" => LogicalKind::Timestamp(number("precision")?),
        "TIMESTAMP_WITH_LOCAL_TIME_ZONE" => LogicalKind::TimestampLtz(number("precision")?),
        "VARIANT" => LogicalKind::Variant,
        "BITMAP" => LogicalKind::Bitmap,
        "RAW" => {
            let class = object
                .field("clazz")
                .and_then(View::represented_class)
                .unwrap_or("RAW".into());
            LogicalKind::Raw(Box::new(Type::opaque(
                class,
                "its serializer is only known as a Java object",
            )))
        }
        _ => return None,
    })
}
