//! Operator state: list, union and broadcast states of one subtask in one stream.
//!
//! ```text
//! header, then the partitions of each list state at the offsets in the handle,
//! then for each broadcast state one block: i32 count, count × (key, value)
//! ```
//!
//! With compression (1.18 and later) one stream identifier follows the header, and each offset
//! is that of a snappy frame. Written by `DefaultOperatorStateBackendSnapshotStrategy`;
//! docs/format/state-payloads.md.

mod writer;

use statetool_format::metadata::OperatorStateHandle;

use crate::error::{Error, Result};
use crate::source::Source;
use crate::window::{Compression, Window};

pub use writer::OperatorWriter;

/// Where the partitions of an operator state stream begin and end.
#[derive(Debug, Clone)]
pub struct Partitions {
    starts: Vec<u64>,
    len: u64,
    compression: Compression,
}

impl Partitions {
    /// The partitions of all states of a handle.
    pub fn new(handle: &OperatorStateHandle, compression: Compression, len: u64) -> Self {
        let offsets = handle.states.iter().flat_map(|state| &state.offsets);
        let mut starts: Vec<u64> = offsets.filter_map(|offset| u64::try_from(*offset).ok()).collect();
        starts.sort_unstable();
        Self {
            starts,
            len,
            compression,
        }
    }

    /// Whether several partitions claim the same place, as files of Flink 1.18.0 and 1.18.1
    /// with compression do: their writer did not flush before it took an offset.
    pub fn are_ambiguous(&self) -> bool {
        self.starts
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a == b))
    }

    /// Where the partition that begins at `offset` ends.
    pub fn end_of(&self, offset: u64) -> u64 {
        let next = self.starts.partition_point(|other| *other <= offset);
        self.starts.get(next).copied().unwrap_or(self.len).max(offset)
    }

    /// Opens the partition that begins at `offset`.
    ///
    /// # Errors
    /// When the offset is not in the stream.
    pub fn open(&self, source: &Source, offset: i64) -> Result<Window> {
        let start = u64::try_from(offset).map_err(|_| {
            Error::invalid(
                source.name(),
                0,
                "offset of a partition",
                format!("{offset} is negative"),
            )
        })?;
        let end = self.end_of(start);
        match self.compression {
            Compression::None => Window::new(source, start, end, Compression::None),
            Compression::Snappy => Window::without_identifier(source, start, end),
        }
    }

    /// Opens everything behind the header, for streams whose offsets cannot be trusted.
    pub fn open_all(&self, source: &Source) -> Result<Window> {
        let start = self.starts.first().copied().unwrap_or(self.len);
        match self.compression {
            Compression::None => Window::new(source, start, self.len, Compression::None),
            Compression::Snappy => Window::without_identifier(source, start, self.len),
        }
    }
}
