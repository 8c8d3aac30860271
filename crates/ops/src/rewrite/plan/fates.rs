//! Which states edits mean, and what becomes of them.

use statetool_snapshot::{Error, Operator, Result, Snapshot, StateSelector, first_of};

use super::{Plan, PlanOptions, StatePlans};
use crate::rewrite::edits::Edits;
use crate::rewrite::scale::{self, Scale};
use crate::rewrite::script_rule::Scripts;
use crate::rewrite::target::FlinkTarget;
use crate::rewrite::{delete, set, timer_names};

/// What becomes of states, by selector.
pub(super) struct StateFates {
    dropped: Vec<StateSelector>,
    kept: Vec<StateSelector>,
    renamed: Vec<(StateSelector, String)>,
    /// Those whose entries change.
    changed: Vec<StateSelector>,
    scripts: Scripts,
}

impl StateFates {
    pub(super) fn resolve(snapshot: &Snapshot, edits: &Edits) -> Result<Self> {
        let parse = |text: &String| {
            let selector = StateSelector::parse(text, snapshot);
            selector.operators(snapshot).map(|_| selector)
        };
        let fates = Self {
            dropped: edits.drop_state.iter().map(parse).collect::<Result<_>>()?,
            kept: edits.keep_state.iter().map(parse).collect::<Result<_>>()?,
            renamed: (edits.rename_state.iter())
                .map(|rename| Ok((parse(&rename.from)?, rename.to.clone())))
                .collect::<Result<_>>()?,
            changed: (edits.set.iter().map(|set| &set.state))
                .map(parse)
                .collect::<Result<_>>()?,
            scripts: Scripts::read(snapshot, edits)?,
        };
        fates.check(snapshot)?;
        Ok(fates)
    }

    /// Refuses selectors that mean no state at all.
    fn check(&self, snapshot: &Snapshot) -> Result<()> {
        let renamed = self.renamed.iter().map(|(selector, _)| selector);
        let all = self.dropped.iter().chain(&self.kept).chain(&self.changed);
        for selector in all.chain(renamed).chain(self.scripts.selectors()) {
            let mut names = Vec::new();
            let mut found = false;
            for operator in selector.operators(snapshot)? {
                let states = snapshot.load_operator(&operator)?.states;
                found |= states.iter().any(|state| selector.wants(&state.name));
                names.extend(
                    states
                        .iter()
                        .map(|state| format!("{}/{}", operator.label(), state.name)),
                );
            }
            if !found {
                let wanted = selector.state.as_deref().unwrap_or("*");
                return Err(Error::usage(format!("no state `{wanted}`"))
                    .hint(format!("there are: {}", first_of(names))));
            }
        }
        Ok(())
    }

    /// Refuses what is to become of states that are all left out, by themselves or with their operators.
    pub(super) fn check_effect(plan: &Plan<'_>, edits: &Edits) -> Result<()> {
        let kept = edits.keep_state.iter().map(|text| (text, "kept"));
        let renamed = edits.rename_state.iter().map(|rename| (&rename.from, "renamed"));
        let set = edits.set.iter().map(|set| (&set.state, "set for a key"));
        let filtered = edits.keep_where.iter().map(|rule| (&rule.state, "filtered"));
        let mapped = edits.map.iter().map(|rule| (&rule.state, "changed"));
        let scripts = edits.script.iter().filter_map(|script| script.state.as_ref());
        let scripts = scripts.map(|text| (text, "given to a script"));
        let all = kept
            .chain(renamed)
            .chain(set)
            .chain(filtered)
            .chain(mapped)
            .chain(scripts);
        for (text, what) in all {
            if !stays_in_part(&StateSelector::parse(text, plan.snapshot), plan)? {
                return Err(Error::usage(format!(
                    "state `{text}` is to be {what}, and left out"
                )));
            }
        }
        Ok(())
    }

    /// What becomes of the states of an operator.
    pub(super) fn of(
        &self,
        snapshot: &Snapshot,
        operator: &Operator<'_>,
        edits: &Edits,
        (scale, target): (Option<Scale>, Option<FlinkTarget>),
        options: &PlanOptions,
    ) -> Result<Option<StatePlans>> {
        let meant = |selector: &StateSelector| -> Result<bool> {
            let operators = selector.operators(snapshot)?;
            Ok(operators.iter().any(|other| other.index == operator.index))
        };
        let only = |selectors: &[StateSelector]| -> Result<Vec<StateSelector>> {
            let mut meant_here = Vec::new();
            for selector in selectors {
                if meant(selector)? {
                    meant_here.push(selector.clone());
                }
            }
            Ok(meant_here)
        };
        let (dropped, kept) = (only(&self.dropped)?, only(&self.kept)?);
        let mut renames = Vec::new();
        for (selector, to) in &self.renamed {
            if meant(selector)? {
                renames.push((selector, to));
            }
        }
        let scripts = self.scripts.rules(snapshot, operator, options)?;
        let untouched = dropped.is_empty()
            && scripts.is_empty()
            && kept.is_empty()
            && renames.is_empty()
            && scale.is_none()
            && target.is_none()
            && !delete::concerns(snapshot, operator, edits)?
            && !set::concerns(snapshot, operator, edits)?;
        let layout = edits.layout()?;
        if untouched && edits.format.is_none() && layout.is_none() && edits.compression.is_none() {
            return Ok(None);
        }
        let loaded = snapshot.load_operator(operator)?;
        if let Some(scale) = scale {
            scale::check(operator, &loaded, scale)?;
        }
        let max_parallelism = scale.unwrap_or_else(|| Scale::of(operator)).max_parallelism;
        let deleted = delete::rule(snapshot, operator, &loaded, edits)?;
        let (replaced, additions) = set::resolve(snapshot, operator, &loaded, edits, max_parallelism)?;
        let wants = |selectors: &[StateSelector], name: &str| selectors.iter().any(|s| s.wants(name));
        let leaves_others = loaded.states.iter().any(|state| wants(&kept, &state.name));
        let mut plans = StatePlans {
            scale,
            rules: deleted.into_iter().chain(replaced).chain(scripts).collect(),
            additions,
            target,
            ..StatePlans::untouched(loaded)
        };
        for state in &plans.loaded.states {
            let name = &state.name;
            let label = || format!("{}/{name}", operator.label());
            if wants(&dropped, name) && wants(&kept, name) {
                return Err(Error::usage(format!(
                    "state `{}` is to be kept and to be dropped",
                    label()
                )));
            }
            if wants(&dropped, name) || (leaves_others && !wants(&kept, name)) {
                plans.dropped.push(name.clone());
            }
            for (_, to) in renames.iter().filter(|(selector, _)| selector.wants(name)) {
                let refuse = |what: &str| Error::usage(format!("state `{}` is to be renamed{what}", label()));
                if plans.dropped.contains(name) {
                    return Err(refuse(", and left out"));
                }
                timer_names::check_new_name(state, to)?;
                if plans.renamed.insert(name.clone(), (*to).clone()).is_some() {
                    return Err(refuse(" twice"));
                }
            }
        }
        plans.check_names(operator)?;
        if let Some(target) = target {
            plans.check_all_read(operator, true, true)?;
            plans.fit(operator, target)?;
        }
        plans.choose_targets(operator, edits, layout)?;
        Ok(Some(plans))
    }
}

/// Whether any of the states that are meant stays.
fn stays_in_part(selector: &StateSelector, plan: &Plan<'_>) -> Result<bool> {
    let meant = selector.operators(plan.snapshot)?;
    let planned = plan.operators.iter().filter(|planned| {
        let index = planned.operator.index;
        meant.iter().any(|operator| operator.index == index)
    });
    let mut states = planned.filter_map(|planned| planned.states.as_ref());
    let stays = |states: &StatePlans| {
        let meant = states
            .loaded
            .states
            .iter()
            .filter(|state| selector.wants(&state.name));
        meant
            .map(|state| states.new_name(&state.name))
            .any(|name| name.is_some())
    };
    Ok(states.any(stays))
}
