//! The options that there are, and which values they take.

use std::error::Error;

use clap::{Arg, ArgAction, Command};

use super::Setting;

/// Options that mean something else than those of the same name of other commands: the language of a schema is
/// not the format of a report, and a directory for a new snapshot is no file for a result.
const APART: &[(&str, &str)] = &[("schema", "format"), ("rewrite", "output"), ("compact", "output")];

/// The options of all commands.
pub(super) struct Known {
    /// Command, and one of its options.
    options: Vec<(String, Arg)>,
}

impl Known {
    /// Those of a program that is not built yet.
    pub(super) fn of(program: &Command) -> Self {
        let mut options = Vec::new();
        for command in program
            .get_subcommands()
            .filter(|command| takes_settings(command))
        {
            let all = command.get_arguments().chain(program.get_arguments());
            let mine = all.filter(|arg| is_setting(arg));
            options.extend(mine.map(|arg| (command.get_name().to_owned(), arg.clone())));
        }
        Self { options }
    }

    /// The names of the commands that take settings.
    pub(super) fn commands(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.options.iter().map(|(name, _)| name.as_str()).collect();
        names.dedup();
        names
    }

    /// The long names of the options of a command, or of those that a setting for all commands can be for.
    pub(super) fn names(&self, command: Option<&str>) -> Vec<&str> {
        let mine = self.options.iter().filter(|(name, arg)| match command {
            Some(command) => name == command,
            None => !is_apart(name, arg),
        });
        let mut names: Vec<&str> = mine.filter_map(|(_, arg)| arg.get_long()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The options that a setting may be for.
    fn meant<'k>(
        &'k self,
        option: &'k str,
        command: Option<&'k str>,
    ) -> impl Iterator<Item = &'k (String, Arg)> {
        self.options.iter().filter(move |(name, arg)| {
            arg.get_long() == Some(option)
                && command.map_or_else(|| !is_apart(name, arg), |command| command == name)
        })
    }

    /// Whether an option may be given more than once.
    pub(super) fn is_list(&self, option: &str, command: Option<&str>) -> bool {
        self.meant(option, command).any(|(_, arg)| is_list(arg))
    }

    /// Texts as an option takes them: what shells and people call true and false.
    pub(super) fn spelled(&self, option: &str, mut texts: Vec<String>) -> Vec<String> {
        let mut named = self
            .options
            .iter()
            .filter(|(_, arg)| arg.get_long() == Some(option));
        if named.any(|(_, arg)| !arg.get_action().takes_values()) {
            for text in &mut texts {
                match text.to_ascii_lowercase().as_str() {
                    "1" | "true" | "yes" | "on" => "true".clone_into(text),
                    "0" | "false" | "no" | "off" => "false".clone_into(text),
                    _ => {}
                }
            }
        }
        texts
    }

    /// Whether a setting is one of this command; an error if it is one of no command.
    pub(super) fn takes(&self, command: &str, setting: &Setting) -> Result<bool, String> {
        let (option, only) = (setting.option.as_str(), setting.command.as_deref());
        let mut why = Vec::new();
        let mut taken = Vec::new();
        for (name, arg) in self.meant(option, only) {
            match setting.texts.iter().try_for_each(|text| check(arg, text)) {
                Ok(()) => taken.push(name.as_str()),
                Err(error) if why.contains(&error) => {}
                Err(error) => why.push(error),
            }
        }
        // Formats differ between commands: it is enough if one takes it.
        if taken.is_empty() {
            why.sort_by_key(|why| std::cmp::Reverse(why.len()));
            let why = why.first().cloned().unwrap_or_default();
            let apart = APART.iter().find(|(_, apart)| only.is_none() && *apart == option);
            let hint = apart.map_or_else(String::new, |(command, option)| {
                format!("; that of `{command}` is {}", (setting.own)(command, option))
            });
            return Err(format!("{}: {why}{hint}", setting.written));
        }
        Ok(taken.contains(&command))
    }
}

/// Whether an option has a setting of its own, and not that of other commands.
fn is_apart(command: &str, arg: &Arg) -> bool {
    APART
        .iter()
        .any(|(name, option)| *name == command && arg.get_long() == Some(*option))
}

/// Whether a command has something to set: the scripts and pages for shells are always the same.
pub(crate) fn takes_settings(command: &Command) -> bool {
    !matches!(command.get_name(), "completions" | "man" | "help")
}

/// Whether something can be set elsewhere than in a call: not what takes several values at once, such as a
/// state and an expression.
pub(super) fn is_setting(arg: &Arg) -> bool {
    let takes_one = arg.get_num_args().is_none_or(|count| count.max_values() <= 1);
    arg.get_long().is_some() && takes_one
}

/// Whether an option may be given more than once.
pub(super) fn is_list(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// The option of a command that has a long name.
pub(super) fn option<'c>(command: &'c Command, name: &str) -> Option<&'c Arg> {
    command.get_arguments().find(|arg| arg.get_long() == Some(name))
}

/// Why an option does not take a value.
fn check(arg: &Arg, text: &str) -> Result<(), String> {
    if !arg.get_action().takes_values() {
        return match text {
            "true" | "false" => Ok(()),
            _ => Err("expected `true` or `false`".to_owned()),
        };
    }
    // Without the others that it may need.
    let value = Arg::new("value")
        .long("value")
        .action(arg.get_action().clone())
        .value_parser(arg.get_value_parser().clone())
        .value_delimiter(arg.get_value_delimiter());
    let alone = Command::new("setting").no_binary_name(true).arg(value);
    let flag = format!("--value={text}");
    let Err(error) = alone.try_get_matches_from([flag]) else {
        return Ok(());
    };
    let possible: Vec<String> = (arg.get_possible_values().iter())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    Err(match (possible.as_slice(), error.source()) {
        ([first @ .., last], _) => format!("expected {} or {last}", first.join(", ")),
        ([], Some(why)) => why.to_string(),
        ([], None) => "no value".to_owned(),
    })
}

/// The variable of an option: of all commands, or of one alone.
pub(super) fn variable(command: Option<&str>, option: &str) -> String {
    let of_one = command.map_or_else(String::new, |command| format!("{command}_"));
    format!("{PREFIX}{of_one}{option}")
        .to_uppercase()
        .replace('-', "_")
}

/// What all variables begin with.
pub(super) const PREFIX: &str = "STATETOOL_";

/// The program with the variables of its options in their long help.
pub(crate) fn with_variables(mut program: Command) -> Command {
    let names: Vec<String> = (program.get_subcommands())
        .filter(|command| takes_settings(command))
        .map(|command| command.get_name().to_owned())
        .collect();
    for name in names {
        program = program.mut_subcommand(&name, |command| {
            command.mut_args(|arg| {
                let own = is_apart(&name, &arg).then_some(name.as_str());
                named(arg, own)
            })
        });
    }
    program.mut_args(|arg| named(arg, None))
}

fn named(arg: Arg, command: Option<&str>) -> Arg {
    let Some(long) = arg.get_long().filter(|_| is_setting(&arg)) else {
        return arg;
    };
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string);
    let variable = variable(command, long);
    arg.long_help(format!("{}\n\n[env: {variable}]", help.unwrap_or_default()))
}
