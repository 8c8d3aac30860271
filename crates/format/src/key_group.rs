//! Key groups: which one a key belongs to, and which subtask owns it.
//!
//! The arithmetic of Flink's `KeyGroupRangeAssignment`, the same in all releases.

use std::fmt;

use crate::encode::{Encode, Put};
use crate::error::Result;
use crate::reader::Reader;

/// The largest legal max parallelism, 32 768.
pub const MAX_PARALLELISM: u32 = 1 << 15;

/// Consecutive key groups: Flink's `KeyGroupRange`, as first group and number of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyGroupRange {
    /// The first key group.
    pub start: u32,
    /// How many key groups.
    pub count: u32,
}

impl KeyGroupRange {
    /// The range from `start` up to and excluding `end`.
    pub fn new(start: u32, end: u32) -> Self {
        Self {
            start,
            count: end.saturating_sub(start),
        }
    }

    /// The groups that subtask `index` of `parallelism` owns.
    pub fn of_subtask(index: u32, parallelism: u32, max_parallelism: u32) -> Self {
        let parallelism = parallelism.max(1);
        let first = (u64::from(index) * u64::from(max_parallelism)).div_ceil(parallelism.into());
        let end = (u64::from(index) + 1) * u64::from(max_parallelism);
        let end = (end.saturating_sub(1)) / u64::from(parallelism) + 1;
        Self::new(first as u32, end as u32)
    }

    /// One past the last group.
    pub fn end(&self) -> u32 {
        self.start.saturating_add(self.count)
    }

    /// Whether `group` is in the range.
    pub fn contains(&self, group: u32) -> bool {
        (self.start..self.end()).contains(&group)
    }

    /// The groups that both ranges have.
    pub fn intersect(&self, other: &Self) -> Self {
        Self::new(self.start.max(other.start), self.end().min(other.end()))
    }

    /// Whether there is no group in the range.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The groups in ascending order.
    pub fn groups(&self) -> std::ops::Range<u32> {
        self.start..self.end()
    }

    /// Reads the first group and the number of groups.
    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self> {
        let max = MAX_PARALLELISM as i32;
        let start = r.i32_in(0, max, "first key group")?;
        let count = r.i32_in(0, max - start, "number of key groups")?;
        Ok(Self {
            start: start as u32,
            count: count as u32,
        })
    }
}

impl Encode for KeyGroupRange {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_i32(self.start as i32);
        out.put_i32(self.count as i32);
    }
}

impl fmt::Display for KeyGroupRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            0 => f.write_str("none"),
            1 => write!(f, "{}", self.start),
            _ => write!(f, "{}-{}", self.start, self.end() - 1),
        }
    }
}

/// The key group of a key with this Java hash code.
#[inline]
pub fn key_group_of_hash(hash: i32, max_parallelism: u32) -> u32 {
    murmur_mix(hash).checked_rem(max_parallelism).unwrap_or(0)
}

/// Flink's `MathUtils.murmurHash`: never negative.
fn murmur_mix(code: i32) -> u32 {
    let mut h = code as u32;
    h = h
        .wrapping_mul(0xcc9e_2d51)
        .rotate_left(15)
        .wrapping_mul(0x1b87_3593);
    h = h.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    h ^= 4;
    h ^= h >> 16;
    h = h.wrapping_mul(0x85eb_ca6b);
    h ^= h >> 13;
    h = h.wrapping_mul(0xc2b2_ae35);
    h ^= h >> 16;
    match h as i32 {
        i32::MIN => 0,
        signed => signed.unsigned_abs(),
    }
}

/// Number of bytes that the key group takes in front of a serialized key.
pub fn prefix_bytes(max_parallelism: u32) -> usize {
    if max_parallelism > 128 { 2 } else { 1 }
}

/// Appends a key group in front of a serialized key, in [`prefix_bytes`] bytes.
pub fn put_prefix(group: u32, prefix_bytes: usize, out: &mut Vec<u8>) {
    let bytes = group.to_be_bytes();
    out.put(
        bytes
            .get(bytes.len().saturating_sub(prefix_bytes)..)
            .unwrap_or_default(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by Flink 2.1.1; see docs/format/state-payloads.md.
    #[test]
    fn groups_of_hashes_as_flink_computes_them() {
        for (hash, of_128, of_4096) in [
            (0, 94, 2526),
            (42, 29, 3613),
            (-1, 80, 2896),
            (1, 86, 4054),
            (1_912_276_436, 92, 3420),
            (1231, 77, 3533),
            (i32::MIN, 108, 2156),
            (101_943_362, 31, 2975),
            (-807_048_720, 61, 573),
            (-1_670_924_195, 11, 267),
        ] {
            assert_eq!(key_group_of_hash(hash, 128), of_128, "{hash}");
            assert_eq!(key_group_of_hash(hash, 4096), of_4096, "{hash}");
        }
        assert_eq!(key_group_of_hash(7, 0), 0);
    }

    #[test]
    fn subtask_ranges_as_flink_cuts_them() {
        for (max, expected) in [
            (128, ["0-42", "43-85", "86-127"]),
            (10, ["0-3", "4-6", "7-9"]),
            (4096, ["0-1365", "1366-2730", "2731-4095"]),
        ] {
            for (index, range) in expected.into_iter().enumerate() {
                assert_eq!(KeyGroupRange::of_subtask(index as u32, 3, max).to_string(), range);
            }
        }
    }
}
