//! The parts of an entry, as far as they can be taken apart.

use statetool_format::{Error as FormatError, Fault, Reader};
use statetool_snapshot::{Entry, KeyParts, Payload, StoredKey};
use statetool_values::{Extent, Framing, Sink, Type, walk};

/// Decodes a value to its end.
pub(super) fn decode(ty: &Type, bytes: &[u8], sink: &mut impl Sink) -> Result<(), FormatError> {
    let r = &mut Reader::new(bytes);
    if walk(ty, r, Framing::Framed, sink)? == Extent::Exact {
        r.finish("value")?;
    }
    Ok(())
}

/// The parts of an entry's key, as far as it can be taken apart.
pub(super) struct Parts<'a> {
    pub(super) key: KeyParts<'a>,
    /// A key that nobody can take apart, and the class that would have to.
    pub(super) whole: Option<(&'a [u8], String)>,
}

impl<'a> Parts<'a> {
    /// The parts of an entry's key.
    pub(super) fn of(entry: &Entry<'a>) -> Result<Self, FormatError> {
        let none = KeyParts {
            key: &[],
            namespace: &[],
            map_key: None,
            timestamp: None,
        };
        let whole = match (entry.key_parts(), entry.key) {
            (Ok(Some(key)), _) => return Ok(Self { key, whole: None }),
            (Ok(None), _) => {
                let map_key = entry.map_key()?;
                let key = KeyParts { map_key, ..none };
                return Ok(Self { key, whole: None });
            }
            (Err(error), StoredKey::Composite(bytes)) => match error.fault() {
                Fault::UnknownClass(class) => (bytes, class.clone()),
                _ => return Err(error),
            },
            (Err(error), _) => return Err(error),
        };
        Ok(Self {
            key: none,
            whole: Some(whole),
        })
    }
}

/// The time stamp of a value with TTL; of a list the latest.
pub(super) fn last_access(entry: &Entry<'_>) -> Result<Option<i64>, FormatError> {
    if !entry.state.ttl {
        return Ok(None);
    }
    let stamp = |bytes: &[u8]| Reader::new(bytes).i64("TTL time stamp");
    match entry.value {
        Payload::None | Payload::Null(_) => Ok(None),
        Payload::Value(bytes) => stamp(bytes).map(Some),
        Payload::Delimited(_) | Payload::Counted(_) => {
            let mut elements = entry.elements();
            let mut latest = None;
            while let Some(element) = elements.next_element()? {
                latest = latest.max(Some(stamp(element)?));
            }
            Ok(latest)
        }
    }
}
