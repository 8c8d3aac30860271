//! The report of `inspect`: its JSON is a contract.

use serde::Serialize;

use crate::kafka::KafkaPosition;
use crate::time::TimeReport;

/// What is in a snapshot.
#[derive(Debug, Clone, Serialize)]
pub struct InspectReport {
    /// `statetool.inspect.v1`.
    pub schema: &'static str,
    /// The snapshot as a whole.
    pub snapshot: SnapshotInfo,
    /// Its operators.
    pub operators: Vec<OperatorReport>,
    /// Kafka positions of its sources: always the offset of the next record to read.
    pub kafka: Vec<KafkaPosition>,
    /// What nobody can interpret.
    pub unreadable: Vec<UnreadableReport>,
}

/// A snapshot as a whole.
#[derive(Debug, Clone, Serialize)]
pub struct SnapshotInfo {
    /// The metadata file.
    pub location: String,
    /// `canonical-savepoint`, `native-savepoint` or `checkpoint`.
    pub kind: &'static str,
    /// Id of the checkpoint.
    pub checkpoint_id: i64,
    /// When its metadata file was last written, as its store says: Flink stores no time, and a copy of
    /// the file may be younger than the checkpoint.
    pub timestamp: Option<String>,
    /// Where the time is from: `metadata-file`, or null where there is none.
    pub timestamp_source: Option<&'static str>,
    /// Version of the metadata format.
    pub metadata_version: i32,
    /// The releases whose form it has: what is written anew may have that of others than those its state came from.
    pub flink: String,
    /// Bytes of metadata and all state, as recorded.
    pub bytes: u64,
}

/// An operator.
#[derive(Debug, Clone, Serialize)]
pub struct OperatorReport {
    /// Its id.
    pub id: String,
    /// Its uid, if that is known.
    pub uid: Option<String>,
    /// Its name, if the file stores one.
    pub name: Option<String>,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
    /// How many subtasks had finished: `no`, `some` or `all`.
    pub finished: &'static str,
    /// Bytes of its coordinator's state; null if it has none.
    pub coordinator_bytes: Option<u64>,
    /// Number of channels with records in flight.
    pub channel_states: usize,
    /// Bytes of its state, as recorded.
    pub bytes: u64,
    /// Its states.
    pub states: Vec<StateReport>,
    /// How its entries are spread over key groups; only with a scan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_groups: Option<KeyGroupStats>,
}

/// A state.
#[derive(Debug, Clone, Serialize)]
pub struct StateReport {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Type of its keys.
    pub key_type: Option<String>,
    /// Type of its namespaces.
    pub namespace_type: Option<String>,
    /// Type of its map keys.
    pub map_key_type: Option<String>,
    /// Type of its values, list elements or map values; null for timers.
    pub value_type: Option<String>,
    /// Whether values carry a TTL time stamp.
    pub ttl: bool,
    /// Number of entries; null if not counted.
    pub entries: Option<u64>,
    /// Bytes of keys and values; null if not counted.
    pub bytes: Option<u64>,
    /// More, from a scan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<StateStats>,
}

/// What a scan found out about a state.
#[derive(Debug, Clone, Serialize)]
pub struct StateStats {
    /// Part of the operator's entry bytes.
    pub share: f64,
    /// Bytes of the smallest entry.
    pub min_bytes: u64,
    /// Bytes of the largest entry.
    pub max_bytes: u64,
    /// How many entries are of which size, by powers of two.
    pub sizes: Vec<SizeBucket>,
    /// The keys with the most bytes.
    pub largest_keys: Vec<LargestKey>,
    /// When timers fire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timers: Option<TimeReport>,
    /// When values with TTL were last accessed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_access: Option<TimeReport>,
}

/// Entries of about one size.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct SizeBucket {
    /// Entries have fewer bytes than this, and at least half as many.
    pub below: u64,
    /// How many there are.
    pub entries: u64,
}

/// A key with many bytes.
#[derive(Debug, Clone, Serialize)]
pub struct LargestKey {
    /// The key, as rows show it.
    pub key: serde_json::Value,
    /// The namespace, as rows show it.
    pub namespace: serde_json::Value,
    /// Its key group.
    pub key_group: Option<u32>,
    /// Entries of the key in this state.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// How entries are spread over key groups.
#[derive(Debug, Clone, Serialize)]
pub struct KeyGroupStats {
    /// Key groups that have entries.
    pub used: u32,
    /// All key groups.
    pub of: u32,
    /// The largest group's bytes over the mean of all groups.
    pub skew: f64,
    /// The largest groups: group, entries, bytes.
    pub largest: Vec<(u32, u64, u64)>,
}

/// Something that nobody can interpret.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct UnreadableReport {
    /// The operator's id.
    pub operator: String,
    /// The state, if only one is concerned.
    pub state: Option<String>,
    /// The serializer or class that would be needed.
    pub serializer: String,
    /// Why.
    pub reason: String,
}
