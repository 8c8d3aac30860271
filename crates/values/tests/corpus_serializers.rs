//! Every serializer of Flink's own upgrade tests: its snapshot's type decodes its test data.
//!
//! `STATETOOL_CORPUS` names another folder of the same layout.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and print figures"
)]

#[path = "../../testkit/src/places.rs"]
mod places;

use std::path::Path;

use statetool_format::serializer::{ResilienceTable, SerializerSnapshot};
use statetool_format::{Reader, Result};
use statetool_values::{Extent, Framing, JsonOptions, KryoGeneration, Type, Value, encode};

/// How many pairs of snapshot and data the shared corpus holds.
const SHARED: usize = 163;

/// How many of those hold an object of a class that only Flink's tests have: Kryo objects,
/// `Value`, `CopyableValue` and `Writable`, whose snapshots say nothing but the class.
const SHARED_OF_TEST_CLASSES: usize = 14;

/// The pairs whose values have no encoder: Java object streams.
const SHARED_WITHOUT_ENCODER: [&str; 2] = ["java-serializer/1.11", "java-serializer/1.17"];

/// The pairs whose JSON leaves out the time stamp of the TTL wrapper.
const SHARED_WITH_TTL: [&str; 4] = [
    "ttl-aware-serializer-ttl-value/1.11",
    "ttl-aware-serializer-ttl-value/1.17",
    "ttl-serializer/1.11",
    "ttl-serializer/1.17",
];

/// A pair of the corpus.
struct Pair {
    name: String,
    ty: Result<Type>,
    /// `None` if there is a snapshot only.
    data: Option<Vec<u8>>,
}

/// What became of a value.
enum Outcome {
    /// With whether it is written back byte for byte, and whether from its JSON too.
    Decoded {
        back: bool,
        from_json: bool,
    },
    /// Its end is not known without the class.
    NeedsClass(String),
    Short(String),
}

/// Since 1.7 a fixture is a snapshot behind a proxy, before that a table of one serializer and
/// its snapshot.
fn type_of(bytes: &[u8]) -> Result<Type> {
    let mut r = Reader::new(bytes);
    let snapshot = if bytes.starts_with(&[0, 0, 0, 1, 0, 0, 0, 0]) {
        let table = ResilienceTable::decode(&mut r)?;
        table
            .entries
            .first()
            .and_then(|entry| entry.snapshot.known().cloned())
    } else {
        Some(SerializerSnapshot::decode_proxied(&mut r)?)
    };
    let snapshot = snapshot.ok_or_else(|| r.invalid("serializer snapshot", "its frame could not be read"))?;
    Ok(Type::of(&snapshot, KryoGeneration::V2))
}

fn pairs(corpus: &Path) -> Vec<Pair> {
    let root = corpus.join("serializers");
    let snapshots = places::files_named(&root, "serializer-snapshot");
    let pair = |file: &std::path::PathBuf| {
        let folder = file.parent().unwrap();
        Pair {
            name: folder.strip_prefix(&root).unwrap().display().to_string(),
            ty: type_of(&std::fs::read(file).unwrap()),
            data: std::fs::read(folder.join("test-data")).ok(),
        }
    };
    snapshots.iter().map(pair).collect()
}

fn outcome(ty: &Result<Type>, data: &[u8]) -> Outcome {
    let ty = match ty {
        Ok(ty) => ty,
        Err(error) => return Outcome::Short(error.to_string()),
    };
    let mut r = Reader::new(data);
    match Value::decode(ty, &mut r, Framing::Framed) {
        Ok((value, Extent::Exact)) if r.is_empty() => {
            let json = value.to_json(JsonOptions::default()).to_string();
            let json = serde_json::from_str(&json).unwrap();
            let again = Value::from_json(ty, &json).ok();
            Outcome::Decoded {
                back: is_written_as(data, ty, &value),
                from_json: again.is_some_and(|value| is_written_as(data, ty, &value)),
            }
        }
        Ok((_, Extent::Exact)) => Outcome::Short(format!("{} bytes are left over", r.left())),
        Ok((_, Extent::Rest)) => Outcome::NeedsClass(format!("{ty}: only the class knows its layout")),
        Err(error) => Outcome::Short(error.to_string()),
    }
}

fn is_written_as(data: &[u8], ty: &Type, value: &Value) -> bool {
    let mut out = Vec::new();
    encode(ty, value, &mut out).is_ok() && out == data
}

#[test]
fn test_data_decodes_to_its_end() {
    let Some(corpus) = places::corpus() else { return };
    let pairs = pairs(&corpus);
    let (mut with_data, mut of_classes, mut short) = (0, Vec::new(), Vec::new());
    let (mut changed, mut not_from_json) = (Vec::new(), Vec::new());
    for pair in &pairs {
        let Some(data) = &pair.data else { continue };
        with_data += 1;
        match outcome(&pair.ty, data) {
            Outcome::Decoded { back, from_json } => {
                if !back {
                    changed.push(&pair.name);
                }
                if !from_json {
                    not_from_json.push(&pair.name);
                }
            }
            Outcome::NeedsClass(why) => of_classes.push(format!("{}: {why}", pair.name)),
            Outcome::Short(why) => short.push(format!("{}: {why}", pair.name)),
        }
    }
    let decodable = with_data - of_classes.len();
    println!(
        "serializer pairs: {}, of which {with_data} have test data",
        pairs.len()
    );
    println!(
        "test data decoded to its exact end: {} of {with_data}",
        decodable - short.len()
    );
    println!(
        "of what does not need a user's class: {} of {decodable}",
        decodable - short.len()
    );
    println!(
        "written back byte for byte: {} of {decodable}, from JSON: {}",
        decodable - changed.len(),
        decodable - not_from_json.len()
    );
    changed
        .iter()
        .for_each(|name| println!("not written back: {name}"));
    not_from_json
        .iter()
        .for_each(|name| println!("not from JSON: {name}"));
    short.iter().for_each(|why| println!("falls short: {why}"));
    of_classes.iter().for_each(|why| println!("needs a class: {why}"));
    assert!(short.is_empty(), "{} fall short", short.len());
    if places::is_shared(&corpus) {
        assert_eq!((pairs.len(), of_classes.len()), (SHARED, SHARED_OF_TEST_CLASSES));
        assert_eq!(changed, SHARED_WITHOUT_ENCODER);
        assert_eq!(
            not_from_json,
            [SHARED_WITHOUT_ENCODER.as_slice(), &SHARED_WITH_TTL].concat()
        );
    }
}
