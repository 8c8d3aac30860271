//! Headers of streams that say what a release reads, in front of payloads that stay as they are.

use std::sync::Arc;

use statetool_backend::InFile;
use statetool_format::metadata::{KeyedHandle, StreamHandle, SubtaskState};
use statetool_format::serializer::SerializerSnapshot;
use statetool_format::state::{BackendStateType, KeyedHeader, OperatorHeader, StateMetaInfo};
use statetool_format::{Encode, Reader};
use statetool_snapshot::{Error, Header, Layout, Operator, Part, Result, State, StateKind};

use super::FlinkTarget;
use crate::rewrite::plan::StatePlans;

/// A header that takes the place of another one.
#[derive(Debug)]
pub(crate) struct NewHead {
    subtask: u32,
    /// Whether it is that of keyed state.
    keyed: bool,
    before: Vec<u8>,
    after: Vec<u8>,
}

impl StatePlans {
    /// Lets all states that stay say what the target reads, and finds the headers that are others then.
    pub(in crate::rewrite) fn fit(&mut self, operator: &Operator<'_>, target: FlinkTarget) -> Result<()> {
        let mut parts = std::mem::take(&mut self.loaded.parts);
        let mut last: Option<(Arc<Header>, Arc<Header>)> = None;
        for part in &mut parts {
            let known = last
                .as_ref()
                .filter(|(before, _)| Arc::ptr_eq(before, &part.header));
            let fitted = match known {
                Some((_, fitted)) => fitted.clone(),
                None => {
                    let fitted = Arc::new(self.fitted(&part.header, operator, target)?);
                    last = Some((part.header.clone(), fitted.clone()));
                    fitted
                }
            };
            let before = head(part, None)?;
            let changed = !says_the_same(&part.header, &fitted);
            part.header = fitted;
            match part.layout {
                Layout::Changelog { .. } => self.changed_logs |= changed,
                Layout::RawTimers { .. } => self.changed_raw_timers |= changed,
                _ => {}
            }
            let after = head(part, Some(target))?;
            if let (Some(before), Some(after)) = (before, after)
                && before != after
            {
                self.heads.push(NewHead {
                    subtask: part.subtask,
                    keyed: !matches!(part.layout, Layout::Operator { .. }),
                    before,
                    after,
                });
            }
        }
        self.loaded.parts = parts;
        Ok(())
    }

    /// A header of which the states that stay say what the target reads.
    fn fitted(&self, header: &Header, operator: &Operator<'_>, target: FlinkTarget) -> Result<Header> {
        let states = header
            .states
            .iter()
            .map(|state| match self.new_name(&state.name) {
                None => Ok(state.clone()),
                Some(_) => target.fitted_state(state, operator).map(Arc::new),
            });
        Ok(Header {
            compressed: header.compressed,
            prefix_bytes: header.prefix_bytes,
            states: states.collect::<Result<_>>()?,
        })
    }
}

fn says_the_same(before: &Header, after: &Header) -> bool {
    let mut both = before.states.iter().zip(&after.states);
    both.all(|(before, after)| before.meta == after.meta && before.key_snapshot == after.key_snapshot)
}

impl FlinkTarget {
    fn fitted_state(self, state: &State, operator: &Operator<'_>) -> Result<State> {
        self.check_asynchronous(state, operator)?;
        let key = state.key_snapshot.as_deref();
        let key = key.map(|key| self.fitted_snapshot(key, "its keys", state, operator));
        let serializers = state.meta.serializers.iter().map(|(name, snapshot)| {
            let snapshot = self.fitted_snapshot(snapshot, "it", state, operator)?;
            Ok((name.clone(), snapshot))
        });
        let meta = StateMetaInfo {
            name: state.meta.name.clone(),
            kind: state.meta.kind,
            options: state.meta.options.clone(),
            serializers: serializers.collect::<Result<_>>()?,
        };
        Ok(State {
            meta: Arc::new(meta),
            key_snapshot: key.transpose()?.map(Arc::new),
            ..state.clone()
        })
    }

    fn fitted_snapshot(
        self,
        snapshot: &SerializerSnapshot,
        what: &str,
        state: &State,
        operator: &Operator<'_>,
    ) -> Result<SerializerSnapshot> {
        self.serializers().fitted(snapshot).map_err(|misfit| {
            let (release, label, name) = (self.release, operator.label(), &state.name);
            Error::refused(format!(
                "operator `{label}`, state `{name}`: Flink {release} cannot read {what} because of {misfit}"
            ))
            .hint(format!(
                "leave it out with `--drop-state '{label}/{name}'`, or let a job of the release that wrote it give it another type first"
            ))
        })
    }

    /// Refuses state of the asynchronous API where the release restores none, or not from this one.
    fn check_asynchronous(self, state: &State, operator: &Operator<'_>) -> Result<()> {
        if state.meta.kind != BackendStateType::KeyValueV2 {
            return Ok(());
        }
        let (release, label, name) = (self.release, operator.label(), &state.name);
        let why = match (self.from_2_0, release.since(2, 1)) {
            (false, true) | (true, false) if release.is_flink_2() => return Ok(()),
            (true, true) if state.kind != StateKind::Map => return Ok(()),
            (true, true) => "Flink 2.0 does not store the type of its map keys, which later releases ask for",
            _ => "it is one of the asynchronous API of a later release",
        };
        Err(Error::refused(format!(
            "operator `{label}`, state `{name}`: Flink {release} cannot restore it: {why}"
        ))
        .hint(format!(
            "such state goes only with its operator: `--drop-operator '{label}'`"
        )))
    }
}

/// The header of a part's stream, for the release that wrote it or for a target; nothing where headers
/// lie inside of the stream, or where there are no states.
fn head(part: &Part, target: Option<FlinkTarget>) -> Result<Option<Vec<u8>>> {
    let metas = |states: &[Arc<State>]| states.iter().map(|state| (*state.meta).clone()).collect();
    match &part.layout {
        Layout::Canonical { .. } | Layout::Heap { .. } | Layout::RocksDb(_) => {
            let mut keys = part
                .states()
                .iter()
                .filter_map(|state| state.key_snapshot.as_deref());
            let header = keys.next().map(|key| KeyedHeader {
                compressed: part.header.compressed,
                key: key.clone(),
                states: metas(part.states()),
            });
            Ok(header.map(|header| header.to_bytes()))
        }
        Layout::Operator { source, lists, .. } => {
            let version = Reader::new(&source.read_at(0, 4)?)
                .i32("version")
                .in_file(source.name())?;
            let compressed = part.header.compressed;
            let (version, compressed) = match target {
                Some(target) => target.operator_stream(version, compressed),
                None => (version, compressed),
            };
            let (lists, broadcasts) = part.states().split_at_checked(*lists).unwrap_or_default();
            let header = OperatorHeader {
                version,
                compressed,
                lists: metas(lists),
                broadcasts: metas(broadcasts),
            };
            Ok(Some(header.to_bytes()))
        }
        Layout::Changelog { .. } | Layout::RawTimers { .. } => Ok(None),
        Layout::RawKeyed { .. } | Layout::RawOperator { .. } => Ok(None),
    }
}

impl NewHead {
    /// Whether it is that of keyed state.
    pub(in crate::rewrite) fn is_keyed(&self) -> bool {
        self.keyed
    }

    /// Whether it belongs in front of a stream of a subtask.
    pub(in crate::rewrite) fn is_of(
        &self,
        subtask: u32,
        state: &SubtaskState,
        stream: &StreamHandle,
    ) -> bool {
        let own = match (self.keyed, &state.managed_keyed) {
            (true, Some(KeyedHandle::KeyGroups(groups))) => Some(&groups.delegate),
            (true, Some(KeyedHandle::Incremental(incremental))) => incremental.meta.as_ref(),
            (true, _) => None,
            (false, _) => state.managed_operator.as_ref().map(|handle| &handle.delegate),
        };
        self.subtask == subtask && own.is_some_and(|own| std::ptr::eq(own, stream))
    }

    /// The subtask that it is one of.
    pub(in crate::rewrite) fn subtask(&self) -> u32 {
        self.subtask
    }

    /// How many bytes it takes the place of.
    pub(in crate::rewrite) fn replaces(&self) -> u64 {
        self.before.len() as u64
    }

    /// The bytes of the header for those of the one that it takes the place of.
    pub(in crate::rewrite) fn instead_of(&self, before: &[u8], name: &str) -> Result<&[u8]> {
        match before == self.before {
            true => Ok(&self.after),
            false => Err(
                Error::input(format!("`{name}`: its header is not written as Flink writes it"))
                    .hint("write the state anew: --type canonical"),
            ),
        }
    }

    /// Puts what lies in the metadata behind the header, and moves the offsets of a subtask.
    pub(in crate::rewrite) fn apply(&self, state: &mut SubtaskState) -> Result<()> {
        let by = self.after.len() as i64 - self.before.len() as i64;
        match (self.keyed, &mut state.managed_keyed, &mut state.managed_operator) {
            (true, Some(KeyedHandle::KeyGroups(groups)), _) => {
                // An empty key group of a canonical stream has the offset 0.
                let offsets = groups.offsets.iter_mut().filter(|offset| **offset > 0);
                move_all(offsets, by);
                self.replace_inline(&mut groups.delegate)
            }
            (true, Some(KeyedHandle::Incremental(incremental)), _) => incremental
                .meta
                .as_mut()
                .map_or(Ok(()), |meta| self.replace_inline(meta)),
            (false, _, Some(handle)) => {
                move_all(handle.states.iter_mut().flat_map(|state| &mut state.offsets), by);
                self.replace_inline(&mut handle.delegate)
            }
            _ => Ok(()),
        }
    }

    fn replace_inline(&self, stream: &mut StreamHandle) -> Result<()> {
        if let StreamHandle::Inline { name, data } = stream {
            let (before, rest) = data.split_at_checked(self.before.len()).unwrap_or_default();
            let head = self.instead_of(before, &name.to_str())?;
            *data = [head, rest].concat().into();
        }
        Ok(())
    }
}

fn move_all<'o>(offsets: impl Iterator<Item = &'o mut i64>, by: i64) {
    offsets.for_each(|offset| *offset = offset.saturating_add(by));
}
