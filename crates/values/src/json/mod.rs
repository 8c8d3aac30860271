//! Values as compact JSON, written straight from the bytes they are decoded from.

mod text;
mod time;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::sink::Sink;
use crate::text::Text;
use crate::types::FieldName;
use crate::value::{LocalDate, Value};

pub(crate) use text::push_str;

/// How values are written where there is a choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JsonOptions {
    /// Write `long` as a string, for readers that hold numbers as doubles.
    pub long_as_string: bool,
}

/// A [`Sink`] that appends compact JSON to a vector.
///
/// Wrappers of TTL do not appear; [`JsonWriter::last_access`] has the time stamp. After an
/// error of the decoder what was appended is incomplete; cut the vector back.
#[derive(Debug)]
pub struct JsonWriter<'o> {
    out: &'o mut Vec<u8>,
    options: JsonOptions,
    /// Class to write into the object that begins next.
    class: Option<String>,
    maps: Vec<MapState>,
    last_access: Option<i64>,
    opaque: u64,
}

/// A map that has begun.
#[derive(Debug, Clone, Copy)]
struct MapState {
    /// Where its text begins.
    start: usize,
    /// Where its latest key begins.
    key: usize,
    /// Whether it is an object rather than an array of pairs.
    object: bool,
}

impl<'o> JsonWriter<'o> {
    /// A writer that appends to `out`.
    pub fn new(out: &'o mut Vec<u8>, options: JsonOptions) -> Self {
        Self {
            out,
            options,
            class: None,
            maps: Vec::new(),
            last_access: None,
            opaque: 0,
        }
    }

    /// The time stamp of the last TTL wrapper, in epoch milliseconds.
    pub fn last_access(&self) -> Option<i64> {
        self.last_access
    }

    /// How many parts could not be interpreted.
    pub fn opaque_parts(&self) -> u64 {
        self.opaque
    }

    fn integer(&mut self, v: impl itoa::Integer) {
        self.out
            .extend_from_slice(itoa::Buffer::new().format(v).as_bytes());
    }

    fn number(&mut self, v: impl zmij::Float, class: std::num::FpCategory, negative: bool) {
        use std::num::FpCategory;
        match (class, negative) {
            (FpCategory::Nan, _) => self.out.extend_from_slice(b"\"NaN\""),
            (FpCategory::Infinite, false) => self.out.extend_from_slice(b"\"Infinity\""),
            (FpCategory::Infinite, true) => self.out.extend_from_slice(b"\"-Infinity\""),
            _ => self
                .out
                .extend_from_slice(zmij::Buffer::new().format_finite(v).as_bytes()),
        }
    }

    fn base64(&mut self, bytes: &[u8]) {
        let start = self.out.len();
        self.out.resize(start + bytes.len().div_ceil(3) * 4, 0);
        if let Some(space) = self.out.get_mut(start..) {
            // The space is exactly what the padded form needs.
            let written = STANDARD.encode_slice(bytes, space).unwrap_or_default();
            self.out.truncate(start + written);
        }
    }

    fn quoted(&mut self, text: impl std::fmt::Display) {
        use std::io::Write;
        // Writing to a vector cannot fail.
        let _ = write!(self.out, "\"{text}\"");
    }

    #[inline]
    fn separate(&mut self) {
        // Only objects can show the class; whatever else came after it could not.
        self.class = None;
        if !matches!(self.out.last(), Some(b'[' | b'{')) {
            self.out.push(b',');
        }
    }

    fn begin_braces(&mut self) {
        self.out.push(b'{');
        if let Some(class) = self.class.take() {
            self.out.extend_from_slice(b"\"@class\":");
            push_str(self.out, &class);
        }
    }

    /// Turns the entries written so far from members of an object into pairs, because a key
    /// turned up that is not a string.
    #[cold]
    fn object_to_pairs(&mut self, map: MapState) {
        let tail = self.out.split_off(map.key);
        let written = self.out.split_off(map.start);
        self.out.push(b'[');
        let mut rest = written.get(1..).unwrap_or_default();
        while let Some((key, after)) = text::split_string(rest) {
            let (value, after) = text::split_value(after.get(1..).unwrap_or_default());
            self.separate();
            self.out.push(b'[');
            self.out.extend_from_slice(key);
            self.out.push(b',');
            self.out.extend_from_slice(value);
            self.out.push(b']');
            rest = after.strip_prefix(b",").unwrap_or(after);
        }
        self.separate();
        self.out.push(b'[');
        self.out.extend_from_slice(&tail);
    }
}

impl Sink for JsonWriter<'_> {
    fn null(&mut self) {
        self.class = None;
        self.out.extend_from_slice(b"null");
    }
    fn boolean(&mut self, v: bool) {
        self.out.extend_from_slice(if v { b"true" } else { b"false" });
    }
    fn byte(&mut self, v: i8) {
        self.integer(v);
    }
    fn short(&mut self, v: i16) {
        self.integer(v);
    }
    fn char(&mut self, v: u16) {
        self.out.push(b'"');
        text::push_units(self.out, [v].into_iter());
        self.out.push(b'"');
    }
    fn int(&mut self, v: i32) {
        self.integer(v);
    }
    #[inline]
    fn long(&mut self, v: i64) {
        match self.options.long_as_string {
            false => self.integer(v),
            true => {
                self.out.push(b'"');
                self.integer(v);
                self.out.push(b'"');
            }
        }
    }
    fn float(&mut self, v: f32) {
        self.number(v, v.classify(), v.is_sign_negative());
    }
    fn double(&mut self, v: f64) {
        self.number(v, v.classify(), v.is_sign_negative());
    }
    #[inline]
    fn string(&mut self, text: Text<'_>) {
        text::push_text(self.out, text);
    }
    fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(b"{\"@bytes\":\"");
        self.base64(bytes);
        self.out.extend_from_slice(b"\"}");
    }
    fn big_integer(&mut self, twos_complement: &[u8]) {
        self.out.push(b'"');
        text::push_big_integer(self.out, twos_complement);
        self.out.push(b'"');
    }
    fn decimal(&mut self, unscaled: &[u8], scale: i32) {
        self.out.push(b'"');
        text::push_decimal(self.out, unscaled, scale);
        self.out.push(b'"');
    }
    fn instant(&mut self, seconds: i64, nanos: u32) {
        self.quoted(time::Instant(seconds, nanos));
    }
    fn local_date(&mut self, date: LocalDate) {
        self.quoted(date);
    }
    fn local_time(&mut self, nanos: u64) {
        self.quoted(time::TimeOfDay(nanos));
    }
    fn local_date_time(&mut self, date: LocalDate, nanos: u64) {
        self.quoted(format_args!("{date}T{}", time::TimeOfDay(nanos)));
    }
    fn uuid(&mut self, v: u128) {
        self.quoted(text::Uuid(v));
    }
    fn enum_constant(&mut self, _: i32, name: &str) {
        push_str(self.out, name);
    }
    fn window(&mut self, start: i64, end: i64) {
        self.out.extend_from_slice(b"{\"start\":");
        self.long(start);
        self.out.extend_from_slice(b",\"end\":");
        self.long(end);
        self.out.push(b'}');
    }
    fn ttl(&mut self, last_access: i64) {
        self.last_access = Some(last_access);
    }

    fn begin_list(&mut self, _: usize) {
        self.class = None;
        self.out.push(b'[');
    }
    fn end_list(&mut self) {
        self.out.push(b']');
    }
    fn begin_tuple(&mut self, arity: usize) {
        self.begin_list(arity);
    }
    fn end_tuple(&mut self) {
        self.end_list();
    }
    fn item(&mut self) {
        self.separate();
    }

    fn begin_map(&mut self, _: usize, string_keys: bool) {
        self.class = None;
        let start = self.out.len();
        self.maps.push(MapState {
            start,
            key: start,
            object: string_keys,
        });
        self.out.push(if string_keys { b'{' } else { b'[' });
    }
    fn map_key(&mut self) {
        self.separate();
        let Some(map) = self.maps.last_mut() else { return };
        map.key = self.out.len();
        if !map.object {
            self.out.push(b'[');
        }
    }
    fn map_value(&mut self) {
        let Some(map) = self.maps.last_mut() else { return };
        if map.object && self.out.get(map.key) != Some(&b'"') {
            map.object = false;
            let mut map = *map;
            // The separator before the key belongs to neither part.
            if map.key > map.start + 1 {
                self.out.remove(map.key - 1);
                map.key -= 1;
            }
            self.object_to_pairs(map);
        }
        let object = self.maps.last().is_some_and(|map| map.object);
        self.out.push(if object { b':' } else { b',' });
    }
    fn end_entry(&mut self) {
        if self.maps.last().is_some_and(|map| !map.object) {
            self.out.push(b']');
        }
    }
    fn end_map(&mut self) {
        let object = self.maps.pop().is_some_and(|map| map.object);
        self.out.push(if object { b'}' } else { b']' });
    }

    fn subclass(&mut self, class: &str) {
        self.class = Some(class.to_owned());
    }
    fn begin_object(&mut self) {
        self.begin_braces();
    }
    #[inline]
    fn field(&mut self, name: &FieldName) {
        self.separate();
        self.out.extend_from_slice(name.as_json_key());
    }
    fn field_named(&mut self, name: &str) {
        self.separate();
        push_str(self.out, name);
        self.out.push(b':');
    }
    fn end_object(&mut self) {
        self.out.push(b'}');
    }

    fn begin_row(&mut self, kind: u8, named: bool) {
        self.class = None;
        let kind = (kind != 0).then(|| row_kind(kind));
        match (kind, named) {
            (None, false) => self.out.push(b'['),
            (None, true) => self.out.push(b'{'),
            (Some(kind), false) => {
                self.out.extend_from_slice(b"{\"@kind\":");
                push_str(self.out, kind);
                self.out.extend_from_slice(b",\"fields\":[");
            }
            (Some(kind), true) => {
                self.out.extend_from_slice(b"{\"@kind\":");
                push_str(self.out, kind);
            }
        }
    }
    fn end_row(&mut self, kind: u8, named: bool) {
        self.out.extend_from_slice(match (kind, named) {
            (0, false) => b"]",
            (_, true) => b"}",
            (_, false) => b"]}",
        });
    }
    fn begin_either(&mut self, right: bool) {
        self.class = None;
        self.out
            .extend_from_slice(if right { b"{\"right\":" } else { b"{\"left\":" });
    }
    fn end_either(&mut self) {
        self.out.push(b'}');
    }

    fn opaque(&mut self, class: &str, bytes: &[u8]) {
        self.class = None;
        self.opaque += 1;
        self.out.extend_from_slice(b"{\"@opaque\":");
        push_str(self.out, class);
        self.out.extend_from_slice(b",\"@bytes\":\"");
        self.base64(bytes);
        self.out.extend_from_slice(b"\"}");
    }
}

/// The names of Flink's `RowKind`.
pub fn row_kind(kind: u8) -> &'static str {
    match kind {
        0 => "INSERT",
        1 => "UPDATE_BEFORE",
        2 => "UPDATE_AFTER",
        _ => "DELETE",
    }
}

impl Value {
    /// The value as compact JSON.
    pub fn to_json(&self, options: JsonOptions) -> String {
        let mut out = Vec::new();
        self.emit(&mut JsonWriter::new(&mut out, options));
        String::from_utf8_lossy(&out).into_owned()
    }
}
