//! The content of the old snapshot classes, both ways.

use super::{OldContent, OldPojo, table};
use crate::encode::{Encode, Put};
use crate::error::Result;
use crate::java::JavaStream;
use crate::reader::Reader;
use crate::serializer::decode::{Place, list, unknown_version};
use crate::serializer::kryo::KryoRegistration;
use crate::serializer::layout::OldLayout;
use crate::serializer::simple;
use crate::serializer::text::string;
use crate::text::JavaString;

/// Fewest bytes of a tag and a registration: two empty texts and a kind.
const SMALLEST_REGISTRATION: usize = 8;

/// Reads the content that `class` wrote with `version`.
pub(crate) fn content(
    r: &mut Reader<'_>,
    place: Place<'_>,
    class: &JavaString,
    version: i32,
    layout: OldLayout,
) -> Result<OldContent> {
    if !layout.versions().contains(&version) {
        return Err(unknown_version(r, class, version));
    }
    Ok(match (layout, version) {
        (OldLayout::Parameterless, _) => OldContent::Parameterless {
            serializer: string(r, "serializer class")?,
        },
        (OldLayout::Composite, _) => OldContent::Composite {
            nested: table(r, place)?,
        },
        (OldLayout::CompositeWithClass, _) => OldContent::CompositeWithClass {
            nested: table(r, place)?,
            class: JavaStream::decode(r)?,
        },
        (OldLayout::Pojo, _) => OldContent::Pojo(OldPojo::decode(r, place)?),
        (OldLayout::Enum, 1) => OldContent::EnumV1 {
            class: string(r, "enum class")?,
            constants: JavaStream::decode(r)?,
        },
        (OldLayout::Enum, _) => OldContent::Enum {
            class: string(r, "enum class")?,
            constants: simple::constants(r)?,
        },
        (OldLayout::ScalaEnum, 1) => OldContent::ScalaEnumV1 {
            class: JavaStream::decode(r)?,
            constants: JavaStream::decode(r)?,
        },
        (OldLayout::ScalaEnum, _) => OldContent::ScalaEnum {
            class: string(r, "enumeration class")?,
            constants: simple::numbered_constants(r)?,
        },
        (OldLayout::Generic, _) => OldContent::Generic {
            class: string(r, "value class")?,
        },
        (OldLayout::Registrations, _) => OldContent::Registrations {
            class: string(r, "value class")?,
            registrations: list(r, SMALLEST_REGISTRATION, "Kryo registrations", |r| {
                place.count_part(r)?;
                Ok((
                    string(r, "tag of a Kryo registration")?,
                    KryoRegistration::decode(r)?,
                ))
            })?,
        },
        (OldLayout::AvroSchema, _) => OldContent::AvroSchema {
            schema: string(r, "Avro schema")?,
        },
    })
}

impl OldContent {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Parameterless { serializer: text }
            | Self::Generic { class: text }
            | Self::AvroSchema { schema: text } => {
                out.put_utf(text.as_text());
            }
            Self::Composite { nested } => nested.encode(out),
            Self::CompositeWithClass { nested, class } => {
                nested.encode(out);
                out.put(&class.0);
            }
            Self::Pojo(pojo) => pojo.encode(out),
            Self::Enum { class, constants } => simple::put_java_enum(class, constants, out),
            Self::EnumV1 { class, constants } => {
                out.put_utf(class.as_text());
                out.put(&constants.0);
            }
            Self::ScalaEnum { class, constants } => simple::put_scala_enum(class, constants, out),
            Self::ScalaEnumV1 { class, constants } => {
                out.put(&class.0);
                out.put(&constants.0);
            }
            Self::Registrations { class, registrations } => {
                out.put_utf(class.as_text());
                out.put_count(registrations.len());
                for (tag, registration) in registrations {
                    out.put_utf(tag.as_text());
                    registration.encode(out);
                }
            }
            Self::Opaque(bytes) => out.put(bytes),
        }
    }
}
