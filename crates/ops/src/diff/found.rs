//! Differences of entries on their way from where they are found to where they are shown.

use std::sync::atomic::{AtomicBool, Ordering};

use statetool_snapshot::{Entry, Flow};

use super::rows::Rows;
use crate::batch::Batch;
use crate::pipeline::Feed;

/// What became of an entry from the first snapshot to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Added,
    Removed,
    Changed,
}

impl Change {
    /// As rows show it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// How many entries of a state were met, and how many differ.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) in_a: u64,
    pub(super) in_b: u64,
    pub(super) added: u64,
    pub(super) removed: u64,
    pub(super) changed: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        self.in_a += other.in_a;
        self.in_b += other.in_b;
        self.added += other.added;
        self.removed += other.removed;
        self.changed += other.changed;
    }
}

/// Of which states rows are still wanted; the others are only counted.
pub(super) struct Wanted(Vec<AtomicBool>);

impl Wanted {
    pub(super) fn new(states: usize, any: bool) -> Self {
        Self((0..states).map(|_| AtomicBool::new(any)).collect())
    }

    fn is(&self, rank: usize) -> bool {
        self.0
            .get(rank)
            .is_some_and(|wanted| wanted.load(Ordering::Relaxed))
    }

    /// Wants no more rows of a state.
    pub(super) fn enough_of(&self, rank: usize) {
        if let Some(wanted) = self.0.get(rank) {
            wanted.store(false, Ordering::Relaxed);
        }
    }

    /// Wants no more rows at all.
    pub(super) fn enough(&self) {
        (0..self.0.len()).for_each(|rank| self.enough_of(rank));
    }
}

/// Differences, and copies of the entries that they are about.
#[derive(Default)]
pub(super) struct Found {
    /// Of each difference the entry before, if there is one, and the entry after, if there is one.
    pub(super) entries: Batch,
    /// What became of which state's entry.
    pub(super) changes: Vec<(Change, usize)>,
}

/// How many bytes of differing entries come together.
const BATCH_BYTES: usize = 256 << 10;

/// Counts differences, and hands over those that are to be shown.
pub(super) struct Finder<'f, 'p> {
    feed: &'f Feed<'p, Found, Rows>,
    wanted: &'f Wanted,
    pub(super) counts: Vec<Counts>,
    found: Found,
    flow: Flow,
}

impl<'f, 'p> Finder<'f, 'p> {
    pub(super) fn new(feed: &'f Feed<'p, Found, Rows>, wanted: &'f Wanted) -> Self {
        Self {
            feed,
            wanted,
            counts: vec![Counts::default(); wanted.0.len()],
            found: Found::default(),
            flow: Flow::Continue(()),
        }
    }

    /// Counts for a state.
    #[inline]
    pub(super) fn count(&mut self, rank: usize, add: impl FnOnce(&mut Counts)) {
        if let Some(counts) = self.counts.get_mut(rank) {
            add(counts);
        }
    }

    pub(super) fn added(&mut self, rank: usize, after: &Entry<'_>) {
        self.count(rank, |counts| counts.added += 1);
        self.show(Change::Added, rank, &[after]);
    }

    pub(super) fn removed(&mut self, rank: usize, before: &Entry<'_>) {
        self.count(rank, |counts| counts.removed += 1);
        self.show(Change::Removed, rank, &[before]);
    }

    pub(super) fn changed(&mut self, rank: usize, before: &Entry<'_>, after: &Entry<'_>) {
        self.count(rank, |counts| counts.changed += 1);
        self.show(Change::Changed, rank, &[before, after]);
    }

    fn show(&mut self, change: Change, rank: usize, entries: &[&Entry<'_>]) {
        if !self.wanted.is(rank) {
            return;
        }
        self.found.changes.push((change, rank));
        entries.iter().for_each(|entry| self.found.entries.push(entry));
        if self.found.entries.size() >= BATCH_BYTES {
            self.hand_over();
        }
    }

    /// Hands over what was found.
    pub(super) fn hand_over(&mut self) {
        if !self.found.changes.is_empty() {
            self.flow = self.feed.hand_over(std::mem::take(&mut self.found));
        }
    }

    /// Whether anybody wants more.
    pub(super) fn flow(&self) -> Flow {
        self.flow
    }
}
