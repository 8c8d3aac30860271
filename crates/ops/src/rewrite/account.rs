//! Accounts for every entry: what was read was written or left out, by rule.

use std::collections::BTreeMap;

use serde::Serialize;
use statetool_snapshot::State;

/// Entries and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// How many entries.
    pub entries: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

impl Amount {
    /// Counts one entry.
    #[inline]
    pub fn count(&mut self, bytes: u64) {
        self.entries += 1;
        self.bytes += bytes;
    }

    /// Adds another amount.
    pub fn add(&mut self, other: Self) {
        self.entries += other.entries;
        self.bytes += other.bytes;
    }
}

/// What a state of an operator is known by: keyed and operator state may have the same names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateName {
    /// The name.
    pub name: String,
    /// Whether it belongs to keys.
    pub keyed: bool,
}

impl StateName {
    /// That of a state.
    pub fn of(state: &State) -> Self {
        Self {
            name: state.name.clone(),
            keyed: state.kind.is_keyed(),
        }
    }
}

/// Accounts of an operator's states.
pub(super) type Accounts = BTreeMap<StateName, StateAccount>;

/// What became of the entries of one state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StateAccount {
    /// What was read.
    pub read: Amount,
    /// What was written; its entries are counted in the output before that is published.
    pub written: Amount,
    /// What was left out, by rule.
    pub dropped: BTreeMap<String, Amount>,
}

impl StateAccount {
    /// Adds what another thread has counted.
    pub fn add(&mut self, other: &Self) {
        self.read.add(other.read);
        self.written.add(other.written);
        for (rule, amount) in &other.dropped {
            self.dropped.entry(rule.clone()).or_default().add(*amount);
        }
    }

    /// How many of the entries that were read are to be in the output.
    pub fn expected(&self) -> u64 {
        let dropped: u64 = self.dropped.values().map(|amount| amount.entries).sum();
        self.read.entries.saturating_sub(dropped)
    }
}
