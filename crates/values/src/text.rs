//! A string as it stands in the bytes of a value.

use std::borrow::Cow;

use statetool_format::{Error, Fault, JavaText, Reader, Result};

use crate::value::JavaStr;

/// A borrowed string, whichever of Flink's layouts it was written in.
#[derive(Debug, Clone, Copy)]
pub enum Text<'a> {
    /// ASCII only, in whatever layout.
    Ascii(&'a [u8]),
    /// UTF-16 code units as varuints of one to three bytes each.
    Units(Units<'a>),
    /// Bytes that should be UTF-8 but are not always.
    Utf8(&'a [u8]),
    /// Modified UTF-8.
    Modified(JavaText<'a>),
    /// A string that was decoded before.
    Decoded(&'a JavaStr),
}

/// UTF-16 code units as varuints, checked.
#[derive(Debug, Clone, Copy)]
pub struct Units<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// Reads `n` code units, each of them a varuint.
    #[inline]
    pub(crate) fn read_units(r: &mut Reader<'a>, n: usize) -> Result<Self> {
        match r.rest().get(..n) {
            Some(head) if head.is_ascii() => Ok(Self::Ascii(r.take(n, "string")?)),
            _ => Units::read(r, n).map(Self::Units),
        }
    }

    /// The text of bytes that should be UTF-8.
    pub(crate) fn utf8(bytes: &'a [u8]) -> Self {
        match bytes.is_ascii() {
            true => Self::Ascii(bytes),
            false => Self::Utf8(bytes),
        }
    }

    /// An owned copy.
    ///
    /// Bytes of [`Text::Utf8`] that are no UTF-8 are kept, so that they can be written back.
    pub fn to_java_str(self) -> JavaStr {
        match self {
            Self::Ascii(bytes) | Self::Utf8(bytes) => JavaStr(bytes.to_vec()),
            Self::Units(units) => units.iter().collect(),
            Self::Modified(text) => text.utf16().collect(),
            Self::Decoded(text) => text.clone(),
        }
    }

    /// The text for people: what is no text becomes U+FFFD.
    pub fn to_str(self) -> Cow<'a, str> {
        match self {
            Self::Ascii(bytes) | Self::Utf8(bytes) => String::from_utf8_lossy(bytes),
            Self::Modified(text) => text.to_str(),
            other => Cow::Owned(other.to_java_str().to_str().into_owned()),
        }
    }
}

impl<'a> Units<'a> {
    #[cold]
    fn read(r: &mut Reader<'a>, n: usize) -> Result<Self> {
        let start = r.clone();
        if n > r.left() {
            return Err(r.fault(
                "string",
                Fault::Truncated {
                    needed: n as u64,
                    left: r.left() as u64,
                },
            ));
        }
        for _ in 0..n {
            let at = r.offset();
            let unit = r.varuint("character of a string")?;
            if unit > 0xffff {
                let fault = Fault::TooLarge {
                    got: unit.into(),
                    limit: 0xffff,
                };
                return Err(Error::new(at, "character of a string", fault));
            }
        }
        Ok(Self(r.since(&start)))
    }

    /// The code units.
    pub fn iter(self) -> impl Iterator<Item = u16> + 'a {
        let mut r = Reader::new(self.0);
        std::iter::from_fn(move || {
            r.varuint("character")
                .ok()
                .and_then(|unit| u16::try_from(unit).ok())
        })
    }
}
