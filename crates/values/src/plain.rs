//! Values without Flink's types: what JSON and scripts say.

use std::fmt;

use num_bigint::BigInt;
use serde_json::Value as Json;

use crate::mismatch::Mismatch;
use crate::value::JavaStr;

/// A value in a notation that knows nothing of Flink's types, but can tell more than JSON:
/// numbers of any size, those that are none, and strings with lone surrogates.
#[derive(Debug, Clone, PartialEq)]
pub enum Plain {
    /// Null.
    Null,
    /// A boolean.
    Boolean(bool),
    /// A whole number of 64 bits, exactly.
    Integer(i64),
    /// A whole number beyond 64 bits.
    BigInteger(BigInt),
    /// Any other number; whole ones may have been rounded.
    Float(f64),
    /// A string.
    Text(PlainText),
    /// Elements in order.
    Array(Vec<Plain>),
    /// Members by name.
    Object(Members),
}

/// A string, and what it may stand for.
#[derive(Debug, Clone, PartialEq)]
pub struct PlainText {
    /// The string.
    pub text: JavaStr,
    /// Whether it may be a number: JSON has no other way for those that readers would round.
    pub may_be_number: bool,
}

/// The members of an object in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Members {
    members: Vec<(String, Plain)>,
    /// Whether those that are not there are null.
    may_lack: bool,
}

impl Plain {
    /// A string that is nothing but a string.
    pub fn text(text: JavaStr) -> Self {
        Self::Text(PlainText {
            text,
            may_be_number: false,
        })
    }

    /// An object that lacks nothing; names are different.
    pub fn object(members: Vec<(String, Self)>) -> Self {
        Self::Object(Members {
            members,
            may_lack: false,
        })
    }

    pub(crate) fn is_null(&self) -> bool {
        *self == Self::Null
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(v) => Some(*v),
            _ => None,
        }
    }

    /// A string that is well-formed.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => std::str::from_utf8(text.text.as_wtf8()).ok(),
            _ => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn as_object(&self) -> Option<&Members> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The member of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.as_object().and_then(|members| members.get(name))
    }

    /// What it is, in words for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Float(number) if number.is_finite() && number.fract() != 0.0 => {
                "a number that is not whole"
            }
            Self::Integer(_) | Self::BigInteger(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

impl Members {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Plain)> {
        self.members.iter().map(|(name, value)| (name, value))
    }

    /// Names, and values that can be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&String, &mut Plain)> {
        self.members.iter_mut().map(|(name, value)| (&*name, value))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &String> {
        self.iter().map(|(name, _)| name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Plain> {
        self.iter()
            .find_map(|(found, value)| (found == name).then_some(value))
    }

    /// The name of a member as the key of a map.
    pub(crate) fn name(&self, name: &str) -> Plain {
        Plain::Text(PlainText {
            text: name.into(),
            may_be_number: self.may_lack,
        })
    }

    /// The value of a field; null where it is left out and may be.
    pub(crate) fn field(&self, name: &str) -> Result<&Plain, Mismatch> {
        match self.get(name) {
            Some(value) => Ok(value),
            None if self.may_lack => Ok(&Plain::Null),
            None => Err(Mismatch::new(format!("the field `{name}` is missing"))),
        }
    }
}

impl From<&Json> for Plain {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(v) => Self::Boolean(*v),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(v), _) => Self::Integer(v),
                (_, Some(v)) => Self::BigInteger(v.into()),
                _ => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::Text(PlainText {
                text: text.as_str().into(),
                may_be_number: true,
            }),
            Json::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            Json::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, json)| (name.clone(), Self::from(json)));
                Self::Object(Members {
                    members: members.collect(),
                    may_lack: true,
                })
            }
        }
    }
}

/// Numbers and strings as they are, anything larger by its kind.
impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(v) => v.fmt(f),
            Self::BigInteger(v) => v.fmt(f),
            Self::Float(v) => write!(f, "{v:?}"),
            Self::Text(text) => write!(f, "`{}`", text.text),
            other => f.write_str(other.kind()),
        }
    }
}
