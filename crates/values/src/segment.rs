//! The parts of a binary row, array or map: where things are, and that they are inside.

use std::borrow::Cow;

use statetool_format::{Error, Fault, Reader, Result};

/// The bytes of one row, array or map. All offsets inside count from its first byte, and
/// all numbers are little-endian.
pub(crate) struct Segment<'a> {
    bytes: &'a [u8],
    at: u64,
    /// How many bytes the values it refers to may still take together. Values that a real
    /// writer placed do not overlap; without this, nested ones that do would multiply.
    left: usize,
}

/// Where the parts of a row are.
#[derive(Clone, Copy)]
pub(crate) struct RowHeader {
    /// 0 INSERT, 1 UPDATE_BEFORE, 2 UPDATE_AFTER, 3 DELETE.
    pub(crate) kind: u8,
    fixed: usize,
}

/// Where the parts of an array are.
#[derive(Clone, Copy)]
pub(crate) struct ArrayHeader {
    /// Number of elements.
    pub(crate) len: usize,
    fixed: usize,
    width: usize,
}

/// Bytes of a row before its first slot: kind and null bits.
pub(crate) fn row_header_len(arity: usize) -> usize {
    arity.saturating_add(8 + 63) / 64 * 8
}

/// Bytes of an array before its first element: count and null bits.
pub(crate) fn array_header_len(len: usize) -> usize {
    4 + len.div_ceil(32) * 4
}

impl<'a> Segment<'a> {
    /// The bytes of a value, the first of which lies at absolute offset `at`.
    pub(crate) fn new(bytes: &'a [u8], at: u64) -> Self {
        Self {
            bytes,
            at,
            left: bytes.len(),
        }
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn reader(&self) -> Reader<'a> {
        Reader::at(self.bytes, self.at)
    }

    #[cold]
    pub(crate) fn invalid(&self, what: &'static str, why: impl Into<String>) -> Error {
        Error::new(self.at, what, Fault::Invalid(why.into()))
    }

    #[cold]
    fn too_short(&self, what: &'static str, needed: usize) -> Error {
        Error::new(
            self.at,
            what,
            Fault::Truncated {
                needed: needed as u64,
                left: self.bytes.len() as u64,
            },
        )
    }

    fn get<const N: usize>(&self, at: usize, what: &'static str) -> Result<[u8; N]> {
        let found = self.bytes.get(at..).and_then(|rest| rest.first_chunk::<N>());
        found
            .copied()
            .ok_or_else(|| self.too_short(what, at.saturating_add(N)))
    }

    fn bit(&self, base: usize, i: usize) -> bool {
        self.bytes
            .get(base + i / 8)
            .is_some_and(|byte| byte & (1 << (i % 8)) != 0)
    }

    /// Checks the fixed part of a row.
    pub(crate) fn row_header(&self, arity: usize) -> Result<RowHeader> {
        let fixed = row_header_len(arity);
        let needed = fixed.saturating_add(arity.saturating_mul(8));
        if needed > self.bytes.len() {
            return Err(self.too_short("binary row", needed));
        }
        match self.bytes.first().copied().unwrap_or_default() {
            kind @ 0..=3 => Ok(RowHeader { kind, fixed }),
            got => Err(Error::new(
                self.at,
                "row kind",
                Fault::Range {
                    got: got.into(),
                    min: 0,
                    max: 3,
                },
            )),
        }
    }

    /// Checks the fixed part of an array of elements of `width` bytes.
    pub(crate) fn array_header(&self, width: usize) -> Result<ArrayHeader> {
        let got = i32::from_le_bytes(self.get(0, "binary array")?);
        let len = usize::try_from(got).map_err(|_| {
            Error::new(
                self.at,
                "number of elements",
                Fault::Range {
                    got: got.into(),
                    min: 0,
                    max: i32::MAX.into(),
                },
            )
        })?;
        let fixed = array_header_len(len);
        let needed = fixed.saturating_add(len.saturating_mul(width));
        match needed <= self.bytes.len() {
            true => Ok(ArrayHeader { len, fixed, width }),
            false => Err(self.too_short("binary array", needed)),
        }
    }

    /// The key array and the value array of a map.
    pub(crate) fn map_halves(&self) -> Result<(Segment<'a>, Segment<'a>)> {
        let mut r = self.reader();
        r.take(4, "size of the keys")?;
        let got = i32::from_le_bytes(self.get(0, "size of the keys")?);
        let len = usize::try_from(got).map_err(|_| {
            Error::new(
                self.at,
                "size of the keys",
                Fault::Range {
                    got: got.into(),
                    min: 0,
                    max: i32::MAX.into(),
                },
            )
        })?;
        let keys_at = r.offset();
        let keys = r.take(len, "keys of a binary map")?;
        let values_at = r.offset();
        Ok((
            Segment::new(keys, keys_at),
            Segment::new(r.take_rest(), values_at),
        ))
    }

    /// The bytes that a slot refers to: offset in its upper, size in its lower half.
    pub(crate) fn child(&mut self, slot: u64) -> Result<Segment<'a>> {
        let (offset, size) = ((slot >> 32) as usize, (slot & 0xffff_ffff) as usize);
        let end = offset.saturating_add(size);
        let Some(bytes) = self.bytes.get(offset..end) else {
            return Err(self.too_short("part of a binary value", end));
        };
        self.left = match self.left.checked_sub(size) {
            Some(left) => left,
            None => return Err(self.invalid("binary value", "its parts overlap")),
        };
        Ok(Segment::new(bytes, self.at + offset as u64))
    }

    /// The bytes of a string: in the slot itself if they are at most seven.
    pub(crate) fn string(&mut self, slot: u64) -> Result<Cow<'a, [u8]>> {
        if slot >> 63 == 0 {
            return Ok(Cow::Borrowed(self.child(slot)?.bytes));
        }
        let len = (slot >> 56 & 0x7f) as usize;
        match slot.to_le_bytes().get(..len).filter(|_| len <= 7) {
            Some(bytes) => Ok(Cow::Owned(bytes.to_vec())),
            None => Err(self.invalid("string in a slot", format!("length {len} is more than 7"))),
        }
    }

    /// A time stamp: milliseconds, and nanoseconds of the millisecond.
    pub(crate) fn timestamp(&self, slot: u64, precision: i32) -> Result<(i64, u32)> {
        if precision <= 3 {
            return Ok((slot as i64, 0));
        }
        let nanos = slot as u32;
        if nanos > 999_999 {
            return Err(self.invalid("time stamp", format!("{nanos} nanoseconds of a millisecond")));
        }
        Ok((
            i64::from_le_bytes(self.get((slot >> 32) as usize, "time stamp")?),
            nanos,
        ))
    }
}

impl RowHeader {
    pub(crate) fn is_null(self, row: &Segment<'_>, i: usize) -> bool {
        row.bit(0, i + 8)
    }

    pub(crate) fn slot(self, row: &Segment<'_>, i: usize) -> Result<u64> {
        Ok(u64::from_le_bytes(
            row.get(self.fixed + 8 * i, "slot of a binary row")?,
        ))
    }
}

impl ArrayHeader {
    pub(crate) fn is_null(self, array: &Segment<'_>, i: usize) -> bool {
        array.bit(4, i)
    }

    /// The bytes of an element, widened with zeros to those of a slot.
    pub(crate) fn element(self, array: &Segment<'_>, i: usize) -> Result<u64> {
        let at = self.fixed + self.width * i;
        let what = "element of a binary array";
        Ok(match self.width {
            1 => array.get::<1>(at, what)?[0].into(),
            2 => u16::from_le_bytes(array.get(at, what)?).into(),
            4 => u32::from_le_bytes(array.get(at, what)?).into(),
            _ => u64::from_le_bytes(array.get(at, what)?),
        })
    }
}
