//! One opened checkpoint or savepoint: operators, their states, and the entries of these.
//!
//! [`Snapshot::open`] reads `_metadata`; [`Snapshot::load_operator`] reads the headers of an
//! operator's state streams, so that its states and their types are known; a [`Part`] is then
//! scanned, entry by entry and by key-group range. Nothing is decoded that the caller does not
//! look at.

mod changelog;
mod codec;
mod compose;
mod entry;
mod error;
mod files;
mod heap_values;
mod kind;
mod load;
mod locate;
mod looks;
mod operator;
mod part;
mod release;
mod relocation;
mod scan;
mod snapshot;
mod sources;
mod state;
mod writer;

pub use codec::{Extent, skip};
pub use entry::{Elements, Entry, KeyParts, Payload, StoredKey};
pub use error::{Error, ErrorKind, Result};
pub use files::{Files, Tables};
pub use heap_values::HeapValues;
pub use kind::SnapshotKind;
pub use load::{LoadedOperator, Unreadable};
pub use locate::{Chosen, Incomplete, Located, locate};
pub use operator::{Operator, OperatorSelector, StateSelector, distance, first_of};
pub use part::{Layout, Part};
pub use release::ReleaseRange;
pub use relocation::Relocation;
pub use scan::{Besides, Flow};
pub use snapshot::{OpenOptions, Snapshot};
pub use state::{Header, State, StateKind};
pub use writer::{NewFile, SnapshotWriter};
