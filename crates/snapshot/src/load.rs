//! Reads the headers of an operator's streams, so that its states are known.

use std::sync::Arc;

use statetool_backend::snappy::STREAM_IDENTIFIER;
use statetool_backend::window::parse_prefix;
use statetool_backend::{InFile, Source, heap, raw_timers};
use statetool_format::metadata::{
    IncrementalHandle, KeyGroupsHandle, KeyGroupsKind, KeyedHandle, OperatorStateHandle, StreamHandle,
    SubtaskState,
};
use statetool_format::state::{KeyedHeader, OperatorHeader};
use statetool_format::{Error as FormatError, Fault, KeyGroupRange, Reader};

use crate::changelog::Overlay;
use crate::error::{Error, ErrorKind, Result};
use crate::heap_values::HeapValues;
use crate::operator::Operator;
use crate::part::{Layout, Part, RocksDb};
use crate::snapshot::Snapshot;
use crate::state::{Header, State, StateKind};

/// An operator whose stream headers have been read.
pub struct LoadedOperator {
    /// Its parts, by subtask.
    pub parts: Vec<Part>,
    /// Its states: those of all parts, each once.
    pub states: Vec<Arc<State>>,
    /// Streams and states that nobody can interpret.
    pub unreadable: Vec<Unreadable>,
}

/// Something that nobody can interpret, which is no damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The state, if only one is concerned.
    pub state: Option<String>,
    /// The serializer or class that would be needed.
    pub serializer: String,
    /// Why, in words.
    pub reason: String,
}

/// How long a header may be.
const MAX_HEADER: u64 = 1 << 28;
/// The streams of how many subtasks are opened at the same time.
const OPENED_TOGETHER: usize = 128;

/// The streams of a subtask that loading its operator opens.
pub(crate) fn header_streams(state: &SubtaskState) -> Vec<&StreamHandle> {
    let mut streams: Vec<_> = state
        .managed_operator
        .iter()
        .map(|handle| &handle.delegate)
        .collect();
    for handle in [&state.managed_keyed, &state.raw_keyed].into_iter().flatten() {
        keyed_header_streams(handle, &mut streams);
    }
    streams
}

fn keyed_header_streams<'s>(handle: &'s KeyedHandle, streams: &mut Vec<&'s StreamHandle>) {
    match handle {
        KeyedHandle::Incremental(incremental) => streams.extend(&incremental.meta),
        KeyedHandle::Changelog(changelog) => {
            for inner in changelog.materialized.iter().chain(&changelog.non_materialized) {
                keyed_header_streams(inner, streams);
            }
        }
        _ => handle.visit_streams(&mut |stream| streams.push(stream)),
    }
}

impl LoadedOperator {
    pub(crate) fn load(snapshot: &Snapshot, operator: &Operator<'_>) -> Result<Self> {
        Self::load_or(snapshot, operator, &mut |subtask, error| {
            Err(error.within(format!("operator `{}`, subtask {subtask}", operator.label())))
        })
    }

    /// Loads what can be, and returns for each piece that cannot the subtask and the error.
    pub(crate) fn load_readable(snapshot: &Snapshot, operator: &Operator<'_>) -> (Self, Vec<(u32, Error)>) {
        let mut failed = Vec::new();
        let loaded = Self::load_or(snapshot, operator, &mut |subtask, error| {
            failed.push((subtask, error));
            Ok(())
        });
        let nothing = || Self {
            parts: Vec::new(),
            states: Vec::new(),
            unreadable: Vec::new(),
        };
        (loaded.unwrap_or_else(|_| nothing()), failed)
    }

    fn load_or(
        snapshot: &Snapshot,
        operator: &Operator<'_>,
        failed: &mut dyn FnMut(u32, Error) -> Result<()>,
    ) -> Result<Self> {
        let mut loader = Loader {
            snapshot,
            max_parallelism: operator.state.max_parallelism,
            headers: Vec::new(),
            parts: Vec::new(),
            unreadable: Vec::new(),
        };
        let files = snapshot.files();
        for (index, (subtask, state)) in operator.state.running().enumerate() {
            if index % OPENED_TOGETHER == 0 {
                let next = operator.state.running().skip(index).take(OPENED_TOGETHER);
                files.open_ahead(next.flat_map(|(_, state)| header_streams(state)));
            }
            let mut check = |loaded: Result<()>| loaded.or_else(|error| failed(subtask, error));
            if let Some(handle) = &state.managed_operator {
                check(loader.operator_state(subtask, handle))?;
            }
            if let Some(handle) = &state.raw_operator {
                loader.raw_operator(subtask, handle);
            }
            if let Some(handle) = &state.managed_keyed {
                check(loader.keyed(subtask, handle))?;
            }
            if let Some(handle) = &state.raw_keyed {
                check(loader.raw_keyed(subtask, handle))?;
            }
        }
        Ok(loader.finish())
    }

    /// The state with this name.
    pub fn state(&self, name: &str) -> Option<&Arc<State>> {
        self.states.iter().find(|state| state.name == name)
    }

    /// The number of elements of an operator list, which its handles know.
    pub fn operator_list_entries(&self, name: &str) -> u64 {
        let handles = self.parts.iter().filter_map(|part| match &part.layout {
            Layout::Operator { handle, .. } => Some(handle),
            _ => None,
        });
        let states = handles
            .flat_map(|handle| &handle.states)
            .filter(|state| state.name == *name);
        states.map(|state| state.offsets.len() as u64).sum()
    }
}

struct Loader<'s> {
    snapshot: &'s Snapshot,
    max_parallelism: u32,
    /// Headers seen, since those of most subtasks are the same bytes.
    headers: Vec<(KeyedHeader, Arc<Header>)>,
    parts: Vec<Part>,
    unreadable: Vec<Unreadable>,
}

impl Loader<'_> {
    fn finish(self) -> LoadedOperator {
        let mut states: Vec<Arc<State>> = Vec::new();
        let mut unreadable = self.unreadable;
        let mut last: Option<&Arc<State>> = None;
        for state in self.parts.iter().flat_map(Part::states) {
            // Parts with the same header share its states.
            if last.replace(state).is_some_and(|last| Arc::ptr_eq(last, state)) {
                continue;
            }
            let known = states
                .iter()
                .any(|other| other.name == state.name && other.kind == state.kind);
            if !known {
                states.push(state.clone());
            }
            for (serializer, reason) in opaque_parts(state) {
                let state = Some(state.name.clone());
                let found = Unreadable {
                    state,
                    serializer,
                    reason,
                };
                if !unreadable.contains(&found) {
                    unreadable.push(found);
                }
            }
        }
        unreadable.dedup();
        LoadedOperator {
            parts: self.parts,
            states,
            unreadable,
        }
    }

    fn push(&mut self, subtask: u32, range: KeyGroupRange, header: Arc<Header>, layout: Layout) {
        self.parts.push(Part {
            subtask,
            range,
            header,
            layout,
        });
    }

    /// Notes what nobody can interpret; passes on what is an error.
    fn tolerate<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == ErrorKind::NotInterpretable => {
                let reason = error.to_string();
                let serializer = reason.split('`').rev().nth(1).unwrap_or_default().to_owned();
                self.unreadable.push(Unreadable {
                    state: None,
                    serializer,
                    reason,
                });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn keyed(&mut self, subtask: u32, handle: &KeyedHandle) -> Result<()> {
        let part = self.keyed_part(subtask, handle);
        if let Some(part) = self.tolerate(part)? {
            self.parts.push(part);
        }
        Ok(())
    }

    fn keyed_part(&mut self, subtask: u32, handle: &KeyedHandle) -> Result<Part> {
        match handle {
            KeyedHandle::KeyGroups(groups) => self.key_groups(subtask, groups),
            KeyedHandle::Incremental(incremental) => self.incremental(subtask, incremental),
            KeyedHandle::Changelog(changelog) => {
                let base = changelog
                    .materialized
                    .iter()
                    .map(|handle| self.keyed_part(subtask, handle));
                let base: Vec<Part> = base.collect::<Result<_>>()?;
                let overlay = Overlay::read(
                    changelog,
                    self.snapshot.files(),
                    &base,
                    self.max_parallelism,
                    self.snapshot.kryo(),
                )?;
                let header = overlay.header().clone();
                let layout = Layout::Changelog {
                    base,
                    overlay: Box::new(overlay),
                };
                Ok(Part {
                    subtask,
                    range: changelog.range,
                    header,
                    layout,
                })
            }
            KeyedHandle::InlineChangelog(_) | KeyedHandle::ChangelogFiles(_) => {
                Err(Error::input("a changelog without its base handle"))
            }
        }
    }

    fn key_groups(&mut self, subtask: u32, groups: &KeyGroupsHandle) -> Result<Part> {
        let source = self.snapshot.files().open(&groups.delegate)?;
        let end = header_end(groups, source.len());
        let header = self.keyed_header(&source, end)?;
        let canonical = groups.kind == KeyGroupsKind::Savepoint
            || !heap::is_heap_layout(&source, groups, header.compressed)?;
        let handle = groups.clone();
        let layout = match canonical {
            true => Layout::Canonical { handle, source },
            false => Layout::Heap {
                handle,
                source,
                values: HeapValues::new(self.max_parallelism),
            },
        };
        Ok(Part {
            subtask,
            range: groups.range,
            header,
            layout,
        })
    }

    fn incremental(&mut self, subtask: u32, handle: &IncrementalHandle) -> Result<Part> {
        let Some(meta) = &handle.meta else {
            return Err(Error::input("an incremental handle without its meta stream"));
        };
        let source = self.snapshot.files().open(meta)?;
        let header = self.keyed_header(&source, Some(source.len()))?;
        let layout = Layout::RocksDb(Box::new(RocksDb::new(handle.clone())));
        Ok(Part {
            subtask,
            range: handle.range,
            header,
            layout,
        })
    }

    /// Decodes a keyed header that ends at `end` if that is known.
    fn keyed_header(&mut self, source: &Source, end: Option<u64>) -> Result<Arc<Header>> {
        let header = match end.filter(|end| *end <= source.len().min(MAX_HEADER)) {
            Some(end) => {
                let mut bytes = vec![0; end as usize];
                source.read_exact_at(&mut bytes, 0)?;
                KeyedHeader::decode_exact(&Reader::new(&bytes)).in_file(source.name())?
            }
            None => parse_prefix(&**source, MAX_HEADER, KeyedHeader::decode)?,
        };
        if let Some((_, known)) = self.headers.iter().find(|(known, _)| *known == header) {
            return Ok(known.clone());
        }
        let typed = Arc::new(Header::new(&header, self.max_parallelism, self.snapshot.kryo()));
        self.headers.push((header, typed.clone()));
        Ok(typed)
    }

    fn raw_keyed(&mut self, subtask: u32, handle: &KeyedHandle) -> Result<()> {
        let KeyedHandle::KeyGroups(groups) = handle else {
            return Err(Error::input("raw keyed state that is not in key groups"));
        };
        let source = self.snapshot.files().open(&groups.delegate)?;
        if !raw_timers::is_timer_stream(&source, groups)? {
            let reason = "raw keyed state: bytes whose meaning only the job knows".into();
            self.unreadable.push(Unreadable {
                state: None,
                serializer: "raw keyed state".into(),
                reason,
            });
            let layout = Layout::RawKeyed {
                handle: groups.clone(),
            };
            self.push(
                subtask,
                groups.range,
                Arc::new(Header::empty(self.max_parallelism)),
                layout,
            );
            return Ok(());
        }
        let header = Header::of_raw_timers(&source, groups, self.max_parallelism, self.snapshot.kryo());
        if let Some(header) = self.tolerate(header)? {
            let layout = Layout::RawTimers {
                handle: groups.clone(),
                source,
            };
            self.push(subtask, groups.range, Arc::new(header), layout);
        }
        Ok(())
    }

    fn operator_state(&mut self, subtask: u32, handle: &OperatorStateHandle) -> Result<()> {
        if matches!(handle.delegate, StreamHandle::EmptySegment) {
            return Ok(());
        }
        let source = self.snapshot.files().open(&handle.delegate)?;
        let first = handle
            .states
            .iter()
            .flat_map(|s| &s.offsets)
            .filter_map(|o| u64::try_from(*o).ok())
            .min();
        let end = first.unwrap_or(source.len());
        let header = parse_prefix(&*source, end.min(MAX_HEADER), |r| {
            let header = match r.left() as u64 == end {
                true => decode_operator_header(r)?,
                false => OperatorHeader::decode(r)?,
            };
            check_header_end(&header, r.offset(), end)?;
            Ok(header)
        });
        let Some(header) = self.tolerate(header.map_err(Into::into))? else {
            return Ok(());
        };
        let generation = self.snapshot.kryo();
        let states = header.lists.iter().chain(&header.broadcasts);
        let states = states
            .map(|meta| Arc::new(State::operator(Arc::new(meta.clone()), generation)))
            .collect();
        let lists = header.lists.len();
        let header = Arc::new(Header {
            compressed: header.compressed,
            prefix_bytes: 0,
            states,
        });
        let layout = Layout::Operator {
            handle: handle.clone(),
            source,
            lists,
        };
        self.push(subtask, KeyGroupRange::new(0, 0), header, layout);
        Ok(())
    }

    fn raw_operator(&mut self, subtask: u32, handle: &OperatorStateHandle) {
        let reason = "raw operator state: bytes whose meaning only the job knows".into();
        self.unreadable.push(Unreadable {
            state: None,
            serializer: "raw operator state".into(),
            reason,
        });
        let header = Arc::new(Header::empty(self.max_parallelism));
        self.push(
            subtask,
            KeyGroupRange::new(0, 0),
            header,
            Layout::RawOperator {
                handle: handle.clone(),
            },
        );
    }
}

/// An operator header that is followed by data; with a stream identifier behind it when
/// compressed, which is not part of it.
fn decode_operator_header(r: &mut Reader<'_>) -> statetool_format::Result<OperatorHeader> {
    let mut whole = r.clone();
    OperatorHeader::decode(r).or_else(|error| match error.fault() {
        Fault::UnknownClass(_) => {
            // A compressed stream names its framing between the header and the first element.
            let bytes = whole.rest();
            let len = bytes.strip_suffix(STREAM_IDENTIFIER).unwrap_or(bytes).len();
            r.take_rest();
            OperatorHeader::decode_exact(&whole.window(len, "header of an operator state stream")?)
        }
        _ => Err(error),
    })
}

/// Checks that the first element, or the end of the stream, comes right behind the header.
fn check_header_end(header: &OperatorHeader, at: u64, end: u64) -> statetool_format::Result<()> {
    let named = at + STREAM_IDENTIFIER.len() as u64;
    if at == end || (header.compressed && named == end) {
        return Ok(());
    }
    let left = end.saturating_sub(at);
    let what = "header of an operator state stream";
    Err(FormatError::new(at, what, Fault::Trailing { left }))
}

/// Where the header ends: at the first data of a key group.
fn header_end(groups: &KeyGroupsHandle, len: u64) -> Option<u64> {
    let first = groups
        .offsets
        .iter()
        .filter_map(|offset| u64::try_from(*offset).ok())
        .filter(|o| *o > 0)
        .min();
    // Without any entry the stream is the header.
    first.or(Some(len))
}

/// Classes of a state that nobody can interpret, and why.
fn opaque_parts(state: &State) -> Vec<(String, String)> {
    let types = [&state.key, &state.namespace, &state.map_key]
        .into_iter()
        .flatten();
    // A timer's type repeats key and namespace.
    let value = (state.kind != StateKind::Timer).then_some(&state.value);
    let parts = types.chain(value).flat_map(|ty| ty.opaque_parts());
    parts
        .map(|part| (part.class.clone(), part.reason.clone()))
        .collect()
}
