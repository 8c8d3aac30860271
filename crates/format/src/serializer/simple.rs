//! Snapshots that name a class and little more: simple ones, generic ones, and enums.

use super::Content;
use super::decode::list;
use super::text::string;
use crate::encode::Put;
use crate::error::Result;
use crate::reader::Reader;
use crate::text::JavaString;

/// `SimpleTypeSerializerSnapshot` as Flink 1.7 writes it.
pub(super) fn named(r: &mut Reader<'_>) -> Result<Content> {
    Ok(Content::NamedSimple {
        serializer: string(r, "serializer class")?,
    })
}

/// `GenericTypeSerializerSnapshot`.
pub(super) fn generic(r: &mut Reader<'_>) -> Result<Content> {
    Ok(Content::Generic {
        class: string(r, "value class")?,
    })
}

/// `EnumSerializerSnapshot`: the class, and the names of the constants.
pub(super) fn java_enum(r: &mut Reader<'_>) -> Result<Content> {
    Ok(Content::Enum {
        class: string(r, "enum class")?,
        constants: constants(r)?,
    })
}

/// `ScalaEnumSerializerSnapshot`: the class, and the names and ids of the constants.
pub(super) fn scala_enum(r: &mut Reader<'_>) -> Result<Content> {
    Ok(Content::ScalaEnum {
        class: string(r, "enumeration class")?,
        constants: numbered_constants(r)?,
    })
}

/// The constants of a Java enum.
pub(super) fn constants(r: &mut Reader<'_>) -> Result<Vec<JavaString>> {
    list(r, 2, "enum constants", |r| string(r, "enum constant"))
}

/// The constants of a Scala enumeration.
pub(super) fn numbered_constants(r: &mut Reader<'_>) -> Result<Vec<(JavaString, i32)>> {
    list(r, 6, "enumeration constants", |r| {
        Ok((
            string(r, "enumeration constant")?,
            r.i32("id of an enumeration constant")?,
        ))
    })
}

/// Writes what [`java_enum`] reads.
pub(super) fn put_java_enum(class: &JavaString, constants: &[JavaString], out: &mut Vec<u8>) {
    out.put_utf(class.as_text());
    out.put_count(constants.len());
    constants.iter().for_each(|name| out.put_utf(name.as_text()));
}

/// Writes what [`scala_enum`] reads.
pub(super) fn put_scala_enum(class: &JavaString, constants: &[(JavaString, i32)], out: &mut Vec<u8>) {
    out.put_utf(class.as_text());
    out.put_count(constants.len());
    for (name, id) in constants {
        out.put_utf(name.as_text());
        out.put_i32(*id);
    }
}
