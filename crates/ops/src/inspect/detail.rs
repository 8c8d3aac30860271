//! `inspect OPERATOR/STATE`: the whole type, and where the bytes are.

use serde::Serialize;
use statetool_format::metadata::{KeyGroupsHandle, StreamHandle};
use statetool_snapshot::{Files, Layout, LoadedOperator, Part, State, StateKind};

/// All about one state.
#[derive(Debug, Clone, Serialize)]
pub struct Detail {
    /// The operator's id.
    pub operator: String,
    /// The state's name.
    pub state: String,
    /// The types of its parts as an indented tree.
    pub types: String,
    /// Where its bytes are.
    pub places: Vec<BytePlace>,
}

/// A stretch of bytes that holds (a part of) a state.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct BytePlace {
    /// The subtask that wrote it.
    pub subtask: u32,
    /// The key groups in it; null for operator state.
    pub key_groups: Option<String>,
    /// How it is stored: `canonical`, `heap`, `rocksdb`, `changelog`, `raw-timers`, `operator`.
    pub layout: &'static str,
    /// The file, or the metadata file for inline state.
    pub file: String,
    /// The name of the file in its database.
    pub local_name: Option<String>,
    /// Where the state's bytes begin in the file.
    pub offset: Option<u64>,
    /// Length of the file as recorded.
    pub bytes: Option<u64>,
}

/// All about a state of an operator.
pub fn detail(files: &Files, operator: String, loaded: &LoadedOperator, state: &State) -> Detail {
    let mut places = Vec::new();
    for part in loaded
        .parts
        .iter()
        .filter(|part| part.index_of(&state.name).is_some())
    {
        add_places(files, part, state, &mut places);
    }
    Detail {
        operator,
        state: state.name.clone(),
        types: types(state),
        places,
    }
}

fn add_places(files: &Files, part: &Part, state: &State, places: &mut Vec<BytePlace>) {
    let groups = (!part.range.is_empty()).then(|| part.range.to_string());
    let place = |layout, stream: &StreamHandle, local_name: Option<String>, offset: Option<u64>| BytePlace {
        subtask: part.subtask,
        key_groups: groups.clone(),
        layout,
        file: file_of(files, stream),
        local_name,
        offset,
        bytes: stream.recorded_size(),
    };
    match &part.layout {
        Layout::Canonical { handle, .. } => {
            places.push(place("canonical", &handle.delegate, None, first_offset(handle)));
        }
        Layout::Heap { handle, .. } => {
            places.push(place("heap", &handle.delegate, None, first_offset(handle)))
        }
        Layout::RawTimers { handle, .. } => {
            places.push(place("raw-timers", &handle.delegate, None, first_offset(handle)));
        }
        Layout::RocksDb(database) => {
            // The family's live tables, where the manifest can be read; else all of them.
            let live: Option<Vec<String>> = database.open(files).ok().and_then(|database| {
                Some(
                    database
                        .family(&state.name)?
                        .files()
                        .map(statetool_backend::rocksdb::LiveFile::name)
                        .collect(),
                )
            });
            for file in database.handle.files() {
                let name = file.local_path.to_str().into_owned();
                if live
                    .as_ref()
                    .map_or(name.ends_with(".sst"), |live| live.contains(&name))
                {
                    places.push(place("rocksdb", &file.handle, Some(name), None));
                }
            }
        }
        Layout::Changelog { base, .. } => {
            for part in base.iter().filter(|part| part.index_of(&state.name).is_some()) {
                add_places(files, part, state, places);
            }
        }
        Layout::Operator { handle, .. } => {
            let stored = handle.states.iter().find(|stored| stored.name == state.meta.name);
            let offset = stored
                .and_then(|stored| stored.offsets.first())
                .and_then(|at| u64::try_from(*at).ok());
            places.push(place("operator", &handle.delegate, None, offset));
        }
        Layout::RawKeyed { .. } | Layout::RawOperator { .. } => {}
    }
}

/// The types of a state's parts, a line each.
fn types(state: &State) -> String {
    let parts = [
        ("key", &state.key),
        ("namespace", &state.namespace),
        ("map key", &state.map_key),
    ];
    let mut text = String::new();
    for (name, ty) in parts
        .into_iter()
        .filter_map(|(name, ty)| Some((name, ty.as_ref()?)))
    {
        text.push_str(&format!("{name}: {}\n", ty.name()));
    }
    if state.kind != StateKind::Timer {
        text.push_str(&format!("value: {}\n", state.value.name()));
    }
    text
}

fn first_offset(handle: &KeyGroupsHandle) -> Option<u64> {
    handle
        .offsets
        .iter()
        .filter_map(|offset| u64::try_from(*offset).ok())
        .filter(|offset| *offset > 0)
        .min()
}

fn file_of(files: &Files, stream: &StreamHandle) -> String {
    match files.locate(stream) {
        Ok(Some(location)) => location.to_string(),
        Ok(None) => "_metadata".to_owned(),
        Err(error) => format!("({error})"),
    }
}
