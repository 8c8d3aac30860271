//! Entries in the form of canonical and RocksDB state, whatever layout they came from.

use statetool_format::key_group::put_prefix;
use statetool_format::{Put, Result};

use crate::entry::{Entry, Payload, StoredKey};
use crate::state::{State, StateKind};

/// Between the elements of a list.
const DELIMITER: u8 = b',';

impl Entry<'_> {
    /// Appends the composite key behind a key group of `prefix_bytes` bytes.
    ///
    /// Operator state has no such key; nothing but the key group is written then.
    pub fn put_composite_key(&self, group: u32, prefix_bytes: usize, out: &mut Vec<u8>) {
        put_prefix(group, prefix_bytes, out);
        match self.key {
            StoredKey::Element { .. } | StoredKey::Broadcast { .. } => {}
            StoredKey::Composite(bytes) => out.put(bytes),
            StoredKey::Split {
                key,
                namespace,
                timestamp: Some(timestamp),
                ..
            } => {
                out.put_i64(timestamp ^ i64::MIN);
                out.put(key);
                out.put(namespace);
            }
            StoredKey::Split {
                key,
                namespace,
                map_key,
                timestamp: None,
            } => {
                put_key_and_namespace(self.state, key, namespace, out);
                out.put(map_key.unwrap_or_default());
            }
        }
    }

    /// Appends the value.
    ///
    /// # Errors
    /// When a list is not made of such elements.
    pub fn put_canonical_value(&self, out: &mut Vec<u8>) -> Result<()> {
        match self.value {
            Payload::None => {}
            Payload::Null(bytes) => {
                out.put_bool(true);
                out.put(bytes);
            }
            Payload::Value(bytes) if self.state.kind == StateKind::Map => {
                out.put_bool(false);
                out.put(bytes);
            }
            Payload::Value(bytes) | Payload::Delimited(bytes) => out.put(bytes),
            Payload::Counted(_) => {
                let mut elements = self.elements();
                let mut first = true;
                while let Some(element) = elements.next_element()? {
                    if !std::mem::take(&mut first) {
                        out.put_u8(DELIMITER);
                    }
                    out.put(element);
                }
            }
        }
        Ok(())
    }

    /// Appends a value that is no map as the heap layout has it.
    ///
    /// # Errors
    /// When a list is not made of such elements.
    pub fn put_heap_value(&self, out: &mut Vec<u8>) -> Result<()> {
        let Payload::Delimited(_) = self.value else {
            out.put(self.value.bytes());
            return Ok(());
        };
        let mut elements = self.elements();
        let (mut count, start) = (0_usize, out.len());
        out.put_count(0);
        while let Some(element) = elements.next_element()? {
            count += 1;
            out.put(element);
        }
        let count = i32::try_from(count).unwrap_or(i32::MAX).to_be_bytes();
        if let Some(place) = out.get_mut(start..start + count.len()) {
            place.copy_from_slice(&count);
        }
        Ok(())
    }
}

/// Appends key and namespace, each with its length behind it where types of variable length
/// would otherwise run into each other.
fn put_key_and_namespace(state: &State, key: &[u8], namespace: &[u8], out: &mut Vec<u8>) {
    let ambiguous = state.is_ambiguous();
    for part in [key, namespace] {
        out.put(part);
        if ambiguous {
            put_length(part.len(), out);
        }
    }
}

/// A length, little-endian, in as few bytes as it needs, at least one.
fn put_length(mut len: usize, out: &mut Vec<u8>) {
    loop {
        out.put_u8((len & 0xff) as u8);
        len >>= 8;
        if len == 0 {
            return;
        }
    }
}
