//! What must hold of any bytes: the decoders end, in bounded memory, with a value or an error;
//! and what they accepted, encoders write back.
//!
//! Each check takes bytes from anywhere and panics where something does not hold. The fuzz
//! targets of `fuzz/` feed them, and the tests of this crate run them over fixtures, corpus
//! and the inputs that once failed.
//!
//! | check | input |
//! |---|---|
//! | [`metadata`] | a `_metadata` file |
//! | [`properties`] | the Java object stream at its end |
//! | [`snapshot`] | a `_metadata` file that holds all of its state |
//! | [`keyed_stream`], [`raw_timers`], [`operator_stream`], [`changelog`] | a [`StreamInput`] |
//! | [`rocksdb_table`], [`rocksdb_manifest`] | an SST file, a manifest |
//! | [`snappy`] | snappy's framing format |
//! | [`serializer_snapshot`] | a serializer snapshot with its proxy |
//! | [`values`] | a byte of settings, a serializer snapshot, bytes of a value |
//! | [`kryo_2`], [`kryo_5`], [`java`] | a value in that form |

mod objects;
mod rocksdb;
pub mod seeds;
mod serializers;
mod snapshots;
mod stream_input;
mod streams;

pub use objects::{java, kryo_2, kryo_5};
pub use rocksdb::{manifest as rocksdb_manifest, table as rocksdb_table};
pub use serializers::{serializer_snapshot, values};
pub use snapshots::{metadata, properties, snapshot};
pub use stream_input::StreamInput;
pub use streams::{changelog, keyed_stream, operator_stream, raw_timers, snappy, snappy_frames};

/// A check: panics where something does not hold.
pub type Check = fn(&[u8]);

/// All checks by the names of their fuzz targets.
///
/// Canonical and heap streams are one check, since the bytes tell which they are; the two
/// targets begin with seeds of the one and of the other.
pub const ALL: &[(&str, Check)] = &[
    ("metadata", metadata),
    ("properties", properties),
    ("snapshot", snapshot),
    ("canonical_stream", keyed_stream),
    ("heap_stream", keyed_stream),
    ("operator_stream", operator_stream),
    ("raw_timers", raw_timers),
    ("changelog", changelog),
    ("rocksdb_table", rocksdb_table),
    ("rocksdb_manifest", rocksdb_manifest),
    ("snappy", snappy),
    ("serializer_snapshot", serializer_snapshot),
    ("values", values),
    ("kryo_2", kryo_2),
    ("kryo_5", kryo_5),
    ("java", java),
];

/// The check of that name.
pub fn named(name: &str) -> Option<Check> {
    ALL.iter()
        .find(|(known, _)| *known == name)
        .map(|(_, check)| *check)
}

/// Whether bytes are one JSON document; a lone surrogate may be escaped in it, as in Java's strings.
fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}
