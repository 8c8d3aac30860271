//! Databases.

use std::sync::Arc;

use statetool_backend::InFile;
use statetool_backend::canonical::key_group_of;
use statetool_backend::rocksdb::{self, KeyRange};
use statetool_format::KeyGroupRange;

use super::{Besides, Counted, Flow, Visit, payload};
use crate::entry::{Entry, StoredKey};
use crate::error::Result;
use crate::files::Files;
use crate::part::{Part, RocksDb};
use crate::state::State;

impl Part {
    pub(super) fn scan_rocksdb(
        &self,
        database: &RocksDb,
        files: &Files,
        range: KeyGroupRange,
        wanted: &dyn Fn(&State) -> bool,
        visit: &mut Visit<'_>,
        counted: &mut Counted<'_>,
    ) -> Result<Flow> {
        if range.is_empty() {
            return Ok(Flow::Continue(()));
        }
        let opened = database.open(files)?;
        let prefix = self.header.prefix_bytes;
        let mut families = Vec::new();
        for state in self.wanted_states(wanted).into_iter().flatten() {
            // A state that never saw an entry may have no family.
            if opened.family(&state.name).is_some() {
                families.push(FamilyScan::new(
                    state,
                    opened.scan(&state.name, key_range(range, prefix))?,
                ));
            }
        }
        for group in range.groups() {
            for family in &mut families {
                if family.visit_group(self.subtask, group, prefix, visit)?.is_break() {
                    return Ok(Flow::Break(()));
                }
            }
        }
        for family in families {
            let (records, bytes) = family.scan.counters().superfluous();
            if records > 0 {
                counted(family.state, Besides::Records { records, bytes });
            }
        }
        Ok(Flow::Continue(()))
    }
}

/// One state of a database, read key group by key group.
struct FamilyScan<'a> {
    state: &'a Arc<State>,
    scan: rocksdb::Scan,
    /// The first entry of a later key group: that group, composite key and value.
    ahead: Option<(u32, Vec<u8>, Vec<u8>)>,
    done: bool,
}

impl<'a> FamilyScan<'a> {
    fn new(state: &'a Arc<State>, scan: rocksdb::Scan) -> Self {
        Self {
            state,
            scan,
            ahead: None,
            done: false,
        }
    }

    /// Visits the entries of a key group; groups come in ascending order.
    fn visit_group(
        &mut self,
        subtask: u32,
        group: u32,
        prefix: usize,
        visit: &mut Visit<'_>,
    ) -> Result<Flow> {
        let state = self.state;
        let mut emit = |key: &[u8], value: &[u8]| {
            let value = payload(state, value).in_file(&state.name)?;
            let key = StoredKey::Composite(key.get(prefix..).unwrap_or_default());
            visit(&Entry {
                state,
                subtask,
                key_group: Some(group),
                key,
                value,
                offset: None,
            })
        };
        match &self.ahead {
            Some((ahead, ..)) if *ahead != group => return Ok(Flow::Continue(())),
            Some((_, key, value)) => {
                if emit(key, value)?.is_break() {
                    return Ok(Flow::Break(()));
                }
                self.ahead = None;
            }
            None if self.done => return Ok(Flow::Continue(())),
            None => {}
        }
        while let Some(stored) = self.scan.next()? {
            match key_group_of(stored.key, prefix) {
                Some(found) if found == group => {
                    if emit(stored.key, stored.value)?.is_break() {
                        return Ok(Flow::Break(()));
                    }
                }
                Some(found) => {
                    self.ahead = Some((found, stored.key.to_vec(), stored.value.to_vec()));
                    return Ok(Flow::Continue(()));
                }
                None => {
                    let why = format!(
                        "state `{}`: a key of {} bytes has no key group",
                        state.name,
                        stored.key.len()
                    );
                    return Err(crate::Error::input(why));
                }
            }
        }
        self.done = true;
        Ok(Flow::Continue(()))
    }
}

/// The keys of a range of key groups in a database.
fn key_range(range: KeyGroupRange, prefix_bytes: usize) -> KeyRange {
    let key = |group: u32| match prefix_bytes {
        1 => u8::try_from(group).ok().map(|group| vec![group]),
        _ => u16::try_from(group)
            .ok()
            .map(|group| group.to_be_bytes().to_vec()),
    };
    KeyRange::new(key(range.start).unwrap_or_default(), key(range.end()))
}
