//! Handles of streams: where the bytes of a state are.

use std::sync::Arc;

use super::{KeyGroupsHandle, MAX_HANDLE_DEPTH};
use crate::encode::{Encode, Put};
use crate::error::{Error, Fault, Result};
use crate::reader::Reader;
use crate::text::JavaString;

/// A record that says where bytes are (Flink's `StreamStateHandle`).
///
/// Where Flink allows none (code 0), fields are `Option`s.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamHandle {
    /// Code 1: in the metadata file itself (`ByteStreamStateHandle`).
    Inline {
        /// A text that Flink uses as identity, mostly the path the file would have had.
        name: JavaString,
        /// The bytes.
        data: Arc<[u8]>,
    },
    /// Code 2: a file with an absolute path (`FileStateHandle`).
    File {
        /// Length of the file; −1 if the file system could not tell.
        size: i64,
        /// A Flink path string: not percent-encoded, perhaps without a scheme.
        path: JavaString,
    },
    /// Code 6: a file beside `_metadata` (`RelativeFileStateHandle`).
    RelativeFile {
        /// The file's name.
        path: JavaString,
        /// Length of the file; −1 if the file system could not tell.
        size: i64,
    },
    /// Code 15: a part of a file (`SegmentFileStateHandle`).
    Segment {
        /// Where the part begins.
        start: i64,
        /// How long it is.
        size: i64,
        /// Whether other checkpoints may use it.
        scope: SegmentScope,
        /// Absolute path of the physical file.
        path: JavaString,
        /// UUID of the part.
        logical_file_id: JavaString,
    },
    /// Code 16: no bytes at all (`EmptySegmentFileStateHandle`).
    EmptySegment,
    /// Code 3: key groups in the place of a stream, inside an incremental handle's files.
    KeyGroups(Box<KeyGroupsHandle>),
}

/// Who owns a file segment (Flink's `CheckpointedStateScope`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentScope {
    /// One checkpoint.
    Exclusive = 0,
    /// Several checkpoints.
    Shared = 1,
}

impl StreamHandle {
    pub(super) const NULL: u8 = 0;
    const BYTE_STREAM: u8 = 1;
    const FILE: u8 = 2;
    const RELATIVE: u8 = 6;
    const SEGMENT: u8 = 15;
    const EMPTY_SEGMENT: u8 = 16;

    /// Length of the bytes as the handle records it; `None` where it does not.
    pub fn recorded_size(&self) -> Option<u64> {
        match self {
            Self::Inline { data, .. } => Some(data.len() as u64),
            Self::File { size, .. } | Self::RelativeFile { size, .. } | Self::Segment { size, .. } => {
                u64::try_from(*size).ok()
            }
            Self::EmptySegment => Some(0),
            Self::KeyGroups(handle) => handle.delegate.recorded_size(),
        }
    }

    /// Reads a handle that may be null.
    pub(super) fn decode_optional(r: &mut Reader<'_>, depth: u32) -> Result<Option<Self>> {
        let at = r.offset();
        let code = r.u8("code of a stream handle")?;
        Ok(Some(match code {
            Self::NULL => return Ok(None),
            Self::BYTE_STREAM => Self::Inline {
                name: r.utf("name of inline bytes")?.to_java_string(),
                data: r.bytes("inline bytes")?.into(),
            },
            Self::FILE => Self::File {
                size: file_size(r)?,
                path: r.utf("path of a file")?.to_java_string(),
            },
            Self::RELATIVE => Self::RelativeFile {
                path: r.utf("path of a file")?.to_java_string(),
                size: file_size(r)?,
            },
            Self::SEGMENT => Self::decode_segment(r)?,
            Self::EMPTY_SEGMENT => Self::EmptySegment,
            KeyGroupsHandle::CODE if depth < MAX_HANDLE_DEPTH => {
                Self::KeyGroups(Box::new(KeyGroupsHandle::decode(r, code, depth + 1)?))
            }
            KeyGroupsHandle::CODE => {
                return Err(Error::new(at, "stream handle", Fault::TooDeep(MAX_HANDLE_DEPTH)));
            }
            _ => {
                let fault = Fault::Unknown {
                    got: code.into(),
                    expected: "0, 1, 2, 3, 6, 15 or 16",
                };
                return Err(Error::new(at, "code of a stream handle", fault));
            }
        }))
    }

    /// Reads a handle that must not be null.
    pub(super) fn decode(r: &mut Reader<'_>, depth: u32) -> Result<Self> {
        let at = r.offset();
        Self::decode_optional(r, depth)?.ok_or_else(|| {
            Error::new(
                at,
                "stream handle",
                Fault::Invalid("null where bytes must be".into()),
            )
        })
    }

    fn decode_segment(r: &mut Reader<'_>) -> Result<Self> {
        let at = r.offset();
        let start = r.i64("start of a file segment")?;
        let size = r.i64("size of a file segment")?;
        if start < 0 || size < 0 || start.checked_add(size).is_none() {
            let fault = Fault::Invalid(format!("{size} bytes at {start} lie in no file"));
            return Err(Error::new(at, "file segment", fault));
        }
        let scope = match r.i32_in(0, 1, "scope of a file segment")? {
            0 => SegmentScope::Exclusive,
            _ => SegmentScope::Shared,
        };
        let path = r.utf("path of a file segment")?.to_java_string();
        let logical_file_id = r.utf("logical file id")?.to_java_string();
        Ok(Self::Segment {
            start,
            size,
            scope,
            path,
            logical_file_id,
        })
    }

    pub(super) fn encode_optional(handle: Option<&Self>, out: &mut Vec<u8>) {
        match handle {
            Some(handle) => handle.encode(out),
            None => out.put_u8(Self::NULL),
        }
    }
}

impl Encode for StreamHandle {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Inline { name, data } => {
                out.put_u8(Self::BYTE_STREAM);
                out.put_utf(name.as_text());
                out.put_bytes(data);
            }
            Self::File { size, path } => {
                out.put_u8(Self::FILE);
                out.put_i64(*size);
                out.put_utf(path.as_text());
            }
            Self::RelativeFile { path, size } => {
                out.put_u8(Self::RELATIVE);
                out.put_utf(path.as_text());
                out.put_i64(*size);
            }
            Self::Segment {
                start,
                size,
                scope,
                path,
                logical_file_id,
            } => {
                out.put_u8(Self::SEGMENT);
                out.put_i64(*start);
                out.put_i64(*size);
                out.put_i32(*scope as i32);
                out.put_utf(path.as_text());
                out.put_utf(logical_file_id.as_text());
            }
            Self::EmptySegment => out.put_u8(Self::EMPTY_SEGMENT),
            Self::KeyGroups(handle) => handle.encode(out),
        }
    }
}

fn file_size(r: &mut Reader<'_>) -> Result<i64> {
    let at = r.offset();
    let size = r.i64("size of a file")?;
    if size >= -1 {
        return Ok(size);
    }
    Err(Error::new(
        at,
        "size of a file",
        Fault::Range {
            got: size,
            min: -1,
            max: i64::MAX,
        },
    ))
}
