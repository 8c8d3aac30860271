//! Reading an object from one end to the other.

use std::io::{self, BufRead, Read};
use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

use crate::error::Result;
use crate::object::{Object, Source};
#[cfg(feature = "remote")]
use crate::remote::ReadAhead;

/// How much of a local file is read at once.
const LOCAL_CHUNK: u64 = 1 << 20;

/// Reads a range of an [`Object`] in order; made by [`Object::reader`].
///
/// Buffered by itself. Dropping it cancels what is still being fetched.
#[derive(Debug)]
pub struct ObjectReader {
    object: Object,
    buffer: Bytes,
    rest: Rest,
}

/// What has not been handed to the buffer yet.
#[derive(Debug)]
enum Rest {
    Local(Range<u64>),
    #[cfg(feature = "remote")]
    Remote(ReadAhead),
}

impl ObjectReader {
    pub(crate) fn new(object: Object, range: Range<u64>) -> Self {
        match object.source() {
            Source::Local(_) => Self {
                object,
                buffer: Bytes::new(),
                rest: Rest::Local(range),
            },
            #[cfg(feature = "remote")]
            Source::Remote(_) => Self::remote(object, range),
        }
    }

    /// Begins with what came when the object was opened.
    #[cfg(feature = "remote")]
    fn remote(object: Object, range: Range<u64>) -> Self {
        let known = range.end.min(object.head_len()).saturating_sub(range.start);
        let head = usize::try_from(known)
            .ok()
            .and_then(|len| object.in_head(range.start, len));
        let start = range.start + head.as_ref().map_or(0, |head| head.len() as u64);
        Self {
            object,
            buffer: head.unwrap_or_default(),
            rest: Rest::Remote(ReadAhead::new(start..range.end)),
        }
    }

    /// The next bytes, at least one unless the range has been read.
    ///
    /// # Errors
    /// What [`Object::read_at`] reports. A [`BufRead`] method wraps the same error.
    pub fn chunk(&mut self) -> Result<&[u8]> {
        if self.buffer.is_empty() {
            self.buffer = self.next_chunk()?;
        }
        Ok(&self.buffer)
    }

    fn next_chunk(&mut self) -> Result<Bytes> {
        match (&mut self.rest, self.object.source()) {
            (Rest::Local(rest), Source::Local(file)) => {
                let range = take_chunk(rest, LOCAL_CHUNK);
                let len = usize::try_from(range.end - range.start).unwrap_or_default();
                // The chunk before has been used up, so its memory can be used again.
                let chunk = std::mem::take(&mut self.buffer).try_into_mut();
                let mut chunk = chunk.unwrap_or_else(|_| BytesMut::new());
                chunk.resize(len, 0);
                self.object.fill(file, range.start, &mut chunk)?;
                Ok(chunk.freeze())
            }
            #[cfg(feature = "remote")]
            (Rest::Remote(rest), Source::Remote(file)) => rest.next(file).unwrap_or_else(|| Ok(Bytes::new())),
            #[cfg(feature = "remote")]
            _ => Ok(Bytes::new()),
        }
    }
}

/// Splits at most `size` bytes from the front of a range.
pub(crate) fn take_chunk(rest: &mut Range<u64>, size: u64) -> Range<u64> {
    let end = rest.end.min(rest.start.saturating_add(size.max(1)));
    let chunk = rest.start..end.max(rest.start);
    rest.start = chunk.end;
    chunk
}

impl BufRead for ObjectReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.chunk()?)
    }

    fn consume(&mut self, amount: usize) {
        self.buffer.advance(amount.min(self.buffer.len()));
    }
}

impl Read for ObjectReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(out.len());
        if let (Some(out), Some(available)) = (out.get_mut(..n), available.get(..n)) {
            out.copy_from_slice(available);
        }
        self.consume(n);
        Ok(n)
    }
}
