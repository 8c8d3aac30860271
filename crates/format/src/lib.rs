//! The byte layouts of Apache Flink's checkpoints and savepoints, every version, both ways.
//!
//! No I/O and no async: everything decodes from borrowed bytes through a [`Reader`] that
//! cannot panic and always knows its offset, and is written back by [`Encode`]. What a
//! decoder read, its encoder writes with the same bytes.
//!
//! | module | layout |
//! |---|---|
//! | [`metadata`] | the `_metadata` file, versions 2 to 7, and its handles |
//! | [`serializer`] | serializer snapshots: how each state says what its bytes mean |
//! | [`state`] | state meta infos, and the headers of keyed and operator state streams |
//! | [`java`] | Java object streams, walked without loading a class |
//! | [`key_group`] | key-group arithmetic |
//!
//! ```
//! use statetool_format::OperatorId;
//! assert_eq!(OperatorId::from_uid("first").to_string(), "adf090656b210b1609ad3203d4ee7329");
//! ```

mod encode;
mod error;
pub mod java;
pub mod key_group;
pub mod metadata;
mod operator_id;
mod reader;
mod release;
pub mod serializer;
pub mod state;
mod text;

pub use encode::{Encode, Put};
pub use error::{Error, Fault, Result};
pub use key_group::KeyGroupRange;
pub use operator_id::OperatorId;
pub use reader::{MAX_EMPTY_ELEMENTS, Reader};
pub use release::FlinkVersion;
pub use text::{JavaString, JavaText};
