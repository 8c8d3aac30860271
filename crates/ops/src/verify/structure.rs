//! Handles: what they name is there, is as long as recorded, and is covered once.

use std::collections::HashSet;

use statetool_backend::Source;
use statetool_format::KeyGroupRange;
use statetool_format::metadata::{
    KeyGroupsHandle, KeyedHandle, OperatorStateHandle, StreamHandle, Subtask, SubtaskState, Subtasks,
};
use statetool_snapshot::{Operator, Result, Snapshot};

use super::{Finding, VerifyReport};

/// Checks what concerns the metadata as a whole.
pub(super) fn check_metadata(snapshot: &Snapshot, report: &mut VerifyReport) {
    let mut ids = HashSet::new();
    for operator in snapshot.operators() {
        if !ids.insert(operator.id()) {
            report.findings.push(Finding::of(
                &operator,
                "the operator is listed twice; Flink keeps one of them",
            ));
        }
        if operator.state.parallelism > operator.state.max_parallelism {
            let why = format!(
                "parallelism {} is larger than max parallelism {}",
                operator.state.parallelism, operator.state.max_parallelism
            );
            report.findings.push(Finding::of(&operator, why));
        }
    }
    if let Some(properties) = &snapshot.metadata().properties
        && let Err(error) = statetool_format::java::JavaStream(properties.clone()).parse()
    {
        report
            .findings
            .push(Finding::new(format!("checkpoint properties: {error}")));
    }
}

/// Checks the handles of an operator.
pub(super) fn check_operator(snapshot: &Snapshot, operator: &Operator<'_>, report: &mut VerifyReport) {
    if let Some(stream) = &operator.state.coordinator {
        check_stream(snapshot, stream, None, report, &|message| {
            Finding::of(operator, message)
        });
    }
    check_indices(operator, report);
    measure(snapshot, operator);
    for (subtask, state) in operator.state.running() {
        let finding = |message: String| Finding::of(operator, message).subtask(subtask);
        check_subtask(snapshot, operator, subtask, state, report, &finding);
    }
    check_coverage(operator, report, "managed keyed state", |state| {
        state.managed_keyed.as_ref()
    });
    check_coverage(operator, report, "raw keyed state", |state| {
        state.raw_keyed.as_ref()
    });
}

/// Asks for the sizes of all files of an operator that lie in remote systems at the same time.
fn measure(snapshot: &Snapshot, operator: &Operator<'_>) {
    let mut streams = Vec::new();
    for (_, state) in operator.state.running() {
        state.visit_streams(&mut |stream| streams.push(stream));
    }
    snapshot.files().measure_ahead(streams);
}

fn check_indices(operator: &Operator<'_>, report: &mut VerifyReport) {
    let Subtasks::Listed(subtasks) = &operator.state.subtasks else {
        return;
    };
    let mut seen = HashSet::new();
    for subtask in subtasks {
        let (Subtask::Finished { index } | Subtask::Running { index, .. }) = subtask;
        if !seen.insert(index) {
            report
                .findings
                .push(Finding::of(operator, "the subtask is listed twice").subtask(*index));
        }
    }
}

type MakeFinding<'f> = dyn Fn(String) -> Finding + 'f;

fn check_subtask(
    snapshot: &Snapshot,
    operator: &Operator<'_>,
    subtask: u32,
    state: &SubtaskState,
    report: &mut VerifyReport,
    finding: &MakeFinding<'_>,
) {
    for handle in [&state.managed_operator, &state.raw_operator]
        .into_iter()
        .flatten()
    {
        check_partitions(snapshot, handle, report, finding);
    }
    let expected = KeyGroupRange::of_subtask(
        subtask,
        operator.state.parallelism,
        operator.state.max_parallelism,
    );
    for handle in [&state.managed_keyed, &state.raw_keyed].into_iter().flatten() {
        let range = handle.range();
        if range != expected {
            let why = format!("key groups {range} instead of {expected}, those of this subtask");
            report.findings.push(finding(why));
        }
        check_keyed(snapshot, handle, report, finding);
    }
    for channel in state.input_channels.iter().chain(&state.output_channels) {
        check_stream(snapshot, channel.delegate(), None, report, finding);
    }
}

fn check_partitions(
    snapshot: &Snapshot,
    handle: &OperatorStateHandle,
    report: &mut VerifyReport,
    finding: &MakeFinding<'_>,
) {
    let mut names = HashSet::new();
    for state in &handle.states {
        if !names.insert(&state.name) {
            report.findings.push(finding(format!(
                "operator state `{}` is listed twice",
                state.name
            )));
        }
    }
    let offsets: Vec<i64> = handle
        .states
        .iter()
        .flat_map(|state| state.offsets.iter().copied())
        .collect();
    check_stream(snapshot, &handle.delegate, Some(&offsets), report, finding);
}

fn check_keyed(
    snapshot: &Snapshot,
    handle: &KeyedHandle,
    report: &mut VerifyReport,
    finding: &MakeFinding<'_>,
) {
    match handle {
        KeyedHandle::KeyGroups(groups) => check_key_groups(snapshot, groups, report, finding),
        KeyedHandle::Incremental(incremental) => {
            if let Some(meta) = &incremental.meta {
                check_stream(snapshot, meta, None, report, finding);
            }
            let mut names = HashSet::new();
            for file in incremental.files() {
                let name = file.local_path.to_str();
                if !names.insert(name.clone()) {
                    report
                        .findings
                        .push(finding(format!("database file `{name}` is listed twice")));
                }
                if !is_plain_name(&name) {
                    report
                        .findings
                        .push(finding(format!("database file `{name}` is no plain file name")));
                }
                check_stream(snapshot, &file.handle, None, report, finding);
            }
        }
        KeyedHandle::Changelog(changelog) => {
            for inner in changelog.materialized.iter().chain(&changelog.non_materialized) {
                check_keyed(snapshot, inner, report, finding);
            }
        }
        KeyedHandle::InlineChangelog(_) => {}
        KeyedHandle::ChangelogFiles(files) => {
            for (_, stream) in &files.change_sets {
                check_opens(snapshot.files().open_log(stream), report, finding);
            }
        }
    }
}

fn check_key_groups(
    snapshot: &Snapshot,
    groups: &KeyGroupsHandle,
    report: &mut VerifyReport,
    finding: &MakeFinding<'_>,
) {
    let offsets: Vec<i64> = groups
        .offsets
        .iter()
        .copied()
        .filter(|offset| *offset > 0)
        .collect();
    check_stream(snapshot, &groups.delegate, Some(&offsets), report, finding);
}

/// Flink accepts no other local names, and they become paths.
fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name != "." && name != ".." && name.chars().all(plain)
}

/// Counts a stream that is opened, or notes why it cannot be; returns its length.
fn check_opens(opened: Result<Source>, report: &mut VerifyReport, finding: &MakeFinding<'_>) -> Option<u64> {
    report.checked.handles += 1;
    match opened {
        Ok(source) => Some(source.len()),
        Err(error) => {
            report.findings.push(finding(error.to_string()));
            // Files that were moved are missing together, and the advice is the same for them.
            let advice = error.help().map(Finding::new);
            report
                .notes
                .extend(advice.filter(|advice| !report.notes.contains(advice)));
            None
        }
    }
}

/// Checks that a stream is there with its recorded size, and that offsets lie in it.
fn check_stream(
    snapshot: &Snapshot,
    stream: &StreamHandle,
    offsets: Option<&[i64]>,
    report: &mut VerifyReport,
    finding: &MakeFinding<'_>,
) {
    let Some(len) = check_opens(snapshot.files().open(stream), report, finding) else {
        return;
    };
    for offset in offsets.unwrap_or_default() {
        if u64::try_from(*offset).map_or(true, |offset| offset > len) {
            let place = match snapshot.files().locate(stream) {
                Ok(Some(location)) => format!("`{location}`"),
                _ => "inline state".to_owned(),
            };
            report.findings.push(finding(format!(
                "{place}: offset {offset} lies outside of its {len} bytes"
            )));
        }
    }
}

/// Checks that no key group is in two handles.
fn check_coverage<'s>(
    operator: &Operator<'s>,
    report: &mut VerifyReport,
    what: &str,
    handle: impl Fn(&'s SubtaskState) -> Option<&'s KeyedHandle>,
) {
    let state: &'s _ = operator.state;
    let mut ranges: Vec<(KeyGroupRange, u32)> = state
        .running()
        .filter_map(|(subtask, state)| Some((handle(state)?.range(), subtask)))
        .collect();
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        if let [(first, a), (second, b)] = pair
            && !first.intersect(second).is_empty()
        {
            let why = format!("{what}: key groups {first} of subtask {a} overlap {second} of subtask {b}");
            report.findings.push(Finding::of(operator, why));
        }
    }
    for (range, subtask) in &ranges {
        if range.end() > state.max_parallelism {
            let why = format!(
                "{what}: key groups {range} reach beyond max parallelism {}",
                state.max_parallelism
            );
            report.findings.push(Finding::of(operator, why).subtask(*subtask));
        }
    }
}
