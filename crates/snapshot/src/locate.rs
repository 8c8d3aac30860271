//! From what the user names to the `_metadata` file that is meant.

use statetool_store::{EntryKind, Location, Store};

use crate::error::{Error, Result};

/// The file to read.
#[derive(Debug, Clone)]
pub struct Located {
    /// The metadata file.
    pub metadata: Location,
    /// Set when the newest of several checkpoints was chosen.
    pub chosen: Option<String>,
}

const METADATA: &str = "_metadata";

/// Finds the metadata file of a path or URL: the file itself, a savepoint or `chk-N`
/// directory, or a job's checkpoint root, of which the newest complete `chk-N` is taken.
///
/// # Errors
/// When there is nothing of the kind, saying what there is.
pub fn locate(store: &Store, locator: &str) -> Result<Located> {
    let location = Location::parse(locator)?;
    let in_directory = location.join_file_name(METADATA)?;
    if store
        .kind(&in_directory)
        .is_ok_and(|kind| matches!(kind, Some(EntryKind::File { .. })))
    {
        return Ok(Located {
            metadata: in_directory,
            chosen: None,
        });
    }
    match store.kind(&location)? {
        Some(EntryKind::File { .. }) => Ok(Located {
            metadata: location,
            chosen: None,
        }),
        Some(EntryKind::Directory) => newest_checkpoint(store, &location),
        None => Err(Error::input(format!(
            "`{location}`: there is nothing at this place"
        ))),
    }
}

fn newest_checkpoint(store: &Store, root: &Location) -> Result<Located> {
    let entries = store.list(root)?;
    let mut checkpoints: Vec<u64> = entries
        .iter()
        .filter_map(|entry| entry.name.strip_prefix("chk-")?.parse().ok())
        .collect();
    checkpoints.sort_unstable();
    for id in checkpoints.iter().rev() {
        let metadata = root.join(&format!("chk-{id}/{METADATA}"))?;
        if store.exists(&metadata)? {
            return Ok(Located {
                metadata,
                chosen: Some(format!("chk-{id}")),
            });
        }
    }
    Err(nothing_here(root, &entries, !checkpoints.is_empty()))
}

fn nothing_here(root: &Location, entries: &[statetool_store::Entry], unfinished: bool) -> Error {
    if unfinished {
        let why = "its `chk-N` directories have no `_metadata`: these checkpoints never completed";
        return Error::input(format!("`{root}`: {why}"));
    }
    let names: Vec<&str> = entries.iter().take(8).map(|entry| entry.name.as_str()).collect();
    let error = Error::input(format!(
        "`{root}`: neither a savepoint nor a checkpoint: no `_metadata` and no `chk-N` in it"
    ));
    match names.as_slice() {
        [] => error.hint("the directory is empty"),
        names => error.hint(format!(
            "it holds {}{}",
            names.join(", "),
            if entries.len() > 8 { ", …" } else { "" }
        )),
    }
}
