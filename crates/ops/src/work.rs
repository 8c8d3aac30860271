//! Work items, independent of each other, and their execution on all cores.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use statetool_backend::heap;
use statetool_format::KeyGroupRange;
use statetool_snapshot::{Error, Layout, LoadedOperator, Part, Result};

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
/// How large a piece of a database should be at least, and how many pieces there are at most: each has to
/// read the indexes of all tables in which it has entries. How much a key group holds is not known.
const DATABASE_ITEM_BYTES: u64 = 32 << 20;
const DATABASE_ITEMS: u64 = 64;

/// Cuts the parts of an operator into work items, in the order of subtasks and key groups.
pub fn items<'p>(operator: &'p LoadedOperator, range: Option<KeyGroupRange>) -> Vec<WorkItem<'p>> {
    let mut items = Vec::new();
    for part in &operator.parts {
        let whole = range.map_or(part.range, |range| range.intersect(&part.range));
        match &part.layout {
            Layout::Operator { .. } if range.is_none() => items.push(WorkItem { part, range: whole }),
            _ => items.extend(items_of(part, whole)),
        }
    }
    items
}

/// Cuts key groups of a keyed part into work items; there are none of other parts.
pub fn items_of(part: &Part, whole: KeyGroupRange) -> Vec<WorkItem<'_>> {
    let mut items: Vec<WorkItem<'_>> = Vec::new();
    match &part.layout {
        Layout::Operator { .. } | Layout::RawKeyed { .. } | Layout::RawOperator { .. } => {}
        _ if whole.is_empty() => {}
        Layout::Canonical { handle, source } => {
            for groups in part.canonical_groups(handle, source, whole).split(ITEM_BYTES) {
                items.extend(covering(groups.groups()).map(|range| WorkItem { part, range }));
            }
        }
        Layout::Heap { handle, source, .. } => {
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
            let pieces = recorded_bytes(part)
                .div_ceil(DATABASE_ITEM_BYTES)
                .clamp(1, DATABASE_ITEMS);
            let step = whole.count.div_ceil(pieces as u32).max(1);
            let starts = whole.groups().step_by(step as usize);
            items.extend(starts.map(|start| WorkItem {
                part,
                range: KeyGroupRange::new(start, (start + step).min(whole.end())),
            }));
        }
        Layout::Changelog { .. } | Layout::RawTimers { .. } => items.push(WorkItem { part, range: whole }),
    }
    items
}

/// How many bytes the files of a part have, as far as that is recorded.
pub fn recorded_bytes(part: &Part) -> u64 {
    match &part.layout {
        Layout::Canonical { source, .. } | Layout::Heap { source, .. } | Layout::RawTimers { source, .. } => {
            source.len()
        }
        Layout::RocksDb(database) => {
            let files = database.handle.files();
            files.filter_map(|file| file.handle.recorded_size()).sum()
        }
        Layout::Changelog { base, .. } => base.iter().map(recorded_bytes).sum(),
        Layout::Operator { .. } | Layout::RawKeyed { .. } | Layout::RawOperator { .. } => 0,
    }
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
        for thread in others {
            match thread.join() {
                Ok(state) => states.push(state),
                // What the others found would be a part that passes for the whole.
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        states
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(states),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
