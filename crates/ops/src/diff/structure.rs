//! Differences of anything but entries: operators, parallelism, states, types, Kafka positions, and bytes that
//! nobody takes apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use statetool_format::state::SerializerKey;
use statetool_snapshot::{Operator, Result, Snapshot, State, StateKind};
use statetool_values::schema::tree;

use super::opened::Opened;
use super::options::{DiffOptions, Ignore};
use super::pairs::{OperatorPair, StatePair, StatePairs};
use super::pieces::{self, Pieces};
use super::report::StructureDifference;
use crate::kafka::KafkaPosition;

/// Collects differences of one operator, or of the snapshots as a whole.
pub(super) struct Structure<'o> {
    options: &'o DiffOptions,
    operator: Option<String>,
    uid: Option<String>,
    found: Vec<StructureDifference>,
}

impl<'o> Structure<'o> {
    pub(super) fn new(options: &'o DiffOptions, operator: Option<&Operator<'_>>) -> Self {
        Self {
            options,
            operator: operator.map(|operator| operator.id().to_string()),
            uid: operator.and_then(|operator| operator.uid.clone()),
            found: Vec::new(),
        }
    }

    /// What was found.
    pub(super) fn finish(self) -> Vec<StructureDifference> {
        match self.options.ignores(&Ignore::Structure) {
            true => Vec::new(),
            false => self.found,
        }
    }

    fn push(
        &mut self,
        what: &'static str,
        state: Option<&str>,
        part: Option<String>,
        before: Json,
        after: Json,
    ) {
        if before != after {
            self.found.push(StructureDifference {
                change: "structure",
                operator: self.operator.clone(),
                uid: self.uid.clone(),
                state: state.map(str::to_owned),
                what,
                part,
                before,
                after,
            });
        }
    }

    fn compare(&mut self, what: &'static str, before: impl Into<Json>, after: impl Into<Json>) {
        self.push(what, None, None, before.into(), after.into());
    }

    /// States of hooks at the checkpoint coordinator.
    pub(super) fn master_states(&mut self, a: &Snapshot, b: &Snapshot) {
        let states = |snapshot: &Snapshot| -> BTreeMap<String, Json> {
            let states = snapshot.metadata().master_states.iter();
            let shown = states.map(|state| {
                let digest = xxhash_rust::xxh3::xxh3_128(&state.payload);
                let bytes = state.payload.len();
                let shown =
                    json!({"version": state.version, "bytes": bytes, "xxh3": format!("{digest:032x}")});
                (state.name.to_str().into_owned(), shown)
            });
            shown.collect()
        };
        self.maps("master-state", states(a), states(b));
    }

    fn maps(
        &mut self,
        what: &'static str,
        mut before: BTreeMap<String, Json>,
        mut after: BTreeMap<String, Json>,
    ) {
        let names: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
        for name in names {
            let values = (before.remove(&name), after.remove(&name));
            let (before, after) = (values.0.unwrap_or_default(), values.1.unwrap_or_default());
            self.push(what, None, Some(name), before, after);
        }
    }

    /// An operator that only one snapshot has.
    pub(super) fn presence(&mut self, pair: &OperatorPair<'_>) {
        let label = |operator: &Option<Operator<'_>>| operator.as_ref().map(Operator::label);
        if pair.a.is_none() || pair.b.is_none() {
            self.compare("operator", label(&pair.a), label(&pair.b));
        }
    }

    /// What the metadata says of an operator.
    pub(super) fn operator(&mut self, a: &Operator<'_>, b: &Operator<'_>) {
        if !self.options.ignores(&Ignore::Parallelism) {
            self.compare("parallelism", a.state.parallelism, b.state.parallelism);
        }
        if !self.options.ignores(&Ignore::MaxParallelism) {
            self.compare(
                "max-parallelism",
                a.state.max_parallelism,
                b.state.max_parallelism,
            );
        }
        self.compare("finished", a.finished(), b.finished());
        // Not every release stores names.
        if let (Some(before), Some(after), false) = (a.name(), b.name(), self.options.ignores(&Ignore::Names))
        {
            self.compare("name", before, after);
        }
        if a.id() != b.id() && !self.options.ignores(&Ignore::Names) {
            self.compare("id", a.id().to_string(), b.id().to_string());
        }
    }

    /// Bytes that nobody takes apart.
    pub(super) fn pieces(&mut self, a: &Opened<'_>, b: &Opened<'_>) -> Result<()> {
        if !self.options.ignores(&Ignore::Coordinators) {
            let [before, after] = both(a, b, |side| pieces::coordinator(side.snapshot, side.operator))?;
            self.compare("coordinator", before.shown(), after.shown());
        }
        if !self.options.ignores(&Ignore::InFlight) {
            let [before, after] = both(a, b, |side| pieces::in_flight(side.snapshot, side.operator))?;
            self.compare("in-flight", before.shown(), after.shown());
        }
        let [before, after] = both(a, b, |side| pieces::raw_keyed(side.snapshot, &side.loaded))?;
        self.compare("raw-keyed-state", before.shown(), after.shown());
        let [before, after] = both(a, b, |side| pieces::raw_operator(side.snapshot, &side.loaded))?;
        self.compare("raw-operator-state", before.shown(), after.shown());
        Ok(())
    }

    /// How far Kafka sources have read.
    pub(super) fn kafka(&mut self, a: &[KafkaPosition], b: &[KafkaPosition]) {
        if !self.options.ignores(&Ignore::Kafka) {
            self.maps("kafka", positions(a), positions(b));
        }
    }

    /// The states of an operator that both snapshots have.
    pub(super) fn states(&mut self, pairs: &StatePairs, same_release: bool) {
        for pair in &pairs.0 {
            self.state(pair, same_release);
        }
    }

    fn state(&mut self, pair: &StatePair, same_release: bool) {
        let name = pair.name.as_str();
        let (Some(a), Some(b)) = (&pair.a, &pair.b) else {
            let kind = |state: &Option<Arc<State>>| state.as_ref().map(|state| state.kind.name());
            // A service without timers leaves no trace in some layouts.
            if pair.state().is_some_and(|state| state.kind != StateKind::Timer) {
                self.push(
                    "state",
                    Some(name),
                    None,
                    kind(&pair.a).into(),
                    kind(&pair.b).into(),
                );
            }
            return;
        };
        // Before 1.8 the kind of keyed state was not stored.
        if a.kind != b.kind && (a.meta.keyed_kind().is_some() == b.meta.keyed_kind().is_some()) {
            self.push(
                "kind",
                Some(name),
                None,
                a.kind.name().into(),
                b.kind.name().into(),
            );
        }
        if self.options.ignores(&Ignore::Types) {
            return;
        }
        self.push("ttl", Some(name), None, a.ttl.into(), b.ttl.into());
        let is_timer = a.kind == StateKind::Timer;
        let types = [
            ("key", a.key.as_deref(), b.key.as_deref()),
            ("namespace", a.namespace.as_deref(), b.namespace.as_deref()),
            ("map-key", a.map_key.as_deref(), b.map_key.as_deref()),
            (
                "value",
                (!is_timer).then(|| a.user_value()),
                (!is_timer).then(|| b.user_value()),
            ),
        ];
        for (part, before, after) in types {
            if before == after {
                continue;
            }
            let [before, after] = [before, after].map(|ty| ty.map(|ty| tree(ty).trim_end().to_owned()));
            if before != after {
                self.push(
                    "type",
                    Some(name),
                    Some(part.to_owned()),
                    before.into(),
                    after.into(),
                );
            // Another release's serializers write the same type in their own way.
            } else if same_release && !self.options.ignores(&Ignore::Serializers) {
                let (before, mut after) = (serializer(a, part), serializer(b, part));
                if before == after {
                    after.push_str(", with other settings");
                }
                self.push(
                    "serializer",
                    Some(name),
                    Some(part.to_owned()),
                    before.into(),
                    after.into(),
                );
            }
        }
    }
}

/// The serializer of a part of a state's entries, as its snapshot names it.
fn serializer(state: &State, part: &str) -> String {
    let key = match part {
        "key" => None,
        "namespace" => Some(SerializerKey::Namespace),
        _ => Some(SerializerKey::Value),
    };
    let snapshot = match key {
        Some(key) => state.meta.serializer(key),
        None => state.key_snapshot.as_deref(),
    };
    snapshot.map_or_else(String::new, |snapshot| {
        format!("{}, version {}", snapshot.class, snapshot.version)
    })
}

fn both(a: &Opened<'_>, b: &Opened<'_>, of: impl Fn(&Opened<'_>) -> Result<Pieces>) -> Result<[Pieces; 2]> {
    Ok([of(a)?, of(b)?])
}

/// The positions of each partition: offset or marker, and where reading stops if it does.
fn positions(found: &[KafkaPosition]) -> BTreeMap<String, Json> {
    let mut positions: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for position in found {
        let next = match position.marker {
            Some(marker) => json!(marker),
            None => json!(position.next_offset),
        };
        let shown = match position.stopping_offset {
            Some(stop) => json!({"next": next, "stop": stop}),
            None => next,
        };
        let of_partition = positions
            .entry(format!("{}:{}", position.topic, position.partition))
            .or_default();
        if !of_partition.contains(&shown) {
            of_partition.push(shown);
        }
    }
    let shown = positions
        .into_iter()
        .map(|(partition, mut shown)| match shown.len() {
            1 => (partition, shown.pop().unwrap_or_default()),
            _ => (partition, Json::Array(shown)),
        });
    shown.collect()
}
