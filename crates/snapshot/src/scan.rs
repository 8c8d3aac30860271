//! Visits the entries of a part, whatever its layout.

mod database;
mod heap;
mod operator;
mod timers;

use std::ops::ControlFlow;
use std::sync::Arc;

use statetool_backend::canonical::CanonicalGroups;
use statetool_backend::heap::HeapScan;
use statetool_backend::{Compression, Source};
use statetool_format::metadata::KeyGroupsHandle;
use statetool_format::{KeyGroupRange, Reader};

use crate::entry::{Entry, Payload, StoredKey};
use crate::error::Result;
use crate::files::Files;
use crate::part::{Layout, Part};
use crate::state::{Header, State, StateKind};

pub(crate) use heap::{HeapExtents, map_entry};
pub(crate) use timers::timer_state_name;

/// Whether a scan goes on.
pub type Flow = ControlFlow<()>;

/// Called for each entry.
pub(crate) type Visit<'v> = dyn FnMut(&Entry<'_>) -> Result<Flow> + 'v;

/// Called for each state of a database when it has been scanned.
pub(crate) type Counted<'c> = dyn FnMut(&Arc<State>, Besides) + 'c;

/// What files hold of a state besides its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Besides {
    /// Records of a database that are no entries and no part of one, and their bytes.
    Records {
        /// How many.
        records: u64,
        /// Bytes of their keys and values.
        bytes: u64,
    },
    /// Maps without entries, which only the heap layout keeps.
    EmptyMaps {
        /// How many.
        maps: u64,
        /// Their bytes.
        bytes: u64,
    },
}

impl Part {
    /// Visits the entries of the wanted states whose key groups are in `range`, key group by
    /// key group. `range` does not matter to operator state.
    ///
    /// # Errors
    /// Damage, what `visit` returns, and states whose extent nobody knows in layouts without
    /// lengths ([`ErrorKind::NotInterpretable`](crate::ErrorKind::NotInterpretable)).
    pub fn scan(
        &self,
        files: &Files,
        range: KeyGroupRange,
        wanted: &dyn Fn(&State) -> bool,
        visit: &mut Visit<'_>,
    ) -> Result<Flow> {
        self.scan_counting(files, range, wanted, visit, &mut |_, _| ())
    }

    /// As [`scan`](Self::scan), and tells `counted` for each state of a database what its scan came by.
    ///
    /// # Errors
    /// As [`scan`](Self::scan).
    pub fn scan_counting(
        &self,
        files: &Files,
        range: KeyGroupRange,
        wanted: &dyn Fn(&State) -> bool,
        visit: &mut Visit<'_>,
        counted: &mut Counted<'_>,
    ) -> Result<Flow> {
        let range = range.intersect(&self.range);
        match &self.layout {
            Layout::Canonical { handle, source } => self.scan_canonical(handle, source, range, wanted, visit),
            Layout::Heap {
                handle,
                source,
                values,
            } => {
                let states = values.states(&self.header, handle, source, self.compression())?;
                let extents: Vec<HeapExtents> = states.iter().map(|state| HeapExtents::of(state)).collect();
                let shapes = extents.iter().map(HeapExtents::shape).collect();
                let scan = HeapScan::new(source.clone(), handle, range, self.compression(), shapes);
                self.scan_heap(scan, source, states, wanted, visit, counted)
            }
            Layout::RocksDb(database) => self.scan_rocksdb(database, files, range, wanted, visit, counted),
            Layout::Changelog { overlay, .. } => overlay.scan(self, files, range, wanted, visit, counted),
            Layout::RawTimers { handle, source } => {
                self.scan_raw_timers(handle, source, range, wanted, visit)
            }
            Layout::Operator {
                handle,
                source,
                lists,
            } => self.scan_operator(handle, source, *lists, wanted, visit),
            Layout::RawKeyed { .. } | Layout::RawOperator { .. } => Ok(Flow::Continue(())),
        }
    }

    fn compression(&self) -> Compression {
        if self.header.compressed {
            Compression::Snappy
        } else {
            Compression::None
        }
    }

    /// The key groups of a canonical part as a plan that can be split.
    pub fn canonical_groups(
        &self,
        handle: &KeyGroupsHandle,
        source: &Source,
        range: KeyGroupRange,
    ) -> CanonicalGroups {
        let states = u16::try_from(self.header.states.len()).unwrap_or(u16::MAX);
        let prefix = self.header.prefix_bytes;
        CanonicalGroups::new(handle, range, self.compression(), prefix, states, source.len())
    }

    fn scan_canonical(
        &self,
        handle: &KeyGroupsHandle,
        source: &Source,
        range: KeyGroupRange,
        wanted: &dyn Fn(&State) -> bool,
        visit: &mut Visit<'_>,
    ) -> Result<Flow> {
        let states = self.wanted_states(wanted);
        let mut scan = self.canonical_groups(handle, source, range).scan(source.clone());
        while let Some(stored) = scan.next_entry()? {
            let Some(Some(state)) = states.get(usize::from(stored.state)) else {
                continue;
            };
            let key = stored.key.get(self.header.prefix_bytes..).unwrap_or_default();
            let value = payload(state, stored.value)
                .map_err(|error| statetool_backend::Error::format(source.name(), error))?;
            let entry = Entry {
                state,
                subtask: self.subtask,
                key_group: Some(stored.key_group),
                key: StoredKey::Composite(key),
                value,
                offset: Some(stored.offset),
            };
            if visit(&entry)?.is_break() {
                return Ok(Flow::Break(()));
            }
        }
        Ok(Flow::Continue(()))
    }

    /// The part's states by index, those that are not wanted left out.
    fn wanted_states(&self, wanted: &dyn Fn(&State) -> bool) -> Vec<Option<&Arc<State>>> {
        only_wanted(&self.header.states, wanted)
    }
}

fn only_wanted<'s>(states: &'s [Arc<State>], wanted: &dyn Fn(&State) -> bool) -> Vec<Option<&'s Arc<State>>> {
    let one = |state| Some(state).filter(|state: &&Arc<State>| wanted(state));
    states.iter().map(one).collect()
}

impl Header {
    /// The header of a part without states.
    pub(crate) fn empty(max_parallelism: u32) -> Self {
        let prefix_bytes = statetool_format::key_group::prefix_bytes(max_parallelism);
        Self {
            compressed: false,
            prefix_bytes,
            states: Vec::new(),
        }
    }
}

/// A stored value in the form its state's kind gives it.
#[inline]
fn payload<'a>(state: &State, value: &'a [u8]) -> statetool_format::Result<Payload<'a>> {
    Ok(match state.kind {
        StateKind::Timer => Payload::None,
        StateKind::List => Payload::Delimited(value),
        StateKind::Map => {
            let mut r = Reader::new(value);
            if r.bool("null flag of a map value")? {
                Payload::Null(r.rest())
            } else {
                Payload::Value(r.rest())
            }
        }
        _ => Payload::Value(value),
    })
}

/// The type of what nobody can read.
fn no_type() -> Arc<statetool_values::Type> {
    Arc::new(statetool_values::Type::opaque(
        "unknown",
        "the header names no such serializer",
    ))
}
