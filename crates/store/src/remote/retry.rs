//! Trying again, at growing intervals, within a bounded time.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::location::Location;
use crate::options::StoreOptions;
use crate::remote::Answer;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Slower than this a transfer counts as stuck.
const SLOWEST_BYTES_PER_SECOND: u64 = 32 << 10;

/// How long a system that did not answer is asked only once.
const DOWN: Duration = Duration::from_secs(30);

/// How long and how often the calls to one system are repeated.
///
/// Cloning shares what is known about the system.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    total: Duration,
    retries: usize,
    /// Since when the system does not answer: hundreds of files need not find that out one
    /// after the other.
    down: Arc<Mutex<Option<Instant>>>,
}

impl Limits {
    pub(crate) fn new(options: &StoreOptions) -> Self {
        Self {
            total: options.retry_timeout,
            retries: options.max_retries,
            down: Arc::default(),
        }
    }

    fn retries(&self) -> usize {
        let down = *self.down.lock().unwrap_or_else(PoisonError::into_inner);
        match down {
            Some(since) if since.elapsed() < DOWN => 0,
            _ => self.retries,
        }
    }

    fn note(&self, down: bool) {
        let mut since = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        match (down, *since) {
            (true, None) => *since = Some(Instant::now()),
            (false, Some(_)) => *since = None,
            _ => {}
        }
    }

    /// Makes a call that moves about `bytes` bytes until it gives an answer, an error that
    /// will not pass, or the time is over.
    pub(crate) async fn repeat<T>(
        &self,
        location: &Location,
        bytes: u64,
        call: impl Fn() -> Answer<T> + Send,
    ) -> Result<T> {
        let total = self.total + time_to_move(bytes);
        let start = Instant::now();
        let retries = self.retries();
        let mut last: Option<Error> = None;
        for attempt in 0.. {
            let left = total.saturating_sub(start.elapsed());
            let error = match tokio::time::timeout(left, call()).await {
                Ok(Err(error)) if error.kind() == ErrorKind::Unavailable => error,
                Ok(answer) => {
                    self.note(false);
                    return answer;
                }
                Err(_) => break,
            };
            let pause = pause(attempt);
            let give_up = attempt >= retries || start.elapsed() + pause >= total;
            last = Some(error);
            if give_up {
                self.note(true);
                return Err(exhausted(location, last.as_ref(), attempt + 1, start));
            }
            tokio::time::sleep(pause).await;
        }
        self.note(true);
        Err(exhausted(location, last.as_ref(), 0, start))
    }
}

/// How long bytes may take before their transfer counts as stuck.
pub(crate) fn time_to_move(bytes: u64) -> Duration {
    Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND)
}

/// A number that is another one each time, also in other processes.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// The pause after an attempt: doubled each time, and a random part less, so that many
/// callers do not come back at once.
fn pause(attempt: usize) -> Duration {
    let doubled = FIRST_PAUSE
        .saturating_mul(1 << attempt.min(16))
        .min(LONGEST_PAUSE);
    doubled.mul_f64(1.0 - (random() % 512) as f64 / 1024.0)
}

#[cold]
fn exhausted(location: &Location, last: Option<&Error>, attempts: usize, start: Instant) -> Error {
    let time = format!("{:.1} s", start.elapsed().as_secs_f64());
    let why = match (last, attempts) {
        (Some(last), 1) => last.why().to_owned(),
        (Some(last), 2..) => format!("{} ({attempts} attempts in {time})", last.why()),
        (Some(last), 0) => format!("no answer within {time}, before that: {}", last.why()),
        (None, _) => format!("no answer within {time}"),
    };
    Error::new(ErrorKind::Unavailable, location, why)
}
