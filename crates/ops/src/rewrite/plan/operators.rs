//! Which operators stay, and what they are called.

use std::collections::HashMap;

use statetool_format::{JavaString, OperatorId};
use statetool_snapshot::{Error, OperatorSelector, Result, Snapshot};

use crate::rewrite::edits::{Edits, Rename};

/// What becomes of operators, by index.
#[derive(Default)]
pub(super) struct OperatorFates {
    pub(super) dropped: Vec<usize>,
    pub(super) renamed: HashMap<usize, (OperatorId, JavaString)>,
}

impl OperatorFates {
    pub(super) fn resolve(snapshot: &Snapshot, edits: &Edits) -> Result<Self> {
        let index = |selector: &String| {
            OperatorSelector::parse(selector)
                .resolve(snapshot)
                .map(|op| op.index)
        };
        let mut fates = Self {
            dropped: edits.drop_operator.iter().map(index).collect::<Result<_>>()?,
            renamed: HashMap::new(),
        };
        let kept: Vec<usize> = edits.keep_operator.iter().map(index).collect::<Result<_>>()?;
        if let Some(both) = kept.iter().find(|kept| fates.dropped.contains(kept)) {
            let label = snapshot
                .operators()
                .nth(*both)
                .map(|op| op.label())
                .unwrap_or_default();
            return Err(Error::usage(format!(
                "operator `{label}` is to be kept and to be dropped"
            )));
        }
        if !kept.is_empty() {
            let all = 0..snapshot.operators().len();
            fates.dropped = all.filter(|index| !kept.contains(index)).collect();
        }
        for Rename { from, to } in &edits.rename_operator {
            let index = index(from)?;
            if fates.dropped.contains(&index) {
                return Err(Error::usage(format!(
                    "operator `{from}` is to be renamed, and left out"
                )));
            }
            if fates.renamed.insert(index, identity(to)?).is_some() {
                return Err(Error::usage(format!("operator `{from}` is to be renamed twice")));
            }
        }
        Ok(fates)
    }
}

/// The id and the uid that `uid:X` or `id:HEX` means.
fn identity(text: &str) -> Result<(OperatorId, JavaString)> {
    let refuse = |why: &str| Error::usage(format!("`{text}` is no new name of an operator: {why}"));
    match text.split_once(':') {
        Some(("uid", uid)) if !uid.is_empty() => {
            let stored = JavaString::new(uid).ok_or_else(|| refuse("it is too long"))?;
            Ok((OperatorId::from_uid(uid), stored))
        }
        Some(("id", hex)) => {
            let id = OperatorId::from_hex(hex).ok_or_else(|| refuse("an id has 32 hex digits"))?;
            Ok((id, JavaString::default()))
        }
        _ => Err(refuse("write `uid:X` or `id:HEX`")),
    }
}
