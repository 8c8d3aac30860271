//! Replays logged changes into an overlay.

use std::sync::Arc;

use statetool_backend::InFile;
use statetool_backend::changelog::Operation;
use statetool_format::{Reader, Result as FormatResult};
use statetool_values::Type;

use super::{Fragment, KeyChange, KeyId, Log, Logged, MapValue, Overlay};
use crate::codec::skip;
use crate::entry::Payload;
use crate::error::{Error, Result};
use crate::scan::map_entry;
use crate::state::{State, StateKind};

impl Overlay {
    pub(super) fn replay(&mut self, log: &Log) -> Result<()> {
        for change in &log.changes {
            let name = log
                .definitions
                .get(change.definition)
                .map(|meta| meta.name.to_str())
                .unwrap_or_default();
            let Some(index) = self.header.states.iter().position(|state| state.name == name) else {
                continue;
            };
            let Some(state) = self.header.states.get(index).cloned() else {
                continue;
            };
            let applied = self.apply(index, &state, change).in_file("changelog");
            applied.map_err(|error| Error::from(error).within(format!("state `{name}`")))?;
        }
        Ok(())
    }

    fn apply(&mut self, index: usize, state: &Arc<State>, change: &Logged) -> FormatResult<()> {
        let r = &mut Reader::new(&change.data);
        let key_group = u32::try_from(change.key_group).unwrap_or(0);
        if state.kind == StateKind::Timer {
            return self.apply_to_queue(index, state, key_group, change.operation, r);
        }
        let key = part(state.key.as_ref(), r)?;
        let namespace = part(state.namespace.as_ref(), r)?;
        let id = KeyId {
            state: index,
            key: key.to_vec(),
            namespace: namespace.to_vec(),
        };
        if change.operation == Operation::MergeNamespaces {
            return self.merge_namespaces(state, id, key_group, r);
        }
        let entry = self.keyed.entry(id).or_insert_with(|| KeyChange {
            key_group,
            ..KeyChange::default()
        });
        entry.apply(state, change.operation, r)
    }

    fn apply_to_queue(
        &mut self,
        index: usize,
        state: &State,
        key_group: u32,
        operation: Operation,
        r: &mut Reader<'_>,
    ) -> FormatResult<()> {
        let (count, present) = match operation {
            Operation::AddElement => (r.count(8, "number of timers")?, true),
            Operation::RemoveElement => (1, false),
            _ => {
                return Err(r.invalid(
                    "operation of a change",
                    format!("{operation:?} on a queue of timers"),
                ));
            }
        };
        for _ in 0..count {
            let start = r.clone();
            skip(&state.whole, r)?;
            self.timers
                .insert((index, r.since(&start).to_vec()), (present, key_group));
        }
        r.finish("change of a queue of timers")
    }

    /// Session windows: the contents of other namespaces move into one.
    fn merge_namespaces(
        &mut self,
        state: &State,
        id: KeyId,
        key_group: u32,
        r: &mut Reader<'_>,
    ) -> FormatResult<()> {
        if state.kind != StateKind::List {
            let why = format!(
                "merged namespaces of a {} state need the job's own function",
                state.kind
            );
            return Err(r.fault("change", statetool_format::Fault::UnknownClass(why)));
        }
        // The namespace in front of the data is that of the last access; the target follows.
        let target = part(state.namespace.as_ref(), r)?.to_vec();
        let sources = r.count(1, "number of merged namespaces")?;
        let mut moved = Vec::new();
        for _ in 0..sources {
            let namespace = part(state.namespace.as_ref(), r)?.to_vec();
            let source = KeyId {
                namespace: namespace.clone(),
                ..id.clone()
            };
            let change = self.keyed.entry(source).or_insert_with(|| KeyChange {
                key_group,
                ..KeyChange::default()
            });
            if !change.replaced {
                moved.push(Fragment::BaseOf(namespace));
            }
            moved.append(&mut change.list);
            change.replaced = true;
        }
        r.finish("merged namespaces")?;
        let target = KeyId {
            namespace: target,
            ..id
        };
        let change = self.keyed.entry(target).or_insert_with(|| KeyChange {
            key_group,
            ..KeyChange::default()
        });
        change.list.append(&mut moved);
        Ok(())
    }
}

impl KeyChange {
    fn apply(&mut self, state: &State, operation: Operation, r: &mut Reader<'_>) -> FormatResult<()> {
        match (state.kind, operation) {
            (_, Operation::Clear) => self.clear(),
            (StateKind::List, Operation::Set | Operation::SetInternal) => {
                self.clear();
                self.append(state, r)?;
            }
            (StateKind::List, Operation::Add) => self.append(state, r)?,
            (StateKind::List, Operation::AddElement) => {
                let element = part(Some(&state.value), r)?;
                self.list.push(Fragment::Element(element.to_vec()));
            }
            (StateKind::Map, Operation::Set | Operation::SetInternal) => {
                self.clear();
                self.put_all(state, r)?;
            }
            (StateKind::Map, Operation::Add) => self.put_all(state, r)?,
            (StateKind::Map, Operation::AddElement | Operation::AddOrUpdateElement) => {
                let key = part(state.map_key.as_ref(), r)?.to_vec();
                let value = part(Some(&state.value), r)?.to_vec();
                self.entries.insert(key, Some(MapValue::Value(value)));
            }
            (StateKind::Map, Operation::RemoveElement) => {
                let key = part(state.map_key.as_ref(), r)?.to_vec();
                self.entries.insert(key, None);
            }
            (_, Operation::Set | Operation::SetInternal) => {
                self.clear();
                self.value = Some(part(Some(&state.whole), r)?.to_vec());
            }
            (kind, operation) => {
                return Err(r.invalid(
                    "operation of a change",
                    format!("{operation:?} on a {kind} state"),
                ));
            }
        }
        r.finish("change")
    }

    fn clear(&mut self) {
        *self = Self {
            key_group: self.key_group,
            replaced: true,
            ..Self::default()
        };
    }

    /// Elements in the form of `ListSerializer`.
    fn append(&mut self, state: &State, r: &mut Reader<'_>) -> FormatResult<()> {
        for _ in 0..r.count(0, "number of list elements")? {
            let element = part(Some(&state.value), r)?;
            self.list.push(Fragment::Element(element.to_vec()));
        }
        Ok(())
    }

    /// Entries in the form of `MapSerializer`.
    fn put_all(&mut self, state: &State, r: &mut Reader<'_>) -> FormatResult<()> {
        let Some(key_type) = &state.map_key else {
            return Err(r.invalid("map", "the state has no map key type"));
        };
        for _ in 0..r.count(1, "number of map entries")? {
            let (key, value) = map_entry(key_type, &state.value, r)?;
            let value = match value {
                Payload::Value(bytes) => MapValue::Value(bytes.to_vec()),
                _ => MapValue::Null,
            };
            self.entries.insert(key.to_vec(), Some(value));
        }
        Ok(())
    }
}

fn part<'a>(ty: Option<&Arc<Type>>, r: &mut Reader<'a>) -> FormatResult<&'a [u8]> {
    let Some(ty) = ty else {
        return Err(r.invalid("change", "the state has no such serializer"));
    };
    let start = r.clone();
    skip(ty, r)?;
    Ok(r.since(&start))
}
