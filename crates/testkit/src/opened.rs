//! Fixtures, opened.

use std::path::{Path, PathBuf};

use statetool_snapshot::{OpenOptions, Relocation, Result, Snapshot};
use statetool_store::{Location, Store};

/// Where the snapshot of a fixture was written, and where it is now; nothing for other files.
pub fn moved(file: &Path) -> Option<Relocation> {
    let fixture = file
        .ancestors()
        .find(|folder| folder.join("fixture.json").is_file())?;
    let said = std::fs::read(fixture.join("fixture.json")).ok()?;
    let said: serde_json::Value = serde_json::from_slice(&said).ok()?;
    Some(Relocation {
        from: Location::parse(said.get("written_to")?.as_str()?).ok()?,
        to: Location::from_path(&fixture.join("snapshot")).ok()?,
    })
}

/// Opens the snapshot at a path, which may be that of a fixture.
///
/// # Errors
/// When it cannot be opened.
pub fn open(path: &Path) -> Result<Snapshot> {
    let options = OpenOptions {
        relocations: moved(path).into_iter().collect(),
        ..OpenOptions::default()
    };
    Snapshot::open(&Store::default(), &path.to_string_lossy(), options)
}

/// The metadata file of a fixture such as `1.20/keyed-states/hashmap-native`.
pub fn metadata_of(fixture: &str) -> Option<PathBuf> {
    let folder = crate::root().join("fixtures").join(fixture);
    crate::files_named(&folder, "_metadata").into_iter().next()
}
