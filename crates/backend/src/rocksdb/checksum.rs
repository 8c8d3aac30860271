//! The checksums of blocks, footers and log records.

use statetool_format::{Error, Fault, Result};
use xxhash_rust::{xxh3::xxh3_64, xxh32::xxh32, xxh64::xxh64};

/// How a table's blocks are summed up; a byte in its footer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checksum {
    /// No checksum: corruption goes unnoticed.
    None,
    /// CRC-32C, masked; what engines up to 6.20 write.
    Crc32c,
    /// XXH32.
    XxHash,
    /// The lower half of XXH64.
    XxHash64,
    /// The lower half of XXH3, the last byte mixed in after it; what engine 8.10 and ForSt write.
    Xxh3,
}

impl Checksum {
    /// The code of [`Crc32c`](Self::Crc32c).
    pub(super) const CRC32C: u8 = 1;

    /// Decodes the byte at `offset` of the footer.
    pub(super) fn decode(byte: u8, offset: u64) -> Result<Self> {
        Ok(match byte {
            0 => Self::None,
            Self::CRC32C => Self::Crc32c,
            2 => Self::XxHash,
            3 => Self::XxHash64,
            4 => Self::Xxh3,
            other => {
                let fault = Fault::Unknown {
                    got: other.into(),
                    expected: "a checksum type of 0 to 4",
                };
                return Err(Error::new(offset, "table footer", fault));
            }
        })
    }

    /// The sum over a block's bytes and the type of its compression behind them.
    pub(super) fn of(self, bytes: &[u8]) -> u32 {
        match self {
            Self::None => 0,
            Self::Crc32c => masked_crc32c(bytes),
            Self::XxHash => xxh32(bytes, 0),
            Self::XxHash64 => xxh64(bytes, 0) as u32,
            Self::Xxh3 => match bytes.split_last() {
                None => 0,
                Some((&last, rest)) => xxh3_64(rest) as u32 ^ u32::from(last).wrapping_mul(0x6b90_83d9),
            },
        }
    }
}

/// The CRC-32C of `bytes`, disguised so that sums of bytes that contain sums stay good.
pub(super) fn masked_crc32c(bytes: &[u8]) -> u32 {
    mask(crc32c::crc32c(bytes))
}

/// Disguises a CRC-32C.
pub(super) fn mask(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// What format version 6 adds to the sum of a block at `offset`, so that it is good there only.
pub(super) fn context(base: u32, offset: u64) -> u32 {
    match base {
        0 => 0,
        base => base ^ (offset as u32).wrapping_add((offset >> 32) as u32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A data block of one entry, and the byte behind it; RocksDB 7.8.3 stored the sums below with it.
    const BLOCK: &[u8] = b"\0\x13\0\0\0key-00000\x01\x01\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0";

    #[test]
    fn known_sums() {
        let sums = [
            (Checksum::None, 0),
            (Checksum::Crc32c, 0xe4d2_8f2d),
            (Checksum::XxHash, 0xf938_a531),
            (Checksum::XxHash64, 0xa10b_f43f),
            (Checksum::Xxh3, 0xce07_7a4a),
        ];
        for (kind, sum) in sums {
            assert_eq!(kind.of(BLOCK), sum, "{kind:?}");
        }
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(Checksum::Xxh3.of(b""), 0);
    }

    #[test]
    fn the_context_is_off_without_a_base_and_depends_on_both_halves_of_the_offset() {
        assert_eq!(context(0, 77), 0);
        assert_eq!(context(0b100, 1), 0b101);
        assert_eq!(context(0b100, (1 << 32) + 1), 0b110);
    }

    #[test]
    fn unknown_types_are_refused() {
        let error = Checksum::decode(5, 9).unwrap_err();
        assert_eq!(
            error.to_string(),
            "table footer at offset 0x9: unknown value 5 (0x5), expected a checksum type of 0 to 4"
        );
    }
}
