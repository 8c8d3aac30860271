//! Does what plans say: the streams of each operator, and `_metadata` at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use statetool_format::Encode;
use statetool_format::metadata::{
    KeyGroupsKind, KeyedHandle, OperatorState, OperatorStateHandle, Subtask, SubtaskState, Subtasks,
};
use statetool_snapshot::{
    Error, ErrorKind, Located, OpenOptions, Operator, Result, Snapshot, SnapshotWriter,
};

use super::account::{Accounts, StateName};
use super::copy::{self, Copier, Stream};
use super::edits::Format;
use super::keyed::{self, Run, Written};
use super::operator_state::{self, Site};
use super::plan::{OperatorPlan, Plan};
use super::report::{OperatorReport, RewriteReport, StateReport};
use super::scale::Scale;
use super::{merge, read_back, target};
use crate::progress::Progress;

/// How a plan is executed.
#[derive(Debug, Clone)]
pub struct ExecuteOptions {
    /// How many threads work.
    pub threads: usize,
    /// Where to count what has been read.
    pub progress: Arc<Progress>,
    /// Whether files that do not change stay where they are, named by absolute paths.
    pub in_place: bool,
}

impl Default for ExecuteOptions {
    /// One thread, and nobody who looks on.
    fn default() -> Self {
        Self {
            threads: 1,
            progress: Arc::default(),
            in_place: false,
        }
    }
}

/// Does what a plan says, and publishes the new snapshot.
///
/// # Errors
/// Damage of the input, what the store reports about the output, and entries that are not
/// accounted for; nothing is published then.
pub fn execute(plan: &Plan<'_>, writer: &SnapshotWriter, options: &ExecuteOptions) -> Result<RewriteReport> {
    execute_all(std::slice::from_ref(plan), writer, options)
}

/// Does what plans for several snapshots say that become one, those of [`plan_all`].
///
/// # Errors
/// As [`execute`]; no plan at all.
pub fn execute_all(
    plans: &[Plan<'_>],
    writer: &SnapshotWriter,
    options: &ExecuteOptions,
) -> Result<RewriteReport> {
    write(plans, writer, options).map_err(|error| writer.blame(error))
}

fn write(plans: &[Plan<'_>], writer: &SnapshotWriter, options: &ExecuteOptions) -> Result<RewriteReport> {
    let [first, others @ ..] = plans else {
        return Err(Error::usage("there is no snapshot to rewrite"));
    };
    let mut metadata = merge::metadata(plans, first)?;
    let mut report = RewriteReport {
        schema: "statetool.rewrite.v1",
        input: first.snapshot.location().to_string(),
        merged: others
            .iter()
            .map(|plan| plan.snapshot.location().to_string())
            .collect(),
        output: writer.directory().to_string(),
        checkpoint_id: metadata.checkpoint_id,
        flink: first.target.map(|target| target.release.to_string()),
        operators: Vec::new(),
        dropped_operators: Vec::new(),
        notes: merge::notes(plans),
    };
    for plan in plans {
        report.dropped_operators.extend(merge::dropped(plans, plan));
        let run = Run {
            snapshot: plan.snapshot,
            checkpoint_id: metadata.checkpoint_id,
            version: metadata.version,
            writer,
            threads: options.threads,
            progress: &options.progress,
        };
        let copier = Copier::new(plan.snapshot, writer, options.in_place);
        for operator in &plan.operators {
            let (mut state, reported) = write_operator(&run, &copier, operator, plan.format)?;
            if let Some(target) = plan.target {
                target.fit_handles(&mut state);
            }
            metadata.operators.push(state);
            report.operators.push(reported);
            let rules = operator.states.iter().flat_map(|states| &states.rules);
            report.notes.extend(rules.flat_map(|rule| rule.notes()));
        }
    }
    let written = Snapshot::decode(
        first.snapshot.files().store(),
        Located {
            metadata: writer.metadata_location()?,
            chosen: None,
        },
        &metadata.to_bytes(),
        OpenOptions::default(),
    )?;
    for (operator, new) in report.operators.iter_mut().zip(written.operators()) {
        operator.new_bytes = Some(new.recorded_bytes());
    }
    check(&written, &mut report, writer, options)?;
    writer.publish(&metadata)?;
    Ok(report)
}

/// Counts all entries in what was written, while that gets to the disks.
fn check(
    written: &Snapshot,
    report: &mut RewriteReport,
    writer: &SnapshotWriter,
    options: &ExecuteOptions,
) -> Result<()> {
    std::thread::scope(|scope| {
        let persisted = scope.spawn(|| writer.persist());
        for (index, operator) in report.operators.iter_mut().enumerate() {
            report
                .notes
                .extend(read_back::check(written, index, operator, options.threads)?);
        }
        match persisted.join() {
            Ok(persisted) => persisted,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Does all that [`execute`] does with entries, and writes nothing; says what would become of operators.
///
/// # Errors
/// Damage of the input, and what rules refuse.
pub fn rehearse(plan: &Plan<'_>, options: &ExecuteOptions) -> Result<Vec<OperatorReport>> {
    let operators = plan.operators.iter();
    operators
        .map(|operator| rehearse_operator(plan, operator, options))
        .collect()
}

/// What would become of the entries of several snapshots.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    /// The operators that would be written anew.
    pub operators: Vec<OperatorReport>,
    /// What should be known besides.
    pub notes: Vec<String>,
}

/// As [`rehearse`] for several snapshots, and says only what becomes of states that would be written anew.
///
/// # Errors
/// As [`rehearse`].
pub fn rehearse_all(plans: &[Plan<'_>], options: &ExecuteOptions) -> Result<Rehearsal> {
    let mut rehearsal = Rehearsal {
        operators: Vec::new(),
        notes: merge::notes(plans),
    };
    for plan in plans {
        rehearsal.operators.extend(rehearse(plan, options)?);
        let rules = plan.operators.iter().flat_map(|operator| &operator.states);
        let rules = rules.flat_map(|states| &states.rules);
        rehearsal.notes.extend(rules.flat_map(|rule| rule.notes()));
    }
    rehearsal.operators.retain(|operator| !operator.states.is_empty());
    Ok(rehearsal)
}

fn rehearse_operator(
    plan: &Plan<'_>,
    operator: &OperatorPlan<'_>,
    options: &ExecuteOptions,
) -> Result<OperatorReport> {
    let site = Site {
        snapshot: plan.snapshot,
        writer: None,
    };
    let mut accounts = Accounts::new();
    if let Some(states) = &operator.states {
        if let Some(target) = states.keyed {
            let keyed = keyed::rehearse(plan.snapshot, &operator.operator, states, target, options);
            accounts = keyed.map_err(|error| explain(error, &operator.operator))?;
        }
        if states.operator_state {
            let rewritten = operator_state::write(&site, &operator.operator, states);
            accounts.extend(rewritten.map_err(|error| explain(error, &operator.operator))?.1);
        }
    }
    Ok(operator.report(accounts, recorded_bytes(&operator.copied(&BTreeSet::new()))))
}

fn write_operator(
    run: &Run<'_>,
    copier: &Copier<'_>,
    plan: &OperatorPlan<'_>,
    format: Option<Format>,
) -> Result<(OperatorState, OperatorReport)> {
    let operator = &plan.operator;
    let anew = plan.states.as_ref().and_then(|states| states.keyed);
    let operator_anew = plan.states.as_ref().is_some_and(|states| states.operator_state);
    let mut written = Written::default();
    let mut written_operator = BTreeMap::new();
    if let Some(states) = &plan.states {
        if let Some(target) = states.keyed {
            let kept = keyed::write(run, operator, states, target);
            written = kept.map_err(|error| explain(error, operator))?;
        }
        if states.operator_state {
            let site = Site {
                snapshot: run.snapshot,
                writer: Some(run.writer),
            };
            let rewritten = operator_state::write(&site, operator, states);
            let (handles, counted) = rewritten.map_err(|error| explain(error, operator))?;
            written_operator = handles;
            written.accounts.extend(counted);
        }
    }
    let streams = plan.copied(&written.without_timers);
    let copied_bytes = recorded_bytes(&streams);
    copier.copy_all(&streams, run.threads, run.progress)?;
    let mut state = operator.state.clone();
    (state.id, state.uid) = (plan.id, plan.uid.clone());
    (state.parallelism, state.max_parallelism) = (plan.scale.parallelism, plan.scale.max_parallelism);
    if let Some(coordinator) = &mut state.coordinator {
        copier.replace(coordinator);
    }
    if let Subtasks::Listed(subtasks) = &mut state.subtasks {
        if plan.scale != Scale::of(operator) {
            relist(subtasks, plan.scale.parallelism, &written, &written_operator);
        }
        for subtask in subtasks {
            let Subtask::Running { index, state } = subtask else {
                continue;
            };
            replace_handles(copier, state, anew.is_some(), operator_anew);
            let mut own = plan.heads().iter().filter(|head| head.subtask() == *index);
            own.try_for_each(|head| head.apply(state))?;
            if anew.is_some() {
                state.managed_keyed = written.handles.remove(index);
                if written.without_timers.contains(index) {
                    state.raw_keyed = None;
                }
                if let Some(timers) = written.timers.remove(index) {
                    state.raw_keyed = Some(timers);
                }
            }
            if operator_anew {
                state.managed_operator = written_operator.remove(index);
            }
            // Full checkpoints of RocksDB were canonical up to 1.15, and only their backend knew.
            if let (Some(Format::Canonical), Some(KeyedHandle::KeyGroups(handle))) =
                (format, &mut state.managed_keyed)
            {
                handle.kind = KeyGroupsKind::Savepoint;
            }
        }
    }
    let mut report = plan.report(written.accounts, copied_bytes);
    if copier.in_place() {
        std::mem::swap(&mut report.copied_bytes, &mut report.bytes_in_place);
    }
    Ok((state, report))
}

fn recorded_bytes(streams: &[Stream<'_>]) -> u64 {
    let sizes = streams.iter().filter_map(|stream| stream.handle.recorded_size());
    sizes.sum()
}

impl OperatorPlan<'_> {
    /// Headers of copied streams that are others in the new snapshot.
    fn heads(&self) -> &[target::NewHead] {
        self.states.as_ref().map_or(&[], |states| &states.heads)
    }

    /// The streams that are copied as they are; not the timers of those subtasks.
    fn copied(&self, without_timers: &BTreeSet<u32>) -> Vec<Stream<'_>> {
        let keyed = self.states.as_ref().is_none_or(|states| states.keyed.is_none());
        let operator = self.states.as_ref().is_none_or(|states| !states.operator_state);
        let state = self.operator.state;
        let heads = self.heads();
        let coordinator = state.coordinator.iter().map(|handle| Stream {
            handle,
            is_log: false,
            head: None,
        });
        let mut streams: Vec<Stream<'_>> = coordinator.collect();
        for (index, state) in state.running() {
            let raw_keyed = !without_timers.contains(&index);
            for mut stream in copy::streams_of(state, (keyed, raw_keyed), operator) {
                stream.head = heads.iter().find(|head| head.is_of(index, state, stream.handle));
                streams.push(stream);
            }
        }
        streams
    }

    /// What became of the operator.
    fn report(&self, accounts: Accounts, copied_bytes: u64) -> OperatorReport {
        let new_name = |name: &str| Some(self.states.as_ref()?.new_name(name)?.to_owned());
        let states = accounts
            .into_iter()
            .map(|(StateName { name, keyed }, account)| StateReport {
                new_name: new_name(&name),
                name,
                keyed,
                counted: false,
                account,
            });
        OperatorReport {
            id: self.operator.id().to_string(),
            new_id: self.id.to_string(),
            name: self.operator.label(),
            copied_bytes,
            bytes_in_place: 0,
            old_bytes: self.operator.recorded_bytes(),
            new_bytes: None,
            states: states.collect(),
        }
    }
}

/// Lists the subtasks that had state and stay, and those that get some.
fn relist(
    subtasks: &mut Vec<Subtask>,
    parallelism: u32,
    keyed: &Written,
    operator: &BTreeMap<u32, OperatorStateHandle>,
) {
    let mut listed = BTreeMap::new();
    let keyed = keyed.handles.keys().chain(keyed.timers.keys());
    for index in keyed.chain(operator.keys()) {
        listed.insert(*index, Box::default());
    }
    for subtask in subtasks.drain(..) {
        if let Subtask::Running { index, state } = subtask {
            listed.insert(index, state);
        }
    }
    let stay = listed.into_iter().filter(|(index, _)| *index < parallelism);
    subtasks.extend(stay.map(|(index, state)| Subtask::Running { index, state }));
}

/// Says which operator it was, and what to do about values of which nobody knows the extent.
fn explain(error: Error, operator: &Operator<'_>) -> Error {
    let unknown = error.kind() == ErrorKind::NotInterpretable;
    let error = match error.to_string().starts_with("operator `") {
        true => error,
        false => error.within(format!("operator `{}`", operator.label())),
    };
    match unknown {
        true => error.hint(
            "the HashMap backend's layout does not say where values end, and only the job's classes know it: take a canonical savepoint with Flink",
        ),
        false => error,
    }
}

/// Puts copies in the place of the streams that were copied.
fn replace_handles(copier: &Copier<'_>, state: &mut SubtaskState, keyed_anew: bool, operator_anew: bool) {
    if keyed_anew {
        state.managed_keyed = None;
    }
    if operator_anew {
        state.managed_operator = None;
    }
    copier.replace_all(state);
}
