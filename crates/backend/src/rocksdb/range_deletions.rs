//! Range deletions: which of them are in force while a scan goes through the keys.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::edit::LiveFile;
use super::key::{self, EntryType, InternalKey};

/// The range deletions of all files that a scan has entered.
///
/// Keys must be asked for in their order; a deletion may come late, as long as that is before
/// the first key in it.
#[derive(Debug, Default)]
pub(super) struct RangeDeletions {
    /// Not in force yet: start, end and sequence number.
    ahead: BinaryHeap<Reverse<(InternalKey, InternalKey, u64)>>,
    /// Ends of those in force.
    ends: BinaryHeap<Reverse<(InternalKey, u64)>>,
    /// How many with which sequence number are in force.
    in_force: BTreeMap<u64, usize>,
    newest: u64,
    /// How many have been added.
    count: u64,
}

impl RangeDeletions {
    /// Adds a deletion of the keys from `start` to in front of `end`, which `file` holds.
    ///
    /// It is in force between the file's smallest and largest key only: a compaction leaves the same
    /// deletion in several files, and each may vanish before the others, when nothing is left that it hides.
    pub(super) fn add(&mut self, start: &InternalKey, end: &[u8], file: &LiveFile) {
        self.count += 1;
        let from = InternalKey::new(&start.user_key, InternalKey::FIRST).max(file.smallest.clone());
        let to = InternalKey::new(end, InternalKey::FIRST).min(reach(&file.largest));
        if from < to {
            self.ahead.push(Reverse((from, to, start.sequence())));
        }
    }

    /// How many deletions have been added.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether there are deletions in force or ahead.
    #[inline]
    pub(super) fn may_hide(&self) -> bool {
        !self.ahead.is_empty() || !self.ends.is_empty()
    }

    /// Whether the entry with this user key and trailer is deleted.
    pub(super) fn hide(&mut self, user_key: &[u8], trailer: u64) -> bool {
        if !self.may_hide() {
            return false;
        }
        self.go_to((user_key, trailer));
        trailer >> 8 < self.newest
    }

    fn go_to(&mut self, at: (&[u8], u64)) {
        let reached = |key: &InternalKey| key::compare(key.parts(), at).is_le();
        while self
            .ahead
            .peek()
            .is_some_and(|Reverse((start, ..))| reached(start))
        {
            if let Some(Reverse((_, end, sequence))) = self.ahead.pop() {
                self.ends.push(Reverse((end, sequence)));
                *self.in_force.entry(sequence).or_default() += 1;
                self.newest = self.newest.max(sequence);
            }
        }
        while self.ends.peek().is_some_and(|Reverse((end, _))| reached(end)) {
            if let Some(Reverse((_, sequence))) = self.ends.pop() {
                self.leave(sequence);
            }
        }
    }

    fn leave(&mut self, sequence: u64) {
        if let Some(count) = self.in_force.get_mut(&sequence) {
            *count -= 1;
            if *count == 0 {
                self.in_force.remove(&sequence);
                self.newest = self
                    .in_force
                    .last_key_value()
                    .map_or(0, |(&sequence, _)| sequence);
            }
        }
    }
}

/// The first key behind those that a file's deletions may hide.
fn reach(largest: &InternalKey) -> InternalKey {
    let sentinel = EntryType::of(largest.trailer, 0) == Ok(EntryType::RangeDeletion)
        && largest.sequence() == InternalKey::MAX_SEQUENCE;
    match largest.sequence() {
        // The file's last entry has no older sibling in the next file.
        0 => largest.clone(),
        _ if sentinel => largest.clone(),
        // The next file may go on with older entries of the same key, and brings its own deletions.
        sequence => InternalKey::new(&largest.user_key, (sequence - 1) << 8 | 0xff),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(smallest: &[u8], largest: &[u8], sequence: u64, kind: u64) -> LiveFile {
        LiveFile {
            number: 1,
            level: 1,
            size: 0,
            smallest: InternalKey::new(smallest, 0xff01),
            largest: InternalKey::new(largest, sequence << 8 | kind),
            smallest_sequence: 0,
            largest_sequence: 0,
        }
    }

    fn hidden(deletions: &mut RangeDeletions, keys: &[(&str, u64)]) -> Vec<bool> {
        keys.iter()
            .map(|(key, sequence)| deletions.hide(key.as_bytes(), sequence << 8 | 1))
            .collect()
    }

    #[test]
    fn older_entries_between_start_and_end_are_hidden() {
        let mut deletions = RangeDeletions::default();
        let file = file(b"a", b"z", InternalKey::MAX_SEQUENCE, 15);
        deletions.add(&InternalKey::new(b"b", 10 << 8 | 15), b"e", &file);
        deletions.add(&InternalKey::new(b"c", 20 << 8 | 15), b"d", &file);
        let keys = [
            ("a", 1),
            ("b", 11),
            ("b", 9),
            ("c", 20),
            ("c", 15),
            ("d", 15),
            ("d", 9),
            ("e", 1),
        ];
        let expected = [false, false, true, false, true, false, true, false];
        assert_eq!(hidden(&mut deletions, &keys), expected);
        assert_eq!(deletions.count(), 2);
        assert!(deletions.in_force.is_empty());
    }

    #[test]
    fn deletions_end_with_the_keys_of_their_file() {
        let all = InternalKey::new(b"", 10 << 8 | 15);
        let keys = [("a", 0), ("b", 1), ("k", 5), ("k", 4), ("l", 0)];
        for (file, expected) in [
            (file(b"b", b"k", 5, 1), [false, true, true, false, false]),
            (
                file(b"b", b"k", InternalKey::MAX_SEQUENCE, 15),
                [false, true, false, false, false],
            ),
            (file(b"b", b"k", 0, 1), [false, true, true, true, false]),
        ] {
            let mut deletions = RangeDeletions::default();
            deletions.add(&all, b"zz", &file);
            assert_eq!(hidden(&mut deletions, &keys), expected, "{:?}", file.largest);
        }
    }
}
