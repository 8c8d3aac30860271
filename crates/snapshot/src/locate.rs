//! From what the user names to the `_metadata` file that is meant.

use std::fmt;

use statetool_format::metadata::Metadata;
use statetool_store::{Entry, EntryKind, ErrorKind, Location, Object, Store};

use crate::error::{Error, Result};
use crate::writer::place::is_left;

/// The file to read.
#[derive(Debug, Clone)]
pub struct Located {
    /// The metadata file.
    pub metadata: Location,
    /// Set when the newest of several checkpoints was chosen.
    pub chosen: Option<Chosen>,
}

/// Which of a job's checkpoints was chosen, the newest that is complete; in words when displayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The name of its directory, `chk-N`.
    pub name: String,
    /// Newer ones that never completed, the newest first: Flink writes `_metadata` last.
    pub passed_over: Vec<Incomplete>,
}

/// A checkpoint that never completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomplete {
    /// The name of its directory, `chk-N`.
    pub name: String,
    /// Whether it has a `_metadata`, which is empty then.
    pub is_begun: bool,
}

const METADATA: &str = "_metadata";

/// How many bytes of it come with the answer whether it is there: all of most.
const HEAD: u64 = 64 << 10;
/// How many names are listed at most.
const MOST_NAMES: usize = 8;
/// How many older checkpoints are tried, instead of one that is damaged.
const MOST_OLDER: usize = 3;
/// How large their metadata may be to be tried.
const MOST_OLDER_BYTES: u64 = 64 << 20;

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
            Err(error) if error.is_not_found() => {}
            // A directory, which is what most people name.
            Err(error) if error.kind() == ErrorKind::Invalid && is_directory(store, candidate, &inside) => {}
            // Stores that must not be listed say so of what is missing, too.
            Err(error) if error.kind() == ErrorKind::PermissionDenied && !candidate.is_local() => {
                refused.get_or_insert(error);
            }
            Err(error) => return Err(refusal(&location, error)),
        }
    }
    match (newest_checkpoint(store, &location, refused.as_ref()), refused) {
        (Err(Listing::Failed(_)), Some(refused)) => Err(refusal(&location, refused)),
        (Err(Listing::Failed(error)), None) => Err(unlisted(store, &location, &inside, error)),
        (Err(Listing::NoSnapshot(error)), _) => Err(error),
        (Ok(found), _) => Ok(found),
    }
}

/// Whether what cannot be opened as a file is a directory, and may hold the file.
fn is_directory(store: &Store, candidate: &Location, inside: &Location) -> bool {
    match candidate.is_local() {
        true => candidate != inside && matches!(store.kind(candidate), Ok(Some(EntryKind::Directory))),
        false => true,
    }
}

/// What is there and cannot be read is a fault of the input, and none of the call; of other systems
/// the call may have been wrong.
fn refusal(location: &Location, error: statetool_store::Error) -> Error {
    match location.is_local() {
        true => Error::input(error.to_string()),
        false => error.into(),
    }
}

/// Why there is neither a file nor a directory to list.
fn unlisted(store: &Store, location: &Location, inside: &Location, error: statetool_store::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::Invalid if location.is_local() => {
            match file_above(store, location) {
                Some(file) => Error::input(format!(
                    "`{location}`: there is nothing at this place: `{file}` is a file and no directory"
                )),
                None => Error::input(format!("`{location}`: there is nothing at this place")),
            }
        }
        ErrorKind::NotFound => Error::input(format!("`{location}`: there is nothing at this place")),
        ErrorKind::Unsupported => Error::input(format!(
            "`{location}`: neither this nor `{inside}` is there, and what else is there the server does not list ({})",
            error.why()
        ))
        .hint("name the savepoint or `chk-N` directory, or the `_metadata` file itself"),
        _ => refusal(location, error),
    }
}

/// The file that a path goes through as if it were a directory.
fn file_above(store: &Store, location: &Location) -> Option<Location> {
    let mut above = std::iter::successors(location.parent(), Location::parent);
    let there = above.find_map(|place| Some((store.kind(&place).ok()??, place)))?;
    matches!(there.0, EntryKind::File { .. }).then_some(there.1)
}

/// Why a directory has no newest checkpoint.
enum Listing {
    /// It cannot be listed.
    Failed(statetool_store::Error),
    /// It was, and there is none.
    NoSnapshot(Error),
}

fn newest_checkpoint(
    store: &Store,
    root: &Location,
    refused: Option<&statetool_store::Error>,
) -> Result<(Located, Object), Listing> {
    let entries = store.list(root).map_err(Listing::Failed)?;
    if let Some(refused) = refused.filter(|_| entries.iter().any(|entry| entry.name == METADATA)) {
        // It is a snapshot itself: what was refused is there.
        return Err(Listing::Failed(refused.clone()));
    }
    let mut passed_over = Vec::new();
    for (id, name) in checkpoints(&entries) {
        let metadata = metadata_of(root, &name).map_err(|error| Listing::NoSnapshot(error.into()))?;
        let is_begun = match store.open_with_head(&metadata, HEAD) {
            Ok(object) if object.is_empty() => true,
            Ok(object) => {
                let chosen = Some(Chosen { name, passed_over });
                return Ok((Located { metadata, chosen }, object));
            }
            Err(error) if error.is_not_found() => false,
            Err(error) => {
                let error = refusal(root, error);
                return Err(Listing::NoSnapshot(match older(store, root, &entries, id) {
                    Some(hint) => error.hint(hint),
                    None => error,
                }));
            }
        };
        passed_over.push(Incomplete { name, is_begun });
    }
    Err(Listing::NoSnapshot(match passed_over.is_empty() {
        true => nothing_here(store, root, &entries),
        false => none_complete(root, &passed_over),
    }))
}

/// Numbers and names of the directories of checkpoints, the newest first.
fn checkpoints(entries: &[Entry]) -> Vec<(u64, String)> {
    let directories = entries.iter().filter(|entry| entry.kind == EntryKind::Directory);
    let mut checkpoints: Vec<(u64, String)> = directories
        .filter_map(|entry| Some((checkpoint_id(&entry.name)?, entry.name.clone())))
        .collect();
    checkpoints.sort_unstable_by(|a, b| b.cmp(a));
    checkpoints
}

/// The number of a checkpoint whose directory has this name.
fn checkpoint_id(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("chk-")?;
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    plain.then(|| digits.parse().ok())?
}

fn metadata_of(root: &Location, checkpoint: &str) -> statetool_store::Result<Location> {
    root.join_file_name(checkpoint)?.join_file_name(METADATA)
}

/// Proposes a checkpoint that is older than the one whose metadata cannot be read, and whole.
pub(crate) fn propose_older(store: &Store, metadata: &Location) -> Option<String> {
    let directory = metadata.parent()?;
    let id = checkpoint_id(&directory.file_name()?)?;
    let root = directory.parent()?;
    older(store, &root, &store.list(&root).ok()?, id)
}

fn older(store: &Store, root: &Location, entries: &[Entry], than: u64) -> Option<String> {
    let older = checkpoints(entries).into_iter().filter(|(id, _)| *id < than);
    let whole = |name: &str| {
        let object = store.open_with_head(&metadata_of(root, name).ok()?, HEAD).ok()?;
        Metadata::decode(&object.read_all(MOST_OLDER_BYTES).ok()?).ok()
    };
    let (_, name) = older.take(MOST_OLDER).find(|(_, name)| whole(name).is_some())?;
    let place = root.join_file_name(&name).ok()?;
    Some(format!(
        "an older checkpoint there has metadata that can be read: `{place}`"
    ))
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reading `{}`, the newest complete checkpoint there", self.name)?;
        match self.passed_over.as_slice() {
            [] => Ok(()),
            [one] => write!(f, "; {one}: it never completed"),
            several => write!(f, "; {}: they never completed", Listed(several)),
        }
    }
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_begun {
            true => write!(f, "the `_metadata` of `{}` is empty", self.name),
            false => write!(f, "`{}` has no `_metadata`", self.name),
        }
    }
}

/// Some things with commas between them, and how many more there are.
struct Listed<'l, T>(&'l [T]);

impl<T: fmt::Display> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().take(MOST_NAMES).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{item}")?;
        }
        match self.0.len().saturating_sub(MOST_NAMES) {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}

fn none_complete(root: &Location, incomplete: &[Incomplete]) -> Error {
    let why = match incomplete.iter().any(|checkpoint| checkpoint.is_begun) {
        true => "its `chk-N` directories have no `_metadata`, or an empty one",
        false => "its `chk-N` directories have no `_metadata`",
    };
    Error::input(format!("`{root}`: {why}: these checkpoints never completed"))
}

/// How many directories are looked into for a snapshot: elsewhere than in the local file system each takes its time.
const MOST_LOOKED_INTO: usize = 32;
/// How many that hold one are named.
const MOST_PROPOSED: usize = 4;

fn nothing_here(store: &Store, root: &Location, entries: &[Entry]) -> Error {
    let error = Error::input(format!(
        "`{root}`: neither a savepoint nor a checkpoint: no `_metadata` and no `chk-N` in it"
    ));
    if entries.is_empty() {
        return error.hint("the directory is empty");
    }
    if entries.iter().all(|entry| is_left(&entry.name)) {
        return Error::input(format!(
            "`{root}`: an unfinished snapshot: a run of statetool is writing it, or has left it, and none has published it"
        ))
        .hint("if no run is at work there, run the same command again: it begins anew, and takes away what is left");
    }
    let directories = entries.iter().filter(|entry| entry.kind == EntryKind::Directory);
    let places = directories.filter_map(|entry| root.join_file_name(&entry.name).ok());
    let mut holding: Vec<String> = (places.take(MOST_LOOKED_INTO))
        .filter(|place| holds_snapshot(store, place))
        .map(|place| format!("`{place}`"))
        .collect();
    if holding.is_empty() {
        return error;
    }
    let more = if holding.len() > MOST_PROPOSED {
        ", …"
    } else {
        ""
    };
    holding.truncate(MOST_PROPOSED);
    error.hint(format!("there is a snapshot in {}{more}", holding.join(", ")))
}

fn holds_snapshot(store: &Store, place: &Location) -> bool {
    store.list(place).is_ok_and(|entries| {
        entries.iter().any(|entry| entry.name == METADATA) || !checkpoints(&entries).is_empty()
    })
}
