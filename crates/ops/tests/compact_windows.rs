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
use statetool_ops::compact::{CompactOptions, WindowsBefore};
use statetool_ops::rewrite::{self, Apply, Backend, ExecuteOptions, Fate, Format, Rule, ScaleTo};
use statetool_snapshot::{Entry, ErrorKind, Result, SnapshotWriter, State};
use statetool_store::{Location, Store};
use statetool_testkit::compacting::{
    compact, dropped, essences, found, lists, of_scenario, place, rehearse, seen_by_flink,
};
use statetool_testkit::opened::{metadata_of, open};
use statetool_testkit::rewriting::{findings, opened, scratch};
use statetool_testkit::{corpus, files_named};

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
