//! The last bytes of a table: where its index is and how its blocks are summed up.

use statetool_format::{Error, Fault, Reader, Result};

use super::checksum::{self, Checksum};
use super::varint::{Little, PutLittle};

/// Where a block lies; its trailer of five bytes follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Handle {
    /// Offset of the first byte in the file.
    pub offset: u64,
    /// Number of bytes without the trailer.
    pub size: u64,
}

/// Type of compression and checksum behind each block.
pub(super) const TRAILER: u64 = 5;

impl Handle {
    /// Reads a handle: two variable-length numbers.
    pub(super) fn decode(reader: &mut Reader<'_>, what: &'static str) -> Result<Self> {
        Ok(Self {
            offset: reader.varint64(what)?,
            size: reader.varint64(what)?,
        })
    }

    /// Appends a handle.
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        out.put_varint(self.offset);
        out.put_varint(self.size);
    }

    /// Offset behind the block and its trailer, which must not exceed `limit`.
    pub(super) fn end(self, limit: u64, what: &'static str) -> Result<u64> {
        let end = self
            .offset
            .checked_add(self.size)
            .and_then(|end| end.checked_add(TRAILER));
        end.filter(|&end| end <= limit).ok_or_else(|| {
            let why = format!(
                "a block of {} bytes does not fit in front of offset {limit:#x}",
                self.size
            );
            Error::new(self.offset, what, Fault::Invalid(why))
        })
    }
}

/// The footer of a block-based table, format versions 0 to 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Footer {
    pub checksum: Checksum,
    /// Format version, 0 to 6.
    pub version: u32,
    pub metaindex: Handle,
    /// Where the index is; from version 6 on the metaindex says so.
    pub index: Option<Handle>,
    /// What the checksums of version 6 start from, 0 in older ones.
    pub context: u32,
    /// Offset of the footer, where the blocks end.
    pub offset: u64,
}

/// Size of the footer.
const SIZE: usize = 53;
/// Size of the footer of format version 0, which has neither checksum type nor version.
const LEGACY_SIZE: usize = 48;

/// Format version and magic number, at the end of all footers but the oldest, which has no version.
const VERSION_AND_MAGIC: usize = 12;

pub(super) const MAGIC: u64 = 0x88e2_41b7_85f4_cff7;
const LEGACY_MAGIC: u64 = 0xdb47_7524_8b80_fb57;
const PLAIN_MAGICS: [u64; 2] = [0x8242_2296_63bf_9564, 0x4f34_18eb_7a8f_13b8];
const EXTENDED_MAGIC: u32 = 0x007a_003e;
const WHAT: &str = "table footer";

impl Footer {
    /// Decodes the last bytes of a file of `len` bytes.
    ///
    /// Version 0 is what engine 5.17 writes if Java configures its tables, as Flink up to 1.13 does.
    pub(super) fn decode(tail: &[u8], len: u64) -> Result<Self> {
        if let Some(footer) = tail.last_chunk::<LEGACY_SIZE>()
            && footer.ends_with(&LEGACY_MAGIC.to_le_bytes())
        {
            return Self::decode_legacy(footer, len - LEGACY_SIZE as u64);
        }
        let Some(footer) = tail.last_chunk::<SIZE>() else {
            return Err(Error::new(
                0,
                WHAT,
                Fault::Truncated {
                    needed: SIZE as u64,
                    left: len,
                },
            ));
        };
        let offset = len - SIZE as u64;
        let version = version(Reader::at(footer, offset))?;
        let mut reader = Reader::at(footer, offset);
        let checksum = Checksum::decode(reader.u8(WHAT)?, offset)?;
        if version < 6 {
            let metaindex = Handle::decode(&mut reader, WHAT)?;
            let index = Some(Handle::decode(&mut reader, WHAT)?);
            check_padding(reader, VERSION_AND_MAGIC)?;
            return Ok(Self {
                checksum,
                version,
                metaindex,
                index,
                context: 0,
                offset,
            });
        }
        let magic = reader.fixed32(WHAT)?;
        if magic != EXTENDED_MAGIC {
            let fault = Fault::Unknown {
                got: magic.into(),
                expected: "the extended magic number 0x7a003e",
            };
            return Err(Error::new(offset + 1, WHAT, fault));
        }
        let stored = reader.fixed32(WHAT)?;
        let context = reader.fixed32(WHAT)?;
        let size = u64::from(reader.fixed32(WHAT)?);
        check_sum(
            footer,
            checksum,
            stored,
            checksum::context(context, offset),
            offset,
        )?;
        let start = offset.checked_sub(size + TRAILER).ok_or_else(|| {
            reader.invalid(
                WHAT,
                format!("a metaindex of {size} bytes does not fit in front of the footer"),
            )
        })?;
        let metaindex = Handle { offset: start, size };
        Ok(Self {
            checksum,
            version,
            metaindex,
            index: None,
            context,
            offset,
        })
    }

    fn decode_legacy(footer: &[u8], offset: u64) -> Result<Self> {
        let mut reader = Reader::at(footer, offset);
        let metaindex = Handle::decode(&mut reader, WHAT)?;
        let index = Some(Handle::decode(&mut reader, WHAT)?);
        check_padding(reader, VERSION_AND_MAGIC - 4)?;
        Ok(Self {
            checksum: Checksum::Crc32c,
            version: 0,
            metaindex,
            index,
            context: 0,
            offset,
        })
    }
}

/// Checks that nothing but zeros stands between the handles and the last bytes.
fn check_padding(mut reader: Reader<'_>, tail: usize) -> Result<()> {
    let padding = reader.take(reader.left().saturating_sub(tail), WHAT)?;
    match padding.iter().all(|&byte| byte == 0) {
        true => Ok(()),
        false => Err(reader.invalid(WHAT, "its padding is not zeros")),
    }
}

/// Checks the magic number and reads the format version in front of it.
fn version(mut reader: Reader<'_>) -> Result<u32> {
    reader.take(SIZE - 12, WHAT)?;
    let at = reader.offset();
    let version = reader.fixed32(WHAT)?;
    let why = match reader.fixed64(WHAT)? {
        MAGIC => match version {
            1..=6 => return Ok(version),
            got => {
                let fault = Fault::Unknown {
                    got: got.into(),
                    expected: "a format version of 1 to 6",
                };
                return Err(Error::new(at, WHAT, fault));
            }
        },
        magic if PLAIN_MAGICS.contains(&magic) => "a plain table; only block-based tables are known".into(),
        magic => format!("no RocksDB table, its magic number is {magic:#018x}"),
    };
    Err(Error::new(at + 4, WHAT, Fault::Invalid(why)))
}

/// Checks the footer's own sum, which is taken with zeros in its place.
fn check_sum(footer: &[u8; SIZE], kind: Checksum, stored: u32, context: u32, offset: u64) -> Result<()> {
    let mut blank = *footer;
    if let Some(field) = blank.get_mut(5..9) {
        field.fill(0);
    }
    let expected = kind.of(&blank).wrapping_add(context);
    if kind == Checksum::None || stored == expected {
        return Ok(());
    }
    let why = format!("the checksum is {stored:#010x} and should be {expected:#010x}");
    Err(Error::new(offset, WHAT, Fault::Invalid(why)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Footer of a table of Flink 1.19: CRC-32C, version 5.
    fn footer() -> Vec<u8> {
        let mut bytes = vec![1, 0xf1, 6, 0x25, 0xd5, 5, 0x17];
        bytes.resize(41, 0);
        bytes.extend(5u32.to_le_bytes());
        bytes.extend(MAGIC.to_le_bytes());
        bytes
    }

    #[test]
    fn the_footer_says_where_the_index_is() {
        let got = Footer::decode(&footer(), 1000).unwrap();
        let expected = Footer {
            checksum: Checksum::Crc32c,
            version: 5,
            metaindex: Handle {
                offset: 0x371,
                size: 0x25,
            },
            index: Some(Handle {
                offset: 0x2d5,
                size: 0x17,
            }),
            context: 0,
            offset: 947,
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn version_0_has_a_shorter_footer() {
        let mut bytes = footer()[1..41].to_vec();
        bytes.extend(LEGACY_MAGIC.to_le_bytes());
        let expected = Footer {
            checksum: Checksum::Crc32c,
            version: 0,
            metaindex: Handle {
                offset: 0x371,
                size: 0x25,
            },
            index: Some(Handle {
                offset: 0x2d5,
                size: 0x17,
            }),
            context: 0,
            offset: 952,
        };
        assert_eq!(Footer::decode(&bytes, 1000).unwrap(), expected);
    }

    #[test]
    fn other_tables_and_versions_are_refused_by_name() {
        let with = |at: usize, bytes: &[u8]| {
            let mut footer = footer();
            footer[at..at + bytes.len()].copy_from_slice(bytes);
            Footer::decode(&footer, 1000).unwrap_err().to_string()
        };
        let cases = [
            (
                41,
                &[7u8][..],
                "table footer at offset 0x3dc: unknown value 7 (0x7), expected a format version of 1 to 6",
            ),
            (
                0,
                &[9],
                "table footer at offset 0x3b3: unknown value 9 (0x9), expected a checksum type of 0 to 4",
            ),
            (
                45,
                &PLAIN_MAGICS[0].to_le_bytes(),
                "table footer at offset 0x3e0: a plain table; only block-based tables are known",
            ),
            (
                45,
                &[0; 8],
                "table footer at offset 0x3e0: no RocksDB table, its magic number is 0x0000000000000000",
            ),
            (
                41,
                &[6],
                "table footer at offset 0x3b4: unknown value 3575973617 (0xd52506f1), expected the extended magic number 0x7a003e",
            ),
        ];
        for (at, bytes, expected) in cases {
            assert_eq!(with(at, bytes), expected);
        }
        let error = Footer::decode(&footer()[1..], 52).unwrap_err();
        assert_eq!(
            error.to_string(),
            "table footer at offset 0x0: needs 53 bytes, 52 are left"
        );
    }

    #[test]
    fn handles_end_in_front_of_the_footer() {
        let handle = Handle { offset: 10, size: 20 };
        assert_eq!(handle.end(35, "index").unwrap(), 35);
        assert_eq!(
            handle.end(34, "index").unwrap_err().to_string(),
            "index at offset 0xa: a block of 20 bytes does not fit in front of offset 0x22"
        );
        assert!(
            Handle {
                offset: u64::MAX,
                size: 20
            }
            .end(u64::MAX, "index")
            .is_err()
        );
    }
}
