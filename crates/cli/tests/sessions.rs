//! Sessions in documents are what the program really does: those of the test cases, of the
//! README, and of the pages about commands.
//!
//! A session is a code block of the language `console`: commands behind `$ `, and `> ` where they have more lines, each followed by
//! what it prints on stdout and stderr, and by `? CODE` if it ends with another exit code than 0.
//! A shell runs them, one document in one directory, in which the fixtures lie that it names.
//! `SNAPSHOTS=overwrite cargo test -p statetool --test sessions` accepts what is printed now.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test fails by panicking and says what it counted"
)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use snapbox::{Assert, Data};

#[test]
fn cases() {
    check_all(&root().join("crates/cli/tests/cases"));
}

#[test]
fn command_pages() {
    check_all(&root().join("docs/commands"));
}

#[test]
fn readme() {
    check(&root().join("README.md"));
}

/// Every command's help ends with examples, and these do what they say as they stand there.
#[test]
fn examples_of_help_texts() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path().canonicalize().unwrap();
    let help = |command: &str| run(&format!("COLUMNS=1000 statetool {command} --help"), &place);
    let commands = help("");
    let commands = commands.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.map_while(|line| line.split_whitespace().next());
    let mut count = 0;
    for command in commands.filter(|command| *command != "help") {
        let help = help(command);
        let examples = help.lines().skip_while(|line| *line != "Examples:").skip(1);
        let examples: Vec<&str> = examples.map_while(|line| line.strip_prefix("  ")).collect();
        assert!(!examples.is_empty(), "`{command}` has no examples");
        for example in examples {
            check_example(command, example, &place);
            count += 1;
        }
    }
    println!("{count} examples work");
}

fn check_example(command: &str, example: &str, place: &Path) {
    assert!(
        example.starts_with(&format!("statetool {command} ")),
        "`{example}`"
    );
    copy_fixtures(example, place);
    // The directory that a shell looks into for completions is there where that shell is used.
    if let Some((_, file)) = example.split_once("> ~/") {
        fs::create_dir_all(place.join(file).parent().unwrap()).unwrap();
    }
    // What comes behind a pipe is not ours, and may not be installed.
    let ours = example.split(" | ").next().unwrap();
    let words = run(&format!("{ours} && echo fine"), place);
    assert!(words.ends_with("fine\n"), "`{ours}`: {words}");
    let is_quiet = ours.contains("> ") || ours.contains(" -o ") || command == "man";
    assert_eq!(words == "fine\n", is_quiet, "`{ours}` prints {words}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn check_all(directory: &Path) {
    let entries = fs::read_dir(directory).unwrap();
    let paths: BTreeSet<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    let documents: Vec<_> = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    assert!(!documents.is_empty(), "no documents in `{}`", directory.display());
    documents.into_iter().for_each(|document| check(document));
}

fn check(document: &Path) {
    let expected = fs::read_to_string(document).unwrap();
    let place = tempfile::tempdir().unwrap();
    let place = place.path().canonicalize().unwrap();
    copy_fixtures(&expected, &place);
    let actual = replay(&expected, &place);
    Assert::new()
        .action_env("SNAPSHOTS")
        .eq(Data::text(actual).raw(), Data::read_from(document, None).raw());
}

/// The document with what its commands print now.
fn replay(document: &str, place: &Path) -> String {
    let mut actual = String::new();
    let mut lines = document.lines().peekable();
    let mut in_session = false;
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            in_session = line == "```console";
        }
        if in_session && line.starts_with("$ ") {
            let mut command = line.get(2..).unwrap().to_owned();
            actual.push_str(&format!("{line}\n"));
            while let Some(more) = lines.next_if(|line| line.starts_with("> ") || *line == ">") {
                actual.push_str(&format!("{more}\n"));
                command = format!("{command}\n{}", more.get(2..).unwrap_or_default());
            }
            actual.push_str(&run(&command, place));
            while lines
                .next_if(|line| !line.starts_with("$ ") && !line.starts_with("```"))
                .is_some()
            {}
        } else {
            actual.push_str(&format!("{line}\n"));
        }
    }
    actual
}

/// What a command prints, and its exit code unless that is 0.
fn run(command: &str, place: &Path) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_statetool"));
    let path = format!(
        "{}:/usr/local/bin:/usr/bin:/bin",
        program.parent().unwrap().display()
    );
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{command}")])
        .current_dir(place)
        .env_clear()
        .envs([("PATH", path.as_str()), ("LANG", "C.UTF-8"), ("USER", "nobody")])
        .env("HOME", place)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    text = text.replace(&place.display().to_string(), "[CWD]");
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    match output.status.code() {
        Some(0) => text,
        Some(code) => format!("{text}? {code}\n"),
        None => format!("{text}? {}\n", output.status),
    }
}

/// Copies the fixtures that a document names. They were all taken at the same time then.
fn copy_fixtures(document: &str, place: &Path) {
    let parts = document.split(|c: char| c.is_whitespace() || "'\"`()=".contains(c));
    let named = parts.filter_map(|part| {
        let mut steps = part.strip_prefix("fixtures/")?.splitn(4, '/');
        let (release, scenario, variant) = (steps.next()?, steps.next()?, steps.next()?);
        Some(Path::new("fixtures").join(release).join(scenario).join(variant))
    });
    for fixture in named.collect::<BTreeSet<_>>() {
        if root().join(&fixture).is_dir() {
            copy(&root().join(&fixture), &place.join(&fixture));
        }
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(&name));
        }
        return;
    }
    fs::copy(from, to).unwrap();
    // 2026-05-01T10:00:00Z
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_777_629_600);
    File::options()
        .write(true)
        .open(to)
        .unwrap()
        .set_modified(time)
        .unwrap();
}
