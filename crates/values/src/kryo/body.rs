//! The bodies of objects, by layout.

use num_bigint::BigInt;
use statetool_format::{Error, Fault, Result};

use super::config::KryoField;
use super::decoder::{Class, Decoder};
use super::layout::{Layout, Primitive, StreamOf};
use super::registry;
use crate::shape::{Id, Shape};
use crate::temporal;
use crate::value::{JavaStr, Value};

const WHAT: &str = "Kryo object";

impl Decoder<'_, '_, '_> {
    pub(super) fn body(&mut self, class: &Class) -> Result<Shape> {
        match &class.layout {
            Layout::PrimitiveArray(primitive) => self.primitive_array(*primitive),
            Layout::Array(component, is_final) => self.object_array(class, component, *is_final),
            Layout::AsList => self.as_list(),
            Layout::Collection(header, elements) => self.collection(*header, *elements),
            Layout::Map(header) => self.map(*header),
            Layout::EmptyList => Ok(Shape::List(Vec::new())),
            Layout::EmptyMap => Ok(Shape::Map(Vec::new())),
            Layout::SingletonList => Ok(Shape::List(vec![self.class_and_object()?])),
            Layout::SingletonMap => Ok(Shape::Map(vec![(
                self.class_and_object()?,
                self.class_and_object()?,
            )])),
            Layout::Optional => {
                let value = self.class_and_object()?;
                Ok(Shape::Object(class.name.clone(), vec![("value".into(), value)]))
            }
            Layout::Fields(fields) => self.fields(class, fields),
            Layout::Scala(scala) => self.scala(*scala, class),
            Layout::JavaStream(key) => self.java_stream(key),
            Layout::Unknown(unknown) => self.unknown(class, unknown),
            layout => self.leaf(layout, &class.name).map(Shape::Leaf),
        }
    }

    /// Objects without parts.
    fn leaf(&mut self, layout: &Layout, class: &str) -> Result<Value> {
        match layout {
            Layout::Primitive(primitive) => self.primitive(*primitive),
            Layout::String => Ok(self
                .input
                .string("Kryo string")?
                .map_or(Value::Null, Value::String)),
            Layout::Text(field) => self.text_object(class, field),
            Layout::BigInteger => Ok(self.big_integer()?.map_or(Value::Null, Value::BigInteger)),
            Layout::BigDecimal => self.big_decimal(),
            Layout::Class => self.class_object(),
            Layout::Millis => Ok(temporal::millis(self.input.varlong(WHAT)?)),
            Layout::SqlTimestamp => {
                let at = self.offset();
                let millis = self.input.varlong(WHAT)?;
                let nanos = self.input.varint(WHAT)?;
                self.checked(at, temporal::instant(millis.div_euclid(1000), nanos.into()))
            }
            Layout::Calendar => self.calendar(class),
            Layout::BitSet => self.bit_set(),
            Layout::Pattern => self.pattern(),
            Layout::SocketAddress => self.socket_address(),
            Layout::Uuid => self.uuid(),
            Layout::Locale => self.locale(),
            Layout::Enum(constants) => self.enum_constant(constants),
            Layout::EnumSet => self.enum_set(),
            Layout::OptionalPrimitive(primitive) => self.optional_primitive(class, *primitive),
            Layout::Time(time) => self.time(*time),
            Layout::Framed => self.framed(class),
            Layout::JodaDateTime => self.joda(class),
            // All others have parts, and are handled by `body`.
            _ => Err(self.input.r.fault(WHAT, Fault::UnknownClass(class.to_owned()))),
        }
    }

    pub(super) fn primitive(&mut self, primitive: Primitive) -> Result<Value> {
        const WHAT: &str = "Kryo primitive";
        Ok(match primitive {
            Primitive::Boolean => Value::Boolean(self.input.bool(WHAT)?),
            Primitive::Byte => Value::Byte(self.input.r.i8(WHAT)?),
            Primitive::Char => Value::Char(self.input.u16(WHAT)?),
            Primitive::Short => Value::Short(self.input.i16(WHAT)?),
            Primitive::Int => Value::Int(self.input.svarint(WHAT)?),
            Primitive::Long => Value::Long(self.input.svarlong(WHAT)?),
            Primitive::Float => Value::Float(self.input.f32(WHAT)?),
            Primitive::Double => Value::Double(self.input.f64(WHAT)?),
            Primitive::Void => Value::Null,
        })
    }

    /// A number that is not packed.
    pub(super) fn fixed(&mut self, primitive: Primitive) -> Result<Value> {
        Ok(match primitive {
            Primitive::Int => Value::Int(self.input.i32("Kryo primitive")?),
            Primitive::Long => Value::Long(self.input.i64("Kryo primitive")?),
            other => self.primitive(other)?,
        })
    }

    fn big_integer(&mut self) -> Result<Option<BigInt>> {
        const WHAT: &str = "Kryo BigInteger";
        let Some(len) = self.input.count_or_none(1, WHAT)? else {
            return Ok(None);
        };
        Ok(Some(BigInt::from_signed_bytes_be(self.input.r.take(len, WHAT)?)))
    }

    fn big_decimal(&mut self) -> Result<Value> {
        Ok(match self.big_integer()? {
            None => Value::Null,
            Some(unscaled) => Value::Decimal {
                unscaled,
                scale: self.input.svarint("scale of a Kryo BigDecimal")?,
            },
        })
    }

    /// A `java.lang.Class`: a primitive and its wrapper have one id between them.
    fn class_object(&mut self) -> Result<Value> {
        let class = self.class()?;
        let shared = class.as_ref().is_some_and(|class| class.shared_id);
        let flag = !self.is_v5() || (shared && class.is_some());
        let primitive = flag && self.input.bool("Kryo class")?;
        let name = class.map_or(Value::Null, |class| {
            let wrapper = if primitive {
                None
            } else {
                registry::wrapper_of(&class.name)
            };
            Value::String(wrapper.unwrap_or(&class.name).into())
        });
        Ok(temporal::object("java.lang.Class", [("name", name)]))
    }

    fn bit_set(&mut self) -> Result<Value> {
        let count = self.input.count(8, "Kryo BitSet")?;
        let mut words = Vec::with_capacity(count);
        for _ in 0..count {
            words.push(Value::Long(self.input.i64("Kryo BitSet")?));
        }
        Ok(temporal::object(
            "java.util.BitSet",
            [("words", Value::List(words))],
        ))
    }

    fn uuid(&mut self) -> Result<Value> {
        let mut half = || match self.config.generation() {
            super::KryoGeneration::V2 => self.input.svarlong("Kryo UUID"),
            super::KryoGeneration::V5 => self.input.i64("Kryo UUID"),
        };
        let (most, least) = (half()?, half()?);
        Ok(Value::Uuid(
            u128::from(most as u64) << 64 | u128::from(least as u64),
        ))
    }

    pub(super) fn enum_constant(&mut self, constants: &[String]) -> Result<Value> {
        const WHAT: &str = "Kryo enum constant";
        let at = self.offset();
        let Some(index) = self
            .input
            .varint(WHAT)?
            .checked_sub(1)
            .filter(|index| *index != -1)
        else {
            return Ok(Value::Null);
        };
        let name = usize::try_from(index).ok().and_then(|index| constants.get(index));
        match name {
            Some(name) => Ok(Value::Enum {
                index,
                name: name.clone(),
            }),
            None if constants.is_empty() && index >= 0 => Ok(Value::Enum {
                index,
                name: String::new(),
            }),
            None => {
                let max = i64::try_from(constants.len())
                    .unwrap_or(i64::MAX)
                    .saturating_sub(1);
                Err(Error::new(
                    at,
                    WHAT,
                    Fault::Range {
                        got: index.into(),
                        min: 0,
                        max,
                    },
                ))
            }
        }
    }

    fn enum_set(&mut self) -> Result<Value> {
        let class = self.class()?;
        let constants = match class.as_ref().map(|class| &class.layout) {
            Some(Layout::Enum(constants)) => constants.as_slice(),
            _ => &[],
        };
        let count = self.input.count(1, "Kryo EnumSet")?;
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.enum_constant(constants)?);
        }
        Ok(Value::List(items))
    }

    fn optional_primitive(&mut self, class: &str, primitive: Primitive) -> Result<Value> {
        let value = match self.input.bool("Kryo optional")? {
            true => self.fixed(primitive)?,
            false => Value::Null,
        };
        Ok(temporal::object(class, [("value", value)]))
    }

    fn framed(&mut self, class: &str) -> Result<Value> {
        let len = self.input.count(1, "message inside Kryo")?;
        let bytes = self.input.r.take(len, "message inside Kryo")?.to_vec();
        Ok(Value::Opaque {
            class: class.to_owned(),
            bytes,
        })
    }

    /// An object of a class of Kryo's `FieldSerializer`.
    fn fields(&mut self, class: &Class, fields: &[(String, KryoField)]) -> Result<Shape> {
        let at = self.offset();
        let mut parts = Vec::with_capacity(fields.len());
        for (name, field) in fields {
            parts.push((name.as_str().into(), self.field(field)?));
        }
        let values = parts
            .iter()
            .map(|(_, id)| self.shapes.value(*id))
            .collect::<Option<Vec<_>>>();
        match values.map(|values| super::time::of_fields(&class.name, &values)) {
            Some(Some(value)) => self.checked(at, value).map(Shape::Leaf),
            _ => Ok(Shape::Object(class.name.clone(), parts)),
        }
    }

    fn field(&mut self, field: &KryoField) -> Result<Id> {
        let primitive = match field {
            KryoField::Boolean => Primitive::Boolean,
            KryoField::Byte => Primitive::Byte,
            KryoField::Char => Primitive::Char,
            KryoField::Short => Primitive::Short,
            KryoField::Int => Primitive::Int,
            KryoField::Long => Primitive::Long,
            KryoField::Float => Primitive::Float,
            KryoField::Double => Primitive::Double,
            KryoField::Open => return self.class_and_object(),
            KryoField::Final(class) => {
                let class = self.class_of_name(class);
                return self.object_or_null(&class);
            }
        };
        let value = self.primitive(primitive)?;
        Ok(self.shapes.leaf(value))
    }

    /// A class without a layout: what its first bytes and its name tell.
    fn unknown(&mut self, class: &Class, unknown: &str) -> Result<Shape> {
        const HEADER: &[u8] = b"\xac\xed\0\x05";
        let of_itself = unknown == &*class.name;
        let throwable = class.name.ends_with("Exception") || class.name.ends_with("Error");
        let continued = throwable && self.streams.contains_key(&StreamOf::Throwable);
        if of_itself && (continued || self.input.r.rest().starts_with(HEADER)) {
            return self.java_stream(&StreamOf::Throwable);
        }
        if of_itself && !self.is_v5() && class.name.ends_with('$') {
            return Ok(Shape::Object(class.name.clone(), Vec::new()));
        }
        Err(self.input.r.fault(WHAT, Fault::UnknownClass(unknown.to_owned())))
    }

    /// A string that must be there, as a value.
    pub(super) fn string_value(&mut self, what: &'static str) -> Result<Value> {
        let text: JavaStr = self.input.some_string(what)?;
        Ok(Value::String(text))
    }
}
