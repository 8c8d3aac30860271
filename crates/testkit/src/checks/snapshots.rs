//! Metadata, and whole snapshots that lie in it.

use std::sync::Arc;

use statetool_format::java::JavaStream;
use statetool_format::java::properties::CheckpointProperties;
use statetool_format::metadata::{Metadata, StreamHandle};
use statetool_format::{Encode, KeyGroupRange};
use statetool_ops::inspect::{InspectOptions, inspect};
use statetool_ops::progress::Progress;
use statetool_ops::row::RowWriter;
use statetool_ops::verify::{VerifyOptions, verify};
use statetool_snapshot::{
    Entry, Flow, LoadedOperator, Located, OpenOptions, Operator, Part, Result, Snapshot, StateSelector,
};
use statetool_store::{Location, Store};
use statetool_values::JsonOptions;

/// What is accepted as metadata is written back with the same bytes.
pub fn metadata(input: &[u8]) {
    let Ok(metadata) = Metadata::decode(input) else {
        return;
    };
    assert_eq!(
        metadata.to_bytes(),
        input,
        "metadata is not written back as it was"
    );
}

/// Properties that are understood survive being written as Flink would write them.
pub fn properties(input: &[u8]) {
    let Ok(Some(properties)) = CheckpointProperties::decode(&JavaStream(input.to_vec())) else {
        return;
    };
    let written = properties.encode();
    assert_eq!(CheckpointProperties::decode(&written), Ok(Some(properties)));
}

/// All operations end, and count the same entries.
///
/// Files outside of the metadata are not opened: their paths come from the input.
pub fn snapshot(input: &[u8]) {
    let Some(snapshot) = open(input) else { return };
    check(&snapshot);
    let options = InspectOptions {
        selector: StateSelector::all(),
        stats: true,
        threads: 1,
        progress: Arc::new(Progress::default()),
    };
    let _ = inspect(&snapshot, &options);
}

/// The snapshot whose metadata file has these bytes, in a directory that does not exist.
pub(super) fn open(metadata: &[u8]) -> Option<Snapshot> {
    let located = Located {
        metadata: Location::parse("/no/such/directory/_metadata").ok()?,
        chosen: None,
    };
    let opened = Metadata::decode(metadata).ok()?;
    if !is_self_contained(&opened) {
        return None;
    }
    Snapshot::decode(&Store::default(), located, metadata, OpenOptions::default()).ok()
}

fn is_self_contained(metadata: &Metadata) -> bool {
    metadata.operators.iter().all(|operator| {
        let mut inside = operator.coordinator.as_ref().is_none_or(is_inside);
        for (_, state) in operator.running() {
            state.visit_streams(&mut |stream| inside &= is_inside(stream));
        }
        inside
    })
}

fn is_inside(stream: &StreamHandle) -> bool {
    match stream {
        StreamHandle::Inline { .. } | StreamHandle::EmptySegment => true,
        StreamHandle::KeyGroups(groups) => is_inside(&groups.delegate),
        _ => false,
    }
}

/// Goes through everything in the snapshot, and verifies it.
pub(super) fn check(snapshot: &Snapshot) {
    for operator in snapshot.operators() {
        if let Ok(loaded) = snapshot.load_operator(&operator) {
            check_operator(snapshot, &operator, &loaded);
        }
    }
    let _ = verify(
        snapshot,
        &VerifyOptions {
            deep: true,
            ..VerifyOptions::default()
        },
    );
}

fn check_operator(snapshot: &Snapshot, operator: &Operator<'_>, loaded: &LoadedOperator) {
    for part in &loaded.parts {
        let mut whole = Vec::new();
        let complete = scan(snapshot, operator, part, part.range, &mut whole);
        if part.range.is_empty() || complete.is_err() || whole.len() == MAX_SEEN {
            continue;
        }
        let (start, end) = (part.range.start, part.range.end());
        let middle = start + part.range.count / 2;
        let mut apart = Vec::new();
        for range in [KeyGroupRange::new(start, middle), KeyGroupRange::new(middle, end)] {
            let half = scan(snapshot, operator, part, range, &mut apart);
            assert!(
                half.is_ok(),
                "half of the key groups fails, all of them do not: {half:?}"
            );
        }
        whole.sort();
        apart.sort();
        assert_eq!(whole, apart, "two halves of the key groups are not the whole");
    }
}

/// Key group, state, and rows of an entry.
type Seen = (Option<u32>, String, Vec<u8>);

fn scan(
    snapshot: &Snapshot,
    operator: &Operator<'_>,
    part: &Part,
    range: KeyGroupRange,
    seen: &mut Vec<Seen>,
) -> Result<()> {
    let mut writer = RowWriter::new(operator, JsonOptions::default());
    let mut visit = |entry: &Entry<'_>| -> Result<Flow> {
        let group = entry.key_group;
        assert!(
            group.is_none_or(|group| range.contains(group)),
            "an entry of key group {group:?} in a scan of {range}"
        );
        let mut rows = Vec::new();
        let each = |out: &mut Vec<u8>, _: &_| {
            out.push(b'\n');
            Ok(Flow::Continue(()))
        };
        if writer.write(entry, &mut rows, each).is_ok() {
            check_rows(&rows);
        }
        if seen.len() < MAX_SEEN {
            seen.push((group, entry.state.name.clone(), rows));
            return Ok(Flow::Continue(()));
        }
        Ok(Flow::Break(()))
    };
    part.scan(snapshot.files(), range, &|_| true, &mut visit)
        .map(|_| ())
}

/// Entries of no bytes can be many.
const MAX_SEEN: usize = 1 << 14;

fn check_rows(rows: &[u8]) {
    for row in rows.split(|byte| *byte == b'\n').filter(|row| !row.is_empty()) {
        assert!(
            super::is_json(row),
            "a row that is no JSON: {}",
            String::from_utf8_lossy(row)
        );
    }
}
