//! Reading ahead: blocks are taken out of larger reads.

use std::io;

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::source::ReadAt;

/// The part of a file that was read last.
#[derive(Debug)]
pub(super) struct Window {
    bytes: Bytes,
    offset: u64,
    ahead: usize,
}

impl Window {
    /// An empty window that reads `ahead` bytes at once.
    pub(super) fn new(ahead: usize) -> Self {
        Self {
            bytes: Bytes::new(),
            offset: 0,
            ahead,
        }
    }

    /// A window that has `bytes` from `offset` on already.
    pub(super) fn with(bytes: Bytes, offset: u64) -> Self {
        Self {
            bytes,
            offset,
            ahead: 0,
        }
    }

    /// Takes `len` bytes at `offset`; what has to be read for it is read ahead, but not beyond `until`.
    ///
    /// The bytes are those of the window, without a copy.
    pub(super) fn fetch(
        &mut self,
        source: &dyn ReadAt,
        offset: u64,
        len: usize,
        until: u64,
    ) -> Result<Bytes> {
        if let Some(bytes) = self.inside(offset, len) {
            return Ok(bytes);
        }
        let left = usize::try_from(until.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = self.ahead.min(left).max(len);
        self.bytes = read(source, offset, wanted, std::mem::take(&mut self.bytes))?;
        self.offset = offset;
        self.inside(offset, len).ok_or_else(|| {
            let got = self.bytes.len();
            let why = format!("{got} of {wanted} bytes were read");
            Error::io(source.name(), io::Error::new(io::ErrorKind::UnexpectedEof, why))
        })
    }

    fn inside(&self, offset: u64, len: usize) -> Option<Bytes> {
        let start = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        let end = start.checked_add(len)?;
        (end <= self.bytes.len()).then(|| self.bytes.slice(start..end))
    }
}

/// Reads into the memory of `spare`, if nobody else holds a part of it.
fn read(source: &dyn ReadAt, offset: u64, len: usize, spare: Bytes) -> Result<Bytes> {
    match spare.try_into_mut() {
        Ok(mut buffer) if buffer.capacity() >= len => {
            buffer.resize(len, 0);
            source.read_exact_at(&mut buffer, offset)?;
            Ok(buffer.freeze())
        }
        _ => source.read_at(offset, len),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::source::Memory;

    struct Counting(Memory, AtomicUsize);

    impl ReadAt for Counting {
        fn name(&self) -> &str {
            self.0.name()
        }

        fn len(&self) -> u64 {
            self.0.len()
        }

        fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.read_at(offset, len)
        }
    }

    #[test]
    fn neighbours_come_out_of_one_read() {
        let source = Counting(Memory::new("f", &b"0123456789"[..]), AtomicUsize::new(0));
        let mut window = Window::new(6);
        let mut fetch = |offset, len, until| {
            let bytes = window.fetch(&source, offset, len, until).unwrap();
            (
                String::from_utf8(bytes.to_vec()).unwrap(),
                source.1.load(Ordering::Relaxed),
            )
        };
        assert_eq!(fetch(1, 2, 10), ("12".into(), 1));
        assert_eq!(fetch(3, 4, 10), ("3456".into(), 1));
        assert_eq!(fetch(7, 2, 9), ("78".into(), 2));
        assert_eq!(fetch(9, 1, 10), ("9".into(), 3));
        assert_eq!(fetch(0, 9, 1), ("012345678".into(), 4));
    }
}
