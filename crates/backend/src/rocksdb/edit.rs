//! Version edits: the records of a manifest, each a change to the set of live files.

use statetool_format::{Error, Fault, Reader, Result};

use super::key::InternalKey;
use super::varint::Little;

/// A table that the manifest lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveFile {
    /// Number of the file, which is its name.
    pub number: u64,
    /// The level in which it lies; 0 is where new tables come.
    pub level: u32,
    /// Size in bytes.
    pub size: u64,
    /// The first key, or where the first range deletion begins.
    pub smallest: InternalKey,
    /// The last key, or where the last range deletion ends.
    pub largest: InternalKey,
    /// The smallest sequence number, 0 where the manifest does not tell.
    pub smallest_sequence: u64,
    /// The largest sequence number, 0 where the manifest does not tell.
    pub largest_sequence: u64,
}

impl LiveFile {
    /// The name that the database gives to the file.
    pub fn name(&self) -> String {
        format!("{:06}.sst", self.number)
    }
}

/// One record of a manifest.
#[derive(Debug, Default)]
pub(super) struct Edit {
    pub comparator: Option<String>,
    pub family: u32,
    pub added_family: Option<String>,
    pub dropped_family: bool,
    pub log_number: Option<u64>,
    pub last_sequence: Option<u64>,
    /// Level and number of files that are no longer live.
    pub deleted: Vec<(u32, u64)>,
    pub added: Vec<LiveFile>,
    /// How many further edits belong to this one.
    pub group_left: Option<u32>,
}

const WHAT: &str = "version edit";
/// Tags that newer engines add and older ones skip.
const IGNORABLE: u32 = 1 << 13;

impl Edit {
    /// Decodes a record, the first byte of which lies at `offset` (fragments of records do not count).
    pub(super) fn decode(record: &[u8], offset: u64) -> Result<Self> {
        let mut reader = Reader::at(record, offset);
        let mut edit = Self::default();
        while !reader.is_empty() {
            edit.field(&mut reader)?;
        }
        Ok(edit)
    }

    fn field(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let at = reader.offset();
        match reader.varuint(WHAT)? {
            1 => self.comparator = Some(text(reader)?),
            2 => self.log_number = Some(reader.varint64(WHAT)?),
            4 => self.last_sequence = Some(reader.varint64(WHAT)?),
            3 | 9 | 10 => {
                reader.varint64(WHAT)?;
            }
            5 => {
                reader.varuint(WHAT)?;
                reader.slice(WHAT)?;
            }
            6 => self.deleted.push((reader.varuint(WHAT)?, reader.varint64(WHAT)?)),
            tag @ (7 | 100 | 102 | 103) => self.added.push(new_file(reader, tag)?),
            200 => self.family = reader.varuint(WHAT)?,
            201 => self.added_family = Some(text(reader)?),
            202 => self.dropped_family = true,
            203 => {
                reader.varuint(WHAT)?;
            }
            300 => self.group_left = Some(reader.varuint(WHAT)?),
            tag if tag & IGNORABLE != 0 => {
                reader.slice(WHAT)?;
            }
            tag => {
                let expected = match tag {
                    400 | 401 => "a tag without blob files",
                    _ => "a tag of RocksDB 5 to 9",
                };
                return Err(Error::new(
                    at,
                    WHAT,
                    Fault::Unknown {
                        got: tag.into(),
                        expected,
                    },
                ));
            }
        }
        Ok(())
    }
}

fn text(reader: &mut Reader<'_>) -> Result<String> {
    let at = reader.offset();
    let bytes = reader.slice(WHAT)?;
    String::from_utf8(bytes.into())
        .map_err(|_| Error::new(at, WHAT, Fault::Invalid("a name that is no UTF-8".into())))
}

/// Reads a new file in one of the four ways in which engines have written it.
fn new_file(reader: &mut Reader<'_>, tag: u32) -> Result<LiveFile> {
    let level = reader.varuint(WHAT)?;
    let number = reader.varint64(WHAT)?;
    if tag == 102 {
        path(reader.offset(), reader.varuint(WHAT)?.into())?;
    }
    let mut file = LiveFile {
        number,
        level,
        size: reader.varint64(WHAT)?,
        smallest: internal_key(reader)?,
        largest: internal_key(reader)?,
        smallest_sequence: 0,
        largest_sequence: 0,
    };
    if tag != 7 {
        file.smallest_sequence = reader.varint64(WHAT)?;
        file.largest_sequence = reader.varint64(WHAT)?;
    }
    if tag == 103 {
        custom_fields(reader)?;
    }
    Ok(file)
}

fn internal_key(reader: &mut Reader<'_>) -> Result<InternalKey> {
    let at = reader.offset();
    InternalKey::decode(reader.slice(WHAT)?, WHAT, at)
}

/// Reads the fields that engine 5.17 and later append to a file, up to the tag that ends them.
fn custom_fields(reader: &mut Reader<'_>) -> Result<()> {
    const LAST: u32 = 1;
    const PATH: u32 = 65;
    const NOT_IGNORABLE: u32 = 1 << 6;
    loop {
        let at = reader.offset();
        match reader.varuint(WHAT)? {
            LAST => return Ok(()),
            PATH => {
                let field = reader.slice(WHAT)?;
                path(at, field.first().copied().unwrap_or_default().into())?;
            }
            tag if tag & NOT_IGNORABLE != 0 => {
                let fault = Fault::Unknown {
                    got: tag.into(),
                    expected: "a file's field that may be skipped",
                };
                return Err(Error::new(at, WHAT, fault));
            }
            _ => {
                reader.slice(WHAT)?;
            }
        }
    }
}

/// Refuses files in other directories than the database's own.
fn path(at: u64, id: i64) -> Result<()> {
    match id {
        0 => Ok(()),
        got => Err(Error::new(
            at,
            WHAT,
            Fault::Unknown {
                got,
                expected: "the database's own directory, 0",
            },
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest file of the first subtask in the 1.19 fixture, with the fields of engine 6.20.
    fn new_file4() -> Vec<u8> {
        let mut edit = vec![103, 0, 10, 0xd6, 0x07];
        edit.extend([10, 0, b'a', 1, 3, 0, 0, 0, 0, 0, 0]);
        edit.extend([10, 3, b'z', 1, 9, 0, 0, 0, 0, 0, 0]);
        edit.extend([3, 9]);
        edit.extend([5, 1, 0, 6, 2, 0xff, 0x01, 1]);
        edit
    }

    #[test]
    fn files_of_all_tags_are_read() {
        let key = |user: &[u8], trailer: u64| InternalKey::new(user, trailer);
        let mut expected = LiveFile {
            number: 10,
            level: 0,
            size: 982,
            smallest: key(b"\0a", 0x301),
            largest: key(b"\x03z", 0x901),
            smallest_sequence: 3,
            largest_sequence: 9,
        };
        assert_eq!(Edit::decode(&new_file4(), 0).unwrap().added, [expected.clone()]);
        assert_eq!(expected.name(), "000010.sst");
        let body = &new_file4()[1..29];
        assert_eq!(
            Edit::decode(&[&[100], body].concat(), 0).unwrap().added,
            [expected.clone()]
        );
        let old = [&[102][..], &body[..2], &[0], &body[2..]].concat();
        assert_eq!(Edit::decode(&old, 0).unwrap().added, [expected.clone()]);
        (expected.smallest_sequence, expected.largest_sequence) = (0, 0);
        assert_eq!(
            Edit::decode(&[&[7], &body[..26]].concat(), 0).unwrap().added,
            [expected]
        );
    }

    #[test]
    fn other_fields_are_read_or_skipped() {
        let mut record = vec![
            1, 3, b'c', b'm', b'p', 2, 7, 9, 0, 3, 11, 4, 42, 10, 5, 5, 1, 1, b'k', 6, 2, 8,
        ];
        record.extend([0xc8, 1, 3, 0xc9, 1, 2, b'c', b'f', 0xcb, 1, 3, 0xac, 2, 1]);
        record.extend([0x81, 0x40, 2, 0xff, 0xff]);
        let edit = Edit::decode(&record, 0).unwrap();
        assert_eq!(
            (edit.comparator.as_deref(), edit.added_family.as_deref()),
            (Some("cmp"), Some("cf"))
        );
        assert_eq!(
            (edit.family, edit.log_number, edit.last_sequence),
            (3, Some(7), Some(42))
        );
        assert_eq!((edit.deleted, edit.group_left), (vec![(2, 8)], Some(1)));
        assert!(Edit::decode(&[0xca, 1], 0).unwrap().dropped_family);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let mut blob_field = new_file4();
        let last = blob_field.len() - 1;
        blob_field.splice(last.., [66, 1, 0, 1]);
        let mut path = new_file4();
        path.splice(last.., [65, 1, 1, 1]);
        let cases = [
            (
                vec![11],
                "version edit at offset 0x0: unknown value 11 (0xb), expected a tag of RocksDB 5 to 9",
            ),
            (
                vec![0x90, 3],
                "version edit at offset 0x0: unknown value 400 (0x190), expected a tag without blob files",
            ),
            (
                blob_field,
                "version edit at offset 0x24: unknown value 66 (0x42), expected a file's field that may be skipped",
            ),
            (
                path,
                "version edit at offset 0x24: unknown value 1 (0x1), expected the database's own directory, 0",
            ),
            (
                vec![1, 1, 0xff],
                "version edit at offset 0x1: a name that is no UTF-8",
            ),
            (
                vec![103, 0, 1, 1, 2, 0, 0],
                "version edit at offset 0x4: needs 8 bytes, 2 are left",
            ),
        ];
        for (record, expected) in cases {
            assert_eq!(Edit::decode(&record, 0).unwrap_err().to_string(), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_an_edit_panic(flips in proptest::collection::vec((0..37usize, proptest::num::u8::ANY), 0..4)) {
            let mut record = new_file4();
            for (at, byte) in flips {
                if let Some(got) = record.get_mut(at) {
                    *got = byte;
                }
            }
            let _ = Edit::decode(&record, 0);
        }
    }
}
