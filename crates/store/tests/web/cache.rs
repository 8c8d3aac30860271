//! The cache of local copies.

use std::fs;
use std::path::Path;
use std::time::Duration;

use statetool_store::{FileCache, Location};

use crate::server::{Response, Server, object};
use crate::{location, message, pattern, store};

/// A server whose object `/N` has N bytes.
fn sized() -> Server {
    Server::start(|request| match request.target.trim_start_matches('/').parse() {
        Ok(len) => object(request, &pattern(len)),
        Err(_) => Response::status("404 Not Found", ""),
    })
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn copies_are_fetched_once_and_removed_with_the_cache() {
    let directory = tempfile::tempdir().unwrap();
    let server = sized();
    let store = store();
    let cache = FileCache::new(directory.path(), 1 << 20).unwrap();
    let first = cache.fetch(&store, &location(&server.url, "/200000")).unwrap();
    assert_eq!(fs::read(first.path()).unwrap(), pattern(200_000));
    let requests = server.requests();
    let second = cache.fetch(&store, &location(&server.url, "/200000")).unwrap();
    assert_eq!(second.path(), first.path());
    assert_eq!(server.requests(), requests);
    assert_eq!(cache.bytes(), 200_000);
    let path = first.path().to_owned();
    drop(cache);
    assert!(path.exists(), "what is held stays");
    drop((first, second));
    assert!(names(directory.path()).is_empty());
}

#[test]
fn the_longest_unused_goes_first_and_what_is_held_stays() {
    let directory = tempfile::tempdir().unwrap();
    let server = sized();
    let store = store();
    let cache = FileCache::new(directory.path(), 1000).unwrap();
    let fetch = |len: usize| cache.fetch(&store, &location(&server.url, &format!("/{len}")));
    let held = fetch(300).unwrap();
    let old = fetch(301).unwrap().path().to_owned();
    let new = fetch(302).unwrap().path().to_owned();
    assert!(fetch(303).is_ok());
    assert!(held.path().exists() && !old.exists() && new.exists());
    assert!(cache.bytes() <= 1000);
    assert_eq!(
        message(&fetch(701).unwrap_err()),
        "TooLarge: 701 bytes do not fit into the cache of 1000 beside 300 in use"
    );
    assert!(fetch(700).is_ok());
    drop(held);
    assert!(fetch(1000).is_ok());
    assert_eq!(cache.bytes(), 1000);
    assert_eq!(
        message(&fetch(1001).unwrap_err()),
        "TooLarge: 1001 bytes do not fit into the cache of 1000 beside 0 in use"
    );
}

#[test]
fn threads_that_want_the_same_file_wait_for_one_copy() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(|request| Response {
        delay: Duration::from_millis(50),
        ..object(request, &pattern(60_000))
    });
    let store = store();
    let cache = FileCache::new(directory.path(), 1 << 20).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let file = cache.fetch(&store, &location(&server.url, "/x.sst")).unwrap();
                assert_eq!(fs::read(file.path()).unwrap(), pattern(60_000));
                assert!(file.path().to_str().unwrap().ends_with("-x.sst"));
            });
        }
    });
    // One answer for the data, and a question for the length by those who came first.
    assert!(server.requests() <= 9, "{}", server.requests());
    assert_eq!(cache.bytes(), 60_000);
}

#[test]
fn a_failed_copy_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(|request| match request.method.as_str() {
        "HEAD" => object(request, &[0; 100]),
        _ => Response::status("403 Forbidden", ""),
    });
    let cache = FileCache::new(directory.path(), 1000).unwrap();
    let error = cache.fetch(&store(), &location(&server.url, "/x")).unwrap_err();
    assert_eq!(
        message(&error),
        "PermissionDenied: access denied (the server answered 403 Forbidden)"
    );
    assert_eq!(cache.bytes(), 0);
    let own = directory.path().join(&names(directory.path())[0]);
    assert_eq!(names(&own), ["lock"]);
}

#[test]
fn what_dead_processes_left_is_removed_and_what_the_living_use_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let dead = directory.path().join("statetool-cache-1-0");
    fs::create_dir(&dead).unwrap();
    fs::write(dead.join("lock"), "").unwrap();
    fs::write(dead.join("0-a.sst"), "left").unwrap();
    fs::create_dir(directory.path().join("other")).unwrap();
    let living = FileCache::new(directory.path(), 1000).unwrap();
    let held = living.fetch(&store(), &location(&sized().url, "/7")).unwrap();
    assert!(!dead.exists());
    let second = FileCache::new(directory.path(), 1000).unwrap();
    assert!(held.path().exists());
    assert_eq!(
        names(directory.path()).len(),
        3,
        "two caches, and what is not ours"
    );
    drop((living, held, second));
    assert_eq!(names(directory.path()), ["other"]);
}

#[test]
fn a_local_file_is_its_own_copy() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x");
    fs::write(&path, "x").unwrap();
    let cache = FileCache::new(&directory.path().join("cache"), 0).unwrap();
    let file = cache
        .fetch(&store(), &Location::from_path(&path).unwrap())
        .unwrap();
    assert_eq!(file.path(), path);
    drop((file, cache));
    assert!(path.exists());
}
