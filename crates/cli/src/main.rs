//! `statetool`: opens, checks and rewrites Apache Flink checkpoints and savepoints.

mod args;
mod command;
mod config;
mod exit;
mod interrupt;
mod output;
mod progress;
mod render;
mod style;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use args::Cli;
use exit::Exit;

fn main() -> ExitCode {
    let command = match config::with_defaults(Cli::command()) {
        Ok(command) => command,
        Err(error) => return exit::report(&error).into(),
    };
    let parsed = command
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout and are no error. A closed pipe is none either.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Done.into()
            };
        }
    };
    cli.global.color.write_global();
    interrupt::install();
    match command::run(cli) {
        Ok(exit) => exit.into(),
        Err(error) => exit::report(&error).into(),
    }
}
