//! A snapshot for a certain release of Flink: what that cannot hold is refused, and what it says in
//! other words is said so.
//!
//! Payloads stay as they are. What changes are `_metadata` with the codes of its handles, the headers
//! of streams where serializer snapshots need other names or versions, and whole streams only where
//! a release cannot open what they are made of: tables of a newer RocksDB, compressed operator state.

mod heads;

use statetool_backend::operator::Partitions;
use statetool_backend::window::Compression;
use statetool_format::FlinkVersion;
use statetool_format::metadata::{
    ChannelHandle, KeyGroupsKind, KeyedHandle, MetadataVersion, OperatorState, Subtask, SubtaskState,
    Subtasks,
};
use statetool_format::serializer::fit::Target;
use statetool_snapshot::{Error, Layout, Operator, Part, Result, Snapshot};

pub(super) use heads::NewHead;

/// The release that a snapshot is written for, seen from that which wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlinkTarget {
    /// The release.
    pub release: FlinkVersion,
    /// Whether the snapshot is one of the other major line.
    other_major: bool,
    /// Whether it is one of Flink 2.0.
    from_2_0: bool,
    /// Whether the tables of RocksDB may be newer than what the release opens.
    newer_tables: bool,
}

impl FlinkTarget {
    /// The release as the target of a snapshot.
    pub fn of(snapshot: &Snapshot, release: FlinkVersion) -> Self {
        let version = snapshot.metadata().version;
        let newest = snapshot.releases().newest;
        // No release is newer than the newest here that has an engine of its own.
        let made_by = FlinkVersion::ALL
            .iter()
            .rev()
            .find(|known| !is_later(**known, newest));
        Self {
            release,
            other_major: version.is_flink_2() != release.is_flink_2(),
            from_2_0: version == MetadataVersion::V5,
            newer_tables: made_by.is_some_and(|made_by| made_by.rocksdb() > release.rocksdb()),
        }
    }

    fn serializers(self) -> Target {
        Target {
            release: self.release,
            other_kryo: self.other_major,
        }
    }

    /// Refuses an operator whose handles say what the release does not know.
    pub(super) fn check(self, operator: &Operator<'_>) -> Result<()> {
        let refuse = |why: String, hint: &str| {
            let label = operator.label();
            Err(Error::refused(format!("operator `{label}`: {why}")).hint(hint))
        };
        let release = self.release;
        let finished = match &operator.state.subtasks {
            Subtasks::FullyFinished(_) => true,
            Subtasks::Listed(subtasks) => subtasks.iter().any(|s| matches!(s, Subtask::Finished { .. })),
        };
        if finished && !release.has_finished_subtasks() {
            return refuse(
                format!("it has finished, which Flink {release} cannot be told: it would begin anew"),
                "write for 1.14 or later, or leave it out with --drop-operator, if it may begin anew",
            );
        }
        for (_, state) in operator.state.running() {
            let in_flight = !state.input_channels.is_empty() || !state.output_channels.is_empty();
            if in_flight && self.other_major {
                return refuse(
                    format!(
                        "records in flight do not say how they are written, and Flink {release} may write them otherwise"
                    ),
                    "take a savepoint, or an aligned checkpoint, with Flink",
                );
            }
        }
        Ok(())
    }

    /// Whether the keyed state of a part has to be written anew, whatever its header says.
    pub(super) fn replaces_keyed(self, part: &Part) -> bool {
        match &part.layout {
            Layout::RocksDb(_) => self.newer_tables,
            Layout::Changelog { base, .. } => {
                !self.release.has_changelogs() || base.iter().any(|base| self.replaces_keyed(base))
            }
            _ => false,
        }
    }

    /// Whether the operator state of a part has to be written anew: the release cannot read it when
    /// it is compressed, or nobody can, as 1.18 wrote it.
    pub(super) fn replaces_operator(self, part: &Part) -> bool {
        let Layout::Operator { handle, source, .. } = &part.layout else {
            return false;
        };
        let partitions = || Partitions::new(handle, Compression::Snappy, source.len());
        part.header.compressed
            && (!self.release.reads_compressed_operator_state() || partitions().are_ambiguous())
    }

    /// What the header of an operator stream shall say: its version, and whether what follows is compressed.
    pub(super) fn operator_stream(self, version: i32, compressed: bool) -> (i32, bool) {
        let compressed = compressed && self.release.reads_compressed_operator_state();
        (version.min(self.release.operator_stream()), compressed)
    }

    /// Says in a handle what the release reads.
    pub(super) fn fit_handles(self, state: &mut OperatorState) {
        let Subtasks::Listed(subtasks) = &mut state.subtasks else {
            return;
        };
        for subtask in subtasks {
            if let Subtask::Running { state, .. } = subtask {
                self.fit_subtask(state);
            }
        }
    }

    fn fit_subtask(self, state: &mut SubtaskState) {
        if !self.release.has_handle_ids() {
            for handle in [&mut state.managed_keyed, &mut state.raw_keyed]
                .into_iter()
                .flatten()
            {
                without_ids(handle);
            }
        }
        if !self.release.metadata().has_merged_channels() {
            for channels in [&mut state.input_channels, &mut state.output_channels] {
                *channels = std::mem::take(channels).into_iter().flat_map(apart).collect();
            }
        }
        state.reference_checkpoint = None;
    }
}

fn is_later(version: FlinkVersion, (major, minor): (u8, u8)) -> bool {
    version.since(major, minor + 1)
}

fn without_ids(handle: &mut KeyedHandle) {
    match handle {
        KeyedHandle::KeyGroups(groups) => {
            if let KeyGroupsKind::WithId(_) = groups.kind {
                groups.kind = KeyGroupsKind::Plain;
            }
        }
        KeyedHandle::Incremental(incremental) => {
            (incremental.checkpointed_size, incremental.state_handle_id) = (None, None);
        }
        // Refused for releases without ids.
        KeyedHandle::Changelog(_) | KeyedHandle::InlineChangelog(_) | KeyedHandle::ChangelogFiles(_) => {}
    }
}

/// The channels of a handle, each in a handle of its own.
fn apart(handle: ChannelHandle) -> Vec<ChannelHandle> {
    let ChannelHandle::Merged {
        subtask,
        delegate,
        channels,
        ..
    } = handle
    else {
        return vec![handle];
    };
    let plain = channels.into_iter().map(|channel| ChannelHandle::Plain {
        subtask,
        place: channel.place,
        offsets: channel.offsets,
        size: channel.size,
        delegate: delegate.clone(),
    });
    plain.collect()
}
