//! Plans in words.

use serde::Serialize;
use statetool_snapshot::Operator;

use super::{OperatorPlan, Plan, StatePlans};
use crate::rewrite::report::OperatorReport;

/// What a plan would do, for people.
#[derive(Debug, Clone, Serialize)]
pub struct Planned {
    /// The form of this document.
    pub schema: &'static str,
    /// The snapshot, the first of several.
    pub input: String,
    /// The others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<String>,
    /// The release of Flink that it would be for, if one was named.
    pub flink: Option<String>,
    /// Its operators.
    pub operators: Vec<PlannedOperator>,
    /// What would become of entries, by state, where rules decide about each; if that was tried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<OperatorReport>,
}

/// What would become of an operator.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedOperator {
    /// What it is called.
    pub name: String,
    /// Its id.
    pub id: String,
    /// The snapshot it is in, if that is not the first of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_from: Option<String>,
    /// What it would be: `the same`, `id:HEX`, `left out`.
    pub becomes: String,
    /// Its states, as far as its streams would be looked into.
    pub states: Vec<PlannedState>,
}

/// What would become of a state.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedState {
    /// Its name.
    pub name: String,
    /// What it would be: `the same`, a new name, `left out`.
    pub becomes: String,
}

/// What several plans would do together.
pub fn describe(plans: &[Plan<'_>]) -> Option<Planned> {
    let mut all = plans.iter().map(Plan::describe);
    let mut planned = all.next()?;
    for other in all {
        let input = &other.input;
        let operators = other.operators.into_iter().map(|operator| PlannedOperator {
            merged_from: Some(input.clone()),
            ..operator
        });
        planned.operators.extend(operators);
        planned.merged.push(other.input);
    }
    Some(planned)
}

impl Plan<'_> {
    /// What would be done.
    pub fn describe(&self) -> Planned {
        let left_out = self.dropped.iter().map(|operator| (operator, None));
        let stays = self.operators.iter().map(|plan| (&plan.operator, Some(plan)));
        let mut all: Vec<(&Operator<'_>, Option<&OperatorPlan<'_>>)> = stays.chain(left_out).collect();
        all.sort_by_key(|(operator, _)| operator.index);
        let operators = all.into_iter().map(|(operator, plan)| PlannedOperator {
            name: operator.label(),
            id: operator.id().to_string(),
            merged_from: None,
            becomes: match plan {
                None => LEFT_OUT.to_owned(),
                Some(plan) if plan.id == operator.id() => SAME.to_owned(),
                Some(plan) => format!("id:{}", plan.id),
            },
            states: plan
                .and_then(|plan| plan.states.as_ref())
                .map_or_else(Vec::new, StatePlans::describe),
        });
        Planned {
            schema: "statetool.rewrite-plan.v1",
            input: self.snapshot.location().to_string(),
            merged: Vec::new(),
            flink: self.target.map(|target| target.release.to_string()),
            operators: operators.collect(),
            entries: Vec::new(),
        }
    }
}

const LEFT_OUT: &str = "left out";
const SAME: &str = "the same";

impl StatePlans {
    fn describe(&self) -> Vec<PlannedState> {
        let states = self.loaded.states.iter().map(|state| PlannedState {
            name: state.name.clone(),
            becomes: match self.new_name(&state.name) {
                None => LEFT_OUT.to_owned(),
                Some(name) if name == state.name => SAME.to_owned(),
                Some(name) => name.to_owned(),
            },
        });
        states.collect()
    }
}
