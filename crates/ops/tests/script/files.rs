//! Script files, and texts that are no scripts.

use statetool_ops::script::{Form, Outcome, Script};
use statetool_snapshot::Payload;

use crate::{Made, changed, quick};

/// What becomes of a value.
type Replaced = Result<(Outcome, Vec<u8>), String>;

/// Whether a script file keeps the long 5, and what becomes of it.
fn run(source: &str) -> (Result<bool, String>, Replaced) {
    let long = Made::long();
    let script = Script::file("rules.js", source, quick()).unwrap();
    let worker = long.worker(&script, false);
    let bytes = 5_i64.to_be_bytes();
    let entry = long.entry(Payload::Value(&bytes));
    let mut out = Vec::new();
    let keeps = worker.keeps(&entry).map_err(|error| error.to_string());
    let replaced = worker
        .replace(&entry, &mut out)
        .map_err(|error| error.to_string());
    (keeps, replaced.map(|outcome| (outcome, out)))
}

#[test]
fn files_define_where_and_map() {
    let six = || changed(Form::Value, &6_i64.to_be_bytes());
    let keep = || Ok((Outcome::Keep, Vec::new()));
    for (source, keeps, replaced) in [
        (
            "function where(entry) { return entry.value > 9 }",
            Ok(false),
            keep(),
        ),
        (
            "const where = ({ key, value }) => key === 'k' && value === 5",
            Ok(true),
            keep(),
        ),
        ("function map(entry) { return entry.value + 1 }", Ok(true), six()),
        (
            "const more = new Map([['k', 1]]);\nfunction where(e) { return more.has(e.key) }\nlet map = e => e.value + more.get(e.key)",
            Ok(true),
            six(),
        ),
        (
            "const where = e => Object.keys(e).join() === 'key,namespace,mapKey,value,keyGroup,timestamp,operator,uid,state,subtask,index'",
            Ok(true),
            keep(),
        ),
    ] {
        assert_eq!(run(source), (keeps, replaced), "{source}");
    }
    let place = "operator `92bb50eedd2624157895debdcfc1b131`, state `last`, key group 7";
    let (_, forgotten) = run("function map(entry) { entry.value + 1 }");
    assert_eq!(
        forgotten.unwrap_err(),
        format!(
            "{place}: what the script returned does not fit: it returned nothing: a `return` is missing, or null was meant"
        )
    );
    let (_, thrown) = run("function where(e) { return true }\n\nfunction map(e) {\n  return e.value.x.y\n}");
    assert_eq!(
        thrown.unwrap_err(),
        format!("{place}: TypeError: cannot read property 'y' of undefined (line 4, column 10)")
    );
    // What is global after the script was loaded stays as it is.
    let (counted, _) = run("var count = 0; function where() { return ++count > 0 }");
    assert!(counted.unwrap_err().contains("TypeError"));
}

#[test]
fn what_is_no_script_is_refused_when_it_is_read() {
    for (source, message) in [
        ("", "the expression is empty"),
        (" \n", "the expression is empty"),
        (
            "value >",
            "expression: SyntaxError: unexpected token in expression: ')' (line 2, column 1)",
        ),
        (
            "value.n >\n  > 3",
            "expression: SyntaxError: unexpected token in expression: '>' (line 2, column 3)",
        ),
        (
            "return value",
            "expression: SyntaxError: unexpected token in expression: 'return' (line 1, column 1)",
        ),
        (
            "let x = 3",
            "expression: SyntaxError: unexpected token in expression: 'let' (line 1, column 1)",
        ),
        (
            "value; 3",
            "expression: SyntaxError: Unexpected token ';' (line 1, column 6)",
        ),
    ] {
        let error = Script::expression(source, quick()).unwrap_err();
        assert_eq!(error.to_string(), message, "{source}");
        assert!(error.help().is_some());
    }
    for (source, message) in [
        ("", "script `rules.js`: it defines neither `where` nor `map`"),
        (
            "function filter() {}",
            "script `rules.js`: it defines neither `where` nor `map`",
        ),
        (
            "function where(e) {\n  return e.value >> ;\n}",
            "script `rules.js`: SyntaxError: unexpected token in expression: ';' (line 2, column 21)",
        ),
        (
            "const where = 5",
            "script `rules.js`: what the script returned does not fit: `where` is no function",
        ),
        (
            "\nthrow new Error('x')",
            "script `rules.js`: Error: x (line 2, column 11)",
        ),
        ("for (;;);", "script `rules.js`: the script took more than 2 s"),
        ("import 'std'", "script `rules.js`: SyntaxError: "),
    ] {
        let error = Script::file("rules.js", source, quick()).unwrap_err();
        assert!(error.to_string().starts_with(message), "{source}: {error}");
        let is_module = error.help().is_some_and(|help| help.contains("no module"));
        assert_eq!(is_module, source.starts_with("import"), "{source}");
    }
}

/// The file that the documentation shows is one.
#[test]
fn the_documented_file_is_a_script() {
    let docs = std::fs::read_to_string(statetool_testkit::root().join("docs/scripts.md")).unwrap();
    let (_, rest) = docs.split_once("```js\n").unwrap();
    let (source, _) = rest.split_once("```").unwrap();
    let script = Script::file("docs.js", source, quick()).unwrap();
    let event = Made::new("1.20/windows/hashmap-canonical", "window-contents");
    let values = event.values();
    let entry = event.entry(Payload::Value(&values[0]));
    let worker = event.worker(&script, false);
    assert!(worker.keeps(&entry).unwrap());
    let error = worker.replace(&entry, &mut Vec::new()).unwrap_err();
    assert!(
        error.to_string().ends_with("there is no field `total`"),
        "{error}"
    );
}
