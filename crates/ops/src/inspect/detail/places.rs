//! Where the bytes of a state are: files, offsets, key groups.

use serde::Serialize;
use statetool_backend::rocksdb::LiveFile;
use statetool_format::metadata::{KeyGroupsHandle, KeyedHandle, OperatorStateHandle, StreamHandle};
use statetool_snapshot::{Files, Layout, Operator, Part, State};

/// A stream or file that holds (a part of) a state.
#[derive(Debug, Clone, Default, Serialize, PartialEq, Eq)]
pub struct BytePlace {
    /// The subtask that wrote it; null for what belongs to the whole operator.
    pub subtask: Option<u32>,
    /// The key groups in it, as `first-last`; null for operator state and for files that
    /// nobody could look into.
    pub key_groups: Option<String>,
    /// How it is stored: `canonical`, `heap`, `rocksdb`, `changelog`, `raw-timers`, `operator`;
    /// for streams of no state `coordinator`, `raw-keyed`, `raw-operator`, `input-channels`,
    /// `output-channels`.
    pub layout: &'static str,
    /// The file; the metadata file for inline state.
    pub file: String,
    /// Whether the bytes are inside the metadata file.
    pub inline: bool,
    /// The name of the file in its database.
    pub local_name: Option<String>,
    /// The level of a database's table.
    pub level: Option<u32>,
    /// Where the state's data begins in the file, or in its inline bytes.
    pub offset: Option<u64>,
    /// Length of the stream as recorded.
    pub bytes: Option<u64>,
    /// Where each key group begins that has data; the states of a stream share its groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key_group_offsets: Vec<(u32, u64)>,
    /// Where each element of an operator list begins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub element_offsets: Vec<u64>,
    /// Where each set of changes of a changelog begins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub change_offsets: Vec<u64>,
}

/// Collects places.
pub(super) struct Places<'f> {
    files: &'f Files,
    pub(super) found: Vec<BytePlace>,
}

impl<'f> Places<'f> {
    pub(super) fn new(files: &'f Files) -> Self {
        Self {
            files,
            found: Vec::new(),
        }
    }

    /// The place of a stream, of which `offset` is where the data begins.
    fn place(
        &self,
        subtask: Option<u32>,
        layout: &'static str,
        stream: &StreamHandle,
        offset: Option<u64>,
    ) -> BytePlace {
        let (file, inline) = match self.files.locate(stream) {
            Ok(Some(location)) => (location.to_string(), false),
            Ok(None) => ("_metadata".to_owned(), true),
            Err(error) => (format!("({error})"), false),
        };
        let base = segment_start(stream);
        BytePlace {
            subtask,
            layout,
            file,
            inline,
            offset: match (base, offset) {
                (Some(base), Some(offset)) => base.checked_add(offset),
                (base, offset) => offset.or(base),
            },
            bytes: stream.recorded_size(),
            ..BytePlace::default()
        }
    }

    /// Adds a stream that stands for itself.
    pub(super) fn add_stream(
        &mut self,
        subtask: Option<u32>,
        layout: &'static str,
        stream: &StreamHandle,
        offset: Option<u64>,
    ) {
        self.found.push(self.place(subtask, layout, stream, offset));
    }

    /// Adds the places of a state in a part that has it.
    pub(super) fn add_state(&mut self, part: &Part, state: &State) {
        match &part.layout {
            Layout::Canonical { handle, .. } => self.add_groups(part, "canonical", handle),
            Layout::Heap { handle, .. } => self.add_groups(part, "heap", handle),
            Layout::RawTimers { handle, .. } => self.add_groups(part, "raw-timers", handle),
            Layout::RocksDb(_) => self.add_tables(part, state),
            Layout::Changelog { base, .. } => {
                for part in base.iter().filter(|part| part.index_of(&state.name).is_some()) {
                    self.add_state(part, state);
                }
            }
            Layout::Operator { handle, .. } => self.add_elements(part, state, handle),
            Layout::RawKeyed { .. } | Layout::RawOperator { .. } => {}
        }
    }

    fn add_groups(&mut self, part: &Part, layout: &'static str, handle: &KeyGroupsHandle) {
        let base = segment_start(&handle.delegate).unwrap_or(0);
        let offsets = handle.range.groups().zip(&handle.offsets);
        let offsets: Vec<(u32, u64)> = offsets
            .filter_map(|(group, at)| Some((group, u64::try_from(*at).ok().filter(|at| *at > 0)?)))
            .collect();
        let first = offsets.iter().map(|(_, at)| *at).min();
        let mut place = self.place(Some(part.subtask), layout, &handle.delegate, first);
        place.key_groups = (!handle.range.is_empty()).then(|| handle.range.to_string());
        place.key_group_offsets = offsets
            .into_iter()
            .filter_map(|(group, at)| Some((group, base.checked_add(at)?)))
            .collect();
        self.found.push(place);
    }

    /// The family's live tables, where the manifest can be read; else all tables.
    fn add_tables(&mut self, part: &Part, state: &State) {
        let Layout::RocksDb(database) = &part.layout else {
            return;
        };
        let opened = database.open(self.files).ok();
        let family = opened.as_ref().and_then(|opened| opened.family(&state.name));
        for file in database.handle.files() {
            let name = file.local_path.to_str().into_owned();
            let live = family.and_then(|family| family.files().find(|live| live.name() == name));
            let wanted = match family {
                Some(_) => live.is_some(),
                // A manifest that can be read knows no table of the state: it has no entries.
                None => opened.is_none() && name.ends_with(".sst"),
            };
            if !wanted {
                continue;
            }
            let mut place = self.place(Some(part.subtask), "rocksdb", &file.handle, None);
            place.local_name = Some(name);
            place.level = live.map(|live| live.level);
            place.key_groups = live.and_then(|live| groups_of(live, part.header.prefix_bytes));
            self.found.push(place);
        }
    }

    fn add_elements(&mut self, part: &Part, state: &State, handle: &OperatorStateHandle) {
        let base = segment_start(&handle.delegate).unwrap_or(0);
        let offsets = handle
            .state(&state.meta.name)
            .map(|stored| stored.offsets.as_slice());
        let offsets: Vec<u64> = offsets
            .unwrap_or_default()
            .iter()
            .filter_map(|at| base.checked_add(u64::try_from(*at).ok()?))
            .collect();
        let mut place = self.place(Some(part.subtask), "operator", &handle.delegate, None);
        place.offset = offsets.first().copied();
        place.element_offsets = offsets;
        self.found.push(place);
    }

    /// The log on top of a changelog's base, which all states of the subtask share.
    pub(super) fn add_log(&mut self, operator: &Operator<'_>, subtask: u32) {
        let mut running = operator.state.running();
        let state = running.find(|(index, _)| *index == subtask);
        let Some(KeyedHandle::Changelog(changelog)) =
            state.and_then(|(_, state)| state.managed_keyed.as_ref())
        else {
            return;
        };
        for handle in &changelog.non_materialized {
            match handle {
                KeyedHandle::ChangelogFiles(files) => {
                    for (offset, stream) in &files.change_sets {
                        let Ok(offset) = u64::try_from(*offset) else {
                            continue;
                        };
                        let mut place = self.place(Some(subtask), "changelog", stream, None);
                        place.offset = Some(offset);
                        place.key_groups = Some(files.range.to_string());
                        place.change_offsets.push(offset);
                        self.add_changes(place);
                    }
                }
                KeyedHandle::InlineChangelog(log) => self.found.push(BytePlace {
                    subtask: Some(subtask),
                    key_groups: Some(log.range.to_string()),
                    layout: "changelog",
                    file: "_metadata".into(),
                    inline: true,
                    bytes: Some(log.changes.iter().map(|(_, bytes)| bytes.len() as u64).sum()),
                    ..BytePlace::default()
                }),
                _ => {}
            }
        }
    }
}

impl Places<'_> {
    /// Adds changes, which are many in one file.
    fn add_changes(&mut self, place: BytePlace) {
        match self.found.last_mut() {
            Some(last) if last.layout == place.layout && last.file == place.file => {
                last.change_offsets.extend(place.change_offsets);
            }
            _ => self.found.push(place),
        }
    }
}

/// Where a part of a file begins.
fn segment_start(stream: &StreamHandle) -> Option<u64> {
    match stream {
        StreamHandle::Segment { start, .. } => u64::try_from(*start).ok(),
        StreamHandle::KeyGroups(groups) => segment_start(&groups.delegate),
        _ => None,
    }
}

/// The key groups of a table, from its first key to its last.
fn groups_of(table: &LiveFile, prefix_bytes: usize) -> Option<String> {
    let group = |key: &[u8]| {
        let prefix = key.get(..prefix_bytes)?;
        Some(
            prefix
                .iter()
                .fold(0_u32, |group, byte| group << 8 | u32::from(*byte)),
        )
    };
    let (first, last) = (group(&table.smallest.user_key)?, group(&table.largest.user_key)?);
    Some(format!("{first}-{last}"))
}
