//! RocksDB's files, read without RocksDB: what the RocksDB and ForSt backends upload.
//!
//! A [`Database`] is opened over a handle's files by their local names. It holds the manifest; a
//! [`Scan`] goes through a column family in the order of its keys and resolves what tables keep apart:
//! older entries, deletions of keys and of ranges, and merge operands.
//!
//! | Flink | engine | tables |
//! |---|---|---|
//! | 1.8 – 1.13 | FRocksDB 5.17.2 | the legacy footer of format version 0, CRC-32C |
//! | 1.14 – 1.20 | FRocksDB 6.20.3 | format version 5, CRC-32C |
//! | 2.0 – 2.3 | FRocksDB 8.10.0, ForSt | format version 5, XXH3 |
//!
//! Block-based tables of the format versions 0 to 6 are read, with every checksum, every compression but
//! Xpress, indexes of one and two levels, and keys in their bytes' order. Write-ahead logs are not read:
//! a checkpoint has none.

mod block;
mod checksum;
mod compression;
mod database;
mod edit;
mod files;
mod footer;
mod index;
mod key;
mod log;
mod manifest;
mod merge;
mod properties;
mod range_deletions;
mod scan;
mod table;
mod varint;
mod verify;
mod window;
mod writer;

pub use checksum::Checksum;
pub use compression::MAX_BLOCK;
pub use database::{DEFAULT_READ_AHEAD, Database, Family};
pub use edit::LiveFile;
pub use files::{Files, Folder};
pub use key::{EntryType, InternalKey, KeyRange};
pub use properties::Properties;
pub use scan::{Counters, Entry, Scan};
pub use verify::FileReport;
pub use writer::{CURRENT, ManifestWriter, TableWriter, WrittenTable};
