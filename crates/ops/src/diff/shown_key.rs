//! What entries are matched by where their bytes do not say it: what rows show of their keys.

use statetool_format::{Fault, Result as FormatResult};
use statetool_snapshot::{Entry, StoredKey};
use statetool_values::{JsonOptions, Type};

use super::values::{text, value};

/// Between the parts of a key; it occurs in no JSON.
const SEPARATOR: u8 = 0;

/// Appends what rows show of key, namespace, map key and time stamp, the same for all orders of fields.
pub(super) fn shown_key(entry: &Entry<'_>, out: &mut Vec<u8>) -> FormatResult<()> {
    let state = entry.state;
    if let StoredKey::Broadcast { map_key } = entry.key {
        return shown(state.map_key.as_deref(), map_key, out);
    }
    let parts = match entry.key_parts() {
        Ok(Some(parts)) => parts,
        Ok(None) => return Ok(()),
        // Nobody knows where its parts end: then by its bytes.
        Err(error) if matches!(error.fault(), Fault::UnknownClass(_)) => {
            out.extend_from_slice(super::record::key_of(entry));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    shown(state.key.as_deref(), parts.key, out)?;
    shown(state.namespace.as_deref(), parts.namespace, out)?;
    shown(state.map_key.as_deref(), parts.map_key.unwrap_or_default(), out)?;
    if let Some(timestamp) = parts.timestamp {
        out.extend_from_slice(timestamp.to_string().as_bytes());
    }
    Ok(())
}

/// Appends what rows show of bytes of a type.
pub(super) fn shown(ty: Option<&Type>, bytes: &[u8], out: &mut Vec<u8>) -> FormatResult<()> {
    if let Some(ty) = ty.filter(|_| !bytes.is_empty()) {
        let text = text(&value(ty, bytes)?, JsonOptions::default());
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(mut json) => {
                json.sort_all_objects();
                out.extend_from_slice(json.to_string().as_bytes());
            }
            Err(_) => out.extend_from_slice(text.as_bytes()),
        }
    }
    out.push(SEPARATOR);
    Ok(())
}
