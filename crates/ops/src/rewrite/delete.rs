//! Keys whose state and timers are left out.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use statetool_backend::InFile;
use statetool_snapshot::{Entry, Error, LoadedOperator, Operator, OperatorSelector, Result, Snapshot, State};

use super::edits::Edits;
use super::rule::{Apply, Fate, Rule};
use crate::key::Key;

/// A key of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteKey {
    /// The operator: a selector.
    pub operator: String,
    /// The key: JSON, or a bare word for a string.
    pub key: String,
}

/// Keys of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteKeys {
    /// The operator: a selector.
    pub operator: String,
    /// A file with one key a line.
    pub file: String,
}

/// The keys of one operator that are deleted.
struct Deleted {
    operator: String,
    /// Their serialized forms, and whether entries of them have been met.
    bytes: HashMap<Vec<u8>, AtomicBool>,
    /// Keys whose serialized forms only the job's classes could write.
    others: Vec<(Key, AtomicBool)>,
}

/// The rule for an operator, if keys of it are deleted.
pub(super) fn rule(
    snapshot: &Snapshot,
    operator: &Operator<'_>,
    loaded: &LoadedOperator,
    edits: &Edits,
) -> Result<Option<Arc<dyn Rule>>> {
    let texts = texts(snapshot, operator, edits)?;
    if texts.is_empty() {
        return Ok(None);
    }
    let state = keyed_state(operator, loaded)?;
    let mut deleted = Deleted {
        operator: operator.label(),
        bytes: HashMap::with_capacity(texts.len()),
        others: Vec::new(),
    };
    for text in texts {
        let key = Key::parse(&text, state, operator.state.max_parallelism)?;
        match key.bytes() {
            Some(bytes) => {
                deleted.bytes.insert(bytes.to_vec(), AtomicBool::new(false));
            }
            None => deleted.others.push((key, AtomicBool::new(false))),
        }
    }
    Ok(Some(Arc::new(deleted)))
}

/// A state by which keys of an operator can be understood.
pub(super) fn keyed_state<'l>(operator: &Operator<'_>, loaded: &'l LoadedOperator) -> Result<&'l State> {
    let keyed = loaded.states.iter().find(|state| state.kind.is_keyed());
    keyed.map(|state| &**state).ok_or_else(|| {
        Error::usage(format!(
            "operator `{}` has no keyed state that can be read",
            operator.label()
        ))
    })
}

/// Whether edits name keys of an operator.
pub(super) fn concerns(snapshot: &Snapshot, operator: &Operator<'_>, edits: &Edits) -> Result<bool> {
    let singles = edits.delete.iter().map(|delete| &delete.operator);
    let files = edits.delete_keys.iter().map(|delete| &delete.operator);
    for selector in singles.chain(files) {
        if OperatorSelector::parse(selector).resolve(snapshot)?.index == operator.index {
            return Ok(true);
        }
    }
    Ok(false)
}

fn texts(snapshot: &Snapshot, operator: &Operator<'_>, edits: &Edits) -> Result<Vec<String>> {
    let is_meant = |selector: &str| -> Result<bool> {
        Ok(OperatorSelector::parse(selector).resolve(snapshot)?.index == operator.index)
    };
    let mut texts = Vec::new();
    for delete in &edits.delete {
        if is_meant(&delete.operator)? {
            texts.push(delete.key.clone());
        }
    }
    for delete in &edits.delete_keys {
        if is_meant(&delete.operator)? {
            texts.extend(lines(Path::new(&delete.file))?);
        }
    }
    Ok(texts)
}

fn lines(file: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::usage(format!("`{}`, a file of keys: {error}", file.display())))?;
    let lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .filter(|line| !line.trim().is_empty());
    Ok(lines.map(str::to_owned).collect())
}

impl Rule for Deleted {
    fn name(&self) -> &'static str {
        "delete"
    }

    fn concerns(&self, state: &State) -> bool {
        state.kind.is_keyed()
    }

    fn worker(&self) -> Result<Box<dyn Apply + '_>> {
        Ok(Box::new(self))
    }

    fn notes(&self) -> Vec<String> {
        let others = self.others.iter().map(|(_, met)| met);
        let all = self.bytes.values().chain(others);
        let absent = all.filter(|met| !met.load(Ordering::Relaxed)).count();
        let count = self.bytes.len() + self.others.len();
        match absent {
            0 => Vec::new(),
            _ => vec![format!(
                "operator `{}`: {absent} of {count} keys to be deleted have no state",
                self.operator
            )],
        }
    }
}

impl Apply for &Deleted {
    fn apply(&mut self, entry: &Entry<'_>, _out: &mut Vec<u8>) -> Result<Fate> {
        let Some(parts) = entry.key_parts().in_file(&entry.state.name)? else {
            return Ok(Fate::Keep);
        };
        let other = || {
            let mut others = self.others.iter();
            let found = others.find(|(key, _)| key.is(entry.state, parts.key));
            found.map(|(_, met)| met)
        };
        match self.bytes.get(parts.key).or_else(other) {
            Some(met) => {
                met.store(true, Ordering::Relaxed);
                Ok(Fate::Drop)
            }
            None => Ok(Fate::Keep),
        }
    }
}
