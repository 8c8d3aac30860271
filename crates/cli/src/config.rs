//! `statetool.toml`: defaults for flags, below the environment and the command line.

use std::path::PathBuf;

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
        text => text.map_err(|error| UsageError(format!("cannot read `{}`: {error}", path.display())))?,
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
            (false, true) => return Err(format!("no command takes `{key} = {value}`")),
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

fn has(command: &Command, key: &str) -> bool {
    command.get_arguments().any(|arg| arg.get_long() == Some(key))
}

/// Whether a command has a setting that can have this value: formats differ between commands.
fn takes(command: &Command, key: &str, value: &toml::Value) -> bool {
    let mut arguments = command.get_arguments();
    let argument = arguments.find(|arg| arg.get_long() == Some(key));
    argument.is_some_and(|arg| {
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
    let id = command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(key))
        .map(|arg| arg.get_id().clone());
    let Some(id) = id else { return command };
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
