//! Snapshots that name their files as if they had been written to another place.

use statetool_format::JavaString;
use statetool_format::metadata::{KeyedHandle, Metadata, StreamHandle, Subtask, Subtasks};

/// Replaces the beginning `from` of the absolute paths in a snapshot's metadata by `to`, as
/// far as they are in keyed state.
pub fn rename_paths(metadata: &mut Metadata, from: &str, to: &str) {
    let rename = |stream: &mut StreamHandle| {
        if let StreamHandle::File { path, .. } | StreamHandle::Segment { path, .. } = stream
            && let Some(rest) = path.to_str().strip_prefix(from)
            && let Some(renamed) = JavaString::new(&format!("{to}{rest}"))
        {
            *path = renamed;
        }
    };
    for operator in &mut metadata.operators {
        let Subtasks::Listed(subtasks) = &mut operator.subtasks else {
            continue;
        };
        for subtask in subtasks {
            let Subtask::Running { state, .. } = subtask else {
                continue;
            };
            match &mut state.managed_keyed {
                Some(KeyedHandle::KeyGroups(groups)) => rename(&mut groups.delegate),
                Some(KeyedHandle::Incremental(handle)) => {
                    handle.meta.iter_mut().for_each(rename);
                    let files = handle.shared.iter_mut().chain(&mut handle.private);
                    files.for_each(|file| rename(&mut file.handle));
                }
                _ => {}
            }
        }
    }
}
