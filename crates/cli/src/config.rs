//! `statetool.toml`: defaults for flags, below the environment and the command line.

use std::path::PathBuf;

use clap::{Arg, Command};
use statetool_store::plain;

use crate::exit::UsageError;

const FILE: &str = "statetool.toml";

/// Makes the settings of the configuration file defaults of the flags of the same names.
///
/// A setting means what the environment variable `STATETOOL_` and its name means, and is nothing
/// to commands that do not know it or have no such value. A table named like a command holds
/// settings of that command alone:
///
/// ```toml
/// format = "json"
/// [schema]
/// format = "avro"
/// ```
pub(crate) fn with_defaults(command: Command) -> anyhow::Result<Command> {
    let path = std::env::var_os("STATETOOL_CONFIG").map(PathBuf::from);
    let is_named = path.is_some();
    let path = path.unwrap_or_else(|| FILE.into());
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_named => return Ok(command),
        text => {
            text.map_err(|error| UsageError(format!("cannot read `{}`: {}", path.display(), plain(&error))))?
        }
    };
    let settings: toml::Table = text
        .parse()
        .map_err(|error| UsageError(format!("`{}`: {error}", path.display())))?;
    apply(command, &settings).map_err(|why| UsageError(format!("`{}`: {why}", path.display())).into())
}

fn apply(mut command: Command, settings: &toml::Table) -> Result<Command, String> {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    let (tables, shared): (Vec<_>, Vec<_>) = settings.iter().partition(|(_, value)| value.is_table());
    for (key, value) in shared {
        let mut used = has(&command, key);
        if used {
            command = set(command, key, value);
        }
        for name in &names {
            if command
                .find_subcommand(name)
                .is_some_and(|sub| takes(sub, key, value))
            {
                used = true;
                command = command.mut_subcommand(name, |sub| set(sub, key, value));
            }
        }
        let known = names
            .iter()
            .any(|name| command.find_subcommand(name).is_some_and(|sub| has(sub, key)));
        match (used, known) {
            (true, _) => {}
            (false, true) => return Err(nobody_takes(&command, key, value)),
            (false, false) => return Err(format!("there is no setting `{key}`")),
        }
    }
    // After the shared ones, so that a command's own settings win.
    for (name, table) in tables {
        for (key, value) in table.as_table().into_iter().flatten() {
            match command.find_subcommand(name) {
                None => return Err(format!("there is no command `{name}`")),
                Some(sub) if !has(sub, key) => return Err(format!("`{name}` has no setting `{key}`")),
                Some(_) => command = command.mut_subcommand(name, |sub| set(sub, key, value)),
            }
        }
    }
    Ok(command)
}

/// The error for a value that only a command of its own kind of setting may take.
fn nobody_takes(command: &Command, key: &str, value: &toml::Value) -> String {
    let own = command
        .get_subcommands()
        .find(|sub| !is_shared(sub, key) && fits(sub, key, value));
    let hint = own.map_or_else(String::new, |sub| {
        format!("; that of `{0}` stands in a table `[{0}]`", sub.get_name())
    });
    format!("no command takes `{key} = {value}`{hint}")
}

fn has(command: &Command, key: &str) -> bool {
    argument(command, key).is_some()
}

/// Whether a setting for all commands is one for this command, and can have this value there.
fn takes(command: &Command, key: &str, value: &toml::Value) -> bool {
    is_shared(command, key) && fits(command, key, value)
}

/// Whether a command's setting means the same as in other commands: the language of a schema is not
/// the format of a report, and has another environment variable.
fn is_shared(command: &Command, key: &str) -> bool {
    let variable = format!("STATETOOL_{}", key.to_uppercase().replace('-', "_"));
    argument(command, key).is_some_and(|arg| arg.get_env().is_none_or(|own| own == variable.as_str()))
}

fn argument<'c>(command: &'c Command, key: &str) -> Option<&'c Arg> {
    command.get_arguments().find(|arg| arg.get_long() == Some(key))
}

/// Whether a command has a setting that can have this value: formats differ between commands.
fn fits(command: &Command, key: &str, value: &toml::Value) -> bool {
    argument(command, key).is_some_and(|arg| {
        let possible = arg.get_possible_values();
        let is_flag = !arg.get_action().takes_values();
        is_flag
            || possible.is_empty()
            || texts(value).iter().all(|text| {
                possible
                    .iter()
                    .any(|one| one.matches(text, arg.is_ignore_case_set()))
            })
    })
}

fn set(command: Command, key: &str, value: &toml::Value) -> Command {
    let Some(id) = argument(&command, key).map(|arg| arg.get_id().clone()) else {
        return command;
    };
    command.mut_arg(id, |arg| arg.default_values(texts(value)))
}

fn texts(value: &toml::Value) -> Vec<String> {
    match value {
        toml::Value::Array(values) => values.iter().map(text).collect(),
        value => vec![text(value)],
    }
}

fn text(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
