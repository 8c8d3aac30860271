//! Types from the snapshots of Flink 1.3 to 1.7.

use statetool_format::JavaString;
use statetool_format::java::{Items, JavaStream, Node, View};
use statetool_format::serializer::{
    Frame, KryoContent, KryoRegistration, OldContent, OldPojo, OldPojoEntry, OldStyle, OptionalEntry, Outer,
    ResilienceTable, SerializerSnapshot,
};

use super::class::short_name;
use super::composite::Composite;
use super::of::{Context, avro_of, generic, java_enum};
use super::simple::simple;
use super::{EnumType, Field, PojoType, Type};
use crate::kryo::KryoConfig;

impl Context {
    /// The type that an old-style snapshot describes; `None` if nobody can tell.
    ///
    /// Some classes stored less than is needed; the rest is in the Java-serialized serializer
    /// that stands beside the snapshot.
    pub(super) fn old_style(
        self,
        snapshot: &SerializerSnapshot,
        old: &OldStyle,
        serializer: Option<&JavaStream>,
    ) -> Option<Type> {
        let class = snapshot.class.to_str();
        let name = short_name(&class);
        let serializer = old
            .adapter
            .as_ref()
            .map(|adapter| &adapter.serializer)
            .or(serializer);
        Some(match &old.content {
            OldContent::Parameterless { serializer } => simple(&short_name(&serializer.to_str()))?,
            OldContent::Composite { nested } => {
                let outer = match &*name {
                    "Nullable" => Outer::Padding(padding(serializer?)?),
                    "Traversable" => Outer::Text(JavaString::default()),
                    _ => Outer::None,
                };
                self.old_composite(&name, &outer, nested)?
            }
            OldContent::CompositeWithClass { nested, .. } => {
                let class = old.content.component_class()?;
                self.old_composite(&name, &Outer::Text(JavaString::new(&class)?), nested)?
            }
            OldContent::Pojo(pojo) => self.old_pojo(pojo),
            OldContent::Enum { class, constants } => java_enum(
                class.to_str().into_owned(),
                constants.iter().map(|name| name.to_str().into_owned()),
            ),
            OldContent::EnumV1 { class, constants } => java_enum(
                class.to_str().into_owned(),
                enum_constants(constants)?.into_iter(),
            ),
            OldContent::ScalaEnum { class, constants } => Type::Enum(Box::new(EnumType {
                class: class.to_str().into_owned(),
                constants: constants
                    .iter()
                    .map(|(name, id)| (name.to_str().into_owned(), *id))
                    .collect(),
            })),
            OldContent::Generic { class } => generic(&class.to_str(), &name),
            OldContent::Registrations { class, registrations } => {
                self.registrations(&name, class, registrations)
            }
            OldContent::AvroSchema { schema } => avro_of(None, &schema.to_str()),
            _ => return None,
        })
    }

    fn old_composite(self, name: &str, outer: &Outer, nested: &ResilienceTable) -> Option<Type> {
        let name = match name {
            "Collection" => "List",
            "Buffer" => "BufferEntry",
            name => name,
        };
        let nested = nested.entries.iter().map(|entry| match &entry.snapshot {
            Frame::Known(snapshot) => self.of_beside(snapshot, Some(&entry.serializer)),
            Frame::Opaque(_) => Type::opaque(name, "a nested serializer snapshot cannot be read"),
        });
        Composite {
            name,
            version: 1,
            outer,
            nested: nested.collect(),
        }
        .into_type()
    }

    fn old_pojo(self, pojo: &OldPojo) -> Type {
        let ty = |entry: &OldPojoEntry| self.of_beside(&entry.snapshot, entry.serializer.as_ref());
        let subclasses = |entries: &[OldPojoEntry]| {
            entries
                .iter()
                .map(|e| (e.name.to_str().into_owned(), ty(e)))
                .collect()
        };
        Type::Pojo(Box::new(PojoType {
            class: pojo.class.to_str().into_owned(),
            fields: pojo
                .fields
                .iter()
                .map(|entry| Field::new(&entry.name.to_str(), ty(entry)))
                .collect(),
            registered: subclasses(&pojo.registered),
            non_registered: subclasses(&pojo.non_registered),
        }))
    }

    fn registrations(
        self,
        name: &str,
        class: &JavaString,
        registrations: &[(JavaString, KryoRegistration)],
    ) -> Type {
        match name {
            "Avro" => Type::opaque(class.to_str(), "Flink 1.3 did not store the Avro schema"),
            "Kryo" => {
                let entry = |(tag, registration): &(JavaString, KryoRegistration)| OptionalEntry {
                    name: tag.clone(),
                    key: Some(Frame::Known(tag.clone())),
                    value: Some(Frame::Known(registration.clone())),
                };
                let content = KryoContent {
                    class: class.clone(),
                    registrations: registrations.iter().map(entry).collect(),
                    default_serializers: Vec::new(),
                    default_serializer_classes: Vec::new(),
                };
                Type::Kryo(Box::new(KryoConfig::new(&content, self.kryo)))
            }
            name => generic(&class.to_str(), name),
        }
    }
}

/// The padding of a `NullableSerializer`, which only the serializer itself kept.
fn padding(serializer: &JavaStream) -> Option<i32> {
    let graph = serializer.parse().ok()?;
    match graph.root().field("padding")?.node()? {
        Node::Array {
            items: Items::Bytes(bytes),
            ..
        } => i32::try_from(bytes.len()).ok(),
        _ => None,
    }
}

fn enum_constants(array: &JavaStream) -> Option<Vec<String>> {
    let graph = array.parse().ok()?;
    graph.root().array_items()?.map(View::enum_constant).collect()
}
