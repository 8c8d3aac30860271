//! Hash codes of serialized keys, without building the keys where that can be avoided.

use statetool_format::{Reader, Result};

use crate::java_hash::java_hash;
use crate::sink::Sink;
use crate::text::Text;
use crate::types::Type;
use crate::value::Value;
use crate::walk::{Extent, Framing, walk};

/// Decodes one serialized key and computes its [`java_hash`]; no hash either if not all of the key
/// could be interpreted.
///
/// # Errors
/// As [`walk`].
pub fn decode_java_hash(ty: &Type, r: &mut Reader<'_>, framing: Framing) -> Result<(Extent, Option<i32>)> {
    if matches!(ty, Type::String(_)) {
        let mut hash = TextHash(None);
        let extent = walk(ty, r, framing, &mut hash)?;
        return Ok((extent, hash.0));
    }
    let (value, extent) = Value::decode(ty, r, framing)?;
    let hash = match extent {
        Extent::Exact => java_hash(ty, &value),
        Extent::Rest => None,
    };
    Ok((extent, hash))
}

/// Takes the hash of a string.
struct TextHash(Option<i32>);

impl Sink for TextHash {
    #[inline]
    fn string(&mut self, text: Text<'_>) {
        self.0 = Some(match text {
            Text::Ascii(bytes) => ascii_hash(bytes),
            Text::Units(units) => fold(units.iter()),
            text => fold(text.to_java_str().units()),
        });
    }
}

fn fold(units: impl Iterator<Item = u16>) -> i32 {
    units.fold(0, |h, unit| h.wrapping_mul(31).wrapping_add(unit.into()))
}

/// 31 to the powers of 7 down to 0.
const POWERS: [i32; 8] = {
    const fn power(exponent: u32) -> i32 {
        31i32.wrapping_pow(exponent)
    }
    [power(7), power(6), power(5), power(4), power(3), power(2), 31, 1]
};

/// Eight characters at a time, so that a multiplication need not wait for the one before.
#[inline]
fn ascii_hash(bytes: &[u8]) -> i32 {
    let (eights, rest) = bytes.as_chunks::<8>();
    let hash = eights.iter().fold(0i32, |h, eight| {
        let sum = eight.iter().zip(POWERS).fold(0i32, |sum, (byte, power)| {
            sum.wrapping_add(i32::from(*byte).wrapping_mul(power))
        });
        h.wrapping_mul(POWERS[0].wrapping_mul(31)).wrapping_add(sum)
    });
    rest.iter()
        .fold(hash, |h, byte| h.wrapping_mul(31).wrapping_add((*byte).into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::encode;
    use crate::types::{PrimitiveKind, StringLayout};

    #[test]
    fn serialized_keys_have_the_hashes_of_their_values() {
        let texts = [
            "",
            "a",
            "order-0000000190",
            "seven77",
            "eight888",
            "größe",
            "😀 and more text",
        ];
        let values = texts
            .map(|text| (Type::String(StringLayout::Nullable), Value::String(text.into())))
            .into_iter()
            .chain([
                (PrimitiveKind::Long.into(), Value::Long(-7)),
                (PrimitiveKind::Boolean.into(), Value::Boolean(true)),
            ]);
        for (ty, value) in values {
            let mut bytes = Vec::new();
            encode(&ty, &value, &mut bytes).unwrap();
            bytes.push(0);
            let mut r = Reader::new(&bytes);
            let decoded = decode_java_hash(&ty, &mut r, Framing::Unframed).unwrap();
            assert_eq!(decoded, (Extent::Exact, java_hash(&ty, &value)), "{value:?}");
            assert_eq!(r.left(), 1);
        }
    }

    #[test]
    fn a_null_string_has_no_hash() {
        let ty = Type::String(StringLayout::Nullable);
        let decoded = decode_java_hash(&ty, &mut Reader::new(&[0]), Framing::Framed).unwrap();
        assert_eq!(decoded, (Extent::Exact, None));
        assert!(decode_java_hash(&ty, &mut Reader::new(&[5]), Framing::Framed).is_err());
    }
}
