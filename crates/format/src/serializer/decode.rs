//! Reading and writing one snapshot: class, version, and the choice of a layout.

use std::cell::Cell;

use super::layout::{Layout, OwnLayout, layout};
use super::old_style::{self, ADAPTER_VERSION, OldStyle};
use super::text::string;
use super::{
    Content, KryoContent, PojoContent, SerializerSnapshot, avro, composite, simple, statefun, table_runtime,
    unknown,
};
use crate::encode::{Encode, Put};
use crate::error::{Error, Fault, Result};
use crate::reader::Reader;
use crate::text::JavaString;

/// How deep snapshots may nest.
pub const MAX_DEPTH: u32 = 128;

/// How many snapshots and entries of maps one snapshot may consist of.
///
/// A row of a thousand columns has about as many; each takes far more memory than the few
/// bytes that a hostile file needs for it.
pub const MAX_PARTS: u32 = 1 << 16;

/// Fewest bytes of a snapshot: an empty class name and a version.
pub(super) const SMALLEST: usize = 6;

const FRAMING: i32 = 2;
const OLD_FRAMING: i32 = 1;

/// What is known of the place at which something is read.
#[derive(Clone, Copy)]
pub(super) struct Place<'c> {
    depth: u32,
    parts: &'c Cell<u32>,
    /// What stands behind the snapshot.
    pub(super) then: Then,
}

/// What stands behind a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Another snapshot.
    Snapshot,
    /// The end of the reader, which is the frame of the snapshot.
    End,
    /// Something that only the caller of the decoder knows.
    Unknown,
}

impl<'c> Place<'c> {
    fn root(parts: &'c Cell<u32>) -> Self {
        Self {
            depth: 0,
            parts,
            then: Then::Unknown,
        }
    }

    /// The same place with something else behind it.
    pub(super) fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }

    /// Counts one more snapshot or entry.
    pub(super) fn count_part(self, r: &Reader<'_>) -> Result<()> {
        let parts = self.parts.get() + 1;
        if parts > MAX_PARTS {
            let fault = Fault::TooLarge {
                got: parts.into(),
                limit: MAX_PARTS.into(),
            };
            return Err(r.fault("parts of a serializer snapshot", fault));
        }
        self.parts.set(parts);
        Ok(())
    }

    fn deeper(self, r: &Reader<'_>) -> Result<Self> {
        if self.depth >= MAX_DEPTH {
            return Err(r.fault("serializer snapshot", Fault::TooDeep(MAX_DEPTH)));
        }
        self.count_part(r)?;
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl SerializerSnapshot {
    /// Decodes a snapshot without a proxy, as Flink nests them in other snapshots.
    ///
    /// # Errors
    /// [`Fault::UnknownClass`] names the class that makes the rest unreadable.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self> {
        snapshot(r, Place::root(&Cell::new(0)))
    }

    /// Decodes a snapshot with its proxy, as Flink writes them everywhere else.
    ///
    /// # Errors
    /// As for [`SerializerSnapshot::decode`].
    pub fn decode_proxied(r: &mut Reader<'_>) -> Result<Self> {
        proxied(r, Place::root(&Cell::new(0)))
    }

    /// Appends the snapshot with its proxy.
    pub fn encode_proxied(&self, out: &mut Vec<u8>) {
        let old = matches!(&self.content, Content::OldStyle(old) if old.adapter.is_none());
        out.put_i32(if old { OLD_FRAMING } else { FRAMING });
        self.encode(out);
    }
}

impl super::ResilienceTable {
    /// Decodes a table, as Flink 1.6 and earlier wrote them for each state's serializers.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self> {
        old_style::table(r, Place::root(&Cell::new(0)))
    }
}

/// Reads a snapshot behind a proxy.
pub(super) fn proxied(r: &mut Reader<'_>, place: Place<'_>) -> Result<SerializerSnapshot> {
    let at = r.offset();
    match r.i32("framing version of a serializer snapshot")? {
        FRAMING => snapshot(r, place),
        OLD_FRAMING => old_snapshot(r, place),
        got => {
            let fault = Fault::Unknown {
                got: got.into(),
                expected: "1 or 2",
            };
            Err(Error::new(at, "framing version of a serializer snapshot", fault))
        }
    }
}

/// Reads a snapshot without a proxy.
pub(super) fn snapshot(r: &mut Reader<'_>, place: Place<'_>) -> Result<SerializerSnapshot> {
    let place = place.deeper(r)?;
    let start = r.clone();
    let class = string(r, "class of a serializer snapshot")?;
    let version = r.i32("version of a serializer snapshot")?;
    let content = match layout(&class) {
        Some(layout) => content(r, place, &class, version, layout)?,
        None => unknown::content(r, place, &start, &class, version)?,
    };
    Ok(SerializerSnapshot {
        class,
        version,
        content,
    })
}

/// Reads what follows framing version 1, which only `TypeSerializerConfigSnapshot`s have.
fn old_snapshot(r: &mut Reader<'_>, place: Place<'_>) -> Result<SerializerSnapshot> {
    let place = place.deeper(r)?;
    let start = r.clone();
    let class = string(r, "class of a serializer snapshot")?;
    let version = r.i32("version of a serializer snapshot")?;
    let content = match layout(&class) {
        Some(Layout::Old(layout) | Layout::Renewed(layout, _)) => {
            old_style::content(r, place, &class, version, layout)?
        }
        Some(_) => {
            return Err(start.invalid(
                "serializer snapshot",
                format!("`{class}` does not go with framing version 1"),
            ));
        }
        None => unknown::old_content(r, place, &start, &class)?,
    };
    Ok(SerializerSnapshot {
        class,
        version,
        content: Content::OldStyle(OldStyle {
            adapter: None,
            content,
        }),
    })
}

fn content(
    r: &mut Reader<'_>,
    place: Place<'_>,
    class: &JavaString,
    version: i32,
    layout: Layout,
) -> Result<Content> {
    match (layout, version) {
        (Layout::Simple, 3) => Ok(Content::Simple),
        (Layout::Simple, 2) => simple::named(r),
        (Layout::Generic, 2) => simple::generic(r),
        (Layout::Composite(current, outer), 1..=3) => {
            composite::decode(r, place, class, version, current, outer)
        }
        (Layout::Renewed(_, outer), 2) => composite::decode(r, place, class, version, 2, outer),
        (Layout::Old(layout), ADAPTER_VERSION) => old_style::adapted(r, place, class, layout),
        (Layout::Own(layout), _) if layout.versions().contains(&version) => own(r, place, version, layout),
        _ => Err(unknown_version(r, class, version)),
    }
}

fn own(r: &mut Reader<'_>, place: Place<'_>, version: i32, layout: OwnLayout) -> Result<Content> {
    match layout {
        OwnLayout::Pojo => PojoContent::decode(r, place).map(Content::Pojo),
        OwnLayout::Kryo => KryoContent::decode(r, place).map(Content::Kryo),
        OwnLayout::Avro => avro::decode(r, version),
        OwnLayout::Enum => simple::java_enum(r),
        OwnLayout::ScalaEnum => simple::scala_enum(r),
        OwnLayout::TtlAware => composite::ttl_aware(r, place),
        OwnLayout::StateFunProtobuf => statefun::protobuf(r),
        OwnLayout::StateFunRemoteValue => statefun::remote_value(r),
        OwnLayout::StateFunMessage => statefun::message(r, version),
        OwnLayout::RowData
        | OwnLayout::BinaryRowData
        | OwnLayout::ArrayData
        | OwnLayout::MapData
        | OwnLayout::SortedMap
        | OwnLayout::Decimal
        | OwnLayout::Timestamp
        | OwnLayout::RowDataKey => table_runtime::decode(r, place, layout),
    }
}

/// The error about a version that no known release of Flink wrote.
pub(super) fn unknown_version(r: &Reader<'_>, class: &JavaString, version: i32) -> Error {
    let why = match version {
        ADAPTER_VERSION => format!("`{class}` was never written by the adapter of Flink 1.7"),
        _ => format!("version {version} of `{class}` is not known"),
    };
    r.invalid("content of a serializer snapshot", why)
}

impl Encode for SerializerSnapshot {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_utf(self.class.as_text());
        out.put_i32(self.version);
        encode_content(&self.content, self.version, out);
    }
}

fn encode_content(content: &Content, version: i32, out: &mut Vec<u8>) {
    match content {
        Content::Simple => {}
        Content::NamedSimple { serializer } => out.put_utf(serializer.as_text()),
        Content::Generic { class } => out.put_utf(class.as_text()),
        Content::Composite {
            outer_version,
            outer,
            nested,
        } => composite::encode(*outer_version, outer, nested, out),
        Content::Pojo(pojo) => pojo.encode(out),
        Content::Enum { class, constants } => simple::put_java_enum(class, constants, out),
        Content::ScalaEnum { class, constants } => simple::put_scala_enum(class, constants, out),
        Content::Avro {
            runtime_class,
            schema,
        } => avro::encode(runtime_class.as_ref(), schema, version, out),
        Content::Kryo(kryo) => kryo.encode(out),
        Content::TtlAware { enabled, inner } => {
            out.put_bool(*enabled);
            inner.encode(out);
        }
        Content::OldStyle(old) => old.encode(out),
        Content::Opaque { bytes } => out.put(bytes),
        Content::RowData { .. }
        | Content::BinaryRowData { .. }
        | Content::ArrayData { .. }
        | Content::MapData { .. }
        | Content::SortedMap { .. }
        | Content::Decimal { .. }
        | Content::Timestamp { .. }
        | Content::RowDataKey { .. } => table_runtime::encode(content, out),
        Content::StateFunProtobuf { .. }
        | Content::StateFunRemoteValue { .. }
        | Content::StateFunMessage { .. } => statefun::encode(content, out),
    }
}

/// Reads a boolean as Java writes it. Java would take any other byte for true, but that
/// could not be written back.
pub(super) fn flag(r: &mut Reader<'_>, what: &'static str) -> Result<bool> {
    let at = r.offset();
    match r.u8(what)? {
        0 => Ok(false),
        1 => Ok(true),
        got => Err(Error::new(
            at,
            what,
            Fault::Unknown {
                got: got.into(),
                expected: "0 or 1",
            },
        )),
    }
}

/// Reads an `i32` count and that many things of at least `smallest` bytes.
pub(super) fn list<'a, T>(
    r: &mut Reader<'a>,
    smallest: usize,
    what: &'static str,
    mut one: impl FnMut(&mut Reader<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    let count = r.count(smallest, what)?;
    (0..count).map(|_| one(r)).collect()
}
