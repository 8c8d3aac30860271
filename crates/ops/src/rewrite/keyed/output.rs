//! The keyed state that each subtask of the new snapshot has.

use std::collections::BTreeSet;
use std::sync::Arc;

use statetool_format::key_group::prefix_bytes;
use statetool_format::serializer::SerializerSnapshot;
use statetool_format::state::{KeyedHeader, StateMetaInfo};
use statetool_format::{JavaString, KeyGroupRange};
use statetool_snapshot::{Error, Layout, Operator, Part, Result, State};

use crate::rewrite::edits::{Compression, KeyedLayout};
use crate::rewrite::plan::{KeyedTarget, StatePlans, layout_of};
use crate::rewrite::scale::Scale;

/// How an output is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    /// As managed keyed state.
    Managed(KeyedLayout),
    /// As raw keyed state: timers beside a database.
    RawTimers,
}

/// The keyed state of one subtask in the new snapshot; its timers may be another one.
pub(super) struct Output<'p> {
    pub(super) subtask: u32,
    pub(super) range: KeyGroupRange,
    pub(super) stored: Stored,
    pub(super) header: KeyedHeader,
    pub(super) prefix_bytes: usize,
    /// The parts it is made of.
    pub(super) parts: Vec<&'p Part>,
    /// Parts of other outputs, at which rules may have to look ahead.
    pub(super) companions: Vec<&'p Part>,
}

/// The subtasks' new keyed state.
pub(super) fn outputs<'p>(
    operator: &Operator<'_>,
    plans: &'p StatePlans,
    target: KeyedTarget,
) -> Result<Vec<Output<'p>>> {
    let mut outputs = match plans.scale {
        None => as_divided(operator, plans, target)?,
        Some(scale) => newly_divided(operator, plans, target, scale)?,
    };
    outputs.sort_by_key(|output| output.subtask);
    let stays = |part: &&Part| is_timers(part) || key_of(part).is_none();
    let managed: Vec<&Part> = keyed_parts(plans).filter(|part| !is_timers(part)).collect();
    for output in outputs
        .iter_mut()
        .filter(|output| output.stored == Stored::RawTimers)
    {
        let near = |part: &&&Part| !part.range.intersect(&output.range).is_empty();
        output.companions = managed.iter().filter(near).copied().collect();
    }
    for part in keyed_parts(plans).filter(|part| !stays(part)) {
        let takes = |output: &Output<'_>| output.parts.iter().any(|taken| std::ptr::eq(*taken, part));
        if !outputs.iter().any(takes) {
            return Err(Error::input(format!(
                "operator `{}`: no subtask takes the key groups {} of subtask {}",
                operator.label(),
                part.range,
                part.subtask
            )));
        }
    }
    Ok(outputs)
}

/// The subtasks whose raw timers are in some output; where all is divided anew, also those that had none.
pub(super) fn moved_timers(outputs: &[Output<'_>], plans: &StatePlans) -> BTreeSet<u32> {
    let taken = |part: &Part| {
        let mut parts = outputs.iter().flat_map(|output| &output.parts);
        parts.any(|taken| std::ptr::eq(*taken, part))
    };
    let timers = keyed_parts(plans).filter(|part| is_timers(part));
    let moved = timers.filter(|part| plans.scale.is_some() || taken(part));
    moved.map(|part| part.subtask).collect()
}

fn is_timers(part: &Part) -> bool {
    matches!(part.layout, Layout::RawTimers { .. })
}

fn keyed_parts(plans: &StatePlans) -> impl Iterator<Item = &Part> {
    plans.loaded.parts.iter().filter(|part| layout_of(part).is_some())
}

/// Each subtask has the key groups that it had.
fn as_divided<'p>(
    operator: &Operator<'_>,
    plans: &'p StatePlans,
    target: KeyedTarget,
) -> Result<Vec<Output<'p>>> {
    let mut outputs: Vec<Output<'p>> = Vec::new();
    for part in keyed_parts(plans).filter(|part| !is_timers(part)) {
        let layout = target.layout.or_else(|| own_layout(part));
        let layout = layout.ok_or_else(|| no_layout(operator))?;
        outputs.extend(Output::of_part(part, Stored::Managed(layout), plans, target)?);
    }
    let changes = |state: &Arc<State>| {
        plans.new_name(&state.name) != Some(&state.name)
            || plans.rules.iter().any(|rule| rule.concerns(state))
    };
    let timers = keyed_parts(plans).filter(|part| is_timers(part));
    let timers_change = timers.flat_map(|part| part.states()).any(changes);
    for part in keyed_parts(plans).filter(|part| is_timers(part)) {
        // A subtask without any other state has no layout of its own.
        let others = outputs.first().and_then(Output::layout);
        let managed = outputs.iter_mut().find(|output| output.subtask == part.subtask);
        let own = managed.as_ref().and_then(|output| output.layout());
        let layout = own.or(target.layout).or(others).unwrap_or(KeyedLayout::RocksDb);
        if layout == KeyedLayout::RocksDb {
            if timers_change {
                outputs.extend(Output::of_part(part, Stored::RawTimers, plans, target)?);
            }
            continue;
        }
        if let Some(output) = managed {
            output.add(part, plans)?;
        } else if let Some(output) = Output::of_part(part, Stored::Managed(layout), plans, target)? {
            outputs.push(output);
        }
    }
    Ok(outputs)
}

/// The key groups are divided anew, as Flink divides them among so many subtasks.
fn newly_divided<'p>(
    operator: &Operator<'_>,
    plans: &'p StatePlans,
    target: KeyedTarget,
    scale: Scale,
) -> Result<Vec<Output<'p>>> {
    let mut parts: Vec<&Part> = keyed_parts(plans).collect();
    parts.sort_by_key(|part| (part.range.start, part.subtask));
    let managed = parts.iter().filter(|part| !is_timers(part));
    let own = managed.clone().find_map(|part| own_layout(part));
    let only_timers = managed.clone().next().is_none();
    let layout = match target.layout.or(own) {
        None if only_timers => KeyedLayout::RocksDb,
        layout => layout.ok_or_else(|| no_layout(operator))?,
    };
    parts.retain(|part| key_of(part).is_some());
    if layout != KeyedLayout::RocksDb {
        return divided(operator, plans, &parts, (Stored::Managed(layout), target), scale);
    }
    let (timers, managed): (Vec<&Part>, Vec<&Part>) = parts.into_iter().partition(|part| is_timers(part));
    let mut outputs = divided(
        operator,
        plans,
        &managed,
        (Stored::Managed(layout), target),
        scale,
    )?;
    outputs.extend(divided(
        operator,
        plans,
        &timers,
        (Stored::RawTimers, target),
        scale,
    )?);
    Ok(outputs)
}

/// What some parts hold, divided anew.
fn divided<'p>(
    operator: &Operator<'_>,
    plans: &'p StatePlans,
    parts: &[&'p Part],
    (stored, target): (Stored, KeyedTarget),
    scale: Scale,
) -> Result<Vec<Output<'p>>> {
    let Some(first) = parts.first() else {
        return Ok(Vec::new());
    };
    let Some(mut all) = Output::of_part(first, stored, plans, target)? else {
        return Ok(Vec::new());
    };
    for part in parts.iter().skip(1) {
        all.add(part, plans)?;
    }
    let rehashes = scale.max_parallelism != operator.state.max_parallelism;
    let outputs = (0..scale.parallelism).map(|subtask| {
        let range = KeyGroupRange::of_subtask(subtask, scale.parallelism, scale.max_parallelism);
        let meets = |part: &&&Part| rehashes || !part.range.intersect(&range).is_empty();
        Output {
            subtask,
            range,
            stored,
            header: all.header.clone(),
            prefix_bytes: prefix_bytes(scale.max_parallelism),
            parts: parts.iter().filter(meets).copied().collect(),
            companions: Vec::new(),
        }
    });
    Ok(outputs.filter(|output| !output.parts.is_empty()).collect())
}

fn no_layout(operator: &Operator<'_>) -> Error {
    Error::refused(format!(
        "operator `{}`: nothing tells the layout of the state below its changelog",
        operator.label()
    ))
    .hint("say which state backend the job has, --backend, or write a canonical savepoint, --type canonical")
}

/// The layout of a part, or of the base below a changelog.
fn own_layout(part: &Part) -> Option<KeyedLayout> {
    match &part.layout {
        Layout::Changelog { base, .. } => base.iter().find_map(own_layout),
        _ => layout_of(part).flatten(),
    }
}

impl<'p> Output<'p> {
    /// The layout of managed state.
    fn layout(&self) -> Option<KeyedLayout> {
        match self.stored {
            Stored::Managed(layout) => Some(layout),
            Stored::RawTimers => None,
        }
    }

    /// The state of a subtask; nothing for a part without states.
    fn of_part(
        part: &'p Part,
        stored: Stored,
        plans: &StatePlans,
        target: KeyedTarget,
    ) -> Result<Option<Self>> {
        let Some(key) = key_of(part) else {
            return Ok(None);
        };
        let compressed = match target.compression {
            Some(compression) => compression == Compression::Snappy,
            None => part.header.compressed,
        };
        let mut output = Self {
            subtask: part.subtask,
            range: part.range,
            stored,
            header: KeyedHeader {
                // The key groups of a database are in tables, which are compressed by themselves.
                compressed: compressed
                    && !matches!(stored, Stored::RawTimers | Stored::Managed(KeyedLayout::RocksDb)),
                key: key.clone(),
                states: Vec::new(),
            },
            prefix_bytes: part.header.prefix_bytes,
            parts: Vec::new(),
            companions: Vec::new(),
        };
        output.add(part, plans)?;
        Ok(Some(output))
    }

    /// Takes the states of a part among those of the output.
    fn add(&mut self, part: &'p Part, plans: &StatePlans) -> Result<()> {
        // Timers among other state are described by what reads them, and not by a header that Flink wrote.
        let is_exact = !is_timers(part) || self.stored == Stored::RawTimers;
        let other = key_of(part).filter(|key| **key != self.header.key);
        if other.is_some() && is_exact {
            return Err(differs("the keys", part.subtask));
        }
        for state in part.states() {
            let Some(name) = plans.stored_name(state) else {
                continue;
            };
            match self.header.states.iter().find(|known| known.name == name) {
                None => self.header.states.push(StateMetaInfo {
                    name,
                    ..(*state.meta).clone()
                }),
                Some(known) if !is_exact || same_form(known, &state.meta) => {}
                Some(_) => return Err(differs(&format!("state `{}`", state.name), part.subtask)),
            }
        }
        self.parts.push(part);
        Ok(())
    }

    /// The id of a state, unless it is left out.
    pub(super) fn id_of(&self, state: &State, plans: &StatePlans) -> Result<Option<u16>> {
        let Some(name) = plans.stored_name(state) else {
            return Ok(None);
        };
        match self.id_of_name(&name) {
            Some(id) => Ok(Some(id)),
            None => Err(Error::input(format!(
                "state `{}` has entries, and no header names it",
                state.name
            ))),
        }
    }

    fn id_of_name(&self, name: &JavaString) -> Option<u16> {
        let mut known = self.header.states.iter();
        let id = known.position(|known| known.name == *name)?;
        u16::try_from(id).ok()
    }
}

fn key_of(part: &Part) -> Option<&SerializerSnapshot> {
    part.states()
        .iter()
        .find_map(|state| state.key_snapshot.as_deref())
}

/// Whether entries that one header describes can stand behind the other.
fn same_form(a: &StateMetaInfo, b: &StateMetaInfo) -> bool {
    (a.kind, &a.options, &a.serializers) == (b.kind, &b.options, &b.serializers)
}

fn differs(what: &str, subtask: u32) -> Error {
    Error::refused(format!(
        "{what} of subtask {subtask} have other serializers than those of other subtasks, with which they would come together"
    ))
    .hint("leave the parallelism as it is, and let Flink rescale the job once")
}
