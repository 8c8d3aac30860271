//! The RocksDB databases in snapshots that real Flink releases wrote.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout
)]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use statetool_backend::rocksdb::{Checksum, Database, KeyRange};
use statetool_backend::{LocalFile, Memory, Segment, Source};
use statetool_format::OperatorId;
use statetool_format::key_group::{KeyGroupRange, prefix_bytes};
use statetool_format::metadata::{IncrementalHandle, KeyedHandle, Metadata, StreamHandle};

/// A snapshot's databases: operator, key group prefix length, handle, files by local names.
struct Opened {
    operator: OperatorId,
    prefix: usize,
    groups: KeyGroupRange,
    database: Database,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, visit)
        } else {
            visit(&path)
        }
    }
}

/// All databases of the snapshot whose metadata file is at `metadata`, whose files lie anywhere under `root`.
fn databases(metadata: &Path, root: &Path) -> Vec<Opened> {
    let mut by_name = HashMap::new();
    walk(root, &mut |path| {
        by_name.insert(
            path.file_name().unwrap().to_str().unwrap().to_owned(),
            path.to_owned(),
        );
    });
    let snapshot = Metadata::decode(&std::fs::read(metadata).unwrap()).unwrap();
    let mut opened = Vec::new();
    for operator in &snapshot.operators {
        for (_, subtask) in operator.running() {
            for handle in subtask.managed_keyed.iter().flat_map(incremental) {
                opened.push(Opened {
                    operator: operator.id,
                    prefix: prefix_bytes(operator.max_parallelism),
                    groups: handle.range,
                    database: Database::open(files(handle, &by_name)).unwrap(),
                });
            }
        }
    }
    opened
}

fn incremental(handle: &KeyedHandle) -> Vec<&IncrementalHandle> {
    match handle {
        KeyedHandle::Incremental(handle) => vec![handle],
        KeyedHandle::Changelog(handle) => handle.materialized.iter().flat_map(incremental).collect(),
        _ => Vec::new(),
    }
}

fn files(handle: &IncrementalHandle, by_name: &HashMap<String, PathBuf>) -> BTreeMap<String, Source> {
    let open = |stream: &StreamHandle| -> Source {
        let path = match stream {
            StreamHandle::Inline { name, data } => {
                return Arc::new(Memory::new(name.to_str(), data.to_vec()));
            }
            StreamHandle::File { path, .. } | StreamHandle::RelativeFile { path, .. } => path.to_str(),
            StreamHandle::Segment {
                path, start, size, ..
            } => {
                let path = path.to_str();
                let file = Arc::new(LocalFile::open(&by_name[path.rsplit('/').next().unwrap()]).unwrap());
                return Arc::new(Segment::new(file, start.unsigned_abs(), size.unsigned_abs()).unwrap());
            }
            other => panic!("{other:?}"),
        };
        let name = path.rsplit('/').next().unwrap();
        Arc::new(LocalFile::open(&by_name[name]).unwrap())
    };
    handle
        .files()
        .map(|file| (file.local_path.to_str().into_owned(), open(&file.handle)))
        .collect()
}

/// Verifies all files, scans all families, and returns how many keys each has.
fn check(opened: &Opened, totals: &mut BTreeMap<(OperatorId, String), u64>, checksums: &mut Vec<Checksum>) {
    let database = &opened.database;
    assert_eq!(database.missing_files(), &[] as &[String]);
    assert_eq!(database.unread_logs(), &[] as &[String]);
    for family in database.families() {
        let mut entries = 0;
        for file in family.files() {
            let report = database.verify_file(file.number).unwrap();
            entries += report.values + report.deletions + report.operands;
            checksums.push(report.checksum);
            assert_eq!(report.properties.column_family, family.name());
        }
        let mut scan = database.scan(family.name(), KeyRange::all()).unwrap();
        let mut keys = 0;
        let mut last = Vec::new();
        while let Some(entry) = scan.next().unwrap() {
            let prefix = &entry.key[..opened.prefix];
            let group = prefix.iter().fold(0, |group, &byte| group << 8 | u32::from(byte));
            assert!(opened.groups.contains(group), "{group}");
            assert!(entry.key > last.as_slice());
            last = entry.key.to_vec();
            keys += 1;
        }
        let counters = scan.counters();
        assert_eq!((counters.read, counters.live), (entries, keys));
        check_ranges(opened, family.name(), keys);
        *totals
            .entry((opened.operator, family.name().to_owned()))
            .or_default() += keys;
    }
    assert_eq!(database.families()[0].name(), "default");
}

/// Key group by key group, and key by key, everything is found again.
fn check_ranges(opened: &Opened, family: &str, keys: u64) {
    let mut found = 0;
    for group in opened.groups.groups() {
        let prefix = group.to_be_bytes();
        let range = KeyRange::prefix(&prefix[4 - opened.prefix..]);
        let mut scan = opened.database.scan(family, range).unwrap();
        while let Some(entry) = scan.next().unwrap() {
            found += 1;
            if found % 16 == 1 {
                let got = opened.database.get(family, entry.key).unwrap();
                assert_eq!(got.as_deref(), Some(entry.value));
            }
        }
    }
    assert_eq!(found, keys, "{family}");
}

/// The text of a field in JSON of the harness.
fn text<'l>(json: &'l str, field: &str) -> &'l str {
    let from = json.find(&format!("\"{field}\":\"")).unwrap() + field.len() + 4;
    json[from..].split('"').next().unwrap()
}

/// How many keys each state of each operator should have, by the fixture's own listing.
fn expected(listing: &Path) -> BTreeMap<(OperatorId, String), u64> {
    let mut counts = BTreeMap::new();
    for line in std::fs::read_to_string(listing).unwrap().lines() {
        // Elements of a list are lines of their own, and one key.
        if line.contains("\"key_group\":null")
            || !line.contains("\"index\":null") && !line.contains("\"index\":0,")
        {
            continue;
        }
        // Operators of SQL jobs have no uid; their rows cannot be told apart here.
        if !line.contains("\"uid\":\"") {
            continue;
        }
        let operator = OperatorId::from_uid(text(line, "uid"));
        *counts
            .entry((operator, text(line, "state").to_owned()))
            .or_default() += 1;
    }
    counts
}

#[test]
fn fixtures_hold_the_keys_that_the_job_saw() {
    let mut seen = 0;
    let mut compared = 0;
    walk(&repository().join("fixtures"), &mut |path| {
        if !path.ends_with("_metadata") {
            return;
        }
        let variant = path
            .ancestors()
            .find(|folder| folder.join("fixture.json").exists());
        let root = variant.unwrap_or_else(|| path.parent().unwrap());
        let mut totals = BTreeMap::new();
        let mut checksums = Vec::new();
        let opened = databases(path, root);
        opened
            .iter()
            .for_each(|opened| check(opened, &mut totals, &mut checksums));
        seen += opened.len();
        let release = root
            .strip_prefix(repository().join("fixtures"))
            .unwrap()
            .iter()
            .next()
            .unwrap();
        let kind = if release.to_str().unwrap().starts_with('1') {
            Checksum::Crc32c
        } else {
            Checksum::Xxh3
        };
        assert!(
            checksums.iter().all(|&checksum| checksum == kind),
            "{}",
            path.display()
        );
        if opened.is_empty() {
            return;
        }
        let description = std::fs::read_to_string(root.join("fixture.json")).unwrap();
        let expected = expected(&root.join(text(&description, "expected")));
        for (state, count) in totals.iter().filter(|((_, name), _)| name != "default") {
            if let Some(expected) = expected.get(state) {
                assert_eq!(count, expected, "{} {}", state.1, path.display());
                compared += 1;
            }
        }
    });
    println!("{seen} databases, {compared} states compared");
    assert!(seen > 0 && compared > 0);
}

#[test]
fn flinks_own_fixtures_are_read() {
    let corpus = std::env::var_os("STATETOOL_CORPUS").map(PathBuf::from);
    let corpus = corpus.unwrap_or_else(|| repository().join("../shared/corpus"));
    if !corpus.exists() {
        println!("SKIPPED: there is no corpus at {}", corpus.display());
        return;
    }
    let (mut seen, mut keys) = (0, 0);
    walk(&corpus.join("datastream"), &mut |path| {
        if path.ends_with("_metadata") {
            let mut totals = BTreeMap::new();
            let opened = databases(path, path.parent().unwrap());
            opened
                .iter()
                .for_each(|opened| check(opened, &mut totals, &mut Vec::new()));
            seen += opened.len();
            keys += totals.values().sum::<u64>();
        }
    });
    println!("{seen} databases, {keys} keys");
    assert!(seen > 0 && keys > 0);
}
