//! What a rewrite says of damaged input.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::path::Path;

use statetool_ops::rewrite::{ExecuteOptions, RewriteReport, plan, rehearse};
use statetool_snapshot::{Error, ErrorKind, Located, OpenOptions, Result, Snapshot};
use statetool_store::{Location, Store};
use statetool_testkit::opened::{metadata_of, moved};
use statetool_testkit::rewriting::{edits, findings, opened, rewrite, scratch};
use tempfile::TempDir;

/// Rewrites a fixture in whose metadata some bytes are others, where `find` finds them.
fn rewritten(
    name: &str,
    find: impl Fn(&[u8]) -> usize,
    change: impl Fn(&mut u8),
    json: &str,
    folder: &TempDir,
) -> Result<RewriteReport> {
    let path = metadata_of(name).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let place = find(&bytes);
    change(bytes.get_mut(place).unwrap());
    let located = Located {
        metadata: Location::from_path(&path)?,
        chosen: None,
    };
    let options = OpenOptions {
        relocations: moved(&path).into_iter().collect(),
        ..OpenOptions::default()
    };
    let snapshot = Snapshot::decode(&Store::default(), located, &bytes, options)?;
    rewrite(&snapshot, &edits(json), &folder.path().join("new"))
}

/// The place of a text, and so many bytes behind its beginning.
fn at<'t>(text: &'t str, behind: usize) -> impl Fn(&[u8]) -> usize + 't {
    move |bytes| {
        let mut windows = bytes.windows(text.len());
        windows.position(|window| window == text.as_bytes()).unwrap() + behind
    }
}

fn refused(result: Result<RewriteReport>) -> Error {
    result.map(|_| ()).unwrap_err()
}

/// Key groups would be those of before, beside a new number of them.
#[test]
fn what_cannot_be_read_is_not_divided_anew() {
    let mut refusals = 0;
    for name in [
        "1.16/keyed-states/hashmap-changelog",
        "1.20/keyed-states/rocksdb-canonical",
    ] {
        let bytes = std::fs::read(metadata_of(name).unwrap()).unwrap();
        let classes = bytes.windows(18).enumerate();
        let classes = classes.filter(|(_, window)| window == b"SerializerSnapshot");
        for (place, _) in classes {
            for json in [
                r#"{"max-parallelism": [{"to": 512}]}"#,
                r#"{"parallelism": [{"to": 3}]}"#,
            ] {
                let folder = scratch();
                let result = rewritten(name, |_| place + 14, |byte| *byte = b'j', json, &folder);
                if result.is_err() {
                    refusals += 1;
                    continue;
                }
                let found = findings(&opened(&folder.path().join("new")));
                let divided = found.iter().all(|finding| !finding.contains("key groups"));
                assert!(divided, "{name} {place} {json}: {found:?}");
            }
        }
    }
    assert!(refusals > 10, "{refusals}");
}

#[test]
fn a_key_that_is_another_one_is_damage() {
    let name = "1.20/keyed-states/rocksdb-canonical";
    let json = r#"{"max-parallelism": [{"to": 512}]}"#;
    let error = refused(rewritten(
        name,
        at("user-13", 5),
        |byte| *byte = b'7',
        json,
        &scratch(),
    ));
    assert_eq!(error.kind(), ErrorKind::Input, "{error}");
    assert!(
        error.to_string().contains("and belongs to another one"),
        "{error}"
    );
    assert!(
        error.help().unwrap_or_default().contains("verify --deep"),
        "{error}"
    );
}

/// Copied as it is, damage is nothing that went wrong with the output.
#[test]
fn damage_that_is_copied_is_not_that_of_the_output() {
    let name = "1.20/operator-states/hashmap-canonical-snappy";
    let len = std::fs::read(metadata_of(name).unwrap()).unwrap().len();
    let mut tried = 0;
    for place in (0..len).step_by(97) {
        for json in [r#"{"backend": "rocksdb"}"#, r#"{"compression": "none"}"#] {
            let result = rewritten(name, |_| place, |byte| *byte ^= 1, json, &scratch());
            let kind = result.map_err(|error| error.kind());
            assert!(
                !matches!(kind, Err(ErrorKind::Target)),
                "{place} {json}: {kind:?}"
            );
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried}");
}

/// Where a heap file is damaged, its keys end elsewhere, or are null: no class of a job has another hash code for that.
#[test]
fn damaged_keys_are_not_those_of_unknown_classes() {
    let damages: [fn(&mut u8); 3] = [|byte| *byte ^= 0xff, |byte| *byte ^= 1, |byte| *byte = 0];
    let mut damaged = 0;
    let path = metadata_of("1.20/keyed-states/hashmap-native").unwrap();
    let whole = std::fs::read(&path).unwrap();
    for place in (0..whole.len()).step_by(11) {
        for damage in damages {
            let mut bytes = whole.clone();
            damage(bytes.get_mut(place).unwrap());
            let Err(error) = rehearsed(&path, &bytes, r#"{"max-parallelism": [{"to": 512}]}"#) else {
                continue;
            };
            let why = error.to_string();
            assert!(!why.contains("keys of type String are"), "{place}: {why}");
            if why.contains("a key in key group ") {
                assert_eq!(error.kind(), ErrorKind::Input, "{place}: {why}");
                let help = error.help().unwrap_or_default();
                assert!(help.contains("verify --deep"), "{place}: {help}");
                damaged += 1;
            }
        }
    }
    assert!(damaged > 300, "{damaged}");
}

/// What a rewrite of a snapshot with other metadata would do.
fn rehearsed(path: &Path, metadata: &[u8], json: &str) -> Result<()> {
    let located = Located {
        metadata: Location::from_path(path)?,
        chosen: None,
    };
    let snapshot = Snapshot::decode(&Store::default(), located, metadata, OpenOptions::default())?;
    let edits = edits(json);
    rehearse(&plan(&snapshot, &edits)?, &ExecuteOptions::default()).map(|_| ())
}
