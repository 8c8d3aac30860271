//! Counts what was written, in the files themselves, before anything is published.

use std::collections::BTreeMap;

use statetool_snapshot::{ErrorKind, Flow, Result, Snapshot};

use super::account::StateName;
use crate::work;

/// How many entries the states of an operator have; nothing where values hide how many.
///
/// # Errors
/// Whatever a reader of the snapshot would meet.
pub(super) fn count(
    snapshot: &Snapshot,
    operator: usize,
    threads: usize,
) -> Result<Option<BTreeMap<StateName, u64>>> {
    let Some(operator) = snapshot.operators().nth(operator) else {
        return Ok(None);
    };
    let loaded = snapshot.load_operator(&operator)?;
    let items = work::items(&loaded, None);
    let scan = |counts: &mut Option<BTreeMap<StateName, u64>>, item: &work::WorkItem<'_>| {
        let mut found = Vec::new();
        let scanned = item
            .part
            .scan(snapshot.files(), item.range, &|_| true, &mut |entry| {
                match found.last_mut() {
                    Some((state, count)) if std::sync::Arc::ptr_eq(state, entry.state) => *count += 1,
                    _ => found.push((entry.state.clone(), 1_u64)),
                }
                Ok(Flow::Continue(()))
            });
        match (scanned, &mut *counts) {
            (Err(error), counts) if error.kind() == ErrorKind::NotInterpretable => *counts = None,
            (Err(error), _) => return Err(error),
            (Ok(_), Some(counts)) => {
                for (state, count) in found {
                    *counts.entry(StateName::of(&state)).or_default() += count;
                }
            }
            (Ok(_), None) => {}
        }
        Ok(())
    };
    let mut total = BTreeMap::new();
    for counts in work::for_each(&items, threads, || Some(BTreeMap::new()), scan)? {
        let Some(counts) = counts else {
            return Ok(None);
        };
        for (state, count) in counts {
            *total.entry(state).or_default() += count;
        }
    }
    Ok(Some(total))
}
