//! Writes canonical key groups.

use statetool_format::Put;

use super::{END_OF_GROUP, META_DATA_FOLLOWS};

/// Writes the entries of one key group after the other.
///
/// The bytes come out in pieces, so that a group may be larger than memory.
#[derive(Debug, Default)]
pub struct CanonicalWriter {
    out: Vec<u8>,
    last: Option<Last>,
}

/// The last entry: whether its run goes on shows with the next.
#[derive(Debug)]
struct Last {
    state: u16,
    /// Where its key begins in `out`.
    key: usize,
}

impl CanonicalWriter {
    /// Appends an entry to the group; `key` begins with the key group, as in a
    /// [`CanonicalEntry`](super::CanonicalEntry).
    #[inline]
    pub fn entry(&mut self, state: u16, key: &[u8], value: &[u8]) {
        self.entry_of(state, key.len(), |out| out.put(key), value);
    }

    /// Appends an entry whose key of `len` bytes `put_key` writes.
    #[inline]
    pub fn entry_of(&mut self, state: u16, len: usize, put_key: impl FnOnce(&mut Vec<u8>), value: &[u8]) {
        if self.last.as_ref().is_none_or(|last| last.state != state) {
            self.end_run();
            self.out.put_u16(state);
        }
        self.out.put_count(len);
        let key = self.out.len();
        put_key(&mut self.out);
        self.out.put_bytes(value);
        self.last = Some(Last { state, key });
    }

    /// Ends the group, if it has entries; the next entry begins another one.
    pub fn end_group(&mut self) {
        if self.last.is_some() {
            self.end_run();
            self.out.put_u16(END_OF_GROUP);
        }
    }

    fn end_run(&mut self) {
        if let Some(last) = self.last.take()
            && let Some(byte) = self.out.get_mut(last.key)
        {
            *byte |= META_DATA_FOLLOWS;
        }
    }

    /// How many bytes are at hand.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing is at hand.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Moves the bytes that are settled to `to`: all, but for the key of the last entry and what
    /// follows it while its group goes on.
    pub fn take_settled(&mut self, to: &mut Vec<u8>) {
        let settled = self.last.as_ref().map_or(self.out.len(), |last| last.key);
        if to.is_empty() {
            // Nothing is copied but what is not settled.
            std::mem::swap(to, &mut self.out);
            self.out.reserve(to.len());
            self.out.extend_from_slice(to.get(settled..).unwrap_or_default());
            to.truncate(settled);
        } else {
            to.extend_from_slice(self.out.get(..settled).unwrap_or_default());
            self.out.drain(..settled);
        }
        if let Some(last) = &mut self.last {
            last.key = 0;
        }
    }
}
