//! What a run has done.

use serde::Serialize;

use super::account::StateAccount;

/// What a run has done.
#[derive(Debug, Clone, Serialize)]
pub struct RewriteReport {
    /// The form of this document.
    pub schema: &'static str,
    /// The snapshot that was read, the first of several.
    pub input: String,
    /// The others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<String>,
    /// The snapshot that was written.
    pub output: String,
    /// Id of the checkpoint, that of the input; the highest of several.
    pub checkpoint_id: i64,
    /// The release of Flink that it is for, if one was named.
    pub flink: Option<String>,
    /// The operators that were written.
    pub operators: Vec<OperatorReport>,
    /// Operators that were left out.
    pub dropped_operators: Vec<String>,
    /// What should be known besides.
    pub notes: Vec<String>,
}

/// What became of an operator.
#[derive(Debug, Clone, Serialize)]
pub struct OperatorReport {
    /// Its id in the input.
    pub id: String,
    /// Its id in the output.
    pub new_id: String,
    /// What it is called.
    pub name: String,
    /// Bytes of its streams that were copied as they are.
    pub copied_bytes: u64,
    /// Bytes of its streams that stay where they are.
    pub bytes_in_place: u64,
    /// Bytes of all its streams in the input.
    pub old_bytes: u64,
    /// Bytes of all its streams in the output; nothing if none was written.
    pub new_bytes: Option<u64>,
    /// The states that were written anew.
    pub states: Vec<StateReport>,
}

/// What became of a state that was written anew.
#[derive(Debug, Clone, Serialize)]
pub struct StateReport {
    /// Its name in the input.
    pub name: String,
    /// Its name in the output; nothing if it was left out.
    pub new_name: Option<String>,
    /// Whether it belongs to keys.
    pub keyed: bool,
    /// Whether the entries were counted again in what was written; not where values hide how many.
    pub counted: bool,
    /// Its entries.
    #[serde(flatten)]
    pub account: StateAccount,
}
