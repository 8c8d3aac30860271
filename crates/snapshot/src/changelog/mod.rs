//! Changelog checkpoints: logged changes on top of a base.
//!
//! The log is replayed into an [`Overlay`] that knows, for every key it touches, what became of
//! it; a scan passes the base's entries through it and then adds what only the log has. The
//! overlay is kept in memory: Flink bounds the log by its materialization interval.

mod apply;
mod scan;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use statetool_backend::changelog::{self, Change};
use statetool_format::Reader;
use statetool_format::key_group::prefix_bytes;
use statetool_format::metadata::{ChangelogHandle, KeyedHandle};
use statetool_format::state::{BackendStateType, SerializerKey, StateMetaInfo};
use statetool_values::{KryoGeneration, Type};

use crate::codec::skip;
use crate::error::{Error, Result};
use crate::files::Files;
use crate::part::Part;
use crate::state::{Header, KeyType, State};

/// What the log did to the keys it touched.
pub struct Overlay {
    header: Arc<Header>,
    keyed: HashMap<KeyId, KeyChange>,
    /// Time-ordered, as the base's queues are: whether the timer is there, and its key group.
    timers: BTreeMap<(usize, Vec<u8>), (bool, u32)>,
}

/// A state, a key and a namespace, serialized.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct KeyId {
    state: usize,
    key: Vec<u8>,
    namespace: Vec<u8>,
}

/// What became of the state of one key and namespace.
#[derive(Debug, Default)]
struct KeyChange {
    key_group: u32,
    /// Whether the base's contents are gone.
    replaced: bool,
    /// The new value, for states of one value.
    value: Option<Vec<u8>>,
    /// What was appended, for lists.
    list: Vec<Fragment>,
    /// What was put and removed, for maps.
    entries: BTreeMap<Vec<u8>, Option<MapValue>>,
}

/// A value that was put into a map.
#[derive(Debug)]
enum MapValue {
    Null,
    Value(Vec<u8>),
}

/// A piece of a list.
#[derive(Debug)]
enum Fragment {
    /// One element.
    Element(Vec<u8>),
    /// The elements that the base has under another namespace, which was merged into this one.
    BaseOf(Vec<u8>),
}

impl Overlay {
    /// Reads the log of a handle whose base has been loaded.
    pub(crate) fn read(
        handle: &ChangelogHandle,
        files: &Files,
        base: &[Part],
        max_parallelism: u32,
        generation: KryoGeneration,
    ) -> Result<Self> {
        let log = read_log(handle, files, generation)?;
        let key = base
            .iter()
            .flat_map(Part::states)
            .find_map(|state| {
                Some(KeyType {
                    ty: state.key.clone()?,
                    snapshot: state.key_snapshot.clone()?,
                })
            })
            .or_else(|| log.key_of_timers(generation));
        let Some(key) = key else {
            if log.changes.is_empty() {
                return Ok(Self::empty(max_parallelism));
            }
            return Err(Error::not_interpretable(
                "`KEY_SERIALIZER`: the changelog has no base yet and no timers, so nothing in it names the key serializer",
            ));
        };
        let mut states: Vec<Arc<State>> = Vec::new();
        for state in base.iter().flat_map(Part::states) {
            if !states.iter().any(|known| known.name == state.name) {
                states.push(state.clone());
            }
        }
        for meta in &log.definitions {
            let name = meta.name.to_str();
            if states.iter().all(|known| known.name != *name)
                && let Some(state) = State::keyed(meta.clone(), &key, generation)
            {
                states.push(Arc::new(state));
            }
        }
        let header = Header {
            compressed: false,
            prefix_bytes: prefix_bytes(max_parallelism),
            states,
        };
        let mut overlay = Self {
            header: Arc::new(header),
            ..Self::empty(max_parallelism)
        };
        overlay.replay(&log)?;
        Ok(overlay)
    }

    fn empty(max_parallelism: u32) -> Self {
        let header = Arc::new(Header::empty(max_parallelism));
        Self {
            header,
            keyed: HashMap::new(),
            timers: BTreeMap::new(),
        }
    }

    /// The states of base and log.
    pub(crate) fn header(&self) -> &Arc<Header> {
        &self.header
    }
}

/// The log in order.
#[derive(Default)]
struct Log {
    definitions: Vec<Arc<StateMetaInfo>>,
    changes: Vec<Logged>,
}

/// One change: the state it is about, by index of its definition, and its bytes.
struct Logged {
    key_group: i32,
    definition: usize,
    operation: changelog::Operation,
    data: Vec<u8>,
}

impl Log {
    /// The key serializer that the snapshot of a timer serializer holds.
    fn key_of_timers(&self, generation: KryoGeneration) -> Option<KeyType> {
        let timer = self
            .definitions
            .iter()
            .find(|meta| meta.kind == BackendStateType::PriorityQueue)?;
        let snapshot = timer
            .serializer(SerializerKey::Value)?
            .nested()
            .into_iter()
            .next()?;
        Some(KeyType {
            ty: Arc::new(Type::of(snapshot, generation)),
            snapshot: Arc::new(snapshot.clone()),
        })
    }
}

fn read_log(handle: &ChangelogHandle, files: &Files, generation: KryoGeneration) -> Result<Log> {
    let mut log = Log::default();
    for handle in &handle.non_materialized {
        // State ids are defined anew in every handle.
        let mut ids: HashMap<u16, usize> = HashMap::new();
        let mut visit = |group: i32, r: &mut Reader<'_>| log.push(group, r, &mut ids, generation);
        match handle {
            KeyedHandle::InlineChangelog(inline) => {
                changelog::visit_inline(inline, "_metadata, inline changelog", visit)?
            }
            KeyedHandle::ChangelogFiles(in_files) => {
                let open = |stream: &_| {
                    files.open_log(stream).map_err(|error| {
                        statetool_backend::Error::io("changelog", std::io::Error::other(error))
                    })
                };
                changelog::visit_files(in_files, open, &mut visit)?;
            }
            _ => return Err(Error::input("a changelog handle whose log is no log")),
        }
    }
    Ok(log)
}

impl Log {
    fn push(
        &mut self,
        key_group: i32,
        r: &mut Reader<'_>,
        ids: &mut HashMap<u16, usize>,
        generation: KryoGeneration,
    ) -> statetool_format::Result<()> {
        let start = r.clone();
        let skip_default =
            |meta: &StateMetaInfo, r: &mut Reader<'_>| match meta.serializer(SerializerKey::Value) {
                Some(snapshot) => skip(&Type::of(snapshot, generation), r),
                None => Err(r.invalid("default value", "the state has no value serializer")),
            };
        match Change::decode(r, skip_default)? {
            Change::Define { state, meta } => {
                ids.insert(state, self.definitions.len());
                self.definitions.push(Arc::new(*meta));
            }
            Change::Apply {
                state,
                operation,
                mut data,
            } => {
                let Some(&definition) = ids.get(&state) else {
                    return Err(start.invalid(
                        "state id of a change",
                        format!("state {state} was not defined before"),
                    ));
                };
                self.changes.push(Logged {
                    key_group,
                    definition,
                    operation,
                    data: data.take_rest().to_vec(),
                });
            }
        }
        Ok(())
    }
}
