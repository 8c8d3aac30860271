//! Every `_metadata` file of the corpus and the fixtures decodes to its end and encodes to
//! the same bytes; no truncation and no flipped byte makes the decoder panic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and print figures"
)]

#[path = "../../testkit/src/places.rs"]
mod places;

use std::path::PathBuf;

use statetool_format::metadata::Metadata;
use statetool_format::{Encode, OperatorId};

/// How many `_metadata` files the shared corpus holds.
const SHARED: usize = 112;

fn corpus_files() -> Vec<PathBuf> {
    let corpus = places::corpus();
    corpus.map_or_else(Vec::new, |corpus| places::files_named(&corpus, "_metadata"))
}

fn all_files() -> Vec<PathBuf> {
    let mut files = corpus_files();
    for fixture in places::fixtures() {
        files.extend(places::files_named(&fixture, "_metadata"));
    }
    files
}

/// Why a file falls short, if it does.
fn shortfall(file: &PathBuf) -> Option<String> {
    let bytes = std::fs::read(file).unwrap();
    match Metadata::decode(&bytes) {
        Err(error) => Some(format!("{}: {error}", file.display())),
        Ok(metadata) if metadata.to_bytes() != bytes => {
            Some(format!("{}: encodes differently", file.display()))
        }
        Ok(_) => None,
    }
}

#[test]
fn every_metadata_file_round_trips() {
    let mut short = Vec::new();
    let of_corpus = corpus_files();
    for (name, files) in [
        ("corpus", of_corpus.clone()),
        ("corpus and fixtures", all_files()),
    ] {
        short = files.iter().filter_map(shortfall).collect();
        let good = files.len() - short.len();
        println!(
            "_metadata files of {name} that encode to the same bytes: {good} of {}",
            files.len()
        );
    }
    short.iter().for_each(|why| println!("falls short: {why}"));
    assert!(short.is_empty(), "{} fall short", short.len());
    if places::corpus().is_some_and(|corpus| places::is_shared(&corpus)) {
        assert_eq!(of_corpus.len(), SHARED);
    }
}

#[test]
fn damaged_metadata_is_refused_and_never_panics() {
    let mut files: Vec<_> = all_files()
        .into_iter()
        .filter(|f| f.metadata().is_ok_and(|m| m.len() < 3000))
        .collect();
    files.truncate(12);
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        for end in 0..bytes.len() {
            let error = Metadata::decode(&bytes[..end]).expect_err("a truncated file is no metadata");
            assert!(error.offset() <= end as u64, "{error}");
        }
        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                // Some bytes are data: a changed id or path is still metadata.
                if let Ok(metadata) = Metadata::decode(&damaged) {
                    let again = Metadata::decode(&metadata.to_bytes()).unwrap();
                    assert_eq!(again, metadata);
                }
            }
        }
    }
}

#[test]
fn refusals_say_what_was_wrong() {
    let refusal = |bytes: &[u8]| Metadata::decode(bytes).unwrap_err().to_string();
    assert_eq!(
        refusal(b""),
        "magic number at offset 0x0: needs 4 bytes, 0 are left"
    );
    assert_eq!(
        refusal(b"PK\x03\x04rest"),
        "magic number at offset 0x0: 0x504b0304 is not 0x4960672d: this is no Flink metadata file"
    );
    let with = |rest: &[u8]| [&b"\x49\x60\x67\x2d"[..], rest].concat();
    assert_eq!(
        refusal(&with(&[0, 0, 0, 99])),
        "metadata version at offset 0x4: version 99 is newer than 7, the newest known (Flink 2.4)"
    );
    assert_eq!(
        refusal(&with(&[0, 0, 0, 1])),
        "metadata version at offset 0x4: version 1 is that of Flink 1.1 and 1.2, which no tool since 1.11 reads"
    );
    let negative_id = [&[0, 0, 0, 3][..], &[0xff; 8]].concat();
    assert_eq!(
        refusal(&with(&negative_id)),
        "checkpoint id at offset 0x8: -1 is not within 0 to 9223372036854775807"
    );
    let huge_count = [&[0, 0, 0, 3][..], &[0; 12], &[0x7f, 0xff, 0xff, 0xff]].concat();
    assert_eq!(
        refusal(&with(&huge_count)),
        "number of operators at offset 0x14: needs 62277025763 bytes, 0 are left"
    );
    let trailing = [&[0, 0, 0, 3][..], &[0; 16], b"x"].concat();
    assert_eq!(
        refusal(&with(&trailing)),
        "end of the metadata at offset 0x18: 1 bytes are left over"
    );
}

#[test]
fn uids_of_the_corpus_are_found_by_their_hash() {
    let corpus = all_files();
    let Some(file) = corpus
        .iter()
        .find(|f| f.to_string_lossy().contains("broadcast-udf-migration"))
    else {
        println!("skipped: the corpus is not here");
        return;
    };
    let metadata = Metadata::decode(&std::fs::read(file).unwrap()).unwrap();
    for uid in ["BrProcess1", "BrProcess2"] {
        assert!(
            metadata
                .operators
                .iter()
                .any(|op| op.id == OperatorId::from_uid(uid)),
            "{uid}"
        );
    }
}
