//! Sorts entries by their keys, on disk where they do not fit into memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

use statetool_snapshot::{Error, Result};

/// How many bytes of entries are kept in memory.
const IN_MEMORY: usize = 64 << 20;
/// How many files there are at most.
const MAX_RUNS: usize = 128;

/// Takes entries in any order, and gives them back in that of their keys.
#[derive(Debug)]
pub(crate) struct Sorter {
    limit: usize,
    bytes: Vec<u8>,
    entries: Vec<Stored>,
    /// Whether the entries have come in order so far.
    sorted: bool,
    /// Sorted entries that did not fit.
    runs: Vec<File>,
}

/// Where an entry lies among the bytes: its value lies behind its key.
#[derive(Debug, Clone, Copy)]
struct Stored {
    /// The first bytes of the key, as a number of the same order.
    head: u64,
    start: usize,
    key: usize,
    value: usize,
}

impl Default for Sorter {
    fn default() -> Self {
        Self::new(IN_MEMORY)
    }
}

impl Sorter {
    /// A sorter that keeps `limit` bytes in memory.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: Vec::new(),
            entries: Vec::new(),
            sorted: true,
            runs: Vec::new(),
        }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`ErrorKind::Target`](statetool_snapshot::ErrorKind::Target) where there is no room for
    /// temporary files.
    pub(crate) fn push(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        if !self.entries.is_empty() && self.bytes.len() + key.len() + value.len() > self.limit {
            self.spill()?;
        }
        if self.sorted {
            self.sorted = self.entries.last().is_none_or(|last| self.key(last) < key);
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.entries.push(Stored {
            head: head(key),
            start,
            key: key.len(),
            value: value.len(),
        });
        Ok(())
    }

    /// Whether there are no entries.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.runs.is_empty()
    }

    fn key(&self, entry: &Stored) -> &[u8] {
        self.bytes
            .get(entry.start..entry.start + entry.key)
            .unwrap_or_default()
    }

    fn value(&self, entry: &Stored) -> &[u8] {
        let start = entry.start + entry.key;
        self.bytes.get(start..start + entry.value).unwrap_or_default()
    }

    fn sort(&mut self) {
        if !self.sorted {
            let mut entries = std::mem::take(&mut self.entries);
            // Entries of several key groups come mixed, those of each often sorted: the heads alone
            // bring them in order then, and the sort that compares keys finds that.
            entries.sort_by_key(|entry| entry.head);
            entries.sort_by(|a, b| {
                let heads = a.head.cmp(&b.head);
                heads.then_with(|| self.key(a).cmp(self.key(b)))
            });
            self.entries = entries;
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        self.sorted = true;
    }

    /// Moves the entries to a file, and all files into one when there are many.
    fn spill(&mut self) -> Result<()> {
        self.sort();
        let mut run = RunWriter::new()?;
        for entry in &self.entries {
            run.add(self.key(entry), self.value(entry))?;
        }
        self.runs.push(run.finish()?);
        self.clear();
        if self.runs.len() == MAX_RUNS {
            let mut merged = RunWriter::new()?;
            merge(std::mem::take(&mut self.runs), |key, value| {
                merged.add(key, value)
            })?;
            self.runs.push(merged.finish()?);
        }
        Ok(())
    }

    /// Gives all entries to `visit` in the order of their keys, and forgets them.
    ///
    /// # Errors
    /// What `visit` returns, and temporary files that can't be read again.
    pub(crate) fn drain(&mut self, mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
        if self.runs.is_empty() {
            self.sort();
            for entry in &self.entries {
                visit(self.key(entry), self.value(entry))?;
            }
            self.clear();
            return Ok(());
        }
        self.spill()?;
        merge(std::mem::take(&mut self.runs), visit)
    }
}

/// Sorters that share the memory of one: when it is full, the one that holds most moves to a file.
pub(crate) struct Sorters {
    sorters: Vec<Sorter>,
    limit: usize,
    /// Bytes of entries in memory.
    held: usize,
}

impl Sorters {
    /// So many sorters.
    pub(crate) fn new(count: usize) -> Self {
        Self::with_limit(count, IN_MEMORY)
    }

    fn with_limit(count: usize, limit: usize) -> Self {
        // None of them counts for itself.
        let sorter = || Sorter::new(usize::MAX);
        Self {
            sorters: std::iter::repeat_with(sorter).take(count).collect(),
            limit,
            held: 0,
        }
    }

    /// Adds an entry to one of them; nothing where there is no such.
    ///
    /// # Errors
    /// As [`Sorter::push`].
    pub(crate) fn push(&mut self, sorter: usize, key: &[u8], value: &[u8]) -> Result<()> {
        self.held += key.len() + value.len();
        while self.held > self.limit {
            let Some(largest) = self.sorters.iter_mut().max_by_key(|sorter| sorter.bytes.len()) else {
                break;
            };
            if largest.bytes.is_empty() {
                break;
            }
            self.held -= largest.bytes.len();
            largest.spill()?;
        }
        match self.sorters.get_mut(sorter) {
            Some(sorter) => sorter.push(key, value),
            None => Ok(()),
        }
    }

    /// Gives the entries of one of them to `visit`, and forgets them.
    ///
    /// # Errors
    /// As [`Sorter::drain`].
    pub(crate) fn drain(
        &mut self,
        sorter: usize,
        visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        let Some(sorter) = self.sorters.get_mut(sorter).filter(|sorter| !sorter.is_empty()) else {
            return Ok(());
        };
        self.held -= sorter.bytes.len();
        sorter.drain(visit)
    }
}

/// The first bytes of a key, with zeros behind a shorter one: numbers that differ are in the order of the keys.
fn head(key: &[u8]) -> u64 {
    let mut head = [0; 8];
    head.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(head)
}

/// Writes entries to a temporary file.
struct RunWriter(BufWriter<File>);

impl RunWriter {
    fn new() -> Result<Self> {
        let file = tempfile::tempfile().map_err(|error| no_room(&error))?;
        Ok(Self(BufWriter::with_capacity(1 << 20, file)))
    }

    fn add(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let (key_len, value_len) = (
            (key.len() as u64).to_le_bytes(),
            (value.len() as u64).to_le_bytes(),
        );
        let mut parts = [&key_len[..], &value_len, key, value].into_iter();
        parts
            .try_for_each(|part| self.0.write_all(part))
            .map_err(|error| no_room(&error))
    }

    fn finish(self) -> Result<File> {
        let file = self.0.into_inner().map_err(io::IntoInnerError::into_error);
        let rewound = file.and_then(|mut file| file.rewind().map(|()| file));
        rewound.map_err(|error| no_room(&error))
    }
}

/// Gives the entries of sorted runs to `visit` in the order of their keys.
fn merge(runs: Vec<File>, mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
    let readers = runs
        .into_iter()
        .map(|run| BufReader::with_capacity(256 << 10, run));
    let mut readers: Vec<BufReader<File>> = readers.collect();
    let mut heads = BinaryHeap::new();
    for (run, reader) in readers.iter_mut().enumerate() {
        let head = read_entry(reader).map_err(|error| no_room(&error))?;
        heads.extend(head.map(|(key, value)| Reverse((key, run, value))));
    }
    while let Some(Reverse((key, run, value))) = heads.pop() {
        visit(&key, &value)?;
        if let Some(reader) = readers.get_mut(run) {
            let head = read_entry(reader).map_err(|error| no_room(&error))?;
            heads.extend(head.map(|(key, value)| Reverse((key, run, value))));
        }
    }
    Ok(())
}

/// The next entry of a run; nothing at its end.
fn read_entry(run: &mut impl Read) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let mut len = [0; 8];
    match run.read_exact(&mut len) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let key_len = u64::from_le_bytes(len);
    run.read_exact(&mut len)?;
    let mut part = |len: u64| -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
        run.read_exact(&mut bytes)?;
        Ok(bytes)
    };
    let key = part(key_len)?;
    Ok(Some((key, part(u64::from_le_bytes(len))?)))
}

#[cold]
pub(super) fn no_room(error: &io::Error) -> Error {
    let why = statetool_store::plain(error);
    Error::target(format!(
        "temporary files in `{}`: {why}",
        std::env::temp_dir().display()
    ))
    .hint("`TMPDIR` says where temporary files go")
}

#[cfg(test)]
#[allow(
    clippy::print_stderr,
    reason = "a test tells another process what it has seen"
)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_in_order_however_many_fit() {
        let mut noise = 7_u32;
        let mut entries: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for n in 0..3000_u32 {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let key = noise.to_be_bytes()[..1 + (n % 4) as usize].to_vec();
            entries.push((
                [key, n.to_be_bytes().to_vec()].concat(),
                vec![n as u8; (n % 50) as usize],
            ));
        }
        let mut expected = entries.clone();
        expected.sort();
        for limit in [usize::MAX, 10_000, 1] {
            let mut sorter = Sorter::new(limit);
            for round in 0..2 {
                for (key, value) in if round == 0 { &entries } else { &expected } {
                    sorter.push(key, value).unwrap();
                }
                let mut found = Vec::new();
                let drained = sorter.drain(|key, value| {
                    found.push((key.to_vec(), value.to_vec()));
                    Ok(())
                });
                drained.unwrap();
                assert_eq!(found, expected, "{limit}");
            }
        }
    }

    #[test]
    fn sorters_share_memory_by_need() {
        // The first holds far more than its part.
        let entry = |n: u32| {
            (
                usize::from(n % 8 == 7),
                n.wrapping_mul(2_654_435_761).to_be_bytes(),
            )
        };
        for (limit, spills) in [
            (usize::MAX, false),
            (16_000, false),
            (15_999, true),
            (1000, true),
            (1, true),
        ] {
            let mut sorters = Sorters::with_limit(2, limit);
            for _ in 0..2 {
                for (sorter, key) in (0..2000).map(entry) {
                    sorters.push(sorter, &key, &key).unwrap();
                    let held: usize = sorters.sorters.iter().map(|sorter| sorter.bytes.len()).sum();
                    assert!(held == sorters.held && held <= limit.max(8), "{held}");
                }
                assert_eq!(!sorters.sorters[0].runs.is_empty(), spills, "{limit}");
                assert!(limit < 10_000 || sorters.sorters[1].runs.is_empty(), "{limit}");
                for sorter in 0..2 {
                    let mut expected: Vec<_> =
                        (0..2000).map(entry).filter(|entry| entry.0 == sorter).collect();
                    expected.sort();
                    let mut found = Vec::new();
                    let drained = sorters.drain(sorter, |key, value| {
                        assert_eq!(key, value);
                        found.push((sorter, key.try_into().unwrap()));
                        Ok(())
                    });
                    drained.unwrap();
                    assert_eq!(found, expected, "{limit}");
                }
                assert_eq!(sorters.held, 0);
            }
        }
        Sorters::with_limit(0, 0).push(3, &[1], &[]).unwrap();
    }

    const IN_CHILD: &str = "STATETOOL_TEST_SPILLS";

    /// The test runs itself as a program whose temporary files have no place.
    #[cfg(unix)]
    #[test]
    fn temporary_files_without_a_place_are_told() {
        if std::env::var_os(IN_CHILD).is_some() {
            let mut sorter = Sorter::new(1);
            let pushed = (0..100_u8).try_for_each(|n| sorter.push(&[n; 100], &[n; 100]));
            let error = pushed.unwrap_err();
            assert_eq!(error.kind(), statetool_snapshot::ErrorKind::Target);
            eprintln!("said: {error}; {}", error.help().unwrap());
            return;
        }
        let name = "sorter::tests::temporary_files_without_a_place_are_told";
        let here = std::env::temp_dir();
        let cases = [
            ("exec \"$@\"", "/nonexistent/place", "no such file or directory"),
            (
                "trap '' XFSZ; ulimit -f 0; exec \"$@\"",
                here.to_str().unwrap(),
                "file too large",
            ),
        ];
        for (script, place, why) in cases {
            let child = std::process::Command::new("sh")
                .args(["-c", script, "sh"])
                .arg(std::env::current_exe().unwrap())
                .args(["--exact", name, "--nocapture"])
                .envs([(IN_CHILD, "1"), ("TMPDIR", place)])
                .output();
            let said = String::from_utf8(child.unwrap().stderr).unwrap();
            let expected = format!(
                "said: temporary files in `{place}`: {why}; `TMPDIR` says where temporary files go\n"
            );
            assert!(said.contains(&expected), "{said}");
        }
    }
}
