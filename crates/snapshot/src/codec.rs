//! How far the values of a type reach.

use std::sync::Arc;

use statetool_backend::Skip;
use statetool_format::{Reader, Result};
use statetool_values::{Framing, Type, walk};

/// A type as the extent of its values.
#[derive(Clone)]
pub struct Extent(pub Arc<Type>);

impl Skip for Extent {
    #[inline]
    fn skip(&self, r: &mut Reader<'_>) -> Result<()> {
        skip(&self.0, r)
    }
}

/// Moves past one value of a type.
///
/// # Errors
/// When the bytes are no such value, or nobody can tell its extent.
#[inline]
pub fn skip(ty: &Type, r: &mut Reader<'_>) -> Result<()> {
    walk(ty, r, Framing::Unframed, &mut statetool_values::Skip).map(|_| ())
}
