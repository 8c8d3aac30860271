//! A state stream and what its handle says about it, as one input.

use statetool_format::metadata::{
    ChangelogFiles, ChangelogHandle, DistributionMode, KeyGroupsHandle, KeyGroupsKind, KeyedHandle, Metadata,
    MetadataVersion, OperatorState, OperatorStateHandle, PartitionedState, StreamHandle, Subtask,
    SubtaskState, Subtasks,
};
use statetool_format::serializer::{Content, SerializerSnapshot};
use statetool_format::state::KeyedHeader;
use statetool_format::{Encode, JavaString, KeyGroupRange, OperatorId, Put, Reader, Result};

/// A stream with the few things that a handle says about it.
///
/// ```text
/// u8 settings   bit 0: written by Flink 2, bit 1: a handle of a canonical savepoint,
///               bit 2: look for the extents of unknown classes, which takes long
/// u16 max parallelism, u16 first key group
/// u8 lists, lists × { u8 mode, utf name, u8 offsets, offsets × i32 offset }
/// the stream, to the end
/// ```
///
/// Keyed streams have one list, the offsets of the key groups; changelogs the offsets of the
/// change sets; operator state a list for each state. Offsets stand in front of the stream so
/// that bytes put into it do not move anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamInput {
    /// Whether Flink 2 wrote it, and Kryo 5 its generic types.
    pub flink_2: bool,
    /// Whether the handle says that the stream is canonical.
    pub savepoint: bool,
    /// Whether a header with classes that nobody knows is worth the time that it takes.
    pub unknown_classes: bool,
    /// Number of key groups of the job.
    pub max_parallelism: u16,
    /// The first key group in the stream.
    pub first_group: u16,
    /// Mode, name, and offsets.
    pub lists: Vec<(u8, JavaString, Vec<i32>)>,
    /// The stream.
    pub stream: Vec<u8>,
}

impl StreamInput {
    /// Reads an input.
    ///
    /// # Errors
    /// When it ends in front of the stream.
    pub fn decode(input: &[u8]) -> Result<Self> {
        let r = &mut Reader::new(input);
        let settings = r.u8("settings")?;
        let (max_parallelism, first_group) = (r.u16("max parallelism")?, r.u16("first key group")?);
        let lists = r.u8("number of lists")?;
        let lists = (0..lists).map(|_| list(r)).collect::<Result<_>>()?;
        Ok(Self {
            flink_2: settings & 1 != 0,
            savepoint: settings & 2 != 0,
            unknown_classes: settings & 4 != 0,
            max_parallelism: max_parallelism.clamp(1, 1 << 15),
            first_group,
            lists,
            stream: r.take_rest().to_vec(),
        })
    }

    /// The bytes that [`decode`](Self::decode) reads; lists and offsets beyond 255 are left out.
    pub fn encode(&self) -> Vec<u8> {
        let flags = [self.flink_2, self.savepoint, self.unknown_classes];
        let settings = (0..).zip(flags).map(|(bit, flag)| u8::from(flag) << bit);
        let mut out = vec![settings.sum()];
        out.put_u16(self.max_parallelism);
        out.put_u16(self.first_group);
        out.put_u8(u8::try_from(self.lists.len()).unwrap_or(u8::MAX));
        for (mode, name, offsets) in self.lists.iter().take(255) {
            out.put_u8(*mode);
            out.put_utf(name.as_text());
            out.put_u8(u8::try_from(offsets.len()).unwrap_or(u8::MAX));
            offsets.iter().take(255).for_each(|offset| out.put_i32(*offset));
        }
        out.put(&self.stream);
        out
    }

    fn handle(&self) -> StreamHandle {
        StreamHandle::Inline {
            name: JavaString::new("stream").unwrap_or_default(),
            data: self.stream.clone().into(),
        }
    }

    fn offsets(&self) -> Vec<i64> {
        let offsets = self.lists.iter().flat_map(|(.., offsets)| offsets);
        offsets.map(|offset| i64::from(*offset)).collect()
    }

    /// The handle of a keyed stream, raw or managed.
    pub fn key_groups(&self) -> KeyGroupsHandle {
        let offsets = self.offsets();
        let first = u32::from(self.first_group);
        KeyGroupsHandle {
            kind: if self.savepoint {
                KeyGroupsKind::Savepoint
            } else {
                KeyGroupsKind::Plain
            },
            range: KeyGroupRange::new(first, first + offsets.len() as u32),
            offsets,
            delegate: self.handle(),
        }
    }

    /// The handle of a changelog of change sets at the offsets, with an empty base of string keys.
    pub fn changelog(&self) -> KeyedHandle {
        let range = KeyGroupRange::new(0, self.max_parallelism.into());
        let set = |offset| (offset, self.handle());
        let files = ChangelogFiles {
            range,
            change_sets: self
                .offsets()
                .into_iter()
                .take(MAX_CHANGE_SETS)
                .map(set)
                .collect(),
            size: 0,
            checkpointed_size: 0,
            state_handle_id: JavaString::default(),
            storage_id: None,
        };
        KeyedHandle::Changelog(ChangelogHandle {
            range,
            checkpointed_size: 0,
            materialized: vec![KeyedHandle::KeyGroups(empty_base(range))],
            non_materialized: vec![KeyedHandle::ChangelogFiles(files)],
            materialization_id: 0,
            checkpoint_id: None,
            state_handle_id: JavaString::default(),
        })
    }

    /// The handle of an operator state stream.
    pub fn operator_state(&self) -> OperatorStateHandle {
        let state = |(mode, name, offsets): &(u8, JavaString, Vec<i32>)| PartitionedState {
            name: name.clone(),
            mode: match mode % 3 {
                0 => DistributionMode::SplitDistribute,
                1 => DistributionMode::Union,
                _ => DistributionMode::Broadcast,
            },
            offsets: offsets.iter().map(|offset| i64::from(*offset)).collect(),
        };
        OperatorStateHandle {
            states: self.lists.iter().map(state).collect(),
            merged: None,
            delegate: self.handle(),
        }
    }

    /// A snapshot of one operator with one subtask, which has this state.
    pub fn metadata(&self, state: SubtaskState) -> Metadata {
        let operator = OperatorState {
            name: JavaString::default(),
            uid: JavaString::default(),
            id: OperatorId::from_uid("input"),
            parallelism: 1,
            max_parallelism: self.max_parallelism.into(),
            chain_length: 1,
            coordinator: None,
            subtasks: Subtasks::Listed(vec![Subtask::Running {
                index: 0,
                state: Box::new(state),
            }]),
        };
        Metadata {
            version: if self.flink_2 {
                MetadataVersion::V5
            } else {
                MetadataVersion::V3
            },
            checkpoint_id: 1,
            master_states: Vec::new(),
            operators: vec![operator],
            properties: self.flink_2.then(|| b"\xac\xed\0\x05\x70".to_vec()),
        }
    }
}

/// Each takes a copy of the stream.
const MAX_CHANGE_SETS: usize = 8;

/// A canonical stream of string keys without states.
fn empty_base(range: KeyGroupRange) -> KeyGroupsHandle {
    let class = "org.apache.flink.api.common.typeutils.base.StringSerializer$StringSerializerSnapshot";
    let key = SerializerSnapshot {
        class: JavaString::new(class).unwrap_or_default(),
        version: 3,
        content: Content::Simple,
    };
    let header = KeyedHeader {
        compressed: false,
        key,
        states: Vec::new(),
    };
    KeyGroupsHandle {
        kind: KeyGroupsKind::Savepoint,
        range,
        offsets: vec![0; range.count as usize],
        delegate: StreamHandle::Inline {
            name: JavaString::new("base").unwrap_or_default(),
            data: header.to_bytes().into(),
        },
    }
}

fn list(r: &mut Reader<'_>) -> Result<(u8, JavaString, Vec<i32>)> {
    let mode = r.u8("mode")?;
    let name = r.utf("name")?.to_java_string();
    let count = r.u8("number of offsets")?;
    let offsets = (0..count).map(|_| r.i32("offset")).collect::<Result<_>>()?;
    Ok((mode, name, offsets))
}
