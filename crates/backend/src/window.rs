//! A sliding window over a stream: whole entries as slices, in bounded memory.

use std::io::Read;

use statetool_format::{Fault, Reader};

use crate::error::{Error, InFile, Result};
use crate::snappy::STREAM_IDENTIFIER;
use crate::source::{ReadAt, Source};

/// How the bytes of a stream are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    None,
    /// Snappy's framing format, as snappy-java writes it.
    Snappy,
}

/// A forward cursor over a part of a source that shows entries as slices.
///
/// It holds one chunk of the stream, and grows only when a single entry does not fit. Offsets
/// are positions in the source; in a compressed stream, they count decoded bytes from the
/// beginning of that stream.
pub struct Window {
    source: Source,
    feed: Feed,
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset of `buf[start]`.
    offset: u64,
}

enum Feed {
    Plain(Plain),
    Snappy(Box<snap::read::FrameDecoder<Box<dyn Read + Send>>>),
}

/// The bytes of a source between two positions, as a `Read`.
struct Plain {
    source: Source,
    at: u64,
    end: u64,
}

impl Read for Plain {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let len = buf
            .len()
            .min(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
        let Some(buf) = buf.get_mut(..len).filter(|buf| !buf.is_empty()) else {
            return Ok(0);
        };
        self.source
            .read_exact_at(buf, self.at)
            .map_err(std::io::Error::other)?;
        self.at += len as u64;
        Ok(len)
    }
}

/// How much is read at once.
const CHUNK: usize = 1 << 20;

impl Window {
    /// A window over `start..end` of a source.
    ///
    /// # Errors
    /// When that part is not in the source.
    pub fn new(source: &Source, start: u64, end: u64, compression: Compression) -> Result<Self> {
        Self::open(source, start, end, compression, true)
    }

    /// A window over a snappy stream whose stream identifier is elsewhere.
    pub fn without_identifier(source: &Source, start: u64, end: u64) -> Result<Self> {
        Self::open(source, start, end, Compression::Snappy, false)
    }

    fn open(
        source: &Source,
        start: u64,
        end: u64,
        compression: Compression,
        identified: bool,
    ) -> Result<Self> {
        if start > end || end > source.len() {
            let why = format!(
                "bytes {start} to {end} do not lie in the {} bytes there are",
                source.len()
            );
            return Err(Error::invalid(
                source.name(),
                start,
                "part of a state stream",
                why,
            ));
        }
        let plain = Plain {
            source: source.clone(),
            at: start,
            end,
        };
        let (feed, offset) = match compression {
            Compression::None => (Feed::Plain(plain), start),
            Compression::Snappy => {
                let prefix: &[u8] = if identified { &[] } else { STREAM_IDENTIFIER };
                let framed: Box<dyn Read + Send> = Box::new(prefix.chain(plain));
                (Feed::Snappy(Box::new(snap::read::FrameDecoder::new(framed))), 0)
            }
        };
        Ok(Self {
            source: source.clone(),
            feed,
            buf: Vec::new(),
            start: 0,
            end: 0,
            offset,
        })
    }

    /// Offset of the next byte.
    #[inline]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Name of the source, for errors.
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// The bytes at hand, which need not be all.
    #[inline]
    fn at_hand(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether nothing is left; reads on if it has to.
    pub fn is_at_end(&mut self) -> Result<bool> {
        Ok(self.start == self.end && !self.fill(1)?)
    }

    /// Parses something at the current position without moving; `parse` sees more and more
    /// bytes until it does not fail for want of them.
    ///
    /// Returns what `parse` returned, and how many bytes it took.
    pub fn peek<T>(
        &mut self,
        mut parse: impl FnMut(&mut Reader<'_>) -> statetool_format::Result<T>,
    ) -> Result<(T, usize)> {
        loop {
            let mut r = Reader::at(self.at_hand(), self.offset);
            match parse(&mut r) {
                Ok(parsed) => return Ok((parsed, self.end - self.start - r.left())),
                Err(error) if error.is_truncated() => {
                    let missing = match error.fault() {
                        Fault::Truncated { needed, left } => needed.saturating_sub(*left),
                        _ => 1,
                    };
                    if !self.fill(missing)? {
                        return Err(Error::format(self.name(), error));
                    }
                }
                Err(error) => return Err(Error::format(self.name(), error)),
            }
        }
    }

    /// Brings all that is left within reach; returns how much that is.
    pub fn peek_all(&mut self) -> Result<usize> {
        while self.fill(1)? {}
        Ok(self.end - self.start)
    }

    /// Parses something and moves past it.
    pub fn parse<T>(
        &mut self,
        parse: impl FnMut(&mut Reader<'_>) -> statetool_format::Result<T>,
    ) -> Result<T> {
        let (parsed, len) = self.peek(parse)?;
        self.advance(len);
        Ok(parsed)
    }

    /// Moves past `len` bytes that a [`peek`](Self::peek) has seen, and shows them.
    #[inline]
    pub fn take(&mut self, len: usize) -> &mut [u8] {
        let start = self.start;
        self.advance(len);
        self.buf.get_mut(start..start + len).unwrap_or_default()
    }

    /// Moves past `bytes` bytes without looking at them.
    pub fn skip(&mut self, bytes: u64, what: &'static str) -> Result<()> {
        let target = self.offset.saturating_add(bytes);
        while self.offset < target {
            if self.is_at_end()? {
                let fault = Fault::Truncated {
                    needed: target - self.offset,
                    left: 0,
                };
                return Err(Error::format(
                    self.name(),
                    statetool_format::Error::new(self.offset, what, fault),
                ));
            }
            let step = usize::try_from(target - self.offset).unwrap_or(usize::MAX);
            self.advance(step);
        }
        Ok(())
    }

    #[inline]
    fn advance(&mut self, len: usize) {
        let len = len.min(self.end - self.start);
        self.start += len;
        self.offset += len as u64;
    }

    /// Fails unless the stream ends here.
    pub fn finish(&mut self, what: &'static str) -> Result<()> {
        if self.is_at_end()? {
            return Ok(());
        }
        let left = (self.end - self.start) as u64;
        Err(Error::format(
            self.name(),
            statetool_format::Error::new(self.offset, what, Fault::Trailing { left }),
        ))
    }

    /// Reads on until at least `missing` more bytes are at hand; false if the stream ends first.
    fn fill(&mut self, missing: u64) -> Result<bool> {
        let have = self.end - self.start;
        if self.bytes_to_come().is_some_and(|left| left < missing) {
            return Ok(false);
        }
        self.buf.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, have);
        let wanted = have.saturating_add(usize::try_from(missing).unwrap_or(usize::MAX));
        while self.end < wanted {
            // Grown step by step, as bytes really come: a length in a compressed stream is only a claim.
            let to_come = self
                .bytes_to_come()
                .map_or(CHUNK, |left| left.min(CHUNK as u64) as usize);
            if self.buf.len() < self.end + to_come.max(1) {
                self.buf.resize(self.end + to_come.max(1), 0);
            }
            match self.read_some()? {
                0 => return Ok(false),
                n => self.end += n,
            }
        }
        Ok(true)
    }

    /// Bytes not yet read; unknown for compressed streams.
    fn bytes_to_come(&self) -> Option<u64> {
        match &self.feed {
            Feed::Plain(plain) => Some(plain.end - plain.at),
            Feed::Snappy(_) => None,
        }
    }

    fn read_some(&mut self) -> Result<usize> {
        let space = self.buf.get_mut(self.end..).unwrap_or_default();
        let read = match &mut self.feed {
            Feed::Plain(plain) => {
                let len = space
                    .len()
                    .min(usize::try_from(plain.end - plain.at).unwrap_or(usize::MAX));
                let space = space.get_mut(..len).unwrap_or_default();
                plain.source.read_exact_at(space, plain.at)?;
                plain.at += len as u64;
                Ok(len)
            }
            Feed::Snappy(decoder) => decoder.read(space),
        };
        read.map_err(|error| {
            let decoded = self.offset + (self.end - self.start) as u64;
            match error.get_ref().and_then(|e| e.downcast_ref::<snap::Error>()) {
                Some(snappy) => Error::invalid(
                    self.name(),
                    decoded,
                    "snappy frame (offset in decoded bytes)",
                    snappy.to_string(),
                ),
                None => Error::io(self.name(), error),
            }
        })
    }
}

/// Parses something at the beginning of a source, reading only as much of it as needed.
pub fn parse_prefix<T>(
    source: &dyn ReadAt,
    limit: u64,
    mut parse: impl FnMut(&mut Reader<'_>) -> statetool_format::Result<T>,
) -> Result<T> {
    let limit = limit.min(source.len());
    let mut len = limit.min(1 << 14);
    loop {
        let mut buf = vec![0; len as usize];
        source.read_exact_at(&mut buf, 0)?;
        match parse(&mut Reader::new(&buf)) {
            Err(error) if len < limit && may_want_more(&error) => len = limit.min(len.saturating_mul(4)),
            result => return result.in_file(source.name()),
        }
    }
}

/// An unknown class makes the parser look for what follows it, which may be cut off.
fn may_want_more(error: &statetool_format::Error) -> bool {
    error.is_truncated() || matches!(error.fault(), Fault::UnknownClass(_))
}
