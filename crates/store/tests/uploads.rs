//! What is written to each system, and what is refused: locally, and on the servers that
//! `tests/store/run` starts.
//!
//! Google's is not among them: its emulator does not take the uploads that its client sends.

#![cfg(feature = "remote")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test may stop at once"
)]

use std::env;
use std::sync::{Arc, Barrier};

use statetool_store::{Bytes, ErrorKind, Location, Scheme, Store, StoreOptions};

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

fn variable(name: &str, script: &str) -> Option<String> {
    let value = env::var(name).ok();
    if value.is_none() {
        eprintln!("skipped: {name} is not set, see tests/store/{script}");
    }
    value
}

fn store(settings: &[(&str, &str)]) -> Store {
    let mut options = StoreOptions::default();
    for (key, value) in settings.iter().chain(&[("chunk-size", "6291456")]) {
        options.set(key, value).unwrap();
    }
    Store::new(options)
}

/// Everything, in a new directory `place`.
fn check(store: &Store, place: &Location) {
    files_are_written_in_pieces(store, place);
    what_is_given_up_is_not_there(store, place);
    one_of_many_publishes(store, place);
    what_was_made_goes(store, place);
}

/// Where there are directories: those that a file brings go when they are empty.
fn what_was_made_goes(store: &Store, place: &Location) {
    let directory = place.join("a/b").unwrap();
    let made = store.make_directory(&directory).unwrap();
    let expected = [place.join("a").unwrap(), directory.clone()];
    match place.is_local() || place.scheme() == Scheme::Hdfs {
        true => assert_eq!(made, expected),
        false => assert_eq!(made, []),
    }
    let files: Vec<Location> = (0..40)
        .map(|number| directory.join_file_name(&format!("x{number}")).unwrap())
        .collect();
    for file in &files {
        store.create(file).unwrap().finish().unwrap();
    }
    for _ in 0..2 {
        store.remove_all(&files).unwrap();
    }
    for directory in made.iter().rev() {
        store.remove(directory).unwrap();
    }
    assert!(!store.exists(&expected[0]).unwrap(), "{}", expected[0]);
}

fn files_are_written_in_pieces(store: &Store, place: &Location) {
    for (name, len, piece) in [("empty", 0, 1), ("small", 1000, 7), ("big", 20 << 20, 1 << 20)] {
        let file = place.join_file_name(name).unwrap();
        let bytes = pattern(len);
        let mut upload = store.create(&file).unwrap();
        for piece in bytes.chunks(piece) {
            upload.write(Bytes::copy_from_slice(piece)).unwrap();
        }
        assert_eq!((upload.len(), upload.is_empty()), (len as u64, len == 0));
        assert_eq!(upload.finish().unwrap(), len as u64);
        assert_eq!(
            store.open(&file).unwrap().read_all(1 << 30).unwrap(),
            bytes,
            "{file}"
        );
        store.remove(&file).unwrap();
        assert!(!store.exists(&file).unwrap(), "{file}");
        store.remove(&file).unwrap();
    }
}

fn what_is_given_up_is_not_there(store: &Store, place: &Location) {
    for pieces in [0, 1, 9] {
        let file = place.join_file_name("given up").unwrap();
        let mut upload = store.create(&file).unwrap();
        for _ in 0..pieces {
            upload.write(pattern(1 << 20).into()).unwrap();
        }
        drop(upload);
        assert!(!store.exists(&file).unwrap(), "{file} after {pieces} pieces");
    }
}

fn one_of_many_publishes(store: &Store, place: &Location) {
    let file = place.join_file_name("_metadata").unwrap();
    let together = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4_u8)
        .map(|n| {
            let (store, file, together) = (store.clone(), file.clone(), Arc::clone(&together));
            std::thread::spawn(move || {
                together.wait();
                (n, store.publish(&file, vec![n; 100].into()))
            })
        })
        .collect();
    let mut winner = None;
    for thread in threads {
        match thread.join().unwrap() {
            (n, Ok(())) => assert!(winner.replace(n).is_none(), "two have published {file}"),
            (_, Err(error)) => assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}"),
        }
    }
    let bytes = store.read_small(&file, 1000).unwrap();
    assert_eq!(bytes, vec![winner.unwrap(); 100]);
    let again = store.publish(&file, bytes).unwrap_err();
    assert_eq!(
        (again.kind(), again.why()),
        (ErrorKind::AlreadyExists, "is there already")
    );
    let names: Vec<String> = store
        .list(place)
        .unwrap()
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    assert_eq!(names, ["_metadata"]);
}

#[test]
fn local_files() {
    let directory = tempfile::tempdir().unwrap();
    let place = Location::from_path(&directory.path().join("new/savepoint")).unwrap();
    check(&store(&[]), &place);
    let file = place.join_file_name("twice").unwrap();
    let upload = store(&[]).create(&file).unwrap();
    assert_eq!(
        store(&[]).create(&file).unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    upload.finish().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told() {
    let full = Location::parse("/dev/full/x").unwrap();
    assert!(store(&[]).create(&full).is_err());
}

#[test]
fn s3_objects() {
    let Some(endpoint) = variable("STATETOOL_TEST_S3", "s3-server") else {
        return;
    };
    let bucket = env::var("STATETOOL_TEST_S3_BUCKET").unwrap();
    let place = Location::parse(&format!("s3://{bucket}/uploads/savepoint")).unwrap();
    check(&store(&[("s3.endpoint", &endpoint)]), &place);
}

#[test]
fn azure_blobs() {
    let Some(url) = variable("STATETOOL_TEST_AZURE", "azure-server") else {
        return;
    };
    let place = Location::parse(&url).unwrap().join("uploads/savepoint").unwrap();
    check(&store(&[]), &place);
}

#[test]
fn hdfs_files() {
    for name in ["STATETOOL_TEST_HDFS", "STATETOOL_TEST_HDFS_HA"] {
        let Some(url) = variable(name, "hdfs-server") else {
            continue;
        };
        let directory = env::var(format!("{name}_CONF")).unwrap();
        let place = Location::parse(&url).unwrap().join("uploads/savepoint").unwrap();
        check(&store(&[("hdfs.conf-dir", &directory)]), &place);
    }
}

#[test]
#[cfg(feature = "http")]
fn web_servers_are_read_only() {
    let file = Location::parse("http://127.0.0.1:9/savepoint/_metadata").unwrap();
    let error = store(&[]).publish(&file, Bytes::new()).unwrap_err();
    assert_eq!(
        (error.kind(), error.why()),
        (ErrorKind::Unsupported, "`http:` cannot be written to")
    );
    let written = store(&[]).create(&file).and_then(statetool_store::Upload::finish);
    assert_eq!(written.unwrap_err().kind(), ErrorKind::Unsupported);
}
