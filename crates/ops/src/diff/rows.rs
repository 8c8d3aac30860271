//! Differences of entries as rows of JSON, modelled on those of `cat`.

use statetool_snapshot::{Entry, Error, Flow, Operator, Payload, Result};
use statetool_values::JsonOptions;

use super::found::{Change, Found};
use super::values::{Comparison, decode};
use crate::row::{RowWriter, Spans, undecodable};

/// Rows, one after the other, each ended by a newline.
#[derive(Debug, Default)]
pub struct Rows {
    /// The text.
    pub text: Vec<u8>,
    /// Of each row the place of its state in the report's list, which is complete when all rows are.
    pub states: Vec<usize>,
    pub(super) warnings: Vec<(String, String)>,
    /// Why there are no more.
    pub(super) failed: Option<Error>,
}

/// How rows are written.
#[derive(Clone, Copy)]
pub(super) struct RowOptions<'o> {
    pub(super) operator: &'o Operator<'o>,
    pub(super) json: JsonOptions,
    pub(super) show_data: bool,
    pub(super) ignore_ttl: bool,
    /// Whether a key is in the same key group on both sides.
    pub(super) key_groups: bool,
}

/// Where the fields of `cat`'s rows lie that are needed here.
const MAP_KEY: usize = 7;
const VALUE: usize = 9;
const EXPIRES_FROM: usize = 10;
const TIMESTAMP: usize = 11;

/// Makes rows of differences.
pub(super) fn rows(found: &Found, options: RowOptions<'_>) -> Rows {
    let mut rows = Rows::default();
    let writer = RowWriter::new(options.operator, options.json).show_data(options.show_data);
    let mut maker = Maker {
        writer,
        options,
        space: Vec::new(),
    };
    let mut entries = found.entries.entries();
    for (change, rank) in &found.changes {
        let first = entries.next();
        let (before, after) = match change {
            Change::Added => (None, first),
            Change::Removed => (first, None),
            Change::Changed => (first, entries.next()),
        };
        let start = rows.text.len();
        if let Err(error) = maker.put(*change, before.as_ref(), after.as_ref(), &mut rows.text) {
            rows.text.truncate(start);
            rows.failed = Some(error);
            break;
        }
        rows.text.push(b'\n');
        rows.states.push(*rank);
    }
    rows.warnings = maker.writer.opaque().to_vec();
    rows
}

struct Maker<'o> {
    writer: RowWriter,
    options: RowOptions<'o>,
    space: Vec<u8>,
}

impl Maker<'_> {
    fn put(
        &mut self,
        change: Change,
        before: Option<&Entry<'_>>,
        after: Option<&Entry<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let Some(named) = before.or(after) else {
            return Ok(());
        };
        out.extend_from_slice(b"{\"change\":\"");
        out.extend_from_slice(change.name().as_bytes());
        out.extend_from_slice(b"\",");
        self.put_key(named, out)?;
        let mut expires = None;
        for (name, side) in [("before", before), ("after", after)] {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            match side {
                Some(entry) => expires = self.put_value(entry, out)?,
                None => out.extend_from_slice(b"null"),
            }
        }
        out.extend_from_slice(b",\"expires_from\":");
        out.extend_from_slice(expires.as_deref().unwrap_or(b"null"));
        out.extend_from_slice(b",\"paths\":[");
        if let (Some(before), Some(after)) = (before, after) {
            self.put_paths(before, after, out)?;
        }
        out.extend_from_slice(b"]}");
        Ok(())
    }

    /// Appends the fields that tell the entry from others.
    fn put_key(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) -> Result<()> {
        let entry = Entry {
            value: Payload::None,
            key_group: entry.key_group.filter(|_| self.options.key_groups),
            ..*entry
        };
        self.space.clear();
        let mut place = Spans::default();
        let _ = self.writer.write(&entry, &mut self.space, |_, spans| {
            place = spans.clone();
            Ok(Flow::Continue(()))
        })?;
        let text = |from: usize, to: usize| self.space.get(from..to).unwrap_or_default();
        let span = |field: usize| place.get(field).cloned().unwrap_or_default();
        out.extend_from_slice(text(1, span(MAP_KEY).end));
        if !span(TIMESTAMP).is_empty() {
            out.extend_from_slice(b",\"timestamp\":");
            out.extend_from_slice(text(span(TIMESTAMP).start, span(TIMESTAMP).end));
        }
        Ok(())
    }

    /// Appends the value, of a list all elements; returns the time stamp of a TTL.
    fn put_value(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) -> Result<Option<Vec<u8>>> {
        let is_list = matches!(entry.value, Payload::Delimited(_) | Payload::Counted(_));
        self.space.clear();
        let mut expires = None;
        let start = out.len();
        let _ = self.writer.write(entry, &mut self.space, |text, spans| {
            let field = |field: usize| {
                let span = spans.get(field).cloned().unwrap_or_default();
                text.get(span).unwrap_or_default()
            };
            if out.len() > start {
                out.push(b',');
            }
            out.extend_from_slice(field(VALUE));
            expires = Some(field(EXPIRES_FROM).to_vec()).filter(|_| !is_list);
            text.clear();
            Ok(Flow::Continue(()))
        })?;
        if is_list {
            out.insert(start, b'[');
            out.push(b']');
        }
        Ok(expires)
    }

    fn put_paths(&mut self, before: &Entry<'_>, after: &Entry<'_>, out: &mut Vec<u8>) -> Result<()> {
        let show_data = self.options.show_data;
        let decoded = |entry| decode(entry).map_err(|error| undecodable(entry, &error, show_data));
        let mut comparison = Comparison::new(self.options.json, self.options.ignore_ttl);
        comparison.entries(&decoded(before)?, &decoded(after)?);
        for (index, path) in comparison.found.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            path.write(out);
        }
        Ok(())
    }
}
