//! Databases that are written here, and read again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

use std::collections::BTreeMap;
use std::path::Path;

use statetool_backend::rocksdb::{
    CURRENT, Database, Folder, KeyRange, ManifestWriter, TableWriter, WrittenTable,
};

type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

/// Keys of all lengths that share prefixes, and values that compress and others that do not.
fn contents(count: u32) -> Contents {
    let mut noise = 1u32;
    let mut entries = Contents::new();
    for n in 0..count {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let key = [&(n / 40).to_be_bytes()[1..], &vec![b'k'; (n % 40) as usize]].concat();
        let value = match n % 3 {
            0 => Vec::new(),
            1 => vec![b'v'; (n % 700) as usize],
            _ => noise.to_le_bytes().repeat(1 + (n % 5) as usize),
        };
        entries.insert(key, value);
    }
    entries
}

/// Writes each family in tables of at most `limit` bytes.
fn write(folder: &Path, families: &[(&str, &Contents)], limit: u64, compress: bool) -> Vec<WrittenTable> {
    let mut tables = Vec::new();
    for (family, (name, entries)) in (1..).zip(families) {
        let mut entries = entries.iter().peekable();
        while entries.peek().is_some() {
            let mut bytes = Vec::new();
            let mut table = TableWriter::new(
                ManifestWriter::FIRST_TABLE + tables.len() as u64,
                (family, *name),
                compress,
            );
            while table.size() < limit
                && let Some((key, value)) = entries.next()
            {
                table.add(key, value).unwrap();
                table.take(&mut bytes);
            }
            let table = table.finish(&mut bytes).unwrap();
            assert_eq!(table.file.size, bytes.len() as u64);
            std::fs::write(folder.join(table.file.name()), bytes).unwrap();
            tables.push(table);
        }
    }
    let names: Vec<&str> = families.iter().map(|(name, _)| *name).collect();
    std::fs::write(
        folder.join(ManifestWriter::name()),
        ManifestWriter::default().finish(&names, &tables),
    )
    .unwrap();
    std::fs::write(folder.join(CURRENT), ManifestWriter::current()).unwrap();
    tables
}

fn read(folder: &Path, family: &str, range: KeyRange) -> Contents {
    let database = Database::open(Folder::new(folder)).unwrap();
    let mut scan = database.scan(family, range).unwrap();
    let mut entries = Contents::new();
    while let Some(entry) = scan.next().unwrap() {
        entries.insert(entry.key.to_vec(), entry.value.to_vec());
    }
    entries
}

#[test]
fn what_is_written_is_read() {
    let (many, few, none) = (contents(20_000), contents(1), Contents::new());
    let long = "a state with a name of more than 127 bytes ".repeat(4);
    for (limit, compress) in [(u64::MAX, false), (100_000, false), (100_000, true), (1, true)] {
        let folder = tempfile::tempdir().unwrap();
        let families = [("many", &many), (&*long, &few), ("none", &none)];
        let tables = write(folder.path(), &families, limit, compress);
        for (name, expected) in families {
            assert_eq!(&read(folder.path(), name, KeyRange::all()), expected, "{name}");
        }
        let written: u64 = tables.iter().map(|table| table.entries).sum();
        assert_eq!(written, (many.len() + few.len()) as u64);
        let middle = KeyRange::new([0, 0, 7], Some(vec![0, 1]));
        let expected: Contents = many
            .range(vec![0, 0, 7]..vec![0, 1])
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        assert_eq!(read(folder.path(), "many", middle), expected);
        let database = Database::open(Folder::new(folder.path())).unwrap();
        for table in tables {
            let report = database.verify_file(table.file.number).unwrap();
            assert_eq!(report.values, table.entries);
        }
    }
}

#[test]
fn keys_out_of_order_are_refused() {
    for second in ["k", "j", ""] {
        let mut table = TableWriter::new(7, (1, "s"), false);
        table.add(b"k", b"v").unwrap();
        assert_eq!(
            table.add(second.as_bytes(), b"v").unwrap_err().to_string(),
            "000007.sst: entry of a table at offset 0x0: a key that does not come behind the one before"
        );
    }
}

#[test]
fn a_table_without_entries_is_none() {
    assert!(
        TableWriter::new(7, (1, "s"), false)
            .finish(&mut Vec::new())
            .is_none()
    );
}
