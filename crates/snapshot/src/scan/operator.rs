//! Operator state.

use std::sync::Arc;

use statetool_backend::Source;
use statetool_backend::operator::Partitions;
use statetool_format::Fault;
use statetool_format::metadata::OperatorStateHandle;

use super::{Flow, Visit, no_type};
use crate::codec::skip;
use crate::entry::{Entry, Payload, StoredKey};
use crate::error::Result;
use crate::part::Part;
use crate::state::State;

impl Part {
    pub(super) fn scan_operator(
        &self,
        handle: &OperatorStateHandle,
        source: &Source,
        lists: usize,
        wanted: &dyn Fn(&State) -> bool,
        visit: &mut Visit<'_>,
    ) -> Result<Flow> {
        let partitions = Partitions::new(handle, self.compression(), source.len());
        if partitions.are_ambiguous() && self.header.compressed {
            return self.scan_unflushed(handle, source, &partitions, lists, wanted, visit);
        }
        for (index, state) in self.wanted_states(wanted).into_iter().enumerate() {
            let Some(state) = state else { continue };
            let stored = handle.states.iter().find(|stored| stored.name == state.meta.name);
            let offsets = stored.map(|stored| stored.offsets.as_slice()).unwrap_or_default();
            for (element, offset) in (0..).zip(offsets) {
                let mut window = partitions.open(source, *offset)?;
                let flow = if index < lists {
                    self.visit_element(state, element, &mut window, visit)?
                } else {
                    self.visit_broadcast(state, &mut window, visit)?
                };
                if flow.is_break() {
                    return Ok(flow);
                }
                // A partition whose bytes nobody knows was taken whole.
                window.finish("end of a partition")?;
            }
        }
        Ok(Flow::Continue(()))
    }

    /// Flink 1.18.0 and 1.18.1 recorded offsets before flushing; what follows the header is
    /// read as one run, as many elements of each state as there are offsets.
    fn scan_unflushed(
        &self,
        handle: &OperatorStateHandle,
        source: &Source,
        partitions: &Partitions,
        lists: usize,
        wanted: &dyn Fn(&State) -> bool,
        visit: &mut Visit<'_>,
    ) -> Result<Flow> {
        let mut window = partitions.open_all(source)?;
        for (index, state) in self.header.states.iter().enumerate() {
            let stored = handle.states.iter().find(|stored| stored.name == state.meta.name);
            for element in 0..stored.map_or(0, |stored| stored.offsets.len() as u64) {
                let is_wanted = wanted(state);
                let mut filtered = |entry: &Entry<'_>| {
                    if is_wanted {
                        visit(entry)
                    } else {
                        Ok(Flow::Continue(()))
                    }
                };
                let flow = if index < lists {
                    self.visit_element(state, element, &mut window, &mut filtered)?
                } else {
                    self.visit_broadcast(state, &mut window, &mut filtered)?
                };
                if flow.is_break() {
                    return Ok(flow);
                }
            }
        }
        window.finish("end of the operator state")?;
        Ok(Flow::Continue(()))
    }

    fn visit_element(
        &self,
        state: &Arc<State>,
        index: u64,
        window: &mut statetool_backend::Window,
        visit: &mut Visit<'_>,
    ) -> Result<Flow> {
        let offset = window.offset();
        let len = match window.peek(|r| skip(&state.value, r)) {
            Ok(((), len)) => len,
            Err(error) if matches!(error.fault(), Some(Fault::UnknownClass(_))) => window.peek_all()?,
            Err(error) => return Err(error.into()),
        };
        let bytes: &[u8] = window.take(len);
        visit(&Entry {
            state,
            subtask: self.subtask,
            key_group: None,
            key: StoredKey::Element { index },
            value: Payload::Value(bytes),
            offset: Some(offset),
        })
    }

    fn visit_broadcast(
        &self,
        state: &Arc<State>,
        window: &mut statetool_backend::Window,
        visit: &mut Visit<'_>,
    ) -> Result<Flow> {
        let count = window.parse(|r| r.i32_in(0, i32::MAX, "number of broadcast entries"))?;
        let no_key = no_type();
        let key_type = state.map_key.as_ref().unwrap_or(&no_key);
        for _ in 0..count {
            let offset = window.offset();
            let (key_len, len) = window.peek(|r| {
                let start = r.left();
                skip(key_type, r)?;
                let key_len = start - r.left();
                skip(&state.value, r)?;
                Ok(key_len)
            })?;
            let bytes: &[u8] = window.take(len);
            let (key, value) = bytes.split_at_checked(key_len).unwrap_or_default();
            let flow = visit(&Entry {
                state,
                subtask: self.subtask,
                key_group: None,
                key: StoredKey::Broadcast { map_key: key },
                value: Payload::Value(value),
                offset: Some(offset),
            })?;
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(Flow::Continue(()))
    }
}
