//! Which kind of snapshot a metadata file is the root of.

use std::fmt;

use statetool_format::metadata::{KeyGroupsKind, KeyedHandle, Metadata, StreamHandle};

/// The three kinds of snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SnapshotKind {
    /// A savepoint that every backend reads.
    CanonicalSavepoint,
    /// A savepoint in its backend's own layout (1.15 and later).
    NativeSavepoint,
    /// A checkpoint.
    Checkpoint,
}

impl SnapshotKind {
    /// The word of the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::CanonicalSavepoint => "canonical-savepoint",
            Self::NativeSavepoint => "native-savepoint",
            Self::Checkpoint => "checkpoint",
        }
    }

    /// The kind that the properties at the end of the file name, or that follows from the
    /// directory's name and the handles where there are no properties.
    pub fn of(metadata: &Metadata, directory: Option<&str>) -> Self {
        metadata
            .properties
            .as_deref()
            .and_then(Self::from_properties)
            .unwrap_or_else(|| Self::from_handles(metadata, directory))
    }

    fn from_properties(properties: &[u8]) -> Option<Self> {
        let has = |name: &str| {
            properties
                .windows(name.len())
                .any(|window| window == name.as_bytes())
        };
        if has("checkpoint.SavepointType") {
            return Some(if has("NATIVE") {
                Self::NativeSavepoint
            } else {
                Self::CanonicalSavepoint
            });
        }
        has("checkpoint.CheckpointType").then_some(Self::Checkpoint)
    }

    fn from_handles(metadata: &Metadata, directory: Option<&str>) -> Self {
        let handles = || {
            metadata
                .operators
                .iter()
                .flat_map(|op| op.running())
                .filter_map(|(_, s)| s.managed_keyed.as_ref())
        };
        let is_savepoint_handle = |handle: &KeyedHandle| matches!(handle, KeyedHandle::KeyGroups(groups) if groups.kind == KeyGroupsKind::Savepoint);
        if handles().any(is_savepoint_handle) {
            return Self::CanonicalSavepoint;
        }
        if directory.is_some_and(|name| name.starts_with("chk-")) || handles().any(uses_other_places) {
            return Self::Checkpoint;
        }
        let is_native = |handle: &KeyedHandle| match handle {
            KeyedHandle::KeyGroups(groups) => matches!(groups.kind, KeyGroupsKind::WithId(_)),
            _ => true,
        };
        if handles().any(is_native) {
            Self::NativeSavepoint
        } else {
            Self::CanonicalSavepoint
        }
    }
}

/// Whether a handle reaches out of the snapshot's directory, which savepoints never do.
fn uses_other_places(handle: &KeyedHandle) -> bool {
    match handle {
        KeyedHandle::Incremental(handle) => handle.files().any(|file| {
            matches!(
                file.handle,
                StreamHandle::File { .. } | StreamHandle::Segment { .. }
            )
        }),
        KeyedHandle::KeyGroups(_) => false,
        _ => true,
    }
}

impl fmt::Display for SnapshotKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
