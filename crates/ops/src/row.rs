//! Entries as rows: the JSON of `cat` and of every export.

use std::ops::Range;
use std::sync::Arc;

use serde_json::json;
use statetool_format::{Fault, Reader, Result as FormatResult};
use statetool_snapshot::{Entry, Error, Flow, KeyParts, Operator, Payload, Result, State, StoredKey};
use statetool_values::{Extent, Framing, JsonOptions, JsonWriter, Type, walk};

use crate::key::shown;
use crate::time::rfc3339;

macro_rules! fields {
    ($($name:literal),* $(,)?) => {
        /// The fields of a row, in order. The last two are there for timers and for operator state only.
        pub const FIELDS: [&str; 13] = [$($name),*];

        /// What stands in front of the value of a field that is not the first.
        const PREFIXES: [&str; FIELDS.len()] = [$(concat!(",\"", $name, "\":")),*];
    };
}

fields![
    "operator",
    "uid",
    "state",
    "kind",
    "key_group",
    "key",
    "namespace",
    "map_key",
    "index",
    "value",
    "expires_from",
    "timestamp",
    "subtask",
];

/// How many fields come before the key group; they are the same for all rows of a state.
const HEAD_FIELDS: usize = 4;

/// Where the values of a row's fields lie in the vector it was written to; empty for fields
/// that the row does not have.
pub type Spans = [Range<usize>; FIELDS.len()];

/// The first fields of the rows of a state, and where their values lie.
type Head = (Arc<State>, Vec<u8>, [Range<usize>; HEAD_FIELDS]);

/// Writes the entries of one operator as JSON rows.
pub struct RowWriter {
    operator: String,
    uid: Option<String>,
    options: JsonOptions,
    /// Whether errors may show keys and values.
    show_data: bool,
    /// Of each state met.
    heads: Vec<Head>,
    opaque: Vec<(String, String)>,
}

impl RowWriter {
    /// A writer for the entries of an operator.
    pub fn new(operator: &Operator<'_>, options: JsonOptions) -> Self {
        let (id, uid) = (operator.id().to_string(), operator.uid.clone());
        Self {
            operator: id,
            uid,
            options,
            show_data: false,
            heads: Vec::new(),
            opaque: Vec::new(),
        }
    }

    /// Whether errors show the key and the bytes of the entry that they are about.
    #[must_use]
    pub fn show_data(mut self, show_data: bool) -> Self {
        self.show_data = show_data;
        self
    }

    /// States of which something could not be interpreted, and why; each once.
    pub fn opaque(&self) -> &[(String, String)] {
        &self.opaque
    }

    /// Appends the rows of an entry to `out`, without line ends, and calls `each` after every
    /// one: a list has a row an element.
    ///
    /// # Errors
    /// Bytes that are not what the state's types say, and what `each` returns.
    pub fn write(
        &mut self,
        entry: &Entry<'_>,
        out: &mut Vec<u8>,
        mut each: impl FnMut(&mut Vec<u8>, &Spans) -> Result<Flow>,
    ) -> Result<Flow> {
        let mut spans = Spans::default();
        if !matches!(entry.value, Payload::Delimited(_) | Payload::Counted(_)) {
            let index = match entry.key {
                StoredKey::Element { index } => Some(index),
                _ => None,
            };
            self.write_row(entry, index, entry.value, out, &mut spans)
                .map_err(|error| undecodable(entry, &error, self.show_data))?;
            return each(out, &spans);
        }
        let mut elements = entry.elements();
        let mut index = 0_u64;
        while let Some(element) = elements
            .next_element()
            .map_err(|error| undecodable(entry, &error, self.show_data))?
        {
            spans = Spans::default();
            self.write_row(entry, Some(index), Payload::Value(element), out, &mut spans)
                .map_err(|error| undecodable(entry, &error, self.show_data))?;
            if each(out, &spans)?.is_break() {
                return Ok(Flow::Break(()));
            }
            index += 1;
        }
        Ok(Flow::Continue(()))
    }

    fn write_row(
        &mut self,
        entry: &Entry<'_>,
        index: Option<u64>,
        value: Payload<'_>,
        out: &mut Vec<u8>,
        spans: &mut Spans,
    ) -> FormatResult<()> {
        let state: &State = entry.state;
        self.write_head(entry.state, out, spans);
        let mut row = Row {
            out,
            spans,
            field: HEAD_FIELDS,
        };
        row.put(|out| push_number(out, entry.key_group));
        let parts = match self.key_parts(entry)? {
            KeyForm::None => KeyParts {
                key: &[],
                namespace: &[],
                map_key: entry.map_key()?,
                timestamp: None,
            },
            KeyForm::Parts(parts) => parts,
            KeyForm::Whole(bytes, class) => {
                row.put(|out| push_opaque(out, &class, bytes));
                KeyParts {
                    key: &[],
                    namespace: &[],
                    map_key: None,
                    timestamp: None,
                }
            }
        };
        if row.field == HEAD_FIELDS + 1 {
            row.try_put(|out| self.part(state, state.key.as_deref(), parts.key, out))?;
        }
        row.try_put(|out| self.part(state, state.namespace.as_deref(), parts.namespace, out))?;
        row.try_put(|out| match (state.map_key.as_deref(), parts.map_key) {
            (Some(ty), Some(bytes)) => self.json(state, ty, bytes, out).map(|_| ()),
            _ => push_null(out),
        })?;
        row.put(|out| push_number(out, index));
        let mut last_access = None;
        row.try_put(|out| match value {
            Payload::None | Payload::Null(_) => push_null(out),
            Payload::Value(bytes) | Payload::Delimited(bytes) | Payload::Counted(bytes) => {
                last_access = self.json(state, &state.value, bytes, out)?;
                Ok(())
            }
        })?;
        row.put(|out| match last_access {
            Some(millis) => push_json(out, &json!(rfc3339(millis))),
            None => out.extend_from_slice(b"null"),
        });
        match parts.timestamp {
            Some(timestamp) => row.put(|out| push_number(out, Some(timestamp))),
            None => row.skip(),
        }
        if entry.key_group.is_none() {
            row.put(|out| push_number(out, Some(entry.subtask)));
        }
        row.out.push(b'}');
        Ok(())
    }

    fn write_head(&mut self, state: &Arc<State>, out: &mut Vec<u8>, spans: &mut Spans) {
        let position = match self
            .heads
            .iter()
            .position(|(known, ..)| Arc::ptr_eq(known, state))
        {
            Some(position) => position,
            None => {
                self.heads.push(self.new_head(state));
                self.heads.len() - 1
            }
        };
        let Some((_, head, at)) = self.heads.get(position) else {
            return;
        };
        let start = out.len();
        out.extend_from_slice(head);
        for (span, at) in spans.iter_mut().zip(at) {
            *span = start + at.start..start + at.end;
        }
    }

    fn new_head(&self, state: &Arc<State>) -> (Arc<State>, Vec<u8>, [Range<usize>; HEAD_FIELDS]) {
        let mut head = Vec::new();
        let mut spans = Spans::default();
        let mut row = Row {
            out: &mut head,
            spans: &mut spans,
            field: 0,
        };
        row.put(|out| push_json(out, &json!(self.operator)));
        row.put(|out| push_json(out, &json!(self.uid)));
        row.put(|out| push_json(out, &json!(state.name)));
        row.put(|out| push_json(out, &json!(state.kind.name())));
        let [operator, uid, name, kind, ..] = spans;
        (state.clone(), head, [operator, uid, name, kind])
    }

    /// The key as far as it can be taken apart.
    fn key_parts<'a>(&mut self, entry: &Entry<'a>) -> FormatResult<KeyForm<'a>> {
        match (entry.key_parts(), entry.key) {
            (Ok(Some(parts)), _) => Ok(KeyForm::Parts(parts)),
            (Ok(None), _) => Ok(KeyForm::None),
            (Err(error), StoredKey::Composite(bytes)) => match error.fault() {
                Fault::UnknownClass(class) => {
                    self.note(entry.state, || error.fault().to_string());
                    Ok(KeyForm::Whole(bytes, class.clone()))
                }
                _ => Err(error),
            },
            (Err(error), _) => Err(error),
        }
    }

    /// A key or namespace; null where the state has none.
    fn part(
        &mut self,
        state: &State,
        ty: Option<&Type>,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> FormatResult<()> {
        match ty {
            Some(ty) if !bytes.is_empty() => self.json(state, ty, bytes, out).map(|_| ()),
            _ => push_null(out),
        }
    }

    /// One value as JSON; returns the time stamp of its TTL wrapper.
    fn json(
        &mut self,
        state: &State,
        ty: &Type,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> FormatResult<Option<i64>> {
        let r = &mut Reader::new(bytes);
        let mut writer = JsonWriter::new(out, self.options);
        let extent = walk(ty, r, Framing::Framed, &mut writer)?;
        let (last_access, opaque) = (writer.last_access(), writer.opaque_parts());
        if extent == Extent::Exact {
            r.finish("value")?;
        }
        if opaque > 0 {
            self.note(state, || match ty.opaque_parts().first() {
                Some(part) => format!("`{}`: {}", part.class, part.reason),
                None => format!("not all of `{}` describes itself", ty.name()),
            });
        }
        Ok(last_access)
    }

    fn note(&mut self, state: &State, reason: impl FnOnce() -> String) {
        if !self.opaque.iter().any(|(name, _)| *name == state.name) {
            self.opaque.push((state.name.clone(), reason()));
        }
    }
}

enum KeyForm<'a> {
    /// Operator state has no key.
    None,
    Parts(KeyParts<'a>),
    /// Nobody knows where the key ends; the class that would.
    Whole(&'a [u8], String),
}

/// A row that is being written.
struct Row<'o> {
    out: &'o mut Vec<u8>,
    spans: &'o mut Spans,
    field: usize,
}

impl Row<'_> {
    fn put(&mut self, value: impl FnOnce(&mut Vec<u8>)) {
        // The closure cannot fail.
        let _ = self.try_put(|out| {
            value(out);
            Ok(())
        });
    }

    fn try_put(&mut self, value: impl FnOnce(&mut Vec<u8>) -> FormatResult<()>) -> FormatResult<()> {
        let begin = self.out.len();
        let prefix = PREFIXES.get(self.field).copied().unwrap_or_default();
        self.out.extend_from_slice(prefix.as_bytes());
        if let (0, Some(first)) = (self.field, self.out.get_mut(begin)) {
            *first = b'{';
        }
        let start = self.out.len();
        value(self.out)?;
        if let Some(span) = self.spans.get_mut(self.field) {
            *span = start..self.out.len();
        }
        self.field += 1;
        Ok(())
    }

    fn skip(&mut self) {
        self.field += 1;
    }
}

fn push_null(out: &mut Vec<u8>) -> FormatResult<()> {
    out.extend_from_slice(b"null");
    Ok(())
}

fn push_json(out: &mut Vec<u8>, value: &serde_json::Value) {
    out.extend_from_slice(value.to_string().as_bytes());
}

fn push_number(out: &mut Vec<u8>, number: Option<impl itoa::Integer>) {
    match number {
        Some(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
}

fn push_opaque(out: &mut Vec<u8>, class: &str, bytes: &[u8]) {
    use statetool_values::Sink;
    JsonWriter::new(out, JsonOptions::default()).opaque(class, bytes);
}

/// An entry whose bytes are not what its state's types say.
pub(crate) fn undecodable(entry: &Entry<'_>, error: &statetool_format::Error, show_data: bool) -> Error {
    let at = match (entry.key_group, entry.offset) {
        (Some(group), Some(offset)) => format!("key group {group}, entry at offset {offset:#x}"),
        (Some(group), None) => format!("key group {group}"),
        (None, Some(offset)) => format!("element at offset {offset:#x}"),
        (None, None) => "element".to_owned(),
    };
    let place = format!("state `{}`, {at}", entry.state.name);
    let data = if show_data { data_of(entry) } else { String::new() };
    Error::input(format!("{place}: {error}{data}"))
        .hint("`statetool verify --deep` lists all entries that do not decode")
}

/// Key and value of an entry, as far as they help to find it: user data, for those who ask.
pub(crate) fn data_of(entry: &Entry<'_>) -> String {
    const MAX_BYTES: usize = 64;
    let hex = |bytes: &[u8]| {
        let shown = bytes.iter().take(MAX_BYTES).map(|byte| format!("{byte:02x}"));
        let more = if bytes.len() > MAX_BYTES { "…" } else { "" };
        format!("{}{more}", shown.collect::<String>())
    };
    let key = match (entry.key_parts(), entry.key) {
        (Ok(Some(parts)), _) => format!("key {}", shown(entry.state.key.as_deref(), parts.key)),
        (_, StoredKey::Composite(bytes)) => format!("key bytes {}", hex(bytes)),
        _ => "no key".to_owned(),
    };
    format!(" ({key}, value bytes {})", hex(entry.value.bytes()))
}
