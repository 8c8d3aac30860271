//! Agreement: all subtasks of an operator say the same of a state's kind and types.

use std::collections::BTreeMap;
use std::sync::Arc;

use statetool_snapshot::{LoadedOperator, Operator, State};
use statetool_values::Type;

use super::{Finding, VerifyReport};

/// Compares what the headers of an operator's parts say with the first that names a state.
///
/// Only kinds and types are compared: the snapshots of two subtasks may differ in the subclasses
/// that each has met.
pub(super) fn check(operator: &Operator<'_>, loaded: &LoadedOperator, report: &mut VerifyReport) {
    let mut first: BTreeMap<&str, (u32, &Arc<State>)> = BTreeMap::new();
    for part in &loaded.parts {
        for state in &part.header.states {
            let (subtask, known) = *first.entry(&state.name).or_insert((part.subtask, state));
            if Arc::ptr_eq(known, state) {
                continue;
            }
            report
                .findings
                .extend(difference(known, state).map(|(what, was, is)| {
                    let message = format!("its {what} is {is}, but {was} in subtask {subtask}");
                    Finding::of(operator, message)
                        .subtask(part.subtask)
                        .state(&state.name)
                }));
        }
    }
}

/// What differs, what it is in one and in the other.
fn difference(one: &State, other: &State) -> Option<(&'static str, String, String)> {
    if one.kind != other.kind {
        return Some(("kind", one.kind.to_string(), other.kind.to_string()));
    }
    let optional = |ty: &Option<Arc<Type>>| ty.as_ref().map_or_else(|| "none".to_owned(), |ty| ty.name());
    let types = [
        ("key type", optional(&one.key), optional(&other.key)),
        (
            "namespace type",
            optional(&one.namespace),
            optional(&other.namespace),
        ),
        ("map key type", optional(&one.map_key), optional(&other.map_key)),
        ("value type", one.value.name(), other.value.name()),
    ];
    types.into_iter().find(|(_, was, is)| was != is)
}
