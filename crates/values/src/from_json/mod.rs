//! Values from JSON, or from what a script made of it: the way back from what
//! [`JsonWriter`](crate::JsonWriter) writes.

mod avro;
mod scalar;
mod table;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use crate::mismatch::Mismatch;
use crate::plain::{Members, Plain};
use crate::types::{EnumType, Field, PojoType, TaggedType, Type};
use crate::value::Value;

type Result<T = Value, E = Mismatch> = std::result::Result<T, E>;

impl Value {
    /// The value of type `ty` that JSON in the form of the JSON sink stands for.
    ///
    /// # Errors
    /// JSON that is no such value, and types whose values cannot be made from JSON; the
    /// error names the path.
    pub fn from_json(ty: &Type, json: &Json) -> Result {
        value(ty, &Plain::from(json))
    }

    /// The same for a value that did not come from JSON.
    ///
    /// # Errors
    /// As [`Value::from_json`].
    pub fn from_plain(ty: &Type, plain: &Plain) -> Result {
        value(ty, plain)
    }
}

fn value(ty: &Type, plain: &Plain) -> Result {
    match ty {
        Type::Optional(optional) => match plain {
            Plain::Null => Ok(Value::Null),
            plain => value(&optional.inner, plain),
        },
        Type::List(list) => array(plain, "an array")?
            .iter()
            .enumerate()
            .map(|(i, plain)| nullable(&list.element, plain).map_err(|e| e.at(i)))
            .collect::<Result<_>>()
            .map(Value::List),
        Type::Map(map) => {
            let key = |plain: &Plain| nullable(&map.key, plain);
            entries(plain, key, |plain| nullable(&map.value, plain)).map(Value::Map)
        }
        Type::Either(either) => match single(plain) {
            Some(("left", plain)) => Ok(Value::Either(
                false,
                Box::new(value(&either.left, plain).map_err(|e| e.in_field("left"))?),
            )),
            Some(("right", plain)) => Ok(Value::Either(
                true,
                Box::new(value(&either.right, plain).map_err(|e| e.in_field("right"))?),
            )),
            _ => Err(mismatch("an object with `left` or `right`", plain)),
        },
        Type::Tuple(tuple) => all(&tuple.fields, array(plain, "an array")?).map(Value::Tuple),
        Type::Row(row) => {
            let (kind, fields) = table::row_parts(plain)?;
            Ok(Value::Row {
                kind,
                fields: all(&row.fields, array(fields, "an array of fields")?)?,
                names: None,
            })
        }
        Type::Record(record) => Ok(Value::Object {
            class: None,
            fields: fields(&record.fields, object(plain)?)?,
        }),
        Type::Tagged(tagged) => one_of(tagged, plain),
        Type::Pojo(pojo) => pojo_value(pojo, plain),
        Type::Framed(framed) => value(&framed.inner, plain),
        Type::Ttl(_) => Err(Mismatch::new(
            "a value with TTL needs the time stamp of its last access",
        )),
        Type::Enum(e) => constant(e, plain),
        Type::TimeWindow => {
            let bounds = object(plain)?;
            let bound = |name: &str| match bounds.get(name) {
                Some(plain) => scalar::long(plain).map_err(|e| e.in_field(name)),
                None => Err(Mismatch::new(format!("there is no field `{name}`"))),
            };
            Ok(Value::Window {
                start: bound("start")?,
                end: bound("end")?,
            })
        }
        Type::Avro(avro) => avro::value(avro, avro.root(), plain),
        Type::RowData(_) | Type::ArrayData(_) | Type::MapData(_) => table::value(ty, plain),
        Type::Kryo(_)
        | Type::JavaObject
        | Type::Protobuf(_)
        | Type::Variant
        | Type::BinaryRow { .. }
        | Type::Opaque(_) => opaque(ty, plain),
        _ => scalar::value(ty, plain),
    }
}

/// Null, or a value. Where a null is possible only the encoder knows.
fn nullable(ty: &Type, plain: &Plain) -> Result {
    match plain {
        Plain::Null => Ok(Value::Null),
        plain => value(ty, plain),
    }
}

/// Bytes in the form in which those that cannot be interpreted are written.
fn opaque(ty: &Type, plain: &Plain) -> Result {
    let class = plain.get("@opaque").and_then(Plain::as_str);
    let is_other = |class: &str| matches!(ty, Type::Kryo(kryo) if kryo.class() != class);
    match (class, plain.get("@bytes")) {
        (Some(class), Some(_)) if is_other(class) => Err(Mismatch::new(format!("`{class}` is no {ty}"))),
        (Some(class), Some(_)) => Ok(Value::Opaque {
            class: class.to_owned(),
            bytes: bytes(plain)?,
        }),
        _ => Err(Mismatch::new(format!(
            "values of type {ty} cannot be written anew"
        ))),
    }
}

/// The bytes of `{"@bytes": "base64…"}`.
fn bytes(plain: &Plain) -> Result<Vec<u8>> {
    let text = plain
        .get("@bytes")
        .and_then(Plain::as_str)
        .ok_or_else(|| mismatch("an object with `@bytes`", plain))?;
    STANDARD.decode(text).map_err(|error| {
        let why = Mismatch::new(format!("no base64: {error}"));
        why.without_data("no base64").in_field("@bytes")
    })
}

fn all(types: &[Type], items: &[Plain]) -> Result<Vec<Value>> {
    if types.len() != items.len() {
        return Err(Mismatch::expected(format!("{} fields", types.len()), items.len()));
    }
    let pairs = types.iter().zip(items).enumerate();
    pairs
        .map(|(i, (ty, plain))| nullable(ty, plain).map_err(|e| e.at(i)))
        .collect()
}

/// The entries of an object, or of an array of pairs.
fn entries(
    plain: &Plain,
    key: impl Fn(&Plain) -> Result,
    value: impl Fn(&Plain) -> Result,
) -> Result<Vec<(Value, Value)>> {
    let entry = |found: &Plain, plain: &Plain, at: &dyn Fn(Mismatch) -> Mismatch| {
        let found = key(found).map_err(|e| at(e.in_field("key")))?;
        Ok((found, value(plain).map_err(at)?))
    };
    match plain {
        Plain::Object(members) => members
            .iter()
            .map(|(name, plain)| entry(&members.name(name), plain, &|e| e.at_key(name)))
            .collect(),
        Plain::Array(pairs) => pairs
            .iter()
            .enumerate()
            .map(|(i, pair)| match pair.as_array() {
                Some([key, plain]) => entry(key, plain, &|e| e.at(i)),
                _ => Err(mismatch("an array of key and value", pair).at(i)),
            })
            .collect(),
        other => Err(mismatch("an object, or an array of pairs", other)),
    }
}

/// Fields in the order of the type.
fn fields(fields: &[Field], members: &Members) -> Result<Vec<(String, Value)>> {
    let known = |name: &str| name == "@class" || fields.iter().any(|field| field.name.as_str() == name);
    if let Some(name) = members.keys().find(|name| !known(name)) {
        return Err(Mismatch::new(format!("there is no field `{name}`")));
    }
    let field = |field: &Field| {
        let name = field.name.as_str();
        let plain = members.field(name)?;
        Ok((
            name.to_owned(),
            nullable(&field.ty, plain).map_err(|e| e.in_field(name))?,
        ))
    };
    fields.iter().map(field).collect()
}

fn pojo_value(pojo: &PojoType, plain: &Plain) -> Result {
    if plain.is_null() {
        return Ok(Value::Null);
    }
    let members = object(plain)?;
    let class = members
        .get("@class")
        .and_then(Plain::as_str)
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
        Some((_, ty)) => value(ty, plain),
        None => Err(Mismatch::new(format!(
            "`{class}` is no subclass of `{}` in its snapshot",
            pojo.class
        ))),
    }
}

fn one_of(tagged: &TaggedType, plain: &Plain) -> Result {
    let (name, plain) = single(plain).ok_or_else(|| mismatch("an object with one field", plain))?;
    let mut error = Mismatch::new(format!("there is no field `{name}`"));
    for (_, _, ty) in tagged.cases.iter().filter(|case| case.1.as_str() == name) {
        match value(ty, plain) {
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

fn constant(e: &EnumType, plain: &Plain) -> Result {
    let name = plain
        .as_str()
        .ok_or_else(|| mismatch("the name of a constant", plain))?;
    match e.constants.iter().find(|(constant, _)| constant == name) {
        Some((_, index)) => Ok(Value::Enum {
            index: *index,
            name: name.to_owned(),
        }),
        None => {
            let why = Mismatch::new(format!("`{}` has no constant `{name}`", e.class));
            Err(why.without_data(format!("no constant of `{}` has this name", e.class)))
        }
    }
}

/// The only member of an object.
fn single(plain: &Plain) -> Option<(&str, &Plain)> {
    let members = plain.as_object().filter(|members| members.len() == 1)?;
    members.iter().next().map(|(name, plain)| (name.as_str(), plain))
}

fn array<'j>(plain: &'j Plain, expected: &str) -> Result<&'j [Plain]> {
    plain.as_array().ok_or_else(|| mismatch(expected, plain))
}

fn object(plain: &Plain) -> Result<&Members> {
    plain.as_object().ok_or_else(|| mismatch("an object", plain))
}

fn mismatch(expected: impl std::fmt::Display, got: &Plain) -> Mismatch {
    Mismatch::expected(expected, got.kind())
}

/// As [`mismatch`], but those who may see data see what it is.
fn not(expected: impl std::fmt::Display, got: &Plain) -> Mismatch {
    Mismatch::expected(&expected, got).without_data(format!("expected {expected}, got {}", got.kind()))
}
