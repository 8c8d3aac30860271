//! Runs that differ by a seed, several at the same time.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Numbers that look random and are the same for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// A time below `end`.
    pub(crate) fn time(&mut self, end: Duration) -> Duration {
        end.mul_f64((self.next() >> 11) as f64 / (1_u64 << 53) as f64)
    }

    /// One of several.
    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// What happened how often.
pub(crate) type Counts = BTreeMap<String, usize>;

/// Makes so many runs, some at the same time, and prints what they say happened.
pub(crate) fn runs(
    what: &str,
    count: usize,
    at_once: usize,
    run: impl Fn(&mut Dice) -> Vec<String> + Sync,
) -> Counts {
    let named = std::env::var("STATETOOL_SEED").ok();
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() << 20;
    let first = named.map_or_else(now, |seed| seed.parse().unwrap());
    let (next, counts) = (AtomicUsize::new(0), Mutex::new(Counts::new()));
    let begun = Instant::now();
    let work = || {
        while let index @ 0.. = next.fetch_add(1, Ordering::Relaxed)
            && index < count
        {
            let seed = first + index as u64;
            match catch_unwind(AssertUnwindSafe(|| run(&mut Dice::new(seed)))) {
                Ok(happened) => {
                    let mut counts = counts.lock().unwrap();
                    happened
                        .into_iter()
                        .for_each(|name| *counts.entry(name).or_default() += 1);
                }
                Err(panic) => {
                    println!("{what}: STATETOOL_SEED={seed} repeats what failed");
                    next.store(count, Ordering::Relaxed);
                    resume_unwind(panic);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(work);
        }
    });
    let counts = counts.into_inner().unwrap();
    println!(
        "{what}: {count} runs from seed {first} in {:.1?}: {counts:?}",
        begun.elapsed()
    );
    counts
}
