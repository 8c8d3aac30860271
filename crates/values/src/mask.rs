//! Bit masks as Flink's `MaskUtils` writes them: the most significant bit of a byte first.

/// A borrowed mask.
#[derive(Clone, Copy)]
pub(crate) struct Mask<'a>(pub(crate) &'a [u8]);

impl Mask<'_> {
    /// Bit `i`; false behind the end.
    #[inline]
    pub(crate) fn bit(self, i: usize) -> bool {
        self.0
            .get(i / 8)
            .is_some_and(|byte| byte & (0x80 >> (i % 8)) != 0)
    }
}

/// Appends bits, padded with zeros to whole bytes.
pub(crate) fn put_mask(out: &mut Vec<u8>, bits: impl Iterator<Item = bool>) {
    for (i, bit) in bits.enumerate() {
        if i % 8 == 0 {
            out.push(0);
        }
        if let Some(last) = out.last_mut() {
            *last |= u8::from(bit) << (7 - i % 8);
        }
    }
}
