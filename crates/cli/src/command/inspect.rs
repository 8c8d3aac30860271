//! `statetool inspect`.

use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use statetool_ops::inspect::{InspectOptions, InspectReport, OperatorDetail, details, inspect};
use statetool_ops::progress::Progress;
use statetool_snapshot::Snapshot;

use super::selector;
use crate::args::{Format, Global, OutputArgs, SnapshotArgs};
use crate::exit::Exit;
use crate::{progress, render};

/// Show what is inside: operators, states, types, sizes, Kafka positions.
///
/// Reads headers only, so it takes no longer for a large snapshot than for a small one; entries
/// are "not counted" where only a scan could count them. `--stats` scans. With a selector, whole
/// types, serializers and the places of all bytes are shown too (in `table` and `json`).
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  statetool inspect fixtures/1.20/keyed-states/rocksdb-canonical/snapshot
  statetool inspect --stats fixtures/1.20/keyed-states/rocksdb-canonical/snapshot
  statetool inspect fixtures/1.20/keyed-states/rocksdb-canonical/snapshot all-states/notes
  statetool inspect -f json fixtures/1.20/kafka-source/hashmap-canonical/snapshot | jq .kafka

Exit status: 0 done, 2 usage, 3 the snapshot cannot be read, 4 the output would destroy something,
5 the output cannot be written")]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    snapshot: SnapshotArgs,
    /// Operators or states to show in detail: OPERATOR, OPERATOR/STATE, */STATE.
    selector: Option<String>,
    /// Scan all entries: counts, bytes, sizes, largest keys, skew, timers, TTL ages.
    #[arg(long)]
    stats: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// The report with the details of what was selected.
#[derive(Serialize)]
struct Detailed<'r> {
    #[serde(flatten)]
    report: &'r InspectReport,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<OperatorDetail>,
}

/// Runs the command.
pub(crate) fn run(args: &InspectArgs, global: &Global) -> anyhow::Result<Exit> {
    let snapshot = match args.stats {
        true => args.snapshot.open_to_scan(global)?,
        false => args.snapshot.open(global)?,
    };
    let selector = selector(args.selector.as_deref(), &snapshot);
    let counts = Arc::new(Progress::default());
    let options = InspectOptions {
        selector: selector.clone(),
        stats: args.stats,
        threads: global.threads(),
        progress: counts.clone(),
    };
    let shown = progress::show(&counts, global.quiet || !args.stats);
    let report = inspect(&snapshot, &options);
    drop(shown);
    let report = report?;
    let details = || match args.selector {
        Some(_) => details(&snapshot, &selector),
        None => Ok(Vec::new()),
    };
    let (format, mut out) = args.output.open(Format::Table)?;
    match format {
        Format::Table => {
            render::inspect::table(&report, &mut out)?;
            render::detail::table(&details()?, &home(&snapshot), &mut out)?;
        }
        Format::Json => {
            let (report, details) = (&report, details()?);
            render::json(&Detailed { report, details }, &mut out)?;
        }
        Format::Jsonl => render::inspect::jsonl(&report, &mut out)?,
        Format::Csv => render::inspect::csv(&report, &mut out)?,
    }
    out.finish()?;
    Ok(Exit::Done)
}

/// The directory that the snapshot's files lie in: of a checkpoint, the one that its shared
/// files lie in too.
fn home(snapshot: &Snapshot) -> String {
    let directory = snapshot.files().directory();
    let is_checkpoint = directory.file_name().is_some_and(|name| name.starts_with("chk-"));
    let parent = directory.parent().filter(|_| is_checkpoint);
    parent.as_ref().unwrap_or(directory).to_string()
}
