//! `inspect`: what is in a snapshot.

mod detail;
mod groups;
mod largest;
mod model;
mod stats;

pub use detail::{BytePlace, OperatorDetail, SerializerDetail, StateDetail, details};
pub use model::{
    InspectReport, KeyGroupStats, LargestKey, OperatorReport, SizeBucket, SnapshotInfo, StateReport,
    StateStats, UnreadableReport,
};

use std::sync::Arc;

use statetool_format::metadata::StreamHandle;
use statetool_snapshot::{LoadedOperator, Operator, Result, Snapshot, State, StateKind, StateSelector};

use crate::progress::Progress;
use crate::{cat, kafka};

/// What to look at.
#[derive(Debug, Clone)]
pub struct InspectOptions {
    /// Which operators and states.
    pub selector: StateSelector,
    /// Whether to scan the entries.
    pub stats: bool,
    /// How many threads work.
    pub threads: usize,
    /// Where to count what has been read.
    pub progress: Arc<Progress>,
}

/// Describes the selected part of a snapshot.
///
/// Without `stats` only headers are read: entries are counted where handles know their number.
///
/// # Errors
/// An operator or state that is not there, and damage.
pub fn inspect(snapshot: &Snapshot, options: &InspectOptions) -> Result<InspectReport> {
    let mut report = InspectReport::new(snapshot);
    let mut known = options.selector.state.is_none();
    let operators = options.selector.operators(snapshot)?;
    snapshot.open_ahead(&operators);
    for operator in &operators {
        let loaded = snapshot.load_operator(operator)?;
        let wanted = |state: &Arc<State>| options.selector.wants(&state.name);
        if options.selector.state.is_some() && !loaded.states.iter().any(wanted) {
            continue;
        }
        known = true;
        let stats = match options.stats {
            true => Some(stats::collect(snapshot, operator, &loaded, options)?),
            false => None,
        };
        report.add_operator(operator, &loaded, &options.selector, stats.as_ref());
        report
            .kafka
            .extend(kafka::positions(snapshot, operator, &loaded)?);
    }
    if let (false, Some(state)) = (known, &options.selector.state) {
        return Err(cat::unknown_state(snapshot, &operators, state));
    }
    Ok(report)
}

impl InspectReport {
    fn new(snapshot: &Snapshot) -> Self {
        let metadata = snapshot.metadata();
        let streams: u64 = snapshot
            .operators()
            .map(|operator| operator.recorded_bytes())
            .sum();
        let inline: u64 = inline_bytes(snapshot);
        Self {
            schema: "statetool.inspect.v1",
            snapshot: SnapshotInfo {
                location: snapshot.location().to_string(),
                kind: snapshot.kind().name(),
                checkpoint_id: metadata.checkpoint_id,
                timestamp: snapshot.modified().map(crate::time::of_system),
                timestamp_source: snapshot.modified().map(|_| "metadata-file"),
                metadata_version: metadata.version.number(),
                flink: snapshot.releases().to_string(),
                bytes: streams
                    .saturating_sub(inline)
                    .saturating_add(snapshot.metadata_bytes()),
            },
            operators: Vec::new(),
            kafka: Vec::new(),
            unreadable: Vec::new(),
        }
    }

    fn add_operator(
        &mut self,
        operator: &Operator<'_>,
        loaded: &LoadedOperator,
        selector: &StateSelector,
        stats: Option<&stats::OperatorStats>,
    ) {
        let wanted = loaded.states.iter().filter(|state| selector.wants(&state.name));
        let states = wanted.map(|state| state_report(state, loaded, stats)).collect();
        let id = operator.id().to_string();
        for unreadable in loaded
            .unreadable
            .iter()
            .chain(stats.iter().flat_map(|stats| &stats.unreadable))
        {
            let report = UnreadableReport {
                operator: id.clone(),
                state: unreadable.state.clone(),
                serializer: unreadable.serializer.clone(),
                reason: unreadable.reason.clone(),
            };
            if !self.unreadable.contains(&report) {
                self.unreadable.push(report);
            }
        }
        self.operators.push(OperatorReport {
            id,
            uid: operator.uid.clone(),
            name: operator.name(),
            parallelism: operator.state.parallelism,
            max_parallelism: operator.state.max_parallelism,
            finished: operator.finished(),
            coordinator_bytes: operator
                .state
                .coordinator
                .as_ref()
                .and_then(StreamHandle::recorded_size),
            channel_states: operator
                .state
                .running()
                .map(|(_, state)| state.input_channels.len() + state.output_channels.len())
                .sum(),
            bytes: operator.recorded_bytes(),
            states,
            key_groups: stats.and_then(stats::OperatorStats::key_groups),
        });
    }
}

fn inline_bytes(snapshot: &Snapshot) -> u64 {
    let mut bytes = 0;
    for operator in &snapshot.metadata().operators {
        let mut add = |stream: &StreamHandle| {
            if let StreamHandle::Inline { data, .. } = stream {
                bytes += data.len() as u64;
            }
        };
        operator.coordinator.iter().for_each(&mut add);
        operator
            .running()
            .for_each(|(_, state)| state.visit_streams(&mut |stream| add(stream)));
    }
    bytes
}

fn state_report(state: &State, loaded: &LoadedOperator, stats: Option<&stats::OperatorStats>) -> StateReport {
    // A part of the entries would pass for all of them.
    let stats = stats
        .and_then(|stats| stats.of(state))
        .filter(|stats| !stats.hidden);
    let is_list = matches!(
        state.kind,
        StateKind::OperatorListSplit | StateKind::OperatorListUnion | StateKind::OperatorBroadcastList
    );
    let entries = match (&stats, is_list) {
        (Some(stats), _) => Some(stats.entries),
        (None, true) => Some(loaded.operator_list_entries(&state.name)),
        (None, false) => None,
    };
    StateReport {
        name: state.name.clone(),
        kind: state.kind.name(),
        key_type: state.key.as_ref().map(|ty| ty.name()),
        namespace_type: state.namespace.as_ref().map(|ty| ty.name()),
        map_key_type: state.map_key.as_ref().map(|ty| ty.name()),
        value_type: (state.kind != StateKind::Timer).then(|| state.user_value().name()),
        ttl: state.ttl,
        entries,
        bytes: stats.as_ref().map(|stats| stats.bytes),
        stats: stats.map(|stats| stats.report()),
    }
}
