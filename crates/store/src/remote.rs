//! Remote systems behind the blocking façade.
//!
//! Each system is an asynchronous [`System`]; this module keeps one per authority, drives
//! it on a runtime of its own, repeats what failed for a reason that may pass
//! ([`retry`]), and fetches large ranges as several chunks at once.

#[cfg(feature = "s3")]
mod aws_profile;
#[cfg(feature = "object-store")]
mod cloud;
#[cfg(feature = "object-store")]
mod connect;
#[cfg(feature = "hdfs")]
mod hdfs;
mod retry;
mod runtime;

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::{Bytes, BytesMut};

use crate::error::{Error, ErrorKind, Result};
use crate::location::{Location, Scheme};
use crate::options::StoreOptions;
use crate::reader::take_chunk;
use crate::store::{Entry, EntryKind, not_built};
use retry::Limits;
use runtime::{Pending, Runtime};

/// What an asynchronous call gives back.
pub(crate) type Answer<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// A remote system. An error of kind [`ErrorKind::Unavailable`] means: try again.
pub(crate) trait System: Send + Sync + Debug {
    /// Opens a file and tells its length.
    fn open(self: Arc<Self>, location: Location) -> Answer<(Arc<dyn RemoteObject>, u64)>;
    /// What is at a location.
    fn kind(self: Arc<Self>, location: Location) -> Answer<Option<EntryKind>>;
    /// The entries of a directory, in any order; no more than `limit`.
    fn list(self: Arc<Self>, directory: Location, limit: usize) -> Answer<Vec<Entry>>;
}

/// An opened file of a remote system.
pub(crate) trait RemoteObject: Send + Sync + Debug {
    /// Exactly the bytes of a range that lies within the file.
    fn read(self: Arc<Self>, range: Range<u64>) -> Answer<Bytes>;
}

/// The systems that were connected to so far.
#[derive(Debug, Default)]
pub(crate) struct Systems {
    runtime: OnceLock<Result<Runtime, String>>,
    known: Mutex<HashMap<String, Arc<dyn System>>>,
}

/// A system with what is needed to call it from a thread that blocks.
#[derive(Debug)]
pub(crate) struct Remote {
    system: Arc<dyn System>,
    calls: Calls,
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
    chunk_size: u64,
    parallelism: usize,
}

impl Systems {
    /// The system a location is in, connected to if that was not done before.
    pub(crate) fn get(&self, location: &Location, options: &StoreOptions) -> Result<Remote> {
        let runtime = self
            .runtime
            .get_or_init(|| Runtime::start().map_err(|error| error.to_string()));
        let runtime = runtime.as_ref().map_err(|why| {
            Error::new(
                ErrorKind::Io,
                location,
                format!("cannot start threads for its connections: {why}"),
            )
        })?;
        // Taken again after a panic elsewhere: the map is valid at any time.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let system = match known.get(&location.system()) {
            Some(system) => Arc::clone(system),
            None => {
                let system = connect(location, options, runtime)?;
                known.insert(location.system(), Arc::clone(&system));
                system
            }
        };
        let calls = Calls {
            runtime: runtime.clone(),
            limits: Limits::new(options),
        };
        Ok(Remote { system, calls })
    }
}

#[cfg_attr(
    not(feature = "hdfs"),
    expect(unused_variables, reason = "only its client takes a runtime")
)]
fn connect(location: &Location, options: &StoreOptions, runtime: &Runtime) -> Result<Arc<dyn System>> {
    match location.scheme() {
        #[cfg(feature = "s3")]
        Scheme::S3 => cloud::Cloud::system(connect::s3(location, options)?),
        #[cfg(feature = "gcs")]
        Scheme::Gcs => cloud::Cloud::system(connect::gcs(location, options)?),
        #[cfg(feature = "azure")]
        Scheme::Azure => cloud::Cloud::system(connect::azure(location, options)?),
        #[cfg(feature = "http")]
        Scheme::Http => cloud::Cloud::system(connect::http(location, options)?),
        #[cfg(feature = "hdfs")]
        Scheme::Hdfs => hdfs::Hdfs::system(location, options, runtime.handle()),
        _ => Err(not_built(location)),
    }
}

impl Remote {
    /// Opens a file.
    pub(crate) fn open(&self, location: &Location, options: &StoreOptions) -> Result<(RemoteFile, u64)> {
        let (object, len) = self.call(location, |system, location| system.open(location))?;
        let file = RemoteFile {
            location: location.clone(),
            object,
            calls: self.calls.clone(),
            chunk_size: options.chunk_size.max(1),
            parallelism: options.parallelism.max(1),
        };
        Ok((file, len))
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
        let (system, subject) = (Arc::clone(&self.system), location.clone());
        self.calls
            .start(location, 0, move || call(Arc::clone(&system), subject.clone()))
            .wait(location)
    }
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
        self.answer().unwrap_or_else(|| {
            Err(Error::new(
                ErrorKind::Io,
                location,
                "its client stopped unexpectedly",
            ))
        })
    }
}

impl RemoteFile {
    /// Fetches a range, several chunks of it at a time.
    pub(crate) fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let len = range.end.saturating_sub(range.start);
        if len <= self.chunk_size {
            return if len == 0 {
                Ok(Bytes::new())
            } else {
                self.start(range).wait(&self.location)
            };
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
