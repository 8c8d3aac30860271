//! What can be told of snapshot classes that nobody described.
//!
//! Their content has no length, so its end must follow from something else:
//! - a composite shows itself by its magic numbers;
//! - what is last in a frame ends with the frame;
//! - version 3 with something plausible right behind it is a `SimpleTypeSerializerSnapshot`,
//!   which stores nothing.

use super::composite::{MAGIC, NESTED_MARK, nested, outer_version};
use super::decode::{Place, Then};
use super::old_style::{ADAPTER_VERSION, OldContent};
use super::{Content, Outer};
use crate::error::{Error, Fault, Result};
use crate::reader::Reader;
use crate::text::{JavaString, JavaText};

/// Takes the content of an unknown class; `start` is where its name stands.
pub(super) fn content(
    r: &mut Reader<'_>,
    place: Place<'_>,
    start: &Reader<'_>,
    class: &JavaString,
    version: i32,
) -> Result<Content> {
    if version > 2 && r.rest().starts_with(&MAGIC.to_be_bytes()) {
        let mut attempt = r.clone();
        match composite(&mut attempt, place, class) {
            Err(_) if place.then == Then::End => {}
            other => {
                *r = attempt;
                return other;
            }
        }
    }
    match place.then {
        Then::End => Ok(Content::Opaque {
            bytes: r.take_rest().to_vec(),
        }),
        then if version == 3 && is_plausible_behind(r.rest(), then) => {
            Ok(Content::Opaque { bytes: Vec::new() })
        }
        _ => Err(unknown(start, class)),
    }
}

/// Takes the content of an unknown class behind framing version 1.
pub(super) fn old_content(
    r: &mut Reader<'_>,
    place: Place<'_>,
    start: &Reader<'_>,
    class: &JavaString,
) -> Result<OldContent> {
    match place.then {
        Then::End => Ok(OldContent::Opaque(r.take_rest().to_vec())),
        _ => Err(unknown(start, class)),
    }
}

fn composite(r: &mut Reader<'_>, place: Place<'_>, class: &JavaString) -> Result<Content> {
    let outer_version = outer_version(r)?;
    let outer = outer(r, class)?;
    Ok(Content::Composite {
        outer_version: Some(outer_version),
        outer,
        nested: nested(r, place)?,
    })
}

/// Takes the outer content of a composite: all that stands before its nested snapshots.
pub(super) fn outer(r: &mut Reader<'_>, class: &JavaString) -> Result<Outer> {
    let len = r
        .rest()
        .windows(NESTED_MARK.len())
        .position(|part| part == NESTED_MARK);
    let len = len.ok_or_else(|| unknown(r, class))?;
    Ok(Outer::Opaque(
        r.take(len, "outer content of a composite serializer snapshot")?
            .to_vec(),
    ))
}

fn unknown(at: &Reader<'_>, class: &JavaString) -> Error {
    at.fault(
        "serializer snapshot",
        Fault::UnknownClass(class.to_str().into_owned()),
    )
}

/// Whether `rest` may well begin with what stands behind a snapshot.
fn is_plausible_behind(rest: &[u8], then: Then) -> bool {
    if then == Then::Snapshot {
        return starts_with_snapshot(rest);
    }
    let behind = |len| rest.get(len..).unwrap_or_default();
    rest.is_empty()
        || starts_with_name(rest)
        || rest.starts_with(&[0, 0, 0, 2]) && starts_with_snapshot(behind(4))
        // The number of states behind a key serializer, and the first state's name.
        || starts_with_name(behind(2))
}

/// A class name and a version number.
fn starts_with_snapshot(rest: &[u8]) -> bool {
    let mut r = Reader::new(rest);
    let class = r.utf("class").is_ok_and(is_class_name);
    class
        && r.i32("version")
            .is_ok_and(|version| (0..256).contains(&version) || version == ADAPTER_VERSION)
}

/// A name that may be a state's, or the key of a map such as `NAMESPACE_SERIALIZER`.
fn starts_with_name(rest: &[u8]) -> bool {
    Reader::new(rest).utf("name").is_ok_and(|name| {
        let bytes = name.as_modified_utf8();
        !bytes.is_empty() && bytes.iter().all(|b| *b >= b' ' && *b != 0x7f)
    })
}

fn is_class_name(name: JavaText<'_>) -> bool {
    let bytes = name.as_modified_utf8();
    let legal = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'$' | b'_' | 0x80..);
    bytes.contains(&b'.') && !bytes.starts_with(b".") && bytes.iter().all(legal)
}
