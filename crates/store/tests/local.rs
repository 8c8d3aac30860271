//! Local files: what is read, listed and refused.

#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

use std::fs;
use std::io::{BufRead, Read};

use statetool_store::{Entry, EntryKind, Error, ErrorKind, Location, Store};

fn location(path: &std::path::Path) -> Location {
    Location::from_path(path).unwrap()
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

/// The message without the name of the temporary directory.
fn message(error: &Error) -> String {
    format!("{:?}: {}", error.kind(), error.why())
}

#[test]
fn objects_are_read_at_positions_and_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = pattern(3 << 20);
    fs::write(directory.path().join("x%20 y"), &bytes).unwrap();
    let object = Store::default()
        .open(&location(&directory.path().join("x%20 y")))
        .unwrap();
    assert_eq!(object.len(), 3 << 20);
    assert_eq!(
        object.read_at(1_000_000, 10).unwrap(),
        bytes[1_000_000..1_000_010]
    );
    assert_eq!(object.read_at(3 << 20, 0).unwrap(), b""[..]);
    let mut buffer = [0; 7];
    object.read_exact_at(99, &mut buffer).unwrap();
    assert_eq!(buffer, bytes[99..106]);
    assert_eq!(object.read_all(3 << 20).unwrap(), bytes);

    for range in [0..3 << 20, 5..7, 1_048_570..2_097_160, 9..9] {
        let mut read = Vec::new();
        object
            .reader(range.clone())
            .unwrap()
            .read_to_end(&mut read)
            .unwrap();
        assert_eq!(read, bytes[range.start as usize..range.end as usize], "{range:?}");
    }
    let mut reader = object.reader(10..20).unwrap();
    assert_eq!(reader.fill_buf().unwrap(), &bytes[10..20]);
    reader.consume(4);
    assert_eq!(reader.chunk().unwrap(), &bytes[14..20]);
}

#[test]
fn reading_beyond_the_end_is_refused_before_memory_is_reserved() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f");
    fs::write(&path, b"0123456789").unwrap();
    let object = Store::default().open(&location(&path)).unwrap();
    let error = object.read_at(4, usize::MAX >> 1).unwrap_err();
    assert_eq!(
        message(&error),
        "OutOfRange: 9223372036854775807 bytes at offset 0x4 reach beyond its end at 0xa"
    );
    let error = object.read_at(u64::MAX, 2).unwrap_err();
    assert_eq!(
        message(&error),
        "OutOfRange: 2 bytes at offset 0xffffffffffffffff reach beyond its end at 0xa"
    );
    let error = object.reader(5..11).unwrap_err();
    assert_eq!(
        message(&error),
        "OutOfRange: 6 bytes at offset 0x5 reach beyond its end at 0xa"
    );
    let error = object.read_all(9).unwrap_err();
    assert_eq!(message(&error), "TooLarge: 10 bytes, the limit is 9");

    fs::write(&path, b"0123").unwrap();
    let error = object.read_at(2, 4).unwrap_err();
    assert_eq!(
        message(&error),
        "OutOfRange: became shorter than the 10 bytes it had when it was opened"
    );
}

#[test]
fn directories_are_listed_by_name() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["b", "a", "_metadata"] {
        fs::write(directory.path().join(name), name).unwrap();
    }
    fs::create_dir(directory.path().join("shared")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", directory.path().join("dangling")).unwrap();
    let store = Store::default();
    let here = location(directory.path());
    let file = |name: &str, len| Entry {
        name: name.into(),
        kind: EntryKind::File { len },
    };
    let shared = Entry {
        name: "shared".into(),
        kind: EntryKind::Directory,
    };
    assert_eq!(
        store.list(&here).unwrap(),
        [file("_metadata", 9), file("a", 1), file("b", 1), shared]
    );
    assert_eq!(store.kind(&here).unwrap(), Some(EntryKind::Directory));
    assert!(store.exists(&here.join_file_name("a").unwrap()).unwrap());
    assert!(!store.exists(&here.join("a/b").unwrap()).unwrap());
    assert_eq!(
        store.read_small(&here.join_file_name("b").unwrap(), 100).unwrap(),
        b"b"[..]
    );
    assert!(!store.list(&Location::parse(".").unwrap()).unwrap().is_empty());

    let mut options = statetool_store::StoreOptions::default();
    options.max_entries = 3;
    let error = Store::new(options).list(&here).unwrap_err();
    assert_eq!(message(&error), "TooLarge: holds more than 3 entries");
}

#[test]
fn what_is_no_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::default();
    let here = location(directory.path());
    fs::write(directory.path().join("f"), b"").unwrap();
    let open = |name: &str| message(&store.open(&here.join(name).unwrap()).unwrap_err());
    assert_eq!(open("missing"), "NotFound: no such file or directory");
    assert_eq!(open("f/below"), "NotFound: no such file or directory");
    assert_eq!(
        message(&store.open(&here).unwrap_err()),
        "Invalid: is a directory"
    );
    let error = store.list(&here.join_file_name("f").unwrap()).unwrap_err();
    assert_eq!(message(&error), "Invalid: is no directory");
    let error = store.list(&here.join_file_name("missing").unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("`{here}/missing`: no such file or directory")
    );
    assert_eq!(error.kind(), ErrorKind::NotFound);
    #[cfg(unix)]
    {
        let device = Location::parse("/dev/null").unwrap();
        assert_eq!(
            message(&store.open(&device).unwrap_err()),
            "Invalid: is a device, and no regular file"
        );
        let socket = directory.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(open("socket"), "Invalid: is a socket, and no regular file");
        // To open it would wait for somebody who writes.
        let made = std::process::Command::new("mkfifo")
            .arg(directory.path().join("pipe"))
            .status();
        assert!(made.unwrap().success());
        assert_eq!(open("pipe"), "Invalid: is a named pipe, and no regular file");
        std::os::unix::fs::symlink("round", directory.path().join("round")).unwrap();
        assert!(
            open("round").starts_with("Io: too many levels of symbolic links")
                && !open("round").contains("os error")
        );
    }
}

#[test]
fn errors_keep_their_kind_as_input_output_errors() {
    let error = std::io::Error::from(Location::parse("oss://b").unwrap_err());
    assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
    let directory = tempfile::tempdir().unwrap();
    let error = Store::default()
        .open(&location(&directory.path().join("x")))
        .unwrap_err();
    assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::NotFound);
}
