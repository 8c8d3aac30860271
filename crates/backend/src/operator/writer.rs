//! Writes operator state streams.

use statetool_format::metadata::{DistributionMode, PartitionedState};
use statetool_format::state::OperatorHeader;
use statetool_format::{Encode, JavaString, Put};

use crate::snappy::{STREAM_IDENTIFIER, put_frames};

/// Writes the states of one subtask, one after the other: lists first, in the order of the header.
#[derive(Debug)]
pub struct OperatorWriter {
    out: Vec<u8>,
    compressed: bool,
    states: Vec<PartitionedState>,
}

impl OperatorWriter {
    /// A stream that begins with this header.
    pub fn new(header: &OperatorHeader) -> Self {
        let mut out = header.to_bytes();
        if header.compressed {
            out.put(STREAM_IDENTIFIER);
        }
        Self {
            out,
            compressed: header.compressed,
            states: Vec::new(),
        }
    }

    /// Begins the next state.
    pub fn state(&mut self, name: &JavaString, mode: DistributionMode) {
        self.states.push(PartitionedState {
            name: name.clone(),
            mode,
            offsets: Vec::new(),
        });
    }

    /// Adds a partition to the state: an element of a list, or all of a broadcast state with the
    /// number of entries in front.
    pub fn partition(&mut self, bytes: &[u8]) {
        let offset = i64::try_from(self.out.len()).unwrap_or(i64::MAX);
        if let Some(state) = self.states.last_mut() {
            state.offsets.push(offset);
        }
        match self.compressed {
            true => put_frames(bytes, &mut self.out),
            false => self.out.put(bytes),
        }
    }

    /// Bytes of the stream so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether there is nothing, not even a header.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// The stream, and where its states begin.
    pub fn finish(self) -> (Vec<u8>, Vec<PartitionedState>) {
        (self.out, self.states)
    }
}
