//! Settings for options that are not on the command line: from the environment, else from
//! `statetool.toml`.
//!
//! Every long option has the variable `STATETOOL_<NAME>` and the key `<name>`, for all commands that
//! have such an option and can take the value, and `STATETOOL_<COMMAND>_<NAME>` and a key in the table
//! `[<command>]` for one command alone. They become defaults of the options, so that a flag wins.

mod environment;
mod file;
mod known;

use std::collections::BTreeMap;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use statetool_snapshot::distance;

use crate::exit::UsageError;
use known::Known;

pub(crate) use known::{takes_settings, with_variables};

/// Where the values of options come from that no flag has set, by the options' long names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origins(BTreeMap<String, String>);

impl Origins {
    /// The variable, or the file and key, that has set an option; `None` for a flag, and for a default.
    pub(crate) fn of(&self, option: &str) -> Option<&str> {
        self.0.get(option).map(String::as_str)
    }

    /// An error about the value of an option, with the place where that stands.
    pub(crate) fn blame(&self, option: &str, error: statetool_ops::Error) -> statetool_ops::Error {
        match self.of(option) {
            Some(origin) => error.within(origin),
            None => error,
        }
    }
}

/// A value that somebody has set outside of the command line.
#[derive(Debug, Clone)]
struct Setting {
    /// The option's long name.
    option: String,
    /// The only command that is meant.
    command: Option<String>,
    /// One text, or for options that may be repeated any number.
    texts: Vec<String>,
    /// The variable, or the file and the key.
    origin: String,
    /// As it stands there.
    written: String,
    /// How a setting of one command alone would be called there.
    own: fn(&str, &str) -> String,
}

/// Settings for one run of one command.
pub(crate) struct Settings {
    chosen: Vec<Setting>,
    /// What is wrong without being an error.
    pub(crate) warnings: Vec<String>,
}

impl Settings {
    /// Reads the environment and the file, and takes what the command `name` needs.
    ///
    /// # Errors
    /// A file that cannot be read, or names what is not there; a value that no option takes.
    pub(crate) fn read(command: &Command, name: &str) -> anyhow::Result<Self> {
        let known = Known::of(command);
        let mut warnings = Vec::new();
        let mut settings = file::read(&known)?;
        settings.extend(environment::read(&known, &mut warnings)?);
        Ok(Self {
            chosen: choose(&known, settings, name)?,
            warnings,
        })
    }

    /// Makes the settings defaults of the command's options.
    pub(crate) fn apply(&self, mut command: Command, name: &str) -> Command {
        for setting in &self.chosen {
            let set = |command: Command| {
                let found = known::option(&command, &setting.option).map(|arg| arg.get_id().clone());
                match found {
                    Some(id) => command.mut_arg(id, |arg| arg.default_values(setting.texts.clone())),
                    None => command,
                }
            };
            command = set(command).mut_subcommand(name, set);
        }
        command
    }

    /// Where the values come from that no flag has set.
    pub(crate) fn origins(&self, program: &Command, matches: &ArgMatches) -> Origins {
        let Some((name, matches)) = matches.subcommand() else {
            return Origins::default();
        };
        let is_flag = |setting: &&Setting| {
            let own = program.find_subcommand(name);
            let arg = own.and_then(|command| known::option(command, &setting.option));
            let arg = arg.or_else(|| known::option(program, &setting.option));
            arg.is_some_and(|arg| {
                matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
            })
        };
        let elsewhere = self.chosen.iter().filter(|setting| !is_flag(setting));
        Origins(
            elsewhere
                .map(|setting| (setting.option.clone(), setting.origin.clone()))
                .collect(),
        )
    }
}

/// The settings that one command needs, of sources of which each wins over those before.
fn choose(known: &Known, sources: Vec<Vec<Setting>>, command: &str) -> Result<Vec<Setting>, UsageError> {
    let mut chosen: BTreeMap<String, Setting> = BTreeMap::new();
    for source in sources {
        // What is meant for one command alone goes before what is meant for all.
        let (own, shared): (Vec<_>, Vec<_>) =
            source.into_iter().partition(|setting| setting.command.is_some());
        for setting in shared.into_iter().chain(own) {
            if known.takes(command, &setting).map_err(UsageError)? {
                chosen.insert(setting.option.clone(), setting);
            }
        }
    }
    Ok(chosen.into_values().collect())
}

/// The name that is most like another one.
fn nearest<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    names.into_iter().min_by_key(|known| distance(name, known))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::{Arg, CommandFactory};

    use super::*;
    use crate::args::Cli;

    /// Something that an option takes and that is not its default.
    fn sample(known: &Known, option: &str, command: &str) -> String {
        let texts = [
            "true",
            "canonical",
            "hashmap",
            "snappy",
            "json",
            "never",
            "1",
            "1GiB",
            "a=uid:b",
            "a/b=c",
            "0-1",
            "1.20",
            "7d",
            "a/b=7d",
            "last",
            "2026-05-01T10:00:00Z",
        ];
        let takes = |text: &&str| {
            let setting = Setting {
                option: option.to_owned(),
                command: Some(command.to_owned()),
                texts: vec![(*text).to_owned()],
                origin: String::new(),
                written: String::new(),
                own: |_, _| String::new(),
            };
            known.takes(command, &setting).unwrap_or(false)
        };
        texts.into_iter().find(takes).unwrap().to_owned()
    }

    fn parsed(arg: &Arg, matches: &ArgMatches) -> Vec<OsString> {
        let matches = matches.subcommand().unwrap().1;
        let raw = matches.get_raw(arg.get_id().as_str());
        raw.into_iter().flatten().map(OsString::from).collect()
    }

    #[test]
    fn every_option_of_every_command_can_be_set_by_its_variable() {
        let program = Cli::command();
        let known = Known::of(&program);
        let mut count = 0;
        for command in program
            .get_subcommands()
            .filter(|command| takes_settings(command))
        {
            let name = command.get_name();
            for arg in command.get_arguments().chain(program.get_arguments()) {
                let Some(long) = arg.get_long().filter(|_| known::is_setting(arg)) else {
                    continue;
                };
                let text = sample(&known, long, name);
                let is_apart = [("schema", "format"), ("rewrite", "output"), ("compact", "output")]
                    .contains(&(name, long));
                let upper = |text: &str| text.to_uppercase().replace('-', "_");
                let shared = format!("STATETOOL_{}", upper(long));
                let own = format!("STATETOOL_{}_{}", upper(name), upper(long));
                let variables = if is_apart { vec![own] } else { vec![shared, own] };
                for variable in variables {
                    let mut warnings = Vec::new();
                    let set = vec![(variable.clone(), OsString::from(&text))];
                    let sources = environment::settings(&known, set, &mut warnings).unwrap();
                    let settings = Settings {
                        chosen: choose(&known, sources, name).unwrap(),
                        warnings,
                    };
                    assert!(settings.warnings.is_empty(), "{variable}");
                    let snapshots = vec!["snapshot"; if name == "diff" { 2 } else { 1 }];
                    let call = [vec!["statetool", name], snapshots].concat();
                    let matches = settings
                        .apply(program.clone(), name)
                        .try_get_matches_from(&call)
                        .unwrap();
                    assert_eq!(
                        parsed(arg, &matches),
                        [OsString::from(&text)],
                        "{name} {variable}"
                    );
                    let origins = settings.origins(&program, &matches);
                    assert_eq!(origins.of(long), Some(format!("`{variable}`").as_str()));
                    let flag = match arg.get_action().takes_values() {
                        true => format!("--{long}={text}"),
                        false => format!("--{long}"),
                    };
                    let matches = settings
                        .apply(program.clone(), name)
                        .try_get_matches_from([call, vec![&flag]].concat())
                        .unwrap();
                    assert_eq!(settings.origins(&program, &matches), Origins::default(), "{flag}");
                    count += 1;
                }
            }
        }
        assert!(count > 100, "only {count} variables");
    }

    #[test]
    fn the_help_of_every_option_names_its_variable() {
        let program = with_variables(Cli::command());
        for command in program
            .get_subcommands()
            .filter(|command| takes_settings(command))
        {
            for arg in command.get_arguments().filter(|arg| known::is_setting(arg)) {
                let help = arg.get_long_help().unwrap().to_string();
                assert!(
                    help.contains("[env: STATETOOL_"),
                    "{}: {help}",
                    command.get_name()
                );
            }
        }
    }
}
