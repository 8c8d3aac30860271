//! The local file system, without a detour over an asynchronous runtime.

use std::fs::{self, File};
use std::io;
use std::time::SystemTime;

use crate::error::{Error, ErrorKind, Result};
use crate::location::Location;
use crate::store::{Entry, EntryKind};

/// An open local file that is read at given positions.
#[derive(Debug)]
pub(crate) struct LocalFile(File);

impl LocalFile {
    /// Opens a regular file; tells its length, and when it was modified.
    pub(crate) fn open(location: &Location) -> Result<(Self, u64, Option<SystemTime>)> {
        let path = location.as_local_path().unwrap_or_else(|| ".".as_ref());
        // Asked before opening: to open a named pipe would wait for a writer.
        let metadata = fs::metadata(path).map_err(|error| Error::io(location, &error))?;
        if metadata.is_dir() {
            return Err(Error::new(ErrorKind::Invalid, location, "is a directory"));
        }
        if !metadata.is_file() {
            return Err(Error::new(ErrorKind::Invalid, location, "is no regular file"));
        }
        let file = File::open(path).map_err(|error| Error::io(location, &error))?;
        let opened = file.metadata().map_err(|error| Error::io(location, &error))?;
        Ok((Self(file), opened.len(), opened.modified().ok()))
    }

    /// Fills `buffer` with what lies at `offset`; fails if the file ends before.
    pub(crate) fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match read_at(&self.0, rest, offset + done as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// What is at a location, links followed; `None` if nothing is.
pub(crate) fn kind(location: &Location) -> Result<Option<EntryKind>> {
    let path = location.as_local_path().unwrap_or_else(|| ".".as_ref());
    match fs::metadata(path).map_err(|error| Error::io(location, &error)) {
        Ok(metadata) if metadata.is_dir() => Ok(Some(EntryKind::Directory)),
        Ok(metadata) => Ok(Some(EntryKind::File { len: metadata.len() })),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The files and directories of a directory; links to nowhere are left out.
pub(crate) fn list(directory: &Location, limit: usize) -> Result<Vec<Entry>> {
    let path = directory.as_local_path().unwrap_or_else(|| ".".as_ref());
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| not_a_directory(directory, &error))? {
        let entry = entry.map_err(|error| Error::io(directory, &error))?;
        let Ok(metadata) = fs::metadata(entry.path()) else {
            continue;
        };
        if entries.len() == limit {
            return Err(Error::new(
                ErrorKind::TooLarge,
                directory,
                format!("holds more than {limit} entries"),
            ));
        }
        let kind = match metadata.is_dir() {
            true => EntryKind::Directory,
            false => EntryKind::File { len: metadata.len() },
        };
        entries.push(Entry {
            name: entry.file_name().to_string_lossy().into_owned(),
            kind,
        });
    }
    Ok(entries)
}

fn not_a_directory(directory: &Location, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotADirectory => Error::new(ErrorKind::Invalid, directory, "is no directory"),
        _ => Error::io(directory, error),
    }
}
