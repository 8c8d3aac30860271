//! Files that are written to remote systems, by a task of their own.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;

use super::runtime::{Pending, Shared};
use super::{Answer, Remote, stopped};
use crate::error::{Error, ErrorKind, Result};
use crate::location::Location;

/// How many pieces may wait to be sent.
const PIECES_AHEAD: usize = 4;
/// How long a request is waited for that nobody wants any more.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// The pieces of a file, one after the other.
#[derive(Debug)]
pub(crate) struct Pieces {
    pieces: Receiver<Piece>,
    abandoned: Abandoned,
}

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    /// Nothing follows, and the file counts.
    End,
}

/// Tells when nobody wants a file any more.
#[derive(Debug, Clone)]
pub(crate) struct Abandoned(watch::Receiver<bool>);

impl Pieces {
    /// The next piece; nothing at the end of the file.
    ///
    /// # Errors
    /// When the writer has given up: the file must not come to be.
    pub(crate) async fn next(&mut self, location: &Location) -> Result<Option<Bytes>> {
        let next = pin!(self.pieces.recv());
        match select(next, pin!(self.abandoned.clone().wait())).await {
            Either::Left((Some(Piece::Bytes(bytes)), _)) => Ok(Some(bytes)),
            Either::Left((Some(Piece::End), _)) => Ok(None),
            Either::Left((None, _)) | Either::Right(_) => Err(incomplete(location)),
        }
    }

    /// Tells when nobody wants the file any more.
    pub(crate) fn abandoned(&self) -> Abandoned {
        self.abandoned.clone()
    }
}

impl Abandoned {
    /// Does `work`; what is left of it when nobody wants the file any more has little time to end.
    ///
    /// Not none: a request that is on its way arrives, and perhaps behind that which takes the
    /// file away.
    pub(crate) async fn or<T>(self, location: &Location, work: impl Future<Output = Result<T>>) -> Result<T> {
        match select(pin!(work), pin!(self.wait())).await {
            Either::Left((done, _)) => done,
            Either::Right(((), work)) => {
                let ended = tokio::time::timeout(ON_ITS_WAY, work).await;
                ended.unwrap_or_else(|_| Err(incomplete(location)))
            }
        }
    }

    /// Waits until nobody wants the file any more.
    async fn wait(mut self) {
        if self.0.wait_for(|abandoned| *abandoned).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A remote file that is being written.
#[derive(Debug)]
pub(crate) struct RemoteUpload {
    location: Location,
    pieces: Sender<Piece>,
    task: Arc<Task>,
}

/// The work of writing a file.
#[derive(Debug)]
pub(crate) struct Task {
    abandon: watch::Sender<bool>,
    written: Shared<Result<()>>,
}

impl Remote {
    /// Begins a file.
    pub(crate) fn upload(&self, location: &Location) -> Result<RemoteUpload> {
        let (send, pieces) = channel(PIECES_AHEAD);
        let (abandon, abandoned) = watch::channel(false);
        let pieces = Pieces {
            pieces,
            abandoned: Abandoned(abandoned),
        };
        let writing = self.system.clone().write(location.clone(), pieces);
        let written = self.calls.runtime.start_shared(writing);
        Ok(RemoteUpload {
            location: location.clone(),
            pieces: send,
            task: Arc::new(Task { abandon, written }),
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
        self.start_remove(location).wait(location)
    }

    /// Starts to take a file away.
    pub(crate) fn start_remove(&self, location: &Location) -> Pending<Result<()>> {
        self.start(location, 0, |system, location| system.remove(location))
    }
}

impl RemoteUpload {
    /// Hands a piece over; waits while others are on their way.
    pub(crate) fn write(&self, bytes: Bytes) -> Result<()> {
        self.send(Piece::Bytes(bytes))
    }

    /// Waits until all is written.
    pub(crate) fn finish(self) -> Result<()> {
        self.send(Piece::End)?;
        self.task.outcome(&self.location)
    }

    /// The work, which others may end.
    pub(crate) fn task(&self) -> Arc<Task> {
        Arc::clone(&self.task)
    }

    fn send(&self, piece: Piece) -> Result<()> {
        match self.pieces.blocking_send(piece) {
            Ok(()) => Ok(()),
            // The task has ended, and tells why.
            Err(_) => {
                let ended = self.task.outcome(&self.location);
                ended.and_then(|()| Err(incomplete(&self.location)))
            }
        }
    }
}

impl Drop for RemoteUpload {
    fn drop(&mut self) {
        // A file that is not finished is taken away again by its task, which is waited for.
        self.task.abandon();
        self.task.wait();
    }
}

impl Task {
    /// Says that nobody wants the file any more, unless it is finished.
    pub(crate) fn abandon(&self) {
        self.abandon.send_replace(true);
    }

    /// Waits until nothing more is written.
    pub(crate) fn wait(&self) {
        let _ = self.written.answer();
    }

    fn outcome(&self, location: &Location) -> Result<()> {
        self.written.answer().unwrap_or_else(|| Err(stopped(location)))
    }
}

fn incomplete(location: &Location) -> Error {
    Error::new(ErrorKind::Io, location, "was not written to its end")
}

/// What a system answers that cannot be written to.
pub(crate) fn read_only<T: Send + 'static>(location: &Location) -> Answer<T> {
    let why = format!("`{}:` cannot be written to", location.written_scheme());
    let error = Error::new(ErrorKind::Unsupported, location, why);
    Box::pin(async { Err(error) })
}
