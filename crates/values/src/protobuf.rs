//! Messages of StateFun's protobuf serializer, whose snapshot describes them in full.
//!
//! ```text
//! snapshot  a message: 1 generated Java class, 2 full name, 3 FileDescriptorSet
//! value     i32 length, the message
//! ```

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::Value as Json;

use crate::value::Value;

/// `ProtobufTypeSerializer`: a message type, described if the snapshot could be understood.
#[derive(Debug, Clone, PartialEq)]
pub struct ProtobufType {
    class: String,
    name: String,
    descriptor: Option<MessageDescriptor>,
}

impl ProtobufType {
    /// The type that the content of a `ProtobufTypeSerializerSnapshot` describes.
    pub fn of_snapshot(message: &[u8]) -> Self {
        let mut class = String::new();
        let mut name = String::new();
        let mut files: &[u8] = &[];
        for (number, bytes) in Fields(message) {
            match number {
                1 => class = String::from_utf8_lossy(bytes).into_owned(),
                2 => name = String::from_utf8_lossy(bytes).into_owned(),
                3 => files = bytes,
                _ => {}
            }
        }
        let pool = DescriptorPool::decode(files).ok();
        let descriptor = pool.and_then(|pool| pool.get_message_by_name(&name));
        Self {
            class,
            name,
            descriptor,
        }
    }

    /// Full name of the message.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The generated Java class.
    pub fn class(&self) -> &str {
        &self.class
    }

    /// A message in the form of its canonical JSON; `None` if it does not fit the description.
    pub fn decode(&self, bytes: &[u8]) -> Option<Value> {
        let message = DynamicMessage::decode(self.descriptor.clone()?, bytes).ok()?;
        serde_json::to_value(&message).ok().map(value)
    }
}

/// The fields of a message that have a length; ends at the first that has none.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        const WITH_LENGTH: u64 = 2;
        let tag = varint(&mut self.0)?;
        let len = usize::try_from(varint(&mut self.0)?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        (tag & 7 == WITH_LENGTH).then_some((tag >> 3, bytes))
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn value(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(v) => Value::Boolean(v),
        Json::Number(number) => match number.as_i64() {
            Some(v) => Value::Long(v),
            None => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(text.as_str().into()),
        Json::Array(items) => Value::List(items.into_iter().map(value).collect()),
        Json::Object(members) => {
            let fields = members
                .into_iter()
                .map(|(name, json)| (name, value(json)))
                .collect();
            Value::Object { class: None, fields }
        }
    }
}
