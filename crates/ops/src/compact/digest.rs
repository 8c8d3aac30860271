//! Evidence of what was left out: a digest that does not depend on the order.
//!
//! It is the sum, modulo 2^256, of the SHA-256 of one record for each thing that was left out, each hash
//! taken as a big-endian number. A record has these fields, in this order:
//!
//! | field | |
//! |---|---|
//! | operator | the 16 bytes of its id |
//! | state | its name, UTF-8 |
//! | key | as Flink's serializer writes it, without key group |
//! | namespace | as Flink's serializer writes it; of the void namespace its one zero byte |
//! | map key | as Flink's serializer writes it; absent in what is no map |
//! | time stamp | when a timer fires: 8 bytes; absent in what is no timer |
//! | list index | the place of an element in its list, from 0 on: 8 bytes; absent where a whole entry was left out |
//!
//! In front of each field stands its length in 4 bytes; `ff ff ff ff` stands for one that is absent.
//! All numbers are big-endian.

use std::fmt;

use sha2::{Digest as _, Sha256};
use statetool_format::OperatorId;
use statetool_snapshot::KeyParts;

/// How the digest is made, for reports.
pub const ALGORITHM: &str = "sum of SHA-256 modulo 2^256";

/// The digest of a set of things.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest {
    /// How many things.
    pub count: u64,
    /// The sum, least significant part first.
    sum: [u64; 4],
}

impl Digest {
    /// Adds a record.
    pub(super) fn add(&mut self, record: &[u8]) {
        let hash = Sha256::digest(record);
        let mut number = [0; 4];
        for (part, bytes) in number.iter_mut().zip(hash.rchunks_exact(8)) {
            *part = bytes.iter().fold(0, |part, byte| part << 8 | u64::from(*byte));
        }
        self.merge(&Self {
            count: 1,
            sum: number,
        });
    }

    /// Adds what another part of the work has seen.
    pub(super) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        let mut carry = false;
        for (part, more) in self.sum.iter_mut().zip(other.sum) {
            let (sum, over) = part.overflowing_add(more);
            let (sum, again) = sum.overflowing_add(u64::from(carry));
            (*part, carry) = (sum, over | again);
        }
    }
}

/// 64 hex digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sum
            .iter()
            .rev()
            .try_for_each(|part| write!(f, "{part:016x}"))
    }
}

/// Writes the record of something that is left out.
pub(super) fn put_record(
    operator: OperatorId,
    state: &str,
    key: &KeyParts<'_>,
    index: Option<u64>,
    out: &mut Vec<u8>,
) {
    let mut field = |bytes: Option<&[u8]>| {
        let length = bytes.map_or(u32::MAX, |bytes| bytes.len() as u32);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(bytes.unwrap_or_default());
    };
    field(Some(operator.as_bytes()));
    field(Some(state.as_bytes()));
    field(Some(key.key));
    field(Some(key.namespace));
    field(key.map_key);
    field(
        key.timestamp
            .map(i64::to_be_bytes)
            .as_ref()
            .map(|bytes| &bytes[..]),
    );
    field(index.map(u64::to_be_bytes).as_ref().map(|bytes| &bytes[..]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_does_not_matter() {
        let records: [&[u8]; 4] = [b"a", b"b", b"", b"a"];
        let mut all = Digest::default();
        records.iter().for_each(|record| all.add(record));
        let (mut one, mut other) = (Digest::default(), Digest::default());
        records.iter().rev().take(1).for_each(|record| one.add(record));
        records.iter().rev().skip(1).for_each(|record| other.add(record));
        one.merge(&other);
        assert_eq!((all, all.count), (one, 4));
        // SHA-256 of nothing, which everybody knows.
        let mut nothing = Digest::default();
        nothing.add(b"");
        assert_eq!(
            nothing.to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let max = Digest {
            count: 1,
            sum: [u64::MAX; 4],
        };
        nothing.merge(&max);
        assert_eq!(
            nothing.to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b854"
        );
    }
}
