//! Headers: what they call things is what Flink calls them, and handle and header name the same states.

use statetool_format::state::{BackendStateType, SerializerKey, StateMetaInfo};
use statetool_snapshot::{Layout, LoadedOperator, Operator, Part};

use super::{Finding, VerifyReport};

/// Checks the headers of an operator's parts.
pub(super) fn check(operator: &Operator<'_>, loaded: &LoadedOperator, report: &mut VerifyReport) {
    for part in &loaded.parts {
        let finding = |message: String| Finding::of(operator, message).subtask(part.subtask);
        for state in part.states() {
            let wrong = names(&state.meta).into_iter();
            let wrong = wrong.map(|message| finding(message).state(&state.name));
            report.findings.extend(wrong);
        }
        report.findings.extend(unread(part).into_iter().map(finding));
    }
}

/// Options and serializers with names that nothing will look for, and those that are not there.
fn names(meta: &StateMetaInfo) -> Vec<String> {
    let mut wrong = Vec::new();
    for (option, value) in &meta.options {
        let (option, value) = (option.to_str(), value.to_str());
        match known_values(&option) {
            None => wrong.push(format!(
                "the header gives it the option `{option}`, which Flink does not know"
            )),
            Some(known) if !known.is_empty() && !known.contains(&&*value) => {
                wrong.push(format!(
                    "the header gives the option `{option}` the value `{value}`"
                ));
            }
            Some(_) => {}
        }
    }
    let known = [
        SerializerKey::Key,
        SerializerKey::Namespace,
        SerializerKey::Value,
        SerializerKey::UserKey,
    ];
    for (name, _) in &meta.serializers {
        if known.iter().all(|key| *name != *key.name()) {
            wrong.push(format!(
                "the header names a serializer `{name}`, which Flink does not know"
            ));
        }
    }
    let needed: &[SerializerKey] = match meta.kind {
        BackendStateType::KeyValue | BackendStateType::KeyValueV2 => {
            &[SerializerKey::Namespace, SerializerKey::Value]
        }
        BackendStateType::Broadcast => &[SerializerKey::Key, SerializerKey::Value],
        BackendStateType::Operator | BackendStateType::PriorityQueue => &[SerializerKey::Value],
    };
    let missing = needed.iter().filter(|key| meta.serializer(**key).is_none());
    wrong.extend(missing.map(|key| format!("the header names no `{}` for it", key.name())));
    wrong
}

/// The values that an option may have, all if there are none; nothing for unknown options.
fn known_values(option: &str) -> Option<&'static [&'static str]> {
    match option {
        "KEYED_STATE_TYPE" => Some(&[
            "VALUE",
            "LIST",
            "MAP",
            "REDUCING",
            "AGGREGATING",
            "FOLDING",
            "UNKNOWN",
        ]),
        "OPERATOR_STATE_DISTRIBUTION_MODE" => Some(&["SPLIT_DISTRIBUTE", "UNION", "BROADCAST"]),
        _ => None,
    }
}

/// States that the handle lists and the header does not name: nobody reads their bytes.
fn unread(part: &Part) -> Vec<String> {
    let Layout::Operator { handle, .. } = &part.layout else {
        return Vec::new();
    };
    let listed = handle.states.iter().filter(|listed| !listed.offsets.is_empty());
    let unnamed = listed.filter(|listed| part.states().iter().all(|state| state.meta.name != listed.name));
    unnamed
        .map(|listed| {
            format!(
                "the handle lists the operator state `{}`, which the header of its stream does not name",
                listed.name
            )
        })
        .collect()
}
