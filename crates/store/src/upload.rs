//! Writing: files that are complete before they count, and one that is published last.

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::local::NewFile;
use crate::location::{Location, Scheme};
#[cfg(feature = "remote")]
use crate::remote::{RemoteUpload, Task};
use crate::store::Store;
#[cfg(not(feature = "remote"))]
use crate::store::not_built;

/// How many files are synced at the same time, most of which is waiting.
const SYNCED_AT_ONCE: usize = 16;

/// A file that is being written; dropping it before [`finish`](Self::finish) takes it away again,
/// as far as that is possible.
#[derive(Debug)]
pub struct Upload {
    location: Location,
    len: u64,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Local(NewFile),
    #[cfg(feature = "remote")]
    Remote(RemoteUpload),
}

/// Ends the writing of a file from outside, from any thread: the file must not come to be.
#[derive(Debug, Clone)]
pub struct Abandon(
    /// Nothing for local files, whose bytes are written by whoever hands them over.
    #[cfg(feature = "remote")]
    Option<std::sync::Arc<Task>>,
);

impl Abandon {
    /// Says that nobody wants the file any more; does not wait.
    pub fn begin(&self) {
        #[cfg(feature = "remote")]
        self.0.iter().for_each(|task| task.abandon());
    }

    /// Waits until no more of the file is written in the background; what is there then has
    /// to be [removed](Store::remove).
    pub fn wait(&self) {
        #[cfg(feature = "remote")]
        self.0.iter().for_each(|task| task.wait());
    }
}

impl Upload {
    /// What ends the writing from outside.
    pub fn abandon(&self) -> Abandon {
        #[cfg(not(feature = "remote"))]
        return Abandon();
        #[cfg(feature = "remote")]
        Abandon(match &self.target {
            Target::Local(_) => None,
            Target::Remote(upload) => Some(upload.task()),
        })
    }

    /// Where the file will be.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// How many bytes have been written.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends bytes. Large pieces are best: each may become a request.
    ///
    /// # Errors
    /// Whatever the system reports, perhaps about bytes written before; the file is lost then.
    pub fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.len += bytes.len() as u64;
        match &mut self.target {
            Target::Local(file) => file
                .write(&bytes)
                .map_err(|error| Error::io(&self.location, &error)),
            #[cfg(feature = "remote")]
            Target::Remote(upload) => upload.write(bytes),
        }
    }

    /// Completes the file; tells its length. Whether it outlasts the machine,
    /// [`Store::persist`] sees to.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn finish(self) -> Result<u64> {
        match self.target {
            Target::Local(file) => file.finish(),
            #[cfg(feature = "remote")]
            Target::Remote(upload) => upload.finish()?,
        }
        Ok(self.len)
    }
}

impl Store {
    /// Begins a file, with the directories above it.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] where the file system can tell; [`ErrorKind::Unsupported`] for
    /// web servers; whatever the system reports.
    pub fn create(&self, location: &Location) -> Result<Upload> {
        let target = match location.is_local() {
            true => Target::Local(NewFile::create(location)?),
            #[cfg(feature = "remote")]
            false => Target::Remote(self.systems().get(location, self.options())?.upload(location)?),
            #[cfg(not(feature = "remote"))]
            false => return Err(not_built(location)),
        };
        Ok(Upload {
            location: location.clone(),
            len: 0,
            target,
        })
    }

    /// Waits until files that were written are on disks, and of directories the names in them;
    /// remote ones are when they are finished.
    ///
    /// # Errors
    /// Whatever the operating system reports, perhaps about bytes written long before.
    pub fn persist(&self, locations: &[Location]) -> Result<()> {
        let local: Vec<&Location> = locations.iter().filter(|location| location.is_local()).collect();
        let share = local.len().div_ceil(SYNCED_AT_ONCE).max(1);
        std::thread::scope(|scope| {
            let persist = |share: &[&Location]| share.iter().try_for_each(|file| crate::local::persist(file));
            let threads: Vec<_> = local
                .chunks(share)
                .map(|share| scope.spawn(move || persist(share)))
                .collect();
            threads.into_iter().try_for_each(|thread| match thread.join() {
                Ok(synced) => synced,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })
    }

    /// Writes a whole small file, which is there completely or not at all.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] if a file has that name, whoever wrote it; and as
    /// [`create`](Self::create).
    pub fn publish(&self, location: &Location, bytes: Bytes) -> Result<()> {
        match location.is_local() {
            true => crate::local::publish(location, &bytes),
            #[cfg(feature = "remote")]
            false => self
                .systems()
                .get(location, self.options())?
                .publish(location, bytes),
            #[cfg(not(feature = "remote"))]
            false => Err(not_built(location)),
        }
    }

    /// Takes a file away, or a directory that is empty; nothing there is no error.
    ///
    /// # Errors
    /// Whatever the system reports.
    pub fn remove(&self, location: &Location) -> Result<()> {
        let removed = match location.is_local() {
            true => crate::local::remove(location),
            #[cfg(feature = "remote")]
            false => self.systems().get(location, self.options())?.remove(location),
            #[cfg(not(feature = "remote"))]
            false => Err(not_built(location)),
        };
        match removed {
            Err(error) if error.is_not_found() => Ok(()),
            removed => removed,
        }
    }

    /// Takes files away, remote ones many at the same time; what is not there is no error.
    ///
    /// # Errors
    /// Whatever the system reports first; others may have been taken away.
    pub fn remove_all(&self, locations: &[Location]) -> Result<()> {
        let is_local = |location: &&Location| location.is_local();
        let (local, remote): (Vec<_>, Vec<_>) = locations.iter().partition(is_local);
        let local = local.into_iter().map(|file| self.remove(file));
        let removed = local.fold(Ok(()), Result::and);
        #[cfg(feature = "remote")]
        return removed.and(self.systems().remove_all(&remote, self.options()));
        #[cfg(not(feature = "remote"))]
        remote
            .into_iter()
            .map(|file| Err(not_built(file)))
            .fold(removed, Result::and)
    }

    /// Makes a directory, with those above it; tells which of them were not there, from the
    /// outermost to the innermost.
    ///
    /// Where directories are nothing but names of files none is made. In HDFS they come with
    /// the first file.
    ///
    /// # Errors
    /// Whatever the system reports.
    pub fn make_directory(&self, directory: &Location) -> Result<Vec<Location>> {
        if directory.is_local() {
            return crate::local::make_directory(directory);
        }
        let mut missing = Vec::new();
        let mut above = (directory.scheme() == Scheme::Hdfs).then(|| directory.clone());
        while let Some(next) = above.take() {
            if self.kind(&next)?.is_none() {
                above = next.parent();
                missing.push(next);
            }
        }
        missing.reverse();
        Ok(missing)
    }
}
