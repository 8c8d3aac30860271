//! Where fixtures and the corpus lie. Tests of the crates that this one depends on include
//! this file by its path.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]
#![allow(clippy::print_stdout, reason = "tests tell what they skip")]

use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of snapshots that Flink's releases ship: `STATETOOL_CORPUS`, or the one beside
/// the repository. Says so when there is none.
pub fn corpus() -> Option<PathBuf> {
    let named = std::env::var_os("STATETOOL_CORPUS").map(PathBuf::from);
    let path = named.unwrap_or_else(|| root().join("../shared/corpus"));
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: no corpus at {}", path.display());
    None
}

/// Whether a corpus is, by its own catalogue, the one whose figures the tests know.
pub fn is_shared(corpus: &Path) -> bool {
    let catalogue = std::fs::read_to_string(corpus.join("README.md")).unwrap_or_default();
    let counts = |folder: &str| {
        let line = catalogue
            .lines()
            .find(|line| line.starts_with(&format!("| `{folder}/")));
        line.and_then(|line| line.trim_end_matches('|').rsplit('|').next()?.trim().parse().ok())
    };
    ["datastream", "sql", "serializers"].map(counts) == [Some(53), Some(59), Some(163)]
}

/// The snapshots made by the Flink harness, below `STATETOOL_FIXTURES` or the repository's
/// `fixtures`: folders that hold a `fixture.json`.
pub fn fixtures() -> Vec<PathBuf> {
    let named = std::env::var_os("STATETOOL_FIXTURES").map(PathBuf::from);
    files_named(&named.unwrap_or_else(|| root().join("fixtures")), "fixture.json")
        .into_iter()
        .filter_map(|path| Some(path.parent()?.to_owned()))
        .collect()
}

/// All files of a name below a folder, sorted.
pub fn files_named(dir: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.file_name().is_some_and(|found| found == name) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
