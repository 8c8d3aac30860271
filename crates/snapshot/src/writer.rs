//! Writes a new snapshot: its files first, `_metadata` last.
//!
//! A run that does not come to its end takes its files away. One that is killed leaves files that
//! are named after it and no `_metadata`, which is visibly no snapshot; the next run into the same
//! place starts anew and, when it has published, takes them away.

pub(crate) mod place;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use statetool_format::metadata::{Metadata, StreamHandle};
use statetool_format::{Encode, JavaString};
use statetool_store::{
    Abandon, Bytes, EntryKind, ErrorKind as StoreErrorKind, Location, Store, Unfinished, Upload,
    register_unfinished,
};

use crate::error::{Error, ErrorKind, Result};
use crate::snapshot::Snapshot;

/// Name of the file that makes a directory a snapshot.
const METADATA: &str = "_metadata";

/// Writes one snapshot into a directory; dropping it before [`publish`](Self::publish) takes its
/// files away again, as far as that is possible, and so does
/// [`take_away_unfinished`](statetool_store::take_away_unfinished).
pub struct SnapshotWriter(Arc<Writing>);

/// A snapshot that is being written.
struct Writing {
    store: Store,
    directory: Location,
    run: String,
    number: AtomicU32,
    /// How many bytes the inputs have, and how many are written.
    expected: u64,
    written: AtomicU64,
    /// Held while something comes to be that is known by it.
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    files: Vec<(Location, Abandon)>,
    /// Directories that were not there, from the outermost; nothing before the first file.
    made: Option<Vec<Location>>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Files are written.
    Writing,
    /// `_metadata` is there, and all files are to stay.
    Published,
    /// Nobody knows whether `_metadata` is there, or will be: nothing may be taken away.
    Unknown,
    /// Everything was taken away, and nothing more is written.
    Ended,
}

/// A file of a snapshot that is being written.
pub struct NewFile {
    name: String,
    upload: Upload,
    of: Arc<Writing>,
}

impl SnapshotWriter {
    /// A writer for a snapshot in `directory`, which has to be empty or not there.
    ///
    /// `inputs` are snapshots that must not be written into; `run` is a number that no other run
    /// has.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) where there is something already, or
    /// where the place belongs to an input.
    pub fn new(store: &Store, directory: Location, inputs: &[&Snapshot], run: u64) -> Result<Self> {
        // What is above a directory that is not there yet would be another place once it is.
        let leads_up = directory.segments().any(|name| name == "..");
        let directory = match leads_up {
            true => directory.resolved(),
            false => directory,
        };
        let mut expected = 0_u64;
        for input in inputs {
            place::refuse_inside(&directory, input)?;
            input.visit_streams(&mut |stream| {
                expected = expected.saturating_add(stream.recorded_size().unwrap_or_default());
            });
        }
        place::refuse_occupied(store, &directory)?;
        let writing = Arc::new(Writing {
            store: store.clone(),
            directory,
            run: place::run_name(run),
            number: AtomicU32::new(0),
            expected,
            written: AtomicU64::new(0),
            state: Mutex::new(State {
                phase: Phase::Writing,
                files: Vec::new(),
                made: None,
            }),
        });
        register_unfinished(&writing).map_err(target)?;
        Ok(Self(writing))
    }

    /// Where the snapshot will be.
    pub fn directory(&self) -> &Location {
        &self.0.directory
    }

    /// Where `_metadata` will be.
    ///
    /// # Errors
    /// A directory in which no file can be named.
    pub fn metadata_location(&self) -> Result<Location> {
        Ok(self.0.directory.join_file_name(METADATA)?)
    }

    /// Begins a file; may be called from any thread.
    ///
    /// # Errors
    /// [`ErrorKind::Target`](crate::ErrorKind::Target): whatever the store reports.
    pub fn create(&self) -> Result<NewFile> {
        let writing = &self.0;
        let number = writing.number.fetch_add(1, Ordering::Relaxed);
        let name = place::file_name(&writing.run, number);
        let location = writing.directory.join_file_name(&name)?;
        let mut state = writing.begin()?;
        writing.make_directory(&mut state)?;
        let upload = writing.store.create(&location);
        let upload = upload.map_err(|error| writing.failed(error))?;
        state.files.push((location, upload.abandon()));
        Ok(NewFile {
            name,
            upload,
            of: Arc::clone(writing),
        })
    }

    /// Waits until the files outlast the machine. [`publish`](Self::publish) does that too, and has not
    /// much left to wait for then.
    ///
    /// # Errors
    /// [`ErrorKind::Target`](crate::ErrorKind::Target): whatever the store reports.
    pub fn persist(&self) -> Result<()> {
        let writing = &self.0;
        let written = writing.begin()?.persistent(&writing.directory);
        let persisted = writing.store.persist(&written);
        persisted.map_err(|error| writing.failed(error))
    }

    /// Writes `_metadata`, which makes the files a snapshot.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if another run has done that meanwhile,
    /// [`ErrorKind::Target`](crate::ErrorKind::Target) for what the store reports.
    pub fn publish(&self, metadata: &Metadata) -> Result<()> {
        let writing = &self.0;
        let location = self.metadata_location()?;
        writing.make_directory(&mut *writing.begin()?)?;
        self.persist()?;
        let bytes = Bytes::from(metadata.to_bytes());
        // Whoever ends the process meanwhile waits until it is known what became of it.
        let mut state = writing.begin()?;
        let published = match writing.store.publish(&location, bytes.clone()) {
            Ok(()) => Ok(()),
            Err(error) => {
                let (phase, outcome) = writing.settle(&location, &bytes, error);
                state.phase = phase;
                outcome
            }
        };
        if published.is_ok() {
            state.phase = Phase::Published;
        }
        drop(state);
        if published.is_ok() {
            writing.clean_up();
        }
        published
    }

    /// What an error of this run means, which other runs may have brought about: that which
    /// publishes first takes the files of all others away.
    #[must_use]
    pub fn blame(&self, error: Error) -> Error {
        if error.kind() == ErrorKind::Refused || self.0.state().phase != Phase::Writing {
            return error;
        }
        let found = self.metadata_location().map(|file| self.0.store.kind(&file));
        match found {
            Ok(Ok(Some(EntryKind::File { .. }))) => self.0.lost(),
            _ => error,
        }
    }
}

impl Writing {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds the state for something new, unless it is too late for that.
    fn begin(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.state();
        match state.phase {
            Phase::Writing => Ok(state),
            _ => Err(Error::target(format!(
                "`{}`: nothing more is written there",
                self.directory
            ))),
        }
    }

    /// Makes the directory and those above it, before the first file.
    fn make_directory(&self, state: &mut State) -> Result<()> {
        if state.made.is_none() {
            let made = self.store.make_directory(&self.directory);
            state.made = Some(made.map_err(|error| self.failed(error))?);
        }
        Ok(())
    }

    /// Finds out what became of `_metadata` after an error.
    fn settle(
        &self,
        location: &Location,
        bytes: &Bytes,
        error: statetool_store::Error,
    ) -> (Phase, Result<()>) {
        let exists = error.kind() == StoreErrorKind::AlreadyExists;
        // It may still be on its way, and arrive when nobody waits for it any more.
        let is_open = error.kind() == StoreErrorKind::Unavailable;
        match self.store.read_small(location, bytes.len() as u64) {
            // The answer was lost on its way, and the request perhaps repeated.
            Ok(found) if found == *bytes && (exists || !location.is_local()) => (Phase::Published, Ok(())),
            Ok(found) if found == *bytes => {
                let error = target(error).hint("the snapshot is there; a loss of power may damage it");
                (Phase::Published, Err(error))
            }
            Ok(_) => (Phase::Writing, Err(self.lost())),
            Err(found) if found.kind() == StoreErrorKind::TooLarge => (Phase::Writing, Err(self.lost())),
            Err(_) if exists && location.is_local() => (Phase::Writing, Err(self.lost())),
            Err(_) if exists || is_open => {
                let unknown = format!("{error}; whether the snapshot was published is not known");
                let error = Error::target(unknown)
                    .hint("look with `statetool inspect`; if it is no snapshot, run the same command again");
                (Phase::Unknown, Err(error))
            }
            Err(_) => (Phase::Writing, Err(self.failed(error))),
        }
    }

    fn lost(&self) -> Error {
        Error::refused(format!(
            "`{}`: another run has written a snapshot there meanwhile",
            self.directory
        ))
    }

    /// What the store says about the place that is written to.
    fn failed(&self, error: statetool_store::Error) -> Error {
        if error.kind() != StoreErrorKind::Full {
            return target(error);
        }
        let (written, expected) = (self.written.load(Ordering::Relaxed), self.expected);
        target(error).hint(format!(
            "{written} bytes were written, the input has {expected}: make room, or write elsewhere"
        ))
    }

    /// Takes away what runs have left that did not come to their end. That it fails harms nobody.
    fn clean_up(&self) {
        let entries = self.store.list(&self.directory).unwrap_or_default();
        let left = entries
            .iter()
            .filter(|entry| place::is_left_by_another(&entry.name, &self.run));
        let left: Vec<Location> = left
            .filter_map(|entry| self.directory.join_file_name(&entry.name).ok())
            .collect();
        let _ = self.store.remove_all(&left);
    }
}

impl Unfinished for Writing {
    fn take_away(&self) {
        let mut state = self.state();
        if state.phase != Phase::Writing {
            return;
        }
        state.phase = Phase::Ended;
        let files = std::mem::take(&mut state.files);
        files.iter().for_each(|(_, upload)| upload.begin());
        files.iter().for_each(|(_, upload)| upload.wait());
        let files: Vec<Location> = files.into_iter().map(|(location, _)| location).collect();
        // What cannot be taken away the next run takes away.
        let _ = self.store.remove_all(&files);
        for directory in state.made.take().into_iter().flatten().rev() {
            // Others may have put something there.
            let _ = self.store.remove(&directory);
        }
    }
}

impl State {
    /// What has to outlast the machine before `_metadata` does: the files, their names, and the
    /// names of the directories that were made for them.
    fn persistent(&self, directory: &Location) -> Vec<Location> {
        let made = self.made.iter().flatten();
        let mut all: Vec<Location> = made.filter_map(Location::parent).collect();
        if !self.files.is_empty() {
            all.push(directory.clone());
        }
        all.extend(self.files.iter().map(|(location, _)| location.clone()));
        all
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        self.0.take_away();
    }
}

impl NewFile {
    /// Appends bytes; large pieces are best.
    ///
    /// # Errors
    /// [`ErrorKind::Target`](crate::ErrorKind::Target): whatever the store reports.
    pub fn write(&mut self, bytes: impl Into<Bytes>) -> Result<()> {
        let bytes = bytes.into();
        let len = bytes.len() as u64;
        let written = self.upload.write(bytes);
        written.map_err(|error| self.of.failed(error))?;
        self.of.written.fetch_add(len, Ordering::Relaxed);
        Ok(())
    }

    /// How many bytes have been written.
    pub fn len(&self) -> u64 {
        self.upload.len()
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.upload.is_empty()
    }

    /// Completes the file; gives the handle that names it.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn finish(self) -> Result<StreamHandle> {
        let size = self.upload.finish();
        let size = size.map_err(|error| self.of.failed(error))?;
        Ok(StreamHandle::RelativeFile {
            path: JavaString::new(&self.name).unwrap_or_default(),
            size: i64::try_from(size).unwrap_or(i64::MAX),
        })
    }
}

/// What the store says about the place that is written to.
fn target(error: statetool_store::Error) -> Error {
    match error.kind() {
        StoreErrorKind::AlreadyExists => Error::refused(error.to_string()),
        _ => Error::target(error.to_string()),
    }
}
