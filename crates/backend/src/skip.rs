//! How far a serialized value reaches.

use statetool_format::{Reader, Result};

/// What knows the extent of one serializer's values.
///
/// The `values` crate implements it for its types; this crate only moves bytes.
pub trait Skip: Send + Sync {
    /// Moves `r` past one value.
    ///
    /// # Errors
    /// When the bytes are no such value; `Truncated` when more bytes might help;
    /// `UnknownClass` when nobody can tell the extent.
    fn skip(&self, r: &mut Reader<'_>) -> Result<()>;
}

impl<F> Skip for F
where
    F: Fn(&mut Reader<'_>) -> Result<()> + Send + Sync,
{
    fn skip(&self, r: &mut Reader<'_>) -> Result<()> {
        self(r)
    }
}
