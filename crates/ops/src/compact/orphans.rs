//! What no key needs: timers of keys without state, and lists without elements.

use std::collections::{HashMap, HashSet};

use statetool_backend::InFile;
use statetool_snapshot::{Entry, Result, State, StateKind};
use statetool_values::Type;

use super::ledger::{Desk, Notes};
use super::sessions::{WindowBytes, each_pair, has_windows, is_mapping, window};
use super::sieve::is_empty_list;
use crate::rewrite::{Apply, Fate, Rule};

/// The rule by which timers are found whose key, and window, has no state.
///
/// What the rules before it leave counts as state: a key whose state is all expired has none.
pub(super) struct OrphanTimers {
    pub(super) desk: Desk,
    /// Whether they are left out.
    pub(super) drops: bool,
}

impl Rule for OrphanTimers {
    fn name(&self) -> &str {
        super::ORPHAN_TIMERS
    }

    fn concerns(&self, state: &State) -> bool {
        state.kind == StateKind::Timer
    }

    fn looks_at(&self, state: &State) -> bool {
        state.kind.is_keyed() && state.kind != StateKind::Timer
    }

    fn worker(&self) -> Result<Box<dyn Apply + '_>> {
        Ok(Box::new(TimerWorker {
            drops: self.drops,
            keys: HashMap::new(),
            notes: self.desk.notes(),
        }))
    }
}

struct TimerWorker<'r> {
    drops: bool,
    /// The keys of the key group that have state, and the windows that these have.
    keys: HashMap<Vec<u8>, HashSet<WindowBytes>>,
    notes: Notes<'r, ()>,
}

impl TimerWorker<'_> {
    fn windows(&mut self, key: &[u8]) -> Option<&mut HashSet<WindowBytes>> {
        if !self.keys.contains_key(key) {
            self.keys.insert(key.to_vec(), HashSet::new());
        }
        self.keys.get_mut(key)
    }

    fn is_orphan(&self, entry: &Entry<'_>) -> Result<bool> {
        let Some(key) = entry.key_parts().in_file(&entry.state.name)? else {
            return Ok(false);
        };
        let Some(windows) = self.keys.get(key.key) else {
            return Ok(true);
        };
        match entry.state.namespace.as_deref() {
            Some(Type::TimeWindow) => Ok(!windows.contains(window(entry.state, key.namespace)?)),
            _ => Ok(false),
        }
    }
}

impl Apply for TimerWorker<'_> {
    fn apply(&mut self, entry: &Entry<'_>, _: &mut Vec<u8>) -> Result<Fate> {
        match self.is_orphan(entry)? {
            true => self.notes.find(entry, super::ORPHAN_TIMERS, self.drops),
            false => Ok(Fate::Keep),
        }
    }

    fn foresee(&mut self, entry: &Entry<'_>, _: &mut Vec<u8>) -> Result<Fate> {
        Ok(match self.drops && self.is_orphan(entry)? {
            true => Fate::Drop,
            false => Fate::Keep,
        })
    }

    fn begin_group(&mut self) {
        self.keys.clear();
    }

    fn look(&mut self, entry: &Entry<'_>) -> Result<()> {
        if entry.state.kind == StateKind::List && is_empty_list(entry) {
            return Ok(());
        }
        let Some(key) = entry.key_parts().in_file(&entry.state.name)? else {
            return Ok(());
        };
        let Some(windows) = self.windows(key.key) else {
            return Ok(());
        };
        if has_windows(entry.state) {
            windows.insert(*window(entry.state, key.namespace)?);
        }
        if is_mapping(entry.state) {
            each_pair(entry, key.map_key, |real, _| {
                windows.insert(*real);
            })?;
        }
        Ok(())
    }
}

/// The rule by which lists without elements are found. Maps without entries are not seen by rules: who goes
/// through state counts them, and they are never written anew.
pub(super) struct EmptyLists {
    pub(super) desk: Desk,
    /// Whether the operator's layout is one that keeps maps without entries.
    pub(super) has_empty_maps: bool,
    /// Whether they are left out.
    pub(super) drops: bool,
}

impl Rule for EmptyLists {
    fn name(&self) -> &str {
        super::EMPTY_LISTS
    }

    fn concerns(&self, state: &State) -> bool {
        state.kind == StateKind::List || self.has_empty_maps && state.kind == StateKind::Map
    }

    fn worker(&self) -> Result<Box<dyn Apply + '_>> {
        Ok(Box::new(ListWorker {
            drops: self.drops,
            notes: self.desk.notes(),
        }))
    }
}

struct ListWorker<'r> {
    drops: bool,
    notes: Notes<'r, ()>,
}

impl Apply for ListWorker<'_> {
    fn apply(&mut self, entry: &Entry<'_>, _: &mut Vec<u8>) -> Result<Fate> {
        match is_empty_list(entry) {
            true => self.notes.find(entry, super::EMPTY_LISTS, self.drops),
            false => Ok(Fate::Keep),
        }
    }

    fn foresee(&mut self, entry: &Entry<'_>, _: &mut Vec<u8>) -> Result<Fate> {
        Ok(match self.drops && is_empty_list(entry) {
            true => Fate::Drop,
            false => Fate::Keep,
        })
    }
}

impl Notes<'_, ()> {
    /// Takes what was found: it is left out, or only told.
    fn find(&mut self, entry: &Entry<'_>, rule: &'static str, drops: bool) -> Result<Fate> {
        if drops {
            self.of(entry.state, |_| ());
            self.drop(entry, None)?;
            return Ok(Fate::Drop);
        }
        if let Some(noted) = self.of(entry.state, |_| ()) {
            noted.tally.found.entry(rule).or_default().count(entry.bytes());
        }
        Ok(Fate::Keep)
    }
}
