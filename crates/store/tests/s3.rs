//! A real S3 server, started by `tests/store/s3-server`.
//!
//! `STATETOOL_TEST_S3` is its end point, `STATETOOL_TEST_S3_BUCKET` a bucket that may be
//! written to, and the credentials are in Amazon's variables.

#![cfg(feature = "s3")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test may stop at once"
)]

use std::env;
use std::io::Read;

use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use statetool_store::{Entry, EntryKind, ErrorKind, FileCache, Location, Store, StoreOptions};

const BIG: usize = 20 << 20;

/// A server with a directory of its own for one test.
struct Server {
    endpoint: String,
    base: Location,
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

/// Uploads what a test reads; `None` and a word about it without a server.
fn server(test: &str, objects: &[(&str, Vec<u8>)]) -> Option<Server> {
    let Ok(endpoint) = env::var("STATETOOL_TEST_S3") else {
        eprintln!("skipped: STATETOOL_TEST_S3 is not set, see tests/store/s3-server");
        return None;
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let bucket = env::var("STATETOOL_TEST_S3_BUCKET").unwrap();
    let client = AmazonS3Builder::from_env()
        .with_endpoint(&endpoint)
        .with_bucket_name(&bucket)
        .with_allow_http(true);
    upload(client.build().unwrap(), test, objects);
    let base = Location::parse(&format!("s3://{bucket}/{test}")).unwrap();
    Some(Server { endpoint, base })
}

fn upload(client: impl ObjectStore, test: &str, objects: &[(&str, Vec<u8>)]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for (name, bytes) in objects {
        let path = Path::parse(format!("{test}/{name}")).unwrap();
        runtime.block_on(client.put(&path, bytes.clone().into())).unwrap();
    }
}

impl Server {
    fn store(&self, settings: &[(&str, &str)]) -> Store {
        let mut options = StoreOptions::default();
        options.set("s3.endpoint", &self.endpoint).unwrap();
        settings
            .iter()
            .for_each(|(key, value)| options.set(key, value).unwrap());
        Store::new(options)
    }
}

#[test]
fn objects_are_opened_read_and_listed() {
    let objects = [
        ("sp 1%20/_metadata", vec![0x49, 0x60, 0x67, 0x2a]),
        ("sp 1%20/shared/ä+#?&", b"odd".to_vec()),
        ("sp 1%20/big", pattern(BIG)),
    ];
    let Some(server) = server("objects", &objects) else {
        return;
    };
    let store = server.store(&[]);
    let savepoint = server.base.join_file_name("sp 1%20").unwrap();
    let metadata = store
        .open(&savepoint.join_file_name("_metadata").unwrap())
        .unwrap();
    assert_eq!(metadata.read_all(100).unwrap(), objects[0].1);
    let odd = savepoint.join("shared/ä+#?&").unwrap();
    assert_eq!(store.read_small(&odd, 100).unwrap(), b"odd"[..]);

    let big = store.open(&savepoint.join_file_name("big").unwrap()).unwrap();
    assert_eq!(big.len(), BIG as u64);
    assert_eq!(
        big.read_at(12_345_678, 9).unwrap(),
        objects[2].1[12_345_678..12_345_687]
    );
    let mut read = Vec::new();
    big.reader(1..BIG as u64).unwrap().read_to_end(&mut read).unwrap();
    assert!(read == objects[2].1[1..]);

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
        [file("_metadata", 4), file("big", BIG as u64), shared]
    );
    assert_eq!(store.kind(&savepoint).unwrap(), Some(EntryKind::Directory));
    assert_eq!(store.kind(&odd).unwrap(), Some(EntryKind::File { len: 3 }));
    let s3a = Location::parse(&savepoint.to_string().replace("s3://", "s3a://")).unwrap();
    assert_eq!(store.list(&s3a).unwrap().len(), 3);
}

#[test]
fn what_is_missing_or_forbidden_is_told() {
    let Some(server) = server("errors", &[("x", vec![1])]) else {
        return;
    };
    let x = server.base.join_file_name("x").unwrap();
    let missing = server.base.join_file_name("missing").unwrap();
    let store = server.store(&[]);
    let error = store.open(&missing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        format!("`{missing}`: no such object (the server answered 404 Not Found)")
    );
    assert!(!store.exists(&missing).unwrap());
    assert_eq!(store.list(&missing).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(store.open(&server.base).unwrap_err().kind(), ErrorKind::NotFound);
    let elsewhere = Location::parse("s3://no-such-bucket/x").unwrap();
    assert_eq!(store.open(&elsewhere).unwrap_err().kind(), ErrorKind::NotFound);
    let error = store.list(&elsewhere).unwrap_err();
    assert_eq!(
        error.why(),
        "no such object (the server answered 404 Not Found, NoSuchBucket)"
    );

    let wrong = server.store(&[("s3.access-key", "statetool"), ("s3.secret-key", "wrong-secret")]);
    let error = wrong.list(&server.base).unwrap_err();
    assert_eq!(
        error.why(),
        "access denied (the server answered 403 Forbidden, SignatureDoesNotMatch)"
    );
    assert_eq!(wrong.open(&x).unwrap_err().kind(), ErrorKind::PermissionDenied);
    let anonymous = server.store(&[("s3.anonymous", "true")]);
    assert_eq!(
        anonymous.open(&x).unwrap_err().kind(),
        ErrorKind::PermissionDenied
    );
}

#[test]
fn flinks_own_settings_are_understood() {
    let Some(server) = server("settings", &[("x", vec![7])]) else {
        return;
    };
    let key = env::var("AWS_ACCESS_KEY_ID").unwrap();
    let secret = env::var("AWS_SECRET_ACCESS_KEY").unwrap();
    let store = server.store(&[
        ("s3.path.style.access", "true"),
        ("s3.access-key", &key),
        ("s3.secret-key", &secret),
        ("s3.endpoint.region", "us-east-1"),
    ]);
    assert_eq!(
        store
            .read_small(&server.base.join_file_name("x").unwrap(), 1)
            .unwrap(),
        [7_u8][..]
    );
}

#[test]
fn large_files_are_copied_in_parallel_ranges() {
    let Some(server) = server("cache", &[("000012.sst", pattern(BIG))]) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let cache = FileCache::new(directory.path(), 64 << 20).unwrap();
    let store = server.store(&[("chunk-size", "1000000")]);
    let file = cache
        .fetch(&store, &server.base.join_file_name("000012.sst").unwrap())
        .unwrap();
    assert!(std::fs::read(file.path()).unwrap() == pattern(BIG));
}

#[test]
fn an_object_that_is_replaced_while_it_is_read_is_noticed() {
    let Some(server) = server("replaced", &[("x", pattern(1000))]) else {
        return;
    };
    let object = server
        .store(&[])
        .open(&server.base.join_file_name("x").unwrap())
        .unwrap();
    self::server("replaced", &[("x", vec![0; 1000])]);
    let error = object.read_at(0, 10).unwrap_err();
    assert_eq!(error.why(), "was replaced by another object while it was read");
}
