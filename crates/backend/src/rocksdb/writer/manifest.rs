//! The manifest: column families, and which tables they consist of.

use super::super::checksum::masked_crc32c;
use super::super::edit::LiveFile;
use super::super::key::InternalKey;
use super::super::log::{BLOCK, HEADER};
use super::super::varint::PutLittle;
use super::table::WrittenTable;

/// Name of the file that names the manifest.
pub const CURRENT: &str = "CURRENT";
/// How keys are sorted: by their bytes.
pub(super) const COMPARATOR: &[u8] = b"leveldb.BytewiseComparator";
/// Number of the manifest; tables have larger ones.
const NUMBER: u64 = 1;

/// Writes the version edits of a new database.
#[derive(Debug, Default)]
pub struct ManifestWriter {
    out: Vec<u8>,
}

/// Tags of the fields of a version edit.
mod tag {
    pub(super) const COMPARATOR: u64 = 1;
    pub(super) const LOG_NUMBER: u64 = 2;
    pub(super) const NEXT_FILE: u64 = 3;
    pub(super) const LAST_SEQUENCE: u64 = 4;
    pub(super) const NEW_FILE: u64 = 100;
    pub(super) const FAMILY: u64 = 200;
    pub(super) const ADD_FAMILY: u64 = 201;
    pub(super) const MAX_FAMILY: u64 = 203;
}

impl ManifestWriter {
    /// The first number that a table may have.
    pub const FIRST_TABLE: u64 = NUMBER + 1;

    /// Name of the manifest's file.
    pub fn name() -> String {
        format!("MANIFEST-{NUMBER:06}")
    }

    /// What the file [`CURRENT`] holds.
    pub fn current() -> Vec<u8> {
        format!("{}\n", Self::name()).into_bytes()
    }

    /// The manifest of a database that has, besides `default`, the given column families, by
    /// number from 1 on, and these tables.
    pub fn finish(mut self, families: &[&str], tables: &[WrittenTable]) -> Vec<u8> {
        let mut edit = comparator();
        edit.put_tagged(tag::LOG_NUMBER, 0);
        let last_file = tables
            .iter()
            .map(|table| table.file.number)
            .fold(NUMBER, u64::max);
        edit.put_tagged(tag::NEXT_FILE, last_file + 1);
        edit.put_tagged(tag::LAST_SEQUENCE, 0);
        edit.put_tagged(tag::MAX_FAMILY, families.len() as u64);
        self.record(&edit);
        for (number, name) in (1u64..).zip(families) {
            let mut edit = comparator();
            edit.put_tagged(tag::LOG_NUMBER, 0);
            edit.put_tagged(tag::FAMILY, number);
            edit.put_varint(tag::ADD_FAMILY);
            edit.put_slice(name.as_bytes());
            self.record(&edit);
        }
        for table in tables {
            let mut edit = Vec::new();
            edit.put_tagged(tag::FAMILY, table.family.into());
            put_file(&table.file, &mut edit);
            self.record(&edit);
        }
        self.out
    }

    /// Appends a record in fragments that do not cross blocks.
    fn record(&mut self, mut bytes: &[u8]) {
        const FULL: u8 = 1;
        const FIRST: u8 = 2;
        const MIDDLE: u8 = 3;
        const LAST: u8 = 4;
        let mut begun = false;
        loop {
            let left = (BLOCK - self.out.len() as u64 % BLOCK) as usize;
            let header = HEADER as usize;
            if left < header {
                self.out.resize(self.out.len() + left, 0);
                continue;
            }
            let (fragment, rest) = bytes.split_at(bytes.len().min(left - header));
            let kind = match (begun, rest.is_empty()) {
                (false, true) => FULL,
                (false, false) => FIRST,
                (true, false) => MIDDLE,
                (true, true) => LAST,
            };
            let summed = [&[kind], fragment].concat();
            self.out.put_fixed32(masked_crc32c(&summed));
            self.out.extend((fragment.len() as u16).to_le_bytes());
            self.out.extend(summed);
            (bytes, begun) = (rest, true);
            if bytes.is_empty() {
                return;
            }
        }
    }
}

fn comparator() -> Vec<u8> {
    let mut edit = Vec::new();
    edit.put_varint(tag::COMPARATOR);
    edit.put_slice(COMPARATOR);
    edit
}

fn put_file(file: &LiveFile, out: &mut Vec<u8>) {
    out.put_tagged(tag::NEW_FILE, file.level.into());
    out.put_varint(file.number);
    out.put_varint(file.size);
    for key in [&file.smallest, &file.largest] {
        put_key(key, out);
    }
    out.put_varint(file.smallest_sequence);
    out.put_varint(file.largest_sequence);
}

fn put_key(key: &InternalKey, out: &mut Vec<u8>) {
    let bytes = [&*key.user_key, &key.trailer.to_le_bytes()].concat();
    out.put_slice(&bytes);
}
