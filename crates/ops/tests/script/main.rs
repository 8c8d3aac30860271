//! What scripts see, what they may return, and how they are held in bounds.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and tell what they counted"
)]

mod bounds;
mod files;
mod given;
mod returned;

use std::sync::Arc;

use statetool_ops::script::{Form, Limits, Outcome, Script, Whose, Worker};
use statetool_snapshot::{Entry, Flow, Operator, Payload, Result, Snapshot, State, StoredKey};
use statetool_testkit::opened::{metadata_of, open};

/// A state of a fixture, for entries that are made for a test.
struct Made {
    snapshot: Snapshot,
    state: Arc<State>,
    operator: usize,
}

impl Made {
    /// A state by fixture and name.
    fn new(fixture: &str, name: &str) -> Self {
        let snapshot = open(&metadata_of(fixture).unwrap()).unwrap();
        let found = snapshot.operators().find_map(|operator| {
            let loaded = snapshot.load_operator(&operator).unwrap();
            let mut states = loaded.parts.iter().flat_map(|part| part.states());
            let state = states.find(|state| state.name == name)?;
            Some((operator.index, state.clone()))
        });
        let (operator, state) = found.unwrap_or_else(|| panic!("{fixture} has no state {name}"));
        Self {
            snapshot,
            state,
            operator,
        }
    }

    /// The state `last` of the keyed states: a long a key.
    fn long() -> Self {
        Self::new("1.20/keyed-states/hashmap-native", "last")
    }

    fn operator(&self) -> Operator<'_> {
        let mut operators = self.snapshot.operators();
        operators
            .find(|operator| operator.index == self.operator)
            .unwrap()
    }

    /// An entry of key `k`, or 7, with these bytes.
    fn entry<'a>(&'a self, value: Payload<'a>) -> Entry<'a> {
        let key = self.state.key.as_ref().map(|ty| ty.declared_length());
        let key = match key {
            None => StoredKey::Element { index: 0 },
            Some(length) => StoredKey::Split {
                key: if length == Some(4) {
                    &[0, 0, 0, 7]
                } else {
                    &[2, b'k']
                },
                namespace: &[],
                map_key: None,
                timestamp: None,
            },
        };
        Entry {
            state: &self.state,
            subtask: 0,
            key_group: Some(7),
            key,
            value,
            offset: None,
        }
    }

    /// The values of its entries as they are stored.
    fn values(&self) -> Vec<Vec<u8>> {
        let mut values = Vec::new();
        for part in &self.snapshot.load_operator(&self.operator()).unwrap().parts {
            let mut visit = |entry: &Entry<'_>| {
                values.push(entry.value.bytes().to_vec());
                Ok(Flow::Continue(()))
            };
            let wanted = |state: &State| state.name == self.state.name;
            let _ = part
                .scan(self.snapshot.files(), part.range, &wanted, &mut visit)
                .unwrap();
        }
        values
    }

    fn worker(&self, script: &Script, show_data: bool) -> Worker {
        script.worker(&Whose::of(&self.operator()), show_data).unwrap()
    }

    /// What an expression makes of a value: the outcome and its bytes, or the message.
    fn replaced(&self, expression: &str, value: Payload<'_>) -> Result<(Outcome, Vec<u8>), String> {
        let script = Script::expression(expression, quick()).unwrap();
        let mut out = Vec::new();
        let outcome = self
            .worker(&script, false)
            .replace(&self.entry(value), &mut out)
            .map_err(|error| error.to_string())?;
        Ok((outcome, out))
    }

    /// Whether an expression keeps a value, or the message.
    fn kept(&self, expression: &str, value: Payload<'_>) -> Result<bool, String> {
        let script = Script::expression(expression, quick()).map_err(|error| error.to_string())?;
        self.worker(&script, false)
            .keeps(&self.entry(value))
            .map_err(|error| error.to_string())
    }
}

/// Limits that a test need not wait for, but a busy machine does not meet either.
fn quick() -> Limits {
    Limits {
        memory: 32 << 20,
        time: std::time::Duration::from_secs(2),
        ..Limits::default()
    }
}

/// A changed value.
fn changed(form: Form, bytes: &[u8]) -> Result<(Outcome, Vec<u8>), String> {
    Ok((Outcome::Changed(form), bytes.to_vec()))
}

/// Shows the entries of a state of a fixture to `look`.
fn each_entry(fixture: &str, name: &str, mut look: impl FnMut(&Operator<'_>, &Entry<'_>)) -> usize {
    let snapshot = open(&metadata_of(fixture).unwrap()).unwrap();
    let mut count = 0;
    for operator in snapshot.operators() {
        let loaded = snapshot.load_operator(&operator).unwrap();
        for part in &loaded.parts {
            let mut visit = |entry: &Entry<'_>| {
                count += 1;
                look(&operator, entry);
                Ok(Flow::Continue(()))
            };
            let wanted = |state: &State| state.name == name;
            let _ = part
                .scan(snapshot.files(), part.range, &wanted, &mut visit)
                .unwrap();
        }
    }
    count
}
