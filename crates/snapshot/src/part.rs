//! The pieces that an operator's state is stored in: one stream or database of one subtask.

use std::sync::{Arc, OnceLock};

use statetool_backend::{Source, rocksdb};
use statetool_format::KeyGroupRange;
use statetool_format::metadata::{IncrementalHandle, KeyGroupsHandle, OperatorStateHandle};
use statetool_store::Prefetch;

use crate::changelog::Overlay;
use crate::error::Result;
use crate::files::Files;
use crate::heap_values::HeapValues;
use crate::state::{Header, State};

/// A piece of an operator's state that is scanned on its own.
pub struct Part {
    /// The subtask that wrote it.
    pub subtask: u32,
    /// Its key groups; empty for operator state.
    pub range: KeyGroupRange,
    /// Its states.
    pub header: Arc<Header>,
    /// How it is stored.
    pub layout: Layout,
}

/// How a part is stored.
pub enum Layout {
    /// A canonical keyed stream.
    Canonical {
        /// The handle.
        handle: KeyGroupsHandle,
        /// The stream.
        source: Source,
    },
    /// A stream of the HashMap backend.
    Heap {
        /// The handle.
        handle: KeyGroupsHandle,
        /// The stream.
        source: Source,
        /// What its values are, found out when they are first scanned.
        values: HeapValues,
    },
    /// The files of a RocksDB or ForSt database.
    RocksDb(Box<RocksDb>),
    /// A base and logged changes on top of it.
    Changelog {
        /// The base; may be empty.
        base: Vec<Part>,
        /// The changes.
        overlay: Box<Overlay>,
    },
    /// Timers as raw keyed state.
    RawTimers {
        /// The handle.
        handle: KeyGroupsHandle,
        /// The stream.
        source: Source,
    },
    /// Raw keyed state of a user's operator: bytes whose meaning only the job knows.
    RawKeyed {
        /// The handle.
        handle: KeyGroupsHandle,
    },
    /// List, union and broadcast states.
    Operator {
        /// The handle.
        handle: OperatorStateHandle,
        /// The stream.
        source: Source,
        /// How many of the states are lists; the others are broadcast states.
        lists: usize,
    },
    /// Raw operator state: bytes whose meaning only the job knows.
    RawOperator {
        /// The handle.
        handle: OperatorStateHandle,
    },
}

/// A database that is opened when it is first scanned.
pub struct RocksDb {
    /// The handle.
    pub handle: IncrementalHandle,
    database: OnceLock<Arc<rocksdb::Database>>,
    /// Copies its tables, as long as anybody may want them.
    copying: OnceLock<Option<Prefetch>>,
}

impl RocksDb {
    pub(crate) fn new(handle: IncrementalHandle) -> Self {
        Self {
            handle,
            database: OnceLock::new(),
            copying: OnceLock::new(),
        }
    }

    /// The opened database.
    ///
    /// # Errors
    /// When a file of it is missing or damaged.
    pub fn open(&self, files: &Files) -> Result<Arc<rocksdb::Database>> {
        if let Some(database) = self.database.get() {
            return Ok(database.clone());
        }
        let streams = |tables: bool| {
            let files = self.handle.files();
            let wanted = files.filter(move |file| is_table(&file.local_path.to_str()) == tables);
            wanted.map(|file| &file.handle)
        };
        self.copying.get_or_init(|| files.copy_ahead(streams(true)));
        files.open_ahead(streams(false));
        let handle = DatabaseFiles {
            handle: self.handle.clone(),
            files: files.clone(),
        };
        let database = Arc::new(rocksdb::Database::open(handle)?);
        Ok(self.database.get_or_init(|| database).clone())
    }
}

/// The files of a database, opened when they are needed.
struct DatabaseFiles {
    handle: IncrementalHandle,
    files: Files,
}

impl rocksdb::Files for DatabaseFiles {
    fn names(&self) -> statetool_backend::Result<Vec<String>> {
        Ok(self
            .handle
            .files()
            .map(|file| file.local_path.to_str().into_owned())
            .collect())
    }

    fn open(&self, name: &str) -> statetool_backend::Result<Option<Source>> {
        let file = self.handle.files().find(|file| file.local_path == *name);
        let open = |stream| match is_table(name) {
            true => self.files.open_table(stream),
            false => self.files.open(stream),
        };
        let opened = file.map(|file| open(&file.handle)).transpose();
        opened.map_err(|error| statetool_backend::Error::io(name, std::io::Error::other(error)))
    }
}

/// Whether a file of a database is one of its tables, which may be large.
fn is_table(name: &str) -> bool {
    name.ends_with(".sst")
}

impl Part {
    /// The states of the part.
    pub fn states(&self) -> &[Arc<State>] {
        &self.header.states
    }

    /// The index of a state in this part.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.header.states.iter().position(|state| state.name == name)
    }
}
