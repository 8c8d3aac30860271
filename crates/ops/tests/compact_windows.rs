//! Windows that have ended, timers that nobody needs, and what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and tell what they counted"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;
use statetool_ops::compact::{CompactOptions, CompactReport, Lifetime, Orphans, WindowsBefore};
use statetool_ops::rewrite::{self, Apply, Backend, ExecuteOptions, Fate, Form, Format, Rule, ScaleTo};
use statetool_snapshot::{
    Entry, ErrorKind, Operator, Payload, Result, Snapshot, SnapshotWriter, State, StateKind,
};
use statetool_store::{Location, Store};
use statetool_testkit::compacting::{compact, essences, found, lists, of_scenario, rehearse, seen_by_flink};
use statetool_testkit::opened::{metadata_of, open};
use statetool_testkit::rewriting::{edits, findings, opened, rows, scratch};
use statetool_testkit::{corpus, files_named};

fn dropped(report: &CompactReport, rule: &str) -> u64 {
    report.totals.dropped.get(rule).map_or(0, |amount| amount.entries)
}

/// The operator, the key and the window that a row belongs to: the real one, where it lies under another.
fn window_of(row: &Json, sessions: &BTreeMap<String, Vec<(Json, Json)>>) -> Option<Json> {
    let namespace = &row["namespace"];
    if row["state"] == "merging-window-set" {
        return Some(row["value"][0].clone());
    }
    namespace.get("end")?;
    let of_key = sessions.get(&place(row)).filter(|_| row["kind"] != "timer");
    let real = of_key.and_then(|windows| windows.iter().find(|(_, contents)| contents == namespace));
    Some(real.map_or(namespace, |(real, _)| real).clone())
}

fn place(row: &Json) -> String {
    format!("{} {}", row["operator"], row["key"])
}

fn sessions(rows: &[Json]) -> BTreeMap<String, Vec<(Json, Json)>> {
    let mut sessions: BTreeMap<String, Vec<(Json, Json)>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row["state"] == "merging-window-set") {
        let pair = (row["value"][0].clone(), row["value"][1].clone());
        sessions.entry(place(row)).or_default().push(pair);
    }
    sessions
}

fn before(time: i64, lateness: i64, number: usize) -> CompactOptions {
    let (format, backend) = match number % 4 {
        0 => (None, None),
        1 => (None, Some(Backend::HashMap)),
        2 => (None, Some(Backend::RocksDb)),
        _ => (Some(Format::Canonical), None),
    };
    CompactOptions {
        format,
        backend,
        windows_before: vec![WindowsBefore {
            operator: None,
            before: statetool_ops::compact::Before::Time(time),
        }],
        lateness,
        evidence: true,
        ..CompactOptions::default()
    }
}

#[test]
fn windows_that_have_ended_go_with_all_that_is_theirs() {
    let (mut runs, mut under_others) = (0, 0);
    for (number, path) in of_scenario("windows").into_iter().enumerate() {
        let snapshot = open(&path).unwrap();
        // Flink saw the same rows; `cat` tells operators apart that have no uid in the file.
        let all = found(&snapshot);
        assert_eq!(all.len(), seen_by_flink(&path).unwrap().len());
        let sessions = sessions(&all);
        let ends: BTreeSet<i64> = all
            .iter()
            .filter_map(|row| window_of(row, &sessions)?["end"].as_i64())
            .collect();
        let moved = |row: &&Json| {
            window_of(row, &sessions).is_some_and(|window| {
                row["kind"] != "timer" && row["state"] != "merging-window-set" && window != row["namespace"]
            })
        };
        under_others += all.iter().filter(moved).count();
        let around = ends
            .iter()
            .flat_map(|end| [(end - 2, 0), (end - 1, 0), (end + 58_999, 60_000)]);
        let times = around.step_by(3).chain([(i64::MIN, 0), (i64::MAX, i64::MAX)]);
        for (place, (time, lateness)) in times.enumerate() {
            let is_over = |row: &Json| {
                let end = window_of(row, &sessions).map(|window| window["end"].as_i64().unwrap());
                end.is_some_and(|end| (end - 1).saturating_add(lateness) <= time)
            };
            let kept: Vec<Json> = all.iter().filter(|row| !is_over(row)).cloned().collect();
            let folder = scratch();
            let out = folder.path().join("new");
            let options = before(time, lateness, number + place);
            let report = compact(&snapshot, &options, &out).unwrap();
            let after = opened(&out);
            let rows = found(&after);
            assert_eq!(
                essences(&rows),
                essences(&kept),
                "{} before {time}",
                path.display()
            );
            assert_eq!(lists(&rows), lists(&kept));
            assert_eq!(findings(&after), [""; 0]);
            assert_eq!(dropped(&report, "windows-before") > 0, kept.len() < all.len());
            runs += 1;
        }
    }
    println!("{runs} compactions; {under_others} rows lie under other windows than their own");
    assert!(runs > 50 && under_others > 50, "{runs} {under_others}");
}

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
    let mut plan = rewrite::plan(before, &edits(json)).unwrap();
    for operator in &mut plan.operators {
        if let Some(states) = &mut operator.states {
            states.rules.push(rule.clone());
            states.keyed.get_or_insert(rewrite::KeyedTarget {
                layout: None,
                compression: None,
            });
        }
    }
    let place = Location::from_path(out).unwrap();
    let writer = SnapshotWriter::new(&Store::default(), place, &[before], 7).unwrap();
    rewrite::execute(&plan, &writer, &ExecuteOptions::default()).unwrap();
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

/// Timers beside RocksDB can be looked at, where they cannot be left out.
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

/// Looks at everything, and does nothing.
struct Looking;

impl Rule for Looking {
    fn name(&self) -> &str {
        "looking"
    }

    fn concerns(&self, _: &State) -> bool {
        true
    }

    fn looks_at(&self, _: &State) -> bool {
        true
    }

    fn worker(&self) -> Result<Box<dyn Apply + '_>> {
        Ok(Box::new(Looking))
    }
}

impl Apply for Looking {
    fn apply(&mut self, _: &Entry<'_>, _: &mut Vec<u8>) -> Result<Fate> {
        Ok(Fate::Keep)
    }
}

#[test]
fn nobody_looks_ahead_where_key_groups_change() {
    let snapshot = open(&metadata_of("1.20/keyed-states/hashmap-canonical").unwrap()).unwrap();
    let scaled = rewrite::Edits {
        max_parallelism: vec![ScaleTo {
            operator: None,
            to: 77,
        }],
        ..rewrite::Edits::default()
    };
    let mut plan = rewrite::plan(&snapshot, &scaled).unwrap();
    for operator in &mut plan.operators {
        if let Some(states) = &mut operator.states {
            states.rules.push(Arc::new(Looking));
        }
    }
    let folder = scratch();
    let place = Location::from_path(&folder.path().join("new")).unwrap();
    let writer = SnapshotWriter::new(&Store::default(), place, &[&snapshot], 7).unwrap();
    let error = rewrite::execute(&plan, &writer, &ExecuteOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("and the key groups change"), "{error}");
}

#[test]
fn sessions_of_sql_end_by_the_watermark_that_is_stored() {
    let Some(corpus) = corpus() else { return };
    let name = "window-aggregate-session-partition-event-time-two-phase";
    let path = files_named(&corpus, "_metadata")
        .into_iter()
        .find(|path| path.to_string_lossy().contains(name));
    let snapshot = open(&path.unwrap()).unwrap();
    let all = found(&snapshot);
    let windowed: Vec<&Json> = all
        .iter()
        .filter(|row| row["namespace"].get("end").is_some() || row["state"] == "session-window-mapping")
        .collect();
    let operator = windowed[0]["operator"].as_str().unwrap();
    let ends: BTreeSet<i64> = windowed
        .iter()
        .map(|row| {
            row["namespace"]
                .get("end")
                .unwrap_or(&row["map_key"]["end"])
                .as_i64()
                .unwrap()
        })
        .collect();
    assert_eq!(ends.len(), 2);
    let watermark = all.iter().find(|row| row["state"] == "watermark").unwrap()["value"]
        .as_i64()
        .unwrap();
    assert!(ends.iter().all(|end| end - 1 > watermark));
    for (text, gone) in [
        (format!("id:{operator}=watermark"), 0),
        (format!("id:{operator}=2020-10-10T00:00:36.998Z"), 0),
        (format!("id:{operator}=2020-10-10T00:00:36.999Z"), 4),
        (format!("id:{operator}=2020-10-10T00:00:38.999Z"), 8),
    ] {
        let options = CompactOptions {
            windows_before: vec![WindowsBefore::parse(&text).unwrap()],
            ..CompactOptions::default()
        };
        let report = rehearse(&snapshot, &options, 1).unwrap();
        assert_eq!(dropped(&report, "windows-before"), gone, "{text}");
    }
}
