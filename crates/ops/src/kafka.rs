//! Kafka positions of sources: always the offset of the next record to read.

use serde::Serialize;
use statetool_format::{Reader, Result as FormatResult};
use statetool_snapshot::{Entry, Flow, LoadedOperator, Operator, Payload, Result, Snapshot, State};
use statetool_values::{Framing, Value};

/// The position of one partition in one subtask.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct KafkaPosition {
    /// The operator's id.
    pub operator: String,
    /// Its uid, if that is known.
    pub uid: Option<String>,
    /// Which kind of state holds the position: `kafka-source-reader` or `legacy-consumer`.
    pub generation: &'static str,
    /// The subtask that wrote it.
    pub subtask: u32,
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset of the next record to read; null where the state holds a marker instead.
    pub next_offset: Option<i64>,
    /// The marker: `earliest`, `latest`, `group`, `not-set` or `migrated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<&'static str>,
    /// The offset at which reading stops, for bounded sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopping_offset: Option<i64>,
}

const READER: &str = "kafka-source-reader";
const LEGACY: &str = "legacy-consumer";
const READER_STATE: &str = "SourceReaderState";
const LEGACY_STATE: &str = "topic-partition-offset-states";

/// Whether a state of this name holds the positions of a Kafka source, if its operator is one.
pub fn is_of_a_source(state: &str) -> bool {
    matches!(state, READER_STATE | LEGACY_STATE)
}

/// The positions in an operator's states, by topic, partition and subtask; none for operators that are no Kafka sources.
///
/// # Errors
/// Damage of the states looked at. A source of another system that uses the same state name is
/// no error.
pub fn positions(
    snapshot: &Snapshot,
    operator: &Operator<'_>,
    loaded: &LoadedOperator,
) -> Result<Vec<KafkaPosition>> {
    let mut found: Vec<KafkaPosition> = Vec::new();
    let wanted = |state: &State| is_of_a_source(&state.name);
    if !loaded.states.iter().any(|state| wanted(state)) {
        return Ok(found);
    }
    for part in &loaded.parts {
        let flow = part.scan(snapshot.files(), part.range, &wanted, &mut |entry| {
            if let Some(mut position) = position(entry) {
                position.operator = operator.id().to_string();
                position.uid.clone_from(&operator.uid);
                position.subtask = entry.subtask;
                found.push(position);
            }
            Ok(Flow::Continue(()))
        });
        match flow {
            Err(error) if error.kind() == statetool_snapshot::ErrorKind::NotInterpretable => {}
            other => {
                let _ = other?;
            }
        }
    }
    found.sort_by(|one, other| one.place().cmp(&other.place()));
    // Union state may hold what a subtask was given besides what it has read; a partition counts once.
    found.dedup();
    Ok(found)
}

impl KafkaPosition {
    /// The name of the state that holds the position.
    pub fn state(&self) -> &'static str {
        match self.generation {
            READER => READER_STATE,
            _ => LEGACY_STATE,
        }
    }

    /// What positions of an operator are sorted by, and after it all else in which they may differ.
    fn place(&self) -> impl Ord + '_ {
        let Self {
            topic,
            partition,
            subtask,
            next_offset,
            marker,
            stopping_offset,
            ..
        } = self;
        (topic, partition, subtask, next_offset, marker, stopping_offset)
    }
}

fn position(entry: &Entry<'_>) -> Option<KafkaPosition> {
    let Payload::Value(bytes) = entry.value else {
        return None;
    };
    let r = &mut Reader::new(bytes);
    match entry.state.name.as_str() {
        READER_STATE => reader_split(r).ok(),
        _ => legacy_tuple(entry.state, r),
    }
}

/// One element of a `KafkaSource` reader: a byte array, a version, and a split of version 0.
///
/// ```text
/// i32 length, i32 version, i32 length, utf topic, i32 partition, i64 next offset, i64 stop
/// ```
///
/// Anything else is a split of another source.
fn reader_split(r: &mut Reader<'_>) -> FormatResult<KafkaPosition> {
    let len = r.count(1, "length of a source split")?;
    let mut r = r.window(len, "source split")?;
    if r.i32("version of a source split")? != 0 {
        return Err(r.invalid("version of a source split", "not one of Kafka"));
    }
    let len = r.count(1, "length of a Kafka split")?;
    let mut r = r.window(len, "Kafka split")?;
    let topic = r.utf("topic")?.to_str().into_owned();
    let partition = r.i32_in(0, i32::MAX, "partition")?;
    let next = r.i64("starting offset")?;
    let stop = r.i64("stopping offset")?;
    r.finish("Kafka split")?;
    let marker = match next {
        -1 => Some("latest"),
        -2 => Some("earliest"),
        -3 => Some("group"),
        i64::MIN => Some("migrated"),
        _ => None,
    };
    if next < 0 && marker.is_none() {
        return Err(r.invalid("starting offset", "negative, and no marker of Kafka"));
    }
    Ok(KafkaPosition {
        operator: String::new(),
        uid: None,
        generation: READER,
        subtask: 0,
        topic,
        partition,
        next_offset: marker.is_none().then_some(next),
        marker,
        stopping_offset: (stop != i64::MIN).then_some(stop),
    })
}

/// One element of the legacy consumer: a partition and the offset of the last record read.
fn legacy_tuple(state: &State, r: &mut Reader<'_>) -> Option<KafkaPosition> {
    let (value, _) = Value::decode(&state.value, r, Framing::Framed).ok()?;
    let Value::Tuple(fields) = value else { return None };
    let [
        Value::Object {
            fields: partition, ..
        },
        Value::Long(last),
    ] = fields.as_slice()
    else {
        return None;
    };
    let field = |name: &str| {
        partition
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    };
    let (Some(Value::String(topic)), Some(Value::Int(partition))) = (field("topic"), field("partition"))
    else {
        return None;
    };
    let marker = match last {
        -915_623_761_776 => Some("not-set"),
        -915_623_761_775 => Some("earliest"),
        -915_623_761_774 => Some("latest"),
        -915_623_761_773 => Some("group"),
        _ => None,
    };
    Some(KafkaPosition {
        operator: String::new(),
        uid: None,
        generation: LEGACY,
        subtask: 0,
        topic: topic.to_str().into_owned(),
        partition: *partition,
        next_offset: marker.is_none().then(|| last.saturating_add(1)),
        marker,
        stopping_offset: None,
    })
}
