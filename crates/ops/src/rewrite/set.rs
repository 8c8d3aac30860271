//! Values that states get for certain keys, whether they had one or not.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use statetool_backend::InFile;
use statetool_format::{KeyGroupRange, Put};
use statetool_snapshot::{
    Entry, Error, Flow, LoadedOperator, Operator, Payload, Result, Snapshot, State, StateKind, StateSelector,
    StoredKey,
};
use statetool_values::{Type, Value, encode};

use super::edits::Edits;
use super::rule::{Apply, Fate, Form, Rule};
use crate::key::Key;
use crate::namespace::is_void;

/// A value of a state for a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetValue {
    /// The state: a selector.
    pub state: String,
    /// The key: JSON, or a bare word for a string.
    pub key: String,
    /// All that the state holds for the key: JSON.
    pub value: String,
}

/// The name of the rule.
pub(super) const RULE: &str = "set";

/// An entry that is written besides those that are read.
pub(super) struct Addition {
    /// Its key group in the new snapshot.
    pub(super) group: u32,
    pub(super) state: Arc<State>,
    key: Vec<u8>,
    map_key: Option<Vec<u8>>,
    form: Form,
    value: Vec<u8>,
}

/// What an operator's states held before for keys that get a value.
pub(super) struct Replaced {
    keys: HashSet<(String, Vec<u8>)>,
}

/// The rule by which what was there goes, and what comes in its place.
type Resolved = (Option<Arc<dyn Rule>>, Vec<Addition>);

/// What there is to be set for an operator.
pub(super) fn resolve(
    snapshot: &Snapshot,
    operator: &Operator<'_>,
    loaded: &LoadedOperator,
    edits: &Edits,
    max_parallelism: u32,
) -> Result<Resolved> {
    let (mut keys, mut additions) = (HashSet::new(), Vec::new());
    for set in &edits.set {
        let selector = StateSelector::parse(&set.state, snapshot);
        let meant = selector.operators(snapshot)?;
        if !meant.iter().any(|other| other.index == operator.index) {
            continue;
        }
        for state in loaded.states.iter().filter(|state| selector.wants(&state.name)) {
            let key = Key::parse(&set.key, state, max_parallelism)?;
            let (Some(bytes), Some(group)) = (key.bytes(), key.key_group) else {
                return Err(refuse(
                    state,
                    "only the job's classes know the hash codes of its keys",
                ));
            };
            check_covered(operator, loaded, &set.key, state)?;
            if !keys.insert((state.name.clone(), bytes.to_vec())) {
                return Err(Error::usage(format!(
                    "state `{}` is to be set twice for one key",
                    state.name
                )));
            }
            let addition = |map_key, form, value| Addition {
                group,
                state: state.clone(),
                key: bytes.to_vec(),
                map_key,
                form,
                value,
            };
            for (map_key, form, value) in entries(state, &set.value)? {
                additions.push(addition(map_key, form, value));
            }
        }
    }
    additions.sort_by_key(|addition| addition.group);
    let replaced = (!keys.is_empty()).then(|| Arc::new(Replaced { keys }) as Arc<dyn Rule>);
    Ok((replaced, additions))
}

/// Whether edits set something of an operator.
pub(super) fn concerns(snapshot: &Snapshot, operator: &Operator<'_>, edits: &Edits) -> Result<bool> {
    for set in &edits.set {
        let meant = StateSelector::parse(&set.state, snapshot).operators(snapshot)?;
        if meant.iter().any(|other| other.index == operator.index) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Refuses keys whose subtask has no keyed state in which an entry could be put.
fn check_covered(operator: &Operator<'_>, loaded: &LoadedOperator, text: &str, state: &State) -> Result<()> {
    let key = Key::parse(text, state, operator.state.max_parallelism)?;
    let group = key.key_group.unwrap_or_default();
    let has = |part: &statetool_snapshot::Part| {
        part.range.contains(group) && part.states().iter().any(|other| other.name == state.name)
    };
    match loaded.parts.iter().any(has) {
        true => Ok(()),
        false => Err(refuse(
            state,
            &format!("the subtask of key group {group} has no such state"),
        )),
    }
}

fn refuse(state: &State, why: &str) -> Error {
    Error::refused(format!("state `{}` cannot be set: {why}", state.name))
}

type Stored = (Option<Vec<u8>>, Form, Vec<u8>);

/// The entries that hold a value.
fn entries(state: &State, text: &str) -> Result<Vec<Stored>> {
    let json: Json = serde_json::from_str(text)
        .map_err(|error| Error::usage(format!("`{}` cannot be set: no JSON: {error}", state.name)))?;
    if !is_void(state) {
        return Err(refuse(state, "it has namespaces, such as windows"));
    }
    let mut stored = Vec::new();
    match (state.kind, &json) {
        (StateKind::Timer, _) => return Err(refuse(state, "it holds timers")),
        (StateKind::List, Json::Array(elements)) => {
            let mut list = Vec::new();
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    list.put_u8(b',');
                }
                put(state, &state.value, element, &mut list)?;
            }
            if !elements.is_empty() {
                stored.push((None, Form::Delimited, list));
            }
        }
        (StateKind::List, _) => return Err(wrong(state, "a list is an array")),
        (StateKind::Map, _) => {
            for (key, value) in pairs(state, &json)? {
                let (mut map_key, mut bytes) = (Vec::new(), Vec::new());
                let key_type = state.map_key.as_deref().unwrap_or(&state.value);
                put(state, key_type, &key, &mut map_key)?;
                let form = match value {
                    Json::Null if !state.ttl => Form::Null,
                    _ => Form::Value,
                };
                if form == Form::Value {
                    put(state, &state.value, &value, &mut bytes)?;
                }
                stored.push((Some(map_key), form, bytes));
            }
        }
        _ => {
            let mut bytes = Vec::new();
            put(state, &state.value, &json, &mut bytes)?;
            stored.push((None, Form::Value, bytes));
        }
    }
    Ok(stored)
}

/// Keys and values of a map, in the form that rows have.
fn pairs(state: &State, json: &Json) -> Result<Vec<(Json, Json)>> {
    match json {
        Json::Object(fields) => {
            let pairs = fields.iter();
            Ok(pairs
                .map(|(key, value)| (Json::String(key.clone()), value.clone()))
                .collect())
        }
        Json::Array(pairs) => {
            let pair = |pair: &Json| match pair.as_array().map(Vec::as_slice) {
                Some([key, value]) => Ok((key.clone(), value.clone())),
                _ => Err(wrong(state, "a map is an object, or an array of [key, value]")),
            };
            pairs.iter().map(pair).collect()
        }
        _ => Err(wrong(state, "a map is an object, or an array of [key, value]")),
    }
}

fn wrong(state: &State, why: &str) -> Error {
    Error::usage(format!("no value of state `{}`: {why}", state.name))
        .hint("write it as JSON, as `statetool cat` shows it")
}

/// Appends a value; one with TTL was written now.
fn put(state: &State, ty: &Type, json: &Json, out: &mut Vec<u8>) -> Result<()> {
    let ty = match ty {
        Type::Ttl(inner) => {
            out.put_i64(crate::time::now());
            inner
        }
        ty => ty,
    };
    let value = Value::from_json(ty, json).map_err(|error| wrong(state, &error.to_string()))?;
    encode(ty, &value, out).map_err(|error| wrong(state, &error.to_string()))
}

impl Rule for Replaced {
    fn name(&self) -> &'static str {
        RULE
    }

    fn concerns(&self, state: &State) -> bool {
        state.kind.is_keyed() && self.keys.iter().any(|(name, _)| *name == state.name)
    }

    fn worker(&self) -> Result<Box<dyn Apply + '_>> {
        Ok(Box::new(ReplacedNow {
            of: self,
            place: (String::new(), Vec::new()),
        }))
    }
}

struct ReplacedNow<'r> {
    of: &'r Replaced,
    place: (String, Vec<u8>),
}

impl Apply for ReplacedNow<'_> {
    fn apply(&mut self, entry: &Entry<'_>, _out: &mut Vec<u8>) -> Result<Fate> {
        let Some(parts) = entry.key_parts().in_file(&entry.state.name)? else {
            return Ok(Fate::Keep);
        };
        self.place.0.clone_from(&entry.state.name);
        self.place.1.clear();
        self.place.1.extend_from_slice(parts.key);
        match self.of.keys.contains(&self.place) {
            true => Ok(Fate::Drop),
            false => Ok(Fate::Keep),
        }
    }
}

/// The additions of a work item, each of which is written once.
#[derive(Default)]
pub(super) struct Additions<'a>(&'a [Addition]);

impl<'a> Additions<'a> {
    /// Those for some key groups; they are sorted by these.
    pub(super) fn within(all: &'a [Addition], range: KeyGroupRange) -> Self {
        let start = all.partition_point(|addition| addition.group < range.start);
        let end = all.partition_point(|addition| addition.group < range.end());
        Self(all.get(start..end).unwrap_or_default())
    }

    /// Whether nothing is left.
    pub(super) fn are_done(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives those to `take` that come in front of a key group.
    pub(super) fn before(
        &mut self,
        group: Option<u32>,
        mut take: impl FnMut(&Entry<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        let comes = |addition: &Addition| group.is_none_or(|group| addition.group < group);
        while let Some((addition, rest)) = self.0.split_first().filter(|(first, _)| comes(first)) {
            self.0 = rest;
            if addition.visit(&mut take)?.is_break() {
                return Ok(Flow::Break(()));
            }
        }
        Ok(Flow::Continue(()))
    }
}

impl Addition {
    fn visit(&self, take: &mut impl FnMut(&Entry<'_>) -> Result<Flow>) -> Result<Flow> {
        /// What `VoidNamespaceSerializer` writes.
        const VOID_NAMESPACE: &[u8] = &[0];
        let value = match self.form {
            Form::Null => Payload::Null(&[]),
            form => form.payload(&self.value),
        };
        take(&Entry {
            state: &self.state,
            subtask: 0,
            key_group: Some(self.group),
            key: StoredKey::Split {
                key: &self.key,
                namespace: VOID_NAMESPACE,
                map_key: self.map_key.as_deref(),
                timestamp: None,
            },
            value,
            offset: None,
        })
    }
}
