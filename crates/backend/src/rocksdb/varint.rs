//! RocksDB's numbers: little-endian, and variable-length with the lowest seven bits first.

use statetool_format::{Error, Fault, Reader, Result};

/// What a [`Reader`] needs besides Java's numbers to read RocksDB's.
pub(super) trait Little<'a> {
    /// Reads a little-endian 32-bit number.
    fn fixed32(&mut self, what: &'static str) -> Result<u32>;
    /// Reads a little-endian 64-bit number.
    fn fixed64(&mut self, what: &'static str) -> Result<u64>;
    /// Reads a variable-length number of at most ten bytes and 64 bits.
    fn varint64(&mut self, what: &'static str) -> Result<u64>;
    /// Reads a variable-length number of 64 bits of which the lowest is the sign.
    fn signed_varint64(&mut self, what: &'static str) -> Result<i64>;
    /// Reads bytes behind their length, a variable-length number of 32 bits.
    fn slice(&mut self, what: &'static str) -> Result<&'a [u8]>;
}

impl<'a> Little<'a> for Reader<'a> {
    fn fixed32(&mut self, what: &'static str) -> Result<u32> {
        self.u32(what).map(u32::swap_bytes)
    }

    fn fixed64(&mut self, what: &'static str) -> Result<u64> {
        self.i64(what).map(|n| n.cast_unsigned().swap_bytes())
    }

    fn varint64(&mut self, what: &'static str) -> Result<u64> {
        let at = self.offset();
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.u8(what)?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Error::new(
            at,
            what,
            Fault::Invalid("variable-length number of more than 64 bits".into()),
        ))
    }

    fn signed_varint64(&mut self, what: &'static str) -> Result<i64> {
        let folded = self.varint64(what)?;
        Ok((folded >> 1).cast_signed() ^ -((folded & 1).cast_signed()))
    }

    fn slice(&mut self, what: &'static str) -> Result<&'a [u8]> {
        let len = self.varuint(what)?;
        self.take(len as usize, what)
    }
}

/// Writes RocksDB's numbers.
pub(super) trait PutLittle {
    /// Appends a little-endian 32-bit number.
    fn put_fixed32(&mut self, n: u32);
    /// Appends a little-endian 64-bit number.
    fn put_fixed64(&mut self, n: u64);
    /// Appends a variable-length number.
    fn put_varint(&mut self, n: u64);
    /// Appends bytes behind their length.
    fn put_slice(&mut self, bytes: &[u8]);
    /// Appends a tag and a number.
    fn put_tagged(&mut self, tag: u64, n: u64) {
        self.put_varint(tag);
        self.put_varint(n);
    }
}

impl PutLittle for Vec<u8> {
    fn put_fixed32(&mut self, n: u32) {
        self.extend(n.to_le_bytes());
    }

    fn put_fixed64(&mut self, n: u64) {
        self.extend(n.to_le_bytes());
    }

    fn put_varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.push(n as u8);
    }

    fn put_slice(&mut self, bytes: &[u8]) {
        self.put_varint(bytes.len() as u64);
        self.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_lowest_bits_first() {
        let mut reader = Reader::new(&[
            1, 2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x80, 0xac, 0x02, 3, b'a', b'b', b'c',
        ]);
        assert_eq!(reader.fixed32("n").unwrap(), 513);
        assert_eq!(reader.fixed64("n").unwrap(), 0x8000_0000_0000_0001);
        assert_eq!(reader.varint64("n").unwrap(), 300);
        assert_eq!(reader.slice("text").unwrap(), b"abc");
        assert!(reader.is_empty());
    }

    #[test]
    fn signs_are_folded_into_the_lowest_bit() {
        for (byte, number) in [(0, 0), (1, -1), (2, 1), (3, -2), (0x7f, -64)] {
            assert_eq!(Reader::new(&[byte]).signed_varint64("delta").unwrap(), number);
        }
    }

    #[test]
    fn numbers_of_more_than_64_bits_are_refused() {
        let max = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Reader::new(&max).varint64("n").unwrap(), u64::MAX);
        for bad in [
            [0xff; 10],
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
        ] {
            let error = Reader::new(&bad).varint64("n").unwrap_err();
            assert_eq!(
                error.to_string(),
                "n at offset 0x0: variable-length number of more than 64 bits"
            );
        }
        assert!(Reader::new(&[0x80]).varint64("n").unwrap_err().is_truncated());
        assert!(Reader::new(&[4, 1]).slice("text").unwrap_err().is_truncated());
    }
}
