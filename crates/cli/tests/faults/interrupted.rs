//! Ctrl-C and its kin at any instant: nothing is left, or a whole snapshot.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use statetool_testkit::bucket::{Bucket, Trouble};

use super::case::{Untouched, cases, names, place, start, wait};
use super::dice::runs;
use super::held::Ended;
use super::killed::Instants;

const SIGNALS: &[(&str, i32)] = &[("INT", 130), ("TERM", 143), ("HUP", 129)];

pub(crate) fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .output();
    // It may have ended just now.
    assert!(sent.is_ok());
}

#[test]
fn interrupted_runs_leave_nothing_or_a_snapshot() {
    let untouched = Untouched::now();
    let cases = cases();
    let counts = runs("interrupted", 150, 4, |dice| {
        let (case, folder) = (dice.one(cases), place(dice.below(2) == 0));
        // Directories above it are the run's own, too.
        let out = folder.path().join(dice.one::<&str>(&["new", "a/b/new"]));
        let (name, code) = dice.one(SIGNALS);
        let mut child = start(&mut case.rewrite(&out));
        Instants::any(dice, case).wait(&mut child, &out);
        signal(name, child.id());
        let said = wait(child);
        if out.join("_metadata").exists() {
            assert!([Some(0), Some(*code)].contains(&said.code), "{said:?}");
            case.assert_complete(&out);
            return vec![format!("whole, exit code {}", said.code.unwrap())];
        }
        assert_eq!(names(folder.path()), Vec::<String>::new(), "{case:?}: {said:?}");
        // Before the program listens to signals the system ends it.
        let is_early = said.code.is_none() && said.stderr.is_empty();
        assert!(is_early || said.code == Some(*code), "{case:?}: {said:?}");
        assert!(
            said.stderr.lines().all(|line| line.starts_with("note: ")),
            "{said:?}"
        );
        vec![
            if is_early {
                "before it began"
            } else {
                "nothing left"
            }
            .to_owned(),
        ]
    });
    assert!(counts.contains_key("nothing left"), "{counts:?}");
    untouched.check();
}

/// A directory that was there before stays, as does what others have put into one that was made.
#[test]
fn only_what_the_run_has_made_goes() {
    let case = &cases()[0];
    let folder = place(false);
    let out = folder.path().join("a/new");
    std::fs::create_dir_all(&out).unwrap();
    let said = interrupted_among_files(&mut case.rewrite(&out), &out);
    assert_eq!(said, Some(130));
    assert_eq!(names(&out), Vec::<String>::new());
    assert!(out.is_dir());
}

fn interrupted_among_files(command: &mut Command, out: &Path) -> Option<i32> {
    loop {
        let mut child = start(command);
        Instants::Files(1, Duration::ZERO).wait(&mut child, out);
        signal("INT", child.id());
        let said = wait(child);
        if said.code != Some(0) && !out.join("_metadata").exists() {
            return said.code;
        }
        for name in names(out) {
            std::fs::remove_file(out.join(name)).unwrap();
        }
    }
}

/// An object store that holds back one answer, each in its turn, while the run is interrupted.
#[test]
fn an_interrupted_run_takes_its_objects_away() {
    let untouched = Untouched::now();
    let cases = cases();
    let counts = runs("interrupted at a store", 60, 4, |dice| {
        let (case, (name, code)) = (dice.one(cases), dice.one(SIGNALS));
        let Some(ended) = Ended::by(name, case, dice) else {
            return vec!["at its end before".to_owned()];
        };
        assert_eq!(ended.said.code, Some(*code), "{:?}", ended.said);
        assert_eq!(ended.bucket.half_uploads(), 0);
        if ended.is_published(case) {
            return vec!["whole".to_owned()];
        }
        let (left, at) = (ended.bucket.below("new/"), ended.at);
        assert!(
            left.is_empty(),
            "{case:?}, request {at}: {:?}, {:?}",
            left.keys(),
            ended.said
        );
        vec!["nothing left".to_owned()]
    });
    assert!(counts.contains_key("nothing left"), "{counts:?}");
    untouched.check();
}

/// Who does not want to wait for a store that does not answer interrupts again.
#[test]
fn the_second_interrupt_ends_the_program_at_once() {
    let case = &cases()[0];
    let (send, held) = channel();
    let send = Mutex::new(send);
    let bucket = Bucket::start(move |request| match request.method.as_str() {
        "PUT" | "POST" | "DELETE" => {
            let _ = send.lock().unwrap().send(());
            Trouble::IsSilent(Duration::from_secs(30))
        }
        _ => Trouble::Nothing,
    });
    let folder = case.input.folder.display().to_string();
    let mut child = start(
        case.rewrite_from(&folder, "s3://bucket/new")
            .args(bucket.options()),
    );
    held.recv().unwrap();
    signal("INT", child.id());
    // What it takes away does not answer either.
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none());
    signal("TERM", child.id());
    let begun = std::time::Instant::now();
    let said = wait(child);
    assert_eq!(said.code, Some(143), "{said:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
