//! What a script returns as it saw it has the bytes that it had, whatever its type.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and tell what they counted"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use statetool_format::Reader;
use statetool_ops::script::{Limits, Outcome, Script, Whose, Worker};
use statetool_snapshot::{Entry, Flow, Payload, Snapshot};
use statetool_testkit::opened::open;
use statetool_testkit::{corpus, files_named, root};
use statetool_values::{Framing, JsonOptions, Plain, Type, Value, encode};

/// What was found, in words, and how often.
type Counts = BTreeMap<String, u64>;

#[test]
fn values_returned_as_they_were_stay_as_they_are() {
    let mut paths: Vec<PathBuf> = files_named(&root().join("fixtures"), "_metadata");
    paths.extend(corpus().map_or_else(Vec::new, |folder| files_named(&folder, "_metadata")));
    let script = Script::expression("value", Limits::default()).unwrap();
    let (mut kept, mut bytes, mut without) = (Counts::new(), Counts::new(), Counts::new());
    for path in paths {
        let Ok(snapshot) = open(&path) else { continue };
        each_entry(&snapshot, &script, |worker, entry| {
            let mut out = Vec::new();
            match worker.replace(entry, &mut out) {
                Ok(Outcome::Keep) => count(&mut kept, entry.state.kind.name()),
                other => panic!(
                    "{}, {}: {:?} becomes {other:?} {out:?}",
                    path.display(),
                    entry.state.name,
                    entry.value
                ),
            }
            each_value(entry, |value| match written_back(&entry.state.value, value) {
                Ok(same) => match same {
                    true => count(&mut bytes, "the same"),
                    false => count(&mut bytes, &format!("others: {}", entry.state.user_value())),
                },
                Err(why) => count(&mut without, &format!("{}: {why}", entry.state.user_value())),
            });
        });
    }
    println!("entries kept: {kept:#?}");
    println!("values written with the bytes that they had: {bytes:#?}");
    println!("no way back: {without:#?}");
    assert!(kept.values().sum::<u64>() > 8_000);
    assert_eq!(bytes.keys().collect::<Vec<_>>(), ["the same"]);
    for what in without.keys() {
        let (_, why) = what.split_once(": ").unwrap();
        let known = ["Kryo<", "JavaObject", "Variant"].map(|class| format!("values of type {class}"));
        let is_known = known.iter().any(|known| why.contains(known)) || why.contains("`@opaque`");
        assert!(is_known, "{what}");
    }
}

fn count(counts: &mut Counts, what: &str) {
    *counts.entry(what.to_owned()).or_default() += 1;
}

fn each_entry(snapshot: &Snapshot, script: &Script, mut look: impl FnMut(&Worker, &Entry<'_>)) {
    for operator in snapshot.operators() {
        let Ok(loaded) = snapshot.load_operator(&operator) else {
            continue;
        };
        let worker = script.worker(&Whose::of(&operator), true).unwrap();
        for part in &loaded.parts {
            let mut visit = |entry: &Entry<'_>| {
                if !matches!(entry.value, Payload::None) {
                    look(&worker, entry);
                }
                Ok(Flow::Continue(()))
            };
            // What cannot be read has tests of its own.
            let _ = part.scan(snapshot.files(), part.range, &|_| true, &mut visit);
        }
    }
}

fn each_value(entry: &Entry<'_>, mut look: impl FnMut(&[u8])) {
    match entry.value {
        Payload::None | Payload::Null(_) => {}
        Payload::Value(bytes) => look(bytes),
        Payload::Delimited(_) | Payload::Counted(_) => {
            let mut elements = entry.elements();
            while let Some(element) = elements.next_element().unwrap() {
                look(element);
            }
        }
    }
}

/// Whether a value gets its own bytes again when it is made of what rows show.
fn written_back(ty: &Type, bytes: &[u8]) -> Result<bool, String> {
    let (ty, bytes) = match ty {
        Type::Ttl(inner) => (&**inner, bytes.get(8..).unwrap()),
        ty => (ty, bytes),
    };
    let (value, _) = Value::decode(ty, &mut Reader::new(bytes), Framing::Framed).unwrap();
    let json = serde_json::from_str(&value.to_json(JsonOptions::default())).unwrap();
    let again = Value::from_plain(ty, &Plain::from(&json)).map_err(|error| error.message(false))?;
    let mut out = Vec::new();
    encode(ty, &again, &mut out).map_err(|error| error.message(false))?;
    Ok(out == bytes)
}
