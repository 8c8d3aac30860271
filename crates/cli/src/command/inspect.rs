//! `statetool inspect`.

use std::sync::Arc;

use clap::Args;
use statetool_ops::inspect::{InspectOptions, detail, inspect};
use statetool_ops::progress::Progress;
use statetool_snapshot::{Snapshot, StateSelector};

use crate::args::{Format, Global, OutputArgs, SnapshotArgs};
use crate::exit::Exit;
use crate::{output, progress, render};

/// Show what is inside: operators, states, types, sizes, Kafka positions.
///
/// Reads headers only, so it takes no longer for a large snapshot than for a small one; entries
/// are "not counted" where only a scan could count them. `--stats` scans.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  statetool inspect fixtures/1.20/keyed-states/rocksdb-canonical/snapshot
  statetool inspect --stats SNAPSHOT per-user/totals
  statetool inspect --format json SNAPSHOT | jq '.operators[].states[].name'

Exit status: 0 done, 2 usage, 3 the snapshot cannot be read")]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    snapshot: SnapshotArgs,
    /// An operator or a state to show in detail.
    selector: Option<String>,
    /// Scan all entries: counts, bytes, sizes, largest keys, skew, timers, TTL ages.
    #[arg(long, env = "STATETOOL_STATS")]
    stats: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the command.
pub(crate) fn run(args: &InspectArgs, global: &Global) -> anyhow::Result<Exit> {
    let snapshot = args.snapshot.open(global)?;
    let selector = args
        .selector
        .as_deref()
        .map_or_else(StateSelector::all, |s| StateSelector::parse(s, &snapshot));
    let counts = Arc::new(Progress::default());
    let options = InspectOptions {
        selector: selector.clone(),
        stats: args.stats,
        threads: global.threads(),
        progress: counts.clone(),
    };
    let shown = progress::show(&counts, global.quiet || !args.stats);
    let report = inspect(&snapshot, &options)?;
    drop(shown);
    let mut out = output::open(args.output.output.as_deref())?;
    match args.output.format.unwrap_or(Format::Table) {
        Format::Table => {
            render::inspect::table(&report, &mut out)?;
            if args.selector.is_some() {
                write_details(&snapshot, &selector, &mut out)?;
            }
        }
        Format::Json => render::json(&report, &mut out)?,
        Format::Jsonl => render::inspect::jsonl(&report, &mut out)?,
        Format::Csv => render::inspect::csv(&report, &mut out)?,
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn write_details(
    snapshot: &Snapshot,
    selector: &StateSelector,
    out: &mut dyn std::io::Write,
) -> anyhow::Result<()> {
    for operator in selector.operators(snapshot)? {
        let loaded = snapshot.load_operator(&operator)?;
        for state in loaded.states.iter().filter(|state| selector.wants(&state.name)) {
            let detail = detail(snapshot.files(), operator.id().to_string(), &loaded, state);
            render::inspect::detail(&detail, out)?;
        }
    }
    Ok(())
}
