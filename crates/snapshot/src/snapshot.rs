//! An opened snapshot.

use statetool_format::metadata::Metadata;
use statetool_store::{Location, Store};
use statetool_values::KryoGeneration;

use crate::error::{Error, Result};
use crate::files::{Files, Relocation};
use crate::kind::SnapshotKind;
use crate::load::LoadedOperator;
use crate::locate::{Located, locate};
use crate::operator::Operator;
use crate::release::ReleaseRange;

/// How to open a snapshot.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// Where files named by absolute paths have been moved to.
    pub relocations: Vec<Relocation>,
    /// Uids that operators may have; old snapshots store only their hashes.
    pub uids: Vec<String>,
}

/// A checkpoint or savepoint whose metadata has been read.
pub struct Snapshot {
    located: Located,
    metadata: Metadata,
    metadata_bytes: u64,
    files: Files,
    uids: Vec<String>,
}

/// How large a metadata file may be: Flink itself keeps it in memory.
const MAX_METADATA: u64 = 1 << 31;

impl Snapshot {
    /// Finds and reads the metadata of a snapshot.
    ///
    /// # Errors
    /// When there is no snapshot at this place, or its metadata is damaged.
    pub fn open(store: &Store, locator: &str, options: OpenOptions) -> Result<Self> {
        let located = locate(store, locator)?;
        let bytes = store.read_small(&located.metadata, MAX_METADATA)?;
        let metadata = Metadata::decode(&bytes).map_err(|error| {
            Error::input(format!(
                "cannot read snapshot `{}`: `_metadata`: {error}",
                located.metadata
            ))
        })?;
        let directory = located
            .metadata
            .parent()
            .ok_or_else(|| Error::input(format!("`{}` lies in no directory", located.metadata)))?;
        let files = Files::new(store.clone(), directory, options.relocations);
        Ok(Self {
            located,
            metadata,
            metadata_bytes: bytes.len() as u64,
            files,
            uids: options.uids,
        })
    }

    /// The metadata file.
    pub fn location(&self) -> &Location {
        &self.located.metadata
    }

    /// The newest checkpoint that was chosen, where the locator named a checkpoint root.
    pub fn chosen(&self) -> Option<&str> {
        self.located.chosen.as_deref()
    }

    /// The decoded metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Length of the metadata file.
    pub fn metadata_bytes(&self) -> u64 {
        self.metadata_bytes
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

    /// Reads the headers of all streams of an operator.
    ///
    /// # Errors
    /// When a stream is missing or damaged. Serializers that nobody knows are no error; see
    /// [`LoadedOperator::unreadable`].
    pub fn load_operator(&self, operator: &Operator<'_>) -> Result<LoadedOperator> {
        LoadedOperator::load(self, operator)
    }
}
