//! Operators and their subtasks.

use super::{
    ChannelDirection, ChannelHandle, KeyedHandle, MetadataVersion, OperatorStateHandle, StreamHandle, list,
};
use crate::encode::{Encode, Put};
use crate::error::{Error, Fault, Result};
use crate::key_group::MAX_PARALLELISM;
use crate::operator_id::OperatorId;
use crate::reader::Reader;
use crate::text::JavaString;

/// One operator of the job (Flink's `OperatorState`); operators without state are listed too.
#[derive(Debug, Clone, PartialEq)]
pub struct OperatorState {
    /// Format 5 and later: the operator's name, perhaps empty.
    pub name: JavaString,
    /// Format 5 and later: the text given to `uid(…)`, perhaps empty.
    pub uid: JavaString,
    /// The operator's id.
    pub id: OperatorId,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
    /// Format 2 only: a field that later formats dropped; 1 in Flink's files.
    pub chain_length: i32,
    /// State of the operator's coordinator: the split enumerator of a source.
    pub coordinator: Option<StreamHandle>,
    /// The subtasks.
    pub subtasks: Subtasks,
}

/// The subtasks of an operator.
#[derive(Debug, Clone, PartialEq)]
pub enum Subtasks {
    /// All subtasks had finished (`FullyFinishedOperatorState`); holds the negative count
    /// that marks it.
    FullyFinished(i32),
    /// The subtasks that have state or have finished; others are missing.
    Listed(Vec<Subtask>),
}

/// One subtask.
#[derive(Debug, Clone, PartialEq)]
pub enum Subtask {
    /// It had finished (`FinishedOperatorSubtaskState`).
    Finished {
        /// Its index.
        index: u32,
    },
    /// It was running.
    Running {
        /// Its index.
        index: u32,
        /// Its state.
        state: Box<SubtaskState>,
    },
}

/// The handles of one subtask (`OperatorSubtaskState`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SubtaskState {
    /// Format 2 only: a field that later formats dropped.
    pub duration: i64,
    /// Operator state in states.
    pub managed_operator: Option<OperatorStateHandle>,
    /// Operator state written as bytes.
    pub raw_operator: Option<OperatorStateHandle>,
    /// Keyed state in states.
    pub managed_keyed: Option<KeyedHandle>,
    /// Keyed state written as bytes: heap timers beside RocksDB, or a user's own.
    pub raw_keyed: Option<KeyedHandle>,
    /// Records in flight towards the subtask.
    pub input_channels: Vec<ChannelHandle>,
    /// Records in flight from the subtask.
    pub output_channels: Vec<ChannelHandle>,
    /// Format 7: the older checkpoint the state was reused from.
    pub reference_checkpoint: Option<i64>,
}

impl OperatorState {
    pub(super) const SMALLEST: usize = 29;

    /// The running subtasks with their indices.
    pub fn running(&self) -> impl Iterator<Item = (u32, &SubtaskState)> {
        let listed = match &self.subtasks {
            Subtasks::FullyFinished(_) => &[][..],
            Subtasks::Listed(subtasks) => subtasks,
        };
        listed.iter().filter_map(|subtask| match subtask {
            Subtask::Finished { .. } => None,
            Subtask::Running { index, state } => Some((*index, &**state)),
        })
    }

    pub(super) fn decode(r: &mut Reader<'_>, version: MetadataVersion) -> Result<Self> {
        let named = version.has_operator_names();
        let mut text = |what| -> Result<JavaString> {
            Ok(if named {
                r.utf(what)?.to_java_string()
            } else {
                JavaString::default()
            })
        };
        let name = text("operator name")?;
        let uid = text("operator uid")?;
        let id = OperatorId::decode(r)?;
        let max = MAX_PARALLELISM as i32;
        let parallelism = r.i32_in(1, max, "parallelism")? as u32;
        let max_parallelism = r.i32_in(1, max, "max parallelism")? as u32;
        let (chain_length, coordinator) = if version.has_coordinators_and_channels() {
            (1, StreamHandle::decode_optional(r, 0)?)
        } else {
            (r.i32("chain length")?, None)
        };
        let subtasks = Subtasks::decode(r, version, parallelism)?;
        Ok(Self {
            name,
            uid,
            id,
            parallelism,
            max_parallelism,
            chain_length,
            coordinator,
            subtasks,
        })
    }

    pub(super) fn encode(&self, version: MetadataVersion, out: &mut Vec<u8>) {
        if version.has_operator_names() {
            out.put_utf(self.name.as_text());
            out.put_utf(self.uid.as_text());
        }
        self.id.encode(out);
        out.put_i32(self.parallelism as i32);
        out.put_i32(self.max_parallelism as i32);
        if version.has_coordinators_and_channels() {
            StreamHandle::encode_optional(self.coordinator.as_ref(), out);
        } else {
            out.put_i32(self.chain_length);
        }
        self.subtasks.encode(version, out);
    }
}

impl Subtasks {
    fn decode(r: &mut Reader<'_>, version: MetadataVersion, parallelism: u32) -> Result<Self> {
        let mut ahead = r.clone();
        let count = ahead.i32("number of subtasks")?;
        if count < 0 && version.has_coordinators_and_channels() {
            *r = ahead;
            return Ok(Self::FullyFinished(count));
        }
        list(r, 4, "number of subtasks", |r| {
            Subtask::decode(r, version, parallelism)
        })
        .map(Self::Listed)
    }

    fn encode(&self, version: MetadataVersion, out: &mut Vec<u8>) {
        match self {
            Self::FullyFinished(marker) => out.put_i32(*marker),
            Self::Listed(subtasks) => {
                out.put_count(subtasks.len());
                subtasks.iter().for_each(|subtask| subtask.encode(version, out));
            }
        }
    }
}

impl Subtask {
    fn decode(r: &mut Reader<'_>, version: MetadataVersion, parallelism: u32) -> Result<Self> {
        let last = parallelism as i32 - 1;
        let first = if version.has_coordinators_and_channels() {
            -last - 1
        } else {
            0
        };
        match r.i32_in(first, last, "index of a subtask")? {
            // Finished subtask i is written as -i - 1, which is the complement.
            marker @ ..0 => Ok(Self::Finished {
                index: !marker as u32,
            }),
            index => {
                let state = Box::new(SubtaskState::decode(r, version)?);
                Ok(Self::Running {
                    index: index as u32,
                    state,
                })
            }
        }
    }

    fn encode(&self, version: MetadataVersion, out: &mut Vec<u8>) {
        match self {
            Self::Finished { index } => out.put_i32(!(*index as i32)),
            Self::Running { index, state } => {
                out.put_i32(*index as i32);
                state.encode(version, out);
            }
        }
    }
}

impl SubtaskState {
    fn decode(r: &mut Reader<'_>, version: MetadataVersion) -> Result<Self> {
        let mut state = Self::default();
        if !version.has_coordinators_and_channels() {
            state.duration = r.i64("duration of a subtask")?;
            decode_no_legacy_states(r)?;
        }
        state.managed_operator = decode_operator_state(r, "managed operator state marker")?;
        state.raw_operator = decode_operator_state(r, "raw operator state marker")?;
        state.managed_keyed = KeyedHandle::decode_optional(r, 0)?;
        state.raw_keyed = KeyedHandle::decode_optional(r, 0)?;
        if version.has_coordinators_and_channels() {
            let mut channels = |direction, what| {
                list(r, ChannelHandle::smallest(version), what, |r| {
                    ChannelHandle::decode(r, version, direction)
                })
            };
            state.input_channels = channels(ChannelDirection::Input, "number of input channel states")?;
            state.output_channels = channels(ChannelDirection::Output, "number of output channel states")?;
        }
        if version.has_reference_checkpoints() && r.bool("reference checkpoint marker")? {
            state.reference_checkpoint = Some(r.i64("reference checkpoint id")?);
        }
        Ok(state)
    }

    fn encode(&self, version: MetadataVersion, out: &mut Vec<u8>) {
        if !version.has_coordinators_and_channels() {
            out.put_i64(self.duration);
            out.put_i32(0);
        }
        for handle in [&self.managed_operator, &self.raw_operator] {
            out.put_i32(handle.is_some().into());
            if let Some(handle) = handle {
                handle.encode(out);
            }
        }
        KeyedHandle::encode_optional(self.managed_keyed.as_ref(), out);
        KeyedHandle::encode_optional(self.raw_keyed.as_ref(), out);
        if version.has_coordinators_and_channels() {
            let sides = [
                (&self.input_channels, ChannelDirection::Input),
                (&self.output_channels, ChannelDirection::Output),
            ];
            for (channels, direction) in sides {
                out.put_count(channels.len());
                channels
                    .iter()
                    .for_each(|channel| channel.encode(version, direction, out));
            }
        }
        if version.has_reference_checkpoints() {
            out.put_bool(self.reference_checkpoint.is_some());
            if let Some(id) = self.reference_checkpoint {
                out.put_i64(id);
            }
        }
    }
}

fn decode_no_legacy_states(r: &mut Reader<'_>) -> Result<()> {
    let at = r.offset();
    match r.i32("number of legacy states")? {
        0 => Ok(()),
        n => {
            let fault = Fault::Invalid(format!(
                "{n} states in the form of Flink 1.1, which nobody reads any more"
            ));
            Err(Error::new(at, "number of legacy states", fault))
        }
    }
}

fn decode_operator_state(r: &mut Reader<'_>, marker: &'static str) -> Result<Option<OperatorStateHandle>> {
    if r.i32_in(0, 1, marker)? == 0 {
        return Ok(None);
    }
    OperatorStateHandle::decode_optional(r)
}

impl SubtaskState {
    /// Calls `f` for every stream the subtask's handles lead to.
    pub fn visit_streams<'s>(&'s self, f: &mut impl FnMut(&'s StreamHandle)) {
        for handle in [&self.managed_operator, &self.raw_operator].into_iter().flatten() {
            f(&handle.delegate);
        }
        for handle in [&self.managed_keyed, &self.raw_keyed].into_iter().flatten() {
            handle.visit_streams(f);
        }
        for channel in self.input_channels.iter().chain(&self.output_channels) {
            f(channel.delegate());
        }
    }

    /// Calls `f` for every stream the subtask's handles lead to, to put another in its place.
    pub fn visit_streams_mut(&mut self, f: &mut impl FnMut(&mut StreamHandle)) {
        let operator = [&mut self.managed_operator, &mut self.raw_operator];
        for handle in operator.into_iter().flatten() {
            f(&mut handle.delegate);
        }
        for handle in [&mut self.managed_keyed, &mut self.raw_keyed]
            .into_iter()
            .flatten()
        {
            handle.visit_streams_mut(f);
        }
        for channel in self.input_channels.iter_mut().chain(&mut self.output_channels) {
            f(channel.delegate_mut());
        }
    }
}
