//! Java strings as `DataOutput.writeUTF` writes them: modified UTF-8, kept as it was read.

use std::borrow::Cow;
use std::fmt;

/// Modified UTF-8, checked to be well formed and at most 65 535 bytes long.
///
/// Each UTF-16 code unit stands alone in one to three bytes: U+0000 is `C0 80`, and a
/// character above U+FFFF is two surrogates of three bytes each. Lone surrogates are legal,
/// so this is not always a Rust string; the bytes are kept so that they can be written back.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct JavaText<'a>(&'a [u8]);

/// Owned [`JavaText`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct JavaString(Box<[u8]>);

impl<'a> JavaText<'a> {
    /// Checks bytes for being modified UTF-8.
    ///
    /// Overlong two- and three-byte forms are accepted, as Java accepts them.
    pub fn from_modified_utf8(bytes: &'a [u8]) -> Option<Self> {
        let fits = u16::try_from(bytes.len()).is_ok();
        (fits && (bytes.is_ascii() || units(bytes).all(|unit| unit.is_some()))).then_some(Self(bytes))
    }

    /// The bytes as written.
    pub fn as_modified_utf8(self) -> &'a [u8] {
        self.0
    }

    /// Number of bytes as written.
    pub fn utf_len(self) -> u16 {
        // Checked on construction.
        u16::try_from(self.0.len()).unwrap_or(u16::MAX)
    }

    /// The text for people: lone surrogates become U+FFFD.
    pub fn to_str(self) -> Cow<'a, str> {
        match std::str::from_utf8(self.0) {
            Ok(text) if !self.0.contains(&0xc0) => Cow::Borrowed(text),
            _ => Cow::Owned(self.chars().collect()),
        }
    }

    /// The UTF-16 code units.
    pub fn utf16(self) -> impl Iterator<Item = u16> + 'a {
        units(self.0).map(|unit| unit.unwrap_or(0xfffd))
    }

    fn chars(self) -> impl Iterator<Item = char> + 'a {
        char::decode_utf16(self.utf16()).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// An owned copy.
    pub fn to_java_string(self) -> JavaString {
        JavaString(self.0.into())
    }

    /// The part after the last `.` or `$`: a class's simple name.
    pub fn simple_name(self) -> Cow<'a, str> {
        let start = self
            .0
            .iter()
            .rposition(|b| matches!(b, b'.' | b'$'))
            .map_or(0, |i| i + 1);
        JavaText(self.0.get(start..).unwrap_or_default()).to_str()
    }

    /// Whether the text is empty.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl JavaString {
    /// Encodes a Rust string; `None` if that takes more than 65 535 bytes.
    pub fn new(text: &str) -> Option<Self> {
        let bytes = if text.bytes().all(|b| (1..0x80).contains(&b)) {
            text.as_bytes().to_vec()
        } else {
            let mut bytes = Vec::with_capacity(text.len() + 2);
            text.encode_utf16().for_each(|unit| push_unit(&mut bytes, unit));
            bytes
        };
        u16::try_from(bytes.len()).ok().map(|_| Self(bytes.into()))
    }

    /// The borrowed form.
    pub fn as_text(&self) -> JavaText<'_> {
        JavaText(&self.0)
    }

    /// The text for people: lone surrogates become U+FFFD.
    pub fn to_str(&self) -> Cow<'_, str> {
        self.as_text().to_str()
    }

    /// The part after the last `.` or `$`: a class's simple name.
    pub fn simple_name(&self) -> Cow<'_, str> {
        self.as_text().simple_name()
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq<str> for JavaText<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes() || self.to_str() == other
    }
}

impl PartialEq<str> for JavaString {
    fn eq(&self, other: &str) -> bool {
        self.as_text() == *other
    }
}

impl PartialEq<&str> for JavaString {
    fn eq(&self, other: &&str) -> bool {
        self.as_text() == **other
    }
}

impl fmt::Display for JavaText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_str())
    }
}

impl fmt::Debug for JavaText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_str())
    }
}

impl fmt::Display for JavaString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_text().fmt(f)
    }
}

impl fmt::Debug for JavaString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_text(), f)
    }
}

/// Appends one UTF-16 code unit in modified UTF-8.
pub(crate) fn push_unit(out: &mut Vec<u8>, unit: u16) {
    let [high, low] = unit.to_be_bytes();
    match unit {
        1..0x80 => out.push(low),
        0 | 0x80..0x800 => {
            out.extend([0xc0 | (unit >> 6) as u8, 0x80 | (low & 0x3f)]);
        }
        _ => out.extend([
            0xe0 | (high >> 4),
            0x80 | ((unit >> 6) & 0x3f) as u8,
            0x80 | (low & 0x3f),
        ]),
    }
}

/// The UTF-16 code units of modified UTF-8 of any length; `None` where it is malformed.
pub(crate) fn long_utf16(bytes: &[u8]) -> Option<Box<[u16]>> {
    units(bytes).collect()
}

/// Decodes modified UTF-8 to UTF-16 code units; `None` where it is malformed.
fn units(bytes: &[u8]) -> impl Iterator<Item = Option<u16>> + '_ {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (unit, len) = match *rest {
            [] => return None,
            [a @ 0..0x80, ..] => (Some(u16::from(a)), 1),
            [a @ 0xc0..0xe0, b @ 0x80..0xc0, ..] => (Some(u16::from(a & 0x1f) << 6 | u16::from(b & 0x3f)), 2),
            [a @ 0xe0..0xf0, b @ 0x80..0xc0, c @ 0x80..0xc0, ..] => {
                let unit = u16::from(a & 0x0f) << 12 | u16::from(b & 0x3f) << 6 | u16::from(c & 0x3f);
                (Some(unit), 3)
            }
            _ => (None, rest.len()),
        };
        rest = rest.get(len..).unwrap_or_default();
        Some(unit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supplementary_characters_are_two_surrogates_and_nul_is_two_bytes() {
        let text = JavaString::new("a\0é中😀").unwrap();
        assert_eq!(
            text.as_text().as_modified_utf8(),
            b"a\xc0\x80\xc3\xa9\xe4\xb8\xad\xed\xa0\xbd\xed\xb8\x80"
        );
        assert_eq!(text.to_str(), "a\0é中😀");
        assert_eq!(
            JavaText::from_modified_utf8(text.as_text().as_modified_utf8()),
            Some(text.as_text())
        );
    }

    #[test]
    fn malformed_sequences_are_refused_and_lone_surrogates_kept() {
        for bad in [
            &b"\x80"[..],
            b"\xf0\x9f\x98\x80",
            b"\xc3",
            b"\xe4\xb8",
            b"\xc3\x28",
        ] {
            assert_eq!(JavaText::from_modified_utf8(bad), None, "{bad:x?}");
        }
        let lone = JavaText::from_modified_utf8(b"\xed\xa0\xbd").unwrap();
        assert_eq!(lone.to_str(), "\u{fffd}");
        assert_eq!(
            lone.to_java_string().as_text().as_modified_utf8(),
            b"\xed\xa0\xbd"
        );
    }

    #[test]
    fn texts_beyond_65535_bytes_cannot_be_made() {
        assert!(JavaString::new(&"x".repeat(65_535)).is_some());
        assert!(JavaString::new(&"é".repeat(32_768)).is_none());
    }

    #[test]
    fn simple_name_follows_the_last_dot_or_dollar() {
        let class = JavaString::new("org.apache.flink.LongSerializer$LongSerializerSnapshot").unwrap();
        assert_eq!(class.simple_name(), "LongSerializerSnapshot");
    }
}
