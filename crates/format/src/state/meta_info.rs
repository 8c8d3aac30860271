//! What a stream says about one of its states.

use crate::encode::{Encode, Put};
use crate::error::{Error, Fault, Result};
use crate::metadata::DistributionMode;
use crate::reader::Reader;
use crate::serializer::{Content, SerializerSnapshot};
use crate::text::JavaString;

/// Name, kind and serializers of one state (Flink's `StateMetaInfoSnapshot`).
///
/// Options and serializers keep the order of the file, which is that of a hash map.
#[derive(Debug, Clone, PartialEq)]
pub struct StateMetaInfo {
    /// Name of the state.
    pub name: JavaString,
    /// Which backend structure it is.
    pub kind: BackendStateType,
    /// Options by name.
    pub options: Vec<(JavaString, JavaString)>,
    /// Serializer snapshots by name.
    pub serializers: Vec<(JavaString, SerializerSnapshot)>,
}

/// Flink's `StateMetaInfoSnapshot.BackendStateType`, by ordinal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BackendStateType {
    /// Keyed state: value, list, map, reducing or aggregating.
    KeyValue = 0,
    /// An operator list state.
    Operator = 1,
    /// A broadcast state.
    Broadcast = 2,
    /// A queue of timers.
    PriorityQueue = 3,
    /// Keyed state of the asynchronous API (2.0 and later).
    KeyValueV2 = 4,
}

/// The value of the option `KEYED_STATE_TYPE`: Flink's `StateDescriptor.Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyedStateKind {
    /// `ValueState`.
    Value,
    /// `ListState`.
    List,
    /// `MapState`.
    Map,
    /// `ReducingState`.
    Reducing,
    /// `AggregatingState`.
    Aggregating,
    /// `FoldingState`, up to Flink 1.11.
    Folding,
}

/// Names under which a meta info keeps serializers (`CommonSerializerKeys`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SerializerKey {
    /// `KEY_SERIALIZER`: keys of a broadcast state.
    Key,
    /// `NAMESPACE_SERIALIZER`.
    Namespace,
    /// `VALUE_SERIALIZER`.
    Value,
    /// `USER_KEY_SERIALIZER`: map keys of asynchronous state (2.1 and later).
    UserKey,
}

impl SerializerKey {
    /// The name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Key => "KEY_SERIALIZER",
            Self::Namespace => "NAMESPACE_SERIALIZER",
            Self::Value => "VALUE_SERIALIZER",
            Self::UserKey => "USER_KEY_SERIALIZER",
        }
    }
}

impl StateMetaInfo {
    pub(super) const SMALLEST: usize = 14;

    /// The serializer stored under a name.
    pub fn serializer(&self, key: SerializerKey) -> Option<&SerializerSnapshot> {
        self.serializers
            .iter()
            .find(|(name, _)| *name == *key.name())
            .map(|(_, snapshot)| snapshot)
    }

    /// The value of an option.
    pub fn option(&self, name: &str) -> Option<&JavaString> {
        self.options
            .iter()
            .find(|(key, _)| *key == *name)
            .map(|(_, value)| value)
    }

    /// Which kind of keyed state this is; `None` for other backend state types and for the
    /// `UNKNOWN` of very old files.
    pub fn keyed_kind(&self) -> Option<KeyedStateKind> {
        match &*self.option("KEYED_STATE_TYPE")?.to_str() {
            "VALUE" => Some(KeyedStateKind::Value),
            "LIST" => Some(KeyedStateKind::List),
            "MAP" => Some(KeyedStateKind::Map),
            "REDUCING" => Some(KeyedStateKind::Reducing),
            "AGGREGATING" => Some(KeyedStateKind::Aggregating),
            "FOLDING" => Some(KeyedStateKind::Folding),
            _ => None,
        }
    }

    /// How operator state is dealt out, as the meta info says it.
    pub fn distribution_mode(&self) -> Option<DistributionMode> {
        match &*self.option("OPERATOR_STATE_DISTRIBUTION_MODE")?.to_str() {
            "SPLIT_DISTRIBUTE" => Some(DistributionMode::SplitDistribute),
            "UNION" => Some(DistributionMode::Union),
            "BROADCAST" => Some(DistributionMode::Broadcast),
            _ => None,
        }
    }

    /// Reads a meta info in format 6 or 7, which are the same bytes.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self> {
        Self::decode_with(r, &[])
    }

    /// Reads a meta info in which snapshots of unknown classes have the given extents.
    ///
    /// `extents` holds pairs of the absolute offset at which the name of an unknown class
    /// stands and the length of its content.
    pub(super) fn decode_with(r: &mut Reader<'_>, extents: &[(u64, usize)]) -> Result<Self> {
        let name = r.utf("name of a state")?.to_java_string();
        let kind = BackendStateType::decode(r)?;
        let count = r.count(4, "number of state options")?;
        let options = (0..count)
            .map(|_| {
                let key = r.utf("name of a state option")?.to_java_string();
                Ok((key, r.utf("value of a state option")?.to_java_string()))
            })
            .collect::<Result<_>>()?;
        let count = r.count(8, "number of serializers")?;
        let serializers = (0..count)
            .map(|_| {
                let key = r.utf("name of a serializer")?.to_java_string();
                Ok((key, decode_serializer(r, extents)?))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            name,
            kind,
            options,
            serializers,
        })
    }
}

impl Encode for StateMetaInfo {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_utf(self.name.as_text());
        out.put_i32(self.kind as i32);
        out.put_count(self.options.len());
        for (key, value) in &self.options {
            out.put_utf(key.as_text());
            out.put_utf(value.as_text());
        }
        out.put_count(self.serializers.len());
        for (key, snapshot) in &self.serializers {
            out.put_utf(key.as_text());
            snapshot.encode_proxied(out);
        }
    }
}

/// Reads a serializer snapshot with its proxy, one of an unknown class by its given extent.
pub(super) fn decode_serializer(r: &mut Reader<'_>, extents: &[(u64, usize)]) -> Result<SerializerSnapshot> {
    if extents.is_empty() {
        return SerializerSnapshot::decode_proxied(r);
    }
    let mut ahead = r.clone();
    ahead.i32("version of the serializer proxy")?;
    let start = ahead.offset();
    let class = ahead.utf("serializer snapshot class")?.to_java_string();
    let version = ahead.i32("serializer snapshot version")?;
    let Some((_, len)) = extents.iter().find(|(offset, _)| *offset == start) else {
        return SerializerSnapshot::decode_proxied(r);
    };
    let bytes = ahead
        .take(*len, "content of an unknown serializer snapshot")?
        .to_vec();
    *r = ahead;
    Ok(SerializerSnapshot {
        class,
        version,
        content: Content::Opaque { bytes },
    })
}

impl BackendStateType {
    fn decode(r: &mut Reader<'_>) -> Result<Self> {
        let at = r.offset();
        Ok(match r.i32("backend state type")? {
            0 => Self::KeyValue,
            1 => Self::Operator,
            2 => Self::Broadcast,
            3 => Self::PriorityQueue,
            4 => Self::KeyValueV2,
            got => {
                let fault = Fault::Unknown {
                    got: got.into(),
                    expected: "0 to 4",
                };
                return Err(Error::new(at, "backend state type", fault));
            }
        })
    }
}
