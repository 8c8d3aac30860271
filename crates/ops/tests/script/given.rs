//! What scripts see of an entry.

use serde_json::{Value as Json, json};
use statetool_ops::row::RowWriter;
use statetool_ops::script::{Outcome, Script, Whose};
use statetool_snapshot::{Entry, Flow, Operator, Payload};
use statetool_values::JsonOptions;

use crate::{Made, each_entry, quick};

/// The rows of an entry as `cat` shows them.
fn rows(operator: &Operator<'_>, entry: &Entry<'_>) -> Vec<Json> {
    let mut rows = Vec::new();
    let mut out = Vec::new();
    RowWriter::new(operator, JsonOptions::default())
        .write(entry, &mut out, |row, _| {
            rows.push(serde_json::from_slice(row).unwrap());
            row.clear();
            Ok(Flow::Continue(()))
        })
        .map(|_| ())
        .unwrap();
    rows
}

/// Which rows an expression should keep.
type Expected = fn(&[Json]) -> bool;

const KEYED: &str = "1.20/keyed-states/hashmap-native";
const CANONICAL: &str = "1.20/keyed-states/rocksdb-canonical";
const TYPES: &str = "1.13/value-types/hashmap-canonical";
const WINDOWS: &str = "1.20/windows/hashmap-canonical";
const OPERATOR: &str = "1.20/operator-states/hashmap-canonical";
const TTL: &str = "1.20/ttl/hashmap-native";

#[test]
fn expressions_see_what_rows_show() {
    let cases: &[(&str, &str, &str, Expected)] = &[
        (KEYED, "last", "value > 24000000", |rows| {
            rows[0]["value"].as_i64() > Some(24_000_000)
        }),
        (CANONICAL, "last", "value % 2 === 0", |rows| {
            rows[0]["value"].as_i64().unwrap() % 2 == 0
        }),
        (KEYED, "sum", "key.startsWith('user-')", |rows| {
            rows[0]["key"].as_str().unwrap().starts_with("user-")
        }),
        (
            KEYED,
            "average",
            "value[1] / value[0] < 20e6 && value.length === 2",
            |rows| (rows[0]["value"][1].as_f64().unwrap() / rows[0]["value"][0].as_f64().unwrap()) < 20e6,
        ),
        (
            KEYED,
            "notes",
            "mapKey === 'alpha' && namespace === null",
            |rows| rows[0]["map_key"] == "alpha",
        ),
        (CANONICAL, "notes", "value === null", |rows| {
            rows[0]["value"].is_null()
        }),
        (
            KEYED,
            "history",
            "value.length > 2 && value.includes('alpha')",
            |rows| rows.len() > 2 && rows.iter().any(|row| row["value"] == "alpha"),
        ),
        (CANONICAL, "history", "value[0] === ''", |rows| {
            rows[0]["value"] == ""
        }),
        (
            KEYED,
            "_timer_state/event_user-timers",
            "timestamp < 1714525210000 && value === null",
            |rows| rows[0]["timestamp"].as_i64().unwrap() < 1_714_525_210_000,
        ),
        (
            KEYED,
            "last",
            "keyGroup % 2 === 1 && state === 'last' && index === null",
            |rows| rows[0]["key_group"].as_u64().unwrap() % 2 == 1,
        ),
        (
            WINDOWS,
            "window-contents",
            "namespace?.start === 1714521720000",
            |rows| rows[0]["namespace"]["start"] == 1_714_521_720_000_u64,
        ),
        (
            WINDOWS,
            "latest",
            "operator.startsWith('243fec') && uid === null && subtask === null",
            |rows| rows[0]["operator"].as_str().unwrap().starts_with("243fec"),
        ),
        (
            OPERATOR,
            "words",
            "index === 0 && subtask === 1 && key === null && keyGroup === null",
            |rows| rows[0]["index"] == 0 && rows[0]["subtask"] == 1,
        ),
        (
            OPERATOR,
            "seen",
            "value.action === 'ADD' && value.number < 5",
            |rows| rows[0]["value"]["action"] == "ADD" && rows[0]["value"]["number"].as_i64() < Some(5),
        ),
        (OPERATOR, "rules", "mapKey === ''", |rows| {
            rows[0]["map_key"] == ""
        }),
        (
            TTL,
            "last",
            "value > 12000000 && timestamp > Date.UTC(2026, 0, 1)",
            |rows| {
                rows[0]["value"].as_i64() > Some(12_000_000)
                    && rows[0]["expires_from"].as_str() > Some("2026")
            },
        ),
        (
            TTL,
            "history",
            "new Date(timestamp).toISOString().slice(0, 19) >= '2026'",
            |rows| rows.iter().any(|row| row["expires_from"].as_str() > Some("2026")),
        ),
    ];
    for (fixture, state, expression, expected) in cases {
        let script = Script::expression(expression, quick()).unwrap();
        let mut kept = 0;
        let entries = each_entry(fixture, state, |operator, entry| {
            let worker = script.worker(&Whose::of(operator), true).unwrap();
            let keeps = worker.keeps(entry).unwrap();
            let rows = rows(operator, entry);
            assert_eq!(keeps, expected(&rows), "{expression}: {rows:?}");
            kept += usize::from(keeps);
        });
        println!("{kept} of {entries} entries of {state}: {expression}");
        assert!(entries > 0 && kept > 0, "{expression}");
    }
}

/// Every value of all types is shown as JSON shows it, but for numbers that JSON has no words for.
#[test]
fn values_are_shown_as_json() {
    let snapshot = statetool_testkit::opened::metadata_of(TYPES).unwrap();
    let snapshot = statetool_testkit::opened::open(&snapshot).unwrap();
    let mut compared = 0;
    for operator in snapshot.operators() {
        for part in &snapshot.load_operator(&operator).unwrap().parts {
            let mut visit = |entry: &Entry<'_>| {
                let shown: Vec<Json> = rows(&operator, entry)
                    .iter()
                    .map(|row| row["value"].clone())
                    .collect();
                let shown = match entry.value {
                    Payload::Delimited(_) => Json::Array(shown),
                    _ => shown[0].clone(),
                };
                let text = shown.to_string();
                if ["NaN", "Infinity", "\\ud83d\""]
                    .iter()
                    .any(|odd| text.contains(odd))
                {
                    return Ok(Flow::Continue(()));
                }
                // The order of members that are whole numbers is the engine's, and so are rounded numbers.
                let expression = format!(
                    "JSON.stringify(value, (_, v) => typeof v === 'bigint' ? Number(v) : v) \
                     === JSON.stringify(JSON.parse({}))",
                    json!(text)
                );
                let script = Script::expression(&expression, quick()).unwrap();
                assert!(
                    script
                        .worker(&Whose::of(&operator), true)
                        .unwrap()
                        .keeps(entry)
                        .unwrap(),
                    "{}: {text}",
                    entry.state.name
                );
                compared += 1;
                Ok(Flow::Continue(()))
            };
            let _ = part
                .scan(snapshot.files(), part.range, &|_| true, &mut visit)
                .unwrap();
        }
    }
    println!("{compared} values are shown as JSON shows them");
    assert!(compared > 150);
}

#[test]
fn longs_keep_all_their_bits() {
    let state = Made::long();
    let safe = (1_i64 << 53) - 1;
    for (long, expression) in [
        (0, "value === 0"),
        (42, "value === 42 && value + 1 === 43"),
        (-1, "value < 0 && value === -1"),
        (i64::from(i32::MAX) + 1, "value === 2147483648"),
        (safe, "value === Number.MAX_SAFE_INTEGER"),
        (-safe, "value === Number.MIN_SAFE_INTEGER"),
        (
            safe + 1,
            "typeof value === 'bigint' && value === 9007199254740992n",
        ),
        (
            safe + 2,
            "value === 9007199254740993n && value > 1000 && value !== 9007199254740992n",
        ),
        (
            -safe - 1,
            "value === -9007199254740992n && BigInt(value) + 1n === -9007199254740991n",
        ),
        (i64::MAX, "value === 9223372036854775807n && value / 2n > 1e18"),
        (i64::MIN, "value === -9223372036854775808n && value < 0"),
    ] {
        let bytes = long.to_be_bytes();
        assert_eq!(
            state.kept(expression, Payload::Value(&bytes)),
            Ok(true),
            "{long}: {expression}"
        );
        // And all of them go through a script.
        let next = format!("BigInt(value) {} 1n", if long == i64::MAX { "-" } else { "+" });
        let expected = if long == i64::MAX { long - 1 } else { long + 1 };
        let (_, out) = state.replaced(&next, Payload::Value(&bytes)).unwrap();
        assert_eq!(out, expected.to_be_bytes(), "{long}");
    }
}

#[test]
fn strings_and_numbers_are_what_they_were() {
    let string = Made::new(TYPES, "string");
    // A lone surrogate, NUL, and a pair.
    for (bytes, expression) in [
        (
            &[2, 0xbd, 0xb0, 3][..],
            "value.length === 1 && value === '\\ud83d'",
        ),
        (&[2, 0][..], "value === '\\0'"),
        (
            &[3, 0xbd, 0xb0, 3, 0x80, 0xbc, 3],
            "value === '😀' && value.length === 2",
        ),
        (&[0], "value === null"),
        (&[1], "value === ''"),
    ] {
        assert_eq!(
            string.kept(expression, Payload::Value(bytes)),
            Ok(true),
            "{expression}"
        );
        let same = string.replaced("value", Payload::Value(bytes));
        assert!(
            same.is_ok_and(|(outcome, _)| outcome == Outcome::Keep),
            "{expression}"
        );
    }
    let double = Made::new(TYPES, "double");
    for (number, expression) in [
        (f64::NAN, "Number.isNaN(value)"),
        (f64::INFINITY, "value === Infinity"),
        (f64::NEG_INFINITY, "value === -Infinity"),
        (-0.0, "Object.is(value, -0)"),
        (0.1, "value === 0.1"),
        (f64::MAX, "value === Number.MAX_VALUE"),
    ] {
        let bytes = number.to_be_bytes();
        assert_eq!(
            double.kept(expression, Payload::Value(&bytes)),
            Ok(true),
            "{expression}"
        );
        let same = double.replaced("value", Payload::Value(&bytes));
        assert!(
            same.is_ok_and(|(outcome, _)| outcome == Outcome::Keep),
            "{expression}"
        );
    }
}
