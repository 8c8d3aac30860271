//! The files of a database by the names it has given them.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, InFile, Result};
use crate::source::{LocalFile, Source};

/// Where a database's files are: shared and private state of one handle, by local file name.
pub trait Files: Send + Sync {
    /// The names of all files.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn names(&self) -> Result<Vec<String>>;

    /// Opens the file of that name; none if there is no such file.
    ///
    /// # Errors
    /// When there is one and it cannot be opened.
    fn open(&self, name: &str) -> Result<Option<Source>>;
}

impl Files for BTreeMap<String, Source> {
    fn names(&self) -> Result<Vec<String>> {
        Ok(self.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> Result<Option<Source>> {
        Ok(self.get(name).cloned())
    }
}

impl Files for HashMap<String, Source> {
    fn names(&self) -> Result<Vec<String>> {
        Ok(self.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> Result<Option<Source>> {
        Ok(self.get(name).cloned())
    }
}

/// A database in a folder of the local file system, as an engine keeps it.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The database in `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl Files for Folder {
    fn names(&self) -> Result<Vec<String>> {
        let place = self.0.display().to_string();
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.0).in_file(&place)? {
            names.extend(entry.in_file(&place)?.file_name().into_string());
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> Result<Option<Source>> {
        if name.contains(['/', '\\']) || name == ".." {
            return Err(Error::invalid(
                name,
                0,
                "file name",
                "leads out of the database's folder",
            ));
        }
        match LocalFile::open(self.0.join(name)) {
            Ok(file) => Ok(Some(Arc::new(file))),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
