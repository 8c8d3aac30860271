//! What the tests of this crate share.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(unreachable_pub, reason = "a module of several test crates")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use statetool_format::serializer::{
    Content, Frame, OptionalEntry, Outer, PojoContent, PojoField, SerializerSnapshot,
};
use statetool_format::{JavaString, Reader, Result};
use statetool_values::{Extent, Framing, JsonOptions, JsonWriter, KryoGeneration, Skip, Type, walk};

/// Bytes from hexadecimal digits; blanks and bars are for people.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|c| c.to_digit(16))
        .map(|d| d as u8)
        .collect();
    assert_eq!(digits.len() % 2, 0, "{text}");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

pub fn java(text: &str) -> JavaString {
    JavaString::new(text).unwrap()
}

pub fn snapshot(class: &str, content: Content) -> SerializerSnapshot {
    SerializerSnapshot {
        class: java(class),
        version: 3,
        content,
    }
}

/// The snapshot of a serializer without parameters.
pub fn simple(name: &str) -> SerializerSnapshot {
    snapshot(
        &format!("org.apache.flink.x.{name}Serializer${name}SerializerSnapshot"),
        Content::Simple,
    )
}

pub fn composite(name: &str, outer: Outer, nested: Vec<SerializerSnapshot>) -> SerializerSnapshot {
    let class = format!("org.apache.flink.x.{name}SerializerSnapshot");
    snapshot(
        &class,
        Content::Composite {
            outer_version: Some(2),
            outer,
            nested,
        },
    )
}

pub fn pojo(class: &str, fields: Vec<(&str, SerializerSnapshot)>) -> PojoContent {
    let fields = fields.into_iter().map(|(name, snapshot)| OptionalEntry {
        name: java(name),
        key: Some(Frame::Known(PojoField {
            declaring_class: java(class),
            name: java(name),
        })),
        value: Some(Frame::Known(snapshot)),
    });
    PojoContent {
        class: java(class),
        fields: fields.collect(),
        registered: vec![],
        non_registered: vec![],
    }
}

pub fn subclass(class: &str, snapshot: SerializerSnapshot) -> OptionalEntry<(), SerializerSnapshot> {
    OptionalEntry {
        name: java(class),
        key: Some(Frame::Known(())),
        value: Some(Frame::Known(snapshot)),
    }
}

pub fn type_of(snapshot: &SerializerSnapshot) -> Type {
    Type::of(snapshot, KryoGeneration::V2)
}

/// The JSON of one value that fills `bytes`.
pub fn json(ty: &Type, bytes: &[u8]) -> Result<String> {
    let mut r = Reader::new(bytes);
    let mut out = Vec::new();
    let extent = walk(
        ty,
        &mut r,
        Framing::Framed,
        &mut JsonWriter::new(&mut out, JsonOptions::default()),
    )?;
    r.finish("value")?;
    if extent == Extent::Exact {
        let mut skipped = Reader::new(bytes);
        assert_eq!(
            walk(ty, &mut skipped, Framing::Unframed, &mut Skip)?,
            Extent::Exact
        );
        skipped.finish("value")?;
    }
    Ok(String::from_utf8(out).unwrap())
}
