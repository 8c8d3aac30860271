//! Values whose layout is that of another framework, or that nobody can interpret.

use statetool_format::{Fault, Reader, Result};

use super::{Framing, Walker};
use crate::kryo::{self, KryoConfig};
use crate::protobuf::ProtobufType;
use crate::sink::Sink;
use crate::types::OpaqueType;

/// What stands for the class of Java-serialized values, which is in their bytes.
const JAVA_OBJECT: &str = "java.io.Serializable";

impl<S: Sink> Walker<'_, S> {
    pub(super) fn opaque_type(&mut self, opaque: &OpaqueType, r: &mut Reader<'_>) -> Result<()> {
        let Some(length) = opaque.length else {
            return self.opaque(&opaque.class, r);
        };
        let bytes = r.take(length, "value of an unknown serializer")?;
        self.sink.opaque(&opaque.class, bytes);
        Ok(())
    }

    /// Hands out the rest of the frame, if there is one.
    pub(super) fn opaque(&mut self, class: &str, r: &mut Reader<'_>) -> Result<()> {
        if self.framing == Framing::Unframed {
            return Err(r.fault("value", Fault::UnknownClass(class.to_owned())));
        }
        self.sink.opaque(class, r.take_rest());
        self.ended = true;
        Ok(())
    }

    pub(super) fn kryo(&mut self, config: &KryoConfig, r: &mut Reader<'_>) -> Result<()> {
        let start = r.clone();
        match kryo::decode(config, r) {
            Ok(value) => {
                self.sink.foreign(config.class(), r.since(&start), value);
                Ok(())
            }
            Err(_) if self.framing == Framing::Framed => {
                *r = start;
                self.opaque(config.class(), r)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn java_object(&mut self, r: &mut Reader<'_>) -> Result<()> {
        let start = r.clone();
        match crate::java_value::decode(r) {
            Ok(value) => {
                self.sink.foreign(JAVA_OBJECT, r.since(&start), value);
                Ok(())
            }
            Err(_) if self.framing == Framing::Framed => {
                *r = start;
                self.opaque(JAVA_OBJECT, r)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn protobuf(&mut self, protobuf: &ProtobufType, r: &mut Reader<'_>) -> Result<()> {
        let bytes = r.bytes("protobuf message")?;
        match protobuf.decode(bytes) {
            Some(value) => self.sink.foreign(protobuf.name(), bytes, value),
            None => self.sink.opaque(protobuf.name(), bytes),
        }
        Ok(())
    }
}
