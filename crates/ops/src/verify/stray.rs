//! Files beside the metadata that no handle names: Flink would never read or remove them.

use std::collections::HashSet;

use statetool_snapshot::Snapshot;
use statetool_store::EntryKind;

use super::{Finding, VerifyReport};

/// The name of the metadata file in a directory that is the snapshot's own.
const METADATA: &str = "_metadata";

/// Notes files in the snapshot's own directory that are not of it. Those of `shared` and
/// `taskowned` may be of other checkpoints, and directories that cannot be listed tell nothing.
pub(super) fn check(snapshot: &Snapshot, report: &mut VerifyReport) {
    if snapshot.location().file_name().as_deref() != Some(METADATA) {
        return;
    }
    let files = snapshot.files();
    let Ok(entries) = files.store().list(files.directory()) else {
        return;
    };
    // By their names alone: wherever the paths of handles lead, these files are what they mean.
    let mut named = HashSet::from([METADATA.to_owned()]);
    snapshot.visit_streams(&mut |stream| {
        let name = files.locate(stream).ok().flatten();
        named.extend(name.and_then(|place| Some(place.file_name()?.into_owned())));
    });
    let stray = entries.iter().filter_map(|entry| match entry.kind {
        EntryKind::File { len } if !named.contains(&entry.name) => Some((&entry.name, len)),
        _ => None,
    });
    let stray: Vec<(&String, u64)> = stray.collect();
    let bytes: u64 = stray.iter().map(|(_, len)| len).sum();
    let message = match stray.as_slice() {
        [] => return,
        [(name, _)] => {
            format!("1 file beside `_metadata`, `{name}` with {bytes} bytes, is named by no handle")
        }
        [(name, _), ..] => format!(
            "{} files beside `_metadata`, {bytes} bytes, are named by no handle, such as `{name}`",
            stray.len()
        ),
    };
    report.notes.push(Finding::new(message));
}
