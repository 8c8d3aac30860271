//! `statetool diff`.

use std::io::Write;
use std::sync::Arc;

use clap::{Args, ValueHint};
use statetool_ops::Error;
use statetool_ops::diff::{DiffOptions, Ignore, diff};
use statetool_ops::progress::Progress;
use statetool_snapshot::{Flow, Snapshot, Tables};
use statetool_values::JsonOptions;

use super::{relocations, warn_of_idle};
use crate::args::{AccessArgs, Format, Global, OutputArgs};
use crate::exit::{Exit, UsageError};
use crate::progress;
use crate::render::diff::Differences;

/// Compare two snapshots: operators, parallelism, types, Kafka positions, and every entry.
///
/// What counts is what a job would find: a canonical savepoint and an incremental checkpoint of the same state do
/// not differ, nor do snapshots of different releases, backends or places. Operators go together by id, states by
/// name, entries by key, namespace and map key, elements of operator lists by what they are.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  statetool diff fixtures/1.20/keyed-states/rocksdb-canonical/snapshot fixtures/1.20/keyed-states/hashmap-native/snapshot
  statetool diff fixtures/2.3/keyed-states/rocksdb-canonical/snapshot fixtures/1.20/keyed-states/hashmap-native/snapshot all-states/notes --summary

WHAT to ignore: OPERATOR/STATE, OPERATOR/*, */STATE, or a word: structure (all but entries), parallelism,
max-parallelism, names, types, serializers, kafka (positions, and the states that hold them), coordinators,
in-flight, ttl-time (when values were last accessed), timers.

Exit status: 0 no differences, 1 differences, or parts that nobody can compare, 2 usage, 3 a snapshot cannot be
read, 4 the output would destroy something, 5 it cannot be written")]
pub(crate) struct DiffArgs {
    /// Path or URL of the first snapshot: what was before.
    #[arg(value_name = "A", value_hint = ValueHint::AnyPath)]
    a: String,
    /// Path or URL of the second snapshot: what is after.
    #[arg(value_name = "B", value_hint = ValueHint::AnyPath)]
    b: String,
    /// Which states: OPERATOR/STATE, OPERATOR, */STATE, or all.
    selector: Option<String>,
    /// Only count; show no rows of entries.
    #[arg(long)]
    summary: bool,
    /// At most N rows of entries; all are counted. A table shows the first ten of each state if it is not said.
    #[arg(long, short = 'n', value_name = "N", value_parser = super::cat::one_or_more, allow_negative_numbers = true)]
    limit: Option<u64>,
    /// What does not count as a difference; repeatable.
    #[arg(long, value_name = "WHAT")]
    ignore: Vec<String>,
    /// Compare operator A of the first snapshot with operator B of the second; repeatable.
    #[arg(long, value_name = "A=B")]
    map_operator: Vec<String>,
    /// As --relocate, for the first snapshot alone, and before it; repeatable.
    #[arg(long, value_name = "OLD=NEW")]
    relocate_a: Vec<String>,
    /// As --relocate, for the second snapshot alone, and before it; repeatable.
    #[arg(long, value_name = "OLD=NEW")]
    relocate_b: Vec<String>,
    /// Write longs as strings, for readers that hold numbers as doubles.
    #[arg(long)]
    long_as_string: bool,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// How many rows of each state a table shows.
const ROWS_OF_A_TABLE: u64 = 10;

/// Runs the command.
pub(crate) fn run(args: &DiffArgs, global: &Global) -> anyhow::Result<Exit> {
    let mut options = args.options(global)?;
    let a = args.open(&args.a, ("relocate-a", &args.relocate_a), global)?;
    let b = args.open(&args.b, ("relocate-b", &args.relocate_b), global)?;
    args.access.check(&[&a, &b], global);
    let (format, mut out) = args.output.open(Format::Table)?;
    if format == Format::Table && args.limit.is_none() {
        options.limit_per_state = Some(ROWS_OF_A_TABLE);
    }
    let mut differences = Differences::new(format, args.summary, &mut out)?;
    let shown = progress::show(&options.progress, global.quiet || out.is_terminal());
    let mut failed = None;
    let report = diff(&a, &b, &options, |difference| {
        Ok(match differences.add(difference, &mut out) {
            Ok(()) => Flow::Continue(()),
            Err(error) => {
                failed = Some(error);
                Flow::Break(())
            }
        })
    });
    drop(shown);
    if let Some(error) = failed {
        return Err(error);
    }
    if report.is_err() {
        // What came before an error in a snapshot has been promised to a reader of stdout.
        out.flush()?;
    }
    let report = report?;
    differences.finish(&report, &mut out)?;
    out.finish()?;
    for part in report.unreadable.iter().filter(|part| !part.compared) {
        let operator = part.uid.as_ref().unwrap_or(&part.operator);
        global.warn(&format!(
            "{}: operator `{operator}`: not all can be compared: {}",
            part.snapshot, part.reason
        ));
    }
    report.warnings.iter().for_each(|warning| global.warn(warning));
    Ok(match report.equal {
        true => Exit::Done,
        false => Exit::Findings,
    })
}

impl DiffArgs {
    fn options(&self, global: &Global) -> anyhow::Result<DiffOptions> {
        // What is set elsewhere gives way to a flag.
        let is_flag = |option: &str| global.origins.of(option).is_none();
        if self.summary && self.limit.is_some() && is_flag("summary") && is_flag("limit") {
            return Err(
                UsageError("a summary has no rows: leave out `--limit` or `--summary`".to_owned()).into(),
            );
        }
        let ignore = self.ignore.iter().map(|text| Ignore::parse(text));
        let ignore: Result<_, _> = ignore.collect();
        Ok(DiffOptions {
            selector: self.selector.clone(),
            map_operators: self.mapped(global)?,
            ignore: ignore.map_err(|error| global.origins.blame("ignore", error))?,
            limit: if self.summary { Some(0) } else { self.limit },
            json: JsonOptions {
                long_as_string: self.long_as_string,
            },
            show_data: global.show_data,
            threads: global.threads(),
            progress: Arc::new(Progress::default()),
            ..DiffOptions::default()
        })
    }

    fn mapped(&self, global: &Global) -> anyhow::Result<Vec<(String, String)>> {
        let pair = |text: &String| match text.split_once('=') {
            Some((a, b)) if !a.is_empty() && !b.is_empty() => Ok((a.to_owned(), b.to_owned())),
            _ => Err(Error::usage(format!(
                "`{text}` maps no operator to another: write A=B"
            ))),
        };
        let pairs: Result<_, _> = self.map_operator.iter().map(pair).collect();
        Ok(pairs.map_err(|error| global.origins.blame("map-operator", error))?)
    }

    /// Opens one of the snapshots, with relocations of its own.
    fn open(&self, locator: &str, own: (&str, &[String]), global: &Global) -> anyhow::Result<Snapshot> {
        let (option, texts) = own;
        let relocations = relocations(texts, option, global)?;
        let snapshot = self.access.open(locator, &relocations, global, Tables::Copied)?;
        if global.origins.of(option).is_none() {
            warn_of_idle(texts, &[&snapshot], global);
        }
        Ok(snapshot)
    }
}
