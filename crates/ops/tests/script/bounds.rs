//! Scripts in their bounds: of memory, stack and time, and of the sandbox.

use std::time::{Duration, Instant};

use statetool_ops::script::{Limits, Outcome, Script, Whose};
use statetool_snapshot::Payload;

use crate::{Made, each_entry, quick};

const PLACE: &str = "operator `92bb50eedd2624157895debdcfc1b131`, state `last`, key group 7";

/// What a filter says of a value, and what it hints at.
fn failure(expression: &str, limits: Limits) -> (String, Option<String>) {
    let long = Made::long();
    let script = Script::expression(expression, limits).unwrap();
    let worker = long.worker(&script, false);
    let bytes = 5_i64.to_be_bytes();
    let error = worker.keeps(&long.entry(Payload::Value(&bytes))).unwrap_err();
    (error.to_string(), error.help().map(str::to_owned))
}

#[test]
fn what_does_not_end_is_ended() {
    let limits = Limits {
        time: Duration::from_millis(300),
        ..quick()
    };
    for expression in [
        "(() => { while (true); })()",
        "(() => { for (;;) { try { while (true); } catch { } finally { } } })()",
        "/^(a+)+$/.test('a'.repeat(60) + 'b')",
        "({ get length() { for (;;); } }).length",
        "[3, 2, 1].sort(() => { for (;;); })",
    ] {
        let begun = Instant::now();
        let (message, hint) = failure(expression, limits);
        assert_eq!(
            message,
            format!("{PLACE}: the script took more than 0.3 s"),
            "{expression}"
        );
        assert!(hint.unwrap().starts_with("look for a loop that does not end"));
        assert!(begun.elapsed() < Duration::from_secs(20), "{expression}");
    }
    // What is returned is looked at within the same time.
    let long = Made::long();
    let script = Script::expression("({ get n() { for (;;); } })", limits).unwrap();
    let bytes = 5_i64.to_be_bytes();
    let error = long
        .worker(&script, false)
        .replace(&long.entry(Payload::Value(&bytes)), &mut Vec::new());
    assert_eq!(
        error.unwrap_err().to_string(),
        format!("{PLACE}: the script took more than 0.3 s")
    );
}

#[test]
fn memory_has_an_end() {
    for expression in [
        "(() => { const all = []; for (;;) all.push('x'.repeat(1000) + all.length); })()",
        "(() => { let s = 'x'; for (;;) s += s; })()",
        "new Array(2 ** 32 - 1).fill(0)",
        "new ArrayBuffer(2 ** 40)",
        "[...Array(1e9).keys()]",
    ] {
        let (message, _) = failure(expression, quick());
        let is_memory = message == format!("{PLACE}: the script took more than 32 MiB of memory");
        // Strings and buffers have bounds of their own.
        let is_bound = ["string too long", "invalid array buffer length"]
            .iter()
            .any(|bound| message.contains(bound));
        assert!(is_memory || is_bound, "{expression}: {message}");
    }
    // What the engine shares is not taken apart without end.
    let long = Made::long();
    let expression = "(() => { let a = [1]; for (let i = 0; i < 100; i++) a = [a, a]; return a })()";
    let script = Script::expression(expression, quick()).unwrap();
    let bytes = 5_i64.to_be_bytes();
    let error = long
        .worker(&script, false)
        .replace(&long.entry(Payload::Value(&bytes)), &mut Vec::new());
    assert_eq!(
        error.unwrap_err().to_string(),
        format!("{PLACE}: the script took more than 32 MiB of memory")
    );
}

#[test]
fn calls_nest_only_so_deep() {
    for expression in [
        "(function f() { return f() + 1 })()",
        "(function f() { return [1].map(f) })()",
        "JSON.stringify((() => { let o = {}; for (let i = 0; i < 1e5; i++) o = {o}; return o })())",
    ] {
        let (message, _) = failure(expression, quick());
        assert_eq!(
            message,
            format!("{PLACE}: the calls of the script nest too deep"),
            "{expression}"
        );
    }
}

#[test]
fn errors_say_what_and_where() {
    for (expression, message, hint) in [
        (
            "value.a.b",
            "TypeError: cannot read property 'b' of undefined (line 1, column ",
            "",
        ),
        (
            "key.length > 0 &&\n  (() => { throw new Error('no ' + key) })()",
            "Error: no k (line 2, column ",
            "",
        ),
        ("(() => { throw 'x' })()", "threw x", ""),
        ("(() => { throw {} })()", "threw an object", ""),
        (
            "valeu > 3",
            "ReferenceError: valeu is not defined (line 1, column ",
            "an expression sees key, ",
        ),
        (
            "9007199254740993n + value",
            "TypeError: cannot convert BigInt to number (line 1, column ",
            "a long beyond 9007199254740991 is a BigInt",
        ),
        (
            "value",
            "what the script returned does not fit: expected true or false, got a number",
            "",
        ),
        (
            "value = 3",
            "what the script returned does not fit: expected true or false, got a number",
            "",
        ),
        (
            "'yes'",
            "what the script returned does not fit: expected true or false, got a string",
            "",
        ),
        (
            "undefined",
            "what the script returned does not fit: expected true or false, got undefined",
            "",
        ),
        (
            "(async () => true)()",
            "what the script returned does not fit: expected true or false, got a promise",
            "",
        ),
    ] {
        let (found, help) = failure(expression, quick());
        let expected = format!("{PLACE}: {message}");
        assert!(found.starts_with(&expected), "{expression}: {found}");
        assert!(help.unwrap_or_default().starts_with(hint), "{expression}");
    }
}

#[test]
fn bytes_that_are_no_value_are_no_fault_of_the_script() {
    let long = Made::long();
    let error = long.kept("value > 3", Payload::Value(&[1, 2])).unwrap_err();
    assert!(error.starts_with(&format!("{PLACE}: ")), "{error}");
    // What is not looked at is not decoded.
    assert_eq!(long.kept("key === 'k'", Payload::Value(&[1, 2])), Ok(true));
}

#[test]
fn nothing_of_the_machine_is_there() {
    let long = Made::long();
    let bytes = 5_i64.to_be_bytes();
    let names = "['std', 'os', 'require', 'process', 'print', 'console', 'eval', 'Promise', 'WeakRef', 'Atomics', \
                 'SharedArrayBuffer', 'FinalizationRegistry', 'queueMicrotask', 'performance', 'setTimeout', 'fetch', \
                 'Worker', 'gc', 'scriptArgs', 'navigator', 'DOMException', 'Proxy']";
    for expression in [
        &format!("{names}.every(name => !(name in globalThis))"),
        "typeof Math.random === 'undefined'",
        "this === undefined",
        // Code that is made is in the same sandbox.
        "Function('return typeof std + typeof os + typeof eval')() === 'undefinedundefinedundefined'",
        "Object.isFrozen(globalThis) && Object.isFrozen(Array.prototype) && Object.isFrozen(Math)",
        "Object.isFrozen(Object.getPrototypeOf(function* () {})) && Object.isFrozen(Object.getPrototypeOf([].values()))",
        "Uint8Array.fromBase64('AQI=')[1] === 2",
        "new Date(0).getHours() === 0 && new Date(2024, 0).toString() === '2024-01-01T00:00:00.000Z'",
        "new Date('2024-07-01T00:00').getTimezoneOffset() === 0",
        "Date.parse('2024-07-01T12:00') === Date.UTC(2024, 6, 1, 12) && Number.isNaN(Date.parse('July 1, 2024'))",
        "new Date(5) instanceof Date && Date.name === 'Date' && new Date(5).constructor === Date",
    ] {
        assert_eq!(
            long.kept(expression, Payload::Value(&bytes)),
            Ok(true),
            "{expression}"
        );
    }
    for (expression, why) in [
        (
            "Date.now() > 0",
            "scripts have no clock: write the time into the script",
        ),
        (
            "new Date() > 0",
            "scripts have no clock: write the time into the script",
        ),
        (
            "Date() > ''",
            "scripts have no clock: write the time into the script",
        ),
        ("Math.random() > 0.5", "not a function"),
        ("import('std')", "got a promise"),
        ("(globalThis.count = 1) > 0", "TypeError"),
        ("(count = 1) > 0", "count is not defined"),
        ("(Array.prototype.x = 1) > 0", "TypeError"),
        ("(Object.prototype.toString.x = 1) > 0", "TypeError"),
        (
            "(Object.getPrototypeOf(async function () {}).x = 1) > 0",
            "TypeError",
        ),
        ("(''.matchAll(/a/g).constructor.x = 1) > 0", "TypeError"),
    ] {
        let error = long.kept(expression, Payload::Value(&bytes)).unwrap_err();
        assert!(error.contains(why), "{expression}: {error}");
    }
    for source in [
        "import std from 'std'",
        "export default 1",
        "import.meta",
        "await 1",
        "#!/bin/sh",
    ] {
        assert!(Script::expression(source, quick()).is_err(), "{source}");
    }
}

/// Every thread makes the same of the same entries, with an engine of its own.
#[test]
fn threads_agree() {
    let source = "({...value, number: value.number + subtask + index, word: value.word + '!'})";
    let script = Script::expression(source, quick()).unwrap();
    let run = || {
        let mut all = Vec::new();
        each_entry(
            "1.20/operator-states/hashmap-canonical",
            "seen",
            |operator, entry| {
                let worker = script.worker(&Whose::of(operator), false).unwrap();
                let mut out = Vec::new();
                let outcome = worker.replace(entry, &mut out).unwrap();
                assert!(matches!(outcome, Outcome::Changed(_)));
                all.push(out);
            },
        );
        all
    };
    let made = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(made[0].len(), 8);
    assert!(made.iter().all(|all| *all == made[0]));
}
