//! Reads that fail, are short, slow or wrong in the middle of a parallel scan.
//!
//! For every read of every operation: the failure ends it with an error that names the file,
//! in time; what came before is the beginning of the whole, and never passes for the whole.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and print figures"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use statetool_ops::cat::{CatOptions, cat};
use statetool_ops::inspect::{InspectOptions, inspect};
use statetool_ops::progress::Progress;
use statetool_ops::verify::{VerifyOptions, verify};
use statetool_snapshot::{Flow, Result, StateSelector};
use statetool_testkit::faulty::{FAILURE, Reads, Trouble};
use statetool_testkit::opened::{metadata_of, open};

const THREADS: usize = 3;

/// A fixture of each layout.
const FIXTURES: [&str; 8] = [
    "1.20/keyed-states/rocksdb-canonical",
    "1.20/keyed-states/hashmap-canonical-snappy",
    "1.20/keyed-states/hashmap-checkpoint",
    "1.20/keyed-states/rocksdb-heap-timers",
    "1.20/keyed-states/rocksdb-changelog",
    "1.20/keyed-states/rocksdb-rescaled",
    "1.20/many-files/rocksdb-incremental-checkpoint",
    "1.20/operator-states/hashmap-checkpoint",
];

fn fixtures() -> Vec<PathBuf> {
    let found: Vec<PathBuf> = FIXTURES.iter().filter_map(|name| metadata_of(name)).collect();
    assert_eq!(found.len(), FIXTURES.len(), "fixtures are missing");
    found
}

/// What an operation gave, and how it ended.
type Outcome = (String, Result<()>);

/// Rows, as they came.
fn rows(path: &Path, reads: &Reads) -> Outcome {
    let mut rows = String::new();
    let outcome = opened(path, reads).and_then(|snapshot| {
        let options = CatOptions {
            threads: THREADS,
            ..CatOptions::default()
        };
        cat(&snapshot, &options, false, |chunk| {
            rows.push_str(str::from_utf8(&chunk.text).expect("rows are text"));
            Ok(Flow::Continue(()))
        })
    });
    (rows, outcome.map(|_| ()))
}

/// The counts of a scan.
fn stats(path: &Path, reads: &Reads) -> Outcome {
    let outcome = opened(path, reads).and_then(|snapshot| {
        let options = InspectOptions {
            selector: StateSelector::all(),
            stats: true,
            threads: THREADS,
            progress: Arc::new(Progress::default()),
        };
        inspect(&snapshot, &options)
    });
    match outcome {
        Ok(report) => (serde_json::to_string(&report).unwrap(), Ok(())),
        Err(error) => (String::new(), Err(error)),
    }
}

/// The findings, which are how `verify` says that something cannot be read.
fn findings(path: &Path, reads: &Reads) -> Vec<String> {
    let options = VerifyOptions {
        deep: true,
        threads: THREADS,
        ..VerifyOptions::default()
    };
    let report = opened(path, reads).map(|snapshot| verify(&snapshot, &options));
    let findings = report.unwrap().findings.into_iter();
    findings.map(|finding| finding.message).collect()
}

fn opened(path: &Path, reads: &Reads) -> Result<statetool_snapshot::Snapshot> {
    let reads = reads.clone();
    Ok(open(path)?.with_sources(move |source| reads.wrap(source)))
}

/// Fails if `work` does not end.
fn in_time<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(work()));
    let done = receiver.recv_timeout(Duration::from_secs(60));
    done.unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// The first of the reads of a run, and then about thirty.
fn some_of(count: u64) -> impl Iterator<Item = u64> {
    (0..count).filter(move |at| *at < 10 || at.is_multiple_of(count.div_ceil(30)))
}

#[test]
fn a_read_that_fails_or_is_short_ends_the_operation() {
    let mut tried = 0;
    for path in fixtures() {
        for operation in [rows, stats] {
            let all = Reads::all(Trouble::Nothing);
            let (whole, ended) = operation(&path, &all);
            ended.unwrap();
            for (at, trouble) in
                some_of(all.count()).flat_map(|at| [(at, Trouble::Fails), (at, Trouble::IsShort)])
            {
                let name = format!("{}, read {at} {trouble:?}", path.display());
                let reads = Reads::one(trouble, at);
                let run = (path.clone(), reads.clone());
                let (got, ended) = in_time(&name, move || operation(&run.0, &run.1));
                if reads.met() == 0 || (trouble == Trouble::IsShort && ended.is_ok()) {
                    // Threads may share what one of them has read; and what is missing of a
                    // read ahead may be read again.
                    assert_eq!(got, whole, "{name}");
                    continue;
                }
                tried += 1;
                let error = ended.expect_err(&name).to_string();
                assert!(
                    whole.starts_with(&got) && got != whole,
                    "{name}: no beginning: {error}"
                );
                let said = match trouble {
                    Trouble::Fails => error.contains(FAILURE),
                    _ => true,
                };
                assert!(said, "{name}: {error}");
            }
        }
    }
    println!("{tried} reads that failed or were short ended cat and inspect --stats with an error");
}

#[test]
fn a_read_that_fails_is_a_finding() {
    let mut tried = 0;
    for path in fixtures() {
        let all = Reads::all(Trouble::Nothing);
        assert_eq!(findings(&path, &all), Vec::<String>::new(), "{}", path.display());
        for at in some_of(all.count()) {
            let name = format!("{}, read {at}", path.display());
            let reads = Reads::one(Trouble::Fails, at);
            let run = (path.clone(), reads.clone());
            let found = in_time(&name, move || findings(&run.0, &run.1));
            if reads.met() > 0 {
                tried += 1;
                assert!(found.iter().any(|f| f.contains(FAILURE)), "{name}: {found:?}");
            }
        }
    }
    println!("{tried} reads that failed became findings of verify --deep");
}

#[test]
fn slow_reads_change_nothing() {
    for path in fixtures() {
        let (whole, ended) = rows(&path, &Reads::all(Trouble::Nothing));
        ended.unwrap();
        let name = path.display().to_string();
        let (slow, ended) = in_time(&name, move || {
            rows(&path, &Reads::all(Trouble::IsSlow(Duration::from_millis(1))))
        });
        ended.unwrap();
        assert_eq!(slow, whole, "{name}");
    }
}

#[test]
fn flipped_bits_end_in_an_error_a_finding_or_other_rows() {
    let (mut refused, mut found, mut unnoticed) = (0, 0, 0);
    for path in fixtures() {
        let all = Reads::all(Trouble::Nothing);
        findings(&path, &all);
        for at in some_of(all.count()) {
            let name = format!("{}, read {at}", path.display());
            let run = path.clone();
            let (ended, findings) = in_time(&name, move || {
                let flipped = || Reads::one(Trouble::FlipsBit, at);
                (rows(&run, &flipped()).1, findings(&run, &flipped()))
            });
            refused += usize::from(ended.is_err());
            found += usize::from(!findings.is_empty());
            unnoticed += usize::from(ended.is_ok() && findings.is_empty());
        }
    }
    println!("flipped bits: cat refused {refused}, verify --deep found {found}, nobody noticed {unnoticed}");
    assert!(found > 2 * unnoticed);
}
