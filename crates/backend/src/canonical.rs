//! The canonical ("unified") keyed stream.
//!
//! ```text
//! header, then for each key group that has entries, at its offset:
//! group     := run+ , u16 FFFF
//! run       := u16 state id , entry* , last entry
//! entry     := bytes key , bytes value        80 in the key's first byte marks the last one
//! ```
//!
//! Written by `FullSnapshotAsyncWriter` (all canonical savepoints since 1.13, RocksDB full
//! snapshots up to 1.15); docs/format/state-payloads.md.

mod writer;

use statetool_format::metadata::KeyGroupsHandle;
use statetool_format::{Error as FormatError, Fault, KeyGroupRange};

use crate::error::{Error, Result};
use crate::source::Source;
use crate::window::{Compression, Window};

pub use writer::CanonicalWriter;

const END_OF_GROUP: u16 = 0xffff;
const META_DATA_FOLLOWS: u8 = 0x80;

/// One entry as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct CanonicalEntry<'a> {
    /// Index of the state in the header.
    pub state: u16,
    /// The key group.
    pub key_group: u32,
    /// The composite key, key group prefix included, marker bit cleared.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// Where the entry begins in the stream.
    pub offset: u64,
}

/// The key groups of one stream that a scan visits.
#[derive(Debug, Clone)]
pub struct CanonicalGroups {
    /// Group number, where it begins, where it ends.
    groups: Vec<(u32, u64, u64)>,
    compression: Compression,
    prefix_bytes: usize,
    states: u16,
}

impl CanonicalGroups {
    /// The non-empty groups of a handle that lie in `range`.
    ///
    /// `prefix_bytes` is the width of the key group in front of each key, `states` the number
    /// of states in the header, `len` the length of the stream.
    pub fn new(
        handle: &KeyGroupsHandle,
        range: KeyGroupRange,
        compression: Compression,
        prefix_bytes: usize,
        states: u16,
        len: u64,
    ) -> Self {
        let mut starts: Vec<u64> = handle
            .offsets
            .iter()
            .filter_map(|o| u64::try_from(*o).ok())
            .filter(|o| *o > 0)
            .collect();
        starts.sort_unstable();
        let groups = handle
            .range
            .groups()
            .filter(|group| range.contains(*group))
            .filter_map(|group| {
                let start = u64::try_from(handle.offset_of(group)?)
                    .ok()
                    .filter(|start| *start > 0)?;
                let next = starts.partition_point(|other| *other <= start);
                Some((group, start, starts.get(next).copied().unwrap_or(len).max(start)))
            });
        Self {
            groups: groups.collect(),
            compression,
            prefix_bytes,
            states,
        }
    }

    /// Bytes of the groups.
    pub fn bytes(&self) -> u64 {
        self.groups.iter().map(|(_, start, end)| end - start).sum()
    }

    /// Whether no group has entries.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Cuts the groups into parts of at least `bytes` each, but never within a group.
    pub fn split(self, bytes: u64) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        let mut size = u64::MAX;
        for (group, start, end) in self.groups {
            match parts.last_mut() {
                Some(part) if size < bytes => part.groups.push((group, start, end)),
                _ => {
                    size = 0;
                    parts.push(Self {
                        groups: vec![(group, start, end)],
                        ..self
                    });
                }
            }
            size = size.saturating_add(end - start);
        }
        parts
    }

    /// The groups' numbers.
    pub fn groups(&self) -> impl Iterator<Item = u32> + '_ {
        self.groups.iter().map(|(group, ..)| *group)
    }

    /// Scans the groups in a stream.
    pub fn scan(self, source: Source) -> CanonicalScan {
        CanonicalScan {
            source,
            plan: self,
            next: 0,
            current: None,
        }
    }
}

/// A scan over the entries of canonical key groups, in stored order.
pub struct CanonicalScan {
    source: Source,
    plan: CanonicalGroups,
    next: usize,
    current: Option<Group>,
}

struct Group {
    number: u32,
    window: Window,
    /// The run that is being read; `None` where a state id or the end mark comes next.
    state: Option<u16>,
}

impl CanonicalScan {
    /// The next entry.
    ///
    /// # Errors
    /// Anything that breaks the layout: an unknown state id, a key that says another group, a
    /// group that does not end where the next begins.
    #[inline]
    pub fn next_entry(&mut self) -> Result<Option<CanonicalEntry<'_>>> {
        let Some(state) = self.next_state()? else {
            return Ok(None);
        };
        let Some(group) = self.current.as_mut() else {
            return Ok(None);
        };
        let offset = group.window.offset();
        let (key_len, len) = group.window.peek(|r| {
            let key = r.bytes("key of an entry")?.len();
            r.bytes("value of an entry")?;
            Ok(key)
        })?;
        let number = group.number;
        let (key, value) = split_entry(group.window.take(len), key_len);
        if let Some(byte) = key.first_mut().filter(|byte| **byte & META_DATA_FOLLOWS != 0) {
            *byte &= !META_DATA_FOLLOWS;
            group.state = None;
        }
        if key_group_of(key, self.plan.prefix_bytes) != Some(number) {
            let why = format!("its prefix is not that of key group {number}");
            return Err(Error::invalid(self.source.name(), offset, "key of an entry", why));
        }
        Ok(Some(CanonicalEntry {
            state,
            key_group: number,
            key,
            value,
            offset,
        }))
    }

    /// The state of the next entry; `None` after the last group.
    #[inline]
    fn next_state(&mut self) -> Result<Option<u16>> {
        loop {
            let Some(group) = self.current.as_mut() else {
                if !self.open_next_group()? {
                    return Ok(None);
                }
                continue;
            };
            if group.state.is_some() {
                return Ok(group.state);
            }
            let at = group.window.offset();
            let id = group.window.parse(|r| r.u16("state id"))?;
            if id == END_OF_GROUP {
                group.window.finish("end of a key group")?;
                self.current = None;
            } else if id < self.plan.states {
                group.state = Some(id);
            } else {
                let fault = Fault::Range {
                    got: id.into(),
                    min: 0,
                    max: i64::from(self.plan.states) - 1,
                };
                return Err(Error::format(
                    self.source.name(),
                    FormatError::new(at, "state id", fault),
                ));
            }
        }
    }

    fn open_next_group(&mut self) -> Result<bool> {
        let Some(&(number, start, end)) = self.plan.groups.get(self.next) else {
            return Ok(false);
        };
        self.next += 1;
        let window = Window::new(&self.source, start, end, self.plan.compression)?;
        self.current = Some(Group {
            number,
            window,
            state: None,
        });
        Ok(true)
    }
}

/// Splits the bytes of an entry (two lengths, key, value) into key and value.
#[inline]
fn split_entry(bytes: &mut [u8], key_len: usize) -> (&mut [u8], &[u8]) {
    let (head, value) = bytes.split_at_mut_checked(4 + key_len).unwrap_or_default();
    (
        head.get_mut(4..).unwrap_or_default(),
        value.get(4..).unwrap_or_default(),
    )
}

/// The key group that stands in front of a composite key.
#[inline]
pub fn key_group_of(key: &[u8], prefix_bytes: usize) -> Option<u32> {
    match (prefix_bytes, key) {
        (1, [group, ..]) => Some((*group).into()),
        (2, [high, low, ..]) => Some(u32::from(*high) << 8 | u32::from(*low)),
        _ => None,
    }
}
