//! How fast a scan goes through a database, in entries and bytes a second.
//!
//! `STATETOOL_BENCH_DATABASE` names a folder with a RocksDB database; without it, a small one of the tests'
//! is scanned many times.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use statetool_backend::Result;
use statetool_backend::rocksdb::{Database, Folder, KeyRange};

#[expect(clippy::panic, reason = "a benchmark has nobody to report to")]
fn main() {
    let given = std::env::var_os("STATETOOL_BENCH_DATABASE").map(PathBuf::from);
    let rounds = if given.is_some() { 1 } else { 2000 };
    let small = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/version-5-two-levels");
    let folder = given.unwrap_or_else(small);
    for _ in 0..5 {
        let start = Instant::now();
        let (mut entries, mut bytes) = (0, 0);
        for _ in 0..rounds {
            let (read, size) = scan(&folder).unwrap_or_else(|error| panic!("{error}"));
            entries += read;
            bytes += size;
        }
        let seconds = start.elapsed().as_secs_f64();
        let rates = (entries as f64 / seconds / 1e6, bytes as f64 / seconds / 1e6);
        let line = format!(
            "{entries} entries in {seconds:.3} s: {:.2} million/s, {:.0} MB/s",
            rates.0, rates.1
        );
        writeln!(std::io::stdout(), "{line}").unwrap_or_default();
    }
}

/// Number of entries read and bytes given out.
fn scan(folder: &Path) -> Result<(u64, u64)> {
    let database = Database::open(Folder::new(folder))?;
    let (mut entries, mut bytes) = (0, 0);
    for family in database.families() {
        let mut scan = database.scan(family.name(), KeyRange::all())?;
        while let Some(entry) = scan.next()? {
            bytes += (entry.key.len() + entry.value.len()) as u64;
        }
        entries += scan.counters().read;
    }
    Ok((entries, bytes))
}
