//! State without a TTL, of which the time stands in the entries themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use statetool_snapshot::{Entry, Payload, Result, State, StateKind};

use super::by::{By, Clock};
use super::ledger::{Desk, Notes};
use super::sieve::sift;
use super::ttl::is_expired;
use crate::rewrite::{Apply, Fate, Rule};
use crate::script::Whose;

/// How long the entries of a state are kept, and what they are counted from.
#[derive(Clone)]
pub(super) struct Keeping {
    /// Milliseconds after its time at which an entry goes.
    pub(super) after: i64,
    pub(super) by: Arc<By>,
}

/// The rule by which entries are left out that are older than they should be.
pub(super) struct Expire {
    pub(super) desk: Desk,
    /// The instant, in epoch milliseconds.
    pub(super) at: i64,
    pub(super) states: BTreeMap<String, Keeping>,
    /// Whose entries they are, and whether errors may show keys.
    pub(super) whose: Whose,
    pub(super) show_data: bool,
}

impl Rule for Expire {
    fn name(&self) -> &str {
        super::EXPIRE
    }

    fn concerns(&self, state: &State) -> bool {
        state.kind.is_keyed() && self.states.contains_key(&state.name)
    }

    fn worker(&self) -> Result<Box<dyn Apply + '_>> {
        let states = self.states.iter().map(|(name, keeping)| {
            let known = Known {
                after: keeping.after,
                clock: keeping.by.clock(&self.whose, self.show_data),
            };
            (name.as_str(), known)
        });
        Ok(Box::new(Worker {
            at: self.at,
            states: states.collect(),
            notes: self.desk.notes(),
        }))
    }
}

struct Known<'r> {
    after: i64,
    clock: Clock<'r>,
}

struct Worker<'r> {
    at: i64,
    states: BTreeMap<&'r str, Known<'r>>,
    notes: Notes<'r, ()>,
}

/// What is known of a time.
struct Judged {
    time: Option<i64>,
    expired: bool,
}

impl Known<'_> {
    fn judge(&mut self, entry: &Entry<'_>, at: i64) -> Result<Judged> {
        let time = self.clock.time(entry)?;
        Ok(Judged {
            time,
            expired: time.is_some_and(|time| is_expired(time, self.after, at)),
        })
    }
}

impl Notes<'_, ()> {
    /// Counts what was found out about an entry, or about an element of its list.
    fn see(&mut self, entry: &Entry<'_>, index: Option<u64>, judged: &Judged, at: i64) -> Result<()> {
        if let Some(noted) = self.of(entry.state, |_| ()) {
            match judged.time {
                Some(time) => {
                    noted.tally.times.add(time);
                    noted.tally.in_future += u64::from(time > at);
                }
                None => noted.tally.timeless += 1,
            }
            noted.tally.elements += u64::from(index.is_some());
            noted.tally.dropped_elements += u64::from(index.is_some() && judged.expired);
        }
        match judged.expired {
            true => self.drop(entry, index),
            false => Ok(()),
        }
    }
}

/// Judges an entry, or one after the other the elements of its list, and tells `see` about each.
fn judge(
    known: &mut Known<'_>,
    at: i64,
    entry: &Entry<'_>,
    out: &mut Vec<u8>,
    mut see: impl FnMut(Option<u64>, &Judged) -> Result<()>,
) -> Result<Fate> {
    if entry.state.kind == StateKind::List {
        let sifted = sift(entry, out, |index, element| {
            let value = Payload::Value(element);
            let judged = known.judge(&Entry { value, ..*entry }, at)?;
            see(Some(index), &judged)?;
            Ok(judged.expired)
        });
        return Ok(sifted?.fate);
    }
    let judged = known.judge(entry, at)?;
    see(None, &judged)?;
    Ok(match judged.expired {
        true => Fate::Drop,
        false => Fate::Keep,
    })
}

impl Apply for Worker<'_> {
    fn apply(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) -> Result<Fate> {
        let (at, notes) = (self.at, &mut self.notes);
        let Some(known) = self.states.get_mut(entry.state.name.as_str()) else {
            return Ok(Fate::Keep);
        };
        judge(known, at, entry, out, |index, judged| {
            notes.see(entry, index, judged, at)
        })
    }

    fn foresee(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) -> Result<Fate> {
        let Some(known) = self.states.get_mut(entry.state.name.as_str()) else {
            return Ok(Fate::Keep);
        };
        judge(known, self.at, entry, out, |_, _| Ok(()))
    }
}
