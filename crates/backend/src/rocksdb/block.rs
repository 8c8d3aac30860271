//! Blocks: sorted entries whose keys are given by what they share with the key before.

use std::ops::Range;

use bytes::Bytes;
use statetool_format::{Error, Fault, Reader, Result};

use super::key;

/// The contents of a block: entries, and offsets of those with a full key.
#[derive(Debug, Clone)]
pub(super) struct Block {
    bytes: Bytes,
    /// Where the entries end and the restart points begin.
    entries: usize,
    restarts: usize,
    /// Where the block lies in its file.
    offset: u64,
    /// Whether offsets in the block are offsets in the file: not if it was compressed.
    plain: bool,
}

/// Blocks larger than this have no hash index, and their footer's highest bit is part of a count.
const MAX_HASHED: usize = 64 << 10;

impl Block {
    /// Checks the block's own footer: the number of restart points, and the hash index if it has one.
    pub(super) fn new(bytes: Bytes, offset: u64, plain: bool) -> Result<Self> {
        let bad = || {
            Error::new(
                offset,
                "block",
                Fault::Truncated {
                    needed: 4,
                    left: bytes.len() as u64,
                },
            )
        };
        let footer = bytes
            .last_chunk::<4>()
            .map(|footer| u32::from_le_bytes(*footer))
            .ok_or_else(bad)?;
        let hashed = bytes.len() <= MAX_HASHED && footer >> 31 == 1;
        let restarts = if hashed { footer & 0x7fff_ffff } else { footer } as usize;
        let tail = if hashed {
            6 + buckets(&bytes).ok_or_else(bad)?
        } else {
            4
        };
        let entries = restarts
            .checked_mul(4)
            .and_then(|size| size.checked_add(tail))
            .and_then(|size| bytes.len().checked_sub(size));
        let entries = entries.ok_or_else(|| {
            let why = format!("{restarts} restart points do not fit into {} bytes", bytes.len());
            Error::new(offset, "block", Fault::Invalid(why))
        })?;
        // A block without entries (the index of a table of range deletions alone) still has the
        // restart point with which every block begins, and it leads nowhere.
        let restarts = if entries == 0 { 0 } else { restarts };
        Ok(Self {
            bytes,
            entries,
            restarts,
            offset,
            plain,
        })
    }

    /// A block without entries.
    pub(super) fn empty() -> Self {
        Self {
            bytes: Bytes::new(),
            entries: 0,
            restarts: 0,
            offset: 0,
            plain: true,
        }
    }

    /// The bytes of a block that is not needed any more.
    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Offset in the file of what lies at `at`, or of the whole block if that was compressed.
    pub(super) fn place(&self, at: usize) -> u64 {
        if self.plain {
            self.offset.saturating_add(at as u64)
        } else {
            self.offset
        }
    }

    /// Bytes from `range`, which a cursor has checked.
    #[inline]
    pub(super) fn slice(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// The entries from `at` on.
    #[inline]
    pub(super) fn from(&self, at: usize) -> &[u8] {
        self.slice(at..self.entries)
    }

    #[cold]
    pub(super) fn invalid(&self, at: usize, why: impl Into<String>) -> Error {
        Error::new(self.place(at), "block entry", Fault::Invalid(why.into()))
    }

    fn restart(&self, index: usize) -> Option<usize> {
        let at = self.entries.checked_add(index.checked_mul(4)?)?;
        let point = self.bytes.get(at..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*point) as usize)
    }

    /// Offset of the last entry with a full key for which `before` holds, or of the first entry.
    ///
    /// `before` must hold for a first part of the keys and for none after it.
    pub(super) fn search<const VALUE: bool>(&self, before: impl Fn(&[u8]) -> bool) -> Result<usize> {
        let (mut low, mut high) = (0, self.restarts);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(self.restart_key::<VALUE>(middle)?) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        match low.checked_sub(1).and_then(|index| self.restart(index)) {
            Some(at) => Ok(at),
            None => Ok(0),
        }
    }

    fn restart_key<const VALUE: bool>(&self, index: usize) -> Result<&[u8]> {
        let at = self.restart(index).unwrap_or(usize::MAX);
        if at >= self.entries {
            return Err(self.invalid(
                self.entries,
                format!("restart point {index} leads to {at:#x}, out of the block"),
            ));
        }
        let header = self.header::<VALUE>(at)?;
        match header.shared {
            0 => Ok(self.slice(header.key)),
            shared => Err(self.invalid(
                at,
                format!("a restart point shares {shared} bytes with the key before"),
            )),
        }
    }

    /// Checks that the restart points lead to entries with full keys, in ascending order: a
    /// look-up that begins at another place finds nothing, or something else.
    ///
    /// `step` moves past the entry at an offset: how much its key shares, and where it ends.
    pub(super) fn check_restarts(&self, mut step: impl FnMut(usize) -> Result<(usize, usize)>) -> Result<()> {
        let mut at = 0;
        for index in 0..self.restarts {
            let point = self.restart(index).unwrap_or(usize::MAX);
            let mut shared = usize::MAX;
            while at <= point && at < self.entries {
                let begin = at;
                (shared, at) = step(begin)?;
                shared = if begin == point { shared } else { usize::MAX };
            }
            if shared != 0 {
                let why = format!(
                    "restart point {index} leads to {point:#x}, to no full key behind the one before"
                );
                return Err(self.invalid(self.entries, why));
            }
        }
        Ok(())
    }

    /// Decodes what stands in front of a key: three numbers, or two where values have no length.
    #[inline]
    pub(super) fn header<const VALUE: bool>(&self, at: usize) -> Result<Header> {
        let (shared, unshared, value, start) = match *self.from(at) {
            [a @ 0..0x80, b @ 0..0x80, c @ 0..0x80, ..] if VALUE => (a.into(), b.into(), c.into(), at + 3),
            [a @ 0..0x80, b @ 0..0x80, ..] if !VALUE => (a.into(), b.into(), 0, at + 2),
            _ => self.long_header::<VALUE>(at)?,
        };
        let left = self.entries.saturating_sub(start);
        if unshared > left || value > left - unshared {
            return Err(self.too_long(at, unshared as u64 + value as u64, left as u64));
        }
        let end = start + unshared;
        Ok(Header {
            shared,
            key: start..end,
            value: end..end + value,
        })
    }

    fn long_header<const VALUE: bool>(&self, at: usize) -> Result<(usize, usize, usize, usize)> {
        let mut reader = Reader::at(self.from(at), self.place(at));
        let all = reader.left();
        let shared = reader.varuint("block entry")? as usize;
        let unshared = reader.varuint("block entry")? as usize;
        let value = if VALUE {
            reader.varuint("block entry")? as usize
        } else {
            0
        };
        Ok((shared, unshared, value, at + (all - reader.left())))
    }

    #[cold]
    fn too_long(&self, at: usize, needed: u64, left: u64) -> Error {
        Error::new(self.place(at), "block entry", Fault::Truncated { needed, left })
    }
}

/// Size of the hash index in front of the block's last four bytes, without its own count.
fn buckets(bytes: &[u8]) -> Option<usize> {
    let count = bytes.get(..bytes.len().checked_sub(4)?)?.last_chunk::<2>()?;
    Some(u16::from_le_bytes(*count).into())
}

/// Where the parts of an entry lie in its block.
#[derive(Debug)]
pub(super) struct Header {
    /// How many bytes the key shares with the one before.
    pub shared: usize,
    /// The rest of the key.
    pub key: Range<usize>,
    /// The value; empty if values have no length here.
    pub value: Range<usize>,
}

/// A key that is put together entry by entry in one buffer.
#[derive(Debug, Default)]
pub(super) struct KeyBuffer(Vec<u8>);

impl KeyBuffer {
    /// Makes the next key of what it shares with this one and the rest.
    #[inline]
    pub(super) fn apply(&mut self, block: &Block, header: &Header) -> Result<()> {
        if header.shared > self.0.len() {
            let why = format!("shares {} bytes with a key of {}", header.shared, self.0.len());
            return Err(block.invalid(header.key.start, why));
        }
        self.0.truncate(header.shared);
        self.0.extend_from_slice(block.slice(header.key.clone()));
        Ok(())
    }

    /// The key.
    #[inline]
    pub(super) fn get(&self) -> &[u8] {
        &self.0
    }

    /// Forgets the key, keeps its memory.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// A cursor over the entries of a data block, or of a meta block with values of given length.
#[derive(Debug)]
pub(super) struct BlockCursor {
    block: Block,
    next: usize,
    key: KeyBuffer,
    value: Range<usize>,
}

impl BlockCursor {
    /// A cursor in front of the block's first entry.
    pub(super) fn new(block: Block) -> Self {
        Self {
            block,
            next: 0,
            key: KeyBuffer::default(),
            value: 0..0,
        }
    }

    /// Goes to the front of another block.
    pub(super) fn enter(&mut self, block: Block) {
        self.block = block;
        self.next = 0;
        self.key.clear();
    }

    /// Gives the block away; the cursor has none then.
    pub(super) fn leave(&mut self) -> Block {
        self.next = 0;
        self.value = 0..0;
        std::mem::replace(&mut self.block, Block::empty())
    }

    /// Where the block lies in its file.
    pub(super) fn block_place(&self) -> u64 {
        self.block.place(0)
    }

    /// Checks the block's restart points.
    pub(super) fn check_restarts(&self) -> Result<()> {
        self.block.check_restarts(|at| {
            let header = self.block.header::<true>(at)?;
            Ok((header.shared, header.value.end))
        })
    }

    /// Goes to the next entry; false if there is none.
    #[inline]
    pub(super) fn advance(&mut self) -> Result<bool> {
        if self.next >= self.block.entries {
            return Ok(false);
        }
        let header = self.block.header::<true>(self.next)?;
        self.key.apply(&self.block, &header)?;
        self.next = header.value.end;
        self.value = header.value;
        Ok(true)
    }

    /// Goes to the first entry whose user key is not in front of `target`; false if there is none.
    pub(super) fn seek(&mut self, target: &[u8]) -> Result<bool> {
        self.next = self
            .block
            .search::<true>(|key| key::split(key).is_some_and(|(user, _)| user < target))?;
        self.key.clear();
        while self.advance()? {
            if key::split(self.key()).is_none_or(|(user, _)| user >= target) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The current entry's key as it is stored.
    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        self.key.get()
    }

    /// The current entry's value.
    #[inline]
    pub(super) fn value(&self) -> &[u8] {
        self.block.slice(self.value.clone())
    }

    /// Where the current entry's value lies in the file.
    pub(super) fn place(&self) -> u64 {
        self.block.place(self.value.start)
    }

    /// Splits the current key, which must be an internal one.
    #[inline]
    pub(super) fn split_key(&self) -> Result<(&[u8], u64)> {
        key::split(self.key()).ok_or_else(|| self.block.invalid(self.value.start, "the key has no trailer"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use statetool_format::Put;

    use super::*;

    fn entry(shared: u8, rest: &[u8], value: &[u8]) -> Vec<u8> {
        [&[shared, rest.len() as u8, value.len() as u8], rest, value].concat()
    }

    fn block(entries: &[Vec<u8>], restarts: &[u32]) -> Vec<u8> {
        let mut bytes = entries.concat();
        restarts
            .iter()
            .for_each(|restart| bytes.extend(restart.to_le_bytes()));
        bytes.extend((restarts.len() as u32).to_le_bytes());
        bytes
    }

    fn all(bytes: Vec<u8>) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut cursor = BlockCursor::new(Block::new(bytes.into(), 0x100, true)?);
        let mut entries = Vec::new();
        while cursor.advance()? {
            entries.push((cursor.key().to_vec(), cursor.value().to_vec()));
        }
        Ok(entries)
    }

    #[test]
    fn keys_are_put_together_from_the_ones_before() {
        let bytes = block(
            &[
                entry(0, b"apple", b"1"),
                entry(3, b"ly", b"2"),
                entry(0, b"b", b""),
            ],
            &[0, 18],
        );
        let expected = [("apple", "1"), ("apply", "2"), ("b", "")];
        assert_eq!(all(bytes).unwrap(), expected.map(|(k, v)| (k.into(), v.into())));
    }

    #[test]
    fn a_hash_index_is_skipped() {
        let mut bytes = entry(0, b"a", b"1");
        bytes.extend(0u32.to_le_bytes());
        bytes.extend([7, 7, 7, 3, 0]);
        bytes.extend((1u32 | 1 << 31).to_le_bytes());
        assert_eq!(all(bytes).unwrap(), [(b"a".to_vec(), b"1".to_vec())]);
    }

    #[test]
    fn seeking_uses_restart_points() {
        let key = |k: &str| [k.as_bytes(), &[1, 0, 0, 0, 0, 0, 0, 0]].concat();
        let entries = ["b", "d", "f", "h"].map(|k| entry(0, &key(k), k.as_bytes()));
        let restarts = [0, 13, 26, 39];
        let mut cursor = BlockCursor::new(Block::new(block(&entries, &restarts).into(), 0, true).unwrap());
        for (target, found) in [("", "b"), ("b", "b"), ("c", "d"), ("g", "h"), ("h", "h")] {
            assert!(cursor.seek(target.as_bytes()).unwrap());
            assert_eq!(cursor.value(), found.as_bytes(), "{target}");
        }
        assert!(!cursor.seek(b"i").unwrap());
    }

    #[test]
    fn malformed_blocks_are_refused() {
        let cases = [
            (vec![1, 2], "block at offset 0x100: needs 4 bytes, 2 are left"),
            (
                vec![2, 0, 0, 0],
                "block at offset 0x100: 2 restart points do not fit into 4 bytes",
            ),
            (
                vec![0, 0xff, 0xff, 1, 0, 0, 0x80],
                "block at offset 0x100: 1 restart points do not fit into 7 bytes",
            ),
            (
                block(&[entry(1, b"a", b"")], &[0]),
                "block entry at offset 0x103: shares 1 bytes with a key of 0",
            ),
            (
                block(&[vec![0, 9, 1, 0]], &[0]),
                "block entry at offset 0x100: needs 10 bytes, 1 are left",
            ),
            (
                block(&[vec![0, 0x80]], &[0]),
                "block entry at offset 0x102: needs 1 bytes, 0 are left",
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(all(bytes).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn restart_points_must_lead_to_full_keys() {
        for (entries, restart, expected) in [
            (
                entry(0, b"a", b""),
                4,
                "block entry at offset 0x4: restart point 0 leads to 0x4, out of the block",
            ),
            (
                entry(1, b"a", b""),
                0,
                "block entry at offset 0x0: a restart point shares 1 bytes with the key before",
            ),
        ] {
            let block = Block::new(block(&[entries], &[restart]).into(), 0, true).unwrap();
            assert_eq!(
                BlockCursor::new(block).seek(b"a").unwrap_err().to_string(),
                expected
            );
        }
    }

    /// Builds a block like an engine, from sorted entries, with a full key at every `interval`th.
    fn build(entries: &[(Vec<u8>, Vec<u8>)], interval: usize) -> Vec<u8> {
        let (mut bytes, mut restarts) = (Vec::new(), vec![0]);
        let mut before: &[u8] = &[];
        for (at, (key, value)) in entries.iter().enumerate() {
            let mut shared = 0;
            if at % interval == 0 {
                if at > 0 {
                    restarts.push(bytes.len() as u32);
                }
            } else {
                shared = before.iter().zip(key).take_while(|(a, b)| a == b).count();
            }
            for number in [shared, key.len() - shared, value.len()] {
                bytes.put_varuint(number as u32);
            }
            bytes.extend_from_slice(&key[shared..]);
            bytes.extend_from_slice(value);
            before = key;
        }
        block(&[bytes], &restarts)
    }

    proptest! {
        #[test]
        fn built_blocks_give_their_entries_and_seek_finds_the_first_that_is_not_in_front(
            entries in btree_map(vec(0..4u8, 0..6), vec(any::<u8>(), 0..200), 1..60),
            interval in 1..17usize,
            target in vec(0..4u8, 0..6),
        ) {
            let internal = |key: &[u8]| [key, &[1, 7, 0, 0, 0, 0, 0, 0]].concat();
            let mut entries: Vec<_> = entries.into_iter().map(|(k, v)| (internal(&k), v)).collect();
            entries.sort_by(|a, b| key::split(&a.0).cmp(&key::split(&b.0)));
            let bytes = build(&entries, interval);
            prop_assert_eq!(&all(bytes.clone()).unwrap(), &entries);
            let mut cursor = BlockCursor::new(Block::new(bytes.into(), 0, true).unwrap());
            let expected = entries.iter().find(|(key, _)| key::split(key).unwrap().0 >= target.as_slice());
            let found = cursor.seek(&target).unwrap().then(|| (cursor.key().to_vec(), cursor.value().to_vec()));
            prop_assert_eq!(found.as_ref(), expected);
        }

        #[test]
        fn no_bytes_make_a_block_panic(bytes in vec(prop_oneof![0..4u8, any::<u8>()], 0..200), target in vec(any::<u8>(), 0..3)) {
            if let Ok(block) = Block::new(bytes.clone().into(), 0, true) {
                let _ = BlockCursor::new(block).seek(&target);
            }
            let _ = all(bytes);
        }
    }
}
