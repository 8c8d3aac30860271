//! `verify` of snapshots whose files are missing, too short, of others, or not seen to their end.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and print figures"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use statetool_format::Encode;
use statetool_format::metadata::Metadata;
use statetool_ops::verify::{VerifyOptions, VerifyReport, verify};
use statetool_snapshot::{OpenOptions, Relocation, Snapshot};
use statetool_store::{Location, Store};
use statetool_testkit::opened::{metadata_of, moved};

/// Snapshots of all layouts; in one of them several handles name parts of one file.
const FIXTURES: [&str; 8] = [
    "1.20/value-types/hashmap-canonical",
    "1.20/operator-states/hashmap-checkpoint",
    "1.20/many-files/rocksdb-native",
    "1.20/many-files/rocksdb-incremental-checkpoint",
    "1.20/keyed-states/rocksdb-changelog",
    "1.20/keyed-states/hashmap-changelog",
    "1.20/keyed-states/rocksdb-file-merging",
    "2.3/keyed-states/rocksdb-heap-timers",
];

/// A fixture's snapshot, copied so that it can be damaged.
struct Copied {
    _folder: tempfile::TempDir,
    metadata: PathBuf,
    relocation: Relocation,
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

impl Copied {
    fn new(fixture: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let metadata = metadata_of(fixture).unwrap();
        let moved = moved(&metadata).unwrap();
        let whole = moved.to.as_local_path().unwrap();
        copy(whole, folder.path());
        Self {
            metadata: folder.path().join(metadata.strip_prefix(whole).unwrap()),
            relocation: Relocation {
                from: moved.from,
                to: Location::from_path(folder.path()).unwrap(),
            },
            _folder: folder,
        }
    }

    fn open(&self) -> Snapshot {
        let options = OpenOptions {
            relocations: vec![self.relocation.clone()],
            ..OpenOptions::default()
        };
        Snapshot::open(&Store::default(), self.metadata.to_str().unwrap(), options).unwrap()
    }

    fn verify(&self, deep: bool) -> VerifyReport {
        let options = VerifyOptions {
            deep,
            threads: 3,
            ..VerifyOptions::default()
        };
        verify(&self.open(), &options)
    }

    /// The files that handles name, and how many of them do.
    fn files(&self) -> BTreeMap<PathBuf, usize> {
        let snapshot = self.open();
        let mut files = BTreeMap::new();
        snapshot.visit_streams(&mut |stream| {
            if let Some(place) = snapshot.files().locate(stream).unwrap() {
                *files
                    .entry(place.as_local_path().unwrap().to_owned())
                    .or_default() += 1;
            }
        });
        files
    }
}

#[test]
fn a_file_that_is_missing_or_too_short_is_one_finding() {
    let mut tried = [0; 4];
    for fixture in FIXTURES {
        let copied = Copied::new(fixture);
        assert!(copied.verify(true).findings.is_empty(), "{fixture}");
        for (file, handles) in copied.files() {
            let bytes = fs::read(&file).unwrap();
            // A log of changes is read as far as handles say, which may be not to its end.
            let is_log = file.iter().any(|name| name == "dstl");
            // Behind what is merged into a file may be parts of other checkpoints.
            let short = if fixture.ends_with("file-merging") {
                1
            } else {
                bytes.len() / 2
            };
            let damages: [(&str, Option<usize>); 3] = [
                (": no such file or directory", None),
                (": the file is empty, ", Some(0)),
                (": it is truncated", Some(short)),
            ];
            for (said, len) in damages.into_iter().filter(|(_, len)| !is_log || len.is_none()) {
                match len {
                    None => fs::remove_file(&file).unwrap(),
                    Some(len) => fs::write(&file, &bytes[..len]).unwrap(),
                }
                for deep in [false, true] {
                    let report = copied.verify(deep);
                    let name = format!("{fixture}, {}{said}: {:#?}", file.display(), report.findings);
                    let [finding] = report.findings.as_slice() else {
                        panic!("{name}");
                    };
                    let message = &finding.message;
                    assert!(message.contains(&*file.to_string_lossy()), "{name}");
                    assert!(message.contains(said), "{name}");
                    assert!(finding.operator.is_some() && finding.subtask.is_some(), "{name}");
                    // Parts of a file may lie before its end.
                    let counted = message.contains(" more handle");
                    assert!(
                        counted == (handles > 1) || (handles > 1 && len.is_some()),
                        "{name}"
                    );
                    // A table is one state's.
                    if message.contains(".sst`: ") && handles == 1 {
                        assert!(finding.state.is_some(), "{name}");
                        tried[3] += 1;
                    }
                    tried[usize::from(len.is_some())] += 1;
                    tried[2] += usize::from(handles > 1);
                }
            }
            fs::write(&file, &bytes).unwrap();
        }
        assert!(copied.verify(true).findings.is_empty(), "{fixture}");
    }
    println!(
        "{} missing and {} short files, {} of several handles and {} tables: a finding each",
        tried[0], tried[1], tried[2], tried[3]
    );
    assert!(tried.iter().all(|count| *count > 0), "{tried:?}");
}

#[test]
fn a_damaged_block_of_a_table_is_one_finding_with_its_state() {
    let copied = Copied::new("1.20/many-files/rocksdb-incremental-checkpoint");
    let mut tried = 0;
    for file in copied.files().into_keys() {
        let bytes = fs::read(&file).unwrap();
        // The footer of a table ends with this number.
        if !bytes.ends_with(&0x88e2_41b7_85f4_cff7_u64.to_le_bytes()) {
            continue;
        }
        let mut damaged = bytes.clone();
        damaged[bytes.len() / 4] ^= 1;
        fs::write(&file, &damaged).unwrap();
        let report = copied.verify(true);
        let [finding] = report.findings.as_slice() else {
            panic!("{:#?}", report.findings);
        };
        assert!(finding.message.contains("checksum"), "{finding:?}");
        assert_eq!(finding.state.as_deref(), Some("last"));
        fs::write(&file, &bytes).unwrap();
        tried += 1;
    }
    assert!(tried > 3, "{tried}");
}

#[test]
fn the_other_subtasks_are_checked_beside_a_missing_file() {
    let copied = Copied::new("1.20/value-types/hashmap-canonical");
    let whole = copied.verify(true).checked;
    let file = copied.files().into_keys().next().unwrap();
    fs::remove_file(file).unwrap();
    let report = copied.verify(true);
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.checked.operators, whole.operators);
    assert_eq!(report.checked.handles, whole.handles);
    assert!(report.checked.entries > 0 && report.checked.entries < whole.entries);
}

#[test]
fn files_beside_the_metadata_that_no_handle_names_are_a_note() {
    for fixture in FIXTURES {
        let copied = Copied::new(fixture);
        let said = |report: &VerifyReport| -> Vec<String> {
            assert!(report.findings.is_empty(), "{fixture}");
            let notes = report.notes.iter().map(|note| note.message.clone());
            notes.filter(|note| note.contains("named by no handle")).collect()
        };
        assert_eq!(said(&copied.verify(false)), Vec::<String>::new(), "{fixture}");
        let beside = copied.metadata.parent().unwrap();
        fs::create_dir_all(beside.join("directory")).unwrap();
        fs::write(beside.join("directory/file"), "of somebody").unwrap();
        for shared in ["shared", "taskowned"] {
            let shared = beside.parent().unwrap().join(shared);
            if shared.is_dir() {
                fs::write(shared.join("of-another-checkpoint"), "state").unwrap();
            }
        }
        fs::write(beside.join("stray"), "12345").unwrap();
        assert_eq!(
            said(&copied.verify(false)),
            ["1 file beside `_metadata`, `stray` with 5 bytes, is named by no handle"]
        );
        File::create(beside.join("aaa")).unwrap();
        assert_eq!(
            said(&copied.verify(false)),
            ["2 files beside `_metadata`, 5 bytes, are named by no handle, such as `aaa`"]
        );
        // A file of another name may lie anywhere.
        let other = Copied {
            metadata: beside.join("other-name"),
            relocation: copied.relocation.clone(),
            _folder: tempfile::tempdir().unwrap(),
        };
        fs::rename(&copied.metadata, &other.metadata).unwrap();
        assert_eq!(said(&other.verify(false)), Vec::<String>::new());
    }
}

#[test]
fn what_is_not_checked_to_its_end_is_counted() {
    let mut counted = BTreeSet::new();
    // A database that needs a file: none of its entries has been seen.
    let copied = Copied::new("1.20/many-files/rocksdb-native");
    let whole = copied.verify(true);
    assert_eq!(whole.checked.incomplete, 0);
    let table = copied
        .files()
        .into_keys()
        .find(|file| {
            fs::remove_file(file).unwrap();
            let found = copied.verify(true).findings;
            found.iter().any(|finding| finding.message.contains(".sst`"))
        })
        .unwrap();
    let report = copied.verify(true);
    let notes = report
        .notes
        .iter()
        .filter(|note| note.message.starts_with("not checked to the end: "));
    counted.extend(notes.map(|note| note.message.clone()));
    assert_eq!(report.checked.incomplete, counted.len() as u64);
    assert_eq!(
        counted.into_iter().collect::<Vec<_>>(),
        [format!("not checked to the end: it needs `{}`", table.display())]
    );

    // More findings than anybody reads: with so many key groups each key belongs to another one.
    let copied = Copied::new("1.20/keyed-states/rocksdb-canonical");
    let mut metadata = Metadata::decode(&fs::read(&copied.metadata).unwrap()).unwrap();
    for operator in &mut metadata.operators {
        operator.max_parallelism = 120;
    }
    fs::write(&copied.metadata, metadata.to_bytes()).unwrap();
    let report = copied.verify(true);
    assert!(report.findings.len() > 100, "{}", report.findings.len());
    assert_eq!(report.checked.incomplete, 1);
    let messages = report.notes.iter().map(|note| note.message.as_str());
    assert_eq!(
        messages.collect::<Vec<_>>(),
        ["not checked to the end: 100 findings are enough"]
    );
}
