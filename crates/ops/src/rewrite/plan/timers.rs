//! Names that say what a state is: Flink's timer services look for their timers by them.

use statetool_snapshot::{Error, Result, State};

/// What the names of timers begin with, which no other state's name does (`InternalTimeServiceManagerImpl`, 1.13-2.3).
const TIMERS: &str = "_timer_state/";
/// And behind that, of event time and of processing time.
const DOMAINS: [&str; 2] = ["_timer_state/event_", "_timer_state/processing_"];

/// Refuses a new name by which timers would be found no more, or as those of the other kind of time, and
/// other state as timers.
pub(super) fn check_name(state: &State, to: &str) -> Result<()> {
    let domain = |name: &str| DOMAINS.into_iter().find(|domain| name.starts_with(domain));
    let old = domain(&state.name);
    if old == domain(to) && (old.is_some() || !to.starts_with(TIMERS)) {
        return Ok(());
    }
    Err(match old {
        Some(domain) => Error::refused(format!(
            "state `{}` cannot become `{to}`: Flink finds these timers by a name that begins with `{domain}`",
            state.name
        )),
        None => Error::refused(format!(
            "state `{}` cannot become `{to}`: names that begin with `{TIMERS}` are those of timers",
            state.name
        )),
    })
}
