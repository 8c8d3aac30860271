//! Snapshots that hold the same do not differ, whatever their layouts; the others differ in what Flink says they do.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and tell what they counted"
)]

#[path = "diff/expected.rs"]
mod expected;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;
use statetool_backend::Memory;
use statetool_ops::diff::{DiffOptions, DiffReport, Difference, Ignore, StateCounts, diff};
use statetool_ops::rewrite::{Backend, Edits, ExecuteOptions, Format, execute, plan};
use statetool_snapshot::{ErrorKind, Flow, OpenOptions, Result, Snapshot, SnapshotWriter};
use statetool_store::{Location, Store};
use statetool_testkit::opened::{metadata_of, moved, open};
use statetool_testkit::{corpus, files_named, fixtures, root};
use tempfile::TempDir;

use expected::{Expected, Fixture};

/// The report of a comparison, and its rows.
fn compare(a: &Snapshot, b: &Snapshot, options: &DiffOptions) -> Result<(DiffReport, Vec<Json>)> {
    let mut rows = Vec::new();
    let report = diff(a, b, options, |difference| {
        if let Difference::Entries(found) = difference {
            let text = str::from_utf8(&found.text).unwrap();
            // Lone surrogates, which damage can make of a text, are no JSON to this reader.
            let row = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| Json::from(line));
            rows.extend(text.lines().map(row));
            assert_eq!(text.lines().count(), found.states.len());
        }
        Ok(Flow::Continue(()))
    })?;
    assert_eq!(report.rows, rows.len() as u64);
    Ok((report, rows))
}

fn everything(a: &Snapshot, b: &Snapshot) -> (DiffReport, Vec<Json>) {
    compare(a, b, &DiffOptions::default()).unwrap()
}

fn opened(fixture: &str) -> Snapshot {
    open(&metadata_of(fixture).unwrap()).unwrap()
}

fn ignoring(words: &[&str]) -> DiffOptions {
    DiffOptions {
        ignore: words.iter().map(|word| Ignore::parse(word).unwrap()).collect(),
        ..DiffOptions::default()
    }
}

/// The states that differ.
fn differing(report: &DiffReport) -> Vec<&StateCounts> {
    let states = report.states.iter();
    states.filter(|state| state.differences() > 0).collect()
}

/// What differs that is no entry, by name.
fn structure(report: &DiffReport) -> BTreeSet<&'static str> {
    report.structure.iter().map(|found| found.what).collect()
}

/// Whether everything was compared.
fn is_whole(report: &DiffReport) -> bool {
    report.unreadable.iter().all(|part| part.compared)
}

#[test]
fn variants_that_hold_the_same_do_not_differ() {
    let mut same: BTreeMap<[String; 3], Vec<Fixture>> = BTreeMap::new();
    for folder in fixtures() {
        let fixture = Fixture::read(&folder);
        let held = [&fixture.release, &fixture.scenario, &fixture.expected].map(Clone::clone);
        same.entry(held).or_default().push(fixture);
    }
    let (mut pairs, mut entries, mut hidden) = (0, 0, 0);
    for fixtures in same.values() {
        for (index, one) in fixtures.iter().enumerate() {
            for other in fixtures.iter().skip(index) {
                let (report, rows) = everything(&one.open(), &other.open());
                let names = format!("{} and {}", one.name(), other.name());
                if !is_whole(&report) {
                    hidden += 1;
                    continue;
                }
                // Rows say nothing of the states of Kafka sources, which read topics of different names.
                let stated = one.states();
                let is_stated = |state: &&StateCounts| {
                    let label = state.uid.as_ref().unwrap_or(&state.operator);
                    stated.contains(&(label.clone(), state.state.clone()))
                };
                let differing: Vec<_> = differing(&report).into_iter().filter(is_stated).collect();
                assert_eq!(differing, [] as [&StateCounts; 0], "{names}: {rows:?}");
                let found = structure(&report);
                let mut allowed = BTreeSet::from(["parallelism", "max-parallelism", "coordinator"]);
                if one.scenario.starts_with("kafka") {
                    allowed.insert("kafka");
                }
                assert!(found.is_subset(&allowed), "{names}: {:?}", report.structure);
                entries += report.states.iter().map(|state| state.equal).sum::<u64>();
                pairs += 1;
            }
        }
    }
    println!("{pairs} pairs hold the same {entries} entries; of {hidden} some are hidden");
    assert!(pairs > 800);
}

#[test]
fn others_differ_in_what_flink_says() {
    let mut scenarios: BTreeMap<String, Vec<Fixture>> = BTreeMap::new();
    for folder in fixtures() {
        let fixture = Fixture::read(&folder);
        scenarios
            .entry(fixture.scenario.clone())
            .or_default()
            .push(fixture);
    }
    let mut counts = [0; 4];
    for fixtures in scenarios.values() {
        let first = |fixture: &Fixture| {
            let held =
                |other: &&Fixture| (&other.release, &other.expected) == (&fixture.release, &fixture.expected);
            std::ptr::eq(fixtures.iter().find(held).unwrap(), fixture)
        };
        for one in fixtures {
            for other in fixtures.iter().filter(|other| first(other)) {
                // Within a release all that hold something else, of other releases one that does.
                let same_release = other.release == one.release;
                if same_release && other.expected == one.expected || !same_release && !first(one) {
                    continue;
                }
                for (sum, add) in counts.iter_mut().zip(check_against_expected(one, other)) {
                    *sum += add;
                }
            }
        }
    }
    let [pairs, equal, different, opaque] = counts;
    println!("{pairs} pairs: {equal} entries are the same, {different} differ, {opaque} are not compared");
    assert!(pairs > 500 && equal > 20_000 && different > 1000);
}

/// Compares two fixtures, and what was found with what their expected rows say; counts what was compared.
fn check_against_expected(one: &Fixture, other: &Fixture) -> [usize; 4] {
    let names = format!("{} and {}", one.name(), other.name());
    let (report, rows) = compare(&one.open(), &other.open(), &ignoring(&["ttl-time"])).unwrap();
    let mut expected = Expected::new(one, other);
    let mut found = expected::Found::new(&rows, one, other);
    let opaque = expected.leave_out_opaque(&mut found, &report);
    assert_eq!(found.differences, expected.differences, "{names}");
    [1, expected.equal, expected.differences.len(), opaque]
}

fn all_snapshots() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = files_named(&root().join("fixtures"), "_metadata");
    paths.extend(corpus().map_or_else(Vec::new, |folder| files_named(&folder, "_metadata")));
    paths
}

/// A directory in memory where there is such a place.
fn scratch() -> TempDir {
    match Path::new("/dev/shm") {
        memory if memory.is_dir() => tempfile::tempdir_in(memory).unwrap(),
        _ => tempfile::tempdir().unwrap(),
    }
}

fn rewrite(snapshot: &Snapshot, edits: &Edits, directory: &Path) -> Result<Snapshot> {
    let place = Location::from_path(directory).unwrap();
    let writer = SnapshotWriter::new(&Store::default(), place, &[snapshot], 7)?;
    let options = ExecuteOptions {
        threads: 2,
        ..ExecuteOptions::default()
    };
    execute(&plan(snapshot, edits)?, &writer, &options)?;
    Snapshot::open(
        &Store::default(),
        &directory.to_string_lossy(),
        OpenOptions::default(),
    )
}

#[test]
fn what_was_rewritten_without_edits_does_not_differ() {
    let layouts: [(&str, Edits); 4] = [
        ("copy", Edits::default()),
        (
            "canonical",
            Edits {
                format: Some(Format::Canonical),
                ..Edits::default()
            },
        ),
        (
            "rocksdb",
            Edits {
                backend: Some(Backend::RocksDb),
                ..Edits::default()
            },
        ),
        (
            "hashmap",
            Edits {
                backend: Some(Backend::HashMap),
                ..Edits::default()
            },
        ),
    ];
    let (mut equal, mut refused, mut hidden) = (0, 0, 0);
    for path in all_snapshots() {
        let Ok(before) = open(&path) else { continue };
        for (layout, edits) in &layouts {
            let folder = scratch();
            // What cannot be written in a layout is the concern of the tests of `rewrite`.
            let Ok(after) = rewrite(&before, edits, &folder.path().join("new")) else {
                refused += 1;
                continue;
            };
            let (report, rows) = everything(&before, &after);
            if !is_whole(&report) {
                hidden += 1;
                continue;
            }
            let name = format!("{} as {layout}", path.display());
            assert!(
                report.equal,
                "{name}: {:?} {:?} {rows:?}",
                report.structure,
                differing(&report)
            );
            equal += 1;
        }
    }
    println!(
        "{equal} snapshots equal what they were written from; {refused} cannot be written, of {hidden} some entries are hidden"
    );
    assert!(equal > 1200);
}

#[test]
fn edits_appear() {
    let before = opened("1.20/keyed-states/hashmap-canonical");
    let edits: Edits = serde_json::from_str(
        r#"{"drop-state": ["uid:all-states/notes"],
            "rename-state": [{"from": "uid:all-states/sum", "to": "total"}],
            "drop-operator": ["uid:sink"]}"#,
    )
    .unwrap();
    let folder = scratch();
    let after = rewrite(&before, &edits, &folder.path().join("new")).unwrap();
    let (report, rows) = everything(&before, &after);
    let differing = differing(&report);
    let shown: Vec<_> = differing
        .iter()
        .map(|state| (state.state.as_str(), state.removed, state.added, state.changed))
        .collect();
    assert_eq!(
        shown,
        [("notes", 33, 0, 0), ("sum", 14, 0, 0), ("total", 0, 14, 0)]
    );
    assert_eq!(rows.len(), 33 + 14 + 14);
    let structure: Vec<_> = report
        .structure
        .iter()
        .map(|found| {
            (
                found.what,
                found.state.as_deref(),
                found.before.clone(),
                found.after.clone(),
            )
        })
        .collect();
    let sink = statetool_format::OperatorId::from_uid("sink").to_string();
    let expected = [
        ("state", Some("notes"), "map".into(), Json::Null),
        ("state", Some("sum"), "reducing".into(), Json::Null),
        ("state", Some("total"), Json::Null, "reducing".into()),
        ("operator", None, sink.into(), Json::Null),
    ];
    assert_eq!(structure.len(), expected.len());
    assert!(
        expected.iter().all(|found| structure.contains(found)),
        "{structure:?}"
    );
    // Each of them can be ignored.
    let options = ignoring(&[
        "uid:all-states/notes",
        "uid:all-states/sum",
        "uid:all-states/total",
        "uid:sink/*",
    ]);
    let (report, _) = compare(&before, &after, &options).unwrap();
    assert!(report.equal, "{:?} {:?}", report.structure, report.states);
}

#[test]
fn operators_with_other_ids_can_be_compared() {
    let before = opened("1.20/keyed-states/hashmap-canonical");
    let edits: Edits =
        serde_json::from_str(r#"{"rename-operator": [{"from": "uid:all-states", "to": "uid:new"}]}"#)
            .unwrap();
    let folder = scratch();
    let after = rewrite(&before, &edits, &folder.path().join("new")).unwrap();
    let (report, rows) = everything(&before, &after);
    assert_eq!(report.structure.len(), 2);
    assert_eq!(rows.len(), 2 * 145);
    let mapped = DiffOptions {
        map_operators: vec![("uid:all-states".into(), "uid:new".into())],
        ..DiffOptions::default()
    };
    let (report, rows) = compare(&before, &after, &mapped).unwrap();
    assert_eq!((structure(&report), rows.len()), (BTreeSet::from(["id"]), 0));
    let named = DiffOptions {
        ignore: vec![Ignore::Names],
        ..mapped
    };
    assert!(compare(&before, &after, &named).unwrap().0.equal);
}

/// Rows and counts are the same however many entries fit into memory, and whatever the number of threads.
#[test]
fn memory_and_threads_do_not_matter() {
    let pairs = [
        (
            "1.20/key-types/hashmap-canonical",
            "1.20/key-types/rocksdb-canonical-max-1000",
        ),
        ("1.20/windows/hashmap-checkpoint", "1.20/windows/rocksdb-native"),
        (
            "1.20/operator-states/hashmap-canonical",
            "2.3/operator-states/rocksdb-native",
        ),
        (
            "1.20/keyed-states/hashmap-native",
            "1.20/many-files/rocksdb-native",
        ),
        (
            "1.20/keyed-states/rocksdb-rescaled",
            "2.3/keyed-states/hashmap-changelog",
        ),
        (
            "1.20/keyed-states/rocksdb-heap-timers",
            "1.13/value-types/hashmap-canonical",
        ),
    ];
    for (a, b) in pairs {
        let (a, b) = (opened(a), opened(b));
        let expected = everything(&a, &b);
        for (threads, memory) in [(1, 1), (2, 1), (7, 1000), (2, usize::MAX)] {
            let options = DiffOptions {
                threads,
                memory,
                ..DiffOptions::default()
            };
            let found = compare(&a, &b, &options).unwrap();
            assert_eq!(found.1, expected.1, "{threads} threads, {memory} bytes");
            assert_eq!(found.0.states, expected.0.states);
        }
    }
}

#[test]
fn limits_leave_rows_out_and_count_them() {
    let (a, b) = (
        opened("1.20/keyed-states/hashmap-native"),
        opened("1.20/many-files/rocksdb-native"),
    );
    let (whole, all) = everything(&a, &b);
    for limit in [0, 1, 7, 100_000] {
        let options = DiffOptions {
            limit: Some(limit),
            threads: 2,
            ..DiffOptions::default()
        };
        let (report, rows) = compare(&a, &b, &options).unwrap();
        assert_eq!(rows, all[..all.len().min(limit as usize)]);
        assert_eq!(report.states, whole.states);
    }
    let options = DiffOptions {
        limit_per_state: Some(3),
        ..DiffOptions::default()
    };
    let (report, rows) = compare(&a, &b, &options).unwrap();
    for state in &report.states {
        let of_state = |row: &&Json| row["state"] == state.state && row["operator"] == state.operator;
        assert_eq!(
            rows.iter().filter(of_state).count() as u64,
            state.differences().min(3)
        );
    }
}

#[test]
fn selectors_and_what_is_ignored() {
    let a = opened("1.20/keyed-states/hashmap-native");
    let b = opened("1.20/keyed-states/rocksdb-canonical");
    let select = |text: &str| DiffOptions {
        selector: Some(text.into()),
        ..DiffOptions::default()
    };
    let states = |options: &DiffOptions| -> Vec<String> {
        let (report, _) = compare(&a, &b, options).unwrap();
        report.states.into_iter().map(|state| state.state).collect()
    };
    assert_eq!(states(&select("all-states/notes")), ["notes"]);
    assert_eq!(states(&select("*/notes")), ["notes"]);
    assert_eq!(states(&select("all-states")).len(), 7);
    assert_eq!(
        states(&ignoring(&["timers", "*/notes"])),
        ["average", "last", "sum", "history"]
    );
    for (options, why) in [
        (select("all-states/note"), "no state `note`"),
        (select("nobody/x"), "no operator `nobody`"),
        (
            DiffOptions {
                map_operators: vec![("nobody".into(), "all-states".into())],
                ..DiffOptions::default()
            },
            "no operator `nobody`",
        ),
    ] {
        let error = compare(&a, &b, &options).unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.kind()),
            (why, ErrorKind::Usage)
        );
    }
    let error = Ignore::parse("everything").unwrap_err().to_string();
    assert!(
        error.starts_with(
            "`everything` cannot be ignored: write OPERATOR/STATE, or one of structure, parallelism,"
        ),
        "{error}"
    );
}

#[test]
fn structure_is_compared() {
    let one = opened("1.20/operator-states/hashmap-canonical");
    let other = opened("1.20/operator-states/hashmap-canonical-parallelism-1");
    let (report, _) = everything(&one, &other);
    assert_eq!(structure(&report), BTreeSet::from(["parallelism"]));
    let (report, _) = compare(&one, &other, &ignoring(&["parallelism"])).unwrap();
    assert!(report.equal);
    let (report, _) = everything(
        &opened("1.20/key-types/hashmap-canonical"),
        &opened("1.20/key-types/hashmap-canonical-max-1000"),
    );
    // One of the operators is not there.
    assert_eq!(
        structure(&report),
        BTreeSet::from(["max-parallelism", "operator", "parallelism"])
    );
    let types = |a: &str, b: &str| -> Vec<(String, String)> {
        let (report, _) = everything(&opened(a), &opened(b));
        let types = report.structure.into_iter().filter(|found| found.what == "type");
        types
            .map(|found| (found.state.unwrap_or_default(), found.part.unwrap_or_default()))
            .collect()
    };
    // The same job in other releases has the same types.
    for scenario in ["keyed-states", "ttl", "operator-states", "windows", "cep"] {
        for release in ["1.13", "1.16", "1.18", "2.0", "2.3"] {
            let found = types(
                &format!("1.20/{scenario}/hashmap-canonical"),
                &format!("{release}/{scenario}/hashmap-canonical"),
            );
            // Later releases keep one more time in the states of patterns.
            let expected = match (release, scenario) {
                ("1.13", "cep") => vec![("nfaStateName".to_owned(), "value".to_owned())],
                _ => Vec::new(),
            };
            assert_eq!(found, expected, "{release} {scenario}");
        }
    }
}

#[test]
fn positions_of_kafka_sources_are_compared() {
    let one = opened("1.20/kafka-source/hashmap-canonical");
    let other = opened("1.20/in-flight/hashmap-unaligned");
    let (report, _) = everything(&one, &one);
    assert!(report.equal);
    let (report, _) = everything(&one, &other);
    let kafka = report.structure.iter().filter(|found| found.what == "kafka");
    assert_eq!(kafka.count(), 0, "an operator that is not there has no positions");
    let mut bytes = std::fs::read(metadata_of("1.20/kafka-source/hashmap-canonical").unwrap()).unwrap();
    // The position is in the metadata file, since so little state is kept there.
    let position = 12_i64.to_be_bytes();
    let places: Vec<usize> = (0..bytes.len() - 8)
        .filter(|at| bytes[*at..*at + 8] == position)
        .collect();
    let [at] = places.as_slice() else {
        panic!("{places:?}")
    };
    bytes[at + 7] = 10;
    let changed = Snapshot::decode(&Store::default(), located(&one), &bytes, OpenOptions::default()).unwrap();
    let (report, rows) = everything(&one, &changed);
    let found: Vec<_> = (report.structure.iter())
        .map(|found| {
            (
                found.what,
                found.part.clone(),
                found.before.clone(),
                found.after.clone(),
            )
        })
        .collect();
    let [("kafka", Some(partition), before, after)] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert!(partition.ends_with(":0"), "{partition}");
    assert_eq!((before, after), (&Json::from(12), &Json::from(10)));
    assert_eq!(rows.len(), 2);
    assert!(compare(&one, &changed, &ignoring(&["kafka"])).unwrap().0.equal);
}

fn located(snapshot: &Snapshot) -> statetool_snapshot::Located {
    statetool_snapshot::Located {
        metadata: snapshot.location().clone(),
        chosen: None,
    }
}

/// Damage is an error or a difference, and nothing else: no panic, and never equality of what was not read.
#[test]
fn damage_is_told() {
    for fixture in [
        "1.20/keyed-states/hashmap-canonical",
        "1.20/keyed-states/hashmap-native",
        "1.20/keyed-states/rocksdb-native",
    ] {
        let path = metadata_of(fixture).unwrap();
        let whole = open(&path).unwrap();
        let (mut errors, mut differences) = (0, 0);
        for at in (0..40_000_u64).step_by(97) {
            let options = OpenOptions {
                relocations: moved(&path).into_iter().collect(),
                ..OpenOptions::default()
            };
            let damaged = Snapshot::open(&Store::default(), &path.to_string_lossy(), options).unwrap();
            let damaged = damaged.with_sources(move |source| {
                let len = usize::try_from(source.len()).unwrap();
                let mut bytes = source.read_at(0, len).unwrap().to_vec();
                if let Some(byte) = bytes.get_mut(at as usize) {
                    *byte ^= 0x55;
                }
                Arc::new(Memory::new(source.name(), bytes))
            });
            match compare(&whole, &damaged, &DiffOptions::default()) {
                Ok((report, _)) if report.equal => {}
                Ok(_) => differences += 1,
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    errors += 1;
                }
            }
        }
        println!("{fixture}: {errors} errors, {differences} differences");
        assert!(errors > 0 && errors + differences > 20);
    }
}
