//! `CompositeTypeSerializerSnapshot`: content of its own around nested snapshots.
//!
//! ```text
//! magic 0x000de704, i32 outer version     not before version 3 (Flink 1.8)
//! outer content                           by class and outer version
//! magic 0x001457fd, i32 1, i32 n, n × snapshot
//! ```

use super::decode::{Place, SMALLEST, Then, flag, snapshot};
use super::layout::OuterLayout;
use super::text::string;
use super::{Content, Outer, SerializerSnapshot, unknown};
use crate::encode::{Encode, Put};
use crate::error::{Error, Fault, Result};
use crate::java::JavaStream;
use crate::reader::Reader;
use crate::text::JavaString;

pub(super) const MAGIC: i32 = 0x000d_e704;
const NESTED_MAGIC: i32 = 0x0014_57fd;
const NESTED_VERSION: i32 = 1;

/// What every nested list begins with: magic number and version.
pub(super) const NESTED_MARK: [u8; 8] = [0, 0x14, 0x57, 0xfd, 0, 0, 0, 1];

/// Reads the content of a composite of which versions up to `current` store `outer`.
pub(super) fn decode(
    r: &mut Reader<'_>,
    place: Place<'_>,
    class: &JavaString,
    version: i32,
    current: i32,
    outer: OuterLayout,
) -> Result<Content> {
    let outer_version = if version > 2 {
        Some(outer_version(r)?)
    } else {
        None
    };
    let outer = match outer_version.unwrap_or(version) {
        version if version <= current => decode_outer(r, outer, version)?,
        _ => unknown::outer(r, class)?,
    };
    Ok(Content::Composite {
        outer_version,
        outer,
        nested: nested(r, place)?,
    })
}

/// Reads the magic number of composites and the version of the outer content.
pub(super) fn outer_version(r: &mut Reader<'_>) -> Result<i32> {
    magic(
        r,
        MAGIC,
        "magic number of a composite serializer snapshot",
        "0xde704",
    )?;
    r.i32("outer version of a composite serializer snapshot")
}

fn decode_outer(r: &mut Reader<'_>, layout: OuterLayout, version: i32) -> Result<Outer> {
    Ok(match layout {
        OuterLayout::Flag(since) if version >= since => {
            Outer::Flag(flag(r, "flag of a composite serializer snapshot")?)
        }
        OuterLayout::Nothing | OuterLayout::Flag(_) => Outer::None,
        OuterLayout::Text => Outer::Text(string(r, "text of a composite serializer snapshot")?),
        OuterLayout::Padding => Outer::Padding(r.i32("padding of a nullable serializer")?),
        OuterLayout::External => {
            let data_type = JavaStream::decode(r)?;
            Outer::External {
                data_type,
                internal_input: flag(r, "whether an external serializer takes internal data")?,
            }
        }
    })
}

/// Reads a list of nested snapshots.
pub(super) fn nested(r: &mut Reader<'_>, place: Place<'_>) -> Result<Vec<SerializerSnapshot>> {
    magic(
        r,
        NESTED_MAGIC,
        "magic number of nested serializer snapshots",
        "0x1457fd",
    )?;
    magic(r, NESTED_VERSION, "version of nested serializer snapshots", "1")?;
    let count = r.count(SMALLEST, "nested serializer snapshots")?;
    let last = count.saturating_sub(1);
    (0..count)
        .map(|i| {
            snapshot(
                r,
                if i < last {
                    place.then(Then::Snapshot)
                } else {
                    place
                },
            )
        })
        .collect()
}

fn magic(r: &mut Reader<'_>, number: i32, what: &'static str, expected: &'static str) -> Result<()> {
    let at = r.offset();
    match r.i32(what)? {
        got if got == number => Ok(()),
        got => Err(Error::new(
            at,
            what,
            Fault::Unknown {
                got: got.into(),
                expected,
            },
        )),
    }
}

/// Reads the content of `TtlAwareSerializerSnapshot`.
pub(super) fn ttl_aware(r: &mut Reader<'_>, place: Place<'_>) -> Result<Content> {
    let enabled = flag(r, "whether TTL is enabled")?;
    Ok(Content::TtlAware {
        enabled,
        inner: Box::new(snapshot(r, place)?),
    })
}

/// Writes what [`decode`] reads.
pub(super) fn encode(
    outer_version: Option<i32>,
    outer: &Outer,
    nested: &[SerializerSnapshot],
    out: &mut Vec<u8>,
) {
    if let Some(version) = outer_version {
        out.put_i32(MAGIC);
        out.put_i32(version);
    }
    match outer {
        Outer::None => {}
        Outer::Text(text) => out.put_utf(text.as_text()),
        Outer::Flag(flag) => out.put_bool(*flag),
        Outer::Padding(padding) => out.put_i32(*padding),
        Outer::External {
            data_type,
            internal_input,
        } => {
            out.put(&data_type.0);
            out.put_bool(*internal_input);
        }
        Outer::Opaque(bytes) => out.put(bytes),
    }
    put_nested(nested, out);
}

/// Writes a list of nested snapshots.
pub(super) fn put_nested(nested: &[SerializerSnapshot], out: &mut Vec<u8>) {
    out.put_i32(NESTED_MAGIC);
    out.put_i32(NESTED_VERSION);
    out.put_count(nested.len());
    nested.iter().for_each(|snapshot| snapshot.encode(out));
}
