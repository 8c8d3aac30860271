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
    group_left: u32,
}

/// A column family's files.
#[derive(Debug, Default)]
pub(super) struct FamilyFiles {
    /// Name of the family.
    pub name: String,
    /// Logs from this number on may hold entries of the family that no table has.
    pub log_number: u64,
    /// Files by level and number.
    pub files: BTreeMap<(u32, u64), LiveFile>,
}

const COMPARATOR: &str = "leveldb.BytewiseComparator";

impl Manifest {
    /// Reads the manifest called `name`.
    pub(super) fn read(name: &str, source: &dyn ReadAt) -> FileResult<Self> {
        let mut manifest = Self::default();
        manifest.families.insert(
            0,
            FamilyFiles {
                name: "default".into(),
                ..Default::default()
            },
        );
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
        if edit.dropped_family {
            self.families.remove(&edit.family);
            return Ok(());
        }
        if let Some(name) = edit.added_family {
            if self
                .families
                .iter()
                .any(|(number, family)| *number != edit.family && family.name == name)
            {
                return Err(invalid(at, format!("two column families have the name `{name}`")));
            }
            self.families.insert(
                edit.family,
                FamilyFiles {
                    name,
                    ..Default::default()
                },
            );
        }
        let Some(family) = self.families.get_mut(&edit.family) else {
            return Err(invalid(
                at,
                format!("no column family has the number {}", edit.family),
            ));
        };
        family.log_number = family.log_number.max(edit.log_number.unwrap_or(0));
        for file in edit.deleted {
            family.files.remove(&file);
        }
        for file in edit.added {
            if file.largest < file.smallest {
                return Err(invalid(
                    at,
                    format!("the keys of {} end before they begin", file.name()),
                ));
            }
            family.files.insert((file.level, file.number), file);
        }
        Ok(())
    }
}

impl Manifest {
    /// The first log that may hold entries which no table has.
    pub(super) fn first_log(&self) -> u64 {
        self.families
            .values()
            .map(|family| family.log_number)
            .min()
            .unwrap_or(0)
    }
}

#[cold]
fn invalid(at: u64, why: String) -> Error {
    Error::new(at, "version edit", Fault::Invalid(why))
}

#[cfg(test)]
mod tests {
    use super::super::log::fragment;
    use super::*;
    use crate::source::Memory;

    const ADD: [u8; 7] = [0xc8, 1, 3, 0xc9, 1, 1, b's'];

    fn read(records: &[&[u8]]) -> FileResult<Manifest> {
        let file: Vec<u8> = records.iter().flat_map(|record| fragment(1, record)).collect();
        Manifest::read("MANIFEST-000004", &Memory::new("f", file))
    }

    fn file(level: u8, number: u8) -> Vec<u8> {
        let key = [9, b'k', 1, 5, 0, 0, 0, 0, 0, 0];
        [&[0xc8, 1, 3, 100, level, number, 77], &key[..], &key[..], &[5, 5]].concat()
    }

    #[test]
    fn edits_add_move_and_delete_files() {
        let moved = [&[6, 0, 10][..], &file(1, 10)].concat();
        let deleted = [0xc8, 1, 3, 6, 0, 11, 4, 60, 2, 9];
        let manifest = read(&[&ADD, &file(0, 10), &file(0, 11), &moved, &deleted]).unwrap();
        let family = &manifest.families[&3];
        assert_eq!(
            (family.name.as_str(), family.log_number, manifest.last_sequence),
            ("s", 9, 60)
        );
        assert_eq!(family.files.keys().collect::<Vec<_>>(), [&(1, 10)]);
        assert_eq!(
            (manifest.families[&0].name.as_str(), manifest.first_log()),
            ("default", 0)
        );
        let dropped = read(&[&ADD, &file(0, 10), &[0xc8, 1, 3, 0xca, 1]]).unwrap();
        assert_eq!(dropped.families.keys().collect::<Vec<_>>(), [&0]);
    }

    #[test]
    fn manifests_that_make_no_sense_are_refused() {
        let mut backwards = file(0, 10);
        backwards[8] = b'l';
        let reverse = [&[1, 27][..], b"rocksdb.ReverseBytewiseComp"].concat();
        let twice = [0xc8, 1, 4, 0xc9, 1, 1, b's'];
        let cases: [(&[&[u8]], &str); 5] = [
            (
                &[&ADD, &twice],
                "version edit at offset 0xe: two column families have the name `s`",
            ),
            (
                &[&file(0, 10)],
                "version edit at offset 0x0: no column family has the number 3",
            ),
            (
                &[&ADD, &backwards],
                "version edit at offset 0xe: the keys of 000010.sst end before they begin",
            ),
            (
                &[&[0xac, 2, 2]],
                "version edit at offset 0xa: 2 edits of a group are missing at the end",
            ),
            (
                &[&reverse],
                "version edit at offset 0x0: keys are sorted by `rocksdb.ReverseBytewiseComp`, \
                 only `leveldb.BytewiseComparator` is known",
            ),
        ];
        for (records, expected) in cases {
            assert_eq!(
                read(records).unwrap_err().to_string(),
                format!("MANIFEST-000004: {expected}")
            );
        }
    }
}
