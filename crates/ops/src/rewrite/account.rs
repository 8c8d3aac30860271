//! Accounts for every entry: what was read was written or left out, by rule.

use std::collections::BTreeMap;

use serde::Serialize;
use statetool_snapshot::{Besides, State};

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

    /// Takes away what was added before.
    pub(super) fn subtract(&mut self, other: Self) {
        self.entries = self.entries.saturating_sub(other.entries);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}

/// Records of a database that are no entries and no part of one: overwritten and deleted values, deletions,
/// and operands that are joined with others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Superfluous {
    /// How many records.
    pub records: u64,
    /// Bytes of their keys and values that joining them gives back.
    pub bytes: u64,
}

impl Superfluous {
    /// Adds more of them.
    pub fn add(&mut self, other: Self) {
        self.records += other.records;
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

/// Adds what another part of the work counted.
pub(super) fn merge(total: &mut Accounts, accounts: Accounts) {
    for (state, account) in accounts {
        total.entry(state).or_default().add(&account);
    }
}

/// Amounts by the rules that they fell under.
pub type ByRule = BTreeMap<String, Amount>;

/// What became of the entries of one state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StateAccount {
    /// What was read.
    pub read: Amount,
    /// What was written; its entries are counted in the output before that is published.
    pub written: Amount,
    /// What was left out, by rule.
    pub dropped: ByRule,
    /// What was written with another value than was read, by rule; part of what was written.
    pub changed: ByRule,
    /// What was written and had not been read, by rule; part of what was written.
    pub added: ByRule,
    /// What a database held besides, and what is written does not.
    pub superfluous: Superfluous,
    /// Maps without entries, which the heap layout keeps, and what is written does not.
    pub empty_maps: Amount,
}

impl StateAccount {
    /// Counts what files hold besides entries.
    pub(super) fn add_besides(&mut self, besides: Besides) {
        match besides {
            Besides::Records { records, bytes } => self.superfluous.add(Superfluous { records, bytes }),
            Besides::EmptyMaps { maps, bytes } => self.empty_maps.add(Amount { entries: maps, bytes }),
        }
    }

    /// Adds what another work item counted.
    pub(super) fn add(&mut self, other: &Self) {
        self.read.add(other.read);
        self.written.add(other.written);
        self.superfluous.add(other.superfluous);
        self.empty_maps.add(other.empty_maps);
        let sums = [&mut self.dropped, &mut self.changed, &mut self.added];
        for (sum, more) in sums
            .into_iter()
            .zip([&other.dropped, &other.changed, &other.added])
        {
            for (rule, amount) in more {
                sum.entry(rule.clone()).or_default().add(*amount);
            }
        }
    }

    /// Counts an entry that a rule leaves out.
    pub(super) fn drop(&mut self, rule: &str, bytes: u64) {
        count(&mut self.dropped, rule, bytes);
    }

    /// Counts an entry that a rule changes.
    pub(super) fn change(&mut self, rule: &str, bytes: u64) {
        count(&mut self.changed, rule, bytes);
    }

    /// Counts an entry that a rule writes besides.
    pub(super) fn create(&mut self, rule: &str, bytes: u64) {
        count(&mut self.added, rule, bytes);
        self.written.count(bytes);
    }

    /// How many entries are to be in the output.
    pub fn expected(&self) -> u64 {
        let sum = |amounts: &ByRule| amounts.values().map(|amount| amount.entries).sum::<u64>();
        (self.read.entries + sum(&self.added)).saturating_sub(sum(&self.dropped))
    }
}

fn count(amounts: &mut ByRule, rule: &str, bytes: u64) {
    match amounts.get_mut(rule) {
        Some(amount) => amount.count(bytes),
        None => amounts.entry(rule.to_owned()).or_default().count(bytes),
    }
}
