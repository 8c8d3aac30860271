//! Variants (2.1 and later).

use statetool_format::{Reader, Result};

use super::Walker;
use crate::sink::Sink;

impl<S: Sink> Walker<'_, S> {
    pub(super) fn variant(&mut self, r: &mut Reader<'_>) -> Result<()> {
        let value = r.count(1, "size of a variant")?;
        let metadata = r.count(1, "size of a variant's metadata")?;
        let value = r.take(value, "variant")?;
        r.take(metadata, "metadata of a variant")?;
        self.sink.bytes(value);
        Ok(())
    }

    pub(super) fn variant_of_row(&mut self, r: &mut Reader<'_>) -> Result<()> {
        let metadata = r.count(1, "size of a variant's metadata")?;
        r.take(metadata, "metadata of a variant")?;
        self.sink.bytes(r.take_rest());
        Ok(())
    }
}
