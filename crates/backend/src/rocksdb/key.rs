//! Internal keys: a user key with a sequence number and a type, and ranges of user keys.

use std::cmp::Ordering;

use statetool_format::{Error, Fault, Result};

/// What an entry of a table does to its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryType {
    /// Deletes the key.
    Deletion,
    /// Gives the key a value.
    Value,
    /// Appends to the key's value.
    Merge,
    /// Deletes the key, which was put once only.
    SingleDeletion,
    /// Deletes all keys from this one to the one in its value.
    RangeDeletion,
}

impl EntryType {
    /// The code of [`Value`](Self::Value).
    pub(super) const VALUE: u8 = 1;

    /// Decodes the lowest byte of a key's trailer; `offset` is where the entry lies.
    #[inline]
    pub(super) fn of(trailer: u64, offset: u64) -> Result<Self> {
        Ok(match trailer as u8 {
            0 => Self::Deletion,
            Self::VALUE => Self::Value,
            2 => Self::Merge,
            7 => Self::SingleDeletion,
            15 => Self::RangeDeletion,
            other => return Err(unsupported(other, offset)),
        })
    }
}

#[cold]
fn unsupported(byte: u8, offset: u64) -> Error {
    let expected = match byte {
        0x11 => "an entry type of 0, 1, 2, 7 or 15; this one refers to a blob file",
        0x14 => "an entry type of 0, 1, 2, 7 or 15; this one is a deletion with a timestamp",
        0x16 => "an entry type of 0, 1, 2, 7 or 15; this one has wide columns",
        _ => "an entry type of 0, 1, 2, 7 or 15",
    };
    Error::new(
        offset,
        "entry key",
        Fault::Unknown {
            got: byte.into(),
            expected,
        },
    )
}

/// Splits an internal key into the user key and the trailer, `sequence << 8 | type`.
#[inline]
pub(super) fn split(key: &[u8]) -> Option<(&[u8], u64)> {
    let (user, trailer) = key.split_last_chunk::<8>()?;
    Some((user, u64::from_le_bytes(*trailer)))
}

/// Compares internal keys: user keys by their bytes, then the newest first.
#[inline]
pub(super) fn compare(a: (&[u8], u64), b: (&[u8], u64)) -> Ordering {
    a.0.cmp(b.0).then_with(|| b.1.cmp(&a.1))
}

/// An owned internal key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalKey {
    /// The key that the user of the database sees.
    pub user_key: Box<[u8]>,
    /// Sequence number and type, `sequence << 8 | type`.
    pub trailer: u64,
}

impl InternalKey {
    /// Sequence number of an entry that stands behind all others of its key.
    pub(super) const MAX_SEQUENCE: u64 = (1 << 56) - 1;
    /// The trailer that comes before all others of its key.
    pub(super) const FIRST: u64 = u64::MAX;

    /// Makes an internal key.
    pub(super) fn new(user_key: &[u8], trailer: u64) -> Self {
        Self {
            user_key: user_key.into(),
            trailer,
        }
    }

    /// Splits the bytes of an internal key, which lie at `offset`.
    pub(super) fn decode(bytes: &[u8], what: &'static str, offset: u64) -> Result<Self> {
        let (user_key, trailer) = split(bytes).ok_or_else(|| {
            Error::new(
                offset,
                what,
                Fault::Truncated {
                    needed: 8,
                    left: bytes.len() as u64,
                },
            )
        })?;
        Ok(Self::new(user_key, trailer))
    }

    /// The sequence number.
    pub fn sequence(&self) -> u64 {
        self.trailer >> 8
    }

    /// Both parts, to compare them.
    pub(super) fn parts(&self) -> (&[u8], u64) {
        (&self.user_key, self.trailer)
    }
}

impl Ord for InternalKey {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.parts(), other.parts())
    }
}

impl PartialOrd for InternalKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A range of user keys, from a first key on to an end that is not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyRange {
    start: Vec<u8>,
    end: Option<Vec<u8>>,
}

impl KeyRange {
    /// All keys.
    pub fn all() -> Self {
        Self::default()
    }

    /// The keys from `start` on, and before `end` if there is one.
    pub fn new(start: impl Into<Vec<u8>>, end: Option<Vec<u8>>) -> Self {
        Self {
            start: start.into(),
            end,
        }
    }

    /// The keys that begin with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        Self {
            start: prefix.into(),
            end: successor(prefix),
        }
    }

    /// One key alone.
    pub fn one(key: &[u8]) -> Self {
        let mut end = key.to_vec();
        end.push(0);
        Self {
            start: key.into(),
            end: Some(end),
        }
    }

    /// The keys that begin with any of the prefixes from `first` to `last`, which have the same length:
    /// those of a range of key groups.
    pub fn prefixes(first: &[u8], last: &[u8]) -> Self {
        Self {
            start: first.into(),
            end: successor(last),
        }
    }

    /// The first key.
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// The key at which the range ends, if any; not part of it.
    pub fn end(&self) -> Option<&[u8]> {
        self.end.as_deref()
    }

    /// Whether `key` lies behind the range.
    #[inline]
    pub(super) fn ends_before(&self, key: &[u8]) -> bool {
        self.end.as_deref().is_some_and(|end| key >= end)
    }

    /// Whether keys from `smallest` to `largest` may lie in the range.
    pub(super) fn overlaps(&self, smallest: &[u8], largest: &[u8]) -> bool {
        largest >= self.start.as_slice() && !self.ends_before(smallest)
    }
}

/// The first key that is behind all keys with this prefix; none if the prefix is all `ff`.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.last_mut() {
        if *last < 0xff {
            *last += 1;
            return Some(end);
        }
        end.pop();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_entries_of_a_key_come_first() {
        let old = InternalKey::decode(b"key\x01\x05\x00\x00\x00\x00\x00\x00", "key", 0).unwrap();
        let new = InternalKey::decode(b"key\x01\x06\x00\x00\x00\x00\x00\x00", "key", 0).unwrap();
        assert_eq!((old.sequence(), new.sequence()), (5, 6));
        assert!(new < old);
        assert!(old < InternalKey::new(b"key2", InternalKey::FIRST));
        assert!(
            InternalKey::decode(b"short", "key", 4)
                .unwrap_err()
                .is_truncated()
        );
    }

    #[test]
    fn ranges_of_prefixes_end_at_the_next_prefix() {
        assert_eq!(
            KeyRange::prefix(&[1, 0xff]),
            KeyRange::new([1, 0xff], Some(vec![2]))
        );
        assert_eq!(KeyRange::prefix(&[0xff]), KeyRange::new([0xff], None));
        assert_eq!(KeyRange::prefix(b""), KeyRange::all());
        assert_eq!(
            KeyRange::prefixes(&[0, 3], &[0, 7]),
            KeyRange::new([0, 3], Some(vec![0, 8]))
        );
        assert_eq!(KeyRange::one(b"k"), KeyRange::new(*b"k", Some(b"k\0".to_vec())));
    }

    #[test]
    fn entry_types_of_other_features_are_named() {
        assert_eq!(EntryType::of(0x0207, 0).unwrap(), EntryType::SingleDeletion);
        let error = EntryType::of(0x0211, 8).unwrap_err();
        assert_eq!(
            error.to_string(),
            "entry key at offset 0x8: unknown value 17 (0x11), expected an entry type of 0, 1, 2, 7 or 15; \
             this one refers to a blob file"
        );
        assert!(EntryType::of(3, 0).is_err());
    }
}
