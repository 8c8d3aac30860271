//! From handles to bytes: relative paths, moved places, inline state.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use statetool_backend::{Error as BackendError, Memory, ReadAt, Segment, Source};
use statetool_format::JavaString;
use statetool_format::metadata::StreamHandle;
use statetool_store::{Bytes, Location, Object, Store};

use crate::error::{Error, Result};

/// Absolute paths that begin with `from` lie at `to` now.
#[derive(Debug, Clone)]
pub struct Relocation {
    /// The old place.
    pub from: Location,
    /// The new place.
    pub to: Location,
}

impl Relocation {
    /// Parses `OLD=NEW`.
    pub fn parse(text: &str) -> Result<Self> {
        let Some((from, to)) = text
            .split_once('=')
            .filter(|(from, to)| !from.is_empty() && !to.is_empty())
        else {
            return Err(Error::usage(format!("`{text}` is no relocation: write OLD=NEW")));
        };
        Ok(Self {
            from: Location::parse(from)?,
            to: Location::parse(to)?,
        })
    }
}

/// Opens the streams of one snapshot; clones share what is opened.
#[derive(Clone)]
pub struct Files {
    store: Store,
    directory: Location,
    relocations: Arc<[Relocation]>,
    opened: Arc<Mutex<HashMap<String, Source>>>,
}

/// An object of a store as a source.
struct StoreSource {
    name: String,
    object: Object,
}

impl ReadAt for StoreSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.object.len()
    }

    fn read_at(&self, offset: u64, len: usize) -> statetool_backend::Result<Bytes> {
        self.object
            .read_at(offset, len)
            .map_err(|error| self.explain(error))
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> statetool_backend::Result<()> {
        self.object
            .read_exact_at(offset, buf)
            .map_err(|error| self.explain(error))
    }
}

impl StoreSource {
    #[cold]
    fn explain(&self, error: statetool_store::Error) -> BackendError {
        BackendError::io(&self.name, std::io::Error::other(error.why().to_owned()))
    }
}

/// How many opened files are kept; more are opened again when they are needed.
const MAX_OPENED: usize = 256;

impl Files {
    /// The files of the snapshot whose metadata lies in `directory`.
    pub fn new(store: Store, directory: Location, relocations: Vec<Relocation>) -> Self {
        Self {
            store,
            directory,
            relocations: relocations.into(),
            opened: Arc::default(),
        }
    }

    /// The directory of the metadata file.
    pub fn directory(&self) -> &Location {
        &self.directory
    }

    /// Where the bytes of a handle lie; `None` for inline bytes and empty segments.
    ///
    /// # Errors
    /// A relative path that is not a plain file name, or an absolute one that is no location.
    pub fn locate(&self, handle: &StreamHandle) -> Result<Option<Location>> {
        match handle {
            StreamHandle::Inline { .. } | StreamHandle::EmptySegment => Ok(None),
            StreamHandle::RelativeFile { path, .. } => {
                Ok(Some(self.directory.join_file_name(&path.to_str())?))
            }
            StreamHandle::File { path, .. } | StreamHandle::Segment { path, .. } => {
                self.absolute(path).map(Some)
            }
            StreamHandle::KeyGroups(groups) => self.locate(&groups.delegate),
        }
    }

    fn absolute(&self, path: &JavaString) -> Result<Location> {
        let location = Location::parse(&path.to_str())?;
        let moved = self
            .relocations
            .iter()
            .find_map(|r| location.relocate(&r.from, &r.to));
        Ok(moved.unwrap_or(location))
    }

    /// Opens the bytes of a handle.
    ///
    /// # Errors
    /// When they cannot be had; for an absolute path that does not exist, with the advice to
    /// say where the files were moved to.
    pub fn open(&self, handle: &StreamHandle) -> Result<Source> {
        match handle {
            StreamHandle::Inline { name, data } => Ok(Arc::new(Memory::new(
                inline_name(name),
                Bytes::from_owner(data.clone()),
            ))),
            StreamHandle::EmptySegment => Ok(Arc::new(Memory::new("empty segment", Vec::new()))),
            StreamHandle::RelativeFile { .. } | StreamHandle::File { .. } => self.open_located(handle),
            StreamHandle::Segment { start, size, .. } => {
                let file = self.open_located(handle)?;
                // The decoder has checked both for being positive.
                Ok(Arc::new(Segment::new(
                    file,
                    start.unsigned_abs(),
                    size.unsigned_abs(),
                )?))
            }
            StreamHandle::KeyGroups(groups) => self.open(&groups.delegate),
        }
    }

    fn open_located(&self, handle: &StreamHandle) -> Result<Source> {
        let Some(location) = self.locate(handle)? else {
            return Err(Error::input("a handle without a place"));
        };
        let name = location.to_string();
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = opened.get(&name) {
            return Ok(source.clone());
        }
        let object = self
            .store
            .open(&location)
            .map_err(|error| self.explain(error, handle, &location))?;
        let source: Source = Arc::new(StoreSource {
            name: name.clone(),
            object,
        });
        if opened.len() >= MAX_OPENED {
            opened.clear();
        }
        opened.insert(name, source.clone());
        Ok(source)
    }

    /// A missing file with an absolute path has mostly been moved together with its snapshot.
    fn explain(&self, error: statetool_store::Error, handle: &StreamHandle, location: &Location) -> Error {
        let not_found = error.is_not_found();
        let error = Error::from(error);
        match handle {
            StreamHandle::File { .. } | StreamHandle::Segment { .. } if not_found => {
                let parent = location.parent().map_or_else(|| location.to_string(), |parent| parent.to_string());
                error.hint(format!(
                    "the metadata names this place by its absolute path; if the snapshot was moved, add --relocate {parent}=NEW"
                ))
            }
            StreamHandle::RelativeFile { .. } if not_found => error.hint(
                "the file belongs beside `_metadata`; a checkpoint taken after a CLAIM restore may have left it in the old savepoint (FLINK-39964)",
            ),
            _ => error,
        }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

fn inline_name(name: &JavaString) -> String {
    let name = name.to_str();
    let last = name.rsplit('/').next().unwrap_or_default();
    format!("_metadata, inline state {last}")
}
