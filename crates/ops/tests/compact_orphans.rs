//! Timers that nobody needs, and lists and maps without elements.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and tell what they counted"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;
use statetool_ops::compact::{CompactOptions, CompactReport, Lifetime, Orphans};
use statetool_ops::rewrite::{Apply, Backend, ExecuteOptions, Fate, Form, KeyedTarget, Rule};
use statetool_snapshot::{
    Entry, Flow, Operator, Payload, Result, Snapshot, SnapshotWriter, State, StateKind,
};
use statetool_store::{Location, Store};
use statetool_testkit::compacting::{compact, dropped, essences, found, of_scenario, place, rehearse};
use statetool_testkit::opened::{metadata_of, open};
use statetool_testkit::rewriting::{edits, findings, opened, rewrite, rows, scratch};

/// Timers whose key, and window, has nothing else.
fn orphans(snapshot: &Snapshot, all: &[Json]) -> Vec<Json> {
    let mut keys = BTreeSet::new();
    let mut windows = BTreeSet::new();
    for row in all.iter().filter(|row| row["kind"] != "timer") {
        keys.insert(place(row));
        windows.insert(format!("{} {}", place(row), row["namespace"]));
        windows.insert(format!("{} {}", place(row), row["value"][0]));
    }
    let has_state = |operator: &Operator<'_>| {
        let states = snapshot.load_operator(operator).unwrap().states;
        states
            .iter()
            .any(|state| state.kind.is_keyed() && state.kind != StateKind::Timer)
    };
    let stateful = snapshot
        .operators()
        .filter(has_state)
        .map(|operator| format!("\"{}\"", operator.id()));
    let stateful: BTreeSet<String> = stateful.collect();
    let is_orphan = |row: &&Json| {
        let of_window = row["namespace"].get("end").is_some();
        let none = match of_window {
            true => !windows.contains(&format!("{} {}", place(row), row["namespace"])),
            false => !keys.contains(&place(row)),
        };
        row["kind"] == "timer" && none && stateful.contains(&row["operator"].to_string())
    };
    all.iter().filter(is_orphan).cloned().collect()
}

/// Takes the state of some keys, and of some windows of others, and leaves their timers.
struct Halved;

impl Rule for Halved {
    fn name(&self) -> &str {
        "halved"
    }

    fn concerns(&self, state: &State) -> bool {
        state.kind.is_keyed() && state.kind != StateKind::Timer
    }

    fn worker(&self) -> Result<Box<dyn Apply + '_>> {
        Ok(Box::new(Halved))
    }
}

impl Apply for Halved {
    fn apply(&mut self, entry: &Entry<'_>, _: &mut Vec<u8>) -> Result<Fate> {
        let parts = entry.key_parts().unwrap().unwrap();
        let sum: u32 = parts
            .key
            .iter()
            .chain(parts.namespace)
            .map(|byte| u32::from(*byte))
            .sum();
        Ok(match sum % 3 {
            0 => Fate::Keep,
            _ => Fate::Drop,
        })
    }
}

/// Writes a snapshot after a rule, with edits that make it be written anew.
fn ruled(before: &Snapshot, json: &str, rule: Arc<dyn Rule>, out: &std::path::Path) -> Snapshot {
    let mut plan = statetool_ops::rewrite::plan(before, &edits(json)).unwrap();
    for operator in &mut plan.operators {
        if let Some(states) = &mut operator.states {
            states.rules.push(rule.clone());
            states.keyed.get_or_insert(KeyedTarget {
                layout: None,
                compression: None,
            });
        }
    }
    let place = Location::from_path(out).unwrap();
    let writer = SnapshotWriter::new(&Store::default(), place, &[before], 7).unwrap();
    statetool_ops::rewrite::execute(&plan, &writer, &ExecuteOptions::default()).unwrap();
    opened(out)
}

#[test]
fn timers_of_keys_without_state_are_found_and_left_out() {
    let (mut found_orphans, mut of_windows, mut tried) = (0, 0, 0);
    let scenarios = ["keyed-states", "windows", "sql", "key-types"];
    let paths = scenarios.iter().flat_map(|scenario| of_scenario(scenario));
    for (number, path) in paths
        .enumerate()
        .filter(|(_, path)| !path.to_string_lossy().contains("forst"))
    {
        let folder = scratch();
        let json = match number % 3 {
            0 => r#"{"type": "canonical"}"#,
            1 => r#"{"backend": "hashmap"}"#,
            _ => r#"{"type": "canonical", "compression": "snappy"}"#,
        };
        let halved = Arc::new(Halved);
        let snapshot = ruled(&open(&path).unwrap(), json, halved, &folder.path().join("halved"));
        let all = found(&snapshot);
        let orphans = orphans(&snapshot, &all);
        let options = |orphans, backend| CompactOptions {
            orphans,
            backend,
            ..CompactOptions::default()
        };
        let report = rehearse(&snapshot, &options(Orphans::Reported, None), 2).unwrap();
        let states = || report.operators.iter().flat_map(|operator| &operator.states);
        let told = states().filter_map(|state| state.found.get("orphan-timers"));
        let told: u64 = told.map(|amount| amount.entries).sum();
        assert_eq!(told as usize, orphans.len(), "{}", path.display());
        let backend = (number % 2 == 0).then_some(Backend::RocksDb);
        let out = folder.path().join("new");
        let report = compact(&snapshot, &options(Orphans::Dropped, backend), &out).unwrap();
        assert_eq!(dropped(&report, "orphan-timers") as usize, orphans.len());
        let kept: Vec<Json> = all.iter().filter(|row| !orphans.contains(row)).cloned().collect();
        assert_eq!(
            essences(&found(&opened(&out))),
            essences(&kept),
            "{}",
            path.display()
        );
        found_orphans += orphans.len();
        of_windows += orphans
            .iter()
            .filter(|row| row["namespace"].get("end").is_some())
            .count();
        tried += 1;
    }
    println!("{found_orphans} timers without state, {of_windows} of windows, in {tried} snapshots");
    assert!(
        tried > 100 && found_orphans > 1000 && of_windows > 100,
        "{tried} {found_orphans} {of_windows}"
    );
}

#[test]
fn timers_beside_a_database_are_looked_at() {
    let snapshot = open(&metadata_of("1.20/keyed-states/rocksdb-heap-timers").unwrap()).unwrap();
    let options = CompactOptions {
        orphans: Orphans::Reported,
        ..CompactOptions::default()
    };
    let folder = scratch();
    let report = compact(&snapshot, &options, &folder.path().join("new")).unwrap();
    assert_eq!(rows(&opened(&folder.path().join("new"))), rows(&snapshot));
    let timers = report.operators.iter().flat_map(|operator| &operator.states);
    let timers = timers.filter(|state| state.name.starts_with("_timer_state/"));
    let read: u64 = timers.map(|state| state.account.read.entries).sum();
    let all = found(&snapshot);
    assert_eq!(
        read as usize,
        all.iter().filter(|row| row["kind"] == "timer").count()
    );
}

#[test]
fn what_expires_leaves_orphans_that_go_in_the_same_run() {
    for path in of_scenario("ttl")
        .into_iter()
        .filter(|path| !path.to_string_lossy().contains("changelog"))
    {
        let snapshot = open(&path).unwrap();
        let timers = found(&snapshot)
            .iter()
            .filter(|row| row["kind"] == "timer")
            .count();
        let options = CompactOptions {
            ttl: vec![Lifetime::parse("1s").unwrap()],
            at: i64::MAX,
            orphans: Orphans::Dropped,
            ..CompactOptions::default()
        };
        let folder = scratch();
        let report = compact(&snapshot, &options, &folder.path().join("new")).unwrap();
        assert_eq!(
            dropped(&report, "orphan-timers") as usize,
            timers,
            "{}",
            path.display()
        );
        assert_eq!(found(&opened(&folder.path().join("new"))), [Json::Null; 0]);
    }
}

/// Makes all lists empty, as nothing that Flink writes has them.
struct Emptied;

impl Rule for Emptied {
    fn name(&self) -> &str {
        "emptied"
    }

    fn concerns(&self, state: &State) -> bool {
        state.kind == StateKind::List
    }

    fn worker(&self) -> Result<Box<dyn Apply + '_>> {
        Ok(Box::new(Emptied))
    }
}

impl Apply for Emptied {
    fn apply(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) -> Result<Fate> {
        if let Payload::Counted(_) = entry.value {
            out.extend([0; 4]);
        }
        Ok(Fate::Change(Form::of(entry.value)))
    }
}

#[test]
fn lists_without_elements_are_found_and_left_out() {
    for name in [
        "1.20/keyed-states/hashmap-native",
        "1.20/keyed-states/hashmap-canonical",
        "1.20/keyed-states/rocksdb-native",
    ] {
        let before = open(&metadata_of(name).unwrap()).unwrap();
        let folder = scratch();
        let emptied = folder.path().join("emptied");
        let all = r#"{"rename-state": [{"from": "*/sum", "to": "total"}]}"#;
        let snapshot = ruled(&before, all, Arc::new(Emptied), &emptied);
        let options = |orphans| CompactOptions {
            orphans,
            ..CompactOptions::default()
        };
        let report = rehearse(&snapshot, &options(Orphans::Reported), 1).unwrap();
        let states = || report.operators.iter().flat_map(|operator| &operator.states);
        let told: u64 = states()
            .filter_map(|state| state.found.get("empty-lists"))
            .map(|amount| amount.entries)
            .sum();
        let lists: u64 = states()
            .filter(|state| state.name == "history")
            .map(|state| state.account.read.entries)
            .sum();
        assert!(told > 0 && told == lists, "{name}: {told} {lists}");
        let report = compact(&snapshot, &options(Orphans::Dropped), &folder.path().join("new")).unwrap();
        assert_eq!(dropped(&report, "empty-lists"), told);
        assert_eq!(findings(&opened(&folder.path().join("new"))), [""; 0]);
    }
}

/// The bytes of the map of one key in the layout of the heap: namespace, key, and its entries behind their number.
#[derive(Default)]
struct HeapMap {
    of: Vec<u8>,
    count: u32,
    entries: Vec<u8>,
}

impl HeapMap {
    fn bytes(&self) -> Vec<u8> {
        [&self.of[..], &self.count.to_be_bytes(), &self.entries].concat()
    }
}

/// The maps of a state as they lie in the file, by key group.
fn heap_maps(snapshot: &Snapshot, name: &str) -> BTreeMap<u32, Vec<HeapMap>> {
    let mut maps: BTreeMap<u32, Vec<HeapMap>> = BTreeMap::new();
    for operator in snapshot.operators() {
        for part in &snapshot.load_operator(&operator).unwrap().parts {
            let is_wanted = |state: &State| state.name == name && state.kind == StateKind::Map;
            let _ = part
                .scan(snapshot.files(), part.range, &is_wanted, &mut |entry| {
                    let parts = entry.key_parts().unwrap().unwrap();
                    let of = [parts.namespace, parts.key].concat();
                    let group = maps.entry(entry.key_group.unwrap()).or_default();
                    if group.last().is_none_or(|map| map.of != of) {
                        group.push(HeapMap {
                            of,
                            ..HeapMap::default()
                        });
                    }
                    let map = group.last_mut().unwrap();
                    map.count += 1;
                    map.entries.extend(parts.map_key.unwrap());
                    let is_null = matches!(entry.value, Payload::Null(_));
                    map.entries.push(u8::from(is_null));
                    map.entries.extend(entry.value.bytes());
                    Ok(Flow::Continue(()))
                })
                .unwrap();
        }
    }
    maps
}

/// Gives the entries of each second map of a key group to the one behind it, as many bytes as before, and
/// leaves an empty map; says how many, and their bytes.
fn empty_some(snapshot: &Snapshot, name: &str, file: &Path) -> (u64, u64) {
    let mut bytes = std::fs::read(file).unwrap();
    let (mut emptied, mut size) = (0, 0);
    for pair in heap_maps(snapshot, name)
        .values()
        .flat_map(|maps| maps.chunks_exact(2))
    {
        let old = [pair[0].bytes(), pair[1].bytes()].concat();
        let Some(at) = bytes.windows(old.len()).position(|window| window == old) else {
            continue;
        };
        let all = HeapMap {
            of: pair[1].of.clone(),
            count: pair[0].count + pair[1].count,
            entries: [&pair[0].entries[..], &pair[1].entries].concat(),
        };
        let none = HeapMap {
            of: pair[0].of.clone(),
            ..HeapMap::default()
        };
        bytes[at..at + old.len()].copy_from_slice(&[none.bytes(), all.bytes()].concat());
        emptied += 1;
        size += none.bytes().len() as u64;
    }
    std::fs::write(file, bytes).unwrap();
    (emptied, size)
}

/// Flink leaves such maps where an iterator removes the last entry.
#[test]
fn maps_without_entries_are_found_and_left_out() {
    let mut emptied_at_all = 0;
    for name in [
        "1.13/keyed-states/hashmap-checkpoint",
        "1.20/keyed-states/hashmap-native",
        "2.3/keyed-states/rocksdb-native",
    ] {
        let folder = scratch();
        let copy = folder.path().join("copy");
        // Keys that share a key group.
        let heap = r#"{"backend": "hashmap", "type": "native", "max-parallelism": [{"to": 3}], "parallelism": [{"to": 1}]}"#;
        rewrite(&open(&metadata_of(name).unwrap()).unwrap(), &edits(heap), &copy).unwrap();
        let original = opened(&copy);
        let mut expected = (0, 0);
        for file in std::fs::read_dir(&copy).unwrap() {
            let (maps, bytes) = empty_some(&original, "notes", &file.unwrap().path());
            expected = (expected.0 + maps, expected.1 + bytes);
        }
        let snapshot = opened(&copy);
        let options = |orphans| CompactOptions {
            orphans,
            ..CompactOptions::default()
        };
        let told =
            |report: &CompactReport| (report.totals.empty_maps.entries, report.totals.empty_maps.bytes);
        let report = rehearse(&snapshot, &options(Orphans::Reported), 2).unwrap();
        assert_eq!(told(&report), expected, "{name}");
        let out = folder.path().join("new");
        let report = compact(&snapshot, &options(Orphans::Dropped), &out).unwrap();
        assert_eq!(told(&report), expected, "{name}");
        let after = opened(&out);
        assert_eq!(rows(&after), rows(&snapshot));
        let report = rehearse(&after, &options(Orphans::Reported), 2).unwrap();
        assert_eq!(told(&report), (0, 0));
        emptied_at_all += expected.0;
    }
    assert!(emptied_at_all > 10, "{emptied_at_all}");
}
