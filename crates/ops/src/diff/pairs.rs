//! What belongs together in two snapshots: operators by id, states by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use statetool_format::OperatorId;
use statetool_snapshot::{
    Error, ErrorKind, LoadedOperator, Operator, OperatorSelector, Result, Snapshot, State, StateKind,
    StateSelector,
};
use statetool_values::schema::tree;

use super::options::{DiffOptions, Ignore};
use crate::cat::unknown_state;

/// An operator of one snapshot and that of the other that it is compared with.
pub(super) struct OperatorPair<'s> {
    pub(super) a: Option<Operator<'s>>,
    pub(super) b: Option<Operator<'s>>,
}

impl<'s> OperatorPair<'s> {
    /// The operator that rows name: that of the first snapshot, if there is one.
    pub(super) fn named(&self) -> Option<&Operator<'s>> {
        self.a.as_ref().or(self.b.as_ref())
    }
}

/// The operators and states that a selector means in either snapshot.
struct Selected {
    /// All if there are none.
    operators: Option<BTreeSet<OperatorId>>,
    state: Option<String>,
}

/// What is compared.
pub(super) struct Scope<'s> {
    pub(super) operators: Vec<OperatorPair<'s>>,
    selected: Selected,
    ignored: Vec<Selected>,
}

impl Selected {
    fn all() -> Self {
        Self {
            operators: None,
            state: None,
        }
    }

    /// Resolves a selector, which may name an operator that only one of the snapshots has.
    fn resolve(
        text: &str,
        a: &Snapshot,
        b: &Snapshot,
        uids: &mut BTreeMap<OperatorId, String>,
    ) -> Result<Self> {
        let mut found = Self::all();
        let mut refused = None;
        for snapshot in [a, b] {
            let selector = StateSelector::parse(text, snapshot);
            if selector.operator.is_none() {
                found.state = selector.state;
                return Ok(found);
            }
            match selector.operators(snapshot) {
                Ok(operators) => {
                    for operator in operators {
                        found.operators.get_or_insert_default().insert(operator.id());
                        uids.extend(operator.uid.clone().map(|uid| (operator.id(), uid)));
                    }
                    found.state = selector.state;
                }
                Err(error) => {
                    refused.get_or_insert(error);
                }
            }
        }
        match (found.operators.is_some(), refused) {
            (false, Some(error)) => Err(error),
            _ => Ok(found),
        }
    }

    fn wants_operator(&self, pair: &OperatorPair<'_>) -> bool {
        let Some(wanted) = &self.operators else {
            return true;
        };
        [&pair.a, &pair.b]
            .into_iter()
            .flatten()
            .any(|op| wanted.contains(&op.id()))
    }

    fn wants_state(&self, name: &str) -> bool {
        self.state.as_deref().is_none_or(|wanted| wanted == name)
    }
}

impl<'s> Scope<'s> {
    /// Pairs the operators of two snapshots: those of the first in its order, then what only the second has.
    pub(super) fn new(a: &'s Snapshot, b: &'s Snapshot, options: &DiffOptions) -> Result<Self> {
        let mut uids = BTreeMap::new();
        let selected = match &options.selector {
            Some(text) => Selected::resolve(text, a, b, &mut uids)?,
            None => Selected::all(),
        };
        let mut ignored = Vec::new();
        for ignore in &options.ignore {
            if let Ignore::States(text) = ignore {
                ignored.push(Selected::resolve(text, a, b, &mut uids)?);
            }
        }
        let mapped = mapped(a, b, &options.map_operators, &mut uids)?;
        let mut operators = pair_up(a, b, &mapped);
        operators.iter_mut().for_each(|pair| share_uid(pair, &uids));
        check_state(&selected, &operators, a, b)?;
        for ignored in &ignored {
            match check_state(ignored, &operators, a, b) {
                // What cannot be read may hold it, and need not be read if it is not selected.
                Err(error) if error.kind() != ErrorKind::Usage => {}
                checked => checked?,
            }
        }
        operators.retain(|pair| selected.wants_operator(pair));
        Ok(Self {
            operators,
            selected,
            ignored,
        })
    }

    /// Whether nothing was selected.
    pub(super) fn is_everything(&self) -> bool {
        self.selected.operators.is_none() && self.selected.state.is_none()
    }

    /// Whether anything of an operator but its selected states is of interest.
    pub(super) fn whole_operators(&self) -> bool {
        self.selected.state.is_none()
    }

    /// Whether a state is compared.
    pub(super) fn wants(&self, pair: &OperatorPair<'_>, state: &str) -> bool {
        let ignored = |ignored: &Selected| ignored.wants_operator(pair) && ignored.wants_state(state);
        self.selected.wants_state(state) && !self.ignored.iter().any(ignored)
    }

    /// Whether all states of an operator are ignored.
    pub(super) fn ignores_operator(&self, pair: &OperatorPair<'_>) -> bool {
        let ignored = |ignored: &Selected| {
            ignored.operators.is_some() && ignored.state.is_none() && ignored.wants_operator(pair)
        };
        self.ignored.iter().any(ignored)
    }
}

/// Refuses a state that none of the operators has in either snapshot.
fn check_state(
    selected: &Selected,
    operators: &[OperatorPair<'_>],
    a: &Snapshot,
    b: &Snapshot,
) -> Result<()> {
    let Some(wanted) = &selected.state else {
        return Ok(());
    };
    let wanted_pairs = || operators.iter().filter(|pair| selected.wants_operator(pair));
    let in_a: Vec<Operator<'_>> = wanted_pairs().filter_map(|pair| pair.a.clone()).collect();
    let in_b: Vec<Operator<'_>> = wanted_pairs().filter_map(|pair| pair.b.clone()).collect();
    for (snapshot, operators) in [(a, &in_a), (b, &in_b)] {
        for operator in operators {
            let loaded = snapshot.load_operator(operator)?;
            let unreadable = loaded.unreadable.iter().filter_map(|part| part.state.as_ref());
            let mut names = loaded.states.iter().map(|state| &state.name).chain(unreadable);
            if names.any(|name| name == wanted) {
                return Ok(());
            }
        }
    }
    Err(match in_a.is_empty() {
        false => unknown_state(a, &in_a, wanted),
        true => unknown_state(b, &in_b, wanted),
    })
}

/// Which operator of the second snapshot one of the first goes with, where a user says so.
fn mapped(
    a: &Snapshot,
    b: &Snapshot,
    wanted: &[(String, String)],
    uids: &mut BTreeMap<OperatorId, String>,
) -> Result<BTreeMap<OperatorId, OperatorId>> {
    let mut mapped = BTreeMap::new();
    let mut taken: BTreeMap<OperatorId, String> = BTreeMap::new();
    for (from, to) in wanted {
        let from = OperatorSelector::parse(from).resolve(a)?;
        let to = OperatorSelector::parse(to).resolve(b)?;
        uids.extend(from.uid.clone().map(|uid| (from.id(), uid)));
        let other = mapped.insert(from.id(), to.id());
        if let Some(other) = other.filter(|other| *other != to.id()) {
            let (from, to) = (from.label(), to.id());
            let why = format!("operator `{from}` is mapped to two others: {other}, {to}");
            return Err(Error::usage(why));
        }
        let label = from.label();
        let other = taken.insert(to.id(), label.clone());
        if let Some(other) = other.filter(|other| *other != label) {
            let to = to.label();
            let why = format!("two operators are mapped to `{to}`: {other}, {label}");
            return Err(Error::usage(why));
        }
    }
    Ok(mapped)
}

/// The operators of both snapshots; one that a user has mapped goes with no other.
fn pair_up<'s>(
    a: &'s Snapshot,
    b: &'s Snapshot,
    mapped: &BTreeMap<OperatorId, OperatorId>,
) -> Vec<OperatorPair<'s>> {
    let taken: BTreeSet<&OperatorId> = mapped.values().collect();
    let mut others: Vec<Operator<'s>> = b.operators().collect();
    let mut operators = Vec::new();
    for operator in a.operators() {
        let id = operator.id();
        let partner = mapped.get(&id).copied().or((!taken.contains(&id)).then_some(id));
        let at = others.iter().position(|other| Some(other.id()) == partner);
        operators.push(OperatorPair {
            a: Some(operator),
            b: at.map(|at| others.remove(at)),
        });
    }
    operators.extend(others.into_iter().map(|b| OperatorPair { a: None, b: Some(b) }));
    operators
}

/// What is known of an operator's uid in one snapshot is known in both.
fn share_uid(pair: &mut OperatorPair<'_>, uids: &BTreeMap<OperatorId, String>) {
    let ids = [&pair.a, &pair.b].map(|side| side.as_ref().map(Operator::id));
    let same = ids.iter().flatten().collect::<BTreeSet<_>>().len() == 1;
    let known = [&pair.a, &pair.b].map(|side| side.as_ref().and_then(|op| op.uid.clone()));
    for operator in [&mut pair.a, &mut pair.b].into_iter().flatten() {
        let found = uids.get(&operator.id()).cloned();
        let shared = known.iter().flatten().next().filter(|_| same).cloned();
        operator.uid = operator.uid.take().or(found).or(shared);
    }
}

/// Kinds of state whose entries can be compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One value a key.
    Value,
    List,
    Map,
    Timer,
    Broadcast,
    OperatorList,
    OperatorBroadcastList,
}

impl Form {
    pub(super) fn of(kind: StateKind) -> Self {
        match kind {
            StateKind::Value | StateKind::Reducing | StateKind::Aggregating => Self::Value,
            StateKind::List => Self::List,
            StateKind::Map => Self::Map,
            StateKind::Timer => Self::Timer,
            StateKind::Broadcast => Self::Broadcast,
            StateKind::OperatorListSplit | StateKind::OperatorListUnion => Self::OperatorList,
            StateKind::OperatorBroadcastList => Self::OperatorBroadcastList,
        }
    }

    /// Whether all subtasks hold the same, so that those of one are enough.
    pub(super) fn is_repeated(self) -> bool {
        matches!(self, Self::Broadcast | Self::OperatorBroadcastList)
    }
}

/// A state on both sides.
pub(super) struct StatePair {
    pub(super) name: String,
    pub(super) form: Form,
    pub(super) a: Option<Arc<State>>,
    pub(super) b: Option<Arc<State>>,
    /// Whether the same keys have the same bytes on both sides; else they are matched by what rows show.
    pub(super) same_keys: bool,
    /// Whether the same bytes mean the same value on both sides.
    pub(super) same_values: bool,
}

impl StatePair {
    fn new(state: &State) -> Self {
        Self {
            name: state.name.clone(),
            form: Form::of(state.kind),
            a: None,
            b: None,
            same_keys: true,
            same_values: true,
        }
    }

    /// Whether both snapshots have the state.
    pub(super) fn is_pair(&self) -> bool {
        self.a.is_some() && self.b.is_some()
    }

    /// The state, whichever snapshot has it.
    pub(super) fn state(&self) -> Option<&Arc<State>> {
        self.a.as_ref().or(self.b.as_ref())
    }

    fn compare_types(&mut self) {
        if let (Some(a), Some(b)) = (&self.a, &self.b) {
            self.same_keys = a.key == b.key && a.namespace == b.namespace && a.map_key == b.map_key;
            self.same_values = a.value == b.value;
        }
    }
}

/// The states of an operator that are compared; a state's rank is its place among them.
pub(super) struct StatePairs(pub(super) Vec<StatePair>);

impl StatePairs {
    /// Pairs the states of an operator: those of the first snapshot in its order, then the others.
    pub(super) fn new<'l>(
        a: Option<&'l LoadedOperator>,
        b: Option<&'l LoadedOperator>,
        wanted: impl Fn(&State) -> bool,
    ) -> Self {
        let mut pairs = Self(Vec::new());
        let states =
            |loaded: Option<&'l LoadedOperator>| loaded.into_iter().flat_map(|loaded| &loaded.states);
        for state in states(a).filter(|state| wanted(state)) {
            pairs.add(state, |pair| pair.a = Some(state.clone()));
        }
        for state in states(b).filter(|state| wanted(state)) {
            pairs.add(state, |pair| pair.b = Some(state.clone()));
        }
        pairs.0.iter_mut().for_each(StatePair::compare_types);
        pairs
    }

    fn add(&mut self, state: &State, put: impl FnOnce(&mut StatePair)) {
        match self.rank(state).and_then(|rank| self.0.get_mut(rank)) {
            Some(pair) => put(pair),
            None => {
                let mut pair = StatePair::new(state);
                put(&mut pair);
                self.0.push(pair);
            }
        }
    }

    /// The place of a state.
    pub(super) fn rank(&self, state: &State) -> Option<usize> {
        let form = Form::of(state.kind);
        self.0
            .iter()
            .position(|pair| pair.form == form && pair.name == state.name)
    }

    /// Whether entries of a state are compared.
    pub(super) fn wants(&self, state: &State) -> bool {
        self.rank(state).is_some()
    }

    /// Whether the same key has the same hash on both sides, so that its key groups correspond.
    pub(super) fn same_hashes(&self) -> bool {
        self.0.iter().all(|pair| match (&pair.a, &pair.b) {
            (Some(a), Some(b)) => match (&a.key, &b.key) {
                (Some(a), Some(b)) => a == b || tree(a) == tree(b),
                _ => true,
            },
            _ => true,
        })
    }
}
