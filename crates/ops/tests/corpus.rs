//! Every snapshot of the corpus lists all its operators, states and entries, and verifies;
//! every state that holds no user's objects is decoded.
//!
//! `STATETOOL_CORPUS` names another folder of the same layout.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and print figures"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use statetool_ops::cat::{CatOptions, cat};
use statetool_ops::inspect::{InspectOptions, inspect};
use statetool_ops::progress::Progress;
use statetool_ops::verify::{VerifyOptions, verify};
use statetool_snapshot::{Flow, OpenOptions, Snapshot, State, StateSelector};
use statetool_store::Store;
use statetool_testkit as testkit;
use statetool_values::Type;

/// How many snapshots the shared corpus has.
const SHARED: usize = 112;

/// Of how many states of the shared corpus only the user's serializer knows what is in them,
/// although they are neither Kryo nor Java objects: those of
/// `type-serializer-snapshot-migration-itcase`, whose serializer exists only in that test.
const SHARED_OF_UNKNOWN_SERIALIZERS: usize = 6;

/// What was read from one snapshot.
#[derive(Default)]
struct Reading {
    operators: usize,
    rows: u64,
    /// By operator and name: whether Kryo or Java wrote the values or parts of them.
    states: BTreeMap<(String, String), bool>,
    /// States with a part that nobody can interpret.
    opaque: BTreeSet<(String, String)>,
    /// What is not listed, or not sound.
    short: Vec<String>,
}

fn read(path: &Path) -> Reading {
    let mut reading = Reading::default();
    if let Err(error) = try_read(path, &mut reading) {
        reading.short.push(error.to_string());
    }
    reading
}

fn try_read(path: &Path, reading: &mut Reading) -> statetool_snapshot::Result<()> {
    let snapshot = Snapshot::open(&Store::default(), &path.to_string_lossy(), OpenOptions::default())?;
    read_states(&snapshot, reading)?;
    read_rows(&snapshot, reading)?;
    let progress = Arc::new(Progress::default());
    let options = InspectOptions {
        selector: StateSelector::all(),
        stats: true,
        threads: 1,
        progress: progress.clone(),
    };
    let report = inspect(&snapshot, &options)?;
    let counted = report
        .unreadable
        .iter()
        .filter(|unreadable| unreadable.state.is_none());
    reading
        .short
        .extend(counted.map(|unreadable| unreadable.reason.clone()));
    let options = VerifyOptions {
        deep: true,
        progress,
        ..VerifyOptions::default()
    };
    let findings = verify(&snapshot, &options).findings;
    reading
        .short
        .extend(findings.into_iter().map(|finding| finding.message));
    Ok(())
}

fn read_states(snapshot: &Snapshot, reading: &mut Reading) -> statetool_snapshot::Result<()> {
    for operator in snapshot.operators() {
        reading.operators += 1;
        let loaded = snapshot.load_operator(&operator)?;
        for state in &loaded.states {
            let name = (operator.id().to_string(), state.name.clone());
            reading.states.insert(name, holds_objects(state));
        }
    }
    Ok(())
}

/// Whether Kryo or Java serialization wrote some part of a state.
fn holds_objects(state: &State) -> bool {
    let mut found = false;
    let types = [&state.key, &state.namespace, &state.map_key]
        .into_iter()
        .flatten();
    for ty in types.chain([&state.whole]) {
        ty.visit(&mut |ty| found |= matches!(ty, Type::Kryo(_) | Type::JavaObject));
    }
    found
}

fn read_rows(snapshot: &Snapshot, reading: &mut Reading) -> statetool_snapshot::Result<()> {
    let options = CatOptions {
        threads: 2,
        ..CatOptions::default()
    };
    let summary = cat(snapshot, &options, false, |chunk| {
        let lines = chunk.text.split(|byte| *byte == b'\n');
        for line in lines.filter(|line| !line.is_empty()) {
            let row: Value = serde_json::from_slice(line).expect("rows are JSON");
            if has_opaque(&row) {
                let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
                reading.opaque.insert((text("operator"), text("state")));
            }
        }
        reading.rows += chunk.count;
        Ok(Flow::Continue(()))
    })?;
    // A state that is listed with a part left opaque is still listed.
    let unlisted = summary
        .warnings
        .into_iter()
        .filter(|warning| !warning.starts_with("state `"));
    reading.short.extend(unlisted);
    Ok(())
}

fn has_opaque(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.contains_key("@opaque") || fields.values().any(has_opaque),
        Value::Array(items) => items.iter().any(has_opaque),
        _ => false,
    }
}

#[test]
fn every_snapshot_of_the_corpus_is_read_to_its_end() {
    let Some(corpus) = testkit::corpus() else { return };
    let files = testkit::files_named(&corpus, "_metadata");
    let readings: Vec<(String, Reading)> = files
        .iter()
        .map(|file| {
            let folder = file.parent().unwrap_or(file);
            let name = folder
                .strip_prefix(&corpus)
                .unwrap_or(folder)
                .display()
                .to_string();
            (name, read(file))
        })
        .collect();
    let unlisted = print_listed(&readings);
    let undecoded = print_decoded(&readings);
    assert!(!files.is_empty(), "no snapshots in {}", corpus.display());
    assert_eq!(unlisted, 0, "snapshots fall short");
    if testkit::is_shared(&corpus) {
        assert_eq!((files.len(), undecoded), (SHARED, SHARED_OF_UNKNOWN_SERIALIZERS));
    }
}

/// Prints how many snapshots are read whole, and why others are not; returns how many those are.
fn print_listed(readings: &[(String, Reading)]) -> usize {
    let short: Vec<_> = readings
        .iter()
        .filter(|(_, reading)| !reading.short.is_empty())
        .collect();
    println!(
        "snapshots that list all operators, states and entries, and verify: {} of {}, {} operators, {} states, {} rows",
        readings.len() - short.len(),
        readings.len(),
        readings
            .iter()
            .map(|(_, reading)| reading.operators)
            .sum::<usize>(),
        readings
            .iter()
            .map(|(_, reading)| reading.states.len())
            .sum::<usize>(),
        readings.iter().map(|(_, reading)| reading.rows).sum::<u64>(),
    );
    for (name, reading) in &short {
        reading
            .short
            .iter()
            .for_each(|why| println!("falls short: {name}: {why}"));
    }
    short.len()
}

/// Prints how many states are fully decoded, and which are not; returns how many are not
/// although they hold no Kryo or Java objects.
fn print_decoded(readings: &[(String, Reading)]) -> usize {
    let (mut plain, mut objects) = ((0, 0), (0, 0));
    let mut short = Vec::new();
    for (snapshot, reading) in readings {
        for (state, holds_objects) in &reading.states {
            let opaque = reading.opaque.contains(state);
            let counts = if *holds_objects { &mut objects } else { &mut plain };
            counts.0 += usize::from(!opaque);
            counts.1 += 1;
            if opaque {
                let kind = if *holds_objects {
                    "holds objects"
                } else {
                    "falls short"
                };
                short.push(format!(
                    "{kind}: {snapshot}: {}/{} is opaque in parts",
                    state.0, state.1
                ));
            }
        }
    }
    println!(
        "states fully decoded, those of Kryo and Java objects apart: {} of {}",
        plain.0, plain.1
    );
    println!(
        "states of Kryo and Java objects fully decoded: {} of {}",
        objects.0, objects.1
    );
    short.iter().for_each(|line| println!("{line}"));
    plain.1 - plain.0
}
