//! Keys that are deleted, and values that are set.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use std::fs;

use serde_json::{Value as Json, json};
use statetool_ops::rewrite::{
    Edits, ExecuteOptions, OperatorReport, PlanOptions, RewriteReport, plan_all, rehearse_all,
};
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

/// Rewrites, as was said before; gives the report and the rows, as JSON without key groups.
fn rewritten(name: &str, edits: &Edits) -> (RewriteReport, Vec<Json>) {
    let folder = scratch();
    let out = folder.path().join("new");
    let snapshot = fixture(name);
    let report = rewrite(&snapshot, edits, &out).unwrap_or_else(|error| panic!("{name}: {error}"));
    let plans = plan_all(&[&snapshot], edits, &PlanOptions::default()).unwrap();
    let rehearsed = rehearse_all(&plans, &ExecuteOptions::default())
        .unwrap()
        .operators;
    assert!(!rehearsed.is_empty(), "{name}");
    for said in &rehearsed {
        let done = report.operators.iter().find(|done| done.id == said.id).unwrap();
        assert_eq!(accounts(said), accounts(done), "{name}");
    }
    assert_eq!(findings(&opened(&out)), [""; 0], "{name}");
    (report, comparable(&opened(&out)))
}

/// What became of the entries of an operator, by state.
fn accounts(operator: &OperatorReport) -> Vec<Json> {
    let states = operator.states.iter();
    let states = states.map(|state| json!([state.name, state.new_name, state.account]));
    states.collect()
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

#[test]
fn expressions_and_scripts_decide_about_entries() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script.js");
    let script = r#"
        function where(entry) { return entry.state !== "average" || entry.key !== "beta"; }
        function map(entry) {
            if (entry.state === "last") return entry.value * 2;
            return entry.value;
        }"#;
    fs::write(&file, script).unwrap();
    for name in VARIANTS {
        for otherwise in OTHERWISE {
            let mut edits = edits(otherwise);
            edits.keep_where = serde_json::from_value(json!([
                {"state": "uid:all-states/sum", "expression": "value > 3000000000"},
                {"state": "uid:all-states/_timer_state/event_user-timers", "expression": "key !== 'alpha'"},
            ]))
            .unwrap();
            edits.map = serde_json::from_value(json!([
                {"state": "uid:all-states/notes", "expression": "value === null ? null : mapKey + '/' + value"},
                {"state": "uid:all-states/history", "expression": "value.filter(text => text !== '')"},
            ]))
            .unwrap();
            edits.script = serde_json::from_value(json!([{"file": file}])).unwrap();
            let (report, found) = rewritten(name, &edits);
            let mut expected = Vec::new();
            let mut index = std::collections::BTreeMap::new();
            for mut row in comparable(&fixture(name)) {
                if row["operator"] != operator() {
                    expected.push(row);
                    continue;
                }
                let stays = match row["state"].as_str().unwrap() {
                    "sum" => row["value"].as_i64().unwrap() > 3_000_000_000,
                    "_timer_state/event_user-timers" => row["key"] != "alpha",
                    "history" => row["value"] != "",
                    "average" => row["key"] != "beta",
                    _ => true,
                };
                match row["state"].as_str().unwrap() {
                    "notes" if !row["value"].is_null() => {
                        let (key, value) = (row["map_key"].as_str().unwrap(), row["value"].as_str().unwrap());
                        row["value"] = json!(format!("{key}/{value}"));
                    }
                    "last" => row["value"] = json!(row["value"].as_i64().unwrap() * 2),
                    _ => {}
                }
                if stays {
                    expected.push(row);
                }
            }
            // Elements behind those that are gone have moved up.
            expected.sort_by_key(|row| row["index"].as_u64());
            for row in expected.iter_mut().filter(|row| row["state"] == "history") {
                let next = index.entry(row["key"].to_string()).or_insert(0);
                row["index"] = json!(*next);
                *next += 1;
            }
            expected.sort_by_key(Json::to_string);
            let missing = expected.iter().find(|row| !found.contains(row));
            assert!(found == expected, "{name} {otherwise}: {missing:?}");
            let states = report.operators.iter().flat_map(|operator| &operator.states);
            let accounts: Vec<_> = states.map(|state| &state.account).collect();
            assert!(
                accounts
                    .iter()
                    .any(|account| account.dropped.contains_key("where"))
            );
            assert!(accounts.iter().any(|account| account.changed.contains_key("map")));
            assert!(
                accounts
                    .iter()
                    .any(|account| account.dropped.contains_key("script"))
            );
        }
    }
}

#[test]
fn operator_state_is_edited_too() {
    for name in [
        "1.13/operator-states/hashmap-canonical",
        "1.20/operator-states/hashmap-canonical",
    ] {
        let before = comparable(&fixture(name));
        let kinds = ["operator-list-split", "operator-list-union", "broadcast"];
        for kind in kinds {
            let Some(row) = before
                .iter()
                .find(|row| row["kind"] == kind && row["value"].is_i64())
            else {
                continue;
            };
            let state = format!(
                "id:{}/{}",
                row["operator"].as_str().unwrap(),
                row["state"].as_str().unwrap()
            );
            let one = row["value"].clone();
            let edits: Edits = serde_json::from_value(json!({
                "where": [{"state": state, "expression": format!("value !== {one}")}],
                "map": [{"state": state, "expression": "value + 1"}],
            }))
            .unwrap();
            let (_, found) = rewritten(name, &edits);
            let is_it =
                |other: &&Json| other["operator"] == row["operator"] && other["state"] == row["state"];
            let values = |rows: &[Json]| {
                let mut values: Vec<i64> = rows
                    .iter()
                    .filter(is_it)
                    .map(|row| row["value"].as_i64().unwrap())
                    .collect();
                values.sort_unstable();
                values
            };
            let expected: Vec<i64> = values(&before)
                .into_iter()
                .filter(|value| *value != one)
                .map(|value| value + 1)
                .collect();
            assert_eq!(values(&found), expected, "{name} {kind}");
        }
    }
}

#[test]
fn scripts_that_fail_publish_nothing() {
    let keyed = "1.20/keyed-states/hashmap-canonical";
    let cases = [
        (
            "map",
            "'x'",
            "state `sum`, key group 1: what the script returned does not fit: expected Long, got a string",
        ),
        ("map", "value + 0.5", "state `sum`, key group 1: "),
        ("where", "1", "state `sum`, key group 1: "),
        (
            "where",
            "(() => { throw new Error('no') })()",
            "state `sum`, key group 1: ",
        ),
        (
            "where",
            "(() => { for (;;) {} })()",
            "the script took more than 5 s",
        ),
        (
            "where",
            "(() => { const a = []; for (;;) a.push(new Array(1000).fill(1)) })()",
            "memory",
        ),
        ("where", "value >", "expression: SyntaxError"),
    ];
    for (role, expression, expected) in cases {
        let folder = scratch();
        let out = folder.path().join("new");
        let json = json!({role: [{"state": "uid:all-states/sum", "expression": expression}]});
        let error = rewrite(&fixture(keyed), &edits(&json.to_string()), &out);
        let error = error.err().unwrap_or_else(|| panic!("{json} is taken"));
        assert!(error.to_string().contains(expected), "{json}: {error}");
        assert!(
            !out.exists() || fs::read_dir(&out).unwrap().next().is_none(),
            "{json}"
        );
    }
}
