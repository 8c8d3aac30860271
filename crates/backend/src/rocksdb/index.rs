//! The index of a table: which block holds which keys, in one level or two.

use statetool_format::{Error, Fault, Reader, Result as Decoded};

use super::block::{Block, KeyBuffer};
use super::footer::Handle;
use super::key;
use super::properties::Properties;
use super::table::Table;
use super::varint::Little;
use super::window::Window;
use crate::error::{InFile, Result};

/// How the entries of a table's index look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// An index of index blocks.
    pub two_levels: bool,
    /// Keys are user keys, without trailers.
    user_keys: bool,
    /// Handles are given by what differs from the one before.
    deltas: bool,
    /// The first key of the block follows its handle.
    first_keys: bool,
}

impl Layout {
    /// The layout that the properties at `offset` tell.
    pub(super) fn new(properties: &Properties, offset: u64) -> Decoded<Self> {
        let kind = properties.index_type;
        if kind > 3 {
            let fault = Fault::Unknown {
                got: kind.into(),
                expected: "an index type of 0 to 3",
            };
            return Err(Error::new(offset, "table properties", fault));
        }
        Ok(Self {
            two_levels: kind == 2,
            user_keys: properties.index_user_keys,
            deltas: properties.index_deltas,
            first_keys: kind == 3,
        })
    }

    fn user_part<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        if self.user_keys {
            key
        } else {
            key::split(key).map_or(key, |(user, _)| user)
        }
    }
}

/// A cursor over the handles of one index block.
#[derive(Debug)]
struct Level {
    layout: Layout,
    /// Offset which no block may exceed.
    limit: u64,
    /// Offset before which no block may begin, so that none is read twice.
    floor: u64,
    block: Block,
    next: usize,
    key: KeyBuffer,
    handle: Handle,
}

const WHAT: &str = "index entry";

impl Level {
    fn new(block: Block, layout: Layout, limit: u64) -> Self {
        Self {
            layout,
            limit,
            floor: 0,
            block,
            next: 0,
            key: KeyBuffer::default(),
            handle: Handle::default(),
        }
    }

    fn enter(&mut self, block: Block) {
        self.block = block;
        self.next = 0;
        self.key.clear();
    }

    fn advance(&mut self) -> Decoded<Option<Handle>> {
        if self.block.from(self.next).is_empty() {
            return Ok(None);
        }
        if self.layout.deltas {
            self.step::<false>()
        } else {
            self.step::<true>()
        }
        .map(Some)
    }

    fn step<const VALUE: bool>(&mut self) -> Decoded<Handle> {
        let header = self.block.header::<VALUE>(self.next)?;
        self.key.apply(&self.block, &header)?;
        let value = if VALUE {
            self.block.slice(header.value.clone())
        } else {
            self.block.from(header.key.end)
        };
        let mut reader = Reader::at(value, self.block.place(header.key.end));
        let handle = if VALUE || header.shared == 0 {
            Handle::decode(&mut reader, WHAT)?
        } else {
            self.difference(&mut reader)?
        };
        if self.layout.first_keys {
            reader.slice(WHAT)?;
        }
        self.next = if VALUE {
            header.value.end
        } else {
            header.key.end + (value.len() - reader.left())
        };
        self.checked(handle)
    }

    fn difference(&self, reader: &mut Reader<'_>) -> Decoded<Handle> {
        let at = reader.offset();
        let delta = reader.signed_varint64(WHAT)?;
        let size = self.handle.size.checked_add_signed(delta).ok_or_else(|| {
            let why = format!(
                "a block cannot be {} bytes larger than {}",
                delta, self.handle.size
            );
            Error::new(at, WHAT, Fault::Invalid(why))
        })?;
        Ok(Handle {
            offset: self.handle.end(self.limit, WHAT)?,
            size,
        })
    }

    fn checked(&mut self, handle: Handle) -> Decoded<Handle> {
        let end = handle.end(self.limit, WHAT)?;
        if handle.offset < self.floor {
            let why = format!(
                "the block overlaps the one before, which ends at {:#x}",
                self.floor
            );
            return Err(Error::new(handle.offset, WHAT, Fault::Invalid(why)));
        }
        self.floor = end;
        self.handle = handle;
        Ok(handle)
    }

    /// Checks the restart points of the block, at whose beginning the cursor is.
    fn check_restarts(&self) -> Decoded<()> {
        let mut level = Self::new(self.block.clone(), self.layout, self.limit);
        self.block.check_restarts(|at| {
            let shared = match self.layout.deltas {
                true => self.block.header::<false>(at)?.shared,
                false => self.block.header::<true>(at)?.shared,
            };
            level.advance()?;
            Ok((shared, level.next))
        })
    }

    /// Goes to the first block that may hold a key that is not in front of `target`.
    fn seek(&mut self, target: &[u8]) -> Decoded<Option<Handle>> {
        let layout = self.layout;
        let before = |key: &[u8]| layout.user_part(key) < target;
        self.next = match layout.deltas {
            true => self.block.search::<false>(before)?,
            false => self.block.search::<true>(before)?,
        };
        self.key.clear();
        while let Some(handle) = self.advance()? {
            if !before(self.key.get()) {
                return Ok(Some(handle));
            }
        }
        Ok(None)
    }
}

/// A cursor over the handles of a table's data blocks.
#[derive(Debug)]
pub(super) struct IndexCursor {
    /// The index of the index, if there are two levels.
    top: Option<Level>,
    leaf: Level,
    window: Window,
}

/// How many bytes of an index in two levels are read at once.
const READ_AHEAD: usize = 64 << 10;

impl IndexCursor {
    /// A cursor in front of the first block.
    pub(super) fn new(table: &Table) -> Self {
        let level = |block| Level::new(block, table.layout, table.limit());
        let (top, leaf) = match table.layout.two_levels {
            true => (Some(level(table.index.clone())), level(Block::empty())),
            false => (None, level(table.index.clone())),
        };
        Self {
            top,
            leaf,
            window: Window::new(READ_AHEAD),
        }
    }

    /// The next block.
    pub(super) fn advance(&mut self, table: &Table) -> Result<Option<Handle>> {
        loop {
            if let Some(handle) = self.leaf.advance().in_file(&table.name)? {
                return Ok(Some(handle));
            }
            let Some(part) = self.next_part(table)? else {
                return Ok(None);
            };
            self.leaf
                .enter(table.block(&mut self.window, part, table.limit())?);
        }
    }

    /// Checks that look-ups find what is there: restart points lead to full keys, and keys
    /// ascend, in both levels alike.
    pub(super) fn check(table: &Table) -> Result<()> {
        Self::new(table).check_restarts(table)?;
        Self::new(table).check_order(table)
    }

    fn check_order(&mut self, table: &Table) -> Result<()> {
        let (mut before, mut part) = (Vec::new(), None);
        while let Some(handle) = self.advance(table)? {
            let key = self.separator();
            let reach = self.top.as_ref().map(|top| top.layout.user_part(top.key.get()));
            if part.as_deref() != reach {
                // No block of a part comes before what the part in front of it reaches.
                before = part.take().unwrap_or_default();
                part = reach.map(<[u8]>::to_vec);
            }
            if key < before.as_slice() || reach.is_some_and(|reach| key > reach) {
                let why = "the key to which the block reaches is out of order";
                return Err(Error::new(handle.offset, WHAT, Fault::Invalid(why.into()))).in_file(&table.name);
            }
            before = key.to_vec();
        }
        Ok(())
    }

    fn check_restarts(&mut self, table: &Table) -> Result<()> {
        let Some(top) = &self.top else {
            return self.leaf.check_restarts().in_file(&table.name);
        };
        top.check_restarts().in_file(&table.name)?;
        while let Some(part) = self.next_part(table)? {
            self.leaf
                .enter(table.block(&mut self.window, part, table.limit())?);
            self.leaf.check_restarts().in_file(&table.name)?;
        }
        Ok(())
    }

    /// The next block of the lower level, if there are two.
    fn next_part(&mut self, table: &Table) -> Result<Option<Handle>> {
        let part = self.top.as_mut().map(Level::advance).transpose();
        Ok(part.in_file(&table.name)?.flatten())
    }

    /// The first block that may hold a key that is not in front of `target`.
    pub(super) fn seek(&mut self, table: &Table, target: &[u8]) -> Result<Option<Handle>> {
        if let Some(top) = &mut self.top {
            let Some(part) = top.seek(target).in_file(&table.name)? else {
                return Ok(None);
            };
            self.leaf
                .enter(table.block(&mut self.window, part, table.limit())?);
        }
        match self.leaf.seek(target).in_file(&table.name)? {
            None if self.top.is_some() => self.advance(table),
            found => Ok(found),
        }
    }

    /// The key up to which the current block reaches, as it stands in the index.
    pub(super) fn separator(&self) -> &[u8] {
        self.leaf.layout.user_part(self.leaf.key.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER_KEYS: Layout = Layout {
        two_levels: false,
        user_keys: true,
        deltas: false,
        first_keys: false,
    };
    const DELTAS: Layout = Layout {
        deltas: true,
        ..USER_KEYS
    };

    fn level(layout: Layout, entries: &[u8]) -> Level {
        let block = [entries, &[0, 0, 0, 0, 1, 0, 0, 0]].concat();
        Level::new(Block::new(block.into(), 0x500, true).unwrap(), layout, 0x400)
    }

    fn handles(layout: Layout, entries: &[u8]) -> Decoded<Vec<(u64, u64)>> {
        let mut level = level(layout, entries);
        let mut handles = Vec::new();
        while let Some(handle) = level.advance()? {
            handles.push((handle.offset, handle.size));
        }
        Ok(handles)
    }

    #[test]
    fn handles_are_given_in_full_or_by_what_differs() {
        let full = [0, 1, 2, b'c', 0, 20, 0, 1, 2, b'f', 25, 30, 0, 1, 2, b'k', 60, 10];
        let deltas = [0, 2, b'a', b'c', 0, 20, 1, 1, b'f', 20, 1, 1, b'k', 39];
        for (layout, entries) in [(USER_KEYS, &full[..]), (DELTAS, &deltas)] {
            assert_eq!(handles(layout, entries).unwrap(), [(0, 20), (25, 30), (60, 10)]);
        }
        let first_keys = [
            0, 1, 5, b'c', 0, 20, 2, b'a', b'b', 0, 1, 4, b'f', 25, 30, 1, b'd',
        ];
        let layout = Layout {
            first_keys: true,
            ..USER_KEYS
        };
        assert_eq!(handles(layout, &first_keys).unwrap(), [(0, 20), (25, 30)]);
    }

    #[test]
    fn seeking_finds_the_first_block_that_reaches_the_key() {
        let entries = [0, 2, b'a', b'c', 0, 20, 1, 1, b'f', 20, 1, 1, b'k', 39];
        for (target, offset) in [
            ("", Some(0)),
            ("ac", Some(0)),
            ("ad", Some(25)),
            ("ak", Some(60)),
            ("al", None),
        ] {
            let found = level(DELTAS, &entries).seek(target.as_bytes()).unwrap();
            assert_eq!(found.map(|handle| handle.offset), offset, "{target}");
        }
    }

    #[test]
    fn blocks_that_overlap_or_leave_the_file_are_refused() {
        let cases: [(Layout, &[u8], &str); 4] = [
            (
                USER_KEYS,
                &[0, 1, 2, b'c', 0, 20, 0, 1, 2, b'f', 24, 30],
                "index entry at offset 0x18: the block overlaps the one before, which ends at 0x19",
            ),
            (
                USER_KEYS,
                &[0, 1, 3, b'c', 0, 0xff, 0x7f],
                "index entry at offset 0x0: a block of 16383 bytes does not fit in front of offset 0x400",
            ),
            (
                DELTAS,
                &[0, 1, b'c', 0, 20, 1, 1, b'f', 41],
                "index entry at offset 0x508: a block cannot be -21 bytes larger than 20",
            ),
            (
                USER_KEYS,
                &[0, 1, 1, b'c', 0],
                "index entry at offset 0x505: needs 1 bytes, 0 are left",
            ),
        ];
        for (layout, entries, expected) in cases {
            assert_eq!(handles(layout, entries).unwrap_err().to_string(), expected);
        }
        let unknown = Properties {
            index_type: 4,
            ..Properties::default()
        };
        assert_eq!(
            Layout::new(&unknown, 7).unwrap_err().to_string(),
            "table properties at offset 0x7: unknown value 4 (0x4), expected an index type of 0 to 3"
        );
    }
}
