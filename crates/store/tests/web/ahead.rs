//! Reading ahead: scans do not wait for each request, and nothing else reads more than it needs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use statetool_store::{Object, Store, StoreOptions};

use crate::server::{Response, Server, object};
use crate::{location, pattern};

const LATENCY: Duration = Duration::from_millis(20);

/// A server of one object that takes its time.
fn slow(len: usize) -> (Server, Arc<Vec<u8>>) {
    let bytes = Arc::new(pattern(len));
    let served = Arc::clone(&bytes);
    let server = Server::start(move |request| Response {
        delay: LATENCY,
        ..object(request, &served)
    });
    (server, bytes)
}

fn open(server: &Server, settings: &[(&str, &str)]) -> Object {
    let mut options = StoreOptions::default();
    settings
        .iter()
        .for_each(|(key, value)| options.set(key, value).unwrap());
    let object = Store::new(options).open(&location(&server.url, "/x")).unwrap();
    server.take_log();
    object
}

/// Reads pieces in order, and checks them.
fn scan(object: &Object, bytes: &[u8], from: usize, to: usize, piece: usize) {
    let mut at = from;
    while at < to {
        let len = piece.min(to - at);
        assert!(
            object.read_at(at as u64, len).unwrap() == bytes[at..at + len],
            "{at}"
        );
        at += len;
    }
}

#[test]
fn a_scan_in_small_pieces_takes_few_requests_and_waits_for_few_of_them() {
    let (server, bytes) = slow(64 << 20);
    // 128 KiB a key group: 512 reads, ten seconds if each had to wait.
    let object = open(&server, &[]);
    let start = Instant::now();
    scan(&object, &bytes, 1000, bytes.len(), 128 << 10);
    let took = start.elapsed();
    let requests = server.requests();
    println!("64 MiB in pieces of 128 KiB at 20 ms: {requests} requests, {took:?}");
    assert!(requests <= 40, "{requests}");
    assert!(server.most_at_once() > 2, "{}", server.most_at_once());
    // No byte is fetched twice.
    let fetched: usize = server
        .take_log()
        .iter()
        .map(|request| request.range.as_ref().unwrap().len())
        .sum();
    assert_eq!(fetched, bytes.len() - 1000);

    let object = open(&server, &[("read-ahead", "0")]);
    scan(&object, &bytes, 0, 1 << 20, 128 << 10);
    assert_eq!(server.requests(), 8);
}

#[test]
fn threads_that_share_the_parts_of_an_object_share_what_is_fetched() {
    let (server, bytes) = slow(64 << 20);
    let object = open(&server, &[]);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                // Items of 8 MiB, as work is handed out.
                loop {
                    let item = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    if item >= 8 {
                        return;
                    }
                    scan(&object, &bytes, item << 23, (item + 1) << 23, 100_000);
                }
            });
        }
    });
    let took = start.elapsed();
    let fetched: usize = server
        .take_log()
        .iter()
        .map(|request| request.range.as_ref().unwrap().len())
        .sum();
    println!("64 MiB by two threads at 20 ms: {took:?}, {fetched} bytes fetched");
    assert!(server.most_at_once() > 2, "{}", server.most_at_once());
    assert!(fetched <= bytes.len() * 5 / 4, "{fetched}");
}

#[test]
fn headers_and_single_places_are_read_and_nothing_more() {
    let (server, bytes) = slow(10 << 20);
    let object = open(&server, &[]);
    for at in [9 << 20, 0, 5 << 20, 70_000, 3] {
        assert_eq!(object.read_at(at as u64, 1000).unwrap(), bytes[at..at + 1000]);
    }
    let ranges: Vec<_> = server
        .take_log()
        .into_iter()
        .map(|request| request.range.unwrap().len())
        .collect();
    assert_eq!(ranges, [1000; 5]);
}

#[test]
fn what_is_fetched_ahead_of_many_files_is_bounded() {
    let (server, bytes) = slow(2 << 20);
    let mut options = StoreOptions::default();
    options.set("read-ahead", "3 MiB").unwrap();
    let store = Store::new(options);
    // Each is left in the middle.
    let objects: Vec<_> = (0..20)
        .map(|i| store.open(&location(&server.url, &format!("/{i}"))).unwrap())
        .collect();
    for object in &objects {
        scan(object, &bytes, 0, 300_000, 50_000);
    }
    for object in &objects {
        scan(object, &bytes, 300_000, bytes.len(), 50_000);
    }
}

#[test]
fn an_error_ahead_is_told_when_it_is_reached_and_tried_again() {
    let bytes = pattern(4 << 20);
    let served = bytes.clone();
    let server = Server::start(move |request| match &request.range {
        Some(range) if range.end > 2 << 20 && request.number < 40 => Response::status("403 Forbidden", ""),
        _ => object(request, &served),
    });
    let object = open(&server, &[]);
    scan(&object, &bytes, 0, 1 << 20, 1 << 16);
    let mut failed = false;
    for _ in 0..60 {
        let read = object.read_at(2 << 20, 1 << 16);
        failed |= read.is_err();
        if let Ok(read) = read {
            assert!(failed && read == bytes[2 << 20..(2 << 20) + (1 << 16)]);
            return;
        }
    }
    panic!("never read");
}
