//! State that carries its time: a field says it, or an expression.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;
use statetool_ops::compact::{By, CompactOptions, Expiry};
use statetool_snapshot::{ErrorKind, Snapshot};
use statetool_testkit::compacting::{compact, essences, found, rehearse};
use statetool_testkit::opened::{metadata_of, open};
use statetool_testkit::rewriting::{edits, opened, rewrite, scratch};

#[test]
fn entries_expire_by_a_field_of_theirs() {
    // Elements of lists, entries of maps, and values; by a long, a date, a key.
    let cases = [
        (
            "1.20/windows/hashmap-canonical",
            "uid:tumbling-list/window-contents",
            "value.at",
            "/value/at",
        ),
        (
            "1.20/windows/hashmap-checkpoint",
            "uid:session-reduce/window-contents",
            "value.at",
            "/value/at",
        ),
        (
            "1.20/windows/hashmap-native",
            "uid:tumbling-reduce/window-contents",
            "value.at",
            "/value/at",
        ),
        (
            "1.20/windows/hashmap-canonical",
            "uid:session-list/window-contents",
            "namespace.start",
            "/namespace/start",
        ),
        (
            "1.20/cep/hashmap-canonical",
            "uid:pattern/eventQueuesStateName",
            "mapKey",
            "/map_key",
        ),
    ];
    for (name, state, by, pointer) in cases {
        let snapshot = open(&metadata_of(name).unwrap()).unwrap();
        let state_name = state.split_once('/').unwrap().1;
        let uid = state.split_once('/').unwrap().0.strip_prefix("uid:").unwrap();
        let id = statetool_format::OperatorId::from_uid(uid).to_string();
        let all = found(&snapshot);
        let is = |row: &Json| row["operator"] == id.as_str() && row["state"] == state_name;
        let time = |row: &Json| row.pointer(pointer).unwrap().as_i64().unwrap();
        let times: BTreeSet<i64> = all.iter().filter(|row| is(row)).map(time).collect();
        assert!(times.len() > 1, "{name} {state} {times:?}");
        for at in times.iter().flat_map(|time| [time + 59_999, time + 60_000]) {
            let kept: Vec<Json> = all
                .iter()
                .filter(|row| !is(row) || time(row) + 60_000 > at)
                .cloned()
                .collect();
            let options = CompactOptions {
                expire: vec![Expiry {
                    state: state.to_owned(),
                    millis: 60_000,
                    by: Arc::new(By::parse(by).unwrap()),
                }],
                at,
                evidence: true,
                ..CompactOptions::default()
            };
            let folder = scratch();
            let report = compact(&snapshot, &options, &folder.path().join("new")).unwrap();
            let rows = found(&opened(&folder.path().join("new")));
            assert_eq!(essences(&rows), essences(&kept), "{name} {state} at {at}");
            assert_eq!(report.evidence.unwrap().dropped as usize, all.len() - kept.len());
        }
    }
}

fn expiring(state: &str, millis: i64, by: &str, at: i64) -> CompactOptions {
    CompactOptions {
        expire: vec![Expiry {
            state: state.to_owned(),
            millis,
            by: Arc::new(By::parse(by).unwrap()),
        }],
        at,
        ..CompactOptions::default()
    }
}

/// How many entries or elements go, and how many have no time.
fn counted(snapshot: &Snapshot, options: &CompactOptions) -> (u64, u64) {
    let options = CompactOptions {
        evidence: true,
        expire: options.expire.clone(),
        at: options.at,
        ..CompactOptions::default()
    };
    let report = rehearse(snapshot, &options, 3).unwrap();
    let states = report.operators.iter().flat_map(|operator| &operator.states);
    let times = states.filter_map(|state| state.times.as_ref());
    (
        report.evidence.unwrap().dropped,
        times.map(|times| times.without).sum(),
    )
}

#[test]
fn expressions_say_what_fields_say() {
    let list = "uid:tumbling-list/window-contents";
    let cases = [
        (list, "value.at", "value.at + 0"),
        (list, "value.at", "key < 99 ? new Date(value.at) : null"),
        (list, "value.at", "new Date(value.at).toISOString()"),
        (list, "value.at", "({at: BigInt(value.at)}).at"),
        (list, "namespace.end", "namespace['end']"),
        ("uid:session-reduce/window-contents", "value.at", "(value).at"),
        ("uid:tumbling-reduce/window-contents", "namespace", "undefined"),
    ];
    for fixture in [
        "1.20/windows/hashmap-checkpoint",
        "1.20/windows/hashmap-canonical",
        "2.3/windows/hashmap-native",
    ] {
        let snapshot = open(&metadata_of(fixture).unwrap()).unwrap();
        for (state, path, expression) in cases {
            // Five minutes from the first event on, some are older than a minute.
            for at in (0..6).map(|minute| 1_714_521_600_000 + minute * 61_000) {
                let said = counted(&snapshot, &expiring(state, 60_000, expression, at));
                if expression == "undefined" {
                    let report = rehearse(&snapshot, &expiring(state, 60_000, expression, at), 1).unwrap();
                    assert_eq!((said.0, said.1 > 0), (0, true), "{fixture}");
                    assert!(report.totals.dropped.is_empty());
                    continue;
                }
                let expected = counted(&snapshot, &expiring(state, 60_000, path, at));
                assert_eq!(said, expected, "{fixture} {state} {expression} at {at}");
                assert_eq!(said.1, 0);
            }
        }
    }
}

/// The same list elements go, and the same stay, whoever says their time.
#[test]
fn what_stays_is_what_the_rows_say() {
    let snapshot = open(&metadata_of("1.20/windows/rocksdb-native").unwrap()).unwrap();
    let all = found(&snapshot);
    let id = statetool_format::OperatorId::from_uid("tumbling-list").to_string();
    let is = |row: &Json| row["operator"] == id.as_str() && row["state"] == "window-contents";
    let at = 1_714_521_600_000 + 160_000;
    let latest = |row: &Json| {
        let time = row["value"]["at"].as_i64().unwrap();
        (row["key"].as_i64().unwrap() % 2 == 0)
            .then_some(time.max(row["namespace"]["start"].as_i64().unwrap()))
    };
    let goes = |row: &Json| is(row) && latest(row).is_some_and(|time| time + 60_000 <= at);
    let kept: Vec<Json> = all.iter().filter(|row| !goes(row)).cloned().collect();
    assert!(kept.len() < all.len() && kept.iter().any(|row| is(row) && latest(row).is_some()));
    let by = "key % 2 === 0 ? Math.max(value.at, namespace.start) : null";
    let folder = scratch();
    let options = expiring("uid:tumbling-list/window-contents", 60_000, by, at);
    let report = compact(&snapshot, &options, &folder.path().join("new")).unwrap();
    assert_eq!(
        essences(&found(&opened(&folder.path().join("new")))),
        essences(&kept)
    );
    let odd = all.iter().filter(|row| is(row) && latest(row).is_none()).count();
    let states = report.operators.iter().flat_map(|operator| &operator.states);
    let timeless: u64 = states
        .filter_map(|state| state.times.as_ref())
        .map(|times| times.without)
        .sum();
    assert_eq!(timeless as usize, odd);
}

#[test]
fn times_of_all_types_are_times() {
    let snapshot = open(&metadata_of("1.20/value-types/hashmap-canonical").unwrap()).unwrap();
    for (state, without) in [
        ("date", 0),
        ("instant", 0),
        ("local-date", 0),
        ("local-date-time", 0),
        ("sql-date", 0),
        ("sql-timestamp", 0),
    ] {
        let state = format!("uid:times/{state}");
        // Java has dates that JavaScript has not.
        let expressions = ["value", "(value)"];
        let expressions = expressions
            .into_iter()
            .filter(|by| *by == "value" || !state.ends_with("/local-date"));
        for by in expressions {
            // Its time and a day: a millisecond before it is over, and then.
            let rehearsed = |at| rehearse(&snapshot, &expiring(&state, 86_400_000, by, at), 1).unwrap();
            let report = rehearsed(0);
            let seen = report.operators.iter().flat_map(|operator| &operator.states);
            let times: Vec<_> = seen.filter_map(|state| state.times.as_ref()).collect();
            let (histogram, none) = (times[0].histogram.as_ref().unwrap(), times[0].without);
            let last = chrono::DateTime::parse_from_rfc3339(histogram.latest.as_deref().unwrap()).unwrap();
            let over = last.timestamp_millis() + 86_400_000;
            let dropped = |at| {
                let dropped = rehearsed(at).totals.dropped;
                dropped.get("expire").map_or(0, |amount| amount.entries)
            };
            let all = report.totals.read.entries;
            assert_eq!(none, without);
            assert!(
                dropped(over - 1) < dropped(over) && dropped(over) < all,
                "{state} {by}"
            );
            assert_eq!(dropped(over), dropped(i64::MAX), "{state} {by}");
        }
    }
}

#[test]
fn texts_and_numbers_may_be_times() {
    let before = open(&metadata_of("1.20/keyed-states/hashmap-canonical").unwrap()).unwrap();
    let count = |rows: &[Json], state: &str| rows.iter().filter(|row| row["state"] == state).count() as u64;
    let notes = count(&found(&before), "notes");
    for (text, expected) in [
        ("'2024-05-01T10:00:00Z'", Ok((notes, 0))),
        ("'2024-05-01T10:00:00'", Ok((notes, 0))),
        ("'2024-05-01T12:00:00.001+02:00'", Ok((0, 0))),
        ("'2024-05-01'", Ok((notes, 0))),
        ("'2024-05-02'", Ok((0, 0))),
        ("null", Ok((0, notes))),
        (
            "'1.5.2024'",
            Err("a time has to be epoch milliseconds, a date, or text such as"),
        ),
    ] {
        let folder = scratch();
        let map = format!(r#"{{"map": [{{"state": "uid:all-states/notes", "expression": "{text}"}}]}}"#);
        rewrite(&before, &edits(&map), &folder.path().join("dated")).unwrap();
        let snapshot = opened(&folder.path().join("dated"));
        let at = 1_714_557_600_000 + 1000;
        let options = expiring("uid:all-states/notes", 1000, "value", at);
        match expected {
            Ok(expected) => assert_eq!(counted(&snapshot, &options), expected, "{text}"),
            Err(why) => {
                let error = rehearse(&snapshot, &options, 1).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Usage);
                assert!(error.to_string().contains(why), "{error}");
            }
        }
    }
}

#[test]
fn expressions_that_tell_no_time_name_the_entry() {
    let snapshot = open(&metadata_of("1.20/windows/hashmap-canonical").unwrap()).unwrap();
    let id = statetool_format::OperatorId::from_uid("tumbling-list");
    let place = format!("operator `{id}`, state `window-contents`, key group 1");
    let fit = "what the script returned does not fit: a time has to be epoch milliseconds, a date, or text";
    for (by, why, hint) in [
        ("value.at > 0", fit, ""),
        ("value.att + 1", fit, ""),
        (
            "value.none.at",
            ", time `value.none.at`: there is no field `none`; there are: action, at,",
            "`statetool schema`",
        ),
        (
            "value.at.none",
            ", time `value.at.none`: a long has no field `none`",
            "JavaScript",
        ),
        (
            "value[0].none",
            ": TypeError: cannot read property 'none' of undefined (line 1, column",
            "",
        ),
        (
            "valeu.at",
            ": ReferenceError: valeu is not defined (line 1, column 1)",
            "an expression sees key,",
        ),
        ("value.at / 0n", ": TypeError: cannot convert", "BigInt"),
        (
            "(() => { for (;;); })()",
            ": the script took more than 5 s",
            "a loop that does not end",
        ),
        (
            "'x'.repeat(1e9)",
            ": the script took more than 128 MiB of memory",
            "keep nothing",
        ),
        (
            "(f => f(f))(f => 1 + f(f))",
            ": the calls of the script nest too deep",
            "calls itself",
        ),
    ] {
        let options = expiring("uid:tumbling-list/window-contents", 60_000, by, 0);
        let error = rehearse(&snapshot, &options, 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{by}");
        let message = error.to_string();
        assert!(
            message.starts_with(&place) && message.contains(why),
            "{by}: {message}"
        );
        assert!(
            error.help().unwrap_or_default().contains(hint),
            "{by}: {:?}",
            error.help()
        );
    }
    for (by, why) in [
        ("", "the expression is empty"),
        ("value.at +", "expression: SyntaxError: "),
        ("return value.at", "expression: SyntaxError: "),
        ("value.", "expression: SyntaxError: "),
    ] {
        let error = By::parse(by).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(
            error.to_string().contains(why) && error.help().is_some(),
            "{error}"
        );
    }
}

#[test]
fn keys_appear_in_errors_where_they_may() {
    let snapshot = open(&metadata_of("1.20/windows/hashmap-canonical").unwrap()).unwrap();
    for by in ["value", "value && true"] {
        for show_data in [false, true] {
            let options = CompactOptions {
                show_data,
                ..expiring("uid:tumbling-list/window-contents", 60_000, by, 0)
            };
            let error = rehearse(&snapshot, &options, 1).unwrap_err().to_string();
            assert_eq!(error.contains(", key 3"), show_data, "{error}");
        }
    }
}
