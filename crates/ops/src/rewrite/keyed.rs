//! Keyed state that is written anew: scanned on all threads, written in the order of key groups.

mod families;
mod sink;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use statetool_backend::rocksdb::{CURRENT, ManifestWriter, WrittenTable};
use statetool_backend::snappy::{put_frames, put_stream};
use statetool_format::metadata::{
    IncrementalHandle, KeyGroupsHandle, KeyGroupsKind, KeyedHandle, MetadataVersion, StateFile, StreamHandle,
};
use statetool_format::state::{KeyedHeader, StateMetaInfo};
use statetool_format::{Encode, JavaString, KeyGroupRange};
use statetool_snapshot::{
    Entry, Error, Flow, Layout, NewFile, Operator, Part, Result, Snapshot, SnapshotWriter, State,
};

use super::account::{Accounts, StateAccount, StateName};
use super::edits::{Compression, KeyedLayout};
use super::lock;
use super::plan::{KeyedTarget, StatePlans, layout_of};
use crate::pipeline::{self, Feed};
use crate::progress::Progress;
use crate::work;
use sink::{Piece, Sink};

/// The keyed state of one subtask in the new snapshot.
struct Output<'p> {
    subtask: u32,
    range: KeyGroupRange,
    layout: KeyedLayout,
    header: KeyedHeader,
    prefix_bytes: usize,
    /// The parts it is made of.
    parts: Vec<&'p Part>,
    /// Whether raw timers are among them.
    takes_timers: bool,
}

/// Some key groups of one output; a single one where several parts hold it.
struct Item<'p> {
    output: usize,
    /// Its number among the items of the output.
    number: usize,
    parts: Vec<&'p Part>,
    range: KeyGroupRange,
}

/// What the run works with.
pub(super) struct Run<'r> {
    pub(super) snapshot: &'r Snapshot,
    /// The format of the new metadata.
    pub(super) version: MetadataVersion,
    pub(super) writer: &'r SnapshotWriter,
    pub(super) threads: usize,
    pub(super) progress: &'r Progress,
}

/// What was written of an operator's keyed state.
#[derive(Default)]
pub(super) struct Written {
    /// Handles by subtask.
    pub(super) handles: BTreeMap<u32, KeyedHandle>,
    /// Subtasks whose raw timers are among that state now.
    pub(super) took_timers: BTreeSet<u32>,
    /// What became of the entries, by state.
    pub(super) accounts: Accounts,
}

/// Writes the keyed state of an operator.
pub(super) fn write(
    run: &Run<'_>,
    operator: &Operator<'_>,
    plans: &StatePlans,
    target: KeyedTarget,
) -> Result<Written> {
    let outputs = outputs(operator, plans, target)?;
    let items = items(&outputs);
    run.progress.expect(bytes(&items));
    let accounts = Mutex::new(Accounts::new());
    let mut assembly = Assembly::new(run, &outputs);
    let scan = |item: &Item<'_>, feed: &Feed<'_, Piece, Piece>| -> Result<()> {
        let Some(output) = outputs.get(item.output) else {
            return Ok(());
        };
        let counted = scan_item(run, plans, output, item, feed)?;
        let mut accounts = lock(&accounts);
        for (state, account) in counted {
            accounts.entry(state).or_default().add(&account);
        }
        Ok(())
    };
    let finish = |mut piece: Piece| {
        piece.compress();
        Ok(piece)
    };
    let consume = |piece: Piece| assembly.take(piece).map(Flow::Continue);
    let _ = pipeline::in_order(&items, run.threads, scan, finish, consume)?;
    let handles = assembly.finish()?;
    let took_timers = outputs.iter().filter(|output| output.takes_timers);
    Ok(Written {
        handles,
        took_timers: took_timers.map(|output| output.subtask).collect(),
        accounts: accounts.into_inner().unwrap_or_default(),
    })
}

/// The subtasks' new keyed state.
fn outputs<'p>(
    operator: &Operator<'_>,
    plans: &'p StatePlans,
    target: KeyedTarget,
) -> Result<Vec<Output<'p>>> {
    let mut outputs: Vec<Output<'p>> = Vec::new();
    let timers = |part: &&Part| matches!(part.layout, Layout::RawTimers { .. });
    let parts = || plans.loaded.parts.iter().filter(|part| layout_of(part).is_some());
    for part in parts().filter(|part| !timers(part)) {
        let Some(layout) = target.layout.or_else(|| own_layout(part)) else {
            return Err(Error::refused(format!(
                "operator `{}`: nothing tells the layout of the state below its changelog",
                operator.label()
            ))
            .hint("write a canonical savepoint: --type canonical"));
        };
        outputs.extend(Output::new(part, layout, plans, target));
    }
    for part in parts().filter(timers) {
        let managed = outputs.iter_mut().find(|output| output.subtask == part.subtask);
        match managed {
            Some(output) if output.layout == KeyedLayout::RocksDb => {
                if part
                    .states()
                    .iter()
                    .any(|state| plans.new_name(&state.name) != Some(&state.name))
                {
                    return Err(Error::refused(format!(
                        "operator `{}`: timers that lie beside RocksDB cannot be changed there",
                        operator.label()
                    ))
                    .hint("write a canonical savepoint: --type canonical"));
                }
            }
            Some(output) => {
                output.add(part, plans);
                output.takes_timers = true;
            }
            None => {
                let layout = target.layout.unwrap_or(KeyedLayout::RocksDb);
                if layout != KeyedLayout::RocksDb
                    && let Some(mut output) = Output::new(part, layout, plans, target)
                {
                    output.takes_timers = true;
                    outputs.push(output);
                }
            }
        }
    }
    outputs.sort_by_key(|output| output.subtask);
    Ok(outputs)
}

/// The layout of a part, or of the base below a changelog.
fn own_layout(part: &Part) -> Option<KeyedLayout> {
    match &part.layout {
        Layout::Changelog { base, .. } => base.iter().find_map(own_layout),
        _ => layout_of(part).flatten(),
    }
}

impl<'p> Output<'p> {
    /// The state of a subtask; nothing for a part without states.
    fn new(part: &'p Part, layout: KeyedLayout, plans: &StatePlans, target: KeyedTarget) -> Option<Self> {
        let key = part
            .states()
            .iter()
            .find_map(|state| state.key_snapshot.clone())?;
        let compressed = match target.compression {
            Some(compression) => compression == Compression::Snappy,
            None => part.header.compressed,
        };
        let mut output = Self {
            subtask: part.subtask,
            range: part.range,
            layout,
            header: KeyedHeader {
                compressed,
                key: (*key).clone(),
                states: Vec::new(),
            },
            prefix_bytes: part.header.prefix_bytes,
            parts: Vec::new(),
            takes_timers: false,
        };
        if layout == KeyedLayout::RocksDb {
            // Its key groups are in tables, which are compressed by themselves.
            output.header.compressed = false;
        }
        output.add(part, plans);
        Some(output)
    }

    fn add(&mut self, part: &'p Part, plans: &StatePlans) {
        for state in part.states() {
            if let Some(name) = plans.stored_name(state)
                && self.header.states.iter().all(|known| known.name != name)
            {
                self.header.states.push(StateMetaInfo {
                    name,
                    ..(*state.meta).clone()
                });
            }
        }
        self.parts.push(part);
    }

    /// The id of a state, unless it is left out.
    fn id_of(&self, state: &State, plans: &StatePlans) -> Result<Option<u16>> {
        let Some(name) = plans.stored_name(state) else {
            return Ok(None);
        };
        let mut known = self.header.states.iter();
        let id = known.position(|known| known.name == name);
        match id.and_then(|id| u16::try_from(id).ok()) {
            Some(id) => Ok(Some(id)),
            None => Err(Error::input(format!(
                "state `{}` has entries, and no header names it",
                state.name
            ))),
        }
    }
}

/// How many work items go into one table of each state: tables of some 64 MB, as Flink's are.
const ITEMS_A_TABLE: usize = 8;

/// The work: outputs in order, and of each the key groups in order.
fn items<'p>(outputs: &[Output<'p>]) -> Vec<Item<'p>> {
    let mut items = Vec::new();
    for (output, made) in outputs.iter().enumerate() {
        let before = items.len();
        match made.parts.as_slice() {
            [part] => {
                for range in ranges(part, made) {
                    items.push(Item {
                        output,
                        number: items.len() - before,
                        parts: vec![*part],
                        range,
                    });
                }
            }
            // What several parts hold of a key group comes together.
            parts => items.extend(made.range.groups().zip(0..).map(|(group, number)| Item {
                output,
                number,
                parts: parts.to_vec(),
                range: KeyGroupRange::new(group, group + 1),
            })),
        }
    }
    items
}

/// The key groups of a part, cut to items of an output.
fn ranges(part: &Part, output: &Output<'_>) -> Vec<KeyGroupRange> {
    let pieces: Vec<KeyGroupRange> = work::items_of(part, part.range)
        .iter()
        .map(|item| item.range)
        .collect();
    let span = |(first, last): (&KeyGroupRange, &KeyGroupRange)| KeyGroupRange::new(first.start, last.end());
    match output.layout {
        KeyedLayout::Canonical => pieces,
        KeyedLayout::RocksDb => {
            let tables = pieces.chunks(ITEMS_A_TABLE);
            tables
                .filter_map(|pieces| pieces.first().zip(pieces.last()).map(span))
                .collect()
        }
        // Every key group has a block, also one without entries, which no piece need have.
        KeyedLayout::Heap => {
            let next = pieces
                .iter()
                .skip(1)
                .map(|piece| piece.start)
                .chain([part.range.end()]);
            let mut start = part.range.start;
            let whole = next.map(|end| KeyGroupRange::new(std::mem::replace(&mut start, end), end));
            whole.take(pieces.len().max(1)).collect()
        }
    }
}

/// Bytes that will be read, as far as that is known.
fn bytes(items: &[Item<'_>]) -> u64 {
    let mut total = 0;
    for item in items {
        for part in &item.parts {
            if let Layout::Canonical { handle, source } = &part.layout {
                total += part.canonical_groups(handle, source, item.range).bytes();
            }
        }
    }
    total
}

/// Scans the entries of an item into a sink; says what became of them.
fn scan_item(
    run: &Run<'_>,
    plans: &StatePlans,
    output: &Output<'_>,
    item: &Item<'_>,
    feed: &Feed<'_, Piece, Piece>,
) -> Result<Accounts> {
    let mut ticker = run.progress.ticker();
    let mut sink = Sink::new(item, output, feed);
    let mut seen: Vec<Seen> = Vec::new();
    let mut last = 0;
    let mut visit = |entry: &Entry<'_>| -> Result<Flow> {
        let bytes = entry.bytes();
        ticker.tick(bytes);
        if !seen
            .get(last)
            .is_some_and(|seen| Arc::ptr_eq(&seen.state, entry.state))
        {
            last = place_of(&mut seen, entry.state, |state| output.id_of(state, plans))?;
        }
        let Some(seen) = seen.get_mut(last) else {
            return Ok(Flow::Continue(()));
        };
        seen.account.read.count(bytes);
        match seen.id {
            None => seen
                .account
                .dropped
                .entry("drop-state".into())
                .or_default()
                .count(bytes),
            Some(id) => {
                seen.account.written.count(bytes);
                return sink.entry(id, entry);
            }
        }
        Ok(Flow::Continue(()))
    };
    for part in &item.parts {
        if part
            .scan(run.snapshot.files(), item.range, &|_| true, &mut visit)?
            .is_break()
        {
            break;
        }
    }
    sink.end()?;
    let accounts = seen
        .into_iter()
        .map(|seen| (StateName::of(&seen.state), seen.account));
    Ok(accounts.collect())
}

/// A state whose entries have been met.
struct Seen {
    state: Arc<State>,
    id: Option<u16>,
    account: StateAccount,
}

fn place_of(
    seen: &mut Vec<Seen>,
    state: &Arc<State>,
    id: impl Fn(&State) -> Result<Option<u16>>,
) -> Result<usize> {
    if let Some(known) = seen.iter().position(|seen| Arc::ptr_eq(&seen.state, state)) {
        return Ok(known);
    }
    seen.push(Seen {
        state: state.clone(),
        id: id(state)?,
        account: StateAccount::default(),
    });
    Ok(seen.len() - 1)
}

/// Puts pieces together to files, in the order in which they come.
struct Assembly<'r, 'p> {
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
    fn new(run: &'r Run<'r>, outputs: &'r [Output<'p>]) -> Self {
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
            file.write(next.header.to_bytes())?;
            self.streams.push(match next.layout {
                KeyedLayout::RocksDb => Stream::Database {
                    meta: file,
                    tables: Vec::new(),
                },
                KeyedLayout::Canonical | KeyedLayout::Heap => Stream::KeyGroups {
                    file,
                    // An empty key group of a canonical stream has the offset 0.
                    offsets: vec![0; next.range.count as usize],
                },
            });
        }
        Ok(())
    }

    fn take(&mut self, piece: Piece) -> Result<()> {
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

    fn finish(mut self) -> Result<BTreeMap<u32, KeyedHandle>> {
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
    let kind = match output.layout {
        KeyedLayout::Canonical => KeyGroupsKind::Savepoint,
        _ if version.has_properties() => {
            KeyGroupsKind::WithId(JavaString::new(&super::id(&delegate)).unwrap_or_default())
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
    tables: Vec<(WrittenTable, StreamHandle)>,
) -> Result<IncrementalHandle> {
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
    let id = super::id(&meta);
    let v2 = run.version.has_properties();
    let size: u64 = written.iter().map(|table| table.file.size).sum();
    Ok(IncrementalHandle {
        checkpoint_id: run.snapshot.metadata().checkpoint_id,
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

impl Piece {
    /// Compresses what is to be compressed; each key group is a stream of its own.
    fn compress(&mut self) {
        if !self.compress {
            return;
        }
        let plain = std::mem::take(&mut self.bytes);
        let ends = self
            .starts
            .iter()
            .skip(1)
            .map(|(_, start)| *start)
            .chain([plain.len()]);
        let ends: Vec<usize> = ends.collect();
        let first = self.starts.first().map_or(plain.len(), |(_, start)| *start);
        // What goes on a group of the piece before.
        put_frames(plain.get(..first).unwrap_or_default(), &mut self.bytes);
        for ((_, start), end) in self.starts.iter_mut().zip(ends) {
            let group = plain.get(*start..end).unwrap_or_default();
            *start = self.bytes.len();
            put_stream(group, &mut self.bytes);
        }
    }
}
