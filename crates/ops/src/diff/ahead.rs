//! Reads entries of one snapshot on a thread of its own, as far ahead as a few batches.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use statetool_snapshot::{Entry, Error, ErrorKind, Flow, Result, Snapshot, State};

use super::items::Piece;
use super::pairs::StatePairs;
use super::record::{self, Met, Record};
use crate::progress::Progress;

/// How many bytes of entries come together, and how many batches may wait.
const BATCH_BYTES: usize = 256 << 10;
const BATCHES: usize = 2;

/// Entries of which some have been taken.
#[derive(Default)]
pub(super) struct Ahead {
    batches: Option<Receiver<Result<Batch>>>,
    pub(super) met: Met,
    bytes: Vec<u8>,
    at: usize,
    /// Why some entries cannot be read.
    pub(super) hidden: Option<Error>,
}

/// Entries, and states that had not been met before.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    states: Vec<(usize, Arc<State>)>,
    hidden: Option<Error>,
}

impl Ahead {
    /// Begins to read some pieces of a snapshot, one after the other.
    pub(super) fn start<'scope, 'env: 'scope>(
        scope: &'scope Scope<'scope, 'env>,
        snapshot: &'env Snapshot,
        pieces: &'env [Piece<'env>],
        pairs: &'env StatePairs,
        progress: &'env Progress,
    ) -> Self {
        if pieces.is_empty() {
            return Self::default();
        }
        let (sender, batches) = sync_channel(BATCHES);
        scope.spawn(move || read(snapshot, pieces, pairs, progress, &sender));
        Self {
            batches: Some(batches),
            ..Self::default()
        }
    }

    /// Waits for the next entry; says whether there is one.
    ///
    /// # Errors
    /// What the scan has met.
    #[inline]
    pub(super) fn fill(&mut self) -> Result<bool> {
        while self.at >= self.bytes.len() {
            if !self.receive()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The next entry, and its length.
    #[inline]
    pub(super) fn head(&self) -> Option<(Record<'_>, usize)> {
        record::first(self.bytes.get(self.at..).unwrap_or_default(), &self.met)
    }

    /// Takes the entry that [`head`](Self::head) has shown.
    #[inline]
    pub(super) fn advance(&mut self, len: usize) {
        self.at += len;
    }

    fn receive(&mut self) -> Result<bool> {
        let next = self.batches.as_ref().and_then(|batches| batches.recv().ok());
        let Some(batch) = next else {
            return Ok(false);
        };
        let batch = batch?;
        self.met.states.extend(batch.states);
        self.hidden = self.hidden.take().or(batch.hidden);
        (self.bytes, self.at) = (batch.bytes, 0);
        Ok(true)
    }
}

/// Hands over batches until all is read, or nobody wants more.
fn read(
    snapshot: &Snapshot,
    pieces: &[Piece<'_>],
    pairs: &StatePairs,
    progress: &Progress,
    sender: &SyncSender<Result<Batch>>,
) {
    let (mut met, mut shared) = (Met::default(), 0);
    let mut batch = Batch::default();
    let mut space = Vec::new();
    let mut ticker = progress.ticker();
    for piece in pieces {
        let visit = &mut |entry: &Entry<'_>| -> Result<Flow> {
            ticker.tick(entry.bytes());
            let number = met.number(entry.state, || pairs.rank(entry.state).unwrap_or(usize::MAX));
            record::put(number, &record::joined(entry, &mut space), &mut batch.bytes);
            if batch.bytes.len() < BATCH_BYTES {
                return Ok(Flow::Continue(()));
            }
            batch.states = met.states.get(shared..).unwrap_or_default().to_vec();
            shared = met.states.len();
            let full = Batch {
                bytes: Vec::with_capacity(BATCH_BYTES + BATCH_BYTES / 8),
                ..Batch::default()
            };
            Ok(match sender.send(Ok(std::mem::replace(&mut batch, full))) {
                Ok(()) => Flow::Continue(()),
                Err(_) => Flow::Break(()),
            })
        };
        match piece.scan(snapshot, pairs, visit) {
            Ok(Flow::Continue(())) => {}
            Ok(Flow::Break(())) => return,
            Err(error) if error.kind() == ErrorKind::NotInterpretable => {
                batch.hidden.get_or_insert(error);
            }
            Err(error) => {
                // Whoever does not listen has failed already.
                let _ = sender.send(Err(error));
                return;
            }
        }
    }
    batch.states = met.states.get(shared..).unwrap_or_default().to_vec();
    let _ = sender.send(Ok(batch));
}
