//! The manifest: column families, and which tables each of them consists of.

use std::collections::BTreeMap;

use statetool_format::{Error, Fault, Result};

use super::edit::{Edit, LiveFile};
use super::log::LogReader;
use crate::error::{InFile, Result as FileResult};
use crate::source::ReadAt;

/// What a manifest (`MANIFEST-NNNNNN`) says after all of its edits.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    /// Families by their numbers.
    pub families: BTreeMap<u32, FamilyFiles>,
    /// The newest sequence number in the database.
    pub last_sequence: u64,
    /// Logs from this number on hold entries that no table has.
    pub log_number: u64,
    group_left: u32,
}

/// A column family's files.
#[derive(Debug, Default)]
pub(super) struct FamilyFiles {
    /// Name of the family.
    pub name: String,
    /// Files by level and number.
    pub files: BTreeMap<(u32, u64), LiveFile>,
}

const COMPARATOR: &str = "leveldb.BytewiseComparator";

impl Manifest {
    /// Reads the manifest called `name`.
    pub(super) fn read(name: &str, source: &dyn ReadAt) -> FileResult<Self> {
        let mut manifest = Self::default();
        manifest.families.insert(0, FamilyFiles { name: "default".into(), ..Default::default() });
        let mut log = LogReader::new(name, source);
        while let Some((at, record)) = log.next()? {
            // A record's payload lies behind the seven bytes of its header.
            let edit = Edit::decode(record, at + 7).in_file(name)?;
            manifest.apply(edit, at).in_file(name)?;
        }
        if manifest.group_left > 0 {
            let why = format!("{} edits of a group are missing at the end", manifest.group_left);
            return Err(invalid(source.len(), why)).in_file(name);
        }
        Ok(manifest)
    }

    fn apply(&mut self, edit: Edit, at: u64) -> Result<()> {
        if let Some(other) = edit.comparator.filter(|name| name != COMPARATOR) {
            let why = format!("keys are sorted by `{other}`, only `{COMPARATOR}` is known");
            return Err(invalid(at, why));
        }
        self.group_left = edit.group_left.unwrap_or(0);
        self.last_sequence = self.last_sequence.max(edit.last_sequence.unwrap_or(0));
        self.log_number = self.log_number.max(edit.log_number.unwrap_or(0));
        if edit.dropped_family {
            self.families.remove(&edit.family);
            return Ok(());
        }
        if let Some(name) = edit.added_family {
            self.families.insert(edit.family, FamilyFiles { name, ..Default::default() });
        }
        let Some(family) = self.families.get_mut(&edit.family) else {
            return Err(invalid(at, format!("no column family has the number {}", edit.family)));
        };
        for file in edit.deleted {
            family.files.remove(&file);
        }
        for file in edit.added {
            if file.largest < file.smallest {
                return Err(invalid(at, format!("the keys of {} end before they begin", file.name())));
            }
            family.files.insert((file.level, file.number), file);
        }
        Ok(())
    }
}

#[cold]
fn invalid(at: u64, why: String) -> Error {
    Error::new(at, "version edit", Fault::Invalid(why))
}
