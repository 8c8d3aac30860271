//! RocksDB's files: a table, a manifest.

use std::collections::BTreeMap;
use std::sync::Arc;

use statetool_backend::rocksdb::{Database, KeyRange};
use statetool_backend::{Memory, Result, Source};
use statetool_format::Put;

/// A table of which all entries are in their places is scanned whole, in parts and by key alike.
///
/// Bytes that a checksum refuses are tried again without checksums, so that damage reaches
/// what lies behind them.
pub fn table(input: &[u8]) {
    check_table(input);
    check_table(&without_checksums(input));
}

fn check_table(bytes: &[u8]) {
    let files = [
        ("CURRENT", b"MANIFEST-000004\n".to_vec()),
        ("MANIFEST-000004", one_table(bytes.len() as u64)),
        ("000010.sst", bytes.to_vec()),
    ];
    let Ok(database) = open(&files) else { return };
    let Ok(report) = database.verify_file(10) else {
        // What is damaged may be refused half-way, but not without an end.
        let _ = scan(&database, KeyRange::all());
        return;
    };
    let whole = match scan(&database, KeyRange::all()) {
        Ok(whole) => whole,
        Err(error) => {
            panic!("verified, and cannot be scanned: {error}");
        }
    };
    assert!(whole.len() as u64 <= report.values + report.operands);
    if let Some((middle, value)) = whole.get(whole.len() / 2) {
        let (front, back) = (
            scan(&database, KeyRange::new(Vec::new(), Some(middle.clone()))),
            scan(&database, KeyRange::new(middle.clone(), None)),
        );
        match front.and_then(|front| Ok([front, back?].concat())) {
            Ok(parts) => assert!(parts == whole, "the halves are not the whole"),
            Err(error) => panic!("the whole can be scanned, a half cannot: {error}"),
        }
        let got = database.get("state", middle);
        assert_eq!(
            got.ok().flatten().as_ref(),
            Some(value),
            "a key look-up finds something else"
        );
    }
}

/// A manifest ends in a set of files or in an error, also if its checksums are mended.
pub fn manifest(input: &[u8]) {
    for manifest in [input.to_vec(), with_checksums(input)] {
        let files = [
            ("CURRENT", b"MANIFEST-000004\n".to_vec()),
            ("MANIFEST-000004", manifest),
        ];
        let Ok(database) = open(&files) else { continue };
        for family in database.families() {
            let live = family.files().count();
            let entries = database.scan(family.name(), KeyRange::all());
            assert!(
                live == 0 || entries.is_err(),
                "files that are missing have entries"
            );
        }
        let live = database
            .families()
            .iter()
            .map(|family| family.files().count())
            .sum::<usize>();
        assert_eq!(database.missing_files().len(), live);
    }
}

fn open(files: &[(&str, Vec<u8>)]) -> Result<Database> {
    let source = |(name, bytes): &(&str, Vec<u8>)| -> (String, Source) {
        ((*name).to_owned(), Arc::new(Memory::new(*name, bytes.clone())))
    };
    Database::open(files.iter().map(source).collect::<BTreeMap<_, _>>())
}

fn scan(database: &Database, range: KeyRange) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut scan = database.scan("state", range)?;
    let mut entries = Vec::new();
    while let Some(entry) = scan.next()? {
        entries.push((entry.key.to_vec(), entry.value.to_vec()));
    }
    Ok(entries)
}

/// A manifest of the family `state` with one table, number 10, of any keys.
fn one_table(size: u64) -> Vec<u8> {
    let family = [&[200, 1, 3, 201, 1, 5][..], b"state"].concat();
    let mut file = vec![200, 1, 3, 103, 0, 10];
    put_varint(&mut file, size);
    file.extend([8, 255, 255, 255, 255, 255, 255, 255, 255]);
    file.extend([40, 255, 255, 255, 255, 255, 255, 255, 255]);
    file.extend([255; 24]);
    file.extend([0; 8]);
    file.extend([1, 9, 1]);
    [fragment(&family), fragment(&file)].concat()
}

fn put_varint(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.put_u8(v as u8 | 0x80);
        v >>= 7;
    }
    out.put_u8(v as u8);
}

/// A record of a log in one fragment.
fn fragment(record: &[u8]) -> Vec<u8> {
    let typed = [&[1], record].concat();
    [
        &masked_crc(&typed).to_le_bytes()[..],
        &(record.len() as u16).to_le_bytes(),
        &typed,
    ]
    .concat()
}

fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The same table, whose footer says that there are no checksums.
fn without_checksums(table: &[u8]) -> Vec<u8> {
    const FOOTER: usize = 53;
    let mut table = table.to_vec();
    let place = table.len().checked_sub(FOOTER);
    if let Some(byte) = place.and_then(|at| table.get_mut(at)) {
        *byte = 0;
    }
    table
}

/// The same log, in which the checksums are those of what they stand for.
fn with_checksums(log: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 32 << 10;
    const HEADER: usize = 7;
    let mut log = log.to_vec();
    for block in log.chunks_mut(BLOCK) {
        let mut rest = block;
        while let Some((header, payload)) = rest.split_first_chunk_mut::<HEADER>() {
            let [.., low, high, kind] = *header;
            let len = usize::from(u16::from_le_bytes([low, high])).min(payload.len());
            let (payload, next) = payload.split_at_mut(len);
            let sum = masked_crc(&[&[kind], &*payload].concat()).to_le_bytes();
            header.iter_mut().zip(sum).for_each(|(byte, sum)| *byte = sum);
            rest = next;
        }
    }
    log
}
