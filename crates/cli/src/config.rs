//! `statetool.toml`: defaults for flags, below the environment and the command line.

use std::path::PathBuf;

use anyhow::Context;
use clap::Command;

use crate::exit::UsageError;

const FILE: &str = "statetool.toml";

/// Makes the settings of the configuration file defaults of the flags of the same names.
///
/// A table named like a command holds settings of that command alone:
///
/// ```toml
/// format = "json"
/// [cat]
/// format = "jsonl"
/// ```
pub(crate) fn with_defaults(command: Command) -> anyhow::Result<Command> {
    let path = std::env::var_os("STATETOOL_CONFIG").map(PathBuf::from);
    let is_named = path.is_some();
    let path = path.unwrap_or_else(|| FILE.into());
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_named => return Ok(command),
        text => text.with_context(|| format!("cannot read `{}`", path.display()))?,
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
            if command.find_subcommand(name).is_some_and(|sub| has(sub, key)) {
                used = true;
                command = command.mut_subcommand(name, |sub| set(sub, key, value));
            }
        }
        if !used {
            return Err(format!("there is no setting `{key}`"));
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

fn has(command: &Command, key: &str) -> bool {
    command.get_arguments().any(|arg| arg.get_long() == Some(key))
}

fn set(command: Command, key: &str, value: &toml::Value) -> Command {
    let id = command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(key))
        .map(|arg| arg.get_id().clone());
    let Some(id) = id else { return command };
    let texts: Vec<String> = match value {
        toml::Value::Array(values) => values.iter().map(text).collect(),
        value => vec![text(value)],
    };
    command.mut_arg(id, |arg| arg.default_values(texts))
}

fn text(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
