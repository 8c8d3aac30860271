//! Types as Avro schemas.

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use super::avro_names::Embedded;
use super::{MULTISET_COUNT, Names, Record, identifier, may_be_null, simple_identifier};
use crate::logical::{LogicalKind, LogicalType};
use crate::types::{
    EnumType, Field, ListType, MapType, Nulls, PojoType, PrimitiveKind, TaggedType, TimeLayout, Type,
};

/// A type as an Avro schema; `name` is that of a record that has none of its own.
///
/// Values of Avro's serializer keep their schema. What cannot be interpreted is `bytes`,
/// numbers of any size are strings.
pub fn avro(ty: &Type, name: &str) -> Json {
    Schemas::default().of(ty, &identifier(name))
}

/// Records of these fields as one Avro schema: that of the only record, or a union of all.
///
/// Each name is defined once and referred to from then on, so the schema can be read as it is.
pub fn avro_records<'t>(records: &[Record<'t>]) -> Json {
    let mut schemas = Schemas::default();
    let record = |record: &Record<'t>| {
        let name = schemas.names.fresh(&identifier(&record.name));
        let fields = record.fields.iter().map(|(field, ty)| {
            let schema = schemas.of(ty, &format!("{name}_{field}"));
            ((*field).to_owned(), schema)
        });
        let fields = fields.collect();
        let mut schema = named_record(&name, fields);
        if let Some(members) = schema.as_object_mut().filter(|_| !record.doc.is_empty()) {
            members.shift_insert(2, "doc".into(), json!(record.doc));
        }
        schema
    };
    union(records.iter().map(record).collect())
}

#[derive(Default)]
struct Schemas<'t> {
    names: Names,
    embedded: Embedded,
    /// Types that have a name of their own, and the name they were defined with.
    defined: Vec<(&'t Type, String)>,
}

impl<'t> Schemas<'t> {
    fn of(&mut self, ty: &'t Type, name: &str) -> Json {
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
            Type::Record(record) => self.once(ty, |s| s.fields(record.name, &record.fields, false)),
            Type::Tagged(tagged) => self.once(ty, |s| s.tagged(tagged)),
            Type::Pojo(pojo) => self.pojo(ty, pojo),
            Type::Enum(e) => self.once(ty, |s| s.constants(e)),
            Type::Avro(avro) => self.embedded.inline(avro.schema()),
            Type::Framed(framed) => self.of(&framed.inner, name),
            Type::Ttl(inner) => self.of(inner, name),
            Type::TimeWindow => self.once(ty, |s| {
                let long = || json!("long");
                s.record(
                    "TimeWindow",
                    vec![("start".into(), long()), ("end".into(), long())],
                )
            }),
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

    /// The name of a type that is defined already, else its definition.
    fn once(&mut self, ty: &'t Type, define: impl FnOnce(&mut Self) -> Json) -> Json {
        if let Some((_, name)) = self.defined.iter().find(|(known, _)| *known == ty) {
            return json!(name);
        }
        let schema = define(self);
        if let Some(name) = schema.get("name").and_then(Json::as_str) {
            self.defined.push((ty, name.to_owned()));
        }
        schema
    }

    fn record(&mut self, name: &str, fields: Vec<(String, Json)>) -> Json {
        named_record(&self.names.fresh(&simple_identifier(name)), fields)
    }

    fn fields(&mut self, name: &str, fields: &'t [Field], nulls: bool) -> Json {
        let field = |field: &'t Field| {
            let schema = self.of(
                &field.ty,
                &format!("{}_{}", simple_identifier(name), identifier(field.name.as_str())),
            );
            (
                field.name.as_str().to_owned(),
                if nulls || may_be_null(&field.ty) {
                    nullable(schema)
                } else {
                    schema
                },
            )
        };
        let fields = fields.iter().map(field).collect();
        self.record(name, fields)
    }

    fn positions(&mut self, fields: &'t [Type], name: &str, nulls: bool) -> Json {
        let fields = fields.iter().enumerate().map(|(i, ty)| {
            let schema = self.of(ty, &format!("{name}_f{i}"));
            (
                format!("f{i}"),
                if nulls || may_be_null(ty) {
                    nullable(schema)
                } else {
                    schema
                },
            )
        });
        let fields = fields.collect();
        self.record(name, fields)
    }

    fn list(&mut self, list: &'t ListType, name: &str) -> Json {
        let items = self.of(&list.element, name);
        json!({"type": "array", "items": if list.nulls == Nulls::Never && !may_be_null(&list.element) { items } else { nullable(items) }})
    }

    fn map(&mut self, map: &'t MapType, name: &str) -> Json {
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

    /// As in the rows of `cat`: a field for each case, of which one is not null.
    fn tagged(&mut self, tagged: &'t TaggedType) -> Json {
        let cases = tagged.cases.iter().map(|(_, case, ty)| {
            let name = format!("{}_{}", tagged.name, identifier(case.as_str()));
            (case.as_str().to_owned(), nullable(self.of(ty, &name)))
        });
        let cases = cases.collect();
        self.record(tagged.name, cases)
    }

    fn pojo(&mut self, ty: &'t Type, pojo: &'t PojoType) -> Json {
        let base = self.once(ty, |s| s.fields(&pojo.class, &pojo.fields, true));
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

    fn logical(&mut self, ty: &'t LogicalType, name: &str) -> Json {
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
            LogicalKind::Multiset(element) => self.logical_map(element, &MULTISET_COUNT, name),
            LogicalKind::Row(class, fields) => {
                let field = |(field, ty): &'t (crate::types::FieldName, LogicalType)| {
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

    fn logical_map(&mut self, key: &'t LogicalType, value: &'t LogicalType, name: &str) -> Json {
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

/// A record whose name nobody else has.
fn named_record(name: &str, fields: Vec<(String, Json)>) -> Json {
    let mut taken = Names::default();
    let field = |(name, ty): (String, Json)| {
        let identifier = taken.fresh(&identifier(&name));
        match ty.as_array().and_then(|branches| branches.first()) {
            Some(first) if first == "null" => json!({"name": identifier, "type": ty, "default": null}),
            _ => json!({"name": identifier, "type": ty}),
        }
    };
    let fields: Vec<Json> = fields.into_iter().map(field).collect();
    json!({"type": "record", "name": name, "fields": fields})
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
