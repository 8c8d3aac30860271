//! What is said of places where there is no snapshot, or one that cannot be read.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at once")]

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use statetool_snapshot::{Error, ErrorKind, OpenOptions, Relocation, Snapshot};
use statetool_store::{Store, StoreOptions};
use statetool_testkit::root;
use statetool_testkit::web::{Response, Server, object};

const CANONICAL: &str = "fixtures/1.20/keyed-states/rocksdb-canonical/snapshot";
const DATABASE: &str = "fixtures/1.20/many-files/rocksdb-incremental-checkpoint";

fn metadata() -> Vec<u8> {
    fs::read(root().join(CANONICAL).join("_metadata")).unwrap()
}

fn open_with(locator: &str, relocations: &[&str]) -> Result<Snapshot, Error> {
    let mut options = StoreOptions::default();
    options.set("retry-timeout", "2s").unwrap();
    let relocations = relocations.iter().map(|text| Relocation::parse(text).unwrap());
    let open = OpenOptions {
        relocations: relocations.collect(),
        ..OpenOptions::default()
    };
    Snapshot::open(&Store::new(options), locator, open)
}

fn open(locator: &str) -> Result<Snapshot, Error> {
    open_with(locator, &[])
}

fn refused(locator: &str) -> Error {
    let error = open(locator).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Input, "{error}");
    error
}

/// A job's directory, with the bytes of the metadata of its checkpoints; none without a file.
fn job(checkpoints: &[(u32, Option<&[u8]>)]) -> tempfile::TempDir {
    let job = tempfile::tempdir().unwrap();
    for (id, metadata) in checkpoints {
        let directory = job.path().join(format!("chk-{id}"));
        fs::create_dir(&directory).unwrap();
        if let Some(metadata) = metadata {
            fs::write(directory.join("_metadata"), metadata).unwrap();
        }
    }
    job
}

/// In the local file system, and behind a server that lists.
fn places(folder: &Path) -> (Server, [String; 2]) {
    let server = Server::of_folder(folder, Duration::ZERO);
    let places = [folder.display().to_string(), server.url.clone()];
    (server, places)
}

#[test]
fn checkpoints_that_never_completed_are_passed_over_and_named() {
    let whole = metadata();
    let job = job(&[
        (9, Some(&whole)),
        (10, Some(&whole)),
        (11, None),
        (100, Some(b"")),
    ]);
    fs::write(job.path().join("chk-200"), "no directory").unwrap();
    fs::create_dir(job.path().join("chk-+300")).unwrap();
    let (_server, places) = places(job.path());
    for place in places {
        let snapshot = open(&place).unwrap();
        assert_eq!(
            snapshot.chosen().unwrap().to_string(),
            "reading `chk-10`, the newest complete checkpoint there; the `_metadata` of `chk-100` is empty, `chk-11` has no `_metadata`: they never completed"
        );
    }
    let job = self::job(&[(1, Some(&whole)), (2, None)]);
    let chosen = open(job.path().to_str().unwrap()).unwrap();
    assert_eq!(
        chosen.chosen().unwrap().to_string(),
        "reading `chk-1`, the newest complete checkpoint there; `chk-2` has no `_metadata`: it never completed"
    );
    let many: Vec<(u32, Option<&[u8]>)> = (2..30).map(|id| (id, None)).collect();
    let job = self::job(&[&[(1, Some(&*whole))], &*many].concat());
    let chosen = open(job.path().to_str().unwrap()).unwrap();
    let words = chosen.chosen().unwrap().to_string();
    assert!(
        words.ends_with("`chk-22` has no `_metadata`, and 20 more: they never completed"),
        "{words}"
    );
    let job = self::job(&[(1, Some(b"")), (2, None)]);
    let error = refused(job.path().to_str().unwrap()).to_string();
    assert!(
        error.ends_with(": its `chk-N` directories have no `_metadata`, or an empty one: these checkpoints never completed"),
        "{error}"
    );
}

#[test]
fn a_damaged_checkpoint_is_an_error_that_proposes_an_older_one() {
    let whole = metadata();
    let damaged = job(&[
        (3, Some(&whole)),
        (4, Some(b"damaged as well")),
        (5, None),
        (7, Some(&whole[..100])),
    ]);
    let (_server, places) = places(damaged.path());
    for place in places {
        for locator in [
            place.clone(),
            format!("{place}/chk-7"),
            format!("{place}/chk-7/_metadata"),
        ] {
            let error = refused(&locator);
            assert!(
                error.to_string().contains(
                    "/chk-7/_metadata`: `_metadata`: the file ends at offset 0x64 and is truncated: "
                ),
                "{error}"
            );
            let older = format!("an older checkpoint there has metadata that can be read: `{place}/chk-3`");
            assert_eq!(error.help(), Some(&*older), "{locator}");
        }
    }
    // Whose metadata cannot be read at all, the same.
    let job = job(&[(3, Some(&whole)), (7, None)]);
    fs::create_dir(job.path().join("chk-7/_metadata")).unwrap();
    let error = refused(job.path().to_str().unwrap());
    assert!(
        error.to_string().ends_with("/chk-7/_metadata`: is a directory"),
        "{error}"
    );
    assert!(error.help().unwrap().ends_with("/chk-3`"), "{error}");
    // Nothing older, nothing to propose.
    let only = self::job(&[(7, Some(b"damaged"))]);
    assert_eq!(refused(only.path().to_str().unwrap()).help(), None);
}

#[test]
fn what_is_there_and_cannot_be_read_is_not_called_absent() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let make = |name: &str| fs::create_dir(at(name)).unwrap();
    let fifo = |path: PathBuf| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    fs::write(at("file"), "").unwrap();
    ["directory", "directory/_metadata", "round", "pipe"]
        .into_iter()
        .for_each(make);
    symlink("_metadata", at("round/_metadata")).unwrap();
    fifo(at("pipe/_metadata"));
    fifo(at("fifo"));
    let _listener = UnixListener::bind(at("socket")).unwrap();
    let here = folder.path().display();
    let cases = [
        ("directory", "directory/_metadata`: is a directory"),
        (
            "directory/_metadata",
            "directory/_metadata`: neither a savepoint nor a checkpoint: no `_metadata` and no `chk-N` in it",
        ),
        ("round", "round/_metadata`: too many levels of symbolic links"),
        ("pipe", "pipe/_metadata`: is a named pipe, and no regular file"),
        ("fifo", "fifo`: is a named pipe, and no regular file"),
        ("socket", "socket`: is a socket, and no regular file"),
        (
            "file/x/y",
            &format!("file/x/y`: there is nothing at this place: `{here}/file` is a file and no directory"),
        ),
        ("x/y", "x/y`: there is nothing at this place"),
    ];
    for (name, expected) in cases {
        let error = refused(&format!("{here}/{name}"));
        assert_eq!(error.to_string(), format!("`{here}/{expected}"), "{name}");
    }
    assert_eq!(
        refused("/dev/null").to_string(),
        "`/dev/null`: is a device, and no regular file"
    );
}

#[test]
fn forbidden_is_not_absent() {
    // Both directories are listed; in one of them nobody may read the metadata.
    let server = Server::start(|request| {
        let (forbidden, listed) = (
            request.target.starts_with("/forbidden"),
            request.method == "PROPFIND",
        );
        let name = if forbidden { "_metadata" } else { "other" };
        let directory = request.target.trim_end_matches('/');
        match (listed, forbidden) {
            (true, _) => Response {
                status: "207 Multi-Status",
                headers: vec![("Content-Type", "application/xml".to_owned())],
                body: format!(
                    "<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>{directory}/{name}</D:href><D:propstat><D:prop>\
                     <D:resourcetype/><D:getcontentlength>9</D:getcontentlength><D:getlastmodified>Fri, 01 May 2026 10:00:00 GMT</D:getlastmodified>\
                     </D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>"
                )
                .into(),
                ..Response::default()
            },
            (false, true) => Response::status("403 Forbidden", ""),
            // Stores whose directories must not be listed say so of what is missing; here they may.
            (false, false) if request.target.ends_with("_metadata") => Response::status("403 Forbidden", ""),
            (false, false) => Response::status("404 Not Found", ""),
        }
    });
    let error = refused(&format!("{}/forbidden", server.url));
    let expected = format!(
        "`{}/forbidden/_metadata`: access denied (the server answered 403 Forbidden)",
        server.url
    );
    assert_eq!(error.to_string(), expected);
    let error = refused(&format!("{}/empty", server.url));
    assert!(
        error
            .to_string()
            .ends_with("/empty`: neither a savepoint nor a checkpoint: no `_metadata` and no `chk-N` in it"),
        "{error}"
    );
}

#[test]
fn a_page_instead_of_a_file_is_recognized() {
    let page = b"\n<!DOCTYPE html>\n<html><title>Sign in</title></html>";
    let server = Server::start(|request| object(request, page));
    let error = refused(&format!("{}/savepoint", server.url));
    let expected = format!(
        "cannot read snapshot `{}/savepoint/_metadata`: this is a web page and no Flink metadata file; it begins with `<!DOCTYPE html>`",
        server.url
    );
    assert_eq!(error.to_string(), expected);
    assert!(
        error.help().unwrap().contains("does the server ask for a login?"),
        "{error:?}"
    );
}

/// The database's checkpoint, and the place that its metadata names.
fn database(folder: &Path) -> (String, String) {
    let fixture = root().join(DATABASE);
    let about = fs::read(fixture.join("fixture.json")).unwrap();
    let about: serde_json::Value = serde_json::from_slice(&about).unwrap();
    for directory in ["chk-5", "shared"] {
        fs::create_dir_all(folder.join(directory)).unwrap();
        for entry in fs::read_dir(fixture.join("snapshot").join(directory)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.join(directory).join(entry.file_name())).unwrap();
        }
    }
    (
        folder.display().to_string(),
        about.get("written_to").unwrap().as_str().unwrap().to_owned(),
    )
}

/// What is advised where the database's files are missed.
fn advice(snapshot: &Snapshot) -> Option<String> {
    let mut advice = None;
    snapshot.visit_streams(&mut |stream| {
        if let Err(error) = snapshot.files().open(stream) {
            advice = advice.take().or(error.help().map(str::to_owned));
        }
    });
    advice
}

#[test]
fn relocations_of_nothing_are_told_and_wrong_ones_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (here, old) = database(folder.path());
    let chk = format!("{here}/chk-5");
    let right = format!("{old}={here}");
    let opened = open_with(&chk, &[&right]).unwrap();
    assert_eq!(opened.idle_relocations(), Vec::<String>::new());
    assert_eq!(advice(&opened), None);

    let opened = open_with(&chk, &["/elsewhere=/x", &right]).unwrap();
    assert_eq!(
        opened.idle_relocations(),
        [format!(
            "no path begins with `/elsewhere` of `--relocate /elsewhere=/x`: those of the snapshot begin with `{old}`"
        )]
    );
    assert_eq!(advice(&opened), None);

    // Relocations do not chain: what is advised is about the path that the metadata holds.
    let wrong = format!("{old}=/nowhere");
    let opened = open_with(&chk, &[&wrong]).unwrap();
    assert_eq!(opened.idle_relocations(), Vec::<String>::new());
    let advised = advice(&opened).unwrap();
    assert!(
        advised.contains(&format!(
            ", of which `--relocate {wrong}` makes `/nowhere/shared/"
        )) && advised.ends_with(&format!(" now: write --relocate {right} instead")),
        "{advised}"
    );
    let opened = open_with(&chk, &[&right]).unwrap();
    assert_eq!(advice(&opened), None);

    // Where only some file of a place is missing, nothing was moved.
    let shared = folder.path().join("shared");
    let file = fs::read_dir(&shared).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(file).unwrap();
    assert_eq!(advice(&open_with(&chk, &[&right]).unwrap()), None);

    // Far from the metadata nothing is found again.
    let alone = tempfile::tempdir().unwrap();
    fs::rename(folder.path().join("chk-5"), alone.path().join("chk-5")).unwrap();
    let opened = open_with(alone.path().to_str().unwrap(), &[&wrong]).unwrap();
    let advised = advice(&opened).unwrap();
    assert!(
        advised.ends_with(&format!(
            "; write --relocate {old}=NEW instead, with the place it has now for NEW"
        )),
        "{advised}"
    );
    let plain = open_with(root().join(CANONICAL).to_str().unwrap(), &["/old=/new"]).unwrap();
    assert_eq!(
        plain.idle_relocations(),
        ["no path begins with `/old` of `--relocate /old=/new`: the snapshot holds no absolute paths"]
    );
}

#[test]
fn a_file_that_was_never_moved_needs_no_flag() {
    let folder = tempfile::tempdir().unwrap();
    let (here, old) = database(folder.path());
    // As if it had been written here.
    let path = folder.path().join("chk-5/_metadata");
    let mut metadata = statetool_format::metadata::Metadata::decode(&fs::read(&path).unwrap()).unwrap();
    statetool_testkit::moved::rename_paths(&mut metadata, &format!("file:{old}"), &format!("file:{here}"));
    fs::write(&path, statetool_format::Encode::to_bytes(&metadata)).unwrap();
    let wrong = format!("{here}=/nowhere");
    let advised = advice(&open_with(&here, &[&wrong]).unwrap()).unwrap();
    assert!(
        advised.ends_with("; the file is where the metadata says: leave that flag out"),
        "{advised}"
    );
    assert_eq!(advice(&open_with(&here, &[]).unwrap()), None);
}
