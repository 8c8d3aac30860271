//! Looking for one key: which key group it is in, and which bytes it is.

use statetool_format::KeyGroupRange;
use statetool_format::key_group::key_group_of_hash;
use statetool_snapshot::{Error, Result, State};
use statetool_values::{Value, encode, java_hash};

/// A key as the states of an operator store it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its serialized form.
    pub bytes: Vec<u8>,
    /// Its key group, if its class has a hash code that is known outside of the job.
    pub key_group: Option<u32>,
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
        let refuse = |why: String| Error::usage(format!("`{text}` is no key of type {}: {why}", ty.name()));
        // A bare word is a string; so is `42` where keys are strings.
        let candidates = [
            serde_json::from_str(text).ok(),
            Some(serde_json::Value::String(text.to_owned())),
        ];
        let mut why = None;
        for json in candidates.into_iter().flatten() {
            match Value::from_json(ty, &json) {
                Ok(value) => {
                    let mut bytes = Vec::new();
                    encode(ty, &value, &mut bytes).map_err(|error| refuse(error.to_string()))?;
                    let key_group =
                        java_hash(ty, &value).map(|hash| key_group_of_hash(hash, max_parallelism));
                    return Ok(Self { bytes, key_group });
                }
                Err(error) => {
                    why.get_or_insert(error.to_string());
                }
            }
        }
        Err(refuse(why.unwrap_or_default()))
    }

    /// The key groups to read.
    pub fn range(&self) -> Option<KeyGroupRange> {
        self.key_group.map(|group| KeyGroupRange::new(group, group + 1))
    }
}
