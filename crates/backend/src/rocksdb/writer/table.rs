//! One table.

use statetool_format::{Error, Fault};

use super::super::checksum::{Checksum, masked_crc32c};
use super::super::edit::LiveFile;
use super::super::footer::{Handle, MAGIC};
use super::super::key::{EntryType, InternalKey};
use super::super::varint::PutLittle;
use super::block::BlockBuilder;
use crate::error::{InFile, Result};

/// How large a data block is, about: what Flink's backends ask their engines for.
const BLOCK: usize = 4 << 10;
/// After how many entries of a data block a key is written in full.
const INTERVAL: usize = 16;
const FORMAT_VERSION: u32 = 2;
/// The lowest of the seven levels that Flink's backends have: tables there need no compaction.
const LEVEL: u32 = 6;
/// Behind each key: sequence number 0, which is that of entries nobody can overwrite any more.
const TRAILER: u64 = EntryType::VALUE as u64;
const NO_COMPRESSION: u8 = 0;
const SNAPPY: u8 = 1;

/// Writes one table, whose entries come in the order of their keys.
///
/// The bytes come out in pieces, so that a table may be larger than memory.
pub struct TableWriter {
    number: u64,
    family: (u32, String),
    compress: bool,
    /// Blocks that have not been taken.
    out: Vec<u8>,
    /// Offset of the end of `out` in the file.
    end: u64,
    data: BlockBuilder,
    index: BlockBuilder,
    first: Option<Vec<u8>>,
    packed: Vec<u8>,
    snappy: snap::raw::Encoder,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    entries: u64,
    blocks: u64,
    key_bytes: u64,
    value_bytes: u64,
}

/// A finished table, as the manifest names it.
#[derive(Debug, Clone)]
pub struct WrittenTable {
    /// The number of its column family.
    pub family: u32,
    /// Number, level, size, first and last key.
    pub file: LiveFile,
    /// How many entries it has.
    pub entries: u64,
}

impl TableWriter {
    /// A table for the column family of that number and name; `compress` says whether its blocks
    /// are compressed.
    pub fn new(number: u64, family: (u32, &str), compress: bool) -> Self {
        Self {
            number,
            family: (family.0, family.1.to_owned()),
            compress,
            out: Vec::new(),
            end: 0,
            data: BlockBuilder::new(INTERVAL),
            index: BlockBuilder::new(1),
            first: None,
            packed: Vec::new(),
            snappy: snap::raw::Encoder::new(),
            counts: Counts::default(),
        }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// When its key does not come behind the one before.
    pub fn add(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        match &self.first {
            None => self.first = Some(key.to_vec()),
            Some(_) if key > self.data.last_key() => {}
            Some(_) => {
                let why = "a key that does not come behind the one before".to_owned();
                let error = Error::new(self.end, "entry of a table", Fault::Invalid(why));
                return Err(error).in_file(&format!("{:06}.sst", self.number));
            }
        }
        self.data.add(key, &TRAILER.to_le_bytes(), value);
        self.counts.entries += 1;
        self.counts.key_bytes += (key.len() + size_of::<u64>()) as u64;
        self.counts.value_bytes += value.len() as u64;
        if self.data.len() >= BLOCK {
            self.end_data_block();
        }
        Ok(())
    }

    /// Bytes of the table so far, but for its index.
    pub fn size(&self) -> u64 {
        self.end
    }

    /// Moves the finished bytes to `to`.
    pub fn take(&mut self, to: &mut Vec<u8>) {
        to.append(&mut self.out);
    }

    /// Ends the table; what has not been taken of it is moved to `to`.
    ///
    /// A table without entries is no table: then there is nothing.
    pub fn finish(mut self, to: &mut Vec<u8>) -> Option<WrittenTable> {
        let first = self.first.take()?;
        if !self.data.is_empty() {
            self.end_data_block();
        }
        let last = self.data.last_key().to_vec();
        let data_size = self.end;
        let mut index = std::mem::replace(&mut self.index, BlockBuilder::new(1));
        let index_size = index.len() as u64;
        let index = index.end(|block| self.put_block(block));
        let properties = self.properties(data_size, index_size);
        let mut metaindex = BlockBuilder::new(1);
        metaindex.add(b"rocksdb.properties", &[], &encoded(properties));
        let metaindex = metaindex.end(|block| self.put_plain(block));
        self.put_footer(metaindex, index);
        to.append(&mut self.out);
        Some(WrittenTable {
            family: self.family.0,
            file: LiveFile {
                number: self.number,
                level: LEVEL,
                size: self.end,
                smallest: InternalKey::new(&first, TRAILER),
                largest: InternalKey::new(&last, TRAILER),
                smallest_sequence: 0,
                largest_sequence: 0,
            },
            entries: self.counts.entries,
        })
    }

    fn end_data_block(&mut self) {
        self.counts.blocks += 1;
        let mut data = std::mem::replace(&mut self.data, BlockBuilder::new(INTERVAL));
        let handle = data.end(|block| self.put_block(block));
        self.index
            .add(data.last_key(), &TRAILER.to_le_bytes(), &encoded(handle));
        self.data = data;
    }

    /// Writes a block, compressed if that saves at least an eighth of it.
    fn put_block(&mut self, block: &[u8]) -> Handle {
        if !self.compress {
            return self.put_plain(block);
        }
        let mut packed = std::mem::take(&mut self.packed);
        packed.resize(snap::raw::max_compress_len(block.len()), 0);
        let handle = match self.snappy.compress(block, &mut packed) {
            Ok(len) if len < block.len() - block.len() / 8 => {
                self.put_stored(packed.get(..len).unwrap_or_default(), SNAPPY)
            }
            _ => self.put_plain(block),
        };
        self.packed = packed;
        handle
    }

    fn put_plain(&mut self, block: &[u8]) -> Handle {
        self.put_stored(block, NO_COMPRESSION)
    }

    fn put_stored(&mut self, block: &[u8], compression: u8) -> Handle {
        let (offset, start) = (self.end, self.out.len());
        self.out.extend_from_slice(block);
        self.out.push(compression);
        let sum = masked_crc32c(self.out.get(start..).unwrap_or_default());
        self.out.put_fixed32(sum);
        self.end += (self.out.len() - start) as u64;
        Handle {
            offset,
            size: block.len() as u64,
        }
    }

    /// Writes what the table says of itself, sorted by name.
    fn properties(&mut self, data_size: u64, index_size: u64) -> Handle {
        let number = |n: u64| {
            let mut bytes = Vec::new();
            bytes.put_varint(n);
            bytes
        };
        let compression: &[u8] = if self.compress {
            b"Snappy"
        } else {
            b"NoCompression"
        };
        let counts = &self.counts;
        let list: [(&[u8], Vec<u8>); 20] = [
            (
                b"rocksdb.block.based.table.index.type",
                0u32.to_le_bytes().to_vec(),
            ),
            (b"rocksdb.block.based.table.prefix.filtering", b"0".to_vec()),
            (b"rocksdb.block.based.table.whole.key.filtering", b"1".to_vec()),
            (b"rocksdb.column.family.id", number(self.family.0.into())),
            (b"rocksdb.column.family.name", self.family.1.clone().into_bytes()),
            (b"rocksdb.comparator", super::manifest::COMPARATOR.to_vec()),
            (b"rocksdb.compression", compression.to_vec()),
            (b"rocksdb.data.size", number(data_size)),
            (b"rocksdb.deleted.keys", number(0)),
            (b"rocksdb.filter.size", number(0)),
            (b"rocksdb.fixed.key.length", number(0)),
            (b"rocksdb.format.version", number(0)),
            (b"rocksdb.index.key.is.user.key", number(0)),
            (b"rocksdb.index.size", number(index_size)),
            (b"rocksdb.index.value.is.delta.encoded", number(0)),
            (b"rocksdb.merge.operands", number(0)),
            (b"rocksdb.num.data.blocks", number(counts.blocks)),
            (b"rocksdb.num.entries", number(counts.entries)),
            (b"rocksdb.raw.key.size", number(counts.key_bytes)),
            (b"rocksdb.raw.value.size", number(counts.value_bytes)),
        ];
        let mut block = BlockBuilder::new(1);
        for (name, value) in &list {
            block.add(name, &[], value);
        }
        block.end(|block| self.put_plain(block))
    }

    fn put_footer(&mut self, metaindex: Handle, index: Handle) {
        const HANDLES: usize = 40;
        let start = self.out.len();
        self.out.push(Checksum::CRC32C);
        metaindex.encode(&mut self.out);
        index.encode(&mut self.out);
        self.out.resize(start + 1 + HANDLES, 0);
        self.out.put_fixed32(FORMAT_VERSION);
        self.out.put_fixed64(MAGIC);
        self.end += (self.out.len() - start) as u64;
    }
}

fn encoded(handle: Handle) -> Vec<u8> {
    let mut bytes = Vec::new();
    handle.encode(&mut bytes);
    bytes
}
