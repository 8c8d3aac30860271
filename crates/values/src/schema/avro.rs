//! Types as Avro schemas.

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use super::{Names, identifier, simple_identifier};
use crate::logical::{LogicalKind, LogicalType};
use crate::types::{EnumType, Field, ListType, MapType, Nulls, PojoType, PrimitiveKind, TimeLayout, Type};

/// A type as an Avro schema; `name` is that of a record that has none of its own.
///
/// Values of Avro's serializer keep their schema. What cannot be interpreted is `bytes`,
/// numbers of any size are strings.
pub fn avro(ty: &Type, name: &str) -> Json {
    Schemas::default().of(ty, &identifier(name))
}

#[derive(Default)]
struct Schemas {
    names: Names,
    embedded: HashSet<String>,
}

impl Schemas {
    fn of(&mut self, ty: &Type, name: &str) -> Json {
        match ty {
            Type::Constant(_) => json!("null"),
            Type::Primitive(primitive) => json!(primitive_name(primitive.kind)),
            Type::String(_) | Type::BigInteger | Type::BigDecimal | Type::Variant => json!("string"),
            Type::Time(layout) => time(*layout),
            Type::Uuid => json!({"type": "string", "logicalType": "uuid"}),
            Type::List(list) => self.list(list, name),
            Type::Map(map) => self.map(map, name),
            Type::Optional(optional) => nullable(self.of(&optional.inner, name)),
            Type::Either(either) => {
                let left = nullable(self.of(&either.left, &format!("{name}_left")));
                let right = nullable(self.of(&either.right, &format!("{name}_right")));
                self.record(name, vec![("left".into(), left), ("right".into(), right)])
            }
            Type::Tuple(tuple) => self.positions(&tuple.fields, name, false),
            Type::Row(row) => self.positions(&row.fields, name, true),
            Type::Record(record) => self.fields(record.name, &record.fields, false),
            Type::Tagged(tagged) => {
                let cases = tagged
                    .cases
                    .iter()
                    .map(|(_, _, ty)| self.of(ty, tagged.name))
                    .collect();
                union(cases)
            }
            Type::Pojo(pojo) => self.pojo(pojo),
            Type::Enum(e) => self.constants(e),
            // A named schema must not be defined twice.
            Type::Avro(avro) if avro.is_named() && !self.embedded.insert(avro.name().to_owned()) => {
                json!(avro.name())
            }
            Type::Avro(avro) => avro.schema().clone(),
            Type::Framed(framed) => self.of(&framed.inner, name),
            Type::Ttl(inner) => self.of(inner, name),
            Type::TimeWindow => self.record(
                "TimeWindow",
                vec![("start".into(), json!("long")), ("end".into(), json!("long"))],
            ),
            Type::DecimalData { precision, scale } => decimal(*precision, *scale),
            Type::TimestampData { precision } => timestamp("local-timestamp", *precision),
            Type::RowData(columns) => {
                let fields = columns.iter().enumerate().map(|(i, ty)| {
                    let field = format!("f{i}");
                    let schema = self.logical(ty, &format!("{name}_{field}"));
                    (field, schema)
                });
                let fields = fields.collect();
                self.record(name, fields)
            }
            Type::ArrayData(element) => json!({"type": "array", "items": self.logical(element, name)}),
            Type::MapData(entry) => self.logical_map(&entry.0, &entry.1, name),
            Type::Bytes(_)
            | Type::BinaryRow { .. }
            | Type::Kryo(_)
            | Type::JavaObject
            | Type::Protobuf(_)
            | Type::Opaque(_) => json!("bytes"),
        }
    }

    fn record(&mut self, name: &str, fields: Vec<(String, Json)>) -> Json {
        let mut taken = Names::default();
        let field = |(name, ty): (String, Json)| {
            let identifier = taken.fresh(&identifier(&name));
            match ty.as_array().and_then(|branches| branches.first()) {
                Some(first) if first == "null" => json!({"name": identifier, "type": ty, "default": null}),
                _ => json!({"name": identifier, "type": ty}),
            }
        };
        let fields: Vec<Json> = fields.into_iter().map(field).collect();
        json!({"type": "record", "name": self.names.fresh(&simple_identifier(name)), "fields": fields})
    }

    fn fields(&mut self, name: &str, fields: &[Field], nulls: bool) -> Json {
        let field = |field: &Field| {
            let schema = self.of(
                &field.ty,
                &format!("{}_{}", simple_identifier(name), identifier(field.name.as_str())),
            );
            (
                field.name.as_str().to_owned(),
                if nulls { nullable(schema) } else { schema },
            )
        };
        let fields = fields.iter().map(field).collect();
        self.record(name, fields)
    }

    fn positions(&mut self, fields: &[Type], name: &str, nulls: bool) -> Json {
        let fields = fields.iter().enumerate().map(|(i, ty)| {
            let schema = self.of(ty, &format!("{name}_f{i}"));
            (format!("f{i}"), if nulls { nullable(schema) } else { schema })
        });
        let fields = fields.collect();
        self.record(name, fields)
    }

    fn list(&mut self, list: &ListType, name: &str) -> Json {
        let items = self.of(&list.element, name);
        json!({"type": "array", "items": if list.nulls == Nulls::Never { items } else { nullable(items) }})
    }

    fn map(&mut self, map: &MapType, name: &str) -> Json {
        let value = self.of(&map.value, &format!("{name}_value"));
        let value = if map.null_values { nullable(value) } else { value };
        if map.key.is_string() && !map.null_keys {
            return json!({"type": "map", "values": value});
        }
        let key = self.of(&map.key, &format!("{name}_key"));
        let key = if map.null_keys { nullable(key) } else { key };
        self.entries(name, key, value)
    }

    fn entries(&mut self, name: &str, key: Json, value: Json) -> Json {
        let entry = self.record(
            &format!("{name}_entry"),
            vec![("key".into(), key), ("value".into(), value)],
        );
        json!({"type": "array", "items": entry})
    }

    fn pojo(&mut self, pojo: &PojoType) -> Json {
        let base = self.fields(&pojo.class, &pojo.fields, true);
        let subclasses = pojo.registered.iter().chain(&pojo.non_registered);
        let mut branches = vec![base];
        branches.extend(subclasses.map(|(class, ty)| self.of(ty, class)));
        union(branches)
    }

    /// An enum, or a string where its constants are no names in Avro.
    fn constants(&mut self, e: &EnumType) -> Json {
        let symbols: Vec<&str> = e.constants.iter().map(|(name, _)| name.as_str()).collect();
        let mut seen = HashSet::new();
        match symbols
            .iter()
            .all(|name| identifier(name) == *name && seen.insert(name))
        {
            true => {
                json!({"type": "enum", "name": self.names.fresh(&simple_identifier(&e.class)), "symbols": symbols})
            }
            false => json!("string"),
        }
    }

    fn logical(&mut self, ty: &LogicalType, name: &str) -> Json {
        let schema = match &ty.kind {
            LogicalKind::Boolean => json!("boolean"),
            LogicalKind::TinyInt
            | LogicalKind::SmallInt
            | LogicalKind::Integer
            | LogicalKind::YearMonthInterval => {
                json!("int")
            }
            LogicalKind::BigInt | LogicalKind::DayTimeInterval => json!("long"),
            LogicalKind::Float => json!("float"),
            LogicalKind::Double => json!("double"),
            LogicalKind::Date => json!({"type": "int", "logicalType": "date"}),
            LogicalKind::Time => json!({"type": "int", "logicalType": "time-millis"}),
            LogicalKind::Char(..) | LogicalKind::Variant => json!("string"),
            LogicalKind::Decimal(precision, scale) => decimal(*precision, *scale),
            LogicalKind::Timestamp(precision) => timestamp("local-timestamp", *precision),
            LogicalKind::TimestampLtz(precision) => timestamp("timestamp", *precision),
            LogicalKind::Array(element) => json!({"type": "array", "items": self.logical(element, name)}),
            LogicalKind::Map(entry) => self.logical_map(&entry.0, &entry.1, name),
            LogicalKind::Multiset(element) => {
                let count = LogicalType {
                    nullable: false,
                    kind: LogicalKind::Integer,
                };
                self.logical_map(element, &count, name)
            }
            LogicalKind::Row(class, fields) => {
                let field = |(field, ty): &(crate::types::FieldName, LogicalType)| {
                    (
                        field.as_str().to_owned(),
                        self.logical(ty, &format!("{name}_{}", identifier(field.as_str()))),
                    )
                };
                let fields = fields.iter().map(field).collect();
                self.record(class.as_deref().unwrap_or(name), fields)
            }
            LogicalKind::Raw(inner) => self.of(inner, name),
            LogicalKind::Binary(..) | LogicalKind::Bitmap | LogicalKind::Unknown(_) => json!("bytes"),
        };
        if ty.nullable { nullable(schema) } else { schema }
    }

    fn logical_map(&mut self, key: &LogicalType, value: &LogicalType, name: &str) -> Json {
        let value = self.logical(value, &format!("{name}_value"));
        match key.kind {
            LogicalKind::Char(..) if !key.nullable => json!({"type": "map", "values": value}),
            _ => {
                let key = self.logical(key, &format!("{name}_key"));
                self.entries(name, key, value)
            }
        }
    }
}

/// A union with null; unions do not nest, and null stands alone.
fn nullable(schema: Json) -> Json {
    match schema {
        Json::Array(branches) => union(std::iter::once(json!("null")).chain(branches).collect()),
        schema if schema == "null" => schema,
        schema => json!(["null", schema]),
    }
}

/// A union in which no branch appears twice; of one branch, that branch.
fn union(branches: Vec<Json>) -> Json {
    let mut flat: Vec<Json> = Vec::new();
    let parts = branches.into_iter().flat_map(|branch| match branch {
        Json::Array(parts) => parts,
        one => vec![one],
    });
    for part in parts {
        if !flat.contains(&part) {
            flat.push(part);
        }
    }
    match flat.len() {
        1 => flat.swap_remove(0),
        _ => Json::Array(flat),
    }
}

fn primitive_name(kind: PrimitiveKind) -> &'static str {
    match kind {
        PrimitiveKind::Boolean => "boolean",
        PrimitiveKind::Byte | PrimitiveKind::Short | PrimitiveKind::Int => "int",
        PrimitiveKind::Char => "string",
        PrimitiveKind::Long | PrimitiveKind::SortedLong => "long",
        PrimitiveKind::Float => "float",
        PrimitiveKind::Double => "double",
    }
}

fn time(layout: TimeLayout) -> Json {
    let logical = match layout {
        TimeLayout::LocalDate => return json!({"type": "int", "logicalType": "date"}),
        TimeLayout::Date | TimeLayout::SqlDate | TimeLayout::SqlTime => "timestamp-millis",
        TimeLayout::SqlTimestamp | TimeLayout::Instant => "timestamp-nanos",
        TimeLayout::LocalTime => "time-micros",
        TimeLayout::LocalDateTime => "local-timestamp-nanos",
    };
    json!({"type": "long", "logicalType": logical})
}

fn timestamp(kind: &str, precision: i32) -> Json {
    let unit = match precision {
        ..=3 => "millis",
        4..=6 => "micros",
        _ => "nanos",
    };
    json!({"type": "long", "logicalType": format!("{kind}-{unit}")})
}

fn decimal(precision: i32, scale: i32) -> Json {
    json!({"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale})
}
