//! Which entry an error is about.

use statetool_snapshot::{Entry, StoredKey};

use super::Whose;
use crate::key::shown;

/// Which entry it is, without its key unless that may be shown.
pub(crate) fn place(whose: &Whose, entry: &Entry<'_>, show_data: bool) -> String {
    let at = match (entry.key_group, entry.key) {
        (Some(group), _) => format!("key group {group}"),
        (None, StoredKey::Element { index }) => format!("subtask {}, element {index}", entry.subtask),
        (None, _) => format!("subtask {}", entry.subtask),
    };
    let state = entry.state;
    let key = match entry.key_parts() {
        Ok(Some(parts)) => Some(shown(state.key.as_deref(), parts.key)),
        _ => None,
    };
    let map_key = entry.map_key().ok().flatten();
    let map_key = map_key.map(|bytes| shown(state.map_key.as_deref(), bytes));
    let data = [("key", key), ("map key", map_key)];
    let data = data.iter().filter(|_| show_data);
    let data = data.filter_map(|(name, json)| Some(format!(", {name} {}", json.as_ref()?)));
    format!(
        "operator `{}`, state `{}`, {at}{}",
        whose.label,
        state.name,
        data.collect::<String>()
    )
}
