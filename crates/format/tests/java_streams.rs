//! Every Java object stream in Flink's own fixtures: walked to its end, and written back
//! with the same bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use statetool_format::java::properties::{CheckpointProperties, SnapshotType};
use statetool_format::java::{JavaStream, Node, View};
use statetool_format::{Encode, Reader};

fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("STATETOOL_CORPUS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"),
        PathBuf::from,
    );
    if root.is_dir() {
        return Some(root);
    }
    eprintln!("SKIPPED: no corpus at {}; set STATETOOL_CORPUS", root.display());
    None
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

/// All streams in the files below `dir`, with file and offset.
fn streams(dir: &Path) -> Vec<(PathBuf, usize, JavaStream)> {
    let mut paths = Vec::new();
    files(dir, &mut paths);
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let bytes = fs::read(&path).unwrap();
        let mut at = 0;
        while let Some(next) = bytes[at..].windows(4).position(|w| w == b"\xac\xed\0\x05") {
            let start = at + next;
            let mut r = Reader::at(&bytes[start..], start as u64);
            let stream = JavaStream::decode(&mut r).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            at = start + stream.0.len();
            found.push((path.clone(), start, stream));
        }
    }
    found
}

#[test]
fn every_stream_walks_to_its_end_and_is_written_back_the_same() {
    let Some(root) = corpus() else { return };
    let mut classes = BTreeMap::<String, usize>::new();
    let found = streams(&root);
    for (path, at, stream) in &found {
        let graph = stream.parse().unwrap();
        let again = graph.to_bytes();
        assert_eq!(again, stream.0, "{} at {at:#x}", path.display());
        *classes
            .entry(graph.root().class_name().unwrap_or_default().into_owned())
            .or_default() += 1;
    }
    eprintln!("{} streams: {classes:#?}", found.len());
    assert!(found.len() > 300, "only {} streams", found.len());
}

#[test]
fn logical_types_name_their_type_root() {
    let Some(root) = corpus() else { return };
    let mut roots = BTreeMap::<String, usize>::new();
    for (path, at, stream) in streams(&root.join("sql")) {
        let graph = stream.parse().unwrap();
        let view = graph.root();
        if !view.is_instance_of("org.apache.flink.table.types.logical.LogicalType") {
            continue;
        }
        assert!(
            view.field("isNullable").and_then(View::bool).is_some(),
            "{} at {at:#x}",
            path.display()
        );
        let root = view.field("typeRoot").and_then(View::enum_constant).unwrap();
        if root == "ROW" {
            let fields = view.field("fields").and_then(View::list_items).unwrap();
            assert!(!fields.is_empty());
            fields
                .iter()
                .for_each(|field| assert!(field.field("name").and_then(View::text).is_some()));
        }
        *roots.entry(root).or_default() += 1;
    }
    eprintln!("{roots:#?}");
    assert!(roots["VARCHAR"] > 10 && roots["BIGINT"] > 10, "{roots:?}");
}

#[test]
fn properties_decode_and_encode_to_the_same_bytes() {
    let Some(root) = corpus() else { return };
    let mut paths = Vec::new();
    files(&root, &mut paths);
    let mut kinds = BTreeMap::<String, usize>::new();
    for path in paths
        .iter()
        .filter(|path| path.file_name().is_some_and(|name| name == "_metadata"))
    {
        let bytes = fs::read(path).unwrap();
        let Some(start) = bytes.windows(4).rposition(|w| w == b"\xac\xed\0\x05") else {
            continue;
        };
        let stream = JavaStream(bytes[start..].to_vec());
        let Ok(properties) = CheckpointProperties::decode(&stream) else {
            continue;
        };
        let kind = match properties {
            None => "null".into(),
            Some(properties) => {
                assert_eq!(properties.encode(), stream, "{}", path.display());
                match properties.snapshot {
                    SnapshotType::Savepoint { format, action } => format!("savepoint {format:?} {action:?}"),
                    SnapshotType::Checkpoint { full } => format!("checkpoint, full: {full}"),
                }
            }
        };
        *kinds.entry(kind).or_default() += 1;
    }
    eprintln!("{kinds:#?}");
    assert!(kinds.len() >= 3, "{kinds:?}");
}

#[test]
fn the_java_serializer_fixture_is_an_integer() {
    let Some(root) = corpus() else { return };
    for release in ["1.11", "1.17"] {
        let bytes = fs::read(
            root.join("serializers/java-serializer")
                .join(release)
                .join("test-data"),
        )
        .unwrap();
        let graph = JavaStream(bytes).parse().unwrap();
        assert_eq!(graph.root().i32(), Some(26));
        assert_eq!(
            graph
                .nodes()
                .filter(|(_, node)| matches!(node, Node::Object { .. }))
                .count(),
            1
        );
    }
}
