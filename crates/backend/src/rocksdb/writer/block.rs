//! Blocks: keys without what they share with the key before.

use super::super::varint::PutLittle;

/// Collects the entries of a block.
#[derive(Debug)]
pub(super) struct BlockBuilder {
    bytes: Vec<u8>,
    restarts: Vec<u32>,
    /// After how many entries a key is written in full.
    interval: usize,
    since_restart: usize,
    last: Vec<u8>,
}

impl BlockBuilder {
    pub(super) fn new(interval: usize) -> Self {
        Self {
            bytes: Vec::new(),
            restarts: Vec::new(),
            interval,
            since_restart: interval,
            last: Vec::new(),
        }
    }

    /// Adds the entry with the key `key` and `trailer`, which come behind all others.
    pub(super) fn add(&mut self, key: &[u8], trailer: &[u8], value: &[u8]) {
        let shared = match self.since_restart < self.interval {
            true => shared_len(&self.last, key),
            false => {
                self.restarts.push(self.bytes.len() as u32);
                self.since_restart = 0;
                0
            }
        };
        self.since_restart += 1;
        let own = key.get(shared..).unwrap_or_default();
        self.bytes.put_varint(shared as u64);
        self.bytes.put_varint((own.len() + trailer.len()) as u64);
        self.bytes.put_varint(value.len() as u64);
        for part in [own, trailer, value] {
            self.bytes.extend_from_slice(part);
        }
        self.last.truncate(shared);
        self.last.extend_from_slice(own);
    }

    /// The user key that was added last.
    pub(super) fn last_key(&self) -> &[u8] {
        &self.last
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes of the block, were it ended now.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() + 4 * (self.restarts.len() + 1)
    }

    /// Ends the block and shows it to `write`; the next entry begins another one.
    pub(super) fn end<T>(&mut self, write: impl FnOnce(&[u8]) -> T) -> T {
        if self.restarts.is_empty() {
            self.restarts.push(0);
        }
        for restart in &self.restarts {
            self.bytes.put_fixed32(*restart);
        }
        self.bytes.put_fixed32(self.restarts.len() as u32);
        let written = write(&self.bytes);
        self.bytes.clear();
        self.restarts.clear();
        self.since_restart = self.interval;
        written
    }
}

fn shared_len(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
