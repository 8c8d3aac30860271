//! One module a command: its arguments, and `run`.

pub(crate) mod cat;
pub(crate) mod completions;
pub(crate) mod inspect;
pub(crate) mod man;
pub(crate) mod verify;

use statetool_ops::work::default_threads;
use statetool_snapshot::{OpenOptions, Relocation, Snapshot};
use statetool_store::{Store, StoreOptions};

use crate::args::{Cli, Command, Global, SnapshotArgs};
use crate::exit::Exit;
use crate::output::say;

/// Runs a command.
pub(crate) fn run(cli: Cli) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Inspect(args) => inspect::run(&args, &cli.global),
        Command::Cat(args) => cat::run(&args, &cli.global),
        Command::Verify(args) => verify::run(&args, &cli.global),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

impl Global {
    /// How many threads work.
    fn threads(&self) -> usize {
        self.threads.map_or_else(default_threads, usize::from)
    }

    /// Says what is no error but should be known.
    fn warn(&self, text: &str) {
        if !self.quiet {
            say("warning", text);
        }
    }
}

impl SnapshotArgs {
    /// Opens the snapshot.
    fn open(&self, global: &Global) -> anyhow::Result<Snapshot> {
        let mut options = StoreOptions::default();
        for option in &self.store_option {
            let Some((key, value)) = option.split_once('=') else {
                return Err(crate::exit::UsageError(format!(
                    "`{option}` is no store option: write KEY=VALUE"
                ))
                .into());
            };
            options.set(key, value).map_err(statetool_ops::Error::from)?;
        }
        let relocations = self
            .relocate
            .iter()
            .map(|text| Relocation::parse(text))
            .collect::<Result<_, _>>()?;
        let open = OpenOptions {
            relocations,
            uids: self.uid.clone(),
        };
        let snapshot = Snapshot::open(&Store::new(options), &self.snapshot, open)?;
        if let Some(chosen) = snapshot.chosen()
            && !global.quiet
        {
            say(
                "note",
                &format!("reading `{chosen}`, the newest complete checkpoint there"),
            );
        }
        Ok(snapshot)
    }
}
