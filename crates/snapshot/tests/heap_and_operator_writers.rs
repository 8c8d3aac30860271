//! Heap blocks and operator state are written from their entries, and hold them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and tell what they counted"
)]

use std::path::PathBuf;
use std::sync::Arc;

use statetool_backend::heap::{HeapWriter, blocks};
use statetool_backend::operator::OperatorWriter;
use statetool_backend::{Memory, Source, Window};
use statetool_format::KeyGroupRange;
use statetool_format::metadata::{DistributionMode, KeyGroupsHandle, OperatorStateHandle};
use statetool_format::state::OperatorHeader;
use statetool_snapshot::{Entry, Flow, HeapValues, Layout, Part, Payload, Snapshot, StateKind};
use statetool_testkit::opened::open;
use statetool_testkit::{corpus, files_named, root};

fn each_part(mut visit: impl FnMut(&Snapshot, &Part, u32, &str)) {
    let mut paths: Vec<PathBuf> = files_named(&root().join("fixtures"), "_metadata");
    paths.extend(corpus().map_or_else(Vec::new, |folder| files_named(&folder, "_metadata")));
    for path in paths {
        let Ok(snapshot) = open(&path) else { continue };
        for operator in snapshot.operators() {
            let Ok(loaded) = snapshot.load_operator(&operator) else {
                continue;
            };
            for part in &loaded.parts {
                visit(
                    &snapshot,
                    part,
                    operator.state.max_parallelism,
                    &path.display().to_string(),
                );
            }
        }
    }
}

/// Everything about an entry but the place of its bytes.
fn seen(entry: &Entry<'_>) -> Vec<u8> {
    format!(
        "{:?} {:?} {:?} {:?}",
        entry.state.name, entry.key_group, entry.key, entry.value
    )
    .into_bytes()
}

fn entries(snapshot: &Snapshot, part: &Part, range: KeyGroupRange) -> Option<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    let mut visit = |entry: &Entry<'_>| {
        all.push(seen(entry));
        Ok(Flow::Continue(()))
    };
    let flow = part.scan(snapshot.files(), range, &|_| true, &mut visit);
    all.sort();
    flow.ok().map(|_| all)
}

#[test]
fn heap_blocks_hold_what_was_written() {
    let (mut groups, mut same) = (0, 0);
    each_part(|snapshot, part, max_parallelism, place| {
        let Layout::Heap { handle, source, .. } = &part.layout else {
            return;
        };
        for (group, start, end) in blocks(handle, part.range, source.len()) {
            let range = KeyGroupRange::new(group, group + 1);
            let Some(expected) = entries(snapshot, part, range) else {
                continue;
            };
            let block = block_of(snapshot, part, group);
            let mut window = Window::new(source, start, end, statetool_backend::Compression::None).unwrap();
            let len = window.peek_all().unwrap();
            same += usize::from(*window.take(len) == *block);
            groups += 1;
            let rewritten: Source = Arc::new(Memory::new("rewritten", block));
            let rewritten = Part {
                subtask: part.subtask,
                range,
                header: part.header.clone(),
                layout: Layout::Heap {
                    handle: KeyGroupsHandle {
                        range,
                        offsets: vec![0],
                        ..handle.clone()
                    },
                    source: rewritten,
                    values: HeapValues::new(max_parallelism),
                },
            };
            assert_eq!(
                entries(snapshot, &rewritten, range),
                Some(expected),
                "{place}, group {group}"
            );
        }
    });
    println!("{groups} heap blocks hold the same entries, {same} have the same bytes");
    // Flink writes the states in the order of a hash map.
    assert!(groups > 10_000 && same > 1000);
}

fn block_of(snapshot: &Snapshot, part: &Part, group: u32) -> Vec<u8> {
    let mut writer = HeapWriter::new(part.states().len());
    let mut visit = |entry: &Entry<'_>| {
        let state = part.index_of(&entry.state.name).unwrap() as u16;
        let bytes = entry.value.bytes();
        if entry.state.kind == StateKind::Timer {
            let mut timer = Vec::new();
            entry.put_composite_key(group, 0, &mut timer);
            writer.element(state, &timer);
            return Ok(Flow::Continue(()));
        }
        let key = entry.key_parts().unwrap().unwrap();
        match key.map_key {
            None => writer.value(state, key.namespace, key.key, bytes),
            Some(map_key) => {
                let value = (!matches!(entry.value, Payload::Null(_))).then_some(bytes);
                writer.map_entry(state, key.namespace, key.key, map_key, value);
            }
        }
        Ok(Flow::Continue(()))
    };
    let range = KeyGroupRange::new(group, group + 1);
    let flow = part.scan(snapshot.files(), range, &|_| true, &mut visit);
    assert!(flow.unwrap().is_continue());
    let mut block = Vec::new();
    writer.end_group(group, part.header.compressed, &mut block);
    block
}

#[test]
fn operator_streams_hold_what_was_written() {
    let (mut streams, mut same) = (0, 0);
    each_part(|snapshot, part, _, place| {
        let Layout::Operator {
            handle,
            source,
            lists,
        } = &part.layout
        else {
            return;
        };
        let Some(expected) = entries(snapshot, part, part.range) else {
            return;
        };
        let version = i32::from_be_bytes(source.read_at(0, 4).unwrap()[..].try_into().unwrap());
        let metas = |part: &Part, range: std::ops::Range<usize>| {
            part.states()[range]
                .iter()
                .map(|state| (*state.meta).clone())
                .collect()
        };
        let header = OperatorHeader {
            version,
            compressed: part.header.compressed,
            lists: metas(part, 0..*lists),
            broadcasts: metas(part, *lists..part.states().len()),
        };
        let (bytes, states) = stream_of(snapshot, part, &header);
        streams += 1;
        same += usize::from(source.read_at(0, source.len() as usize).unwrap() == bytes);
        let rewritten: Source = Arc::new(Memory::new("rewritten", bytes));
        let rewritten = Part {
            subtask: part.subtask,
            range: part.range,
            header: part.header.clone(),
            layout: Layout::Operator {
                handle: OperatorStateHandle {
                    states,
                    ..handle.clone()
                },
                source: rewritten,
                lists: *lists,
            },
        };
        assert_eq!(
            entries(snapshot, &rewritten, part.range),
            Some(expected),
            "{place}"
        );
    });
    println!("{streams} operator state streams hold the same entries, {same} have the same bytes");
    assert!(streams > 700 && same * 10 > streams * 9);
}

fn stream_of(
    snapshot: &Snapshot,
    part: &Part,
    header: &OperatorHeader,
) -> (Vec<u8>, Vec<statetool_format::metadata::PartitionedState>) {
    let mut writer = OperatorWriter::new(header);
    for state in part.states() {
        let mut partitions: Vec<Vec<u8>> = Vec::new();
        let mut broadcast = Vec::new();
        let mut count = 0_i32;
        let mut visit = |entry: &Entry<'_>| {
            match entry.map_key().unwrap() {
                None => partitions.push(entry.value.bytes().to_vec()),
                Some(map_key) => {
                    count += 1;
                    broadcast.extend_from_slice(map_key);
                    broadcast.extend_from_slice(entry.value.bytes());
                }
            }
            Ok(Flow::Continue(()))
        };
        let wanted = |other: &statetool_snapshot::State| other.name == state.name;
        let flow = part.scan(snapshot.files(), part.range, &wanted, &mut visit);
        assert!(flow.unwrap().is_continue());
        let mode = match state.kind {
            StateKind::OperatorListUnion => DistributionMode::Union,
            StateKind::OperatorListSplit => DistributionMode::SplitDistribute,
            _ => DistributionMode::Broadcast,
        };
        writer.state(&state.meta.name, mode);
        if state.kind == StateKind::Broadcast {
            partitions.push([&count.to_be_bytes()[..], &broadcast].concat());
        }
        for partition in partitions {
            writer.partition(&partition);
        }
    }
    writer.finish()
}
