//! Subtasks of one operator that say different things of a state.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use statetool_ops::verify::{Finding, VerifyOptions, VerifyReport, verify};
use statetool_testkit::opened::{metadata_of, open};

const NAME: &[u8] = b"StringSerializerSnapshot";

/// A savepoint of three subtasks with a byte changed in the `nth` name of a serializer snapshot.
fn verified(nth: usize) -> VerifyReport {
    let mut bytes = fs::read(metadata_of("1.20/operator-states/hashmap-canonical").unwrap()).unwrap();
    let mut names = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(NAME));
    let at = names.nth(nth).unwrap();
    bytes[at] = b'%';
    // The tests of a file run side by side.
    static FOLDERS: AtomicUsize = AtomicUsize::new(0);
    let folder = format!("agreement-{}", FOLDERS.fetch_add(1, Ordering::Relaxed));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("_metadata");
    fs::write(&file, bytes).unwrap();
    let options = VerifyOptions {
        deep: true,
        ..VerifyOptions::default()
    };
    verify(&open(&file).unwrap(), &options)
}

fn said(findings: &[Finding]) -> String {
    findings
        .iter()
        .map(|finding| format!("{}\n", finding.message))
        .collect()
}

#[test]
fn a_class_name_damaged_in_any_subtask_is_seen() {
    for nth in 0..12 {
        let report = verified(nth);
        let all = said(&report.findings) + &said(&report.notes);
        assert!(all.contains("%tringSerializerSnapshot"), "{nth}: {all}");
    }
}

#[test]
fn types_that_differ_between_subtasks_are_a_finding() {
    let differing = (0..12).filter(|nth| said(&verified(*nth).findings).contains("in subtask 0"));
    assert!(differing.count() >= 6);
}
