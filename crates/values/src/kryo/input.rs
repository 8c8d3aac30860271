//! Kryo's primitive encodings.

use statetool_format::{Error, Fault, Reader, Result};

use super::KryoGeneration;
use crate::value::JavaStr;

/// A reader of what Kryo's `Output` writes.
pub(super) struct Input<'r, 'a> {
    pub(super) r: &'r mut Reader<'a>,
    generation: KryoGeneration,
}

macro_rules! fixed {
    ($($(#[$doc:meta])* $name:ident: $ty:ty),* $(,)?) => {$(
        $(#[$doc])*
        pub(super) fn $name(&mut self, what: &'static str) -> Result<$ty> {
            let bytes = self.r.take(size_of::<$ty>(), what)?;
            let mut array = [0; size_of::<$ty>()];
            array.copy_from_slice(bytes);
            Ok(match self.generation {
                KryoGeneration::V2 => <$ty>::from_be_bytes(array),
                KryoGeneration::V5 => <$ty>::from_le_bytes(array),
            })
        }
    )*};
}

impl<'r, 'a> Input<'r, 'a> {
    pub(super) fn new(r: &'r mut Reader<'a>, generation: KryoGeneration) -> Self {
        Self { r, generation }
    }

    fixed! {
        i16: i16,
        u16: u16,
        i32: i32,
        i64: i64,
        f32: f32,
        f64: f64,
    }

    /// 7 bits a byte, least significant first, at most five bytes.
    pub(super) fn varint(&mut self, what: &'static str) -> Result<i32> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.r.u8(what)?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value as i32);
            }
        }
        Err(self
            .r
            .invalid(what, "variable-length number of more than five bytes"))
    }

    /// A [`Self::varint`] with the sign in its lowest bit.
    pub(super) fn svarint(&mut self, what: &'static str) -> Result<i32> {
        let value = self.varint(what)? as u32;
        Ok((value >> 1) as i32 ^ -((value & 1) as i32))
    }

    /// 7 bits a byte, least significant first; a ninth byte has eight bits.
    pub(super) fn varlong(&mut self, what: &'static str) -> Result<i64> {
        let mut value = 0_u64;
        for shift in (0..56).step_by(7) {
            let byte = self.r.u8(what)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value as i64);
            }
        }
        Ok((value | u64::from(self.r.u8(what)?) << 56) as i64)
    }

    /// A [`Self::varlong`] with the sign in its lowest bit.
    pub(super) fn svarlong(&mut self, what: &'static str) -> Result<i64> {
        let value = self.varlong(what)? as u64;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A boolean; Kryo writes nothing but 0 and 1.
    pub(super) fn bool(&mut self, what: &'static str) -> Result<bool> {
        let at = self.r.offset();
        match self.r.u8(what)? {
            0 => Ok(false),
            1 => Ok(true),
            got => Err(Error::new(
                at,
                what,
                Fault::Unknown {
                    got: got.into(),
                    expected: "0 or 1",
                },
            )),
        }
    }

    /// A varint that counts things of at least `smallest` bytes each.
    pub(super) fn count(&mut self, smallest: usize, what: &'static str) -> Result<usize> {
        let at = self.r.offset();
        let got = self.varint(what)?;
        self.checked(at, got, smallest, what)
    }

    /// A varint that is one more than a count, or 0: none at all.
    pub(super) fn count_or_none(&mut self, smallest: usize, what: &'static str) -> Result<Option<usize>> {
        let at = self.r.offset();
        match self.varint(what)? {
            0 => Ok(None),
            n => self.checked(at, n.wrapping_sub(1), smallest, what).map(Some),
        }
    }

    /// Refuses counts that cannot be.
    pub(super) fn checked(&self, at: u64, got: i32, smallest: usize, what: &'static str) -> Result<usize> {
        let left = self.r.left() as u64;
        match usize::try_from(got) {
            Ok(count) if (count as u64).saturating_mul(smallest as u64) <= left => Ok(count),
            Ok(count) => {
                let needed = (count as u64).saturating_mul(smallest as u64);
                Err(Error::new(at, what, Fault::Truncated { needed, left }))
            }
            Err(_) => {
                let fault = Fault::Range {
                    got: got.into(),
                    min: 0,
                    max: i32::MAX.into(),
                };
                Err(Error::new(at, what, fault))
            }
        }
    }

    /// Kryo 5's varint with a flag in its first byte.
    pub(super) fn flag_varint(&mut self, what: &'static str) -> Result<(bool, i32)> {
        let first = self.r.u8(what)?;
        Ok((first & 0x80 != 0, self.six_bits_and_more(first, what)? as i32))
    }

    /// What a byte with six bits of a number, and the bytes after it, say.
    fn six_bits_and_more(&mut self, first: u8, what: &'static str) -> Result<u32> {
        let mut value = u32::from(first & 0x3f);
        if first & 0x40 == 0 {
            return Ok(value);
        }
        for shift in [6, 13, 20, 27] {
            let byte = self.r.u8(what)?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self
            .r
            .invalid(what, "variable-length number of more than five bytes"))
    }

    /// A string, or null.
    pub(super) fn string(&mut self, what: &'static str) -> Result<Option<JavaStr>> {
        let at = self.r.offset();
        let Some(first) = self.r.rest().first().copied() else {
            return Err(self.r.fault(what, Fault::Truncated { needed: 1, left: 0 }));
        };
        if first < 0x80 {
            return self.ascii(what).map(Some);
        }
        self.r.u8(what)?;
        let Some(len) = self.six_bits_and_more(first, what)?.checked_sub(1) else {
            return Ok(None);
        };
        let len = self.checked(at, i32::try_from(len).unwrap_or(i32::MAX), 1, what)?;
        let mut text = JavaStr::with_capacity(len);
        for _ in 0..len {
            text.push_unit(self.unit(what)?);
        }
        Ok(Some(text))
    }

    /// One character a byte, the last of them marked by its highest bit.
    fn ascii(&mut self, what: &'static str) -> Result<JavaStr> {
        let rest = self.r.rest();
        let Some(last) = rest.iter().position(|byte| *byte >= 0x80) else {
            let left = rest.len() as u64;
            return Err(self.r.fault(
                what,
                Fault::Truncated {
                    needed: left.saturating_add(1),
                    left,
                },
            ));
        };
        let bytes = self.r.take(last + 1, what)?;
        Ok(bytes.iter().map(|byte| u16::from(byte & 0x7f)).collect())
    }

    /// A UTF-16 code unit in one to three bytes.
    fn unit(&mut self, what: &'static str) -> Result<u16> {
        let at = self.r.offset();
        let first = self.r.u8(what)?;
        let mut more = || Ok(u16::from(self.r.u8(what)? & 0x3f));
        match first >> 4 {
            0..8 => Ok(first.into()),
            12 | 13 => Ok(u16::from(first & 0x1f) << 6 | more()?),
            14 => Ok(u16::from(first & 0x0f) << 12 | more()? << 6 | more()?),
            _ => Err(Error::new(at, what, Fault::MalformedText)),
        }
    }

    /// A string where there must be one.
    pub(super) fn some_string(&mut self, what: &'static str) -> Result<JavaStr> {
        let at = self.r.offset();
        self.string(what)?
            .ok_or_else(|| Error::new(at, what, Fault::Invalid("null where a string must be".into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input<T>(bytes: &[u8], read: impl FnOnce(&mut Input<'_, '_>) -> Result<T>) -> Result<T> {
        let mut r = Reader::new(bytes);
        let value = read(&mut Input::new(&mut r, KryoGeneration::V5))?;
        r.finish("input")?;
        Ok(value)
    }

    #[test]
    fn varints_have_five_bytes_and_varlongs_nine() {
        assert_eq!(input(&[0xff, 0xff, 0xff, 0xff, 0x0f], |i| i.varint("n")), Ok(-1));
        assert_eq!(
            input(&[0xff, 0xff, 0xff, 0xff, 0x0f], |i| i.svarint("n")),
            Ok(i32::MIN)
        );
        assert_eq!(input(&[0xff; 9], |i| i.varlong("n")), Ok(-1));
        assert_eq!(input(&[0xff; 9], |i| i.svarlong("n")), Ok(i64::MIN));
        let error = input(&[0xff; 5], |i| i.varint("n")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "n at offset 0x5: variable-length number of more than five bytes"
        );
    }

    #[test]
    fn strings_have_two_forms() {
        for (bytes, text) in [
            (&b"\x80"[..], None),
            (b"\x81", Some("")),
            (b"\x82a", Some("a")),
            (b"a\xe2", Some("ab")),
            (b"\x82\xc3\xa9", Some("é")),
            (b"\x83\xed\xa0\xbd\xed\xb8\x80", Some("😀")),
        ] {
            assert_eq!(
                input(bytes, |i| i.string("s")),
                Ok(text.map(JavaStr::from)),
                "{bytes:x?}"
            );
        }
    }

    #[test]
    fn malformed_strings_are_refused() {
        for (bytes, message) in [
            (&b""[..], "s at offset 0x0: needs 1 bytes, 0 are left"),
            (b"abc", "s at offset 0x0: needs 4 bytes, 3 are left"),
            (b"\x84a", "s at offset 0x0: needs 3 bytes, 1 are left"),
            (
                b"\xff\xff\xff\xff\x0fa",
                "s at offset 0x0: needs 2147483646 bytes, 1 are left",
            ),
            (b"\x82\x80", "s at offset 0x1: malformed modified UTF-8"),
        ] {
            assert_eq!(input(bytes, |i| i.string("s")).unwrap_err().to_string(), message);
        }
    }
}
