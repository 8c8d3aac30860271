//! Bytes that nobody here takes apart, as digests that two snapshots can be compared by: state of coordinators,
//! raw state of users' operators, records in flight.

use serde_json::{Value as Json, json};
use statetool_backend::Source;
use statetool_format::metadata::{
    ChannelHandle, ChannelPlace, KeyGroupsHandle, OperatorStateHandle, StreamHandle,
};
use statetool_snapshot::{Files, Layout, LoadedOperator, Operator, Result, Snapshot};
use xxhash_rust::xxh3::Xxh3;

/// How much of a stream is read at a time.
const READ: usize = 1 << 20;

/// Some bytes: how many pieces they come in, how long they are, and a digest of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Pieces {
    digests: Vec<u128>,
    bytes: u64,
}

impl Pieces {
    /// As rows show them; null where there are none.
    pub(super) fn shown(&self) -> Json {
        if self.digests.is_empty() {
            return Json::Null;
        }
        let mut hash = Xxh3::new();
        self.digests
            .iter()
            .for_each(|digest| hash.update(&digest.to_be_bytes()));
        let digest = match self.digests.as_slice() {
            [digest] => *digest,
            _ => hash.digest128(),
        };
        json!({"pieces": self.digests.len(), "bytes": self.bytes, "xxh3": format!("{digest:032x}")})
    }

    /// Adds a piece: what tells it from others, and bytes of a stream.
    fn add(&mut self, name: &[u8], source: &Source, start: u64, end: u64) -> Result<()> {
        let mut hash = Xxh3::new();
        hash.update(&(name.len() as u64).to_be_bytes());
        hash.update(name);
        let (mut at, end) = (start, end.min(source.len()));
        while at < end {
            let len = usize::try_from(end - at).unwrap_or(READ).min(READ);
            hash.update(&source.read_at(at, len)?);
            at += len as u64;
        }
        self.bytes += end.saturating_sub(start);
        self.digests.push(hash.digest128());
        Ok(())
    }

    /// In whatever order they were met.
    fn sorted(mut self) -> Self {
        self.digests.sort_unstable();
        self
    }
}

/// The state of an operator's coordinator.
pub(super) fn coordinator(snapshot: &Snapshot, operator: &Operator<'_>) -> Result<Pieces> {
    let mut pieces = Pieces::default();
    if let Some(stream) = &operator.state.coordinator {
        let source = snapshot.files().open(stream)?;
        pieces.add(&[], &source, 0, source.len())?;
    }
    Ok(pieces)
}

/// Records in flight, by channel.
pub(super) fn in_flight(snapshot: &Snapshot, operator: &Operator<'_>) -> Result<Pieces> {
    let mut pieces = Pieces::default();
    for (_, state) in operator.state.running() {
        let sides = [(b'i', &state.input_channels), (b'o', &state.output_channels)];
        for (side, channel) in sides
            .iter()
            .flat_map(|(side, channels)| channels.iter().map(move |channel| (*side, channel)))
        {
            let source = snapshot.files().open(channel.delegate())?;
            pieces.add(&channel_name(side, channel), &source, 0, source.len())?;
        }
    }
    Ok(pieces.sorted())
}

/// Which channels a handle is of, and where their buffers begin.
fn channel_name(side: u8, handle: &ChannelHandle) -> Vec<u8> {
    let mut name = vec![side];
    let mut channel = |place: &ChannelPlace, offsets: &[i64], size: i64| {
        name.extend(place.gate.to_be_bytes());
        name.extend(place.channel.to_be_bytes());
        name.extend(size.to_be_bytes());
        name.extend((offsets.len() as u64).to_be_bytes());
        offsets.iter().for_each(|at| name.extend(at.to_be_bytes()));
    };
    match handle {
        ChannelHandle::Plain {
            place, offsets, size, ..
        } => channel(place, offsets, *size),
        ChannelHandle::Merged { channels, .. } => {
            let channels = channels.iter();
            channels.for_each(|merged| channel(&merged.place, &merged.offsets, merged.size));
        }
    }
    let (ChannelHandle::Plain { subtask, .. } | ChannelHandle::Merged { subtask, .. }) = handle;
    name.extend(subtask.to_be_bytes());
    name
}

/// Raw keyed state that is no timers, by key group.
pub(super) fn raw_keyed(snapshot: &Snapshot, loaded: &LoadedOperator) -> Result<Pieces> {
    let mut pieces = Pieces::default();
    for part in &loaded.parts {
        if let Layout::RawKeyed { handle } = &part.layout {
            add_groups(snapshot.files(), handle, &mut pieces)?;
        }
    }
    Ok(pieces.sorted())
}

fn add_groups(files: &Files, handle: &KeyGroupsHandle, pieces: &mut Pieces) -> Result<()> {
    let source = files.open(&handle.delegate)?;
    let groups = handle.range.groups().zip(&handle.offsets);
    let starts = groups.filter_map(|(group, offset)| Some((u64::try_from(*offset).ok()?, group)));
    let mut starts: Vec<(u64, u32)> = starts.collect();
    starts.sort_unstable();
    let ends = starts.iter().skip(1).map(|(start, _)| *start);
    let ends: Vec<u64> = ends.chain([source.len()]).collect();
    for ((start, group), end) in starts.iter().zip(ends) {
        // A group without bytes may be there or not.
        if end > *start {
            pieces.add(&group.to_be_bytes(), &source, *start, end)?;
        }
    }
    Ok(())
}

/// Raw operator state, by the names of its parts.
pub(super) fn raw_operator(snapshot: &Snapshot, loaded: &LoadedOperator) -> Result<Pieces> {
    let mut pieces = Pieces::default();
    for part in &loaded.parts {
        if let Layout::RawOperator { handle } = &part.layout {
            add_partitions(snapshot.files(), handle, &mut pieces)?;
        }
    }
    Ok(pieces.sorted())
}

fn add_partitions(files: &Files, handle: &OperatorStateHandle, pieces: &mut Pieces) -> Result<()> {
    if matches!(handle.delegate, StreamHandle::EmptySegment) {
        return Ok(());
    }
    let source = files.open(&handle.delegate)?;
    let mut starts: Vec<(u64, String)> = Vec::new();
    for state in &handle.states {
        let offsets = state
            .offsets
            .iter()
            .filter_map(|offset| u64::try_from(*offset).ok());
        starts.extend(offsets.map(|offset| (offset, state.name.to_str().into_owned())));
    }
    starts.sort_unstable();
    let ends: Vec<u64> = starts
        .iter()
        .skip(1)
        .map(|(start, _)| *start)
        .chain([source.len()])
        .collect();
    for ((start, name), end) in starts.iter().zip(ends) {
        pieces.add(name.as_bytes(), &source, *start, end)?;
    }
    Ok(())
}
