//! The HashMap backend's layout.

use std::collections::BTreeMap;
use std::sync::Arc;

use statetool_backend::heap::{HeapScan, HeapShape};
use statetool_backend::{InFile, Source};
use statetool_format::{Fault, Reader};

use super::{Besides, Counted, Flow, Visit, no_type, only_wanted};
use crate::codec::{Extent, skip};
use crate::entry::{Entry, Payload, StoredKey};
use crate::error::Result;
use crate::part::Part;
use crate::state::{State, StateKind};

impl Part {
    pub(super) fn scan_heap(
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
