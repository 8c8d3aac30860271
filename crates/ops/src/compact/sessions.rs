//! Windows of a key that have been merged: where the contents of each lie.
//!
//! Merging windows change their bounds while they grow, and their contents do not move: they lie under the
//! window that came first, the *state window*. Which one that is stands in `merging-window-set`, a list of
//! (window, state window), or in SQL in `session-window-mapping`, a map from window to state window. All
//! else, triggers' state and timers, is of the window itself.

use std::collections::HashMap;

use statetool_snapshot::{Entry, Error, Payload, Result, State, StateKind};
use statetool_values::Type;

/// The bytes of a `TimeWindow`: start and end.
pub(super) type WindowBytes = [u8; 16];

/// The last millisecond but one of a window: its exclusive end.
pub(super) fn end_of(window: &WindowBytes) -> i64 {
    let [_, _, _, _, _, _, _, _, end @ ..] = *window;
    i64::from_be_bytes(end)
}

/// Whether the namespaces of a state are time windows.
pub(super) fn has_windows(state: &State) -> bool {
    state.kind.is_keyed() && matches!(state.namespace.as_deref(), Some(Type::TimeWindow))
}

/// Whether a state says which windows have been merged.
pub(super) fn is_mapping(state: &State) -> bool {
    let is_window = |ty: &Type| matches!(ty, Type::TimeWindow);
    match (state.kind, &*state.value, state.map_key.as_deref()) {
        (StateKind::List, Type::Tuple(pair), _) => {
            state.name == "merging-window-set" && pair.fields.len() == 2 && pair.fields.iter().all(is_window)
        }
        (StateKind::Map, value, Some(key)) => {
            state.name == "session-window-mapping" && is_window(value) && is_window(key)
        }
        _ => false,
    }
}

/// The window of a namespace.
pub(super) fn window<'e>(state: &State, bytes: &'e [u8]) -> Result<&'e WindowBytes> {
    <&WindowBytes>::try_from(bytes).map_err(|_| {
        Error::input(format!(
            "state `{}`: a window of {} bytes, and not of 16",
            state.name,
            bytes.len()
        ))
    })
}

/// The window and the state window of an element of `merging-window-set`.
pub(super) fn pair<'e>(state: &State, element: &'e [u8]) -> Result<(&'e WindowBytes, &'e WindowBytes)> {
    let (real, contents) = element.split_at_checked(16).unwrap_or((element, &[]));
    Ok((window(state, real)?, window(state, contents)?))
}

/// Calls `see` with each window and its state window that an entry of a mapping holds.
pub(super) fn each_pair(
    entry: &Entry<'_>,
    map_key: Option<&[u8]>,
    mut see: impl FnMut(&WindowBytes, &WindowBytes),
) -> Result<()> {
    match (entry.value, map_key) {
        (Payload::Value(contents), Some(real)) => {
            see(window(entry.state, real)?, window(entry.state, contents)?);
            Ok(())
        }
        (_, Some(_)) => Ok(()),
        _ => {
            let sifted = super::sieve::sift(entry, &mut Vec::new(), |_, element| {
                let (real, contents) = pair(entry.state, element)?;
                see(real, contents);
                Ok(false)
            });
            sifted.map(|_| ())
        }
    }
}

/// The merged windows of a key group, by key and by what namespaces may say.
#[derive(Debug, Default)]
pub(super) struct Sessions(HashMap<Vec<u8>, Vec<(WindowBytes, WindowBytes)>>);

impl Sessions {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes a window of a key and its state window.
    pub(super) fn add(&mut self, key: &[u8], real: &WindowBytes, contents: &WindowBytes) {
        match self.0.get_mut(key) {
            Some(windows) => windows.push((*real, *contents)),
            None => {
                self.0.insert(key.to_vec(), vec![(*real, *contents)]);
            }
        }
    }

    /// The window that a namespace means: as state window, or by itself. Windows of a key do not meet, so
    /// that no state window of one is another.
    pub(super) fn real(&self, key: &[u8], namespace: &WindowBytes) -> Option<&WindowBytes> {
        let windows = self.0.get(key)?;
        let by_contents = windows.iter().find(|(_, contents)| contents == namespace);
        let found = by_contents.or_else(|| windows.iter().find(|(real, _)| real == namespace));
        found.map(|(real, _)| real)
    }
}
