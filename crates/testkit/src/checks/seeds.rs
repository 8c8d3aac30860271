//! Inputs for the checks out of real snapshots, from which fuzzing starts.

use std::collections::HashMap;
use std::path::Path;

use statetool_backend::Source;
use statetool_format::metadata::{
    KeyGroupsHandle, KeyGroupsKind, KeyedHandle, Metadata, OperatorStateHandle, StateFile, StreamHandle,
    Subtask, SubtaskState, Subtasks,
};
use statetool_format::state::{KeyedHeader, SerializerKey};
use statetool_format::{Encode, JavaString, Reader};
use statetool_snapshot::{Entry, Flow, Operator, Payload, Snapshot};

use super::StreamInput;
use crate::opened::open;

/// The name of a check's fuzz target, and an input.
pub type Seed = (&'static str, Vec<u8>);

/// Inputs larger than this teach a fuzzer little that smaller ones do not.
const LARGEST: usize = 128 << 10;

/// The inputs that a `_metadata` file and the files beside it make.
pub fn of_snapshot(file: &Path) -> Vec<Seed> {
    let Ok(snapshot) = open(file) else {
        return Vec::new();
    };
    let mut seeds = Vec::new();
    if let Ok(bytes) = std::fs::read(file) {
        seeds.push(("metadata", bytes));
    }
    let metadata = snapshot.metadata();
    seeds.extend(
        metadata
            .properties
            .iter()
            .map(|bytes| ("properties", bytes.clone())),
    );
    let maker = Maker {
        snapshot: &snapshot,
        flink_2: metadata.version.is_flink_2(),
    };
    for operator in &metadata.operators {
        let max = operator.max_parallelism as u16;
        for (_, state) in operator.running() {
            maker.subtask(max, state, &mut seeds);
        }
    }
    for operator in snapshot.operators() {
        seeds.extend(maker.values(&operator));
    }
    seeds.extend(maker.whole().map(|whole| ("snapshot", whole)));
    seeds.retain(|(_, bytes)| bytes.len() <= LARGEST);
    seeds
}

/// The inputs of a folder that Flink's serializer tests wrote: a snapshot and test data.
pub fn of_serializer(folder: &Path) -> Vec<Seed> {
    let read = |name| std::fs::read(folder.join(name)).ok();
    let (Some(snapshot), Some(data)) = (read("serializer-snapshot"), read("test-data")) else {
        return Vec::new();
    };
    vec![
        ("values", [&[0], &snapshot[..], &data].concat()),
        ("serializer_snapshot", snapshot),
    ]
}

/// The values in a file of vectors: name, bytes in hexadecimal digits, and a text a line.
pub fn of_vectors(target: &'static str, file: &Path) -> Vec<Seed> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let value = |line: &str| -> Option<Seed> {
        let digits = line.split('\t').nth(1)?.as_bytes().chunks(2);
        let bytes = digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
        Some((target, bytes.collect::<Option<_>>()?))
    };
    text.lines().filter_map(value).collect()
}

/// Of how many entries of a state values are taken.
const ENTRIES: usize = 2;

struct Maker<'s> {
    snapshot: &'s Snapshot,
    flink_2: bool,
}

impl Maker<'_> {
    fn read(&self, stream: &StreamHandle) -> Option<Vec<u8>> {
        let source: Source = self.snapshot.files().open(stream).ok()?;
        let len = usize::try_from(source.len()).ok()?;
        Some(source.read_at(0, len).ok()?.to_vec())
    }

    fn subtask(&self, max_parallelism: u16, state: &SubtaskState, seeds: &mut Vec<Seed>) {
        if let Some(handle) = &state.managed_operator {
            seeds.extend(self.operator_state(handle).map(|seed| ("operator_stream", seed)));
        }
        if let Some(KeyedHandle::KeyGroups(groups)) = &state.raw_keyed {
            seeds.extend(
                self.key_groups(max_parallelism, groups)
                    .map(|seed| ("raw_timers", seed)),
            );
        }
        if let Some(handle) = &state.managed_keyed {
            self.keyed(max_parallelism, handle, seeds);
        }
    }

    fn keyed(&self, max_parallelism: u16, handle: &KeyedHandle, seeds: &mut Vec<Seed>) {
        match handle {
            KeyedHandle::KeyGroups(groups) => {
                let canonical = groups.kind == KeyGroupsKind::Savepoint || groups.offsets.contains(&0);
                let target = if canonical {
                    "canonical_stream"
                } else {
                    "heap_stream"
                };
                seeds.extend(
                    self.key_groups(max_parallelism, groups)
                        .map(|seed| (target, seed)),
                );
                seeds.extend(self.header(&groups.delegate));
            }
            KeyedHandle::Incremental(incremental) => {
                seeds.extend(incremental.meta.iter().flat_map(|meta| self.header(meta)));
                seeds.extend(incremental.files().filter_map(|file| self.database_file(file)));
            }
            KeyedHandle::Changelog(changelog) => {
                for handle in changelog.materialized.iter().chain(&changelog.non_materialized) {
                    self.keyed(max_parallelism, handle, seeds);
                }
            }
            KeyedHandle::ChangelogFiles(files) => {
                for (offset, stream) in &files.change_sets {
                    let Some(stream) = self.read(stream) else { continue };
                    let name = JavaString::default();
                    let lists = vec![(0, name, vec![i32::try_from(*offset).unwrap_or(-1)])];
                    seeds.push(("changelog", self.input(max_parallelism, false, 0, lists, stream)));
                }
            }
            KeyedHandle::InlineChangelog(_) => {}
        }
    }

    fn input(
        &self,
        max_parallelism: u16,
        savepoint: bool,
        first_group: u16,
        lists: Vec<(u8, JavaString, Vec<i32>)>,
        stream: Vec<u8>,
    ) -> Vec<u8> {
        let input = StreamInput {
            flink_2: self.flink_2,
            savepoint,
            unknown_classes: false,
            max_parallelism,
            first_group,
            lists,
            stream,
        };
        input.encode()
    }

    fn key_groups(&self, max_parallelism: u16, groups: &KeyGroupsHandle) -> Option<Vec<u8>> {
        let offsets = offsets(&groups.offsets);
        if offsets.len() > 255 {
            return None;
        }
        let lists = vec![(0, JavaString::default(), offsets)];
        let savepoint = groups.kind == KeyGroupsKind::Savepoint;
        let first = groups.range.start as u16;
        let stream = self.read(&groups.delegate)?;
        Some(self.input(max_parallelism, savepoint, first, lists, stream))
    }

    fn operator_state(&self, handle: &OperatorStateHandle) -> Option<Vec<u8>> {
        let states = handle.states.iter();
        let lists = states.map(|state| (state.mode as u8, state.name.clone(), offsets(&state.offsets)));
        let stream = self.read(&handle.delegate)?;
        Some(self.input(128, false, 0, lists.collect(), stream))
    }

    /// The serializer snapshots in the header of a keyed stream.
    fn header(&self, stream: &StreamHandle) -> Vec<Seed> {
        let Some(bytes) = self.read(stream) else {
            return Vec::new();
        };
        let Ok(header) = KeyedHeader::decode(&mut Reader::new(&bytes)) else {
            return Vec::new();
        };
        let states = header.states.iter().flat_map(|state| &state.serializers);
        let snapshots = states.map(|(_, snapshot)| snapshot).chain([&header.key]);
        snapshots
            .map(|snapshot| {
                let mut bytes = Vec::new();
                snapshot.encode_proxied(&mut bytes);
                ("serializer_snapshot", bytes)
            })
            .collect()
    }

    fn database_file(&self, file: &StateFile) -> Option<Seed> {
        let name = file.local_path.to_str();
        let target = match &*name {
            name if name.ends_with(".sst") => "rocksdb_table",
            name if name.starts_with("MANIFEST-") => "rocksdb_manifest",
            _ => return None,
        };
        Some((target, self.read(&file.handle)?))
    }

    /// Keys and values of the first entries of each state, with their serializer snapshots.
    fn values(&self, operator: &Operator<'_>) -> Vec<Seed> {
        let mut seeds = Vec::new();
        let Ok(loaded) = self.snapshot.load_operator(operator) else {
            return seeds;
        };
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut visit = |entry: &Entry<'_>| {
            let count = seen.entry(entry.state.name.clone()).or_default();
            *count += 1;
            if *count <= ENTRIES {
                seeds.extend(self.parts_of(entry));
            }
            Ok(Flow::Continue(()))
        };
        for part in &loaded.parts {
            // What fails has shown what came before.
            let _ = part.scan(self.snapshot.files(), part.range, &|_| true, &mut visit);
        }
        seeds
    }

    fn parts_of(&self, entry: &Entry<'_>) -> Vec<Seed> {
        let whole = entry.state.meta.serializer(SerializerKey::Value);
        let value = match entry.value {
            Payload::Value(bytes) if *entry.state.value == *entry.state.whole => whole.map(|s| (s, bytes)),
            Payload::Counted(bytes) => whole.map(|snapshot| (snapshot, bytes)),
            _ => None,
        };
        let parts = entry.key_parts().ok().flatten();
        let key = entry
            .state
            .key_snapshot
            .as_deref()
            .zip(parts.map(|parts| parts.key));
        [value, key]
            .into_iter()
            .flatten()
            .map(|(snapshot, bytes)| {
                let mut seed = vec![u8::from(self.flink_2)];
                snapshot.encode_proxied(&mut seed);
                seed.extend(bytes);
                ("values", seed)
            })
            .collect()
    }

    /// The metadata with all state inside, if every stream of it can be read.
    fn whole(&self) -> Option<Vec<u8>> {
        let mut metadata: Metadata = self.snapshot.metadata().clone();
        for operator in &mut metadata.operators {
            if let Some(stream) = &mut operator.coordinator {
                self.inline(stream)?;
            }
            let Subtasks::Listed(subtasks) = &mut operator.subtasks else {
                continue;
            };
            for subtask in subtasks {
                if let Subtask::Running { state, .. } = subtask {
                    state.input_channels.clear();
                    state.output_channels.clear();
                    self.inline_all(state)?;
                }
            }
        }
        Some(metadata.to_bytes())
    }

    fn inline_all(&self, state: &mut SubtaskState) -> Option<()> {
        for handle in [&mut state.managed_operator, &mut state.raw_operator]
            .into_iter()
            .flatten()
        {
            self.inline(&mut handle.delegate)?;
        }
        for handle in [&mut state.managed_keyed, &mut state.raw_keyed]
            .into_iter()
            .flatten()
        {
            self.inline_keyed(handle)?;
        }
        Some(())
    }

    fn inline_keyed(&self, handle: &mut KeyedHandle) -> Option<()> {
        match handle {
            KeyedHandle::KeyGroups(groups) => self.inline(&mut groups.delegate),
            KeyedHandle::Incremental(incremental) => {
                let files = incremental.shared.iter_mut().chain(&mut incremental.private);
                let streams = files.map(|file| &mut file.handle).chain(&mut incremental.meta);
                streams.map(|stream| self.inline(stream)).collect()
            }
            KeyedHandle::Changelog(changelog) => {
                let inner = changelog
                    .materialized
                    .iter_mut()
                    .chain(&mut changelog.non_materialized);
                inner.map(|handle| self.inline_keyed(handle)).collect()
            }
            KeyedHandle::ChangelogFiles(files) => {
                let streams = files.change_sets.iter_mut();
                streams.map(|(_, stream)| self.inline(stream)).collect()
            }
            KeyedHandle::InlineChangelog(_) => Some(()),
        }
    }

    fn inline(&self, stream: &mut StreamHandle) -> Option<()> {
        let data = self.read(stream)?;
        *stream = StreamHandle::Inline {
            name: JavaString::default(),
            data: data.into(),
        };
        Some(())
    }
}

/// Offsets as they are stored in inputs; those that do not fit are those of groups not written.
fn offsets(offsets: &[i64]) -> Vec<i32> {
    let offset = |offset: &i64| i32::try_from(*offset).unwrap_or(-1);
    offsets.iter().map(offset).collect()
}
