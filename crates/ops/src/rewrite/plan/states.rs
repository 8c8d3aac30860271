//! What becomes of the states of an operator, and which of its streams are written anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use statetool_format::JavaString;
use statetool_format::metadata::StreamHandle;
use statetool_format::state::BackendStateType;
use statetool_snapshot::{Error, Layout, LoadedOperator, Operator, Part, Result, State};

use super::KeyedTarget;
use crate::rewrite::edits::{Compression, Edits, Format, KeyedLayout};
use crate::rewrite::rule::Rule;
use crate::rewrite::scale::Scale;
use crate::rewrite::set::Addition;
use crate::rewrite::target::{FlinkTarget, NewHead};

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
    pub(in crate::rewrite) additions: Vec<Addition>,
    /// The release that it is written for, if it is not the one that wrote it.
    pub target: Option<FlinkTarget>,
    /// Headers that are others for that release, of streams that are not written anew.
    pub(in crate::rewrite) heads: Vec<NewHead>,
    /// Whether changelogs, which name serializers inside, would have to name others.
    pub(in crate::rewrite) changed_logs: bool,
    /// Whether raw timers, which name serializers inside, would have to name others.
    pub(in crate::rewrite) changed_raw_timers: bool,
}

/// Whether it is state of the asynchronous API, which Flink restores from no other layout than its own.
pub(in crate::rewrite) fn is_asynchronous(state: &Arc<State>) -> bool {
    state.meta.kind == BackendStateType::KeyValueV2
}

impl StatePlans {
    /// States of which nothing changes.
    pub(in crate::rewrite) fn untouched(loaded: LoadedOperator) -> Self {
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
    pub(in crate::rewrite) fn check_all_read(
        &self,
        operator: &Operator<'_>,
        keyed: bool,
        operator_state: bool,
    ) -> Result<()> {
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

    /// The name of a state as the new snapshot stores it; nothing for one that is left out.
    pub(in crate::rewrite) fn stored_name(&self, state: &State) -> Option<JavaString> {
        match self.new_name(&state.name)? {
            // Not by way of a text, which cannot have all the names that Java can.
            name if name == state.name => Some(state.meta.name.clone()),
            name => Some(JavaString::new(name).unwrap_or_default()),
        }
    }

    pub(in crate::rewrite) fn check_names(&self, operator: &Operator<'_>) -> Result<()> {
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
    pub(in crate::rewrite) fn choose_targets(
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
            ))
            .hint("it can be copied as it is, or go with its operator: --drop-operator"));
        }
        let old = operator.state.parallelism;
        let compressed = |part: &Part| self.target.is_some_and(|target| target.replaces_operator(part));
        let operator_state = edited(false)
            || self.scale.is_some_and(|scale| scale.parallelism != old)
            || self.loaded.parts.iter().any(compressed);
        // What cannot be read stays divided as it is.
        let another = layout.is_some() || edits.compression.is_some() || self.scale.is_some();
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
pub(in crate::rewrite) fn layout_of(part: &Part) -> Option<Option<KeyedLayout>> {
    match &part.layout {
        Layout::Operator { .. } | Layout::RawOperator { .. } | Layout::RawKeyed { .. } => None,
        Layout::Canonical { .. } => Some(Some(KeyedLayout::Canonical)),
        Layout::Heap { .. } => Some(Some(KeyedLayout::Heap)),
        Layout::RocksDb(_) => Some(Some(KeyedLayout::RocksDb)),
        Layout::RawTimers { .. } | Layout::Changelog { .. } => Some(None),
    }
}
