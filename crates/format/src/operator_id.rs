//! Operator ids, and the hash that makes one from a uid.

use std::fmt;

use crate::encode::{Encode, Put};
use crate::error::Result;
use crate::reader::Reader;

/// The 16 bytes that name an operator in `_metadata`, printed as 32 hex digits.
///
/// Flink's `OperatorID`. From a uid it is MurmurHash3 x64 128 with seed 0 over the uid's
/// UTF-8 bytes, both halves little-endian (`StreamGraphHasherV2`, all releases).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperatorId([u8; 16]);

impl OperatorId {
    /// The id with these bytes, in the order in which they stand in the file.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id that Flink gives an operator with `.uid(uid)`.
    pub fn from_uid(uid: &str) -> Self {
        let (low, high) = murmur3_x64_128(uid.as_bytes());
        let mut bytes = [0; 16];
        let (first, second) = bytes.split_at_mut(8);
        first.copy_from_slice(&low.to_le_bytes());
        second.copy_from_slice(&high.to_le_bytes());
        Self(bytes)
    }

    /// Parses exactly 32 hex digits.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let digits = hex.as_bytes();
        let mut bytes = [0; 16];
        if digits.len() != 32 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).ok().filter(|p| !p.starts_with('+'))?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// The bytes in file order.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads 16 bytes.
    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self> {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(r.take(16, "operator id")?);
        Ok(Self(bytes))
    }
}

impl Encode for OperatorId {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put(&self.0);
    }
}

impl fmt::Display for OperatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for OperatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// MurmurHash3, variant x64 128 bit, seed 0.
fn murmur3_x64_128(data: &[u8]) -> (u64, u64) {
    let (mut h1, mut h2) = (0_u64, 0_u64);
    let blocks = data.chunks_exact(16);
    let tail = blocks.remainder();
    for block in blocks {
        let (k1, k2) = block.split_at(8);
        h1 ^= mix1(little_endian(k1));
        h1 = h1
            .rotate_left(27)
            .wrapping_add(h2)
            .wrapping_mul(5)
            .wrapping_add(0x52dc_e729);
        h2 ^= mix2(little_endian(k2));
        h2 = h2
            .rotate_left(31)
            .wrapping_add(h1)
            .wrapping_mul(5)
            .wrapping_add(0x3849_5ab5);
    }
    let (k1, k2) = tail.split_at(tail.len().min(8));
    h2 ^= mix2(little_endian(k2));
    h1 ^= mix1(little_endian(k1));
    let len = data.len() as u64;
    h1 ^= len;
    h2 ^= len;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = final_mix(h1);
    h2 = final_mix(h2);
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    (h1, h2)
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn mix1(k: u64) -> u64 {
    k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn mix2(k: u64) -> u64 {
    k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn final_mix(mut k: u64) -> u64 {
    k ^= k >> 33;
    k = k.wrapping_mul(0xff51_afd7_ed55_8ccd);
    k ^= k >> 33;
    k = k.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ k >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids found in savepoints that Flink's own tests ship; see docs/format/metadata.md.
    #[test]
    fn uids_hash_to_the_ids_in_real_savepoints() {
        for (uid, id) in [
            ("CheckpointingSource1", "69f32d314b97c6f7f9ed7873983167f2"),
            (
                "CheckpointingKeyedStateFlatMap1",
                "d5c8b168c6cbfe8c507a10f88b325243",
            ),
            ("BrProcess1", "12d7d939fd56473cac7cff0603179a41"),
            ("first", "adf090656b210b1609ad3203d4ee7329"),
            ("my-sink", "08d61ee4306bec6e8142e563f528e3bd"),
            ("11_temporal-sort", "e1d0f491093ccac60563214b9188dada"),
            ("héllo-count-operator", "b5d45f1fe9db37db3684522d4a7a9cf1"),
            ("kafka-source-operator-uid", "cb16aa5adb311e8ac72482def19accbe"),
            ("", "00000000000000000000000000000000"),
        ] {
            assert_eq!(OperatorId::from_uid(uid).to_string(), id, "{uid}");
            assert_eq!(OperatorId::from_hex(id), Some(OperatorId::from_uid(uid)));
        }
    }

    #[test]
    fn hex_must_be_32_digits() {
        for bad in [
            "",
            "00",
            "0000000000000000000000000000000g",
            "+0000000000000000000000000000000",
            "éé",
        ] {
            assert_eq!(OperatorId::from_hex(bad), None, "{bad}");
        }
    }
}
