//! Snapshots that are written anew hold what they held.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and tell what they counted"
)]

use statetool_format::metadata::{KeyGroupsKind, KeyedHandle, StreamHandle};
use statetool_ops::rewrite::{Backend, Edits, Format};
use statetool_snapshot::{ErrorKind, Snapshot};
use statetool_testkit::opened::{metadata_of, open};
use statetool_testkit::rewriting::{everything, findings, opened, rewrite, rewrite_in_place, rows, scratch};

#[test]
fn without_edits_everything_is_copied() {
    let mut count = 0;
    for path in everything() {
        let Ok(before) = open(&path) else { continue };
        let folder = scratch();
        // Old metadata does not say which kind it is; the name of the directory does.
        let out = folder.path().join(path.parent().unwrap().file_name().unwrap());
        rewrite(&before, &Edits::default(), &out)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let after = opened(&out);
        assert_eq!(rows(&after), rows(&before), "{}", path.display());
        assert_eq!(findings(&after), findings(&before), "{}", path.display());
        assert_eq!(after.kind(), before.kind(), "{}", path.display());
        check_handles(&after, None);
        count += 1;
    }
    println!("{count} snapshots were copied with all they hold");
    assert!(count > 300);
}

#[test]
fn canonical_savepoints_hold_what_any_snapshot_held() {
    let edits = Edits {
        format: Some(Format::Canonical),
        ..Edits::default()
    };
    everything_becomes(&edits, "canonical-savepoint");
}

#[test]
fn native_savepoints_of_rocksdb_hold_what_any_snapshot_held() {
    let edits = Edits {
        backend: Some(Backend::RocksDb),
        ..Edits::default()
    };
    everything_becomes(&edits, "native-savepoint");
}

#[test]
fn native_savepoints_of_the_hashmap_backend_hold_what_any_snapshot_held() {
    let edits = Edits {
        backend: Some(Backend::HashMap),
        ..Edits::default()
    };
    everything_becomes(&edits, "native-savepoint");
}

fn everything_becomes(edits: &Edits, kind: &str) {
    let (mut count, mut refused, mut opaque) = (0, 0, 0);
    for path in everything() {
        let Ok(before) = open(&path) else { continue };
        let expected = rows(&before);
        let folder = scratch();
        let out = folder.path().join("new");
        if let Err(error) = rewrite(&before, edits, &out) {
            if error.kind() == ErrorKind::Refused {
                assert!(error.to_string().contains("asynchronous API"), "{error}");
            } else {
                // What nobody can tell apart is not taken apart.
                assert_eq!(
                    error.kind(),
                    ErrorKind::NotInterpretable,
                    "{}: {error}",
                    path.display()
                );
                assert!(error.help().unwrap().contains("canonical savepoint"));
            }
            assert!(!out.join("_metadata").exists());
            refused += 1;
            continue;
        }
        let after = opened(&out);
        let found = rows(&after);
        // In the HashMap backend's layout nobody but the job knows where such values end.
        if edits.backend == Some(Backend::HashMap) && expected.0.iter().any(|row| row.contains("@opaque")) {
            assert!(
                found.0.iter().all(|row| expected.0.contains(row)),
                "{}",
                path.display()
            );
            opaque += 1;
        } else {
            assert_eq!(found, expected, "{}", path.display());
        }
        assert_eq!(findings(&after), [""; 0], "{}", path.display());
        check_handles(&after, edits.format);
        // Older metadata does not say so.
        let says = after.metadata().version.has_properties();
        let has_keyed = says
            && after
                .metadata()
                .operators
                .iter()
                .any(|operator| operator.running().any(|(_, state)| state.managed_keyed.is_some()));
        assert!(
            !has_keyed || after.kind().name() == kind,
            "{}: {}",
            path.display(),
            after.kind()
        );
        count += 1;
    }
    println!("{count} snapshots became a {kind}, {refused} cannot; {opaque} hide values behind others");
    assert!(count > 300);
}

/// Flink opens what a handle names, and reads keyed state as the handle's kind says.
fn check_handles(snapshot: &Snapshot, format: Option<Format>) {
    for operator in &snapshot.metadata().operators {
        for (_, state) in operator.running() {
            for handle in [&state.managed_operator, &state.raw_operator]
                .into_iter()
                .flatten()
            {
                assert!(!matches!(handle.delegate, StreamHandle::EmptySegment) && handle.merged.is_none());
            }
            if let (Some(Format::Canonical), Some(handle)) = (format, &state.managed_keyed) {
                let is_savepoint = matches!(handle, KeyedHandle::KeyGroups(groups) if groups.kind == KeyGroupsKind::Savepoint);
                assert!(is_savepoint, "{handle:?}");
            }
        }
    }
}

#[test]
fn operators_and_states_are_renamed_and_left_out() {
    let before = open(&metadata_of("1.20/keyed-states/hashmap-canonical").unwrap()).unwrap();
    let edits: Edits = serde_json::from_str(
        r#"{"rename-operator": [{"from": "uid:all-states", "to": "uid:new name"}],
            "drop-state": ["uid:all-states/notes"],
            "rename-state": [{"from": "uid:all-states/sum", "to": "total"}]}"#,
    )
    .unwrap();
    let folder = scratch();
    let out = folder.path().join("new");
    let report = rewrite(&before, &edits, &out).unwrap();
    let after = opened(&out);
    assert_eq!(findings(&after), [""; 0]);
    let id = |uid: &str| statetool_format::OperatorId::from_uid(uid).to_string();
    let (was, is) = (id("all-states"), id("new name"));
    let expected: Vec<String> = rows(&before)
        .0
        .into_iter()
        .filter(|row| !row.contains(r#""state":"notes""#))
        .map(|row| {
            row.replace(&was, &is)
                .replace(r#""state":"sum""#, r#""state":"total""#)
        })
        .collect();
    let mut found = rows(&after).0;
    found.sort();
    let mut expected = expected;
    expected.sort();
    assert_eq!(found, expected);
    let states = report.operators.iter().flat_map(|operator| &operator.states);
    let notes = states.clone().find(|state| state.name == "notes").unwrap();
    assert_eq!(notes.account.written.entries, 0);
    assert_eq!(notes.account.dropped["drop-state"], notes.account.read);
    assert!(states.clone().all(|state| state.counted));
}

/// Only `_metadata` is written, and leads to where the files are now.
#[test]
fn files_that_stay_where_they_are_are_found_from_anywhere() {
    let mut count = 0;
    for path in everything() {
        let Ok(before) = open(&path) else { continue };
        let folder = scratch();
        // Old metadata does not say which kind it is; the name of the directory does.
        let out = folder.path().join(path.parent().unwrap().file_name().unwrap());
        let report =
            rewrite_in_place(&before, &out).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let names: Vec<_> = std::fs::read_dir(&out)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["_metadata"], "{}", path.display());
        assert!(report.operators.iter().all(|operator| operator.copied_bytes == 0));
        let after = opened(&out);
        assert_eq!(rows(&after), rows(&before), "{}", path.display());
        assert_eq!(findings(&after), findings(&before), "{}", path.display());
        count += 1;
    }
    assert!(count > 300);
}

#[test]
fn files_that_are_not_where_they_should_be_are_not_named() {
    let path = metadata_of("1.20/keyed-states/rocksdb-incremental-checkpoint").unwrap();
    let options = statetool_snapshot::OpenOptions::default();
    let store = statetool_store::Store::default();
    let lost = Snapshot::open(&store, &path.to_string_lossy(), options).unwrap();
    let folder = scratch();
    let out = folder.path().join("new");
    let error = rewrite_in_place(&lost, &out).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.help().unwrap().contains("--relocate"), "{error}");
    assert!(!out.join("_metadata").exists());
}
