//! Handles: what they name is there, is as long as recorded, and is covered once.

use std::collections::HashSet;

use statetool_backend::Source;
use statetool_format::KeyGroupRange;
use statetool_format::metadata::{
    IncrementalHandle, KeyGroupsHandle, KeyedHandle, OperatorStateHandle, StreamHandle, Subtask,
    SubtaskState, Subtasks,
};
use statetool_snapshot::{Operator, Result, Snapshot};

use super::files::BrokenFiles;
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
pub(super) fn check_operator(
    snapshot: &Snapshot,
    operator: &Operator<'_>,
    broken: &mut BrokenFiles,
    report: &mut VerifyReport,
) {
    let mut checker = Checker {
        snapshot,
        broken,
        report,
    };
    if let Some(stream) = &operator.state.coordinator {
        checker.stream(stream, None, &|message| Finding::of(operator, message));
    }
    check_indices(operator, checker.report);
    measure(snapshot, operator);
    for (subtask, state) in operator.state.running() {
        let finding = |message: String| Finding::of(operator, message).subtask(subtask);
        checker.subtask(operator, subtask, state, &finding);
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

/// Goes through the handles of subtasks.
struct Checker<'c> {
    snapshot: &'c Snapshot,
    broken: &'c mut BrokenFiles,
    report: &'c mut VerifyReport,
}

impl Checker<'_> {
    fn subtask(
        &mut self,
        operator: &Operator<'_>,
        subtask: u32,
        state: &SubtaskState,
        finding: &MakeFinding<'_>,
    ) {
        for handle in [&state.managed_operator, &state.raw_operator]
            .into_iter()
            .flatten()
        {
            self.partitions(handle, finding);
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
                self.report.findings.push(finding(why));
            }
            self.keyed(handle, finding);
        }
        for channel in state.input_channels.iter().chain(&state.output_channels) {
            self.stream(channel.delegate(), None, finding);
        }
    }

    fn partitions(&mut self, handle: &OperatorStateHandle, finding: &MakeFinding<'_>) {
        let mut names = HashSet::new();
        for state in &handle.states {
            if !names.insert(&state.name) {
                let why = format!("operator state `{}` is listed twice", state.name);
                self.report.findings.push(finding(why));
            }
        }
        let offsets: Vec<i64> = handle
            .states
            .iter()
            .flat_map(|state| state.offsets.iter().copied())
            .collect();
        match handle.states.as_slice() {
            [only] => self.stream(&handle.delegate, Some(&offsets), &|message| {
                finding(message).state(&only.name.to_str())
            }),
            _ => self.stream(&handle.delegate, Some(&offsets), finding),
        }
    }

    fn keyed(&mut self, handle: &KeyedHandle, finding: &MakeFinding<'_>) {
        match handle {
            KeyedHandle::KeyGroups(groups) => self.key_groups(groups, finding),
            KeyedHandle::Incremental(incremental) => self.database(incremental, finding),
            KeyedHandle::Changelog(changelog) => {
                for inner in changelog.materialized.iter().chain(&changelog.non_materialized) {
                    self.keyed(inner, finding);
                }
            }
            KeyedHandle::InlineChangelog(_) => {}
            KeyedHandle::ChangelogFiles(files) => {
                for (_, stream) in &files.change_sets {
                    self.opens(self.snapshot.files().open_log(stream), finding);
                }
            }
        }
    }

    fn database(&mut self, incremental: &IncrementalHandle, finding: &MakeFinding<'_>) {
        if let Some(meta) = &incremental.meta {
            self.stream(meta, None, finding);
        }
        let mut names = HashSet::new();
        for file in incremental.files() {
            let name = file.local_path.to_str();
            if !names.insert(name.clone()) {
                let why = format!("database file `{name}` is listed twice");
                self.report.findings.push(finding(why));
            }
            if !is_plain_name(&name) {
                let why = format!("database file `{name}` is no plain file name");
                self.report.findings.push(finding(why));
            }
            self.stream(&file.handle, None, &|message| {
                finding(format!("database file `{name}`: {message}"))
            });
        }
    }

    fn key_groups(&mut self, groups: &KeyGroupsHandle, finding: &MakeFinding<'_>) {
        let offsets: Vec<i64> = groups
            .offsets
            .iter()
            .copied()
            .filter(|offset| *offset > 0)
            .collect();
        self.stream(&groups.delegate, Some(&offsets), finding);
    }

    /// Counts a stream that is opened, or notes why it cannot be; returns its length.
    fn opens(&mut self, opened: Result<Source>, finding: &MakeFinding<'_>) -> Option<u64> {
        self.report.checked.handles += 1;
        match opened {
            Ok(source) => Some(source.len()),
            Err(error) => {
                let found = finding(error.to_string());
                self.broken.add(&error, self.report, found);
                // Files that were moved are missing together, and the advice is the same for them.
                let advice = error.help().map(Finding::new);
                let notes = &mut self.report.notes;
                notes.extend(advice.filter(|advice| !notes.contains(advice)));
                None
            }
        }
    }

    /// Checks that a stream is there with its recorded size, and that offsets lie in it.
    fn stream(&mut self, stream: &StreamHandle, offsets: Option<&[i64]>, finding: &MakeFinding<'_>) {
        let files = self.snapshot.files();
        let Some(len) = self.opens(files.open(stream), finding) else {
            return;
        };
        for offset in offsets.unwrap_or_default() {
            if u64::try_from(*offset).map_or(true, |offset| offset > len) {
                let place = match files.locate(stream) {
                    Ok(Some(location)) => format!("`{location}`"),
                    _ => "inline state".to_owned(),
                };
                self.report.findings.push(finding(format!(
                    "{place}: offset {offset} lies outside of its {len} bytes"
                )));
            }
        }
    }
}

/// Flink accepts no other local names, and they become paths.
fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name != "." && name != ".." && name.chars().all(plain)
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
