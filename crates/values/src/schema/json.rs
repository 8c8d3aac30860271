//! Types as JSON Schema (2020-12): of the JSON that [`JsonWriter`](crate::JsonWriter) writes.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::{MULTISET_COUNT, Names, may_be_null};
use crate::avro::{AvroId, AvroNode, AvroType};
use crate::logical::{LogicalKind, LogicalType};
use crate::types::{Constant, EnumType, Field, MapType, Nulls, PojoType, PrimitiveKind, TimeLayout, Type};

/// A type as a JSON Schema of its values.
pub fn json_schema(ty: &Type) -> Json {
    let mut schemas = JsonSchemas::default();
    let mut schema = schemas.of(ty);
    if let Some(members) = schema.as_object_mut() {
        members.insert("title".into(), json!(ty.name()));
    }
    schemas.document(schema)
}

/// Makes the schemas of several types that stand in one document.
///
/// Named types of Avro, which may contain themselves, go to its `$defs`.
#[derive(Default)]
pub struct JsonSchemas {
    defs: Map<String, Json>,
    names: Names,
    /// Avro types met, and what their named types are called in `$defs`.
    avro: Vec<(AvroType, HashMap<String, String>)>,
}

impl JsonSchemas {
    /// The schema of a type, for use in this document.
    ///
    /// It is that of values that can be interpreted: where `@opaque` stands for a part of one,
    /// what follows may be missing.
    pub fn of(&mut self, ty: &Type) -> Json {
        match ty {
            Type::Constant(Constant::Tuple0) => json!({"type": "array", "maxItems": 0}),
            Type::Constant(_) => json!({"type": "null"}),
            Type::Primitive(primitive) => primitive_schema(primitive.kind),
            Type::String(_) => json!({"type": "string"}),
            Type::BigInteger => json!({"type": "string", "pattern": "^-?[0-9]+$"}),
            Type::BigDecimal | Type::DecimalData { .. } => decimal(),
            Type::Time(layout) => time(*layout),
            Type::TimestampData { .. } => json!({"type": "string"}),
            Type::Uuid => json!({"type": "string", "format": "uuid"}),
            Type::Bytes(_) => bytes(),
            Type::List(list) => match list.nulls {
                Nulls::Never => json!({"type": "array", "items": self.inner(&list.element)}),
                _ => json!({"type": "array", "items": nullable(self.of(&list.element))}),
            },
            Type::Map(map) => self.map_schema(map),
            Type::Optional(optional) => nullable(self.of(&optional.inner)),
            Type::Either(either) => {
                let mut side =
                    |name: &str, ty| object([(name.to_owned(), self.inner(ty))].into_iter().collect());
                json!({"oneOf": [side("left", &either.left), side("right", &either.right)]})
            }
            Type::Tuple(tuple) => positions(tuple.fields.iter().map(|ty| self.inner(ty)).collect()),
            Type::Row(row) => with_kind(positions(
                row.fields.iter().map(|ty| nullable(self.of(ty))).collect(),
            )),
            Type::Record(record) => object(
                record
                    .fields
                    .iter()
                    .map(|f| (f.name.as_str().to_owned(), self.inner(&f.ty)))
                    .collect(),
            ),
            Type::Tagged(tagged) => {
                let mut case = |(name, ty): (&str, &Type)| {
                    object([(name.to_owned(), self.inner(ty))].into_iter().collect())
                };
                let cases: Vec<Json> = tagged
                    .cases
                    .iter()
                    .map(|(_, name, ty)| case((name.as_str(), ty)))
                    .collect();
                json!({"anyOf": cases})
            }
            Type::Pojo(pojo) => self.pojo_schema(pojo),
            Type::Enum(e) => constants(e),
            Type::Avro(avro) => self.avro_schema(avro),
            Type::Framed(framed) => self.of(&framed.inner),
            Type::Ttl(inner) => self.of(inner),
            Type::TimeWindow => {
                let long = || primitive_schema(PrimitiveKind::Long);
                object(
                    [("start".to_owned(), long()), ("end".to_owned(), long())]
                        .into_iter()
                        .collect(),
                )
            }
            Type::RowData(columns) => {
                with_kind(positions(columns.iter().map(|ty| self.logical(ty)).collect()))
            }
            Type::ArrayData(element) => json!({"type": "array", "items": self.logical(element)}),
            Type::MapData(entry) => self.logical_map(&entry.0, &entry.1),
            Type::BinaryRow { .. } | Type::Opaque(_) => opaque(),
            Type::Variant | Type::Kryo(_) | Type::JavaObject | Type::Protobuf(_) => json!({}),
        }
    }

    /// The schema of a value inside of another.
    fn inner(&mut self, ty: &Type) -> Json {
        let schema = self.of(ty);
        if may_be_null(ty) { nullable(schema) } else { schema }
    }

    /// A schema made of these as a document of its own.
    pub fn document(self, schema: Json) -> Json {
        let mut document = Map::new();
        document.insert(
            "$schema".into(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        if let Json::Object(members) = schema {
            document.extend(members);
        }
        if !self.defs.is_empty() {
            document.insert("$defs".into(), Json::Object(self.defs));
        }
        Json::Object(document)
    }

    fn map_schema(&mut self, map: &MapType) -> Json {
        let value = if map.null_values {
            nullable(self.of(&map.value))
        } else {
            self.of(&map.value)
        };
        let key = if map.null_keys {
            nullable(self.of(&map.key))
        } else {
            self.of(&map.key)
        };
        entries(map.key.is_string(), key, value)
    }

    fn pojo_schema(&mut self, pojo: &PojoType) -> Json {
        let base = object(self.members(&pojo.fields));
        let mut branches = vec![base];
        for (class, ty) in pojo.registered.iter().chain(&pojo.non_registered) {
            branches.push(match ty {
                Type::Pojo(subclass) => {
                    let mut members = Map::from_iter([("@class".to_owned(), json!({"const": class}))]);
                    members.extend(self.members(&subclass.fields));
                    object(members)
                }
                other => self.of(other),
            });
        }
        match branches.len() {
            1 => branches.swap_remove(0),
            _ => json!({"anyOf": branches}),
        }
    }

    fn members(&mut self, fields: &[Field]) -> Map<String, Json> {
        let member = |field: &Field| (field.name.as_str().to_owned(), nullable(self.of(&field.ty)));
        fields.iter().map(member).collect()
    }

    /// Named types go to `$defs`, each type's own ones where several have the same names.
    fn avro_schema(&mut self, avro: &AvroType) -> Json {
        let known = self.avro.iter().position(|(known, _)| known == avro);
        let index = known.unwrap_or_else(|| {
            self.avro.push((avro.clone(), HashMap::new()));
            self.avro.len() - 1
        });
        self.avro_node(avro, index, avro.root())
    }

    fn avro_node(&mut self, avro: &AvroType, index: usize, id: AvroId) -> Json {
        match avro.node(id) {
            AvroNode::Null => json!({"type": "null"}),
            AvroNode::Boolean => primitive_schema(PrimitiveKind::Boolean),
            AvroNode::Int => primitive_schema(PrimitiveKind::Int),
            AvroNode::Long => primitive_schema(PrimitiveKind::Long),
            AvroNode::Float | AvroNode::Double => primitive_schema(PrimitiveKind::Double),
            AvroNode::Bytes | AvroNode::Fixed(..) => bytes(),
            AvroNode::String => json!({"type": "string"}),
            AvroNode::Enum(_, symbols) => json!({"enum": symbols}),
            AvroNode::Array(item) => json!({"type": "array", "items": self.avro_node(avro, index, *item)}),
            AvroNode::Map(values) => {
                json!({"type": "object", "additionalProperties": self.avro_node(avro, index, *values)})
            }
            AvroNode::Union(branches) => {
                let branches: Vec<Json> = branches
                    .iter()
                    .map(|branch| self.avro_node(avro, index, *branch))
                    .collect();
                json!({"anyOf": branches})
            }
            AvroNode::Record(name, fields) => {
                let called = self
                    .avro
                    .get(index)
                    .and_then(|(_, names)| names.get(name).cloned());
                let called = called.unwrap_or_else(|| {
                    let called = self.names.fresh(name);
                    // Known before its fields are, so that it may refer to itself.
                    self.defs.insert(called.clone(), Json::Null);
                    if let Some((_, names)) = self.avro.get_mut(index) {
                        names.insert(name.clone(), called.clone());
                    }
                    let fields = fields.iter().map(|f| {
                        let schema = self.avro_node(avro, index, f.schema);
                        (f.name.as_str().to_owned(), schema)
                    });
                    let schema = object(fields.collect());
                    self.defs.insert(called.clone(), schema);
                    called
                });
                json!({"$ref": format!("#/$defs/{called}")})
            }
        }
    }

    fn logical(&mut self, ty: &LogicalType) -> Json {
        let schema = match &ty.kind {
            LogicalKind::Boolean => primitive_schema(PrimitiveKind::Boolean),
            LogicalKind::TinyInt => primitive_schema(PrimitiveKind::Byte),
            LogicalKind::SmallInt => primitive_schema(PrimitiveKind::Short),
            LogicalKind::Integer | LogicalKind::YearMonthInterval => primitive_schema(PrimitiveKind::Int),
            LogicalKind::BigInt | LogicalKind::DayTimeInterval => primitive_schema(PrimitiveKind::Long),
            LogicalKind::Float | LogicalKind::Double => primitive_schema(PrimitiveKind::Double),
            LogicalKind::Date => time(TimeLayout::LocalDate),
            LogicalKind::Time | LogicalKind::Timestamp(_) => json!({"type": "string"}),
            LogicalKind::TimestampLtz(_) => time(TimeLayout::Instant),
            LogicalKind::Char(..) => json!({"type": "string"}),
            LogicalKind::Binary(..) | LogicalKind::Bitmap => bytes(),
            LogicalKind::Decimal(..) => decimal(),
            LogicalKind::Array(element) => json!({"type": "array", "items": self.logical(element)}),
            LogicalKind::Map(entry) => self.logical_map(&entry.0, &entry.1),
            LogicalKind::Multiset(element) => self.logical_map(element, &MULTISET_COUNT),
            LogicalKind::Row(_, fields) => {
                let mut schema = object(
                    fields
                        .iter()
                        .map(|(name, ty)| (name.as_str().to_owned(), self.logical(ty)))
                        .collect(),
                );
                if let Some(properties) = schema.get_mut("properties").and_then(Json::as_object_mut) {
                    properties.insert("@kind".into(), kind());
                }
                schema
            }
            LogicalKind::Raw(inner) => self.of(inner),
            LogicalKind::Variant => json!({}),
            LogicalKind::Unknown(_) => opaque(),
        };
        if ty.nullable { nullable(schema) } else { schema }
    }

    fn logical_map(&mut self, key: &LogicalType, value: &LogicalType) -> Json {
        entries(
            matches!(key.kind, LogicalKind::Char(..)),
            self.logical(key),
            self.logical(value),
        )
    }
}

/// An object with exactly these members.
fn object(properties: Map<String, Json>) -> Json {
    let required: Vec<&String> = properties.keys().collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn positions(items: Vec<Json>) -> Json {
    json!({"type": "array", "minItems": items.len(), "prefixItems": items, "items": false})
}

/// Rows other than INSERT show their kind.
fn with_kind(fields: Json) -> Json {
    let properties = [
        ("@kind".to_owned(), kind()),
        ("fields".to_owned(), fields.clone()),
    ]
    .into_iter()
    .collect();
    json!({"anyOf": [fields, object(properties)]})
}

fn kind() -> Json {
    json!({"enum": ["UPDATE_BEFORE", "UPDATE_AFTER", "DELETE"]})
}

fn nullable(schema: Json) -> Json {
    match schema.get("type").and_then(Json::as_str) {
        Some("null") => schema,
        Some(single) if schema.get("enum").is_none() => {
            let mut with_null = schema.clone();
            if let Some(ty) = with_null.get_mut("type") {
                *ty = json!([single, "null"]);
            }
            with_null
        }
        _ if schema == json!({}) => schema,
        _ => json!({"anyOf": [schema, {"type": "null"}]}),
    }
}

fn primitive_schema(kind: PrimitiveKind) -> Json {
    let integer = |min: i64, max: i64| json!({"type": "integer", "minimum": min, "maximum": max});
    match kind {
        PrimitiveKind::Boolean => json!({"type": "boolean"}),
        PrimitiveKind::Byte => integer(i8::MIN.into(), i8::MAX.into()),
        PrimitiveKind::Short => integer(i16::MIN.into(), i16::MAX.into()),
        PrimitiveKind::Int => integer(i32::MIN.into(), i32::MAX.into()),
        PrimitiveKind::Long | PrimitiveKind::SortedLong => integer(i64::MIN, i64::MAX),
        PrimitiveKind::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
        PrimitiveKind::Float | PrimitiveKind::Double => {
            json!({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]})
        }
    }
}

fn decimal() -> Json {
    json!({"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?(E[+-][0-9]+)?$"})
}

fn bytes() -> Json {
    let base64 = json!({"type": "string", "contentEncoding": "base64"});
    object([("@bytes".to_owned(), base64)].into_iter().collect())
}

fn opaque() -> Json {
    let members = [
        ("@opaque".to_owned(), json!({"type": "string"})),
        (
            "@bytes".to_owned(),
            json!({"type": "string", "contentEncoding": "base64"}),
        ),
    ];
    object(members.into_iter().collect())
}

fn time(layout: TimeLayout) -> Json {
    let format = match layout {
        TimeLayout::Date | TimeLayout::SqlTimestamp | TimeLayout::Instant => "date-time",
        TimeLayout::LocalDate => "date",
        // Those without a zone have no format, and those of java.sql have two.
        TimeLayout::SqlDate | TimeLayout::SqlTime | TimeLayout::LocalTime | TimeLayout::LocalDateTime => {
            return json!({"type": "string"});
        }
    };
    json!({"type": "string", "format": format})
}

fn entries(string_keys: bool, key: Json, value: Json) -> Json {
    match string_keys {
        true => json!({"type": "object", "additionalProperties": value}),
        false => json!({"type": "array", "items": positions(vec![key, value])}),
    }
}

fn constants(e: &EnumType) -> Json {
    let names: Vec<&str> = e.constants.iter().map(|(name, _)| name.as_str()).collect();
    json!({"enum": names})
}
