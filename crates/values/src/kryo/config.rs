//! What has to be known besides the bytes.

use std::collections::{HashMap, HashSet};

use statetool_format::JavaString;
use statetool_format::java::{JavaStream, View};
use statetool_format::serializer::{
    Frame, KryoContent, KryoRegistration, KryoSerializerDefinition, OptionalEntry,
};

use super::registry;

/// Which Kryo wrote the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KryoGeneration {
    /// Kryo 2.24, in Flink 1.x.
    V2,
    /// Kryo 5, in Flink 2.x.
    V5,
}

/// What the values of one `KryoSerializer` mean: its snapshot, the generation of Kryo, and
/// classes that somebody described.
#[derive(Debug, Clone, PartialEq)]
pub struct KryoConfig {
    class: String,
    generation: KryoGeneration,
    first_id: u32,
    registrations: Vec<Registration>,
    /// Which registration an id is of, from `first_id`.
    ids: Vec<usize>,
    default_serializers: HashMap<String, String>,
    classes: HashMap<String, KryoClass>,
}

/// A registration of the snapshot: a class, and its serializer if it names one.
#[derive(Debug, Clone, PartialEq)]
struct Registration {
    class: String,
    serializer: Option<String>,
}

/// What a class that Kryo has no serializer for looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KryoClass {
    /// An enum: the names of its constants.
    Enum(Vec<String>),
    /// A class of Kryo's `FieldSerializer`: its fields in the order of their names.
    Fields(Vec<(String, KryoField)>),
}

/// A field of a class of Kryo's `FieldSerializer`, without declared type arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KryoField {
    /// A `boolean`.
    Boolean,
    /// A `byte`.
    Byte,
    /// A `char`.
    Char,
    /// A `short`.
    Short,
    /// An `int`.
    Int,
    /// A `long`.
    Long,
    /// A `float`.
    Float,
    /// A `double`.
    Double,
    /// Of a final class, which is not repeated in the values.
    Final(String),
    /// Of any other class, interface or array.
    Open,
}

impl KryoConfig {
    /// The first id of the classes that a snapshot registers, in all releases of Flink.
    pub const FIRST_ID: u32 = 85;

    /// The configuration of a snapshot.
    pub fn new(content: &KryoContent, generation: KryoGeneration) -> Self {
        let mut default_serializers = HashMap::new();
        for entry in &content.default_serializers {
            let serializer = known(entry.value.as_ref()).and_then(instance).unwrap_or_default();
            default_serializers.insert(entry.name.to_str().into_owned(), serializer);
        }
        for entry in &content.default_serializer_classes {
            let serializer =
                known(entry.value.as_ref()).map(|class: &JavaString| class.to_str().into_owned());
            default_serializers.insert(entry.name.to_str().into_owned(), serializer.unwrap_or_default());
        }
        let registrations = content.registrations.iter().map(registration).collect();
        Self::made(
            content.class.to_str().into_owned(),
            generation,
            registrations,
            default_serializers,
        )
    }

    /// The configuration of a serializer of `class` that nothing was registered with.
    pub fn of_class(class: &str, generation: KryoGeneration) -> Self {
        let registration = Registration {
            class: class.to_owned(),
            serializer: None,
        };
        Self::made(class.to_owned(), generation, vec![registration], HashMap::new())
    }

    fn made(
        class: String,
        generation: KryoGeneration,
        registrations: Vec<Registration>,
        default_serializers: HashMap<String, String>,
    ) -> Self {
        let (first_id, ids, classes) = (Self::FIRST_ID, Vec::new(), HashMap::new());
        let mut config = Self {
            class,
            generation,
            first_id,
            registrations,
            ids,
            default_serializers,
            classes,
        };
        config.assign_ids();
        config
    }

    /// Reads values in which the registered classes begin at `id` rather than at 85.
    ///
    /// Values that were written with nothing but Flink's core begin at 10.
    #[must_use]
    pub fn with_first_id(mut self, id: u32) -> Self {
        self.first_id = id;
        self.assign_ids();
        self
    }

    /// Describes a class.
    #[must_use]
    pub fn with_class(mut self, name: &str, class: KryoClass) -> Self {
        self.classes.insert(name.to_owned(), class);
        self
    }

    /// The class with which the state was declared.
    pub fn class(&self) -> &str {
        &self.class
    }

    /// Which Kryo wrote the values.
    pub fn generation(&self) -> KryoGeneration {
        self.generation
    }

    /// A class that has an id already takes another one only with a serializer of its own.
    fn assign_ids(&mut self) {
        let mut taken = HashSet::new();
        self.ids.clear();
        for (index, registration) in self.registrations.iter().enumerate() {
            let class = registry::primitive_of(&registration.class).unwrap_or(&registration.class);
            let built_in = registry::id_of(class, self.generation).is_some_and(|id| id < self.first_id);
            let new = taken.insert(class) && !built_in;
            if new || registration.serializer.is_some() {
                self.ids.push(index);
            }
        }
    }

    /// The class of an id.
    pub(super) fn registered(&self, id: u32) -> Option<&str> {
        match id.checked_sub(self.first_id) {
            None => registry::class_of(id, self.generation),
            Some(index) => {
                let index = *self.ids.get(index as usize)?;
                self.registrations
                    .get(index)
                    .map(|registration| registration.class.as_str())
            }
        }
    }

    /// The serializer that a class was registered with, or that was made its default.
    pub(super) fn serializer(&self, class: &str) -> Option<&str> {
        let mut registered = self
            .registrations
            .iter()
            .rev()
            .filter(|registration| registration.class == class);
        match registered.find_map(|registration| registration.serializer.as_deref()) {
            Some(serializer) => Some(serializer),
            None => self.default_serializers.get(class).map(String::as_str),
        }
    }

    /// A class that somebody described.
    pub(super) fn described(&self, class: &str) -> Option<&KryoClass> {
        self.classes.get(class)
    }
}

fn known<T>(frame: Option<&Frame<T>>) -> Option<&T> {
    match frame {
        Some(Frame::Known(known)) => Some(known),
        _ => None,
    }
}

fn registration(entry: &OptionalEntry<JavaString, KryoRegistration>) -> Registration {
    let Some(registration) = known(entry.value.as_ref()) else {
        return Registration {
            class: entry.name.to_str().into_owned(),
            serializer: None,
        };
    };
    let serializer = match &registration.serializer {
        KryoSerializerDefinition::Default => None,
        KryoSerializerDefinition::Class(class) => Some(class.to_str().into_owned()),
        KryoSerializerDefinition::Instance(stream) => Some(instance(stream).unwrap_or_default()),
    };
    Registration {
        class: registration.class.to_str().into_owned(),
        serializer,
    }
}

/// Class of the serializer in Flink's `SerializableSerializer`.
fn instance(stream: &JavaStream) -> Option<String> {
    let graph = stream.parse().ok()?;
    graph
        .root()
        .field("serializer")
        .and_then(View::class_name)
        .map(|class| class.into_owned())
}
