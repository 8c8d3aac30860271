//! `statetool cat`.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use statetool_format::KeyGroupRange;
use statetool_ops::cat::{CatOptions, Chunk, cat};
use statetool_ops::progress::Progress;
use statetool_snapshot::Flow;
use statetool_values::JsonOptions;

use super::selector;
use crate::args::{Format, Global, OutputArgs, SnapshotArgs};
use crate::exit::Exit;
use crate::render::rows::Rows;
use crate::{output, progress};

/// Print the entries of states, a row each.
///
/// Rows come in the order of the snapshot: operator, subtask, key group, then as stored. With
/// `--key` only the key's own key group is read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  statetool cat fixtures/1.20/keyed-states/rocksdb-canonical/snapshot --limit 5
  statetool cat fixtures/1.20/keyed-states/rocksdb-canonical/snapshot all-states/notes --key user-9
  statetool cat fixtures/1.20/keyed-states/rocksdb-canonical/snapshot '*/last' -f csv -o last.csv

A KEY is JSON as rows show it (42, \"alice\", [1,\"a\"], {\"id\":1}); a bare word is a string.
A NAMESPACE is so too; a window is also named by its start alone.

Exit status: 0 done, 2 usage, 3 the snapshot cannot be read, 4 the output would destroy something,
5 the output cannot be written")]
pub(crate) struct CatArgs {
    #[command(flatten)]
    snapshot: SnapshotArgs,
    /// Which states: OPERATOR/STATE, OPERATOR, */STATE, or all.
    selector: Option<String>,
    /// Only this key, as JSON or as a bare word.
    #[arg(long, short, value_name = "KEY", allow_hyphen_values = true)]
    key: Option<String>,
    /// Only these key groups: A or A-B.
    #[arg(long, value_name = "A-B", value_parser = key_groups, allow_hyphen_values = true)]
    key_groups: Option<KeyGroupRange>,
    /// Only this namespace, as JSON or as a bare word.
    #[arg(long, value_name = "NAMESPACE", allow_hyphen_values = true)]
    namespace: Option<String>,
    /// At most N rows.
    #[arg(long, short = 'n', value_name = "N", value_parser = one_or_more, allow_negative_numbers = true)]
    limit: Option<u64>,
    /// About one of N entries, the same ones in every run.
    #[arg(long, value_name = "N", value_parser = one_or_more, allow_negative_numbers = true)]
    sample: Option<u64>,
    /// Write longs as strings, for readers that hold numbers as doubles.
    #[arg(long)]
    long_as_string: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// Parses `A` or `A-B`.
fn key_groups(text: &str) -> Result<KeyGroupRange, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.trim().parse::<u32>(), last.trim().parse::<u32>()) {
        (Ok(first), Ok(last)) if first <= last && last < 1 << 15 => Ok(KeyGroupRange::new(first, last + 1)),
        _ => Err("write A or A-B, with A at most B".to_owned()),
    }
}

pub(super) fn one_or_more(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("that asks for nothing; write a number from 1 on".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("write a number from 1 on".to_owned()),
    }
}

/// Runs the command.
pub(crate) fn run(args: &CatArgs, global: &Global) -> anyhow::Result<Exit> {
    // A few key groups or rows are cheaper read where they lie than copied with all others.
    let snapshot = match args.key.is_none() && args.key_groups.is_none() && args.limit.is_none() {
        true => args.snapshot.open_to_scan(global)?,
        false => args.snapshot.open(global)?,
    };
    let selector = selector(args.selector.as_deref(), &snapshot);
    let counts = Arc::new(Progress::default());
    let options = CatOptions {
        selector,
        key: args.key.clone(),
        key_groups: args.key_groups,
        namespace: args.namespace.clone(),
        limit: args.limit,
        sample: args.sample,
        json: JsonOptions {
            long_as_string: args.long_as_string,
        },
        show_data: global.show_data,
        threads: global.threads(),
        progress: counts.clone(),
    };
    let (format, mut out) = args.output.open(Format::Jsonl)?;
    let mut rows = Rows::new(format, &mut out)?;
    let begun = Instant::now();
    // Rows on the same terminal would run into the bar, and show the progress themselves.
    let shown = progress::show(&counts, global.quiet || out.is_terminal());
    let mut failed = None;
    let summary = cat(&snapshot, &options, rows.needs_spans(), |chunk: &Chunk| {
        Ok(match rows.write(chunk, &mut out) {
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
    // What came before an error in the snapshot has been promised to a reader of stdout.
    rows.finish(&mut out)?;
    out.flush()?;
    let summary = summary?;
    out.finish()?;
    for warning in &summary.warnings {
        global.warn(warning);
    }
    global.tell(|| {
        let (entries, ..) = counts.counts();
        let seconds = begun.elapsed().as_secs_f64();
        format!(
            "{} rows of {entries} entries read in {seconds:.3} s",
            summary.rows
        )
    });
    if let Some(note) = summary.nothing_found(&options).filter(|_| !global.quiet) {
        output::say("note", &note);
    }
    Ok(Exit::Done)
}
