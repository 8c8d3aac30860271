//! From a serializer snapshot to the type that it describes.

use statetool_format::java::JavaStream;
use statetool_format::serializer::{Content, Frame, OptionalEntry, PojoContent, SerializerSnapshot, Text};

use super::class::short_name;
use super::composite::{Composite, map};
use super::simple::{simple, value_class};
use super::{EnumType, Field, FramedType, PojoType, Type};
use crate::avro::AvroType;
use crate::kryo::{KryoConfig, KryoGeneration};
use crate::logical::LogicalType;
use crate::protobuf::ProtobufType;

/// How deep snapshots may nest before what is inside counts as not interpretable.
const MAX_DEPTH: u32 = 128;

/// What making a type needs to know besides the snapshot.
#[derive(Clone, Copy)]
pub(super) struct Context {
    pub(super) kryo: KryoGeneration,
    pub(super) depth: u32,
}

impl Type {
    /// The type that a serializer snapshot describes.
    ///
    /// Never fails: what cannot be interpreted becomes [`Type::Opaque`]. The snapshot does
    /// not say which Kryo wrote the values, so `kryo` has to.
    pub fn of(snapshot: &SerializerSnapshot, kryo: KryoGeneration) -> Self {
        Context { kryo, depth: 0 }.of(snapshot)
    }
}

impl Context {
    pub(super) fn of(self, snapshot: &SerializerSnapshot) -> Type {
        self.of_beside(snapshot, None)
    }

    /// The type of a snapshot beside which the Java-serialized serializer stands.
    pub(super) fn of_beside(self, snapshot: &SerializerSnapshot, serializer: Option<&JavaStream>) -> Type {
        if self.depth >= MAX_DEPTH {
            return unknown(snapshot, "serializer snapshots nested too deep");
        }
        // A user's class may have the name of one of Flink's.
        if !snapshot.is_known() {
            return unknown(snapshot, "not one of Flink's serializers");
        }
        Self {
            depth: self.depth + 1,
            ..self
        }
        .content(snapshot, serializer)
        .unwrap_or_else(|| unknown(snapshot, "no layout is known for it"))
    }

    fn all(self, nested: &[SerializerSnapshot]) -> Vec<Type> {
        nested.iter().map(|snapshot| self.of(snapshot)).collect()
    }

    fn content(self, snapshot: &SerializerSnapshot, serializer: Option<&JavaStream>) -> Option<Type> {
        let class = snapshot.class.to_str();
        let name = short_name(&class);
        match &snapshot.content {
            Content::Simple | Content::NamedSimple { .. } => simple(&name),
            Content::Generic { class } => Some(generic(&class.to_str(), &name)),
            Content::Composite {
                outer_version,
                outer,
                nested,
            } => {
                let version = outer_version.unwrap_or(snapshot.version);
                Composite {
                    name: &name,
                    version,
                    outer,
                    nested: self.all(nested),
                }
                .into_type()
            }
            Content::Pojo(pojo) => Some(self.pojo(pojo)),
            Content::Enum { class, constants } => Some(java_enum(
                class.to_str().into_owned(),
                constants.iter().map(|name| name.to_str().into_owned()),
            )),
            Content::ScalaEnum { class, constants } => Some(Type::Enum(Box::new(EnumType {
                class: class.to_str().into_owned(),
                constants: constants
                    .iter()
                    .map(|(name, id)| (name.to_str().into_owned(), *id))
                    .collect(),
            }))),
            Content::Avro {
                runtime_class,
                schema,
            } => Some(avro(runtime_class.as_ref(), schema)),
            Content::Kryo(content) => Some(Type::Kryo(Box::new(KryoConfig::new(content, self.kryo)))),
            Content::TtlAware { inner, .. } | Content::RowDataKey { inner, .. } => Some(self.of(inner)),
            Content::SortedMap { nested, .. } => match <[Type; 2]>::try_from(self.all(nested)) {
                Ok([key, value]) => Some(map(key, value, false)),
                Err(_) => None,
            },
            Content::OldStyle(content) => self.old_style(snapshot, content, serializer),
            other => self.table_or_statefun(other),
        }
    }

    fn table_or_statefun(self, content: &Content) -> Option<Type> {
        Some(match content {
            Content::RowData { types, nested } => Type::RowData(self.columns(types, nested)),
            Content::BinaryRowData { arity } => Type::BinaryRow {
                arity: usize::try_from(*arity).ok()?,
            },
            Content::ArrayData { element_type, .. } => {
                Type::ArrayData(Box::new(LogicalType::of(element_type)))
            }
            Content::MapData {
                key_type, value_type, ..
            } => Type::MapData(Box::new((LogicalType::of(key_type), LogicalType::of(value_type)))),
            Content::Decimal { precision, scale } => Type::DecimalData {
                precision: *precision,
                scale: *scale,
            },
            Content::Timestamp { precision } => Type::TimestampData {
                precision: *precision,
            },
            Content::StateFunProtobuf { message } => {
                Type::Protobuf(Box::new(ProtobufType::of_snapshot(message)))
            }
            Content::StateFunRemoteValue { namespace, name } => {
                let class = format!("{namespace}/{name}");
                framed(
                    "RemoteValue",
                    Type::opaque(class, "a type of a remote StateFun SDK"),
                )
            }
            Content::StateFunMessage { payload, .. } => framed(
                "Message",
                Type::opaque(payload.to_str(), "a StateFun message in flight"),
            ),
            _ => return None,
        })
    }

    /// The columns of a row. Their serializers are only needed for raw columns, whose bytes
    /// they wrote.
    fn columns(self, types: &[JavaStream], nested: &[SerializerSnapshot]) -> Box<[LogicalType]> {
        let mut nested = nested.iter();
        types
            .iter()
            .map(|ty| {
                let serializer = nested.next().map(|snapshot| self.of(snapshot));
                LogicalType::of(ty).with_serializer(serializer)
            })
            .collect()
    }

    fn pojo(self, pojo: &PojoContent) -> Type {
        let fields = pojo.fields.iter().map(|entry| {
            let name = match &entry.key {
                Some(Frame::Known(field)) => &field.name,
                _ => &entry.name,
            };
            Field::new(&name.to_str(), self.frame(&entry.value, &entry.name.to_str()))
        });
        Type::Pojo(Box::new(PojoType {
            class: pojo.class.to_str().into_owned(),
            fields: fields.collect(),
            registered: self.subclasses(&pojo.registered),
            non_registered: self.subclasses(&pojo.non_registered),
        }))
    }

    fn subclasses(self, entries: &[OptionalEntry<(), SerializerSnapshot>]) -> Vec<(String, Type)> {
        let entry = |entry: &OptionalEntry<(), SerializerSnapshot>| {
            let class = entry.name.to_str().into_owned();
            let ty = self.frame(&entry.value, &class);
            (class, ty)
        };
        entries.iter().map(entry).collect()
    }

    fn frame(self, frame: &Option<Frame<SerializerSnapshot>>, name: &str) -> Type {
        match frame {
            Some(Frame::Known(snapshot)) => self.of(snapshot),
            Some(Frame::Opaque(_)) => Type::opaque(name, "its serializer snapshot cannot be read"),
            None => Type::opaque(name, "the snapshot does not say which serializer wrote it"),
        }
    }
}

/// The constants of a Java enum are stored as their index in the snapshot.
pub(super) fn java_enum(class: String, constants: impl Iterator<Item = String>) -> Type {
    let constants = constants.zip(0..).collect();
    Type::Enum(Box::new(EnumType { class, constants }))
}

fn avro(runtime_class: Option<&Text>, schema: &Text) -> Type {
    avro_of(runtime_class.map(Text::to_str), &schema.to_str())
}

/// An Avro type; opaque if its schema is none.
pub(super) fn avro_of(class: Option<String>, schema: &str) -> Type {
    match AvroType::parse(class.clone(), schema) {
        Ok(avro) => Type::Avro(Box::new(avro)),
        Err(why) => Type::opaque(
            class.unwrap_or_else(|| "Avro record".into()),
            format!("its Avro schema is invalid: {why}"),
        ),
    }
}

/// Value, CopyableValue and Writable serializers, which write what the class's own method writes.
pub(super) fn generic(class: &str, serializer: &str) -> Type {
    value_class(class).unwrap_or_else(|| {
        let reason = format!("{serializer}Serializer writes it with a method of its class");
        Type::opaque(class, reason)
    })
}

fn framed(name: &'static str, inner: Type) -> Type {
    Type::Framed(Box::new(FramedType { name, inner }))
}

fn unknown(snapshot: &SerializerSnapshot, why: &str) -> Type {
    Type::opaque(snapshot.class.to_str(), why)
}
