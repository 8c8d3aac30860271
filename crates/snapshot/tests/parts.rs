//! Files of a new snapshot that an object store takes in parts: whole, given up, or not at all.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at once")]

use std::time::Duration;

use statetool_snapshot::{ErrorKind, SnapshotWriter};
use statetool_store::{Location, Store, StoreOptions};
use statetool_testkit::bucket::{Bucket, Trouble};
use statetool_testkit::web::Request;

/// A writer into a bucket that gives up soon, and sends parts of 5 MiB.
fn writer(bucket: &Bucket) -> SnapshotWriter {
    let mut options = StoreOptions::default();
    let settings = ["max-retries=0", "chunk-size=4096", "parallelism=2"];
    let named = bucket.options();
    for setting in settings.into_iter().chain([named[1].as_str(), &named[3]]) {
        let (key, value) = setting.split_once('=').unwrap();
        options.set(key, value).unwrap();
    }
    let place = Location::parse("s3://bucket/new").unwrap();
    SnapshotWriter::new(&Store::new(options), place, &[], 7).unwrap()
}

fn piece(number: u8) -> Vec<u8> {
    vec![number; 1 << 20]
}

fn is_part(request: &Request) -> bool {
    request.method == "PUT" && request.target.contains("partNumber=2")
}

fn completes(request: &Request) -> bool {
    request.method == "POST" && request.target.contains("uploadId=")
}

#[test]
fn large_files_are_put_in_parts() {
    let bucket = Bucket::start(|_| Trouble::Nothing);
    let writer = writer(&bucket);
    let mut expected = Vec::new();
    for pieces in [0, 4, 5, 13] {
        let mut file = writer.create().unwrap();
        (0..pieces).for_each(|number| file.write(piece(number)).unwrap());
        file.finish().unwrap();
        expected.push((0..pieces).flat_map(piece).collect::<Vec<u8>>());
    }
    let written: Vec<_> = bucket.below("new/").into_values().collect();
    assert!(
        written == expected,
        "{:?}",
        written.iter().map(Vec::len).collect::<Vec<_>>()
    );
    drop(writer);
    assert_eq!((bucket.below("").len(), bucket.half_uploads()), (0, 0));
}

#[test]
fn what_is_given_up_leaves_no_parts() {
    for pieces in [0, 3, 5, 9, 16] {
        let bucket = Bucket::start(|_| Trouble::Nothing);
        let writer = writer(&bucket);
        let mut file = writer.create().unwrap();
        (0..pieces).for_each(|number| file.write(piece(number)).unwrap());
        drop(file);
        drop(writer);
        assert_eq!(
            (bucket.below("").len(), bucket.half_uploads()),
            (0, 0),
            "{pieces}"
        );
    }
}

#[test]
fn a_part_that_fails_fails_the_file_and_leaves_no_parts() {
    type Which = fn(&Request) -> bool;
    let cases: [(Which, Trouble, &str); 4] = [
        (
            is_part,
            Trouble::Refuses,
            "the server answered 503 Service Unavailable, SlowDown",
        ),
        (
            is_part,
            Trouble::HangsUp,
            "connection closed before message completed",
        ),
        (
            completes,
            Trouble::Refuses,
            "the server answered 503 Service Unavailable, SlowDown",
        ),
        (
            completes,
            Trouble::LosesAnswer,
            "connection closed before message completed",
        ),
    ];
    for (which, trouble, words) in cases {
        let bucket = Bucket::start(move |request| match which(request) {
            true => trouble,
            false => Trouble::Nothing,
        });
        let writer = writer(&bucket);
        let mut file = writer.create().unwrap();
        let written = (0..13).try_for_each(|number| file.write(piece(number)));
        let error = written.and_then(|()| file.finish().map(drop)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Target);
        assert!(error.to_string().contains(words), "{trouble:?}: {error}");
        drop(writer);
        assert_eq!(
            (bucket.below("").len(), bucket.half_uploads()),
            (0, 0),
            "{trouble:?}"
        );
    }
}

/// The process ends while a part is on its way, which takes long.
#[test]
fn a_part_that_is_on_its_way_is_not_waited_for() {
    let bucket = Bucket::start(|request| match is_part(request) {
        true => Trouble::IsSlow(Duration::from_secs(30)),
        false => Trouble::Nothing,
    });
    let writer = writer(&bucket);
    let mut file = writer.create().unwrap();
    (0..11).for_each(|number| file.write(piece(number)).unwrap());
    let begun = std::time::Instant::now();
    drop(file);
    drop(writer);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!((bucket.below("").len(), bucket.half_uploads()), (0, 0));
}
