//! How fast the entries of each layout are gone through: canonical streams, heap streams, RocksDB tables.
//!
//! `STATETOOL_BENCH_DATABASE` names a folder with a RocksDB database, to be scanned beside a small one of
//! the tests'.

#![allow(missing_docs, reason = "the macros make public items")]
#![allow(clippy::unwrap_used, reason = "a bench may stop")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use statetool_backend::canonical::CanonicalGroups;
use statetool_backend::heap::{HeapScan, HeapShape};
use statetool_backend::rocksdb::{Database, Folder, KeyRange};
use statetool_backend::{Compression, Memory, Skip, Source};
use statetool_format::metadata::{KeyGroupsHandle, KeyGroupsKind, StreamHandle};
use statetool_format::{KeyGroupRange, Put, Reader, Result};

const GROUPS: u32 = 4;
const ENTRIES: u32 = 20_000;
const VALUE: [u8; 50] = [7; 50];

/// A stream of key groups as `group` writes them behind one byte, which stands for a header.
fn stream(group: impl Fn(&mut Vec<u8>, u8)) -> (KeyGroupsHandle, Source) {
    let mut bytes = vec![0];
    let offsets = (0..GROUPS)
        .map(|number| {
            let offset = bytes.len() as i64;
            group(&mut bytes, number as u8);
            offset
        })
        .collect();
    let handle = KeyGroupsHandle {
        kind: KeyGroupsKind::Plain,
        range: KeyGroupRange::new(0, GROUPS),
        offsets,
        delegate: StreamHandle::EmptySegment,
    };
    (handle, Arc::new(Memory::new("stream", bytes)))
}

fn key(number: u32) -> String {
    format!("order-{number:010}")
}

fn canonical_group(out: &mut Vec<u8>, group: u8) {
    out.put_i16(0);
    for number in 0..ENTRIES {
        let last = if number == ENTRIES - 1 { 0x80 } else { 0 };
        out.put_i32(17);
        out.push(group | last);
        out.extend(key(number).bytes());
        out.put_i32(VALUE.len() as i32);
        out.extend(VALUE);
    }
    out.put_i16(-1);
}

fn heap_group(out: &mut Vec<u8>, group: u8) {
    out.put_i32(group.into());
    out.put_i16(0);
    out.put_i32(ENTRIES as i32);
    for number in 0..ENTRIES {
        out.put_i32(16);
        out.extend(key(number).bytes());
        out.put_i32(VALUE.len() as i32);
        out.extend(VALUE);
    }
}

fn canonical(c: &mut Criterion) {
    let (handle, source) = stream(canonical_group);
    let mut group = c.benchmark_group("canonical");
    group.throughput(Throughput::Bytes(source.len()));
    group.bench_function("scan", |b| {
        b.iter(|| {
            let groups = CanonicalGroups::new(&handle, handle.range, Compression::None, 1, 1, source.len());
            let mut scan = groups.scan(source.clone());
            while let Some(entry) = scan.next_entry().unwrap() {
                black_box(entry);
            }
        });
    });
}

fn heap(c: &mut Criterion) {
    let (handle, source) = stream(heap_group);
    let nothing = |_: &mut Reader<'_>| Ok(());
    let bytes = |r: &mut Reader<'_>| -> Result<()> { r.bytes("bytes").map(|_| ()) };
    let (nothing, bytes): (&dyn Skip, &dyn Skip) = (&nothing, &bytes);
    let mut group = c.benchmark_group("heap");
    group.throughput(Throughput::Bytes(source.len()));
    group.bench_function("scan", |b| {
        b.iter(|| {
            let shape = HeapShape::KeyValue {
                namespace: nothing,
                key: bytes,
                value: bytes,
            };
            let mut scan = HeapScan::new(
                source.clone(),
                &handle,
                handle.range,
                Compression::None,
                vec![shape],
            );
            while let Some(entry) = scan.next_entry().unwrap() {
                black_box(entry);
            }
        });
    });
}

fn rocksdb(c: &mut Criterion) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let small = ["version-6-snappy", "version-5-two-levels"].map(|name| (name.to_owned(), tests.join(name)));
    let given = std::env::var_os("STATETOOL_BENCH_DATABASE").map(|path| ("given".to_owned(), path.into()));
    let mut group = c.benchmark_group("rocksdb");
    for (name, folder) in small.into_iter().chain(given) {
        group.throughput(Throughput::Elements(scan(&folder)));
        group.bench_function(name, |b| b.iter(|| scan(&folder)));
    }
}

/// Number of entries read from tables.
fn scan(folder: &PathBuf) -> u64 {
    let database = Database::open(Folder::new(folder)).unwrap();
    let mut read = 0;
    for family in database.families() {
        let mut scan = database.scan(family.name(), KeyRange::all()).unwrap();
        while let Some(entry) = scan.next().unwrap() {
            black_box(entry);
        }
        read += scan.counters().read;
    }
    read
}

criterion_group!(benches, canonical, heap, rocksdb);
criterion_main!(benches);
