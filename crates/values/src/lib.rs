//! Raw bytes ↔ one `Value`/`Type` model, for every serializer that Flink writes into state.
//!
//! A [`Type`] is made from a serializer snapshot. One decoder, [`walk`], follows it through
//! the bytes of a value and tells a [`Sink`] what is there:
//!
//! | sink | makes |
//! |---|---|
//! | [`Skip`] | nothing: where the value ends, and whether it is sound |
//! | [`JsonWriter`] | JSON, straight into a byte vector |
//! | [`ValueBuilder`] | a [`Value`] |

pub mod avro;
mod builder;
mod calendar;
mod emit;
mod encode;
mod from_json;
mod java_hash;
mod java_str;
pub mod java_value;
mod json;
mod key_hash;
pub mod kryo;
pub mod logical;
mod mask;
mod mismatch;
mod plain;
pub mod protobuf;
pub mod schema;
mod segment;
mod shape;
mod sink;
mod temporal;
mod text;
pub mod types;
mod value;
mod walk;

pub use builder::ValueBuilder;
pub use encode::encode;
pub use java_hash::java_hash;
pub use json::{JsonOptions, JsonWriter, row_kind};
pub use key_hash::decode_java_hash;
pub use kryo::KryoGeneration;
pub use mismatch::Mismatch;
pub use plain::{Members, Plain, PlainText};
pub use sink::{Sink, Skip};
pub use text::{Text, Units};
pub use types::Type;
pub use value::{JavaStr, LocalDate, Value};
pub use walk::{Extent, Framing, MAX_DEPTH, walk};
