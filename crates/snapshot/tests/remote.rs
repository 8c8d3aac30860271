//! Snapshots in a store that takes its time: how many requests they take, and how they are
//! found again when they were moved.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may stop at once, and tells what it measured"
)]

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use statetool_format::metadata::{KeyedHandle, Metadata, OperatorState, StreamHandle, Subtask, Subtasks};
use statetool_format::{Encode, JavaString, KeyGroupRange};
use statetool_snapshot::{Error, OpenOptions, Relocation, Snapshot, Tables};
use statetool_store::{Store, StoreOptions};
use statetool_testkit::moved::rename_paths;
use statetool_testkit::root;
use statetool_testkit::web::{Request, Response, Server, object};

const LATENCY: Duration = Duration::from_millis(20);
const DATABASE: &str = "fixtures/1.20/many-files/rocksdb-incremental-checkpoint";
const CANONICAL: &str = "fixtures/1.20/keyed-states/rocksdb-canonical";
const OPERATOR_STATES: &str = "fixtures/1.20/operator-states/hashmap-canonical";

/// A fixture's folder, and the directory that it was written to.
fn fixture(name: &str) -> (PathBuf, String) {
    let folder = root().join(name);
    let text = fs::read_to_string(folder.join("fixture.json")).unwrap();
    let fixture: serde_json::Value = serde_json::from_str(&text).unwrap();
    (
        folder.join("snapshot"),
        fixture["written_to"].as_str().unwrap().to_owned(),
    )
}

fn java(text: &str) -> JavaString {
    JavaString::new(text).unwrap()
}

fn store(settings: &[(&str, &str)]) -> Store {
    let mut options = StoreOptions::default();
    options.set("retry-timeout", "2s").unwrap();
    settings
        .iter()
        .for_each(|(key, value)| options.set(key, value).unwrap());
    Store::new(options)
}

fn open(store: &Store, locator: &str, relocate: Option<&str>, tables: Tables) -> Result<Snapshot, Error> {
    let relocations = relocate.map(|text| Relocation::parse(text).unwrap());
    let options = OpenOptions {
        relocations: relocations.into_iter().collect(),
        tables,
        ..OpenOptions::default()
    };
    Snapshot::open(store, locator, options)
}

fn load(snapshot: &Snapshot) -> Result<usize, Error> {
    let operators: Vec<_> = snapshot.operators().collect();
    snapshot.open_ahead(&operators);
    let mut parts = 0;
    for operator in &operators {
        parts += snapshot.load_operator(operator)?.parts.len();
    }
    Ok(parts)
}

/// All entries: state, key group, key and value.
fn entries(snapshot: &Snapshot) -> Result<Vec<String>, Error> {
    let mut entries = Vec::new();
    for operator in snapshot.operators() {
        for part in snapshot.load_operator(&operator)?.parts {
            let _ = part.scan(snapshot.files(), part.range, &|_| true, &mut |entry| {
                let (key, value) = (&entry.key, &entry.value);
                entries.push(format!(
                    "{} {:?} {key:?} {value:?}",
                    entry.state.name, entry.key_group
                ));
                Ok(ControlFlow::Continue(()))
            })?;
        }
    }
    Ok(entries)
}

/// All entries of the database, read where the fixture lies.
fn local_entries(tables: Tables) -> Vec<String> {
    let (folder, written_to) = fixture(DATABASE);
    let relocate = format!("{written_to}={}", folder.display());
    let locator = folder.join("chk-5").display().to_string();
    entries(&open(&store(&[]), &locator, Some(&relocate), tables).unwrap()).unwrap()
}

/// How often each path was asked for by `GET`, and how many bytes that brought at most.
fn gets(log: &[Request]) -> BTreeMap<String, (usize, usize)> {
    let mut gets = BTreeMap::new();
    for request in log.iter().filter(|request| request.method == "GET") {
        let (count, bytes) = gets.entry(request.target.clone()).or_default();
        *count += 1;
        *bytes += request
            .range
            .as_ref()
            .map_or(usize::MAX / 2, ExactSizeIterator::len);
    }
    gets
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn headers_are_read_without_the_tables_of_a_database() {
    let (folder, written_to) = fixture(DATABASE);
    let server = Server::of_folder(&folder, LATENCY);
    let relocate = format!("{written_to}={}", server.url);
    let start = Instant::now();
    let store = store(&[]);
    let snapshot = open(
        &store,
        &format!("{}/chk-5", server.url),
        Some(&relocate),
        Tables::InPlace,
    )
    .unwrap();
    assert!(load(&snapshot).unwrap() > 0);
    let took = start.elapsed();
    let log = server.take_log();
    println!(
        "headers of a RocksDB checkpoint at 20 ms: {} requests, {took:?}",
        log.len()
    );
    // The metadata, and the meta stream of the only subtask.
    assert_eq!(log.len(), 2, "{log:#?}");
    assert_eq!(gets(&log).len(), 2);
}

#[test]
fn tables_are_copied_once_for_a_scan_and_the_copies_are_removed() {
    let (folder, written_to) = fixture(DATABASE);
    let expected = local_entries(Tables::Copied);
    assert!(expected.len() > 100);
    let server = Server::of_folder(&folder, LATENCY);
    let cache = tempfile::tempdir().unwrap();
    let directory = cache.path().to_str().unwrap();
    let scan = |size: &str, tables: Tables| {
        let store = store(&[("cache.dir", directory), ("cache.size", size)]);
        let relocate = format!("{written_to}={}", server.url);
        let snapshot = open(&store, &format!("{}/chk-5", server.url), Some(&relocate), tables).unwrap();
        server.take_log();
        let start = Instant::now();
        let found = entries(&snapshot).unwrap();
        let log = server.take_log();
        println!(
            "scan of a database at 20 ms, {tables:?}, cache of {size}: {} requests, {:?}",
            log.len(),
            start.elapsed()
        );
        assert!(found == expected);
        (log, names(cache.path()).len())
    };
    let (log, directories) = scan("1GiB", Tables::Copied);
    assert!(gets(&log).values().all(|(count, _)| *count == 1), "{log:#?}");
    assert!(log.iter().all(|request| request.method == "GET"), "{log:#?}");
    assert_eq!(directories, 1);
    assert!(names(cache.path()).is_empty());
    // Where they find no room the tables are read where they lie.
    scan("20KiB", Tables::Copied);
    scan("0", Tables::Copied);
    let (_, directories) = scan("1GiB", Tables::InPlace);
    assert_eq!(directories, 0);
    assert!(names(cache.path()).is_empty());
}

/// A snapshot whose only stateful operator has so many subtasks, each with a file of its own.
fn with_subtasks(folder: &Path, count: u32) {
    let (snapshot, _) = fixture(OPERATOR_STATES);
    let mut metadata = Metadata::decode(&fs::read(snapshot.join("_metadata")).unwrap()).unwrap();
    metadata.operators.retain(|operator| {
        operator
            .running()
            .any(|(_, state)| state.managed_operator.is_some())
    });
    metadata.operators.truncate(1);
    let operator = &mut metadata.operators[0];
    let (_, state) = operator
        .running()
        .find(|(_, state)| state.managed_operator.is_some())
        .unwrap();
    let handle = state.managed_operator.clone().unwrap();
    let StreamHandle::Inline { data, .. } = &handle.delegate else {
        panic!("the fixture's state is not inline any more");
    };
    let subtask = |index: u32| {
        let path = format!("subtask-{index}");
        fs::write(folder.join(&path), data).unwrap();
        let mut handle = handle.clone();
        handle.delegate = StreamHandle::RelativeFile {
            path: java(&path),
            size: data.len() as i64,
        };
        let mut state = Box::new(statetool_format::metadata::SubtaskState::default());
        state.managed_operator = Some(handle);
        Subtask::Running { index, state }
    };
    operator.subtasks = Subtasks::Listed((0..count).map(subtask).collect());
    (operator.parallelism, operator.max_parallelism) = (count, 1 << 15);
    fs::write(folder.join("_metadata"), metadata.to_bytes()).unwrap();
}

#[test]
fn the_headers_of_many_subtasks_are_loaded_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    with_subtasks(folder.path(), 200);
    let server = Server::of_folder(folder.path(), LATENCY);
    let store = store(&[]);
    let start = Instant::now();
    let snapshot = open(&store, &server.url, None, Tables::InPlace).unwrap();
    assert_eq!(load(&snapshot).unwrap(), 200);
    let (took, requests) = (start.elapsed(), server.requests());
    println!("headers of 200 subtasks at 20 ms: {requests} requests, {took:?}");
    assert_eq!(requests, 201);
    assert!(server.most_at_once() >= 8, "{}", server.most_at_once());
}

/// Writes a canonical savepoint of about so many bytes, whose key groups repeat the entries
/// of a fixture's.
fn large_canonical(folder: &Path, bytes: usize) -> usize {
    let (snapshot, _) = fixture(CANONICAL);
    let mut metadata = Metadata::decode(&fs::read(snapshot.join("_metadata")).unwrap()).unwrap();
    let groups = metadata.operators.iter_mut().find_map(keyed_groups).unwrap();
    let StreamHandle::Inline { data, .. } = &groups.delegate else {
        panic!("the fixture's state is not inline any more");
    };
    let mut starts: Vec<usize> = groups
        .offsets
        .iter()
        .map(|at| *at as usize)
        .filter(|at| *at > 0)
        .collect();
    starts.push(data.len());
    starts.sort_unstable();
    let times = bytes / (data.len() - starts[0]);
    let mut large = data[..starts[0]].to_vec();
    for offset in groups.offsets.iter_mut().filter(|offset| **offset > 0) {
        let start = *offset as usize;
        let end = *starts.iter().find(|other| **other > start).unwrap();
        *offset = large.len() as i64;
        // Without the mark at the end of a group its runs can follow each other.
        for _ in 0..times {
            large.extend_from_slice(&data[start..end - 2]);
        }
        large.extend_from_slice(&data[end - 2..end]);
    }
    groups.delegate = StreamHandle::RelativeFile {
        path: java("large"),
        size: large.len() as i64,
    };
    fs::write(folder.join("large"), &large).unwrap();
    fs::write(folder.join("_metadata"), metadata.to_bytes()).unwrap();
    large.len()
}

fn keyed_groups(operator: &mut OperatorState) -> Option<&mut statetool_format::metadata::KeyGroupsHandle> {
    let Subtasks::Listed(subtasks) = &mut operator.subtasks else {
        return None;
    };
    subtasks.iter_mut().find_map(|subtask| match subtask {
        Subtask::Running { state, .. } => match &mut state.managed_keyed {
            Some(KeyedHandle::KeyGroups(groups)) => Some(groups),
            _ => None,
        },
        Subtask::Finished { .. } => None,
    })
}

#[test]
fn a_scan_of_a_large_stream_does_not_wait_for_the_network() {
    let folder = tempfile::tempdir().unwrap();
    let len = large_canonical(folder.path(), 32 << 20);
    let stream = fs::read(folder.path().join("large")).unwrap();
    let metadata = fs::read(folder.path().join("_metadata")).unwrap();
    let count = |delay: Duration| {
        let (stream, metadata) = (stream.clone(), metadata.clone());
        let server = Server::start(move |request| Response {
            delay,
            ..object(
                request,
                if request.target.ends_with("large") {
                    &stream
                } else {
                    &metadata
                },
            )
        });
        let store = store(&[]);
        let snapshot = open(&store, &server.url, None, Tables::Copied).unwrap();
        let start = Instant::now();
        let found = AtomicU64::new(0);
        for operator in snapshot.operators() {
            let loaded = snapshot.load_operator(&operator).unwrap();
            std::thread::scope(|scope| {
                for half in 0..2 {
                    let (loaded, snapshot, found) = (&loaded, &snapshot, &found);
                    scope.spawn(move || {
                        for part in &loaded.parts {
                            let middle = part.range.start + part.range.count / 2;
                            let range = match half {
                                0 => KeyGroupRange::new(part.range.start, middle),
                                _ => KeyGroupRange::new(middle, part.range.end()),
                            };
                            let _ = part.scan(snapshot.files(), range, &|_| true, &mut |_| {
                                found.fetch_add(1, Ordering::Relaxed);
                                Ok(ControlFlow::Continue(()))
                            });
                        }
                    });
                }
            });
        }
        (found.into_inner(), start.elapsed(), server.take_log())
    };
    let (expected, at_once, _) = count(Duration::ZERO);
    let (found, delayed, log) = count(LATENCY);
    let fetched: usize = log
        .iter()
        .filter_map(|request| request.range.as_ref())
        .map(ExactSizeIterator::len)
        .sum();
    println!(
        "{len} bytes, {found} entries: {at_once:?} without latency, {delayed:?} at 20 ms, {} requests, {fetched} bytes",
        log.len()
    );
    assert_eq!(found, expected);
    assert!(log.len() < 60, "{}", log.len());
    assert!(fetched < len * 4 / 3, "{fetched} of {len}");
    // One request a key group or a megabyte, each waited for, would take seconds.
    assert!(
        delayed < at_once * 2 + Duration::from_millis(500),
        "{delayed:?} {at_once:?}"
    );
}

#[test]
fn the_time_of_a_snapshot_is_that_of_its_metadata() {
    let (folder, _) = fixture(CANONICAL);
    let server = Server::of_folder(&folder, Duration::ZERO);
    let remote = open(&store(&[]), &server.url, None, Tables::InPlace).unwrap();
    let since = remote
        .modified()
        .unwrap()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    assert_eq!(since.as_secs(), 1_777_629_600);
    let local = open(&store(&[]), folder.to_str().unwrap(), None, Tables::InPlace).unwrap();
    let written = fs::metadata(folder.join("_metadata"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(local.modified(), Some(written));
}

#[test]
fn the_newest_complete_checkpoint_of_a_root_is_found_where_directories_are_listed() {
    let (folder, _) = fixture(CANONICAL);
    let job = tempfile::tempdir().unwrap();
    for chk in ["chk-9", "chk-10", "chk-11", "shared"] {
        fs::create_dir(job.path().join(chk)).unwrap();
    }
    for chk in ["chk-9", "chk-10"] {
        fs::copy(folder.join("_metadata"), job.path().join(chk).join("_metadata")).unwrap();
    }
    let server = Server::of_folder(job.path(), Duration::ZERO);
    for root in [
        server.url.clone(),
        format!("{}/", server.url),
        job.path().display().to_string(),
    ] {
        let snapshot = open(&store(&[]), &root, None, Tables::InPlace).unwrap();
        assert_eq!(
            snapshot.chosen().map(|chosen| chosen.name.as_str()),
            Some("chk-10")
        );
        let location = snapshot.location().to_string();
        assert!(location.ends_with("/chk-10/_metadata"), "{location}");
    }
    // Named themselves, directories need no listing.
    server.take_log();
    for name in ["/chk-9", "/chk-9/_metadata"] {
        let snapshot = open(
            &store(&[]),
            &format!("{}{name}", server.url),
            None,
            Tables::InPlace,
        )
        .unwrap();
        assert_eq!(snapshot.chosen(), None);
        assert_eq!(server.take_log().len(), 1);
    }

    let refused = |locator: String| open(&store(&[]), &locator, None, Tables::InPlace).err().unwrap();
    let error = refused(job.path().join("chk-11").display().to_string());
    assert!(
        error
            .to_string()
            .ends_with("neither a savepoint nor a checkpoint: no `_metadata` and no `chk-N` in it"),
        "{error}"
    );
    let error = refused(format!("{}/none", server.url));
    assert!(
        error
            .to_string()
            .ends_with("/none`: there is nothing at this place"),
        "{error}"
    );
    let plain = Server::start(|_| Response::status("404 Not Found", ""));
    let listing = refused(format!("{}/job", plain.url));
    assert!(
        listing
            .to_string()
            .ends_with("/job`: there is nothing at this place"),
        "{listing}"
    );
    let plain = Server::start(|request| match request.method.as_str() {
        "PROPFIND" => Response::status("405 Method Not Allowed", ""),
        _ => Response::status("404 Not Found", ""),
    });
    let error = refused(format!("{}/job", plain.url));
    let expected = format!(
        "`{0}/job`: neither this nor `{0}/job/_metadata` is there, and what else is there the server does not list (the server answered 405 Method Not Allowed)",
        plain.url
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(
        error.help(),
        Some("name the savepoint or `chk-N` directory, or the `_metadata` file itself")
    );
    let forbidden = Server::start(|_| Response::status("403 Forbidden", ""));
    let error = refused(format!("{}/job", forbidden.url));
    let expected = format!(
        "`{}/job/_metadata`: access denied (the server answered 403 Forbidden)",
        forbidden.url
    );
    assert_eq!(error.to_string(), expected);
}

/// Copies a database's checkpoint, and makes it name its files as if it had been written to
/// another place.
fn written_elsewhere(place: &str) -> tempfile::TempDir {
    let (folder, written_to) = fixture(DATABASE);
    let copy = tempfile::tempdir().unwrap();
    for directory in ["chk-5", "shared"] {
        fs::create_dir_all(copy.path().join("job").join(directory)).unwrap();
        for name in names(&folder.join(directory)) {
            fs::copy(
                folder.join(directory).join(&name),
                copy.path().join("job").join(directory).join(&name),
            )
            .unwrap();
        }
    }
    let path = copy.path().join("job/chk-5/_metadata");
    let mut metadata = Metadata::decode(&fs::read(&path).unwrap()).unwrap();
    rename_paths(&mut metadata, &format!("file:{written_to}"), place);
    fs::write(path, metadata.to_bytes()).unwrap();
    copy
}

#[test]
fn a_snapshot_that_was_moved_opens_with_the_flag_that_the_error_proposes() {
    let expected = local_entries(Tables::InPlace);
    let nobody = Server::start(|_| Response::status("404 Not Found", ""));
    let old_places = [
        "file:/data/flink/checkpoints/job".to_owned(),
        format!("{}/checkpoints/job", nobody.url),
        "oss://bucket/checkpoints/job".to_owned(),
        // A host that nobody resolves any more.
        "hdfs://gone.invalid:8020/checkpoints/job".to_owned(),
    ];
    for old in &old_places {
        let copy = written_elsewhere(old);
        let server = Server::of_folder(copy.path(), Duration::ZERO);
        let here = copy.path().join("job").display().to_string();
        for new in [here, format!("{}/job", server.url)] {
            let store = store(&[]);
            let snapshot = open(&store, &format!("{new}/chk-5"), None, Tables::InPlace).unwrap();
            let error = entries(&snapshot).unwrap_err();
            let old = old.strip_prefix("file:").unwrap_or(old);
            let advice = error.help().unwrap();
            let flag = format!("--relocate {old}={new}");
            assert!(
                advice.starts_with("the metadata names this place by its absolute path; the snapshot was moved, and the file is at `")
                    && advice.ends_with(&format!("` now: add {flag}")),
                "{advice}"
            );
            assert!(error.to_string().contains(old), "{error}");
            let relocate = flag.strip_prefix("--relocate ").unwrap();
            let snapshot = open(&store, &format!("{new}/chk-5"), Some(relocate), Tables::InPlace).unwrap();
            assert!(entries(&snapshot).unwrap() == expected, "{flag}");
        }
    }
    // What is not near the metadata either cannot be proposed.
    let copy = written_elsewhere("file:/data/job");
    fs::remove_dir_all(copy.path().join("job/shared")).unwrap();
    let alone = copy.path().join("job/chk-5");
    let snapshot = open(&store(&[]), alone.to_str().unwrap(), None, Tables::InPlace).unwrap();
    let error = entries(&snapshot).unwrap_err();
    assert_eq!(
        error.help(),
        Some(
            "the metadata names this place by its absolute path; if the snapshot was moved, add --relocate /data/job=NEW, with the place it has now for NEW"
        )
    );
}
