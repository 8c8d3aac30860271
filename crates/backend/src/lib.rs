//! Keyed and operator state as iterators over raw bytes, for each layout a state backend writes.
//!
//! Nothing here decodes a value. Where a layout has no lengths (the heap layout, operator
//! state), a [`Skip`] tells how far a value reaches.
//!
//! | module | layout | Flink |
//! |---|---|---|
//! | [`canonical`] | the unified key-value stream | canonical savepoints; RocksDB full snapshots up to 1.15 |
//! | [`heap`] | blocks of entries without lengths | HashMap backend: checkpoints, native savepoints |
//! | [`rocksdb`] | SST files and manifest | RocksDB and ForSt: checkpoints, native savepoints |
//! | [`changelog`] | logged changes | changelog backend |
//! | [`raw_timers`] | timers as raw keyed state | heap timers beside RocksDB |
//! | [`operator`] | list, union and broadcast state | all |

pub mod canonical;
pub mod changelog;
mod error;
pub mod heap;
pub mod operator;
pub mod raw_timers;
pub mod rocksdb;
mod skip;
pub mod snappy;
mod source;
pub mod window;

pub use error::{Cause, Error, InFile, Result};
pub use skip::Skip;
pub use source::{LocalFile, Memory, ReadAt, Segment, Source};
pub use window::{Compression, Window};
