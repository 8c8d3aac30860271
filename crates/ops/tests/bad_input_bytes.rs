//! Each file of small snapshots, cut after each of its bytes, and with each of its bytes flipped.
//!
//! Nothing panics or hangs. What is cut is always noticed, by every operation that needs the
//! file. How many flips are noticed is counted and printed by kind of file: bytes that nothing
//! sums up, such as those of a number in a value, are what they are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and print figures"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use statetool_backend::{Memory, Source};
use statetool_format::metadata::{KeyedHandle, StreamHandle};
use statetool_ops::cat::{CatOptions, cat};
use statetool_ops::compact::{CompactOptions, Lifetime, Orphans};
use statetool_ops::rewrite::Format;
use statetool_ops::verify::{VerifyOptions, verify};
use statetool_ops::work::for_each;
use statetool_snapshot::{Error, ErrorKind, Flow, Located, OpenOptions, Result, Snapshot};
use statetool_store::{Location, Store};
use statetool_testkit::compacting::rehearse;
use statetool_testkit::opened::{metadata_of, moved};

/// Snapshots of all layouts, and at how many places each of their files is damaged at most:
/// small ones at every byte.
const FIXTURES: [(&str, usize); 9] = [
    ("1.20/finished-operator/hashmap-canonical", usize::MAX),
    ("1.20/kafka-source/hashmap-checkpoint", usize::MAX),
    ("2.3/finished-operator/hashmap-checkpoint", usize::MAX),
    ("1.20/keyed-states/rocksdb-canonical-snappy", 60),
    ("1.20/operator-states/hashmap-checkpoint", 60),
    ("1.20/keyed-states/rocksdb-heap-timers", 40),
    ("1.20/keyed-states/hashmap-changelog", 60),
    ("2.3/keyed-states/rocksdb-incremental-checkpoint", 60),
    ("1.20/ttl/hashmap-checkpoint", 60),
];

/// How many files of one kind and snapshot are damaged.
const FILES: usize = 2;

/// A snapshot, and what its files hold.
struct Whole {
    metadata: PathBuf,
    bytes: Vec<u8>,
    rows: String,
    /// What a compaction of all that is keyed keeps and leaves out.
    totals: String,
    /// Kind, name and bytes of some files of each kind.
    files: Vec<(String, String, Vec<u8>)>,
}

/// What the operations make of a snapshot.
struct Seen {
    /// Whether `verify --deep` finds something.
    found: bool,
    /// The rows, unless `cat` ends with an error.
    rows: Option<String>,
    /// What a compaction keeps and leaves out, or why there is none; at every fifth place.
    totals: Option<Result<String>>,
}

impl Seen {
    /// Nothing is shown as whole that is not: rows and totals are those of the snapshot, or there are none.
    fn is_honest(&self, whole: &Whole) -> bool {
        let rows = self.rows.iter().all(|rows| *rows == whole.rows);
        let totals = self.totals.iter().flatten();
        rows && totals.into_iter().all(|totals| *totals == whole.totals)
    }

    /// Who called is not to blame for bytes, and what is written is not either.
    fn blames_the_input(&self) -> bool {
        let error = self.totals.as_ref().and_then(|totals| totals.as_ref().err());
        !matches!(error.map(Error::kind), Some(ErrorKind::Usage | ErrorKind::Target))
    }
}

impl Whole {
    fn read(name: &str) -> Self {
        let metadata = metadata_of(name).expect(name);
        let mut whole = Self {
            bytes: std::fs::read(&metadata).unwrap(),
            metadata,
            rows: String::new(),
            totals: String::new(),
            files: Vec::new(),
        };
        let seen = whole.with(&whole.bytes, None, true);
        assert!(!seen.found, "{name} is not sound");
        whole.rows = seen.rows.expect(name);
        whole.totals = seen.totals.unwrap().expect(name);
        let snapshot = whole.open(&whole.bytes).unwrap();
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        for (kind, stream) in streams(&snapshot) {
            let Some(location) = snapshot.files().locate(&stream).unwrap() else {
                continue;
            };
            let location = location.to_string();
            let known = whole.files.iter().any(|(_, name, _)| *name == location);
            let count = kinds.entry(kind.clone()).or_default();
            if known || *count == FILES {
                continue;
            }
            *count += 1;
            let source = snapshot.files().open_log(&stream).unwrap();
            let bytes = source.read_at(0, source.len() as usize).unwrap().to_vec();
            whole.files.push((kind, location, bytes));
        }
        whole
    }

    fn open(&self, metadata: &[u8]) -> Result<Snapshot> {
        let located = Located {
            metadata: Location::from_path(&self.metadata)?,
            chosen: None,
        };
        let options = OpenOptions {
            relocations: moved(&self.metadata).into_iter().collect(),
            ..OpenOptions::default()
        };
        Snapshot::decode(&Store::default(), located, metadata, options)
    }

    /// What the operations make of other metadata, or of other bytes in a file.
    fn with(&self, metadata: &[u8], file: Option<(&str, &[u8])>, compacts: bool) -> Seen {
        let mut snapshot = match self.open(metadata) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                return Seen {
                    found: true,
                    rows: None,
                    totals: Some(Err(error)),
                };
            }
        };
        if let Some((name, bytes)) = file {
            let (name, bytes) = (name.to_owned(), bytes.to_vec());
            snapshot = snapshot.with_sources(move |source| -> Source {
                match source.name() == name {
                    true => Arc::new(Memory::new(name.clone(), bytes.clone())),
                    false => source,
                }
            });
        }
        let options = VerifyOptions {
            deep: true,
            ..VerifyOptions::default()
        };
        Seen {
            found: !verify(&snapshot, &options).findings.is_empty(),
            rows: rows(&snapshot).ok(),
            totals: compacts.then(|| totals(&snapshot)),
        }
    }
}

/// What is left of all keyed state when whatever can expire has, and orphans are gone.
fn totals(snapshot: &Snapshot) -> Result<String> {
    let options = CompactOptions {
        ttl: vec![Lifetime::parse("1s").unwrap()],
        at: i64::MAX,
        orphans: Orphans::Dropped,
        format: Some(Format::Canonical),
        evidence: true,
        ..CompactOptions::default()
    };
    let report = rehearse(snapshot, &options, 1)?;
    Ok(format!("{:?} {:?}", report.totals, report.evidence))
}

fn rows(snapshot: &Snapshot) -> Result<String> {
    let options = CatOptions::default();
    let mut rows = String::new();
    cat(snapshot, &options, false, |chunk| {
        rows.push_str(str::from_utf8(&chunk.text).unwrap());
        Ok(Flow::Continue(()))
    })?;
    Ok(rows)
}

/// The streams of a snapshot by the kind of their files.
fn streams(snapshot: &Snapshot) -> Vec<(String, StreamHandle)> {
    let mut streams = Vec::new();
    for (_, state) in snapshot.metadata().operators.iter().flat_map(|o| o.running()) {
        let operator = state.managed_operator.iter().map(|handle| &handle.delegate);
        streams.extend(operator.map(|stream| ("operator state".into(), stream.clone())));
        if let Some(KeyedHandle::KeyGroups(groups)) = &state.raw_keyed {
            streams.push(("raw timers".into(), groups.delegate.clone()));
        }
        state
            .managed_keyed
            .iter()
            .for_each(|handle| add(handle, &mut streams));
    }
    streams
}

fn add(handle: &KeyedHandle, streams: &mut Vec<(String, StreamHandle)>) {
    match handle {
        KeyedHandle::KeyGroups(groups) => streams.push(("keyed stream".into(), groups.delegate.clone())),
        KeyedHandle::Incremental(incremental) => {
            let meta = incremental.meta.iter();
            streams.extend(meta.map(|meta| ("RocksDB, state meta infos".into(), meta.clone())));
            for file in incremental.files() {
                let name = file.local_path.to_str();
                let kind: String = name.chars().filter(|c| c.is_alphabetic()).collect();
                streams.push((format!("RocksDB, {kind}"), file.handle.clone()));
            }
        }
        KeyedHandle::Changelog(changelog) => {
            let inner = changelog.materialized.iter().chain(&changelog.non_materialized);
            inner.for_each(|handle| add(handle, streams));
        }
        KeyedHandle::InlineChangelog(_) => {}
        KeyedHandle::ChangelogFiles(files) => {
            let sets = files.change_sets.iter();
            streams.extend(sets.map(|(_, stream)| ("changelog".into(), stream.clone())));
        }
    }
}

/// What became of damaged files of one kind.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    tried: u64,
    /// `verify --deep` found something.
    found: u64,
    /// `verify` found nothing, and the rows are the same.
    same: u64,
    /// `verify` found nothing, and the rows are others.
    other: u64,
    /// `cat` showed other rows although `verify` finds something.
    unaware: u64,
}

impl Count {
    fn add(&mut self, seen: &Seen, rows: &str) {
        let same = seen.rows.as_ref().is_none_or(|got| got == rows);
        self.tried += 1;
        self.found += u64::from(seen.found);
        self.same += u64::from(!seen.found && same);
        self.other += u64::from(!seen.found && !same);
        self.unaware += u64::from(seen.found && !same);
    }
}

/// Damages all files at all their places, but no more than `places`, with `damage`; counts by kind of file what became of it, and
/// hands what `check` refuses back in words.
fn damage_all(
    places: usize,
    damage: impl Fn(&[u8], usize) -> Vec<u8> + Sync,
    check: impl Fn(&Seen, &Whole) -> bool + Sync,
) -> (BTreeMap<String, Count>, Vec<String>) {
    let (counts, refused) = (Mutex::new(BTreeMap::new()), Mutex::new(Vec::new()));
    for (name, most) in FIXTURES {
        let whole = Whole::read(name);
        let metadata = (
            "_metadata".to_owned(),
            "_metadata".to_owned(),
            whole.bytes.clone(),
        );
        for (kind, file, bytes) in [metadata].iter().chain(&whole.files) {
            let step = bytes.len().div_ceil(most.min(places)).max(1);
            let places: Vec<usize> = (0..bytes.len()).step_by(step).collect();
            let try_place = |_: &mut (), place: &usize| {
                let damaged = damage(bytes, *place);
                let compacts = (place / step).is_multiple_of(5);
                let seen = match kind.as_str() {
                    "_metadata" => whole.with(&damaged, None, compacts),
                    _ => whole.with(&whole.bytes, Some((file, &damaged)), compacts),
                };
                let mut counts = counts.lock().unwrap();
                let count: &mut Count = counts.entry(kind.clone()).or_default();
                count.add(&seen, &whole.rows);
                if !check(&seen, &whole) || !seen.blames_the_input() {
                    let file = Path::new(file).file_name().unwrap().to_string_lossy();
                    refused
                        .lock()
                        .unwrap()
                        .push(format!("{name}, {kind} {file} at {place}"));
                }
                Ok(())
            };
            for_each(&places, 2, || (), try_place).unwrap();
        }
    }
    (counts.into_inner().unwrap(), refused.into_inner().unwrap())
}

fn print(what: &str, counts: &BTreeMap<String, Count>) {
    println!(
        "{what}: tried, found by verify --deep, no difference, other rows; cat unaware of what verify finds"
    );
    for (kind, count) in counts {
        let Count {
            tried,
            found,
            same,
            other,
            unaware,
        } = count;
        println!("  {kind}: {tried}, {found}, {same}, {other}; {unaware}");
    }
}

#[test]
fn what_is_cut_is_noticed() {
    // Not every operation reads every file; what it shows must still be the whole.
    let noticed = |seen: &Seen, whole: &Whole| seen.found && seen.is_honest(whole);
    let (counts, refused) = damage_all(usize::MAX, |bytes, at| bytes[..at].to_vec(), noticed);
    print("files cut short", &counts);
    assert!(
        refused.is_empty(),
        "{} unnoticed, such as {:?}",
        refused.len(),
        &refused[..refused.len().min(20)]
    );
}

#[test]
fn what_is_longer_is_noticed() {
    let longer = |bytes: &[u8], at: usize| {
        let mut longer = bytes.to_vec();
        longer.extend(vec![0; 1 + at % 7]);
        longer
    };
    let noticed = |seen: &Seen, whole: &Whole| seen.found && seen.is_honest(whole);
    let (counts, mut refused) = damage_all(8, longer, noticed);
    print("files with bytes behind their end", &counts);
    // Subtasks may share a log, so what a handle does not name is not wrong.
    refused.retain(|place| !place.contains(", changelog "));
    assert!(
        refused.is_empty(),
        "{} unnoticed, such as {:?}",
        refused.len(),
        &refused[..refused.len().min(20)]
    );
}

#[test]
fn flipped_bytes_never_end_in_a_panic() {
    for bits in [0x01, 0x80] {
        let flip = |bytes: &[u8], at: usize| {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= bits;
            flipped
        };
        let (counts, refused) = damage_all(usize::MAX, flip, |_, _| true);
        assert_eq!(refused, [""; 0]);
        print(&format!("bytes with bit {bits:#04x} flipped"), &counts);
        // Sums of bytes leave nothing to chance.
        for kind in ["RocksDB, sst", "RocksDB, MANIFEST"] {
            assert_eq!(counts[kind].other, 0, "{kind}");
        }
    }
}
