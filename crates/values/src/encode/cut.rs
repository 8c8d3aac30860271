//! Values that were cut off: what nobody could interpret took the rest of its frame, and what
//! stood behind it is in there.

use statetool_format::Reader;

use super::{Mismatch, Result, field_value};
use crate::sink::Skip;
use crate::types::{Field, Type};
use crate::value::Value;
use crate::walk::{Framing, walk};

/// Refuses a value in which something follows a part that took the rest of its frame.
///
/// A decoder that meets such a part hands out the rest with it: the fields and elements that
/// came after it are missing in the value, and to write nulls for them would add to the bytes.
pub(super) fn refuse(ty: &Type, value: &Value) -> Result {
    takes_rest(ty, value).map(|_| ())
}

/// Whether the bytes of a value reach to the end of its frame, whatever is in them.
fn takes_rest(ty: &Type, value: &Value) -> Result<bool> {
    match (ty, value) {
        (Type::Kryo(_) | Type::JavaObject | Type::Opaque(_), Value::Opaque { bytes, .. }) => {
            Ok(!is_whole(ty, bytes))
        }
        (Type::Framed(framed), value) => takes_rest(&framed.inner, value).map(|_| false),
        (Type::Ttl(inner), Value::Ttl(_, value)) => takes_rest(inner, value),
        (Type::Optional(optional), value) if *value != Value::Null => takes_rest(&optional.inner, value),
        (Type::Either(either), Value::Either(right, value)) => {
            takes_rest(if *right { &either.right } else { &either.left }, value)
        }
        (Type::List(list), Value::List(items)) => items
            .iter()
            .try_for_each(|item| followed(&list.element, item))
            .map(|()| false),
        (Type::Map(map), Value::Map(entries)) => entries
            .iter()
            .try_for_each(|(key, value)| followed(&map.key, key).and_then(|()| followed(&map.value, value)))
            .map(|()| false),
        (Type::Tuple(tuple), Value::Tuple(items)) => all(tuple.fields.iter().zip(items), Mismatch::at),
        (Type::Row(row), Value::Row { fields, .. }) => all(row.fields.iter().zip(fields), Mismatch::at),
        (_, Value::Object { class, fields }) => object(ty, class.as_deref(), fields),
        _ => Ok(false),
    }
}

/// Whether bytes are a value that says itself where it ends, and end there.
fn is_whole(ty: &Type, bytes: &[u8]) -> bool {
    let r = &mut Reader::new(bytes);
    walk(ty, r, Framing::Unframed, &mut Skip).is_ok() && r.is_empty()
}

/// A part behind which something else stands, were it only the end of a collection, whose
/// number of elements is not known either.
fn followed(ty: &Type, value: &Value) -> Result {
    match takes_rest(ty, value)? {
        false => Ok(()),
        true => Err(Mismatch::new(
            "a part that cannot be interpreted took the rest of the value: nothing can be written behind it",
        )),
    }
}

/// Parts that follow each other; `at` says in which of them an error is.
fn all<'v>(
    parts: impl Iterator<Item = (&'v Type, &'v Value)>,
    at: impl Fn(Mismatch, usize) -> Mismatch,
) -> Result<bool> {
    let mut last = None;
    for (index, part) in parts.enumerate() {
        if let Some((index, (ty, value))) = last.replace((index, part)) {
            followed(ty, value).map_err(|error| at(error, index))?;
        }
    }
    match last {
        Some((_, (ty, value))) => takes_rest(ty, value),
        None => Ok(false),
    }
}

fn object(ty: &Type, class: Option<&str>, values: &[(String, Value)]) -> Result<bool> {
    match ty {
        Type::Record(record) => named(&record.fields, values),
        Type::Pojo(pojo) => {
            let mut subclasses = pojo.registered.iter().chain(&pojo.non_registered);
            match class.and_then(|class| subclasses.find(|(name, _)| name == class)) {
                Some((_, ty)) if class != Some(&pojo.class) => object(ty, class, values),
                _ => named(&pojo.fields, values),
            }
        }
        Type::Tagged(tagged) => {
            let [(name, value)] = values else {
                return Ok(false);
            };
            let case = tagged.cases.iter().find(|case| case.1.as_str() == name);
            case.map_or(Ok(false), |(_, _, ty)| takes_rest(ty, value))
        }
        _ => Ok(false),
    }
}

/// Fields in the order of their type; absent ones are written as nulls.
fn named(fields: &[Field], values: &[(String, Value)]) -> Result<bool> {
    let parts = fields.iter().enumerate();
    let parts = parts.map(|(position, field)| (&field.ty, field_value(values, position, field)));
    all(parts, |error, index| match fields.get(index) {
        Some(field) => error.in_field(field.name.as_str()),
        None => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::PojoType;

    fn opaque() -> Value {
        Value::Opaque {
            class: "com.acme.Cart".into(),
            bytes: vec![1, 2, 3],
        }
    }

    fn pojo(fields: &[&str]) -> Type {
        let ty = || Type::opaque("com.acme.Cart", "unknown");
        Type::Pojo(Box::new(PojoType {
            class: "com.acme.Order".into(),
            fields: fields.iter().map(|name| Field::new(name, ty())).collect(),
            registered: Vec::new(),
            non_registered: Vec::new(),
        }))
    }

    #[test]
    fn nothing_is_written_behind_what_took_the_rest() {
        let value = Value::Object {
            class: None,
            fields: vec![("cart".into(), opaque())],
        };
        let mut out = Vec::new();
        crate::encode(&pojo(&["cart"]), &value, &mut out).unwrap();
        assert_eq!(out, [2, 0, 1, 2, 3]);
        let error = crate::encode(&pojo(&["cart", "user"]), &value, &mut out).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`cart`: a part that cannot be interpreted took the rest of the value: nothing can be written behind it"
        );
        assert_eq!(out.len(), 5);
    }
}
