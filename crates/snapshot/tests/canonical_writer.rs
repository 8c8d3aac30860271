//! Canonical streams are written from their entries with the bytes that Flink wrote.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and tell what they counted"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use statetool_backend::canonical::CanonicalWriter;
use statetool_backend::{Compression, Window};
use statetool_format::KeyGroupRange;
use statetool_snapshot::{Entry, Flow, Layout, Part, Payload, Snapshot};
use statetool_testkit::opened::open;
use statetool_testkit::{corpus, files_named, fixtures, root};

#[test]
fn groups_are_written_as_flink_wrote_them() {
    let mut paths: Vec<PathBuf> = files_named(&root().join("fixtures"), "_metadata");
    paths.extend(corpus().map_or_else(Vec::new, |folder| files_named(&folder, "_metadata")));
    let (mut streams, mut groups) = (0, 0);
    for path in paths {
        let Ok(snapshot) = open(&path) else { continue };
        for operator in snapshot.operators() {
            let Ok(loaded) = snapshot.load_operator(&operator) else {
                continue;
            };
            for part in &loaded.parts {
                if matches!(part.layout, Layout::Canonical { .. }) {
                    streams += 1;
                    groups += check(&snapshot, part, &path.display().to_string());
                }
            }
        }
    }
    println!("{groups} key groups of {streams} canonical streams have the same bytes");
    assert!(groups > 1000);
}

fn check(snapshot: &Snapshot, part: &Part, place: &str) -> usize {
    let Layout::Canonical { handle, source } = &part.layout else {
        return 0;
    };
    let mut starts: Vec<i64> = handle
        .offsets
        .iter()
        .copied()
        .filter(|start| *start > 0)
        .collect();
    starts.push(source.len() as i64);
    starts.sort_unstable();
    let mut written = 0;
    for group in handle.range.groups() {
        let start = handle.offset_of(group).unwrap();
        if start <= 0 {
            continue;
        }
        let end = starts[starts.partition_point(|other| *other <= start)];
        let compression = match part.header.compressed {
            true => Compression::Snappy,
            false => Compression::None,
        };
        let mut window = Window::new(source, start as u64, end as u64, compression).unwrap();
        let len = window.peek_all().unwrap();
        let expected: &[u8] = window.take(len);
        assert_eq!(
            group_of(snapshot, part, group),
            expected,
            "{place}, key group {group}"
        );
        written += 1;
    }
    written
}

/// The entries of a key group, written one by one.
fn group_of(snapshot: &Snapshot, part: &Part, group: u32) -> Vec<u8> {
    let (mut writer, mut out, mut value) = (CanonicalWriter::default(), Vec::new(), Vec::new());
    let mut visit = |entry: &Entry<'_>| {
        let mut key = Vec::new();
        entry.put_composite_key(group, part.header.prefix_bytes, &mut key);
        value.clear();
        entry.put_canonical_value(&mut value).unwrap();
        let state = part.index_of(&entry.state.name).unwrap() as u16;
        writer.entry(state, &key, &value);
        writer.take_settled(&mut out);
        Ok(Flow::Continue(()))
    };
    let range = KeyGroupRange::new(group, group + 1);
    part.scan(snapshot.files(), range, &|_| true, &mut visit)
        .map(|_| ())
        .unwrap();
    writer.end_group();
    writer.take_settled(&mut out);
    assert!(writer.is_empty());
    out
}

/// Operator, state, composite key and value of an entry.
type Canonical = (String, String, Vec<u8>, Vec<u8>);

/// Variants of a fixture that hold the same rows hold the same bytes in canonical form.
#[test]
fn entries_of_all_layouts_have_the_same_canonical_form() {
    let mut same: BTreeMap<PathBuf, Vec<(String, Vec<Canonical>)>> = BTreeMap::new();
    for folder in fixtures() {
        let text = std::fs::read_to_string(folder.join("fixture.json")).unwrap();
        let fixture: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = folder
            .parent()
            .unwrap()
            .join(fixture["expected"].as_str().unwrap());
        let metadata = files_named(&folder, "_metadata").remove(0);
        let Some(entries) = entries_of(&open(&metadata).unwrap()) else {
            continue;
        };
        let variants = same.entry(expected).or_default();
        variants.push((folder.display().to_string(), entries));
    }
    let (mut compared, mut entries) = (0, 0);
    for variants in same.values() {
        let (first, expected) = &variants[0];
        for (name, found) in &variants[1..] {
            compared += 1;
            entries += found.len();
            assert_eq!(found.len(), expected.len(), "{first} and {name}");
            for (found, expected) in found.iter().zip(expected) {
                assert_eq!(found, expected, "{first} and {name}");
            }
        }
    }
    println!("{entries} entries of {compared} snapshots have the same canonical form in another one");
    assert!(compared > 100 && entries > 5000);
}

/// The keyed entries in canonical form, sorted; nothing where values cannot be told apart.
fn entries_of(snapshot: &Snapshot) -> Option<Vec<Canonical>> {
    let mut entries = Vec::new();
    for operator in snapshot.operators() {
        let loaded = snapshot.load_operator(&operator).ok()?;
        for part in &loaded.parts {
            let mut visit = |entry: &Entry<'_>| {
                let Some(group) = entry.key_group else {
                    return Ok(Flow::Continue(()));
                };
                let (mut key, mut value) = (Vec::new(), Vec::new());
                entry.put_composite_key(group, part.header.prefix_bytes, &mut key);
                match entry.value {
                    // What follows the flag, nobody reads; a changelog has no flag, and a null String is 0.
                    Payload::Null(_) | Payload::Value([0]) => value.push(1),
                    _ => entry.put_canonical_value(&mut value).unwrap(),
                }
                let state = entry.state.name.clone();
                entries.push((operator.id().to_string(), state, key, value));
                Ok(Flow::Continue(()))
            };
            let flow = part.scan(snapshot.files(), part.range, &|_| true, &mut visit);
            assert!(flow.ok()?.is_continue());
        }
    }
    entries.sort();
    Some(entries)
}
