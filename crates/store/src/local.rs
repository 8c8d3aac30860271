//! The local file system, without a detour over an asynchronous runtime.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
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
            let why = format!("is {}, and no regular file", special(metadata.file_type()));
            return Err(Error::new(ErrorKind::Invalid, location, why));
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

/// What something is that is neither a file nor a directory.
#[cfg(unix)]
fn special(kind: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match kind {
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_char_device() || kind.is_block_device() => "a device",
        _ => "something else",
    }
}

#[cfg(not(unix))]
fn special(_: fs::FileType) -> &'static str {
    "something else"
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

/// What the name of a file begins with, after that which it is to have, until it is published.
const UNPUBLISHED: &str = ".unpublished-";
/// How often a directory is made again that others have taken away.
const MOST_REMOVALS: usize = 100;

/// A local file that is being written.
#[derive(Debug)]
pub(crate) struct NewFile {
    file: File,
    path: PathBuf,
    finished: bool,
}

impl NewFile {
    /// Creates a file that was not there, and the directories above it.
    pub(crate) fn create(location: &Location) -> Result<Self> {
        let path = location.as_local_path().unwrap_or_else(|| ".".as_ref());
        let create = || {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            Self::open(path.to_owned())
        };
        let mut created = create();
        for _ in 0..MOST_REMOVALS {
            match created {
                // Whoever made the directory has just taken it away, as it was empty.
                Err(error) if error.kind() == io::ErrorKind::NotFound => created = create(),
                _ => break,
            }
        }
        created.map_err(|error| Error::io(location, &error))
    }

    fn open(path: PathBuf) -> io::Result<Self> {
        Ok(Self {
            file: File::create_new(&path)?,
            path,
            finished: false,
        })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Keeps the file.
    pub(crate) fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Writes a file beside its place and gives it its name, which fails if something has that already.
pub(crate) fn publish(location: &Location, bytes: &[u8]) -> Result<()> {
    let path = location.as_local_path().unwrap_or_else(|| ".".as_ref());
    let directory = parent_of(path);
    let publish = || {
        fs::create_dir_all(directory)?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(UNPUBLISHED);
        let mut builder = tempfile::Builder::new();
        builder.prefix(&name);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(directory)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Err(refused.error)?,
            // Not every file system can rename like that, or has links.
            Err(refused) => claim(refused.file, path)?,
            Ok(_) => {}
        }
        sync_directory(directory)
    };
    publish().map_err(|error| Error::io(location, &error))
}

/// Gives a file its name where that takes two steps: whoever makes an empty file of that name
/// replaces it.
fn claim(file: tempfile::NamedTempFile, path: &Path) -> io::Result<()> {
    let claimed = NewFile::open(path.to_owned())?;
    file.persist(path)?;
    claimed.finish();
    Ok(())
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => ".".as_ref(),
    }
}

/// Makes a directory and those above it; tells which were not there, from the outermost.
pub(crate) fn make_directory(location: &Location) -> Result<Vec<Location>> {
    let path = location.as_local_path().unwrap_or_else(|| ".".as_ref());
    let is_missing = |above: &&Path| !above.as_os_str().is_empty() && !above.exists();
    let mut missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    missing.reverse();
    let mut made = Vec::new();
    for directory in missing {
        match fs::create_dir(directory) {
            Ok(()) => made.push(Location::from_path(directory)?),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // Others take away what was empty; the first file brings it back.
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                let why = "a file stands where a directory above it would be";
                return Err(Error::new(ErrorKind::Invalid, location, why));
            }
            Err(error) => return Err(Error::io(location, &error)),
        }
    }
    Ok(made)
}

/// Waits until the bytes of a file are on the disk, or the names in a directory.
pub(crate) fn persist(location: &Location) -> Result<()> {
    let path = location.as_local_path().unwrap_or_else(|| ".".as_ref());
    let synced = match path.is_dir() {
        // One that may be written to, but not read, is not waited for.
        true => sync_directory(path).or_else(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => Ok(()),
            _ => Err(error),
        }),
        false => File::open(path).and_then(|file| file.sync_all()),
    };
    synced.map_err(|error| Error::io(location, &error))
}

/// Waits until the names in a directory are on the disk.
fn sync_directory(directory: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(directory)?.sync_all(),
        false => Ok(()),
    }
}

/// Takes a file away, or an empty directory.
pub(crate) fn remove(location: &Location) -> Result<()> {
    let path = location.as_local_path().unwrap_or_else(|| ".".as_ref());
    let removed = match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => fs::remove_dir(path),
        _ => fs::remove_file(path),
    };
    removed.map_err(|error| Error::io(location, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(path: &Path) -> Location {
        Location::from_path(path).unwrap()
    }

    #[test]
    fn a_name_is_given_once_also_in_two_steps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("_metadata");
        let beside = |bytes: &[u8]| {
            let mut file = tempfile::NamedTempFile::new_in(folder.path()).unwrap();
            file.write_all(bytes).unwrap();
            file
        };
        claim(beside(b"first"), &path).unwrap();
        let error = claim(beside(b"second"), &path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        let error = publish(&location(&path), b"third").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn directories_that_were_made_are_told_and_go_when_they_are_empty() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| location(&folder.path().join(name));
        assert_eq!(
            make_directory(&at("a/b/c")).unwrap(),
            [at("a"), at("a/b"), at("a/b/c")]
        );
        assert_eq!(make_directory(&at("a/b/d")).unwrap(), [at("a/b/d")]);
        assert_eq!(make_directory(&at("a/b")).unwrap(), []);
        remove(&at("a/b")).unwrap_err();
        for name in ["a/b/c", "a/b/d", "a/b", "a"] {
            remove(&at(name)).unwrap();
        }
        let file = at("a/b/file");
        NewFile::create(&file).unwrap().finish();
        assert!(make_directory(&at("a/b/file/new")).is_err());
        persist(&file).unwrap();
        persist(&at("a/b")).unwrap();
    }

    /// Others of the same group have to read what is published, as far as the user's mask lets them.
    #[cfg(unix)]
    #[test]
    fn what_is_published_has_the_mode_of_other_files() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        NewFile::create(&location(&at("file"))).unwrap().finish();
        publish(&location(&at("_metadata")), b"x").unwrap();
        let mode = |name: &str| fs::metadata(at(name)).unwrap().permissions().mode();
        assert_eq!(mode("_metadata"), mode("file"));
    }
}
