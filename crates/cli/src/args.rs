//! The command line: arguments and their help, nothing else.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use statetool_store::StoreOptions;

use crate::command;
use crate::settings::Origins;

/// Open and check Apache Flink checkpoints and savepoints, without a JVM and without
/// the job's classes.
#[derive(Debug, Parser)]
#[command(name = "statetool", version, propagate_version = true, after_long_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
A SNAPSHOT is a path or URL (file, s3, gs, abfs, hdfs, http) of a `_metadata` file, of a
savepoint or `chk-N` directory, or of a job's checkpoint directory (then its newest complete
checkpoint is taken).

A SELECTOR is OPERATOR/STATE, OPERATOR/*, */STATE or OPERATOR. An OPERATOR is `uid:X`, `name:X`,
`id:HEX` (32 digits, or at least the first 6), or a bare word that is tried as each of these.

Settings come from flags, else from the environment (STATETOOL_FORMAT, …), else from
`statetool.toml` in the current directory or from the file that STATETOOL_CONFIG names. Options
that may be repeated are written one a line in a variable, and as an array in the file.

Exit status: 0 done · 1 findings · 2 usage · 3 input unreadable or damaged · 4 refused, would
destroy something · 5 the result cannot be written · 130 interrupted (143 by SIGTERM, 129 by
SIGHUP). A closed pipe is no error.";

/// What all commands take.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Colour in words and tables.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, help_heading = "General")]
    pub(crate) color: Color,
    /// No warnings and no progress.
    #[arg(long, short, global = true, help_heading = "General")]
    pub(crate) quiet: bool,
    /// Say more about what is done.
    #[arg(long, short, global = true, help_heading = "General")]
    pub(crate) verbose: bool,
    /// Let errors and findings show keys and values of user data.
    #[arg(long, global = true, help_heading = "General")]
    pub(crate) show_data: bool,
    /// How many threads work; by default one a core.
    #[arg(
        long,
        global = true,
        value_name = "N",
        value_parser = threads,
        allow_negative_numbers = true,
        help_heading = "General"
    )]
    pub(crate) threads: Option<usize>,
    /// Where values come from that are not of flags.
    #[arg(skip)]
    pub(crate) origins: Origins,
}

/// More would only cost memory, and at some number the system refuses them.
const MAX_THREADS: usize = 1024;

fn threads(text: &str) -> Result<usize, String> {
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=MAX_THREADS).contains(number));
    number.ok_or_else(|| format!("write a number from 1 to {MAX_THREADS}, or leave it out for one a core"))
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Makes it the choice for everything that is written from now on.
    pub(crate) fn write_global(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

/// Where a snapshot is and how it is reached.
#[derive(Debug, Clone, Args)]
pub(crate) struct SnapshotArgs {
    /// Path or URL of the snapshot.
    #[arg(value_name = "SNAPSHOT", value_hint = ValueHint::AnyPath)]
    pub(crate) snapshot: String,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

/// How snapshots are reached.
#[derive(Debug, Clone, Args)]
pub(crate) struct AccessArgs {
    /// Absolute paths inside the snapshot that begin with OLD lie at NEW now; repeatable.
    #[arg(long, value_name = "OLD=NEW")]
    pub(crate) relocate: Vec<String>,
    /// Uids the job gave its operators, for snapshots that store only their hashes; repeatable.
    #[arg(long, value_name = "NAME")]
    pub(crate) uid: Vec<String>,
    /// An option of a store, such as `s3.endpoint=http://127.0.0.1:9000`; repeatable.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) store_option: Vec<String>,
    /// Where local copies of remote RocksDB files go; by default the user's cache directory.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) cache_dir: Option<String>,
    /// How much room these copies may take, such as 20GiB; by default 8GiB.
    #[arg(long, value_name = "SIZE", value_parser = cache_size, allow_negative_numbers = true)]
    pub(crate) cache_size: Option<String>,
}

fn cache_size(text: &str) -> Result<String, String> {
    let set = StoreOptions::default().set("cache.size", text);
    set.map(|()| text.to_owned())
        .map_err(|error| error.why().to_owned())
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One document.
    Json,
    /// One row a line.
    Jsonl,
    /// One row a line, with a head.
    Csv,
}

/// How and where a result is written.
#[derive(Debug, Clone, Args)]
pub(crate) struct OutputArgs {
    /// How the result is written.
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    #[command(flatten)]
    pub(crate) file: FileArgs,
}

/// Where a result is written.
#[derive(Debug, Clone, Args)]
pub(crate) struct FileArgs {
    /// Write the result to a file, which appears when it is complete; `-` is stdout.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Inspect(command::inspect::InspectArgs),
    Cat(command::cat::CatArgs),
    Schema(command::schema::SchemaArgs),
    Verify(command::verify::VerifyArgs),
    Diff(command::diff::DiffArgs),
    Rewrite(Box<command::rewrite::RewriteArgs>),
    Compact(command::compact::CompactArgs),
    Completions(command::completions::CompletionsArgs),
    Man(command::man::ManArgs),
}
