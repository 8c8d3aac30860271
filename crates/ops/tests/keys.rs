//! The keys of all fixtures and of the corpus: they hash to the key groups in which Flink stored
//! them, and are written back, also from their JSON, as Flink wrote them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and print figures"
)]

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use statetool_format::Reader;
use statetool_format::key_group::key_group_of_hash;
use statetool_snapshot::{Entry, Flow, OpenOptions, Relocation, Snapshot};
use statetool_store::Store;
use statetool_testkit as testkit;
use statetool_values::{Framing, JsonOptions, Type, Value, encode, java_hash};

/// What was found of the keys of one type.
#[derive(Default)]
struct Keys {
    seen: usize,
    /// Whose hash code leads to the key group in which they are stored.
    hashed: usize,
    written_back: usize,
    written_from_json: usize,
    wrong: Vec<String>,
}

impl Keys {
    fn add(&mut self, ty: &Type, bytes: &[u8], group: u32, max_parallelism: u32) {
        self.seen += 1;
        let value = match Value::decode(ty, &mut Reader::new(bytes), Framing::Framed) {
            Ok((value, _)) => value,
            Err(error) => return self.wrong.push(error.to_string()),
        };
        let json = value.to_json(JsonOptions::default());
        match java_hash(ty, &value).map(|hash| key_group_of_hash(hash, max_parallelism)) {
            Some(found) if found == group => self.hashed += 1,
            Some(found) => self
                .wrong
                .push(format!("{json} hashes to key group {found}, not {group}")),
            None => {}
        }
        let encoded = |value: &Value| {
            let mut out = Vec::new();
            encode(ty, value, &mut out).is_ok().then_some(out)
        };
        self.written_back += usize::from(encoded(&value).is_some_and(|out| out == bytes));
        let again = serde_json::from_str(&json.to_string()).ok();
        let again = again.and_then(|json| Value::from_json(ty, &json).ok());
        self.written_from_json += usize::from(
            again
                .and_then(|value| encoded(&value))
                .is_some_and(|out| out == bytes),
        );
    }
}

/// All snapshots and where the absolute paths inside them lie.
fn snapshots() -> Vec<(PathBuf, Vec<Relocation>)> {
    let mut found = Vec::new();
    for dir in testkit::fixtures() {
        let text = std::fs::read_to_string(dir.join("fixture.json")).unwrap();
        let said: serde_json::Value = serde_json::from_str(&text).unwrap();
        let written_to = said["written_to"].as_str().unwrap();
        let relocation = format!("{written_to}={}", dir.join("snapshot").display());
        let relocation = Relocation::parse(&relocation).unwrap();
        found.push((dir.join(said["snapshot"].as_str().unwrap()), vec![relocation]));
    }
    let corpus = testkit::corpus().map(|corpus| testkit::files_named(&corpus, "_metadata"));
    found.extend(corpus.into_iter().flatten().map(|file| (file, Vec::new())));
    found
}

fn collect(snapshot: &Snapshot, types: &mut BTreeMap<String, Keys>) -> statetool_snapshot::Result<()> {
    for operator in snapshot.operators() {
        let loaded = snapshot.load_operator(&operator)?;
        let max_parallelism = operator.state.max_parallelism;
        let mut known = HashSet::new();
        let mut visit = |entry: &Entry<'_>| {
            let (Some(ty), Some(group)) = (&entry.state.key, entry.key_group) else {
                return Ok(Flow::Continue(()));
            };
            if let Ok(Some(parts)) = entry.key_parts()
                && known.insert(parts.key.to_vec())
            {
                types
                    .entry(ty.name())
                    .or_default()
                    .add(ty, parts.key, group, max_parallelism);
            }
            Ok(Flow::Continue(()))
        };
        for part in &loaded.parts {
            // What cannot be listed is the business of other tests.
            let _ = part.scan(snapshot.files(), part.range, &|_| true, &mut visit);
        }
    }
    Ok(())
}

#[test]
fn keys_hash_to_their_key_groups_and_are_written_back() {
    let mut types = BTreeMap::new();
    let snapshots = snapshots();
    for (path, relocations) in &snapshots {
        let options = OpenOptions {
            relocations: relocations.clone(),
            ..OpenOptions::default()
        };
        let snapshot = Snapshot::open(&Store::default(), &path.to_string_lossy(), options);
        let collected = snapshot.and_then(|snapshot| collect(&snapshot, &mut types));
        collected.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    println!("keys of {} snapshots", snapshots.len());
    println!(
        "{:>6} {:>6} {:>6} {:>6}  type of the keys",
        "seen", "hashed", "back", "json"
    );
    let mut wrong = Vec::new();
    for (name, keys) in &types {
        let Keys {
            seen,
            hashed,
            written_back,
            written_from_json,
            ..
        } = keys;
        println!("{seen:>6} {hashed:>6} {written_back:>6} {written_from_json:>6}  {name}");
        wrong.extend(keys.wrong.iter().map(|why| format!("{name}: {why}")));
    }
    assert!(wrong.is_empty(), "{} keys:\n{}", wrong.len(), wrong.join("\n"));
}
