//! State with a TTL: what Flink would treat as expired is left out.
//!
//! Flink's rule (`TtlUtils.expired`, all releases): the time of the last access and the time to live, added
//! without going beyond the end of time, are not behind the instant. Only the time stamp is looked at; in
//! maps that of each entry counts, and in lists that of each element.

use std::collections::BTreeMap;

use statetool_snapshot::{Entry, Error, Payload, Result, State, StateKind};

use super::ledger::{Desk, Noted, Notes};
use super::sieve::sift;
use crate::rewrite::{Apply, Fate, Rule};

/// The rule by which entries with a TTL are left out.
pub(super) struct Ttl {
    pub(super) desk: Desk,
    /// The instant, in epoch milliseconds.
    pub(super) at: i64,
    /// Times to live by state; nothing for those of which it was not said, which are only looked at.
    pub(super) lifetimes: BTreeMap<String, Option<i64>>,
}

impl Ttl {
    fn lifetime(&self, state: &State) -> Option<i64> {
        self.lifetimes.get(&state.name).copied().flatten()
    }
}

impl Rule for Ttl {
    fn name(&self) -> &str {
        super::TTL
    }

    fn concerns(&self, state: &State) -> bool {
        state.ttl && state.kind.is_keyed() && self.lifetimes.contains_key(&state.name)
    }

    fn worker(&self) -> Result<Box<dyn Apply + '_>> {
        Ok(Box::new(Worker {
            rule: self,
            notes: self.desk.notes(),
        }))
    }
}

struct Worker<'r> {
    rule: &'r Ttl,
    /// With the time to live of each state.
    notes: Notes<'r, Option<i64>>,
}

impl Worker<'_> {
    /// What becomes of an entry that is no list.
    fn whole(&mut self, entry: &Entry<'_>) -> Result<Fate> {
        let time = match entry.value {
            Payload::Value(bytes) => Some(time_of(entry, bytes)?),
            // A null without a wrapper has no time, and Flink gives it back whatever the time is.
            _ => None,
        };
        let Some(noted) = self.notes.of(entry.state, |state| self.rule.lifetime(state)) else {
            return Ok(Fate::Keep);
        };
        let Some(time) = time else {
            noted.tally.timeless += 1;
            return Ok(Fate::Keep);
        };
        if !noted.see(time, self.rule.at) {
            return Ok(Fate::Keep);
        }
        self.notes.drop(entry, None)?;
        Ok(Fate::Drop)
    }

    fn list(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) -> Result<Fate> {
        let sifted = sift(entry, out, |index, element| {
            let time = time_of(entry, element)?;
            let noted = self.notes.of(entry.state, |state| self.rule.lifetime(state));
            let expired = noted.is_some_and(|noted| noted.see(time, self.rule.at));
            if expired {
                self.notes.drop(entry, Some(index))?;
            }
            Ok(expired)
        })?;
        if let Some(noted) = self.notes.of(entry.state, |state| self.rule.lifetime(state)) {
            noted.tally.elements += sifted.elements;
            noted.tally.dropped_elements += sifted.dropped;
        }
        Ok(sifted.fate)
    }
}

impl Apply for Worker<'_> {
    #[inline]
    fn apply(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) -> Result<Fate> {
        match entry.state.kind {
            StateKind::List => self.list(entry, out),
            _ => self.whole(entry),
        }
    }

    fn foresee(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) -> Result<Fate> {
        let Some(lifetime) = self.rule.lifetime(entry.state) else {
            return Ok(Fate::Keep);
        };
        let goes = |bytes: &[u8]| Ok(is_expired(time_of(entry, bytes)?, lifetime, self.rule.at));
        match (entry.state.kind, entry.value) {
            (StateKind::List, _) => Ok(sift(entry, out, |_, element| goes(element))?.fate),
            (_, Payload::Value(bytes)) if goes(bytes)? => Ok(Fate::Drop),
            _ => Ok(Fate::Keep),
        }
    }
}

impl Noted<Option<i64>> {
    /// Counts a time of last access; says whether it is long ago.
    #[inline]
    fn see(&mut self, time: i64, at: i64) -> bool {
        self.tally.times.add(time);
        self.tally.in_future += u64::from(time > at);
        self.known.is_some_and(|lifetime| is_expired(time, lifetime, at))
    }
}

/// Whether a time to live is over.
#[inline]
pub(super) fn is_expired(time: i64, lifetime: i64, at: i64) -> bool {
    time.saturating_add(lifetime) <= at
}

/// The time stamp at the beginning of a value.
#[inline]
fn time_of(entry: &Entry<'_>, bytes: &[u8]) -> Result<i64> {
    match bytes.first_chunk() {
        Some(time) => Ok(i64::from_be_bytes(*time)),
        None => Err(Error::input(format!(
            "state `{}`: a value of {} bytes has no room for the time stamp of its TTL",
            entry.state.name,
            bytes.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expired_is_so_to_the_millisecond() {
        for (time, lifetime, at, expired) in [
            (1000, 500, 1499, false),
            (1000, 500, 1500, true),
            (1000, 500, 1501, true),
            (-1000, 500, -501, false),
            (-1000, 500, -500, true),
            // Times are added without going round.
            (i64::MAX - 1, 500, i64::MAX - 1, false),
            (i64::MAX - 1, 500, i64::MAX, true),
            (1, i64::MAX, i64::MAX - 1, false),
            (i64::MIN, i64::MAX, -2, false),
            (i64::MIN, i64::MAX, -1, true),
            (0, 1, i64::MIN, false),
        ] {
            assert_eq!(is_expired(time, lifetime, at), expired, "{time} {lifetime} {at}");
        }
    }
}
