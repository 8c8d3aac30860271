//! Snapshots written anew, and what they hold.

use std::path::{Path, PathBuf};

use statetool_ops::cat::{CatOptions, cat};
use statetool_ops::rewrite::{Edits, ExecuteOptions, PlanOptions, RewriteReport, execute_all, plan_all};
use statetool_ops::verify::{VerifyOptions, verify};
use statetool_snapshot::{Flow, OpenOptions, Result, Snapshot, SnapshotWriter};
use statetool_store::{Location, Store};
use tempfile::TempDir;

use crate::{corpus, files_named, root};

/// The metadata files of all fixtures, and of the corpus where that is.
pub fn everything() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = files_named(&root().join("fixtures"), "_metadata");
    paths.extend(corpus().map_or_else(Vec::new, |folder| files_named(&folder, "_metadata")));
    paths
}

/// Edits as a plan file in JSON has them.
pub fn edits(json: &str) -> Edits {
    serde_json::from_str(json).expect("edits")
}

/// Rewrites a snapshot into a directory.
///
/// # Errors
/// What the rewrite refuses or meets.
pub fn rewrite(snapshot: &Snapshot, edits: &Edits, directory: &Path) -> Result<RewriteReport> {
    run(&[snapshot], edits, directory, false)
}

/// Writes a snapshot anew that names the files of the old one.
///
/// # Errors
/// What the rewrite refuses or meets.
pub fn rewrite_in_place(snapshot: &Snapshot, directory: &Path) -> Result<RewriteReport> {
    run(&[snapshot], &Edits::default(), directory, true)
}

/// Writes several snapshots into one.
///
/// # Errors
/// What the rewrite refuses or meets.
pub fn merge(snapshots: &[&Snapshot], edits: &Edits, directory: &Path) -> Result<RewriteReport> {
    run(snapshots, edits, directory, false)
}

fn run(snapshots: &[&Snapshot], edits: &Edits, directory: &Path, in_place: bool) -> Result<RewriteReport> {
    let directory = Location::from_path(directory)?;
    let writer = SnapshotWriter::new(&Store::default(), directory, snapshots, 7)?;
    let options = ExecuteOptions {
        threads: 2,
        in_place,
        ..ExecuteOptions::default()
    };
    let plans = plan_all(snapshots, edits, &PlanOptions::default())?;
    execute_all(&plans, &writer, &options)
}

/// A directory in memory where there is such a place: thousands of files are waited for until they
/// are on the disk.
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.expect("a temporary directory")
}

/// Opens what was written.
pub fn opened(directory: &Path) -> Snapshot {
    let options = OpenOptions::default();
    Snapshot::open(&Store::default(), &directory.to_string_lossy(), options).expect("a snapshot")
}

/// All rows, sorted, since another layout has them in another order; and what ended them.
pub fn rows(snapshot: &Snapshot) -> (Vec<String>, Option<String>) {
    let mut rows = Vec::new();
    let end = cat(snapshot, &CatOptions::default(), false, |chunk| {
        let text = String::from_utf8_lossy(&chunk.text);
        rows.extend(text.lines().map(str::to_owned));
        Ok(Flow::Continue(()))
    });
    rows.sort();
    (rows, end.err().map(|error| error.to_string()))
}

/// What `verify --deep` finds.
pub fn findings(snapshot: &Snapshot) -> Vec<String> {
    let options = VerifyOptions {
        deep: true,
        ..VerifyOptions::default()
    };
    let findings = verify(snapshot, &options).findings;
    findings.into_iter().map(|finding| finding.message).collect()
}
