//! Entries taken out of a scan, so that another thread can work on them.

use std::sync::Arc;

use statetool_snapshot::{Entry, Payload, State, StoredKey};

/// Copies of entries, one behind the other.
#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    states: Vec<Arc<State>>,
    entries: Vec<Stored>,
}

/// An entry without its bytes, which lie behind those of the entry before.
struct Stored {
    state: usize,
    subtask: u32,
    key_group: Option<u32>,
    offset: Option<u64>,
    key: Key,
    value: Form,
    value_len: usize,
}

/// A [`StoredKey`] with lengths for bytes.
enum Key {
    Element {
        index: u64,
    },
    Broadcast {
        map_key: usize,
    },
    Composite(usize),
    Split {
        key: usize,
        namespace: usize,
        map_key: Option<usize>,
        timestamp: Option<i64>,
    },
}

/// The forms of a [`Payload`].
enum Form {
    None,
    Null,
    Value,
    Delimited,
    Counted,
}

impl Batch {
    /// Adds a copy of an entry.
    pub fn push(&mut self, entry: &Entry<'_>) {
        let key = self.push_key(entry.key);
        let (value, bytes): (_, &[u8]) = match entry.value {
            Payload::None => (Form::None, &[]),
            Payload::Null(bytes) => (Form::Null, bytes),
            Payload::Value(bytes) => (Form::Value, bytes),
            Payload::Delimited(bytes) => (Form::Delimited, bytes),
            Payload::Counted(bytes) => (Form::Counted, bytes),
        };
        let value_len = self.copy(bytes);
        let state = self.state(entry.state);
        self.entries.push(Stored {
            state,
            subtask: entry.subtask,
            key_group: entry.key_group,
            offset: entry.offset,
            key,
            value,
            value_len,
        });
    }

    fn push_key(&mut self, key: StoredKey<'_>) -> Key {
        match key {
            StoredKey::Element { index } => Key::Element { index },
            StoredKey::Broadcast { map_key } => Key::Broadcast {
                map_key: self.copy(map_key),
            },
            StoredKey::Composite(bytes) => Key::Composite(self.copy(bytes)),
            StoredKey::Split {
                key,
                namespace,
                map_key,
                timestamp,
            } => Key::Split {
                key: self.copy(key),
                namespace: self.copy(namespace),
                map_key: map_key.map(|bytes| self.copy(bytes)),
                timestamp,
            },
        }
    }

    fn copy(&mut self, bytes: &[u8]) -> usize {
        self.bytes.extend_from_slice(bytes);
        bytes.len()
    }

    /// The number of a state in this batch; entries of one state mostly come in a row.
    fn state(&mut self, state: &Arc<State>) -> usize {
        let known = self.states.iter().rposition(|known| Arc::ptr_eq(known, state));
        known.unwrap_or_else(|| {
            self.states.push(state.clone());
            self.states.len() - 1
        })
    }

    /// How much memory the entries take, about.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<Stored>()
    }

    /// Takes all entries out; the memory stays.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.states.clear();
        self.entries.clear();
    }

    /// The entries as they were.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut bytes = Bytes(&self.bytes);
        self.entries.iter().filter_map(move |stored| {
            let key = bytes.key(&stored.key);
            let value = bytes.take(stored.value_len);
            Some(Entry {
                state: self.states.get(stored.state)?,
                subtask: stored.subtask,
                key_group: stored.key_group,
                key,
                value: match stored.value {
                    Form::None => Payload::None,
                    Form::Null => Payload::Null(value),
                    Form::Value => Payload::Value(value),
                    Form::Delimited => Payload::Delimited(value),
                    Form::Counted => Payload::Counted(value),
                },
                offset: stored.offset,
            })
        })
    }
}

/// The bytes of entries to come.
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, len: usize) -> &'b [u8] {
        let (taken, rest) = self.0.split_at_checked(len).unwrap_or_default();
        self.0 = rest;
        taken
    }

    fn key(&mut self, key: &Key) -> StoredKey<'b> {
        match *key {
            Key::Element { index } => StoredKey::Element { index },
            Key::Broadcast { map_key } => StoredKey::Broadcast {
                map_key: self.take(map_key),
            },
            Key::Composite(len) => StoredKey::Composite(self.take(len)),
            Key::Split {
                key,
                namespace,
                map_key,
                timestamp,
            } => StoredKey::Split {
                key: self.take(key),
                namespace: self.take(namespace),
                map_key: map_key.map(|len| self.take(len)),
                timestamp,
            },
        }
    }
}
