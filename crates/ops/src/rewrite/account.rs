//! Accounts for every entry: what was read was written or left out, by rule.

use std::collections::BTreeMap;

use serde::Serialize;

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

/// What became of the entries of one state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StateAccount {
    /// What was read.
    pub read: Amount,
    /// What was written.
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

    /// Whether every entry that was read was written or left out.
    pub fn closes(&self) -> bool {
        let dropped: u64 = self.dropped.values().map(|amount| amount.entries).sum();
        self.read.entries == self.written.entries + dropped
    }
}
