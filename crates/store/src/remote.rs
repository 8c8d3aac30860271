//! Remote systems behind the blocking façade.
//!
//! Each system is an asynchronous [`System`]; this module keeps one per authority, drives
//! it on a runtime of its own, repeats what failed for a reason that may pass
//! ([`retry`]), fetches large ranges as several chunks at once, and what scans will need
//! next before they ask ([`ahead`]).

mod ahead;
#[cfg(feature = "s3")]
mod aws_profile;
#[cfg(feature = "object-store")]
mod cloud;
#[cfg(feature = "object-store")]
mod connect;
#[cfg(feature = "hdfs")]
mod hadoop_config;
#[cfg(feature = "hdfs")]
mod hdfs;
mod retry;
mod runtime;
mod upload;

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};

use crate::error::{Error, ErrorKind, Result, plain};
use crate::location::{Location, Scheme};
use crate::object::{Object, Source};
use crate::options::StoreOptions;
use crate::reader::take_chunk;
use crate::store::{Entry, EntryKind, not_built};
use ahead::Ahead;
use retry::Limits;
use runtime::{Pending, Runtime, Shared};
use upload::Pieces;
pub(crate) use upload::{RemoteUpload, Task};

/// What an asynchronous call gives back.
pub(crate) type Answer<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// A remote system. An error of kind [`ErrorKind::Unavailable`] means: try again.
pub(crate) trait System: Send + Sync + Debug {
    /// Opens a file; its first `head` bytes may come with it, where that saves a request.
    fn open(self: Arc<Self>, location: Location, head: u64) -> Answer<Opened>;
    /// What is at a location.
    fn kind(self: Arc<Self>, location: Location) -> Answer<Option<EntryKind>>;
    /// The entries of a directory, in any order; no more than `limit`.
    fn list(self: Arc<Self>, directory: Location, limit: usize) -> Answer<Vec<Entry>>;
    /// Writes a file piece by piece; it is there once all pieces are.
    fn write(self: Arc<Self>, location: Location, pieces: Pieces) -> Answer<()>;
    /// Writes a file that was not there.
    fn publish(self: Arc<Self>, location: Location, bytes: Bytes) -> Answer<()>;
    /// Takes a file away.
    fn remove(self: Arc<Self>, location: Location) -> Answer<()>;
}

/// A file that a system has opened.
pub(crate) struct Opened {
    pub(crate) object: Arc<dyn RemoteObject>,
    pub(crate) len: u64,
    pub(crate) modified: Option<SystemTime>,
    pub(crate) head: Bytes,
}

/// An opened file of a remote system.
pub(crate) trait RemoteObject: Send + Sync + Debug {
    /// Exactly the bytes of a range that lies within the file.
    fn read(self: Arc<Self>, range: Range<u64>) -> Answer<Bytes>;
}

/// A system that was connected to, and how long its calls may take.
type Connected = (Arc<dyn System>, Limits);

/// The systems that were connected to so far.
#[derive(Debug, Default)]
pub(crate) struct Systems {
    runtime: OnceLock<Result<Runtime, String>>,
    known: Mutex<HashMap<String, Connected>>,
    ahead: Arc<Ahead>,
}

/// A system with what is needed to call it from a thread that blocks.
#[derive(Debug)]
pub(crate) struct Remote {
    system: Arc<dyn System>,
    calls: Calls,
    ahead: Arc<Ahead>,
}

/// How calls are made: where they run, and how long they may take.
#[derive(Debug, Clone)]
struct Calls {
    runtime: Runtime,
    limits: Limits,
}

/// An opened remote file with what is needed to read it from a thread that blocks.
#[derive(Debug)]
pub(crate) struct RemoteFile {
    location: Location,
    object: Arc<dyn RemoteObject>,
    calls: Calls,
    len: u64,
    chunk_size: u64,
    parallelism: usize,
    /// How many bytes may be fetched ahead in all files.
    read_ahead: u64,
    ahead: Arc<Ahead>,
    number: u64,
}

/// How many files are opened at the same time.
const OPENED_AT_ONCE: usize = 32;
/// How many files are taken away at the same time.
const REMOVED_AT_ONCE: usize = 32;

impl Systems {
    /// The system a location is in, connected to if that was not done before.
    pub(crate) fn get(&self, location: &Location, options: &StoreOptions) -> Result<Remote> {
        let runtime = self
            .runtime
            .get_or_init(|| Runtime::start().map_err(|error| plain(&error)));
        let runtime = runtime.as_ref().map_err(|why| {
            Error::new(
                ErrorKind::Io,
                location,
                format!("cannot start threads for its connections: {why}"),
            )
        })?;
        // Taken again after a panic elsewhere: the map is valid at any time.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (system, limits) = match known.get(&location.system()) {
            Some(known) => known.clone(),
            None => {
                let system = (connect(location, options, runtime)?, Limits::new(options));
                known.insert(location.system(), system.clone());
                system
            }
        };
        let runtime = runtime.clone();
        Ok(Remote {
            system,
            calls: Calls { runtime, limits },
            ahead: Arc::clone(&self.ahead),
        })
    }
}

#[cfg_attr(
    not(feature = "hdfs"),
    expect(unused_variables, reason = "only its client takes a runtime")
)]
fn connect(location: &Location, options: &StoreOptions, runtime: &Runtime) -> Result<Arc<dyn System>> {
    match location.scheme() {
        #[cfg(feature = "s3")]
        Scheme::S3 => cloud::Cloud::system(location, options, connect::s3),
        #[cfg(feature = "gcs")]
        Scheme::Gcs => cloud::Cloud::system(location, options, connect::gcs),
        #[cfg(feature = "azure")]
        Scheme::Azure => cloud::Cloud::system(location, options, connect::azure),
        #[cfg(feature = "http")]
        Scheme::Http => cloud::Cloud::system(location, options, connect::http),
        #[cfg(feature = "hdfs")]
        Scheme::Hdfs => hdfs::Hdfs::system(location, options, runtime.handle()),
        _ => Err(not_built(location)),
    }
}

impl Remote {
    /// Starts opening a file, with its first `head` bytes.
    fn start_open(&self, location: &Location, head: u64) -> Pending<Result<Opened>> {
        self.start(location, head, move |system, location| {
            system.open(location, head)
        })
    }

    /// Makes an object of what was opened.
    fn opened(&self, location: &Location, opened: Opened, options: &StoreOptions) -> Object {
        let file = RemoteFile {
            location: location.clone(),
            object: opened.object,
            calls: self.calls.clone(),
            len: opened.len,
            chunk_size: options.chunk_size.max(1),
            parallelism: options.parallelism.max(1),
            read_ahead: options.read_ahead,
            number: self.ahead.number(),
            ahead: Arc::clone(&self.ahead),
        };
        Object::new(location.clone(), opened.len, Source::Remote(file))
            .modified_at(opened.modified)
            .with_head(opened.head)
    }

    /// What is at a location.
    pub(crate) fn kind(&self, location: &Location) -> Result<Option<EntryKind>> {
        self.call(location, |system, location| system.kind(location))
    }

    /// The entries of a directory.
    pub(crate) fn list(&self, directory: &Location, limit: usize) -> Result<Vec<Entry>> {
        self.call(directory, move |system, location| system.list(location, limit))
    }

    fn call<T: Send + 'static>(
        &self,
        location: &Location,
        call: impl Fn(Arc<dyn System>, Location) -> Answer<T> + Send + 'static,
    ) -> Result<T> {
        self.start(location, 0, call).wait(location)
    }

    fn start<T: Send + 'static>(
        &self,
        location: &Location,
        bytes: u64,
        call: impl Fn(Arc<dyn System>, Location) -> Answer<T> + Send + 'static,
    ) -> Pending<Result<T>> {
        let (system, subject) = (Arc::clone(&self.system), location.clone());
        self.calls.start(location, bytes, move || {
            call(Arc::clone(&system), subject.clone())
        })
    }
}

impl Systems {
    /// Opens files, many at the same time; the first `head` bytes of each come with it where
    /// that saves a request.
    pub(crate) fn open_all(
        &self,
        locations: &[&Location],
        head: u64,
        options: &StoreOptions,
    ) -> Vec<Result<Object>> {
        let mut waiting: VecDeque<_> = VecDeque::new();
        let mut opened = Vec::with_capacity(locations.len());
        for location in locations {
            if waiting.len() >= OPENED_AT_ONCE {
                opened.extend(waiting.pop_front().map(|next| finish_open(next, options)));
            }
            let started = self.get(location, options).map(|remote| {
                let pending = remote.start_open(location, head);
                (remote, pending)
            });
            waiting.push_back((*location, started));
        }
        opened.extend(waiting.into_iter().map(|next| finish_open(next, options)));
        opened
    }
}

impl Systems {
    /// Takes files away, many at the same time, until a system does not answer.
    pub(crate) fn remove_all(&self, locations: &[&Location], options: &StoreOptions) -> Result<()> {
        for some in locations.chunks(REMOVED_AT_ONCE) {
            let start = |location: &&'_ Location| {
                let remote = self.get(location, options)?;
                Ok::<_, Error>(remote.start_remove(location))
            };
            let started: Vec<_> = some.iter().map(start).collect();
            let removed =
                started
                    .into_iter()
                    .zip(some)
                    .map(|(pending, location)| match pending?.wait(location) {
                        Err(error) if error.is_not_found() => Ok(()),
                        removed => removed,
                    });
            // All are waited for: what is not would be cancelled.
            removed.fold(Ok(()), Result::and)?;
        }
        Ok(())
    }
}

type Opening<'l> = (&'l Location, Result<(Remote, Pending<Result<Opened>>)>);

fn finish_open((location, started): Opening<'_>, options: &StoreOptions) -> Result<Object> {
    let (remote, pending) = started?;
    let opened = pending.wait(location)?;
    Ok(remote.opened(location, opened, options))
}

impl Calls {
    /// Starts a call that moves about `bytes` bytes, and repeats it where that may help.
    fn start<T: Send + 'static>(
        &self,
        location: &Location,
        bytes: u64,
        call: impl Fn() -> Answer<T> + Send + 'static,
    ) -> Pending<Result<T>> {
        let (limits, location) = (self.limits.clone(), location.clone());
        self.runtime
            .start_task(async move { limits.repeat(&location, bytes, call).await })
    }
}

impl<T> Pending<Result<T>> {
    fn wait(self, location: &Location) -> Result<T> {
        self.answer().unwrap_or_else(|| Err(stopped(location)))
    }
}

/// The error for work that has panicked.
#[cold]
fn stopped(location: &Location) -> Error {
    Error::new(ErrorKind::Io, location, "its client stopped unexpectedly")
}

impl RemoteFile {
    /// The bytes of a range, which may have been fetched ahead.
    pub(crate) fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let len = range.end.saturating_sub(range.start);
        if len == 0 {
            return Ok(Bytes::new());
        }
        if len <= self.chunk_size {
            let ahead = (self.read_ahead > 0)
                .then(|| self.ahead.read(self, &range))
                .flatten();
            return ahead.unwrap_or_else(|| self.start(range).wait(&self.location));
        }
        let mut whole = BytesMut::with_capacity(usize::try_from(len).unwrap_or_default());
        let mut ahead = ReadAhead::new(range);
        while let Some(chunk) = ahead.next(self) {
            whole.extend_from_slice(&chunk?);
        }
        Ok(whole.freeze())
    }

    fn start(&self, range: Range<u64>) -> Pending<Result<Bytes>> {
        let object = Arc::clone(&self.object);
        let len = range.end.saturating_sub(range.start);
        self.calls.start(&self.location, len, move || {
            Arc::clone(&object).read(range.clone())
        })
    }

    fn start_shared(&self, range: Range<u64>) -> Shared<Result<Bytes>> {
        let (object, location) = (Arc::clone(&self.object), self.location.clone());
        let (limits, len) = (self.calls.limits.clone(), range.end.saturating_sub(range.start));
        self.calls.runtime.start_shared(async move {
            let read = || Arc::clone(&object).read(range.clone());
            limits.repeat(&location, len, read).await
        })
    }
}

impl Drop for RemoteFile {
    fn drop(&mut self) {
        self.ahead.forget(self.number);
    }
}

/// A range that is fetched chunk by chunk, with the next chunks on their way already.
///
/// Dropping it cancels what has not arrived.
#[derive(Debug)]
pub(crate) struct ReadAhead {
    rest: Range<u64>,
    pending: VecDeque<Pending<Result<Bytes>>>,
}

impl ReadAhead {
    pub(crate) fn new(range: Range<u64>) -> Self {
        Self {
            rest: range,
            pending: VecDeque::new(),
        }
    }

    /// Waits for the next chunk; `None` after the last.
    pub(crate) fn next(&mut self, file: &RemoteFile) -> Option<Result<Bytes>> {
        while self.pending.len() < file.parallelism && self.rest.start < self.rest.end {
            let range = take_chunk(&mut self.rest, file.chunk_size);
            self.pending.push_back(file.start(range));
        }
        self.pending.pop_front().map(|chunk| chunk.wait(&file.location))
    }
}
