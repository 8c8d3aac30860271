//! One module a command: its arguments, and `run`.

pub(crate) mod cat;
pub(crate) mod completions;
pub(crate) mod inspect;
pub(crate) mod man;
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

    fn store_options(&self) -> anyhow::Result<StoreOptions> {
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
        for (key, value) in [("cache.dir", &self.cache_dir), ("cache.size", &self.cache_size)] {
            if let Some(value) = value {
                options.set(key, value).map_err(statetool_ops::Error::from)?;
            }
        }
        Ok(options)
    }

    fn open_with(&self, global: &Global, tables: Tables) -> anyhow::Result<Snapshot> {
        let options = self.store_options()?;
        let relocations = self
            .relocate
            .iter()
            .map(|text| Relocation::parse(text))
            .collect::<Result<_, _>>()?;
        let open = OpenOptions {
            relocations,
            uids: self.uid.clone(),
            tables,
        };
        let snapshot = Snapshot::open(&Store::new(options), &self.snapshot, open)?;
        if let Some(chosen) = snapshot.chosen()
            && !global.quiet
        {
            say("note", &chosen.to_string());
        }
        for idle in snapshot.idle_relocations() {
            global.warn(&idle);
        }
        self.check_uids(&snapshot, global);
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
