//! Going through many tables as if they were one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::database::{Shared, TableFile};
use super::key::{self, KeyRange};
use super::range_deletions::RangeDeletions;
use super::table::TableCursor;
use crate::error::Result;

/// Files that follow each other without overlap, of which one at a time is open.
struct Run {
    shared: Arc<Shared>,
    ahead: std::vec::IntoIter<Arc<TableFile>>,
    range: Arc<KeyRange>,
    read_ahead: usize,
    cursor: TableCursor,
}

/// Goes to the first entry of the next file that has one in the range, and hands over the range deletions.
///
/// They come in time: those of a file hide nothing in front of its first key.
fn next_cursor(
    shared: &Shared,
    ahead: &mut std::vec::IntoIter<Arc<TableFile>>,
    range: &Arc<KeyRange>,
    read_ahead: usize,
    deletions: &mut RangeDeletions,
) -> Result<Option<TableCursor>> {
    for file in ahead {
        let table = shared.table(&file)?;
        for (start, end) in table.range_deletions()? {
            deletions.add(&start, &end, &file.live);
        }
        if let Some(cursor) = TableCursor::open(table, range, read_ahead)? {
            return Ok(Some(cursor));
        }
    }
    Ok(None)
}

impl Run {
    #[inline]
    fn advance(&mut self, deletions: &mut RangeDeletions) -> Result<bool> {
        if self.cursor.advance()? {
            return Ok(true);
        }
        let next = next_cursor(
            &self.shared,
            &mut self.ahead,
            &self.range,
            self.read_ahead,
            deletions,
        )?;
        let more = next.is_some();
        if let Some(cursor) = next {
            self.cursor = cursor;
        }
        Ok(more)
    }
}

/// A cursor over the entries of many files in the order of their internal keys.
pub(super) struct Merge {
    /// A heap: no run is in front of the one at half its position.
    #[expect(clippy::vec_box, reason = "runs change places at every step, and are large")]
    runs: Vec<Box<Run>>,
    /// Position of the run that comes after the first. It stays the same as long as the first stays in front.
    second: usize,
    deletions: RangeDeletions,
}

impl Merge {
    /// Goes to the first entry in the range.
    pub(super) fn open(
        shared: &Arc<Shared>,
        files: &[Arc<TableFile>],
        range: &Arc<KeyRange>,
        read_ahead: usize,
    ) -> Result<Self> {
        let mut merge = Self {
            runs: Vec::new(),
            second: 1,
            deletions: RangeDeletions::default(),
        };
        for files in runs(files, range) {
            let mut ahead = files.into_iter();
            let cursor = next_cursor(shared, &mut ahead, range, read_ahead, &mut merge.deletions)?;
            if let Some(cursor) = cursor {
                let (shared, range) = (shared.clone(), range.clone());
                merge.runs.push(Box::new(Run {
                    shared,
                    ahead,
                    range,
                    read_ahead,
                    cursor,
                }));
            }
        }
        for at in (0..merge.runs.len() / 2).rev() {
            merge.sift_down(at);
        }
        merge.second = merge.lesser_child(0);
        Ok(merge)
    }

    /// The current entry; none at the end.
    #[inline]
    pub(super) fn head(&self) -> Option<&TableCursor> {
        self.runs.first().map(|run| &run.cursor)
    }

    /// Goes to the next entry.
    #[inline]
    pub(super) fn advance(&mut self) -> Result<()> {
        let Some(run) = self.runs.first_mut() else {
            return Ok(());
        };
        let ended = !run.advance(&mut self.deletions)?;
        if ended {
            self.runs.swap_remove(0);
        }
        if ended || self.is_before(self.second, 0) {
            self.sift_down(0);
            self.second = self.lesser_child(0);
        }
        Ok(())
    }

    /// Whether a range deletion hides the current entry.
    #[inline]
    pub(super) fn is_hidden(&mut self) -> bool {
        match self.runs.first() {
            Some(run) if self.deletions.may_hide() => {
                let (user_key, trailer) = run.cursor.key();
                self.deletions.hide(user_key, trailer)
            }
            _ => false,
        }
    }

    /// How many range deletions the files entered so far have.
    pub(super) fn range_deletions(&self) -> u64 {
        self.deletions.count()
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let least = self.lesser_child(at);
            if !self.is_before(least, at) {
                return;
            }
            self.runs.swap(at, least);
            at = least;
        }
    }

    fn lesser_child(&self, at: usize) -> usize {
        let left = 2 * at + 1;
        left + usize::from(self.is_before(left + 1, left))
    }

    #[inline]
    fn is_before(&self, a: usize, b: usize) -> bool {
        match (self.runs.get(a), self.runs.get(b)) {
            (Some(a), Some(b)) => key::compare(a.cursor.key(), b.cursor.key()).is_lt(),
            _ => false,
        }
    }
}

/// Deals the files that overlap the range out to as few runs as possible.
///
/// Levels do not matter: sequence numbers alone decide which of two entries is newer.
fn runs(files: &[Arc<TableFile>], range: &KeyRange) -> Vec<Vec<Arc<TableFile>>> {
    let inside =
        |file: &&Arc<TableFile>| range.overlaps(&file.live.smallest.user_key, &file.live.largest.user_key);
    let mut files: Vec<_> = files.iter().filter(inside).collect();
    files.sort_by(|a, b| a.live.smallest.cmp(&b.live.smallest));
    let mut runs: Vec<Vec<Arc<TableFile>>> = Vec::new();
    let mut ends: BinaryHeap<Reverse<(&[u8], usize)>> = BinaryHeap::new();
    for file in files {
        let free = ends
            .peek()
            .is_some_and(|Reverse((end, _))| **end < *file.live.smallest.user_key);
        let run = match ends.pop().filter(|_| free) {
            Some(Reverse((_, run))) => run,
            None => {
                runs.push(Vec::new());
                runs.len() - 1
            }
        };
        ends.push(Reverse((&file.live.largest.user_key, run)));
        runs.get_mut(run)
            .into_iter()
            .for_each(|run| run.push(file.clone()));
    }
    runs
}
