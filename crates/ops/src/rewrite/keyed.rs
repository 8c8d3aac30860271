//! Keyed state that is written anew: scanned on all threads, written in the order of key groups.

mod assembly;
mod families;
mod item;
mod output;
mod shuffle;
mod sink;
mod timers;
mod visitor;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use statetool_format::KeyGroupRange;
use statetool_format::metadata::{KeyedHandle, MetadataVersion};
use statetool_snapshot::{Entry, Error, Flow, Operator, Result, Snapshot, SnapshotWriter, State};

use super::account::Accounts;
use super::edits::KeyedLayout;
use super::plan::{KeyedTarget, StatePlans};
use super::scale::Scale;
use super::{ExecuteOptions, lock};
use crate::pipeline::{self, Feed};
use crate::progress::Progress;
use crate::work;
use assembly::Assembly;
use item::{From, Item};
use output::{Output, Stored};
use shuffle::{Rehash, Shuffle, Writer};
use sink::{Piece, Sink};
use visitor::Visitor;

/// What the run works with.
pub(super) struct Run<'r> {
    pub(super) snapshot: &'r Snapshot,
    /// Of the new snapshot.
    pub(super) checkpoint_id: i64,
    /// The format of the new metadata.
    pub(super) version: MetadataVersion,
    pub(super) writer: &'r SnapshotWriter,
    pub(super) threads: usize,
    pub(super) progress: &'r Progress,
}

/// What was written of an operator's keyed state.
#[derive(Default)]
pub(super) struct Written {
    /// Handles by subtask.
    pub(super) handles: BTreeMap<u32, KeyedHandle>,
    /// Handles of timers beside databases, by subtask.
    pub(super) timers: BTreeMap<u32, KeyedHandle>,
    /// Subtasks whose raw timers are somewhere else now.
    pub(super) without_timers: BTreeSet<u32>,
    /// What became of the entries, by state.
    pub(super) accounts: Accounts,
}

/// Writes the keyed state of an operator.
pub(super) fn write(
    run: &Run<'_>,
    operator: &Operator<'_>,
    plans: &StatePlans,
    target: KeyedTarget,
) -> Result<Written> {
    let outputs = output::outputs(operator, plans, target)?;
    let without_timers = output::moved_timers(&outputs, plans);
    let is_managed = |output: &Output<'_>| output.stored != Stored::RawTimers;
    let (managed, timers): (Vec<_>, Vec<_>) = outputs.into_iter().partition(is_managed);
    let accounts = Mutex::default();
    let old = operator.state.max_parallelism;
    let write = |outputs: &[Output<'_>]| -> Result<BTreeMap<u32, KeyedHandle>> {
        let work = Work {
            run,
            plans,
            outputs,
            accounts: &accounts,
        };
        match plans.scale.filter(|scale| scale.max_parallelism != old) {
            None => {
                let items = item::items(outputs);
                run.progress.expect(item::bytes(&items));
                work.write(&items, None)
            }
            Some(scale) => {
                let shuffle = work.shuffle(old, scale)?;
                work.write(&shuffle.items(), Some(&shuffle))
            }
        }
    };
    Ok(Written {
        handles: write(&managed)?,
        timers: match timers.is_empty() {
            true => BTreeMap::new(),
            false => write(&timers)?,
        },
        without_timers,
        accounts: accounts.into_inner().unwrap_or_default(),
    })
}

/// What there is to do for an operator.
struct Work<'w, 'p> {
    run: &'w Run<'w>,
    plans: &'p StatePlans,
    outputs: &'w [Output<'p>],
    accounts: &'w Mutex<Accounts>,
}

impl Work<'_, '_> {
    /// Collects all entries by their new key groups.
    fn shuffle(&self, old: u32, scale: Scale) -> Result<Shuffle> {
        let parts = self.outputs.first().map_or(&[][..], |output| &output.parts);
        let sizes = parts.iter().map(|part| work::recorded_bytes(part));
        let bytes = sizes.sum();
        self.run.progress.expect(bytes);
        let shuffle = Shuffle::new(self.outputs, scale, bytes, self.run.threads);
        let Some(output) = self.outputs.first() else {
            return Ok(shuffle);
        };
        let parts = output.parts.iter();
        let items: Vec<_> = parts.flat_map(|part| work::items_of(part, part.range)).collect();
        let scan = |writer: &mut Writer<'_>, item: &work::WorkItem<'_>| {
            let none = KeyGroupRange::new(0, 0);
            let mut visitor = Visitor::new(self.plans, output, none, self.run.progress);
            let mut rehash = Rehash::new(old, scale.max_parallelism);
            let mut emit = |id: u16, entry: &Entry<'_>| writer.push(rehash.group(entry)?, id, entry);
            if !visitor.looking().is_empty() {
                return Err(cannot_look_ahead());
            }
            let files = self.run.snapshot.files();
            let _ = visitor.scan(files, &[item.part], item.range, &mut emit)?;
            self.count(visitor);
            Ok(())
        };
        for writer in work::for_each(&items, self.run.threads, || shuffle.writer(), scan)? {
            writer.end()?;
        }
        let all = KeyGroupRange::new(0, scale.max_parallelism);
        let mut visitor = Visitor::new(self.plans, output, all, self.run.progress);
        let mut writer = shuffle.writer();
        let mut emit = |id: u16, entry: &Entry<'_>| {
            let group = entry.key_group.unwrap_or_default();
            writer.push(group, id, entry)
        };
        let _ = visitor.add(None, &mut emit)?;
        writer.end()?;
        self.count(visitor);
        Ok(shuffle)
    }

    /// Writes the entries of all items.
    fn write(&self, items: &[Item<'_>], shuffle: Option<&Shuffle>) -> Result<BTreeMap<u32, KeyedHandle>> {
        let mut assembly = Assembly::new(self.run, self.outputs);
        let scan = |item: &Item<'_>, feed: &Feed<'_, Piece, Piece>| -> Result<()> {
            let Some(output) = self.outputs.get(item.output) else {
                return Ok(());
            };
            let mut sink = Sink::new(item, output, feed)?;
            match (&item.from, shuffle) {
                (From::Parts(parts), _) => {
                    let progress = self.run.progress;
                    let mut visitor = Visitor::new(self.plans, output, item.covers, progress);
                    let mut emit = |id: u16, entry: &Entry<'_>| sink.entry(id, entry);
                    let files = self.run.snapshot.files();
                    if visitor.scan(files, parts, item.range, &mut emit)?.is_break() {
                        return Ok(());
                    }
                    let _ = visitor.add(None, &mut emit)?;
                    self.count(visitor);
                }
                (From::Shuffle(partition), Some(shuffle)) => {
                    let states = self.states_of(output)?;
                    shuffle.drain(*partition, &states, |id, entry| sink.entry(id, entry))?;
                }
                (From::Shuffle(_), None) => {}
            }
            sink.end()
        };
        let finish = |mut piece: Piece| {
            piece.compress();
            Ok(piece)
        };
        let consume = |piece: Piece| assembly.take(piece).map(Flow::Continue);
        // Tables are files of their own, whichever comes first.
        let is_database = |output: &Output<'_>| output.stored == Stored::Managed(KeyedLayout::RocksDb);
        let _ = match self.outputs.iter().all(is_database) {
            true => pipeline::mixed(items, self.run.threads, scan, finish, consume)?,
            false => pipeline::in_order(items, self.run.threads, scan, finish, consume)?,
        };
        assembly.finish()
    }

    /// The states of an output by their ids.
    fn states_of(&self, output: &Output<'_>) -> Result<Vec<Arc<State>>> {
        let mut states: BTreeMap<u16, Arc<State>> = BTreeMap::new();
        for state in output.parts.iter().flat_map(|part| part.states()) {
            if let Some(id) = output.id_of(state, self.plans)? {
                states.entry(id).or_insert_with(|| state.clone());
            }
        }
        Ok(states.into_values().collect())
    }

    fn count(&self, visitor: Visitor<'_>) {
        add_accounts(&mut lock(self.accounts), visitor);
    }
}

/// What would become of the keyed state of an operator; writes nothing.
pub(super) fn rehearse(
    snapshot: &Snapshot,
    operator: &Operator<'_>,
    plans: &StatePlans,
    target: KeyedTarget,
    options: &ExecuteOptions,
) -> Result<Accounts> {
    let outputs = output::outputs(operator, plans, target)?;
    let is_managed = |output: &Output<'_>| output.stored != Stored::RawTimers;
    let (managed, timers): (Vec<_>, Vec<_>) = outputs.into_iter().partition(is_managed);
    let mut total = Accounts::new();
    for outputs in [managed, timers] {
        let old = operator.state.max_parallelism;
        let rehashes = plans.scale.is_some_and(|scale| scale.max_parallelism != old);
        let items = match plans.scale.filter(|scale| scale.max_parallelism != old) {
            None => item::items(&outputs),
            Some(scale) => item::before_rehash(&outputs, scale.max_parallelism),
        };
        options.progress.expect(item::bytes(&items));
        let scan = |accounts: &mut Accounts, item: &Item<'_>| {
            let Some((output, From::Parts(parts))) = outputs.get(item.output).zip(Some(&item.from)) else {
                return Ok(());
            };
            let mut visitor = Visitor::new(plans, output, item.covers, &options.progress);
            let mut rehash = plans.scale.map(|scale| Rehash::new(old, scale.max_parallelism));
            let mut emit = |_: u16, entry: &Entry<'_>| {
                if let Some(rehash) = rehash.as_mut().filter(|_| rehashes) {
                    rehash.group(entry)?;
                }
                Ok(Flow::Continue(()))
            };
            let _ = visitor.scan(snapshot.files(), parts, item.range, &mut emit)?;
            // What is added is in its new key group already.
            let mut emit = |_: u16, _: &Entry<'_>| Ok(Flow::Continue(()));
            let _ = visitor.add(None, &mut emit)?;
            add_accounts(accounts, visitor);
            Ok(())
        };
        for accounts in work::for_each(&items, options.threads, Accounts::new, scan)? {
            super::account::merge(&mut total, accounts);
        }
    }
    Ok(total)
}

fn add_accounts(accounts: &mut Accounts, visitor: Visitor<'_>) {
    super::account::merge(accounts, visitor.accounts());
}

/// Where entries get to other key groups, those of one do not come together.
fn cannot_look_ahead() -> Error {
    Error::refused(
        "what becomes of entries depends on others of the same key group, and the key groups change",
    )
    .hint("do it in two runs: first this, and then with --max-parallelism")
}
