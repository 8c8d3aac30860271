//! `LinkedOptionalMap`: an ordered map of which keys and values may be missing.
//!
//! ```text
//! i64 0x000004f2c69a3d70, i32 n
//! n × { utf name; flag, if set: i32 length, key; flag, if set: i32 length, value }
//! ```
//!
//! Flink leaves out what it could not read back from an older snapshot, and keeps the name.

use super::decode::{Place, Then, flag, list};
use super::text::string;
use crate::encode::Put;
use crate::error::{Error, Fault, Result};
use crate::reader::Reader;
use crate::text::JavaString;

const MAGIC: i64 = 0x0000_04f2_c69a_3d70;

/// Fewest bytes of an entry: an empty name and two flags.
const SMALLEST: usize = 4;

/// An entry of a `LinkedOptionalMap`: the key's name, and key and value if their classes
/// could be loaded when the snapshot was written.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionalEntry<K, V> {
    /// Name of the key: a field, a class, or a Kryo registration tag.
    pub name: JavaString,
    /// The key frame.
    pub key: Option<Frame<K>>,
    /// The value frame.
    pub value: Option<Frame<V>>,
}

/// A frame with an explicit length: what it holds, or its bytes if that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame<T> {
    /// Understood to the last byte.
    Known(T),
    /// Kept as it stands.
    Opaque(Vec<u8>),
}

impl<T> Frame<T> {
    /// What the frame holds, if that could be read.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Opaque(_) => None,
        }
    }

    /// Reads all of `window`, the inside of a frame. Limits are not absorbed: they are about
    /// the snapshot as a whole.
    pub(super) fn of(
        mut window: Reader<'_>,
        place: Place<'_>,
        decode: impl FnOnce(&mut Reader<'_>, Place<'_>) -> Result<T>,
    ) -> Result<Self> {
        let all = window.rest();
        let decoded = decode(&mut window, place.then(Then::End));
        match decoded.and_then(|known| window.finish("frame").map(|()| known)) {
            Ok(known) => Ok(Self::Known(known)),
            Err(error) if is_limit(&error) => Err(error),
            Err(_) => Ok(Self::Opaque(all.to_vec())),
        }
    }

    /// Writes the inside of the frame.
    pub(super) fn put(&self, out: &mut Vec<u8>, put: impl FnOnce(&T, &mut Vec<u8>)) {
        match self {
            Self::Known(known) => put(known, out),
            Self::Opaque(bytes) => out.put(bytes),
        }
    }
}

fn is_limit(error: &Error) -> bool {
    matches!(error.fault(), Fault::TooDeep(_) | Fault::TooLarge { .. })
}

/// Reads a map.
pub(super) fn decode<K, V>(
    r: &mut Reader<'_>,
    place: Place<'_>,
    key: impl Fn(&mut Reader<'_>, Place<'_>) -> Result<K>,
    value: impl Fn(&mut Reader<'_>, Place<'_>) -> Result<V>,
) -> Result<Vec<OptionalEntry<K, V>>> {
    let at = r.offset();
    match r.i64("magic number of an optional map")? {
        MAGIC => {}
        got => {
            let fault = Fault::Unknown {
                got,
                expected: "0x4f2c69a3d70",
            };
            return Err(Error::new(at, "magic number of an optional map", fault));
        }
    }
    list(r, SMALLEST, "entries of an optional map", |r| {
        place.count_part(r)?;
        Ok(OptionalEntry {
            name: string(r, "name of an entry")?,
            key: optional_frame(r, place, &key)?,
            value: optional_frame(r, place, &value)?,
        })
    })
}

fn optional_frame<T>(
    r: &mut Reader<'_>,
    place: Place<'_>,
    decode: impl FnOnce(&mut Reader<'_>, Place<'_>) -> Result<T>,
) -> Result<Option<Frame<T>>> {
    if !flag(r, "whether an entry is present")? {
        return Ok(None);
    }
    let len = r.count(1, "length of an entry")?;
    Frame::of(r.window(len, "entry of an optional map")?, place, decode).map(Some)
}

/// Writes a map.
pub(super) fn encode<K, V>(
    entries: &[OptionalEntry<K, V>],
    out: &mut Vec<u8>,
    key: impl Fn(&K, &mut Vec<u8>),
    value: impl Fn(&V, &mut Vec<u8>),
) {
    out.put_i64(MAGIC);
    out.put_count(entries.len());
    for entry in entries {
        out.put_utf(entry.name.as_text());
        put_optional_frame(entry.key.as_ref(), out, &key);
        put_optional_frame(entry.value.as_ref(), out, &value);
    }
}

fn put_optional_frame<T>(frame: Option<&Frame<T>>, out: &mut Vec<u8>, put: impl FnOnce(&T, &mut Vec<u8>)) {
    out.put_bool(frame.is_some());
    if let Some(frame) = frame {
        put_with_length(out, |out| frame.put(out, put));
    }
}

/// Writes the `i32` length of what `put` writes, and that.
pub(super) fn put_with_length(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.put_i32(0);
    let start = out.len();
    put(out);
    let len = i32::try_from(out.len() - start).unwrap_or(i32::MAX);
    if let Some(slot) = out.get_mut(at..start) {
        slot.copy_from_slice(&len.to_be_bytes());
    }
}
