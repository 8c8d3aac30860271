//! Scans: each key of a column family with the value it has.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use statetool_format::{Error as FormatError, Fault};

use super::database::{Family, Shared};
use super::key::{EntryType, KeyRange};
use super::merge::Merge;
use super::table::TableCursor;
use crate::error::{Error, InFile, Result};

/// A key and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The key, for keyed state the composite key with the key group in front.
    pub key: &'a [u8],
    /// The value, merge operands joined.
    pub value: &'a [u8],
}

/// What a scan has come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Entries read from tables.
    pub read: u64,
    /// Keys with a value.
    pub live: u64,
    /// Newest entries of their keys that are deletions.
    pub deletions: u64,
    /// Entries behind a newer one of their key that makes an end of them.
    pub overwritten: u64,
    /// Entries hidden by range deletions.
    pub range_deleted: u64,
    /// Merge operands that are part of a value.
    pub operands: u64,
    /// Range deletions in the files that were entered.
    pub range_deletions: u64,
    /// Bytes of keys and values of all entries that are no part of a value.
    pub hidden_bytes: u64,
    /// Bytes of the keys of operands and values behind a newer operand with which they are joined.
    pub folded_bytes: u64,
}

impl Counters {
    /// Entries that would not be there if each key had one entry with its value, and their bytes.
    pub fn superfluous(&self) -> (u64, u64) {
        let entries = self.read.saturating_sub(self.live);
        (entries, self.hidden_bytes + self.folded_bytes)
    }
}

/// Goes through the keys in a range, in the order of their bytes.
///
/// Independent of other scans of the same database: ranges can be read in parallel.
pub struct Scan {
    merge: Merge,
    range: Arc<KeyRange>,
    /// User key and trailer of the newest entry of the key that was met last.
    key: Vec<u8>,
    trailer: Option<u64>,
    /// Whether the current entry of the tables has been dealt with.
    taken: bool,
    operands: Operands,
    counters: Counters,
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan")
            .field("range", &self.range)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

/// Where the value of an entry is.
enum Found {
    /// In the table.
    Table,
    /// Put together from operands.
    Joined,
}

impl Scan {
    pub(super) fn open(
        shared: Arc<Shared>,
        family: &Family,
        range: KeyRange,
        read_ahead: usize,
    ) -> Result<Self> {
        let range = Arc::new(range);
        Ok(Self {
            merge: Merge::open(&shared, &family.files, &range, read_ahead)?,
            range,
            key: Vec::new(),
            trailer: None,
            taken: false,
            operands: Operands::default(),
            counters: Counters::default(),
        })
    }

    /// What has been read so far.
    pub fn counters(&self) -> Counters {
        Counters {
            range_deletions: self.merge.range_deletions(),
            ..self.counters
        }
    }

    /// The next key that has a value.
    ///
    /// # Errors
    /// Files that cannot be read, damaged blocks, entries that are not sorted or of an unknown type.
    #[expect(
        clippy::should_implement_trait,
        reason = "the entry borrows the scan, which no Iterator can do"
    )]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>> {
        let found = match self.find()? {
            None => return Ok(None),
            Some(Found::Table) => self.merge.head().map(|head| Entry {
                key: head.key().0,
                value: head.value(),
            }),
            Some(Found::Joined) => Some(Entry {
                key: &self.key,
                value: self.operands.join(),
            }),
        };
        Ok(found)
    }

    fn find(&mut self) -> Result<Option<Found>> {
        while self.go_on()? {
            if !self.is_new_key()? {
                self.counters.overwritten += 1;
                self.hide();
                continue;
            }
            if self.merge.is_hidden() {
                self.counters.range_deleted += 1;
                self.hide();
                continue;
            }
            match self.kind()? {
                EntryType::Value => {
                    self.counters.live += 1;
                    return Ok(Some(Found::Table));
                }
                EntryType::Merge => {
                    self.collect()?;
                    self.counters.live += 1;
                    return Ok(Some(Found::Joined));
                }
                _ => {
                    self.counters.deletions += 1;
                    self.hide();
                }
            }
        }
        Ok(None)
    }

    /// Goes to the next entry that has not been dealt with; false behind the range.
    #[inline]
    fn go_on(&mut self) -> Result<bool> {
        if self.taken {
            self.merge.advance()?;
        }
        let inside = self.merge.head().is_some_and(TableCursor::is_inside);
        self.taken = inside;
        self.counters.read += u64::from(inside);
        Ok(inside)
    }

    /// Remembers the current key unless it is the one before.
    #[inline]
    fn is_new_key(&mut self) -> Result<bool> {
        let Some(head) = self.merge.head() else {
            return Ok(false);
        };
        let (user_key, trailer) = head.key();
        if let Some(before) = self.trailer {
            match user_key.cmp(&self.key) {
                Ordering::Greater => {}
                Ordering::Equal if trailer <= before => return Ok(false),
                _ => {
                    let (file, at) = head.place();
                    return Err(Error::invalid(
                        file,
                        at,
                        "entry key",
                        "comes before the one in front of it",
                    ));
                }
            }
        }
        self.key.clear();
        self.key.extend_from_slice(user_key);
        self.trailer = Some(trailer);
        Ok(true)
    }

    /// Collects merge operands, newest first, down to a value, a deletion, or the next key.
    fn collect(&mut self) -> Result<()> {
        self.operands.clear();
        self.take_operand();
        while self.go_on()? {
            if self.is_other_key() {
                self.taken = false;
                self.counters.read -= 1;
                break;
            }
            if self.merge.is_hidden() {
                self.counters.range_deleted += 1;
                self.hide();
                break;
            }
            match self.kind()? {
                EntryType::Merge => {
                    self.take_operand();
                    self.counters.folded_bytes += self.key.len() as u64;
                }
                EntryType::Value => {
                    self.take_operand();
                    self.counters.operands -= 1;
                    self.counters.folded_bytes += self.key.len() as u64;
                    break;
                }
                _ => {
                    self.counters.overwritten += 1;
                    self.hide();
                    break;
                }
            }
        }
        Ok(())
    }

    fn take_operand(&mut self) {
        if let Some(head) = self.merge.head() {
            self.operands.push(head.value());
            self.counters.operands += 1;
        }
    }

    fn is_other_key(&self) -> bool {
        self.merge.head().is_none_or(|head| head.key().0 != self.key)
    }

    #[inline]
    fn kind(&self) -> Result<EntryType> {
        let Some(head) = self.merge.head() else {
            return Ok(EntryType::Deletion);
        };
        let (file, at) = head.place();
        match EntryType::of(head.key().1, at).in_file(file)? {
            EntryType::RangeDeletion => {
                let fault = Fault::Invalid("a range deletion among keys".into());
                Err(Error::format(file, FormatError::new(at, "entry key", fault)))
            }
            kind => Ok(kind),
        }
    }

    #[cold]
    fn hide(&mut self) {
        if let Some(head) = self.merge.head() {
            self.counters.hidden_bytes += (head.key().0.len() + head.value().len()) as u64;
        }
    }
}

/// Merge operands of one key, newest first, and the buffer in which they are joined.
#[derive(Debug, Default)]
struct Operands {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    joined: Vec<u8>,
}

/// What stands between operands: the backend's merge operator is `StringAppendTESTOperator`.
const DELIMITER: u8 = b',';

impl Operands {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn push(&mut self, operand: &[u8]) {
        self.bytes.extend_from_slice(operand);
        self.ends.push(self.bytes.len());
    }

    /// All operands from the oldest to the newest.
    fn join(&mut self) -> &[u8] {
        if self.ends.len() == 1 {
            return &self.bytes;
        }
        self.joined.clear();
        let mut rest = self.ends.as_slice();
        while let Some((&end, older)) = rest.split_last() {
            if rest.len() < self.ends.len() {
                self.joined.push(DELIMITER);
            }
            let start = older.last().copied().unwrap_or(0);
            self.joined
                .extend_from_slice(self.bytes.get(start..end).unwrap_or_default());
            rest = older;
        }
        &self.joined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_are_joined_from_the_oldest_to_the_newest() {
        let joined = |newest_first: &[&str]| {
            let mut operands = Operands::default();
            newest_first
                .iter()
                .for_each(|operand| operands.push(operand.as_bytes()));
            String::from_utf8(operands.join().to_vec()).unwrap()
        };
        assert_eq!(joined(&["c", "b", "a"]), "a,b,c");
        assert_eq!(joined(&["only"]), "only");
        assert_eq!(joined(&["b", ""]), ",b");
        assert_eq!(joined(&["", "", ""]), ",,");
    }
}
