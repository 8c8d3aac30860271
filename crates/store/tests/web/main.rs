//! Remote objects over HTTP: ranges, read-ahead, the cache, and everything that can go wrong.
//!
//! The web servers run in the test itself. What holds here holds for all object stores: they
//! share the client, the repetition of requests and the errors.

#![cfg(feature = "http")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may stop at once"
)]

mod ahead;
mod cache;
// Not by its crate, which is built on this one.
#[allow(unreachable_pub, dead_code, reason = "a module of another crate")]
#[path = "../../../testkit/src/web.rs"]
mod server;

use std::io::Read;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use server::{Response, Server, object};
use statetool_store::{EntryKind, Error, ErrorKind, Location, Store, StoreOptions};

fn location(url: &str, path: &str) -> Location {
    Location::parse(&format!("{url}{path}")).unwrap()
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

/// A store that gives up soon, and fetches small chunks.
fn store() -> Store {
    let mut options = StoreOptions::default();
    let settings = [
        ("connect-timeout", "500ms"),
        ("read-timeout", "500ms"),
        ("retry-timeout", "3s"),
        ("chunk-size", "65536"),
    ];
    settings
        .iter()
        .for_each(|(key, value)| options.set(key, value).unwrap());
    options.max_retries = 3;
    Store::new(options)
}

/// Kind and reason, times and ports replaced.
fn message(error: &Error) -> String {
    let why = error
        .why()
        .split(' ')
        .map(|word| match word.trim_matches('(').parse::<f64>() {
            Ok(_) if word.contains('.') => "N",
            _ => word,
        });
    format!("{:?}: {}", error.kind(), why.collect::<Vec<_>>().join(" "))
}

#[test]
fn a_plain_web_server_is_enough() {
    let bytes = pattern(1_000_000);
    let server = Server::of("/a%20b/50%25/x", bytes.clone());
    let store = store();
    let object = store
        .open(&location(&server.url, "/a%20b/50%25/x?sig=1"))
        .unwrap();
    assert_eq!(object.len(), 1_000_000);
    assert_eq!(object.read_at(10, 5).unwrap(), bytes[10..15]);
    assert_eq!(object.read_at(0, 0).unwrap(), b""[..]);
    assert_eq!(object.read_all(1_000_000).unwrap(), bytes);
    let mut buffer = [0; 100];
    object.read_exact_at(999_900, &mut buffer).unwrap();
    assert_eq!(buffer, bytes[999_900..]);
    for range in [0..1_000_000, 65_535..65_538, 7..7, 500_000..999_999] {
        let mut read = Vec::new();
        object
            .reader(range.clone())
            .unwrap()
            .read_to_end(&mut read)
            .unwrap();
        assert_eq!(read, bytes[range.start as usize..range.end as usize], "{range:?}");
    }
    let here = location(&server.url, "/a%20b/50%25/x");
    assert_eq!(
        store.kind(&here).unwrap(),
        Some(EntryKind::File { len: 1_000_000 })
    );
    assert!(!store.exists(&location(&server.url, "/other")).unwrap());
    let error = object.read_at(999_999, 2).unwrap_err();
    assert_eq!(
        message(&error),
        "OutOfRange: 2 bytes at offset 0xf423f reach beyond its end at 0xf4240"
    );
}

#[test]
fn chunks_are_fetched_side_by_side() {
    let bytes = pattern(16 * 65_536);
    let served = bytes.clone();
    let server = Server::start(move |request| Response {
        delay: Duration::from_millis(100),
        ..object(request, &served)
    });
    let object = store().open(&location(&server.url, "/x")).unwrap();
    assert_eq!(object.read_all(u64::MAX).unwrap(), bytes);
    assert_eq!(server.most_at_once(), 4);
}

#[test]
fn answers_are_told_apart() {
    let cases: &[(&str, &str, &str)] = &[
        (
            "404 Not Found",
            "",
            "NotFound: no such object (the server answered 404 Not Found)",
        ),
        (
            "403 Forbidden",
            "<Error><Code>AccessDenied</Code><Key>secret</Key></Error>",
            "PermissionDenied: access denied (the server answered 403 Forbidden, AccessDenied)",
        ),
        (
            "401 Unauthorized",
            "",
            "PermissionDenied: access denied (the server answered 401 Unauthorized)",
        ),
        ("400 Bad Request", "no", "Io: the server answered 400 Bad Request"),
        (
            "501 Not Implemented",
            "",
            "Unsupported: the server answered 501 Not Implemented",
        ),
        (
            "500 Internal Server Error",
            "a\nb",
            "Unavailable: the server answered 500 Internal Server Error (4 attempts in N s)",
        ),
        (
            "503 Service Unavailable",
            "",
            "Unavailable: the server answered 503 Service Unavailable (4 attempts in N s)",
        ),
        (
            "429 Too Many Requests",
            "",
            "Unavailable: the server answered 429 Too Many Requests (4 attempts in N s)",
        ),
    ];
    for (status, body, expected) in cases {
        let server = Server::start(move |request| match request.method.as_str() {
            "HEAD" => object(request, &[0; 100]),
            _ => Response::status(status, body),
        });
        let object = store().open(&location(&server.url, "/x")).unwrap();
        assert_eq!(
            message(&object.read_at(0, 10).unwrap_err()),
            *expected,
            "{status}"
        );
    }
}

#[test]
fn what_passes_is_tried_again() {
    let bytes = pattern(200_000);
    let served = bytes.clone();
    // Busy, then, after the length is known, cut off, then nothing for long, then right.
    let server = Server::start(move |request| match request.number {
        0 => Response::status("503 Slow Down", ""),
        2 => Response {
            cut: Some(10),
            ..object(request, &served)
        },
        3 => Response {
            delay: Duration::from_secs(2),
            ..object(request, &served)
        },
        _ => object(request, &served),
    });
    let object = store().open(&location(&server.url, "/x")).unwrap();
    assert_eq!(object.read_at(5, 100).unwrap(), bytes[5..105]);
    assert_eq!(server.requests(), 5);
}

#[test]
fn broken_answers_are_errors_and_not_shorter_objects() {
    let read = |answer: fn(Response) -> Response| {
        let server = Server::start(move |request| {
            let whole = object(request, &pattern(1000));
            if request.method == "HEAD" {
                whole
            } else {
                answer(whole)
            }
        });
        let object = store().open(&location(&server.url, "/x?sig=secret")).unwrap();
        message(&object.read_at(100, 200).unwrap_err())
    };
    let cut = read(|whole| Response {
        cut: Some(50),
        ..whole
    });
    assert!(
        cut.starts_with("Unavailable: the connection broke after 50 of 200 bytes: "),
        "{cut}"
    );
    let shorter = read(|mut whole| {
        whole.body.truncate(20);
        whole
    });
    assert_eq!(
        shorter,
        "Unavailable: the server sent 20 of 200 bytes (4 attempts in N s)"
    );
    let longer = read(|mut whole| {
        whole.body.extend([0; 100]);
        whole
    });
    assert_eq!(longer, "Io: the server sent more than the 200 bytes asked for");
    let whole = read(|_| Response {
        status: "200 OK",
        body: pattern(1000),
        ..Response::default()
    });
    assert_eq!(
        whole,
        "Unsupported: the server does not answer ranges of an object"
    );
    let elsewhere = read(|mut whole| {
        whole.headers = vec![("Content-Range", "bytes 0-199/1000".to_owned())];
        whole
    });
    assert_eq!(
        elsewhere,
        "Io: the server sent another range: Requested 100..300, got 0..200"
    );
    for (header, expected) in [
        (
            "bytes 100-299",
            "Io: the server sent another range: Failed to parse value for CONTENT_RANGE header: \"bytes 100-299\"",
        ),
        (
            "",
            "Io: the server sent another range: Content-Range header not present in partial response",
        ),
    ] {
        let answer = Server::start(move |request| Response {
            headers: match header {
                "" => Vec::new(),
                header => vec![("Content-Range", header.to_owned())],
            },
            ..object(request, &pattern(1000))
        });
        let opened = store().open(&location(&answer.url, "/x")).unwrap();
        assert_eq!(message(&opened.read_at(100, 200).unwrap_err()), expected);
    }
}

#[test]
fn a_server_that_is_down_is_an_error_in_bounded_time() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let start = Instant::now();
    let error = store()
        .open(&Location::parse(&format!("http://me:pw@{closed}/x?sig=secret")).unwrap())
        .unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
    assert_eq!(error.location(), format!("http://***@{closed}/x?***"));
    assert_eq!(
        message(&error),
        "Unavailable: cannot connect: connection refused (4 attempts in N s)"
    );

    let error = store()
        .open(&Location::parse("http://no-such-host.invalid/x").unwrap())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.why().starts_with("cannot connect: "), "{error}");

    let silent = Server::start(|request| Response {
        delay: Duration::from_secs(60),
        ..object(request, b"")
    });
    let start = Instant::now();
    let error = store().open(&location(&silent.url, "/x")).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
    // On a busy machine the time is over before the last attempt.
    let words = [
        "Unavailable: the server did not answer in time (4 attempts in N s)",
        "Unavailable: no answer within N s, before that: the server did not answer in time",
    ];
    assert!(words.contains(&message(&error).as_str()), "{error}");
}

#[test]
fn a_server_that_drips_is_an_error_in_bounded_time() {
    // Every half second a little: never silent for long, never done.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::Write;
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
                while stream.write_all(b"X-More: 1\r\n").is_ok() {
                    std::thread::sleep(Duration::from_millis(200));
                }
            });
        }
    });
    let start = Instant::now();
    let error = store().open(&location(&url, "/x")).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[test]
fn what_a_server_lists_by_webdav_is_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["job/chk-9/_metadata", "job/chk-10/a b", "job/x"] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, name).unwrap();
    }
    let server = Server::of_folder(folder.path(), Duration::ZERO);
    let list = |path| store().list(&location(&server.url, path));
    let names = |path| -> Vec<_> {
        list(path)
            .unwrap()
            .into_iter()
            .map(|entry| (entry.name, entry.kind))
            .collect()
    };
    let directory = |name: &str| (name.to_owned(), EntryKind::Directory);
    let file = |name: &str, len| (name.to_owned(), EntryKind::File { len });
    assert_eq!(
        names("/job"),
        [directory("chk-10"), directory("chk-9"), file("x", 5)]
    );
    assert_eq!(names("/job/chk-10/"), [file("a b", 14)]);
    assert_eq!(list("/none").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn the_time_of_an_object_is_what_its_server_says() {
    let server = Server::start(|request| match request.target.as_str() {
        "/silent" => Response {
            headers: Vec::new(),
            ..object(request, b"x")
        },
        _ => object(request, b"x"),
    });
    let modified = |path| store().open(&location(&server.url, path)).unwrap().modified();
    assert_eq!(modified("/silent"), None);
    let since = modified("/x")
        .unwrap()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    assert_eq!(since.as_secs(), 1_777_629_600);
}

#[test]
fn files_that_are_opened_with_their_first_bytes_take_one_request_each() {
    let server = Server::start(|request| match request.target.trim_start_matches('/').parse() {
        Ok(len) => Response {
            delay: Duration::from_millis(20),
            ..object(request, &pattern(len))
        },
        Err(_) => Response::status("404 Not Found", ""),
    });
    let store = store();
    let mut locations: Vec<_> = (1..=200)
        .map(|len| location(&server.url, &format!("/{len}")))
        .collect();
    let opened = store.open_all(&locations, 100);
    assert!(
        (8..=32).contains(&server.most_at_once()),
        "{}",
        server.most_at_once()
    );
    for (len, object) in (1..).zip(&opened) {
        let object = object.as_ref().unwrap();
        assert_eq!(object.len(), len as u64);
        assert_eq!(object.read_at(0, len.min(100)).unwrap(), pattern(len.min(100)));
        let mut whole = Vec::new();
        let rest = len.min(100) as u64 / 2;
        object
            .reader(rest..len.min(100) as u64)
            .unwrap()
            .read_to_end(&mut whole)
            .unwrap();
        assert_eq!(whole, pattern(len.min(100))[rest as usize..]);
    }
    assert_eq!(server.requests(), 200);
    assert_eq!(
        opened[150].as_ref().unwrap().read_all(1000).unwrap(),
        pattern(151)
    );
    assert_eq!(server.requests(), 201);

    // An empty object has no first bytes to send.
    locations = vec![
        location(&server.url, "/0"),
        location(&server.url, "/none"),
        location(&server.url, "/7"),
    ];
    let opened = store.open_all(&locations, 100);
    assert_eq!(opened[0].as_ref().unwrap().len(), 0);
    assert_eq!(opened[1].as_ref().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(opened[2].as_ref().unwrap().len(), 7);
}

#[test]
fn of_a_server_without_ranges_small_objects_are_read_as_a_whole() {
    let server = Server::start(|request| Response {
        status: "200 OK",
        body: pattern(300),
        ..object(request, b"")
    });
    let store = store();
    let here = location(&server.url, "/x");
    let opened = store.open_with_head(&here, 100).unwrap();
    assert_eq!(opened.read_all(1000).unwrap(), pattern(300));
    let directory = tempfile::tempdir().unwrap();
    let cache = statetool_store::FileCache::new(directory.path(), 1000).unwrap();
    let copy = cache.fetch(&store, &here).unwrap();
    assert_eq!(std::fs::read(copy.path()).unwrap(), pattern(300));
    let error = store.open(&here).unwrap().read_at(0, 10).unwrap_err();
    assert_eq!(
        message(&error),
        "Unsupported: the server does not answer ranges of an object"
    );
}

#[test]
fn a_server_that_is_down_is_not_asked_again_for_every_file() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let locations: Vec<_> = (0..200)
        .map(|i| location(&format!("http://{closed}"), &format!("/{i}")))
        .collect();
    let (store, start) = (store(), Instant::now());
    for _ in 0..3 {
        for opened in store.open_all(&locations, 0) {
            assert_eq!(opened.unwrap_err().kind(), ErrorKind::Unavailable);
        }
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn listing_needs_webdav() {
    let server = Server::of("/x", vec![1]);
    let error = store().list(&location(&server.url, "/x")).unwrap_err();
    assert_eq!(
        message(&error),
        "Unsupported: the server answered 405 Method Not Allowed"
    );
}

#[test]
fn one_store_serves_many_threads() {
    let bytes = pattern(300_000);
    let server = Server::of("/x", bytes.clone());
    let store = store();
    std::thread::scope(|scope| {
        for i in 0..8_usize {
            let (store, bytes, server) = (store.clone(), &bytes, &server);
            scope.spawn(move || {
                let object = store.open(&location(&server.url, "/x")).unwrap();
                let at = i * 30_000;
                assert_eq!(object.read_at(at as u64, 70_000).unwrap(), bytes[at..at + 70_000]);
            });
        }
    });
}

#[test]
fn asynchronous_programs_may_use_and_drop_a_store() {
    let server = Server::of("/x", vec![7]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = store();
        assert_eq!(
            store.read_small(&location(&server.url, "/x"), 1).unwrap(),
            [7_u8][..]
        );
    });
}
