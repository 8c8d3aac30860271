//! `inspect --stats`: scans the entries, decoding no more than keys of maps and time stamps.

use statetool_format::Reader;
use statetool_snapshot::{
    Entry, ErrorKind, Flow, LoadedOperator, Operator, Payload, Result, Snapshot, State, StateKind, StoredKey,
    Unreadable,
};

use super::InspectOptions;
use super::groups::KeyGroups;
use super::largest::LargestKeys;
use super::model::{KeyGroupStats, SizeBucket, StateStats};
use crate::time::TimeHistogram;
use crate::work;

/// What a scan counted in one operator.
#[derive(Default)]
pub(super) struct OperatorStats {
    states: Vec<StateCounts>,
    groups: KeyGroups,
    max_parallelism: u32,
    pub(super) unreadable: Vec<Unreadable>,
}

/// What a scan counted in one state.
pub(super) struct StateCounts {
    name: String,
    kind: StateKind,
    /// Whether there may be entries that could not be counted.
    pub(super) hidden: bool,
    pub(super) entries: u64,
    pub(super) bytes: u64,
    operator_bytes: u64,
    min: u64,
    max: u64,
    sizes: [u64; 64],
    largest: LargestKeys,
    timers: TimeHistogram,
    last_access: TimeHistogram,
}

/// Scans the wanted states of an operator.
pub(super) fn collect(
    snapshot: &Snapshot,
    operator: &Operator<'_>,
    loaded: &LoadedOperator,
    options: &InspectOptions,
) -> Result<OperatorStats> {
    let wanted = |state: &State| options.selector.wants(&state.name);
    let items = work::items(loaded, None);
    options.progress.expect(operator.recorded_bytes());
    let scan = |stats: &mut OperatorStats, item: &work::WorkItem<'_>| {
        let mut index = StateIndex::default();
        let mut ticker = options.progress.ticker();
        let scanned = item
            .part
            .scan(snapshot.files(), item.range, &wanted, &mut |entry| {
                let at = index.of(entry, stats);
                let bytes = entry.bytes();
                ticker.tick(bytes);
                stats.add(entry, bytes, at)?;
                Ok(Flow::Continue(()))
            });
        match scanned {
            Err(error) if error.kind() == ErrorKind::NotInterpretable => {
                let reason = format!("not all entries can be counted: {error}");
                stats.unreadable.push(Unreadable {
                    state: None,
                    serializer: String::new(),
                    reason,
                });
                // Nobody knows of which states the entries are that were not seen.
                for state in item.part.states().iter().filter(|state| wanted(state)) {
                    let at = stats.position(state);
                    if let Some(counts) = stats.states.get_mut(at) {
                        counts.hidden = true;
                    }
                }
                Ok(())
            }
            Err(error) => Err(error.within(format!(
                "operator `{}`, subtask {}",
                operator.label(),
                item.part.subtask
            ))),
            Ok(_) => Ok(()),
        }
    };
    // States without a single entry are counted too.
    let mut total = OperatorStats {
        max_parallelism: operator.state.max_parallelism,
        ..OperatorStats::default()
    };
    for stats in work::for_each(&items, options.threads, OperatorStats::default, scan)? {
        total.merge(stats);
    }
    for state in loaded.states.iter().filter(|state| wanted(state)) {
        total.position(state);
    }
    let bytes = total.states.iter().map(|state| state.bytes).sum();
    total
        .states
        .iter_mut()
        .for_each(|state| state.operator_bytes = bytes);
    Ok(total)
}

/// Where the counts of a part's states are; entries of one state mostly come in a row.
#[derive(Default)]
struct StateIndex {
    last: Option<(*const State, usize)>,
}

impl StateIndex {
    #[inline]
    fn of(&mut self, entry: &Entry<'_>, stats: &mut OperatorStats) -> usize {
        let state: &State = entry.state;
        match self.last {
            Some((pointer, at)) if std::ptr::eq(pointer, state) => at,
            _ => {
                let at = stats.position(state);
                self.last = Some((state, at));
                at
            }
        }
    }
}

impl OperatorStats {
    pub(super) fn of(&self, state: &State) -> Option<&StateCounts> {
        self.states
            .iter()
            .find(|counts| counts.name == state.name && counts.kind == state.kind)
    }

    fn position(&mut self, state: &State) -> usize {
        let known = self
            .states
            .iter()
            .position(|counts| counts.name == state.name && counts.kind == state.kind);
        known.unwrap_or_else(|| {
            self.states.push(StateCounts::new(state));
            self.states.len() - 1
        })
    }

    fn add(&mut self, entry: &Entry<'_>, bytes: u64, at: usize) -> Result<()> {
        if let Some(group) = entry.key_group {
            self.groups.add(group, bytes);
        }
        match self.states.get_mut(at) {
            Some(counts) => counts.add(entry, bytes),
            None => Ok(()),
        }
    }

    fn merge(&mut self, other: Self) {
        for mut counts in other.states {
            counts.largest.end_run();
            match self
                .states
                .iter_mut()
                .find(|known| known.name == counts.name && known.kind == counts.kind)
            {
                Some(known) => known.merge(counts),
                None => self.states.push(counts),
            }
        }
        self.groups.merge(other.groups);
        self.unreadable.extend(other.unreadable);
    }

    pub(super) fn key_groups(&self) -> Option<KeyGroupStats> {
        self.groups.report(self.max_parallelism)
    }
}

impl StateCounts {
    pub(super) fn new(state: &State) -> Self {
        Self {
            name: state.name.clone(),
            kind: state.kind,
            hidden: false,
            entries: 0,
            bytes: 0,
            operator_bytes: 0,
            min: u64::MAX,
            max: 0,
            sizes: [0; 64],
            largest: LargestKeys::new(state),
            timers: TimeHistogram::default(),
            last_access: TimeHistogram::default(),
        }
    }

    fn add(&mut self, entry: &Entry<'_>, bytes: u64) -> Result<()> {
        self.entries += 1;
        self.bytes += bytes;
        self.min = self.min.min(bytes);
        self.max = self.max.max(bytes);
        // Index of the highest bit: 0 for no bytes, 1 for one, 2 for two and three …
        if let Some(bucket) = self.sizes.get_mut((u64::BITS - bytes.leading_zeros()) as usize) {
            *bucket += 1;
        }
        if self.kind == StateKind::Timer {
            self.add_timer(entry);
            return Ok(());
        }
        if entry.state.ttl {
            self.add_last_access(entry)?;
        }
        if entry.key_group.is_some() {
            self.largest.add(entry, bytes);
        }
        Ok(())
    }

    fn add_timer(&mut self, entry: &Entry<'_>) {
        let timestamp = match entry.key {
            StoredKey::Composite(bytes) => Reader::new(bytes)
                .i64("time stamp")
                .ok()
                .map(|flipped| flipped ^ i64::MIN),
            StoredKey::Split { timestamp, .. } => timestamp,
            StoredKey::Element { .. } | StoredKey::Broadcast { .. } => None,
        };
        timestamp
            .into_iter()
            .for_each(|timestamp| self.timers.add(timestamp));
    }

    fn add_last_access(&mut self, entry: &Entry<'_>) -> Result<()> {
        let mut add = |bytes: &[u8]| {
            if let Ok(timestamp) = Reader::new(bytes).i64("time stamp") {
                self.last_access.add(timestamp);
            }
        };
        match entry.value {
            Payload::Value(bytes) => add(bytes),
            Payload::Delimited(_) | Payload::Counted(_) => {
                let mut elements = entry.elements();
                let place = |error: statetool_format::Error| {
                    statetool_snapshot::Error::input(format!("state `{}`: {error}", entry.state.name))
                };
                while let Some(element) = elements.next_element().map_err(place)? {
                    add(element);
                }
            }
            Payload::None | Payload::Null(_) => {}
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        self.hidden |= other.hidden;
        self.entries += other.entries;
        self.bytes += other.bytes;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sizes
            .iter_mut()
            .zip(other.sizes)
            .for_each(|(bucket, count)| *bucket += count);
        self.largest.merge(other.largest);
        self.timers.merge(other.timers);
        self.last_access.merge(other.last_access);
    }

    pub(super) fn report(&self) -> StateStats {
        let bucket = |(bits, entries): (usize, &u64)| SizeBucket {
            below: 1 << bits.min(63),
            entries: *entries,
        };
        StateStats {
            share: if self.operator_bytes > 0 {
                self.bytes as f64 / self.operator_bytes as f64
            } else {
                0.0
            },
            min_bytes: if self.entries > 0 { self.min } else { 0 },
            max_bytes: self.max,
            sizes: self
                .sizes
                .iter()
                .enumerate()
                .filter(|(_, count)| **count > 0)
                .map(bucket)
                .collect(),
            largest_keys: self.largest.report(),
            timers: self.timers.report(),
            last_access: self.last_access.report(),
        }
    }
}
