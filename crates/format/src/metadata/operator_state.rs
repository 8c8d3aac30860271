//! Handles of operator (non-keyed) state.

use super::{StreamHandle, list, longs, put_longs};
use crate::encode::{Encode, Put};
use crate::error::{Error, Fault, Result};
use crate::reader::Reader;
use crate::text::JavaString;

/// Where the operator state of one subtask is, and where each partition begins
/// (`OperatorStreamStateHandle`, `FileMergingOperatorStreamStateHandle`).
#[derive(Debug, Clone, PartialEq)]
pub struct OperatorStateHandle {
    /// The states, in the order of the file, which is that of a hash map.
    pub states: Vec<PartitionedState>,
    /// Code 17: the directories that file merging keeps alive, task-owned and shared, and
    /// whether the handle is only there for them.
    pub merged: Option<(JavaString, JavaString, bool)>,
    /// The stream.
    pub delegate: StreamHandle,
}

/// One state of an operator state handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionedState {
    /// Name of the state.
    pub name: JavaString,
    /// How it is dealt out when the job restores.
    pub mode: DistributionMode,
    /// Where each partition begins in the stream.
    pub offsets: Vec<i64>,
}

/// How operator state is dealt out to subtasks (`OperatorStateHandle.Mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DistributionMode {
    /// Partitions are spread over the subtasks.
    SplitDistribute = 0,
    /// Every subtask gets all partitions.
    Union = 1,
    /// All subtasks hold the same.
    Broadcast = 2,
}

impl DistributionMode {
    /// Flink's name of the mode.
    pub fn name(self) -> &'static str {
        match self {
            Self::SplitDistribute => "SPLIT_DISTRIBUTE",
            Self::Union => "UNION",
            Self::Broadcast => "BROADCAST",
        }
    }
}

impl PartitionedState {
    const SMALLEST: usize = 7;

    fn decode(r: &mut Reader<'_>) -> Result<Self> {
        let name = r.utf("name of an operator state")?.to_java_string();
        let at = r.offset();
        let mode = match r.u8("distribution mode")? {
            0 => DistributionMode::SplitDistribute,
            1 => DistributionMode::Union,
            2 => DistributionMode::Broadcast,
            got => {
                let fault = Fault::Unknown {
                    got: got.into(),
                    expected: "0, 1 or 2",
                };
                return Err(Error::new(at, "distribution mode", fault));
            }
        };
        Ok(Self {
            name,
            mode,
            offsets: longs(r, "offsets of partitions")?,
        })
    }
}

impl Encode for PartitionedState {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_utf(self.name.as_text());
        out.put_u8(self.mode as u8);
        put_longs(out, &self.offsets);
    }
}

impl OperatorStateHandle {
    const PARTITIONABLE: u8 = 4;
    const FILE_MERGING: u8 = 17;

    /// The state with this name.
    pub fn state(&self, name: &JavaString) -> Option<&PartitionedState> {
        self.states.iter().find(|state| state.name == *name)
    }

    pub(super) fn decode_optional(r: &mut Reader<'_>) -> Result<Option<Self>> {
        let at = r.offset();
        let code = r.u8("code of an operator state handle")?;
        let merging = match code {
            StreamHandle::NULL => return Ok(None),
            Self::PARTITIONABLE => false,
            Self::FILE_MERGING => true,
            _ => {
                let fault = Fault::Unknown {
                    got: code.into(),
                    expected: "0, 4 or 17",
                };
                return Err(Error::new(at, "code of an operator state handle", fault));
            }
        };
        let states = list(
            r,
            PartitionedState::SMALLEST,
            "number of operator states",
            PartitionedState::decode,
        )?;
        let merged = merging
            .then(|| -> Result<_> {
                let task_owned = r.utf("task-owned directory")?.to_java_string();
                let shared = r.utf("shared directory")?.to_java_string();
                Ok((task_owned, shared, r.bool("empty marker")?))
            })
            .transpose()?;
        let delegate = StreamHandle::decode(r, 0)?;
        Ok(Some(Self {
            states,
            merged,
            delegate,
        }))
    }
}

impl Encode for OperatorStateHandle {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(if self.merged.is_some() {
            Self::FILE_MERGING
        } else {
            Self::PARTITIONABLE
        });
        out.put_count(self.states.len());
        self.states.iter().for_each(|state| state.encode(out));
        if let Some((task_owned, shared, empty)) = &self.merged {
            out.put_utf(task_owned.as_text());
            out.put_utf(shared.as_text());
            out.put_bool(*empty);
        }
        self.delegate.encode(out);
    }
}
