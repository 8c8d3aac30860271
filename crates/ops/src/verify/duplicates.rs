//! Entries that another one of the same key hides: a job sees the last that it reads.

use std::collections::BTreeMap;

use statetool_snapshot::{Entry, StoredKey};
use xxhash_rust::xxh3::Xxh3;

/// Of how many entries of a key group keys are remembered; each takes eight bytes.
const MOST: usize = 4 << 20;

/// Looks for keys that occur twice in a state and key group, of which entries come together.
#[derive(Default)]
pub(super) struct Duplicates {
    group: Option<u32>,
    /// Hashes of the keys by state.
    seen: BTreeMap<String, Vec<u64>>,
    remembered: usize,
}

/// A state, a key group, and how many of its keys have occurred before.
pub(super) type Duplicate = (String, u32, usize);

impl Duplicates {
    /// Takes up an entry; gives what was found in the key group before, once that has ended.
    pub(super) fn add(&mut self, entry: &Entry<'_>) -> Vec<Duplicate> {
        let found = match self.group == entry.key_group {
            true => Vec::new(),
            false => self.end(),
        };
        self.group = entry.key_group;
        if self.remembered < MOST
            && self.group.is_some()
            && let Some(hash) = hash(&entry.key)
        {
            self.remembered += 1;
            match self.seen.get_mut(&entry.state.name) {
                Some(seen) => seen.push(hash),
                None => {
                    self.seen.insert(entry.state.name.clone(), vec![hash]);
                }
            }
        }
        found
    }

    /// What was found in the last key group.
    pub(super) fn end(&mut self) -> Vec<Duplicate> {
        let mut found = Vec::new();
        for (state, hashes) in &mut self.seen {
            hashes.sort_unstable();
            let count = hashes
                .windows(2)
                .filter(|pair| matches!(pair, [a, b] if a == b))
                .count();
            if count > 0 {
                found.push((state.clone(), self.group.unwrap_or_default(), count));
            }
            hashes.clear();
        }
        self.remembered = 0;
        found
    }
}

/// A hash of all parts of a key; those of operator state have none.
fn hash(key: &StoredKey<'_>) -> Option<u64> {
    let mut hash = Xxh3::new();
    match key {
        StoredKey::Element { .. } | StoredKey::Broadcast { .. } => return None,
        StoredKey::Composite(bytes) => hash.update(bytes),
        StoredKey::Split {
            key,
            namespace,
            map_key,
            timestamp,
        } => {
            for part in [*key, *namespace, map_key.unwrap_or_default()] {
                hash.update(&(part.len() as u64).to_le_bytes());
                hash.update(part);
            }
            hash.update(&timestamp.unwrap_or_default().to_le_bytes());
        }
    }
    Some(hash.digest())
}
