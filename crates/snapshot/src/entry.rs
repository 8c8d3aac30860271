//! One entry as every layout shows it.

use std::sync::Arc;

use statetool_format::{Fault, Reader, Result};
use statetool_values::Type;

use crate::codec::skip;
use crate::state::{State, StateKind};

/// An entry: raw bytes of key, namespace, map key and value, whatever layout they came from.
///
/// One map entry is one entry; a whole list is one entry; of operator lists, one element is.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The state it belongs to.
    pub state: &'a Arc<State>,
    /// The subtask that wrote it.
    pub subtask: u32,
    /// The key group, for keyed state.
    pub key_group: Option<u32>,
    /// The key, however it is stored.
    pub key: StoredKey<'a>,
    /// The value.
    pub value: Payload<'a>,
    /// Where the entry begins in its stream, if it has a place of its own.
    pub offset: Option<u64>,
}

/// The key of an entry as it is stored.
#[derive(Debug, Clone, Copy)]
pub enum StoredKey<'a> {
    /// An element of an operator list has no key.
    Element {
        /// Its place in the list of its subtask.
        index: u64,
    },
    /// Broadcast state has only a map key.
    Broadcast {
        /// The map key.
        map_key: &'a [u8],
    },
    /// A composite key without its key group: key, namespace and map key, or a timer.
    Composite(&'a [u8]),
    /// Key and namespace apart.
    Split {
        /// The key.
        key: &'a [u8],
        /// The namespace.
        namespace: &'a [u8],
        /// The map key.
        map_key: Option<&'a [u8]>,
        /// When the timer fires.
        timestamp: Option<i64>,
    },
}

/// The value of an entry as it is stored.
#[derive(Debug, Clone, Copy)]
pub enum Payload<'a> {
    /// Timers have no value.
    None,
    /// A null value of a map; canonical and RocksDB state have something behind its flag that
    /// nobody reads: what the serializer writes for null.
    Null(&'a [u8]),
    /// One value, in the form of the state's value type.
    Value(&'a [u8]),
    /// List elements joined by commas, the form of canonical and RocksDB state.
    Delimited(&'a [u8]),
    /// List elements behind their number, the form of the heap layout.
    Counted(&'a [u8]),
}

/// The parts of an entry's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyParts<'a> {
    /// The serialized key.
    pub key: &'a [u8],
    /// The serialized namespace.
    pub namespace: &'a [u8],
    /// The serialized map key.
    pub map_key: Option<&'a [u8]>,
    /// When the timer fires.
    pub timestamp: Option<i64>,
}

impl<'a> Entry<'a> {
    /// The parts of the key; `None` for operator state.
    ///
    /// # Errors
    /// When the composite key is not made of what the state's types say.
    pub fn key_parts(&self) -> Result<Option<KeyParts<'a>>> {
        match self.key {
            StoredKey::Element { .. } | StoredKey::Broadcast { .. } => Ok(None),
            StoredKey::Split {
                key,
                namespace,
                map_key,
                timestamp,
            } => Ok(Some(KeyParts {
                key,
                namespace,
                map_key,
                timestamp,
            })),
            StoredKey::Composite(bytes) => split(self.state, bytes).map(Some),
        }
    }

    /// The map key of a map or broadcast entry.
    pub fn map_key(&self) -> Result<Option<&'a [u8]>> {
        match self.key {
            StoredKey::Broadcast { map_key } => Ok(Some(map_key)),
            _ => Ok(self.key_parts()?.and_then(|parts| parts.map_key)),
        }
    }

    /// Bytes that the entry's key and value take, without key group and lengths.
    #[inline]
    pub fn bytes(&self) -> u64 {
        let key = match self.key {
            StoredKey::Element { .. } => 0,
            StoredKey::Broadcast { map_key } => map_key.len(),
            StoredKey::Composite(bytes) => bytes.len(),
            StoredKey::Split {
                key,
                namespace,
                map_key,
                timestamp,
            } => key.len() + namespace.len() + map_key.map_or(0, <[u8]>::len) + timestamp.map_or(0, |_| 8),
        };
        (key + self.value.bytes().len()) as u64
    }

    /// The elements of a list, one after the other.
    pub fn elements(&self) -> Elements<'a> {
        Elements::new(&self.state.value, self.value)
    }
}

impl<'a> Payload<'a> {
    /// The bytes, whatever their form.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::None => &[],
            Self::Null(bytes) | Self::Value(bytes) | Self::Delimited(bytes) | Self::Counted(bytes) => bytes,
        }
    }
}

/// Splits a composite key, its key group removed, into its parts.
///
/// ```text
/// key, [its length], namespace, [its length], [map key]      timers: i64 flipped, key, namespace
/// ```
///
/// The lengths are there when both types are of variable length; they are little-endian, in as
/// few bytes as they need.
pub(crate) fn split<'a>(state: &State, composite: &'a [u8]) -> Result<KeyParts<'a>> {
    let r = &mut Reader::new(composite);
    let (Some(key_type), Some(namespace_type)) = (&state.key, &state.namespace) else {
        return Err(r.invalid("composite key", "the state has no key and namespace types"));
    };
    if state.kind == StateKind::Timer {
        let timestamp = r.i64("time stamp of a timer")? ^ i64::MIN;
        let key = part(key_type, r)?;
        let namespace = part(namespace_type, r)?;
        r.finish("timer")?;
        return Ok(KeyParts {
            key,
            namespace,
            map_key: None,
            timestamp: Some(timestamp),
        });
    }
    let ambiguous = state.is_ambiguous();
    let key = part(key_type, r)?;
    if ambiguous {
        length_trailer(r, key.len())?;
    }
    let namespace = part(namespace_type, r)?;
    if ambiguous {
        length_trailer(r, namespace.len())?;
    }
    let map_key = (state.kind == StateKind::Map).then(|| r.take_rest());
    r.finish("composite key")?;
    Ok(KeyParts {
        key,
        namespace,
        map_key,
        timestamp: None,
    })
}

fn part<'a>(ty: &Type, r: &mut Reader<'a>) -> Result<&'a [u8]> {
    let start = r.clone();
    skip(ty, r)?;
    Ok(r.since(&start))
}

fn length_trailer(r: &mut Reader<'_>, len: usize) -> Result<()> {
    let mut left = len;
    loop {
        let at = r.clone();
        let byte = r.u8("length in a composite key")?;
        if usize::from(byte) != left & 0xff {
            return Err(at.fault(
                "length in a composite key",
                Fault::Invalid(format!("does not fit {len} bytes")),
            ));
        }
        left >>= 8;
        if left == 0 {
            return Ok(());
        }
    }
}

/// Walks the elements of a list.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    ty: &'a Arc<Type>,
    r: Reader<'a>,
    /// Elements to come, if the list says so.
    counted: Option<usize>,
    payload: Payload<'a>,
    first: bool,
    apart: bool,
}

impl<'a> Elements<'a> {
    fn new(ty: &'a Arc<Type>, payload: Payload<'a>) -> Self {
        Self {
            ty,
            r: Reader::new(payload.bytes()),
            counted: None,
            payload,
            first: true,
            apart: false,
        }
    }

    /// Takes an element whose extent nobody knows for an error: what is left may be several.
    #[must_use]
    pub fn told_apart(self) -> Self {
        Self { apart: true, ..self }
    }

    /// The next element's bytes.
    ///
    /// An element whose extent nobody knows takes all that is left.
    ///
    /// # Errors
    /// When the bytes are not a list of such elements.
    pub fn next_element(&mut self) -> Result<Option<&'a [u8]>> {
        let first = std::mem::replace(&mut self.first, false);
        match self.payload {
            Payload::Counted(_) => {
                if first {
                    self.counted = Some(count_elements(&mut self.r)?);
                }
                match self.counted.as_mut() {
                    Some(0) | None => return self.r.finish("list").map(|()| None),
                    Some(left) => *left -= 1,
                }
            }
            _ if self.r.is_empty() => return Ok(None),
            Payload::Delimited(_) if !first => {
                let at = self.r.clone();
                if self.r.u8("delimiter of a list")? != b',' {
                    return Err(at.invalid("delimiter of a list", "not a comma"));
                }
            }
            _ => {}
        }
        let start = self.r.clone();
        match skip(self.ty, &mut self.r) {
            Err(error)
                if !self.apart && matches!(error.fault(), Fault::UnknownClass(_)) && self.is_framed() =>
            {
                self.r = start;
                Ok(Some(self.r.take_rest()))
            }
            skipped => skipped.map(|()| Some(self.r.since(&start))),
        }
    }

    fn is_framed(&self) -> bool {
        matches!(self.payload, Payload::Delimited(_)) || self.counted == Some(0)
    }
}

/// A count of elements, which may be of no bytes each.
fn count_elements(r: &mut Reader<'_>) -> Result<usize> {
    let mut ahead = r.clone();
    let count = ahead.count(1, "number of list elements").or_else(|_| {
        ahead = r.clone();
        ahead.count(0, "number of list elements")
    })?;
    *r = ahead;
    Ok(count)
}
