//! Snapshots that were moved: absolute paths that mean another place now.

use std::borrow::Cow;
use std::fmt;

use statetool_store::{Location, Store};

use crate::error::{Error, Result};

/// Absolute paths that begin with `from` lie at `to` now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relocation {
    /// The old place, which may be in a system that nobody here can read.
    pub from: Location,
    /// The new place.
    pub to: Location,
}

/// How many of a missing file's last names are looked for in other places.
const MAX_NAMES: usize = 4;
/// In how many directories: that of the metadata, and those above it.
const MAX_DIRECTORIES: usize = 3;

impl Relocation {
    /// Parses `OLD=NEW`.
    ///
    /// # Errors
    /// A text without both, and what is no location.
    pub fn parse(text: &str) -> Result<Self> {
        let Some((from, to)) = split(text) else {
            return Err(Error::usage(format!("`{text}` is no relocation: write OLD=NEW")));
        };
        Ok(Self {
            from: Location::parse_any(&from.replace(ESCAPED, "="))?,
            to: Location::parse(to)?,
        })
    }

    /// The relocation with which a missing file is found again, if it lies as near to the
    /// metadata in `directory` as it once did.
    pub(crate) fn find(store: &Store, missing: &Location, directory: &Location) -> Option<Self> {
        let candidates = Self::candidates(missing, &absolute(directory)?);
        let places: Vec<Location> = candidates.iter().map(|(place, _)| place.clone()).collect();
        let opened = store.open_all(&places, 0);
        let found = candidates
            .into_iter()
            .zip(opened)
            .find(|(_, opened)| opened.is_ok());
        found.map(|((_, relocation), _)| relocation.without_checkpoint())
    }

    /// Where the file may be now, the likeliest first, each with the relocation that says so.
    fn candidates(missing: &Location, directory: &Location) -> Vec<(Location, Self)> {
        let directories = std::iter::successors(Some(directory.clone()), Location::parent);
        let mut candidates = Vec::new();
        for to in directories.take(MAX_DIRECTORIES) {
            let mut from = missing.clone();
            let mut names: Vec<String> = Vec::new();
            while let (Some(name), Some(parent)) = (from.file_name().map(Cow::into_owned), from.parent()) {
                names.insert(0, name);
                from = parent;
                if names.len() > MAX_NAMES {
                    break;
                }
                let Ok(place) = to.join(&names.join("/")) else {
                    break;
                };
                if place != *missing {
                    let (from, to) = (from.clone(), to.clone());
                    candidates.push((place, Self { from, to }));
                }
            }
        }
        candidates
    }

    /// Of two directories of one checkpoint those above, where its shared files are too.
    fn without_checkpoint(self) -> Self {
        let names = (self.from.file_name(), self.to.file_name());
        let same = matches!(&names, (Some(a), Some(b)) if a == b && a.starts_with("chk-"));
        match (self.from.parent(), self.to.parent()) {
            (Some(from), Some(to)) if same => Self { from, to },
            _ => self,
        }
    }
}

/// The directory of a snapshot that an absolute path in it belongs to.
pub(crate) fn old_place(missing: &Location) -> Option<Location> {
    let parent = missing.parent()?;
    let mut place = parent.clone();
    while let (Some(name), Some(above)) = (place.file_name().map(Cow::into_owned), place.parent()) {
        if name.starts_with("chk-") || matches!(&*name, "shared" | "taskowned" | "dstl") {
            return Some(above);
        }
        place = above;
    }
    Some(parent)
}

/// The same directory from the root on.
fn absolute(directory: &Location) -> Option<Location> {
    match directory.as_local_path() {
        Some(path) => Location::from_path(&std::path::absolute(path).ok()?).ok(),
        None => Some(directory.clone()),
    }
}

/// An equals sign of the old place behind which a path seems to begin.
const ESCAPED: &str = r"\=";

/// Splits at the `=` behind which a path or URL begins, else at the first; never at an escaped one.
fn split(text: &str) -> Option<(&str, &str)> {
    let begins = |to: &str| {
        let scheme = to.split_once(':').map(|(scheme, _)| scheme);
        let is_scheme =
            |scheme: &str| !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric());
        to.starts_with(['/', '.']) || scheme.is_some_and(is_scheme)
    };
    let splits = text
        .match_indices('=')
        .filter_map(|(at, _)| Some((text.get(..at)?, text.get(at + 1..)?)))
        .filter(|(from, to)| !from.is_empty() && !to.is_empty() && !from.ends_with('\\'));
    let mut likely = splits.clone().filter(|(_, to)| begins(to));
    likely.next().or_else(|| splits.clone().next())
}

/// A flag for a shell that relocates what begins with `from`; `to` is a place, or a word that stands for one.
pub(crate) fn flag(from: &Location, to: &str) -> String {
    let from = from.to_string();
    let plain = format!("{from}={to}");
    let value = match split(&plain) {
        Some((old, _)) if old == from => plain,
        _ => format!("{}={to}", from.replace('=', ESCAPED)),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/:=._-@%+,".contains(c);
    match value.chars().all(is_plain) {
        true => format!("--relocate {value}"),
        false => format!("--relocate '{}'", value.replace('\'', r"'\''")),
    }
}

/// As a flag for a shell.
impl fmt::Display for Relocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&flag(&self.from, &self.to.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(text: &str) -> Location {
        Location::parse_any(text).unwrap()
    }

    #[test]
    fn old_and_new_are_told_apart() {
        let cases = [
            ("/old=/new", "/old", "/new"),
            ("s3://b/x=1=/new", "s3://b/x=1", "/new"),
            (
                "oss://bucket/job=hdfs://nn/a=b",
                "oss://bucket/job",
                "hdfs://nn/a=b",
            ),
            ("file:///old=new", "/old", "new"),
            ("old=new=x", "old", "new=x"),
        ];
        for (text, from, to) in cases {
            let parsed = Relocation::parse(text).unwrap();
            assert_eq!(
                (parsed.from.to_string(), parsed.to.to_string()),
                (from.into(), to.into()),
                "{text}"
            );
        }
        for text in [r"/base64\==/new", r"/base64\=/x=/new"] {
            let from = Relocation::parse(text).unwrap().from.to_string();
            assert!(from.starts_with("/base64="), "{text}: {from}");
        }
        for text in ["", "x", "=x", "x=", "="] {
            let error = Relocation::parse(text).unwrap_err().to_string();
            assert_eq!(error, format!("`{text}` is no relocation: write OLD=NEW"));
        }
        let error = Relocation::parse("/old=oss://bucket/x").unwrap_err().to_string();
        assert!(
            error.starts_with("`oss://bucket/x`: unknown scheme `oss`"),
            "{error}"
        );
    }

    #[test]
    fn a_file_is_found_by_its_last_names_near_the_metadata() {
        let cases = [
            // A savepoint.
            (
                "/old/sp-1/uuid",
                "sp-1",
                "sp-1/uuid",
                "--relocate /old/sp-1={}/sp-1",
            ),
            // Renamed as it was moved.
            (
                "hdfs://nn/old/sp-1/uuid",
                "other",
                "other/uuid",
                "--relocate hdfs://nn/old/sp-1={}/other",
            ),
            // A checkpoint's own file, and one that it shares.
            (
                "s3://b/job/chk-7/uuid",
                "job/chk-7",
                "job/chk-7/uuid",
                "--relocate s3://b/job={}/job",
            ),
            (
                "oss://b/job/shared/uuid",
                "job/chk-7",
                "job/shared/uuid",
                "--relocate oss://b/job={}/job",
            ),
            (
                "/x/job/dstl/task/uuid",
                "chk-7",
                "dstl/task/uuid",
                "--relocate /x/job={}",
            ),
            (
                "/it's/sp/uuid",
                "sp",
                "sp/uuid",
                r"--relocate '/it'\''s/sp={}/sp'",
            ),
        ];
        for (missing, directory, found, expected) in cases {
            let root = std::env::temp_dir().join(format!("statetool-relocation-{}", std::process::id()));
            std::fs::create_dir_all(root.join(directory)).unwrap();
            std::fs::create_dir_all(root.join(found).parent().unwrap()).unwrap();
            std::fs::write(root.join(found), "").unwrap();
            let metadata = Location::from_path(&root.join(directory)).unwrap();
            let relocation = Relocation::find(&Store::default(), &location(missing), &metadata);
            std::fs::remove_dir_all(&root).unwrap();
            let expected = expected.replace("{}", root.to_str().unwrap());
            assert_eq!(relocation.unwrap().to_string(), expected);
            assert_eq!(
                Relocation::find(&Store::default(), &location(missing), &metadata),
                None
            );
        }
    }

    #[test]
    fn what_is_proposed_means_the_same_when_it_is_read() {
        for from in [
            "/plain",
            "/a b",
            "/it's",
            "/a,b",
            "/dt=2020/x",
            "/base64==/job",
            "/a=/b=/c",
            "/x=.y",
            "/$HOME`x`\"*?~!#",
        ] {
            for to in ["/new", "/new=/other", "/it's, new"] {
                let relocation = Relocation {
                    from: location(from),
                    to: location(to),
                };
                let output = std::process::Command::new("sh")
                    .args([
                        "-c",
                        &format!(
                            "printf %s {}",
                            relocation.to_string().replacen("--relocate ", "", 1)
                        ),
                    ])
                    .output()
                    .unwrap();
                let pasted = String::from_utf8(output.stdout).unwrap();
                assert_eq!(Relocation::parse(&pasted).unwrap(), relocation, "{pasted}");
            }
        }
    }

    #[test]
    fn the_old_place_is_above_what_flink_makes() {
        let cases = [
            ("/a/job/chk-3/uuid", "/a/job"),
            ("s3://b/job/shared/uuid", "s3://b/job"),
            ("/a/dstl/task/1/uuid", "/a"),
            ("/a/savepoint-1/uuid", "/a/savepoint-1"),
        ];
        for (missing, expected) in cases {
            assert_eq!(old_place(&location(missing)).unwrap().to_string(), expected);
        }
    }
}
