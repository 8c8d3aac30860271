//! States of hooks at the checkpoint coordinator.

use crate::encode::{Encode, Put};
use crate::error::{Error, Fault, Result};
use crate::reader::Reader;
use crate::text::JavaString;

/// What a master hook stored (`MasterTriggerRestoreHook`): few connectors have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterState {
    /// Version of the hook's serializer.
    pub version: i32,
    /// The hook's identifier.
    pub name: JavaString,
    /// The hook's bytes.
    pub payload: Vec<u8>,
}

impl MasterState {
    const MAGIC: i32 = 0xC96B_1696_u32 as i32;
    pub(super) const SMALLEST: usize = 18;

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self> {
        let at = r.offset();
        let magic = r.i32("magic number of a master state")?;
        if magic != Self::MAGIC {
            let fault = Fault::Unknown {
                got: magic.into(),
                expected: "0xc96b1696",
            };
            return Err(Error::new(at, "magic number of a master state", fault));
        }
        let length = r.count(1, "length of a master state")?;
        let r = &mut r.window(length, "master state")?;
        let version = r.i32("version of a master state")?;
        let name = r.utf("name of a master state")?.to_java_string();
        let payload = r.bytes("payload of a master state")?.to_vec();
        r.finish("master state")?;
        Ok(Self {
            version,
            name,
            payload,
        })
    }
}

impl Encode for MasterState {
    fn encode(&self, out: &mut Vec<u8>) {
        let mut body = Vec::with_capacity(self.payload.len() + 64);
        body.put_i32(self.version);
        body.put_utf(self.name.as_text());
        body.put_bytes(&self.payload);
        out.put_i32(Self::MAGIC);
        out.put_bytes(&body);
    }
}
