//! What rules remember of the states they have seen, beside what is accounted for anyway.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use statetool_backend::InFile;
use statetool_format::OperatorId;
use statetool_snapshot::{Entry, Operator, Result, State};

use super::digest::{Digest, put_record};
use crate::rewrite::{Amount, StateName};
use crate::time::TimeHistogram;

/// What rules remember of a state.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// When its entries or elements were last accessed.
    pub(super) times: TimeHistogram,
    /// How many of these times lie behind the instant.
    pub(super) in_future: u64,
    /// Entries or elements that have no time.
    pub(super) timeless: u64,
    /// Elements of lists that were gone through.
    pub(super) elements: u64,
    /// Those of them that are left out.
    pub(super) dropped_elements: u64,
    /// What could be left out, and is not, by rule.
    pub(super) found: BTreeMap<&'static str, Amount>,
    /// What is left out.
    pub(super) digest: Digest,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.times.merge(other.times);
        self.in_future += other.in_future;
        self.timeless += other.timeless;
        self.elements += other.elements;
        self.dropped_elements += other.dropped_elements;
        for (rule, amount) in other.found {
            self.found.entry(rule).or_default().add(amount);
        }
        self.digest.merge(&other.digest);
    }
}

/// A state of an operator, which is named by its place.
pub(super) type Place = (usize, StateName);

/// What the rules of all threads remember.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    evidence: bool,
    tallies: Mutex<BTreeMap<Place, Tally>>,
}

impl Ledger {
    pub(super) fn new(evidence: bool) -> Self {
        Self {
            evidence,
            tallies: Mutex::default(),
        }
    }

    /// Whether there is to be evidence of what is left out.
    pub(super) fn has_evidence(&self) -> bool {
        self.evidence
    }

    /// All that was remembered.
    pub(super) fn take(&self) -> BTreeMap<Place, Tally> {
        std::mem::take(&mut *self.tallies.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The operator that rules are for, and where they remember what they see.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    index: usize,
    id: OperatorId,
    ledger: Arc<Ledger>,
}

impl Desk {
    pub(super) fn new(operator: &Operator<'_>, ledger: &Arc<Ledger>) -> Self {
        Self {
            index: operator.index,
            id: operator.id(),
            ledger: ledger.clone(),
        }
    }

    /// Notes of one thread.
    pub(super) fn notes<T>(&self) -> Notes<'_, T> {
        Notes {
            desk: self,
            states: Vec::new(),
            last: 0,
            record: Vec::new(),
        }
    }
}

/// What a rule remembers in one thread; what it knows of each state besides is a `T`.
pub(super) struct Notes<'d, T> {
    desk: &'d Desk,
    states: Vec<Noted<T>>,
    last: usize,
    record: Vec<u8>,
}

/// A state that a rule has seen.
pub(super) struct Noted<T> {
    state: Arc<State>,
    pub(super) known: T,
    pub(super) tally: Tally,
}

impl<T> Notes<'_, T> {
    /// What is known of a state; `know` finds it out where it is met for the first time.
    #[inline]
    pub(super) fn of(&mut self, state: &Arc<State>, know: impl FnOnce(&State) -> T) -> Option<&mut Noted<T>> {
        let is = |noted: &Noted<T>| Arc::ptr_eq(&noted.state, state);
        if !self.states.get(self.last).is_some_and(is) {
            self.last = match self.states.iter().position(is) {
                Some(known) => known,
                None => {
                    self.states.push(Noted {
                        known: know(state),
                        tally: Tally::default(),
                        state: state.clone(),
                    });
                    self.states.len() - 1
                }
            };
        }
        self.states.get_mut(self.last)
    }

    /// Adds to the evidence that something is left out: an entry, or an element of its list.
    ///
    /// # Errors
    /// A key that is not what the state's types say.
    #[inline]
    pub(super) fn drop(&mut self, entry: &Entry<'_>, index: Option<u64>) -> Result<()> {
        match self.desk.ledger.evidence {
            true => self.testify(entry, index),
            false => Ok(()),
        }
    }

    fn testify(&mut self, entry: &Entry<'_>, index: Option<u64>) -> Result<()> {
        let Some(key) = entry.key_parts().in_file(&entry.state.name)? else {
            return Ok(());
        };
        self.record.clear();
        put_record(self.desk.id, &entry.state.name, &key, index, &mut self.record);
        if let Some(noted) = self.states.get_mut(self.last) {
            noted.tally.digest.add(&self.record);
        }
        Ok(())
    }
}

impl<T> Drop for Notes<'_, T> {
    fn drop(&mut self) {
        let tallies = &self.desk.ledger.tallies;
        let mut tallies = tallies.lock().unwrap_or_else(PoisonError::into_inner);
        for noted in self.states.drain(..) {
            let place = (self.desk.index, StateName::of(&noted.state));
            tallies.entry(place).or_default().add(noted.tally);
        }
    }
}
