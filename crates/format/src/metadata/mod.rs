//! The `_metadata` file: the root of every checkpoint and savepoint.
//!
//! ```text
//! i32 magic 4960672D   i32 version   i64 checkpoint id
//! i32 n, n × master state
//! i32 n, n × operator
//! Java object stream: checkpoint properties, to the end of the file   (4 and later)
//! ```
//!
//! Flink's `MetadataV2Serializer` to `MetadataV6Serializer`; docs/format/metadata.md.

mod channel;
mod keyed;
mod master;
mod operator;
mod operator_state;
mod stream;
mod version;

pub use channel::{ChannelDirection, ChannelHandle, ChannelPlace, MergedChannel};
pub use keyed::{
    ChangelogFiles, ChangelogHandle, IncrementalHandle, InlineChangelog, KeyGroupsHandle, KeyGroupsKind,
    KeyedHandle, StateFile,
};
pub use master::MasterState;
pub use operator::{OperatorState, Subtask, SubtaskState, Subtasks};
pub use operator_state::{DistributionMode, OperatorStateHandle, PartitionedState};
pub use stream::{SegmentScope, StreamHandle};
pub use version::MetadataVersion;

use crate::encode::{Encode, Put};
use crate::error::{Error, Fault, Result};
use crate::reader::Reader;

/// The first four bytes of a metadata file, `49 60 67 2D` (Flink's `Checkpoints.HEADER_MAGIC_NUMBER`).
pub const MAGIC: i32 = 0x4960_672D;

/// A decoded `_metadata` file.
///
/// It encodes to the bytes it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    /// The format in which the file is written.
    pub version: MetadataVersion,
    /// Id of the checkpoint; a restored job goes on with the next one.
    pub checkpoint_id: i64,
    /// States of hooks at the checkpoint coordinator; almost always empty.
    pub master_states: Vec<MasterState>,
    /// The operators, in the order of the file, which has no meaning.
    pub operators: Vec<OperatorState>,
    /// Format 4 and later: the Java-serialized `CheckpointProperties`, as it stands.
    pub properties: Option<Vec<u8>>,
}

impl Metadata {
    /// Decodes a whole file.
    ///
    /// # Errors
    /// Another magic number or an unknown version, anything that breaks the layout, and bytes
    /// left over at the end (Flink ignores those; no release writes any).
    pub fn decode(file: &[u8]) -> Result<Self> {
        let r = &mut Reader::new(file);
        decode_magic(r)?;
        let version = MetadataVersion::decode(r)?;
        let at = r.offset();
        let checkpoint_id = r.i64("checkpoint id")?;
        if checkpoint_id < 0 {
            let fault = Fault::Range {
                got: checkpoint_id,
                min: 0,
                max: i64::MAX,
            };
            return Err(Error::new(at, "checkpoint id", fault));
        }
        let count = r.count(MasterState::SMALLEST, "number of master states")?;
        let master_states = (0..count)
            .map(|_| MasterState::decode(r))
            .collect::<Result<_>>()?;
        let count = r.count(OperatorState::SMALLEST, "number of operators")?;
        let operators = (0..count)
            .map(|_| OperatorState::decode(r, version))
            .collect::<Result<_>>()?;
        let properties = version
            .has_properties()
            .then(|| decode_properties(r))
            .transpose()?;
        r.finish("end of the metadata")?;
        Ok(Self {
            version,
            checkpoint_id,
            master_states,
            operators,
            properties,
        })
    }
}

impl Encode for Metadata {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_i32(MAGIC);
        self.version.encode(out);
        out.put_i64(self.checkpoint_id);
        out.put_count(self.master_states.len());
        self.master_states.iter().for_each(|state| state.encode(out));
        out.put_count(self.operators.len());
        self.operators
            .iter()
            .for_each(|operator| operator.encode(self.version, out));
        if let Some(properties) = &self.properties {
            out.put(properties);
        }
    }
}

fn decode_magic(r: &mut Reader<'_>) -> Result<()> {
    let at = r.offset();
    let got = r.i32("magic number")?;
    if got == MAGIC {
        return Ok(());
    }
    let fault = Fault::Invalid(format!(
        "{got:#010x} is not {MAGIC:#010x}: this is no Flink metadata file"
    ));
    Err(Error::new(at, "magic number", fault))
}

/// Everything up to the end of the file, which must begin like a Java object stream.
fn decode_properties(r: &mut Reader<'_>) -> Result<Vec<u8>> {
    const JAVA_STREAM_HEADER: &[u8] = &[0xac, 0xed, 0x00, 0x05];
    let start = r.clone();
    let stream = crate::java::JavaStream::decode(r)?;
    if !start.rest().starts_with(JAVA_STREAM_HEADER) {
        return Err(start.invalid("checkpoint properties", "not a Java object stream"));
    }
    Ok(stream.0)
}

/// How deep handles may lie in handles; Flink's own files need 4.
const MAX_HANDLE_DEPTH: u32 = 32;

/// Reads a list with an `i32` count.
fn list<T>(
    r: &mut Reader<'_>,
    smallest: usize,
    what: &'static str,
    mut decode: impl FnMut(&mut Reader<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let count = r.count(smallest, what)?;
    (0..count).map(|_| decode(r)).collect()
}

/// Reads a list of offsets.
fn longs(r: &mut Reader<'_>, what: &'static str) -> Result<Vec<i64>> {
    list(r, 8, what, |r| r.i64(what))
}

/// Writes a list of offsets.
fn put_longs(out: &mut Vec<u8>, longs: &[i64]) {
    out.put_count(longs.len());
    longs.iter().for_each(|v| out.put_i64(*v));
}
