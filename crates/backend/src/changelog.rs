//! Logged changes: what the changelog backend writes between two materializations.
//!
//! ```text
//! log file    u8 compressed, then plain bytes or one snappy stream; offsets count decoded bytes
//! change set  i32 groups, groups × { i32 changes, i32 key group (-1: metadata), changes × bytes }
//! change      u8 operation, u16 state id, [key, namespace], data
//! ```
//!
//! Flink's `StateChangeFormat` and `StateChangeOperation`, 1.15 and later;
//! docs/format/state-payloads.md.

use statetool_format::metadata::{ChangelogFiles, InlineChangelog};
use statetool_format::state::StateMetaInfo;
use statetool_format::{Error as FormatError, Fault, Reader};

use crate::error::{InFile, Result};
use crate::source::Source;
use crate::window::{Compression, Window};

/// What a change does (Flink's `StateChangeOperation`, by code).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Removes the whole state of a key and namespace.
    Clear,
    /// Replaces the state.
    Set,
    /// Replaces the state, in its internal form.
    SetInternal,
    /// Appends to a list, puts into a map.
    Add,
    /// Merges other namespaces into one.
    MergeNamespaces,
    /// Adds one list element, map entry, or timers.
    AddElement,
    /// Puts one map entry.
    AddOrUpdateElement,
    /// Removes one map entry or timer.
    RemoveElement,
    /// Defines a state id.
    Metadata,
}

impl Operation {
    fn decode(r: &mut Reader<'_>) -> statetool_format::Result<Self> {
        let at = r.offset();
        Ok(match r.u8("operation of a change")? {
            0 => Self::Clear,
            1 => Self::Set,
            2 => Self::SetInternal,
            3 => Self::Add,
            4 => Self::MergeNamespaces,
            5 => Self::AddElement,
            6 => Self::AddOrUpdateElement,
            7 => Self::RemoveElement,
            8 => Self::Metadata,
            got => {
                let fault = Fault::Unknown {
                    got: got.into(),
                    expected: "0 to 8",
                };
                return Err(FormatError::new(at, "operation of a change", fault));
            }
        })
    }
}

/// One change.
#[derive(Debug, Clone)]
pub enum Change<'a> {
    /// From here on, a state id means this state.
    Define {
        /// The id.
        state: u16,
        /// The state.
        meta: Box<StateMetaInfo>,
    },
    /// A change of a state's contents.
    Apply {
        /// The state's id.
        state: u16,
        /// What is done.
        operation: Operation,
        /// Key and namespace (but for queues), and the data of the operation.
        data: Reader<'a>,
    },
}

impl<'a> Change<'a> {
    /// Reads one change; in a metadata change `skip_value` moves past a default value, which
    /// is in the form of the state's value serializer.
    pub fn decode(
        r: &mut Reader<'a>,
        skip_value: impl FnOnce(&StateMetaInfo, &mut Reader<'a>) -> statetool_format::Result<()>,
    ) -> statetool_format::Result<Self> {
        let operation = Operation::decode(r)?;
        if operation != Operation::Metadata {
            let state = r.u16("state id of a change")?;
            let data = r.clone();
            r.take_rest();
            return Ok(Self::Apply {
                state,
                operation,
                data,
            });
        }
        let at = r.offset();
        let version = r.i32("meta info version")?;
        if !(6..=7).contains(&version) {
            let fault = Fault::Unknown {
                got: version.into(),
                expected: "6 or 7",
            };
            return Err(FormatError::new(at, "meta info version", fault));
        }
        let meta = Box::new(StateMetaInfo::decode(r)?);
        if meta.kind == statetool_format::state::BackendStateType::KeyValue {
            if r.bool("TTL marker")? {
                statetool_format::java::JavaStream::decode(r)?;
            }
            if r.bool("default value marker")? {
                skip_value(&meta, r)?;
            }
        }
        let state = r.u16("state id of a change")?;
        r.u8("state type code")?;
        r.finish("metadata change")?;
        Ok(Self::Define { state, meta })
    }
}

/// Visits the changes of a log handle kept in the metadata file: key group and bytes.
pub fn visit_inline(
    handle: &InlineChangelog,
    file: &str,
    mut visit: impl FnMut(i32, &mut Reader<'_>) -> statetool_format::Result<()>,
) -> Result<()> {
    for (group, change) in &handle.changes {
        visit(*group, &mut Reader::new(change)).in_file(file)?;
    }
    Ok(())
}

/// Visits the changes of a log handle in files, in order: key group and bytes.
///
/// `open` opens the file of a stream handle.
pub fn visit_files(
    handle: &ChangelogFiles,
    mut open: impl FnMut(&statetool_format::metadata::StreamHandle) -> Result<Source>,
    mut visit: impl FnMut(i32, &mut Reader<'_>) -> statetool_format::Result<()>,
) -> Result<()> {
    let mut last = None;
    for (offset, stream) in &handle.change_sets {
        // Change sets of one file follow one another.
        let mut log = match last.take() {
            Some((file, log)) if file == stream => log,
            _ => Log::open(open(stream)?)?,
        };
        let window = log.at(*offset)?;
        let groups = window.parse(|r| r.i32_in(0, i32::MAX, "number of groups in a change set"))?;
        for _ in 0..groups {
            let (changes, group) = window.parse(|r| {
                let changes = r.i32_in(0, i32::MAX, "number of changes")?;
                Ok((
                    changes,
                    r.i32_in(-1, i32::from(i16::MAX), "key group of changes")?,
                ))
            })?;
            for _ in 0..changes {
                let at = window.offset() + 4;
                let (_, len) = window.peek(|r| r.bytes("change").map(|_| ()))?;
                let bytes = window.take(len).get(4..).unwrap_or_default().to_vec();
                visit(group, &mut Reader::at(&bytes, at)).in_file(window.name())?;
            }
        }
        last = Some((stream, log));
    }
    Ok(())
}

/// An open log file.
struct Log {
    source: Source,
    compression: Compression,
    window: Window,
}

impl Log {
    fn open(source: Source) -> Result<Self> {
        let mut flag = [0];
        source.read_exact_at(&mut flag, 0)?;
        let compression = match flag {
            [0] => Compression::None,
            _ => Compression::Snappy,
        };
        Ok(Self {
            window: Window::new(&source, 1, source.len(), compression)?,
            source,
            compression,
        })
    }

    /// The file from a change set on. The offset counts decoded bytes behind the flag.
    fn at(&mut self, offset: i64) -> Result<&mut Window> {
        let offset = u64::try_from(offset).map_err(|_| {
            let why = format!("{offset} is negative");
            crate::Error::invalid(self.source.name(), 0, "offset of a change set", why)
        })?;
        let open = |start| Window::new(&self.source, start, self.source.len(), self.compression);
        match self.compression {
            Compression::None if self.window.offset() != offset.saturating_add(1) => {
                self.window = open(offset.saturating_add(1))?;
            }
            Compression::None => {}
            Compression::Snappy => {
                // What has been decoded is not decoded again.
                if self.window.offset() > offset {
                    self.window = open(1)?;
                }
                let ahead = offset.saturating_sub(self.window.offset());
                self.window.skip(ahead, "change sets before the one wanted")?;
            }
        }
        Ok(&mut self.window)
    }
}
