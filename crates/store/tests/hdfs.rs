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
use std::net::{TcpListener, TcpStream};
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

/// A place where nobody answers: connections wait in a queue that is full, and what comes
/// after them is dropped.
struct Dropping {
    address: String,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Dropping {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            waiting.push(stream);
            assert!(waiting.len() < 10_000);
        }
        Self {
            address: address.to_string(),
            _listener: listener,
            _waiting: waiting,
        }
    }
}

/// Hadoop's configuration of a service `ha`, in a directory.
fn service(addresses: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let ids: Vec<_> = (0..addresses.len()).map(|i| format!("nn{i}")).collect();
    let property = |name: String, value: &str| {
        format!("<property><name>{name}</name><value>{value}</value></property>\n")
    };
    let mut text =
        property("dfs.nameservices".into(), "ha") + &property("dfs.ha.namenodes.ha".into(), &ids.join(", "));
    for (id, address) in ids.iter().zip(addresses) {
        text += &property(format!("dfs.namenode.rpc-address.ha.{id}"), address);
    }
    let core = property("fs.defaultFS".into(), "hdfs://ha");
    for (file, text) in [("hdfs-site.xml", text), ("core-site.xml", core)] {
        std::fs::write(
            directory.path().join(file),
            format!("<configuration>{text}</configuration>"),
        )
        .unwrap();
    }
    directory
}

/// The error for a service, and how long it took.
fn refused(conf: &tempfile::TempDir, location: &str) -> (statetool_store::Error, Duration) {
    let start = Instant::now();
    let store = store(&[
        ("hdfs.conf-dir", conf.path().to_str().unwrap()),
        ("connect-timeout", "500ms"),
        ("read-timeout", "1s"),
        ("retry-timeout", "10s"),
        ("max-retries", "0"),
    ]);
    let error = store.open(&Location::parse(location).unwrap()).unwrap_err();
    (error, start.elapsed())
}

#[test]
fn an_error_names_every_name_node_that_was_tried() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (dropping, silent_at) = (Dropping::new(), silent.local_addr().unwrap().to_string());
    let conf = service(&[&dropping.address, &silent_at, &closed]);
    for location in ["hdfs://ha/flink/x", "hdfs:///flink/x"] {
        let (error, took) = refused(&conf, location);
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert_eq!(
            error.why(),
            format!(
                "name node {}: cannot connect: no answer within 500ms; name node {silent_at}: no answer within 1s; \
                 name node {closed}: cannot connect: connection refused",
                dropping.address
            )
        );
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[test]
fn configurations_that_name_no_name_node_are_told_from_those_that_do() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let conf = service(&[&closed]);
    // Another service than the configuration knows is taken for a host.
    let (error, _) = refused(&conf, "hdfs://other.invalid/x");
    assert!(
        error
            .why()
            .starts_with("name node other.invalid:8020: cannot connect: "),
        "{error}"
    );
    let empty = tempfile::tempdir().unwrap();
    let (error, _) = refused(&empty, "hdfs:///x");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(
        error.why(),
        format!(
            "names no host, and Hadoop's configuration in `{}` names no HDFS as `fs.defaultFS`",
            empty.path().display()
        )
    );
}

#[test]
fn a_name_node_that_drops_packets_is_passed_over() {
    let Some(_) = url("STATETOOL_TEST_HDFS_HA") else {
        return;
    };
    let site = std::path::Path::new(&env::var("STATETOOL_TEST_HDFS_HA_CONF").unwrap()).join("hdfs-site.xml");
    let text = std::fs::read_to_string(site).unwrap();
    let addresses: Vec<String> = text
        .split("localhost:")
        .skip(1)
        .map(|rest| format!("localhost:{}", rest.split('<').next().unwrap()))
        .collect();
    assert_eq!(addresses.len(), 2, "{text}");
    let dropping = Dropping::new();
    let conf = service(&[&dropping.address, &addresses[0], &addresses[1]]);
    let store = store(&[
        ("hdfs.conf-dir", conf.path().to_str().unwrap()),
        ("connect-timeout", "1s"),
    ]);
    let savepoint = Location::parse("hdfs:///flink/sp 1%20").unwrap();
    let start = Instant::now();
    check_savepoint(&store, &savepoint);
    // Found out once, and not before every call.
    check_savepoint(&store, &savepoint);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
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
    assert!(
        error
            .why()
            .starts_with(&format!("name node {closed}: cannot connect: connection refused")),
        "{error}"
    );
    let silent = silent.local_addr().unwrap();
    let location = Location::parse(&format!("hdfs://{silent}/x")).unwrap();
    let error = store.open(&location).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error
            .why()
            .contains(&format!("name node {silent}: no answer within 2.7s")),
        "{error}"
    );
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}
