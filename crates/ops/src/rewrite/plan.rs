//! Edits, resolved against a snapshot: what becomes of each operator and state.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;
use statetool_format::metadata::StreamHandle;
use statetool_format::state::BackendStateType;
use statetool_format::{JavaString, OperatorId};
use statetool_snapshot::{
    Error, Layout, LoadedOperator, Operator, OperatorSelector, Part, Result, Snapshot, State, StateSelector,
    first_of,
};

use super::delete;
use super::edits::{Compression, Edits, Format, KeyedLayout, Rename};
use super::rule::Rule;
use super::scale::{self, Scale};
use super::script_rule::Scripts;
use super::set::{self, Addition};
use super::target::{FlinkTarget, NewHead};

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

/// What becomes of the states of an operator.
pub struct StatePlans {
    /// The operator's streams.
    pub loaded: LoadedOperator,
    /// Names of the states that are left out.
    pub dropped: Vec<String>,
    /// New names by old ones.
    pub renamed: BTreeMap<String, String>,
    /// Whether keyed state is written anew.
    pub keyed: Option<KeyedTarget>,
    /// Whether operator state is written anew.
    pub operator_state: bool,
    /// The operator's new subtasks and key groups, if they change.
    pub scale: Option<Scale>,
    /// What leaves entries out or changes them, in this order.
    pub rules: Vec<Arc<dyn Rule>>,
    /// Entries that are written besides, by key group.
    pub(super) additions: Vec<Addition>,
    /// The release that it is written for, if it is not the one that wrote it.
    pub target: Option<FlinkTarget>,
    /// Headers that are others for that release, of streams that are not written anew.
    pub(super) heads: Vec<NewHead>,
    /// Whether changelogs, which name serializers inside, would have to name others.
    pub(super) changed_logs: bool,
    /// Whether raw timers, which name serializers inside, would have to name others.
    pub(super) changed_raw_timers: bool,
}

/// How keyed state is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyedTarget {
    /// In which layout; in that of each part if it is not said.
    pub layout: Option<KeyedLayout>,
    /// Whether key groups are compressed; as they were if it is not said.
    pub compression: Option<Compression>,
}

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
        }
    }
}

const LEFT_OUT: &str = "left out";
const SAME: &str = "the same";

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
    Ok(plan)
}

/// What becomes of operators, by index.
#[derive(Default)]
struct OperatorFates {
    dropped: Vec<usize>,
    renamed: HashMap<usize, (OperatorId, JavaString)>,
}

impl OperatorFates {
    fn resolve(snapshot: &Snapshot, edits: &Edits) -> Result<Self> {
        let index = |selector: &String| {
            OperatorSelector::parse(selector)
                .resolve(snapshot)
                .map(|op| op.index)
        };
        let mut fates = Self {
            dropped: edits.drop_operator.iter().map(index).collect::<Result<_>>()?,
            renamed: HashMap::new(),
        };
        let kept: Vec<usize> = edits.keep_operator.iter().map(index).collect::<Result<_>>()?;
        if let Some(both) = kept.iter().find(|kept| fates.dropped.contains(kept)) {
            let label = snapshot
                .operators()
                .nth(*both)
                .map(|op| op.label())
                .unwrap_or_default();
            return Err(Error::usage(format!(
                "operator `{label}` is to be kept and to be dropped"
            )));
        }
        if !kept.is_empty() {
            let all = 0..snapshot.operators().len();
            fates.dropped = all.filter(|index| !kept.contains(index)).collect();
        }
        for Rename { from, to } in &edits.rename_operator {
            let index = index(from)?;
            if fates.dropped.contains(&index) {
                return Err(Error::usage(format!(
                    "operator `{from}` is to be renamed, and left out"
                )));
            }
            if fates.renamed.insert(index, identity(to)?).is_some() {
                return Err(Error::usage(format!("operator `{from}` is to be renamed twice")));
            }
        }
        Ok(fates)
    }
}

/// The id and the uid that `uid:X` or `id:HEX` means.
fn identity(text: &str) -> Result<(OperatorId, JavaString)> {
    let refuse = |why: &str| Error::usage(format!("`{text}` is no new name of an operator: {why}"));
    match text.split_once(':') {
        Some(("uid", uid)) if !uid.is_empty() => {
            let stored = JavaString::new(uid).ok_or_else(|| refuse("it is too long"))?;
            Ok((OperatorId::from_uid(uid), stored))
        }
        Some(("id", hex)) => {
            let id = OperatorId::from_hex(hex).ok_or_else(|| refuse("an id has 32 hex digits"))?;
            Ok((id, JavaString::default()))
        }
        _ => Err(refuse("write `uid:X` or `id:HEX`")),
    }
}

/// What becomes of states, by selector.
struct StateFates {
    dropped: Vec<StateSelector>,
    kept: Vec<StateSelector>,
    renamed: Vec<(StateSelector, String)>,
    /// Those whose entries change.
    changed: Vec<StateSelector>,
    scripts: Scripts,
}

impl StateFates {
    fn resolve(snapshot: &Snapshot, edits: &Edits) -> Result<Self> {
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

    /// What becomes of the states of an operator.
    fn of(
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
        let mut plans = StatePlans {
            scale,
            rules: deleted.into_iter().chain(replaced).chain(scripts).collect(),
            additions,
            target,
            ..StatePlans::untouched(loaded)
        };
        for state in &plans.loaded.states {
            let name = &state.name;
            if wants(&dropped, name) || (!kept.is_empty() && !wants(&kept, name)) {
                plans.dropped.push(name.clone());
            }
            for (_, to) in renames.iter().filter(|(selector, _)| selector.wants(name)) {
                let refuse = |what: &str| {
                    let label = operator.label();
                    Error::usage(format!("state `{label}/{name}` is to be renamed{what}"))
                };
                if plans.dropped.contains(name) {
                    return Err(refuse(", and left out"));
                }
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

/// Whether it is state of the asynchronous API, which Flink restores from no other layout than its own.
fn is_asynchronous(state: &Arc<State>) -> bool {
    state.meta.kind == BackendStateType::KeyValueV2
}

impl StatePlans {
    /// States of which nothing changes.
    fn untouched(loaded: LoadedOperator) -> Self {
        Self {
            loaded,
            dropped: Vec::new(),
            renamed: BTreeMap::new(),
            keyed: None,
            operator_state: false,
            scale: None,
            rules: Vec::new(),
            additions: Vec::new(),
            target: None,
            heads: Vec::new(),
            changed_logs: false,
            changed_raw_timers: false,
        }
    }

    /// States whose keyed entries all pass some rules.
    pub(crate) fn ruled(loaded: LoadedOperator, rules: Vec<Arc<dyn Rule>>, target: KeyedTarget) -> Self {
        Self {
            keyed: Some(target),
            rules,
            ..Self::untouched(loaded)
        }
    }

    /// The name of a state in the new snapshot; nothing for one that is left out.
    pub fn new_name<'n>(&'n self, name: &'n str) -> Option<&'n str> {
        match self.dropped.iter().any(|dropped| dropped == name) {
            true => None,
            false => Some(self.renamed.get(name).map_or(name, String::as_str)),
        }
    }

    /// Refuses to write anew what could not be read: it would be gone.
    fn check_all_read(&self, operator: &Operator<'_>, keyed: bool, operator_state: bool) -> Result<()> {
        let has = |subtask: u32, is: fn(&Part) -> bool| {
            self.loaded
                .parts
                .iter()
                .any(|part| part.subtask == subtask && is(part))
        };
        let is_keyed =
            |part: &Part| layout_of(part).is_some() && !matches!(part.layout, Layout::RawTimers { .. });
        let is_operator = |part: &Part| matches!(part.layout, Layout::Operator { .. });
        for (subtask, state) in operator.state.running() {
            let listed = state.managed_operator.as_ref();
            let listed = listed.filter(|handle| !matches!(handle.delegate, StreamHandle::EmptySegment));
            let unread = keyed && state.managed_keyed.is_some() && !has(subtask, is_keyed)
                || operator_state && listed.is_some() && !has(subtask, is_operator);
            if unread {
                let why = self
                    .loaded
                    .unreadable
                    .iter()
                    .find(|unreadable| unreadable.state.is_none());
                let why = why.map_or("its header cannot be read", |unreadable| &unreadable.reason);
                return Err(Error::not_interpretable(format!(
                    "operator `{}`, subtask {subtask}: {why}",
                    operator.label()
                ))
                .hint("what cannot be read can only be copied as it is: leave this operator out of the edits, or take a canonical savepoint with Flink"));
            }
        }
        Ok(())
    }

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

    /// The name of a state as the new snapshot stores it; nothing for one that is left out.
    pub(super) fn stored_name(&self, state: &State) -> Option<JavaString> {
        match self.new_name(&state.name)? {
            // Not by way of a text, which cannot have all the names that Java can.
            name if name == state.name => Some(state.meta.name.clone()),
            name => Some(JavaString::new(name).unwrap_or_default()),
        }
    }

    fn check_names(&self, operator: &Operator<'_>) -> Result<()> {
        let mut names: Vec<(bool, &str)> = Vec::new();
        for state in &self.loaded.states {
            let Some(name) = self.new_name(&state.name) else {
                continue;
            };
            if JavaString::new(name).is_none() {
                return Err(Error::usage(format!(
                    "`{name}` is too long for the name of a state"
                )));
            }
            // Keyed and operator state are apart from each other.
            let place = (state.kind.is_keyed(), name);
            if names.contains(&place) {
                return Err(Error::usage(format!(
                    "operator `{}` would have two states `{name}`",
                    operator.label()
                )));
            }
            names.push(place);
        }
        Ok(())
    }

    /// Finds out what has to be written anew; everything else is copied.
    fn choose_targets(
        &mut self,
        operator: &Operator<'_>,
        edits: &Edits,
        layout: Option<KeyedLayout>,
    ) -> Result<()> {
        let edited = |keyed: bool| {
            let states = self.loaded.states.iter();
            let mut states = states.filter(|state| state.kind.is_keyed() == keyed);
            states.any(|state| {
                self.new_name(&state.name) != Some(&state.name)
                    || self.rules.iter().any(|rule| rule.concerns(state))
            })
        };
        let has_keyed = self.loaded.parts.iter().any(|part| layout_of(part).is_some());
        let rescaled = self.scale.is_some() && has_keyed;
        let mut other = false;
        for part in self.loaded.parts.iter().filter(|part| layout_of(part).is_some()) {
            let is = layout_of(part).flatten();
            let backend_is_open = edits.format == Some(Format::Native) && layout.is_none();
            let is_timers = matches!(part.layout, Layout::RawTimers { .. });
            if backend_is_open && !is_timers && is.is_none_or(|is| is == KeyedLayout::Canonical) {
                return Err(Error::usage(format!(
                    "operator `{}`: its state is that of no backend: say which with --backend",
                    operator.label()
                )));
            }
            // Timers beside RocksDB stay there.
            let stays =
                layout == Some(KeyedLayout::RocksDb) && matches!(part.layout, Layout::RawTimers { .. });
            other |= layout.is_some() && is != layout && !stays;
            other |= self.target.is_some_and(|target| target.replaces_keyed(part));
            other |= edits.compression.is_some_and(|wanted| {
                is != Some(KeyedLayout::RocksDb) && (wanted == Compression::Snappy) != part.header.compressed
            });
        }
        let keyed = (edited(true) || other || rescaled).then_some(KeyedTarget {
            layout,
            compression: edits.compression,
        });
        // ForSt's tables are like RocksDB's, which does not take state of that API from them all the same.
        if (keyed.is_some() || layout.is_some())
            && let Some(state) = self.loaded.states.iter().find(|state| is_asynchronous(state))
        {
            return Err(Error::refused(format!(
                "operator `{}`: state `{}` is one of the asynchronous API, which Flink restores from no other layout",
                operator.label(),
                state.name
            )));
        }
        let old = operator.state.parallelism;
        let compressed = |part: &Part| self.target.is_some_and(|target| target.replaces_operator(part));
        let operator_state = edited(false)
            || self.scale.is_some_and(|scale| scale.parallelism != old)
            || self.loaded.parts.iter().any(compressed);
        let another = layout.is_some() || edits.compression.is_some();
        self.check_all_read(operator, keyed.is_some() || another, operator_state)?;
        (self.keyed, self.operator_state) = (keyed, operator_state);
        self.heads.retain(|head| match head.is_keyed() {
            true => keyed.is_none(),
            false => !operator_state,
        });
        self.check_names_inside(operator, layout)
    }

    /// Refuses to copy streams that name serializers inside, where the target needs other names.
    fn check_names_inside(&self, operator: &Operator<'_>, layout: Option<KeyedLayout>) -> Result<()> {
        let Some(target) = self.target else {
            return Ok(());
        };
        let timers_stay = !matches!(layout, Some(KeyedLayout::Canonical | KeyedLayout::Heap));
        let what = match () {
            () if self.changed_logs && self.keyed.is_none() => "its changelog names serializers",
            () if self.changed_raw_timers && timers_stay => "its timers beside RocksDB name serializers",
            () => return Ok(()),
        };
        Err(Error::refused(format!(
            "operator `{}`: {what} as Flink {} does not, and cannot be changed there",
            operator.label(),
            target.release
        ))
        .hint("write a canonical savepoint: --type canonical"))
    }
}

/// How a part's keyed state is laid out: nothing for parts without such state, and nothing inside
/// for layouts that can't be written.
pub(super) fn layout_of(part: &Part) -> Option<Option<KeyedLayout>> {
    match &part.layout {
        Layout::Operator { .. } | Layout::RawOperator { .. } | Layout::RawKeyed { .. } => None,
        Layout::Canonical { .. } => Some(Some(KeyedLayout::Canonical)),
        Layout::Heap { .. } => Some(Some(KeyedLayout::Heap)),
        Layout::RocksDb(_) => Some(Some(KeyedLayout::RocksDb)),
        Layout::RawTimers { .. } | Layout::Changelog { .. } => Some(None),
    }
}
