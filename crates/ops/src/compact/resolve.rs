//! What is asked for, resolved against the states that there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use statetool_snapshot::{
    Error, LoadedOperator, Operator, OperatorSelector, Result, Snapshot, State, StateKind, StateSelector,
};

use super::duration::{in_words, positive};
use super::expire::Keeping;
use super::options::{Before, CompactOptions};
use super::sessions::{has_windows, is_mapping};
use super::watermark;
use crate::cat::unknown_state;

/// An operator with its states.
pub(super) struct Known<'s> {
    pub(super) operator: Operator<'s>,
    pub(super) loaded: LoadedOperator,
}

impl Known<'_> {
    fn named(&self, state: &State) -> String {
        format!("{}/{}", self.operator.label(), state.name)
    }
}

/// What becomes of the states of one operator.
#[derive(Default)]
pub(super) struct Wanted {
    /// Times to live of all states with a TTL; nothing for those of which it was not said.
    pub(super) lifetimes: BTreeMap<String, Option<i64>>,
    pub(super) expire: BTreeMap<String, Keeping>,
    /// Up to when windows have ended, and whether that is the watermark.
    pub(super) windows: Option<(i64, bool)>,
}

/// Finds out what becomes of each operator.
///
/// # Errors
/// Selectors of what is not there, or is not of that kind, and durations that contradict each other.
pub(super) fn resolve(
    snapshot: &Snapshot,
    known: &[Known<'_>],
    options: &CompactOptions,
) -> Result<Vec<Wanted>> {
    let mut wanted: Vec<Wanted> = known.iter().map(|_| Wanted::default()).collect();
    lifetimes(snapshot, known, options, &mut wanted)?;
    expiries(snapshot, known, options, &mut wanted)?;
    windows(snapshot, known, options, &mut wanted)?;
    Ok(wanted)
}

/// The states that a selector means, by operator.
fn meant<'k>(
    snapshot: &Snapshot,
    known: &'k [Known<'_>],
    selector: &StateSelector,
) -> Result<Vec<(usize, &'k Arc<State>)>> {
    let operators = selector.operators(snapshot)?;
    let mut found = Vec::new();
    for (place, known) in known.iter().enumerate() {
        if operators
            .iter()
            .any(|operator| operator.index == known.operator.index)
        {
            let states = known.loaded.states.iter();
            found.extend(
                states
                    .filter(|state| selector.wants(&state.name))
                    .map(|state| (place, state)),
            );
        }
    }
    match found.is_empty() {
        true => {
            let wanted = selector.state.as_deref().unwrap_or("*");
            Err(unknown_state(snapshot, &operators, wanted))
        }
        false => Ok(found),
    }
}

/// How much a selector says: the more specific wins.
fn weight(selector: &StateSelector) -> u8 {
    u8::from(selector.operator.is_some()) + 2 * u8::from(selector.state.is_some())
}

/// Values for states, of which the most specific counts.
struct Given<T>(BTreeMap<(usize, String), (u8, T)>);

impl<T: PartialEq> Given<T> {
    fn set(&mut self, place: usize, state: &str, weight: u8, value: T) -> Result<(), ()> {
        match self.0.get(&(place, state.to_owned())) {
            Some((other, _)) if *other > weight => Ok(()),
            Some((other, before)) if *other == weight && *before != value => Err(()),
            _ => {
                self.0.insert((place, state.to_owned()), (weight, value));
                Ok(())
            }
        }
    }
}

fn lifetimes(
    snapshot: &Snapshot,
    known: &[Known<'_>],
    options: &CompactOptions,
    wanted: &mut [Wanted],
) -> Result<()> {
    let mut given = Given(BTreeMap::new());
    for lifetime in &options.ttl {
        let millis = positive(lifetime.millis, lifetime.state.as_deref())?;
        let selector = match &lifetime.state {
            Some(state) => StateSelector::parse(state, snapshot),
            None => StateSelector::all(),
        };
        let states = match &lifetime.state {
            Some(_) => meant(snapshot, known, &selector)?,
            None => all(known),
        };
        let with_ttl: Vec<_> = states.iter().filter(|(_, state)| state.ttl).collect();
        if let (Some((place, state)), Some(_), true) = (states.first(), &lifetime.state, with_ttl.is_empty())
        {
            return Err(without_ttl(known, *place, state, millis));
        }
        for (place, state) in with_ttl {
            if given.set(*place, &state.name, weight(&selector), millis).is_err() {
                let name = known
                    .get(*place)
                    .map(|known| known.named(state))
                    .unwrap_or_default();
                return Err(
                    Error::usage(format!("two times to live for state `{name}`")).hint(
                        "say it once; of selectors the most specific counts: --ttl OPERATOR/STATE=DURATION",
                    ),
                );
            }
        }
    }
    for ((place, known), wanted) in known.iter().enumerate().zip(wanted) {
        for state in known.loaded.states.iter().filter(|state| state.ttl) {
            let lifetime = given
                .0
                .get(&(place, state.name.clone()))
                .map(|(_, millis)| *millis);
            wanted.lifetimes.insert(state.name.clone(), lifetime);
        }
    }
    Ok(())
}

fn all<'k>(known: &'k [Known<'_>]) -> Vec<(usize, &'k Arc<State>)> {
    let states = known.iter().enumerate();
    states
        .flat_map(|(place, known)| known.loaded.states.iter().map(move |state| (place, state)))
        .collect()
}

fn without_ttl(known: &[Known<'_>], place: usize, state: &State, millis: i64) -> Error {
    let name = known
        .get(place)
        .map(|known| known.named(state))
        .unwrap_or_default();
    let error = Error::usage(format!(
        "state `{name}` has no TTL: nothing says when its entries were last accessed"
    ));
    match has_time(state) {
        true => error.hint(format!(
            "say where the time of an entry stands: --expire {name}={} --by value.FIELD",
            in_words(millis)
        )),
        false => error.hint("name a state with a TTL; `statetool inspect` shows which have one"),
    }
}

/// Whether entries of a state may have a time in them.
fn has_time(state: &State) -> bool {
    state.kind.is_keyed() && state.kind != StateKind::Timer
}

fn expiries(
    snapshot: &Snapshot,
    known: &[Known<'_>],
    options: &CompactOptions,
    wanted: &mut [Wanted],
) -> Result<()> {
    let mut given = Given(BTreeMap::new());
    for (number, expiry) in options.expire.iter().enumerate() {
        positive(expiry.millis, Some(&expiry.state))?;
        let selector = StateSelector::parse(&expiry.state, snapshot);
        for (place, state) in meant(snapshot, known, &selector)? {
            let name = known
                .get(place)
                .map(|known| known.named(state))
                .unwrap_or_default();
            if state.ttl {
                return Err(
                    Error::usage(format!("state `{name}` has a TTL, by which its entries expire"))
                        .hint(format!("say how long: --ttl {name}={}", in_words(expiry.millis))),
                );
            }
            if !has_time(state) && selector.state.is_none() {
                continue;
            }
            if !has_time(state) {
                let why = format!("state `{name}` is {} state, of which nothing expires", state.kind);
                return Err(Error::usage(why)
                    .hint("timers go with windows, by --windows-before, or with keys, by --drop-orphans"));
            }
            if given.set(place, &state.name, weight(&selector), number).is_err() {
                return Err(Error::usage(format!("two durations for state `{name}`")).hint(
                    "say it once; of selectors the most specific counts: --expire OPERATOR/STATE=DURATION",
                ));
            }
        }
    }
    for ((place, state), (_, number)) in given.0 {
        if let Some((wanted, expiry)) = wanted.get_mut(place).zip(options.expire.get(number)) {
            let keeping = Keeping {
                after: expiry.millis,
                by: expiry.by.clone(),
            };
            wanted.expire.insert(state, keeping);
        }
    }
    Ok(())
}

fn windows(
    snapshot: &Snapshot,
    known: &[Known<'_>],
    options: &CompactOptions,
    wanted: &mut [Wanted],
) -> Result<()> {
    let mut of_operators: BTreeMap<usize, Before> = BTreeMap::new();
    let mut of_all = None;
    for windows in &options.windows_before {
        let before = match &windows.operator {
            None => of_all.replace(windows.before),
            Some(selector) => {
                let operator = OperatorSelector::parse(selector).resolve(snapshot)?;
                let known = known.iter().find(|known| known.operator.index == operator.index);
                if let Some(known) = known {
                    has_time_windows(known)?;
                }
                of_operators.insert(operator.index, windows.before)
            }
        };
        if before.is_some_and(|before| before != windows.before) {
            let whom = windows.operator.as_deref().unwrap_or("all operators");
            return Err(Error::usage(format!("windows of {whom} are to end at two times"))
                .hint("say it once; for one operator: --windows-before OPERATOR=TIME"));
        }
    }
    let mut found = false;
    for (known, wanted) in known.iter().zip(wanted) {
        let named = of_operators.get(&known.operator.index).copied();
        let Some(before) = named.or_else(|| of_all.filter(|_| is_windowed(known))) else {
            continue;
        };
        has_time_windows(known)?;
        found = true;
        wanted.windows = Some(match before {
            Before::Time(time) => (time, false),
            Before::Watermark => (watermark::stored(snapshot, known)?, true),
        });
    }
    if of_all.is_some() && !found {
        return Err(Error::usage("no operator of the snapshot has time windows").hint(NO_WINDOWS));
    }
    Ok(())
}

/// How to see which operators have windows.
const NO_WINDOWS: &str = "`statetool inspect` shows namespaces: those of time windows are of type TimeWindow; timers of other operators go by --drop-orphans";

/// Whether an operator has windows of time.
fn is_windowed(known: &Known<'_>) -> bool {
    slices(known).is_some() || known.loaded.states.iter().any(|state| has_windows(state))
}

/// Refuses operators without windows of time, and those whose namespaces do not say which window it is.
fn has_time_windows(known: &Known<'_>) -> Result<()> {
    let label = known.operator.label();
    if let Some(state) = slices(known) {
        return Err(Error::refused(format!(
            "operator `{label}`: state `{}` is that of a SQL window: a slice of time that several windows may still need, on the clock of the session's time zone",
            state.name
        ))
        .hint("Flink itself leaves such slices out when the watermark passes them; name the other operators: --windows-before OPERATOR=TIME"));
    }
    match known
        .loaded
        .states
        .iter()
        .any(|state| has_windows(state) || is_mapping(state))
    {
        true => Ok(()),
        false => Err(Error::usage(format!("operator `{label}` has no time windows")).hint(NO_WINDOWS)),
    }
}

/// State of SQL's slicing windows, whose namespace is the end of a slice.
fn slices<'k>(known: &'k Known<'_>) -> Option<&'k Arc<State>> {
    let of_long = |state: &&Arc<State>| state.namespace.as_ref().is_some_and(|ty| ty.name() == "Long");
    let states = || known.loaded.states.iter().filter(of_long);
    states().find(|state| state.kind == StateKind::Timer && state.name.ends_with("_window-timers"))?;
    let contents = states().find(|state| state.kind != StateKind::Timer);
    contents.or_else(|| states().next())
}
