//! Java strings as generalised UTF-8.

use std::borrow::Cow;
use std::fmt;

use crate::value::JavaStr;

impl JavaStr {
    /// An empty string with room for `bytes` bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Appends one UTF-16 code unit; a low surrogate joins the high one before it.
    pub fn push_unit(&mut self, unit: u16) {
        match unit {
            0..0x80 => self.0.push(unit as u8),
            0x80..0x800 => self
                .0
                .extend([0xc0 | (unit >> 6) as u8, 0x80 | (unit & 0x3f) as u8]),
            0xdc00..=0xdfff => self.push_low_surrogate(unit),
            _ => self.0.extend(three_bytes(unit)),
        }
    }

    fn push_low_surrogate(&mut self, low: u16) {
        if let Some(&[0xed, a @ 0xa0..=0xaf, b]) = self.0.last_chunk::<3>() {
            let high = 0xd000 | u16::from(a & 0x3f) << 6 | u16::from(b & 0x3f);
            if let Some(Ok(c)) = char::decode_utf16([high, low]).next() {
                self.0.truncate(self.0.len() - 3);
                self.0.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
                return;
            }
        }
        self.0.extend(three_bytes(low));
    }

    /// Appends bytes that are ASCII.
    pub fn push_ascii(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.is_ascii());
        self.0.extend_from_slice(bytes);
    }

    /// The generalised UTF-8 bytes; plain UTF-8 unless there are lone surrogates.
    pub fn as_wtf8(&self) -> &[u8] {
        &self.0
    }

    /// The UTF-16 code units.
    pub fn units(&self) -> impl Iterator<Item = u16> + '_ {
        let mut rest = self.0.as_slice();
        let mut pending = None;
        std::iter::from_fn(move || {
            if let Some(low) = pending.take() {
                return Some(low);
            }
            let (code, len) = decode_one(rest)?;
            rest = rest.get(len..).unwrap_or_default();
            match u16::try_from(code) {
                Ok(unit) => Some(unit),
                Err(_) => {
                    let offset = code - 0x1_0000;
                    pending = Some(0xdc00 | (offset & 0x3ff) as u16);
                    Some(0xd800 | (offset >> 10) as u16)
                }
            }
        })
    }

    /// The text for people: lone surrogates become U+FFFD.
    pub fn to_str(&self) -> Cow<'_, str> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(
                char::decode_utf16(self.units())
                    .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                    .collect(),
            ),
        }
    }
}

fn three_bytes(unit: u16) -> [u8; 3] {
    [
        0xe0 | (unit >> 12) as u8,
        0x80 | ((unit >> 6) & 0x3f) as u8,
        0x80 | (unit & 0x3f) as u8,
    ]
}

fn decode_one(bytes: &[u8]) -> Option<(u32, usize)> {
    let tail = |b: u8| u32::from(b & 0x3f);
    Some(match *bytes {
        [] => return None,
        [a @ 0..0x80, ..] => (a.into(), 1),
        [a @ 0xc0..0xe0, b, ..] => (u32::from(a & 0x1f) << 6 | tail(b), 2),
        [a @ 0xe0..0xf0, b, c, ..] => (u32::from(a & 0x0f) << 12 | tail(b) << 6 | tail(c), 3),
        [a, b, c, d, ..] => (
            u32::from(a & 0x07) << 18 | tail(b) << 12 | tail(c) << 6 | tail(d),
            4,
        ),
        _ => (0xfffd, bytes.len()),
    })
}

impl From<&str> for JavaStr {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl FromIterator<u16> for JavaStr {
    fn from_iter<I: IntoIterator<Item = u16>>(units: I) -> Self {
        let mut text = Self::default();
        units.into_iter().for_each(|unit| text.push_unit(unit));
        text
    }
}

impl fmt::Debug for JavaStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_str())
    }
}

impl fmt::Display for JavaStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_survive_pairs_and_lone_surrogates() {
        for units in [
            &[0x61, 0, 0xe9, 0x4e2d, 0xd83d, 0xde00][..],
            &[0xd83d],
            &[0xde00, 0xd83d],
            &[0xd83d, 0xd83d, 0xde00],
        ] {
            let text: JavaStr = units.iter().copied().collect();
            assert_eq!(text.units().collect::<Vec<_>>(), units);
        }
        assert_eq!(JavaStr::from("é😀"), [0xe9, 0xd83d, 0xde00].into_iter().collect());
    }
}
