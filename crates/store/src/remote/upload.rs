//! Files that are written to remote systems, by a task of their own.

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::runtime::Pending;
use super::{Answer, Remote};
use crate::error::{Error, ErrorKind, Result};
use crate::location::Location;

/// How many pieces may wait to be sent.
const PIECES_AHEAD: usize = 4;

/// The pieces of a file, one after the other.
#[derive(Debug)]
pub(crate) struct Pieces(Receiver<Piece>);

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    /// Nothing follows, and the file counts.
    End,
}

impl Pieces {
    /// The next piece; nothing at the end of the file.
    ///
    /// # Errors
    /// When the writer has given up: the file must not come to be.
    pub(crate) async fn next(&mut self, location: &Location) -> Result<Option<Bytes>> {
        match self.0.recv().await {
            Some(Piece::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Piece::End) => Ok(None),
            None => Err(Error::new(ErrorKind::Io, location, "was not written to its end")),
        }
    }
}

/// A remote file that is being written.
#[derive(Debug)]
pub(crate) struct RemoteUpload {
    location: Location,
    pieces: Option<Sender<Piece>>,
    written: Option<Pending<Result<()>>>,
}

impl Remote {
    /// Begins a file.
    pub(crate) fn upload(&self, location: &Location) -> Result<RemoteUpload> {
        let (send, receive) = channel(PIECES_AHEAD);
        let writing = self.system.clone().write(location.clone(), Pieces(receive));
        Ok(RemoteUpload {
            location: location.clone(),
            pieces: Some(send),
            written: Some(self.calls.runtime.start_task(writing)),
        })
    }

    /// Writes a file that was not there.
    pub(crate) fn publish(&self, location: &Location, bytes: Bytes) -> Result<()> {
        self.call(location, move |system, location| {
            system.publish(location, bytes.clone())
        })
    }

    /// Takes a file away.
    pub(crate) fn remove(&self, location: &Location) -> Result<()> {
        self.call(location, |system, location| system.remove(location))
    }
}

impl RemoteUpload {
    /// Hands a piece over; waits while others are on their way.
    pub(crate) fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.send(Piece::Bytes(bytes))
    }

    /// Waits until all is written.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.send(Piece::End)?;
        self.outcome()
    }

    fn send(&mut self, piece: Piece) -> Result<()> {
        match self.pieces.as_ref().map(|pieces| pieces.blocking_send(piece)) {
            Some(Ok(())) => Ok(()),
            // The task has ended, and tells why.
            _ => self.outcome().and_then(|()| {
                Err(Error::new(
                    ErrorKind::Io,
                    &self.location,
                    "was not written to its end",
                ))
            }),
        }
    }

    fn outcome(&mut self) -> Result<()> {
        match self.written.take() {
            Some(written) => written.wait(&self.location),
            None => Err(Error::new(
                ErrorKind::Io,
                &self.location,
                "could not be written before",
            )),
        }
    }
}

impl Drop for RemoteUpload {
    fn drop(&mut self) {
        // Without its end the task takes the file away again, which is waited for.
        self.pieces = None;
        if let Some(written) = self.written.take() {
            let _ = written.answer();
        }
    }
}

/// What a system answers that cannot be written to.
pub(crate) fn read_only<T: Send + 'static>(location: &Location) -> Answer<T> {
    let why = format!("`{}:` cannot be written to", location.written_scheme());
    let error = Error::new(ErrorKind::Unsupported, location, why);
    Box::pin(async { Err(error) })
}
