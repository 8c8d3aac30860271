//! One module a command: its arguments, and `run`.

pub(crate) mod cat;
pub(crate) mod compact;
pub(crate) mod completions;
pub(crate) mod inspect;
pub(crate) mod man;
mod new_snapshot;
pub(crate) mod rewrite;
pub(crate) mod schema;
pub(crate) mod verify;

use statetool_ops::work::default_threads;
use statetool_snapshot::{OpenOptions, Relocation, Snapshot, StateSelector, Tables};
use statetool_store::{Store, StoreOptions};

use crate::args::{Cli, Command, Global, SnapshotArgs};
use crate::exit::Exit;
use crate::output::say;

/// Runs a command.
pub(crate) fn run(cli: Cli) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Inspect(args) => inspect::run(&args, &cli.global),
        Command::Cat(args) => cat::run(&args, &cli.global),
        Command::Schema(args) => schema::run(&args, &cli.global),
        Command::Verify(args) => verify::run(&args, &cli.global),
        Command::Rewrite(args) => rewrite::run(&args, &cli.global),
        Command::Compact(args) => compact::run(&args, &cli.global),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

impl Global {
    /// How many threads work.
    fn threads(&self) -> usize {
        self.threads.unwrap_or_else(default_threads)
    }

    /// Says what is being done, to those who want to know.
    fn tell(&self, text: impl FnOnce() -> String) {
        if self.verbose && !self.quiet {
            say("note", &text());
        }
    }

    /// Says what is no error but should be known.
    fn warn(&self, text: &str) {
        if !self.quiet {
            say("warning", text);
        }
    }
}

impl SnapshotArgs {
    /// Opens the snapshot to look at its headers, or at a few of its entries.
    fn open(&self, global: &Global) -> anyhow::Result<Snapshot> {
        self.open_with(global, Tables::InPlace)
    }

    /// Opens the snapshot to go through all of it.
    fn open_to_scan(&self, global: &Global) -> anyhow::Result<Snapshot> {
        self.open_with(global, Tables::Copied)
    }

    fn store_options(&self, global: &Global) -> anyhow::Result<StoreOptions> {
        let mut options = StoreOptions::default();
        for option in &self.store_option {
            let set = match option.split_once('=') {
                Some((key, value)) => options.set(key, value).map_err(statetool_ops::Error::from),
                None => Err(statetool_ops::Error::usage(format!(
                    "`{option}` is no store option: write KEY=VALUE"
                ))),
            };
            set.map_err(|error| global.origins.blame("store-option", error))?;
        }
        for (option, key, value) in [
            ("cache-dir", "cache.dir", &self.cache_dir),
            ("cache-size", "cache.size", &self.cache_size),
        ] {
            let set = value.as_ref().map_or(Ok(()), |value| options.set(key, value));
            set.map_err(|error| global.origins.blame(option, error.into()))?;
        }
        Ok(options)
    }

    fn relocations(&self, global: &Global) -> anyhow::Result<Vec<Relocation>> {
        let parsed = self.relocate.iter().map(|text| Relocation::parse(text));
        let parsed: Result<_, _> = parsed.collect();
        Ok(parsed.map_err(|error| global.origins.blame("relocate", error))?)
    }

    fn open_with(&self, global: &Global, tables: Tables) -> anyhow::Result<Snapshot> {
        let options = self.store_options(global)?;
        let open = OpenOptions {
            relocations: self.relocations(global)?,
            uids: self.uid.clone(),
            tables,
        };
        let snapshot = Snapshot::open(&Store::new(options), &self.snapshot, open)?;
        if let Some(chosen) = snapshot.chosen()
            && !global.quiet
        {
            say("note", &chosen.to_string());
        }
        // What is set for all snapshots need not be of use for each.
        if global.origins.of("relocate").is_none() {
            snapshot
                .idle_relocations()
                .iter()
                .for_each(|idle| global.warn(idle));
        }
        if global.origins.of("uid").is_none() {
            self.check_uids(&snapshot, global);
        }
        global.tell(|| {
            let (location, operators) = (snapshot.location(), snapshot.operators().len());
            format!(
                "`{location}` names {operators} operators; {} threads",
                global.threads()
            )
        });
        Ok(snapshot)
    }

    /// A uid that is no operator's is mostly misspelt.
    fn check_uids(&self, snapshot: &Snapshot, global: &Global) {
        let known = |uid: &str| {
            snapshot
                .operators()
                .any(|operator| operator.uid.as_deref() == Some(uid))
        };
        for uid in self.uid.iter().filter(|uid| !known(uid)) {
            global.warn(&format!("no operator of the snapshot has the uid `{uid}`"));
        }
    }
}

/// The states that a selector names; all without one.
fn selector(text: Option<&str>, snapshot: &Snapshot) -> StateSelector {
    text.map_or_else(StateSelector::all, |text| StateSelector::parse(text, snapshot))
}
