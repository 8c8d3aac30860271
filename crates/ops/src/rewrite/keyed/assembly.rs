//! Pieces become the files of subtasks, and their handles.

use std::collections::BTreeMap;

use statetool_backend::rocksdb::{CURRENT, ManifestWriter, WrittenTable};
use statetool_format::metadata::{
    IncrementalHandle, KeyGroupsHandle, KeyGroupsKind, KeyedHandle, MetadataVersion, StateFile, StreamHandle,
};
use statetool_format::{Encode, JavaString};
use statetool_snapshot::{NewFile, Result};

use super::Run;
use super::output::{Output, Stored};
use super::sink::Piece;
use crate::rewrite::edits::KeyedLayout;

/// Puts pieces together to files, in the order in which they come.
pub(super) struct Assembly<'r, 'p> {
    run: &'r Run<'r>,
    outputs: &'r [Output<'p>],
    streams: Vec<Stream>,
    /// Tables that are being written, by output and number.
    open: BTreeMap<(usize, u64), NewFile>,
}

/// What one output is written to.
enum Stream {
    /// Nothing: no state of the output stays.
    Nothing,
    KeyGroups {
        file: NewFile,
        offsets: Vec<i64>,
    },
    Database {
        meta: NewFile,
        tables: Vec<(WrittenTable, StreamHandle)>,
    },
}

impl<'r, 'p> Assembly<'r, 'p> {
    pub(super) fn new(run: &'r Run<'r>, outputs: &'r [Output<'p>]) -> Self {
        Self {
            run,
            outputs,
            streams: Vec::new(),
            open: BTreeMap::new(),
        }
    }

    /// Begins the streams up to that of an output.
    fn open(&mut self, output: usize) -> Result<()> {
        while self.streams.len() <= output {
            let Some(next) = self.outputs.get(self.streams.len()) else {
                return Ok(());
            };
            // Its keys may be of a type that nobody reads any more.
            if next.header.states.is_empty() {
                self.streams.push(Stream::Nothing);
                continue;
            }
            let mut file = self.run.writer.create()?;
            if let Stored::Managed(_) = next.stored {
                file.write(next.header.to_bytes())?;
            }
            self.streams.push(match next.stored {
                Stored::Managed(KeyedLayout::RocksDb) => Stream::Database {
                    meta: file,
                    tables: Vec::new(),
                },
                Stored::Managed(KeyedLayout::Canonical | KeyedLayout::Heap) | Stored::RawTimers => {
                    Stream::KeyGroups {
                        file,
                        // An empty key group of a canonical stream has the offset 0.
                        offsets: vec![0; next.range.count as usize],
                    }
                }
            });
        }
        Ok(())
    }

    /// Writes a piece; those of one stream come in its order, and those of one table.
    pub(super) fn take(&mut self, piece: Piece) -> Result<()> {
        self.open(piece.output)?;
        let Some((stream, output)) = self
            .streams
            .get_mut(piece.output)
            .zip(self.outputs.get(piece.output))
        else {
            return Ok(());
        };
        match stream {
            Stream::Nothing => Ok(()),
            Stream::KeyGroups { file, offsets } => {
                let begin = file.len();
                for (group, start) in &piece.starts {
                    let index = group.checked_sub(output.range.start).map(|index| index as usize);
                    if let Some(offset) = index.and_then(|index| offsets.get_mut(index)) {
                        *offset = i64::try_from(begin + *start as u64).unwrap_or(i64::MAX);
                    }
                }
                file.write(piece.bytes)
            }
            Stream::Database { tables, .. } => {
                let Some(number) = piece.table else {
                    return Ok(());
                };
                let mut file = match self.open.remove(&(piece.output, number)) {
                    Some(file) => file,
                    None => self.run.writer.create()?,
                };
                file.write(piece.bytes)?;
                match piece.end {
                    Some(table) => tables.push((table, file.finish()?)),
                    None => {
                        self.open.insert((piece.output, number), file);
                    }
                }
                Ok(())
            }
        }
    }

    /// Ends all files; gives the handles by subtask.
    pub(super) fn finish(mut self) -> Result<BTreeMap<u32, KeyedHandle>> {
        if let Some(last) = self.outputs.len().checked_sub(1) {
            self.open(last)?;
        }
        let mut handles = BTreeMap::new();
        for (stream, output) in self.streams.into_iter().zip(self.outputs) {
            let handle = match stream {
                Stream::Nothing => continue,
                Stream::KeyGroups { file, offsets } => {
                    KeyedHandle::KeyGroups(key_groups(output, file.finish()?, offsets, self.run.version))
                }
                Stream::Database { meta, tables } => {
                    let database = database(self.run, output, meta.finish()?, tables)?;
                    KeyedHandle::Incremental(database)
                }
            };
            handles.insert(output.subtask, handle);
        }
        Ok(handles)
    }
}

/// The handle of a stream of key groups.
fn key_groups(
    output: &Output<'_>,
    delegate: StreamHandle,
    offsets: Vec<i64>,
    version: MetadataVersion,
) -> KeyGroupsHandle {
    let kind = match output.stored {
        Stored::Managed(KeyedLayout::Canonical) => KeyGroupsKind::Savepoint,
        _ if version.has_properties() => {
            KeyGroupsKind::WithId(JavaString::new(&crate::rewrite::id(&delegate)).unwrap_or_default())
        }
        _ => KeyGroupsKind::Plain,
    };
    KeyGroupsHandle {
        kind,
        range: output.range,
        offsets,
        delegate,
    }
}

/// The handle of a database, whose manifest is written last.
fn database(
    run: &Run<'_>,
    output: &Output<'_>,
    meta: StreamHandle,
    mut tables: Vec<(WrittenTable, StreamHandle)>,
) -> Result<IncrementalHandle> {
    tables.sort_by_key(|(table, _)| table.file.number);
    let names = output.header.states.iter().map(|state| state.name.to_str());
    let names: Vec<_> = names.collect();
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    let written: Vec<WrittenTable> = tables.iter().map(|(table, _)| table.clone()).collect();
    let manifest = ManifestWriter::default().finish(&names, &written);
    let file = |name: &str, handle| StateFile {
        local_path: JavaString::new(name).unwrap_or_default(),
        handle,
    };
    let mut private = Vec::new();
    let small = [
        (ManifestWriter::name(), manifest),
        (CURRENT.to_owned(), ManifestWriter::current()),
    ];
    for (name, bytes) in small {
        let mut new = run.writer.create()?;
        new.write(bytes)?;
        private.push(file(&name, new.finish()?));
    }
    let id = crate::rewrite::id(&meta);
    let v2 = run.version.has_properties();
    let size: u64 = written.iter().map(|table| table.file.size).sum();
    Ok(IncrementalHandle {
        checkpoint_id: run.checkpoint_id,
        backend_id: JavaString::new(&uuid(&id)).unwrap_or_default(),
        range: output.range,
        checkpointed_size: v2.then(|| i64::try_from(size).unwrap_or(i64::MAX)),
        meta: Some(meta),
        shared: tables
            .into_iter()
            .map(|(table, handle)| file(&table.file.name(), handle))
            .collect(),
        private,
        state_handle_id: v2.then(|| JavaString::new(&uuid(&format!("handle of {id}"))).unwrap_or_default()),
    })
}

/// A UUID that follows from a text no other handle has.
fn uuid(text: &str) -> String {
    let hash = xxhash_rust::xxh3::xxh3_128(text.as_bytes());
    // Version 8, whose bits mean whatever they are made of.
    let hash = hash & !(0xf000_u128 << 64) | (0x8000_u128 << 64);
    let hash = hash & !(0xc000_u128 << 48) | (0x8000_u128 << 48);
    let hex = format!("{hash:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}
