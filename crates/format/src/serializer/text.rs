//! Strings as `StringValue.writeString` writes them.

use crate::encode::Put;
use crate::error::{Error, Fault, Result};
use crate::reader::Reader;
use crate::text::{JavaString, JavaText, push_unit};

/// A string as Flink's `StringValue.writeString` writes it: UTF-16 code units, lone
/// surrogates included.
///
/// ```text
/// varuint   number of code units + 1; 0 is null
/// varuint…  a number for each code unit
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(pub Vec<u16>);

impl Text {
    /// The text for people: lone surrogates become U+FFFD.
    pub fn to_str(&self) -> String {
        String::from_utf16_lossy(&self.0)
    }

    /// Reads a string that must not be null.
    pub(super) fn decode(r: &mut Reader<'_>, what: &'static str) -> Result<Self> {
        let at = r.offset();
        let Some(len) = shortest_varuint(r, what)?.checked_sub(1) else {
            return Err(Error::new(at, what, Fault::Invalid("is null".into())));
        };
        let left = r.left() as u64;
        if u64::from(len) > left {
            return Err(Error::new(
                at,
                what,
                Fault::Truncated {
                    needed: len.into(),
                    left,
                },
            ));
        }
        (0..len)
            .map(|_| code_unit(r, what))
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Reads modified UTF-8 that can be written back from its code units.
    pub(super) fn decode_utf(r: &mut Reader<'_>, what: &'static str) -> Result<Self> {
        let at = r.offset();
        let utf = r.utf(what)?;
        let text = Self(utf.utf16().collect());
        if text.to_modified_utf8() != utf.as_modified_utf8() {
            return Err(Error::new(at, what, Fault::MalformedText));
        }
        Ok(text)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_varuint(u32::try_from(self.0.len()).map_or(u32::MAX, |len| len.saturating_add(1)));
        self.0.iter().for_each(|unit| out.put_varuint((*unit).into()));
    }

    /// Writes modified UTF-8. What does not fit into its 65 535 bytes cannot come out of a
    /// decoder; it becomes empty.
    pub(super) fn encode_utf(&self, out: &mut Vec<u8>) {
        let bytes = self.to_modified_utf8();
        let utf = JavaText::from_modified_utf8(&bytes).map(JavaText::to_java_string);
        out.put_utf(utf.unwrap_or_default().as_text());
    }

    fn to_modified_utf8(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len());
        self.0.iter().for_each(|unit| push_unit(&mut bytes, *unit));
        bytes
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.encode_utf16().collect())
    }
}

/// Reads modified UTF-8.
pub(super) fn string(r: &mut Reader<'_>, what: &'static str) -> Result<JavaString> {
    r.utf(what).map(JavaText::to_java_string)
}

fn code_unit(r: &mut Reader<'_>, what: &'static str) -> Result<u16> {
    let at = r.offset();
    let got = shortest_varuint(r, what)?;
    u16::try_from(got).map_err(|_| {
        Error::new(
            at,
            what,
            Fault::Range {
                got: got.into(),
                min: 0,
                max: u16::MAX.into(),
            },
        )
    })
}

/// A number in as few bytes as it needs, which is the only way anybody writes it.
fn shortest_varuint(r: &mut Reader<'_>, what: &'static str) -> Result<u32> {
    let start = r.clone();
    let got = r.varuint(what)?;
    match r.since(&start) {
        [_, .., 0] => Err(start.invalid(what, "variable-length number longer than it needs to be")),
        _ => Ok(got),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_units_are_counted_from_one_and_may_be_lone_surrogates() {
        let bytes = b"\x07\x61\x00\xe9\x01\xad\x9c\x01\xbd\xb0\x03\x80\xbc\x03";
        let text = Text::decode(&mut Reader::new(bytes), "text").unwrap();
        assert_eq!(text.to_str(), "a\0é中😀");
        let mut out = Vec::new();
        text.encode(&mut out);
        assert_eq!(out, bytes);
        let lone = Text::decode(&mut Reader::new(b"\x02\xbd\xb0\x03"), "text").unwrap();
        assert_eq!(lone, Text(vec![0xd83d]));
    }

    #[test]
    fn what_could_not_be_written_back_is_refused() {
        let cases: [(&[u8], &str); 5] = [
            (b"\x00", "text at offset 0x0: is null"),
            (b"\x03\x61", "text at offset 0x0: needs 2 bytes, 1 are left"),
            (
                b"\x82\x00\x61",
                "text at offset 0x0: variable-length number longer than it needs to be",
            ),
            (
                b"\x02\xe1\x00",
                "text at offset 0x1: variable-length number longer than it needs to be",
            ),
            (
                b"\x02\x80\x80\x04",
                "text at offset 0x1: 65536 is not within 0 to 65535",
            ),
        ];
        for (bytes, message) in cases {
            assert_eq!(
                Text::decode(&mut Reader::new(bytes), "text")
                    .unwrap_err()
                    .to_string(),
                message
            );
        }
        let overlong = Text::decode_utf(&mut Reader::new(b"\0\x02\xc1\xa1"), "text").unwrap_err();
        assert_eq!(
            overlong.to_string(),
            "text at offset 0x0: malformed modified UTF-8"
        );
    }
}
