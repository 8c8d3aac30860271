//! What is compared, and how much of it is shown.

use std::sync::Arc;

use statetool_snapshot::{Error, Result};
use statetool_values::JsonOptions;

use crate::progress::Progress;

/// How two snapshots are compared.
#[derive(Debug, Clone)]
pub struct DiffOptions {
    /// Only these states: a selector of either snapshot; all without one.
    pub selector: Option<String>,
    /// Operators that go together although their ids differ: one of the first snapshot, one of the second.
    pub map_operators: Vec<(String, String)>,
    /// What does not count.
    pub ignore: Vec<Ignore>,
    /// At most so many rows are shown; all are counted.
    pub limit: Option<u64>,
    /// At most so many rows of each state are shown.
    pub limit_per_state: Option<u64>,
    /// How values are written.
    pub json: JsonOptions,
    /// Whether errors may show keys and values.
    pub show_data: bool,
    /// How many ranges of key groups are compared at the same time.
    pub threads: usize,
    /// How many bytes of entries may wait in memory for their partners; more go to temporary files.
    pub memory: usize,
    /// Where to count what has been read.
    pub progress: Arc<Progress>,
}

/// Room for entries that wait for their partners: far less than a machine has, far more than sorted input needs.
const MEMORY: usize = 96 << 20;

impl Default for DiffOptions {
    /// Everything, by one thread.
    fn default() -> Self {
        Self {
            selector: None,
            map_operators: Vec::new(),
            ignore: Vec::new(),
            limit: None,
            limit_per_state: None,
            json: JsonOptions::default(),
            show_data: false,
            threads: 1,
            memory: MEMORY,
            progress: Arc::default(),
        }
    }
}

impl DiffOptions {
    pub(super) fn ignores(&self, what: &Ignore) -> bool {
        self.ignore.contains(what)
    }
}

/// Differences that do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ignore {
    /// Everything but the entries.
    Structure,
    /// The number of subtasks.
    Parallelism,
    /// The number of key groups.
    MaxParallelism,
    /// Names and uids of operators.
    Names,
    /// Types of keys and values, and whether values carry a TTL time stamp; values are compared as rows show them.
    Types,
    /// Serializers that write the same type differently.
    Serializers,
    /// Positions of Kafka sources, with the states that hold them.
    Kafka,
    /// State of the operators' coordinators.
    Coordinators,
    /// Records in flight.
    InFlight,
    /// When values with a TTL were last accessed.
    TtlTime,
    /// Timers.
    Timers,
    /// The states that a selector names.
    States(String),
}

/// The words for what a user may ignore.
const WORDS: [(&str, Ignore); 11] = [
    ("structure", Ignore::Structure),
    ("parallelism", Ignore::Parallelism),
    ("max-parallelism", Ignore::MaxParallelism),
    ("names", Ignore::Names),
    ("types", Ignore::Types),
    ("serializers", Ignore::Serializers),
    ("kafka", Ignore::Kafka),
    ("coordinators", Ignore::Coordinators),
    ("in-flight", Ignore::InFlight),
    ("ttl-time", Ignore::TtlTime),
    ("timers", Ignore::Timers),
];

impl Ignore {
    /// Parses one of the words, or a selector of states, which holds a slash.
    ///
    /// # Errors
    /// A text that is neither.
    pub fn parse(text: &str) -> Result<Self> {
        let known = WORDS.into_iter().find(|(word, _)| *word == text);
        match known {
            Some((_, ignore)) => Ok(ignore),
            None if text.contains('/') => Ok(Self::States(text.to_owned())),
            None => {
                let words = WORDS.map(|(word, _)| word).join(", ");
                Err(Error::usage(format!(
                    "`{text}` cannot be ignored: write OPERATOR/STATE, or one of {words}"
                )))
            }
        }
    }
}
