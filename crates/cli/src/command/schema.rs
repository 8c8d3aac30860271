//! `statetool schema`.

use std::io::Write;

use clap::{Args, ValueEnum};
use statetool_ops::schema::{SchemaFormat, schema};

use super::selector;
use crate::args::{FileArgs, Global, SnapshotArgs};
use crate::exit::Exit;
use crate::output;

/// Write down the types of states: as a tree, for Avro, Protobuf or JSON Schema.
///
/// The result is one document, whatever the number of states: an Avro record or a union of
/// records, a Protobuf file with a message a state, a JSON Schema of the rows that `cat` writes.
/// Its fields are those of a row: key, namespace, map_key and value; a list has a row an element.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  statetool schema fixtures/1.20/keyed-states/rocksdb-canonical/snapshot all-states/average
  statetool schema fixtures/1.20/value-types/hashmap-canonical/snapshot '*/person' -f avro -o person.avsc
  statetool schema fixtures/1.20/value-types/hashmap-canonical/snapshot '*/person' -f proto

Exit status: 0 done, 2 usage, 3 the snapshot cannot be read, 4 the output would destroy something,
5 the output cannot be written")]
pub(crate) struct SchemaArgs {
    #[command(flatten)]
    snapshot: SnapshotArgs,
    /// Which states: OPERATOR/STATE, OPERATOR, */STATE, or all.
    selector: Option<String>,
    /// The language of the schema.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t = Format::Tree)]
    format: Format,
    #[command(flatten)]
    file: FileArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Avro, as in an .avsc file.
    Avro,
    /// Protobuf (proto3), as in a .proto file.
    Proto,
    /// JSON Schema (2020-12) of the rows of `cat`.
    Json,
    /// An indented tree, for people.
    Tree,
}

impl From<Format> for SchemaFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Avro => Self::Avro,
            Format::Proto => Self::Proto,
            Format::Json => Self::Json,
            Format::Tree => Self::Tree,
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: &SchemaArgs, global: &Global) -> anyhow::Result<Exit> {
    let snapshot = args.snapshot.open(global)?;
    let selector = selector(args.selector.as_deref(), &snapshot);
    let schema = schema(&snapshot, &selector, args.format.into())?;
    let mut out = output::open(args.file.output.as_deref())?;
    out.write_all(schema.text.as_bytes())?;
    out.finish()?;
    for warning in &schema.warnings {
        global.warn(warning);
    }
    Ok(Exit::Done)
}
