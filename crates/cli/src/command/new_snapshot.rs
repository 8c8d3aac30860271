//! What commands take that write a new snapshot: where to, in which layout, and how they report.

use std::path::Path;

use clap::{Args, ValueEnum};
use statetool_ops::rewrite;
use statetool_store::{Location, plain};

use crate::args::Global;
use crate::exit::UsageError;
use crate::output;

/// The layout of a new snapshot.
#[derive(Debug, Args)]
pub(crate) struct LayoutArgs {
    /// The kind of savepoint; the layouts of the old snapshot if it is not said.
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    kind: Option<Kind>,
    /// The state backend of a native savepoint; that of the old snapshot if it is not said.
    #[arg(long, value_enum, value_name = "BACKEND")]
    backend: Option<Backend>,
    /// How key groups are compressed; as they were if it is not said.
    #[arg(long, value_enum, value_name = "HOW")]
    compression: Option<Compression>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// In the layout that all state backends read.
    Canonical,
    /// In that of one state backend.
    Native,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Backend {
    /// HashMapStateBackend.
    Hashmap,
    /// EmbeddedRocksDBStateBackend.
    Rocksdb,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Compression {
    /// By snappy.
    Snappy,
    /// Not at all.
    None,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people.
    Table,
    /// One document.
    Json,
}

impl LayoutArgs {
    /// The kind of savepoint, if it is said.
    pub(crate) fn format(&self) -> Option<rewrite::Format> {
        self.kind.map(|kind| match kind {
            Kind::Canonical => rewrite::Format::Canonical,
            Kind::Native => rewrite::Format::Native,
        })
    }

    /// The state backend, if it is said.
    pub(crate) fn backend(&self) -> Option<rewrite::Backend> {
        self.backend.map(|backend| match backend {
            Backend::Hashmap => rewrite::Backend::HashMap,
            Backend::Rocksdb => rewrite::Backend::RocksDb,
        })
    }

    /// The compression, if it is said.
    pub(crate) fn compression(&self) -> Option<rewrite::Compression> {
        self.compression.map(|compression| match compression {
            Compression::Snappy => rewrite::Compression::Snappy,
            Compression::None => rewrite::Compression::None,
        })
    }
}

/// Takes what may begin with a minus, such as an expression or a key, but not a flag behind which it was forgotten.
pub(crate) fn expression(text: &str) -> Result<String, String> {
    let is_word = |word: &str| word.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_flag = match (text.strip_prefix("--"), text.strip_prefix('-')) {
        (Some(word), _) => is_word(word),
        (None, Some(letter)) => letter.len() == 1 && is_word(letter),
        (None, None) => false,
    };
    match is_flag {
        true => Err(
            "this looks like a flag; if it is meant, write an expression in parentheses, a key in quotes"
                .to_owned(),
        ),
        false => Ok(text.to_owned()),
    }
}

/// Reads a file of settings that a flag names.
pub(crate) fn read(file: &Path) -> anyhow::Result<String> {
    let read = std::fs::read_to_string(file);
    Ok(read.map_err(|error| UsageError(format!("cannot read `{}`: {}", file.display(), plain(&error))))?)
}

/// What to say where words about a snapshot cannot be written that is there.
pub(crate) fn only_the_report(directory: &str) -> String {
    format!("`{directory}` is complete, and only the report about it cannot be written")
}

/// Where a new snapshot shall be.
pub(crate) fn directory(output: Option<&str>, global: &Global) -> anyhow::Result<Location> {
    let Some(output) = output else {
        return Err(UsageError(
            "where to? `-o OUT` names a new directory, `--dry-run` writes none".to_owned(),
        )
        .into());
    };
    if output == "-" {
        return Err(UsageError("a snapshot is a directory, and cannot go to stdout".to_owned()).into());
    }
    let directory = Location::parse(output).map_err(statetool_ops::Error::from);
    let directory = directory.map_err(|error| global.origins.blame("output", error))?;
    if let Some(path) = directory.as_local_path() {
        output::refuse_in_a_snapshot(path)?;
    }
    Ok(directory)
}
