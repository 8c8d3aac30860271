//! Snapshots compacted, and what they should hold then.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use statetool_ops::compact::{CompactOptions, CompactReport, plan};
use statetool_ops::rewrite::ExecuteOptions;
use statetool_snapshot::{Result, Snapshot, SnapshotWriter};
use statetool_store::{Location, Store};

use crate::rewriting::rows;
use crate::{files_named, root};

/// The metadata files of a scenario's fixtures, of all releases.
pub fn of_scenario(scenario: &str) -> Vec<PathBuf> {
    let all = files_named(&root().join("fixtures"), "_metadata");
    let is = |path: &PathBuf| path.to_string_lossy().contains(&format!("/{scenario}/"));
    all.into_iter().filter(is).collect()
}

/// All rows of a snapshot that has nothing but rows.
pub fn found(snapshot: &Snapshot) -> Vec<Json> {
    let (rows, end) = rows(snapshot);
    assert_eq!(end, None);
    let parsed = rows.iter().map(|row| serde_json::from_str(row));
    parsed.collect::<std::result::Result<_, _>>().expect("rows")
}

/// How many entries a rule has left out.
pub fn dropped(report: &CompactReport, rule: &str) -> u64 {
    report.totals.dropped.get(rule).map_or(0, |amount| amount.entries)
}

/// The operator and the key of a row.
pub fn place(row: &Json) -> String {
    let field = |name: &str| row.get(name).map(Json::to_string).unwrap_or_default();
    format!("{} {}", field("operator"), field("key"))
}

/// Compacts a snapshot into a directory.
///
/// # Errors
/// What the compaction refuses or meets.
pub fn compact(snapshot: &Snapshot, options: &CompactOptions, directory: &Path) -> Result<CompactReport> {
    let compaction = plan(snapshot, options)?;
    let directory = Location::from_path(directory)?;
    let writer = SnapshotWriter::new(&Store::default(), directory, &[snapshot], 7)?;
    compaction.execute(&writer, &threads(2))
}

/// Says what a compaction would do.
///
/// # Errors
/// What the compaction refuses or meets.
pub fn rehearse(snapshot: &Snapshot, options: &CompactOptions, number: usize) -> Result<CompactReport> {
    plan(snapshot, options)?.rehearse(&threads(number))
}

fn threads(threads: usize) -> ExecuteOptions {
    ExecuteOptions {
        threads,
        ..ExecuteOptions::default()
    }
}

/// The rows that Flink saw in a fixture; nothing if the file is that of no fixture.
pub fn seen_by_flink(metadata: &Path) -> Option<Vec<Json>> {
    let mut folders = metadata.ancestors();
    let fixture = folders.find(|folder| folder.join("fixture.json").is_file())?;
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let said: Json = serde_json::from_str(&read(&fixture.join("fixture.json"))?).ok()?;
    let rows = read(&fixture.join(said.get("expected")?.as_str()?))?;
    rows.lines().map(|row| serde_json::from_str(row).ok()).collect()
}

/// What of a row does not depend on who has seen it; elements of lists without their places, which change
/// when others go.
pub fn essence(row: &Json) -> String {
    let fields = [
        "state",
        "kind",
        "key_group",
        "key",
        "namespace",
        "map_key",
        "value",
        "timestamp",
        "subtask",
    ];
    let shown = fields.map(|field| row.get(field).map(Json::to_string).unwrap_or_default());
    shown.join(" ")
}

/// The essence of rows as `cat` writes them, or as Flink saw them, sorted.
pub fn essences<'r>(rows: impl IntoIterator<Item = &'r Json>) -> Vec<String> {
    let mut all: Vec<String> = rows.into_iter().map(essence).collect();
    all.sort();
    all
}

/// The elements of lists in the order of their places, by the list that they are in.
pub fn lists(rows: &[Json]) -> BTreeSet<String> {
    let mut lists: std::collections::BTreeMap<String, Vec<(u64, String)>> = Default::default();
    for row in rows {
        let Some(index) = row.get("index").and_then(Json::as_u64) else {
            continue;
        };
        let field = |name: &str| row.get(name).map(Json::to_string).unwrap_or_default();
        let list = ["state", "key", "namespace", "subtask"].map(field).join(" ");
        lists.entry(list).or_default().push((index, field("value")));
    }
    let show = |(list, mut elements): (String, Vec<(u64, String)>)| {
        elements.sort();
        let values: Vec<String> = elements.into_iter().map(|(_, value)| value).collect();
        format!("{list}: {}", values.join(" "))
    };
    lists.into_iter().map(show).collect()
}
