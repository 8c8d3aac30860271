//! Writes databases: tables, and the manifest that names them.
//!
//! | file | what is written |
//! |---|---|
//! | tables | block-based, format version 2, CRC-32C, blocks in snappy where that makes them smaller |
//! | `MANIFEST-…` | version edits of RocksDB 5: column families, and their tables on the lowest level |
//! | `CURRENT` | the manifest's name |
//!
//! Format version 2 and these edits are read by every engine that Flink has had, FRocksDB 5.17.2 to
//! 8.10.0 and ForSt; newer ones bring nothing that a snapshot needs.

mod block;
mod manifest;
mod table;

pub use manifest::{CURRENT, ManifestWriter};
pub use table::{TableWriter, WrittenTable};
