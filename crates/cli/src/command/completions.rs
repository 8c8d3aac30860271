//! `statetool completions`.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::Exit;

/// Print a completion script for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  statetool completions bash > ~/.local/share/bash-completion/completions/statetool
  statetool completions zsh > ~/.zfunc/_statetool
  statetool completions fish > ~/.config/fish/completions/statetool.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Runs the command.
pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "statetool", &mut script);
    let mut out = crate::output::open(None)?;
    out.write_all(&script)?;
    out.finish()?;
    Ok(Exit::Done)
}
