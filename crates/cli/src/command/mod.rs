//! One module a command: its arguments, and `run`.

pub(crate) mod cat;
pub(crate) mod compact;
pub(crate) mod completions;
pub(crate) mod diff;
pub(crate) mod inspect;
pub(crate) mod man;
mod new_snapshot;
pub(crate) mod rewrite;
pub(crate) mod schema;
pub(crate) mod verify;

use statetool_ops::work::default_threads;
use statetool_snapshot::{OpenOptions, Relocation, Snapshot, StateSelector, Tables};
use statetool_store::{Store, StoreOptions};

use crate::args::{AccessArgs, Cli, Command, Global, SnapshotArgs};
use crate::exit::Exit;
use crate::output::say;

/// Runs a command.
pub(crate) fn run(cli: Cli) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Inspect(args) => inspect::run(&args, &cli.global),
        Command::Cat(args) => cat::run(&args, &cli.global),
        Command::Schema(args) => schema::run(&args, &cli.global),
        Command::Verify(args) => verify::run(&args, &cli.global),
        Command::Diff(args) => diff::run(&args, &cli.global),
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

    fn open_with(&self, global: &Global, tables: Tables) -> anyhow::Result<Snapshot> {
        let snapshot = self.access.open(&self.snapshot, &[], global, tables)?;
        self.access.check(&[&snapshot], global);
        Ok(snapshot)
    }
}

impl AccessArgs {
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

    /// Opens a snapshot; `own` are relocations for it alone, which go before those for all.
    fn open(
        &self,
        locator: &str,
        own: &[Relocation],
        global: &Global,
        tables: Tables,
    ) -> anyhow::Result<Snapshot> {
        let options = self.store_options(global)?;
        let shared = relocations(&self.relocate, "relocate", global)?;
        let open = OpenOptions {
            relocations: own.iter().cloned().chain(shared).collect(),
            uids: self.uid.clone(),
            tables,
        };
        let snapshot = Snapshot::open(&Store::new(options), locator, open)?;
        if let Some(chosen) = snapshot.chosen()
            && !global.quiet
        {
            say("note", &chosen.to_string());
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

    /// Warns of relocations and uids that fit none of the snapshots.
    fn check(&self, snapshots: &[&Snapshot], global: &Global) {
        // What is set for all snapshots need not be of use for each.
        if global.origins.of("relocate").is_none() {
            warn_of_idle(&self.relocate, snapshots, global);
        }
        if global.origins.of("uid").is_none() {
            self.check_uids(snapshots, global);
        }
    }

    /// A uid that is no operator's is mostly misspelt.
    fn check_uids(&self, snapshots: &[&Snapshot], global: &Global) {
        let known = |uid: &str| {
            let mut operators = snapshots.iter().flat_map(|snapshot| snapshot.operators());
            operators.any(|operator| operator.uid.as_deref() == Some(uid))
        };
        for uid in self.uid.iter().filter(|uid| !known(uid)) {
            global.warn(&format!("no operator of the snapshot has the uid `{uid}`"));
        }
    }
}

/// Warns of relocations that change no path of any of the snapshots.
fn warn_of_idle(relocations: &[String], snapshots: &[&Snapshot], global: &Global) {
    let idle: Vec<Vec<String>> = (snapshots.iter())
        .map(|snapshot| snapshot.idle_relocations())
        .collect();
    for relocation in relocations.iter().filter_map(|text| Relocation::parse(text).ok()) {
        // Words about a relocation name it.
        let named = format!("of `{relocation}`:");
        let about: Vec<&String> = (idle.iter())
            .filter_map(|idle| idle.iter().find(|words| words.contains(&named)))
            .collect();
        if let ([words, ..], true) = (about.as_slice(), about.len() == idle.len()) {
            global.warn(words);
        }
    }
}

fn relocations(texts: &[String], option: &str, global: &Global) -> anyhow::Result<Vec<Relocation>> {
    let parsed = texts.iter().map(|text| Relocation::parse(text));
    let parsed: Result<_, _> = parsed.collect();
    Ok(parsed.map_err(|error| global.origins.blame(option, error))?)
}

/// The states that a selector names; all without one.
fn selector(text: Option<&str>, snapshot: &Snapshot) -> StateSelector {
    text.map_or_else(StateSelector::all, |text| StateSelector::parse(text, snapshot))
}
