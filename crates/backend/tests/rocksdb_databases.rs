//! Small databases of every format version, and what becomes of them when they are damaged.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use statetool_backend::rocksdb::{Checksum, Database, Files, Folder, KeyRange};
use statetool_backend::{Memory, Result, Source};

type Contents = Vec<(Vec<u8>, Vec<u8>)>;
type FileMap = BTreeMap<String, Vec<u8>>;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn databases() -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(data())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.is_dir());
    paths.sort();
    paths
}

fn expected(folder: &Path) -> Contents {
    let bytes = |hex: &str| -> Vec<u8> {
        let digits = hex.trim().strip_prefix("0x").unwrap();
        (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect()
    };
    let listing = std::fs::read_to_string(folder.join("expected.txt")).unwrap();
    listing
        .lines()
        .map(|line| line.split_once(" : ").unwrap())
        .map(|(k, v)| (bytes(k), bytes(v)))
        .collect()
}

fn load(name: &str) -> FileMap {
    let folder = Folder::new(data().join(name));
    let read = |name: &String| {
        let file = folder.open(name).unwrap().unwrap();
        file.read_at(0, file.len() as usize).unwrap().to_vec()
    };
    folder
        .names()
        .unwrap()
        .into_iter()
        .map(|name| (name.clone(), read(&name)))
        .collect()
}

fn open(files: &FileMap) -> Result<Database> {
    let source = |(name, bytes): (&String, &Vec<u8>)| -> (String, Source) {
        (name.clone(), Arc::new(Memory::new(name.clone(), bytes.clone())))
    };
    Database::open(files.iter().map(source).collect::<BTreeMap<_, _>>())
}

fn scan(database: &Database, range: KeyRange) -> Result<Contents> {
    let mut scan = database.scan("state", range)?;
    let mut contents = Vec::new();
    while let Some(entry) = scan.next()? {
        contents.push((entry.key.to_vec(), entry.value.to_vec()));
    }
    Ok(contents)
}

/// Everything that a database can be asked.
fn read(files: &FileMap) -> Result<Contents> {
    let database = open(files)?;
    let contents = scan(&database, KeyRange::all())?;
    for file in database.families().iter().flat_map(|family| family.files()) {
        database.verify_file(file.number)?;
    }
    Ok(contents)
}

#[test]
fn every_format_is_read_as_its_engine_reads_it() {
    let mut checksums = Vec::new();
    for path in databases() {
        let database = Database::open(Folder::new(&path)).unwrap();
        let expected = expected(&path);
        assert_eq!(
            scan(&database, KeyRange::all()).unwrap(),
            expected,
            "{}",
            path.display()
        );
        for file in database.family("state").unwrap().files() {
            let report = database.verify_file(file.number).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(name.starts_with(&format!("version-{}-", report.format_version)));
            assert_eq!(database.properties(file.number).unwrap(), report.properties);
            if !checksums.contains(&report.checksum) {
                checksums.push(report.checksum);
            }
        }
    }
    use Checksum::{Crc32c, None, XxHash, XxHash64, Xxh3};
    assert!(
        [None, Crc32c, XxHash, XxHash64, Xxh3]
            .iter()
            .all(|kind| checksums.contains(kind))
    );
}

#[test]
fn ranges_and_single_keys_are_the_like_part_of_everything() {
    for path in databases() {
        let database = Database::open(Folder::new(&path)).unwrap().with_read_ahead(0);
        let all = expected(&path);
        let mut bounds: Vec<Vec<u8>> = all
            .iter()
            .flat_map(|(key, _)| [key.clone(), [&key[..], &[0]].concat()])
            .collect();
        bounds.extend([vec![], vec![0], vec![0xff], vec![2]]);
        bounds.sort();
        for (at, start) in bounds.iter().enumerate() {
            let end = bounds.get(at + at % 7);
            let range = KeyRange::new(start.clone(), end.cloned());
            let part = all
                .iter()
                .filter(|(key, _)| key >= start && end.is_none_or(|end| key < end));
            assert!(
                scan(&database, range).unwrap().iter().eq(part),
                "{} {start:x?} {end:x?}",
                path.display()
            );
            let value = all.iter().find(|(key, _)| key == start).map(|(_, value)| value);
            assert_eq!(database.get("state", start).unwrap().as_ref(), value);
        }
    }
}

#[test]
fn counters_add_up() {
    let database = Database::open(Folder::new(data().join("version-5-two-levels"))).unwrap();
    let mut scan = database.scan("state", KeyRange::all()).unwrap();
    while scan.next().unwrap().is_some() {}
    let counters = scan.counters();
    let text = format!("{counters:?}");
    assert_eq!(
        text,
        "Counters { read: 114, live: 38, deletions: 4, overwritten: 52, range_deleted: 13, operands: 13, \
         range_deletions: 22, hidden_bytes: 2159, folded_bytes: 77 }"
    );
}

#[test]
fn no_flipped_byte_goes_unnoticed() {
    for name in ["version-1-lz4", "version-5-two-levels", "version-6-snappy"] {
        let files = load(name);
        let whole = read(&files).unwrap();
        let table = files
            .iter()
            .filter(|(name, _)| name.ends_with(".sst"))
            .min_by_key(|(_, bytes)| bytes.len());
        let manifest = files
            .iter()
            .find(|(name, _)| name.starts_with("MANIFEST"))
            .unwrap();
        for (file, bytes) in [table.unwrap(), manifest] {
            for at in 0..bytes.len() {
                let mut damaged = files.clone();
                damaged.get_mut(file).unwrap()[at] ^= 1 << (at % 8);
                if let Ok(contents) = read(&damaged) {
                    assert_eq!(contents, whole, "{name} {file} {at:#x}");
                }
            }
        }
    }
}

#[test]
fn damage_without_checksums_ends_in_an_error_or_in_other_entries() {
    for name in ["version-3-no-checksum", "version-5-no-checksum"] {
        let files = load(name);
        let (table, bytes) = files.iter().find(|(name, _)| name.ends_with(".sst")).unwrap();
        let mut refused = 0;
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = files.clone();
                damaged.get_mut(table).unwrap()[at] ^= flip;
                refused += u32::from(read(&damaged).is_err());
            }
        }
        assert!(refused > bytes.len() as u32 / 2, "{name} {refused}");
    }
}

#[test]
fn cut_files_are_refused() {
    let files = load("version-5-no-checksum");
    let whole = read(&files).unwrap();
    for (name, bytes) in &files {
        for len in 0..bytes.len() {
            let mut cut = files.clone();
            cut.get_mut(name).unwrap().truncate(len);
            match read(&cut) {
                Err(error) => assert!(!error.is_missing() || name.starts_with("MANIFEST"), "{error}"),
                // A manifest that ends between two records is a whole one of an earlier time.
                Ok(contents) => assert!(name == "expected.txt" || contents.is_empty() || contents == whole),
            }
        }
    }
}

#[test]
fn the_only_manifest_stands_in_for_current() {
    let mut files = load("version-1-lz4");
    let manifest = open(&files).unwrap().manifest().to_owned();
    files.remove("CURRENT");
    assert_eq!(open(&files).unwrap().manifest(), manifest);
    files.insert("MANIFEST-000009".into(), Vec::new());
    assert_eq!(
        open(&files).unwrap_err().to_string(),
        "CURRENT: not found; and there are several manifests"
    );
    files.retain(|name, _| !name.starts_with("MANIFEST"));
    assert_eq!(
        open(&files).unwrap_err().to_string(),
        "CURRENT: not found; and there is no manifest either"
    );
    files.insert("CURRENT".into(), b"MANIFEST-000009\n".to_vec());
    assert_eq!(
        open(&files).unwrap_err().to_string(),
        "MANIFEST-000009: not found; CURRENT names it"
    );
    for bad in ["MANIFEST-000009", "MANIFEST-\n", "../MANIFEST-1\n", "\n", ""] {
        files.insert("CURRENT".into(), bad.into());
        assert_eq!(
            open(&files).unwrap_err().to_string(),
            "CURRENT: name of the manifest at offset 0x0: it should hold the name of a manifest and a line feed"
        );
    }
}

#[test]
fn missing_and_other_tables_are_named() {
    let mut files = load("version-0-lz4");
    let database = open(&files).unwrap();
    assert_eq!(database.missing_files(), &[] as &[String]);
    let error = database.scan("other", KeyRange::all()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "MANIFEST-000005: not found; it has no column family called `other`"
    );
    assert_eq!(
        database.verify_file(99).unwrap_err().to_string(),
        "000099.sst: not found; the manifest does not list it"
    );
    files.insert("000003.log".into(), b"x".to_vec());
    files.insert("000098.log".into(), Vec::new());
    files.insert("000099.log".into(), b"x".to_vec());
    let table = files.remove("000011.sst").unwrap();
    let database = open(&files).unwrap();
    assert_eq!(database.missing_files(), ["000011.sst"]);
    assert_eq!(database.unread_logs(), ["000003.log", "000099.log"]);
    let error = scan(&database, KeyRange::all()).unwrap_err();
    assert_eq!(error.to_string(), "000011.sst: not found; the manifest lists it");
    assert!(error.is_missing());
    files.insert("000011.sst".into(), [&table[..], b"x"].concat());
    let error = scan(&open(&files).unwrap(), KeyRange::all())
        .unwrap_err()
        .to_string();
    let len = table.len();
    let expected = format!("the manifest says {len} bytes, and the file has {}", len + 1);
    assert_eq!(error, format!("000011.sst: table at offset 0x0: {expected}"));
}

#[test]
fn parallel_scans_share_a_database() {
    let database = Database::open(Folder::new(data().join("version-5-two-levels"))).unwrap();
    let expected = expected(&data().join("version-5-two-levels"));
    let groups: Vec<_> = (0..4u8)
        .map(|group| {
            let database = database.clone();
            std::thread::spawn(move || scan(&database, KeyRange::prefix(&[group])).unwrap())
        })
        .collect();
    let parts: Vec<_> = groups
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    assert_eq!(parts, expected);
}
