//! Entries as they wait for their partners: a head, the key, the value, one entry behind the other.

use std::sync::Arc;

use statetool_snapshot::{Entry, Payload, State, StoredKey};

/// The states of which entries of one snapshot have been met, with their ranks; entries name them by number.
#[derive(Default)]
pub(super) struct Met {
    pub(super) states: Vec<(usize, Arc<State>)>,
    last: usize,
}

impl Met {
    /// The number of a state; entries of one state mostly come in a row.
    #[inline]
    pub(super) fn number(&mut self, state: &Arc<State>, rank: impl FnOnce() -> usize) -> usize {
        let is_it = |(_, known): &(usize, Arc<State>)| Arc::ptr_eq(known, state);
        if !self.states.get(self.last).is_some_and(is_it) {
            self.last = self.states.iter().position(is_it).unwrap_or_else(|| {
                self.states.push((rank(), state.clone()));
                self.states.len() - 1
            });
        }
        self.last
    }

    /// The rank of a state that has been met.
    #[inline]
    pub(super) fn rank(&self, number: usize) -> usize {
        self.states.get(number).map_or(usize::MAX, |(rank, _)| *rank)
    }
}

/// An entry among others.
pub(super) struct Record<'r> {
    pub(super) rank: usize,
    /// The number of its state.
    pub(super) state: usize,
    pub(super) entry: Entry<'r>,
}

/// What stands in front of key and value: state, key group and forms in one number, both lengths in another.
const HEAD: usize = 16 + 16;

/// No key group.
const NO_GROUP: u32 = u32::MAX;

/// The key as one piece: operator state has none, or a map key.
#[inline]
pub(super) fn key_of<'a>(entry: &Entry<'a>) -> &'a [u8] {
    match entry.key {
        StoredKey::Composite(key) | StoredKey::Broadcast { map_key: key } => key,
        StoredKey::Element { .. } | StoredKey::Split { .. } => &[],
    }
}

/// Appends an entry whose key is in one piece.
#[inline]
pub(super) fn put(state: usize, entry: &Entry<'_>, out: &mut Vec<u8>) {
    let (key, value) = (key_of(entry), entry.value.bytes());
    let key_form = match entry.key {
        StoredKey::Composite(_) | StoredKey::Split { .. } => 0_u8,
        StoredKey::Element { .. } => 1,
        StoredKey::Broadcast { .. } => 2,
    };
    let form = match entry.value {
        Payload::None => 0,
        Payload::Null(_) => 1,
        Payload::Value(_) => 2,
        Payload::Delimited(_) => 3,
        Payload::Counted(_) => 4,
    };
    let group = entry.key_group.unwrap_or(NO_GROUP);
    let forms = u128::from(key_form << 4 | form);
    let place = state as u128 | u128::from(group) << 32 | forms << 64;
    let lengths = key.len() as u128 | (value.len() as u128) << 64;
    out.reserve(HEAD + key.len() + value.len());
    out.extend_from_slice(&place.to_le_bytes());
    out.extend_from_slice(&lengths.to_le_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(value);
}

/// The entry at the beginning of some bytes, and how many of them it takes.
#[inline]
pub(super) fn first<'r>(bytes: &'r [u8], met: &'r Met) -> Option<(Record<'r>, usize)> {
    let (place, rest) = bytes.split_first_chunk()?;
    let (lengths, rest) = rest.split_first_chunk()?;
    let (place, lengths) = (u128::from_le_bytes(*place), u128::from_le_bytes(*lengths));
    let (key, rest) = rest.split_at_checked(lengths as u64 as usize)?;
    let value = rest.get(..(lengths >> 64) as usize)?;
    let (number, group, forms) = (place as u32 as usize, (place >> 32) as u32, (place >> 64) as u8);
    let (rank, state) = met.states.get(number)?;
    let entry = Entry {
        state,
        subtask: 0,
        key_group: Some(group).filter(|group| *group != NO_GROUP),
        key: match forms >> 4 {
            0 => StoredKey::Composite(key),
            1 => StoredKey::Element { index: 0 },
            _ => StoredKey::Broadcast { map_key: key },
        },
        value: match forms & 0xf {
            0 => Payload::None,
            1 => Payload::Null(value),
            2 => Payload::Value(value),
            3 => Payload::Delimited(value),
            _ => Payload::Counted(value),
        },
        offset: None,
    };
    let record = Record {
        rank: *rank,
        state: number,
        entry,
    };
    Some((record, HEAD + key.len() + value.len()))
}

/// The entry with its key in one piece, for which `space` may be needed.
#[inline]
pub(super) fn joined<'a>(entry: &Entry<'a>, space: &'a mut Vec<u8>) -> Entry<'a> {
    match entry.key {
        StoredKey::Split { .. } => {
            space.clear();
            entry.put_composite_key(0, 0, space);
            Entry {
                key: StoredKey::Composite(space),
                ..*entry
            }
        }
        _ => *entry,
    }
}

#[cfg(test)]
mod tests {
    use statetool_testkit::opened::{metadata_of, open};

    use super::*;

    #[test]
    fn entries_come_back_as_they_were() {
        let mut count = 0;
        for fixture in [
            "1.20/keyed-states/hashmap-native",
            "1.20/operator-states/hashmap-canonical",
        ] {
            let snapshot = open(&metadata_of(fixture).unwrap()).unwrap();
            for operator in snapshot.operators() {
                let loaded = snapshot.load_operator(&operator).unwrap();
                let (mut met, mut bytes, mut expected) = (Met::default(), Vec::new(), Vec::new());
                for part in &loaded.parts {
                    let visit = &mut |entry: &Entry<'_>| {
                        let number = met.number(entry.state, || 7);
                        let mut space = Vec::new();
                        let entry = joined(entry, &mut space);
                        put(number, &entry, &mut bytes);
                        let shown = format!("{:?} {:?} {:?}", key_of(&entry), entry.value, entry.key_group);
                        expected.push((entry.state.name.clone(), shown));
                        Ok(statetool_snapshot::Flow::Continue(()))
                    };
                    let _ = part.scan(snapshot.files(), part.range, &|_| true, visit).unwrap();
                }
                let mut rest = bytes.as_slice();
                for (name, shown) in expected {
                    let (record, len) = first(rest, &met).unwrap();
                    let entry = record.entry;
                    assert_eq!((record.rank, &entry.state.name), (7, &name));
                    let found = format!("{:?} {:?} {:?}", key_of(&entry), entry.value, entry.key_group);
                    assert_eq!(found, shown);
                    rest = &rest[len..];
                    count += 1;
                }
                assert!(first(rest, &met).is_none());
            }
        }
        assert!(count > 200);
    }
}
