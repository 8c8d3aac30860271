//! Passes the base through an overlay, then adds what only the log has.

use std::collections::{HashMap, HashSet};
use std::iter::Peekable;
use std::sync::Arc;
use std::vec::IntoIter;

use statetool_backend::InFile;
use statetool_format::KeyGroupRange;

use super::{Fragment, KeyChange, KeyId, MapValue, Overlay};
use crate::entry::{Entry, Payload, StoredKey};
use crate::error::Result;
use crate::files::Files;
use crate::part::{Layout, Part};
use crate::scan::{Besides, Counted, Flow, Visit};
use crate::state::{State, StateKind};

/// Elements of lists of the base that were merged into other namespaces.
type MergedLists = HashMap<KeyId, Vec<Vec<u8>>>;

impl Overlay {
    /// Visits the entries that base and log make together, key group by key group; in each, those
    /// of the base first.
    pub(crate) fn scan(
        &self,
        part: &Part,
        files: &Files,
        range: KeyGroupRange,
        wanted: &dyn Fn(&State) -> bool,
        visit: &mut Visit<'_>,
        counted: &mut Counted<'_>,
    ) -> Result<Flow> {
        let base = match &part.layout {
            Layout::Changelog { base, .. } => base.as_slice(),
            _ => &[],
        };
        let merged = self.merged_lists(base, files, range)?;
        let mut seen: HashSet<KeyId> = HashSet::new();
        let mut additions = self.additions(part.subtask, range, wanted, &merged);
        let mut pieces: Vec<&Part> = base.iter().collect();
        pieces.sort_by_key(|piece| piece.range);
        for piece in pieces {
            let mut visit_base = |entry: &Entry<'_>| {
                let group = entry.key_group.unwrap_or_default();
                match additions.visit_before(group, &seen, visit)? {
                    Flow::Continue(()) => self.pass(entry, &merged, &mut seen, visit),
                    Flow::Break(()) => Ok(Flow::Break(())),
                }
            };
            // What was empty then may have entries by now.
            let mut counted = |state: &Arc<State>, besides| match besides {
                Besides::Records { .. } => counted(state, besides),
                Besides::EmptyMaps { .. } => {}
            };
            let flow = piece.scan_counting(files, range, wanted, &mut visit_base, &mut counted)?;
            if flow.is_break() {
                return Ok(flow);
            }
        }
        additions.visit_before(range.end(), &seen, visit)
    }

    /// One entry of the base.
    fn pass(
        &self,
        entry: &Entry<'_>,
        merged: &MergedLists,
        seen: &mut HashSet<KeyId>,
        visit: &mut Visit<'_>,
    ) -> Result<Flow> {
        let Some(index) = self
            .header
            .states
            .iter()
            .position(|state| state.name == entry.state.name)
        else {
            return visit(entry);
        };
        let Some(parts) = entry.key_parts().in_file("base of a changelog")? else {
            return visit(entry);
        };
        if let Some(timestamp) = parts.timestamp {
            let timer = timer_bytes(timestamp, parts.key, parts.namespace);
            let logged = self.timers.contains_key(&(index, timer));
            return if logged {
                Ok(Flow::Continue(()))
            } else {
                visit(entry)
            };
        }
        let id = KeyId {
            state: index,
            key: parts.key.to_vec(),
            namespace: parts.namespace.to_vec(),
        };
        let Some(change) = self.keyed.get(&id) else {
            return visit(entry);
        };
        if change.replaced {
            return Ok(Flow::Continue(()));
        }
        match entry.state.kind {
            StateKind::Map if parts.map_key.is_some_and(|key| change.entries.contains_key(key)) => {
                Ok(Flow::Continue(()))
            }
            StateKind::List if !change.list.is_empty() => {
                let mut elements = elements_of(entry)?;
                elements.extend(change.elements(&id, merged));
                seen.insert(id);
                let joined = elements.join(&b',');
                visit(&Entry {
                    value: Payload::Delimited(&joined),
                    ..*entry
                })
            }
            _ => visit(entry),
        }
    }

    /// What only the log has, in the order of key groups, so that the same log gives the same rows.
    fn additions<'a>(
        &'a self,
        subtask: u32,
        range: KeyGroupRange,
        wanted: &dyn Fn(&State) -> bool,
        merged: &'a MergedLists,
    ) -> Additions<'a> {
        let state = |index: usize| self.header.states.get(index).filter(|state| wanted(state));
        let mut changes: Vec<(&KeyId, &KeyChange)> = self.keyed.iter().collect();
        changes.sort_by_key(|(id, _)| (id.state, &id.key, &id.namespace));
        let changes = changes.into_iter().filter_map(|(id, change)| {
            let state = state(id.state)?;
            Some((change.key_group, Addition::Change { state, id, change }))
        });
        let timers = self.timers.iter().filter(|(_, (present, _))| *present);
        let timers = timers.filter_map(|((index, timer), (_, group))| {
            let state = state(*index)?;
            Some((*group, Addition::Timer { state, timer }))
        });
        let of_range = changes.chain(timers).filter(|(group, _)| range.contains(*group));
        let mut all: Vec<(u32, Addition<'a>)> = of_range.collect();
        all.sort_by_key(|(group, _)| *group);
        Additions {
            subtask,
            merged,
            rest: all.into_iter().peekable(),
        }
    }

    /// Reads those lists of the base that the log merged into other namespaces.
    fn merged_lists(&self, base: &[Part], files: &Files, range: KeyGroupRange) -> Result<MergedLists> {
        let mut lists = MergedLists::new();
        for (id, change) in &self.keyed {
            for fragment in &change.list {
                if let Fragment::BaseOf(namespace) = fragment {
                    lists.insert(
                        KeyId {
                            namespace: namespace.clone(),
                            ..id.clone()
                        },
                        Vec::new(),
                    );
                }
            }
        }
        if lists.is_empty() {
            return Ok(lists);
        }
        for piece in base {
            let collect = &mut |entry: &Entry<'_>| {
                let index = self
                    .header
                    .states
                    .iter()
                    .position(|state| state.name == entry.state.name);
                let parts = entry.key_parts().in_file("base of a changelog")?;
                if let (Some(state), Some(parts)) = (index, parts) {
                    let id = KeyId {
                        state,
                        key: parts.key.to_vec(),
                        namespace: parts.namespace.to_vec(),
                    };
                    if let Some(list) = lists.get_mut(&id) {
                        *list = elements_of(entry)?;
                    }
                }
                Ok(Flow::Continue(()))
            };
            // It never breaks off.
            let _ = piece.scan(files, range, &|state| state.kind == StateKind::List, collect)?;
        }
        Ok(lists)
    }
}

/// What only the log has, and has not been visited.
struct Additions<'a> {
    subtask: u32,
    merged: &'a MergedLists,
    rest: Peekable<IntoIter<(u32, Addition<'a>)>>,
}

enum Addition<'a> {
    Change {
        state: &'a Arc<State>,
        id: &'a KeyId,
        change: &'a KeyChange,
    },
    Timer {
        state: &'a Arc<State>,
        timer: &'a [u8],
    },
}

impl Additions<'_> {
    /// Visits what belongs to key groups before `end`.
    fn visit_before(&mut self, end: u32, seen: &HashSet<KeyId>, visit: &mut Visit<'_>) -> Result<Flow> {
        while let Some((group, addition)) = self.rest.next_if(|(group, _)| *group < end) {
            let flow = match addition {
                Addition::Change { state, id, change } => {
                    change.add(self.subtask, state, id, self.merged, seen, visit)?
                }
                Addition::Timer { state, timer } => visit(&Entry {
                    state,
                    subtask: self.subtask,
                    key_group: Some(group),
                    key: StoredKey::Composite(timer),
                    value: Payload::None,
                    offset: None,
                })?,
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(Flow::Continue(()))
    }
}

impl KeyChange {
    /// The elements that the log appended.
    fn elements(&self, id: &KeyId, merged: &MergedLists) -> Vec<Vec<u8>> {
        let mut elements = Vec::new();
        for fragment in &self.list {
            match fragment {
                Fragment::Element(element) => elements.push(element.clone()),
                Fragment::BaseOf(namespace) => {
                    let source = KeyId {
                        namespace: namespace.clone(),
                        ..id.clone()
                    };
                    elements.extend(merged.get(&source).into_iter().flatten().cloned());
                }
            }
        }
        elements
    }

    fn add(
        &self,
        subtask: u32,
        state: &Arc<State>,
        id: &KeyId,
        merged: &MergedLists,
        seen: &HashSet<KeyId>,
        visit: &mut Visit<'_>,
    ) -> Result<Flow> {
        let mut emit = |map_key: Option<&[u8]>, value: Payload<'_>| {
            let key = StoredKey::Split {
                key: &id.key,
                namespace: &id.namespace,
                map_key,
                timestamp: None,
            };
            visit(&Entry {
                state,
                subtask,
                key_group: Some(self.key_group),
                key,
                value,
                offset: None,
            })
        };
        if let Some(value) = &self.value {
            return emit(None, Payload::Value(value));
        }
        if !self.list.is_empty() && !seen.contains(id) {
            let elements = self.elements(id, merged);
            if !elements.is_empty() {
                return emit(None, Payload::Delimited(&elements.join(&b',')));
            }
        }
        for (map_key, value) in &self.entries {
            let flow = match value {
                None => continue,
                Some(MapValue::Null) => emit(Some(map_key), Payload::Null(&[]))?,
                Some(MapValue::Value(bytes)) => emit(Some(map_key), Payload::Value(bytes))?,
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(Flow::Continue(()))
    }
}

fn elements_of(entry: &Entry<'_>) -> Result<Vec<Vec<u8>>> {
    let mut walk = entry.elements();
    let mut elements = Vec::new();
    while let Some(element) = walk.next_element().in_file("list of a changelog's base")? {
        elements.push(element.to_vec());
    }
    Ok(elements)
}

/// A timer as `TimerSerializer` writes it.
fn timer_bytes(timestamp: i64, key: &[u8], namespace: &[u8]) -> Vec<u8> {
    let mut bytes = (timestamp ^ i64::MIN).to_be_bytes().to_vec();
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(namespace);
    bytes
}
