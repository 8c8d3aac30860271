//! `statetool man`.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory, ValueHint};

use crate::args::Cli;
use crate::exit::Exit;

/// Write the man pages into a directory.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  statetool man ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The directory; it is made if it does not exist.
    #[arg(value_hint = ValueHint::DirPath)]
    directory: PathBuf,
}

/// Runs the command.
pub(crate) fn run(args: &ManArgs) -> anyhow::Result<Exit> {
    std::fs::create_dir_all(&args.directory)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &args.directory))
        .with_context(|| format!("cannot write man pages into `{}`", args.directory.display()))?;
    Ok(Exit::Done)
}
