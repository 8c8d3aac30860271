//! The serializers of a state as their snapshots describe them.

use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use statetool_format::JavaString;
use statetool_format::java::{JavaStream, View};
use statetool_format::serializer::{
    Content, Frame, KryoContent, KryoRegistration, KryoSerializerDefinition, OldContent, OldPojoEntry,
    OptionalEntry, Outer, PojoContent, SerializerSnapshot,
};
use statetool_snapshot::State;
use statetool_values::{KryoGeneration, Type};

/// A serializer, and those it is made of.
#[derive(Debug, Clone, Serialize)]
pub struct SerializerDetail {
    /// What it is for: a part of the state, a field, a subclass, an element.
    pub part: String,
    /// The type in short.
    #[serde(rename = "type")]
    pub ty: String,
    /// Class of the serializer snapshot; null where it could not be read.
    pub snapshot: Option<String>,
    /// The version with which that class wrote its content.
    pub version: Option<i32>,
    /// What the serializer was configured with.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Json>,
    /// The serializers it is made of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<SerializerDetail>,
}

/// The serializers of a state, by the part of the state that each one writes.
pub(super) fn of_state(state: &State, kryo: KryoGeneration) -> Vec<SerializerDetail> {
    let tree = Tree { kryo };
    let key = state.key_snapshot.iter().map(|key| tree.of("key", key));
    let parts = state.meta.serializers.iter().map(|(name, snapshot)| {
        let name = name.to_str();
        let part = match &*name {
            "KEY_SERIALIZER" | "USER_KEY_SERIALIZER" => "map_key",
            "NAMESPACE_SERIALIZER" => "namespace",
            "VALUE_SERIALIZER" => "value",
            other => other,
        };
        tree.of(part, snapshot)
    });
    let mut found: Vec<SerializerDetail> = key.chain(parts).collect();
    if state.meta.serializers.is_empty() {
        // Timers in raw keyed state have no header.
        let namespace = state.namespace.iter().map(|ty| typed("namespace", ty.name()));
        found.extend(namespace);
    }
    // In the order of a row's fields.
    let order = ["key", "namespace", "map_key", "value"];
    found.sort_by_key(|detail| order.iter().position(|part| *part == detail.part));
    found
}

/// A part of which only the type is known.
fn typed(part: &str, ty: String) -> SerializerDetail {
    SerializerDetail {
        part: part.to_owned(),
        ty,
        snapshot: None,
        version: None,
        config: Map::new(),
        parts: Vec::new(),
    }
}

#[derive(Clone, Copy)]
struct Tree {
    kryo: KryoGeneration,
}

impl Tree {
    fn of(self, part: &str, snapshot: &SerializerSnapshot) -> SerializerDetail {
        let mut config = Map::new();
        let parts = match &snapshot.content {
            Content::Pojo(pojo) => self.pojo(pojo, &mut config),
            Content::OldStyle(old) => self.old(snapshot, &old.content, &mut config),
            content => {
                configure(content, &mut config);
                self.nested(snapshot)
            }
        };
        SerializerDetail {
            part: part.to_owned(),
            ty: Type::of(snapshot, self.kryo).name(),
            snapshot: Some(snapshot.class.to_str().into_owned()),
            version: Some(snapshot.content_version()),
            config,
            parts,
        }
    }

    fn nested(self, snapshot: &SerializerSnapshot) -> Vec<SerializerDetail> {
        let class = snapshot.simple_name();
        let nested = snapshot.nested();
        let count = nested.len();
        let named = nested.into_iter().enumerate();
        named
            .map(|(i, nested)| self.of(&part_name(&class, i, count), nested))
            .collect()
    }

    fn pojo(self, pojo: &PojoContent, config: &mut Map<String, Json>) -> Vec<SerializerDetail> {
        let mut inherited = Map::new();
        let mut parts = Vec::new();
        for entry in &pojo.fields {
            let field = entry.key.as_ref().and_then(Frame::known);
            let name = field.map_or(&entry.name, |field| &field.name).to_str();
            if let Some(field) = field.filter(|field| field.declaring_class != pojo.class) {
                inherited.insert(name.clone().into_owned(), json!(field.declaring_class.to_str()));
            }
            parts.push(self.frame(&name, entry.value.as_ref()));
        }
        if !inherited.is_empty() {
            config.insert("inherited_fields".into(), Json::Object(inherited));
        }
        for (tag, entry) in pojo.registered.iter().enumerate() {
            parts.push(self.subclass(&format!(" (registered, tag {tag})"), entry));
        }
        for entry in &pojo.non_registered {
            parts.push(self.subclass(" (not registered)", entry));
        }
        parts
    }

    fn subclass(self, how: &str, entry: &OptionalEntry<(), SerializerSnapshot>) -> SerializerDetail {
        self.frame(
            &format!("subclass {}{how}", entry.name.to_str()),
            entry.value.as_ref(),
        )
    }

    fn frame(self, part: &str, frame: Option<&Frame<SerializerSnapshot>>) -> SerializerDetail {
        let why = match frame {
            Some(Frame::Known(snapshot)) => return self.of(part, snapshot),
            Some(Frame::Opaque(bytes)) => format!("a snapshot of {} bytes that cannot be read", bytes.len()),
            None => "the snapshot names no serializer".to_owned(),
        };
        let mut detail = typed(part, "not interpretable".into());
        detail.config.insert("why".into(), json!(why));
        detail
    }

    fn old(
        self,
        snapshot: &SerializerSnapshot,
        content: &OldContent,
        config: &mut Map<String, Json>,
    ) -> Vec<SerializerDetail> {
        config.insert("form".into(), json!("of Flink 1.3 to 1.7"));
        match content {
            OldContent::Pojo(pojo) => {
                let part = |name: String, entry: &OldPojoEntry| self.of(&name, &entry.snapshot);
                let name = |entry: &OldPojoEntry| entry.name.to_str().into_owned();
                let fields = pojo.fields.iter().map(|entry| part(name(entry), entry));
                let registered = pojo.registered.iter().enumerate().map(|(tag, entry)| {
                    part(format!("subclass {} (registered, tag {tag})", name(entry)), entry)
                });
                let others = pojo.non_registered.iter();
                let others =
                    others.map(|entry| part(format!("subclass {} (not registered)", name(entry)), entry));
                return fields.chain(registered).chain(others).collect();
            }
            OldContent::Enum { constants, .. } => {
                config.insert("constants".into(), names(constants));
            }
            OldContent::Registrations { registrations, .. } => {
                let list = registrations
                    .iter()
                    .map(|(_, registration)| registered(registration));
                config.insert("registrations".into(), list.collect());
            }
            OldContent::AvroSchema { schema } => {
                config.insert("schema".into(), schema_json(&schema.to_str()));
            }
            _ => {}
        }
        self.nested(snapshot)
    }
}

/// What a snapshot says besides the type and the nested snapshots.
fn configure(content: &Content, config: &mut Map<String, Json>) {
    let mut set = |name: &str, value: Json| {
        config.insert(name.to_owned(), value);
    };
    match content {
        Content::NamedSimple { serializer } => set("serializer", json!(serializer.to_str())),
        Content::Enum { constants, .. } => set("constants", names(constants)),
        Content::ScalaEnum { constants, .. } => {
            let constants = constants.iter();
            set(
                "constants",
                constants
                    .map(|(name, id)| (name.to_str().into_owned(), json!(id)))
                    .collect(),
            );
        }
        Content::Avro {
            runtime_class,
            schema,
        } => {
            if let Some(class) = runtime_class {
                set("class", json!(class.to_str()));
            }
            set("schema", schema_json(&schema.to_str()));
        }
        Content::Kryo(kryo) => configure_kryo(kryo, config),
        Content::TtlAware { enabled, .. } => set("ttl_enabled", json!(enabled)),
        Content::Composite { outer, .. } => match outer {
            Outer::Text(text) => set("class", json!(text.to_str())),
            Outer::Flag(flag) => set("flag", json!(flag)),
            Outer::Padding(padding) => set("padding", json!(padding)),
            Outer::External { internal_input, .. } => set("internal_input", json!(internal_input)),
            Outer::Opaque(bytes) => set("unread_bytes", json!(bytes.len())),
            _ => {}
        },
        Content::Opaque { bytes } => set("unread_bytes", json!(bytes.len())),
        _ => {}
    }
}

fn configure_kryo(kryo: &KryoContent, config: &mut Map<String, Json>) {
    let registrations = kryo.registrations.iter().map(|entry| match known(&entry.value) {
        Some(registration) => registered(registration),
        None => json!({"class": entry.name.to_str(), "serializer": null}),
    });
    config.insert("registrations".into(), registrations.collect());
    let instances = kryo.default_serializers.iter().map(|entry| {
        let serializer = known(&entry.value).and_then(instance);
        (entry.name.to_str().into_owned(), json!(serializer))
    });
    let classes = kryo.default_serializer_classes.iter().map(|entry| {
        let serializer = known(&entry.value).map(|class: &JavaString| class.to_str());
        (entry.name.to_str().into_owned(), json!(serializer))
    });
    let defaults: Map<String, Json> = instances.chain(classes).collect();
    if !defaults.is_empty() {
        config.insert("default_serializers".into(), Json::Object(defaults));
    }
}

fn known<T>(frame: &Option<Frame<T>>) -> Option<&T> {
    frame.as_ref().and_then(Frame::known)
}

fn registered(registration: &KryoRegistration) -> Json {
    let serializer = match &registration.serializer {
        KryoSerializerDefinition::Default => None,
        KryoSerializerDefinition::Class(class) => Some(class.to_str().into_owned()),
        KryoSerializerDefinition::Instance(stream) => instance(stream),
    };
    json!({"class": registration.class.to_str(), "serializer": serializer})
}

/// Class of the serializer inside Flink's `SerializableSerializer`.
fn instance(stream: &JavaStream) -> Option<String> {
    let graph = stream.parse().ok()?;
    let serializer = graph.root().field("serializer")?;
    View::class_name(serializer).map(|class| class.into_owned())
}

fn names(names: &[JavaString]) -> Json {
    names.iter().map(|name| json!(name.to_str())).collect()
}

fn schema_json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

/// What the `i`-th of `count` snapshots inside a snapshot of this class is for.
fn part_name(class: &str, i: usize, count: usize) -> String {
    let names: &[&str] = match class.strip_suffix("Snapshot").unwrap_or(class) {
        "TtlSerializer" => &["timestamp", "value"],
        "MapSerializer" | "NullAwareMapSerializer" | "SortedMapSerializer" | "MapViewSerializer" => {
            &["key", "value"]
        }
        "TimerSerializer" => &["key", "namespace"],
        "EitherSerializer" | "JavaEitherSerializer" | "ScalaEitherSerializer" | "UnionSerializer" => {
            &["left", "right"]
        }
        "TtlAwareSerializer" => &["inner"],
        class if class.starts_with("Tuple") || class.contains("CaseClass") || class.contains("Row") => &[],
        _ if count == 1 => &["element"],
        _ => &[],
    };
    names
        .get(i)
        .map_or_else(|| format!("f{i}"), |name| (*name).to_owned())
}
