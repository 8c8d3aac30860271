//! `compact`: a new snapshot without what is expired, over, or of no use.
//!
//! [`plan`] resolves what is asked for to [`rewrite`](crate::rewrite) rules; the snapshot is written, and its
//! entries accounted for, as every rewrite is. Operators of which nothing goes are copied, those in RocksDB
//! are written anew, since a database holds more than its entries.

mod by;
mod digest;
pub mod duration;
mod expire;
mod ledger;
mod options;
mod orphans;
mod path;
mod report;
mod resolve;
mod sessions;
mod sieve;
mod ttl;
mod watermark;
mod windows;

use std::collections::BTreeSet;
use std::sync::Arc;

use statetool_snapshot::{ErrorKind, Layout, Part, Result, Snapshot, SnapshotWriter, StateKind};

pub use by::By;
pub use digest::{ALGORITHM, Digest};
pub use options::{Before, CompactOptions, Expiry, Lifetime, Orphans, WindowsBefore};
pub use report::{
    CompactReport, Elements, Evidence, OperatorReport, RuleReport, StateReport, Times, Totals, Treatment,
};

use crate::rewrite::{
    self, ExecuteOptions, KeyedTarget, OperatorReport as Rewritten, Plan, Rule, StatePlans,
};
use crate::script::Whose;
use ledger::{Desk, Ledger};
use resolve::{Known, Wanted};

/// Names of the rules, by which entries are accounted for.
const TTL: &str = "ttl";
const EXPIRE: &str = "expire";
const WINDOWS: &str = "windows-before";
const EMPTY_LISTS: &str = "empty-lists";
const ORPHAN_TIMERS: &str = "orphan-timers";

/// What becomes of a snapshot.
pub struct Compaction<'s> {
    /// What is written.
    plan: Plan<'s>,
    /// Operators of which nothing goes, and that are looked at besides.
    looks: Vec<Plan<'s>>,
    ledger: Arc<Ledger>,
    /// What is asked for, in words.
    rules: Vec<RuleReport>,
    /// When it is.
    at: i64,
    /// What is kept how long, for the report.
    wanted: Vec<Wanted>,
    /// What should be known before anything is gone through.
    notes: Vec<String>,
}

/// A rule, and whether it leaves anything out.
struct Ruled {
    rule: Arc<dyn Rule>,
    acts: bool,
}

/// Resolves what is asked for.
///
/// # Errors
/// Selectors of what is not there or is of another kind, and what is refused.
pub fn plan<'s>(snapshot: &'s Snapshot, options: &CompactOptions) -> Result<Compaction<'s>> {
    let edits = options.edits();
    let mut plan = rewrite::plan(snapshot, &edits)?;
    let mut known = Vec::new();
    for operator in snapshot.operators() {
        let loaded = snapshot.load_operator(&operator)?;
        known.push(Known { operator, loaded });
    }
    let wanted = resolve::resolve(snapshot, &known, options)?;
    let mut notes = Vec::new();
    let has_ttl = |known: &Known<'_>| known.loaded.states.iter().any(|state| state.ttl);
    if !options.ttl.is_empty() && !known.iter().any(has_ttl) {
        notes.push(
            "no state has a time to live, so none is over; --expire is for states without one".to_owned(),
        );
    }
    let ledger = Arc::new(Ledger::new(options.evidence));
    let mut looks = Vec::new();
    for ((planned, known), wanted) in plan.operators.iter_mut().zip(known).zip(&wanted) {
        let ruled = rules(&known, wanted, options, &ledger);
        let is_database = known.loaded.parts.iter().any(has_database);
        let anew = planned
            .states
            .as_ref()
            .is_some_and(|states| states.keyed.is_some());
        if anew || ruled.iter().any(|ruled| ruled.acts) {
            let rules = ruled.into_iter().map(|ruled| ruled.rule).collect();
            planned.add_rules(known.loaded, rules, &edits, is_database)?;
            continue;
        }
        if is_database {
            let loaded = snapshot.load_operator(&known.operator)?;
            planned.add_rules(loaded, Vec::new(), &edits, true)?;
        }
        if !ruled.is_empty() {
            looks.push(look(snapshot, known, ruled));
        }
    }
    Ok(Compaction {
        plan,
        looks,
        ledger,
        rules: report::rules(options),
        at: options.at,
        wanted,
        notes,
    })
}

/// Whether a part is a database, or lies on one.
fn has_database(part: &Part) -> bool {
    match &part.layout {
        Layout::RocksDb(_) => true,
        Layout::Changelog { base, .. } => base.iter().any(has_database),
        _ => false,
    }
}

/// Whether a part is in the layout of the heap, or lies on such a one.
fn is_heap(part: &Part) -> bool {
    match &part.layout {
        Layout::Heap { .. } => true,
        Layout::Changelog { base, .. } => base.iter().any(is_heap),
        _ => false,
    }
}

/// The rules for an operator, in the order in which they are applied.
fn rules(known: &Known<'_>, wanted: &Wanted, options: &CompactOptions, ledger: &Arc<Ledger>) -> Vec<Ruled> {
    let states = &known.loaded.states;
    let desk = || Desk::new(&known.operator, ledger);
    let mut rules = Vec::new();
    let mut add = |rule: Arc<dyn Rule>, acts: bool| {
        if states.iter().any(|state| rule.concerns(state)) {
            rules.push(Ruled { rule, acts });
        }
    };
    let ttl = ttl::Ttl {
        desk: desk(),
        at: options.at,
        lifetimes: wanted.lifetimes.clone(),
    };
    let acts = ttl.lifetimes.values().any(Option::is_some);
    add(Arc::new(ttl), acts);
    let expire = expire::Expire {
        desk: desk(),
        at: options.at,
        states: wanted.expire.clone(),
        whose: Whose::of(&known.operator),
        show_data: options.show_data,
    };
    add(Arc::new(expire), true);
    if let Some((time, is_watermark)) = wanted.windows {
        add(
            Arc::new(windows_before(known, desk(), options, time, is_watermark)),
            true,
        );
    }
    if options.orphans != Orphans::Ignored {
        let drops = options.orphans == Orphans::Dropped;
        let desk = desk();
        add(
            Arc::new(orphans::EmptyLists {
                desk: desk.clone(),
                has_empty_maps: known.loaded.parts.iter().any(is_heap),
                drops,
            }),
            drops,
        );
        // An operator may live by its timers alone.
        if states
            .iter()
            .any(|state| state.kind.is_keyed() && state.kind != StateKind::Timer)
        {
            add(Arc::new(orphans::OrphanTimers { desk, drops }), drops);
        }
    }
    rules
}

fn windows_before(
    known: &Known<'_>,
    desk: Desk,
    options: &CompactOptions,
    time: i64,
    is_watermark: bool,
) -> windows::Windows {
    let states = &known.loaded.states;
    let timers = states.iter().filter(|_| is_watermark);
    let exact = timers.filter(|state| state.name.starts_with(rewrite::timer_names::EVENT));
    windows::Windows {
        desk,
        time,
        lateness: options.lateness,
        merges: states.iter().any(|state| sessions::is_mapping(state)),
        exact: exact.map(|state| state.name.clone()).collect::<BTreeSet<_>>(),
    }
}

/// A plan by which one operator is only looked at: timers wherever they lie, as one stream would have them.
fn look<'s>(snapshot: &'s Snapshot, known: Known<'s>, ruled: Vec<Ruled>) -> Plan<'s> {
    let target = KeyedTarget {
        layout: Some(rewrite::KeyedLayout::Canonical),
        compression: None,
    };
    let rules = ruled.into_iter().map(|ruled| ruled.rule).collect();
    Plan::of_one(
        snapshot,
        known.operator,
        StatePlans::ruled(known.loaded, rules, target),
    )
}

impl Compaction<'_> {
    /// Writes the new snapshot.
    ///
    /// # Errors
    /// As [`rewrite::execute`]; nothing is published then.
    pub fn execute(self, writer: &SnapshotWriter, options: &ExecuteOptions) -> Result<CompactReport> {
        let (looked, mut notes) = self.look(options)?;
        let written = rewrite::execute(&self.plan, writer, options)?;
        notes.extend(written.notes);
        Ok(self.report(Some(written.output), written.operators, looked, notes))
    }

    /// Goes through all that would be done, and writes nothing.
    ///
    /// # Errors
    /// As [`rewrite::rehearse`].
    pub fn rehearse(self, options: &ExecuteOptions) -> Result<CompactReport> {
        let (looked, notes) = self.look(options)?;
        let rehearsed = rewrite::rehearse(&self.plan, options)?;
        Ok(self.report(None, rehearsed, looked, notes))
    }

    /// Looks at what is only looked at. What cannot be looked at is copied all the same.
    fn look(&self, options: &ExecuteOptions) -> Result<(Vec<Rewritten>, Vec<String>)> {
        let (mut looked, mut notes) = (Vec::new(), self.notes.clone());
        for plan in &self.looks {
            match rewrite::rehearse(plan, options) {
                Ok(seen) => looked.extend(seen),
                Err(error) if error.kind() == ErrorKind::NotInterpretable => {
                    notes.push(format!("{error}; it is copied, and not looked into"));
                }
                Err(error) => return Err(error),
            }
        }
        Ok((looked, notes))
    }
}
