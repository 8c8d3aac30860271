//! The process is about to end while a snapshot is written: what is there goes, and nothing more comes.
#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

use statetool_format::metadata::Metadata;
use statetool_snapshot::{ErrorKind, SnapshotWriter};
use statetool_store::{Location, Store, take_away_unfinished};
use statetool_testkit::opened::{metadata_of, open};

/// One test alone: it ends what there is in its process.
#[test]
fn what_is_unfinished_goes_and_what_is_published_stays() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| Location::from_path(&folder.path().join(name)).unwrap();
    let store = Store::default();
    let input = open(&metadata_of("1.20/keyed-states/hashmap-canonical").unwrap()).unwrap();
    let metadata: &Metadata = input.metadata();
    let begin = |name: &str, run| SnapshotWriter::new(&store, place(name), &[], run).unwrap();
    let (published, half, other) = (begin("published", 1), begin("a/b/half", 2), begin("other", 3));
    let (mut first, mut second) = (published.create().unwrap(), half.create().unwrap());
    first.write(vec![1; 10]).unwrap();
    first.finish().unwrap();
    published.publish(metadata).unwrap();
    second.write(vec![2; 10]).unwrap();
    half.create().unwrap().finish().unwrap();

    take_away_unfinished();
    let names = || {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(), ["published"]);
    assert_eq!(
        std::fs::read_dir(folder.path().join("published"))
            .unwrap()
            .count(),
        2
    );
    // Whoever goes on meanwhile makes nothing new.
    second.write(vec![2; 10]).unwrap();
    second.finish().unwrap();
    let errors = [
        half.create().map(drop).unwrap_err(),
        other.create().map(drop).unwrap_err(),
        half.publish(metadata).unwrap_err(),
        other.publish(metadata).unwrap_err(),
        SnapshotWriter::new(&store, place("new"), &[], 4)
            .map(drop)
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Target, "{error}");
    }
    drop((published, half, other));
    assert_eq!(names(), ["published"]);
}
