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
            let fault = Fault::Unknown { got: kind.into(), expected: "an index type of 0 to 3" };
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
        if self.user_keys { key } else { key::split(key).map_or(key, |(user, _)| user) }
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
        Self { layout, limit, floor: 0, block, next: 0, key: KeyBuffer::default(), handle: Handle::default() }
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
        if self.layout.deltas { self.step::<false>() } else { self.step::<true>() }.map(Some)
    }

    fn step<const VALUE: bool>(&mut self) -> Decoded<Handle> {
        let header = self.block.header::<VALUE>(self.next)?;
        self.key.apply(&self.block, &header)?;
        let value = if VALUE { self.block.slice(header.value.clone()) } else { self.block.from(header.key.end) };
        let mut reader = Reader::at(value, self.block.place(header.key.end));
        let handle = if VALUE || header.shared == 0 {
            Handle::decode(&mut reader, WHAT)?
        } else {
            self.difference(&mut reader)?
        };
        if self.layout.first_keys {
            reader.slice(WHAT)?;
        }
        self.next = if VALUE { header.value.end } else { header.key.end + (value.len() - reader.left()) };
        self.checked(handle)
    }

    fn difference(&self, reader: &mut Reader<'_>) -> Decoded<Handle> {
        let at = reader.offset();
        let delta = reader.signed_varint64(WHAT)?;
        let size = self.handle.size.checked_add_signed(delta).ok_or_else(|| {
            let why = format!("a block cannot be {} bytes larger than {}", delta, self.handle.size);
            Error::new(at, WHAT, Fault::Invalid(why))
        })?;
        Ok(Handle { offset: self.handle.end(self.limit, WHAT)?, size })
    }

    fn checked(&mut self, handle: Handle) -> Decoded<Handle> {
        let end = handle.end(self.limit, WHAT)?;
        if handle.offset < self.floor {
            let why = format!("the block overlaps the one before, which ends at {:#x}", self.floor);
            return Err(Error::new(handle.offset, WHAT, Fault::Invalid(why)));
        }
        self.floor = end;
        self.handle = handle;
        Ok(handle)
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
        Self { top, leaf, window: Window::new(READ_AHEAD) }
    }

    /// The next block.
    pub(super) fn advance(&mut self, table: &Table) -> Result<Option<Handle>> {
        loop {
            if let Some(handle) = self.leaf.advance().in_file(&table.name)? {
                return Ok(Some(handle));
            }
            let Some(part) = self.top.as_mut().map(Level::advance).transpose().in_file(&table.name)?.flatten() else {
                return Ok(None);
            };
            self.leaf.enter(table.block(&mut self.window, part, table.limit())?);
        }
    }

    /// The first block that may hold a key that is not in front of `target`.
    pub(super) fn seek(&mut self, table: &Table, target: &[u8]) -> Result<Option<Handle>> {
        if let Some(top) = &mut self.top {
            let Some(part) = top.seek(target).in_file(&table.name)? else {
                return Ok(None);
            };
            self.leaf.enter(table.block(&mut self.window, part, table.limit())?);
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
