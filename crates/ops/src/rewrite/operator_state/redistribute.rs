//! Operator state of another number of subtasks, divided as Flink divides it.
//!
//! Flink's `RoundRobinOperatorStateRepartitioner`: elements of split lists are spread evenly, a union
//! list is read whole by every subtask, and what is broadcast is the same for all of them.

use statetool_backend::operator::OperatorWriter;
use statetool_format::state::{OperatorHeader, StateMetaInfo};
use statetool_snapshot::{Error, Layout, Part, Result, State, StateKind};

use super::{Block, Elements, Site, Written, finish, form, mode, renamed};
use crate::rewrite::account::{StateAccount, StateName};
use crate::rewrite::plan::StatePlans;

/// The rule by which copies of broadcast state are added and left out.
const RULE: &str = "parallelism";

/// One state of all subtasks, with what stays of it.
struct Whole<'p> {
    state: &'p State,
    meta: StateMetaInfo,
    /// The elements, or the one block, of each subtask that had some.
    subtasks: Vec<Vec<Vec<u8>>>,
    /// Entries and bytes of each of these.
    amounts: Vec<StateAccount>,
}

/// Writes the operator state for another number of subtasks.
pub(super) fn write(site: &Site<'_>, plans: &StatePlans, parallelism: u32) -> Result<Written> {
    let (mut handles, mut accounts) = Written::default();
    let mut parts: Vec<&Part> = plans.loaded.parts.iter().collect();
    parts.retain(|part| matches!(part.layout, Layout::Operator { .. }));
    parts.sort_by_key(|part| part.subtask);
    let Some(first) = parts.first() else {
        return Ok((handles, accounts));
    };
    let mut wholes: Vec<Whole<'_>> = Vec::new();
    let mut elements = Elements::new(site, plans);
    for part in &parts {
        for state in part.states() {
            let read = read(&mut elements, part, state)?;
            accounts.entry(StateName::of(state)).or_default().add(&read.1);
            put(&mut wholes, state, plans, read, part.subtask)?;
        }
    }
    let metas = |broadcast: bool| {
        let wanted = wholes.iter().filter(|whole| whole.is_broadcast() == broadcast);
        wanted.map(|whole| whole.meta.clone()).collect()
    };
    let (version, compressed) = form(first, plans)?;
    let header = OperatorHeader {
        version,
        compressed,
        lists: metas(false),
        broadcasts: metas(true),
    };
    let mut start = 0;
    let count = parallelism as usize;
    let mut writers: Vec<OperatorWriter> = (0..count).map(|_| OperatorWriter::new(&header)).collect();
    // Lists come first in a stream, as in its header.
    wholes.sort_by_key(Whole::is_broadcast);
    for whole in &wholes {
        let account = accounts.entry(StateName::of(whole.state)).or_default();
        let divided = whole.divide(count, &mut start, account);
        for (writer, elements) in writers.iter_mut().zip(divided) {
            writer.state(&whole.meta.name, mode(whole.state));
            elements.iter().for_each(|element| writer.partition(element));
        }
    }
    for (subtask, writer) in (0..parallelism).zip(writers) {
        handles.insert(subtask, finish(site, writer)?);
    }
    Ok((handles, accounts))
}

type Read = (Vec<Vec<u8>>, StateAccount);

/// What stays of a state of one subtask.
fn read(elements: &mut Elements<'_>, part: &Part, state: &State) -> Result<Read> {
    let (mut list, mut block, mut account) = (Vec::new(), Block::default(), StateAccount::default());
    elements.read(part, state, &mut account, &mut |map_key, value| match map_key {
        Some(map_key) => block.push(map_key, value),
        None => list.push(value.to_vec()),
    })?;
    if state.kind == StateKind::Broadcast {
        list.push(block.finish());
    }
    Ok((list, account))
}

/// Puts what one subtask had of a state to what others had.
fn put<'p>(
    wholes: &mut Vec<Whole<'p>>,
    state: &'p State,
    plans: &StatePlans,
    (elements, amount): Read,
    subtask: u32,
) -> Result<()> {
    let Some(meta) = renamed(state, plans) else {
        return Ok(());
    };
    let known = wholes.iter_mut().find(|whole| whole.meta.name == meta.name);
    let whole = match known {
        Some(whole) if whole.meta != meta => {
            return Err(Error::refused(format!(
                "state `{}` of subtask {subtask} has other serializers than that of other subtasks, with which it would come together",
                state.name
            ))
            .hint("leave the parallelism as it is, and let Flink rescale the job once"));
        }
        Some(whole) => whole,
        None => {
            wholes.push(Whole {
                state,
                meta,
                subtasks: Vec::new(),
                amounts: Vec::new(),
            });
            match wholes.last_mut() {
                Some(whole) => whole,
                None => return Ok(()),
            }
        }
    };
    whole.subtasks.push(elements);
    whole.amounts.push(amount);
    Ok(())
}

impl Whole<'_> {
    fn is_broadcast(&self) -> bool {
        self.state.kind == StateKind::Broadcast
    }

    /// What each of `count` subtasks gets. `start` is the subtask that first gets one of the elements
    /// that are left over; it goes round from state to state.
    fn divide(&self, count: usize, start: &mut usize, account: &mut StateAccount) -> Vec<Vec<&[u8]>> {
        let all: Vec<&[u8]> = self.subtasks.iter().flatten().map(Vec::as_slice).collect();
        let mut shares = vec![Vec::new(); count];
        match self.state.kind {
            StateKind::OperatorListSplit => {
                let (base, left) = (all.len() / count, all.len() % count);
                let mut rest = all.as_slice();
                for turn in 0..count {
                    let take = base + usize::from(turn < left);
                    let (mine, others) = rest.split_at_checked(take).unwrap_or_default();
                    rest = others;
                    if let Some(share) = shares.get_mut((turn + *start) % count) {
                        share.extend_from_slice(mine);
                    }
                }
                *start = (*start + left) % count;
            }
            // In whose part an element stands is nothing that anybody sees: only the order is.
            StateKind::OperatorListUnion => {
                let step = all.len().div_ceil(count).max(1);
                for (share, elements) in shares.iter_mut().zip(all.chunks(step)) {
                    share.extend_from_slice(elements);
                }
            }
            _ => self.copy(&mut shares, account),
        }
        shares
    }

    /// Every subtask gets what one had: the same one as far as there was one.
    fn copy<'s>(&'s self, shares: &mut [Vec<&'s [u8]>], account: &mut StateAccount) {
        let had = self.subtasks.len();
        for (index, share) in shares.iter_mut().enumerate() {
            let from = index.checked_rem(had).unwrap_or(0);
            let Some((elements, amount)) = self.subtasks.get(from).zip(self.amounts.get(from)) else {
                return;
            };
            share.extend(elements.iter().map(Vec::as_slice));
            if index >= had {
                account
                    .added
                    .entry(RULE.to_owned())
                    .or_default()
                    .add(amount.written);
                account.written.add(amount.written);
            }
        }
        for amount in self.amounts.iter().skip(shares.len()) {
            account
                .dropped
                .entry(RULE.to_owned())
                .or_default()
                .add(amount.written);
            account.written.subtract(amount.written);
        }
    }
}
