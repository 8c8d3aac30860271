//! What becomes of entries on their way, and how many there were.

use std::sync::Arc;

use statetool_format::KeyGroupRange;
use statetool_snapshot::{Besides, Entry, Files, Flow, Part, Result, State};

use super::output::{Output, Stored};
use crate::progress::{Progress, Ticker};
use crate::rewrite::account::{Accounts, StateAccount, StateName};
use crate::rewrite::plan::StatePlans;
use crate::rewrite::rule::{Applied, Rules};
use crate::rewrite::set::{Additions, RULE};

/// Sees the entries of a work item, applies the rules, and counts.
pub(super) struct Visitor<'v> {
    plans: &'v StatePlans,
    output: &'v Output<'v>,
    rules: Rules<'v>,
    additions: Additions<'v>,
    ticker: Ticker<'v>,
    seen: Vec<Seen>,
    last: usize,
    /// States that have been looked at, whether they stay, and the rules that concern them.
    looked: Vec<(Arc<State>, bool, Vec<usize>)>,
}

/// A state whose entries have been met.
struct Seen {
    state: Arc<State>,
    /// Its id in the output, unless it is left out.
    id: Option<u16>,
    /// The rules that concern it.
    rules: Vec<usize>,
    account: StateAccount,
}

impl<'v> Visitor<'v> {
    /// A visitor for entries that go where the header of `output` is; it adds what is added in `range`.
    pub(super) fn new(
        plans: &'v StatePlans,
        output: &'v Output<'v>,
        range: KeyGroupRange,
        progress: &'v Progress,
    ) -> Self {
        // Nothing is added to timers.
        let range = match output.stored {
            Stored::Managed(_) => range,
            Stored::RawTimers => KeyGroupRange::new(0, 0),
        };
        Self {
            plans,
            output,
            rules: Rules::new(&plans.rules),
            additions: Additions::within(&plans.additions, range),
            ticker: progress.ticker(),
            seen: Vec::new(),
            last: 0,
            looked: Vec::new(),
        }
    }

    /// Gives the entries of parts that stay to `emit`, with the ids of their states. Key groups come each by
    /// itself where a rule has to look ahead.
    pub(super) fn scan(
        &mut self,
        files: &Files,
        parts: &[&Part],
        range: KeyGroupRange,
        emit: &mut impl FnMut(u16, &Entry<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        let looking = self.looking();
        if looking.is_empty() {
            return self.scan_through(files, parts, range, emit);
        }
        for group in range.groups() {
            let group = KeyGroupRange::new(group, group + 1);
            for rule in &looking {
                self.look_ahead(*rule, files, parts, group)?;
            }
            if self.scan_through(files, parts, group, emit)?.is_break() {
                return Ok(Flow::Break(()));
            }
        }
        Ok(Flow::Continue(()))
    }

    /// The rules that look ahead.
    pub(super) fn looking(&self) -> Vec<usize> {
        let parts = self.output.parts.iter().chain(&self.output.companions);
        self.rules.looking(parts.flat_map(|part| part.states()))
    }

    fn look_ahead(
        &mut self,
        rule: usize,
        files: &Files,
        parts: &[&Part],
        group: KeyGroupRange,
    ) -> Result<()> {
        self.rules.begin_group(rule)?;
        let companions = self.output.companions.iter();
        let companions = companions.filter(|part| part.range.contains(group.start));
        for part in parts.iter().chain(companions) {
            let wanted: Vec<bool> = {
                let states = part.states().iter();
                states.map(|state| self.rules.looks_at(rule, state)).collect()
            };
            let names = part.states().iter().map(|state| &state.name);
            let wanted: Vec<&String> = names
                .zip(wanted)
                .filter_map(|(name, is)| is.then_some(name))
                .collect();
            let is_wanted = |state: &State| wanted.contains(&&state.name);
            let _ = part.scan(files, group, &is_wanted, &mut |entry| self.look(rule, entry))?;
        }
        Ok(())
    }

    fn look(&mut self, rule: usize, entry: &Entry<'_>) -> Result<Flow> {
        let is_known = |(state, ..): &(Arc<State>, bool, Vec<usize>)| Arc::ptr_eq(state, entry.state);
        let index = match self.looked.iter().position(is_known) {
            Some(index) => index,
            None => {
                let stays = self.plans.stored_name(entry.state).is_some();
                let rules = self.rules.concerning(entry.state);
                self.looked.push((entry.state.clone(), stays, rules));
                self.looked.len() - 1
            }
        };
        if let Some((_, true, rules)) = self.looked.get(index) {
            self.rules.look(rule, rules, entry)?;
        }
        Ok(Flow::Continue(()))
    }

    fn scan_through(
        &mut self,
        files: &Files,
        parts: &[&Part],
        range: KeyGroupRange,
        emit: &mut impl FnMut(u16, &Entry<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        for part in parts {
            let mut all_besides = Vec::new();
            let mut counted =
                |state: &Arc<State>, besides: Besides| all_besides.push((state.clone(), besides));
            let mut visit = |entry: &Entry<'_>| self.visit(entry, emit);
            let flow = part.scan_counting(files, range, &|_| true, &mut visit, &mut counted)?;
            for (state, besides) in all_besides {
                let place = self.place_of(&state)?;
                if let Some(seen) = self.seen.get_mut(place) {
                    seen.account.add_besides(besides);
                }
            }
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(Flow::Continue(()))
    }

    /// Gives an entry that stays to `emit`, with the id of its state.
    fn visit(
        &mut self,
        entry: &Entry<'_>,
        emit: &mut impl FnMut(u16, &Entry<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        let bytes = entry.bytes();
        self.ticker.tick(bytes);
        if self.add(entry.key_group, emit)?.is_break() {
            return Ok(Flow::Break(()));
        }
        let is_last = |seen: &Seen| Arc::ptr_eq(&seen.state, entry.state);
        if !self.seen.get(self.last).is_some_and(is_last) {
            self.last = self.place_of(entry.state)?;
        }
        let Some(seen) = self.seen.get_mut(self.last) else {
            return Ok(Flow::Continue(()));
        };
        seen.account.read.count(bytes);
        let Some(id) = seen.id else {
            seen.account.drop("drop-state", bytes);
            return Ok(Flow::Continue(()));
        };
        if seen.rules.is_empty() {
            seen.account.written.count(bytes);
            return emit(id, entry);
        }
        let account = &mut seen.account;
        match self.rules.apply(&seen.rules, entry)? {
            Applied::Dropped(rule) => {
                account.drop(rule, bytes);
                Ok(Flow::Continue(()))
            }
            Applied::Kept { entry, changed } => {
                for rule in changed {
                    account.change(rule, bytes);
                }
                account.written.count(entry.bytes());
                emit(id, &entry)
            }
        }
    }

    /// Gives what is added to `emit`: in front of a key group, or all that is left.
    pub(super) fn add(
        &mut self,
        before: Option<u32>,
        emit: &mut impl FnMut(u16, &Entry<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        if self.additions.are_done() {
            return Ok(Flow::Continue(()));
        }
        let mut additions = std::mem::take(&mut self.additions);
        let flow = additions.before(before, |entry| {
            let place = self.place_of(entry.state)?;
            let Some(seen) = self.seen.get_mut(place) else {
                return Ok(Flow::Continue(()));
            };
            let Some(id) = seen.id else {
                return Ok(Flow::Continue(()));
            };
            seen.account.create(RULE, entry.bytes());
            emit(id, entry)
        });
        self.additions = additions;
        flow
    }

    fn place_of(&mut self, state: &Arc<State>) -> Result<usize> {
        let known = |seen: &Seen| Arc::ptr_eq(&seen.state, state);
        if let Some(known) = self.seen.iter().position(known) {
            return Ok(known);
        }
        self.seen.push(Seen {
            state: state.clone(),
            id: self.output.id_of(state, self.plans)?,
            rules: self.rules.concerning(state),
            account: StateAccount::default(),
        });
        Ok(self.seen.len() - 1)
    }

    /// What became of the entries.
    pub(super) fn accounts(self) -> Accounts {
        let accounts = self.seen.into_iter();
        accounts
            .map(|seen| (StateName::of(&seen.state), seen.account))
            .collect()
    }
}
