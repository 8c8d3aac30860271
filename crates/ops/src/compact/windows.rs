//! Windows that have ended: their contents, the state of their triggers, and their timers are left out.

use std::collections::BTreeSet;

use statetool_backend::InFile;
use statetool_snapshot::{Entry, Error, KeyParts, Result, State, StateKind};

use super::ledger::{Desk, Notes};
use super::sessions::{Sessions, WindowBytes, each_pair, end_of, has_windows, is_mapping, pair, window};
use super::sieve::sift;
use crate::rewrite::{Apply, Fate, Rule};

/// The rule by which windows are left out that have ended.
pub(super) struct Windows {
    pub(super) desk: Desk,
    /// Up to when, in epoch milliseconds.
    pub(super) time: i64,
    /// How long late data is waited for, in milliseconds.
    pub(super) lateness: i64,
    /// Whether windows of the operator merge.
    pub(super) merges: bool,
    /// Timers of which every one has to be at the end of its window.
    pub(super) exact: BTreeSet<String>,
}

impl Windows {
    /// Whether a window is over: `WindowOperator.isWindowLate` by its cleanup time.
    fn is_over(&self, window: &WindowBytes) -> bool {
        let last = end_of(window).saturating_sub(1);
        last.saturating_add(self.lateness) <= self.time
    }
}

impl Rule for Windows {
    fn name(&self) -> &str {
        super::WINDOWS
    }

    fn concerns(&self, state: &State) -> bool {
        has_windows(state) || is_mapping(state)
    }

    fn looks_at(&self, state: &State) -> bool {
        is_mapping(state)
    }

    fn worker(&self) -> Result<Box<dyn Apply + '_>> {
        Ok(Box::new(Worker {
            rule: self,
            sessions: Sessions::default(),
            notes: self.desk.notes(),
        }))
    }
}

struct Worker<'r> {
    rule: &'r Windows,
    sessions: Sessions,
    notes: Notes<'r, ()>,
}

impl Worker<'_> {
    fn judge(&self, entry: &Entry<'_>, key: &KeyParts<'_>) -> Result<bool> {
        let state = entry.state;
        if is_mapping(state) {
            return Ok(self.rule.is_over(window(state, key.map_key.unwrap_or_default())?));
        }
        let namespace = window(state, key.namespace)?;
        if state.kind == StateKind::Timer {
            self.check(state, key, namespace)?;
            return Ok(self.rule.is_over(namespace));
        }
        Ok(match (self.rule.merges, self.sessions.real(key.key, namespace)) {
            (false, _) => self.rule.is_over(namespace),
            (true, Some(real)) => self.rule.is_over(real),
            // Nothing says of which window it is.
            (true, None) => false,
        })
    }

    /// Refuses windows whose bounds are not on the clock that the watermark is on.
    fn check(&self, state: &State, key: &KeyParts<'_>, window: &WindowBytes) -> Result<()> {
        let last = end_of(window).saturating_sub(1);
        match key.timestamp {
            Some(fires) if fires != last && self.rule.exact.contains(&state.name) => Err(Error::refused(format!(
                "state `{}`: the bounds of its windows are local time, which the watermark is not: a timer fires at another time than the end of its window",
                state.name
            ))
            .hint("name a time in that zone as if it were UTC: --windows-before OPERATOR=TIME")),
            _ => Ok(()),
        }
    }

    /// What becomes of an entry; `counts` where that is no mere foresight.
    fn fate(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>, counts: bool) -> Result<Fate> {
        let Some(key) = entry.key_parts().in_file(&entry.state.name)? else {
            return Ok(Fate::Keep);
        };
        if is_mapping(entry.state) && key.map_key.is_none() {
            return self.list(entry, out, counts);
        }
        if !self.judge(entry, &key)? {
            return Ok(Fate::Keep);
        }
        if counts {
            self.notes.of(entry.state, |_| ());
            self.notes.drop(entry, None)?;
        }
        Ok(Fate::Drop)
    }

    /// What becomes of the merged windows of a key.
    fn list(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>, counts: bool) -> Result<Fate> {
        let (rule, notes) = (self.rule, &mut self.notes);
        notes.of(entry.state, |_| ());
        let sifted = sift(entry, out, |index, element| {
            let (real, _) = pair(entry.state, element)?;
            let over = rule.is_over(real);
            if over && counts {
                notes.drop(entry, Some(index))?;
            }
            Ok(over)
        })?;
        if let Some(noted) = notes.of(entry.state, |_| ()).filter(|_| counts) {
            noted.tally.elements += sifted.elements;
            noted.tally.dropped_elements += sifted.dropped;
        }
        Ok(sifted.fate)
    }
}

impl Apply for Worker<'_> {
    fn apply(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) -> Result<Fate> {
        self.fate(entry, out, true)
    }

    fn foresee(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) -> Result<Fate> {
        self.fate(entry, out, false)
    }

    fn begin_group(&mut self) {
        self.sessions.clear();
    }

    fn look(&mut self, entry: &Entry<'_>) -> Result<()> {
        let Some(key) = entry.key_parts().in_file(&entry.state.name)? else {
            return Ok(());
        };
        let sessions = &mut self.sessions;
        each_pair(entry, key.map_key, |real, contents| {
            sessions.add(key.key, real, contents)
        })
    }
}
