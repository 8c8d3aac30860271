//! Looking for one key: which key group it is in, and which entries are of it.

use serde_json::Value as Json;
use statetool_format::key_group::key_group_of_hash;
use statetool_format::{KeyGroupRange, Reader};
use statetool_snapshot::{Error, Result, State};
use statetool_values::{Framing, JsonOptions, JsonWriter, Type, Value, encode, java_hash, walk};

/// A key as the states of an operator store it.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    form: Form,
    /// Its key group, if its class has a hash code that is known outside of the job.
    pub key_group: Option<u32>,
}

/// How a key is recognized.
#[derive(Debug, Clone, PartialEq)]
enum Form {
    /// By its serialized form.
    Bytes(Vec<u8>),
    /// By what rows show, where only the job's classes could write it: any of these.
    Shown(Vec<Json>),
}

impl Key {
    /// The key that a user means by JSON, or by a bare word for a string.
    ///
    /// # Errors
    /// When the text is not a value of the state's key type.
    pub fn parse(text: &str, state: &State, max_parallelism: u32) -> Result<Self> {
        let Some(ty) = &state.key else {
            return Err(Error::usage(format!(
                "state `{}` has no keys: it is {} state",
                state.name, state.kind
            )));
        };
        // A bare word is a string; so is `42` where keys are strings.
        let word = Json::String(text.to_owned());
        let candidates = serde_json::from_str(text).ok().into_iter().chain([word]);
        if !can_be_written(ty) {
            return Ok(Self {
                form: Form::Shown(candidates.collect()),
                key_group: None,
            });
        }
        let refuse = |why: String| {
            let (text, why) = (abbreviated(text), abbreviated_why(&why));
            Error::usage(format!("`{text}` is no key of type {}: {why}", ty.name()))
                .hint("write the key as JSON, as `statetool cat` shows it")
        };
        let mut why = None;
        for json in candidates {
            match Value::from_json(ty, &json) {
                Ok(value) => {
                    let mut bytes = Vec::new();
                    encode(ty, &value, &mut bytes).map_err(|error| refuse(error.to_string()))?;
                    return Ok(Self {
                        form: Form::Bytes(bytes),
                        key_group: java_hash(ty, &value).map(|hash| key_group_of_hash(hash, max_parallelism)),
                    });
                }
                Err(error) => {
                    why.get_or_insert(error.to_string());
                }
            }
        }
        Err(refuse(why.unwrap_or_default()))
    }

    /// The serialized form, unless only the job's classes could write it.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.form {
            Form::Bytes(bytes) => Some(bytes),
            Form::Shown(_) => None,
        }
    }

    /// The key groups to read.
    pub fn range(&self) -> Option<KeyGroupRange> {
        self.key_group.map(|group| KeyGroupRange::new(group, group + 1))
    }

    /// Whether these bytes are the key in a state.
    pub fn is(&self, state: &State, bytes: &[u8]) -> bool {
        match &self.form {
            Form::Bytes(wanted) => wanted == bytes,
            Form::Shown(wanted) => wanted.contains(&shown(state.key.as_deref(), bytes)),
        }
    }
}

/// How many letters of what a user looks for are repeated to him.
const MAX_SHOWN: usize = 100;
/// How long a reason may be that repeats it too.
const MAX_WHY: usize = 400;

/// What a user looks for, no longer than a message can bear.
pub(crate) fn abbreviated(text: &str) -> String {
    shortened(text, MAX_SHOWN)
}

/// Why it is not there, no longer than a message can bear.
pub(crate) fn abbreviated_why(text: &str) -> String {
    shortened(text, MAX_WHY)
}

fn shortened(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => {
            let (beginning, count) = (text.get(..end).unwrap_or_default(), text.chars().count());
            format!("{beginning}… ({count} characters)")
        }
        None => text.to_owned(),
    }
}

/// Whether the serialized form of a key follows from what rows show.
pub(crate) fn can_be_written(ty: &Type) -> bool {
    let mut can = true;
    ty.visit(&mut |ty| can &= !matches!(ty, Type::Kryo(_) | Type::JavaObject | Type::Opaque(_)));
    can
}

/// A serialized key as rows show it.
pub(crate) fn shown(ty: Option<&Type>, bytes: &[u8]) -> Json {
    let mut text = Vec::new();
    let mut writer = JsonWriter::new(&mut text, JsonOptions::default());
    match ty.map(|ty| walk(ty, &mut Reader::new(bytes), Framing::Framed, &mut writer)) {
        Some(Ok(_)) => serde_json::from_slice(&text).unwrap_or_default(),
        _ => Json::Null,
    }
}
