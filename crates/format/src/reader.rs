//! The byte cursor: cannot panic, and always knows its absolute offset.

use crate::error::{Error, Fault, Result};
use crate::text::JavaText;

/// A cursor over borrowed bytes that knows where they lie in their file.
///
/// All numbers are big-endian two's complement, as Java's `DataInput` reads them. Each
/// method takes `what`, the words that name the value in an error.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: u64,
}

macro_rules! fixed {
    ($($(#[$doc:meta])* $name:ident: $ty:ty),* $(,)?) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(&mut self, what: &'static str) -> Result<$ty> {
            Ok(<$ty>::from_be_bytes(*self.array::<{ size_of::<$ty>() }>(what)?))
        }
    )*};
}

impl<'a> Reader<'a> {
    /// A reader of `bytes` that counts offsets from zero.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0)
    }

    /// A reader of `bytes`, the first of which lies at absolute `offset`.
    #[inline]
    pub fn at(bytes: &'a [u8], offset: u64) -> Self {
        Self { rest: bytes, offset }
    }

    /// Absolute offset of the next byte.
    #[inline]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Number of bytes left.
    #[inline]
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing is left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The bytes left, without consuming them.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The bytes consumed since `start`, an earlier clone of this reader.
    #[inline]
    pub fn since(&self, start: &Reader<'a>) -> &'a [u8] {
        let len = start.rest.len().saturating_sub(self.rest.len());
        start.rest.get(..len).unwrap_or_default()
    }

    /// An error about `what` at the current offset.
    #[cold]
    pub fn fault(&self, what: &'static str, fault: Fault) -> Error {
        Error::new(self.offset, what, fault)
    }

    /// An error with a text of its own about `what` at the current offset.
    #[cold]
    pub fn invalid(&self, what: &'static str, why: impl Into<String>) -> Error {
        self.fault(what, Fault::Invalid(why.into()))
    }

    // What seldom happens stays out of the readers below, so that these are small enough to be inlined.
    #[cold]
    #[inline(never)]
    fn truncated(&self, what: &'static str, needed: usize) -> Error {
        let (needed, left) = (needed as u64, self.rest.len() as u64);
        self.fault(what, Fault::Truncated { needed, left })
    }

    /// Takes the next `len` bytes.
    #[inline]
    pub fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(self.truncated(what, len));
        };
        self.rest = rest;
        self.offset += len as u64;
        Ok(taken)
    }

    /// Takes all bytes left.
    #[inline]
    pub fn take_rest(&mut self) -> &'a [u8] {
        let taken = self.rest;
        self.offset += taken.len() as u64;
        self.rest = &[];
        taken
    }

    /// Takes the next `len` bytes as a reader of their own, which keeps absolute offsets.
    #[inline]
    pub fn window(&mut self, len: usize, what: &'static str) -> Result<Reader<'a>> {
        let offset = self.offset;
        Ok(Reader {
            rest: self.take(len, what)?,
            offset,
        })
    }

    #[inline]
    fn array<const N: usize>(&mut self, what: &'static str) -> Result<&'a [u8; N]> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.truncated(what, N));
        };
        self.rest = rest;
        self.offset += N as u64;
        Ok(taken)
    }

    fixed! {
        /// Reads one unsigned byte.
        u8: u8,
        /// Reads one signed byte.
        i8: i8,
        /// Reads an unsigned 16-bit number.
        u16: u16,
        /// Reads a signed 16-bit number.
        i16: i16,
        /// Reads an unsigned 32-bit number.
        u32: u32,
        /// Reads a signed 32-bit number.
        i32: i32,
        /// Reads a signed 64-bit number.
        i64: i64,
        /// Reads an IEEE 754 single.
        f32: f32,
        /// Reads an IEEE 754 double.
        f64: f64,
    }

    /// Reads a boolean: one byte, 0 or 1. Java would take any other byte for true, but Flink writes none.
    #[inline]
    pub fn bool(&mut self, what: &'static str) -> Result<bool> {
        let at = self.offset;
        match self.u8(what)? {
            0 => Ok(false),
            1 => Ok(true),
            got => Err(no_bool(got, at, what)),
        }
    }

    /// Reads a signed 32-bit number that must be within `min..=max`.
    pub fn i32_in(&mut self, min: i32, max: i32, what: &'static str) -> Result<i32> {
        let at = self.offset;
        let got = self.i32(what)?;
        if (min..=max).contains(&got) {
            return Ok(got);
        }
        let fault = Fault::Range {
            got: got.into(),
            min: min.into(),
            max: max.into(),
        };
        Err(Error::new(at, what, fault))
    }

    /// Reads an `i32` count of things of which each takes at least `smallest` bytes.
    ///
    /// With `smallest` 0 the count is only limited by [`MAX_EMPTY_ELEMENTS`].
    ///
    /// # Errors
    /// A negative count, and one that cannot fit into the bytes left.
    #[inline]
    pub fn count(&mut self, smallest: usize, what: &'static str) -> Result<usize> {
        let at = self.offset;
        let got = self.i32(what)?;
        let limit = match smallest {
            0 => MAX_EMPTY_ELEMENTS,
            n => self.rest.len() / n,
        };
        match usize::try_from(got) {
            Ok(count) if count <= limit => Ok(count),
            _ => Err(self.bad_count(got, smallest, at, what)),
        }
    }

    #[cold]
    #[inline(never)]
    fn bad_count(&self, got: i32, smallest: usize, at: u64, what: &'static str) -> Error {
        let fault = match u64::try_from(got) {
            Ok(count) if smallest > 0 => Fault::Truncated {
                needed: count.saturating_mul(smallest as u64),
                left: self.rest.len() as u64,
            },
            Ok(got) => Fault::TooLarge {
                got,
                limit: MAX_EMPTY_ELEMENTS as u64,
            },
            Err(_) => Fault::Range {
                got: got.into(),
                min: 0,
                max: i32::MAX.into(),
            },
        };
        Error::new(at, what, fault)
    }

    /// Reads an `i32` length and that many bytes.
    #[inline]
    pub fn bytes(&mut self, what: &'static str) -> Result<&'a [u8]> {
        let len = self.count(1, what)?;
        self.take(len, what)
    }

    /// Reads what Java's `DataOutput.writeUTF` writes: a `u16` byte count and modified UTF-8.
    pub fn utf(&mut self, what: &'static str) -> Result<JavaText<'a>> {
        let at = self.offset;
        let len = self.u16(what)?;
        let bytes = self.take(len.into(), what)?;
        JavaText::from_modified_utf8(bytes).ok_or_else(|| Error::new(at, what, Fault::MalformedText))
    }

    /// Reads a Flink `varuint`: 7 bits a byte, least significant first, at most 32 bits.
    #[inline]
    pub fn varuint(&mut self, what: &'static str) -> Result<u32> {
        match self.rest.split_first() {
            Some((first @ 0..0x80, rest)) => {
                self.rest = rest;
                self.offset += 1;
                Ok((*first).into())
            }
            _ => self.long_varuint(what),
        }
    }

    #[inline(never)]
    fn long_varuint(&mut self, what: &'static str) -> Result<u32> {
        let at = self.offset;
        let mut value = 0u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.u8(what)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let limit = u32::MAX.into();
                let too_large = |_| Error::new(at, what, Fault::TooLarge { got: value, limit });
                return u32::try_from(value).map_err(too_large);
            }
        }
        let why = "variable-length number of more than five bytes";
        Err(Error::new(at, what, Fault::Invalid(why.into())))
    }

    /// Fails unless everything has been read.
    #[inline]
    pub fn finish(&self, what: &'static str) -> Result<()> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(self.fault(what, Fault::Trailing { left: left as u64 })),
        }
    }
}

#[cold]
#[inline(never)]
fn no_bool(got: u8, at: u64, what: &'static str) -> Error {
    let expected = "0 or 1";
    let got = got.into();
    Error::new(at, what, Fault::Unknown { got, expected })
}

/// How many elements of no bytes at all (empty rows, `NullValue`) a collection may hold.
///
/// Nothing in the bytes bounds such a count, so a hostile file could ask for 2³¹ of them.
pub const MAX_EMPTY_ELEMENTS: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_big_endian_and_offsets_absolute() {
        let mut r = Reader::at(&[0, 0, 1, 2, 0xff, 0xff], 100);
        assert_eq!(r.i32("n").unwrap(), 258);
        assert_eq!(r.offset(), 104);
        assert_eq!(r.i16("m").unwrap(), -1);
        let error = r.i64("tail").unwrap_err();
        assert_eq!(
            error.to_string(),
            "tail at offset 0x6a: needs 8 bytes, 0 are left"
        );
    }

    #[test]
    fn counts_are_checked_against_what_is_left() {
        let error = Reader::new(&[0x7f, 0xff, 0xff, 0xff, 1])
            .count(8, "elements")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "elements at offset 0x0: needs 17179869176 bytes, 1 are left"
        );
        let error = Reader::new(&[0xff, 0xff, 0xff, 0xff])
            .count(1, "elements")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "elements at offset 0x0: -1 is not within 0 to 2147483647"
        );
        let error = Reader::new(&[0x7f, 0xff, 0xff, 0xff])
            .count(0, "rows")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "rows at offset 0x0: 2147483647 exceeds the limit of 1048576"
        );
    }

    #[test]
    fn varuints_take_at_most_five_bytes_and_32_bits() {
        assert_eq!(Reader::new(&[0x7f]).varuint("v").unwrap(), 127);
        assert_eq!(Reader::new(&[0xad, 0x9c, 0x01]).varuint("v").unwrap(), 20013);
        assert_eq!(
            Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x0f]).varuint("v").unwrap(),
            u32::MAX
        );
        assert!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x1f]).varuint("v").is_err());
        assert!(
            Reader::new(&[0x80, 0x80, 0x80, 0x80, 0x80, 0])
                .varuint("v")
                .is_err()
        );
        assert!(Reader::new(&[0x80]).varuint("v").unwrap_err().is_truncated());
    }
}
