//! Counts what was written, in the files themselves, before anything is published.

use std::collections::{BTreeMap, BTreeSet};

use statetool_snapshot::{Error, ErrorKind, Flow, Result, Snapshot};

use super::account::StateName;
use super::report::{OperatorReport, StateReport};
use crate::work;

/// Counts an operator's entries in what was written; refuses to publish where the sum does not close. Says
/// what should be known where they cannot be counted.
pub(super) fn check(
    written: &Snapshot,
    index: usize,
    operator: &mut OperatorReport,
    threads: usize,
) -> Result<Option<String>> {
    if operator.states.is_empty() {
        return Ok(None);
    }
    let new_name = |state: &StateReport| {
        let name = state.new_name.clone()?;
        let keyed = state.keyed;
        Some(StateName { name, keyed })
    };
    let wanted: BTreeSet<StateName> = operator.states.iter().filter_map(new_name).collect();
    let counted = count(written, index, &wanted, threads);
    let Some(counted) = counted.map_err(|error| error.of_target().within("reading what was written"))? else {
        return Ok(Some(format!(
            "operator `{}`: where some of its values end only the job's classes know, so in the new layout Flink alone \
             can read it; what was written is not counted",
            operator.name
        )));
    };
    for state in &mut operator.states {
        let found = new_name(state).and_then(|name| counted.get(&name));
        let found = found.copied().unwrap_or_default();
        if found != state.account.expected() {
            return Err(Error::target(format!(
                "operator `{}`, state `{}`: {} entries are in what was written, and should be {}; nothing is published",
                operator.name,
                state.name,
                found,
                state.account.expected()
            )));
        }
        state.counted = true;
    }
    Ok(None)
}

/// How many entries some states of an operator have; nothing where values hide how many.
///
/// # Errors
/// Whatever a reader of the snapshot would meet.
fn count(
    snapshot: &Snapshot,
    operator: usize,
    wanted: &BTreeSet<StateName>,
    threads: usize,
) -> Result<Option<BTreeMap<StateName, u64>>> {
    let Some(operator) = snapshot.operators().nth(operator) else {
        return Ok(None);
    };
    let loaded = snapshot.load_operator(&operator)?;
    let items = work::items(&loaded, None);
    let scan = |counts: &mut Option<BTreeMap<StateName, u64>>, item: &work::WorkItem<'_>| {
        let mut found = Vec::new();
        let scanned = item.part.scan(
            snapshot.files(),
            item.range,
            &|state| wanted.contains(&StateName::of(state)),
            &mut |entry| {
                match found.last_mut() {
                    Some((state, count)) if std::sync::Arc::ptr_eq(state, entry.state) => *count += 1,
                    _ => found.push((entry.state.clone(), 1_u64)),
                }
                Ok(Flow::Continue(()))
            },
        );
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

#[cfg(test)]
mod tests {
    use statetool_testkit::opened::{metadata_of, open};

    use super::*;
    use crate::rewrite::account::{Amount, StateAccount};
    use crate::rewrite::report::StateReport;

    #[test]
    fn what_is_missing_in_the_output_is_told() {
        let written = open(&metadata_of("1.20/keyed-states/hashmap-native").unwrap()).unwrap();
        let index = written
            .operators()
            .position(|op| op.id() == statetool_format::OperatorId::from_uid("all-states"));
        let report = |read: u64| {
            let account = StateAccount {
                read: Amount {
                    entries: read,
                    bytes: 0,
                },
                ..StateAccount::default()
            };
            let state = StateReport {
                name: "sum".into(),
                new_name: Some("sum".into()),
                keyed: true,
                counted: false,
                account,
            };
            OperatorReport {
                id: String::new(),
                new_id: String::new(),
                name: "all-states".into(),
                copied_bytes: 0,
                bytes_in_place: 0,
                old_bytes: 0,
                new_bytes: None,
                states: vec![state],
            }
        };
        let mut right = report(14);
        check(&written, index.unwrap(), &mut right, 1).unwrap();
        assert!(right.states.iter().all(|state| state.counted));
        for wrong in [13, 15] {
            let error = check(&written, index.unwrap(), &mut report(wrong), 1).unwrap_err();
            let expected = format!(
                "operator `all-states`, state `sum`: 14 entries are in what was written, and should be {wrong}; nothing is published"
            );
            assert_eq!(error.to_string(), expected);
        }
    }
}
