//! The checks of all decoders hold for the inputs that once broke them, for real snapshots,
//! and for these cut short and with flipped bytes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and print figures"
)]

use std::path::{Path, PathBuf};

use statetool_testkit::checks;
use statetool_testkit::root;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// `data/TARGET/…`: what fuzzing has found, named by what was wrong.
#[test]
fn inputs_that_once_failed() {
    let data = root().join("crates/testkit/tests/data");
    let mut count = 0;
    for folder in files(&data).into_iter().filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let check = checks::named(&name).expect("a check of this name");
        for file in files(&folder) {
            println!("{}", file.display());
            check(&std::fs::read(&file).unwrap());
            count += 1;
        }
    }
    println!("{count} inputs that once failed");
    assert!(count > 0);
}
