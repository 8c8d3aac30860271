//! From what the user names to the `_metadata` file that is meant.

use statetool_store::{ErrorKind, Location, Object, Store};

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

/// How many bytes of it come with the answer whether it is there: all of most.
const HEAD: u64 = 64 << 10;

/// Finds the metadata file of a path or URL: the file itself, a savepoint or `chk-N`
/// directory, or a job's checkpoint root, of which the newest complete `chk-N` is taken.
///
/// # Errors
/// When there is nothing of the kind, saying what there is.
pub fn locate(store: &Store, locator: &str) -> Result<Located> {
    find(store, locator).map(|(located, _)| located)
}

/// As [`locate`], with the file opened.
pub(crate) fn find(store: &Store, locator: &str) -> Result<(Located, Object)> {
    let location = Location::parse(locator)?;
    let inside = location.join_file_name(METADATA)?;
    // What is likelier first: elsewhere than in the local file system each look takes its time.
    let candidates = match location.file_name().as_deref() {
        Some(METADATA) => [&location, &inside],
        _ => [&inside, &location],
    };
    let mut refused = None;
    for candidate in candidates {
        match store.open_with_head(candidate, HEAD) {
            Ok(object) => {
                let metadata = candidate.clone();
                let chosen = None;
                return Ok((Located { metadata, chosen }, object));
            }
            Err(error) => match error.kind() {
                // The second is a directory, or is looked for inside of a file.
                ErrorKind::NotFound | ErrorKind::Invalid => {}
                // Stores that must not be listed say so of what is missing, too.
                ErrorKind::PermissionDenied => {
                    refused.get_or_insert(error);
                }
                _ => return Err(error.into()),
            },
        }
    }
    match (newest_checkpoint(store, &location), refused) {
        (Err(Listing::Failed(_)), Some(refused)) => Err(refused.into()),
        (Err(Listing::Failed(error)), None) => Err(match error.kind() {
            ErrorKind::NotFound => Error::input(format!("`{location}`: there is nothing at this place")),
            ErrorKind::Unsupported => Error::input(format!(
                "`{location}`: neither this nor `{inside}` is there, and what else is there the server does not list ({})",
                error.why()
            ))
            .hint("name the savepoint or `chk-N` directory, or the `_metadata` file itself"),
            _ => error.into(),
        }),
        (Err(Listing::NoSnapshot(error)), _) => Err(error),
        (Ok(found), _) => Ok(found),
    }
}

/// Why a directory has no newest checkpoint.
enum Listing {
    /// It cannot be listed.
    Failed(statetool_store::Error),
    /// It was, and there is none.
    NoSnapshot(Error),
}

fn newest_checkpoint(store: &Store, root: &Location) -> Result<(Located, Object), Listing> {
    let entries = store.list(root).map_err(Listing::Failed)?;
    let mut checkpoints: Vec<u64> = entries
        .iter()
        .filter_map(|entry| entry.name.strip_prefix("chk-")?.parse().ok())
        .collect();
    checkpoints.sort_unstable();
    for id in checkpoints.iter().rev() {
        let no_snapshot = |error: statetool_store::Error| Listing::NoSnapshot(error.into());
        let metadata = root.join(&format!("chk-{id}/{METADATA}")).map_err(no_snapshot)?;
        match store.open_with_head(&metadata, HEAD) {
            Ok(object) => {
                let chosen = Some(format!("chk-{id}"));
                return Ok((Located { metadata, chosen }, object));
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(no_snapshot(error)),
        }
    }
    let nothing = nothing_here(root, &entries, !checkpoints.is_empty());
    Err(Listing::NoSnapshot(nothing))
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
