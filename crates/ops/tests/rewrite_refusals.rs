//! What `rewrite` refuses, in which words, and that nothing is published then.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use statetool_backend::{Memory, Source};
use statetool_format::metadata::StreamHandle;
use statetool_ops::rewrite::{Edits, ExecuteOptions, execute, execute_all, plan};
use statetool_snapshot::{ErrorKind, Snapshot, SnapshotWriter};
use statetool_store::{Location, Store};
use statetool_testkit::opened::{metadata_of, open};
use statetool_testkit::rewriting::{edits, rewrite};
use statetool_testkit::{files_named, root};

fn fixture(name: &str) -> Snapshot {
    open(&metadata_of(name).unwrap()).unwrap()
}

#[test]
fn edits_that_cannot_be_meant() {
    let keyed = "1.20/keyed-states/hashmap-canonical";
    let cases = [
        (
            keyed,
            r#"{"rename-operator": [{"from": "uid:all-states", "to": "x"}]}"#,
            "`x` is no new name of an operator: write `uid:X` or `id:HEX`",
        ),
        (
            keyed,
            r#"{"rename-operator": [{"from": "uid:all-states", "to": "id:12"}]}"#,
            "`id:12` is no new name of an operator: an id has 32 hex digits",
        ),
        (
            keyed,
            r#"{"rename-operator": [{"from": "uid:all-states", "to": "uid:a"}, {"from": "uid:all-states", "to": "uid:b"}]}"#,
            "operator `uid:all-states` is to be renamed twice",
        ),
        (
            keyed,
            r#"{"rename-operator": [{"from": "uid:all-states", "to": "uid:a"}], "drop-operator": ["uid:all-states"]}"#,
            "operator `uid:all-states` is to be renamed, and left out",
        ),
        (
            keyed,
            r#"{"rename-operator": [{"from": "uid:all-states", "to": "uid:sink"}]}"#,
            "would both have the id",
        ),
        (
            keyed,
            r#"{"keep-operator": ["uid:sink"], "drop-operator": ["uid:sink"]}"#,
            "is to be kept and to be dropped",
        ),
        (
            keyed,
            r#"{"drop-operator": ["uid:nobody"]}"#,
            "no operator `nobody`",
        ),
        (
            keyed,
            r#"{"drop-state": ["uid:all-states/nothing"]}"#,
            "no state `nothing`",
        ),
        (
            keyed,
            r#"{"rename-state": [{"from": "uid:all-states/sum", "to": "last"}]}"#,
            "would have two states `last`",
        ),
        (
            keyed,
            r#"{"rename-state": [{"from": "uid:all-states/sum", "to": "a"}, {"from": "*/sum", "to": "b"}]}"#,
            "/sum` is to be renamed twice",
        ),
        (
            keyed,
            r#"{"rename-state": [{"from": "uid:all-states/sum", "to": "a"}], "drop-state": ["*/sum"]}"#,
            "/sum` is to be renamed, and left out",
        ),
        (
            keyed,
            r#"{"type": "canonical", "backend": "rocksdb"}"#,
            "the canonical layout is that of no state backend",
        ),
        (
            keyed,
            r#"{"type": "native"}"#,
            "its state is that of no backend: say which with --backend",
        ),
    ];
    for (name, json, expected) in cases {
        let snapshot = fixture(name);
        let Err(error) = plan(&snapshot, &edits(json)) else {
            panic!("{json} is taken");
        };
        assert_eq!(error.kind(), ErrorKind::Usage, "{json}: {error}");
        assert!(error.to_string().contains(expected), "{json}: {error}");
    }
}

#[test]
fn edits_that_cannot_be_done() {
    let rename_timers = r#"{"rename-state": [{"from": "*/_timer_state/event_user-timers", "to": "mine"}]}"#;
    let cases = [
        (
            "1.20/keyed-states/rocksdb-heap-timers",
            rename_timers,
            "Flink finds these timers by a name that begins with `_timer_state/event_`",
        ),
        (
            "2.3/async-states/forst-checkpoint",
            r#"{"type": "canonical"}"#,
            "one of the asynchronous API, which Flink restores from no other layout",
        ),
        (
            "2.3/async-states/forst-checkpoint",
            r#"{"backend": "rocksdb"}"#,
            "one of the asynchronous API, which Flink restores from no other layout",
        ),
        (
            "1.20/keyed-states/hashmap-changelog",
            r#"{"drop-state": ["*/sum"]}"#,
            "nothing tells the layout of the state below its changelog",
        ),
    ];
    for (name, json, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new");
        let error = rewrite(&fixture(name), &edits(json), &out).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{name}: {error}");
        assert!(error.to_string().contains(expected), "{name}: {error}");
        assert_nothing_is_left(&out);
    }
}

/// A copy of a short file would pass for a whole one.
#[test]
fn a_file_of_another_length_is_not_copied() {
    let mut tried = 0;
    let all = files_named(&root().join("fixtures/1.20"), "_metadata");
    // How long the files of a changelog are is recorded nowhere, nor whether all of a merged one is used.
    let is_recorded = |path: &Path| {
        let path = path.to_string_lossy();
        !path.contains("changelog") && !path.contains("file-merging")
    };
    for metadata in all.into_iter().filter(|path| is_recorded(path)) {
        let whole = open(&metadata).unwrap();
        let mut files = Vec::new();
        whole.visit_streams(&mut |stream| {
            if !matches!(stream, StreamHandle::Inline { .. }) {
                files.extend(whole.files().locate(stream).unwrap());
            }
        });
        files.sort();
        files.dedup();
        for file in files.into_iter().take(3) {
            let short = file.to_string();
            let snapshot = open(&metadata).unwrap().with_sources(move |source| -> Source {
                match source.name() == short && !source.is_empty() {
                    true => {
                        let bytes = source.read_at(0, source.len() as usize - 1).unwrap();
                        Arc::new(Memory::new(source.name(), bytes))
                    }
                    false => source,
                }
            });
            let folder = tempfile::tempdir().unwrap();
            let out = folder.path().join("new");
            let error = rewrite(&snapshot, &Edits::default(), &out).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input, "{file}: {error}");
            assert!(error.to_string().contains("recorded"), "{file}: {error}");
            assert_nothing_is_left(&out);
            tried += 1;
        }
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn places_that_are_not_written_to() {
    let snapshot = fixture("1.20/keyed-states/hashmap-canonical");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "x").unwrap();
    fs::create_dir(at("full")).unwrap();
    fs::write(at("full/report"), "x").unwrap();
    fs::create_dir(at("snapshot")).unwrap();
    fs::write(at("snapshot/_metadata"), "x").unwrap();
    fs::create_dir(at("claimed")).unwrap();
    fs::write(at("claimed/_metadata"), "").unwrap();
    let input = metadata_of("1.20/keyed-states/hashmap-canonical").unwrap();
    let input = input.parent().unwrap();
    std::os::unix::fs::symlink(input, at("link")).unwrap();
    for (place, expected) in [
        (at("file"), "is a file, and not a new directory"),
        (at("full"), "is not empty, it holds `report`"),
        (at("snapshot"), "holds a snapshot already"),
        (
            at("claimed"),
            "holds an empty `_metadata`, which a run leaves that is ended while it publishes",
        ),
        (input.to_owned(), "where files of the input are"),
        (input.join("deeper/new"), "where files of the input are"),
        (at("link/new"), "where files of the input are"),
    ] {
        let error = rewrite(&snapshot, &Edits::default(), &place).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// What a killed run left is no obstacle, and is taken away; a run that lost tells so.
#[test]
fn of_two_runs_one_wins() {
    let snapshot = fixture("1.20/keyed-states/rocksdb-native");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new");
    let place = Location::from_path(&out).unwrap();
    let options = ExecuteOptions::default();
    fs::create_dir(&out).unwrap();
    let killed = out.join("statetool-00000000000000ff-000000");
    fs::write(&killed, "half").unwrap();
    let plan = plan(&snapshot, &Edits::default()).unwrap();
    let first = SnapshotWriter::new(&Store::default(), place.clone(), &[&snapshot], 1).unwrap();
    let second = SnapshotWriter::new(&Store::default(), place, &[&snapshot], 2).unwrap();
    execute(&plan, &first, &options).unwrap();
    assert!(!killed.exists());
    let error = execute(&plan, &second, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(
        error
            .to_string()
            .contains("another run has written a snapshot there meanwhile"),
        "{error}"
    );
    drop(second);
    let names: Vec<_> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    let of_first = |name: &std::ffi::OsString| {
        let name = name.to_string_lossy();
        name == "_metadata" || name.starts_with("statetool-0000000000000001-")
    };
    assert!(names.iter().all(of_first), "{names:?}");
}

fn assert_nothing_is_left(out: &Path) {
    let left: Vec<_> = fs::read_dir(out)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    assert_eq!(left, Vec::<std::path::PathBuf>::new());
}

#[test]
fn without_a_snapshot_nothing_is_rewritten() {
    let folder = tempfile::tempdir().unwrap();
    let out = Location::from_path(&folder.path().join("out")).unwrap();
    let writer = SnapshotWriter::new(&Store::default(), out, &[], 7).unwrap();
    let error = execute_all(&[], &writer, &ExecuteOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert_eq!(error.to_string(), "there is no snapshot to rewrite");
    assert!(files_named(folder.path(), "_metadata").is_empty());
}
