//! State streams behind a handle, and snappy's frames.

use std::io::Read;
use std::sync::Arc;

use statetool_backend::{Compression, Memory, Source, Window};
use statetool_format::metadata::{KeyedHandle, SubtaskState};
use statetool_format::state::{KeyedHeader, OperatorHeader};
use statetool_format::{Encode, Error, Fault, Reader};

use super::snapshots;
use super::stream_input::StreamInput;

/// Canonical and heap streams: the whole is what its key groups are, each entry is counted once.
pub fn keyed_stream(input: &[u8]) {
    check(input, |stream| SubtaskState {
        managed_keyed: Some(KeyedHandle::KeyGroups(stream.key_groups())),
        ..SubtaskState::default()
    });
}

/// Timers as raw keyed state.
pub fn raw_timers(input: &[u8]) {
    check(input, |stream| SubtaskState {
        raw_keyed: Some(KeyedHandle::KeyGroups(stream.key_groups())),
        ..SubtaskState::default()
    });
}

/// Operator state.
pub fn operator_stream(input: &[u8]) {
    check(input, |stream| SubtaskState {
        managed_operator: Some(stream.operator_state()),
        ..SubtaskState::default()
    });
}

/// Logged changes without a base.
pub fn changelog(input: &[u8]) {
    check(input, |stream| SubtaskState {
        managed_keyed: Some(stream.changelog()),
        ..SubtaskState::default()
    });
}

fn check(input: &[u8], state: impl Fn(&StreamInput) -> SubtaskState) {
    let Ok(stream) = StreamInput::decode(input) else {
        return;
    };
    if !stream.unknown_classes && has_unknown_class(&stream.stream) {
        return;
    }
    let metadata = stream.metadata(state(&stream));
    if let Some(snapshot) = snapshots::open(&metadata.to_bytes()) {
        snapshots::check(&snapshot);
    }
}

/// Whether the header of a keyed or operator state stream names a class that nobody knows.
fn has_unknown_class(stream: &[u8]) -> bool {
    let errors = [
        KeyedHeader::decode(&mut Reader::new(stream)).err(),
        OperatorHeader::decode(&mut Reader::new(stream)).err(),
    ];
    let unknown = |error: &Error| matches!(error.fault(), Fault::UnknownClass(_));
    errors.iter().flatten().any(unknown)
}

/// A window over a stream shows what the frames hold, in whatever steps it is moved.
pub fn snappy(input: &[u8]) {
    let source: Source = Arc::new(Memory::new("stream", input.to_vec()));
    let mut expected = Vec::new();
    let intact = snap::read::FrameDecoder::new(input)
        .read_to_end(&mut expected)
        .is_ok();
    for step in [1_usize, 7, 4096] {
        let Ok(mut window) = Window::new(&source, 0, source.len(), Compression::Snappy) else {
            continue;
        };
        let mut seen = 0;
        let ended = loop {
            match window.peek(|r| r.take(step.min(r.left().max(1)), "step").map(<[u8]>::len)) {
                Ok((_, len)) => {
                    let bytes: &[u8] = window.take(len);
                    assert_eq!(Some(bytes), expected.get(seen..seen + len));
                    seen += len;
                }
                Err(error) => break error.fault().is_some_and(is_end),
            }
        };
        assert_eq!(
            ended, intact,
            "a stream that is intact: {intact}, read to its end: {ended}"
        );
        assert!(!intact || seen == expected.len());
    }
}

fn is_end(fault: &Fault) -> bool {
    matches!(fault, Fault::Truncated { .. })
}

/// Bytes in snappy's framing format.
pub fn snappy_frames(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    // A vector takes all that is written to it.
    let _ = std::io::Write::write_all(&mut encoder, bytes);
    encoder.into_inner().unwrap_or_default()
}
