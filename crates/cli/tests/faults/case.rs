//! What is rewritten: fixtures, edits, and what has to come out.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use statetool_testkit::bucket::Bucket;
use statetool_testkit::root;
use tempfile::TempDir;

/// The program, without the settings of whoever runs the tests.
pub(crate) fn tool() -> Command {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_statetool"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().into_owned();
        if text.starts_with("STATETOOL_") || text.starts_with("AWS_") {
            tool.env_remove(name);
        }
    }
    tool.stdin(Stdio::null());
    tool.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    tool
}

/// What a program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Said {
    wait(start(command))
}

/// Starts a program whose words are kept.
pub(crate) fn start(command: &mut Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// An input and edits of it.
pub(crate) struct Case {
    pub(crate) input: Input,
    edits: &'static [&'static str],
    /// The rows of what comes out.
    rows: String,
    /// How many files there are besides `_metadata`.
    pub(crate) files: usize,
    /// How long it takes.
    pub(crate) takes: Duration,
}

/// A fixture.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    /// Its directory, and the snapshot below that.
    pub(crate) folder: PathBuf,
    pub(crate) snapshot: String,
    written_to: String,
}

const KEYED: &str = "1.20/keyed-states/rocksdb-incremental-checkpoint";
const MANY: &str = "1.20/many-files/rocksdb-incremental-checkpoint";
const CANONICAL: &str = "1.20/keyed-states/hashmap-canonical";
const HASHMAP: &str = "1.20/operator-states/hashmap-checkpoint";

const CASES: &[(&str, &[&str])] = &[
    (KEYED, &[]),
    (MANY, &[]),
    (HASHMAP, &[]),
    (KEYED, &["--type", "canonical"]),
    (MANY, &["--type", "canonical", "--compression", "snappy"]),
    (CANONICAL, &["--backend", "rocksdb"]),
    (MANY, &["--backend", "hashmap"]),
    (
        CANONICAL,
        &["--uid", "all-states", "--drop-state", "all-states/notes"],
    ),
    (
        KEYED,
        &[
            "--uid",
            "all-states",
            "--rename-operator",
            "all-states=uid:totals",
        ],
    ),
    (HASHMAP, &["--type", "canonical"]),
];

/// The cases, each of which has been done once without trouble.
pub(crate) fn cases() -> &'static [Case] {
    static CASES_DONE: OnceLock<Vec<Case>> = OnceLock::new();
    CASES_DONE.get_or_init(|| CASES.iter().map(|(name, edits)| Case::of(name, edits)).collect())
}

/// What all inputs hold, which no run may change.
pub(crate) struct Untouched(BTreeMap<PathBuf, Vec<u8>>);

impl Untouched {
    /// What they hold now.
    pub(crate) fn now() -> Self {
        let folders = [KEYED, MANY, CANONICAL, HASHMAP].map(|name| root().join("fixtures").join(name));
        Self(folders.iter().flat_map(|folder| files_below(folder)).collect())
    }

    /// It has to be the same still.
    pub(crate) fn check(&self) {
        assert!(self.0 == Self::now().0, "an input was changed");
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.input.folder.display(), self.edits)
    }
}

impl Case {
    fn of(name: &str, edits: &'static [&'static str]) -> Self {
        let about = fs::read(root().join("fixtures").join(name).join("fixture.json")).unwrap();
        let about: serde_json::Value = serde_json::from_slice(&about).unwrap();
        let snapshot = about["snapshot"].as_str().unwrap();
        let input = Input {
            folder: root().join("fixtures").join(name).join("snapshot"),
            snapshot: snapshot
                .trim_start_matches("snapshot")
                .trim_start_matches('/')
                .to_owned(),
            written_to: about["written_to"].as_str().unwrap().to_owned(),
        };
        let mut case = Self {
            input,
            edits,
            rows: String::new(),
            files: 0,
            takes: Duration::MAX,
        };
        let place = tempfile::tempdir().unwrap();
        for round in 0..3 {
            let out = place.path().join(round.to_string());
            let begun = Instant::now();
            let said = run(&mut case.rewrite(&out));
            assert_eq!(said.code, Some(0), "{case:?}: {said:?}");
            case.takes = case.takes.min(begun.elapsed());
            let rows = rows(&out);
            assert!(
                round == 0 || rows == case.rows,
                "{case:?}: other rows in another run"
            );
            assert!(rows.lines().count() > 10, "{rows}");
            (case.rows, case.files) = (rows, names(&out).len() - 1);
        }
        case
    }

    /// The command that writes to a directory.
    pub(crate) fn rewrite(&self, out: &Path) -> Command {
        self.rewrite_from(
            &self.input.folder.display().to_string(),
            &out.display().to_string(),
        )
    }

    /// The same with URLs.
    pub(crate) fn rewrite_from(&self, folder: &str, out: &str) -> Command {
        let snapshot = format!("{folder}/{}", self.input.snapshot);
        let moved = format!("{}={folder}", self.input.written_to);
        let mut tool = tool();
        tool.args([
            "rewrite",
            snapshot.trim_end_matches('/'),
            "-o",
            out,
            "--relocate",
            &moved,
            "--self-contained",
        ]);
        tool.args(["--quiet", "--threads", "2"]).args(self.edits);
        tool
    }

    /// The snapshot has to be whole, and nothing else may be beside it.
    pub(crate) fn assert_complete(&self, out: &Path) {
        self.assert_whole(out);
        let mut runs: Vec<String> = names(out)
            .into_iter()
            .filter(|name| name != "_metadata")
            .collect();
        runs.iter_mut()
            .for_each(|name| name.truncate(name.rfind('-').unwrap()));
        runs.dedup();
        assert!(runs.len() <= 1, "{self:?}: more than one run: {:?}", names(out));
    }

    /// The snapshot has to be whole.
    pub(crate) fn assert_whole(&self, out: &Path) {
        let verified = run(tool().args(["verify", "--deep", &out.display().to_string()]));
        assert_eq!(verified.code, Some(0), "{self:?}: {verified:?}");
        assert!(
            rows(out) == self.rows,
            "{self:?}: other rows than without trouble"
        );
    }
}

/// There is no snapshot, and the program says so.
pub(crate) fn assert_no_snapshot(out: &Path) {
    assert!(!out.join("_metadata").exists());
    let said = run(tool().args(["inspect", &out.display().to_string()]));
    assert_eq!(said.code, Some(3), "{said:?}");
    let words = match (out.exists(), names(out).is_empty()) {
        (false, _) => "there is nothing at this place",
        (true, true) => "no `_metadata` and no `chk-N` in it",
        (true, false) => "an unfinished snapshot: a run of statetool is writing it, or has left it",
    };
    assert!(said.stderr.contains(words), "{words}: {said:?}");
}

fn rows(out: &Path) -> String {
    let said = run(tool().args(["cat", &out.display().to_string(), "*/*"]));
    assert_eq!(said.code, Some(0), "{said:?}");
    said.stdout
}

/// The names in a directory, sorted; none if it is not there.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Puts an input into an object store, as `s3://bucket/in`.
pub(crate) fn put(input: &Input, bucket: &Bucket) {
    for (path, bytes) in files_below(&input.folder) {
        let name = path.strip_prefix(&input.folder).unwrap().display().to_string();
        bucket.put(&format!("in/{name}"), bytes);
    }
}

/// What is in an object store as `s3://bucket/new`.
pub(crate) fn fetched(bucket: &Bucket) -> TempDir {
    let folder = place(true);
    for (name, bytes) in bucket.below("new/") {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// Copies a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    for (path, bytes) in files_below(from) {
        let path = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// All files below a folder.
pub(crate) fn files_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => pending.push(path),
                // A link to nowhere holds nothing.
                false => drop(files.insert(path.clone(), fs::read(&path).unwrap_or_default())),
            }
        }
    }
    files
}

/// A place for output: now in memory, now on a disk, where it is slower.
pub(crate) fn place(in_memory: bool) -> TempDir {
    match in_memory && Path::new("/dev/shm").is_dir() {
        true => tempfile::tempdir_in("/dev/shm").unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

/// How a program has ended, within a minute.
pub(crate) fn wait(mut child: Child) -> Said {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = (in_background(stdout), in_background(stderr));
    let begun = Instant::now();
    let mut is_late = false;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > Duration::from_secs(60) {
            is_late = true;
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let said = Said {
        code: status.code(),
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    };
    assert!(!is_late, "it does not end: {said:?}");
    said
}

fn in_background(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        pipe.map(|mut pipe| pipe.read_to_string(&mut text).unwrap());
        text
    })
}
