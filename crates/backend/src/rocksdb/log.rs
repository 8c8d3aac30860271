//! Log files: records in fragments that do not cross blocks of 32 KiB. A manifest is one.

use bytes::Bytes;
use statetool_format::{Error, Fault, Reader, Result};

use super::checksum::masked_crc32c;
use super::varint::Little;
use super::window::Window;
use crate::error::{Error as FileError, InFile, Result as FileResult};
use crate::source::ReadAt;

pub(super) const BLOCK: u64 = 32 << 10;
pub(super) const HEADER: u64 = 7;
/// The largest record that is put together.
const MAX_RECORD: usize = 256 << 20;
const WHAT: &str = "log record";

/// Reads the records of a log file one after the other.
pub(super) struct LogReader<'s> {
    name: &'s str,
    source: &'s dyn ReadAt,
    window: Window,
    offset: u64,
    record: Vec<u8>,
}

/// A part of a record.
struct Fragment {
    first: bool,
    last: bool,
    bytes: Bytes,
}

impl<'s> LogReader<'s> {
    /// A reader in front of the first record of the file called `name`.
    pub(super) fn new(name: &'s str, source: &'s dyn ReadAt) -> Self {
        Self {
            name,
            source,
            window: Window::new(1 << 20),
            offset: 0,
            record: Vec::new(),
        }
    }

    /// The next record, and the offset at which it begins.
    pub(super) fn next(&mut self) -> FileResult<Option<(u64, &[u8])>> {
        self.record.clear();
        let mut start = None;
        while let Some((at, fragment)) = self.fragment()? {
            if fragment.first != start.is_none() {
                let why = "fragments that do not make up a record";
                return Err(self.error(at, Fault::Invalid(why.into())));
            }
            let start = *start.get_or_insert(at);
            if self.record.len() + fragment.bytes.len() > MAX_RECORD {
                let got = (self.record.len() + fragment.bytes.len()) as u64;
                return Err(self.error(
                    start,
                    Fault::TooLarge {
                        got,
                        limit: MAX_RECORD as u64,
                    },
                ));
            }
            self.record.extend_from_slice(&fragment.bytes);
            if fragment.last {
                return Ok(Some((start, &self.record)));
            }
        }
        match start {
            None => Ok(None),
            Some(at) => Err(self.error(at, Fault::Invalid("the file ends within the record".into()))),
        }
    }

    #[cold]
    fn error(&self, offset: u64, fault: Fault) -> FileError {
        FileError::new(self.name, Error::new(offset, WHAT, fault))
    }

    fn fragment(&mut self) -> FileResult<Option<(u64, Fragment)>> {
        loop {
            let len = self.source.len();
            let at = self.offset;
            let in_block = (BLOCK - at % BLOCK).min(len.saturating_sub(at));
            if in_block == 0 {
                return Ok(None);
            }
            let rest = self.window.fetch(self.source, at, in_block as usize, len)?;
            if rest.iter().all(|&byte| byte == 0) {
                self.offset += in_block;
                continue;
            }
            if in_block < HEADER {
                return Err(self.error(
                    at,
                    Fault::Truncated {
                        needed: HEADER,
                        left: in_block,
                    },
                ));
            }
            let fragment = decode(&rest, at).in_file(self.name)?;
            self.offset += fragment.1;
            return Ok(Some((at, fragment.0)));
        }
    }
}

/// Decodes a fragment at `offset`; also says how many bytes it takes.
fn decode(bytes: &Bytes, offset: u64) -> Result<(Fragment, u64)> {
    let mut reader = Reader::at(bytes, offset);
    let stored = reader.fixed32(WHAT)?;
    let len = usize::from(reader.u16(WHAT)?.swap_bytes());
    let summed = reader.clone();
    let at = reader.offset();
    let kind = reader.u8(WHAT)?;
    let (first, last) = match kind {
        1 | 5 => (true, true),
        2 | 6 => (true, false),
        3 | 7 => (false, false),
        4 | 8 => (false, true),
        other => {
            let fault = Fault::Unknown {
                got: other.into(),
                expected: "a record type of 1 to 8",
            };
            return Err(Error::new(at, WHAT, fault));
        }
    };
    if kind > 4 {
        reader.take(4, WHAT)?;
    }
    reader.take(len, WHAT)?;
    let expected = masked_crc32c(reader.since(&summed));
    if stored != expected {
        let why = format!("the checksum is {stored:#010x} and should be {expected:#010x}");
        return Err(Error::new(offset, WHAT, Fault::Invalid(why)));
    }
    let taken = (reader.offset() - offset) as usize;
    Ok((
        Fragment {
            first,
            last,
            bytes: bytes.slice(taken - len..taken),
        },
        taken as u64,
    ))
}

/// A fragment as an engine writes it.
#[cfg(test)]
pub(super) fn fragment(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let crc = masked_crc32c(&[&[kind], bytes].concat());
    [
        &crc.to_le_bytes()[..],
        &(bytes.len() as u16).to_le_bytes(),
        &[kind],
        bytes,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(file: Vec<u8>) -> FileResult<Vec<(u64, usize)>> {
        let file = crate::source::Memory::new("f", file);
        let mut reader = LogReader::new("MANIFEST-000004", &file);
        let mut records = Vec::new();
        while let Some((at, record)) = reader.next()? {
            records.push((at, record.len()));
        }
        Ok(records)
    }

    #[test]
    fn records_are_put_together_across_blocks_and_padding_is_skipped() {
        let mut file = fragment(1, b"one");
        file.extend(fragment(2, &vec![1; 32_768 - 10 - 7 - 4]));
        file.extend([0; 4]);
        file.extend(fragment(3, &vec![2; 32_768 - 7]));
        file.extend(fragment(4, b"end"));
        file.extend([0; 100]);
        assert_eq!(records(file).unwrap(), [(0, 3), (10, 32_747 + 32_761 + 3)]);
    }

    #[test]
    fn damaged_logs_are_refused() {
        let whole = fragment(1, b"record");
        let mut flipped = whole.clone();
        flipped[9] ^= 1;
        let cases = [
            (flipped, "the checksum is 0x"),
            (
                whole[..12].to_vec(),
                "log record at offset 0x7: needs 6 bytes, 5 are left",
            ),
            (
                whole[..5].to_vec(),
                "log record at offset 0x0: needs 7 bytes, 5 are left",
            ),
            (
                fragment(2, b"a"),
                "log record at offset 0x0: the file ends within the record",
            ),
            (
                fragment(4, b"a"),
                "log record at offset 0x0: fragments that do not make up a record",
            ),
            (
                [fragment(2, b"a"), whole].concat(),
                "log record at offset 0x8: fragments that do not make up a record",
            ),
            (
                fragment(9, b"a"),
                "log record at offset 0x6: unknown value 9 (0x9), expected a record type of 1 to 8",
            ),
        ];
        for (file, expected) in cases {
            let error = records(file).unwrap_err().to_string();
            assert!(
                error.starts_with("MANIFEST-000004: ") && error.contains(expected),
                "{error}"
            );
        }
    }
}
