//! Operators of several snapshots in one.
//!
//! Each snapshot has a plan of its own, with those edits that name something in it. Together the plans
//! are what is written; here is seen to it that they fit together.

use serde::{Deserialize, Serialize};
use statetool_format::OperatorId;
use statetool_format::java::properties::{CheckpointProperties, SavepointFormat};
use statetool_format::metadata::{MasterState, Metadata};
use statetool_snapshot::{
    Error, Layout, Operator, OperatorSelector, Part, Result, Snapshot, SnapshotKind, StateSelector,
};

use super::edits::{Edits, Format, KeyedLayout};
use super::plan::{OperatorPlan, Plan, PlanOptions, layout_of, plan_with};

/// Which of the operators stays that several snapshots have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnCollision {
    /// The operator: a selector; all that are not named otherwise if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Whose stays.
    pub keep: Keep,
}

/// One of several snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The first that has it.
    First,
    /// The last that has it.
    Last,
}

impl OnCollision {
    /// Reads `first`, `last`, `OPERATOR=first` or `OPERATOR=last`.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (operator, keep) = match text.rsplit_once('=') {
            Some(("", _)) => return Err("write first, last, or OPERATOR=first".to_owned()),
            Some((operator, keep)) => (Some(operator.to_owned()), keep),
            None => (None, text),
        };
        let keep = match keep {
            "first" => Keep::First,
            "last" => Keep::Last,
            other => return Err(format!("`{other}` is neither first nor last")),
        };
        Ok(Self { operator, keep })
    }
}

/// Resolves edits of several snapshots that become one, in the order in which they were named.
///
/// # Errors
/// As [`plan_with`]; operators of one id in several snapshots, of which nobody said which stays; layouts
/// that no job restores together.
pub fn plan_all<'s>(
    snapshots: &[&'s Snapshot],
    edits: &Edits,
    options: &PlanOptions,
) -> Result<Vec<Plan<'s>>> {
    if let &[snapshot] = snapshots {
        if !edits.on_collision.is_empty() {
            return Err(Error::usage("there is no other snapshot to collide with")
                .hint("name it by --merge, or leave out --on-collision"));
        }
        return Ok(vec![plan_with(snapshot, edits, options)?]);
    }
    check_major_releases(snapshots, edits)?;
    let mut plans = Vec::new();
    for (index, snapshot) in snapshots.iter().enumerate() {
        let part = Share { snapshots, index }.of(edits)?;
        plans.push(plan_with(snapshot, &part, options)?);
    }
    settle(&mut plans, snapshots, edits)?;
    check_layouts(&plans)?;
    Ok(plans)
}

/// Refuses snapshots of Flink 1 and of Flink 2 unless it is said for which the new one is: state that is not
/// the same for both is then written for that, or refused.
fn check_major_releases(snapshots: &[&Snapshot], edits: &Edits) -> Result<()> {
    let of = |is_2: bool| {
        let mut snapshots = snapshots.iter();
        snapshots.find(|snapshot| snapshot.metadata().version.is_flink_2() == is_2)
    };
    match (of(false), of(true), edits.flink) {
        (Some(one), Some(two), None) => Err(Error::usage(format!(
            "`{}` is one of Flink 1, and `{}` one of Flink 2, for which some state is written otherwise",
            one.location(),
            two.location()
        ))
        .hint("say for which release the new one is, such as --flink 2.3")),
        _ => Ok(()),
    }
}

/// One of several snapshots, and what of the edits is for it.
struct Share<'a> {
    snapshots: &'a [&'a Snapshot],
    index: usize,
}

impl Share<'_> {
    /// Edits that name something in the snapshot. What names nothing in any is for the first, which refuses it.
    fn of(&self, edits: &Edits) -> Result<Edits> {
        let mut part = edits.clone();
        let operator = |text: &String| {
            let wanted = self.wants(&|snapshot| Ok(names_operator(text, snapshot)))?;
            Ok(wanted.unwrap_or(self.index == 0))
        };
        // What names no state may still name an operator, whose snapshot can tell what there is.
        let state = |text: &String| match self.wants(&|snapshot| names_state(text, snapshot))? {
            Some(wanted) => Ok(wanted),
            None => Ok(self
                .wants(&|snapshot| Ok(names_operator_of(text, snapshot)))?
                .unwrap_or(self.index == 0)),
        };
        retain(&mut part.rename_operator, |rename| operator(&rename.from))?;
        retain(&mut part.drop_operator, operator)?;
        retain(&mut part.keep_operator, operator)?;
        retain(&mut part.rename_state, |rename| state(&rename.from))?;
        retain(&mut part.drop_state, state)?;
        retain(&mut part.keep_state, state)?;
        retain(&mut part.keep_where, |expression| state(&expression.state))?;
        retain(&mut part.map, |expression| state(&expression.state))?;
        retain(&mut part.script, |file| {
            file.state.as_ref().map_or(Ok(true), state)
        })?;
        retain(&mut part.delete, |delete| operator(&delete.operator))?;
        retain(&mut part.delete_keys, |delete| operator(&delete.operator))?;
        retain(&mut part.set, |set| state(&set.state))?;
        for numbers in [&mut part.parallelism, &mut part.max_parallelism] {
            retain(numbers, |number| {
                number.operator.as_ref().map_or(Ok(true), operator)
            })?;
        }
        let snapshot = self.snapshots.get(self.index);
        if !edits.keep_operator.is_empty() && part.keep_operator.is_empty() {
            let all = snapshot.into_iter().flat_map(|snapshot| snapshot.operators());
            part.drop_operator = all.map(|operator| format!("id:{}", operator.id())).collect();
        }
        Ok(part)
    }

    /// Whether something is named in the snapshot; nothing if it is in none.
    fn wants(&self, names: &dyn Fn(&Snapshot) -> Result<bool>) -> Result<Option<bool>> {
        let mut any = false;
        for (index, snapshot) in self.snapshots.iter().enumerate() {
            let named = names(snapshot)?;
            if index == self.index && named {
                return Ok(Some(true));
            }
            any |= named;
        }
        Ok(any.then_some(false))
    }
}

fn retain<T>(edits: &mut Vec<T>, mut is_wanted: impl FnMut(&T) -> Result<bool>) -> Result<()> {
    let mut kept = Vec::new();
    for edit in edits.drain(..) {
        if is_wanted(&edit)? {
            kept.push(edit);
        }
    }
    *edits = kept;
    Ok(())
}

fn names_operator(text: &str, snapshot: &Snapshot) -> bool {
    OperatorSelector::parse(text).means_some(snapshot)
}

fn names_operator_of(text: &str, snapshot: &Snapshot) -> bool {
    let selector = StateSelector::parse(text, snapshot);
    (selector.operator.as_ref()).is_some_and(|operator| operator.means_some(snapshot))
}

fn names_state(text: &str, snapshot: &Snapshot) -> Result<bool> {
    let selector = StateSelector::parse(text, snapshot);
    if (selector.operator.as_ref()).is_some_and(|operator| !operator.means_some(snapshot)) {
        return Ok(false);
    }
    for operator in selector.operators(snapshot)? {
        let states = snapshot.load_operator(&operator)?.states;
        if states.iter().any(|state| selector.wants(&state.name)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Leaves out operators that another snapshot has, too, as the rules say; one that holds nothing gives way.
fn settle(plans: &mut [Plan<'_>], snapshots: &[&Snapshot], edits: &Edits) -> Result<()> {
    for OnCollision { operator, .. } in &edits.on_collision {
        if let (Some(operator), [first, others @ ..]) = (operator, snapshots)
            && !others.iter().any(|snapshot| names_operator(operator, snapshot))
        {
            OperatorSelector::parse(operator).resolve(first)?;
        }
    }
    let mut ids: Vec<OperatorId> = Vec::new();
    for plan in plans.iter() {
        ids.extend(plan.operators.iter().map(|operator| operator.id));
    }
    ids.sort();
    let mut several: Vec<OperatorId> = (ids.windows(2))
        .filter_map(|pair| match pair {
            [a, b] if a == b => Some(*a),
            _ => None,
        })
        .collect();
    several.dedup();
    for id in several {
        let place = |plan: &Plan<'_>| plan.operators.iter().position(|operator| operator.id == id);
        let holds = |plan: &Plan<'_>| {
            let mut operators = plan.operators.iter();
            operators.any(|planned| planned.id == id && !planned.operator.holds_nothing())
        };
        let kept = match plans.iter().filter(|plan| holds(plan)).count() {
            0 => plans.iter().position(|plan| place(plan).is_some()),
            1 => plans.iter().position(holds),
            _ => match rule(plans, id, edits)? {
                Keep::First => plans.iter().position(holds),
                Keep::Last => plans.iter().rposition(holds),
            },
        };
        let others = plans
            .iter_mut()
            .enumerate()
            .filter(|(index, _)| Some(*index) != kept);
        for (_, plan) in others {
            if let Some(index) = place(plan) {
                plan.dropped.push(plan.operators.remove(index).operator);
            }
        }
    }
    Ok(())
}

/// Whose operator stays; a rule for that operator goes before one for all.
fn rule(plans: &[Plan<'_>], id: OperatorId, edits: &Edits) -> Result<Keep> {
    let those = || {
        let operators = |plan: &'_ Plan<'_>| {
            let found = plan.operators.iter().find(|operator| operator.id == id);
            found.map(|operator| (plan.snapshot.location().to_string(), operator.operator.label()))
        };
        plans.iter().filter_map(operators)
    };
    let is_meant = |selector: &str| {
        plans.iter().any(|plan| {
            let meant = OperatorSelector::parse(selector).resolve(plan.snapshot);
            meant.is_ok_and(|meant| {
                let mut operators = plan.operators.iter();
                operators.any(|planned| planned.id == id && planned.operator.index == meant.index)
            })
        })
    };
    let own = edits
        .on_collision
        .iter()
        .filter(|rule| rule.operator.as_deref().is_some_and(is_meant));
    let general = edits.on_collision.iter().filter(|rule| rule.operator.is_none());
    let mut rules: Vec<Keep> = own.map(|rule| rule.keep).collect();
    if rules.is_empty() {
        rules = general.map(|rule| rule.keep).collect();
    }
    rules.dedup();
    let label = those().next().map_or_else(|| id.to_string(), |(_, label)| label);
    match rules[..] {
        [keep] => Ok(keep),
        [] => {
            let places: Vec<String> = those().map(|(place, _)| format!("`{place}`")).collect();
            let places = places.join(" and in ");
            Err(Error::usage(format!("operator `{label}` is in {places}")).hint(format!(
                "say which stays, --on-collision {label}=first or =last, or rename one of them by a rewrite of its own"
            )))
        }
        _ => Err(Error::usage(format!(
            "two rules for operator `{label}`: the first is to stay, and the last"
        ))),
    }
}

/// Refuses layouts that only different state backends restore.
fn check_layouts(plans: &[Plan<'_>]) -> Result<()> {
    let mut before: Option<(&Plan<'_>, &'static str)> = None;
    for plan in plans {
        for operator in &plan.operators {
            for layout in layouts(plan, operator)? {
                match before {
                    Some((other, known)) if known != layout => {
                        return Err(Error::refused(format!(
                            "`{}` holds state {known}, and `{}` {layout}: no job restores both",
                            other.snapshot.location(),
                            plan.snapshot.location()
                        ))
                        .hint("write both in one layout: --type canonical, or --backend"));
                    }
                    _ => before = Some((plan, layout)),
                }
            }
        }
    }
    Ok(())
}

/// How the keyed state of an operator will be laid out, in words.
fn layouts(plan: &Plan<'_>, operator: &OperatorPlan<'_>) -> Result<Vec<&'static str>> {
    let anew = operator.states.as_ref().and_then(|states| states.keyed);
    if let Some(layout) = anew.and_then(|target| target.layout) {
        return Ok(vec![words(Some(layout))]);
    }
    let has_keyed =
        |operator: &Operator<'_>| operator.state.running().any(|(_, s)| s.managed_keyed.is_some());
    let own;
    let parts: &[Part] = match &operator.states {
        Some(states) => &states.loaded.parts,
        None if has_keyed(&operator.operator) => {
            own = plan.snapshot.load_operator(&operator.operator)?;
            &own.parts
        }
        None => &[],
    };
    let parts = parts
        .iter()
        .filter(|part| !matches!(part.layout, Layout::RawTimers { .. }));
    Ok(parts.filter_map(|part| layout_of(part).map(words)).collect())
}

/// Whether savepoints hold keyed state in the layout of the HashMap backend.
fn hold_heap(plans: &[Plan<'_>]) -> bool {
    let heap = words(Some(KeyedLayout::Heap));
    plans.iter().any(|plan| {
        let is_savepoint = plan.snapshot.kind() != SnapshotKind::Checkpoint;
        let mut operators = plan.operators.iter();
        let holds = |operator| layouts(plan, operator).is_ok_and(|layouts| layouts.contains(&heap));
        is_savepoint && operators.any(holds)
    })
}

fn words(layout: Option<KeyedLayout>) -> &'static str {
    match layout {
        Some(KeyedLayout::Canonical) => "in the canonical layout",
        Some(KeyedLayout::Heap) => "in that of the HashMap backend",
        Some(KeyedLayout::RocksDb) => "in that of the RocksDB backend",
        None => "with a changelog",
    }
}

/// The metadata of the new snapshot, without its operators.
///
/// # Errors
/// Hooks of one name that have stored different bytes.
pub(super) fn metadata(plans: &[Plan<'_>], first: &Plan<'_>) -> Result<Metadata> {
    let all = || plans.iter().map(|plan| plan.snapshot.metadata());
    let old = first.snapshot.metadata();
    let version = match first.target {
        Some(target) => target.release.metadata(),
        None => all()
            .map(|metadata| metadata.version)
            .max()
            .unwrap_or(old.version),
    };
    Ok(Metadata {
        version,
        checkpoint_id: all()
            .map(|metadata| metadata.checkpoint_id)
            .max()
            .unwrap_or(old.checkpoint_id),
        master_states: united(all().flat_map(|metadata| &metadata.master_states))?,
        operators: Vec::new(),
        properties: version.has_properties().then(|| properties(plans, first)),
    })
}

/// The properties at the end of the file: those of a savepoint where one was asked for, or where the
/// snapshots are of different kinds.
fn properties(plans: &[Plan<'_>], first: &Plan<'_>) -> Vec<u8> {
    let mut kinds = plans.iter().map(|plan| plan.snapshot.kind());
    let alike = kinds.clone().all(|kind| kind == first.snapshot.kind());
    let old = first.snapshot.metadata();
    if let (None, true, Some(properties)) = (first.format, alike, &old.properties) {
        return properties.clone();
    }
    let kind = match first.format {
        Some(Format::Canonical) => SnapshotKind::CanonicalSavepoint,
        Some(Format::Native) => SnapshotKind::NativeSavepoint,
        // Before there were properties nothing but its name tells a checkpoint from a savepoint.
        None if alike && old.properties.is_none() && hold_heap(plans) => SnapshotKind::NativeSavepoint,
        None if alike => first.snapshot.kind(),
        None => match kinds.any(|kind| kind == SnapshotKind::CanonicalSavepoint) {
            true => SnapshotKind::CanonicalSavepoint,
            false => SnapshotKind::NativeSavepoint,
        },
    };
    let properties = match kind {
        SnapshotKind::CanonicalSavepoint => CheckpointProperties::savepoint(SavepointFormat::Canonical),
        SnapshotKind::NativeSavepoint => CheckpointProperties::savepoint(SavepointFormat::Native),
        SnapshotKind::Checkpoint => CheckpointProperties::retained_checkpoint(),
    };
    properties.encode().0
}

/// What is left out of the operators of a plan, in words; not what another snapshot has instead of nothing.
pub(super) fn dropped(plans: &[Plan<'_>], plan: &Plan<'_>) -> Vec<String> {
    let is_there = |id: OperatorId| {
        plans
            .iter()
            .any(|plan| plan.operators.iter().any(|op| op.id == id))
    };
    let dropped = plan.dropped.iter();
    let dropped = dropped.filter(|operator| !(operator.holds_nothing() && is_there(operator.id())));
    let named = dropped.map(|operator| match plans.len() {
        1 => operator.label(),
        _ => format!("{} of {}", operator.label(), plan.snapshot.location()),
    });
    named.collect()
}

/// What the hooks of the master have stored, in all snapshots.
///
/// # Errors
/// Hooks of one name that have stored different bytes.
fn united<'m>(states: impl Iterator<Item = &'m MasterState>) -> Result<Vec<MasterState>> {
    let mut all: Vec<MasterState> = Vec::new();
    for state in states {
        match all.iter().find(|known| known.name == state.name) {
            Some(known) if known == state => {}
            Some(_) => {
                return Err(Error::refused(format!(
                    "master hook `{}` has stored something else in each of the snapshots",
                    state.name.to_str()
                )));
            }
            None => all.push(state.clone()),
        }
    }
    Ok(all)
}

/// What should be known of the new snapshot, whatever its entries.
pub(super) fn notes(plans: &[Plan<'_>]) -> Vec<String> {
    let mut notes = of_different_releases(plans);
    notes.extend(without_uids(plans));
    notes
}

/// Older formats have no place for uids and names.
fn without_uids(plans: &[Plan<'_>]) -> Option<String> {
    let release = plans.first()?.target?.release;
    let is_named = |planned: &OperatorPlan<'_>| {
        let state = planned.operator.state;
        !(state.uid.is_empty() && state.name.is_empty())
    };
    let named = plans.iter().flat_map(|plan| &plan.operators).any(is_named);
    (named && !release.metadata().has_operator_names()).then(|| {
        format!(
            "Flink {release} has no place for uids and names of operators in a snapshot: only their ids are left, which --uid tells apart"
        )
    })
}

/// Of releases that nobody chose.
fn of_different_releases(plans: &[Plan<'_>]) -> Vec<String> {
    let releases = || plans.iter().map(|plan| plan.snapshot.releases());
    let oldest = releases().map(|range| range.oldest).max();
    let newest = releases().map(|range| range.newest).min();
    match oldest {
        Some((major, minor)) if oldest > newest && plans.iter().all(|plan| plan.target.is_none()) => {
            vec![format!(
                "the snapshots are of different releases of Flink: only {major}.{minor} or later restores the new one; --flink writes it for another"
            )]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use statetool_format::JavaString;

    use super::*;

    #[test]
    fn rules_are_read() {
        let rule = |operator: Option<&str>, keep| {
            let operator = operator.map(str::to_owned);
            Ok(OnCollision { operator, keep })
        };
        for (text, expected) in [
            ("first", rule(None, Keep::First)),
            ("uid:a=last", rule(Some("uid:a"), Keep::Last)),
            ("a=b=first", rule(Some("a=b"), Keep::First)),
            ("=first", Err("write first, last, or OPERATOR=first".to_owned())),
            ("both", Err("`both` is neither first nor last".to_owned())),
            ("a=both", Err("`both` is neither first nor last".to_owned())),
        ] {
            assert_eq!(OnCollision::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn hooks_of_one_name_have_one_state() {
        let hook = |name: &str, byte| MasterState {
            version: 1,
            name: JavaString::new(name).unwrap(),
            payload: vec![byte],
        };
        let merged = |a: &[MasterState], b: &[MasterState]| united(a.iter().chain(b));
        let (a, b) = (hook("a", 1), hook("b", 2));
        let all = merged(&[a.clone(), b.clone()], std::slice::from_ref(&b)).unwrap();
        assert_eq!(all, [a.clone(), b]);
        let error = merged(&[a], &[hook("a", 3)]).unwrap_err();
        let expected = "master hook `a` has stored something else in each of the snapshots";
        assert_eq!(error.to_string(), expected);
    }
}
