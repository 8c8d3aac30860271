//! `inspect OPERATOR` and `inspect OPERATOR/STATE`: whole types, and where the bytes are.

mod places;
mod serializers;

pub use places::BytePlace;
pub use serializers::SerializerDetail;

use std::collections::BTreeMap;

use serde::Serialize;
use statetool_format::metadata::{ChannelHandle, StreamHandle};
use statetool_snapshot::{Layout, LoadedOperator, Operator, Result, Snapshot, State, StateSelector};

use places::Places;

/// All about one operator, or about some of its states.
#[derive(Debug, Clone, Serialize)]
pub struct OperatorDetail {
    /// The operator's id.
    pub operator: String,
    /// Its uid, if that is known.
    pub uid: Option<String>,
    /// Its name, if the file stores one.
    pub name: Option<String>,
    /// Streams that belong to no state: of the coordinator, of channels, raw state.
    pub streams: Vec<BytePlace>,
    /// The states.
    pub states: Vec<StateDetail>,
}

/// All about one state.
#[derive(Debug, Clone, Serialize)]
pub struct StateDetail {
    /// Its name.
    pub state: String,
    /// Its kind.
    pub kind: &'static str,
    /// Whether values carry a TTL time stamp. How long they live is not stored in snapshots.
    pub ttl: bool,
    /// What the header says besides serializers, in Flink's words.
    pub options: BTreeMap<String, String>,
    /// The serializers of its parts.
    pub serializers: Vec<SerializerDetail>,
    /// Where its bytes are.
    pub places: Vec<BytePlace>,
}

/// All about the selected operators and states.
///
/// # Errors
/// As [`inspect`](super::inspect).
pub fn details(snapshot: &Snapshot, selector: &StateSelector) -> Result<Vec<OperatorDetail>> {
    let operators = selector.operators(snapshot)?;
    let mut found = Vec::new();
    for operator in &operators {
        let loaded = snapshot.load_operator(operator)?;
        let states: Vec<StateDetail> = loaded
            .states
            .iter()
            .filter(|state| selector.wants(&state.name))
            .map(|state| state_detail(snapshot, operator, &loaded, state))
            .collect();
        if selector.state.is_some() && states.is_empty() {
            continue;
        }
        found.push(OperatorDetail {
            operator: operator.id().to_string(),
            uid: operator.uid.clone(),
            name: operator.name(),
            streams: match selector.state {
                Some(_) => Vec::new(),
                None => streams(snapshot, operator, &loaded),
            },
            states,
        });
    }
    Ok(found)
}

fn state_detail(
    snapshot: &Snapshot,
    operator: &Operator<'_>,
    loaded: &LoadedOperator,
    state: &State,
) -> StateDetail {
    let mut places = Places::new(snapshot.files());
    let parts = loaded.parts.iter();
    for part in parts.filter(|part| part.index_of(&state.name).is_some()) {
        places.add_state(part, state);
        if let Layout::Changelog { .. } = part.layout {
            places.add_log(operator, part.subtask);
        }
    }
    let options = state.meta.options.iter();
    StateDetail {
        state: state.name.clone(),
        kind: state.kind.name(),
        ttl: state.ttl,
        options: options
            .map(|(name, value)| (name.to_str().into_owned(), value.to_str().into_owned()))
            .collect(),
        serializers: serializers::of_state(state, snapshot.kryo()),
        places: places.found,
    }
}

/// Streams that no state owns.
fn streams(snapshot: &Snapshot, operator: &Operator<'_>, loaded: &LoadedOperator) -> Vec<BytePlace> {
    let mut places = Places::new(snapshot.files());
    if let Some(coordinator) = &operator.state.coordinator {
        places.add_stream(None, "coordinator", coordinator, None);
    }
    for part in &loaded.parts {
        let (layout, stream): (_, &StreamHandle) = match &part.layout {
            Layout::RawKeyed { handle } => ("raw-keyed", &handle.delegate),
            Layout::RawOperator { handle } => ("raw-operator", &handle.delegate),
            _ => continue,
        };
        places.add_stream(Some(part.subtask), layout, stream, None);
    }
    for (subtask, state) in operator.state.running() {
        let sides = [
            ("input-channels", &state.input_channels),
            ("output-channels", &state.output_channels),
        ];
        for (layout, channels) in sides {
            let mut streams: Vec<&StreamHandle> = channels.iter().map(ChannelHandle::delegate).collect();
            // Channels mostly share one stream.
            streams.dedup();
            for stream in streams {
                places.add_stream(Some(subtask), layout, stream, None);
            }
        }
    }
    places.found
}
