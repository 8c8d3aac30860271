//! Timers as raw keyed state.

use std::sync::Arc;

use statetool_backend::Source;
use statetool_backend::raw_timers::{self, TimerDomain};
use statetool_format::KeyGroupRange;
use statetool_format::metadata::KeyGroupsHandle;

use super::{Flow, Visit, no_type};
use crate::codec::Extent;
use crate::entry::{Entry, Payload, StoredKey};
use crate::error::Result;
use crate::part::Part;
use crate::state::State;

impl Part {
    pub(super) fn scan_raw_timers(
        &self,
        handle: &KeyGroupsHandle,
        source: &Source,
        range: KeyGroupRange,
        wanted: &dyn Fn(&State) -> bool,
        visit: &mut Visit<'_>,
    ) -> Result<Flow> {
        let states = self.wanted_states(wanted);
        let mut outcome: Result<Flow> = Ok(Flow::Continue(()));
        let extents = |service: &raw_timers::TimerService| {
            let name = timer_state_name(TimerDomain::Event, &service.name.to_str());
            let state = self.header.states.iter().find(|state| state.name == name);
            let extent =
                |ty: Option<&Arc<statetool_values::Type>>| Extent(ty.cloned().unwrap_or_else(no_type));
            let key = extent(state.and_then(|state| state.key.as_ref()));
            (key, extent(state.and_then(|state| state.namespace.as_ref())))
        };
        raw_timers::scan(source, handle, range, extents, |service, domain, timer| {
            if !matches!(outcome, Ok(Flow::Continue(()))) {
                return Ok(());
            }
            let name = timer_state_name(domain, &service.name.to_str());
            let Some(state) = states.iter().flatten().find(|state| state.name == name) else {
                return Ok(());
            };
            let key = StoredKey::Split {
                key: timer.key,
                namespace: timer.namespace,
                map_key: None,
                timestamp: Some(timer.timestamp),
            };
            let (subtask, key_group) = (self.subtask, Some(timer.key_group));
            outcome = visit(&Entry {
                state,
                subtask,
                key_group,
                key,
                value: Payload::None,
                offset: None,
            });
            Ok(())
        })?;
        outcome
    }
}

/// The name of a queue of timers (Flink's `InternalTimerServiceImpl`).
pub(crate) fn timer_state_name(domain: TimerDomain, service: &str) -> String {
    match domain {
        TimerDomain::Event => format!("_timer_state/event_{service}"),
        TimerDomain::Processing => format!("_timer_state/processing_{service}"),
    }
}
