//! What `schema` writes is what the tools of each language take, and what `cat` writes fits it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test fails by panicking and says what it counted"
)]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;
use statetool_ops::cat::{CatOptions, cat};
use statetool_ops::schema::{SchemaFormat, schema};
use statetool_snapshot::{Flow, OpenOptions, Snapshot, StateSelector};
use statetool_store::Store;

/// Every fixture, opened.
fn snapshots() -> Vec<(String, Snapshot)> {
    let fixtures = statetool_testkit::fixtures();
    assert!(!fixtures.is_empty(), "there are no fixtures");
    let open = |fixture: &Path| {
        let locator = fixture.join("snapshot").display().to_string();
        let about = std::fs::read_to_string(fixture.join("fixture.json")).unwrap();
        let about: Json = serde_json::from_str(&about).unwrap();
        let old = about["written_to"].as_str().unwrap();
        let relocation = statetool_snapshot::Relocation::parse(&format!("{old}={locator}")).unwrap();
        let options = OpenOptions {
            relocations: vec![relocation],
            ..OpenOptions::default()
        };
        let snapshot = Snapshot::open(&Store::default(), &locator, options).unwrap();
        (locator, snapshot)
    };
    fixtures.iter().map(|fixture| open(fixture)).collect()
}

/// The types of a state are the same in all variants of a scenario.
fn represents_its_scenario(place: &str) -> bool {
    place.ends_with("/hashmap-canonical/snapshot") || place.ends_with("/hashmap-unaligned/snapshot")
}

/// Everything, and for one variant of each scenario every state by itself.
fn selectors(place: &str, snapshot: &Snapshot) -> Vec<StateSelector> {
    let mut selectors = vec![StateSelector::all()];
    if !represents_its_scenario(place) {
        return selectors;
    }
    for operator in snapshot.operators() {
        for state in &snapshot.load_operator(&operator).unwrap().states {
            let text = format!("id:{}/{}", operator.id(), state.name);
            selectors.push(StateSelector::parse(&text, snapshot));
        }
    }
    selectors
}

fn written(snapshot: &Snapshot, selector: &StateSelector, format: SchemaFormat) -> Option<String> {
    match schema(snapshot, selector, format) {
        Ok(schema) => Some(schema.text),
        Err(error) => {
            assert_eq!(error.to_string(), "the snapshot has no states");
            None
        }
    }
}

#[test]
fn avro_schemas_are_schemas() {
    let mut count = 0;
    for (place, snapshot) in snapshots() {
        for selector in selectors(&place, &snapshot) {
            let Some(text) = written(&snapshot, &selector, SchemaFormat::Avro) else {
                continue;
            };
            if let Err(error) = apache_avro::Schema::parse_str(&text) {
                panic!("{place} {selector:?}: {error}\n{text}");
            }
            count += 1;
        }
    }
    println!("{count} Avro schemas parse");
}

#[test]
fn protobuf_files_compile() {
    let directory = tempfile::tempdir().unwrap();
    let mut count = 0;
    for (place, snapshot) in snapshots() {
        for selector in selectors(&place, &snapshot) {
            let Some(text) = written(&snapshot, &selector, SchemaFormat::Proto) else {
                continue;
            };
            std::fs::write(directory.path().join("state.proto"), &text).unwrap();
            if let Err(error) = protox::compile(["state.proto"], [directory.path()]) {
                panic!("{place} {selector:?}: {error}\n{text}");
            }
            count += 1;
        }
    }
    println!("{count} Protobuf files compile");
}

#[test]
fn rows_fit_their_json_schema() {
    let (mut count, mut opaque) = (0, 0);
    let snapshots = snapshots().into_iter();
    for (place, snapshot) in snapshots.filter(|(place, _)| represents_its_scenario(place)) {
        // By operator and state: a union of many would hide why a row does not fit.
        let mut validators = BTreeMap::new();
        for operator in snapshot.operators() {
            for state in &snapshot.load_operator(&operator).unwrap().states {
                let text = format!("id:{}/{}", operator.id(), state.name);
                let selector = StateSelector::parse(&text, &snapshot);
                let schema = written(&snapshot, &selector, SchemaFormat::Json).unwrap();
                let schema: Json = serde_json::from_str(&schema).unwrap();
                let validator = jsonschema::validator_for(&schema).unwrap();
                validators.insert((operator.id().to_string(), state.name.clone()), validator);
            }
        }
        let all = written(&snapshot, &StateSelector::all(), SchemaFormat::Json);
        let all = all.map(|all| jsonschema::validator_for(&serde_json::from_str(&all).unwrap()).unwrap());
        for row in rows(&snapshot) {
            // What follows a part that nobody can interpret is missing.
            if row.to_string().contains("\"@opaque\"") {
                opaque += 1;
                continue;
            }
            let text = |field: &str| row[field].as_str().unwrap().to_owned();
            let validator = &validators[&(text("operator"), text("state"))];
            if let Err(error) = validator.validate(&row) {
                panic!("{place}: {error} at {}\n{row}", error.instance_path());
            }
            // To find the one that a row fits among many takes long.
            if count % 16 == 0 {
                assert!(all.as_ref().unwrap().is_valid(&row), "{place}: {row}");
            }
            count += 1;
        }
    }
    println!("{count} rows fit their JSON Schema; {opaque} hold what cannot be interpreted");
}

fn rows(snapshot: &Snapshot) -> Vec<Json> {
    let options = CatOptions {
        threads: 2,
        ..CatOptions::default()
    };
    let mut rows = Vec::new();
    cat(snapshot, &options, false, |chunk| {
        let lines = chunk
            .text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        rows.extend(lines.map(|line| serde_json::from_slice::<Json>(line).unwrap()));
        Ok(Flow::Continue(()))
    })
    .unwrap();
    rows
}
