//! An opened snapshot.

use std::collections::BTreeSet;
use std::time::SystemTime;

use statetool_backend::Source;
use statetool_format::metadata::{Metadata, StreamHandle};
use statetool_store::{Location, Store};
use statetool_values::KryoGeneration;

use crate::error::{Error, Result};
use crate::files::{Files, Tables};
use crate::kind::SnapshotKind;
use crate::load::{LoadedOperator, header_streams};
use crate::locate::{Chosen, Located, find, propose_older};
use crate::looks::undecodable;
use crate::operator::Operator;
use crate::release::ReleaseRange;
use crate::relocation::{Relocation, old_place};

/// How to open a snapshot.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// Where files named by absolute paths have been moved to.
    pub relocations: Vec<Relocation>,
    /// Uids that operators may have; old snapshots store only their hashes.
    pub uids: Vec<String>,
    /// How the tables of remote databases are read.
    pub tables: Tables,
}

/// A checkpoint or savepoint whose metadata has been read.
pub struct Snapshot {
    located: Located,
    metadata: Metadata,
    metadata_bytes: u64,
    modified: Option<SystemTime>,
    files: Files,
    uids: Vec<String>,
}

/// How large a metadata file may be: Flink itself keeps it in memory.
const MAX_METADATA: u64 = 1 << 31;
/// How many streams are opened ahead of time, since the beginning of each is kept in memory.
const MAX_AHEAD: usize = 512;
/// How many places are named to those who relocate others.
const MOST_PLACES: usize = 3;

impl Snapshot {
    /// Finds and reads the metadata of a snapshot.
    ///
    /// # Errors
    /// When there is no snapshot at this place, or its metadata is damaged.
    pub fn open(store: &Store, locator: &str, options: OpenOptions) -> Result<Self> {
        let (located, object) = find(store, locator)?;
        let bytes = object.read_all(MAX_METADATA)?;
        let metadata = located.metadata.clone();
        match Self::decode(store, located, &bytes, options) {
            Ok(mut snapshot) => {
                snapshot.modified = object.modified();
                Ok(snapshot)
            }
            Err(error) => Err(match propose_older(store, &metadata) {
                Some(hint) => error.hint(hint),
                None => error,
            }),
        }
    }

    /// The snapshot whose metadata file has these bytes and lies where `located` says.
    ///
    /// # Errors
    /// When the metadata is damaged.
    pub fn decode(store: &Store, located: Located, bytes: &[u8], options: OpenOptions) -> Result<Self> {
        let metadata = Metadata::decode(bytes).map_err(|error| undecodable(&located, bytes, &error))?;
        let directory = located
            .metadata
            .parent()
            .ok_or_else(|| Error::input(format!("`{}` lies in no directory", located.metadata)))?;
        let files = Files::new(store.clone(), directory, options.relocations, options.tables);
        Ok(Self {
            located,
            metadata,
            metadata_bytes: bytes.len() as u64,
            modified: None,
            files,
            uids: options.uids,
        })
    }

    /// The same snapshot, which reads each of its files through what `wrap` makes of it: to
    /// count, delay or cache reads, or to let them fail.
    #[must_use]
    pub fn with_sources(mut self, wrap: impl Fn(Source) -> Source + Send + Sync + 'static) -> Self {
        self.files = self.files.with_sources(wrap);
        self
    }

    /// The metadata file.
    pub fn location(&self) -> &Location {
        &self.located.metadata
    }

    /// The newest checkpoint that was chosen, where the locator named a checkpoint root.
    pub fn chosen(&self) -> Option<&Chosen> {
        self.located.chosen.as_ref()
    }

    /// The decoded metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Length of the metadata file.
    pub fn metadata_bytes(&self) -> u64 {
        self.metadata_bytes
    }

    /// When the metadata file was written, which is when the snapshot was complete, unless it
    /// was copied since. No version of the metadata says so itself.
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// The snapshot's files.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// The kind of the snapshot.
    pub fn kind(&self) -> SnapshotKind {
        SnapshotKind::of(&self.metadata, self.files.directory().file_name().as_deref())
    }

    /// The releases that can have written the metadata.
    pub fn releases(&self) -> ReleaseRange {
        ReleaseRange::of(&self.metadata)
    }

    /// Which Kryo wrote generic types: that of Flink 1.x or that of 2.x.
    pub fn kryo(&self) -> KryoGeneration {
        if self.metadata.version.is_flink_2() {
            KryoGeneration::V5
        } else {
            KryoGeneration::V2
        }
    }

    /// The operators, in the order of the file.
    pub fn operators(&self) -> impl ExactSizeIterator<Item = Operator<'_>> {
        self.metadata
            .operators
            .iter()
            .enumerate()
            .map(|(index, state)| Operator::new(index, state, &self.uids))
    }

    /// Opens what [`load_operator`](Self::load_operator) will read of some operators, as far as
    /// it lies in remote systems: many streams at the same time.
    pub fn open_ahead<'s>(&'s self, operators: &[Operator<'s>]) {
        let streams = operators.iter().flat_map(|operator| operator.state.running());
        let streams = streams.flat_map(|(_, state)| header_streams(state));
        self.files.open_ahead(streams.take(MAX_AHEAD));
    }

    /// Reads the headers of all streams of an operator.
    ///
    /// # Errors
    /// When a stream is missing or damaged. Serializers that nobody knows are no error; see
    /// [`LoadedOperator::unreadable`].
    pub fn load_operator(&self, operator: &Operator<'_>) -> Result<LoadedOperator> {
        LoadedOperator::load(self, operator)
    }

    /// As [`load_operator`](Self::load_operator), but of an operator with damaged streams all
    /// that can be read; and for each stream that cannot, its subtask and why.
    pub fn load_readable(&self, operator: &Operator<'_>) -> (LoadedOperator, Vec<(u32, Error)>) {
        LoadedOperator::load_readable(self, operator)
    }

    /// Those of the relocations that change no path of the snapshot, each in words that name
    /// the places which the snapshot does hold.
    pub fn idle_relocations(&self) -> Vec<String> {
        let given = self.files.relocations();
        if given.is_empty() {
            return Vec::new();
        }
        let mut idle: Vec<&Relocation> = given.iter().collect();
        let mut places = BTreeSet::new();
        self.visit_streams(&mut |stream| {
            if let Some(path) = self.files.recorded(stream)
                && !idle.is_empty()
            {
                idle.retain(|relocation| path.relative_to(&relocation.from).is_none());
                if places.len() < MOST_PLACES {
                    places.extend(old_place(&path));
                }
            }
        });
        let held = match places.len() {
            0 => "the snapshot holds no absolute paths".to_owned(),
            _ => {
                let places: Vec<String> = places.iter().map(|place| format!("`{place}`")).collect();
                format!("those of the snapshot begin with {}", places.join(" or "))
            }
        };
        idle.iter()
            .map(|relocation| {
                format!(
                    "no path begins with `{}` of `{relocation}`: {held}",
                    relocation.from
                )
            })
            .collect()
    }

    /// The directories in which the snapshot's files lie.
    pub fn directories(&self) -> BTreeSet<Location> {
        let mut directories = BTreeSet::from([self.files.directory().clone()]);
        self.visit_streams(&mut |stream| {
            let file = self.files.locate(stream).ok().flatten();
            directories.extend(file.and_then(|file| file.parent()));
        });
        directories
    }

    /// Visits all streams that handles name.
    pub fn visit_streams<'s>(&'s self, visit: &mut impl FnMut(&'s StreamHandle)) {
        for operator in &self.metadata.operators {
            operator.coordinator.iter().for_each(&mut *visit);
            for (_, state) in operator.running() {
                state.visit_streams(visit);
            }
        }
    }
}
