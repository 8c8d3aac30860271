//! State with a TTL, and state that carries its time: what is expired goes, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and tell what they counted"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::DateTime;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use statetool_backend::rocksdb::Database;
use statetool_ops::compact::{CompactOptions, CompactReport, Lifetime, Orphans, Treatment};
use statetool_ops::rewrite::{Backend, Format};
use statetool_snapshot::{Flow, Layout, Payload, Snapshot, StateKind};
use statetool_testkit::compacting::{compact, essences, found, lists, of_scenario, rehearse, seen_by_flink};
use statetool_testkit::opened::{metadata_of, open};
use statetool_testkit::rewriting::{everything, findings, opened, rows, scratch};
use statetool_testkit::{files_named, root};

const YEAR: i64 = 365 * 24 * 3600 * 1000;

fn ttl(at: i64) -> CompactOptions {
    CompactOptions {
        ttl: vec![Lifetime::parse("365d").unwrap()],
        at,
        evidence: true,
        ..CompactOptions::default()
    }
}

fn millis(time: &Json) -> i64 {
    DateTime::parse_from_rfc3339(time.as_str().unwrap())
        .unwrap()
        .timestamp_millis()
}

/// Before all, a millisecond before each time is over, at that time, and after all.
fn instants(rows: &[Json]) -> BTreeSet<i64> {
    let times = rows.iter().filter(|row| !row["expires_from"].is_null());
    let over = times.map(|row| millis(&row["expires_from"]) + YEAR);
    let around: BTreeSet<i64> = over.flat_map(|over| [over - 1, over]).collect();
    around.into_iter().chain([i64::MIN, 0, i64::MAX]).collect()
}

fn accounts_close(report: &CompactReport) {
    for state in report.operators.iter().flat_map(|operator| &operator.states) {
        let account = &state.account;
        let dropped: u64 = account.dropped.values().map(|amount| amount.entries).sum();
        assert_eq!(
            account.read.entries,
            account.written.entries + dropped,
            "{}",
            state.name
        );
    }
}

#[test]
fn what_flink_would_treat_as_expired_goes() {
    let (mut runs, mut partly) = (0, 0);
    for (number, path) in of_scenario("ttl").into_iter().enumerate() {
        let seen = seen_by_flink(&path).unwrap();
        let before = open(&path).unwrap();
        for (place, at) in instants(&seen).into_iter().enumerate() {
            let stays =
                |row: &&Json| row["expires_from"].is_null() || millis(&row["expires_from"]) + YEAR > at;
            let kept: Vec<Json> = seen.iter().filter(stays).cloned().collect();
            let options = layout(ttl(at), number + place, &path);
            let folder = scratch();
            let out = folder.path().join("new");
            let report = compact(&before, &options, &out)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let after = opened(&out);
            let rows = found(&after);
            assert_eq!(essences(&rows), essences(&kept), "{} at {at}", path.display());
            assert_eq!(lists(&rows), lists(&kept), "{} at {at}", path.display());
            assert_eq!(findings(&after), [""; 0]);
            accounts_close(&report);
            let evidence = report.evidence.unwrap();
            assert_eq!(evidence.dropped as usize, seen.len() - kept.len());
            partly += usize::from(report.totals.changed.contains_key("ttl"));
            runs += 1;
        }
    }
    println!("{runs} compactions, {partly} with lists of which elements were left out");
    assert!(runs > 200 && partly > 20, "{runs} {partly}");
}

/// In turn the layout as it is, and each of the others. A changelog has none to stay in.
fn layout(options: CompactOptions, number: usize, path: &Path) -> CompactOptions {
    let changelog = path.to_string_lossy().contains("changelog");
    let (format, backend) = match number % 4 {
        0 if !changelog => (None, None),
        1 => (None, Some(Backend::HashMap)),
        2 => (None, Some(Backend::RocksDb)),
        _ => (Some(Format::Canonical), None),
    };
    CompactOptions {
        format,
        backend,
        ..options
    }
}

/// The sum of the hashes of what is left out, computed from the raw entries by what the documents say.
fn digest_of(snapshot: &Snapshot, at: i64) -> (u64, String) {
    let mut sum = [0_u8; 32];
    let mut count = 0;
    let mut add = |fields: [Option<&[u8]>; 7]| {
        let mut record = Vec::new();
        for field in fields {
            record.extend(field.map_or(-1, |field| field.len() as i32).to_be_bytes());
            record.extend(field.unwrap_or_default());
        }
        let mut carry = 0;
        for (byte, more) in sum.iter_mut().zip(Sha256::digest(&record)).rev() {
            let total = u16::from(*byte) + u16::from(more) + carry;
            (*byte, carry) = (total as u8, total >> 8);
        }
        count += 1;
    };
    let goes = |value: &[u8]| i64::from_be_bytes(value[..8].try_into().unwrap()).saturating_add(YEAR) <= at;
    for operator in snapshot.operators() {
        let loaded = snapshot.load_operator(&operator).unwrap();
        for part in &loaded.parts {
            let is_wanted = |state: &statetool_snapshot::State| state.ttl;
            let id = operator.id();
            let _ = part
                .scan(snapshot.files(), part.range, &is_wanted, &mut |entry| {
                    let key = entry.key_parts().unwrap().unwrap();
                    let name = entry.state.name.as_bytes();
                    let parts = [
                        Some(&id.as_bytes()[..]),
                        Some(name),
                        Some(key.key),
                        Some(key.namespace),
                        key.map_key,
                        None,
                    ];
                    let [a, b, c, d, e, f] = parts;
                    if entry.state.kind == StateKind::List {
                        let mut elements = entry.elements();
                        let mut index = 0_u64;
                        while let Some(element) = elements.next_element().unwrap() {
                            if goes(element) {
                                add([a, b, c, d, e, f, Some(&index.to_be_bytes()[..])]);
                            }
                            index += 1;
                        }
                    } else if matches!(entry.value, Payload::Value(value) if goes(value)) {
                        add([a, b, c, d, e, f, None]);
                    }
                    Ok(Flow::Continue(()))
                })
                .unwrap();
        }
    }
    let hex: Vec<String> = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    (count, hex.join(""))
}

#[test]
fn the_digest_can_be_recomputed_and_threads_do_not_matter() {
    let mut digests = BTreeSet::new();
    for path in of_scenario("ttl") {
        let seen = seen_by_flink(&path).unwrap();
        let snapshot = open(&path).unwrap();
        for at in instants(&seen) {
            let (count, digest) = digest_of(&snapshot, at);
            let options = layout(ttl(at), 0, &path);
            let one = rehearse(&snapshot, &options, 1).unwrap();
            let evidence = one.evidence.clone().unwrap();
            assert_eq!((evidence.dropped, &evidence.digest), (count, &digest));
            let many = rehearse(&snapshot, &options, 5).unwrap();
            assert_eq!(
                serde_json::to_value(&one).unwrap(),
                serde_json::to_value(&many).unwrap()
            );
            digests.insert(digest);
        }
    }
    assert!(digests.len() > 15, "{}", digests.len());
}

#[test]
fn a_dry_run_says_what_a_run_says() {
    let paths = [
        of_scenario("ttl"),
        of_scenario("windows"),
        of_scenario("keyed-states"),
    ]
    .concat();
    let paths = paths
        .into_iter()
        .filter(|path| !path.to_string_lossy().contains("heap-timers"));
    for (number, path) in paths.enumerate() {
        let snapshot = open(&path).unwrap();
        let options = CompactOptions {
            orphans: Orphans::Dropped,
            ..layout(ttl(4_102_444_800_000), number, &path)
        };
        let folder = scratch();
        let mut run = compact(&snapshot, &options, &folder.path().join("new")).unwrap();
        let dry = rehearse(&snapshot, &options, 3).unwrap();
        assert!(run.output.take().is_some() && run.totals.new_bytes.take().is_some());
        for operator in &mut run.operators {
            assert!(operator.new_bytes.take().is_some());
        }
        assert_eq!(
            serde_json::to_value(&dry).unwrap(),
            serde_json::to_value(&run).unwrap(),
            "{}",
            path.display()
        );
    }
}

#[test]
fn the_more_specific_duration_wins() {
    let path = metadata_of("1.20/ttl/hashmap-canonical").unwrap();
    let snapshot = open(&path).unwrap();
    let at = instants(&seen_by_flink(&path).unwrap())
        .into_iter()
        .nth_back(1)
        .unwrap();
    let cases = [
        (&["1s", "*/sum=3650d"][..], "sum"),
        (&["1s", "uid:expiring/*=1s", "*/sum=3650d"], "sum"),
        (&["*/sum=1s", "uid:expiring/sum=3650d", "1s"], "sum"),
        (&["3650d", "uid:expiring/*=1s", "uid:expiring/last=3650d"], "last"),
    ];
    for (texts, kept) in cases {
        let options = CompactOptions {
            ttl: texts.iter().map(|text| Lifetime::parse(text).unwrap()).collect(),
            ..ttl(at)
        };
        let report = rehearse(&snapshot, &options, 1).unwrap();
        for state in report.operators.iter().flat_map(|operator| &operator.states) {
            let written = state.account.written.entries;
            assert_eq!(
                written > 0,
                state.name == kept || !state.ttl,
                "{texts:?} {}",
                state.name
            );
            assert_eq!(state.kept_millis.is_some(), state.ttl);
        }
    }
}

#[test]
fn states_without_a_duration_are_only_looked_at() {
    for path in of_scenario("ttl") {
        let snapshot = open(&path).unwrap();
        let seen = seen_by_flink(&path).unwrap();
        let times: Vec<i64> = seen
            .iter()
            .filter(|row| !row["expires_from"].is_null())
            .map(|row| millis(&row["expires_from"]))
            .collect();
        let first = *times.iter().min().unwrap();
        let options = CompactOptions {
            at: first,
            ..CompactOptions::default()
        };
        let folder = scratch();
        let report = compact(&snapshot, &options, &folder.path().join("new")).unwrap();
        assert_eq!(rows(&opened(&folder.path().join("new"))), rows(&snapshot));
        let operator = report
            .operators
            .iter()
            .find(|operator| !operator.states.is_empty())
            .unwrap();
        let is_database =
            path.to_string_lossy().contains("rocksdb") && !path.to_string_lossy().contains("canonical");
        let treatment = if is_database {
            Treatment::WrittenAnew
        } else {
            Treatment::Copied
        };
        assert_eq!(operator.treatment, treatment, "{}", path.display());
        let (mut counted, mut in_future) = (0, 0);
        for state in operator.states.iter().filter(|state| state.ttl) {
            let times = state.times.as_ref().unwrap();
            let histogram = times.histogram.as_ref().unwrap();
            counted += histogram.buckets.iter().map(|bucket| bucket.count).sum::<u64>();
            in_future += times.in_future;
            assert_eq!(state.kept_millis, None);
            assert_eq!(state.account.written, state.account.read);
        }
        assert_eq!(counted as usize, times.len());
        assert_eq!(
            in_future as usize,
            times.iter().filter(|time| **time > first).count()
        );
        assert!(report.evidence.is_none());
    }
}

#[test]
fn databases_give_back_what_they_held_besides_their_entries() {
    let (mut tried, mut given_back) = (0, 0);
    let native = |path: &PathBuf| {
        let path = path.to_string_lossy();
        path.contains("/rocksdb-")
            && !path.contains("canonical")
            && !path.contains("changelog")
            && !path.contains("1.13/")
    };
    let all = files_named(&root().join("fixtures"), "_metadata");
    for path in all.into_iter().filter(native) {
        let before = open(&path).unwrap();
        if before.operators().any(|op| {
            before.load_operator(&op).unwrap().parts.iter().any(|part| {
                part.range.count > 0
                    && part
                        .states()
                        .iter()
                        .any(|state| state.meta.kind == statetool_format::state::BackendStateType::KeyValueV2)
            })
        }) {
            continue;
        }
        let folder = scratch();
        let out = folder.path().join("new");
        let report = compact(&before, &CompactOptions::default(), &out).unwrap();
        let after = opened(&out);
        assert_eq!(rows(&after), rows(&before), "{}", path.display());
        // What the tables themselves count, and what a scan gives.
        let stored = records(&before);
        let entries = report.totals.read.entries;
        assert_eq!(
            stored - entries,
            report.totals.superfluous.records,
            "{}",
            path.display()
        );
        assert_eq!(records(&after), entries);
        assert!(
            report
                .operators
                .iter()
                .all(|operator| operator.new_bytes.is_some())
        );
        let again = rehearse(&after, &CompactOptions::default(), 2).unwrap();
        assert_eq!(again.totals.superfluous.records, 0);
        given_back += report.totals.superfluous.records;
        tried += 1;
    }
    println!("{tried} snapshots with databases gave back {given_back} records");
    assert!(tried > 20 && given_back > 100, "{tried} {given_back}");
}

/// How many records the tables of all databases hold, in the key groups of their handles.
fn records(snapshot: &Snapshot) -> u64 {
    let mut records = 0;
    for operator in snapshot.operators() {
        for part in &snapshot.load_operator(&operator).unwrap().parts {
            let Layout::RocksDb(database) = &part.layout else {
                continue;
            };
            let opened: Arc<Database> = database.open(snapshot.files()).unwrap();
            for family in opened.families() {
                let key = |group: u32| group.to_be_bytes()[4 - part.header.prefix_bytes..].to_vec();
                let range = statetool_backend::rocksdb::KeyRange::new(
                    key(part.range.start),
                    Some(key(part.range.end())),
                );
                let mut scan = opened.scan(family.name(), range).unwrap();
                while scan.next().unwrap().is_some() {}
                records += scan.counters().read;
            }
        }
    }
    records
}

/// Whatever the snapshot, a compaction only takes away.
#[test]
fn everything_is_compacted() {
    let (mut done, mut refused) = (0, BTreeSet::new());
    for path in everything() {
        let Ok(before) = open(&path) else { continue };
        let options = CompactOptions {
            orphans: Orphans::Dropped,
            ..ttl(4_102_444_800_000)
        };
        let folder = scratch();
        let out = folder.path().join("new");
        let report = match compact(&before, &options, &out) {
            Ok(report) => report,
            Err(error) => {
                refused.insert(error.to_string());
                assert!(!out.join("_metadata").exists());
                continue;
            }
        };
        let after = opened(&out);
        assert_eq!(findings(&after), findings(&before), "{}", path.display());
        accounts_close(&report);
        let (rows, expected) = (rows(&after).0, rows(&before).0);
        let values = |rows: &[String]| -> Vec<String> {
            let rows: Vec<Json> = rows
                .iter()
                .map(|row| serde_json::from_str(row).unwrap())
                .collect();
            essences(&rows)
        };
        let mut left = values(&expected).into_iter();
        for row in values(&rows) {
            assert!(left.any(|other| other == row), "{}: {row}", path.display());
        }
        let evidence = report.evidence.unwrap();
        assert_eq!(
            evidence.dropped as usize,
            expected.len() - rows.len(),
            "{}",
            path.display()
        );
        done += 1;
    }
    println!("{done} snapshots were compacted; refused: {refused:#?}");
    assert!(done > 300, "{done}");
}
