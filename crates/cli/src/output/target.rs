//! The place of a result in the local file system: what a name leads to, and what must not be written to.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::random;

/// How many links lead from one to the next: as many as the system itself would follow.
const MAX_LINKS: usize = 40;

/// The file that a name leads to, which need not be there: symbolic links are followed, so that they stay.
pub(super) fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&target) {
            Ok(next) => target = target.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return Ok(target),
        }
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "too many symbolic links"))
}

/// A new file in the directory of another one, with the other's mode if there is one already.
///
/// Its own name is short, whatever length the other's is.
pub(super) fn beside(target: &Path, there: Option<&Metadata>) -> io::Result<(File, PathBuf)> {
    if there.is_some() {
        // What may not be written to is not replaced either.
        File::options().append(true).open(target)?;
    }
    let path = target.with_file_name(format!(".statetool-{:016x}.part", random()));
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if let Some(there) = there {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        // From the beginning on, so that nobody else gets at it meanwhile.
        options.mode(there.permissions().mode() & 0o7777);
    }
    let file = options.open(&path)?;
    if let Some(there) = there
        && let Err(error) = fs::set_permissions(&path, there.permissions())
    {
        // What cannot have the other's mode is not written.
        let _ = fs::remove_file(&path);
        return Err(error);
    }
    Ok((file, path))
}

/// The snapshot, or the directory of a job's checkpoints, that a file or directory is in or would be in.
pub(super) fn snapshot_around(path: &Path) -> Option<PathBuf> {
    let place = real(path);
    if place.ends_with(METADATA) {
        return place.parent().map(Path::to_owned);
    }
    let mut above = place.ancestors().skip(1);
    if is_state_file(&place) {
        return place.parent().map(Path::to_owned);
    }
    above
        .find(|directory| directory.join(METADATA).is_file() || has_checkpoints(directory))
        .map(Path::to_owned)
}

/// Whether a file would be in a directory, or take its place; neither need be there.
pub(super) fn is_inside(file: &Path, directory: &Path) -> bool {
    real(file).starts_with(real(directory))
}

const METADATA: &str = "_metadata";

/// Whether it is a file that Flink has named, in a directory that checkpoints share, which may lie apart from them.
fn is_state_file(place: &Path) -> bool {
    let shared = ["shared", "taskowned", "dstl"].map(std::ffi::OsStr::new);
    let is_shared = place
        .ancestors()
        .skip(1)
        .filter_map(Path::file_name)
        .any(|name| shared.contains(&name));
    let is_uuid = |name: &str| {
        let parts: Vec<&str> = name.split('-').collect();
        parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
            && parts
                .iter()
                .all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    is_shared
        && place
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(is_uuid)
        && place.is_file()
}

/// Whether a directory holds completed checkpoints: `chk-N` with a `_metadata`.
fn has_checkpoints(directory: &Path) -> bool {
    let Ok(entries) = fs::read_dir(directory) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("chk-"));
        number.is_some_and(|number| number.parse::<u64>().is_ok()) && entry.path().join(METADATA).is_file()
    })
}

/// The place without links, also of a file that a link to nowhere names.
fn real(path: &Path) -> PathBuf {
    statetool_store::resolve(&behind_links(path).unwrap_or_else(|_| path.to_owned()))
}
