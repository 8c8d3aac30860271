//! Settings in `statetool.toml`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use statetool_store::plain;
use toml::Value;

use super::known::Known;
use super::{Setting, environment, nearest};
use crate::exit::UsageError;

const FILE: &str = "statetool.toml";

/// The settings of the file that `STATETOOL_CONFIG` names, else of the one in the current directory.
pub(super) fn read(known: &Known) -> anyhow::Result<Vec<Vec<Setting>>> {
    let named = std::env::var_os(environment::FILE).filter(|name| !name.is_empty());
    let path = named.as_ref().map_or_else(|| PathBuf::from(FILE), PathBuf::from);
    let text = match std::fs::read_to_string(&path) {
        // What is a link to nowhere was meant to be there.
        Err(error)
            if error.kind() == ErrorKind::NotFound && named.is_none() && path.symlink_metadata().is_err() =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(UsageError(unreadable(&path, &error, named.is_some())).into()),
        Ok(text) => text,
    };
    let name = path.display();
    let table: toml::Table = (text.parse()).map_err(|error| UsageError(format!("`{name}`: {error}")))?;
    let settings = settings(&table, &name.to_string(), known);
    let settings = settings.map_err(|why| UsageError(format!("`{name}`: {why}")))?;
    Ok(vec![settings])
}

fn unreadable(path: &Path, error: &std::io::Error, is_named: bool) -> String {
    let variable = match is_named {
        true => format!(", which `{}` names", environment::FILE),
        false => String::new(),
    };
    let link = match path.symlink_metadata().is_ok_and(|there| there.is_symlink()) {
        true => " (it is a symbolic link)",
        false => "",
    };
    format!(
        "cannot read `{}`{variable}: {}{link}",
        path.display(),
        plain(error)
    )
}

fn settings(table: &toml::Table, file: &str, known: &Known) -> Result<Vec<Setting>, String> {
    let mut settings = Vec::new();
    for (key, value) in table {
        let Value::Table(inner) = value else {
            settings.push(setting(None, key, value, file, known)?);
            continue;
        };
        if known.names(None).contains(&key.as_str()) {
            return Err(format!("`{key}` takes a value, and no table"));
        }
        if !known.commands().contains(&key.as_str()) {
            let near = nearest(key, known.commands()).unwrap_or_default();
            return Err(format!("there is no command `{key}`; the nearest is `{near}`"));
        }
        for (inner_key, value) in inner {
            settings.push(setting(Some(key), inner_key, value, file, known)?);
        }
    }
    Ok(settings)
}

fn setting(
    command: Option<&str>,
    key: &str,
    value: &Value,
    file: &str,
    known: &Known,
) -> Result<Setting, String> {
    let names = known.names(command);
    let place = command.map_or_else(String::new, |command| format!(" in `[{command}]`"));
    if !names.contains(&key) {
        let near = nearest(key, names).map_or_else(String::new, |near| format!("; the nearest is `{near}`"));
        return Err(format!("there is no setting `{key}`{place}{near}"));
    }
    let texts = match value {
        Value::Array(values) if known.is_list(key, command) => values.iter().map(text).collect(),
        Value::Array(_) => return Err(format!("`{key}`{place} takes one value, and no array")),
        value => vec![text(value)],
    };
    Ok(Setting {
        option: key.to_owned(),
        command: command.map(str::to_owned),
        texts: known.spelled(key, texts),
        origin: format!("`{file}`: `{key}`{place}"),
        written: format!("`{file}`: `{key} = {value}`{place}"),
        own: |command, option| format!("`{option}` in a table `[{command}]`"),
    })
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
