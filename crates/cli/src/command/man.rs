//! `statetool man`.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Arg, ArgAction, Args, Command, CommandFactory, ValueHint};
use clap_mangen::Man;

use crate::args::Cli;
use crate::exit::Exit;
use crate::output;
use crate::settings::with_variables;

/// Write the man pages into a directory.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  statetool man ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The directory; it is made if it does not exist.
    #[arg(value_hint = ValueHint::DirPath)]
    directory: PathBuf,
}

/// When what the pages say was last changed.
const DATE: &str = "2026-11-21";

/// Runs the command.
pub(crate) fn run(args: &ManArgs) -> anyhow::Result<Exit> {
    output::refuse_a_snapshot(&args.directory)?;
    let mut program = with_variables(Cli::command()).disable_help_subcommand(true);
    program.build();
    let written = fs::create_dir_all(&args.directory).and_then(|()| {
        let commands = program.get_subcommands().filter(|command| !command.is_hide_set());
        commands
            .chain([&program])
            .try_for_each(|command| page(command).generate_to(&args.directory).map(|_| ()))
    });
    written.with_context(|| format!("cannot write man pages into `{}`", args.directory.display()))?;
    Ok(Exit::Done)
}

/// The page of a command.
fn page(command: &Command) -> Man {
    let name = command
        .get_display_name()
        .unwrap_or(command.get_name())
        .to_owned();
    let source = format!("statetool {}", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone().override_usage(synopsis(command)))
        .title(name)
        .date(DATE)
        .source(source)
        .manual("statetool")
}

/// How the command is called: its options in the order of the help text, with the names of their values.
fn synopsis(command: &Command) -> String {
    let mut words = vec![command.get_bin_name().unwrap_or(command.get_name()).to_owned()];
    let mut options: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_positional())
        .collect();
    options.sort_by_key(|arg| (arg.get_help_heading().is_some(), arg.get_display_order()));
    words.extend(options.into_iter().map(option));
    words.extend(command.get_positionals().map(|arg| {
        let name = value_name(arg);
        match arg.is_required_set() {
            true => name,
            false => format!("[{name}]"),
        }
    }));
    if command.has_subcommands() {
        words.push("COMMAND".to_owned());
    }
    words.join(" ")
}

fn option(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let value = match arg.get_action().takes_values() {
        true => format!(" {}", value_name(arg)),
        false => String::new(),
    };
    let more = if matches!(arg.get_action(), ArgAction::Append) {
        "..."
    } else {
        ""
    };
    format!("[{}{value}]{more}", names.join("|"))
}

fn value_name(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    names
        .iter()
        .map(|name| name.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}
