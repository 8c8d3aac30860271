//! Snapshots of the Table runtime that belong to no family.
//!
//! Java object streams have no length in front of them; each is a stream of its own.

use super::Content;
use super::composite::{nested, put_nested};
use super::decode::{Place, list, snapshot};
use super::layout::OwnLayout;
use crate::encode::{Encode, Put};
use crate::error::Result;
use crate::java::JavaStream;
use crate::reader::Reader;

/// Fewest bytes of a Java object stream: header and null.
const SMALLEST_STREAM: usize = 5;

pub(super) fn decode(r: &mut Reader<'_>, place: Place<'_>, layout: OwnLayout) -> Result<Content> {
    Ok(match layout {
        OwnLayout::BinaryRowData => Content::BinaryRowData {
            arity: r.i32("arity of a binary row")?,
        },
        OwnLayout::ArrayData => Content::ArrayData {
            element_type: JavaStream::decode(r)?,
            element_serializer: JavaStream::decode(r)?,
        },
        OwnLayout::MapData => Content::MapData {
            key_type: JavaStream::decode(r)?,
            value_type: JavaStream::decode(r)?,
            key_serializer: JavaStream::decode(r)?,
            value_serializer: JavaStream::decode(r)?,
        },
        OwnLayout::SortedMap => Content::SortedMap {
            comparator: JavaStream::decode(r)?,
            nested: nested(r, place)?,
        },
        OwnLayout::Decimal => Content::Decimal {
            precision: r.i32("precision of a decimal")?,
            scale: r.i32("scale of a decimal")?,
        },
        OwnLayout::Timestamp => Content::Timestamp {
            precision: r.i32("precision of a timestamp")?,
        },
        OwnLayout::RowDataKey => Content::RowDataKey {
            equaliser: r.bytes("record equaliser")?.to_vec(),
            hash_function: r.bytes("hash function")?.to_vec(),
            inner: Box::new(snapshot(r, place)?),
        },
        _ => Content::RowData {
            types: list(r, SMALLEST_STREAM, "column types", JavaStream::decode)?,
            nested: nested(r, place)?,
        },
    })
}

pub(super) fn encode(content: &Content, out: &mut Vec<u8>) {
    match content {
        Content::RowData { types, nested } => {
            out.put_count(types.len());
            types.iter().for_each(|ty| out.put(&ty.0));
            put_nested(nested, out);
        }
        Content::BinaryRowData { arity } => out.put_i32(*arity),
        Content::ArrayData {
            element_type,
            element_serializer,
        } => {
            out.put(&element_type.0);
            out.put(&element_serializer.0);
        }
        Content::MapData {
            key_type,
            value_type,
            key_serializer,
            value_serializer,
        } => {
            [key_type, value_type, key_serializer, value_serializer]
                .iter()
                .for_each(|stream| out.put(&stream.0));
        }
        Content::SortedMap { comparator, nested } => {
            out.put(&comparator.0);
            put_nested(nested, out);
        }
        Content::Decimal { precision, scale } => {
            out.put_i32(*precision);
            out.put_i32(*scale);
        }
        Content::Timestamp { precision } => out.put_i32(*precision),
        Content::RowDataKey {
            equaliser,
            hash_function,
            inner,
        } => {
            out.put_bytes(equaliser);
            out.put_bytes(hash_function);
            inner.encode(out);
        }
        _ => {}
    }
}
