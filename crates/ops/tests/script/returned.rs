//! What scripts return.

use statetool_format::Reader;
use statetool_ops::script::{Form, Outcome, Script};
use statetool_snapshot::Payload;
use statetool_values::{Framing, JsonOptions, Value};

use crate::{Made, changed, quick};

const TYPES: &str = "1.13/value-types/hashmap-canonical";

#[test]
fn whole_numbers_are_taken_exactly_or_not_at_all() {
    let long = Made::long();
    let old = 5_i64.to_be_bytes();
    for (expression, expected) in [
        ("value + 1", Ok(6)),
        ("6n", Ok(6)),
        ("-0", Ok(0)),
        ("Math.round(-0.2)", Ok(0)),
        ("6.0", Ok(6)),
        ("2 ** 53 - 1", Ok((1 << 53) - 1)),
        ("9007199254740993n", Ok((1 << 53) + 1)),
        ("9223372036854775807n", Ok(i64::MAX)),
        ("-(2n ** 63n)", Ok(i64::MIN)),
        (
            "2 ** 53",
            Err(
                "expected Long, got a number: whole numbers beyond 9007199254740991 have to be a BigInt, lest they are rounded",
            ),
        ),
        ("2n ** 63n", Err("the number is out of the range of Long")),
        ("10n ** 40n", Err("the number is out of the range of Long")),
        ("value / 2", Err("expected Long, got a number that is not whole")),
        ("NaN", Err("expected Long, got a number")),
        ("Infinity", Err("expected Long, got a number")),
        ("'6'", Err("expected Long, got a string")),
        ("`${value}`", Err("expected Long, got a string")),
        ("true", Err("expected Long, got a boolean")),
        ("null", Err("expected Long, got null")),
        ("[6]", Err("expected Long, got an array")),
        ("({n: 6})", Err("expected Long, got an object")),
        (
            "undefined",
            Err("it returned nothing: a `return` is missing, or null was meant"),
        ),
        ("Symbol('x')", Err("a symbol is no value of a state")),
        ("(() => 6)", Err("a function is no value of a state")),
    ] {
        let replaced = long.replaced(expression, Payload::Value(&old));
        let place = "operator `92bb50eedd2624157895debdcfc1b131`, state `last`, key group 7";
        match expected {
            Ok(number) => {
                let number: i64 = number;
                assert_eq!(
                    replaced,
                    changed(Form::Value, &number.to_be_bytes()),
                    "{expression}"
                );
            }
            Err(why) => assert_eq!(
                replaced.unwrap_err(),
                format!("{place}: what the script returned does not fit: {why}"),
                "{expression}"
            ),
        }
    }
}

#[test]
fn narrow_numbers_and_scalars_are_checked() {
    for (state, expression, expected) in [
        ("int", "2147483647", Ok(&[0x7f, 0xff, 0xff, 0xff][..])),
        ("int", "2147483648", Err("the number is out of the range of Int")),
        ("short", "-32768n", Ok(&[0x80, 0])),
        ("byte", "128", Err("the number is out of the range of Byte")),
        ("boolean", "1", Err("expected Boolean, got a number")),
        ("boolean", "!value", Ok(&[0])),
        ("float", "0.1", Ok(&[0x3d, 0xcc, 0xcc, 0xcd])),
        ("float", "1e300", Err("the number is out of the range of Float")),
        ("float", "NaN", Ok(&[0x7f, 0xc0, 0, 0])),
        ("double", "'NaN'", Err("expected a number, got a string")),
        ("double", "-Infinity", Ok(&[0xff, 0xf0, 0, 0, 0, 0, 0, 0])),
        ("char", "'é'", Ok(&[0, 0xe9])),
        ("char", "'ab'", Err("expected one UTF-16 unit, got a string")),
        ("string", "'\\ud83d'", Ok(&[2, 0xbd, 0xb0, 3])),
        ("string", "7", Err("expected a string, got a number")),
        ("string", "NaN", Err("expected a string, got a number")),
        ("string", "null", Ok(&[0])),
        (
            "big-integer",
            "'18446744073709551616'",
            Ok(&[0, 0, 0, 13, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        ),
        (
            "big-integer",
            "2n ** 64n",
            Ok(&[0, 0, 0, 13, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        ),
        ("big-integer", "2 ** 64", Err("expected an integer, got a number")),
        ("big-decimal", "'12.50'", Ok(&[0, 0, 0, 6, 4, 0xe2, 0, 0, 0, 2])),
        (
            "instant",
            "new Date(1700000000123)",
            Ok(&[0, 0, 0, 0, 0x65, 0x53, 0xf1, 0, 7, 0x54, 0xd4, 0xc0]),
        ),
        (
            "instant",
            "1700000000123",
            Err("expected a time in UTC, got a number"),
        ),
        ("local-date", "'2024-02-29'", Ok(&[0, 0, 7, 0xe8, 2, 29])),
        ("local-date", "'2023-02-29'", Err("expected a date, got a string")),
        ("bytes", "({'@bytes': 'AQI='})", Ok(&[0, 0, 0, 2, 1, 2])),
        (
            "bytes",
            "'AQI='",
            Err("expected an object with `@bytes`, got a string"),
        ),
        ("bytes", "({'@bytes': '!'})", Err("`@bytes`: no base64")),
        ("enum", "'GOLD'", Ok(&[0, 0, 0, 1])),
        (
            "enum",
            "'TIN'",
            Err("no constant of `statetool.fixtures.types.Person$Level` has this name"),
        ),
        ("either", "({right: 7})", Ok(&[0, 0, 0, 0, 0, 0, 0, 0, 7])),
        (
            "either",
            "({right: '7'})",
            Err("`right`: expected Long, got a string"),
        ),
        ("tuple2", "['a', 2]", Ok(&[2, b'a', 0, 0, 0, 2])),
        ("tuple2", "['a']", Err("expected 2 fields, got 1")),
        (
            "tuple2",
            "['a', 2.5]",
            Err("`[1]`: expected Int, got a number that is not whole"),
        ),
        (
            "longs",
            "[1n, 2]",
            Ok(&[0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]),
        ),
        ("longs", "new Set([1])", Err(CLASS)),
        ("longs", "new Map()", Err(CLASS)),
        (
            "longs",
            "new Array(3)",
            Err("`[0]`: undefined is no value of a state"),
        ),
        (
            "longs",
            "(() => { const a = []; a.length = 4294967295; return a })()",
            Err("`[0]`: undefined is no value of a state"),
        ),
        ("longs", "new BigInt64Array(2)", Err(CLASS)),
        (
            "map",
            "({a: 1, __proto__: null, ['__proto__']: 2})",
            Ok(&[
                0, 0, 0, 2, 2, b'a', 0, 0, 0, 0, 0, 0, 0, 0, 1, 10, b'_', b'_', b'p', b'r', b'o', b't', b'o',
                b'_', b'_', 0, 0, 0, 0, 0, 0, 0, 0, 2,
            ]),
        ),
        (
            "map",
            "({secret: '1'})",
            Err("`[…]`: expected Long, got a string"),
        ),
        (
            "map",
            "(() => { const o = {}; o.o = o; return o })()",
            Err("it nests deeper than 200 levels, or contains itself"),
        ),
    ] {
        let made = Made::new(TYPES, state);
        let values = made.values();
        let old = values.last().unwrap();
        let replaced = made.replaced(expression, Payload::Value(old));
        match expected {
            Ok(bytes) => {
                // What it was already stays.
                let keep = replaced == Ok((Outcome::Keep, bytes.to_vec()));
                assert!(
                    keep || replaced == changed(Form::Value, bytes),
                    "{state} {expression}: {replaced:?}"
                );
            }
            Err(why) => {
                let error = replaced.unwrap_err();
                let (_, found) = error.split_once("does not fit: ").unwrap();
                let found = found
                    .rsplit_once("]`: ")
                    .filter(|_| why.starts_with("it nests"))
                    .map_or(found, |(_, why)| why);
                let found = if why.starts_with("it nests") {
                    found.rsplit("`: ").next().unwrap()
                } else {
                    found
                };
                assert_eq!(found, why, "{state} {expression}");
            }
        }
    }
}

const CLASS: &str =
    "only plain objects, arrays and dates are values of a state: no Map, no Set, no instance of a class";

#[test]
fn objects_have_all_fields_and_no_others() {
    let event = Made::new("1.20/windows/hashmap-canonical", "window-contents");
    let values = event.values();
    let old = Payload::Value(&values[0]);
    for (expression, expected) in [
        ("value", None),
        ("({...value})", None),
        ("(value.number = value.number, value)", None),
        (
            "({...value, number: 1.5})",
            Some("`number`: expected Long, got a number that is not whole"),
        ),
        ("({...value, at: 'x'})", Some("`at`: expected Long, got a string")),
        (
            "({...value, action: 'NONE'})",
            Some("`action`: no constant of `statetool.fixtures.types.Event$Action` has this name"),
        ),
        ("({...value, extra: 1})", Some("there is no field `extra`")),
        ("({number: 1})", Some("the field `action` is missing")),
        (
            "({...value, word: undefined})",
            Some("`word`: undefined is no value of a state"),
        ),
        ("(delete value.word, value)", Some("the field `word` is missing")),
        ("[value]", Some("expected an object, got an array")),
    ] {
        let replaced = event.replaced(expression, old);
        match expected {
            None => assert_eq!(
                replaced.map(|(outcome, _)| outcome),
                Ok(Outcome::Keep),
                "{expression}"
            ),
            Some(why) => {
                let error = replaced.unwrap_err();
                assert!(
                    error.ends_with(&format!("does not fit: {why}")),
                    "{expression}: {error}"
                );
            }
        }
    }
    let (outcome, bytes) = event
        .replaced("({...value, number: value.number + 1})", old)
        .unwrap();
    assert_eq!(outcome, Outcome::Changed(Form::Value));
    let next = event.kept(
        "value.number === 24 || value.number > 0 && Object.keys(value).join() === 'action,at,key,number,word'",
        Payload::Value(&bytes),
    );
    assert_eq!(next, Ok(true));
    assert_eq!(
        event
            .replaced("({...value, number: value.number - 1})", Payload::Value(&bytes))
            .unwrap()
            .1,
        values[0]
    );
}

#[test]
fn reasons_within_unions_and_rows_name_the_field() {
    let order = Made::new(TYPES, "avro-specific");
    let values = order.values();
    let with_gift = values.iter().find(|value| {
        order.kept(
            "value.gift !== null && value.lines.length > 0",
            Payload::Value(value),
        ) == Ok(true)
    });
    let old = Payload::Value(with_gift.unwrap());
    for (expression, why) in [
        (
            "({...value, gift: {...value.gift, quantity: 'many'}})",
            "`gift.quantity`: expected Int, got a string",
        ),
        (
            "({...value, lines: [{...value.lines[0], price: null}]})",
            "`lines[0].price`: expected a number, got null",
        ),
        (
            "({...value, counters: {...value.counters, 'mrs@home': 0.5}})",
            "`counters[…]`: expected Long, got a number that is not whole",
        ),
        ("(delete value.note, value)", "the field `note` is missing"),
    ] {
        let error = order.replaced(expression, old).unwrap_err();
        assert!(
            error.ends_with(&format!("does not fit: {why}")),
            "{expression}: {error}"
        );
    }
    // A string stays a string where a number would do.
    let (_, bytes) = order.replaced("({...value, discount: '7'})", old).unwrap();
    assert_eq!(
        order.kept("value.discount === '7'", Payload::Value(&bytes)),
        Ok(true)
    );
}

#[test]
fn lists_lose_and_get_elements() {
    let history = Made::new("1.20/keyed-states/hashmap-native", "history");
    let (delimited, counted) = (
        &[2, b'a', b',', 1, b',', 2, b'b'][..],
        &[0, 0, 0, 3, 2, b'a', 1, 2, b'b'][..],
    );
    for old in [Payload::Delimited(delimited), Payload::Counted(counted)] {
        for (expression, expected) in [
            ("value", Ok((Outcome::Keep, delimited.to_vec()))),
            (
                "value.filter(x => x !== '')",
                changed(Form::Delimited, &[2, b'a', b',', 2, b'b']),
            ),
            (
                "[...value, 'c']",
                changed(Form::Delimited, &[2, b'a', b',', 1, b',', 2, b'b', b',', 2, b'c']),
            ),
            (
                "value.toReversed()",
                changed(Form::Delimited, &[2, b'b', b',', 1, b',', 2, b'a']),
            ),
            ("value.filter(x => x > 'z')", Ok((Outcome::Drop, Vec::new()))),
            ("[]", Ok((Outcome::Drop, Vec::new()))),
        ] {
            assert_eq!(
                history.replaced(expression, old),
                expected,
                "{expression} {old:?}"
            );
        }
        for (expression, why) in [
            ("value[0]", "a list is returned as an array of its elements"),
            (
                "value.map(x => x.length)",
                "`[0]`: expected a string, got a number",
            ),
            ("({})", "a list is returned as an array of its elements"),
        ] {
            let error = history.replaced(expression, old).unwrap_err();
            assert!(error.ends_with(&format!("does not fit: {why}")), "{error}");
        }
    }
    assert_eq!(
        history.replaced("value", Payload::Delimited(&[])),
        Ok((Outcome::Keep, Vec::new()))
    );
}

#[test]
fn time_stamps_of_ttl_stay_as_they_were() {
    let last = Made::new("1.20/ttl/hashmap-native", "last");
    let stamped = |stamp: u8, rest: &[u8]| [&[0, 0, 1, 0, 0, 0, 0, stamp], rest].concat();
    let old = stamped(9, &5_i64.to_be_bytes());
    assert_eq!(
        last.replaced("value * 2", Payload::Value(&old)),
        changed(Form::Value, &stamped(9, &10_i64.to_be_bytes()))
    );
    assert_eq!(
        last.kept("timestamp === 2 ** 40 + 9 && value === 5", Payload::Value(&old)),
        Ok(true)
    );
    let history = Made::new("1.20/ttl/hashmap-native", "history");
    let [a, b, c] = [(1, b'a'), (3, b'b'), (2, b'c')].map(|(stamp, letter)| stamped(stamp, &[2, letter]));
    let old = [&a[..], b",", &b, b",", &c].concat();
    let kept = [&a[..], b",", &c].concat();
    let upper = [
        stamped(1, &[2, b'A']),
        stamped(3, &[2, b'B']),
        stamped(2, &[2, b'C']),
    ]
    .join(&b',');
    for (expression, expected) in [
        ("value", Ok((Outcome::Keep, old.clone()))),
        ("value.filter(x => x !== 'b')", changed(Form::Delimited, &kept)),
        (
            "value.map(x => x.toUpperCase())",
            changed(Form::Delimited, &upper),
        ),
        ("[]", Ok((Outcome::Drop, Vec::new()))),
    ] {
        assert_eq!(
            history.replaced(expression, Payload::Delimited(&old)),
            expected,
            "{expression}"
        );
    }
    assert_eq!(
        history.kept("timestamp === 2 ** 40 + 3", Payload::Delimited(&old)),
        Ok(true)
    );
    let alike = [(1, b'a'), (2, b'a'), (3, b'b'), (4, b'a'), (5, b'b')];
    let alike = alike.map(|(stamp, letter)| stamped(stamp, &[2, letter]));
    let whole = alike.join(&b',');
    for (expression, stay) in [
        ("value.slice(1)", &[1, 2, 3, 4][..]),
        ("['a', 'b']", &[3, 4]),
        ("['a', 'b', 'a']", &[1, 2, 3]),
        ("['b', 'b']", &[2, 4]),
        ("['a']", &[3]),
    ] {
        let stay: Vec<&[u8]> = stay.iter().map(|index| alike[*index].as_slice()).collect();
        assert_eq!(
            history.replaced(expression, Payload::Delimited(&whole)),
            changed(Form::Delimited, &stay.join(&b',')),
            "{expression}"
        );
    }
    for expression in ["[...value, 'd']", "['c', 'a']", "['x']"] {
        let error = history
            .replaced(expression, Payload::Delimited(&old))
            .unwrap_err();
        assert!(
            error.contains("no element is left whose time stamp it could have"),
            "{error}"
        );
    }
}

#[test]
fn nulls_of_maps_have_a_form_of_their_own() {
    let notes = Made::new("1.20/keyed-states/hashmap-native", "notes");
    let note = Payload::Value(&[2, b'n']);
    assert_eq!(notes.replaced("null", note), changed(Form::Null, &[]));
    assert_eq!(
        notes.replaced("value", Payload::Null(&[0])),
        Ok((Outcome::Keep, Vec::new()))
    );
    assert_eq!(
        notes.replaced("value ?? 'x'", Payload::Null(&[])),
        changed(Form::Value, &[2, b'x'])
    );
    let timers = Made::new(
        "1.20/keyed-states/hashmap-native",
        "_timer_state/event_user-timers",
    );
    let error = timers.replaced("1", Payload::None).unwrap_err();
    assert!(error.ends_with("timers have no value"), "{error}");
}

#[test]
fn what_nobody_can_interpret_comes_back_or_not_at_all() {
    let celsius = Made::new(TYPES, "celsius");
    let values = celsius.values();
    let old = Payload::Value(&values[0]);
    assert_eq!(
        celsius.replaced("({...value})", old).map(|(outcome, _)| outcome),
        Ok(Outcome::Keep)
    );
    let error = celsius
        .replaced("({...value, '@bytes': 'AAAA'})", old)
        .unwrap_err();
    assert!(
        error.ends_with("bytes that nobody can interpret (`@opaque`) have to come back as they were"),
        "{error}"
    );
}

/// What Kryo wrote into a POJO stays, whatever becomes of the other fields.
#[test]
fn parts_of_other_frameworks_come_back_as_they_were() {
    let mut changes = 0;
    for (state, see, change, changed, spoil, why) in [
        (
            "person",
            "value !== null && value.tags !== null && value.scores !== null",
            "({...value, points: 77})",
            "value.points === 77",
            "({...value, tags: [...value.tags, 'new']})",
            "`tags`: values of type Kryo<java.util.List> cannot be written anew",
        ),
        (
            "employee",
            "value?.tags?.length > 0",
            "({...value, name: 'x', tags: [...value.tags]})",
            "value.name === 'x'",
            "({...value, tags: null, scores: {a: 1}})",
            "`scores`: values of type Kryo<java.util.Map> cannot be written anew",
        ),
    ] {
        let made = Made::new(TYPES, state);
        for old in made.values() {
            if made.kept(see, Payload::Value(&old)) != Ok(true) {
                continue;
            }
            let (outcome, new) = made.replaced(change, Payload::Value(&old)).unwrap();
            assert_eq!(outcome, Outcome::Changed(Form::Value));
            assert_eq!(made.kept(changed, Payload::Value(&new)), Ok(true));
            // Only what was changed differs.
            let json = |bytes: &[u8]| shown(&made, bytes);
            let (before, after) = (json(&old), json(&new));
            let differ = before
                .as_object()
                .unwrap()
                .iter()
                .filter(|(name, value)| after[*name] != **value);
            assert_eq!(differ.count(), 1, "{before} {after}");
            let error = made.replaced(spoil, Payload::Value(&old)).unwrap_err();
            assert!(error.ends_with(why), "{error}");
            changes += 1;
        }
    }
    assert_eq!(changes, 2);
    let offsets = Made::new(
        "1.13/kafka-legacy-consumer/hashmap-checkpoint",
        "topic-partition-offset-states",
    );
    for old in offsets.values() {
        let (_, new) = offsets
            .replaced("[value[0], value[1] + 1000]", Payload::Value(&old))
            .unwrap();
        let (before, after) = (shown(&offsets, &old), shown(&offsets, &new));
        assert_eq!(before[0], after[0]);
        assert_eq!(before[1].as_i64().unwrap() + 1000, after[1].as_i64().unwrap());
    }
}

/// A value as rows show it.
fn shown(made: &Made, bytes: &[u8]) -> serde_json::Value {
    let (value, _) = Value::decode(&made.state.value, &mut Reader::new(bytes), Framing::Framed).unwrap();
    serde_json::from_str(&value.to_json(JsonOptions::default())).unwrap()
}

#[test]
fn data_is_shown_to_those_who_ask() {
    let long = Made::long();
    let bytes = 5_i64.to_be_bytes();
    let script = Script::expression("'five'", quick()).unwrap();
    let message = |show_data| {
        let worker = long.worker(&script, show_data);
        let error = worker.replace(&long.entry(Payload::Value(&bytes)), &mut Vec::new());
        error.unwrap_err().to_string()
    };
    let place = "operator `92bb50eedd2624157895debdcfc1b131`, state `last`, key group 7";
    assert_eq!(
        message(false),
        format!("{place}: what the script returned does not fit: expected Long, got a string")
    );
    assert_eq!(
        message(true),
        format!("{place}, key \"k\": what the script returned does not fit: expected Long, got `five`")
    );
}

#[test]
fn times_are_millis_dates_or_text() {
    let long = Made::long();
    let bytes = 1_700_000_000_123_i64.to_be_bytes();
    let entry = long.entry(Payload::Value(&bytes));
    let time = |expression: &str| {
        let script = Script::expression(expression, quick()).unwrap();
        long.worker(&script, false)
            .time(&entry)
            .map_err(|error| error.to_string())
    };
    for (expression, expected) in [
        ("value", Some(1_700_000_000_123)),
        ("BigInt(value)", Some(1_700_000_000_123)),
        ("9223372036854775807n", Some(i64::MAX)),
        ("new Date(value)", Some(1_700_000_000_123)),
        ("new Date(2024, 1, 29, 12)", Some(1_709_208_000_000)),
        ("'2024-02-29'", Some(1_709_164_800_000)),
        ("'2024-02-29T12:00:00'", Some(1_709_208_000_000)),
        ("'2024-02-29T12:00:00.123456789Z'", Some(1_709_208_000_123)),
        ("'2024-02-29T12:00:00+01:00'", Some(1_709_204_400_000)),
        ("null", None),
        ("undefined", None),
        ("timestamp", None),
    ] {
        assert_eq!(time(expression), Ok(expected), "{expression}");
    }
    for expression in [
        "'yesterday'",
        "true",
        "1.5",
        "NaN",
        "new Date(NaN)",
        "({})",
        "2n ** 64n",
        "'Feb 1 2024'",
    ] {
        let error = time(expression).unwrap_err();
        let why = "a time has to be epoch milliseconds, a date, or text such as 2026-05-01T10:00:00Z";
        assert!(error.ends_with(why), "{expression}: {error}");
    }
}
