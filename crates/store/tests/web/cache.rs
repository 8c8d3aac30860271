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

/// The names of the copies that are complete in the caches of a directory.
fn complete(directory: &Path) -> Vec<String> {
    let caches = names(directory).into_iter();
    let files = caches.flat_map(|cache| names(&directory.join(cache)));
    // `lock` and `7.unfinished` are none.
    files
        .filter_map(|name| Some(name.split_once('-')?.1.to_owned()))
        .collect()
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
    let server = Server::start(|request| match request.number {
        0 => object(request, &pattern(2 << 20)),
        _ => Response::status("403 Forbidden", ""),
    });
    let cache = FileCache::new(directory.path(), 1 << 30).unwrap();
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
fn what_a_process_left_that_ended_while_it_made_its_cache_is_removed_at_once() {
    let directory = tempfile::tempdir().unwrap();
    for (name, with_lock) in [("statetool-cache-1-0", false), ("statetool-cache-2-0", true)] {
        let left = directory.path().join(name).with_extension("unfinished");
        fs::create_dir(&left).unwrap();
        if with_lock {
            fs::write(left.join("lock"), "").unwrap();
        }
    }
    drop(FileCache::new(directory.path(), 1000).unwrap());
    assert!(
        names(directory.path()).is_empty(),
        "{:?}",
        names(directory.path())
    );
}

#[test]
fn caches_that_are_made_at_the_same_time_do_not_take_each_other_for_dead() {
    let directory = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    drop(FileCache::new(directory.path(), 1000).unwrap());
                }
            });
        }
    });
    assert!(names(directory.path()).is_empty());
}

#[test]
fn copies_are_made_ahead_as_long_as_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(|request| Response {
        delay: Duration::from_millis(20),
        ..object(request, &pattern(1000))
    });
    let store = store();
    let locations: Vec<_> = (0..40).map(|i| location(&server.url, &format!("/{i}"))).collect();
    let cache = FileCache::new(directory.path(), 30_000).unwrap();
    let copying = cache.prefetch(&store, locations.clone());
    let first = cache.fetch(&store, &locations[0]).unwrap();
    assert_eq!(fs::read(first.path()).unwrap(), pattern(1000));
    // Room is taken before a copy is complete, and what is not complete would be given up.
    while complete(directory.path()).len() < 30 {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(copying);
    // Those without room were given up, and none was fetched twice.
    assert_eq!(cache.bytes(), 30_000);
    let before = server.requests();
    assert!((30..=38).contains(&before), "{before}");
    let made = complete(directory.path());
    let is_made = |location: &&Location| made.contains(&location.file_name().unwrap().into_owned());
    let (there, missing): (Vec<_>, Vec<_>) = locations.iter().partition(is_made);
    assert_eq!((there.len(), missing.len()), (30, 10));
    for location in there {
        cache.fetch(&store, location).unwrap();
    }
    assert_eq!(server.requests(), before);
    cache.fetch(&store, missing[0]).unwrap();
    assert_eq!((server.requests(), cache.bytes()), (before + 1, 30_000));
}

#[test]
fn copies_that_nobody_wants_any_more_are_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = pattern(3 << 20);
    let server = Server::start(move |request| Response {
        delay: Duration::from_millis(300),
        ..object(request, &bytes)
    });
    let locations: Vec<_> = (0..100)
        .map(|i| location(&server.url, &format!("/{i}")))
        .collect();
    let cache = FileCache::new(directory.path(), 1 << 30).unwrap();
    let copying = cache.prefetch(&store(), locations);
    std::thread::sleep(Duration::from_millis(100));
    let start = std::time::Instant::now();
    drop(copying);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(cache.bytes(), 0);
    drop(cache);
    assert!(names(directory.path()).is_empty());
}

#[test]
fn the_cache_of_a_store_is_where_its_options_say() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = statetool_store::StoreOptions::default();
    options
        .set("cache.dir", directory.path().to_str().unwrap())
        .unwrap();
    options.set("cache.size", "1 KiB").unwrap();
    let store = statetool_store::Store::new(options);
    assert!(names(directory.path()).is_empty());
    let server = sized();
    let copy = store
        .cache()
        .unwrap()
        .fetch(&store, &location(&server.url, "/700"))
        .unwrap();
    assert!(copy.path().starts_with(directory.path()));
    assert!(
        store
            .cache()
            .unwrap()
            .fetch(&store, &location(&server.url, "/700000"))
            .is_err()
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let own = fs::metadata(copy.path().parent().unwrap()).unwrap();
        assert_eq!(own.permissions().mode() & 0o777, 0o700);
    }
    drop((copy, store));
    assert!(names(directory.path()).is_empty());

    let mut options = statetool_store::StoreOptions::default();
    options.set("cache.dir", "/dev/null/cache").unwrap();
    let error = statetool_store::Store::new(options).cache().unwrap_err();
    assert_eq!(error.location(), "/dev/null/cache");
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
