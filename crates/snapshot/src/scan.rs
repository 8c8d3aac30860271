//! Visits the entries of a part, whatever its layout.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use statetool_backend::canonical::{CanonicalGroups, key_group_of};
use statetool_backend::heap::{HeapScan, HeapShape};
use statetool_backend::operator::Partitions;
use statetool_backend::raw_timers::{self, TimerDomain};
use statetool_backend::rocksdb::{self, KeyRange};
use statetool_backend::{Compression, InFile, Source};
use statetool_format::metadata::{KeyGroupsHandle, OperatorStateHandle};
use statetool_format::{Fault, KeyGroupRange, Reader};

use crate::codec::{Extent, skip};
use crate::entry::{Entry, Payload, StoredKey};
use crate::error::Result;
use crate::files::Files;
use crate::part::{Layout, Part, RocksDb};
use crate::state::{Header, State, StateKind};

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

    fn scan_rocksdb(
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

    fn scan_heap(
        &self,
        mut scan: HeapScan<'_>,
        source: &Source,
        states: &[Arc<State>],
        wanted: &dyn Fn(&State) -> bool,
        visit: &mut Visit<'_>,
        counted: &mut Counted<'_>,
    ) -> Result<Flow> {
        let states = only_wanted(states, wanted);
        let mut hidden = None;
        let mut empty: BTreeMap<u16, (&Arc<State>, u64, u64)> = BTreeMap::new();
        loop {
            let stored = match scan.next_entry() {
                Ok(Some(stored)) => stored,
                Ok(None) => break,
                Err(error) if matches!(error.fault(), Some(Fault::UnknownClass(_))) => {
                    hidden.get_or_insert(error);
                    scan.skip_group();
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let Some(Some(state)) = states.get(usize::from(stored.state)) else {
                continue;
            };
            let place = HeapPlace {
                subtask: self.subtask,
                key_group: stored.key_group,
                offset: stored.offset,
            };
            if state.kind == StateKind::Map && stored.value == EMPTY_MAP {
                let parts = [stored.key, stored.namespace, stored.value];
                let known = empty.entry(stored.state).or_insert((state, 0, 0));
                known.1 += 1;
                known.2 += parts.map(|part| part.len() as u64).iter().sum::<u64>();
                continue;
            }
            let flow = if state.kind == StateKind::Timer {
                visit(&place.entry(state, StoredKey::Composite(stored.value), Payload::None))?
            } else {
                visit_heap_value(
                    state,
                    place,
                    stored.key,
                    stored.namespace,
                    stored.value,
                    source.name(),
                    visit,
                )?
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        for (state, maps, bytes) in empty.into_values() {
            counted(state, Besides::EmptyMaps { maps, bytes });
        }
        // Everything else has been seen; what was hidden behind the first unknown value of a key
        // group has not.
        hidden.map_or(Ok(Flow::Continue(())), |error| Err(error.into()))
    }

    fn scan_raw_timers(
        &self,
        handle: &KeyGroupsHandle,
        source: &Source,
        range: KeyGroupRange,
        wanted: &dyn Fn(&State) -> bool,
        visit: &mut Visit<'_>,
    ) -> Result<Flow> {
        let states = self.wanted_states(wanted);
        let mut outcome: Result<Flow> = Ok(Flow::Continue(()));
        let extents = |service: &raw_timers::TimerService| {
            let name = timer_state_name(TimerDomain::Event, &service.name.to_str());
            let state = self.header.states.iter().find(|state| state.name == name);
            let extent =
                |ty: Option<&Arc<statetool_values::Type>>| Extent(ty.cloned().unwrap_or_else(no_type));
            let key = extent(state.and_then(|state| state.key.as_ref()));
            (key, extent(state.and_then(|state| state.namespace.as_ref())))
        };
        raw_timers::scan(source, handle, range, extents, |service, domain, timer| {
            if !matches!(outcome, Ok(Flow::Continue(()))) {
                return Ok(());
            }
            let name = timer_state_name(domain, &service.name.to_str());
            let Some(state) = states.iter().flatten().find(|state| state.name == name) else {
                return Ok(());
            };
            let key = StoredKey::Split {
                key: timer.key,
                namespace: timer.namespace,
                map_key: None,
                timestamp: Some(timer.timestamp),
            };
            let (subtask, key_group) = (self.subtask, Some(timer.key_group));
            outcome = visit(&Entry {
                state,
                subtask,
                key_group,
                key,
                value: Payload::None,
                offset: None,
            });
            Ok(())
        })?;
        outcome
    }

    fn scan_operator(
        &self,
        handle: &OperatorStateHandle,
        source: &Source,
        lists: usize,
        wanted: &dyn Fn(&State) -> bool,
        visit: &mut Visit<'_>,
    ) -> Result<Flow> {
        let partitions = Partitions::new(handle, self.compression(), source.len());
        if partitions.are_ambiguous() && self.header.compressed {
            return self.scan_unflushed(handle, source, &partitions, lists, wanted, visit);
        }
        for (index, state) in self.wanted_states(wanted).into_iter().enumerate() {
            let Some(state) = state else { continue };
            let stored = handle.states.iter().find(|stored| stored.name == state.meta.name);
            let offsets = stored.map(|stored| stored.offsets.as_slice()).unwrap_or_default();
            for (element, offset) in (0..).zip(offsets) {
                let mut window = partitions.open(source, *offset)?;
                let flow = if index < lists {
                    self.visit_element(state, element, &mut window, visit)?
                } else {
                    self.visit_broadcast(state, &mut window, visit)?
                };
                if flow.is_break() {
                    return Ok(flow);
                }
                // A partition whose bytes nobody knows was taken whole.
                window.finish("end of a partition")?;
            }
        }
        Ok(Flow::Continue(()))
    }

    /// Flink 1.18.0 and 1.18.1 recorded offsets before flushing; what follows the header is
    /// read as one run, as many elements of each state as there are offsets.
    fn scan_unflushed(
        &self,
        handle: &OperatorStateHandle,
        source: &Source,
        partitions: &Partitions,
        lists: usize,
        wanted: &dyn Fn(&State) -> bool,
        visit: &mut Visit<'_>,
    ) -> Result<Flow> {
        let mut window = partitions.open_all(source)?;
        for (index, state) in self.header.states.iter().enumerate() {
            let stored = handle.states.iter().find(|stored| stored.name == state.meta.name);
            for element in 0..stored.map_or(0, |stored| stored.offsets.len() as u64) {
                let is_wanted = wanted(state);
                let mut filtered = |entry: &Entry<'_>| {
                    if is_wanted {
                        visit(entry)
                    } else {
                        Ok(Flow::Continue(()))
                    }
                };
                let flow = if index < lists {
                    self.visit_element(state, element, &mut window, &mut filtered)?
                } else {
                    self.visit_broadcast(state, &mut window, &mut filtered)?
                };
                if flow.is_break() {
                    return Ok(flow);
                }
            }
        }
        window.finish("end of the operator state")?;
        Ok(Flow::Continue(()))
    }

    fn visit_element(
        &self,
        state: &Arc<State>,
        index: u64,
        window: &mut statetool_backend::Window,
        visit: &mut Visit<'_>,
    ) -> Result<Flow> {
        let offset = window.offset();
        let len = match window.peek(|r| skip(&state.value, r)) {
            Ok(((), len)) => len,
            Err(error) if matches!(error.fault(), Some(Fault::UnknownClass(_))) => window.peek_all()?,
            Err(error) => return Err(error.into()),
        };
        let bytes: &[u8] = window.take(len);
        visit(&Entry {
            state,
            subtask: self.subtask,
            key_group: None,
            key: StoredKey::Element { index },
            value: Payload::Value(bytes),
            offset: Some(offset),
        })
    }

    fn visit_broadcast(
        &self,
        state: &Arc<State>,
        window: &mut statetool_backend::Window,
        visit: &mut Visit<'_>,
    ) -> Result<Flow> {
        let count = window.parse(|r| r.i32_in(0, i32::MAX, "number of broadcast entries"))?;
        let no_key = no_type();
        let key_type = state.map_key.as_ref().unwrap_or(&no_key);
        for _ in 0..count {
            let offset = window.offset();
            let (key_len, len) = window.peek(|r| {
                let start = r.left();
                skip(key_type, r)?;
                let key_len = start - r.left();
                skip(&state.value, r)?;
                Ok(key_len)
            })?;
            let bytes: &[u8] = window.take(len);
            let (key, value) = bytes.split_at_checked(key_len).unwrap_or_default();
            let flow = visit(&Entry {
                state,
                subtask: self.subtask,
                key_group: None,
                key: StoredKey::Broadcast { map_key: key },
                value: Payload::Value(value),
                offset: Some(offset),
            })?;
            if flow.is_break() {
                return Ok(flow);
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

/// The name of a queue of timers (Flink's `InternalTimerServiceImpl`).
pub(crate) fn timer_state_name(domain: TimerDomain, service: &str) -> String {
    match domain {
        TimerDomain::Event => format!("_timer_state/event_{service}"),
        TimerDomain::Processing => format!("_timer_state/processing_{service}"),
    }
}

fn no_type() -> Arc<statetool_values::Type> {
    Arc::new(statetool_values::Type::opaque(
        "unknown",
        "the header names no such serializer",
    ))
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

/// Where an entry of a heap block was found.
#[derive(Clone, Copy)]
pub(crate) struct HeapPlace {
    pub(crate) subtask: u32,
    pub(crate) key_group: u32,
    pub(crate) offset: u64,
}

impl HeapPlace {
    fn entry<'a>(self, state: &'a Arc<State>, key: StoredKey<'a>, value: Payload<'a>) -> Entry<'a> {
        let (subtask, key_group) = (self.subtask, Some(self.key_group));
        Entry {
            state,
            subtask,
            key_group,
            key,
            value,
            offset: Some(self.offset),
        }
    }
}

/// A map without entries as `MapSerializer` writes it: their number.
const EMPTY_MAP: [u8; 4] = [0; 4];

/// Visits one whole state value of the heap layout; each entry of a map on its own.
pub(crate) fn visit_heap_value(
    state: &Arc<State>,
    place: HeapPlace,
    key: &[u8],
    namespace: &[u8],
    whole: &[u8],
    file: &str,
    visit: &mut Visit<'_>,
) -> Result<Flow> {
    let split = |map_key| StoredKey::Split {
        key,
        namespace,
        map_key,
        timestamp: None,
    };
    match (state.kind, &state.map_key) {
        (StateKind::List, _) => visit(&place.entry(state, split(None), Payload::Counted(whole))),
        (StateKind::Map, Some(key_type)) => {
            let mut r = Reader::at(whole, place.offset);
            let count = r.count(1, "number of map entries").in_file(file)?;
            for _ in 0..count {
                let (map_key, value) = map_entry(key_type, &state.value, &mut r).in_file(file)?;
                if visit(&place.entry(state, split(Some(map_key)), value))?.is_break() {
                    return Ok(Flow::Break(()));
                }
            }
            r.finish("map").in_file(file)?;
            Ok(Flow::Continue(()))
        }
        _ => visit(&place.entry(state, split(None), Payload::Value(whole))),
    }
}

/// One entry of a map in the form of `MapSerializer`.
pub(crate) fn map_entry<'a>(
    key_type: &statetool_values::Type,
    value_type: &statetool_values::Type,
    r: &mut Reader<'a>,
) -> statetool_format::Result<(&'a [u8], Payload<'a>)> {
    let start = r.clone();
    skip(key_type, r)?;
    let key = r.since(&start);
    if r.bool("null flag of a map value")? {
        return Ok((key, Payload::Null(&[])));
    }
    let start = r.clone();
    skip(value_type, r)?;
    Ok((key, Payload::Value(r.since(&start))))
}

/// How far the parts of a state's entries reach in the heap layout.
pub(crate) struct HeapExtents {
    timer: bool,
    namespace: Extent,
    key: Extent,
    whole: Extent,
}

impl HeapExtents {
    pub(crate) fn of(state: &State) -> Self {
        let extent = |ty: &Option<Arc<statetool_values::Type>>| Extent(ty.clone().unwrap_or_else(no_type));
        Self {
            timer: state.kind == StateKind::Timer,
            namespace: extent(&state.namespace),
            key: extent(&state.key),
            whole: Extent(state.whole.clone()),
        }
    }

    pub(crate) fn shape(&self) -> HeapShape<'_> {
        if self.timer {
            HeapShape::Queue { element: &self.whole }
        } else {
            HeapShape::KeyValue {
                namespace: &self.namespace,
                key: &self.key,
                value: &self.whole,
            }
        }
    }
}
