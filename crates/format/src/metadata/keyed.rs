//! Handles of keyed state.

use super::{MAX_HANDLE_DEPTH, StreamHandle, list};
use crate::encode::{Encode, Put};
use crate::error::{Error, Fault, Result};
use crate::key_group::KeyGroupRange;
use crate::reader::Reader;
use crate::text::JavaString;

/// Where the keyed state of one subtask is (Flink's `KeyedStateHandle`).
#[derive(Debug, Clone, PartialEq)]
pub enum KeyedHandle {
    /// Codes 3, 7 and 12: one stream with an offset for each key group.
    KeyGroups(KeyGroupsHandle),
    /// Codes 5 and 11: the files of a RocksDB or ForSt database.
    Incremental(IncrementalHandle),
    /// Codes 8 and 14: a base and the log of changes since.
    Changelog(ChangelogHandle),
    /// Code 9: changes inside the metadata file; only within a changelog.
    InlineChangelog(InlineChangelog),
    /// Codes 10 and 13: changes in log files; only within a changelog.
    ChangelogFiles(ChangelogFiles),
}

impl KeyedHandle {
    const INCREMENTAL: u8 = 5;
    const CHANGELOG: u8 = 8;
    const CHANGELOG_BYTES: u8 = 9;
    const CHANGELOG_FILES: u8 = 10;
    const INCREMENTAL_V2: u8 = 11;
    const CHANGELOG_FILES_V2: u8 = 13;
    const CHANGELOG_V2: u8 = 14;

    /// The key groups of the handle.
    pub fn range(&self) -> KeyGroupRange {
        match self {
            Self::KeyGroups(handle) => handle.range,
            Self::Incremental(handle) => handle.range,
            Self::Changelog(handle) => handle.range,
            Self::InlineChangelog(handle) => handle.range,
            Self::ChangelogFiles(handle) => handle.range,
        }
    }

    /// Calls `f` for every stream the handle leads to.
    pub fn visit_streams<'s>(&'s self, f: &mut impl FnMut(&'s StreamHandle)) {
        match self {
            Self::KeyGroups(handle) => f(&handle.delegate),
            Self::Incremental(handle) => {
                handle.meta.iter().for_each(&mut *f);
                handle.files().for_each(|file| f(&file.handle));
            }
            Self::Changelog(handle) => {
                let inner = handle.materialized.iter().chain(&handle.non_materialized);
                inner.for_each(|handle| handle.visit_streams_dyn(f));
            }
            Self::InlineChangelog(_) => {}
            Self::ChangelogFiles(handle) => handle.change_sets.iter().for_each(|(_, stream)| f(stream)),
        }
    }

    /// Changelogs nest, so the closure's type must not.
    fn visit_streams_dyn<'s>(&'s self, mut f: &mut dyn FnMut(&'s StreamHandle)) {
        self.visit_streams(&mut f);
    }

    /// Calls `f` for every stream the handle leads to, to put another in its place.
    pub fn visit_streams_mut(&mut self, f: &mut impl FnMut(&mut StreamHandle)) {
        match self {
            Self::KeyGroups(handle) => f(&mut handle.delegate),
            Self::Incremental(handle) => {
                handle.meta.iter_mut().for_each(&mut *f);
                let files = handle.shared.iter_mut().chain(&mut handle.private);
                files.for_each(|file| f(&mut file.handle));
            }
            Self::Changelog(handle) => {
                let inner = handle.materialized.iter_mut().chain(&mut handle.non_materialized);
                inner.for_each(|handle| handle.visit_streams_mut_dyn(f));
            }
            Self::InlineChangelog(_) => {}
            Self::ChangelogFiles(handle) => handle.change_sets.iter_mut().for_each(|(_, stream)| f(stream)),
        }
    }

    fn visit_streams_mut_dyn(&mut self, mut f: &mut dyn FnMut(&mut StreamHandle)) {
        self.visit_streams_mut(&mut f);
    }

    pub(super) fn decode_optional(r: &mut Reader<'_>, depth: u32) -> Result<Option<Self>> {
        let at = r.offset();
        let code = r.u8("code of a keyed state handle")?;
        if depth >= MAX_HANDLE_DEPTH {
            return Err(Error::new(
                at,
                "keyed state handle",
                Fault::TooDeep(MAX_HANDLE_DEPTH),
            ));
        }
        Ok(Some(match code {
            StreamHandle::NULL => return Ok(None),
            KeyGroupsHandle::CODE | KeyGroupsHandle::SAVEPOINT | KeyGroupsHandle::WITH_ID => {
                Self::KeyGroups(KeyGroupsHandle::decode(r, code, depth + 1)?)
            }
            Self::INCREMENTAL | Self::INCREMENTAL_V2 => Self::Incremental(IncrementalHandle::decode(
                r,
                code == Self::INCREMENTAL_V2,
                depth + 1,
            )?),
            Self::CHANGELOG | Self::CHANGELOG_V2 => {
                Self::Changelog(ChangelogHandle::decode(r, code == Self::CHANGELOG_V2, depth + 1)?)
            }
            Self::CHANGELOG_BYTES => Self::InlineChangelog(InlineChangelog::decode(r)?),
            Self::CHANGELOG_FILES | Self::CHANGELOG_FILES_V2 => Self::ChangelogFiles(ChangelogFiles::decode(
                r,
                code == Self::CHANGELOG_FILES_V2,
                depth + 1,
            )?),
            _ => {
                let fault = Fault::Unknown {
                    got: code.into(),
                    expected: "0, 3, 5, 7 to 14",
                };
                return Err(Error::new(at, "code of a keyed state handle", fault));
            }
        }))
    }

    fn decode(r: &mut Reader<'_>, depth: u32) -> Result<Self> {
        let at = r.offset();
        Self::decode_optional(r, depth)?.ok_or_else(|| {
            Error::new(
                at,
                "keyed state handle",
                Fault::Invalid("null inside a changelog".into()),
            )
        })
    }

    pub(super) fn encode_optional(handle: Option<&Self>, out: &mut Vec<u8>) {
        match handle {
            Some(handle) => handle.encode(out),
            None => out.put_u8(StreamHandle::NULL),
        }
    }
}

impl Encode for KeyedHandle {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::KeyGroups(handle) => handle.encode(out),
            Self::Incremental(handle) => handle.encode(out),
            Self::Changelog(handle) => handle.encode(out),
            Self::InlineChangelog(handle) => handle.encode(out),
            Self::ChangelogFiles(handle) => handle.encode(out),
        }
    }
}

/// One stream that holds key groups, and where each begins (`KeyGroupsStateHandle`).
#[derive(Debug, Clone, PartialEq)]
pub struct KeyGroupsHandle {
    /// Which of the three codes.
    pub kind: KeyGroupsKind,
    /// The key groups.
    pub range: KeyGroupRange,
    /// Where each group's data begins in the stream. In canonical state 0 is an empty group;
    /// in raw keyed state −1 is a group that was not written.
    pub offsets: Vec<i64>,
    /// The stream.
    pub delegate: StreamHandle,
}

/// Codes under which key groups are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyGroupsKind {
    /// Code 3: any layout, Flink up to 1.14 (and raw keyed state).
    Plain,
    /// Code 7: the canonical layout of a savepoint, 1.13 and later.
    Savepoint,
    /// Code 12: any layout, with a state handle id, 1.15 and later.
    WithId(JavaString),
}

impl KeyGroupsHandle {
    pub(super) const CODE: u8 = 3;
    const SAVEPOINT: u8 = 7;
    const WITH_ID: u8 = 12;

    pub(super) fn decode(r: &mut Reader<'_>, code: u8, depth: u32) -> Result<Self> {
        let range = KeyGroupRange::decode(r)?;
        let what = "offsets of key groups";
        // Not `count`: the number of offsets is that of the groups, known already.
        let r_offsets = &mut r.window(range.count as usize * 8, what)?;
        let offsets = (0..range.count)
            .map(|_| r_offsets.i64(what))
            .collect::<Result<_>>()?;
        let delegate = StreamHandle::decode(r, depth)?;
        let kind = match code {
            Self::SAVEPOINT => KeyGroupsKind::Savepoint,
            Self::WITH_ID => KeyGroupsKind::WithId(r.utf("state handle id")?.to_java_string()),
            _ => KeyGroupsKind::Plain,
        };
        Ok(Self {
            kind,
            range,
            offsets,
            delegate,
        })
    }

    /// The group's offset in the stream, as recorded.
    pub fn offset_of(&self, group: u32) -> Option<i64> {
        self.offsets
            .get(group.checked_sub(self.range.start)? as usize)
            .copied()
    }
}

impl Encode for KeyGroupsHandle {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(match self.kind {
            KeyGroupsKind::Plain => Self::CODE,
            KeyGroupsKind::Savepoint => Self::SAVEPOINT,
            KeyGroupsKind::WithId(_) => Self::WITH_ID,
        });
        self.range.encode(out);
        self.offsets.iter().for_each(|offset| out.put_i64(*offset));
        self.delegate.encode(out);
        if let KeyGroupsKind::WithId(id) = &self.kind {
            out.put_utf(id.as_text());
        }
    }
}

/// The files of a database (`IncrementalRemoteKeyedStateHandle`).
#[derive(Debug, Clone, PartialEq)]
pub struct IncrementalHandle {
    /// The checkpoint that wrote the handle.
    pub checkpoint_id: i64,
    /// UUID of the state backend.
    pub backend_id: JavaString,
    /// The key groups that count; the files may hold others.
    pub range: KeyGroupRange,
    /// Code 11: bytes newly uploaded by this checkpoint.
    pub checkpointed_size: Option<i64>,
    /// The stream with the state meta infos.
    pub meta: Option<StreamHandle>,
    /// Files that other checkpoints may use.
    pub shared: Vec<StateFile>,
    /// Files of this checkpoint alone.
    pub private: Vec<StateFile>,
    /// Code 11: id of the handle.
    pub state_handle_id: Option<JavaString>,
}

/// One file of a database.
#[derive(Debug, Clone, PartialEq)]
pub struct StateFile {
    /// Its name in the database's directory, such as `000012.sst`.
    pub local_path: JavaString,
    /// Where it is.
    pub handle: StreamHandle,
}

impl StateFile {
    const SMALLEST: usize = 3;

    fn decode(r: &mut Reader<'_>, depth: u32) -> Result<Self> {
        let local_path = r.utf("local path of a state file")?.to_java_string();
        Ok(Self {
            local_path,
            handle: StreamHandle::decode(r, depth)?,
        })
    }
}

impl Encode for StateFile {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_utf(self.local_path.as_text());
        self.handle.encode(out);
    }
}

impl IncrementalHandle {
    /// All files, shared before private ones.
    pub fn files(&self) -> impl Iterator<Item = &StateFile> {
        self.shared.iter().chain(&self.private)
    }

    fn decode(r: &mut Reader<'_>, v2: bool, depth: u32) -> Result<Self> {
        let files =
            |r: &mut Reader<'_>, what| list(r, StateFile::SMALLEST, what, |r| StateFile::decode(r, depth));
        Ok(Self {
            checkpoint_id: r.i64("checkpoint id of an incremental handle")?,
            backend_id: r.utf("backend id")?.to_java_string(),
            range: KeyGroupRange::decode(r)?,
            checkpointed_size: v2.then(|| r.i64("checkpointed size")).transpose()?,
            meta: StreamHandle::decode_optional(r, depth)?,
            shared: files(r, "number of shared files")?,
            private: files(r, "number of private files")?,
            state_handle_id: v2
                .then(|| r.utf("state handle id"))
                .transpose()?
                .map(|id| id.to_java_string()),
        })
    }
}

impl Encode for IncrementalHandle {
    fn encode(&self, out: &mut Vec<u8>) {
        let v2 = self.state_handle_id.is_some() || self.checkpointed_size.is_some();
        out.put_u8(if v2 {
            KeyedHandle::INCREMENTAL_V2
        } else {
            KeyedHandle::INCREMENTAL
        });
        out.put_i64(self.checkpoint_id);
        out.put_utf(self.backend_id.as_text());
        self.range.encode(out);
        if v2 {
            out.put_i64(self.checkpointed_size.unwrap_or(-1));
        }
        StreamHandle::encode_optional(self.meta.as_ref(), out);
        for files in [&self.shared, &self.private] {
            out.put_count(files.len());
            files.iter().for_each(|file| file.encode(out));
        }
        if v2 {
            out.put_utf(
                self.state_handle_id
                    .as_ref()
                    .map(JavaString::as_text)
                    .unwrap_or_default(),
            );
        }
    }
}

/// A base and the changes since (`ChangelogStateBackendHandle`).
#[derive(Debug, Clone, PartialEq)]
pub struct ChangelogHandle {
    /// The key groups.
    pub range: KeyGroupRange,
    /// Bytes newly uploaded by this checkpoint.
    pub checkpointed_size: i64,
    /// The base; may be empty.
    pub materialized: Vec<KeyedHandle>,
    /// Log handles, in the order of their replay.
    pub non_materialized: Vec<KeyedHandle>,
    /// Counts materializations.
    pub materialization_id: i64,
    /// Code 14: the checkpoint that wrote the handle.
    pub checkpoint_id: Option<i64>,
    /// Id of the handle.
    pub state_handle_id: JavaString,
}

impl ChangelogHandle {
    fn decode(r: &mut Reader<'_>, v2: bool, depth: u32) -> Result<Self> {
        let handles = |r: &mut Reader<'_>, what| list(r, 1, what, |r| KeyedHandle::decode(r, depth));
        Ok(Self {
            range: KeyGroupRange::decode(r)?,
            checkpointed_size: r.i64("checkpointed size")?,
            materialized: handles(r, "number of materialized handles")?,
            non_materialized: handles(r, "number of changelog handles")?,
            materialization_id: r.i64("materialization id")?,
            checkpoint_id: v2.then(|| r.i64("checkpoint id of a changelog")).transpose()?,
            state_handle_id: r.utf("state handle id")?.to_java_string(),
        })
    }
}

impl Encode for ChangelogHandle {
    fn encode(&self, out: &mut Vec<u8>) {
        let v2 = self.checkpoint_id.is_some();
        out.put_u8(if v2 {
            KeyedHandle::CHANGELOG_V2
        } else {
            KeyedHandle::CHANGELOG
        });
        self.range.encode(out);
        out.put_i64(self.checkpointed_size);
        for handles in [&self.materialized, &self.non_materialized] {
            out.put_count(handles.len());
            handles.iter().for_each(|handle| handle.encode(out));
        }
        out.put_i64(self.materialization_id);
        if let Some(id) = self.checkpoint_id {
            out.put_i64(id);
        }
        out.put_utf(self.state_handle_id.as_text());
    }
}

/// Changes kept in the metadata file (`InMemoryChangelogStateHandle`).
#[derive(Debug, Clone, PartialEq)]
pub struct InlineChangelog {
    /// The key groups.
    pub range: KeyGroupRange,
    /// First log sequence number.
    pub from: i64,
    /// One past the last log sequence number.
    pub to: i64,
    /// Key group (−1 for metadata) and bytes of each change, in order.
    pub changes: Vec<(i32, Vec<u8>)>,
    /// Id of the handle.
    pub state_handle_id: JavaString,
}

impl InlineChangelog {
    fn decode(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            range: KeyGroupRange::decode(r)?,
            from: r.i64("first sequence number")?,
            to: r.i64("last sequence number")?,
            changes: list(r, 8, "number of changes", |r| {
                Ok((r.i32("key group of a change")?, r.bytes("change")?.to_vec()))
            })?,
            state_handle_id: r.utf("state handle id")?.to_java_string(),
        })
    }
}

impl Encode for InlineChangelog {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(KeyedHandle::CHANGELOG_BYTES);
        self.range.encode(out);
        out.put_i64(self.from);
        out.put_i64(self.to);
        out.put_count(self.changes.len());
        for (group, change) in &self.changes {
            out.put_i32(*group);
            out.put_bytes(change);
        }
        out.put_utf(self.state_handle_id.as_text());
    }
}

/// Changes in log files (`ChangelogStateHandleStreamImpl`).
#[derive(Debug, Clone, PartialEq)]
pub struct ChangelogFiles {
    /// The key groups.
    pub range: KeyGroupRange,
    /// Offset of a change set and the file it is in; the offset counts decoded bytes behind
    /// the file's first one.
    pub change_sets: Vec<(i64, StreamHandle)>,
    /// Bytes of all change sets.
    pub size: i64,
    /// Bytes newly uploaded by this checkpoint.
    pub checkpointed_size: i64,
    /// Id of the handle.
    pub state_handle_id: JavaString,
    /// Code 13: name of the storage, `filesystem`.
    pub storage_id: Option<JavaString>,
}

impl ChangelogFiles {
    fn decode(r: &mut Reader<'_>, v2: bool, depth: u32) -> Result<Self> {
        Ok(Self {
            range: KeyGroupRange::decode(r)?,
            change_sets: list(r, 9, "number of change sets", |r| {
                Ok((r.i64("offset of a change set")?, StreamHandle::decode(r, depth)?))
            })?,
            size: r.i64("size of the change sets")?,
            checkpointed_size: r.i64("checkpointed size")?,
            state_handle_id: r.utf("state handle id")?.to_java_string(),
            storage_id: v2
                .then(|| r.utf("storage id"))
                .transpose()?
                .map(|id| id.to_java_string()),
        })
    }
}

impl Encode for ChangelogFiles {
    fn encode(&self, out: &mut Vec<u8>) {
        let v2 = self.storage_id.is_some();
        out.put_u8(if v2 {
            KeyedHandle::CHANGELOG_FILES_V2
        } else {
            KeyedHandle::CHANGELOG_FILES
        });
        self.range.encode(out);
        out.put_count(self.change_sets.len());
        for (offset, handle) in &self.change_sets {
            out.put_i64(*offset);
            handle.encode(out);
        }
        out.put_i64(self.size);
        out.put_i64(self.checkpointed_size);
        out.put_utf(self.state_handle_id.as_text());
        if let Some(id) = &self.storage_id {
            out.put_utf(id.as_text());
        }
    }
}
