//! What statetool does, one module an operation: each takes an opened snapshot and returns a
//! report or a stream of rows, and prints nothing.

pub mod batch;
pub mod cat;
pub mod compact;
pub mod diff;
pub mod inspect;
pub mod kafka;
pub mod key;
pub mod namespace;
pub mod pipeline;
pub mod progress;
pub mod rewrite;
pub mod row;
pub mod schema;
pub mod script;
mod sorter;
pub mod time;
pub mod verify;
pub mod work;

pub use statetool_snapshot::{Error, ErrorKind, Result};
