//! Keys that are deleted, and values that are set.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use std::fs;

use serde_json::{Value as Json, json};
use statetool_ops::rewrite::{Edits, RewriteReport};
use statetool_snapshot::{ErrorKind, Snapshot};
use statetool_testkit::opened::{metadata_of, open};
use statetool_testkit::rewriting::{edits, findings, opened, rewrite, rows, scratch};

const VARIANTS: [&str; 10] = [
    "1.13/keyed-states/hashmap-canonical",
    "1.20/keyed-states/hashmap-canonical",
    "1.20/keyed-states/hashmap-native",
    "1.20/keyed-states/hashmap-changelog",
    "1.20/keyed-states/rocksdb-native",
    "1.20/keyed-states/rocksdb-incremental-checkpoint",
    "2.3/keyed-states/hashmap-canonical",
    "2.3/keyed-states/hashmap-native",
    "2.3/keyed-states/rocksdb-native",
    "2.3/keyed-states/rocksdb-incremental-checkpoint",
];

/// Layouts and divisions in which the same has to come out.
const OTHERWISE: [&str; 4] = [
    r#"{"type": "canonical"}"#,
    r#"{"backend": "hashmap"}"#,
    r#"{"backend": "rocksdb", "max-parallelism": [{"to": 77}]}"#,
    r#"{"type": "canonical", "parallelism": [{"to": 3}]}"#,
];

fn fixture(name: &str) -> Snapshot {
    open(&metadata_of(name).unwrap()).unwrap()
}

/// Rewrites; gives the report and the rows, as JSON without key groups.
fn rewritten(name: &str, edits: &Edits) -> (RewriteReport, Vec<Json>) {
    let folder = scratch();
    let out = folder.path().join("new");
    let report = rewrite(&fixture(name), edits, &out).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(findings(&opened(&out)), [""; 0], "{name}");
    (report, comparable(&opened(&out)))
}

fn comparable(snapshot: &Snapshot) -> Vec<Json> {
    let rows = rows(snapshot).0.into_iter().map(|row| {
        let mut row: Json = serde_json::from_str(&row).unwrap();
        row.as_object_mut().unwrap().remove("key_group");
        row.as_object_mut().unwrap().remove("subtask");
        row
    });
    let mut rows: Vec<Json> = rows.collect();
    rows.sort_by_key(Json::to_string);
    rows
}

/// The operator with all kinds of state.
fn operator() -> String {
    statetool_format::OperatorId::from_uid("all-states").to_string()
}

#[test]
fn deleted_keys_have_no_state_and_no_timers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    fs::write(&file, "\"user-9\"\n\nuser-10\n\"nobody\"\n").unwrap();
    let gone = ["alpha", "user-9", "user-10"];
    for name in VARIANTS {
        for otherwise in OTHERWISE {
            let mut edits = edits(otherwise);
            edits.delete =
                serde_json::from_value(json!([{"operator": "uid:all-states", "key": "alpha"}])).unwrap();
            edits.delete_keys =
                serde_json::from_value(json!([{"operator": "uid:all-states", "file": file}])).unwrap();
            let (report, found) = rewritten(name, &edits);
            let mut expected = comparable(&fixture(name));
            let all = expected.len();
            expected
                .retain(|row| !(row["operator"] == operator() && gone.iter().any(|key| row["key"] == *key)));
            assert!(expected.len() < all - 10);
            assert!(found == expected, "{name} {otherwise}");
            assert_eq!(
                report.notes,
                [
                    "operator `all-states`: 1 of 4 keys to be deleted have no state".replace(
                        "all-states",
                        &fixture(name)
                            .operators()
                            .find(|o| o.id().to_string() == operator())
                            .unwrap()
                            .label()
                    )
                ]
            );
            let states = report.operators.iter().flat_map(|operator| &operator.states);
            assert!(
                states
                    .filter(|state| state.account.dropped.contains_key("delete"))
                    .count()
                    > 5
            );
        }
    }
}

#[test]
fn states_hold_what_is_set() {
    let sets = [
        ("sum", "alpha", json!(-7)),
        ("sum", "a new key", json!(9_007_199_254_740_993_i64)),
        ("last", "user-9", json!(5)),
        ("average", "beta", json!([3, 12])),
        ("history", "beta", json!(["x", "", "y,z"])),
        ("history", "user-9", json!([])),
        ("notes", "beta", json!({"a": "1", "b": null})),
        ("notes", "another new key", json!({"": "only"})),
    ];
    for name in VARIANTS {
        for otherwise in OTHERWISE {
            let mut edits = edits(otherwise);
            let set = sets.iter().map(|(state, key, value)| {
                json!({"state": format!("uid:all-states/{state}"), "key": key, "value": value.to_string()})
            });
            edits.set = serde_json::from_value(Json::Array(set.collect())).unwrap();
            let (report, found) = rewritten(name, &edits);
            let before = comparable(&fixture(name));
            let is_of = |row: &Json, state: &str, key: &str| {
                row["operator"] == operator() && row["state"] == state && row["key"] == key
            };
            let mut expected = before.clone();
            for (state, key, value) in &sets {
                expected.retain(|row| !is_of(row, state, key));
                let template = before
                    .iter()
                    .find(|row| row["operator"] == operator() && row["state"] == *state);
                let row = |field: &str, place: Json, value: &Json| {
                    let mut row = template.unwrap().clone();
                    row["key"] = json!(key);
                    row["value"] = value.clone();
                    if field != "value" {
                        row[field] = place;
                    }
                    row
                };
                match (*state, value) {
                    ("history", Json::Array(list)) => expected.extend(
                        list.iter()
                            .enumerate()
                            .map(|(index, value)| row("index", json!(index), value)),
                    ),
                    ("notes", Json::Object(map)) => {
                        expected.extend(map.iter().map(|(key, value)| row("map_key", json!(key), value)));
                    }
                    (_, value) => expected.push(row("value", Json::Null, value)),
                }
            }
            expected.sort_by_key(Json::to_string);
            let missing = expected.iter().find(|row| !found.contains(row));
            assert!(found == expected, "{name} {otherwise}: {missing:?}");
            let states = report.operators.iter().flat_map(|operator| &operator.states);
            let added = states.filter_map(|state| state.account.added.get("set"));
            assert_eq!(added.map(|amount| amount.entries).sum::<u64>(), 8);
        }
    }
}

#[test]
fn what_is_set_with_ttl_was_written_now() {
    let name = "1.20/ttl/rocksdb-native";
    let before = fixture(name);
    let row = comparable(&before);
    let row = row
        .iter()
        .find(|row| row["kind"] == "value" && !row["expires_from"].is_null())
        .unwrap();
    let edits = Edits {
        set: serde_json::from_value(json!([{
            "state": format!("id:{}/{}", row["operator"].as_str().unwrap(), row["state"].as_str().unwrap()),
            "key": row["key"].to_string(),
            "value": row["value"].to_string(),
        }]))
        .unwrap(),
        ..Edits::default()
    };
    let begun = statetool_ops::time::rfc3339(statetool_ops::time::now());
    let (_, found) = rewritten(name, &edits);
    let is_it = |other: &&Json| {
        other["operator"] == row["operator"] && other["state"] == row["state"] && other["key"] == row["key"]
    };
    let found = found.iter().find(is_it).unwrap();
    assert_eq!(found["value"], row["value"]);
    // Older than this run is what the fixture says; RFC 3339 with and without fractions sorts by its seconds.
    let second = |text: &str| text.chars().take(19).collect::<String>();
    assert!(second(found["expires_from"].as_str().unwrap()) >= second(&begun));
}

#[test]
fn what_cannot_be_deleted_or_set_is_refused() {
    let set =
        |state: &str, key: &str, value: &str| json!({"set": [{"state": state, "key": key, "value": value}]});
    let keyed = "1.20/keyed-states/hashmap-canonical";
    let cases = [
        (
            keyed,
            set("uid:all-states/sum", "alpha", "\"x\""),
            ErrorKind::Usage,
            "no value of state `sum`",
        ),
        (
            keyed,
            set("uid:all-states/sum", "alpha", "{"),
            ErrorKind::Usage,
            "no JSON",
        ),
        (
            keyed,
            set("uid:all-states/history", "alpha", "1"),
            ErrorKind::Usage,
            "a list is an array",
        ),
        (
            keyed,
            set("uid:all-states/notes", "alpha", "[1]"),
            ErrorKind::Usage,
            "an array of [key, value]",
        ),
        (
            keyed,
            set("uid:all-states/nothing", "alpha", "1"),
            ErrorKind::Usage,
            "no state `nothing`",
        ),
        (
            keyed,
            set("uid:all-states/_timer_state/event_user-timers", "alpha", "1"),
            ErrorKind::Refused,
            "it holds timers",
        ),
        (
            "1.20/windows/hashmap-canonical",
            set("*/window-contents", "1", "1"),
            ErrorKind::Refused,
            "it has namespaces, such as windows",
        ),
        (
            keyed,
            json!({"set": [
                {"state": "uid:all-states/sum", "key": "alpha", "value": "1"},
                {"state": "*/sum", "key": "\"alpha\"", "value": "2"}]}),
            ErrorKind::Usage,
            "state `sum` is to be set twice for one key",
        ),
        (
            keyed,
            json!({"delete": [{"operator": "uid:nobody", "key": "alpha"}]}),
            ErrorKind::Usage,
            "no operator `nobody`",
        ),
        (
            keyed,
            json!({"delete": [{"operator": "uid:sink", "key": "alpha"}]}),
            ErrorKind::Usage,
            "has no keyed state that can be read",
        ),
        (
            keyed,
            json!({"delete-keys": [{"operator": "uid:all-states", "file": "/nowhere/keys"}]}),
            ErrorKind::Usage,
            "`/nowhere/keys`, a file of keys: ",
        ),
        (
            "1.20/key-types/hashmap-canonical",
            json!({"delete": [{"operator": "id:7665e48b57515599a0bf775516c74cc8", "key": "\"x\""}]}),
            ErrorKind::Usage,
            "is no key of type",
        ),
    ];
    for (name, json, kind, expected) in cases {
        let folder = scratch();
        let out = folder.path().join("new");
        let error = rewrite(&fixture(name), &edits(&json.to_string()), &out);
        let error = error.err().unwrap_or_else(|| panic!("{json} is taken"));
        assert_eq!(error.kind(), kind, "{json}: {error}");
        assert!(error.to_string().contains(expected), "{json}: {error}");
        assert!(!out.exists() || fs::read_dir(&out).unwrap().next().is_none());
    }
}
