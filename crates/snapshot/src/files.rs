//! From handles to bytes: relative paths, moved places, inline state, local copies.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use statetool_backend::{Memory, Segment, Source};
use statetool_format::JavaString;
use statetool_format::metadata::StreamHandle;
use statetool_store::{Bytes, ErrorKind, Location, Prefetch, Store};

use crate::error::{Error, Result};
use crate::relocation::{Relocation, flag, old_place};
use crate::sources::{CopySource, StoreSource};

/// Opens the streams of one snapshot; clones share what is opened.
#[derive(Clone)]
pub struct Files {
    store: Store,
    directory: Location,
    relocations: Arc<[Relocation]>,
    tables: Tables,
    known: Arc<Mutex<Known>>,
    wrap: Option<Arc<Wrap>>,
}

/// How the tables of remote databases are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tables {
    /// The parts of them that are needed, over the network: for headers, footers and single keys.
    #[default]
    InPlace,
    /// From local copies in the store's cache: for scans, which come by a table again and again.
    Copied,
}

/// What has been opened, by location.
#[derive(Default)]
struct Known {
    opened: HashMap<Location, Result<Source, statetool_store::Error>>,
    /// Local files among them, which take a file descriptor each.
    local: usize,
    /// What to try for files that are missing, by directory.
    advice: HashMap<Option<Location>, Option<String>>,
}

/// What is made of a file before it is read.
type Wrap = dyn Fn(Source) -> Source + Send + Sync;

/// How many opened local files are kept; more are opened again when they are needed.
const MAX_LOCAL: usize = 256;
/// The same for remote files, which take some memory each.
const MAX_OPENED: usize = 1 << 16;
/// How many first bytes come with a stream that is opened: most headers, and all of a small file.
const HEAD: u64 = 16 << 10;

impl Files {
    /// The files of the snapshot whose metadata lies in `directory`.
    pub fn new(store: Store, directory: Location, relocations: Vec<Relocation>, tables: Tables) -> Self {
        Self {
            store,
            directory,
            relocations: relocations.into(),
            tables,
            known: Arc::default(),
            wrap: None,
        }
    }

    /// The same files, each read through what `wrap` makes of it.
    pub(crate) fn with_sources(self, wrap: impl Fn(Source) -> Source + Send + Sync + 'static) -> Self {
        Self {
            known: Arc::default(),
            wrap: Some(Arc::new(wrap)),
            ..self
        }
    }

    /// The directory of the metadata file.
    pub fn directory(&self) -> &Location {
        &self.directory
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
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
        let location =
            Location::parse_any(&path.to_str()).map_err(|error| Error::input(error.to_string()))?;
        let moved = self.relocation_of(&location);
        Ok(moved
            .and_then(|r| location.relocate(&r.from, &r.to))
            .unwrap_or(location))
    }

    /// The first of the relocations that says where a path leads now.
    fn relocation_of(&self, recorded: &Location) -> Option<&Relocation> {
        let mut given = self.relocations.iter();
        given.find(|r| recorded.relocate(&r.from, &r.to).is_some())
    }

    /// Where files named by absolute paths have been moved to, as the caller said.
    pub(crate) fn relocations(&self) -> &[Relocation] {
        &self.relocations
    }

    /// The absolute path in a handle, as it stands there.
    pub(crate) fn recorded(&self, handle: &StreamHandle) -> Option<Location> {
        match handle {
            StreamHandle::File { path, .. } | StreamHandle::Segment { path, .. } => {
                Location::parse_any(&path.to_str()).ok()
            }
            StreamHandle::KeyGroups(groups) => self.recorded(&groups.delegate),
            StreamHandle::Inline { .. } | StreamHandle::EmptySegment | StreamHandle::RelativeFile { .. } => {
                None
            }
        }
    }

    /// Opens the bytes of a handle.
    ///
    /// # Errors
    /// When they cannot be had, or are more or fewer than the handle records; for an absolute
    /// path that leads nowhere, with the advice to say where the files were moved to.
    pub fn open(&self, handle: &StreamHandle) -> Result<Source> {
        self.checked(handle, self.open_log(handle)?)
    }

    /// Opens a log file of a changelog, of which the handle records how long it is decoded.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_log(&self, handle: &StreamHandle) -> Result<Source> {
        self.open_by(handle, |location| self.open_in_place(location, HEAD))
    }

    /// Refuses a file of another size than it had when it was written.
    fn checked(&self, handle: &StreamHandle, source: Source) -> Result<Source> {
        let (name, len) = (source.name(), source.len());
        let why = match handle.recorded_size() {
            Some(recorded) if len == 0 && recorded > 0 => {
                format!("the file is empty, {recorded} bytes are recorded")
            }
            Some(recorded) if len < recorded => {
                format!("the file ends after {len} bytes, {recorded} are recorded: it is truncated")
            }
            Some(recorded) if len > recorded => format!("{len} bytes, {recorded} are recorded"),
            _ => return Ok(source),
        };
        Err(Error::input(format!("`{name}`: {why}")).about_file(name))
    }

    /// Opens a table of a database: the local copy of it, where such are wanted.
    ///
    /// # Errors
    /// As [`open`](Self::open), and what keeps the copy from being made.
    pub(crate) fn open_table(&self, handle: &StreamHandle) -> Result<Source> {
        let source = self.open_by(handle, |location| match self.tables {
            Tables::Copied if !location.is_local() => match self.open_copy(location) {
                // Larger than the cache, or than the disk: then it is read where it lies.
                Err(error) if error.kind() == ErrorKind::TooLarge => self.open_in_place(location, 0),
                opened => opened,
            },
            _ => self.open_in_place(location, 0),
        })?;
        self.checked(handle, source)
    }

    fn open_by(
        &self,
        handle: &StreamHandle,
        open: impl Fn(&Location) -> Result<Source, statetool_store::Error>,
    ) -> Result<Source> {
        let located = || {
            let location = self
                .locate(handle)?
                .ok_or_else(|| Error::input("a handle without a place"))?;
            open(&location).map_err(|error| self.explain(error, handle, &location))
        };
        match handle {
            StreamHandle::Inline { name, data } => Ok(self.wrapped(Arc::new(Memory::new(
                inline_name(name),
                Bytes::from_owner(data.clone()),
            )))),
            StreamHandle::EmptySegment => Ok(Arc::new(Memory::new("empty segment", Vec::new()))),
            StreamHandle::RelativeFile { .. } | StreamHandle::File { .. } => located(),
            StreamHandle::Segment { start, size, .. } => {
                // The decoder has checked both for being positive.
                let (start, size) = (start.unsigned_abs(), size.unsigned_abs());
                let source = located()?;
                let (name, len) = (source.name(), source.len());
                if start.checked_add(size).is_none_or(|end| end > len) {
                    let part = format!("a part of {size} bytes from offset {start:#x} on is recorded");
                    let why = match len {
                        0 => format!("the file is empty, {part}"),
                        _ => format!("the file ends after {len} bytes, {part}: it is truncated"),
                    };
                    return Err(Error::input(format!("`{name}`: {why}")).about_file(name));
                }
                Ok(Arc::new(Segment::new(source, start, size)?))
            }
            StreamHandle::KeyGroups(groups) => self.open_by(&groups.delegate, open),
        }
    }

    fn wrapped(&self, source: Source) -> Source {
        match &self.wrap {
            Some(wrap) => wrap(source),
            None => source,
        }
    }

    fn open_in_place(&self, location: &Location, head: u64) -> Result<Source, statetool_store::Error> {
        if let Some(opened) = self.known().opened.get(location) {
            return opened.clone();
        }
        let object = self.store.open_with_head(location, head)?;
        let source = self.wrapped(Arc::new(StoreSource::new(object)));
        self.known().keep(location, Ok(source.clone()));
        Ok(source)
    }

    fn open_copy(&self, location: &Location) -> Result<Source, statetool_store::Error> {
        let copy = self.store.cache()?.fetch(&self.store, location)?;
        match CopySource::open(location.to_string(), copy) {
            Ok(source) => Ok(self.wrapped(Arc::new(source))),
            // Whatever became of the copy, the file itself is still there.
            Err(_) => self.open_in_place(location, 0),
        }
    }

    /// Opens those of the streams that lie in remote systems, many at the same time, so that
    /// each of them is at hand when it is [opened](Self::open). What cannot be opened is told
    /// then.
    pub fn open_ahead<'h>(&self, handles: impl IntoIterator<Item = &'h StreamHandle>) {
        self.open_all(handles, HEAD);
    }

    /// As [`open_ahead`](Self::open_ahead), for files of which no more than the size may be needed.
    pub fn measure_ahead<'h>(&self, handles: impl IntoIterator<Item = &'h StreamHandle>) {
        self.open_all(handles, 0);
    }

    fn open_all<'h>(&self, handles: impl IntoIterator<Item = &'h StreamHandle>, head: u64) {
        let mut locations: Vec<Location> = handles
            .into_iter()
            .filter_map(|handle| self.locate(handle).ok().flatten())
            .filter(|location| !location.is_local())
            .collect();
        locations.sort_unstable();
        locations.dedup();
        locations.retain(|location| !self.known().opened.contains_key(location));
        let opened = self.store.open_all(&locations, head);
        for (location, object) in locations.iter().zip(opened) {
            let source = object.map(|object| self.wrapped(Arc::new(StoreSource::new(object))));
            self.known().keep(location, source);
        }
    }

    /// Starts to copy tables in the background, where copies are wanted; until all are there
    /// or the result is dropped.
    pub(crate) fn copy_ahead<'h>(
        &self,
        tables: impl IntoIterator<Item = &'h StreamHandle>,
    ) -> Option<Prefetch> {
        if self.tables == Tables::InPlace {
            return None;
        }
        let located = tables
            .into_iter()
            .filter_map(|handle| self.locate(handle).ok().flatten());
        let remote: Vec<Location> = located.filter(|location| !location.is_local()).collect();
        // Without a cache the first table that is opened tells why.
        (!remote.is_empty())
            .then(|| Some(self.store.cache().ok()?.prefetch(&self.store, remote)))
            .flatten()
    }

    /// Says what to try where that is known.
    fn explain(&self, error: statetool_store::Error, handle: &StreamHandle, location: &Location) -> Error {
        // Whatever the metadata names: it is the snapshot that cannot be read, not the call.
        let explained = Error::input(error.to_string()).about_file(location.to_string());
        match handle {
            StreamHandle::File { .. } | StreamHandle::Segment { .. } => {
                let advise = |recorded: Location| self.advise(&recorded, location, error.is_not_found());
                match self.recorded(handle).and_then(advise) {
                    Some(advice) => explained.hint(advice),
                    None => explained,
                }
            }
            StreamHandle::RelativeFile { .. } if error.is_not_found() => explained.hint(
                "the file belongs beside `_metadata`; a checkpoint taken after a CLAIM restore may have left it in the old savepoint (FLINK-39964)",
            ),
            _ => explained,
        }
    }

    /// Where a file may be that an absolute path does not lead to: mostly it was moved together
    /// with its snapshot.
    ///
    /// The advice is about the path as it stands in the metadata, since that is what relocations
    /// are about, also those that were given and lead to nothing.
    fn advise(&self, recorded: &Location, missing: &Location, is_absent: bool) -> Option<String> {
        let given = self.relocation_of(recorded);
        // A file beside the metadata was not moved away from it.
        if given.is_none() && recorded.relative_to(&self.directory).is_some() {
            return None;
        }
        let directory = recorded.parent();
        if let Some(advice) = self.known().advice.get(&directory) {
            return advice.clone();
        }
        let found = Relocation::find(&self.store, recorded, &self.directory);
        let now = |found: &Relocation| {
            recorded
                .relocate(&found.from, &found.to)
                .unwrap_or(found.to.clone())
        };
        // Of a directory that is there and was not moved single files are missing.
        let is_alone = || {
            is_absent
                && missing
                    .parent()
                    .is_some_and(|place| self.store.exists(&place).unwrap_or(false))
        };
        let named = match given {
            Some(given) => format!("the metadata names `{recorded}`, of which `{given}` makes `{missing}`"),
            None => "the metadata names this place by its absolute path".to_owned(),
        };
        let advice = match (given, found) {
            (Some(_), _) if self.store.open(recorded).is_ok() => Some(format!(
                "{named}; the file is where the metadata says: leave that flag out"
            )),
            (Some(_), Some(found)) => Some(format!(
                "{named}; the file is at `{}` now: write {found} instead",
                now(&found)
            )),
            (None, Some(found)) => Some(format!(
                "{named}; the snapshot was moved, and the file is at `{}` now: add {found}",
                now(&found)
            )),
            _ if is_alone() => None,
            (Some(_), None) => old_place(recorded).map(|place| {
                format!(
                    "{named}; write {} instead, with the place it has now for NEW",
                    flag(&place, "NEW")
                )
            }),
            (None, None) => old_place(recorded).map(|place| {
                format!(
                    "{named}; if the snapshot was moved, add {}, with the place it has now for NEW",
                    flag(&place, "NEW")
                )
            }),
        };
        self.known().advice.insert(directory, advice.clone());
        advice
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn keep(&mut self, location: &Location, opened: Result<Source, statetool_store::Error>) {
        if self.local >= MAX_LOCAL || self.opened.len() >= MAX_OPENED {
            self.opened.clear();
            self.local = 0;
        }
        self.local += usize::from(location.is_local());
        self.opened.insert(location.clone(), opened);
    }
}

fn inline_name(name: &JavaString) -> String {
    let name = name.to_str();
    let last = name.rsplit('/').next().unwrap_or_default();
    format!("_metadata, inline state {last}")
}
