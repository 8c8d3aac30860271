//! What a script returns, as a value without types.

use rquickjs::{Array, Coerced, Ctx, Error as JsError, FromJs, Object, String as JsString, Type, Value};
use statetool_values::{JavaStr, MAX_DEPTH, Mismatch, Plain};

use super::engine::{Helpers, Trouble};
use super::failure::Failure;

/// Takes values out of an engine.
pub(super) struct Taker<'h> {
    helpers: &'h Helpers,
    /// How many more bytes may be taken: what is shared in the engine is not here.
    left: usize,
}

/// What a value takes at least.
const VALUE_BYTES: usize = size_of::<Plain>();

impl<'h> Taker<'h> {
    /// Takes values of no more than `memory` bytes.
    pub(super) fn new(helpers: &'h Helpers, memory: usize) -> Self {
        Self {
            helpers,
            left: memory,
        }
    }

    /// A value with all that is in it.
    pub(super) fn take(&mut self, value: &Value<'_>) -> Result<Plain, Trouble> {
        self.nested(value, 0)
    }

    fn nested(&mut self, value: &Value<'_>, depth: u32) -> Result<Plain, Trouble> {
        if depth > MAX_DEPTH {
            return Err(unfit(format!(
                "it nests deeper than {MAX_DEPTH} levels, or contains itself"
            )));
        }
        self.count(VALUE_BYTES)?;
        match value.type_of() {
            Type::Null => Ok(Plain::Null),
            Type::Bool => Ok(Plain::Boolean(value.as_bool().unwrap_or_default())),
            Type::Int | Type::Float => Ok(number(value.as_number().unwrap_or(f64::NAN))),
            Type::BigInt => big_integer(value),
            Type::String => match value.as_string() {
                Some(text) => self.string(text).map(Plain::text),
                None => Ok(Plain::Null),
            },
            Type::Array => match value.as_array() {
                Some(array) => self.array(array, depth),
                None => Ok(Plain::Null),
            },
            Type::Object => match value.as_object() {
                Some(object) => self.object(object, depth),
                None => Ok(Plain::Null),
            },
            Type::Undefined if depth == 0 => Err(unfit(
                "it returned nothing: a `return` is missing, or null was meant",
            )),
            _ => Err(unfit(format!("{} is no value of a state", kind(value)))),
        }
    }

    fn count(&mut self, bytes: usize) -> Result<(), Failure> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Failure::Memory),
        }
    }

    fn string(&mut self, text: &JsString<'_>) -> Result<JavaStr, Trouble> {
        match text.to_string() {
            Ok(text) => {
                self.count(text.len())?;
                Ok(text.as_str().into())
            }
            // Only lone surrogates are no UTF-8.
            Err(JsError::Utf8(_)) => {
                let units: Array<'_> = self
                    .helpers
                    .units
                    .clone()
                    .restore(text.ctx())?
                    .call((text.clone(),))?;
                let units: Vec<u16> = units.iter::<u16>().collect::<Result<_, _>>()?;
                self.count(units.len())?;
                Ok(units.into_iter().collect())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn array(&mut self, array: &Array<'_>, depth: u32) -> Result<Plain, Trouble> {
        // `Array::len` fails where the length is no small number.
        let len: f64 = array.as_object().get("length")?;
        let mut items = Vec::new();
        for index in 0..len as usize {
            let item: Value<'_> = array.get(index)?;
            items.push(
                self.nested(&item, depth + 1)
                    .map_err(|trouble| within(trouble, |e| e.at(index)))?,
            );
        }
        Ok(Plain::Array(items))
    }

    fn object(&mut self, object: &Object<'_>, depth: u32) -> Result<Plain, Trouble> {
        if !is_plain(object) {
            return self.date(object);
        }
        let mut members = Vec::new();
        for entry in object.props::<String, Value<'_>>() {
            let (name, value) = entry?;
            self.count(name.len())?;
            let value = self
                .nested(&value, depth + 1)
                .map_err(|trouble| within(trouble, |e| e.in_field(&name)))?;
            members.push((name, value));
        }
        Ok(Plain::object(members))
    }

    /// A date as its text; nothing else that has a class is a value.
    fn date(&mut self, object: &Object<'_>) -> Result<Plain, Trouble> {
        let ctx: &Ctx<'_> = object.ctx();
        let text: Value<'_> = self.helpers.date.clone().restore(ctx)?.call((object.clone(),))?;
        match text.as_string() {
            Some(text) => self.string(text).map(Plain::text),
            None => Err(unfit(
                "only plain objects, arrays and dates are values of a state: no Map, no Set, no instance of a class",
            )),
        }
    }
}

fn unfit(why: impl Into<String>) -> Trouble {
    Trouble::Else(Failure::Result(Mismatch::new(why)))
}

/// What a value is, in words for messages.
pub(super) fn kind(value: &Value<'_>) -> &'static str {
    match value.type_of() {
        Type::Undefined => "undefined",
        Type::Null => "null",
        Type::Bool => "a boolean",
        Type::Int | Type::Float => "a number",
        Type::BigInt => "a BigInt",
        Type::String => "a string",
        Type::Symbol => "a symbol",
        Type::Array => "an array",
        Type::Function | Type::Constructor => "a function",
        Type::Promise => "a promise",
        _ => "an object",
    }
}

/// The same inside a part.
fn within(trouble: Trouble, place: impl FnOnce(Mismatch) -> Mismatch) -> Trouble {
    match trouble {
        Trouble::Else(Failure::Result(mismatch)) => Trouble::Else(Failure::Result(place(mismatch))),
        other => other,
    }
}

/// Whether an object has no class of its own.
fn is_plain(object: &Object<'_>) -> bool {
    object
        .get_prototype()
        .is_none_or(|prototype| prototype.get_prototype().is_none())
}

/// A number, whole if it is one that no other is rounded to.
fn number(v: f64) -> Plain {
    const MAX_SAFE: f64 = 9_007_199_254_740_991.0;
    match v.fract() == 0.0 && v.abs() <= MAX_SAFE && !(v == 0.0 && v.is_sign_negative()) {
        true => Plain::Integer(v as i64),
        false => Plain::Float(v),
    }
}

fn big_integer(value: &Value<'_>) -> Result<Plain, Trouble> {
    let digits = Coerced::<String>::from_js(value.ctx(), value.clone())?.0;
    if let Ok(v) = digits.parse() {
        return Ok(Plain::Integer(v));
    }
    match digits.parse() {
        Ok(v) => Ok(Plain::BigInteger(v)),
        Err(_) => Err(unfit("this BigInt is no number")),
    }
}
