//! A store that fails at a chosen read: what every operation must survive.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use statetool_backend::{Error, ReadAt, Result, Source};

/// What goes wrong with a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It fails.
    Fails,
    /// It brings half of the bytes that were asked for, and says nothing.
    IsShort,
    /// It takes its time.
    IsSlow(Duration),
    /// One bit of what it brings is another.
    FlipsBit,
    /// Nothing.
    Nothing,
}

/// The words of the failures it makes.
pub const FAILURE: &str = "the store lost its connection";

/// Reads of all files of a snapshot, counted, of which one or every one is in trouble.
#[derive(Debug, Clone)]
pub struct Reads(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    trouble: Trouble,
    /// The number of the read that is in trouble; all are if there is none.
    at: Option<u64>,
    done: AtomicU64,
    met: AtomicU64,
}

impl Reads {
    /// The read number `at`, counted from 0, is in trouble.
    pub fn one(trouble: Trouble, at: u64) -> Self {
        Self::new(trouble, Some(at))
    }

    /// Every read is in trouble.
    pub fn all(trouble: Trouble) -> Self {
        Self::new(trouble, None)
    }

    fn new(trouble: Trouble, at: Option<u64>) -> Self {
        Self(Arc::new(Inner {
            trouble,
            at,
            done: AtomicU64::new(0),
            met: AtomicU64::new(0),
        }))
    }

    /// How many reads there have been.
    pub fn count(&self) -> u64 {
        self.0.done.load(Ordering::SeqCst)
    }

    /// How many of them were in trouble.
    pub fn met(&self) -> u64 {
        self.0.met.load(Ordering::SeqCst)
    }

    /// The same source, whose reads are counted and may be in trouble.
    pub fn wrap(&self, source: Source) -> Source {
        Arc::new(Faulty {
            reads: self.clone(),
            source,
        })
    }

    /// Counts a read of so many bytes; says what becomes of it.
    fn next(&self, len: usize) -> Trouble {
        let number = self.0.done.fetch_add(1, Ordering::SeqCst);
        if len == 0 || self.0.at.is_some_and(|at| at != number) {
            return Trouble::Nothing;
        }
        self.0.met.fetch_add(1, Ordering::SeqCst);
        self.0.trouble
    }
}

/// A source that counts its reads and lets some of them go wrong.
struct Faulty {
    reads: Reads,
    source: Source,
}

impl Faulty {
    fn failure(&self) -> Error {
        Error::io(self.source.name(), io::Error::other(FAILURE))
    }
}

impl ReadAt for Faulty {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        let trouble = self.reads.next(len);
        let bytes = || self.source.read_at(offset, len);
        match trouble {
            Trouble::Nothing => bytes(),
            Trouble::Fails => Err(self.failure()),
            Trouble::IsShort => Ok(bytes()?.slice(..len / 2)),
            Trouble::IsSlow(time) => {
                std::thread::sleep(time);
                bytes()
            }
            Trouble::FlipsBit => {
                let mut bytes = bytes()?.to_vec();
                if let Some(byte) = bytes.get_mut(len / 2) {
                    *byte ^= 4;
                }
                Ok(bytes.into())
            }
        }
    }
}
