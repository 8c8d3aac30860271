//! Writes a new snapshot: its files first, `_metadata` last.
//!
//! A run that does not come to its end leaves files that are named after it and no `_metadata`,
//! which is visibly no snapshot. The next run into the same place starts anew and, when it has
//! published, takes them away.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use statetool_format::metadata::{Metadata, StreamHandle};
use statetool_format::{Encode, JavaString};
use statetool_store::{Bytes, EntryKind, ErrorKind as StoreErrorKind, Location, Store, Upload};

use crate::error::{Error, Result};
use crate::snapshot::Snapshot;

/// Name of the file that makes a directory a snapshot.
const METADATA: &str = "_metadata";
/// What the names of files begin with that a run has written.
const PREFIX: &str = "statetool-";
/// Hex digits of a run's number.
const RUN_DIGITS: usize = 16;

/// Writes one snapshot into a directory; dropping it before [`publish`](Self::publish) takes its
/// files away again, as far as that is possible.
pub struct SnapshotWriter {
    store: Store,
    directory: Location,
    run: String,
    number: AtomicU32,
    written: Mutex<Vec<Location>>,
    published: AtomicBool,
}

/// A file of a snapshot that is being written.
#[derive(Debug)]
pub struct NewFile {
    name: String,
    upload: Upload,
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
        for input in inputs {
            refuse_inside(&directory, input)?;
        }
        refuse_occupied(store, &directory)?;
        Ok(Self {
            store: store.clone(),
            directory,
            run: format!("{run:0RUN_DIGITS$x}"),
            number: AtomicU32::new(0),
            written: Mutex::default(),
            published: AtomicBool::new(false),
        })
    }

    /// Where the snapshot will be.
    pub fn directory(&self) -> &Location {
        &self.directory
    }

    /// Where `_metadata` will be.
    ///
    /// # Errors
    /// A directory in which no file can be named.
    pub fn metadata_location(&self) -> Result<Location> {
        Ok(self.directory.join_file_name(METADATA)?)
    }

    /// Begins a file; may be called from any thread.
    ///
    /// # Errors
    /// [`ErrorKind::Target`](crate::ErrorKind::Target): whatever the store reports.
    pub fn create(&self) -> Result<NewFile> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number:06}", self.run);
        let location = self.directory.join_file_name(&name)?;
        let upload = self.store.create(&location).map_err(target)?;
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.push(location);
        Ok(NewFile { name, upload })
    }

    /// Writes `_metadata`, which makes the files a snapshot.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if another run has done that meanwhile,
    /// [`ErrorKind::Target`](crate::ErrorKind::Target) for what the store reports.
    pub fn publish(&self, metadata: &Metadata) -> Result<()> {
        let location = self.metadata_location()?;
        let written = self
            .written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        self.store.persist(&written).map_err(target)?;
        let bytes = Bytes::from(metadata.to_bytes());
        match self.store.publish(&location, bytes.clone()) {
            // An answer may have been lost on its way, and the request repeated.
            Err(error) if error.kind() == StoreErrorKind::AlreadyExists => {
                let found = self.store.read_small(&location, bytes.len() as u64);
                if found.is_ok_and(|found| found == bytes) {
                    self.published.store(true, Ordering::Relaxed);
                    return Ok(());
                }
                return Err(Error::refused(format!(
                    "`{}`: another run has written a snapshot there meanwhile",
                    self.directory
                )));
            }
            published => published.map_err(target)?,
        }
        self.published.store(true, Ordering::Relaxed);
        self.clean_up();
        Ok(())
    }

    /// Takes away what runs have left that did not come to their end. That it fails harms nobody.
    fn clean_up(&self) {
        let entries = self.store.list(&self.directory).unwrap_or_default();
        let others = entries.iter().filter(|entry| match run_of(&entry.name) {
            Some(run) => run != self.run,
            None => is_unpublished(&entry.name),
        });
        for other in others {
            if let Ok(location) = self.directory.join_file_name(&other.name) {
                let _ = self.store.remove(&location);
            }
        }
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        if self.published.load(Ordering::Relaxed) {
            return;
        }
        let written = self.written.get_mut().unwrap_or_else(PoisonError::into_inner);
        for location in written.drain(..) {
            let _ = self.store.remove(&location);
        }
    }
}

impl NewFile {
    /// Appends bytes; large pieces are best.
    ///
    /// # Errors
    /// [`ErrorKind::Target`](crate::ErrorKind::Target): whatever the store reports.
    pub fn write(&mut self, bytes: impl Into<Bytes>) -> Result<()> {
        self.upload.write(bytes.into()).map_err(target)
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
        let size = self.upload.finish().map_err(target)?;
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
fn refuse_occupied(store: &Store, directory: &Location) -> Result<()> {
    match store.kind(directory).map_err(target)? {
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
    let foreign = entries
        .iter()
        .find(|entry| run_of(&entry.name).is_none() && !is_unpublished(&entry.name));
    match foreign {
        None => Ok(()),
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

/// Refuses places in which files of an input lie, or around them.
fn refuse_inside(directory: &Location, input: &Snapshot) -> Result<()> {
    let directory = directory.resolved();
    for place in input.directories() {
        let place = place.resolved();
        if directory.relative_to(&place).is_some() {
            return Err(Error::refused(format!(
                "`{directory}` lies in `{place}`, where files of the input are"
            ))
            .hint("name a directory elsewhere"));
        }
    }
    Ok(())
}
