//! `statetool compact`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueHint};
use statetool_ops::compact::{
    self, By, CompactOptions, CompactReport, Expiry, Lifetime, Orphans, WindowsBefore, duration,
};
use statetool_ops::progress::Progress;
use statetool_ops::rewrite::ExecuteOptions;
use statetool_ops::time;
use statetool_snapshot::SnapshotWriter;
use statetool_store::Location;

use super::new_snapshot::{LayoutArgs, ReportFormat, directory, expression, only_the_report, read};
use crate::args::{Global, SnapshotArgs};
use crate::exit::{Exit, UsageError};
use crate::{output, progress, render};

/// Write a new snapshot without what is expired, over, or of no use.
///
/// How long state with a TTL lives is stored in no snapshot: what is not said is reported with its ages,
/// and not changed. The old snapshot is never changed. Operators of which nothing goes are copied byte for byte,
/// unless they lie in RocksDB; of those that are written anew, every entry is accounted for.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  statetool compact fixtures/1.20/ttl/rocksdb-native/snapshot --dry-run --ttl 7d --at 2030-01-01T00:00:00Z
  statetool compact fixtures/1.20/windows/hashmap-checkpoint/snapshot --dry-run --windows-before 2024-05-01T00:02:00Z
  statetool compact fixtures/1.20/keyed-states/hashmap-canonical/snapshot --dry-run --orphans

Exit status: 0 done, 2 usage, 3 the input cannot be read, 4 refused: the place is not empty, or nobody
can tell what is over, 5 the output cannot be written")]
pub(crate) struct CompactArgs {
    #[command(flatten)]
    snapshot: SnapshotArgs,
    /// Directory of the new snapshot, a path or URL; new or empty. Needed unless nothing is written.
    #[arg(long, short, value_name = "OUT", value_hint = ValueHint::DirPath)]
    output: Option<String>,
    /// How long state with a TTL lives, such as 7d or 36h, as the job says it; repeatable for states, of
    /// which the most specific counts.
    #[arg(long, value_name = "[OPERATOR/STATE=]DURATION", value_parser = Lifetime::parse, allow_hyphen_values = true)]
    ttl: Vec<Lifetime>,
    /// Take times to live from a TOML file, besides those of flags, which come first.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    from_config: Option<PathBuf>,
    /// The instant by which something is expired, such as 2026-05-01T10:00:00Z, a date or epoch milliseconds;
    /// by default now. With --ttl or --expire.
    #[arg(long, value_name = "TIME", value_parser = duration::instant, allow_hyphen_values = true)]
    at: Option<i64>,
    /// Leave out entries of a state without TTL so long after their time; repeatable.
    #[arg(long, value_name = "OPERATOR/STATE=DURATION", value_parser = expire, allow_hyphen_values = true)]
    expire: Vec<Lifetime>,
    /// Where the time of an entry stands: a field such as value.lastSeen, key.f1 or mapKey, or a JavaScript
    /// expression, of epoch milliseconds, an instant or a date; one for each --expire, or one for all.
    #[arg(long, value_name = "EXPR", value_parser = expression, allow_hyphen_values = true)]
    by: Vec<String>,
    /// Leave out windows that have ended by then, with their triggers and timers: a time as of --at, or
    /// `watermark` for what the operator has stored; repeatable for operators.
    #[arg(long, value_name = "[OPERATOR=]TIME", value_parser = WindowsBefore::parse, allow_hyphen_values = true)]
    windows_before: Vec<WindowsBefore>,
    /// How long windows wait for late data after their end, as the job says it; with --windows-before.
    #[arg(long, value_name = "DURATION", value_parser = duration::duration, allow_hyphen_values = true)]
    lateness: Option<i64>,
    /// Report timers of keys without state, and lists without elements.
    #[arg(long)]
    orphans: bool,
    /// Leave out timers of keys without state, and lists without elements.
    #[arg(long)]
    drop_orphans: bool,
    #[command(flatten)]
    layout: LayoutArgs,
    /// Report what would be left out, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Write the report as JSON to a file too, with a digest of what was left out.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    report: Option<PathBuf>,
    /// How the report is written.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t = ReportFormat::Table)]
    format: ReportFormat,
}

/// Reads `OPERATOR/STATE=DURATION`.
fn expire(text: &str) -> Result<Lifetime, String> {
    let parsed = Lifetime::parse(text)?;
    match parsed.state {
        Some(_) => Ok(parsed),
        None => Err("write OPERATOR/STATE=DURATION".to_owned()),
    }
}

/// Runs the command.
pub(crate) fn run(args: &CompactArgs, global: &Global) -> anyhow::Result<Exit> {
    args.refuse_idle(global)?;
    let options = args.options(global)?;
    let directory = match (&args.output, args.dry_run) {
        (None, true) => None,
        (output, _) => Some(directory(output.as_deref(), global)?),
    };
    let local = directory.as_ref().and_then(Location::as_local_path);
    if let (Some(file), Some(directory)) = (&args.report, local) {
        output::refuse_in_new_snapshot(file, directory)?;
    }
    let snapshot = args.snapshot.open_to_scan(global)?;
    let compaction = compact::plan(&snapshot, &options)?;
    let store = snapshot.files().store();
    let writer =
        directory.map(|directory| SnapshotWriter::new(store, directory, &[&snapshot], output::random()));
    let writer = writer.transpose()?;
    // Before anything is done: it is too late to learn then that there is no place for it.
    let file = args.report.as_deref().map(|file| output::open(Some(file)));
    let file = file.transpose()?;
    let counts = Arc::new(Progress::default());
    let shown = progress::show(&counts, global.quiet);
    let execute = ExecuteOptions {
        threads: global.threads(),
        progress: counts,
        ..ExecuteOptions::default()
    };
    let report = match writer.as_ref().filter(|_| !args.dry_run) {
        None => compaction.rehearse(&execute)?,
        Some(writer) => compaction.execute(writer, &execute)?,
    };
    drop(shown);
    let told = match file {
        Some(mut file) => render::json(&report, &mut file).and_then(|()| file.finish()),
        None => Ok(()),
    };
    let told = told.and_then(|()| args.show(&report, global));
    match writer.filter(|_| !args.dry_run) {
        Some(writer) => told.with_context(|| only_the_report(&writer.directory().to_string())),
        None => told,
    }
}

impl CompactArgs {
    fn show(&self, report: &CompactReport, global: &Global) -> anyhow::Result<Exit> {
        for note in report.notes.iter().filter(|_| !global.quiet) {
            output::say("warning", note);
        }
        let mut out = output::open(None)?;
        match self.format {
            ReportFormat::Table => {
                out.paint();
                render::compact::report(report, &mut out)?;
            }
            ReportFormat::Json => render::json(report, &mut out)?,
        }
        out.finish()?;
        Ok(Exit::Done)
    }

    fn options(&self, global: &Global) -> anyhow::Result<CompactOptions> {
        let mut ttl = self.ttl.clone();
        if let Some(file) = &self.from_config {
            let named = |state: &Option<String>| self.ttl.iter().any(|flag| flag.state == *state);
            let from_file = lifetimes(file)?.into_iter();
            ttl.extend(from_file.filter(|lifetime| !named(&lifetime.state)));
        }
        Ok(CompactOptions {
            format: self.layout.format(),
            backend: self.layout.backend(),
            compression: self.layout.compression(),
            ttl,
            expire: self.expiries()?,
            at: self.at.unwrap_or_else(time::now),
            windows_before: self.windows_before.clone(),
            lateness: self.lateness.unwrap_or(0),
            orphans: match (self.orphans, self.drop_orphans) {
                (_, true) => Orphans::Dropped,
                (true, false) => Orphans::Reported,
                (false, false) => Orphans::Ignored,
            },
            show_data: global.show_data,
            evidence: self.report.is_some() || self.format == ReportFormat::Json,
        })
    }

    /// Refuses flags that nothing uses, or that stand in each other's way. What variables and files say is for the calls that need it.
    fn refuse_idle(&self, global: &Global) -> anyhow::Result<()> {
        let is_flag = |option: &str| global.origins.of(option).is_none();
        let expires = !self.ttl.is_empty() || !self.expire.is_empty() || self.from_config.is_some();
        if self.lateness.is_some() && self.windows_before.is_empty() && is_flag("lateness") {
            let why = "--lateness is that of windows that end: write --windows-before TIME too";
            return Err(UsageError(why.to_owned()).into());
        }
        if self.report.as_deref() == Some(Path::new("-")) {
            let why = "--report names a file beside what stdout says: --format json writes the report there";
            return Err(UsageError(why.to_owned()).into());
        }
        if self.at.is_some() && !expires && is_flag("at") {
            let why = "--at is the instant by which something expires: write --ttl, --from-config or --expire too; \
                       windows end by --windows-before TIME";
            return Err(UsageError(why.to_owned()).into());
        }
        Ok(())
    }

    fn expiries(&self) -> anyhow::Result<Vec<Expiry>> {
        // Not by clap, to which what variables and files say is not given.
        let wrong = match (self.expire.len(), self.by.len()) {
            (0, 0) | (1.., 1) => None,
            (0, _) => Some(
                "--by tells the times for --expire: write --expire OPERATOR/STATE=DURATION too".to_owned(),
            ),
            (_, 0) => Some(
                "--expire needs to know where the times stand: write --by too, such as --by value.lastSeen"
                    .to_owned(),
            ),
            (states, times) if states == times => None,
            (states, times) => Some(format!(
                "{states} times --expire, and {times} times --by: write one --by for each, or one for all"
            )),
        };
        if let Some(wrong) = wrong {
            return Err(UsageError(wrong).into());
        }
        let times = self.by.iter().map(|text| By::parse(text).map(Arc::new));
        let times = times.collect::<Result<Vec<_>, _>>()?;
        let expiries = self.expire.iter().zip(times.iter().cycle());
        Ok(expiries
            .map(|(expire, by)| Expiry {
                state: expire.state.clone().unwrap_or_default(),
                millis: expire.millis,
                by: by.clone(),
            })
            .collect())
    }
}

/// The times to live that a file says.
fn lifetimes(file: &Path) -> anyhow::Result<Vec<Lifetime>> {
    let name = file.display();
    Ok(Lifetime::from_toml(&read(file)?)
        .map_err(|error| UsageError(format!("`{name}`: {}", error.trim_end())))?)
}
