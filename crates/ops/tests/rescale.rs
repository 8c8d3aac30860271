//! State in another number of subtasks and key groups is the same state.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and tell what they counted"
)]

use std::collections::BTreeMap;

use serde_json::Value as Json;
use statetool_ops::rewrite::{Edits, ScaleTo};
use statetool_snapshot::{ErrorKind, Snapshot};
use statetool_testkit::opened::{metadata_of, open};
use statetool_testkit::rewriting::{edits, everything, findings, opened, rewrite, rows, scratch};

fn scaled(parallelism: Option<u32>, max_parallelism: Option<u32>, json: &str) -> Edits {
    let to = |to: u32| ScaleTo { operator: None, to };
    Edits {
        parallelism: parallelism.map(to).into_iter().collect(),
        max_parallelism: max_parallelism.map(to).into_iter().collect(),
        ..edits(json)
    }
}

/// All rows without what follows from how state is divided, each once in broadcast state. Where an element
/// stands in an operator list follows from it too; in a union list, the order does not.
fn undivided(snapshot: &Snapshot) -> Vec<String> {
    let mut broadcast = Vec::new();
    let mut all = Vec::new();
    for row in rows(snapshot).0 {
        let mut row: Json = serde_json::from_str(&row).unwrap();
        let fields = row.as_object_mut().unwrap();
        fields.remove("key_group");
        fields.remove("subtask");
        if fields["kind"].as_str().unwrap().starts_with("operator") {
            fields.remove("index");
        }
        match fields["kind"].as_str().unwrap() {
            "broadcast" | "operator-broadcast-list" => broadcast.push(row.to_string()),
            _ => all.push(row.to_string()),
        }
    }
    broadcast.sort();
    broadcast.dedup();
    all.extend(broadcast);
    all.sort();
    all
}

/// How many elements of each split list each subtask has.
fn shares(snapshot: &Snapshot) -> BTreeMap<(String, String), BTreeMap<u64, usize>> {
    let mut shares: BTreeMap<_, BTreeMap<u64, usize>> = BTreeMap::new();
    for row in rows(snapshot).0 {
        let row: Json = serde_json::from_str(&row).unwrap();
        if row["kind"] == "operator-list-split" {
            let state = (row["operator"].to_string(), row["state"].to_string());
            let share = shares.entry(state).or_default();
            *share.entry(row["subtask"].as_u64().unwrap()).or_default() += 1;
        }
    }
    shares
}

#[test]
fn state_divided_anew_is_the_same() {
    let (mut done, mut refused) = (0, BTreeMap::<String, usize>::new());
    for (number, path) in everything().into_iter().enumerate() {
        let Ok(before) = open(&path) else { continue };
        let name = path.display().to_string();
        let expected = undivided(&before);
        let (parallelism, max_parallelism) = [(1, 128), (3, 17), (4, 300), (2, 129)][number % 4];
        let json = match (number / 4) % 3 {
            0 => "{}",
            1 => r#"{"type": "canonical"}"#,
            _ => r#"{"backend": "hashmap"}"#,
        };
        let folder = scratch();
        let (parallelism, max_parallelism) = match (number / 12) % 3 {
            0 => (Some(parallelism), None),
            1 => (None, Some(max_parallelism)),
            _ => (Some(parallelism), Some(max_parallelism)),
        };
        let out = folder.path().join("new");
        let report = rewrite(&before, &scaled(parallelism, max_parallelism, json), &out);
        if let Err(error) = report {
            assert!(
                matches!(
                    error.kind(),
                    ErrorKind::Refused | ErrorKind::NotInterpretable | ErrorKind::Usage
                ),
                "{name}: {error}"
            );
            let why = error.to_string();
            *refused
                .entry(
                    why.split_once("`: ")
                        .map_or(why.clone(), |(_, why)| why.to_owned()),
                )
                .or_default() += 1;
            continue;
        }
        let after = opened(&out);
        if !expected.iter().any(|row| row.contains("@opaque")) {
            let found = undivided(&after);
            let lost = expected.iter().find(|row| !found.contains(row));
            assert!(found == expected, "{name}: {lost:?}");
        }
        assert_eq!(findings(&after), [""; 0], "{name}");
        for operator in &after.metadata().operators {
            assert!(
                parallelism.is_none_or(|wanted| operator.parallelism == wanted),
                "{name}"
            );
            assert!(
                max_parallelism.is_none_or(|wanted| operator.max_parallelism == wanted),
                "{name}"
            );
        }
        if let Some(parallelism) = parallelism {
            let was = |id: &str| {
                let mut operators = before.metadata().operators.iter();
                let operator = operators.find(|operator| id.contains(&operator.id.to_string()));
                operator.unwrap().parallelism
            };
            for (state, shares) in shares(&after) {
                if was(&state.0) == parallelism {
                    continue;
                }
                let (least, most) = (shares.values().min(), shares.values().max());
                let all = shares.len() == parallelism as usize;
                let least = least.filter(|_| all).copied().unwrap_or(0);
                assert!(most.unwrap() - least <= 1, "{name}: {state:?}");
            }
        }
        done += 1;
    }
    println!("{done} snapshots were divided anew; refused: {refused:#?}");
    assert!(done > 300, "{done}");
}

/// There and back again, every entry is where it was.
#[test]
fn what_was_divided_anew_is_divided_back() {
    let mut done = 0;
    for (release, variants) in [
        (
            "1.20",
            [
                "hashmap-canonical",
                "hashmap-native",
                "rocksdb-native",
                "rocksdb-incremental-checkpoint",
            ],
        ),
        (
            "2.3",
            [
                "hashmap-canonical",
                "hashmap-checkpoint",
                "rocksdb-native",
                "rocksdb-incremental-checkpoint",
            ],
        ),
    ] {
        for variant in variants {
            let before = open(&metadata_of(&format!("{release}/keyed-states/{variant}")).unwrap()).unwrap();
            let old = &before.metadata().operators;
            let folder = scratch();
            let (there, back) = (folder.path().join("there"), folder.path().join("back"));
            rewrite(&before, &scaled(Some(5), Some(301), "{}"), &there).unwrap();
            let divided = opened(&there);
            assert_ne!(rows(&divided), rows(&before));
            let mut edits = Edits::default();
            for operator in old {
                let to = |to: u32| ScaleTo {
                    operator: Some(format!("id:{}", operator.id)),
                    to,
                };
                edits.parallelism.push(to(operator.parallelism));
                edits.max_parallelism.push(to(operator.max_parallelism));
            }
            rewrite(&divided, &edits, &back).unwrap();
            assert_eq!(rows(&opened(&back)), rows(&before), "{release} {variant}");
            done += 1;
        }
    }
    assert_eq!(done, 8);
}

#[test]
fn there_may_be_as_many_key_groups_as_flink_allows() {
    for layout in ["{}", r#"{"backend": "hashmap"}"#, r#"{"backend": "rocksdb"}"#] {
        let before = open(&metadata_of("1.20/keyed-states/hashmap-canonical").unwrap()).unwrap();
        let folder = scratch();
        let out = folder.path().join("new");
        rewrite(&before, &scaled(Some(3), Some(32768), layout), &out).unwrap();
        assert_eq!(undivided(&opened(&out)), undivided(&before));
        assert_eq!(findings(&opened(&out)), [""; 0]);
    }
}

#[test]
fn what_cannot_be_divided_is_refused() {
    let cases = [
        (
            "1.20/keyed-states/hashmap-canonical",
            scaled(Some(200), None, "{}"),
            ErrorKind::Usage,
            "subtasks cannot share",
        ),
        (
            "1.20/in-flight/hashmap-unaligned",
            scaled(None, Some(64), "{}"),
            ErrorKind::Refused,
            "it has records in flight, which belong to its subtasks as they were",
        ),
    ];
    for (name, edits, kind, expected) in cases {
        let folder = scratch();
        let error = rewrite(
            &open(&metadata_of(name).unwrap()).unwrap(),
            &edits,
            &folder.path().join("new"),
        )
        .unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(error.to_string().contains(expected), "{name}: {error}");
    }
}
