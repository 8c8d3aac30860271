//! `statetool man`.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};

use crate::args::Cli;
use crate::exit::Exit;

/// Write the man pages into a directory.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The directory; it must exist.
    directory: PathBuf,
}

/// Runs the command.
pub(crate) fn run(args: &ManArgs) -> anyhow::Result<Exit> {
    clap_mangen::generate_to(Cli::command(), &args.directory)
        .with_context(|| format!("cannot write man pages into `{}`", args.directory.display()))?;
    Ok(Exit::Done)
}
