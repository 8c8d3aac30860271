//! Compares the entries of one operator, item by item on all threads.

use std::sync::{Mutex, PoisonError};

use statetool_snapshot::{Entry, Error, ErrorKind, Flow, Operator, Result, Snapshot};

use super::Difference;
use super::ahead::Ahead;
use super::found::{Counts, Finder, Found, Wanted};
use super::items::{Half, Item, items};
use super::matching::{Ended, Matching, Rules};
use super::options::{DiffOptions, Ignore};
use super::pairs::StatePairs;
use super::report::{DiffReport, StateCounts, UnreadablePart};
use super::rows::{RowOptions, Rows, rows};
use crate::pipeline::{self, Feed};

/// An operator whose entries are compared.
pub(super) struct Work<'w> {
    pub(super) snapshots: [&'w Snapshot; 2],
    pub(super) halves: [Option<Half<'w>>; 2],
    /// The operator that rows name.
    pub(super) named: &'w Operator<'w>,
    pub(super) pairs: &'w StatePairs,
    pub(super) options: &'w DiffOptions,
}

/// What all items have come to.
struct Totals {
    counts: Vec<Counts>,
    /// What could not be read: of which snapshot, and why.
    hidden: Vec<(&'static str, String)>,
}

impl Totals {
    fn add(&mut self, counts: &[Counts]) {
        let states = self.counts.iter_mut().zip(counts);
        states.for_each(|(total, counts)| total.add(counts));
    }

    fn hide(&mut self, snapshot: &'static str, why: &Error) {
        let hidden = (snapshot, why.to_string());
        if !self.hidden.contains(&hidden) {
            self.hidden.push(hidden);
        }
    }
}

impl Work<'_> {
    /// Compares all entries; hands rows to `consume`, and adds the sums to the report.
    pub(super) fn compare(
        &self,
        report: &mut DiffReport,
        consume: &mut impl FnMut(Difference<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        let options = self.options;
        let [a, b] = self.halves;
        let items = items(a, b, self.pairs);
        for half in self.halves.into_iter().flatten() {
            options.progress.expect(half.operator.recorded_bytes());
        }
        let any = options.limit.is_none_or(|limit| report.rows < limit) && options.limit_per_state != Some(0);
        let states = self.pairs.0.len();
        let wanted = Wanted::new(states, any);
        let totals = Mutex::new(Totals {
            counts: vec![Counts::default(); states],
            hidden: Vec::new(),
        });
        let scan = |item: &Item<'_>, feed: &Feed<'_, Found, Rows>| -> Result<()> {
            let place = || format!("operator `{}`", self.named.label());
            let compared = self.compare_item(item, Finder::new(feed, &wanted), &totals);
            compared.map_err(|error| error.within(place()))
        };
        let row_options = self.row_options();
        let finish = |found: Found| Ok(rows(&found, row_options));
        let mut taker = Taker {
            first_state: report.states.len(),
            of_states: vec![0; states],
            wanted: &wanted,
            options,
            label: self.named.short_label(),
            report,
        };
        let take = |rows: Rows| taker.take(rows, consume);
        let flow = pipeline::in_order(&items, options.threads, scan, finish, take)?;
        let totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.add_totals(&totals, report);
        Ok(flow)
    }

    fn row_options(&self) -> RowOptions<'_> {
        let max = self
            .halves
            .map(|half| half.map(|half| half.operator.state.max_parallelism));
        RowOptions {
            operator: self.named,
            json: self.options.json,
            show_data: self.options.show_data,
            ignore_ttl: self.options.ignores(&Ignore::TtlTime),
            key_groups: match max {
                [Some(a), Some(b)] => a == b,
                _ => true,
            },
        }
    }

    /// Reads the first snapshot's entries ahead while those of the second are visited.
    fn compare_item(&self, item: &Item<'_>, finder: Finder<'_, '_>, totals: &Mutex<Totals>) -> Result<()> {
        let options = self.options;
        let rules = Rules {
            pairs: self.pairs,
            ignore_ttl: options.ignores(&Ignore::TtlTime),
            show_data: options.show_data,
            memory: options.memory / options.threads.max(1),
        };
        let [a, b] = self.snapshots;
        std::thread::scope(|scope| {
            let ahead = Ahead::start(scope, a, &item.a, self.pairs, &options.progress);
            let mut matching = Matching::new(rules, finder, ahead, item.by_group);
            let mut ticker = options.progress.ticker();
            for piece in &item.b {
                let visit = &mut |entry: &Entry<'_>| {
                    ticker.tick(entry.bytes());
                    matching.visit(entry)
                };
                match piece.scan(b, self.pairs, visit) {
                    Ok(Flow::Continue(())) => {}
                    Ok(Flow::Break(())) => return Ok(()),
                    Err(error) if error.kind() == ErrorKind::NotInterpretable => {
                        lock(totals).hide("b", &error)
                    }
                    Err(error) => return Err(error),
                }
            }
            let Ended { counts, hidden_in_a } = matching.end()?;
            let mut totals = lock(totals);
            totals.add(&counts);
            hidden_in_a.iter().for_each(|error| totals.hide("a", error));
            Ok(())
        })
    }

    fn add_totals(&self, totals: &Totals, report: &mut DiffReport) {
        let (operator, uid) = (self.named.id().to_string(), self.named.uid.clone());
        for (snapshot, reason) in &totals.hidden {
            report.add_unreadable(UnreadablePart {
                snapshot,
                operator: operator.clone(),
                uid: uid.clone(),
                state: None,
                // The error names the class that would be needed.
                serializer: reason.split('`').rev().nth(1).unwrap_or_default().to_owned(),
                reason: reason.clone(),
                compared: false,
            });
        }
        for (pair, counts) in self.pairs.0.iter().zip(&totals.counts) {
            let Some(state) = pair.state() else { continue };
            report.states.push(StateCounts {
                operator: operator.clone(),
                uid: uid.clone(),
                label: self.named.short_label(),
                state: pair.name.clone(),
                kind: state.kind.name(),
                in_a: counts.in_a,
                in_b: counts.in_b,
                equal: counts.in_a.saturating_sub(counts.removed + counts.changed),
                added: counts.added,
                removed: counts.removed,
                changed: counts.changed,
            });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands out rows, no more than are wanted.
struct Taker<'t> {
    /// Where the operator's states begin in the report.
    first_state: usize,
    /// How many rows of each state were handed out.
    of_states: Vec<u64>,
    wanted: &'t Wanted,
    options: &'t DiffOptions,
    label: String,
    report: &'t mut DiffReport,
}

impl Taker<'_> {
    fn take(
        &mut self,
        mut rows: Rows,
        consume: &mut impl FnMut(Difference<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        for (state, reason) in std::mem::take(&mut rows.warnings) {
            let warning = format!("state `{}/{state}`: {reason}", self.label);
            if !self.report.warnings.contains(&warning) {
                self.report.warnings.push(warning);
            }
        }
        let failed = rows.failed.take();
        self.cut(&mut rows);
        if !rows.states.is_empty() && consume(Difference::Entries(&rows))?.is_break() {
            return Ok(Flow::Break(()));
        }
        failed.map_or(Ok(Flow::Continue(())), |error| {
            Err(error.within(format!("operator `{}`", self.label)))
        })
    }

    /// Leaves out what is beyond the limits.
    fn cut(&mut self, rows: &mut Rows) {
        let (text, ranks) = (std::mem::take(&mut rows.text), std::mem::take(&mut rows.states));
        // Line ends within strings are escaped, so each newline ends a row.
        for (line, rank) in text.split_inclusive(|byte| *byte == b'\n').zip(ranks) {
            let limits = self.options;
            let Some(of_state) = self.of_states.get_mut(rank) else {
                continue;
            };
            let is_over = |limit: Option<u64>, count: u64| limit.is_some_and(|limit| count >= limit);
            if is_over(limits.limit, self.report.rows) || is_over(limits.limit_per_state, *of_state) {
                continue;
            }
            *of_state += 1;
            self.report.rows += 1;
            rows.text.extend_from_slice(line);
            rows.states.push(self.first_state + rank);
            if is_over(limits.limit_per_state, *of_state) {
                self.wanted.enough_of(rank);
            }
            if is_over(limits.limit, self.report.rows) {
                self.wanted.enough();
            }
        }
    }
}
