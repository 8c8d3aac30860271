//! What a comparison has found: its JSON is a contract.

use serde::Serialize;
use serde_json::Value as Json;
use statetool_snapshot::Snapshot;

/// What differs between two snapshots, besides the rows of entries.
#[derive(Debug, Clone, Serialize)]
pub struct DiffReport {
    /// `statetool.diff.v1`.
    pub schema: &'static str,
    /// The first snapshot.
    pub a: Side,
    /// The second snapshot.
    pub b: Side,
    /// Whether nothing differs, and everything could be compared.
    pub equal: bool,
    /// Differences of anything but entries.
    pub structure: Vec<StructureDifference>,
    /// The states that were compared.
    pub states: Vec<StateCounts>,
    /// What nobody can interpret.
    pub unreadable: Vec<UnreadablePart>,
    /// How many rows were handed out; the others are counted only.
    #[serde(rename = "shown_rows")]
    pub rows: u64,
    /// Of which states something in the rows could not be interpreted, and why.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// One of the two snapshots.
#[derive(Debug, Clone, Serialize)]
pub struct Side {
    /// The metadata file.
    pub location: String,
    /// `canonical-savepoint`, `native-savepoint` or `checkpoint`.
    pub kind: &'static str,
    /// Id of the checkpoint.
    pub checkpoint_id: i64,
    /// The releases whose form it has: what is written anew may have that of others than those its state came from.
    pub flink: String,
}

/// A difference of something that is no entry.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct StructureDifference {
    /// `structure`.
    pub change: &'static str,
    /// The operator's id; null for what belongs to the whole snapshot.
    pub operator: Option<String>,
    /// Its uid, if that is known.
    pub uid: Option<String>,
    /// The state, if only one is concerned.
    pub state: Option<String>,
    /// What differs.
    pub what: &'static str,
    /// Which of several, such as the partition of a topic.
    pub part: Option<String>,
    /// In the first snapshot; null where it is not there.
    pub before: Json,
    /// In the second snapshot; null where it is not there.
    pub after: Json,
}

/// How many entries of a state differ.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct StateCounts {
    /// The operator's id.
    pub operator: String,
    /// Its uid, if that is known.
    pub uid: Option<String>,
    /// What to call the operator.
    #[serde(skip)]
    pub label: String,
    /// The state.
    pub state: String,
    /// Its kind.
    pub kind: &'static str,
    /// Entries in the first snapshot.
    pub in_a: u64,
    /// Entries in the second snapshot.
    pub in_b: u64,
    /// Entries that are the same in both.
    pub equal: u64,
    /// Entries in the second snapshot only.
    pub added: u64,
    /// Entries in the first snapshot only.
    pub removed: u64,
    /// Entries with another value in the second snapshot.
    pub changed: u64,
}

impl StateCounts {
    /// How many entries differ.
    pub fn differences(&self) -> u64 {
        self.added + self.removed + self.changed
    }
}

/// Something that nobody can interpret.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct UnreadablePart {
    /// The snapshot: `a` or `b`.
    pub snapshot: &'static str,
    /// The operator's id.
    pub operator: String,
    /// Its uid, if that is known.
    pub uid: Option<String>,
    /// The state, if only one is concerned.
    pub state: Option<String>,
    /// The serializer or class that would be needed.
    pub serializer: String,
    /// Why.
    pub reason: String,
    /// Whether it was compared by its bytes; if not, nobody knows whether it differs.
    pub compared: bool,
}

impl DiffReport {
    pub(super) fn new(a: &Snapshot, b: &Snapshot) -> Self {
        let side = |snapshot: &Snapshot| Side {
            location: snapshot.location().to_string(),
            kind: snapshot.kind().name(),
            checkpoint_id: snapshot.metadata().checkpoint_id,
            flink: snapshot.releases().to_string(),
        };
        Self {
            schema: "statetool.diff.v1",
            a: side(a),
            b: side(b),
            equal: false,
            structure: Vec::new(),
            states: Vec::new(),
            unreadable: Vec::new(),
            rows: 0,
            warnings: Vec::new(),
        }
    }

    /// Adds what could not be interpreted, once.
    pub(super) fn add_unreadable(&mut self, part: UnreadablePart) {
        if !self.unreadable.contains(&part) {
            self.unreadable.push(part);
        }
    }

    /// Decides whether the snapshots are equal.
    pub(super) fn conclude(mut self) -> Self {
        self.equal = self.structure.is_empty()
            && self.states.iter().all(|state| state.differences() == 0)
            && self.unreadable.iter().all(|part| part.compared);
        self
    }

    /// How many differences there are.
    pub fn differences(&self) -> u64 {
        let entries: u64 = self.states.iter().map(StateCounts::differences).sum();
        entries + self.structure.len() as u64
    }
}
