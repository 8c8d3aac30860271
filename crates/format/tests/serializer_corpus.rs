//! Serializer snapshots that real Flink releases wrote: all must parse to their last byte,
//! and be written back as they were.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

#[path = "../../testkit/src/places.rs"]
mod places;

use std::path::PathBuf;

use statetool_format::serializer::{ResilienceTable, SerializerSnapshot};
use statetool_format::{Encode, Fault, Reader, Result};

/// How many snapshots the shared corpus holds.
const SHARED: usize = 163;

struct Fixture {
    name: String,
    bytes: Vec<u8>,
}

/// All `serializers/<serializer>/<release>/serializer-snapshot` of the corpus; `None` if it is
/// not here.
fn fixtures() -> Option<Vec<Fixture>> {
    let root = places::corpus()?.join("serializers");
    let read = |file: &PathBuf| Fixture {
        name: file
            .parent()
            .unwrap()
            .strip_prefix(&root)
            .unwrap()
            .display()
            .to_string(),
        bytes: std::fs::read(file).unwrap(),
    };
    Some(
        places::files_named(&root, "serializer-snapshot")
            .iter()
            .map(read)
            .collect(),
    )
}

fn children(folder: &PathBuf) -> std::io::Result<Vec<PathBuf>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)?
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    Ok(paths)
}

/// What a fixture holds: since 1.7 a snapshot behind a proxy, before that a table of one
/// serializer and its snapshot.
fn decode(bytes: &[u8]) -> Result<(Vec<SerializerSnapshot>, Vec<u8>)> {
    let mut r = Reader::new(bytes);
    if bytes.starts_with(&[0, 0, 0, 1, 0, 0, 0, 0]) {
        let table = ResilienceTable::decode(&mut r)?;
        r.finish("fixture")?;
        let snapshots = table
            .entries
            .iter()
            .filter_map(|entry| entry.snapshot.known().cloned());
        return Ok((snapshots.collect(), table.to_bytes()));
    }
    let snapshot = SerializerSnapshot::decode_proxied(&mut r)?;
    r.finish("fixture")?;
    let mut out = Vec::new();
    snapshot.encode_proxied(&mut out);
    Ok((vec![snapshot], out))
}

/// Why a fixture is not parsed to its end with all its classes understood, if it is not.
fn not_parsed(fixture: &Fixture) -> Option<String> {
    let (snapshots, _) = match decode(&fixture.bytes) {
        Ok(decoded) => decoded,
        Err(error) => return Some(error.to_string()),
    };
    if snapshots.is_empty() {
        return Some("its frame could not be read".into());
    }
    let blocking: Vec<_> = snapshots
        .iter()
        .flat_map(SerializerSnapshot::blocking_classes)
        .collect();
    (!blocking.is_empty()).then(|| format!("not understood: {blocking:?}"))
}

/// Why a fixture is not written back as it was, if it is not.
fn not_written_back(fixture: &Fixture) -> Option<String> {
    let (_, written) = decode(&fixture.bytes).ok()?;
    let at = written.iter().zip(&fixture.bytes).position(|(a, b)| a != b);
    (written != fixture.bytes).then(|| format!("written back differently from offset {at:?} on"))
}

/// Prints how many fixtures do not fall short, and the others; returns how many others.
fn print(what: &str, fixtures: &[Fixture], shortfall: impl Fn(&Fixture) -> Option<String>) -> usize {
    let short: Vec<_> = fixtures
        .iter()
        .filter_map(|fixture| Some((&fixture.name, shortfall(fixture)?)))
        .collect();
    println!(
        "serializer snapshots {what}: {} of {}",
        fixtures.len() - short.len(),
        fixtures.len()
    );
    for (name, why) in &short {
        println!("falls short: {name}: {why}");
    }
    short.len()
}

#[test]
fn every_snapshot_parses_to_its_end_and_is_written_back_as_it_was() {
    let Some(fixtures) = fixtures() else { return };
    let unparsed = print("parsed to their exact ends", &fixtures, not_parsed);
    let changed = print("written back byte for byte", &fixtures, |fixture| {
        not_parsed(fixture).or_else(|| not_written_back(fixture))
    });
    assert_eq!((unparsed, changed), (0, 0));
    if places::corpus().is_some_and(|corpus| places::is_shared(&corpus)) {
        assert_eq!(fixtures.len(), SHARED);
    }
}

#[test]
fn every_truncation_is_an_error() {
    let Some(fixtures) = fixtures() else { return };
    for Fixture { name, bytes } in &fixtures {
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "{name} cut to {len} bytes");
        }
    }
}

#[test]
fn what_still_decodes_after_a_flip_is_written_back_as_it_was() {
    let Some(fixtures) = fixtures() else { return };
    for Fixture { name, bytes } in &fixtures {
        let masks: &[u8] = if bytes.len() < 1024 {
            &[0x01, 0x80, 0xff]
        } else {
            &[0xff]
        };
        let mut flipped = bytes.clone();
        for at in 0..bytes.len() {
            for mask in masks {
                flipped[at] = bytes[at] ^ mask;
                if let Ok((_, written)) = decode(&flipped) {
                    assert!(written == flipped, "{name} with byte {at} changed by {mask:#x}");
                }
            }
            flipped[at] = bytes[at];
        }
    }
}

/// Whether a proxy of framing version 2 stands here, of one of Flink's snapshot classes.
fn is_proxy(bytes: &[u8]) -> bool {
    let mut r = Reader::new(bytes);
    bytes.starts_with(&[0, 0, 0, 2, 0])
        && r.i32("framing version").is_ok()
        && r.utf("class").is_ok_and(|class| {
            let class = class.to_str();
            class.starts_with("org.apache.flink.") && class.contains("Snapshot")
        })
}

fn is_test_class(class: &str) -> bool {
    class.starts_with("org.apache.flink.test.")
}

fn files_below(path: PathBuf, files: &mut Vec<PathBuf>) {
    match children(&path) {
        Ok(paths) => paths.into_iter().for_each(|path| files_below(path, files)),
        Err(_) => files.push(path),
    }
}

#[test]
fn every_snapshot_inside_savepoints_is_written_back_as_it_was() {
    let Some(corpus) = places::corpus() else { return };
    let mut files = Vec::new();
    for metadata in places::files_named(&corpus, "_metadata") {
        files_below(metadata.parent().unwrap().to_owned(), &mut files);
    }
    let (mut found, mut unknown, mut short) = (0, 0, Vec::new());
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        for at in (0..bytes.len()).filter(|at| is_proxy(&bytes[*at..])) {
            let mut r = Reader::at(&bytes[at..], at as u64);
            let start = r.clone();
            found += 1;
            match SerializerSnapshot::decode_proxied(&mut r) {
                // Classes of Flink's own tests.
                Err(error) if matches!(error.fault(), Fault::UnknownClass(class) if is_test_class(class)) => {
                    unknown += 1
                }
                Err(error) => short.push(format!("{}: {error}", file.display())),
                Ok(snapshot) => {
                    let mut out = Vec::new();
                    snapshot.encode_proxied(&mut out);
                    assert!(out == r.since(&start), "{} at {at:#x}", file.display());
                    let blocking = snapshot.blocking_classes();
                    assert!(blocking.is_empty(), "{} at {at:#x}: {blocking:?}", file.display());
                }
            }
        }
    }
    println!(
        "serializer snapshots inside savepoints: {} of {found}",
        found - unknown - short.len()
    );
    println!("  {unknown} of classes that nobody can know");
    short.iter().for_each(|why| println!("  {why}"));
    assert!(short.is_empty(), "{} of {found} fall short", short.len());
}
