//! Strings and long numbers in JSON.

use std::fmt;

use num_bigint::BigInt;

use crate::text::Text;

/// Appends a JSON string.
pub(crate) fn push_str(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_escaped(out, text.as_bytes());
    out.push(b'"');
}

/// Appends the JSON string of a text; lone surrogates become escapes such as `\uD83D`.
#[inline]
pub(super) fn push_text(out: &mut Vec<u8>, text: Text<'_>) {
    out.push(b'"');
    match text {
        Text::Ascii(bytes) => push_escaped(out, bytes),
        Text::Utf8(bytes) => push_escaped(out, String::from_utf8_lossy(bytes).as_bytes()),
        Text::Units(units) => push_units(out, units.iter()),
        Text::Modified(text) => push_units(out, text.utf16()),
        Text::Decoded(text) => match std::str::from_utf8(text.as_wtf8()) {
            Ok(text) => push_escaped(out, text.as_bytes()),
            Err(_) => push_units(out, text.units()),
        },
    }
    out.push(b'"');
}

/// Appends UTF-8 with the escapes that JSON needs.
#[inline]
fn push_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    // Without early exits the check becomes vector instructions.
    if bytes.iter().fold(false, |any, b| any | needs_escape(*b)) {
        bytes.iter().for_each(|b| push_byte(out, *b));
    } else {
        out.extend_from_slice(bytes);
    }
}

#[inline]
fn needs_escape(b: u8) -> bool {
    b < 0x20 || b == b'"' || b == b'\\'
}

fn push_byte(out: &mut Vec<u8>, b: u8) {
    let short = match b {
        b'"' | b'\\' => b,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        0..0x20 => return push_unit_escape(out, b.into()),
        _ => return out.push(b),
    };
    out.extend_from_slice(&[b'\\', short]);
}

fn push_unit_escape(out: &mut Vec<u8>, unit: u16) {
    out.extend_from_slice(format!("\\u{unit:04X}").as_bytes());
}

/// Appends UTF-16 code units as JSON text.
pub(super) fn push_units(out: &mut Vec<u8>, units: impl Iterator<Item = u16>) {
    for c in char::decode_utf16(units) {
        match c {
            Ok(c) if c.is_ascii() => push_byte(out, c as u8),
            Ok(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => push_unit_escape(out, lone.unpaired_surrogate()),
        }
    }
}

/// The value of two's complement bytes, if it fits.
pub(crate) fn small_integer(bytes: &[u8]) -> Option<i64> {
    let negative = bytes.first().is_some_and(|b| b & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    let start = 8usize.checked_sub(bytes.len())?;
    wide.get_mut(start..)?.copy_from_slice(bytes);
    Some(i64::from_be_bytes(wide))
}

/// Appends the decimal digits of a two's complement number.
pub(super) fn push_big_integer(out: &mut Vec<u8>, bytes: &[u8]) {
    match small_integer(bytes) {
        Some(v) => out.extend_from_slice(itoa::Buffer::new().format(v).as_bytes()),
        None => out.extend_from_slice(BigInt::from_signed_bytes_be(bytes).to_string().as_bytes()),
    }
}

/// Appends a decimal as Java's `BigDecimal.toString` writes it: with an exponent only for
/// negative scales and very small numbers.
pub(super) fn push_decimal(out: &mut Vec<u8>, unscaled: &[u8], scale: i32) {
    let mut digits = Vec::new();
    push_big_integer(&mut digits, unscaled);
    let digits = match digits.strip_prefix(b"-") {
        Some(digits) => {
            out.push(b'-');
            digits
        }
        None => &digits,
    };
    let exponent = digits.len() as i64 - 1 - i64::from(scale);
    match usize::try_from(scale) {
        Ok(0) => out.extend_from_slice(digits),
        Ok(scale) if exponent >= -6 => {
            let whole = digits.len().saturating_sub(scale);
            let (whole, fraction) = digits.split_at_checked(whole).unwrap_or((digits, &[]));
            out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
            out.push(b'.');
            out.extend(std::iter::repeat_n(b'0', scale - fraction.len()));
            out.extend_from_slice(fraction);
        }
        _ => push_scientific(out, digits, exponent),
    }
}

fn push_scientific(out: &mut Vec<u8>, digits: &[u8], exponent: i64) {
    let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, &[]));
    out.extend_from_slice(first);
    if !rest.is_empty() {
        out.push(b'.');
        out.extend_from_slice(rest);
    }
    if exponent != 0 {
        out.extend_from_slice(format!("E{exponent:+}").as_bytes());
    }
}

/// A UUID in its usual form.
pub(super) struct Uuid(pub(super) u128);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            (v >> 96) as u32,
            (v >> 80) as u16,
            (v >> 64) as u16,
            (v >> 48) as u16,
            v as u64 & 0xffff_ffff_ffff
        )
    }
}

/// Splits a JSON string off the front of valid JSON; `None` if there is none.
pub(super) fn split_string(json: &[u8]) -> Option<(&[u8], &[u8])> {
    if json.first() != Some(&b'"') {
        return None;
    }
    let mut escaped = true; // the opening quote does not end the string
    for (i, b) in json.iter().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return json.split_at_checked(i + 1),
            _ => {}
        }
    }
    None
}

/// Splits the first value off a list of members or elements.
pub(super) fn split_value(json: &[u8]) -> (&[u8], &[u8]) {
    let mut depth = 0u32;
    let mut at = 0;
    while let Some(b) = json.get(at) {
        match b {
            b'"' => {
                let rest = json.get(at..).unwrap_or_default();
                at += split_string(rest).map_or(rest.len(), |(string, _)| string.len());
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => break,
            _ => {}
        }
        at += 1;
    }
    json.split_at_checked(at).unwrap_or((json, &[]))
}
