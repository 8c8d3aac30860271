//! A real HDFS, started by `tests/store/hdfs-server`.
//!
//! `STATETOOL_TEST_HDFS` is its URL and `STATETOOL_TEST_HDFS_CONF` a directory with Hadoop's
//! configuration; `STATETOOL_TEST_HDFS_HA` names a service of two name nodes that only its
//! configuration can resolve.

#![cfg(feature = "hdfs")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test may stop at once"
)]

use std::env;
use std::io::Read;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use statetool_store::{Entry, EntryKind, ErrorKind, FileCache, Location, Store, StoreOptions};

/// What the server put into `big`, over three blocks.
const BIG: usize = 5 << 19;

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

fn url(variable: &str) -> Option<String> {
    let url = env::var(variable).ok();
    if url.is_none() {
        eprintln!("skipped: {variable} is not set, see tests/store/hdfs-server");
    }
    url
}

fn store(settings: &[(&str, &str)]) -> Store {
    let mut options = StoreOptions::default();
    settings
        .iter()
        .for_each(|(key, value)| options.set(key, value).unwrap());
    Store::new(options)
}

fn check_savepoint(store: &Store, savepoint: &Location) {
    let metadata = store
        .open(&savepoint.join_file_name("_metadata").unwrap())
        .unwrap();
    assert_eq!(metadata.read_all(100).unwrap(), [0x49, 0x60, 0x67, 0x2a][..]);
    let bytes = pattern(BIG);
    let big = store.open(&savepoint.join_file_name("big").unwrap()).unwrap();
    assert_eq!(big.len(), BIG as u64);
    for at in [0, 1, (1 << 20) - 5, (2 << 20) - 1, BIG - 10] {
        assert_eq!(big.read_at(at as u64, 10).unwrap(), bytes[at..at + 10], "{at}");
    }
    let mut read = Vec::new();
    big.reader(3..BIG as u64).unwrap().read_to_end(&mut read).unwrap();
    assert!(read == bytes[3..]);
    let file = |name: &str, len| Entry {
        name: name.into(),
        kind: EntryKind::File { len },
    };
    let shared = Entry {
        name: "shared".into(),
        kind: EntryKind::Directory,
    };
    assert_eq!(
        store.list(savepoint).unwrap(),
        [file("_metadata", 4), file("big", BIG as u64), shared]
    );
    assert_eq!(store.kind(savepoint).unwrap(), Some(EntryKind::Directory));
}

#[test]
fn files_are_opened_read_and_listed() {
    let Some(url) = url("STATETOOL_TEST_HDFS") else {
        return;
    };
    let store = store(&[("chunk-size", "300000")]);
    let savepoint = Location::parse(&format!("{url}/flink/sp 1%20")).unwrap();
    check_savepoint(&store, &savepoint);
    assert!(
        store
            .list(&savepoint.join_file_name("shared").unwrap())
            .unwrap()
            .is_empty()
    );
    let directory = tempfile::tempdir().unwrap();
    let cache = FileCache::new(directory.path(), BIG as u64).unwrap();
    let file = cache
        .fetch(&store, &savepoint.join_file_name("big").unwrap())
        .unwrap();
    assert!(std::fs::read(file.path()).unwrap() == pattern(BIG));
}

#[test]
fn the_default_file_system_is_in_the_configuration() {
    let Some(_) = url("STATETOOL_TEST_HDFS") else {
        return;
    };
    let store = store(&[("hdfs.conf-dir", &env::var("STATETOOL_TEST_HDFS_CONF").unwrap())]);
    check_savepoint(&store, &Location::parse("hdfs:///flink/sp 1%20").unwrap());
}

#[test]
fn what_is_missing_or_forbidden_is_told() {
    let Some(url) = url("STATETOOL_TEST_HDFS") else {
        return;
    };
    let at = |path: &str| Location::parse(&format!("{url}{path}")).unwrap();
    let guest = store(&[("hdfs.user", "guest")]);
    let error = guest.open(&at("/flink/secret/_metadata")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(
        error
            .why()
            .starts_with("the name node denies access: Permission denied: user=guest"),
        "{error}"
    );
    assert!(!error.why().contains('\n'));
    let store = store(&[]);
    let error = store.open(&at("/flink/missing")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("`{url}/flink/missing`: no such file or directory")
    );
    assert_eq!(store.open(&at("/flink")).unwrap_err().why(), "is a directory");
    assert_eq!(
        store.list(&at("/flink/sp 1%20/big")).unwrap_err().why(),
        "is no directory"
    );
    assert_eq!(
        store.list(&at("/missing")).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(store.kind(&at("/missing")).unwrap(), None);
}

#[test]
fn a_name_service_is_followed_to_its_active_name_node() {
    let Some(url) = url("STATETOOL_TEST_HDFS_HA") else {
        return;
    };
    let conf = env::var("STATETOOL_TEST_HDFS_HA_CONF").unwrap();
    let savepoint = Location::parse(&format!("{url}/flink/sp 1%20")).unwrap();
    let store = store(&[("hdfs.conf-dir", &conf)]);
    check_savepoint(&store, &savepoint);
    // The same client has to find the other one.
    let big = store.open(&savepoint.join_file_name("big").unwrap()).unwrap();
    std::fs::write(env::var("STATETOOL_TEST_HDFS_FAILOVER").unwrap(), "now\n").unwrap();
    for _ in 0..20 {
        check_savepoint(&store, &savepoint);
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(big.read_at(0, 10).unwrap(), pattern(10));
}

#[test]
fn a_name_service_without_configuration_is_taken_for_a_host() {
    let mut options = StoreOptions::default();
    options.retry_timeout = Duration::from_secs(2);
    let error = Store::new(options)
        .open(&Location::parse("hdfs://no-such-service.invalid/x").unwrap())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[test]
fn a_name_node_that_is_down_is_an_error_in_bounded_time() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = StoreOptions::default();
    options.retry_timeout = Duration::from_secs(3);
    let store = Store::new(options);
    let start = Instant::now();
    let error = store
        .open(&Location::parse(&format!("hdfs://{closed}/x")).unwrap())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.why().contains("Connection refused"), "{error}");
    let silent = Location::parse(&format!("hdfs://{}/x", silent.local_addr().unwrap())).unwrap();
    let error = store.open(&silent).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.why().starts_with("no answer within 3."), "{error}");
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}
