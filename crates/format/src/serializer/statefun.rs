//! Snapshots of Stateful Functions.

use super::Content;
use super::decode::flag;
use super::text::string;
use crate::encode::Put;
use crate::error::Result;
use crate::reader::Reader;

/// `ProtobufTypeSerializerSnapshot`: a framed protobuf message.
pub(super) fn protobuf(r: &mut Reader<'_>) -> Result<Content> {
    Ok(Content::StateFunProtobuf {
        message: r.bytes("protobuf serializer snapshot")?.to_vec(),
    })
}

/// `RemoteValueSerializerSnapshot`: namespace and name of a type.
pub(super) fn remote_value(r: &mut Reader<'_>) -> Result<Content> {
    let namespace = string(r, "namespace of a remote type")?;
    Ok(Content::StateFunRemoteValue {
        namespace,
        name: string(r, "name of a remote type")?,
    })
}

/// `MessageTypeSerializer$Snapshot`: a factory's name and, in version 2, perhaps a class.
pub(super) fn message(r: &mut Reader<'_>, version: i32) -> Result<Content> {
    let payload = string(r, "message factory")?;
    let serializer = match version {
        1 => None,
        _ if flag(r, "whether there is a payload serializer")? => {
            Some(Some(string(r, "payload serializer class")?))
        }
        _ => Some(None),
    };
    Ok(Content::StateFunMessage { payload, serializer })
}

pub(super) fn encode(content: &Content, out: &mut Vec<u8>) {
    match content {
        Content::StateFunProtobuf { message } => out.put_bytes(message),
        Content::StateFunRemoteValue { namespace, name } => {
            out.put_utf(namespace.as_text());
            out.put_utf(name.as_text());
        }
        Content::StateFunMessage { payload, serializer } => {
            out.put_utf(payload.as_text());
            if let Some(serializer) = serializer {
                out.put_bool(serializer.is_some());
                serializer.iter().for_each(|class| out.put_utf(class.as_text()));
            }
        }
        _ => {}
    }
}
