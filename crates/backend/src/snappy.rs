//! Snappy's framing format, as snappy-java reads and writes it.

use std::io::Write;

/// What a snappy stream must begin with; partitions of operator state leave it out.
pub const STREAM_IDENTIFIER: &[u8] = b"\xff\x06\x00\x00sNaPpY";

/// Appends a stream that holds `bytes`: its identifier, then frames.
pub fn put_stream(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(STREAM_IDENTIFIER);
    put_frames(bytes, out);
}

/// Appends the frames of `bytes`, which go on a stream that has begun.
pub fn put_frames(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let mut encoder = snap::write::FrameEncoder::new(&mut *out);
    // A vector takes all that is written to it.
    let _ = encoder.write_all(bytes).and_then(|()| encoder.flush());
    drop(encoder);
    // The encoder begins a stream each time.
    let end = (start + STREAM_IDENTIFIER.len()).min(out.len());
    out.drain(start..end);
}
