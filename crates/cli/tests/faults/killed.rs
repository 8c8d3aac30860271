//! `SIGKILL` at any instant: what is there is a whole snapshot or visibly none, and the same command again succeeds.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use statetool_testkit::web::Server;

use super::case::{Case, Said, Untouched, assert_no_snapshot, cases, names, place, run, start, tool, wait};
use super::dice::{Dice, runs};
use super::held::{Ended, PLACE};

/// When a run is ended.
#[derive(Debug)]
pub(crate) enum Instants {
    /// So long after its start.
    After(Duration),
    /// So long after so many of its files are there.
    Files(usize, Duration),
    /// So long after `_metadata` has begun to be there, perhaps under another name.
    Publishes(Duration),
    /// So long after it is there.
    Published(Duration),
}

impl Instants {
    /// Any of them.
    pub(crate) fn any(dice: &mut Dice, case: &Case) -> Self {
        let soon = Duration::from_micros(500);
        match dice.below(4) {
            0 => Self::After(dice.time(case.takes.mul_f64(1.2))),
            1 => Self::Files(1 + dice.below(case.files), dice.time(soon)),
            2 => Self::Publishes(dice.time(soon)),
            _ => Self::Published(dice.time(soon)),
        }
    }

    /// Waits for it, or for the program's own end.
    pub(crate) fn wait(&self, child: &mut Child, out: &Path) {
        let begun = Instant::now();
        let reached = |child: &mut Child, is_so: &dyn Fn(&[String]) -> bool| {
            while !is_so(&names(out)) {
                if child.try_wait().unwrap().is_some() || begun.elapsed() > Duration::from_secs(60) {
                    return;
                }
                std::thread::sleep(Duration::from_micros(20));
            }
        };
        let then = match self {
            Self::After(time) => time,
            Self::Files(count, time) => {
                reached(child, &|names| names.len() >= *count);
                time
            }
            Self::Publishes(time) => {
                reached(child, &|names| {
                    names.iter().any(|name| name.starts_with("_metadata"))
                });
                time
            }
            Self::Published(time) => {
                reached(child, &|names| names.iter().any(|name| name == "_metadata"));
                time
            }
        };
        let since = Instant::now();
        while since.elapsed() < *then {
            match then.saturating_sub(since.elapsed()) {
                rest if rest > Duration::from_millis(2) => std::thread::sleep(Duration::from_millis(1)),
                _ => std::hint::spin_loop(),
            }
        }
    }
}

/// What a killed run has left.
fn left_by(case: &Case, out: &Path, killed: &Said) -> &'static str {
    let left = names(out);
    if left.iter().any(|name| name == "_metadata") {
        case.assert_whole(out);
        return WHOLE;
    }
    assert_eq!(killed.code, None, "{case:?}: {killed:?}");
    assert_no_snapshot(out);
    match left.iter().any(|name| name.starts_with("_metadata.unpublished-")) {
        true => "ended while it published",
        false if left.is_empty() => "ended before the first file",
        false => "ended among files",
    }
}

const WHOLE: &str = "ended after it had published";

/// Kills two runs, the second where the first has left its files, unless that was a whole snapshot; tells what
/// each has left. Then the same command succeeds.
fn kill_two(case: &Case, dice: &mut Dice, folder: &Path, command: impl Fn(&Path) -> Command) -> Vec<String> {
    let (mut happened, mut tried) = (Vec::new(), 0);
    let mut out = folder.join("0");
    while happened.len() < 2 {
        tried += 1;
        let mut child = start(&mut command(&out));
        Instants::any(dice, case).wait(&mut child, &out);
        child.kill().unwrap();
        let killed = wait(child);
        if killed.code.is_none() {
            happened.push(left_by(case, &out, &killed).to_owned());
        } else {
            assert_eq!(killed.code, Some(0), "{case:?}: {killed:?}");
        }
        if out.join("_metadata").exists() {
            let again = run(&mut command(&out));
            assert_eq!(again.code, Some(4), "{again:?}");
            assert!(again.stderr.contains("holds a snapshot already"), "{again:?}");
            out = folder.join(tried.to_string());
        }
    }
    let again = run(&mut command(&out));
    assert_eq!(again.code, Some(0), "{case:?}: {again:?}");
    case.assert_complete(&out);
    happened
}

#[test]
fn killed_runs_leave_a_snapshot_or_visibly_none() {
    let untouched = Untouched::now();
    let cases = cases();
    let counts = runs("killed", 250, 4, |dice| {
        let (case, folder) = (dice.one(cases), place(dice.below(2) == 0));
        kill_two(case, dice, folder.path(), |out| case.rewrite(out))
    });
    assert_eq!(counts.values().sum::<usize>(), 500);
    assert_eq!(counts.len(), 4, "not everything has happened: {counts:?}");
    untouched.check();
}

/// An input that takes its time keeps runs in the middle for long.
#[test]
fn killed_while_a_slow_input_is_read() {
    let untouched = Untouched::now();
    let cases = cases();
    let counts = runs("killed at a slow input", 25, 4, |dice| {
        let (case, folder) = (dice.one(cases), place(true));
        let delay = Duration::from_micros(200 + dice.below(2000) as u64);
        let server = Server::of_folder(&case.input.folder, delay);
        kill_two(case, dice, folder.path(), |out| {
            case.rewrite_from(&server.url, &out.display().to_string())
        })
    });
    assert_eq!(counts.values().sum::<usize>(), 50);
    untouched.check();
}

/// A store that holds back the answer to one request, each in its turn, which it has done or not.
#[test]
fn killed_while_a_store_is_asked() {
    let untouched = Untouched::now();
    let cases = cases();
    let counts = runs("killed at a store", 60, 4, |dice| {
        let case = dice.one(cases);
        let Some(ended) = Ended::by("KILL", case, dice) else {
            return vec!["at its end before".to_owned()];
        };
        assert_eq!(ended.said.code, None, "{:?}", ended.said);
        let folder = case.input.folder.display().to_string();
        let again = || run(case.rewrite_from(&folder, PLACE).args(ended.bucket.options()));
        if ended.is_published(case) {
            assert_eq!(again().code, Some(4));
            return vec![WHOLE.to_owned()];
        }
        let said = run(tool().args(["inspect", PLACE]).args(ended.bucket.options()));
        assert_eq!(said.code, Some(3), "{said:?}");
        let said = again();
        assert_eq!(said.code, Some(0), "{case:?}, request {}: {said:?}", ended.at);
        assert!(ended.is_published(case));
        let runs = ended.bucket.below("new/statetool-");
        let runs: BTreeSet<_> = runs.keys().map(|name| name.split('-').next()).collect();
        assert!(runs.len() <= 1, "{runs:?}");
        vec!["ended before it had published".to_owned()]
    });
    assert!(counts["ended before it had published"] >= 20, "{counts:?}");
    untouched.check();
}
