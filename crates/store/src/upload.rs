//! Writing: files that are complete before they count, and one that is published last.

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};
use crate::local::NewFile;
use crate::location::Location;
#[cfg(feature = "remote")]
use crate::remote::RemoteUpload;
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

impl Upload {
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

    /// Waits until files that were written are on disks; remote ones are when they are finished.
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

    /// Takes a file away; nothing there is no error.
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
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}
