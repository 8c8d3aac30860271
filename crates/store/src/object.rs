//! One opened object: its length, and its bytes at any position.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};
use crate::local::LocalFile;
use crate::location::Location;
use crate::reader::ObjectReader;
#[cfg(feature = "remote")]
use crate::remote::RemoteFile;

/// An opened object, to be read at any position from any thread.
///
/// Made by [`Store::open`](crate::Store::open). Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Object(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    location: Location,
    len: u64,
    modified: Option<SystemTime>,
    /// The first bytes, as far as they came when it was opened.
    head: Bytes,
    source: Source,
}

/// Where an object's bytes come from.
#[derive(Debug)]
pub(crate) enum Source {
    Local(LocalFile),
    #[cfg(feature = "remote")]
    Remote(RemoteFile),
}

impl Object {
    pub(crate) fn new(location: Location, len: u64, source: Source) -> Self {
        Self(Arc::new(Inner {
            location,
            len,
            modified: None,
            head: Bytes::new(),
            source,
        }))
    }

    /// The same object, which was last modified then.
    pub(crate) fn modified_at(mut self, modified: Option<SystemTime>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.modified = modified;
        }
        self
    }

    /// The same object, whose first bytes are known.
    #[cfg(feature = "remote")]
    pub(crate) fn with_head(mut self, head: Bytes) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.head = head;
        }
        self
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.0.location
    }

    /// Its length in bytes when it was opened.
    pub fn len(&self) -> u64 {
        self.0.len
    }

    /// When it was written last, where its system says so.
    pub fn modified(&self) -> Option<SystemTime> {
        self.0.modified
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// The `len` bytes at `offset`.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] if the object ends before; nothing is reserved then.
    pub fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        self.check(offset, len as u64)?;
        if let Some(bytes) = self.in_head(offset, len) {
            return Ok(bytes);
        }
        match &self.0.source {
            Source::Local(file) => {
                let mut buffer = vec![0; len];
                self.fill(file, offset, &mut buffer)?;
                Ok(buffer.into())
            }
            #[cfg(feature = "remote")]
            Source::Remote(file) => file.read(offset..offset + len as u64),
        }
    }

    /// Fills `buffer` with the bytes at `offset`.
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at).
    pub fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.check(offset, buffer.len() as u64)?;
        if let Some(bytes) = self.in_head(offset, buffer.len()) {
            buffer.copy_from_slice(&bytes);
            return Ok(());
        }
        match &self.0.source {
            Source::Local(file) => self.fill(file, offset, buffer),
            #[cfg(feature = "remote")]
            Source::Remote(file) => {
                let range = offset..offset + buffer.len() as u64;
                buffer.copy_from_slice(&file.read(range)?);
                Ok(())
            }
        }
    }

    /// A range that lies in the bytes that came when it was opened.
    pub(crate) fn in_head(&self, offset: u64, len: usize) -> Option<Bytes> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(len)?;
        (end <= self.0.head.len()).then(|| self.0.head.slice(start..end))
    }

    /// How many of its first bytes are known.
    #[cfg(feature = "remote")]
    pub(crate) fn head_len(&self) -> u64 {
        self.0.head.len() as u64
    }

    /// All its bytes, if they are at most `limit`.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if they are more.
    pub fn read_all(&self, limit: u64) -> Result<Bytes> {
        match usize::try_from(self.len()) {
            Ok(len) if self.len() <= limit => self.read_at(0, len),
            _ => {
                let why = format!("{} bytes, the limit is {limit}", self.len());
                Err(Error::new(ErrorKind::TooLarge, self.location(), why))
            }
        }
    }

    /// Reads the bytes of a range one after the other.
    ///
    /// Of a remote object several chunks are fetched at once, ahead of the reader.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] if the object ends before the range does.
    pub fn reader(&self, range: Range<u64>) -> Result<ObjectReader> {
        self.check(range.start, range.end.saturating_sub(range.start))?;
        Ok(ObjectReader::new(self.clone(), range))
    }

    pub(crate) fn source(&self) -> &Source {
        &self.0.source
    }

    pub(crate) fn fill(&self, file: &LocalFile, offset: u64, buffer: &mut [u8]) -> Result<()> {
        file.read_exact_at(offset, buffer)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => {
                    let why = format!(
                        "became shorter than the {} bytes it had when it was opened",
                        self.len()
                    );
                    Error::new(ErrorKind::OutOfRange, self.location(), why)
                }
                _ => Error::io(self.location(), &error),
            })
    }

    fn check(&self, offset: u64, len: u64) -> Result<()> {
        match offset.checked_add(len) {
            Some(end) if end <= self.len() => Ok(()),
            _ => {
                let why = format!(
                    "{len} bytes at offset {offset:#x} reach beyond its end at {:#x}",
                    self.len()
                );
                Err(Error::new(ErrorKind::OutOfRange, self.location(), why))
            }
        }
    }
}
