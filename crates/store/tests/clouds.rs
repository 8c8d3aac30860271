//! Azure Blob Storage and Google Cloud Storage, as far as their emulators go.
//!
//! Started by `tests/store/azure-server` and `tests/store/gcs-server`, which print the
//! variables that these tests look at.

#![cfg(all(feature = "azure", feature = "gcs"))]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may stop at once")]

use std::env;
use std::io::{Read, Write};
use std::net::TcpStream;

use object_store::azure::MicrosoftAzureBuilder;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use statetool_store::{Entry, EntryKind, ErrorKind, Location, Store, StoreOptions};

const BIG: usize = 3 << 20;

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

fn variable(name: &str, script: &str) -> Option<String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let value = env::var(name).ok();
    if value.is_none() {
        eprintln!("skipped: {name} is not set, see tests/store/{script}");
    }
    value
}

/// What a test reads.
fn objects() -> Vec<(String, Vec<u8>)> {
    let objects = [
        ("_metadata", vec![0x49]),
        ("big", pattern(BIG)),
        ("shared/ä+#", b"odd".to_vec()),
    ];
    objects
        .into_iter()
        .map(|(name, bytes)| (format!("flink/sp 1%20/{name}"), bytes))
        .collect()
}

fn upload(client: impl ObjectStore) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for (name, bytes) in objects() {
        runtime
            .block_on(client.put(&Path::parse(name).unwrap(), bytes.into()))
            .unwrap();
    }
}

/// Uploads by Google's JSON protocol: the emulator takes uploads in no other.
fn post(endpoint: &str, name: &str, bytes: &[u8]) {
    let host = endpoint.strip_prefix("http://").unwrap();
    let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    let head = format!(
        "POST /upload/storage/v1/b/statetool/o?uploadType=media&name={name} HTTP/1.1\r\n\
         Host: {host}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bytes.len()
    );
    let mut stream = TcpStream::connect(host).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn check(store: &Store, base: &Location) {
    let savepoint = base.join("flink/sp 1%20").unwrap();
    let big = store.open(&savepoint.join_file_name("big").unwrap()).unwrap();
    assert_eq!(big.len(), BIG as u64);
    let mut read = Vec::new();
    big.reader(5..BIG as u64).unwrap().read_to_end(&mut read).unwrap();
    assert!(read == pattern(BIG).split_off(5));
    let odd = savepoint.join("shared/ä+#").unwrap();
    assert_eq!(store.read_small(&odd, 10).unwrap(), b"odd"[..]);
    let file = |name: &str, len| Entry {
        name: name.into(),
        kind: EntryKind::File { len },
    };
    let shared = Entry {
        name: "shared".into(),
        kind: EntryKind::Directory,
    };
    assert_eq!(
        store.list(&savepoint).unwrap(),
        [file("_metadata", 1), file("big", BIG as u64), shared]
    );
    assert_eq!(store.kind(&savepoint).unwrap(), Some(EntryKind::Directory));
    let missing = savepoint.join_file_name("missing").unwrap();
    assert_eq!(store.open(&missing).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(store.kind(&missing).unwrap(), None);
    assert_eq!(store.list(&missing).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn azure_blobs_are_opened_read_and_listed() {
    let Some(url) = variable("STATETOOL_TEST_AZURE", "azure-server") else {
        return;
    };
    upload(
        MicrosoftAzureBuilder::from_env()
            .with_container_name("statetool")
            .build()
            .unwrap(),
    );
    let mut options = StoreOptions::default();
    options.set("chunk-size", "500000").unwrap();
    check(&Store::new(options.clone()), &Location::parse(&url).unwrap());
    options.set("azure.account-key", "d3Jvbmc=").unwrap();
    let error = Store::new(options)
        .list(&Location::parse(&url).unwrap())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
}

#[test]
fn google_objects_are_opened_read_and_listed() {
    let Some(url) = variable("STATETOOL_TEST_GCS", "gcs-server") else {
        return;
    };
    for (name, bytes) in objects() {
        post(&url, &name, &bytes);
    }
    let mut options = StoreOptions::default();
    for (key, value) in [
        ("gs.endpoint", url.as_str()),
        ("gs.anonymous", "true"),
        ("chunk-size", "500000"),
    ] {
        options.set(key, value).unwrap();
    }
    check(&Store::new(options), &Location::parse("gs://statetool").unwrap());
}
