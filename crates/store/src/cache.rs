//! Local copies of remote files, for readers that need a file in a directory.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::error::{Error, ErrorKind, Result, plain};
use crate::location::Location;
use crate::store::Store;

/// A bounded directory of local copies, such as RocksDB's files of a remote snapshot.
///
/// Each file is fetched once, however many threads ask for it, and appears when it is
/// complete. Files that nobody holds go, the longest unused first, when room is needed. The
/// directory of a cache is its own and is removed with it; what a killed process left is
/// removed by the next cache in the same place.
///
/// Cloning is cheap and shares the cache.
#[derive(Debug, Clone)]
pub struct FileCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    max_bytes: u64,
    /// Held as long as the cache lives: it tells other processes so.
    _lock: File,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    files: HashMap<Location, Copy>,
    bytes: u64,
    clock: u64,
}

#[derive(Debug)]
struct Copy {
    path: PathBuf,
    bytes: u64,
    users: usize,
    used: u64,
    complete: bool,
}

/// A local copy that stays as long as this is held; made by [`FileCache::fetch`].
#[derive(Debug)]
pub struct CachedFile {
    cache: Option<FileCache>,
    location: Location,
    path: PathBuf,
}

/// Copies that are being made in the background; dropping it stops that.
#[derive(Debug)]
pub struct Prefetch {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What may be done to make room for a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// Copies that nobody holds may go.
    Evict,
    /// Nothing: what nobody holds yet may be wanted next.
    Keep,
}

/// How many files are copied in the background at the same time.
const PREFETCHED_AT_ONCE: usize = 8;
/// How many bytes come with the answer to how long a file is.
const HEAD: u64 = 1 << 20;

/// How often a directory of another name is tried.
const MOST_NAMES: usize = 1000;

const PREFIX: &str = "statetool-cache-";
const LOCK: &str = "lock";
const UNFINISHED: &str = "unfinished";
const REMOVED: &str = "removed";
/// How often the removal of a directory is tried. What stays is removed by the next cache.
const REMOVALS: usize = 20;

/// Distinguishes the caches of one process.
static SERIAL: AtomicU64 = AtomicU64::new(0);

/// The directories of this process's caches; none once the process is about to end.
static DIRECTORIES: Mutex<Option<Vec<PathBuf>>> = Mutex::new(Some(Vec::new()));

/// Removes the copies of all caches of this process, which is about to end without dropping
/// them. From then on no cache can be made.
pub fn remove_caches() {
    for directory in own_directories().take().into_iter().flatten() {
        // Under another name no thread finds it to write more into it; one may just have.
        let moved = directory.with_extension(REMOVED);
        let moved = fs::rename(&directory, &moved).map_or(directory, |()| moved);
        for _ in 0..REMOVALS {
            if fs::remove_dir_all(&moved).is_ok() || !moved.exists() {
                break;
            }
        }
    }
}

fn own_directories() -> MutexGuard<'static, Option<Vec<PathBuf>>> {
    DIRECTORIES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FileCache {
    /// Makes a cache in a directory, which is made too if it is missing, and cleans up after
    /// processes that are gone.
    ///
    /// # Errors
    /// Whatever the operating system reports about the directory.
    pub fn new(directory: &Path, max_bytes: u64) -> Result<Self> {
        let place = Location::from_path(directory)?;
        let failed = |error: std::io::Error| Error::io(&place, &error);
        fs::create_dir_all(directory).map_err(failed)?;
        remove_stale(directory);
        let (directory, lock) = make_directory(directory).map_err(failed)?;
        let inner = Inner {
            directory,
            max_bytes,
            _lock: lock,
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// The bytes of all copies that are there or being fetched.
    pub fn bytes(&self) -> u64 {
        self.state().bytes
    }

    /// The local copy of a file, fetched if it is not there. A local file is its own copy.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] for a file that does not fit into the cache beside those that
    /// are held, and whatever reading it or writing the copy reports.
    pub fn fetch(&self, store: &Store, location: &Location) -> Result<CachedFile> {
        if let Some(path) = location.as_local_path() {
            return Ok(CachedFile {
                cache: None,
                location: location.clone(),
                path: path.to_owned(),
            });
        }
        self.fetch_remote(store, location, Room::Evict, &AtomicBool::new(false))
    }

    /// Makes copies in the background, in the order of the locations and as long as there is
    /// room without removing other copies, until all are made or the result is dropped.
    pub fn prefetch(&self, store: &Store, locations: Vec<Location>) -> Prefetch {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = PREFETCHED_AT_ONCE.min(locations.len());
        let queue = Arc::new(Mutex::new(locations.into_iter()));
        let work = || {
            let (cache, store) = (self.clone(), store.clone());
            let (queue, stop) = (Arc::clone(&queue), Arc::clone(&stop));
            move || {
                let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                while let Some(location) = next() {
                    // Whoever needs the file meets the error again, and in its place.
                    if stop.load(Ordering::Relaxed)
                        || location.is_local()
                        || cache.fetch_remote(&store, &location, Room::Keep, &stop).is_err()
                    {
                        return;
                    }
                }
            }
        };
        let named = || std::thread::Builder::new().name("statetool-prefetch".to_owned());
        // Without threads every file is fetched when it is needed.
        let threads = (0..threads).filter_map(|_| named().spawn(work()).ok()).collect();
        Prefetch { stop, threads }
    }

    fn fetch_remote(
        &self,
        store: &Store,
        location: &Location,
        room: Room,
        stop: &AtomicBool,
    ) -> Result<CachedFile> {
        while !self.claim(location) {
            if let Some(held) = self.hold_existing(location) {
                return Ok(held);
            }
        }
        let copied = store.open_with_head(location, HEAD).and_then(|object| {
            self.reserve(location, object.len(), room)?;
            self.copy(&object, stop)
        });
        let mut state = self.state();
        self.0.changed.notify_all();
        match (copied, state.files.get_mut(location)) {
            (Ok(path), Some(copy)) => {
                copy.path.clone_from(&path);
                copy.complete = true;
                Ok(CachedFile {
                    cache: Some(self.clone()),
                    location: location.clone(),
                    path,
                })
            }
            (copied, _) => {
                state.forget(location);
                Err(copied
                    .err()
                    .unwrap_or_else(|| Error::new(ErrorKind::Io, location, "is no longer in the cache")))
            }
        }
    }

    /// Enters a copy that the caller has to make now; false if there is one already.
    fn claim(&self, location: &Location) -> bool {
        let mut state = self.state();
        if state.files.contains_key(location) {
            return false;
        }
        let used = state.tick();
        let copy = Copy {
            path: PathBuf::new(),
            bytes: 0,
            users: 1,
            used,
            complete: false,
        };
        state.files.insert(location.clone(), copy);
        true
    }

    /// Holds the copy if it is complete, after waiting for a thread that fetches it.
    fn hold_existing(&self, location: &Location) -> Option<CachedFile> {
        let mut state = self.state();
        loop {
            let clock = state.tick();
            let copy = state.files.get_mut(location)?;
            if copy.complete {
                copy.users += 1;
                copy.used = clock;
                let path = copy.path.clone();
                return Some(CachedFile {
                    cache: Some(self.clone()),
                    location: location.clone(),
                    path,
                });
            }
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Makes room for a copy that was claimed.
    fn reserve(&self, location: &Location, bytes: u64, room: Room) -> Result<()> {
        let limit = self.0.max_bytes;
        let mut state = self.state();
        let made = match room {
            Room::Evict => state.make_room(bytes, limit),
            Room::Keep if state.bytes.saturating_add(bytes) <= limit => Ok(()),
            Room::Keep => Err(state.bytes),
        };
        made.map_err(|held| {
            let why = format!("{bytes} bytes do not fit into the cache of {limit} beside {held} in use");
            Error::new(ErrorKind::TooLarge, location, why)
        })?;
        state.bytes += bytes;
        if let Some(copy) = state.files.get_mut(location) {
            copy.bytes = bytes;
        }
        Ok(())
    }

    fn copy(&self, object: &crate::Object, stop: &AtomicBool) -> Result<PathBuf> {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = object.location().file_name().unwrap_or_default();
        // Names of remote files may be too long, or nothing that a file can be called here.
        let plain: String = name
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || ".-_".contains(*c))
            .take(100)
            .collect();
        let path = self.0.directory.join(format!("{serial}-{plain}"));
        let unfinished = path.with_file_name(format!("{serial}.{UNFINISHED}"));
        let written = write_copy(object, &unfinished, stop).and_then(|()| {
            fs::rename(&unfinished, &path).map_err(|error| local_failure(object.location(), &path, &error))
        });
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written.map(|()| path)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the directory of one cache, with a lock that is held before others can see it.
///
/// A process that ends meanwhile waits until the directory is known as one of its own.
fn make_directory(parent: &Path) -> std::io::Result<(PathBuf, File)> {
    let mut own = own_directories();
    let Some(own) = own.as_mut() else {
        return Err(std::io::Error::other("the process is about to end"));
    };
    for _ in 0..MOST_NAMES {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let directory = parent.join(format!("{PREFIX}{}-{serial}", std::process::id()));
        let unfinished = directory.with_extension(UNFINISHED);
        match create_private(&unfinished) {
            // In a directory that containers share, others may have our process number.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
            made => made?,
        }
        match lock_and_name(&unfinished, &directory) {
            Ok(lock) => {
                own.push(directory.clone());
                return Ok((directory, lock));
            }
            // Another process took it for a dead one's, or has one of that name.
            Err(_) if !unfinished.exists() || directory.exists() => {
                let _ = fs::remove_dir_all(&unfinished);
            }
            Err(error) => {
                let _ = fs::remove_dir_all(&unfinished);
                return Err(error);
            }
        }
    }
    Err(std::io::Error::other("other processes remove its directories"))
}

fn lock_and_name(unfinished: &Path, directory: &Path) -> std::io::Result<File> {
    let lock = File::create_new(unfinished.join(LOCK))?;
    lock.lock()?;
    fs::rename(unfinished, directory)?;
    Ok(lock)
}

fn write_copy(object: &crate::Object, path: &Path, stop: &AtomicBool) -> Result<()> {
    let failed = |error: &std::io::Error| local_failure(object.location(), path, error);
    let mut file = File::create_new(path).map_err(|error| failed(&error))?;
    let mut reader = object.reader(0..object.len())?;
    loop {
        if stop.load(Ordering::Relaxed) {
            let why = "its local copy was not wanted any more";
            return Err(Error::new(ErrorKind::Unavailable, object.location(), why));
        }
        let chunk = reader.chunk()?;
        let len = chunk.len();
        if len == 0 {
            return Ok(());
        }
        file.write_all(chunk).map_err(|error| failed(&error))?;
        reader.consume(len);
    }
}

fn local_failure(location: &Location, path: &Path, error: &std::io::Error) -> Error {
    let why = format!(
        "its local copy `{}` cannot be written: {}",
        path.display(),
        plain(error)
    );
    let kind = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ErrorKind::TooLarge,
        _ => ErrorKind::Io,
    };
    Error::new(kind, location, why)
}

/// Makes a directory that nobody else may look into: state is not for everybody's eyes.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Removes the directories of caches whose processes are gone. What cannot be removed stays:
/// it may be somebody else's.
fn remove_stale(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX));
        if !ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        // Without a lock it is one that nobody has finished making. Should somebody just be about
        // to, that is noticed, and another one is made.
        let dead = match File::open(entry.path().join(LOCK)) {
            Ok(lock) => !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if dead {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl State {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Removes copies nobody holds until `bytes` more fit; fails with the bytes in use.
    fn make_room(&mut self, bytes: u64, limit: u64) -> Result<(), u64> {
        let held: u64 = self
            .files
            .values()
            .filter(|copy| copy.users > 0)
            .map(|copy| copy.bytes)
            .sum();
        if held.saturating_add(bytes) > limit {
            return Err(held);
        }
        while self.bytes.saturating_add(bytes) > limit {
            let unused = self.files.iter().filter(|(_, copy)| copy.users == 0);
            let Some(oldest) = unused
                .min_by_key(|(_, copy)| copy.used)
                .map(|(location, _)| location.clone())
            else {
                return Err(held);
            };
            self.forget(&oldest);
        }
        Ok(())
    }

    fn forget(&mut self, location: &Location) {
        if let Some(copy) = self.files.remove(location) {
            self.bytes = self.bytes.saturating_sub(copy.bytes);
            // Empty if it was never finished. What stays goes with the directory.
            let _ = fs::remove_file(&copy.path);
        }
    }
}

impl Drop for Prefetch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Where caches are made: in the directory that was named, else in the user's own for such
/// things, else in that for temporary files.
pub(crate) fn directories(named: Option<&str>) -> Vec<PathBuf> {
    if let Some(named) = named {
        return vec![named.into()];
    }
    let from = |variable: &str, below: &str| {
        let base = std::env::var_os(variable).filter(|base| !base.is_empty())?;
        Some(Path::new(&base).join(below))
    };
    let own = from("XDG_CACHE_HOME", "statetool")
        .or_else(|| from("LOCALAPPDATA", "statetool"))
        .or_else(|| from("HOME", ".cache/statetool"));
    own.into_iter().chain([std::env::temp_dir()]).collect()
}

impl CachedFile {
    /// The path of the copy.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for CachedFile {
    fn drop(&mut self) {
        if let Some(cache) = &self.cache {
            let mut state = cache.state();
            let clock = state.tick();
            if let Some(copy) = state.files.get_mut(&self.location) {
                copy.users = copy.users.saturating_sub(1);
                copy.used = clock;
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Held until the directory is gone: whoever ends the process meanwhile waits for that.
        let mut own = own_directories();
        if let Some(own) = own.as_mut() {
            own.retain(|directory| *directory != self.directory);
        }
        // Nothing is left to do where this fails; the next cache tries again.
        let _ = fs::remove_dir_all(&self.directory);
    }
}
