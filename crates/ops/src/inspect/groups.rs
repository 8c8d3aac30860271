//! Entries and bytes of each key group, and how evenly they are spread.

use std::collections::HashMap;

use super::model::KeyGroupStats;

/// How many of the largest key groups a report shows.
const LARGEST: usize = 5;

/// Counts by key group.
#[derive(Default)]
pub(super) struct KeyGroups {
    counted: HashMap<u32, Counts>,
    /// The group that is being counted: entries of one group come in a row.
    current: Option<(u32, Counts)>,
}

#[derive(Default, Clone, Copy)]
struct Counts {
    entries: u64,
    bytes: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.entries += other.entries;
        self.bytes += other.bytes;
    }
}

impl KeyGroups {
    /// Counts an entry.
    #[inline]
    pub(super) fn add(&mut self, group: u32, bytes: u64) {
        match &mut self.current {
            Some((current, counts)) if *current == group => counts.add(Counts { entries: 1, bytes }),
            _ => self.begin(group, Counts { entries: 1, bytes }),
        }
    }

    fn begin(&mut self, group: u32, counts: Counts) {
        if let Some((before, counts)) = self.current.replace((group, counts)) {
            self.counted.entry(before).or_default().add(counts);
        }
    }

    /// Adds what another thread has counted.
    pub(super) fn merge(&mut self, other: Self) {
        for (group, counts) in other.counted.into_iter().chain(other.current) {
            self.counted.entry(group).or_default().add(counts);
        }
    }

    /// How the bytes are spread over the key groups of an operator; nothing if there are none.
    pub(super) fn report(&self, max_parallelism: u32) -> Option<KeyGroupStats> {
        let mut all = self.counted.clone();
        if let Some((group, counts)) = self.current {
            all.entry(group).or_default().add(counts);
        }
        let total: u64 = all.values().map(|counts| counts.bytes).sum();
        let mut groups: Vec<_> = all
            .into_iter()
            .map(|(group, counts)| (group, counts.entries, counts.bytes))
            .collect();
        groups.sort_by_key(|(group, _, bytes)| (std::cmp::Reverse(*bytes), *group));
        let (_, _, largest) = *groups.first()?;
        let mean = total as f64 / f64::from(max_parallelism.max(1));
        Some(KeyGroupStats {
            used: groups.len() as u32,
            of: max_parallelism,
            skew: if mean > 0.0 { largest as f64 / mean } else { 0.0 },
            largest: groups.into_iter().take(LARGEST).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_come_back_are_one() {
        let (mut one, mut other) = (KeyGroups::default(), KeyGroups::default());
        for (group, bytes) in [(3, 10), (3, 5), (1, 2), (3, 1)] {
            one.add(group, bytes);
        }
        other.add(1, 8);
        one.merge(other);
        let report = one.report(4).unwrap();
        assert_eq!((report.used, report.of, report.skew), (2, 4, 16.0 / 6.5));
        assert_eq!(report.largest, [(3, 3, 16), (1, 2, 10)]);
        assert!(KeyGroups::default().report(4).is_none());
    }
}
