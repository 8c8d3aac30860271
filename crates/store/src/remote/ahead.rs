//! Fetching ahead of readers, so that a scan does not wait for the network piece by piece.
//!
//! Whoever reads on where an earlier read of the same file ended is taken for a scan: what
//! follows is fetched, in a window that doubles with each read. Everything else (headers,
//! footers, look-ups) is read as it was asked for, and nothing more.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};

use crate::error::{Error, ErrorKind, Result};
use crate::remote::RemoteFile;
use crate::remote::runtime::Shared;

/// How much is fetched ahead of a reader that has just turned out to be a scan.
const FIRST_WINDOW: u64 = 256 << 10;
/// How much at most.
const LARGEST_WINDOW: u64 = 16 << 20;
/// How much of it one request brings.
const LARGEST_STEP: u64 = 4 << 20;
/// How far a scan may jump forward and still be one.
const GAP: u64 = 16 << 10;
/// How many scans are told apart.
const MAX_POSITIONS: usize = 64;

/// What has been fetched ahead in all files of a store, bounded together.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    state: Mutex<State>,
    files: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// By file and first byte; they never overlap.
    pieces: BTreeMap<(u64, u64), Piece>,
    positions: Vec<Position>,
    bytes: u64,
    clock: u64,
}

/// Some bytes of a file that are here or on their way.
#[derive(Debug)]
struct Piece {
    end: u64,
    bytes: Arc<Shared<Result<Bytes>>>,
    used: u64,
}

/// How far a reader has come.
#[derive(Debug)]
struct Position {
    file: u64,
    begin: u64,
    next: u64,
    window: u64,
    used: u64,
}

/// A part of what was asked for, and the piece it is in.
type Part = (Range<u64>, u64, Arc<Shared<Result<Bytes>>>);

impl Ahead {
    /// A number for a file that has been opened.
    pub(crate) fn number(&self) -> u64 {
        self.files.fetch_add(1, Ordering::Relaxed)
    }

    /// Forgets all of a file.
    pub(crate) fn forget(&self, file: u64) {
        let mut state = self.lock();
        state.positions.retain(|position| position.file != file);
        state.remove(|(number, _), _| *number == file);
    }

    /// The bytes of a range that is not empty, if they are at hand, on their way, or part of a scan.
    pub(crate) fn read(&self, file: &RemoteFile, range: &Range<u64>) -> Option<Result<Bytes>> {
        let parts = self.lock().plan(file, range)?;
        let bytes = join(file, &parts);
        if bytes.is_err() {
            // Asked for again by whoever comes next.
            let failed = |at: &u64| parts.iter().any(|(_, start, _)| start == at);
            self.lock()
                .remove(|(number, start), _| *number == file.number && failed(start));
        }
        Some(bytes)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for all parts and puts them together.
fn join(file: &RemoteFile, parts: &[Part]) -> Result<Bytes> {
    let mut joined = BytesMut::new();
    for (range, start, piece) in parts {
        let gone = || Error::new(ErrorKind::Io, &file.location, "its client stopped unexpectedly");
        let bytes = piece.answer().ok_or_else(gone)??;
        let place = |at: u64| usize::try_from(at - start).unwrap_or(usize::MAX);
        let (from, to) = (place(range.start), place(range.end));
        let Some(part) = bytes.get(from..to) else {
            return Err(gone());
        };
        if parts.len() == 1 {
            return Ok(bytes.slice(from..to));
        }
        joined.extend_from_slice(part);
    }
    Ok(joined.freeze())
}

impl State {
    /// The pieces that cover a range, after starting what a scan will need next.
    fn plan(&mut self, file: &RemoteFile, range: &Range<u64>) -> Option<Vec<Part>> {
        self.clock += 1;
        if let Some((begin, window)) = self.advance(file, range) {
            let number = file.number;
            self.remove(|(other, start), piece| {
                *other == number && *start >= begin && piece.end <= range.start
            });
            self.cover(file, range, window);
        }
        self.parts(file.number, range)
    }

    /// Notes that a range is read. Where that goes on with a scan: where the scan began, and
    /// how far to be ahead of it.
    fn advance(&mut self, file: &RemoteFile, range: &Range<u64>) -> Option<(u64, u64)> {
        let clock = self.clock;
        let known = self.positions.iter_mut().find(|position| {
            position.file == file.number
                && (position.next..=position.next.saturating_add(GAP)).contains(&range.start)
        });
        if let Some(position) = known {
            let largest = LARGEST_WINDOW.min(file.read_ahead / 3);
            position.window = (position.window * 2).clamp(FIRST_WINDOW.min(largest), largest);
            position.next = range.end;
            position.used = clock;
            return Some((position.begin, position.window));
        }
        if self.positions.len() >= MAX_POSITIONS {
            self.positions.sort_by_key(|position| position.used);
            self.positions.remove(0);
        }
        self.positions.push(Position {
            file: file.number,
            begin: range.start,
            next: range.end,
            window: 0,
            used: clock,
        });
        None
    }

    /// Starts fetching what is missing of a range and of the window behind it.
    fn cover(&mut self, file: &RemoteFile, range: &Range<u64>, window: u64) {
        // What another scan has begun with is no longer wanted when this one gets there.
        let others = self.positions.iter().filter(|position| {
            position.file == file.number && position.window > 0 && position.begin >= range.end
        });
        let limit = others.map(|position| position.begin).fold(file.len, u64::min);
        let target = range.end.saturating_add(window).min(limit);
        // Large requests, so not before half of the window has been used up.
        let far_enough = range.end.saturating_add(window / 2).min(limit);
        if self.covered_from(file.number, range.start) >= far_enough {
            return;
        }
        let step = (window / 4)
            .clamp(FIRST_WINDOW, LARGEST_STEP)
            .min(file.chunk_size);
        let mut at = range.start;
        while at < target {
            if let Some(end) = self.piece_at(file.number, at).map(|(_, piece)| piece.end) {
                at = end;
                continue;
            }
            let next = self.pieces.range((file.number, at)..).next();
            let next = next.filter(|((number, _), _)| *number == file.number);
            let end = (at + step.max(1))
                .min(next.map_or(u64::MAX, |((_, start), _)| *start))
                .min(file.len);
            if !self.make_room(end - at, file.read_ahead) && at >= range.end {
                return;
            }
            let piece = Piece {
                end,
                bytes: Arc::new(file.start_shared(at..end)),
                used: self.clock,
            };
            self.bytes += end - at;
            self.pieces.insert((file.number, at), piece);
            at = end;
        }
    }

    /// Where the pieces that follow each other from `at` on end.
    fn covered_from(&self, file: u64, mut at: u64) -> u64 {
        while let Some((_, piece)) = self.piece_at(file, at) {
            at = piece.end;
        }
        at
    }

    fn piece_at(&self, file: u64, at: u64) -> Option<(u64, &Piece)> {
        let (&(number, start), piece) = self.pieces.range(..=(file, at)).next_back()?;
        (number == file && piece.end > at).then_some((start, piece))
    }

    /// Drops what was not used for the longest time until `bytes` more fit; says whether they do.
    fn make_room(&mut self, bytes: u64, limit: u64) -> bool {
        while self.bytes.saturating_add(bytes) > limit {
            let clock = self.clock;
            let unused = self.pieces.iter().filter(|(_, piece)| piece.used < clock);
            let Some(oldest) = unused.min_by_key(|(_, piece)| piece.used).map(|(key, _)| *key) else {
                return false;
            };
            self.remove(|key, _| *key == oldest);
        }
        true
    }

    fn remove(&mut self, unwanted: impl Fn(&(u64, u64), &Piece) -> bool) {
        let bytes = &mut self.bytes;
        self.pieces.retain(|key, piece| {
            let keep = !unwanted(key, piece);
            if !keep {
                *bytes = bytes.saturating_sub(piece.end - key.1);
            }
            keep
        });
    }

    fn parts(&mut self, file: u64, range: &Range<u64>) -> Option<Vec<Part>> {
        let mut parts = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let (start, piece) = self.piece_at(file, at)?;
            let end = piece.end.min(range.end);
            parts.push((at..end, start, Arc::clone(&piece.bytes)));
            at = end;
        }
        for (_, start, _) in &parts {
            if let Some(piece) = self.pieces.get_mut(&(file, *start)) {
                piece.used = self.clock;
            }
        }
        Some(parts)
    }
}
