//! The HashMap backend's stream: blocks of entries without lengths.
//!
//! ```text
//! header, then for every key group of the range, at its offset:
//! i32 key group, then for each state, in any order:
//!   u16 state id, i32 count, count × entry            compressed: a snappy stream of its own
//! entry  := namespace, key, value     or, for a queue: element
//! ```
//!
//! Written by `HeapSnapshotWriterBase` and `CopyOnWriteStateTableSnapshot`;
//! docs/format/state-payloads.md.

mod writer;

use statetool_format::metadata::KeyGroupsHandle;
use statetool_format::{Error as FormatError, Fault, KeyGroupRange};

use crate::error::{Error, Result};
use crate::skip::Skip;
use crate::source::Source;
use crate::window::{Compression, Window};

pub use writer::HeapWriter;

/// How far the parts of one state's entries reach.
pub enum HeapShape<'a> {
    /// A state with keys and namespaces.
    KeyValue {
        /// Extent of a namespace.
        namespace: &'a dyn Skip,
        /// Extent of a key.
        key: &'a dyn Skip,
        /// Extent of a whole state value: lists and maps with their counts.
        value: &'a dyn Skip,
    },
    /// A queue of timers.
    Queue {
        /// Extent of an element.
        element: &'a dyn Skip,
    },
}

/// One entry as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct HeapEntry<'a> {
    /// Index of the state in the header.
    pub state: u16,
    /// The key group.
    pub key_group: u32,
    /// The serialized namespace; empty for queues.
    pub namespace: &'a [u8],
    /// The serialized key; empty for queues.
    pub key: &'a [u8],
    /// The whole state value, or the element of a queue.
    pub value: &'a [u8],
    /// Where the entry begins in the stream.
    pub offset: u64,
}

/// A scan over the blocks of some key groups, in stored order.
pub struct HeapScan<'a> {
    source: Source,
    shapes: Vec<HeapShape<'a>>,
    compression: Compression,
    /// Group number, where its block begins, where it ends.
    blocks: std::vec::IntoIter<(u32, u64, u64)>,
    current: Option<Block>,
}

struct Block {
    number: u32,
    window: Window,
    states_left: usize,
    seen: Vec<bool>,
    state: u16,
    entries_left: usize,
}

impl<'a> HeapScan<'a> {
    /// A scan over the groups of a handle that lie in `range`, with a shape for each state of
    /// the header.
    pub fn new(
        source: Source,
        handle: &KeyGroupsHandle,
        range: KeyGroupRange,
        compression: Compression,
        shapes: Vec<HeapShape<'a>>,
    ) -> Self {
        let blocks = blocks(handle, range, source.len()).into_iter();
        Self {
            source,
            shapes,
            compression,
            blocks,
            current: None,
        }
    }

    /// The next entry.
    ///
    /// # Errors
    /// Anything that breaks the layout, and a value whose extent is not known: nothing behind
    /// it in the key group can be found, and [`skip_group`](Self::skip_group) goes on with
    /// the next.
    pub fn next_entry(&mut self) -> Result<Option<HeapEntry<'_>>> {
        if !self.advance()? {
            return Ok(None);
        }
        let Some(block) = self.current.as_mut() else {
            return Ok(None);
        };
        block.entries_left -= 1;
        let offset = block.window.offset();
        let shape = self.shapes.get(usize::from(block.state));
        let ((namespace_len, key_len), len) = block.window.peek(|r| {
            let start = r.left();
            match shape {
                Some(HeapShape::KeyValue {
                    namespace,
                    key,
                    value,
                }) => {
                    namespace.skip(r)?;
                    let after_namespace = r.left();
                    key.skip(r)?;
                    let after_key = r.left();
                    value.skip(r)?;
                    Ok((start - after_namespace, after_namespace - after_key))
                }
                Some(HeapShape::Queue { element }) => element.skip(r).map(|()| (0, 0)),
                None => Err(r.invalid("entry", "no shape for its state")),
            }
        })?;
        let (state, key_group) = (block.state, block.number);
        let bytes: &[u8] = block.window.take(len);
        let (namespace, rest) = bytes.split_at_checked(namespace_len).unwrap_or_default();
        let (key, value) = rest.split_at_checked(key_len).unwrap_or_default();
        Ok(Some(HeapEntry {
            state,
            key_group,
            namespace,
            key,
            value,
            offset,
        }))
    }

    /// Leaves the key group that is being read: behind a value whose extent is not known,
    /// only the next one can be found.
    pub fn skip_group(&mut self) {
        self.current = None;
    }

    /// Moves to the next entry; false after the last block.
    fn advance(&mut self) -> Result<bool> {
        loop {
            match self.current.as_mut() {
                Some(block) if block.entries_left > 0 => return Ok(true),
                Some(block) if block.states_left > 0 => block.open_state()?,
                Some(block) => {
                    block.window.finish("end of a key group")?;
                    self.current = None;
                }
                None => match self.blocks.next() {
                    Some((number, start, end)) => {
                        let states = self.shapes.len();
                        self.current = Some(Block::open(
                            &self.source,
                            number,
                            start,
                            end,
                            self.compression,
                            states,
                        )?);
                    }
                    None => return Ok(false),
                },
            }
        }
    }
}

impl Block {
    fn open(
        source: &Source,
        number: u32,
        start: u64,
        end: u64,
        compression: Compression,
        states: usize,
    ) -> Result<Self> {
        let mut window = Window::new(source, start, end, Compression::None)?;
        let got = window.parse(|r| r.i32("key group of a block"))?;
        if i64::from(got) != i64::from(number) {
            let fault = Fault::Range {
                got: got.into(),
                min: number.into(),
                max: number.into(),
            };
            return Err(Error::format(
                source.name(),
                FormatError::new(start, "key group of a block", fault),
            ));
        }
        // The number is never compressed. What follows it is one snappy stream for each state,
        // which a decoder reads like one, since a stream identifier may recur.
        if compression == Compression::Snappy && states > 0 {
            window = Window::new(source, start + 4, end, Compression::Snappy)?;
        }
        Ok(Self {
            number,
            window,
            states_left: states,
            seen: vec![false; states],
            state: 0,
            entries_left: 0,
        })
    }

    fn open_state(&mut self) -> Result<()> {
        let at = self.window.offset();
        let (id, count) = self.window.parse(|r| {
            let id = r.u16("state id")?;
            Ok((id, r.i32_in(0, i32::MAX, "number of entries")?))
        })?;
        let fault = match self.seen.get_mut(usize::from(id)) {
            Some(seen) if !*seen => {
                *seen = true;
                self.state = id;
                self.states_left -= 1;
                self.entries_left = count as usize;
                return Ok(());
            }
            Some(_) => Fault::Invalid(format!("state {id} stands twice in key group {}", self.number)),
            None => Fault::Range {
                got: id.into(),
                min: 0,
                max: self.seen.len() as i64 - 1,
            },
        };
        Err(Error::format(
            self.window.name(),
            FormatError::new(at, "state id", fault),
        ))
    }
}

/// Where the block of each group begins and ends.
pub fn blocks(handle: &KeyGroupsHandle, range: KeyGroupRange, len: u64) -> Vec<(u32, u64, u64)> {
    let mut starts: Vec<u64> = handle
        .offsets
        .iter()
        .filter_map(|offset| u64::try_from(*offset).ok())
        .collect();
    starts.sort_unstable();
    let blocks = handle
        .range
        .groups()
        .filter(|group| range.contains(*group))
        .filter_map(|group| {
            let start = u64::try_from(handle.offset_of(group)?).ok()?;
            let next = starts.partition_point(|other| *other <= start);
            Some((group, start, starts.get(next).copied().unwrap_or(len).max(start)))
        });
    blocks.collect()
}

/// Whether the groups of a handle of code 3 or 12 are laid out as heap blocks.
///
/// The handle does not say. A heap stream has a real offset for every group, and each block
/// begins with the group's number; a canonical one has offset 0 for empty groups and begins
/// with a state id.
pub fn is_heap_layout(source: &Source, handle: &KeyGroupsHandle, compressed: bool) -> Result<bool> {
    if handle.offsets.iter().any(|offset| *offset <= 0) {
        return Ok(false);
    }
    for (group, start, end) in blocks(handle, handle.range, source.len()) {
        let mut number = [0; 4];
        if end < start + 4 {
            return Ok(false);
        }
        source.read_exact_at(&mut number, start)?;
        if u32::from_be_bytes(number) != group {
            return Ok(false);
        }
    }
    // With one group that has number 0, a canonical group of state 0 begins like a heap
    // block. The canonical one then ends with its end mark.
    match blocks(handle, handle.range, source.len()).as_slice() {
        [(0, start, end)] if !compressed => Ok(!ends_like_canonical(source, *start, *end)?),
        _ => Ok(true),
    }
}

/// Whether a stretch is, to its last byte, a canonical key group 0 that begins with state 0.
fn ends_like_canonical(source: &Source, start: u64, end: u64) -> Result<bool> {
    let mut window = Window::new(source, start, end, Compression::None)?;
    let mut in_run = false;
    loop {
        let step = window.parse(|r| {
            if in_run {
                let last = r.bytes("key")?.first().is_none_or(|byte| byte & 0x80 != 0);
                r.bytes("value")?;
                return Ok((!last, false));
            }
            Ok(match r.u16("state id")? {
                0xffff => (false, true),
                _ => (true, false),
            })
        });
        match step {
            Ok((_, true)) => return window.is_at_end(),
            Ok((next, false)) => in_run = next,
            Err(error) if error.fault().is_some() => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}
