//! Entries become pieces of a stream.

use statetool_backend::canonical::CanonicalWriter;
use statetool_backend::heap::HeapWriter;
use statetool_backend::raw_timers::{TimerDomain, TimersWriter};
use statetool_backend::rocksdb::WrittenTable;
use statetool_backend::snappy::{put_frames, put_stream};
use statetool_backend::{Error as BackendError, InFile};
use statetool_format::KeyGroupRange;
use statetool_snapshot::{Entry, Error, Flow, Payload, Result, StateKind};

use super::families::Families;
use super::item::Item;
use super::output::{Output, Stored};
use super::timers::Services;
use crate::pipeline::Feed;
use crate::rewrite::edits::KeyedLayout;

/// How large a piece is, about.
pub(super) const PIECE: usize = 1 << 20;

/// Some bytes of a stream, in which key groups may begin.
#[derive(Default)]
pub(super) struct Piece {
    pub(super) output: usize,
    /// Key groups that begin in it, and where.
    pub(super) starts: Vec<(u32, usize)>,
    pub(super) bytes: Vec<u8>,
    /// Whether each key group is to be compressed.
    pub(super) compress: bool,
    /// The table that it is a piece of, if it is one of a database.
    pub(super) table: Option<u64>,
    /// What the manifest says of the table whose last piece it is.
    pub(super) end: Option<WrittenTable>,
}

impl Piece {
    /// Compresses what is to be compressed; each key group is a stream of its own.
    pub(super) fn compress(&mut self) {
        if !self.compress {
            return;
        }
        let plain = std::mem::take(&mut self.bytes);
        let ends = self
            .starts
            .iter()
            .skip(1)
            .map(|(_, start)| *start)
            .chain([plain.len()]);
        let ends: Vec<usize> = ends.collect();
        let first = self.starts.first().map_or(plain.len(), |(_, start)| *start);
        // What goes on a group of the piece before.
        put_frames(plain.get(..first).unwrap_or_default(), &mut self.bytes);
        for ((_, start), end) in self.starts.iter_mut().zip(ends) {
            let group = plain.get(*start..end).unwrap_or_default();
            *start = self.bytes.len();
            put_stream(group, &mut self.bytes);
        }
    }

    /// The piece in parts of the usual size. A key group of the heap layout comes at once; in parts
    /// most of it waits with the thread that has it, and not many of them in the pipeline.
    fn parts(&self) -> impl Iterator<Item = Self> + '_ {
        let last = self.bytes.len().saturating_sub(1) / PIECE;
        self.bytes.chunks(PIECE).enumerate().map(move |(number, bytes)| {
            let starts = self.starts.iter();
            let inside = starts.filter(|(_, start)| number == last.min(start / PIECE));
            Self {
                output: self.output,
                starts: inside
                    .map(|(group, start)| (*group, start - number * PIECE))
                    .collect(),
                bytes: bytes.to_vec(),
                compress: self.compress,
                table: self.table,
                end: None,
            }
        })
    }
}

/// Takes the entries of some key groups, one group after the other.
pub(super) struct Sink<'s, 'f> {
    feed: &'s Feed<'f, Piece, Piece>,
    prefix_bytes: usize,
    output: usize,
    made: &'s Output<'s>,
    covers: KeyGroupRange,
    group: Option<u32>,
    order: Ascending,
    piece: Piece,
    form: Form,
    key: Vec<u8>,
    value: Vec<u8>,
}

enum Form {
    Canonical {
        writer: CanonicalWriter,
        compress: bool,
    },
    Heap {
        writer: HeapWriter,
        compress: bool,
        /// The next key group whose block is to be written: every group has one.
        next: u32,
    },
    RocksDb(Families),
    RawTimers {
        writer: TimersWriter,
        /// The service and domain of each state.
        places: Vec<(usize, TimerDomain)>,
        /// As for the heap.
        next: u32,
    },
}

impl<'s, 'f> Sink<'s, 'f> {
    /// A sink for the entries of an item of an output.
    pub(super) fn new(
        item: &Item<'_>,
        output: &'s Output<'s>,
        feed: &'s Feed<'f, Piece, Piece>,
    ) -> Result<Self> {
        let compress = output.header.compressed;
        let form = match output.stored {
            Stored::Managed(KeyedLayout::Canonical) => Form::Canonical {
                writer: CanonicalWriter::default(),
                compress,
            },
            Stored::Managed(KeyedLayout::Heap) => Form::Heap {
                writer: HeapWriter::new(output.header.states.len()),
                compress,
                next: item.covers.start,
            },
            Stored::Managed(KeyedLayout::RocksDb) => Form::RocksDb(Families::new(output, item)),
            Stored::RawTimers => {
                let Services { services, places } = Services::of(&output.header.states)?;
                Form::RawTimers {
                    writer: TimersWriter::new(services),
                    places,
                    next: item.covers.start,
                }
            }
        };
        let mut sink = Self {
            feed,
            prefix_bytes: output.prefix_bytes,
            output: item.output,
            made: output,
            covers: item.covers,
            group: None,
            order: Ascending::default(),
            piece: Piece::default(),
            form,
            key: Vec::new(),
            value: Vec::new(),
        };
        sink.begin_piece();
        Ok(sink)
    }

    /// Writes an entry of a state; key groups come in ascending order.
    pub(super) fn entry(&mut self, state: u16, entry: &Entry<'_>) -> Result<Flow> {
        let group = entry.key_group.unwrap_or_default();
        if self.group != Some(group) {
            if self.end_group()?.is_break() {
                return Ok(Flow::Break(()));
            }
            self.order.begin(group)?;
            self.group = Some(group);
            if let Form::Canonical { .. } = self.form {
                self.piece.starts.push((group, self.piece.bytes.len()));
            }
        }
        match &mut self.form {
            Form::Canonical { writer, .. } => {
                self.key.clear();
                self.value.clear();
                entry.put_composite_key(group, self.prefix_bytes, &mut self.key);
                entry
                    .put_canonical_value(&mut self.value)
                    .in_file(&entry.state.name)?;
                writer.entry(state, &self.key, &self.value);
                if writer.len() >= PIECE {
                    writer.take_settled(&mut self.piece.bytes);
                    return Ok(self.hand_over());
                }
                Ok(Flow::Continue(()))
            }
            Form::RocksDb(families) => {
                self.key.clear();
                self.value.clear();
                entry.put_composite_key(group, self.prefix_bytes, &mut self.key);
                entry
                    .put_canonical_value(&mut self.value)
                    .in_file(&entry.state.name)?;
                families.add(state, &self.key, &self.value).map(Flow::Continue)
            }
            Form::Heap { writer, .. } => put_heap(writer, state, entry, &mut self.value).map(Flow::Continue),
            Form::RawTimers { writer, places, .. } => {
                let parts = entry.key_parts().in_file(&entry.state.name)?;
                let timer = parts.and_then(|parts| Some((parts, parts.timestamp?)));
                if let Some((parts, timestamp)) = timer
                    && let Some((service, domain)) = places.get(usize::from(state))
                {
                    writer.timer(*service, *domain, (parts.key, parts.namespace), timestamp);
                }
                Ok(Flow::Continue(()))
            }
        }
    }

    /// Ends the last key group.
    pub(super) fn end(mut self) -> Result<()> {
        if self.end_group()?.is_break() {
            return Ok(());
        }
        self.put_blocks(self.covers.end());
        if let Form::RocksDb(families) = self.form {
            families.end(self.feed);
            return Ok(());
        }
        let _ = self.hand_over();
        Ok(())
    }

    fn end_group(&mut self) -> Result<Flow> {
        let Some(group) = self.group.take() else {
            return Ok(Flow::Continue(()));
        };
        match &mut self.form {
            Form::Canonical { writer, .. } => {
                writer.end_group();
                writer.take_settled(&mut self.piece.bytes);
            }
            Form::Heap { .. } | Form::RawTimers { .. } => self.put_blocks(group + 1),
            Form::RocksDb(families) => return families.end_group(self.made, self.feed),
        }
        Ok(match self.piece.bytes.len() >= PIECE {
            true => self.hand_over(),
            false => Flow::Continue(()),
        })
    }

    /// Writes the blocks of heap groups and of groups of timers up to `end`; the last has what was
    /// collected, the ones before had no entries.
    fn put_blocks(&mut self, end: u32) {
        if let Form::RawTimers { writer, next, .. } = &mut self.form {
            let mut empty = writer.without_timers();
            for group in *next..end {
                self.piece.starts.push((group, self.piece.bytes.len()));
                let writer = if group + 1 == end {
                    &mut *writer
                } else {
                    &mut empty
                };
                writer.end_group(&mut self.piece.bytes);
            }
            *next = end;
        }
        if let Form::Heap {
            writer,
            compress,
            next,
        } = &mut self.form
        {
            let mut empty = writer.without_entries();
            for group in *next..end {
                self.piece.starts.push((group, self.piece.bytes.len()));
                let writer = if group + 1 == end {
                    &mut *writer
                } else {
                    &mut empty
                };
                writer.end_group(group, *compress, &mut self.piece.bytes);
            }
            *next = end;
        }
    }

    fn hand_over(&mut self) -> Flow {
        let piece = std::mem::take(&mut self.piece);
        self.begin_piece();
        if piece.bytes.len() <= 2 * PIECE {
            return self.feed.hand_over(piece);
        }
        piece.parts().try_for_each(|part| self.feed.hand_over(part))
    }

    fn begin_piece(&mut self) {
        self.piece.output = self.output;
        self.piece.compress = matches!(self.form, Form::Canonical { compress: true, .. });
    }
}

/// Key groups, each of which begins once: a second beginning would hide what stands at the first.
#[derive(Debug, Default)]
struct Ascending(Option<u32>);

impl Ascending {
    fn begin(&mut self, group: u32) -> Result<()> {
        if let Some(last) = self.0.replace(group).filter(|last| *last >= group) {
            return Err(Error::input(format!(
                "entries of key group {group} come behind those of key group {last}"
            )));
        }
        Ok(())
    }
}

/// Adds an entry to a heap group.
fn put_heap(writer: &mut HeapWriter, state: u16, entry: &Entry<'_>, value: &mut Vec<u8>) -> Result<()> {
    let known = |error| BackendError::format(&entry.state.name, error);
    value.clear();
    if entry.state.kind == StateKind::Timer {
        entry.put_composite_key(0, 0, value);
        writer.element(state, value);
        return Ok(());
    }
    let Some(key) = entry.key_parts().map_err(known)? else {
        return Ok(());
    };
    match (key.map_key, entry.value) {
        (Some(map_key), Payload::Null(_)) => writer.map_entry(state, key.namespace, key.key, map_key, None),
        (Some(map_key), value) => {
            writer.map_entry(state, key.namespace, key.key, map_key, Some(value.bytes()));
        }
        (None, _) => {
            entry.put_heap_value(value).map_err(known)?;
            writer.value(state, key.namespace, key.key, value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_piece_are_the_piece() {
        let bytes: Vec<u8> = (0..PIECE * 3 + 7).map(|n| (n % 251) as u8).collect();
        let end = bytes.len();
        let piece = Piece {
            output: 3,
            starts: vec![
                (4, 0),
                (5, 20),
                (6, PIECE),
                (7, PIECE * 3 - 1),
                (8, end - 1),
                (9, end),
            ],
            bytes,
            compress: true,
            ..Piece::default()
        };
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for part in piece.parts() {
            assert!(part.bytes.len() <= PIECE && part.compress && part.output == 3);
            let inside = part.starts.iter();
            starts.extend(inside.map(|(group, start)| (*group, bytes.len() + start)));
            bytes.extend(part.bytes);
        }
        assert!(bytes == piece.bytes);
        assert_eq!(starts, piece.starts);
    }

    #[test]
    fn a_key_group_begins_once() {
        for (second, refused) in [(8, false), (7, true), (6, true)] {
            let mut order = Ascending::default();
            order.begin(7).unwrap();
            let begun = order.begin(second).map_err(|error| error.to_string());
            let why = format!("entries of key group {second} come behind those of key group 7");
            assert_eq!(begun, if refused { Err(why) } else { Ok(()) });
        }
    }
}
