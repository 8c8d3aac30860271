//! Asynchronous work for threads that block.

use std::future::Future;
use std::io;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime as Tokio};
use tokio::task::AbortHandle;

/// A few threads that drive connections; cloning shares them.
///
/// A runtime of our own instead of the caller's: answers are waited for by blocking, which
/// would stop a runtime that has to produce them.
#[derive(Debug, Clone)]
pub(crate) struct Runtime(Arc<Owned>);

#[derive(Debug)]
struct Owned(Option<Tokio>, Handle);

/// An answer that is on its way; dropping it cancels the work.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    answer: Receiver<T>,
    task: AbortHandle,
}

/// An answer that any number of threads wait for; dropping it cancels the work.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    slot: Arc<Slot<T>>,
    task: AbortHandle,
}

/// Where the answer is put.
#[derive(Debug)]
struct Slot<T> {
    state: Mutex<Arrival<T>>,
    arrived: Condvar,
}

#[derive(Debug)]
enum Arrival<T> {
    Expected,
    Here(T),
    /// The work was cancelled, or panicked.
    Never,
}

/// Says that the answer will never come, unless it did.
struct Promise<T>(Arc<Slot<T>>);

impl Runtime {
    /// Starts the threads.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("statetool-store")
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        Ok(Self(Arc::new(Owned(Some(runtime), handle))))
    }

    /// What other libraries need to run their work here.
    #[cfg(feature = "hdfs")]
    pub(crate) fn handle(&self) -> &Handle {
        &self.0.1
    }

    /// Starts `work` and returns at once.
    pub(crate) fn start_task<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Pending<T> {
        let (send, answer) = sync_channel(1);
        let task = self.0.1.spawn(async move {
            // Nobody waits any more if this fails.
            let _ = send.send(work.await);
        });
        Pending {
            answer,
            task: task.abort_handle(),
        }
    }
}

impl Runtime {
    /// Starts `work`, whose answer several threads may wait for, and returns at once.
    pub(crate) fn start_shared<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Shared<T> {
        let slot = Arc::new(Slot {
            state: Mutex::new(Arrival::Expected),
            arrived: Condvar::new(),
        });
        let promise = Promise(Arc::clone(&slot));
        let task = self.0.1.spawn(async move {
            let answer = work.await;
            promise.0.put(Arrival::Here(answer));
        });
        Shared {
            slot,
            task: task.abort_handle(),
        }
    }
}

impl<T> Slot<T> {
    fn put(&self, arrival: Arrival<T>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, Arrival::Expected) {
            *state = arrival;
        }
        drop(state);
        self.arrived.notify_all();
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.0.put(Arrival::Never);
    }
}

impl<T: Clone> Shared<T> {
    /// Waits for the answer; `None` if it will never come.
    pub(crate) fn answer(&self) -> Option<T> {
        let mut state = self.slot.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &*state {
                Arrival::Here(answer) => return Some(answer.clone()),
                Arrival::Never => return None,
                Arrival::Expected => {
                    state = self
                        .slot
                        .arrived
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Waiting for the threads could block an asynchronous caller, which is forbidden.
            runtime.shutdown_background();
        }
    }
}

impl<T> Pending<T> {
    /// Waits for the answer; `None` if the work panicked.
    pub(crate) fn answer(self) -> Option<T> {
        self.answer.recv().ok()
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}
