//! Entries that get to other key groups: collected by where they go, on disk where they are many.

use std::fs::File;
use std::io::{BufReader, Read, Seek, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use statetool_format::KeyGroupRange;
use statetool_format::Reader;
use statetool_format::key_group::key_group_of_hash;
use statetool_snapshot::{Entry, Error, Flow, Result, State, StateKind, StoredKey};
use statetool_values::{Framing, Type, decode_java_hash};

use super::item::{From, Item};
use super::output::Output;
use crate::pipeline::Spare;
use crate::rewrite::lock;
use crate::rewrite::rule::Form;
use crate::rewrite::scale::Scale;
use crate::sorter::{Sorter, no_room};

/// How many bytes a partition is made for.
const PARTITION_BYTES: u64 = 16 << 20;
/// How many partitions there are at most.
const MAX_PARTITIONS: usize = 512;
/// How many bytes of all partitions are kept in memory.
const IN_MEMORY: usize = 64 << 20;
/// How many bytes a thread collects for one partition before it hands them over.
const CHUNK: usize = 32 << 10;
/// How many bytes all threads collect for all partitions: chunks are smaller where there are many of these.
const IN_CHUNKS: usize = 32 << 20;

/// Entries by where they go.
pub(super) struct Shuffle {
    partitions: Vec<Partition>,
    /// The partition of each key group.
    of_group: Vec<usize>,
    /// How many bytes are in memory, and may be.
    in_memory: AtomicUsize,
    limit: usize,
    /// How large a chunk is.
    chunk: usize,
    chunks: Spare<Vec<u8>>,
    sorters: Spare<Sorter>,
}

/// Entries of some key groups of one output.
struct Partition {
    output: usize,
    range: KeyGroupRange,
    stored: Mutex<Stored>,
}

/// Chunks of records, the first of them in a file if there were too many.
#[derive(Default)]
struct Stored {
    file: Option<File>,
    chunks: Vec<Vec<u8>>,
}

/// Takes the entries of one thread.
pub(super) struct Writer<'s> {
    shuffle: &'s Shuffle,
    chunks: Vec<Vec<u8>>,
    key: Vec<u8>,
}

impl Shuffle {
    /// Partitions for entries of about so many bytes, which `threads` threads collect.
    pub(super) fn new(outputs: &[Output<'_>], scale: Scale, bytes: u64, threads: usize) -> Self {
        let wanted = bytes.div_ceil(PARTITION_BYTES).clamp(1, MAX_PARTITIONS as u64) as usize;
        let each = wanted.div_ceil(outputs.len().max(1)) as u32;
        let mut shuffle = Self {
            partitions: Vec::new(),
            of_group: vec![usize::MAX; scale.max_parallelism as usize],
            in_memory: AtomicUsize::new(0),
            limit: IN_MEMORY,
            chunk: CHUNK,
            chunks: Spare::default(),
            sorters: Spare::default(),
        };
        for (output, made) in outputs.iter().enumerate() {
            let step = made.range.count.div_ceil(each.max(1)).max(1);
            for start in made.range.groups().step_by(step as usize) {
                let range = KeyGroupRange::new(start, (start + step).min(made.range.end()));
                for group in range.groups() {
                    if let Some(place) = shuffle.of_group.get_mut(group as usize) {
                        *place = shuffle.partitions.len();
                    }
                }
                shuffle.partitions.push(Partition {
                    output,
                    range,
                    stored: Mutex::default(),
                });
            }
        }
        shuffle.chunk = CHUNK.min(IN_CHUNKS / (shuffle.partitions.len() * threads).max(1));
        shuffle
    }

    /// The work that is left when all entries are here.
    pub(super) fn items(&self) -> Vec<Item<'static>> {
        let mut items: Vec<Item<'static>> = Vec::new();
        for (index, partition) in self.partitions.iter().enumerate() {
            let last = items.last().filter(|last| last.output == partition.output);
            items.push(Item {
                output: partition.output,
                number: last.map_or(0, |last| last.number + 1),
                from: From::Shuffle(index),
                range: partition.range,
                covers: partition.range,
            });
        }
        items
    }

    /// A place for the entries of one thread.
    pub(super) fn writer(&self) -> Writer<'_> {
        Writer {
            shuffle: self,
            chunks: self.partitions.iter().map(|_| Vec::new()).collect(),
            key: Vec::new(),
        }
    }

    /// Takes a chunk; another one is in its place then.
    fn take(&self, partition: usize, chunk: &mut Vec<u8>) -> Result<()> {
        let Some(partition) = self.partitions.get(partition).filter(|_| !chunk.is_empty()) else {
            return Ok(());
        };
        let bytes = chunk.len();
        let mut stored = lock(&partition.stored);
        stored.chunks.push(std::mem::replace(chunk, self.chunks.take()));
        let total = bytes + self.in_memory.fetch_add(bytes, Ordering::Relaxed);
        if total > self.limit {
            self.in_memory.fetch_sub(stored.len(), Ordering::Relaxed);
            stored.spill(&self.chunks)?;
        }
        Ok(())
    }

    /// Gives the entries of a partition to `visit`, with the numbers of their states: sorted by
    /// key group, state and key, so that their order does not tell in which they came.
    pub(super) fn drain(
        &self,
        partition: usize,
        states: &[Arc<State>],
        mut visit: impl FnMut(u16, &Entry<'_>) -> Result<Flow>,
    ) -> Result<()> {
        let Some(partition) = self.partitions.get(partition) else {
            return Ok(());
        };
        let Stored { file, chunks } = std::mem::take(&mut *lock(&partition.stored));
        let mut sorter = self.sorters.take();
        if let Some(mut file) = file {
            file.rewind().map_err(|error| no_room(&error))?;
            put_records(BufReader::with_capacity(1 << 20, file), &mut sorter)?;
        }
        for chunk in chunks {
            put_records(&*chunk, &mut sorter)?;
        }
        let mut ended = false;
        sorter.drain(|key, value| {
            if let Some((id, entry)) = parse(key, value, states).filter(|_| !ended) {
                ended = visit(id, &entry)?.is_break();
            }
            Ok(())
        })?;
        self.sorters.keep(sorter);
        Ok(())
    }
}

impl Stored {
    /// Bytes in memory.
    fn len(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }

    /// Moves what is in memory to the file; keeps the chunks, emptied, for others. Those of a single
    /// large record are not kept.
    fn spill(&mut self, spare: &Spare<Vec<u8>>) -> Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self
                .file
                .insert(tempfile::tempfile().map_err(|error| no_room(&error))?),
        };
        for mut chunk in self.chunks.drain(..) {
            file.write_all(&chunk).map_err(|error| no_room(&error))?;
            chunk.clear();
            if chunk.capacity() <= CHUNK {
                spare.keep(chunk);
            }
        }
        Ok(())
    }
}

/// Bytes in front of each record: the lengths of its key and value.
const LENGTHS: usize = 8;

impl Writer<'_> {
    /// Takes an entry for its new key group.
    ///
    /// A record is what the sorter takes: as key the key group, the state and the composite key, as
    /// value the form and the bytes of the value.
    pub(super) fn push(&mut self, group: u32, id: u16, entry: &Entry<'_>) -> Result<Flow> {
        let place = self.shuffle.of_group.get(group as usize).copied();
        let Some((place, chunk)) = place.and_then(|place| Some((place, self.chunks.get_mut(place)?))) else {
            return Err(Error::input(format!("no subtask has key group {group}")));
        };
        self.key.clear();
        entry.put_composite_key(group, 0, &mut self.key);
        let value = entry.value.bytes();
        let lengths = (self.key.len() as u32 + 4, value.len() as u32 + 1);
        let record = LENGTHS + lengths.0 as usize + lengths.1 as usize;
        if chunk.len() + record > self.shuffle.chunk {
            self.shuffle.take(place, chunk)?;
            chunk.reserve_exact(record.max(self.shuffle.chunk));
        }
        chunk.extend_from_slice(&lengths.0.to_le_bytes());
        chunk.extend_from_slice(&lengths.1.to_le_bytes());
        chunk.extend_from_slice(&(group as u16).to_be_bytes());
        chunk.extend_from_slice(&id.to_be_bytes());
        chunk.extend_from_slice(&self.key);
        chunk.push(Form::of(entry.value) as u8);
        chunk.extend_from_slice(value);
        Ok(Flow::Continue(()))
    }

    /// Hands over what is left.
    pub(super) fn end(mut self) -> Result<()> {
        let mut chunks = self.chunks.iter_mut().enumerate();
        chunks.try_for_each(|(place, chunk)| self.shuffle.take(place, chunk))
    }
}

fn put_records(mut source: impl Read, sorter: &mut Sorter) -> Result<()> {
    let mut lengths = [0; LENGTHS];
    let mut record = Vec::new();
    loop {
        let mut begun = 0;
        while begun < LENGTHS {
            let rest = lengths.get_mut(begun..).unwrap_or_default();
            match source.read(rest).map_err(|error| no_room(&error))? {
                0 => return Ok(()),
                read => begun += read,
            }
        }
        let [a, b, c, d, e, f, g, h] = lengths;
        let key = u32::from_le_bytes([a, b, c, d]) as usize;
        let value = u32::from_le_bytes([e, f, g, h]) as usize;
        record.resize(key + value, 0);
        source.read_exact(&mut record).map_err(|error| no_room(&error))?;
        let (key, value) = record.split_at_checked(key).unwrap_or_default();
        sorter.push(key, value)?;
    }
}

/// The entry that a record holds, and the number of its state.
fn parse<'r>(key: &'r [u8], value: &'r [u8], states: &'r [Arc<State>]) -> Option<(u16, Entry<'r>)> {
    let (group, key) = key.split_first_chunk()?;
    let (id, key) = key.split_first_chunk()?;
    let (form, value) = value.split_first()?;
    let forms = [
        Form::None,
        Form::Null,
        Form::Value,
        Form::Delimited,
        Form::Counted,
    ];
    let form = forms.into_iter().find(|known| *known as u8 == *form)?;
    let id = u16::from_be_bytes(*id);
    let entry = Entry {
        state: states.get(usize::from(id))?,
        subtask: 0,
        key_group: Some(u16::from_be_bytes(*group).into()),
        key: StoredKey::Composite(key),
        value: form.payload(value),
        offset: None,
    };
    Some((id, entry))
}

/// Finds the new key groups of entries.
pub(super) struct Rehash {
    old: u32,
    new: u32,
    /// The key of the entry before: a map has many entries of one key.
    key: Vec<u8>,
    group: Option<(u32, u32)>,
}

impl Rehash {
    pub(super) fn new(old: u32, new: u32) -> Self {
        Self {
            old,
            new,
            key: Vec::new(),
            group: None,
        }
    }

    /// The key group that an entry gets to.
    ///
    /// # Errors
    /// Keys whose hash code only the job's classes know, and those that do not hash to the key
    /// group in which they are: their classes have a hash code of their own.
    pub(super) fn group(&mut self, entry: &Entry<'_>) -> Result<u32> {
        let old = entry.key_group.unwrap_or_default();
        let (Some(ty), Some(bytes)) = (&entry.state.key, key_and_more(entry)) else {
            return Err(unknown(entry));
        };
        if let Some((was, group)) = self.group
            && was == old
            && !self.key.is_empty()
            && bytes.starts_with(&self.key)
        {
            // What the same bytes begin is the same key.
            return Ok(group);
        }
        let mut r = Reader::new(bytes);
        let hashed = decode_java_hash(ty, &mut r, Framing::Unframed);
        let damaged = |why: String| {
            let error = Error::input(format!("state `{}`: {why}", entry.state.name));
            Err(error.hint("`verify --deep` says what else is damaged"))
        };
        let hash = match hashed {
            Ok((_, Some(hash))) => hash,
            Ok((_, None)) if has_own_hash(ty) => {
                return damaged(format!("a key in key group {old} is null, as none can be"));
            }
            Ok((_, None)) => return Err(unknown(entry)),
            Err(error) if has_own_hash(ty) => return damaged(format!("a key in key group {old}: {error}")),
            Err(_) => return Err(unknown(entry)),
        };
        if key_group_of_hash(hash, self.old) != old {
            if has_own_hash(ty) {
                return damaged(format!(
                    "a key of type {} is in key group {old}, and belongs to another one",
                    ty.name()
                ));
            }
            return Err(Error::refused(format!(
                "state `{}`: keys of type {} are in key groups that do not follow from what they hold: their class has a hash code of its own",
                entry.state.name,
                ty.name()
            ))
            .hint("only a job with that class can change the max parallelism"));
        }
        let group = key_group_of_hash(hash, self.new);
        self.key.clear();
        let read = bytes.len() - r.left();
        self.key.extend_from_slice(bytes.get(..read).unwrap_or_default());
        self.group = Some((old, group));
        Ok(group)
    }
}

/// The key of an entry, and what is stored behind it.
fn key_and_more<'e>(entry: &Entry<'e>) -> Option<&'e [u8]> {
    match entry.key {
        StoredKey::Split { key, .. } => Some(key),
        // In front of the key of a timer is when it fires.
        StoredKey::Composite(bytes) if entry.state.kind == StateKind::Timer => bytes.get(8..),
        StoredKey::Composite(bytes) => Some(bytes),
        StoredKey::Element { .. } | StoredKey::Broadcast { .. } => None,
    }
}

/// Whether the hash code of keys is that of a final class, which no job has another of.
fn has_own_hash(ty: &Type) -> bool {
    matches!(ty, Type::String(_) | Type::Primitive(_) | Type::Uuid)
}

fn unknown(entry: &Entry<'_>) -> Error {
    let ty = entry.state.key.as_ref().map_or_else(String::new, |ty| ty.name());
    Error::refused(format!(
        "state `{}`: the hash codes of keys of type {ty} are known to the job's classes only",
        entry.state.name
    ))
    .hint("only a job with these classes can change the max parallelism")
}

#[cfg(test)]
mod tests {
    use statetool_testkit::opened::{metadata_of, open};

    use super::*;

    const GROUPS: u32 = 128;
    const CHUNK_OF_TEST: usize = 256;

    fn shuffle(limit: usize) -> Shuffle {
        let partitions = (0..GROUPS).step_by(32).map(|start| Partition {
            output: 0,
            range: KeyGroupRange::new(start, start + 32),
            stored: Mutex::default(),
        });
        Shuffle {
            partitions: partitions.collect(),
            of_group: (0..GROUPS as usize).map(|group| group / 32).collect(),
            in_memory: AtomicUsize::new(0),
            limit,
            chunk: CHUNK_OF_TEST,
            chunks: Spare::default(),
            sorters: Spare::default(),
        }
    }

    /// Key group, state, key and value.
    type Got = (u32, u16, Vec<u8>, Vec<u8>);

    /// What comes back of a snapshot's entries, and how many partitions have files.
    fn shuffled(limit: usize) -> (Vec<Got>, usize) {
        let snapshot = open(&metadata_of("1.20/keyed-states/rocksdb-canonical").unwrap()).unwrap();
        let mut operators = snapshot
            .operators()
            .map(|op| snapshot.load_operator(&op).unwrap());
        let operator = operators.find(|loaded| !loaded.parts.is_empty()).unwrap();
        let part = operator.parts.first().unwrap();
        let shuffle = shuffle(limit);
        let mut writers = [shuffle.writer(), shuffle.writer()];
        let mut turn = 0;
        let mut put = |entry: &Entry<'_>| {
            turn += 1;
            let id = part
                .states()
                .iter()
                .position(|state| Arc::ptr_eq(state, entry.state));
            let group = GROUPS - 1 - entry.key_group.unwrap();
            let pushed = writers[turn % 2].push(group, id.unwrap() as u16, entry);
            assert!(shuffle.in_memory.load(Ordering::Relaxed) <= limit);
            pushed
        };
        let _ = part
            .scan(snapshot.files(), part.range, &|_| true, &mut put)
            .unwrap();
        writers.into_iter().for_each(|writer| writer.end().unwrap());
        let files = |partition: &&Partition| lock(&partition.stored).file.is_some();
        let files = shuffle.partitions.iter().filter(files).count();
        let mut rows = Vec::new();
        for partition in 0..shuffle.partitions.len() {
            let visit = |id: u16, entry: &Entry<'_>| {
                let mut key = Vec::new();
                entry.put_composite_key(0, 0, &mut key);
                rows.push((entry.key_group.unwrap(), id, key, entry.value.bytes().to_vec()));
                Ok(Flow::Continue(()))
            };
            shuffle.drain(partition, part.states(), visit).unwrap();
        }
        (rows, files)
    }

    #[test]
    fn what_does_not_fit_into_memory_comes_back_from_files() {
        let (expected, files) = shuffled(usize::MAX);
        assert_eq!((expected.len(), files), (145, 0));
        assert!(expected.is_sorted());
        for (limit, in_files) in [(CHUNK_OF_TEST * 3, 1..=4), (0, 4..=4)] {
            let (rows, files) = shuffled(limit);
            assert_eq!(rows, expected, "{limit}");
            assert!(in_files.contains(&files), "{files} files with {limit} bytes");
        }
    }
}
