//! How far long work has come.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that the threads of an operation share with whoever shows them.
#[derive(Debug, Default)]
pub struct Progress {
    entries: AtomicU64,
    bytes: AtomicU64,
    total_bytes: AtomicU64,
}

impl Progress {
    /// Says how many bytes there are to read, about.
    pub fn expect(&self, bytes: u64) {
        self.total_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Entries and bytes read so far, and bytes expected in all (0 if that is not known).
    pub fn counts(&self) -> (u64, u64, u64) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (load(&self.entries), load(&self.bytes), load(&self.total_bytes))
    }

    /// A counter for one thread, which adds to these from time to time.
    pub fn ticker(&self) -> Ticker<'_> {
        Ticker {
            progress: self,
            entries: 0,
            bytes: 0,
        }
    }
}

/// Counts in one thread without disturbing the others.
#[derive(Debug)]
pub struct Ticker<'p> {
    progress: &'p Progress,
    entries: u64,
    bytes: u64,
}

impl Ticker<'_> {
    /// Counts an entry.
    #[inline]
    pub fn tick(&mut self, bytes: u64) {
        self.entries += 1;
        self.bytes += bytes;
        if self.entries == 4096 {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.progress.entries.fetch_add(self.entries, Ordering::Relaxed);
        self.progress.bytes.fetch_add(self.bytes, Ordering::Relaxed);
        (self.entries, self.bytes) = (0, 0);
    }
}

impl Drop for Ticker<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}
