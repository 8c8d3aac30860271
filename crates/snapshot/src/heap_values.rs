//! The lengths of values in heap blocks whose serializer nobody knows.
//!
//! Entries of the HashMap backend have no lengths, so a value that cannot be interpreted hides
//! all that follows it in its key group. But a block has an end, and a number of entries, and
//! keys that belong to its key group. If there is one length, and only one, with which all
//! blocks of a stream are read to their exact ends and all keys hash to their groups, then all
//! values of that class are that long.

use std::sync::{Arc, OnceLock};

use statetool_backend::heap::{self, HeapScan};
use statetool_backend::{Compression, Memory, Source};
use statetool_format::key_group::key_group_of_hash;
use statetool_format::metadata::KeyGroupsHandle;
use statetool_format::{Fault, KeyGroupRange, Reader};
use statetool_values::{Framing, Type, Value, java_hash};

use crate::error::Result;
use crate::scan::HeapExtents;
use crate::state::{Header, State, StateKind};

/// The longest value that is looked for.
const MAX_LENGTH: usize = 1 << 16;
/// How often blocks are tried in all.
const MAX_ATTEMPTS: usize = 1 << 18;
/// How many possible answers are pursued at a time.
const MAX_CANDIDATES: usize = 1 << 10;
/// The largest block that is looked into.
const MAX_BLOCK: u64 = 1 << 26;

/// The states of a heap stream as far as their values can be told apart.
pub struct HeapValues {
    max_parallelism: u32,
    states: OnceLock<Vec<Arc<State>>>,
}

/// How long the values of some classes are.
type Lengths = Vec<(String, usize)>;

impl HeapValues {
    /// Nothing is known yet about a stream of an operator with so many key groups.
    pub fn new(max_parallelism: u32) -> Self {
        Self {
            max_parallelism,
            states: OnceLock::new(),
        }
    }

    /// The states of the header, with the lengths of values that nobody can interpret where
    /// the blocks show them.
    ///
    /// # Errors
    /// When the stream cannot be read.
    pub(crate) fn states(
        &self,
        header: &Header,
        handle: &KeyGroupsHandle,
        source: &Source,
        compression: Compression,
    ) -> Result<&[Arc<State>]> {
        if let Some(states) = self.states.get() {
            return Ok(states);
        }
        let mut states = header.states.clone();
        if header.states.iter().any(|state| is_opaque(state)) {
            let mut search = Search {
                states: &header.states,
                handle,
                source,
                compression,
                max_parallelism: self.max_parallelism,
                attempts: 0,
            };
            if let Some(lengths) = search.run()? {
                states = with_lengths(&header.states, &lengths);
            }
        }
        Ok(self.states.get_or_init(|| states))
    }
}

/// Whether values of a state have parts that nobody can interpret, and its keys do not.
fn is_opaque(state: &State) -> bool {
    let is_clear = |ty: &Option<Arc<Type>>| ty.as_ref().is_some_and(|ty| ty.opaque_parts().is_empty());
    state.kind != StateKind::Timer
        && !state.whole.opaque_parts().is_empty()
        && is_clear(&state.key)
        && is_clear(&state.namespace)
}

fn with_lengths(states: &[Arc<State>], lengths: &Lengths) -> Vec<Arc<State>> {
    let changed = |state: &Arc<State>| {
        if !is_opaque(state) {
            return state.clone();
        }
        let change = |ty: &Arc<Type>| {
            let change = |ty: Type, (class, length): &(String, usize)| ty.with_opaque_length(class, *length);
            Arc::new(lengths.iter().fold((**ty).clone(), change))
        };
        Arc::new(State {
            map_key: state.map_key.as_ref().map(change),
            value: change(&state.value),
            whole: change(&state.whole),
            ..(**state).clone()
        })
    };
    states.iter().map(changed).collect()
}

/// Looks for the lengths with which a stream makes sense.
struct Search<'s> {
    states: &'s [Arc<State>],
    handle: &'s KeyGroupsHandle,
    source: &'s Source,
    compression: Compression,
    max_parallelism: u32,
    attempts: usize,
}

/// What became of a block that was read with certain lengths.
enum Outcome {
    Sound,
    Unsound,
    /// The length of this class's values would be needed.
    Needs(String),
}

impl Search<'_> {
    /// The only lengths with which all blocks make sense; `None` if there are none or several.
    fn run(&mut self) -> Result<Option<Lengths>> {
        let mut blocks = heap::blocks(self.handle, self.handle.range, self.source.len());
        // The fewer entries a block has, the fewer attempts it takes.
        blocks.sort_by_key(|(_, start, end)| end.saturating_sub(*start));
        let mut candidates = vec![Lengths::new()];
        for (group, start, end) in blocks {
            if end.saturating_sub(start) > MAX_BLOCK {
                return Ok(None);
            }
            let mut block = vec![0; (end - start) as usize];
            self.source.read_exact_at(&mut block, start)?;
            let block: Source = Arc::new(Memory::new(self.source.name(), block));
            let mut sound = Vec::new();
            for lengths in candidates {
                if !self.extend(&block, group, lengths, &mut sound)? {
                    return Ok(None);
                }
            }
            candidates = sound;
        }
        let only = candidates.pop().filter(|_| candidates.is_empty());
        Ok(only.filter(|lengths| !lengths.is_empty()))
    }

    /// Collects the lengths that begin with `lengths` and make sense of a block; false when
    /// there are too many to go on.
    fn extend(
        &mut self,
        block: &Source,
        group: u32,
        lengths: Lengths,
        sound: &mut Vec<Lengths>,
    ) -> Result<bool> {
        self.attempts += 1;
        if self.attempts > MAX_ATTEMPTS || sound.len() > MAX_CANDIDATES {
            return Ok(false);
        }
        let class = match self.read(block, group, &lengths)? {
            Outcome::Sound => {
                sound.push(lengths);
                return Ok(true);
            }
            Outcome::Unsound => return Ok(true),
            Outcome::Needs(class) => class,
        };
        if lengths.iter().any(|(known, _)| *known == class) {
            return Ok(true);
        }
        let longest = match self.compression {
            Compression::None => MAX_LENGTH.min(block.len() as usize),
            Compression::Snappy => MAX_LENGTH,
        };
        for length in 0..=longest {
            let longer = [lengths.as_slice(), &[(class.clone(), length)]].concat();
            if !self.extend(block, group, longer, sound)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads a block to its end.
    fn read(&self, block: &Source, group: u32, lengths: &Lengths) -> Result<Outcome> {
        let states = with_lengths(self.states, lengths);
        let extents: Vec<HeapExtents> = states.iter().map(|state| HeapExtents::of(state)).collect();
        let shapes = extents.iter().map(HeapExtents::shape).collect();
        let range = KeyGroupRange::new(group, group + 1);
        let handle = KeyGroupsHandle {
            range,
            offsets: vec![0],
            ..self.handle.clone()
        };
        let mut scan = HeapScan::new(block.clone(), &handle, range, self.compression, shapes);
        loop {
            match scan.next_entry() {
                Ok(None) => return Ok(Outcome::Sound),
                Ok(Some(entry)) => {
                    let state = states.get(usize::from(entry.state));
                    if !state.is_some_and(|state| self.belongs(state, entry.key, group)) {
                        return Ok(Outcome::Unsound);
                    }
                }
                Err(error) => match error.fault() {
                    Some(Fault::UnknownClass(class)) => return Ok(Outcome::Needs(class.clone())),
                    Some(_) => return Ok(Outcome::Unsound),
                    None => return Err(error.into()),
                },
            }
        }
    }

    /// Whether a key is in a key group, as far as its hash code is known.
    fn belongs(&self, state: &State, key: &[u8], group: u32) -> bool {
        let Some(ty) = state.key.as_ref().filter(|_| state.kind != StateKind::Timer) else {
            return true;
        };
        match Value::decode(ty, &mut Reader::new(key), Framing::Framed) {
            Ok((value, _)) => java_hash(ty, &value)
                .is_none_or(|hash| key_group_of_hash(hash, self.max_parallelism) == group),
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use statetool_format::JavaString;
    use statetool_format::metadata::{KeyGroupsKind, StreamHandle};
    use statetool_format::serializer::{Content, SerializerSnapshot};
    use statetool_format::state::{BackendStateType, KeyedHeader, StateMetaInfo};
    use statetool_values::KryoGeneration;

    use super::*;

    const MAX_PARALLELISM: u32 = 4;

    fn java(text: &str) -> JavaString {
        JavaString::new(text).unwrap()
    }

    fn snapshot(class: &str, content: Content) -> SerializerSnapshot {
        SerializerSnapshot {
            class: java(class),
            version: 3,
            content,
        }
    }

    /// A header with a state for each of these value serializers.
    fn header(classes: &[&str]) -> Header {
        let base = "org.apache.flink.api.common.typeutils.base.LongSerializer$LongSerializerSnapshot";
        let long = snapshot(base, Content::Simple);
        let state = |class: &&str| StateMetaInfo {
            name: java(class),
            kind: BackendStateType::KeyValue,
            options: vec![(java("KEYED_STATE_TYPE"), java("VALUE"))],
            serializers: vec![
                (
                    java("VALUE_SERIALIZER"),
                    snapshot(class, Content::Opaque { bytes: Vec::new() }),
                ),
                (java("NAMESPACE_SERIALIZER"), long.clone()),
            ],
        };
        let header = KeyedHeader {
            compressed: false,
            key: long.clone(),
            states: classes.iter().map(state).collect(),
        };
        Header::new(&header, MAX_PARALLELISM, KryoGeneration::V2)
    }

    /// The lengths found for a stream of these states, whose values lie under the keys 0, 1, ….
    fn lengths(classes: &[&str], values: &[&[&[u8]]]) -> Vec<Option<usize>> {
        let (mut stream, mut offsets) = (vec![0; 9], Vec::new());
        for group in 0..MAX_PARALLELISM {
            offsets.push(stream.len() as i64);
            stream.extend(group.to_be_bytes());
            for (state, values) in (0_u16..).zip(values) {
                let keys = (0_i64..).zip(*values);
                let here = keys.filter(|(key, _)| key_group_of_hash(*key as i32, MAX_PARALLELISM) == group);
                let here: Vec<_> = here.collect();
                stream.extend(state.to_be_bytes());
                stream.extend((here.len() as u32).to_be_bytes());
                for (key, value) in here {
                    stream.extend(0_i64.to_be_bytes());
                    stream.extend(key.to_be_bytes());
                    stream.extend(*value);
                }
            }
        }
        let handle = KeyGroupsHandle {
            kind: KeyGroupsKind::Plain,
            range: KeyGroupRange::new(0, MAX_PARALLELISM),
            offsets,
            delegate: StreamHandle::EmptySegment,
        };
        let source: Source = Arc::new(Memory::new("stream", stream));
        let values = HeapValues::new(MAX_PARALLELISM);
        let states = values
            .states(&header(classes), &handle, &source, Compression::None)
            .unwrap();
        let length = |state: &Arc<State>| state.whole.opaque_parts().first().and_then(|part| part.length);
        states.iter().map(length).collect()
    }

    #[test]
    fn values_of_one_length_are_told_apart() {
        let five: &[&[u8]] = &[b"alpha", b"gamma", b"delta", b"theta", b"kappa", b"sigma"];
        assert_eq!(lengths(&["a.A"], &[five]), [Some(5)]);
        // A value whose bytes look like the beginning of an entry.
        let nulls: &[&[u8]] = &[&[0_u8; 16] as &[u8]; 9];
        assert_eq!(lengths(&["a.A"], &[nulls]), [Some(16)]);
        let empty: &[&[u8]] = &[b"", b"", b""];
        assert_eq!(lengths(&["a.A"], &[empty]), [Some(0)]);
    }

    #[test]
    fn each_class_has_a_length_of_its_own() {
        let five: &[&[u8]] = &[b"alpha", b"gamma", b"delta", b"theta", b"kappa", b"sigma"];
        let two: &[&[u8]] = &[b"ab", b"cd", b"ef", b"gh", b"ij", b"kl", b"mn"];
        assert_eq!(lengths(&["a.A", "a.B"], &[five, two]), [Some(5), Some(2)]);
    }

    #[test]
    fn values_of_several_lengths_stay_unknown() {
        let several: &[&[u8]] = &[b"alpha", b"beta", b"gamma", b"epsilon", b"eta", b"iota"];
        assert_eq!(lengths(&["a.A"], &[several]), [None]);
        assert_eq!(lengths(&["a.A"], &[&[]]), [None]);
    }
}
