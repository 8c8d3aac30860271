//! Headers of keyed and operator state streams.

use super::meta_info::{StateMetaInfo, decode_serializer};
use crate::encode::{Encode, Put};
use crate::error::{Error, Fault, Result};
use crate::reader::Reader;
use crate::serializer::SerializerSnapshot;

/// The header of a keyed state stream, and the whole of a database's meta stream
/// (Flink's `KeyedBackendSerializationProxy`, version 6, Flink 1.7 and later).
#[derive(Debug, Clone, PartialEq)]
pub struct KeyedHeader {
    /// Whether the key groups that follow are compressed; the header never is.
    pub compressed: bool,
    /// Serializer of the keys.
    pub key: SerializerSnapshot,
    /// The states; a state's id is its index here.
    pub states: Vec<StateMetaInfo>,
}

impl KeyedHeader {
    const VERSION: i32 = 6;

    /// Reads a header. What follows it is left in `r`.
    ///
    /// # Errors
    /// Besides damage: a serializer snapshot of a class nobody described, because nothing
    /// tells where it ends. [`decode_exact`](Self::decode_exact) can often go on.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self> {
        Self::decode_with(r, &[])
    }

    /// Reads a header that is known to fill `r` exactly.
    ///
    /// Where serializer snapshots of unknown classes are in the way, looks for the extents with
    /// which all that follows them parses and ends at the end of `r`; their content is kept
    /// as [`Content::Opaque`](crate::serializer::Content::Opaque).
    pub fn decode_exact(r: &Reader<'_>) -> Result<Self> {
        with_unknown_extents(r, |r, extents| {
            let header = Self::decode_with(r, extents)?;
            r.finish("header of a keyed state stream")?;
            Ok(header)
        })
    }

    fn decode_with(r: &mut Reader<'_>, extents: &[(u64, usize)]) -> Result<Self> {
        let at = r.offset();
        let version = r.i32("version of a keyed state stream")?;
        if version != Self::VERSION {
            return Err(Error::new(
                at,
                "version of a keyed state stream",
                unsupported(version, 5, "6"),
            ));
        }
        let compressed = r.bool("compression flag")?;
        let key = decode_serializer(r, extents)?;
        let states = meta_infos(r, extents)?;
        Ok(Self {
            compressed,
            key,
            states,
        })
    }
}

impl Encode for KeyedHeader {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_i32(Self::VERSION);
        out.put_bool(self.compressed);
        self.key.encode_proxied(out);
        put_meta_infos(out, &self.states);
    }
}

/// The header of an operator state stream (Flink's `OperatorBackendSerializationProxy`).
#[derive(Debug, Clone, PartialEq)]
pub struct OperatorHeader {
    /// 5 up to Flink 1.17, 6 since.
    pub version: i32,
    /// Version 6: whether the partitions are compressed.
    pub compressed: bool,
    /// List states, split and union.
    pub lists: Vec<StateMetaInfo>,
    /// Broadcast states.
    pub broadcasts: Vec<StateMetaInfo>,
}

impl OperatorHeader {
    const WITH_COMPRESSION: i32 = 6;

    /// Reads a header. What follows it is left in `r`.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self> {
        Self::decode_with(r, &[])
    }

    /// Reads a header that is known to fill `r` exactly, like [`KeyedHeader::decode_exact`].
    pub fn decode_exact(r: &Reader<'_>) -> Result<Self> {
        with_unknown_extents(r, |r, extents| {
            let header = Self::decode_with(r, extents)?;
            r.finish("header of an operator state stream")?;
            Ok(header)
        })
    }

    fn decode_with(r: &mut Reader<'_>, extents: &[(u64, usize)]) -> Result<Self> {
        let at = r.offset();
        let version = r.i32("version of an operator state stream")?;
        if !(5..=Self::WITH_COMPRESSION).contains(&version) {
            let fault = unsupported(version, 4, "5 or 6");
            return Err(Error::new(at, "version of an operator state stream", fault));
        }
        let compressed = version >= Self::WITH_COMPRESSION && r.bool("compression flag")?;
        let lists = meta_infos(r, extents)?;
        let broadcasts = meta_infos(r, extents)?;
        Ok(Self {
            version,
            compressed,
            lists,
            broadcasts,
        })
    }
}

impl Encode for OperatorHeader {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_i32(self.version);
        if self.version >= Self::WITH_COMPRESSION {
            out.put_bool(self.compressed);
        }
        put_meta_infos(out, &self.lists);
        put_meta_infos(out, &self.broadcasts);
    }
}

fn unsupported(got: i32, last_old: i32, expected: &'static str) -> Fault {
    match got {
        0.. if got <= last_old => Fault::Invalid(format!(
            "version {got} is that of Flink 1.6 or older; take a savepoint with 1.8 first"
        )),
        _ => Fault::Unknown {
            got: got.into(),
            expected,
        },
    }
}

fn meta_infos(r: &mut Reader<'_>, extents: &[(u64, usize)]) -> Result<Vec<StateMetaInfo>> {
    let at = r.offset();
    let count = r.i16("number of states")?;
    let limit = (r.left() / StateMetaInfo::SMALLEST) as i64;
    match usize::try_from(count) {
        Ok(count) if count as i64 <= limit => (0..count)
            .map(|_| StateMetaInfo::decode_with(r, extents))
            .collect(),
        _ => Err(Error::new(
            at,
            "number of states",
            Fault::Range {
                got: count.into(),
                min: 0,
                max: limit,
            },
        )),
    }
}

fn put_meta_infos(out: &mut Vec<u8>, states: &[StateMetaInfo]) {
    out.put_i16(i16::try_from(states.len()).unwrap_or(i16::MAX));
    states.iter().for_each(|state| state.encode(out));
}

/// How many snapshots of unknown classes one header may hold before the search gives up.
const MAX_UNKNOWN: usize = 16;
/// How long the content of an unknown class may be.
const MAX_UNKNOWN_BYTES: usize = 1 << 16;
/// How many bytes all attempts at a header may read.
const MAX_WORK: u64 = 1 << 26;
/// What an attempt costs besides the bytes that it reads.
const ATTEMPT: u64 = 256;

/// Runs `decode`, and where it stops at an unknown class tries every extent for its content.
///
/// Extents are fixed from the front: one is right if decoding then gets as far as the next
/// unknown class or the end, and wrong if what follows makes no sense. A wrong extent that
/// makes sense by chance would have to hit a plausible name, count or end marker.
fn with_unknown_extents<T>(
    r: &Reader<'_>,
    decode: impl Fn(&mut Reader<'_>, &[(u64, usize)]) -> Result<T>,
) -> Result<T> {
    let mut extents = Vec::new();
    let mut work = 0;
    let first_error = match decode(&mut r.clone(), &extents) {
        Ok(decoded) => return Ok(decoded),
        Err(error) => error,
    };
    search(r, &decode, &mut extents, first_error.clone(), &mut work).ok_or(first_error)
}

fn search<T>(
    r: &Reader<'_>,
    decode: &impl Fn(&mut Reader<'_>, &[(u64, usize)]) -> Result<T>,
    extents: &mut Vec<(u64, usize)>,
    error: Error,
    work: &mut u64,
) -> Option<T> {
    let Fault::UnknownClass(_) = error.fault() else {
        return None;
    };
    let start = error.offset();
    let is_later = extents.last().is_none_or(|(offset, _)| start > *offset);
    if !is_later || extents.len() >= MAX_UNKNOWN {
        return None;
    }
    let left = (r.offset() + r.left() as u64).checked_sub(start)? as usize;
    for len in 0..=left.min(MAX_UNKNOWN_BYTES) {
        if *work > MAX_WORK {
            return None;
        }
        extents.push((start, len));
        match decode(&mut r.clone(), extents) {
            Ok(decoded) => return Some(decoded),
            Err(error) => {
                *work += ATTEMPT + error.offset().saturating_sub(r.offset());
                if let Some(decoded) = search(r, decode, extents, error, work) {
                    return Some(decoded);
                }
            }
        }
        extents.pop();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serializer::Content;
    use crate::state::BackendStateType;
    use crate::text::JavaString;

    fn java(text: &str) -> JavaString {
        JavaString::new(text).unwrap()
    }

    /// Unknown classes have version 1: of version 3 they might be simple ones without content.
    fn snapshot(class: &str, content: Content) -> SerializerSnapshot {
        SerializerSnapshot {
            class: java(class),
            version: if content == Content::Simple { 3 } else { 1 },
            content,
        }
    }

    fn header(contents: &[&[u8]]) -> KeyedHeader {
        let long = "org.apache.flink.api.common.typeutils.base.LongSerializer$LongSerializerSnapshot";
        let state = |(index, bytes): (usize, &&[u8])| StateMetaInfo {
            name: java(&format!("state-{index}")),
            kind: BackendStateType::KeyValue,
            options: vec![(java("KEYED_STATE_TYPE"), java("VALUE"))],
            serializers: vec![
                (
                    java("VALUE_SERIALIZER"),
                    snapshot(
                        "com.acme.CartSnapshot",
                        Content::Opaque {
                            bytes: bytes.to_vec(),
                        },
                    ),
                ),
                (java("NAMESPACE_SERIALIZER"), snapshot(long, Content::Simple)),
            ],
        };
        KeyedHeader {
            compressed: false,
            key: snapshot(long, Content::Simple),
            states: contents.iter().enumerate().map(state).collect(),
        }
    }

    #[test]
    fn the_content_of_unknown_classes_ends_where_the_rest_of_the_header_makes_sense() {
        for contents in [
            &[&b"\0\x0dconfigPayload"[..]][..],
            &[b"", b"\0\0\0\0"],
            &[b"\x01\0", b"\0\x02ab", &[7; 300]],
        ] {
            let header = header(contents);
            let mut bytes = Vec::new();
            header.encode(&mut bytes);
            let found = KeyedHeader::decode_exact(&Reader::at(&bytes, 90)).unwrap();
            assert_eq!(found, header);
        }
    }

    #[test]
    fn without_a_known_end_the_unknown_class_is_named() {
        let mut bytes = Vec::new();
        header(&[b"\0\x0dconfigPayload"]).encode(&mut bytes);
        bytes.extend([0; 20]);
        let error = KeyedHeader::decode(&mut Reader::new(&bytes))
            .unwrap_err()
            .to_string();
        assert!(
            error.ends_with("the layout of class `com.acme.CartSnapshot` is not known"),
            "{error}"
        );
    }
}
