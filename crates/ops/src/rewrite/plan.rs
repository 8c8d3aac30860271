//! Edits, resolved against a snapshot: what becomes of each operator and state.

mod describe;
mod fates;
mod operators;
mod states;

use std::sync::Arc;

use statetool_format::{JavaString, OperatorId};
use statetool_snapshot::{Error, LoadedOperator, Operator, Result, Snapshot};

use super::edits::{Compression, Edits, Format, KeyedLayout};
use super::rule::Rule;
use super::scale::{self, Scale};
use super::target::FlinkTarget;
use fates::StateFates;
use operators::OperatorFates;
use states::is_asynchronous;

pub use describe::{Planned, PlannedOperator, PlannedState, describe};
pub use states::StatePlans;
pub(super) use states::layout_of;

/// What becomes of a snapshot.
pub struct Plan<'s> {
    /// The snapshot.
    pub snapshot: &'s Snapshot,
    /// Its operators that stay, in the order of the file.
    pub operators: Vec<OperatorPlan<'s>>,
    /// The operators that are left out.
    pub dropped: Vec<Operator<'s>>,
    /// The kind of savepoint that was asked for.
    pub format: Option<Format>,
    /// The release that it is written for, if it is not the one that wrote it.
    pub target: Option<FlinkTarget>,
}

/// What becomes of an operator that stays.
pub struct OperatorPlan<'s> {
    /// The operator.
    pub operator: Operator<'s>,
    /// Its id in the new snapshot.
    pub id: OperatorId,
    /// Its uid in the new snapshot, as far as that stores uids.
    pub uid: JavaString,
    /// Its subtasks and key groups in the new snapshot.
    pub scale: Scale,
    /// Its states and what becomes of them; nothing where no stream has to be looked into.
    pub states: Option<StatePlans>,
}

/// How keyed state is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyedTarget {
    /// In which layout; in that of each part if it is not said.
    pub layout: Option<KeyedLayout>,
    /// Whether key groups are compressed; as they were if it is not said.
    pub compression: Option<Compression>,
}

/// What matters to a plan besides its edits.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlanOptions {
    /// Whether errors may show keys and values.
    pub show_data: bool,
}

/// Resolves edits.
///
/// # Errors
/// Selectors of what is not there, and edits that contradict each other.
pub fn plan<'s>(snapshot: &'s Snapshot, edits: &Edits) -> Result<Plan<'s>> {
    plan_with(snapshot, edits, &PlanOptions::default())
}

/// As [`plan()`], with options.
///
/// # Errors
/// As [`plan()`].
pub fn plan_with<'s>(snapshot: &'s Snapshot, edits: &Edits, options: &PlanOptions) -> Result<Plan<'s>> {
    let fates = OperatorFates::resolve(snapshot, edits)?;
    let states = StateFates::resolve(snapshot, edits)?;
    let scales = scale::resolve(snapshot, edits)?;
    let mut plan = Plan {
        snapshot,
        operators: Vec::new(),
        dropped: Vec::new(),
        format: edits.format.or(edits.backend.map(|_| Format::Native)),
        target: edits.flink.map(|release| FlinkTarget::of(snapshot, release)),
    };
    for operator in snapshot.operators() {
        if fates.dropped.contains(&operator.index) {
            plan.dropped.push(operator);
            continue;
        }
        let (id, uid) = match fates.renamed.get(&operator.index) {
            Some((id, uid)) => (*id, uid.clone()),
            None => (operator.id(), operator.state.uid.clone()),
        };
        if let Some(other) = plan.operators.iter().find(|other| other.id == id) {
            return Err(Error::usage(format!(
                "operators `{}` and `{}` would both have the id {id}",
                other.operator.label(),
                operator.label()
            )));
        }
        if let Some(target) = plan.target {
            target.check(&operator)?;
        }
        let scale = scales.get(&operator.index).copied();
        let states = states.of(snapshot, &operator, edits, (scale, plan.target), options)?;
        plan.operators.push(OperatorPlan {
            scale: scale.unwrap_or_else(|| Scale::of(&operator)),
            operator,
            id,
            uid,
            states,
        });
    }
    StateFates::check_effect(&plan, edits)?;
    Ok(plan)
}

impl<'s> Plan<'s> {
    /// What becomes of one operator.
    pub(crate) fn of_one(snapshot: &'s Snapshot, operator: Operator<'s>, states: StatePlans) -> Self {
        let operator = OperatorPlan {
            id: operator.id(),
            uid: operator.state.uid.clone(),
            scale: Scale::of(&operator),
            operator,
            states: Some(states),
        };
        Self {
            snapshot,
            operators: vec![operator],
            dropped: Vec::new(),
            format: None,
            target: None,
        }
    }
}

impl OperatorPlan<'_> {
    /// Takes more rules, behind those that there are. Keyed state is written anew where they concern it; if
    /// `anew`, also where they do not, as far as it can be.
    ///
    /// # Errors
    /// What is concerned, and cannot be written anew.
    pub(crate) fn add_rules(
        &mut self,
        loaded: LoadedOperator,
        rules: Vec<Arc<dyn Rule>>,
        edits: &Edits,
        anew: bool,
    ) -> Result<()> {
        let layout = edits.layout()?;
        let plans = self.states.get_or_insert_with(|| StatePlans::untouched(loaded));
        plans.rules.extend(rules);
        plans.choose_targets(&self.operator, edits, layout)?;
        if anew
            && plans.keyed.is_none()
            && !plans.loaded.states.iter().any(is_asynchronous)
            && plans.check_all_read(&self.operator, true, false).is_ok()
        {
            plans.keyed = Some(KeyedTarget {
                layout,
                compression: edits.compression,
            });
        }
        Ok(())
    }
}
