//! Messages of StateFun's protobuf serializer.

use statetool_format::Reader;

use crate::value::Value;

/// A message type.
#[derive(Debug, Clone, PartialEq)]
pub struct ProtobufType {
    name: String,
}

impl ProtobufType {
    /// The type that the content of a `ProtobufTypeSerializerSnapshot` describes.
    pub fn of_snapshot(message: &[u8]) -> Self {
        let _ = Reader::new(message);
        Self {
            name: "message".into(),
        }
    }

    /// Full name of the message.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value of a message; `None` if the snapshot does not describe it.
    pub fn decode(&self, _bytes: &[u8]) -> Option<Value> {
        None
    }
}
