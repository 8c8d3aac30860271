//! Values from JSON: the way back from what [`JsonWriter`](crate::JsonWriter) writes.

mod avro;
mod scalar;
mod table;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};

use crate::mismatch::Mismatch;
use crate::types::{EnumType, Field, MapType, PojoType, TaggedType, Type};
use crate::value::Value;

type Result<T = Value, E = Mismatch> = std::result::Result<T, E>;

impl Value {
    /// The value of type `ty` that JSON in the form of the JSON sink stands for.
    ///
    /// # Errors
    /// JSON that is no such value, and types whose values cannot be made from JSON; the
    /// error names the path.
    pub fn from_json(ty: &Type, json: &Json) -> Result {
        value(ty, json)
    }
}

fn value(ty: &Type, json: &Json) -> Result {
    match ty {
        Type::Optional(optional) => match json {
            Json::Null => Ok(Value::Null),
            json => value(&optional.inner, json),
        },
        Type::List(list) => array(json, "an array")?
            .iter()
            .enumerate()
            .map(|(i, json)| nullable(&list.element, json).map_err(|e| e.at(i)))
            .collect::<Result<_>>()
            .map(Value::List),
        Type::Map(map) => entries(map, json).map(Value::Map),
        Type::Either(either) => match single(json) {
            Some(("left", json)) => Ok(Value::Either(
                false,
                Box::new(value(&either.left, json).map_err(|e| e.in_field("left"))?),
            )),
            Some(("right", json)) => Ok(Value::Either(
                true,
                Box::new(value(&either.right, json).map_err(|e| e.in_field("right"))?),
            )),
            _ => Err(mismatch("an object with `left` or `right`", json)),
        },
        Type::Tuple(tuple) => all(&tuple.fields, array(json, "an array")?).map(Value::Tuple),
        Type::Row(row) => {
            let (kind, fields) = table::row_parts(json)?;
            Ok(Value::Row {
                kind,
                fields: all(&row.fields, array(fields, "an array of fields")?)?,
                names: None,
            })
        }
        Type::Record(record) => Ok(Value::Object {
            class: None,
            fields: fields(&record.fields, object(json)?)?,
        }),
        Type::Tagged(tagged) => one_of(tagged, json),
        Type::Pojo(pojo) => pojo_value(pojo, json),
        Type::Framed(framed) => value(&framed.inner, json),
        Type::Ttl(_) => Err(Mismatch::new(
            "a value with TTL needs the time stamp of its last access",
        )),
        Type::Enum(e) => constant(e, json),
        Type::TimeWindow => {
            let bounds = object(json)?;
            let bound = |name: &str| match bounds.get(name) {
                Some(json) => scalar::long(json).map_err(|e| e.in_field(name)),
                None => Err(Mismatch::new(format!("there is no field `{name}`"))),
            };
            Ok(Value::Window {
                start: bound("start")?,
                end: bound("end")?,
            })
        }
        Type::Avro(avro) => avro::value(avro, avro.root(), json),
        Type::RowData(_) | Type::ArrayData(_) | Type::MapData(_) => table::value(ty, json),
        Type::Kryo(_)
        | Type::JavaObject
        | Type::Protobuf(_)
        | Type::Variant
        | Type::BinaryRow { .. }
        | Type::Opaque(_) => opaque(ty, json),
        _ => scalar::value(ty, json),
    }
}

/// Null, or a value. Where a null is possible only the encoder knows.
fn nullable(ty: &Type, json: &Json) -> Result {
    match json {
        Json::Null => Ok(Value::Null),
        json => value(ty, json),
    }
}

/// Bytes in the form in which those that cannot be interpreted are written.
fn opaque(ty: &Type, json: &Json) -> Result {
    let class = json.get("@opaque").and_then(Json::as_str);
    match (class, json.get("@bytes")) {
        (Some(class), Some(_)) => Ok(Value::Opaque {
            class: class.to_owned(),
            bytes: bytes(json)?,
        }),
        _ => Err(Mismatch::new(format!(
            "values of type {ty} cannot be made from JSON"
        ))),
    }
}

/// The bytes of `{"@bytes": "base64…"}`.
fn bytes(json: &Json) -> Result<Vec<u8>> {
    let text = json
        .get("@bytes")
        .and_then(Json::as_str)
        .ok_or_else(|| mismatch("an object with `@bytes`", json))?;
    STANDARD
        .decode(text)
        .map_err(|error| Mismatch::new(format!("no base64: {error}")).in_field("@bytes"))
}

fn all(types: &[Type], items: &[Json]) -> Result<Vec<Value>> {
    if types.len() != items.len() {
        return Err(Mismatch::expected(format!("{} fields", types.len()), items.len()));
    }
    let pairs = types.iter().zip(items).enumerate();
    pairs
        .map(|(i, (ty, json))| nullable(ty, json).map_err(|e| e.at(i)))
        .collect()
}

fn entries(map: &MapType, json: &Json) -> Result<Vec<(Value, Value)>> {
    let entry = |key: &Json, json: &Json, at: &str| {
        let key = nullable(&map.key, key).map_err(|e| e.in_field("key").in_field(at))?;
        Ok((key, nullable(&map.value, json).map_err(|e| e.in_field(at))?))
    };
    match json {
        Json::Object(members) => members
            .iter()
            .map(|(key, json)| entry(&Json::String(key.clone()), json, key))
            .collect(),
        Json::Array(pairs) => pairs
            .iter()
            .enumerate()
            .map(|(i, pair)| match pair.as_array().map(Vec::as_slice) {
                Some([key, json]) => entry(key, json, &i.to_string()),
                _ => Err(mismatch("an array of key and value", pair).at(i)),
            })
            .collect(),
        other => Err(mismatch("an object, or an array of pairs", other)),
    }
}

/// Fields in the order of the type; those that JSON leaves out are null.
fn fields(fields: &[Field], members: &Map<String, Json>) -> Result<Vec<(String, Value)>> {
    let known = |name: &str| name == "@class" || fields.iter().any(|field| field.name.as_str() == name);
    if let Some(name) = members.keys().find(|name| !known(name)) {
        return Err(Mismatch::new(format!("there is no field `{name}`")));
    }
    let field = |field: &Field| {
        let name = field.name.as_str();
        let json = members.get(name).unwrap_or(&Json::Null);
        Ok((
            name.to_owned(),
            nullable(&field.ty, json).map_err(|e| e.in_field(name))?,
        ))
    };
    fields.iter().map(field).collect()
}

fn pojo_value(pojo: &PojoType, json: &Json) -> Result {
    if json.is_null() {
        return Ok(Value::Null);
    }
    let members = object(json)?;
    let class = members
        .get("@class")
        .and_then(Json::as_str)
        .filter(|class| *class != pojo.class);
    let Some(class) = class else {
        return Ok(Value::Object {
            class: None,
            fields: fields(&pojo.fields, members)?,
        });
    };
    let subclass = pojo
        .registered
        .iter()
        .chain(&pojo.non_registered)
        .find(|(name, _)| name == class);
    match subclass {
        Some((_, Type::Pojo(subclass))) => Ok(Value::Object {
            class: Some(class.to_owned()),
            fields: fields(&subclass.fields, members)?,
        }),
        Some((_, ty)) => value(ty, json),
        None => Err(Mismatch::new(format!(
            "`{class}` is no subclass of `{}` in its snapshot",
            pojo.class
        ))),
    }
}

fn one_of(tagged: &TaggedType, json: &Json) -> Result {
    let (name, json) = single(json).ok_or_else(|| mismatch("an object with one field", json))?;
    let mut error = Mismatch::new(format!("there is no field `{name}`"));
    for (_, _, ty) in tagged.cases.iter().filter(|case| case.1.as_str() == name) {
        match value(ty, json) {
            Ok(value) => {
                return Ok(Value::Object {
                    class: None,
                    fields: vec![(name.to_owned(), value)],
                });
            }
            Err(why) => error = why.in_field(name),
        }
    }
    Err(error)
}

fn constant(e: &EnumType, json: &Json) -> Result {
    let name = json
        .as_str()
        .ok_or_else(|| mismatch("the name of a constant", json))?;
    match e.constants.iter().find(|(constant, _)| constant == name) {
        Some((_, index)) => Ok(Value::Enum {
            index: *index,
            name: name.to_owned(),
        }),
        None => Err(Mismatch::new(format!("`{}` has no constant `{name}`", e.class))),
    }
}

/// The only member of an object.
fn single(json: &Json) -> Option<(&str, &Json)> {
    let members = json.as_object().filter(|members| members.len() == 1)?;
    members.iter().next().map(|(name, json)| (name.as_str(), json))
}

fn array<'j>(json: &'j Json, expected: &str) -> Result<&'j [Json]> {
    json.as_array()
        .map(Vec::as_slice)
        .ok_or_else(|| mismatch(expected, json))
}

fn object(json: &Json) -> Result<&Map<String, Json>> {
    json.as_object().ok_or_else(|| mismatch("an object", json))
}

fn mismatch(expected: impl std::fmt::Display, got: &Json) -> Mismatch {
    let got = match got {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    };
    Mismatch::expected(expected, got)
}
