//! Names that say what a state is: Flink's timer services look for their timers by them.

use statetool_snapshot::{Error, Result, State};

/// What the names of timers begin with, and no other state's (`InternalTimeServiceManagerImpl`, 1.13-2.3).
const TIMERS: &str = "_timer_state/";
/// What those of event time begin with; the name of the service is behind it.
pub(crate) const EVENT: &str = "_timer_state/event_";
/// What those of processing time begin with.
pub(crate) const PROCESSING: &str = "_timer_state/processing_";

/// Refuses a new name by which timers would be found no more, or as those of the other kind of time, and
/// other state as timers.
pub(super) fn check_new_name(state: &State, to: &str) -> Result<()> {
    let domain = |name: &str| {
        [EVENT, PROCESSING]
            .into_iter()
            .find(|domain| name.starts_with(domain))
    };
    let old = domain(&state.name);
    if old == domain(to) && (old.is_some() || !to.starts_with(TIMERS)) {
        return Ok(());
    }
    let why = match old {
        Some(domain) => format!("Flink finds these timers by a name that begins with `{domain}`"),
        None => format!("names that begin with `{TIMERS}` are those of timers"),
    };
    Err(Error::refused(format!(
        "state `{}` cannot become `{to}`: {why}",
        state.name
    )))
}
