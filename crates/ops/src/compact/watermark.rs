//! The watermark that an operator has stored.

use statetool_backend::InFile;
use statetool_format::Reader;
use statetool_snapshot::{Entry, Error, Flow, Layout, Result, Snapshot, State, StateKind};

use super::resolve::Known;

/// The name that Flink's SQL operators give it.
const NAME: &str = "watermark";

/// The watermark of an operator: the least of its subtasks, with which Flink itself goes on.
///
/// # Errors
/// An operator that has stored none.
pub(super) fn stored(snapshot: &Snapshot, known: &Known<'_>) -> Result<i64> {
    let is_watermark = |state: &State| {
        state.name == NAME && state.kind == StateKind::OperatorListUnion && state.value.name() == "Long"
    };
    let mut least: Option<i64> = None;
    for part in &known.loaded.parts {
        if !matches!(part.layout, Layout::Operator { .. }) {
            continue;
        }
        let mut visit = |entry: &Entry<'_>| {
            let found = Reader::new(entry.value.bytes()).i64("watermark").in_file(NAME)?;
            least = Some(least.map_or(found, |least| least.min(found)));
            Ok(Flow::Continue(()))
        };
        let _ = part.scan(snapshot.files(), part.range, &is_watermark, &mut visit)?;
    }
    least.ok_or_else(|| {
        let label = known.operator.label();
        Error::refused(format!(
            "operator `{label}`: it has stored no watermark: of Flink's operators only those of SQL windows do"
        ))
        .hint(format!(
            "name a time, such as the job's `currentOutputWatermark` when the snapshot was taken: --windows-before {label}=TIME"
        ))
    })
}
