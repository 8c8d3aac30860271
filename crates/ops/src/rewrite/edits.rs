//! What is to be changed, in the words of the command line.

use serde::{Deserialize, Serialize};
use statetool_format::FlinkVersion;
use statetool_snapshot::{Error, Result};

use super::delete::{DeleteKey, DeleteKeys};
use super::merge::OnCollision;
use super::scale::ScaleTo;
use super::script_rule::{Expression, ScriptFile};
use super::set::SetValue;

/// The edits of a run: what flags say, and what a plan file holds.
///
/// Operators and states are named by selectors, which mean nothing before there is a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Edits {
    /// Snapshots of which the operators are taken besides: paths or URLs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merge: Vec<String>,
    /// Which of the operators stay that several snapshots have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on_collision: Vec<OnCollision>,
    /// Operators that get another uid or id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rename_operator: Vec<Rename>,
    /// Operators that are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drop_operator: Vec<String>,
    /// The only operators that are not left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keep_operator: Vec<String>,
    /// States that get another name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rename_state: Vec<Rename>,
    /// States that are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drop_state: Vec<String>,
    /// The only states of their operators that are not left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keep_state: Vec<String>,
    /// Expressions that say which entries stay.
    #[serde(rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub keep_where: Vec<Expression>,
    /// Expressions that give the new value of entries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub map: Vec<Expression>,
    /// Scripts that do both.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub script: Vec<ScriptFile>,
    /// Keys whose state and timers are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delete: Vec<DeleteKey>,
    /// More of them, in files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delete_keys: Vec<DeleteKeys>,
    /// What states hold for certain keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<SetValue>,
    /// How many subtasks operators have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parallelism: Vec<ScaleTo>,
    /// How many key groups operators have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub max_parallelism: Vec<ScaleTo>,
    /// The layout of the new snapshot; that of the old one if there is none.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// The state backend of a native layout; that of the old one if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
    /// Whether key groups are compressed; as they were if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// The release of Flink that shall restore it; that which wrote it if it is not said.
    #[serde(skip_serializing_if = "Option::is_none", with = "as_text")]
    pub flink: Option<FlinkVersion>,
}

/// A release as the text that names it.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use statetool_format::FlinkVersion;

    pub(super) fn serialize<S: Serializer>(version: &Option<FlinkVersion>, to: S) -> Result<S::Ok, S::Error> {
        match version {
            Some(version) => to.collect_str(version),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<FlinkVersion>, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(Some).map_err(D::Error::custom)
    }
}

/// Something that gets another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// What it is: a selector.
    pub from: String,
    /// What it becomes: `uid:X` or `id:HEX` for an operator, a name for a state.
    pub to: String,
}

/// Flink's `SavepointFormatType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The layout that all state backends read.
    Canonical,
    /// That of one state backend.
    Native,
}

/// A state backend, by its layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// `HashMapStateBackend`.
    HashMap,
    /// `EmbeddedRocksDBStateBackend`.
    RocksDb,
}

/// How key groups are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Snappy, Flink's only one.
    Snappy,
    /// Not at all.
    None,
}

impl Edits {
    /// The layout that is asked for: one for all states, or that of each.
    ///
    /// # Errors
    /// A backend for the layout that is none's.
    pub fn layout(&self) -> Result<Option<KeyedLayout>> {
        match (self.format, self.backend) {
            (Some(Format::Canonical), Some(_)) => Err(Error::usage(
                "the canonical layout is that of no state backend: leave out the backend, or take the native one",
            )),
            (Some(Format::Canonical), None) => Ok(Some(KeyedLayout::Canonical)),
            (_, Some(Backend::HashMap)) => Ok(Some(KeyedLayout::Heap)),
            (_, Some(Backend::RocksDb)) => Ok(Some(KeyedLayout::RocksDb)),
            (_, None) => Ok(None),
        }
    }
}

/// How keyed state is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyedLayout {
    /// As canonical savepoints are.
    Canonical,
    /// As the HashMap backend writes it.
    Heap,
    /// As the RocksDB backend writes it.
    RocksDb,
}

impl Rename {
    /// Reads `FROM=TO`; the last `=` counts, since names may hold others.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.rsplit_once('=') {
            Some((from, to)) if !from.is_empty() && !to.is_empty() => Ok(Self {
                from: from.to_owned(),
                to: to.to_owned(),
            }),
            _ => Err("write OLD=NEW".to_owned()),
        }
    }
}
