//! One state as a stream's header describes it.

use std::fmt;
use std::sync::Arc;

use statetool_backend::Source;
use statetool_backend::raw_timers::{self, TimerDomain, TimerService};
use statetool_format::JavaString;
use statetool_format::key_group::prefix_bytes;
use statetool_format::metadata::{DistributionMode, KeyGroupsHandle};
use statetool_format::serializer::{Content, Outer, SerializerSnapshot};
use statetool_format::state::{BackendStateType, KeyedHeader, KeyedStateKind, SerializerKey, StateMetaInfo};
use statetool_values::{KryoGeneration, Type};

use crate::codec::Extent;
use crate::error::Result;
use crate::scan::timer_state_name;

/// What kind of state it is, in the words of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateKind {
    /// One value a key.
    Value,
    /// A list a key.
    List,
    /// A map a key.
    Map,
    /// One reduced value a key.
    Reducing,
    /// One accumulator a key.
    Aggregating,
    /// A queue of timers.
    Timer,
    /// A map that all subtasks have.
    Broadcast,
    /// A list whose elements are spread over the subtasks.
    OperatorListSplit,
    /// A list that every subtask gets whole.
    OperatorListUnion,
    /// A list that all subtasks have.
    OperatorBroadcastList,
}

impl StateKind {
    /// The word of the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::List => "list",
            Self::Map => "map",
            Self::Reducing => "reducing",
            Self::Aggregating => "aggregating",
            Self::Timer => "timer",
            Self::Broadcast => "broadcast",
            Self::OperatorListSplit => "operator-list-split",
            Self::OperatorListUnion => "operator-list-union",
            Self::OperatorBroadcastList => "operator-broadcast-list",
        }
    }

    /// Whether the state belongs to keys.
    pub fn is_keyed(self) -> bool {
        matches!(
            self,
            Self::Value | Self::List | Self::Map | Self::Reducing | Self::Aggregating | Self::Timer
        )
    }
}

impl fmt::Display for StateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A state: its name, its kind, and the types of its parts.
#[derive(Debug, Clone)]
pub struct State {
    /// The name.
    pub name: String,
    /// The kind.
    pub kind: StateKind,
    /// Type of the keys, for keyed state.
    pub key: Option<Arc<Type>>,
    /// Type of the namespaces, for keyed state.
    pub namespace: Option<Arc<Type>>,
    /// Type of the map keys, for map and broadcast state.
    pub map_key: Option<Arc<Type>>,
    /// Type of what a value, a list element or a map value is, TTL wrapper included; for
    /// timers, of the whole timer.
    pub value: Arc<Type>,
    /// Type of the whole state value as the heap layout and the changelog write it.
    pub whole: Arc<Type>,
    /// Whether values carry a TTL time stamp.
    pub ttl: bool,
    /// What the header says, serializer snapshots included.
    pub meta: Arc<StateMetaInfo>,
    /// The snapshot of the key serializer, for keyed state.
    pub key_snapshot: Option<Arc<SerializerSnapshot>>,
}

/// How a queue of timers in a backend describes them (`TimerSerializer`, all releases).
const TIMER_SNAPSHOT: &str = "org.apache.flink.streaming.api.operators.TimerSerializerSnapshot";

impl State {
    /// A keyed state of a header; `None` for kinds that do not occur there.
    pub fn keyed(meta: Arc<StateMetaInfo>, key: &KeyType, generation: KryoGeneration) -> Option<Self> {
        let whole = type_of(&meta, SerializerKey::Value, generation);
        let namespace = meta
            .serializer(SerializerKey::Namespace)
            .map(|s| Arc::new(Type::of(s, generation)));
        let v2 = meta.kind == BackendStateType::KeyValueV2;
        let (kind, namespace) = match meta.kind {
            BackendStateType::PriorityQueue => (StateKind::Timer, timer_namespace(&meta, generation)),
            BackendStateType::KeyValue | BackendStateType::KeyValueV2 => {
                (keyed_kind(&meta, &whole), namespace)
            }
            BackendStateType::Operator | BackendStateType::Broadcast => return None,
        };
        let (map_key, value) = match (kind, &*whole) {
            (StateKind::List, Type::List(list)) if !v2 => (None, Arc::new(list.element.clone())),
            (StateKind::Map, Type::Map(map)) if !v2 => {
                (Some(Arc::new(map.key.clone())), Arc::new(map.value.clone()))
            }
            (StateKind::Map, _) if v2 => (Some(v2_user_key(&meta, generation)), whole.clone()),
            _ => (None, whole.clone()),
        };
        let ttl = matches!(*value, Type::Ttl(_));
        Some(Self {
            name: meta.name.to_str().into_owned(),
            kind,
            key: Some(key.ty.clone()),
            namespace,
            map_key,
            value,
            whole,
            ttl,
            meta,
            key_snapshot: Some(key.snapshot.clone()),
        })
    }

    /// A list or broadcast state of an operator stream.
    pub fn operator(meta: Arc<StateMetaInfo>, generation: KryoGeneration) -> Self {
        let value = type_of(&meta, SerializerKey::Value, generation);
        let broadcast = meta.kind == BackendStateType::Broadcast;
        let map_key = broadcast.then(|| type_of(&meta, SerializerKey::Key, generation));
        let kind = match meta.distribution_mode() {
            _ if broadcast => StateKind::Broadcast,
            Some(DistributionMode::Union) => StateKind::OperatorListUnion,
            Some(DistributionMode::Broadcast) => StateKind::OperatorBroadcastList,
            _ => StateKind::OperatorListSplit,
        };
        Self {
            name: meta.name.to_str().into_owned(),
            kind,
            key: None,
            namespace: None,
            map_key,
            whole: value.clone(),
            value,
            ttl: false,
            meta,
            key_snapshot: None,
        }
    }

    /// A queue of timers in raw keyed state, with the meta info of one in a backend.
    fn raw_timer(service: &TimerService, domain: TimerDomain, generation: KryoGeneration) -> Self {
        let name = timer_state_name(domain, &service.name.to_str());
        let namespace = Arc::new(Type::of(&service.namespace, generation));
        let timer = SerializerSnapshot {
            class: JavaString::new(TIMER_SNAPSHOT).unwrap_or_default(),
            version: 3,
            content: Content::Composite {
                outer_version: Some(2),
                outer: Outer::None,
                nested: vec![service.key.clone(), service.namespace.clone()],
            },
        };
        let serializer = JavaString::new(SerializerKey::Value.name()).unwrap_or_default();
        let meta = StateMetaInfo {
            name: JavaString::new(&name).unwrap_or_default(),
            kind: BackendStateType::PriorityQueue,
            options: Vec::new(),
            serializers: vec![(serializer, timer)],
        };
        Self {
            name,
            kind: StateKind::Timer,
            key: Some(Arc::new(Type::of(&service.key, generation))),
            value: namespace.clone(),
            whole: namespace.clone(),
            namespace: Some(namespace),
            map_key: None,
            ttl: false,
            meta: Arc::new(meta),
            key_snapshot: Some(Arc::new(service.key.clone())),
        }
    }

    /// Whether composite keys of this state carry the lengths of key and namespace: when both
    /// are of variable length.
    pub fn is_ambiguous(&self) -> bool {
        let variable = |ty: &Option<Arc<Type>>| ty.as_ref().is_some_and(|ty| ty.declared_length().is_none());
        variable(&self.namespace) && variable(&self.key)
    }

    /// The type of what users see as value: without the TTL wrapper.
    pub fn user_value(&self) -> &Type {
        match &*self.value {
            Type::Ttl(inner) => inner,
            other => other,
        }
    }
}

/// The key serializer of a header.
#[derive(Debug, Clone)]
pub struct KeyType {
    /// Its type.
    pub ty: Arc<Type>,
    /// Its snapshot.
    pub snapshot: Arc<SerializerSnapshot>,
}

/// The header of a keyed stream with its types.
#[derive(Debug)]
pub struct Header {
    /// Whether the key groups are compressed.
    pub compressed: bool,
    /// Bytes of the key group in front of composite keys.
    pub prefix_bytes: usize,
    /// The states by id.
    pub states: Vec<Arc<State>>,
}

impl Header {
    /// Types for all that a decoded header describes.
    pub fn new(header: &KeyedHeader, max_parallelism: u32, generation: KryoGeneration) -> Self {
        let key = KeyType {
            ty: Arc::new(Type::of(&header.key, generation)),
            snapshot: Arc::new(header.key.clone()),
        };
        let states = header
            .states
            .iter()
            .map(|meta| {
                let meta = Arc::new(meta.clone());
                let state = State::keyed(meta.clone(), &key, generation);
                Arc::new(state.unwrap_or_else(|| State::operator(meta, generation)))
            })
            .collect();
        Self {
            compressed: header.compressed,
            prefix_bytes: prefix_bytes(max_parallelism),
            states,
        }
    }
}

impl Header {
    /// A header for timers in raw keyed state, whose services stand in each key group.
    ///
    /// # Errors
    /// When the first written key group is no group of timers.
    pub(crate) fn of_raw_timers(
        source: &Source,
        handle: &KeyGroupsHandle,
        max_parallelism: u32,
        generation: KryoGeneration,
    ) -> Result<Self> {
        let mut services: Vec<TimerService> = Vec::new();
        // Key groups name the services each for itself; the first non-empty one that
        // mentions a service decides, as Flink's own reader does.
        let shape = |service: &TimerService| {
            if !services.iter().any(|known| known.name == service.name) {
                services.push(service.clone());
            }
            let extent = |snapshot| Extent(Arc::new(Type::of(snapshot, generation)));
            (extent(&service.key), extent(&service.namespace))
        };
        raw_timers::scan(source, handle, handle.range, shape, |_, _, _| Ok(()))?;
        let states = services.iter().flat_map(|service| {
            [TimerDomain::Processing, TimerDomain::Event]
                .map(|domain| Arc::new(State::raw_timer(service, domain, generation)))
        });
        Ok(Self {
            states: states.collect(),
            ..Self::empty(max_parallelism)
        })
    }
}

fn type_of(meta: &StateMetaInfo, key: SerializerKey, generation: KryoGeneration) -> Arc<Type> {
    Arc::new(match meta.serializer(key) {
        Some(snapshot) => Type::of(snapshot, generation),
        None => Type::opaque(key.name(), "the header names no such serializer"),
    })
}

fn keyed_kind(meta: &StateMetaInfo, value: &Type) -> StateKind {
    match (meta.keyed_kind(), value) {
        (Some(KeyedStateKind::Value), _) => StateKind::Value,
        (Some(KeyedStateKind::List), _) => StateKind::List,
        (Some(KeyedStateKind::Map), _) => StateKind::Map,
        (Some(KeyedStateKind::Reducing), _) => StateKind::Reducing,
        (Some(KeyedStateKind::Aggregating | KeyedStateKind::Folding), _) => StateKind::Aggregating,
        (None, Type::List(_)) => StateKind::List,
        (None, Type::Map(_)) => StateKind::Map,
        (None, _) => StateKind::Value,
    }
}

/// The namespace inside a timer's serializer, its second nested one.
fn timer_namespace(meta: &StateMetaInfo, generation: KryoGeneration) -> Option<Arc<Type>> {
    let timer = meta.serializer(SerializerKey::Value)?;
    timer
        .nested()
        .get(1)
        .map(|namespace| Arc::new(Type::of(namespace, generation)))
}

/// Flink 2.0 does not store the serializer of the map keys of asynchronous state.
fn v2_user_key(meta: &StateMetaInfo, generation: KryoGeneration) -> Arc<Type> {
    Arc::new(match meta.serializer(SerializerKey::UserKey) {
        Some(snapshot) => Type::of(snapshot, generation),
        None => Type::opaque(
            "USER_KEY_SERIALIZER",
            "Flink 2.0 does not store the serializer of map keys",
        ),
    })
}
