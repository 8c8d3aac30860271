//! Types as JSON Schema (2020-12): of the JSON that [`JsonWriter`](crate::JsonWriter) writes.

use serde_json::{Map, Value as Json, json};

use crate::avro::{AvroId, AvroNode, AvroType};
use crate::logical::{LogicalKind, LogicalType};
use crate::types::{Constant, EnumType, Field, MapType, Nulls, PojoType, PrimitiveKind, TimeLayout, Type};

/// A type as a JSON Schema of its values.
pub fn json_schema(ty: &Type) -> Json {
    let mut schema = of(ty);
    if let Some(members) = schema.as_object_mut() {
        members.insert(
            "$schema".into(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        members.insert("title".into(), json!(ty.name()));
    }
    schema
}

fn of(ty: &Type) -> Json {
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
            Nulls::Never => json!({"type": "array", "items": of(&list.element)}),
            _ => json!({"type": "array", "items": nullable(of(&list.element))}),
        },
        Type::Map(map) => map_schema(map),
        Type::Optional(optional) => nullable(of(&optional.inner)),
        Type::Either(either) => {
            let side = |name: &str, ty| object([(name.to_owned(), of(ty))].into_iter().collect());
            json!({"oneOf": [side("left", &either.left), side("right", &either.right)]})
        }
        Type::Tuple(tuple) => positions(tuple.fields.iter().map(of).collect()),
        Type::Row(row) => with_kind(positions(row.fields.iter().map(|ty| nullable(of(ty))).collect())),
        Type::Record(record) => object(
            record
                .fields
                .iter()
                .map(|f| (f.name.as_str().to_owned(), of(&f.ty)))
                .collect(),
        ),
        Type::Tagged(tagged) => {
            let case = |(name, ty): (&str, &Type)| object([(name.to_owned(), of(ty))].into_iter().collect());
            let cases: Vec<Json> = tagged
                .cases
                .iter()
                .map(|(_, name, ty)| case((name.as_str(), ty)))
                .collect();
            json!({"anyOf": cases})
        }
        Type::Pojo(pojo) => pojo_schema(pojo),
        Type::Enum(e) => constants(e),
        Type::Avro(avro) => avro_schema(avro),
        Type::Framed(framed) => of(&framed.inner),
        Type::Ttl(inner) => of(inner),
        Type::TimeWindow => {
            let long = || primitive_schema(PrimitiveKind::Long);
            object(
                [("start".to_owned(), long()), ("end".to_owned(), long())]
                    .into_iter()
                    .collect(),
            )
        }
        Type::RowData(columns) => with_kind(positions(columns.iter().map(logical).collect())),
        Type::ArrayData(element) => json!({"type": "array", "items": logical(element)}),
        Type::MapData(entry) => logical_map(&entry.0, &entry.1),
        Type::BinaryRow { .. } | Type::Opaque(_) => opaque(),
        Type::Variant | Type::Kryo(_) | Type::JavaObject | Type::Protobuf(_) => json!({}),
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

fn map_schema(map: &MapType) -> Json {
    let value = if map.null_values {
        nullable(of(&map.value))
    } else {
        of(&map.value)
    };
    let key = if map.null_keys {
        nullable(of(&map.key))
    } else {
        of(&map.key)
    };
    entries(map.key.is_string(), key, value)
}

fn entries(string_keys: bool, key: Json, value: Json) -> Json {
    match string_keys {
        true => json!({"type": "object", "additionalProperties": value}),
        false => json!({"type": "array", "items": positions(vec![key, value])}),
    }
}

fn pojo_schema(pojo: &PojoType) -> Json {
    let member = |field: &Field| (field.name.as_str().to_owned(), nullable(of(&field.ty)));
    let base = object(pojo.fields.iter().map(member).collect());
    let mut branches = vec![base];
    for (class, ty) in pojo.registered.iter().chain(&pojo.non_registered) {
        branches.push(match ty {
            Type::Pojo(subclass) => {
                let class = [("@class".to_owned(), json!({"const": class}))];
                object(
                    class
                        .into_iter()
                        .chain(subclass.fields.iter().map(member))
                        .collect(),
                )
            }
            other => of(other),
        });
    }
    match branches.len() {
        1 => branches.swap_remove(0),
        _ => json!({"anyOf": branches}),
    }
}

fn constants(e: &EnumType) -> Json {
    let names: Vec<&str> = e.constants.iter().map(|(name, _)| name.as_str()).collect();
    json!({"enum": names})
}

/// Named types go to `$defs`, because they may contain themselves.
fn avro_schema(avro: &AvroType) -> Json {
    let mut defs = Map::new();
    let mut schema = avro_node(avro, avro.root(), &mut defs);
    if let (Some(members), false) = (schema.as_object_mut(), defs.is_empty()) {
        members.insert("$defs".into(), Json::Object(defs));
    }
    schema
}

fn avro_node(avro: &AvroType, id: AvroId, defs: &mut Map<String, Json>) -> Json {
    match avro.node(id) {
        AvroNode::Null => json!({"type": "null"}),
        AvroNode::Boolean => primitive_schema(PrimitiveKind::Boolean),
        AvroNode::Int => primitive_schema(PrimitiveKind::Int),
        AvroNode::Long => primitive_schema(PrimitiveKind::Long),
        AvroNode::Float | AvroNode::Double => primitive_schema(PrimitiveKind::Double),
        AvroNode::Bytes | AvroNode::Fixed(..) => bytes(),
        AvroNode::String => json!({"type": "string"}),
        AvroNode::Enum(_, symbols) => json!({"enum": symbols}),
        AvroNode::Array(item) => json!({"type": "array", "items": avro_node(avro, *item, defs)}),
        AvroNode::Map(values) => {
            json!({"type": "object", "additionalProperties": avro_node(avro, *values, defs)})
        }
        AvroNode::Union(branches) => {
            let branches: Vec<Json> = branches
                .iter()
                .map(|branch| avro_node(avro, *branch, defs))
                .collect();
            json!({"anyOf": branches})
        }
        AvroNode::Record(name, fields) => {
            if !defs.contains_key(name) {
                // Known before its fields are, so that it may refer to itself.
                defs.insert(name.clone(), Json::Null);
                let fields = fields
                    .iter()
                    .map(|f| (f.name.as_str().to_owned(), avro_node(avro, f.schema, defs)));
                let schema = object(fields.collect());
                defs.insert(name.clone(), schema);
            }
            json!({"$ref": format!("#/$defs/{name}")})
        }
    }
}

fn logical(ty: &LogicalType) -> Json {
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
        LogicalKind::Array(element) => json!({"type": "array", "items": logical(element)}),
        LogicalKind::Map(entry) => logical_map(&entry.0, &entry.1),
        LogicalKind::Multiset(element) => logical_map(
            element,
            &LogicalType {
                nullable: false,
                kind: LogicalKind::Integer,
            },
        ),
        LogicalKind::Row(_, fields) => {
            let mut schema = object(
                fields
                    .iter()
                    .map(|(name, ty)| (name.as_str().to_owned(), logical(ty)))
                    .collect(),
            );
            if let Some(properties) = schema.get_mut("properties").and_then(Json::as_object_mut) {
                properties.insert("@kind".into(), kind());
            }
            schema
        }
        LogicalKind::Raw(inner) => of(inner),
        LogicalKind::Variant => json!({}),
        LogicalKind::Unknown(_) => opaque(),
    };
    if ty.nullable { nullable(schema) } else { schema }
}

fn logical_map(key: &LogicalType, value: &LogicalType) -> Json {
    entries(
        matches!(key.kind, LogicalKind::Char(..)),
        logical(key),
        logical(value),
    )
}
