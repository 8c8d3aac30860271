//! `diff`: what two snapshots do not have in common, whatever their layouts.
//!
//! Operators are compared by id, states by name, entries by key. Layout, backend, release and place are no
//! differences: what counts is what a job would find.

mod ahead;
mod entries;
mod found;
mod items;
mod matching;
mod opened;
mod options;
mod pairs;
mod pieces;
mod record;
mod report;
mod rows;
mod shown_key;
mod structure;
mod values;

use statetool_snapshot::{Flow, Operator, Result, Snapshot, StateKind, Unreadable};

pub use options::{DiffOptions, Ignore};
pub use report::{DiffReport, Side, StateCounts, StructureDifference, UnreadablePart};
pub use rows::Rows;

use crate::kafka;
use entries::Work;
use opened::Opened;
use pairs::{OperatorPair, Scope, StatePairs};
use structure::Structure;

/// What a comparison hands out as it goes on.
#[derive(Debug, Clone, Copy)]
pub enum Difference<'d> {
    /// Something that is no entry.
    Structure(&'d StructureDifference),
    /// Entries; of each row the state's place in the report is known.
    Entries(&'d Rows),
}

/// Compares two snapshots, and hands the differences to `consume`: operator by operator, what is no entry first,
/// then rows by key group.
///
/// # Errors
/// A selector that means nothing in either snapshot; damage; what `consume` returns, and no room for temporary
/// files.
pub fn diff(
    a: &Snapshot,
    b: &Snapshot,
    options: &DiffOptions,
    consume: impl FnMut(Difference<'_>) -> Result<Flow>,
) -> Result<DiffReport> {
    let scope = Scope::new(a, b, options)?;
    let mut run = Run {
        a,
        b,
        scope: &scope,
        options,
        report: DiffReport::new(a, b),
        consume,
    };
    if scope.is_everything() {
        let mut whole = Structure::new(options, None);
        whole.master_states(a, b);
        if run.hand_out(whole.finish())?.is_break() {
            return Ok(run.report.conclude());
        }
    }
    for pair in &scope.operators {
        if run.operator(pair)?.is_break() {
            break;
        }
    }
    Ok(run.report.conclude())
}

/// A comparison under way.
struct Run<'r, C> {
    a: &'r Snapshot,
    b: &'r Snapshot,
    scope: &'r Scope<'r>,
    options: &'r DiffOptions,
    report: DiffReport,
    consume: C,
}

impl<C: FnMut(Difference<'_>) -> Result<Flow>> Run<'_, C> {
    /// Hands out differences that are no entries.
    fn hand_out(&mut self, found: Vec<StructureDifference>) -> Result<Flow> {
        for difference in found {
            let flow = (self.consume)(Difference::Structure(&difference))?;
            self.report.structure.push(difference);
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(Flow::Continue(()))
    }

    fn operator(&mut self, pair: &OperatorPair<'_>) -> Result<Flow> {
        let Some(named) = pair.named() else {
            return Ok(Flow::Continue(()));
        };
        let a = Opened::new(self.a, pair.a.as_ref())?;
        let b = Opened::new(self.b, pair.b.as_ref())?;
        let reads_kafka = [&a, &b].into_iter().flatten().any(|side| !side.kafka.is_empty());
        let (loaded_a, loaded_b) = (a.as_ref().map(|a| &a.loaded), b.as_ref().map(|b| &b.loaded));
        let pairs = StatePairs::new(loaded_a, loaded_b, |state| {
            let is_timer = state.kind == StateKind::Timer;
            let holds_kafka = reads_kafka && kafka::is_of_a_source(&state.name);
            self.scope.wants(pair, &state.name)
                && !(is_timer && self.options.ignores(&Ignore::Timers))
                && !(holds_kafka && self.options.ignores(&Ignore::Kafka))
        });
        let structure = self.structure(pair, named, a.as_ref(), b.as_ref(), &pairs)?;
        if self.hand_out(structure)?.is_break() {
            return Ok(Flow::Break(()));
        }
        for (snapshot, side) in [("a", &a), ("b", &b)] {
            if let Some(side) = side.as_ref().filter(|_| !self.scope.ignores_operator(pair)) {
                self.note_unreadable(snapshot, named, side, &pairs);
            }
        }
        let halves = [a.as_ref().map(Opened::half), b.as_ref().map(Opened::half)];
        let work = Work {
            snapshots: [self.a, self.b],
            halves,
            named,
            pairs: &pairs,
            options: self.options,
        };
        work.compare(&mut self.report, &mut self.consume)
    }

    fn structure(
        &self,
        pair: &OperatorPair<'_>,
        named: &Operator<'_>,
        a: Option<&Opened<'_>>,
        b: Option<&Opened<'_>>,
        pairs: &StatePairs,
    ) -> Result<Vec<StructureDifference>> {
        let mut structure = Structure::new(self.options, Some(named));
        if self.scope.ignores_operator(pair) {
            return Ok(Vec::new());
        }
        structure.presence(pair);
        if let (Some(a), Some(b)) = (a, b) {
            if self.scope.whole_operators() {
                structure.operator(a.operator, b.operator);
                structure.pieces(a, b)?;
                structure.kafka(&a.kafka, &b.kafka);
            }
            let same_release = a.snapshot.kryo() == b.snapshot.kryo();
            structure.states(pairs, same_release);
        }
        Ok(structure.finish())
    }

    /// Notes what nobody can interpret; what was not even found has no bytes to be compared by.
    fn note_unreadable(
        &mut self,
        snapshot: &'static str,
        named: &Operator<'_>,
        side: &Opened<'_>,
        pairs: &StatePairs,
    ) {
        for unreadable in &side.loaded.unreadable {
            let wanted = |name: &String| pairs.0.iter().any(|pair| pair.name == *name);
            let of_state = unreadable.state.as_ref();
            // What was not read may hold any state.
            if !of_state.map_or(self.scope.whole_operators() || !is_raw(unreadable), wanted) {
                continue;
            }
            self.report.add_unreadable(UnreadablePart {
                snapshot,
                operator: named.id().to_string(),
                uid: named.uid.clone(),
                state: unreadable.state.clone(),
                serializer: unreadable.serializer.clone(),
                reason: unreadable.reason.clone(),
                compared: of_state.is_some() || is_raw(unreadable),
            });
        }
    }
}

/// Whether it is bytes of a user's operator, which are compared as they are.
fn is_raw(unreadable: &Unreadable) -> bool {
    matches!(
        unreadable.serializer.as_str(),
        "raw keyed state" | "raw operator state"
    )
}
