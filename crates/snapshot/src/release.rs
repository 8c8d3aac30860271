//! Which Flink releases can have written a snapshot.

use std::fmt;

use statetool_format::metadata::{
    KeyGroupsKind, KeyedHandle, Metadata, MetadataVersion, OperatorState, StreamHandle, Subtask, Subtasks,
};

/// The oldest and the newest release that write what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseRange {
    /// The oldest.
    pub oldest: (u8, u8),
    /// The newest.
    pub newest: (u8, u8),
}

impl ReleaseRange {
    /// What version, handle codes and markers of the metadata allow.
    pub fn of(metadata: &Metadata) -> Self {
        let (oldest, newest) = match metadata.version {
            MetadataVersion::V2 => ((1, 3), (1, 10)),
            MetadataVersion::V3 => ((1, 11), (1, 15)),
            MetadataVersion::V4 => ((1, 16), (1, 20)),
            MetadataVersion::V5 => ((2, 0), (2, 0)),
            MetadataVersion::V6 => ((2, 1), (2, 3)),
            MetadataVersion::V7 => ((2, 4), (2, 4)),
        };
        let mut range = Self { oldest, newest };
        metadata
            .operators
            .iter()
            .for_each(|operator| range.narrow_by(operator));
        range
    }

    /// Only `release` and later ones write something that was found.
    pub fn at_least(&mut self, release: (u8, u8)) {
        self.oldest = self.oldest.max(release).min(self.newest);
    }

    /// Only `release` and older ones write something that was found.
    pub fn at_most(&mut self, release: (u8, u8)) {
        self.newest = self.newest.min(release).max(self.oldest);
    }

    fn narrow_by(&mut self, operator: &OperatorState) {
        let finished = match &operator.subtasks {
            Subtasks::FullyFinished(_) => true,
            Subtasks::Listed(subtasks) => subtasks.iter().any(|s| matches!(s, Subtask::Finished { .. })),
        };
        if finished {
            self.at_least((1, 14));
        }
        for (_, state) in operator.running() {
            if let Some(handle) = &state.managed_keyed {
                self.narrow_by_handle(handle);
            }
            if state
                .managed_operator
                .as_ref()
                .is_some_and(|handle| handle.merged.is_some())
            {
                self.at_least((1, 20));
            }
        }
    }

    fn narrow_by_handle(&mut self, handle: &KeyedHandle) {
        match handle {
            KeyedHandle::KeyGroups(groups) => {
                match groups.kind {
                    KeyGroupsKind::Savepoint => self.at_least((1, 13)),
                    KeyGroupsKind::WithId(_) => self.at_least((1, 15)),
                    KeyGroupsKind::Plain => self.at_most((1, 14)),
                }
                self.narrow_by_stream(&groups.delegate);
            }
            KeyedHandle::Incremental(incremental) => {
                match incremental.state_handle_id {
                    Some(_) => self.at_least((1, 15)),
                    None => self.at_most((1, 14)),
                }
                incremental
                    .files()
                    .for_each(|file| self.narrow_by_stream(&file.handle));
            }
            KeyedHandle::Changelog(changelog) => {
                self.at_least(if changelog.checkpoint_id.is_some() {
                    (1, 16)
                } else {
                    (1, 15)
                });
            }
            KeyedHandle::InlineChangelog(_) | KeyedHandle::ChangelogFiles(_) => {}
        }
    }

    fn narrow_by_stream(&mut self, stream: &StreamHandle) {
        if matches!(stream, StreamHandle::Segment { .. } | StreamHandle::EmptySegment) {
            self.at_least((1, 20));
        }
    }
}

impl fmt::Display for ReleaseRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((a, b), (c, d)) = (self.oldest, self.newest);
        if self.oldest == self.newest {
            write!(f, "{a}.{b}")
        } else {
            write!(f, "{a}.{b}-{c}.{d}")
        }
    }
}
