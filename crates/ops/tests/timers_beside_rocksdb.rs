//! Timers that lie beside RocksDB as raw keyed state, written anew there.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and tell what they counted"
)]

use std::path::PathBuf;

use statetool_backend::raw_timers::{self, TimerService, TimersWriter};
use statetool_ops::compact::{CompactOptions, Orphans};
use statetool_snapshot::{Flow, Layout, Snapshot};
use statetool_testkit::compacting::compact;
use statetool_testkit::opened::open;
use statetool_testkit::rewriting::{edits, everything, findings, opened, rewrite, rows, scratch};

/// All snapshots with such timers, those of asynchronous states apart: these are in Flink's own layout only.
fn snapshots() -> Vec<(PathBuf, Snapshot)> {
    let synchronous = everything()
        .into_iter()
        .filter(|path| !path.to_string_lossy().contains("async-states"));
    let opened = synchronous.filter_map(|path| Some((path.clone(), open(&path).ok()?)));
    opened.filter(|(_, snapshot)| raw_parts(snapshot) > 0).collect()
}

/// Those among them that hold the states of one scenario.
fn keyed_states() -> Vec<(PathBuf, Snapshot)> {
    let all = snapshots().into_iter();
    let found: Vec<_> = all
        .filter(|(path, _)| path.to_string_lossy().contains("keyed-states"))
        .collect();
    assert!(found.len() >= 3);
    found
}

/// How many parts of timers there are.
fn raw_parts(snapshot: &Snapshot) -> usize {
    let loaded = snapshot
        .operators()
        .map(|operator| snapshot.load_operator(&operator).unwrap());
    let parts = loaded.flat_map(|loaded| loaded.parts);
    parts
        .filter(|part| matches!(part.layout, Layout::RawTimers { .. }))
        .count()
}

#[test]
fn key_groups_are_written_back_with_the_same_bytes() {
    let mut groups = 0;
    for (path, snapshot) in snapshots() {
        for operator in snapshot.operators() {
            for part in &snapshot.load_operator(&operator).unwrap().parts {
                let Layout::RawTimers { handle, source } = &part.layout else {
                    continue;
                };
                for (index, offset) in handle
                    .offsets
                    .iter()
                    .enumerate()
                    .filter(|(_, offset)| **offset >= 0)
                {
                    let group = handle.range.start + index as u32;
                    let mut services: Vec<TimerService> = Vec::new();
                    let mut timers = Vec::new();
                    let range = statetool_format::KeyGroupRange::new(group, group + 1);
                    let _ = part
                        .scan(snapshot.files(), range, &|_| true, &mut |entry| {
                            let parts = entry.key_parts().unwrap().unwrap();
                            timers.push((
                                entry.state.name.clone(),
                                parts.key.to_vec(),
                                parts.namespace.to_vec(),
                                parts.timestamp.unwrap(),
                            ));
                            Ok(Flow::Continue(()))
                        })
                        .unwrap();
                    for state in part.states() {
                        let name = state.name.strip_prefix("_timer_state/event_");
                        if let Some(name) = name {
                            let statetool_format::serializer::Content::Composite { nested, .. } =
                                &state.meta.serializers[0].1.content
                            else {
                                panic!("{}", path.display());
                            };
                            services.push(TimerService {
                                name: statetool_format::JavaString::new(name).unwrap(),
                                key: nested[0].clone(),
                                namespace: nested[1].clone(),
                            });
                        }
                    }
                    let mut writer = TimersWriter::new(services.clone());
                    for (state, key, namespace, timestamp) in &timers {
                        let (domain, name) = match state.strip_prefix("_timer_state/event_") {
                            Some(name) => (raw_timers::TimerDomain::Event, name),
                            None => (
                                raw_timers::TimerDomain::Processing,
                                state.strip_prefix("_timer_state/processing_").unwrap(),
                            ),
                        };
                        let service = services.iter().position(|s| s.name.to_str() == name).unwrap();
                        writer.timer(service, domain, (key, namespace), *timestamp);
                    }
                    let mut bytes = Vec::new();
                    writer.end_group(&mut bytes);
                    let stored = source.read_at(*offset as u64, bytes.len()).unwrap();
                    assert!(stored == bytes, "{} group {group}", path.display());
                    groups += 1;
                }
            }
        }
    }
    println!("{groups} key groups");
    assert!(groups > 100, "{groups}");
}

#[test]
fn what_becomes_of_them_is_what_becomes_of_others() {
    let mut done = 0;
    for (path, snapshot) in keyed_states() {
        for json in [
            r#"{"parallelism": [{"to": 3}]}"#,
            r#"{"max-parallelism": [{"to": 512}], "parallelism": [{"to": 2}]}"#,
            r#"{"drop-state": ["*/_timer_state/event_user-timers"]}"#,
            r#"{"rename-state": [{"from": "*/_timer_state/event_user-timers", "to": "_timer_state/event_other"}]}"#,
            r#"{"delete": [{"operator": "uid:all-states", "key": "user-9"}]}"#,
        ] {
            let folder = scratch();
            let (beside, inside) = (folder.path().join("beside"), folder.path().join("inside"));
            rewrite(&snapshot, &edits(json), &beside).unwrap();
            let canonical = format!(r#"{{"type": "canonical", {}"#, json.strip_prefix('{').unwrap());
            rewrite(&snapshot, &edits(&canonical), &inside).unwrap();
            let (beside, inside) = (opened(&beside), opened(&inside));
            assert_eq!(rows(&beside), rows(&inside), "{} {json}", path.display());
            assert_eq!(findings(&beside), [""; 0], "{} {json}", path.display());
            assert!(
                raw_parts(&beside) > 0 && raw_parts(&inside) == 0,
                "{} {json}",
                path.display()
            );
            done += 1;
        }
    }
    assert!(done > 4, "{done}");
}

#[test]
fn without_any_of_them_there_is_no_raw_state() {
    for (path, snapshot) in keyed_states() {
        let folder = scratch();
        let out = folder.path().join("new");
        let all = r#"{"drop-state": ["*/_timer_state/event_user-timers", "*/_timer_state/processing_user-timers"]}"#;
        rewrite(&snapshot, &edits(all), &out).unwrap();
        assert_eq!(raw_parts(&opened(&out)), 0, "{}", path.display());
    }
}

#[test]
fn orphans_among_them_go() {
    let orphans = |dropped: bool| CompactOptions {
        orphans: if dropped {
            Orphans::Dropped
        } else {
            Orphans::Reported
        },
        ..CompactOptions::default()
    };
    for (path, snapshot) in keyed_states() {
        let folder = scratch();
        let at = |name: &str| folder.path().join(name);
        // Keys that have nothing but timers.
        let states = r#"{"keep-state": ["*/_timer_state/event_user-timers", "*/_timer_state/processing_user-timers", "*/last"]}"#;
        rewrite(&snapshot, &edits(states), &at("few")).unwrap();
        let few = opened(&at("few"));
        compact(&few, &orphans(true), &at("beside")).unwrap();
        rewrite(&few, &edits(r#"{"type": "canonical"}"#), &at("canonical")).unwrap();
        compact(&opened(&at("canonical")), &orphans(true), &at("inside")).unwrap();
        let (beside, inside) = (rows(&opened(&at("beside"))), rows(&opened(&at("inside"))));
        assert_eq!(beside, inside, "{}", path.display());
        let before = rows(&few).0.len();
        assert!(
            beside.0.len() < before && beside.0.len() > before / 10,
            "{}: {before}",
            path.display()
        );
        compact(&few, &orphans(false), &at("looked")).unwrap();
        assert_eq!(rows(&opened(&at("looked"))), rows(&few), "{}", path.display());
    }
}
