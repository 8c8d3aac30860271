//! `statetool rewrite`.

use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueHint};
use statetool_format::FlinkVersion;
use statetool_ops::progress::Progress;
use statetool_ops::rewrite::{
    self, DeleteKey, DeleteKeys, Edits, ExecuteOptions, Expression, OnCollision, OperatorReport, Plan,
    PlanOptions, Rename, ScaleTo, ScriptFile, SetValue,
};
use statetool_snapshot::{Snapshot, SnapshotWriter, Tables};
use statetool_store::Store;

use super::new_snapshot::{LayoutArgs, ReportFormat, directory, expression, only_the_report, read};
use crate::args::{Global, SnapshotArgs};
use crate::exit::{Exit, UsageError};
use crate::{output, progress, render};

/// Write a new snapshot from an old one: rename, leave out, change the layout.
///
/// The old snapshot is never changed. The new one is a directory of its own that can be copied
/// and that Flink restores; `_metadata` is written last, so that an unfinished one is no snapshot.
/// What no edit touches is copied byte for byte; of what is written anew, every entry is accounted for:
/// it is written, or left out by an edit.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  statetool rewrite fixtures/1.20/keyed-states/rocksdb-canonical/snapshot --dry-run --rename-operator all-states=uid:totals
  statetool rewrite fixtures/1.20/keyed-states/hashmap-checkpoint/snapshot --dry-run --type canonical --drop-state '*/notes'

Exit status: 0 done, 2 usage, 3 the input cannot be read, 4 refused: the place is not empty, or state
would get lost, 5 the output cannot be written")]
pub(crate) struct RewriteArgs {
    #[command(flatten)]
    snapshot: SnapshotArgs,
    /// Directory of the new snapshot, a path or URL; new or empty. Needed unless nothing is written.
    #[arg(long, short, value_name = "OUT", value_hint = ValueHint::DirPath)]
    output: Option<String>,
    /// Give an operator another uid or id, where TO is `uid:X` or `id:HEX`; repeatable.
    #[arg(long, value_name = "OPERATOR=TO", value_parser = Rename::parse)]
    rename_operator: Vec<Rename>,
    /// Leave an operator out with all its state; repeatable.
    #[arg(long, value_name = "OPERATOR")]
    drop_operator: Vec<String>,
    /// Leave all other operators out; repeatable.
    #[arg(long, value_name = "OPERATOR")]
    keep_operator: Vec<String>,
    /// Give a state another name; repeatable.
    #[arg(long, value_name = "OPERATOR/STATE=TO", value_parser = Rename::parse)]
    rename_state: Vec<Rename>,
    /// Leave states out; repeatable.
    #[arg(long, value_name = "OPERATOR/STATE")]
    drop_state: Vec<String>,
    /// Leave all other states of their operators out; repeatable.
    #[arg(long, value_name = "OPERATOR/STATE")]
    keep_state: Vec<String>,
    /// Keep only entries for which an expression in JavaScript is true; repeatable.
    #[arg(long, num_args = 2, value_names = ["OPERATOR/STATE", "EXPR"], value_parser = expression, allow_hyphen_values = true)]
    r#where: Vec<String>,
    /// Give entries the value of an expression in JavaScript; repeatable.
    #[arg(long, num_args = 2, value_names = ["OPERATOR/STATE", "EXPR"], value_parser = expression, allow_hyphen_values = true)]
    map: Vec<String>,
    /// Ask a script which entries stay and what their values become: a file in JavaScript with the functions
    /// `where(entry)` and `map(entry)`, or one of them; repeatable.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    script: Vec<String>,
    /// Leave out all state and timers of a key; repeatable.
    #[arg(long, num_args = 2, value_names = ["OPERATOR", "KEY"], value_parser = expression, allow_hyphen_values = true)]
    delete: Vec<String>,
    /// Leave out all state and timers of the keys in a file, one a line; repeatable.
    #[arg(long, num_args = 2, value_names = ["OPERATOR", "FILE"])]
    delete_keys: Vec<String>,
    /// Let a state hold this value for a key, and nothing else; repeatable.
    #[arg(long, num_args = 3, value_names = ["OPERATOR/STATE", "KEY", "JSON"], value_parser = expression, allow_hyphen_values = true)]
    set: Vec<String>,
    /// Divide key groups and operator state among N subtasks; repeatable for operators.
    #[arg(long, value_name = "[OPERATOR=]N", value_parser = ScaleTo::parse)]
    parallelism: Vec<ScaleTo>,
    /// Divide the keys among N key groups; repeatable for operators.
    #[arg(long, value_name = "[OPERATOR=]N", value_parser = ScaleTo::parse)]
    max_parallelism: Vec<ScaleTo>,
    /// Take the operators of another snapshot besides, a path or URL; repeatable.
    #[arg(long, value_name = "OTHER", value_hint = ValueHint::AnyPath)]
    merge: Vec<String>,
    /// Which of the operators stays that several snapshots have; repeatable for operators.
    #[arg(long, value_name = "[OPERATOR=]first|last", value_parser = OnCollision::parse)]
    on_collision: Vec<OnCollision>,
    #[command(flatten)]
    layout: LayoutArgs,
    /// The release of Flink that shall restore it, such as 1.20 or 2.0.1; the one that wrote it if it is not said.
    #[arg(long, value_name = "VERSION", value_parser = FlinkVersion::from_str)]
    flink: Option<FlinkVersion>,
    /// Copy all files, also where only paths change: with --relocate and no edit, files stay where they
    /// are, and the new snapshot names their new places.
    #[arg(long)]
    self_contained: bool,
    /// Take edits from a TOML file, besides those of flags.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    plan: Option<PathBuf>,
    /// Write the edits down as a TOML file, and do nothing.
    #[arg(long)]
    print_plan: bool,
    /// Say what would be done, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// How the report is written.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t = ReportFormat::Table)]
    format: ReportFormat,
}

/// Runs the command.
pub(crate) fn run(args: &RewriteArgs, global: &Global) -> anyhow::Result<Exit> {
    let edits = args.edits()?;
    if args.print_plan {
        let mut out = output::open(None)?;
        out.write_all(toml::to_string(&edits)?.as_bytes())?;
        out.finish()?;
        return Ok(Exit::Done);
    }
    let directory = match (&args.output, args.dry_run) {
        (None, true) => None,
        (output, _) => Some(directory(output.as_deref(), global)?),
    };
    let snapshots = args.open(&edits, global)?;
    let snapshots: Vec<&Snapshot> = snapshots.iter().collect();
    let options = PlanOptions {
        show_data: global.show_data,
    };
    let plans = rewrite::plan_all(&snapshots, &edits, &options)?;
    let mut out = output::open(None)?;
    if args.format == ReportFormat::Table {
        out.paint();
    }
    let store = Store::new(args.snapshot.access.store_options(global)?);
    let writer =
        directory.map(|directory| SnapshotWriter::new(&store, directory, &snapshots, output::random()));
    let writer = writer.transpose()?;
    let Some(writer) = writer.filter(|_| !args.dry_run) else {
        if let Some(mut planned) = rewrite::describe(&plans) {
            planned.entries = args.rehearse(&plans, global)?;
            match args.format {
                ReportFormat::Table => render::rewrite::planned(&planned, &mut out)?,
                ReportFormat::Json => render::json(&planned, &mut out)?,
            }
        }
        out.finish()?;
        return Ok(Exit::Done);
    };
    let counts = Arc::new(Progress::default());
    let shown = progress::show(&counts, global.quiet);
    let options = ExecuteOptions {
        threads: global.threads(),
        progress: counts,
        in_place: !args.self_contained
            && !args.snapshot.access.relocate.is_empty()
            && edits == Edits::default(),
    };
    let report = rewrite::execute_all(&plans, &writer, &options)?;
    drop(shown);
    for note in report.notes.iter().filter(|_| !global.quiet) {
        output::say("warning", note);
    }
    let told = match args.format {
        ReportFormat::Table => render::rewrite::report(&report, &mut out),
        ReportFormat::Json => render::json(&report, &mut out),
    };
    let told = told.and_then(|()| out.finish());
    told.with_context(|| only_the_report(&report.output))?;
    Ok(Exit::Done)
}

impl RewriteArgs {
    /// Finds out what would become of entries.
    fn rehearse(&self, plans: &[Plan<'_>], global: &Global) -> anyhow::Result<Vec<OperatorReport>> {
        let counts = Arc::new(Progress::default());
        let _shown = progress::show(&counts, global.quiet);
        let options = ExecuteOptions {
            threads: global.threads(),
            progress: counts,
            in_place: false,
        };
        let rehearsed = rewrite::rehearse_all(plans, &options)?;
        let notes = rehearsed.notes.iter().filter(|_| !global.quiet);
        notes.for_each(|note| output::say("warning", note));
        Ok(rehearsed.operators)
    }

    /// Opens the snapshot, and those that are merged with it.
    fn open(&self, edits: &Edits, global: &Global) -> anyhow::Result<Vec<Snapshot>> {
        let access = &self.snapshot.access;
        let locators = std::iter::once(&self.snapshot.snapshot).chain(&edits.merge);
        let opened = locators.map(|locator| access.open(locator, &[], global, Tables::Copied));
        let snapshots = opened.collect::<anyhow::Result<Vec<_>>>()?;
        access.check(&snapshots.iter().collect::<Vec<_>>(), global);
        Ok(snapshots)
    }

    /// The edits of the plan file and of the flags.
    fn edits(&self) -> anyhow::Result<Edits> {
        let mut edits = match &self.plan {
            None => Edits::default(),
            Some(path) => {
                let name = path.display();
                toml::from_str(&read(path)?).map_err(|error| UsageError(format!("`{name}`: {error}")))?
            }
        };
        edits.rename_operator.extend(self.rename_operator.iter().cloned());
        edits.drop_operator.extend(self.drop_operator.iter().cloned());
        edits.keep_operator.extend(self.keep_operator.iter().cloned());
        edits.rename_state.extend(self.rename_state.iter().cloned());
        edits.drop_state.extend(self.drop_state.iter().cloned());
        edits.keep_state.extend(self.keep_state.iter().cloned());
        let expressions = |pairs: &[String]| {
            let pairs = pairs.as_chunks::<2>().0.iter().cloned();
            let expressions = pairs.map(|[state, expression]| Expression { state, expression });
            expressions.collect::<Vec<_>>()
        };
        edits.keep_where.extend(expressions(&self.r#where));
        edits.map.extend(expressions(&self.map));
        let files = self.script.iter().cloned();
        edits
            .script
            .extend(files.map(|file| ScriptFile { state: None, file }));
        let pairs = self.delete.as_chunks::<2>().0.iter().cloned();
        let deleted = pairs.map(|[operator, key]| DeleteKey { operator, key });
        edits.delete.extend(deleted);
        let pairs = self.delete_keys.as_chunks::<2>().0.iter().cloned();
        let deleted = pairs.map(|[operator, file]| DeleteKeys { operator, file });
        edits.delete_keys.extend(deleted);
        let triples = self.set.as_chunks::<3>().0.iter().cloned();
        let set = triples.map(|[state, key, value]| SetValue { state, key, value });
        edits.set.extend(set);
        edits.parallelism.extend(self.parallelism.iter().cloned());
        edits.max_parallelism.extend(self.max_parallelism.iter().cloned());
        edits.merge.extend(self.merge.iter().cloned());
        edits.on_collision.extend(self.on_collision.iter().cloned());
        edits.format = self.layout.format().or(edits.format);
        edits.backend = self.layout.backend().or(edits.backend);
        edits.compression = self.layout.compression().or(edits.compression);
        edits.flink = self.flink.or(edits.flink);
        Ok(edits)
    }
}
