//! `KryoSerializerSnapshot`: what was registered with Kryo, and in which order.
//!
//! ```text
//! utf  class
//! map  registrations               key: utf class; value: utf class, i32 kind, serializer by kind
//! map  default serializers         key: utf class; value: Java object stream
//! map  default serializer classes  key: utf class; value: utf class
//! ```

use super::decode::Place;
use super::optional_map::{self, OptionalEntry};
use super::text::string;
use crate::encode::Put;
use crate::error::{Error, Fault, Result};
use crate::java::JavaStream;
use crate::reader::Reader;
use crate::text::JavaString;

/// Content of `KryoSerializerSnapshot`, version 2.
#[derive(Debug, Clone, PartialEq)]
pub struct KryoContent {
    /// The class with which the state was declared.
    pub class: JavaString,
    /// Registrations in the order that gives Kryo's class ids.
    pub registrations: Vec<OptionalEntry<JavaString, KryoRegistration>>,
    /// Default serializer instances by class.
    pub default_serializers: Vec<OptionalEntry<JavaString, JavaStream>>,
    /// Default serializer classes by class.
    pub default_serializer_classes: Vec<OptionalEntry<JavaString, JavaString>>,
}

/// One Kryo registration.
#[derive(Debug, Clone, PartialEq)]
pub struct KryoRegistration {
    /// The registered class.
    pub class: JavaString,
    /// Which serializer it was registered with.
    pub serializer: KryoSerializerDefinition,
}

/// How a Kryo registration names its serializer.
#[derive(Debug, Clone, PartialEq)]
pub enum KryoSerializerDefinition {
    /// Kind 0: Kryo's default for the class.
    Default,
    /// Kind 1: a serializer class.
    Class(JavaString),
    /// Kind 2: a Java-serialized instance.
    Instance(JavaStream),
}

impl KryoContent {
    pub(super) fn decode(r: &mut Reader<'_>, place: Place<'_>) -> Result<Self> {
        let name = |r: &mut Reader<'_>, _: Place<'_>| string(r, "class registered with Kryo");
        Ok(Self {
            class: string(r, "class of Kryo values")?,
            registrations: optional_map::decode(r, place, name, |r, _| KryoRegistration::decode(r))?,
            default_serializers: optional_map::decode(r, place, name, |r, _| JavaStream::decode(r))?,
            default_serializer_classes: optional_map::decode(r, place, name, |r, _| {
                string(r, "Kryo serializer class")
            })?,
        })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_utf(self.class.as_text());
        optional_map::encode(&self.registrations, out, put_name, KryoRegistration::encode);
        optional_map::encode(&self.default_serializers, out, put_name, |stream, out| {
            out.put(&stream.0)
        });
        optional_map::encode(&self.default_serializer_classes, out, put_name, put_name);
    }
}

fn put_name(name: &JavaString, out: &mut Vec<u8>) {
    out.put_utf(name.as_text());
}

impl KryoRegistration {
    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self> {
        let class = string(r, "class registered with Kryo")?;
        let at = r.offset();
        let what = "kind of Kryo serializer";
        let serializer = match r.i32(what)? {
            0 => KryoSerializerDefinition::Default,
            1 => KryoSerializerDefinition::Class(string(r, "Kryo serializer class")?),
            2 => KryoSerializerDefinition::Instance(JavaStream::decode(r)?),
            got => {
                return Err(Error::new(
                    at,
                    what,
                    Fault::Unknown {
                        got: got.into(),
                        expected: "0 to 2",
                    },
                ));
            }
        };
        Ok(Self { class, serializer })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_utf(self.class.as_text());
        match &self.serializer {
            KryoSerializerDefinition::Default => out.put_i32(0),
            KryoSerializerDefinition::Class(class) => {
                out.put_i32(1);
                out.put_utf(class.as_text());
            }
            KryoSerializerDefinition::Instance(stream) => {
                out.put_i32(2);
                out.put(&stream.0);
            }
        }
    }
}
