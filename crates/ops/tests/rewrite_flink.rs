//! Snapshots written for another release: which are, what is said of the others, and that nothing is lost.
//!
//! `SNAPSHOTS=overwrite cargo test -p statetool-ops --test rewrite_flink` records the table anew.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and tell what they counted"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

use statetool_format::java::JavaStream;
use statetool_format::java::properties::CheckpointProperties;
use statetool_format::metadata::{ChannelHandle, MetadataVersion};
use statetool_format::serializer::fit::Target;
use statetool_format::serializer::{Content, SerializerSnapshot};
use statetool_format::{Encode, FlinkVersion, OperatorId};
use statetool_ops::cat::{CatOptions, cat};
use statetool_ops::rewrite::{Edits, RewriteReport, plan};
use statetool_ops::verify::{VerifyOptions, verify};
use statetool_snapshot::{ErrorKind, Flow, Layout, Snapshot};
use statetool_testkit::opened::{metadata_of, open};
use statetool_testkit::rewriting::{opened, rewrite, scratch};
use statetool_testkit::{corpus, files_named, root};
use tempfile::TempDir;

fn for_flink(release: FlinkVersion) -> Edits {
    Edits {
        flink: Some(release),
        ..Edits::default()
    }
}

fn rows(snapshot: &Snapshot) -> Vec<String> {
    let mut rows = Vec::new();
    let end = cat(snapshot, &CatOptions::default(), false, |chunk| {
        // Uids are in the metadata of 2.x alone.
        let lines = str::from_utf8(&chunk.text).unwrap().lines();
        rows.extend(lines.map(|line| {
            let mut row: serde_json::Value = serde_json::from_str(line).unwrap();
            row.as_object_mut().unwrap().remove("uid");
            row.to_string()
        }));
        Ok(Flow::Continue(()))
    });
    rows.extend(end.err().map(|error| error.to_string()));
    rows.sort();
    rows
}

fn findings(snapshot: &Snapshot) -> Vec<String> {
    let options = VerifyOptions {
        deep: true,
        ..VerifyOptions::default()
    };
    verify(snapshot, &options)
        .findings
        .into_iter()
        .map(|finding| finding.message)
        .collect()
}

/// The fixtures, by `release/scenario/variant`.
fn fixtures() -> Vec<(String, PathBuf)> {
    let folder = root().join("fixtures");
    files_named(&folder, "fixture.json")
        .into_iter()
        .filter_map(|json| {
            let fixture = json.parent()?;
            let metadata = files_named(fixture, "_metadata").into_iter().next()?;
            let name = fixture.strip_prefix(&folder).ok()?.to_string_lossy().into_owned();
            Some((name, metadata))
        })
        .collect()
}

/// Which releases each fixture can be written for, and why not for the others.
#[test]
fn what_a_release_cannot_hold_is_refused() {
    let mut table: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, path) in fixtures() {
        let snapshot = open(&path).unwrap();
        let mut targets = String::new();
        let mut why = Vec::new();
        for release in FlinkVersion::ALL {
            match plan(&snapshot, &for_flink(release)) {
                Ok(_) => write!(targets, " {release:>4}").unwrap(),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Refused, "{name} for {release}: {error}");
                    assert!(error.help().is_some(), "{error}");
                    write!(targets, "    -").unwrap();
                    let said = error
                        .to_string()
                        .replacen(&format!("Flink {release} "), "Flink … ", 1);
                    if why.last() != Some(&said) {
                        why.push(said);
                    }
                }
            }
        }
        let mut row = targets;
        for said in why {
            write!(row, "\n      {said}").unwrap();
        }
        let (release, rest) = name.split_once('/').unwrap();
        table.entry(row).or_default().push(format!("{release} {rest}"));
    }
    let mut text = String::new();
    for (row, fixtures) in table {
        for fixture in fixtures {
            writeln!(text, "{fixture}").unwrap();
        }
        writeln!(text, "   {row}\n").unwrap();
    }
    snapbox::Assert::new()
        .action_env("SNAPSHOTS")
        .eq(text, snapbox::file!["rewrite_flink.txt"]);
}

/// What differs between the releases is among these, but for the ids of handles that came with 1.15.
const WRITTEN: [&str; 5] = ["1.13", "1.17", "1.20", "2.0", "2.3"];

#[test]
fn what_is_written_for_a_release_holds_the_same() {
    let (mut count, mut refused) = (0, 0);
    for (name, path) in fixtures() {
        let before = open(&path).unwrap();
        let expected = rows(&before);
        let findings_before = findings(&before);
        for release in WRITTEN {
            let release: FlinkVersion = release.parse().unwrap();
            let folder = scratch();
            let out = folder.path().join(path.parent().unwrap().file_name().unwrap());
            match rewrite(&before, &for_flink(release), &out) {
                Ok(_) => count += 1,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Refused, "{name} for {release}: {error}");
                    assert!(!out.join("_metadata").exists());
                    refused += 1;
                    continue;
                }
            }
            let after = opened(&out);
            assert_eq!(
                after.metadata().version,
                release.metadata(),
                "{name} for {release}"
            );
            assert_eq!(rows(&after), expected, "{name} for {release}");
            assert_eq!(findings(&after), findings_before, "{name} for {release}");
            // Older metadata does not say so.
            if release.metadata().has_properties() {
                assert_eq!(after.kind(), before.kind(), "{name} for {release}");
            }
        }
    }
    println!("{count} snapshots were written for another release, {refused} cannot");
    assert!(count > 1000);
}

/// What a serializer snapshot of one release becomes for another one is what that writes itself.
#[test]
fn snapshots_of_types_are_those_that_the_release_writes() {
    let mut by_release: BTreeMap<String, BTreeMap<String, SerializerSnapshot>> = BTreeMap::new();
    for (name, path) in fixtures() {
        let (release, rest) = name.split_once('/').unwrap();
        if !rest.ends_with("/hashmap-canonical") {
            continue;
        }
        let of_release = by_release.entry(release.to_owned()).or_default();
        let snapshot = open(&path).unwrap();
        for operator in snapshot.operators() {
            for state in snapshot.load_operator(&operator).unwrap().states {
                let key = state
                    .key_snapshot
                    .iter()
                    .map(|key| ("key".to_owned(), (**key).clone()));
                let others = state.meta.serializers.iter();
                let others = others.map(|(name, snapshot)| (name.to_str().into_owned(), snapshot.clone()));
                for (what, snapshot) in key.chain(others) {
                    of_release.insert(
                        format!("{rest} {}/{} {what}", operator.id(), state.name),
                        snapshot,
                    );
                }
            }
        }
    }
    let (mut same, mut refused, mut older, mut otherwise) = (0, 0, 0, 0);
    for (from, old) in &by_release {
        for (to, new) in &by_release {
            let release: FlinkVersion = to.parse().unwrap();
            let is_2 = |release: &str| release.starts_with('2');
            let target = Target {
                release,
                other_kryo: is_2(from) != is_2(to),
            };
            for (name, snapshot) in old {
                let Some(expected) = new.get(name) else { continue };
                match target.fitted(snapshot) {
                    Err(_) => refused += 1,
                    Ok(fitted) if fitted.to_bytes() == expected.to_bytes() => same += 1,
                    // Older versions that a release reads stay what they are.
                    Ok(fitted) if fitted == *snapshot && from < to && has_older_version(snapshot) => {
                        older += 1
                    }
                    // Since 2.0, maps in objects are Flink's own, and were Kryo's before.
                    Ok(_) if is_2(from) && !is_2(to) && has_maps(snapshot) => otherwise += 1,
                    Ok(_) => panic!("{from} for {to}: {name}"),
                }
            }
        }
    }
    println!(
        "{same} snapshots of types are those of the other release, {refused} are refused, {older} are of an older version, {otherwise} of another type"
    );
    assert!(same > 25_000);
}

fn has_older_version(snapshot: &SerializerSnapshot) -> bool {
    let mut all = snapshot.tree();
    all.any(|part| {
        let name = part.simple_name();
        let version = match &part.content {
            Content::Composite { outer_version, .. } => *outer_version,
            _ => None,
        };
        name == "RowSerializerSnapshot" && version == Some(3)
            || name == "NFAStateSerializerSnapshot" && version == Some(1)
    })
}

fn has_maps(snapshot: &SerializerSnapshot) -> bool {
    let mut all = snapshot.tree();
    all.any(|part| {
        matches!(
            &*part.simple_name(),
            "MapSerializerSnapshot" | "ListSerializerSnapshot"
        )
    })
}

/// Flink's own snapshots, of releases back to 1.8.
#[test]
fn official_snapshots_go_to_other_releases() {
    let Some(corpus) = corpus() else { return };
    let (mut count, mut refused) = (0, 0);
    for path in files_named(&corpus, "_metadata") {
        let Ok(before) = open(&path) else { continue };
        let expected = rows(&before);
        for release in ["1.13", "1.20", "2.3"] {
            let release: FlinkVersion = release.parse().unwrap();
            let folder = scratch();
            let out = folder.path().join("new");
            match rewrite(&before, &for_flink(release), &out) {
                Ok(_) => {
                    assert_eq!(rows(&opened(&out)), expected, "{} for {release}", path.display());
                    count += 1;
                }
                Err(error) => {
                    let kind = error.kind();
                    let known = matches!(kind, ErrorKind::Refused | ErrorKind::NotInterpretable);
                    assert!(known && error.help().is_some(), "{}: {error}", path.display());
                    println!(
                        "{} for {release}: {error}",
                        path.strip_prefix(&corpus).unwrap().display()
                    );
                    refused += 1;
                }
            }
        }
    }
    println!("{count} official snapshots were written for another release, {refused} cannot");
    assert!(count > 150);
}

fn fixture(name: &str) -> Snapshot {
    open(&metadata_of(name).unwrap()).unwrap()
}

fn written(name: &str, edits: &str) -> (TempDir, Snapshot, RewriteReport) {
    let folder = scratch();
    let edits: Edits = serde_json::from_str(edits).unwrap();
    let report = rewrite(&fixture(name), &edits, &folder.path().join("new")).unwrap();
    let after = opened(&folder.path().join("new"));
    (folder, after, report)
}

#[test]
fn merged_channels_are_taken_apart_for_a_release_that_has_none() {
    let name = "2.3/in-flight/rocksdb-full-unaligned";
    let channels = |snapshot: &Snapshot| {
        let (mut merged, mut plain) = (Vec::new(), Vec::new());
        for operator in &snapshot.metadata().operators {
            for (_, state) in operator.running() {
                for channel in state.input_channels.iter().chain(&state.output_channels) {
                    match channel {
                        ChannelHandle::Merged {
                            subtask, channels, ..
                        } => {
                            merged.extend(
                                channels
                                    .iter()
                                    .map(|c| (*subtask, c.place, c.size, c.offsets.clone())),
                            );
                        }
                        ChannelHandle::Plain {
                            subtask,
                            place,
                            offsets,
                            size,
                            ..
                        } => {
                            plain.push((*subtask, *place, *size, offsets.clone()));
                        }
                    }
                }
            }
        }
        (merged, plain)
    };
    let (merged, plain) = channels(&fixture(name));
    assert!(!merged.is_empty() && plain.is_empty());
    let (_folder, after, _) = written(name, r#"{"flink": "2.0"}"#);
    assert_eq!(channels(&after), (Vec::new(), merged.clone()));
    assert_eq!(findings(&after), [""; 0]);
    let (_folder, after, _) = written(name, r#"{"flink": "2.2"}"#);
    assert_eq!(channels(&after), (merged, Vec::new()));
}

/// Version and compression of the operator streams.
fn operator_streams(snapshot: &Snapshot) -> Vec<(i32, bool)> {
    let mut streams = Vec::new();
    for operator in snapshot.operators() {
        for part in &snapshot.load_operator(&operator).unwrap().parts {
            if let Layout::Operator { source, .. } = &part.layout {
                let version = i32::from_be_bytes(source.read_at(0, 4).unwrap()[..].try_into().unwrap());
                streams.push((version, part.header.compressed));
            }
        }
    }
    streams.sort_unstable();
    streams.dedup();
    streams
}

#[test]
fn operator_state_is_what_a_release_reads() {
    let cases = [
        ("1.20/operator-states/hashmap-canonical", "1.17", (5, false)),
        ("1.20/operator-states/hashmap-canonical", "1.18", (6, false)),
        ("1.13/operator-states/hashmap-canonical", "1.20", (5, false)),
        (
            "1.20/operator-states/hashmap-canonical-snappy",
            "1.16",
            (5, false),
        ),
        (
            "1.20/operator-states/hashmap-canonical-snappy",
            "1.18",
            (6, false),
        ),
        ("1.20/operator-states/hashmap-canonical-snappy", "2.3", (6, true)),
        ("1.18/operator-states/hashmap-canonical-snappy", "1.20", (6, true)),
    ];
    for (name, release, expected) in cases {
        let (_folder, after, _) = written(name, &format!(r#"{{"flink": "{release}"}}"#));
        assert_eq!(operator_streams(&after), [expected], "{name} for {release}");
        assert_eq!(rows(&after), rows(&fixture(name)), "{name} for {release}");
        for operator in &after.metadata().operators {
            for handle in operator
                .running()
                .filter_map(|(_, state)| state.managed_operator.as_ref())
            {
                let offsets: Vec<i64> = handle
                    .states
                    .iter()
                    .flat_map(|state| state.offsets.clone())
                    .collect();
                let distinct: BTreeSet<i64> = offsets.iter().copied().collect();
                assert_eq!(distinct.len(), offsets.len(), "{name} for {release}");
            }
        }
    }
}

#[test]
fn a_release_goes_with_other_edits() {
    let name = "2.3/keyed-states/rocksdb-incremental-checkpoint";
    let edits = r#"{"flink": "1.13", "rename-state": [{"from": "uid:all-states/sum", "to": "total"}],
                    "drop-state": ["uid:all-states/notes"], "type": "canonical"}"#;
    let (_folder, after, report) = written(name, edits);
    assert_eq!(report.flink.as_deref(), Some("1.13"));
    assert_eq!(after.metadata().version, MetadataVersion::V3);
    assert_eq!(after.metadata().properties, None);
    assert_eq!(findings(&after), [""; 0]);
    let expected: Vec<String> = rows(&fixture(name))
        .into_iter()
        .filter(|row| !row.contains(r#""state":"notes""#))
        .map(|row| row.replace(r#""state":"sum""#, r#""state":"total""#))
        .collect();
    let expected: BTreeSet<String> = expected.into_iter().collect();
    assert_eq!(rows(&after).into_iter().collect::<BTreeSet<_>>(), expected);
}

/// What is left out need not be readable, and leaves nothing behind: the keys are of a type that is not.
#[test]
fn what_is_left_out_does_not_matter() {
    let states = [
        "total",
        "words",
        "_timer_state/event_user-timers",
        "_timer_state/processing_user-timers",
    ];
    let dropped: Vec<String> = states
        .iter()
        .map(|state| format!(r#""uid:by-uuid/{state}""#))
        .collect();
    let edits = format!(r#"{{"flink": "2.3", "drop-state": [{}]}}"#, dropped.join(", "));
    let name = "1.20/key-types/hashmap-checkpoint";
    let (_folder, after, _) = written(name, &edits);
    let operator = after
        .operators()
        .find(|op| op.id() == OperatorId::from_uid("by-uuid"))
        .unwrap();
    assert!(
        operator
            .state
            .running()
            .all(|(_, state)| state.managed_keyed.is_none())
    );
    assert_eq!(after.metadata().version, MetadataVersion::V6);
    assert!(rows(&after).len() > 100);
}

/// An older file does not say what it is; a newer one does.
#[test]
fn properties_say_what_an_older_snapshot_is() {
    for (name, kind) in [
        ("1.13/keyed-states/hashmap-canonical", "canonical-savepoint"),
        ("1.13/keyed-states/rocksdb-incremental-checkpoint", "checkpoint"),
    ] {
        let (_folder, after, _) = written(name, r#"{"flink": "1.20"}"#);
        let properties = after.metadata().properties.clone().unwrap();
        let decoded = CheckpointProperties::decode(&JavaStream(properties)).unwrap();
        assert!(decoded.is_some());
        assert_eq!(after.kind().name(), kind);
    }
    // Away from a directory of checkpoints, its layout alone tells that it is not the canonical one.
    let folder = scratch();
    let [copy, newer] = ["copy", "newer"].map(|name| folder.path().join(name));
    let heap = fixture("1.13/keyed-states/hashmap-checkpoint");
    rewrite(&heap, &Edits::default(), &copy).unwrap();
    rewrite(&opened(&copy), &for_flink("1.20".parse().unwrap()), &newer).unwrap();
    assert_eq!(opened(&newer).kind().name(), "native-savepoint");
    assert_eq!(rows(&opened(&newer)), rows(&heap));
}
