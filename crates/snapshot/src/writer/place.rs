//! Where a new snapshot may be, and what unfinished ones have left there.

use std::path::Path;

use statetool_store::{Entry, EntryKind, Location, Store};

use super::{METADATA, target};
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;

/// What the names of files begin with that a run has written.
const PREFIX: &str = "statetool-";
/// Hex digits of a run's number.
const RUN_DIGITS: usize = 16;

/// What a run is called in the names of its files.
pub(super) fn run_name(run: u64) -> String {
    format!("{run:0RUN_DIGITS$x}")
}

/// The name of a file of a run.
pub(super) fn file_name(run: &str, number: u32) -> String {
    format!("{PREFIX}{run}-{number:06}")
}

/// Whether it is what another run has left.
pub(super) fn is_left_by_another(name: &str, run: &str) -> bool {
    match run_of(name) {
        Some(other) => other != run,
        None => is_unpublished(name),
    }
}

/// Whether it is what any run has left, or is writing.
pub(crate) fn is_left(name: &str) -> bool {
    run_of(name).is_some() || is_unpublished(name)
}

/// The run that has written a file of this name.
fn run_of(name: &str) -> Option<&str> {
    let (run, number) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let is_number = |text: &str, radix| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    (run.len() == RUN_DIGITS && is_number(run, 16) && is_number(number, 10)).then_some(run)
}

/// Whether it is what `_metadata` was to become.
fn is_unpublished(name: &str) -> bool {
    let rest = name.strip_prefix(METADATA);
    rest.is_some_and(|rest| rest.starts_with(".unpublished-"))
}

/// Refuses a directory that holds something else than what unfinished runs have left.
pub(super) fn refuse_occupied(store: &Store, directory: &Location) -> Result<()> {
    match store.kind(directory).map_err(target)? {
        None if is_link(directory) => {
            return Err(
                Error::refused(format!("`{directory}` is a link that leads nowhere"))
                    .hint("name the directory itself"),
            );
        }
        None => return Ok(()),
        Some(EntryKind::File { .. }) => {
            return Err(Error::refused(format!(
                "`{directory}` is a file, and not a new directory"
            )));
        }
        Some(EntryKind::Directory) => {}
    }
    let entries = match store.list(directory) {
        Err(error) if error.is_not_found() => return Ok(()),
        listed => listed.map_err(target)?,
    };
    let foreign = entries.iter().find(|entry| !is_left(&entry.name));
    match foreign {
        None => Ok(()),
        Some(Entry {
            name,
            kind: EntryKind::File { len: 0 },
        }) if name == METADATA => Err(Error::refused(format!(
            "`{directory}` holds an empty `{METADATA}`, which a run leaves that is ended while it publishes"
        ))
        .hint("remove it if no run is writing there")),
        Some(entry) if entry.name == METADATA => {
            Err(Error::refused(format!("`{directory}` holds a snapshot already"))
                .hint("a snapshot is never changed; name a new directory"))
        }
        Some(entry) => Err(
            Error::refused(format!("`{directory}` is not empty, it holds `{}`", entry.name))
                .hint("name a new or empty directory"),
        ),
    }
}

/// Whether a local place is a link, wherever that leads.
fn is_link(place: &Location) -> bool {
    place.as_local_path().is_some_and(Path::is_symlink)
}

/// Refuses places in which files of an input lie, or around them.
pub(super) fn refuse_inside(directory: &Location, input: &Snapshot) -> Result<()> {
    let directory = directory.resolved();
    for place in input.directories() {
        let place = place.resolved();
        if directory.relative_to(&place).is_some() {
            let lies = match directory == place {
                true => "is".to_owned(),
                false => format!("lies in `{place}`,"),
            };
            return Err(
                Error::refused(format!("`{directory}` {lies} where files of the input are"))
                    .hint("name a directory elsewhere"),
            );
        }
    }
    Ok(())
}
