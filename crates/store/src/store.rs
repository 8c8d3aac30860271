//! The façade: opens and lists whatever a location names.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::cache::{self, FileCache};
use crate::error::{Error, ErrorKind, Result};
use crate::local::{self, LocalFile};
use crate::location::{Location, Scheme};
use crate::object::{Object, Source};
use crate::options::StoreOptions;
#[cfg(feature = "remote")]
use crate::remote::Systems;

/// Opens, lists and reads objects in the local file system and in remote ones.
///
/// All methods block and may be called from any thread, also of an asynchronous program.
/// Connections and credentials are made when a system is first used and kept; cloning is
/// cheap and shares them.
///
/// ```
/// use statetool_store::{Location, Store};
/// # let directory = tempfile::tempdir().unwrap();
/// # std::fs::write(directory.path().join("_metadata"), b"\x49\x60\x67\x2a").unwrap();
/// let store = Store::default();
/// let savepoint = Location::from_path(directory.path()).unwrap();
/// let metadata = store.open(&savepoint.join_file_name("_metadata").unwrap()).unwrap();
/// assert_eq!(&metadata.read_at(0, 4).unwrap()[..], b"\x49\x60\x67\x2a");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Store(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    options: StoreOptions,
    cache: OnceLock<Result<FileCache>>,
    #[cfg(feature = "remote")]
    systems: Systems,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name in the directory.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A directory, or in an object store a common prefix of keys.
    Directory,
    /// A file of `len` bytes.
    File {
        /// Its length in bytes.
        len: u64,
    },
}

impl Store {
    /// A store that uses the given options. Nothing is connected to yet.
    pub fn new(options: StoreOptions) -> Self {
        Self(Arc::new(Inner {
            options,
            cache: OnceLock::new(),
            #[cfg(feature = "remote")]
            systems: Systems::default(),
        }))
    }

    /// The options it was made with.
    pub fn options(&self) -> &StoreOptions {
        &self.0.options
    }

    #[cfg(feature = "remote")]
    pub(crate) fn systems(&self) -> &Systems {
        &self.0.systems
    }

    /// The cache of local copies, made where the options `cache.dir` and `cache.size` say when
    /// it is first asked for.
    ///
    /// # Errors
    /// Whatever the operating system reports about the directory.
    pub fn cache(&self) -> Result<&FileCache> {
        let made = self.0.cache.get_or_init(|| {
            let named = self.0.options.get("cache.dir");
            let mut made = None;
            for directory in cache::directories(named) {
                let cache = FileCache::new(&directory, self.0.options.cache_size);
                if cache.is_ok() {
                    return cache;
                }
                made = made.or(Some(cache));
            }
            made.unwrap_or_else(|| Err(Error::named(ErrorKind::Invalid, "cache.dir", "no directory")))
        });
        made.as_ref().map_err(Clone::clone)
    }

    /// Opens a file.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if nothing is there, [`ErrorKind::Invalid`] for a directory,
    /// and whatever the system reports.
    pub fn open(&self, location: &Location) -> Result<Object> {
        self.open_with_head(location, 0)
    }

    /// Opens a file whose first `head` bytes will be read: where they come from afar, that
    /// takes one request instead of two.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with_head(&self, location: &Location, head: u64) -> Result<Object> {
        let mut opened = self.open_all(std::slice::from_ref(location), head);
        opened.pop().unwrap_or_else(|| Err(not_built(location)))
    }

    /// Opens files, remote ones many at the same time, as
    /// [`open_with_head`](Self::open_with_head) does; the results are in the order of the
    /// locations.
    pub fn open_all(&self, locations: &[Location], head: u64) -> Vec<Result<Object>> {
        #[cfg(feature = "remote")]
        let mut remote = {
            let remote: Vec<_> = locations.iter().filter(|l| !l.is_local()).collect();
            let systems = &self.0.systems;
            systems.open_all(&remote, head, &self.0.options).into_iter()
        };
        #[cfg(not(feature = "remote"))]
        let mut remote = std::iter::empty();
        let open = |location: &Location| match location.is_local() {
            true => open_local(location),
            false => remote.next().unwrap_or_else(|| Err(not_built(location))),
        };
        locations.iter().map(open).collect()
    }

    /// What is at a location; `None` if nothing is.
    ///
    /// # Errors
    /// Whatever the system reports, except that nothing is there.
    pub fn kind(&self, location: &Location) -> Result<Option<EntryKind>> {
        if location.is_local() {
            return local::kind(location);
        }
        #[cfg(feature = "remote")]
        return self.0.systems.get(location, &self.0.options)?.kind(location);
        #[cfg(not(feature = "remote"))]
        Err(not_built(location))
    }

    /// Whether a file or a directory is there.
    ///
    /// # Errors
    /// As [`kind`](Self::kind).
    pub fn exists(&self, location: &Location) -> Result<bool> {
        Ok(self.kind(location)?.is_some())
    }

    /// All of a small file: at most `limit` bytes of it are read.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`ErrorKind::TooLarge`] for more bytes.
    pub fn read_small(&self, location: &Location, limit: u64) -> Result<Bytes> {
        self.open(location)?.read_all(limit)
    }

    /// The files and directories in a directory, sorted by name.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if nothing is there (in an object store: no key below it),
    /// [`ErrorKind::Unsupported`] from web servers that do not speak WebDAV, and
    /// [`ErrorKind::TooLarge`] beyond [`StoreOptions::max_entries`].
    pub fn list(&self, directory: &Location) -> Result<Vec<Entry>> {
        let mut entries = self.unsorted_entries(directory)?;
        entries.sort();
        Ok(entries)
    }

    fn unsorted_entries(&self, directory: &Location) -> Result<Vec<Entry>> {
        let limit = self.0.options.max_entries;
        if directory.is_local() {
            return local::list(directory, limit);
        }
        #[cfg(feature = "remote")]
        return self
            .0
            .systems
            .get(directory, &self.0.options)?
            .list(directory, limit);
        #[cfg(not(feature = "remote"))]
        Err(not_built(directory))
    }
}

fn open_local(location: &Location) -> Result<Object> {
    let (file, len, modified) = LocalFile::open(location)?;
    Ok(Object::new(location.clone(), len, Source::Local(file)).modified_at(modified))
}

/// The error for a system whose feature is off.
#[cold]
pub(crate) fn not_built(location: &Location) -> Error {
    if location.scheme() == Scheme::Other {
        return location.unknown_scheme();
    }
    let why = format!("this build cannot read `{}:`", location.written_scheme());
    Error::new(ErrorKind::Unsupported, location, why)
}
