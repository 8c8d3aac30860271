//! What a table says about itself.

use statetool_format::{Reader, Result};

use super::block::{Block, BlockCursor};
use super::varint::Little;

/// The properties of a table that say how to read it and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties {
    /// Name of the comparator that sorts the keys.
    pub comparator: String,
    /// Name of the column family for which the table was written.
    pub column_family: String,
    /// The compression that the engine was asked for; each block says its own.
    pub compression: String,
    /// Number of entries, range deletions included.
    pub entries: u64,
    /// How many of the entries are deletions; including range deletions.
    pub deletions: u64,
    /// How many of the entries are merge operands.
    pub merge_operands: u64,
    /// Number of range deletions.
    pub range_deletions: u64,
    /// Number of data blocks.
    pub data_blocks: u64,
    /// Size of the data blocks as they are stored.
    pub data_size: u64,
    /// Size of all keys.
    pub raw_key_size: u64,
    /// Size of all values.
    pub raw_value_size: u64,
    /// How the index is built: 0 binary search, 1 hash, 2 two levels, 3 with first keys.
    pub(super) index_type: u32,
    /// Whether the index has user keys.
    pub(super) index_user_keys: bool,
    /// Whether the index gives most handles as differences.
    pub(super) index_deltas: bool,
    /// Whether the table was written outside of a database: its keys have the sequence number that
    /// the manifest gives to the whole table.
    pub(super) external: bool,
}

impl Properties {
    /// Reads the block `rocksdb.properties`; what is not in it stays zero.
    pub(super) fn decode(block: Block) -> Result<Self> {
        let mut properties = Self::default();
        let mut cursor = BlockCursor::new(block);
        while cursor.advance()? {
            properties.set(cursor.key(), Reader::at(cursor.value(), cursor.place()))?;
        }
        Ok(properties)
    }

    fn set(&mut self, name: &[u8], mut value: Reader<'_>) -> Result<()> {
        const WHAT: &str = "table property";
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match name {
            b"rocksdb.comparator" => self.comparator = text(value.rest()),
            b"rocksdb.column.family.name" => self.column_family = text(value.rest()),
            b"rocksdb.compression" => self.compression = text(value.rest()),
            b"rocksdb.num.entries" => self.entries = value.varint64(WHAT)?,
            b"rocksdb.deleted.keys" => self.deletions = value.varint64(WHAT)?,
            b"rocksdb.merge.operands" => self.merge_operands = value.varint64(WHAT)?,
            b"rocksdb.num.range-deletions" => self.range_deletions = value.varint64(WHAT)?,
            b"rocksdb.num.data.blocks" => self.data_blocks = value.varint64(WHAT)?,
            b"rocksdb.data.size" => self.data_size = value.varint64(WHAT)?,
            b"rocksdb.raw.key.size" => self.raw_key_size = value.varint64(WHAT)?,
            b"rocksdb.raw.value.size" => self.raw_value_size = value.varint64(WHAT)?,
            b"rocksdb.block.based.table.index.type" => self.index_type = value.fixed32(WHAT)?,
            b"rocksdb.index.key.is.user.key" => self.index_user_keys = value.varint64(WHAT)? != 0,
            b"rocksdb.index.value.is.delta.encoded" => self.index_deltas = value.varint64(WHAT)? != 0,
            b"rocksdb.external_sst_file.version" => self.external = value.fixed32(WHAT)? >= 2,
            _ => {}
        }
        Ok(())
    }
}
