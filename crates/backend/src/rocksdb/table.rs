//! A table file (`NNNNNN.sst`): opening it, and going through its entries.

use std::fmt;
use std::sync::Arc;

use statetool_format::{self as format, Fault, Reader};

use super::block::{Block, BlockCursor};
use super::checksum::{self, Checksum};
use super::compression::Compression;
use super::footer::{Footer, Handle, TRAILER};
use super::index::{IndexCursor, Layout};
use super::key::{self, EntryType, InternalKey, KeyRange};
use super::properties::Properties;
use super::window::Window;
use crate::error::{Error, InFile, Result};
use crate::source::Source;

/// An open table: its index is in memory, or the upper level of it; its blocks are not.
pub(super) struct Table {
    pub name: Arc<str>,
    pub properties: Properties,
    pub layout: Layout,
    pub index: Block,
    /// All meta blocks: name, and where they lie.
    pub meta_blocks: Vec<(Vec<u8>, Handle)>,
    source: Source,
    footer: Footer,
    dictionary: bytes::Bytes,
    /// Sequence number of all entries, if the table was written outside of a database.
    sequence: Option<u64>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("name", &self.name)
            .field("footer", &self.footer)
            .finish_non_exhaustive()
    }
}

/// How many of a file's last bytes are read first: the footer, and in most tables all meta blocks.
const TAIL: u64 = 64 << 10;
const RANGE_DELETIONS: &[u8] = b"rocksdb.range_del";
const DICTIONARY: &[u8] = b"rocksdb.compression_dict";
const INDEX: &[u8] = b"rocksdb.index";
const COMPARATOR: &str = "leveldb.BytewiseComparator";

impl Table {
    /// Reads the footer, the properties and the index.
    ///
    /// `sequence` is the manifest's sequence number for all entries of a table that was written elsewhere.
    pub(super) fn open(name: &Arc<str>, source: Source, sequence: u64) -> Result<Self> {
        let len = source.len();
        let size = len.min(TAIL);
        let tail = source.read_at(len - size, size as usize)?;
        let footer = Footer::decode(&tail, len).in_file(name)?;
        let mut tail = Window::with(tail, len - size);
        let mut table = Self {
            name: name.clone(),
            properties: Properties::default(),
            layout: Layout::new(&Properties::default(), footer.offset).in_file(name)?,
            index: Block::empty(),
            meta_blocks: Vec::new(),
            source,
            footer,
            dictionary: bytes::Bytes::new(),
            sequence: None,
        };
        let metaindex = table.meta(&mut tail, footer.metaindex)?;
        table.meta_blocks = decode_metaindex(metaindex).in_file(name)?;
        table.read_properties(&mut tail)?;
        table.sequence = table.properties.external.then_some(sequence);
        let index = footer.index.or_else(|| table.meta_block(INDEX));
        let index = index.ok_or_else(|| table.invalid(footer.offset, "table footer", "no index".into()))?;
        table.index = table.meta(&mut tail, index)?;
        if let Some(handle) = table.meta_block(DICTIONARY) {
            table.dictionary = table.contents(&mut tail, handle, table.limit(), b"")?.0;
        }
        Ok(table)
    }

    fn read_properties(&mut self, tail: &mut Window) -> Result<()> {
        let handle = self
            .meta_block(b"rocksdb.properties")
            .or_else(|| self.meta_block(b"rocksdb.stats"));
        let Some(handle) = handle else {
            return Ok(());
        };
        self.properties = Properties::decode(self.meta(tail, handle)?).in_file(&self.name)?;
        self.layout = Layout::new(&self.properties, handle.offset).in_file(&self.name)?;
        match self.properties.comparator.as_str() {
            "" | COMPARATOR => Ok(()),
            other => {
                let why = format!("keys are sorted by `{other}`, only `{COMPARATOR}` is known");
                Err(self.invalid(handle.offset, "table properties", why))
            }
        }
    }

    fn meta_block(&self, name: &[u8]) -> Option<Handle> {
        self.meta_blocks
            .iter()
            .find(|(got, _)| got == name)
            .map(|&(_, handle)| handle)
    }

    fn meta(&self, window: &mut Window, handle: Handle) -> Result<Block> {
        let (bytes, plain) = self.contents(window, handle, self.limit(), b"")?;
        Block::new(bytes, handle.offset, plain).in_file(&self.name)
    }

    #[cold]
    fn invalid(&self, offset: u64, what: &'static str, why: String) -> Error {
        Error::invalid(&self.name, offset, what, why)
    }

    /// Where the blocks end.
    pub(super) fn limit(&self) -> u64 {
        self.footer.offset
    }

    /// How the blocks are summed up.
    pub(super) fn checksum(&self) -> Checksum {
        self.footer.checksum
    }

    /// The version of the table's format.
    pub(super) fn version(&self) -> u32 {
        self.footer.version
    }

    /// Reads an index block, or another one that is compressed without dictionary.
    pub(super) fn block(&self, window: &mut Window, handle: Handle, until: u64) -> Result<Block> {
        let (bytes, plain) = self.contents(window, handle, until, b"")?;
        Block::new(bytes, handle.offset, plain).in_file(&self.name)
    }

    /// Reads a data block; it and its neighbours up to `until` are read at once. It may take the memory of
    /// a block that is not needed any more.
    fn data_block(&self, window: &mut Window, handle: Handle, until: u64, spare: Block) -> Result<Block> {
        let spare = spare.into_bytes();
        let (bytes, plain) = self.contents_into(window, handle, until, &self.dictionary, spare)?;
        Block::new(bytes, handle.offset, plain).in_file(&self.name)
    }

    /// Reads a block of any kind, checks its checksum, and decompresses it.
    ///
    /// Also says whether the bytes are those of the file.
    pub(super) fn contents(
        &self,
        window: &mut Window,
        handle: Handle,
        until: u64,
        dictionary: &[u8],
    ) -> Result<(bytes::Bytes, bool)> {
        self.contents_into(window, handle, until, dictionary, bytes::Bytes::new())
    }

    /// The same, where a block that is compressed may take the memory of `spare`.
    fn contents_into(
        &self,
        window: &mut Window,
        handle: Handle,
        until: u64,
        dictionary: &[u8],
        spare: bytes::Bytes,
    ) -> Result<(bytes::Bytes, bool)> {
        handle.end(self.limit(), "block").in_file(&self.name)?;
        let stored = usize::try_from(handle.size + TRAILER)
            .map_err(|_| self.invalid(handle.offset, "block", "too large for this machine".into()))?;
        let bytes = window.fetch(&*self.source, handle.offset, stored, until)?;
        let (size, kind) = self.check_sum(&bytes, handle).in_file(&self.name)?;
        let plain = kind == Compression::None;
        let contents = kind
            .decompress(
                bytes.slice(..size),
                self.footer.version,
                dictionary,
                handle.offset,
                spare,
            )
            .in_file(&self.name)?;
        Ok((contents, plain))
    }

    fn check_sum(&self, bytes: &[u8], handle: Handle) -> format::Result<(usize, Compression)> {
        let truncated = || Fault::Truncated {
            needed: TRAILER,
            left: bytes.len() as u64,
        };
        let Some((summed, stored)) = bytes.split_last_chunk::<4>() else {
            return Err(format::Error::new(handle.offset, "block", truncated()));
        };
        let Some((&kind, contents)) = summed.split_last() else {
            return Err(format::Error::new(handle.offset, "block", truncated()));
        };
        let stored = u32::from_le_bytes(*stored);
        let context = checksum::context(self.footer.context, handle.offset);
        let expected = self.footer.checksum.of(summed).wrapping_add(context);
        if stored != expected && self.footer.checksum != Checksum::None {
            let why = format!("the checksum is {stored:#010x} and should be {expected:#010x}");
            return Err(format::Error::new(handle.offset, "block", Fault::Invalid(why)));
        }
        Ok((
            contents.len(),
            Compression::decode(kind, handle.offset + handle.size)?,
        ))
    }

    /// Gives the trailer of an entry its sequence number, if that is the same in the whole table.
    #[inline]
    fn trailer(&self, stored: u64) -> u64 {
        match self.sequence {
            None => stored,
            Some(sequence) => sequence << 8 | stored & 0xff,
        }
    }

    /// Reads the range deletions: first key with sequence number, and the key at which they end.
    pub(super) fn range_deletions(&self) -> Result<Vec<(InternalKey, Box<[u8]>)>> {
        let Some(handle) = self.meta_block(RANGE_DELETIONS) else {
            return Ok(Vec::new());
        };
        let block = self.meta(&mut Window::new(0), handle)?;
        decode_range_deletions(block, |trailer| self.trailer(trailer)).in_file(&self.name)
    }
}

fn decode_metaindex(block: Block) -> format::Result<Vec<(Vec<u8>, Handle)>> {
    let mut cursor = BlockCursor::new(block);
    let mut blocks = Vec::new();
    while cursor.advance()? {
        let handle = Handle::decode(&mut Reader::at(cursor.value(), cursor.place()), "metaindex entry")?;
        blocks.push((cursor.key().to_vec(), handle));
    }
    Ok(blocks)
}

fn decode_range_deletions(
    block: Block,
    trailer: impl Fn(u64) -> u64,
) -> format::Result<Vec<(InternalKey, Box<[u8]>)>> {
    let mut cursor = BlockCursor::new(block);
    let mut deletions = Vec::new();
    while cursor.advance()? {
        let (start, stored) = cursor.split_key()?;
        if EntryType::of(stored, cursor.place())? != EntryType::RangeDeletion {
            let why = "an entry that is no range deletion among range deletions";
            return Err(format::Error::new(
                cursor.place(),
                "range deletion",
                Fault::Invalid(why.into()),
            ));
        }
        deletions.push((InternalKey::new(start, trailer(stored)), cursor.value().into()));
    }
    Ok(deletions)
}

/// A cursor over the entries of a table in a range of keys.
#[derive(Debug)]
pub(super) struct TableCursor {
    table: Arc<Table>,
    index: IndexCursor,
    data: BlockCursor,
    window: Window,
    range: Arc<KeyRange>,
    /// Whether all keys of the current block are in front of the range's end.
    inside: bool,
    /// End of the last block that the range needs.
    until: u64,
    trailer: u64,
}

impl TableCursor {
    /// Goes to the table's first entry in the range; none if it has none there.
    ///
    /// The cursor may leave the range at its end: only blocks that lie behind it are known to.
    pub(super) fn open(table: Arc<Table>, range: &Arc<KeyRange>, read_ahead: usize) -> Result<Option<Self>> {
        let mut index = IndexCursor::new(&table);
        let first = match range.start() {
            [] => index.advance(&table)?,
            start => index.seek(&table, start)?,
        };
        let Some(first) = first else {
            return Ok(None);
        };
        let until = match range.end() {
            None => table.limit(),
            Some(end) => last_block(&table, end)?,
        };
        let window = Window::new(read_ahead);
        let data = BlockCursor::new(Block::empty());
        let mut cursor = Self {
            table,
            index,
            data,
            window,
            range: range.clone(),
            inside: false,
            until,
            trailer: 0,
        };
        cursor.enter(first)?;
        let found = cursor.data.seek(range.start()).in_file(&cursor.table.name)?;
        if found {
            cursor.take_trailer()?
        } else if !cursor.advance()? {
            return Ok(None);
        }
        Ok(Some(cursor))
    }

    fn enter(&mut self, handle: Handle) -> Result<()> {
        let spare = self.data.leave();
        let block = self
            .table
            .data_block(&mut self.window, handle, self.until, spare)?;
        self.data.enter(block);
        self.inside = !self.range.ends_before(self.index.separator());
        Ok(())
    }

    fn take_trailer(&mut self) -> Result<()> {
        let (_, trailer) = self.data.split_key().in_file(&self.table.name)?;
        self.trailer = self.table.trailer(trailer);
        Ok(())
    }

    /// Goes to the next entry; false if there is none.
    #[inline]
    pub(super) fn advance(&mut self) -> Result<bool> {
        while !self.data.advance().in_file(&self.table.name)? {
            match self.index.advance(&self.table)? {
                Some(handle) => self.enter(handle)?,
                None => return Ok(false),
            }
        }
        self.take_trailer()?;
        Ok(true)
    }

    /// User key and trailer of the current entry.
    #[inline]
    pub(super) fn key(&self) -> (&[u8], u64) {
        let user = key::split(self.data.key()).map_or(&[][..], |(user, _)| user);
        (user, self.trailer)
    }

    /// Whether the current entry is not behind the range.
    #[inline]
    pub(super) fn is_inside(&self) -> bool {
        self.inside || !self.range.ends_before(self.key().0)
    }

    /// Value of the current entry.
    #[inline]
    pub(super) fn value(&self) -> &[u8] {
        self.data.value()
    }

    /// The user key up to which the current block reaches.
    pub(super) fn separator(&self) -> &[u8] {
        self.index.separator()
    }

    /// Where the current block lies in the table.
    pub(super) fn block_place(&self) -> u64 {
        self.data.block_place()
    }

    /// Checks the restart points of the current block.
    pub(super) fn check_restarts(&self) -> Result<()> {
        self.data.check_restarts().in_file(&self.table.name)
    }

    /// Name of the table, and where the current entry lies in it.
    pub(super) fn place(&self) -> (&str, u64) {
        (&self.table.name, self.data.place())
    }
}

/// End of the block that may hold keys in front of `end` and behind which there are none.
fn last_block(table: &Table, end: &[u8]) -> Result<u64> {
    match IndexCursor::new(table).seek(table, end)? {
        Some(handle) => handle.end(table.limit(), "block").in_file(&table.name),
        None => Ok(table.limit()),
    }
}
