//! The keys that take the most bytes.

use std::cmp::Reverse;
use std::sync::Arc;

use statetool_format::Reader;
use statetool_snapshot::{Entry, KeyParts, State, StateKind};
use statetool_values::{Framing, JsonOptions, JsonWriter, Type, walk};

use super::model::LargestKey;

/// How many keys a report shows.
const LARGEST: usize = 5;

/// The largest keys of one state, met so far.
pub(super) struct LargestKeys {
    key: Option<Arc<Type>>,
    namespace: Option<Arc<Type>>,
    /// Entries of one map lie side by side, so the bytes of a key are those of a run.
    in_runs: bool,
    run: Option<Run>,
    /// Largest first; keys of one size by key group, and then as they are stored.
    kept: Vec<Run>,
}

/// Consecutive entries of one key.
#[derive(Clone)]
struct Run {
    key_group: Option<u32>,
    /// Serialized key, and namespace behind it.
    id: Vec<u8>,
    key_len: usize,
    entries: u64,
    bytes: u64,
}

impl LargestKeys {
    /// None so far.
    pub(super) fn new(state: &State) -> Self {
        Self {
            key: state.key.clone(),
            namespace: state.namespace.clone(),
            in_runs: state.kind == StateKind::Map,
            run: None,
            kept: Vec::new(),
        }
    }

    /// Sees an entry of keyed state.
    #[inline]
    pub(super) fn add(&mut self, entry: &Entry<'_>, bytes: u64) {
        if self.in_runs {
            self.add_to_run(entry, bytes);
        } else if self.is_large(bytes)
            && let Ok(Some(parts)) = entry.key_parts()
        {
            self.keep(Run::new(entry.key_group, &parts, bytes));
        }
    }

    fn add_to_run(&mut self, entry: &Entry<'_>, bytes: u64) {
        let Ok(Some(parts)) = entry.key_parts() else {
            return;
        };
        match self.run.as_mut() {
            Some(run) if run.is_of(entry.key_group, &parts) => {
                run.entries += 1;
                run.bytes += bytes;
            }
            _ => {
                self.end_run();
                self.run = Some(Run::new(entry.key_group, &parts, bytes));
            }
        }
    }

    /// What has been seen of a key is all of it.
    pub(super) fn end_run(&mut self) {
        if let Some(run) = self.run.take()
            && self.is_large(run.bytes)
        {
            self.keep(run);
        }
    }

    fn is_large(&self, bytes: u64) -> bool {
        let floor = self.kept.last().map_or(0, |run| run.bytes);
        self.kept.len() < LARGEST || bytes > floor
    }

    fn keep(&mut self, run: Run) {
        self.kept.push(run);
        self.kept.sort_by_key(|run| (Reverse(run.bytes), run.key_group));
        self.kept.truncate(LARGEST);
    }

    /// Adds what another thread has met.
    pub(super) fn merge(&mut self, mut other: Self) {
        other.end_run();
        other.kept.into_iter().for_each(|run| self.keep(run));
    }

    /// The keys as rows show them.
    pub(super) fn report(&self) -> Vec<LargestKey> {
        let report = |run: &Run| {
            let (key, namespace) = run.id.split_at_checked(run.key_len).unwrap_or_default();
            LargestKey {
                key: json(self.key.as_deref(), key),
                namespace: json(self.namespace.as_deref(), namespace),
                key_group: run.key_group,
                entries: run.entries,
                bytes: run.bytes,
            }
        };
        self.kept.iter().map(report).collect()
    }
}

impl Run {
    fn new(key_group: Option<u32>, parts: &KeyParts<'_>, bytes: u64) -> Self {
        Self {
            key_group,
            id: [parts.key, parts.namespace].concat(),
            key_len: parts.key.len(),
            entries: 1,
            bytes,
        }
    }

    fn is_of(&self, key_group: Option<u32>, parts: &KeyParts<'_>) -> bool {
        self.key_group == key_group
            && self.key_len == parts.key.len()
            && self
                .id
                .strip_prefix(parts.key)
                .is_some_and(|namespace| namespace == parts.namespace)
    }
}

/// A serialized key or namespace as rows show it.
fn json(ty: Option<&Type>, bytes: &[u8]) -> serde_json::Value {
    let Some(ty) = ty else {
        return serde_json::Value::Null;
    };
    let mut text = Vec::new();
    let mut writer = JsonWriter::new(&mut text, JsonOptions::default());
    match walk(ty, &mut Reader::new(bytes), Framing::Framed, &mut writer) {
        Ok(_) => serde_json::from_slice(&text).unwrap_or_default(),
        Err(_) => serde_json::Value::Null,
    }
}
