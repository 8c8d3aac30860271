//! Settings in variables, `STATETOOL_…`.

use std::ffi::OsString;

use super::known::{Known, PREFIX, variable};
use super::{Setting, nearest};
use crate::exit::UsageError;

/// Names the file with settings, and is no setting itself.
pub(super) const FILE: &str = "STATETOOL_CONFIG";

/// The settings of all commands, of which each wins over those before; warns of variables that mean nothing.
pub(super) fn read(known: &Known, warnings: &mut Vec<String>) -> anyhow::Result<Vec<Vec<Setting>>> {
    let mut set = Vec::new();
    for (name, value) in std::env::vars_os() {
        if let Ok(name) = name.into_string()
            && name.starts_with(PREFIX)
            && name != FILE
            && !value.is_empty()
        {
            set.push((name, value));
        }
    }
    set.sort();
    settings(known, set, warnings)
}

/// The settings in some variables.
pub(super) fn settings(
    known: &Known,
    set: Vec<(String, OsString)>,
    warnings: &mut Vec<String>,
) -> anyhow::Result<Vec<Vec<Setting>>> {
    let all = variables(known);
    let mut settings = Vec::new();
    for (name, value) in set {
        let Some((_, command, option)) = all.iter().find(|(variable, ..)| *variable == name) else {
            let names = all.iter().map(|(name, ..)| name.as_str()).chain([FILE]);
            let hint =
                nearest(&name, names).map_or_else(String::new, |near| format!("; the nearest is `{near}`"));
            warnings.push(format!("no option has the variable `{name}`{hint}"));
            continue;
        };
        let value = value.into_string();
        let value = value.map_err(|_| UsageError(format!("`{name}`: its value is not UTF-8")))?;
        let texts = texts(&value, known.is_list(option, *command));
        settings.push(Setting {
            option: (*option).to_owned(),
            command: command.map(str::to_owned),
            texts: known.spelled(option, texts),
            origin: format!("`{name}`"),
            written: format!("`{name}={value}`"),
            own: |command, option| format!("`{}`", variable(Some(command), option)),
        });
    }
    Ok(vec![settings])
}

/// The values in a variable: of an option that may be repeated one a line, since paths and uids may hold any
/// other separator.
fn texts(value: &str, is_list: bool) -> Vec<String> {
    match is_list {
        true => value
            .lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect(),
        false => vec![value.to_owned()],
    }
}

/// The variables that there are, with the command that each is for alone, and the option.
fn variables(known: &Known) -> Vec<(String, Option<&str>, &str)> {
    let commands = known.commands().into_iter().map(Some);
    let of = |command| {
        known
            .names(command)
            .into_iter()
            .map(move |option| (variable(command, option), command, option))
    };
    [None].into_iter().chain(commands).flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn no_two_options_have_the_same_variable() {
        let program = Cli::command();
        let known = Known::of(&program);
        let mut names: Vec<String> = variables(&known).into_iter().map(|(name, ..)| name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn lists_have_a_value_a_line() {
        let cases: [(&str, &[&str]); 4] = [
            ("/a,b=/c", &["/a,b=/c"]),
            ("/a=/b\n/c=/d", &["/a=/b", "/c=/d"]),
            ("/a=/b\r\n\n/c=/d\n", &["/a=/b", "/c=/d"]),
            (" a ", &[" a "]),
        ];
        for (value, expected) in cases {
            assert_eq!(texts(value, true), expected, "{value:?}");
        }
        assert_eq!(texts("a\nb", false), ["a\nb"]);
    }
}
