//! State meta infos, and the headers of the streams that hold keyed and operator state.
//!
//! ```text
//! keyed header     i32 6, bool compressed, key serializer, i16 n, n × meta info
//! operator header  i32 5 or 6, [6: bool compressed], i16 n, n × meta info (lists),
//!                  i16 n, n × meta info (broadcast)
//! meta info        utf name, i32 type, i32 n, n × (utf, utf) options,
//!                  i32 n, n × (utf, serializer)
//! ```
//!
//! Flink's `KeyedBackendSerializationProxy`, `OperatorBackendSerializationProxy` and
//! `StateMetaInfoSnapshotReadersWriters`; docs/format/state-payloads.md.

mod header;
mod meta_info;

pub use header::{KeyedHeader, OperatorHeader};
pub use meta_info::{BackendStateType, KeyedStateKind, SerializerKey, StateMetaInfo};
