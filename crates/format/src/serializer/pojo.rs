//! `PojoSerializerSnapshot`: fields and subclasses of a POJO or a Java record.
//!
//! ```text
//! utf  class
//! map  fields                     key: utf declaring class, utf name; value: snapshot
//! map  registered subclasses      key: nothing; value: snapshot
//! map  non-registered subclasses  as before
//! ```

use super::SerializerSnapshot;
use super::decode::{Place, snapshot};
use super::optional_map::{self, OptionalEntry};
use super::text::string;
use crate::encode::{Encode, Put};
use crate::error::Result;
use crate::reader::Reader;
use crate::text::JavaString;

/// Content of `PojoSerializerSnapshot`, version 2.
#[derive(Debug, Clone, PartialEq)]
pub struct PojoContent {
    /// The POJO class.
    pub class: JavaString,
    /// Fields in the order of their data: ascending names.
    pub fields: Vec<OptionalEntry<PojoField, SerializerSnapshot>>,
    /// Registered subclasses in tag order.
    pub registered: Vec<OptionalEntry<(), SerializerSnapshot>>,
    /// Subclasses that were seen but not registered.
    pub non_registered: Vec<OptionalEntry<(), SerializerSnapshot>>,
}

/// Key frame of a POJO field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PojoField {
    /// The class that declares the field.
    pub declaring_class: JavaString,
    /// The field's name.
    pub name: JavaString,
}

impl PojoContent {
    pub(super) fn decode(r: &mut Reader<'_>, place: Place<'_>) -> Result<Self> {
        Ok(Self {
            class: string(r, "POJO class")?,
            fields: optional_map::decode(r, place, |r, _| PojoField::decode(r), snapshot)?,
            registered: optional_map::decode(r, place, |_, _| Ok(()), snapshot)?,
            non_registered: optional_map::decode(r, place, |_, _| Ok(()), snapshot)?,
        })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_utf(self.class.as_text());
        optional_map::encode(&self.fields, out, PojoField::encode, SerializerSnapshot::encode);
        optional_map::encode(&self.registered, out, |(), _| {}, SerializerSnapshot::encode);
        optional_map::encode(&self.non_registered, out, |(), _| {}, SerializerSnapshot::encode);
    }
}

impl PojoField {
    fn decode(r: &mut Reader<'_>) -> Result<Self> {
        let declaring_class = string(r, "declaring class of a field")?;
        Ok(Self {
            declaring_class,
            name: string(r, "name of a field")?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_utf(self.declaring_class.as_text());
        out.put_utf(self.name.as_text());
    }
}
