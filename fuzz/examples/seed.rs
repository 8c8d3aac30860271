//! Writes the inputs from which fuzzing starts: `seed FOLDER`.
//!
//! They come from `fixtures/`, from the corpus when it is there, from vectors and from the
//! databases that the tests use. Each is a file named by its contents.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use statetool_testkit::checks::{self, seeds};
use statetool_testkit::{corpus, files_named, root};

fn main() -> io::Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(|| root().join("fuzz/corpus"), PathBuf::from);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (target, bytes) in all() {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder)?;
        let mut hash = DefaultHasher::new();
        bytes.hash(&mut hash);
        std::fs::write(folder.join(format!("seed-{:016x}", hash.finish())), bytes)?;
        *counts.entry(target).or_default() += 1;
    }
    for (target, _) in checks::ALL {
        println!("{target}: {} inputs", counts.get(target).copied().unwrap_or_default());
    }
    Ok(())
}

fn all() -> Vec<seeds::Seed> {
    let mut all = Vec::new();
    let places = [Some(root().join("fixtures")), corpus()];
    for place in places.iter().flatten() {
        for file in files_named(place, "_metadata") {
            all.extend(seeds::of_snapshot(&file));
        }
        for file in files_named(place, "serializer-snapshot") {
            all.extend(file.parent().into_iter().flat_map(seeds::of_serializer));
        }
    }
    let vectors = root().join("crates/values/tests/vectors");
    for (target, file) in [
        ("java", "java-17.txt"),
        ("kryo_2", "kryo-1.20.txt"),
        ("kryo_2", "kryo-1.20-scala.txt"),
        ("kryo_5", "kryo-2.3.txt"),
    ] {
        all.extend(seeds::of_vectors(target, &vectors.join(file)));
    }
    all.extend(databases(&root().join("crates/backend/tests/data")));
    all.extend(snappy());
    all
}

/// The files of the databases that the tests of `backend` use.
fn databases(folder: &Path) -> Vec<seeds::Seed> {
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries(folder).flat_map(|entry| entries(&entry.path()));
    files
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let target = match &*name {
                name if name.ends_with(".sst") => "rocksdb_table",
                name if name.starts_with("MANIFEST-") => "rocksdb_manifest",
                _ => return None,
            };
            Some((target, std::fs::read(entry.path()).ok()?))
        })
        .collect()
}

/// Streams of frames, compressed and not, of several sizes.
fn snappy() -> Vec<seeds::Seed> {
    let repeated = |len: usize| (0..len).map(|at| (at % 11) as u8).collect::<Vec<_>>();
    let noise = |len: usize| {
        let mut state = 1_u64;
        (0..len)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect::<Vec<_>>()
    };
    let framed = |bytes: Vec<u8>| checks::snappy_frames(&bytes);
    [0, 1, 100, 70_000]
        .into_iter()
        .flat_map(|len| [framed(repeated(len)), framed(noise(len))])
        .map(|stream| ("snappy", stream))
        .collect()
}
