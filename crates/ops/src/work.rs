//! Work items, independent of each other, and their execution on all cores.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use statetool_backend::heap;
use statetool_format::KeyGroupRange;
use statetool_snapshot::{Error, Flow, Layout, LoadedOperator, Part, Result};

/// Some key groups of one part: what one thread scans at a time.
#[derive(Clone, Copy)]
pub struct WorkItem<'p> {
    /// The part.
    pub part: &'p Part,
    /// The key groups; all of the part for operator state.
    pub range: KeyGroupRange,
}

/// How large a work item should be at least.
const ITEM_BYTES: u64 = 8 << 20;
/// Into how many pieces a database is cut, whose sizes by key group are not known.
const DATABASE_ITEMS: u32 = 16;

/// Cuts the parts of an operator into work items, in the order of subtasks and key groups.
pub fn items<'p>(operator: &'p LoadedOperator, range: Option<KeyGroupRange>) -> Vec<WorkItem<'p>> {
    let mut items = Vec::new();
    for part in &operator.parts {
        let whole = range.map_or(part.range, |range| range.intersect(&part.range));
        match &part.layout {
            Layout::Operator { .. } if range.is_none() => items.push(WorkItem { part, range: whole }),
            Layout::Operator { .. } | Layout::RawKeyed { .. } | Layout::RawOperator { .. } => {}
            _ if whole.is_empty() => {}
            Layout::Canonical { handle, source } => {
                for groups in part.canonical_groups(handle, source, whole).split(ITEM_BYTES) {
                    items.extend(covering(groups.groups()).map(|range| WorkItem { part, range }));
                }
            }
            Layout::Heap { handle, source } => {
                let mut bytes = u64::MAX;
                for (group, start, end) in heap::blocks(handle, whole, source.len()) {
                    match items.last_mut() {
                        Some(item) if bytes < ITEM_BYTES => item.range.count = group + 1 - item.range.start,
                        _ => {
                            bytes = 0;
                            items.push(WorkItem {
                                part,
                                range: KeyGroupRange::new(group, group + 1),
                            });
                        }
                    }
                    bytes = bytes.saturating_add(end - start);
                }
            }
            Layout::RocksDb(_) => {
                let step = whole.count.div_ceil(DATABASE_ITEMS).max(1);
                let starts = whole.groups().step_by(step as usize);
                items.extend(starts.map(|start| WorkItem {
                    part,
                    range: KeyGroupRange::new(start, (start + step).min(whole.end())),
                }));
            }
            Layout::Changelog { .. } | Layout::RawTimers { .. } => {
                items.push(WorkItem { part, range: whole })
            }
        }
    }
    items
}

/// The range from the first to the last of some ascending groups.
fn covering(mut groups: impl Iterator<Item = u32>) -> Option<KeyGroupRange> {
    let first = groups.next()?;
    Some(KeyGroupRange::new(first, groups.last().unwrap_or(first) + 1))
}

/// How many threads work by default: one a core.
pub fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Runs `work` for every item on `threads` threads, each with a state of its own; returns the
/// states.
///
/// # Errors
/// The first error, by the order of items; the other threads stop at their next item.
pub fn for_each<I: Sync, S: Send>(
    items: &[I],
    threads: usize,
    new_state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &I) -> Result<()> + Sync,
) -> Result<Vec<S>> {
    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<(usize, Error)>> = Mutex::new(None);
    let stop = AtomicBool::new(false);
    let run = || {
        let mut state = new_state();
        while !stop.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { break };
            if let Err(error) = work(&mut state, item) {
                stop.store(true, Ordering::Relaxed);
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                if failed.as_ref().is_none_or(|(other, _)| index < *other) {
                    *failed = Some((index, error));
                }
            }
        }
        state
    };
    let states = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(items.len())).map(|_| scope.spawn(run)).collect();
        let mut states = vec![run()];
        // A thread that panicked has shown its message; there is no state of it to return.
        states.extend(others.into_iter().filter_map(|thread| thread.join().ok()));
        states
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(states),
    }
}

/// How many chunks a thread may be ahead of the consumer.
const CHUNKS_AHEAD: usize = 8;

/// Sends what one item makes; says `Break` once nobody wants more.
pub struct Sender<T>(SyncSender<Result<T>>);

impl<T> Sender<T> {
    /// Hands over one chunk.
    pub fn send(&self, chunk: T) -> Flow {
        match self.0.send(Ok(chunk)) {
            Ok(()) => Flow::Continue(()),
            Err(_) => Flow::Break(()),
        }
    }
}

/// Runs `produce` for every item on `threads` threads and hands their chunks to `consume` in
/// the order of the items, whatever the number of threads.
///
/// # Errors
/// The first error by the order of items, after all chunks before it; and what `consume`
/// returns. `consume` ends everything with `Break`.
pub fn in_order<I: Sync, T: Send>(
    items: &[I],
    threads: usize,
    produce: impl Fn(&I, &Sender<T>) -> Result<()> + Sync,
    mut consume: impl FnMut(T) -> Result<Flow>,
) -> Result<Flow> {
    let next = AtomicUsize::new(0);
    let (senders, receivers): (Vec<_>, Vec<Receiver<Result<T>>>) = items
        .iter()
        .map(|_| {
            let (sender, receiver) = sync_channel(CHUNKS_AHEAD);
            (Mutex::new(Some(sender)), receiver)
        })
        .unzip();
    let run = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let (Some(item), Some(sender)) = (items.get(index), senders.get(index)) else {
                return;
            };
            let Some(sender) = sender.lock().unwrap_or_else(PoisonError::into_inner).take() else {
                return;
            };
            let sender = Sender(sender);
            if let Err(error) = produce(item, &sender) {
                // Nobody listens any more if the consumer has ended.
                let _ = sender.0.send(Err(error));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            scope.spawn(run);
        }
        let mut receivers = receivers.into_iter();
        let flow = drain(&mut receivers, &mut consume);
        // Items not yet begun are not wanted any more; those that run find their receiver gone.
        next.store(items.len(), Ordering::Relaxed);
        drop(receivers);
        flow
    })
}

fn drain<T>(
    receivers: &mut impl Iterator<Item = Receiver<Result<T>>>,
    consume: &mut impl FnMut(T) -> Result<Flow>,
) -> Result<Flow> {
    for receiver in receivers {
        for chunk in receiver {
            if consume(chunk?)?.is_break() {
                return Ok(Flow::Break(()));
            }
        }
    }
    Ok(Flow::Continue(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_come_in_the_order_of_the_items() {
        let items: Vec<u32> = (0..100).collect();
        for threads in [1, 2, 7] {
            let mut got = Vec::new();
            let produce = |item: &u32, sender: &Sender<u32>| {
                for i in 0..20 {
                    if sender.send(item * 100 + i).is_break() {
                        break;
                    }
                }
                Ok(())
            };
            let flow = in_order(&items, threads, produce, |chunk| {
                got.push(chunk);
                Ok(if chunk == 7019 {
                    Flow::Break(())
                } else {
                    Flow::Continue(())
                })
            });
            assert!(flow.unwrap().is_break());
            let expected: Vec<u32> = (0..71)
                .flat_map(|item| (0..20).map(move |i| item * 100 + i))
                .collect();
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn the_first_error_in_order_is_returned_after_what_came_before_it() {
        let items: Vec<u32> = (0..50).collect();
        let mut got = Vec::new();
        let produce = |item: &u32, sender: &Sender<u32>| {
            if *item >= 30 {
                return Err(Error::input(format!("item {item}")));
            }
            let _ = sender.send(*item);
            Ok(())
        };
        let error = in_order(&items, 4, produce, |chunk| {
            got.push(chunk);
            Ok(Flow::Continue(()))
        });
        assert_eq!(error.unwrap_err().to_string(), "item 30");
        assert_eq!(got, (0..30).collect::<Vec<_>>());
    }

    #[test]
    fn states_of_all_threads_add_up() {
        let items: Vec<u64> = (1..=1000).collect();
        let states = for_each(
            &items,
            3,
            || 0_u64,
            |sum, item| {
                *sum += item;
                Ok(())
            },
        );
        assert_eq!(states.unwrap().iter().sum::<u64>(), 500_500);
        let failed = for_each(
            &items,
            3,
            || (),
            |(), item| match item {
                500.. => Err(Error::input(format!("item {item}"))),
                _ => Ok(()),
            },
        );
        assert_eq!(failed.unwrap_err().to_string(), "item 500");
    }
}
