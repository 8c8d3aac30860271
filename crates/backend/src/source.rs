//! Positioned reads: what every backend needs of a file, wherever it lies.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::{Error, InFile, Result};

/// A file that can be read at any position, by many readers at once.
pub trait ReadAt: Send + Sync {
    /// Name of the file, for errors.
    fn name(&self) -> &str;

    /// Size of the file in bytes.
    fn len(&self) -> u64;

    /// Reads exactly `len` bytes from `offset` on.
    ///
    /// # Errors
    /// Whatever the storage says; `UnexpectedEof` where the range leaves the file.
    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes>;

    /// Fills `buf` with the bytes from `offset` on.
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at).
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<()> {
        let bytes = self.read_at(offset, buf.len())?;
        if bytes.len() != buf.len() {
            return Err(outside(self.name(), self.len(), offset, buf.len() as u64));
        }
        buf.copy_from_slice(&bytes);
        Ok(())
    }

    /// Whether the file has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A shared file.
pub type Source = Arc<dyn ReadAt>;

impl fmt::Debug for dyn ReadAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name(), self.len())
    }
}

/// A file of the local file system, of the size it had when it was opened.
#[derive(Debug)]
pub struct LocalFile {
    name: String,
    file: File,
    len: u64,
}

impl LocalFile {
    /// Opens the file at `path`, which is also its name.
    ///
    /// # Errors
    /// As [`File::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let name = path.as_ref().display().to_string();
        let file = File::open(path).in_file(&name)?;
        Self::new(name, file)
    }

    /// Reads `file`, which is open already.
    ///
    /// # Errors
    /// When the size cannot be found out.
    pub fn new(name: impl Into<String>, file: File) -> Result<Self> {
        let name = name.into();
        let len = file.metadata().in_file(&name)?.len();
        Ok(Self { name, file, len })
    }
}

impl ReadAt for LocalFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        check(&self.name, self.len, offset, len as u64)?;
        let mut bytes = vec![0; len];
        read_exact_at(&self.file, &mut bytes, offset).in_file(&self.name)?;
        Ok(bytes.into())
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<()> {
        check(&self.name, self.len, offset, buf.len() as u64)?;
        read_exact_at(&self.file, buf, offset).in_file(&self.name)
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buf.is_empty() {
        let got = std::os::windows::fs::FileExt::seek_read(file, buf, offset)?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buf = buf.get_mut(got..).unwrap_or_default();
        offset += got as u64;
    }
    Ok(())
}

/// A file that is in memory: state kept inside of `_metadata`, or a test's.
#[derive(Debug, Clone)]
pub struct Memory {
    name: String,
    bytes: Bytes,
}

impl Memory {
    /// A file of the given name and bytes.
    pub fn new(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
        }
    }
}

impl ReadAt for Memory {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        let start = check(&self.name, self.len(), offset, len as u64)? as usize;
        Ok(self.bytes.slice(start..start + len))
    }
}

/// A part of a file that is a file of its own: a checkpoint's files merged into one.
#[derive(Debug, Clone)]
pub struct Segment {
    source: Source,
    start: u64,
    len: u64,
}

impl Segment {
    /// The `len` bytes of `source` from `start` on.
    ///
    /// # Errors
    /// When they do not lie in `source`.
    pub fn new(source: Source, start: u64, len: u64) -> Result<Self> {
        check(source.name(), source.len(), start, len)?;
        Ok(Self { source, start, len })
    }
}

impl ReadAt for Segment {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        let offset = check(self.name(), self.len, offset, len as u64)?;
        self.source.read_at(self.start + offset, len)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<()> {
        let offset = check(self.name(), self.len, offset, buf.len() as u64)?;
        self.source.read_exact_at(buf, self.start + offset)
    }
}

/// Checks before anything is allocated that the range lies within the file.
fn check(name: &str, file: u64, offset: u64, len: u64) -> Result<u64> {
    match offset.checked_add(len) {
        Some(end) if end <= file => Ok(offset),
        _ => Err(outside(name, file, offset, len)),
    }
}

#[cold]
fn outside(name: &str, file: u64, offset: u64, len: u64) -> Error {
    let why = format!("{len} bytes from offset {offset:#x} on leave the file of {file} bytes");
    Error::io(name, io::Error::new(io::ErrorKind::UnexpectedEof, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_sources_give_the_same_ranges_and_refusals() {
        let path = std::env::temp_dir().join(format!("statetool-source-{}", std::process::id()));
        std::fs::write(&path, b"0123456789").unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let whole = Arc::new(Memory::new("f", &b"ab0123456789c"[..]));
        let sources: [Source; 3] = [
            Arc::new(LocalFile::new("f", file).unwrap()),
            Arc::new(Memory::new("f", &b"0123456789"[..])),
            Arc::new(Segment::new(whole.clone(), 2, 10).unwrap()),
        ];
        for source in sources {
            assert_eq!((source.len(), source.is_empty(), source.name()), (10, false, "f"));
            assert_eq!(source.read_at(3, 4).unwrap(), "3456");
            assert_eq!(source.read_at(10, 0).unwrap(), "");
            let mut buf = [0; 3];
            source.read_exact_at(&mut buf, 7).unwrap();
            assert_eq!(&buf, b"789");
            assert!(source.read_exact_at(&mut buf, 8).is_err());
            for (offset, len) in [(11, 0), (u64::MAX, 2)] {
                assert!(source.read_at(offset, len).is_err());
            }
            let error = source.read_at(3, 8).unwrap_err();
            assert_eq!(
                error.to_string(),
                "f: 8 bytes from offset 0x3 on leave the file of 10 bytes"
            );
        }
        assert!(Segment::new(whole, 5, 9).is_err());
        assert!(LocalFile::open("/no/such/file").unwrap_err().is_missing());
    }
}
