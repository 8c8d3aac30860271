//! `statetool verify`.

use std::sync::Arc;

use clap::Args;
use statetool_ops::progress::Progress;
use statetool_ops::verify::{VerifyOptions, verify};

use crate::args::{Format, Global, OutputArgs, SnapshotArgs};
use crate::exit::Exit;
use crate::{progress, render};

/// Check that everything of a snapshot is there and is what it should be.
///
/// Files exist with their recorded sizes, handles lie inside of them, key groups are covered
/// once, streams parse to their exact ends. `--deep` decodes every key and value and re-hashes
/// keys. What nobody can interpret is noted and is no finding.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  statetool verify fixtures/1.20/keyed-states/rocksdb-canonical/snapshot
  statetool verify --deep --format json fixtures/1.20/keyed-states/rocksdb-native/snapshot

Exit status: 0 nothing found, 1 findings, 2 usage, 3 the metadata cannot be read,
4 the output would destroy something, 5 it cannot be written")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    snapshot: SnapshotArgs,
    /// Decode every key and value.
    #[arg(long)]
    deep: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the command.
pub(crate) fn run(args: &VerifyArgs, global: &Global) -> anyhow::Result<Exit> {
    let snapshot = match args.deep {
        true => args.snapshot.open_to_scan(global)?,
        false => args.snapshot.open(global)?,
    };
    let counts = Arc::new(Progress::default());
    let shown = progress::show(&counts, global.quiet);
    let options = VerifyOptions {
        deep: args.deep,
        show_data: global.show_data,
        threads: global.threads(),
        progress: counts,
    };
    let report = verify(&snapshot, &options);
    drop(shown);
    let (format, mut out) = args.output.open(Format::Table)?;
    match format {
        Format::Table => render::verify::table(&report, &mut out)?,
        Format::Json => render::json(&report, &mut out)?,
        Format::Jsonl => render::verify::jsonl(&report, &mut out)?,
        Format::Csv => render::verify::csv(&report, &mut out)?,
    }
    out.finish()?;
    Ok(if report.findings.is_empty() {
        Exit::Done
    } else {
        Exit::Findings
    })
}
