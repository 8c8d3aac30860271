//! `statetool`: opens, checks and rewrites Apache Flink checkpoints and savepoints.

mod args;
mod command;
mod exit;
mod interrupt;
mod output;
mod progress;
mod render;
mod settings;
mod style;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};

use args::Cli;
use exit::{Exit, UsageError};
use output::say;
use settings::{Settings, takes_settings, with_variables};

fn main() -> ExitCode {
    match parse() {
        Ok(Parsed::Call(cli)) => {
            interrupt::install();
            let done = command::run(*cli);
            interrupt::hold();
            done.unwrap_or_else(|error| exit::report(&error)).into()
        }
        Ok(Parsed::Answer(exit)) => exit.into(),
        Err(error) => exit::report(&error).into(),
    }
}

/// What the command line asks for.
enum Parsed {
    /// To run a command.
    Call(Box<Cli>),
    /// Nothing more: it was a call for help, or none that can be understood.
    Answer(Exit),
}

/// Understands the command line, and what is set elsewhere.
///
/// The command line comes first and alone: help is to be had, whatever is wrong with the settings.
fn parse() -> anyhow::Result<Parsed> {
    let program = with_variables(Cli::command());
    let matches = match program.clone().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return answer(&error),
    };
    let name = matches.subcommand_name().unwrap_or_default();
    if !program.find_subcommand(name).is_some_and(takes_settings) {
        return Ok(understood(Cli::from_arg_matches(&matches)?));
    }
    let settings = Settings::read(&program, name)?;
    let matches = match settings.apply(program.clone(), name).try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return answer(&error),
    };
    let mut cli = Cli::from_arg_matches(&matches)?;
    cli.global.origins = settings.origins(&program, &matches);
    let is_quiet = cli.global.quiet;
    let parsed = understood(cli);
    for warning in settings.warnings.iter().filter(|_| !is_quiet) {
        say("warning", warning);
    }
    Ok(parsed)
}

fn understood(cli: Cli) -> Parsed {
    cli.global.color.write_global();
    Parsed::Call(Box::new(cli))
}

/// Writes help to stdout, and what is wrong with a call to stderr.
fn answer(error: &clap::Error) -> anyhow::Result<Parsed> {
    if !error.use_stderr() {
        output::print(&error.render())?;
        return Ok(Parsed::Answer(Exit::Done));
    }
    if error.kind() == ErrorKind::InvalidUtf8 {
        return Err(UsageError(not_unicode()).into());
    }
    // Nothing can be done when stderr is closed.
    let _ = error.print();
    Ok(Parsed::Answer(Exit::Usage))
}

/// Names the arguments that are no text.
fn not_unicode() -> String {
    let arguments = std::env::args_os().skip(1);
    let names: Vec<String> = arguments
        .filter(|argument| argument.to_str().is_none())
        .map(|argument| format!("`{}`", argument.display()))
        .collect();
    format!("{}: not UTF-8; rename it, or name it by a link", names.join(", "))
}
