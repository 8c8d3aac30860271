//! Writes the blocks of key groups in the HashMap backend's layout.

use std::collections::HashMap;

use statetool_format::Put;

use crate::snappy::put_stream;

/// Collects the entries of one key group, in any order, and writes its block.
///
/// A block counts its entries in front of them, so it is collected in memory, as the backend
/// that reads it will do.
#[derive(Debug)]
pub struct HeapWriter {
    states: Vec<Entries>,
}

/// The entries of one state.
#[derive(Debug, Default)]
struct Entries {
    count: usize,
    bytes: Vec<u8>,
    maps: Vec<Map>,
    /// Which of the maps belongs to a namespace and key.
    places: HashMap<Vec<u8>, usize>,
}

/// The map of one namespace and key.
#[derive(Debug, Default)]
struct Map {
    count: usize,
    entries: Vec<u8>,
}

impl HeapWriter {
    /// A writer for streams whose header names so many states.
    pub fn new(states: usize) -> Self {
        let states = (0..states).map(|_| Entries::default());
        Self {
            states: states.collect(),
        }
    }

    /// A writer for the same states.
    #[must_use]
    pub fn without_entries(&self) -> Self {
        Self::new(self.states.len())
    }

    /// Adds a whole value: one that is no map.
    pub fn value(&mut self, state: u16, namespace: &[u8], key: &[u8], value: &[u8]) {
        if let Some(state) = self.states.get_mut(usize::from(state)) {
            state.count += 1;
            for part in [namespace, key, value] {
                state.bytes.put(part);
            }
        }
    }

    /// Adds an element of a queue.
    pub fn element(&mut self, state: u16, element: &[u8]) {
        self.value(state, &[], &[], element);
    }

    /// Adds an entry to the map of a namespace and key; without a value, its value is null.
    pub fn map_entry(
        &mut self,
        state: u16,
        namespace: &[u8],
        key: &[u8],
        map_key: &[u8],
        value: Option<&[u8]>,
    ) {
        let Some(state) = self.states.get_mut(usize::from(state)) else {
            return;
        };
        let place = [namespace, key].concat();
        let next = state.maps.len();
        let at = *state.places.entry(place).or_insert(next);
        if at == next {
            state.count += 1;
            state.maps.push(Map::default());
        }
        if let Some(map) = state.maps.get_mut(at) {
            map.count += 1;
            map.entries.put(map_key);
            map.entries.put_bool(value.is_none());
            map.entries.put(value.unwrap_or_default());
        }
    }

    /// Bytes that have been collected, about.
    pub fn len(&self) -> usize {
        let maps = |entries: &Entries| entries.maps.iter().map(|map| map.entries.len()).sum::<usize>();
        self.states
            .iter()
            .map(|entries| entries.bytes.len() + maps(entries))
            .sum()
    }

    /// Whether nothing has been added.
    pub fn is_empty(&self) -> bool {
        self.states.iter().all(|entries| entries.count == 0)
    }

    /// Appends the block of the key group; what comes then belongs to another one.
    ///
    /// Each state is written, also without entries; `compress` makes each a snappy stream.
    pub fn end_group(&mut self, group: u32, compress: bool, out: &mut Vec<u8>) {
        out.put(&group.to_be_bytes());
        for (id, entries) in (0..).zip(&mut self.states) {
            let entries = std::mem::take(entries);
            if compress {
                let mut plain = Vec::new();
                entries.put(id, &mut plain);
                put_stream(&plain, out);
            } else {
                entries.put(id, out);
            }
        }
    }
}

impl Entries {
    fn put(mut self, id: u16, out: &mut Vec<u8>) {
        out.put_u16(id);
        out.put_count(self.count);
        out.put(&self.bytes);
        let mut places: Vec<(Vec<u8>, usize)> = self.places.drain().collect();
        places.sort_unstable_by_key(|(_, at)| *at);
        for ((place, _), map) in places.iter().zip(&self.maps) {
            out.put(place);
            out.put_count(map.count);
            out.put(&map.entries);
        }
    }
}
