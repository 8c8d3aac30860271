//! When there are no rows: in words, what was looked for and where.

use statetool_format::KeyGroupRange;
use statetool_snapshot::{Error, LoadedOperator, Operator, first_of};

use crate::key::abbreviated;

use super::{CatOptions, CatSummary, Keys, LookedInto};

impl CatSummary {
    /// Notes the states of an operator that rows can come from.
    pub(super) fn looks_into(
        &mut self,
        operator: &Operator<'_>,
        loaded: &LoadedOperator,
        options: &CatOptions,
        keys: &Keys,
    ) {
        let wanted = loaded.states.iter().filter(|state| options.wants(state));
        self.looked_into.extend(wanted.map(|state| LookedInto {
            name: format!("{}/{}", operator.short_label(), state.name),
            key_group: keys.key_group(),
        }));
    }

    /// What was looked for without finding a row, and where; `None` if there are rows.
    pub fn nothing_found(&self, options: &CatOptions) -> Option<String> {
        if self.rows > 0 {
            return None;
        }
        let place = match self.looked_into.as_slice() {
            [] if options.wants_keyed_only() => {
                return Some("no entry: only keyed state has keys, key groups and namespaces".to_owned());
            }
            [] if self.hidden => return Some("no entry that can be listed".to_owned()),
            [] => return Some("no entry: what is selected has no states".to_owned()),
            [state] => format!("`{}`", state.name),
            states => {
                let names = states.iter().map(|state| format!("`{}`", state.name)).collect();
                format!("any of {} states: {}", states.len(), first_of(names))
            }
        };
        let groups = options.key_groups.map(|range| format!("{} of ", shown(range)));
        let groups = groups.unwrap_or_default();
        let wanted = wanted(options);
        let remark = self.remark(options);
        match self.hidden {
            true => Some(format!("no entry that can be listed{wanted} in {groups}{place}")),
            false => Some(format!("no entry{wanted} in {groups}{place}{remark}")),
        }
    }

    /// Why there may be nothing.
    fn remark(&self, options: &CatOptions) -> String {
        let key_group = match self.looked_into.as_slice() {
            [state] => state.key_group,
            _ => None,
        };
        let mut remark = match (key_group, options.key_groups) {
            (Some(group), Some(range)) if !range.groups().contains(&group) => {
                format!("; the key is of key group {group}")
            }
            (Some(group), _) => format!(" (key group {group})"),
            (None, _) => String::new(),
        };
        if let Some(every) = options.sample.filter(|every| *every > 1) {
            remark.push_str(&format!(", of which about one of {every} was looked at"));
        }
        if options.sample.is_none() && !options.wants_keyed_only() {
            remark.push_str("; nothing is stored there");
        }
        remark
    }
}

/// The key and the namespace that are looked for, as the user wrote them.
fn wanted(options: &CatOptions) -> String {
    let key = options.key.as_ref();
    let key = key.map(|key| format!("key {}", abbreviated(key)));
    let namespace = options.namespace.as_ref();
    let namespace = namespace.map(|namespace| format!("namespace {}", abbreviated(namespace)));
    match (key, namespace) {
        (None, None) => String::new(),
        (Some(one), None) | (None, Some(one)) => format!(" with {one}"),
        (Some(key), Some(namespace)) => format!(" with {key} and {namespace}"),
    }
}

/// Key groups as a user writes them.
fn shown(range: KeyGroupRange) -> String {
    match range.count {
        1 => format!("key group {}", range.start),
        _ => format!("key groups {}-{}", range.start, range.end().saturating_sub(1)),
    }
}

/// Whether the wanted key groups are such as no operator has.
#[derive(Default)]
pub(super) struct GroupsOutside {
    any_inside: bool,
    refused: Option<Error>,
}

impl GroupsOutside {
    /// Looks at an operator that has keyed state.
    pub(super) fn check(&mut self, operator: &Operator<'_>, loaded: &LoadedOperator, options: &CatOptions) {
        let Some(range) = options.key_groups else { return };
        if !loaded.states.iter().any(|state| options.wants(state)) {
            return;
        }
        let max = operator.state.max_parallelism;
        if range.start < max {
            self.any_inside = true;
        } else if self.refused.is_none() {
            let (label, last) = (operator.label(), max.saturating_sub(1));
            let groups = shown(range);
            self.refused = Some(
                Error::usage(format!(
                    "operator `{label}` has no {groups}: its max parallelism is {max}"
                ))
                .hint(format!("its key groups are 0-{last}")),
            );
        }
    }

    /// The error if no operator has any of the key groups.
    pub(super) fn refuse(self) -> Option<Error> {
        self.refused.filter(|_| !self.any_inside)
    }
}
