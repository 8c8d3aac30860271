//! A store that fails, is silent, sends too little, or loses its answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use statetool_testkit::bucket::{Bucket, Trouble};
use statetool_testkit::web::Request;

use super::case::{Case, Untouched, cases, fetched, place, put, run};
use super::dice::{Dice, runs};

/// Settings with which a test does not wait long.
const QUICK: [&str; 8] = [
    "--store-option",
    "read-timeout=400ms",
    "--store-option",
    "retry-timeout=2s",
    "--store-option",
    "max-retries=1",
    "--store-option",
    "connect-timeout=2s",
];

const TROUBLES: &[Trouble] = &[
    Trouble::Refuses,
    Trouble::HangsUp,
    Trouble::LosesAnswer,
    Trouble::IsSilent(Duration::from_millis(900)),
    Trouble::IsSlow(Duration::from_millis(900)),
    Trouble::IsSlow(Duration::from_millis(20)),
    Trouble::IsShort,
];

/// A store that is in trouble as a seed says, until it is told to stop.
fn troubled(dice: &mut Dice, concerns: fn(&Request) -> bool) -> (Arc<Bucket>, Arc<AtomicBool>) {
    let seed = dice.below(usize::MAX) as u64;
    let trouble = *dice.one(TROUBLES);
    // One request, all from some on for a while, or any now and then.
    let (kind, at, many) = (dice.below(3), dice.below(60), 1 + dice.below(6));
    let over = Arc::new(AtomicBool::new(false));
    let is_over = Arc::clone(&over);
    let bucket = Bucket::start(move |request| {
        if is_over.load(Ordering::SeqCst) || !concerns(request) {
            return Trouble::Nothing;
        }
        let mut own = Dice::new(seed ^ ((request.number as u64) << 20));
        match kind {
            0 if request.number == at => trouble,
            1 if (at..at + many).contains(&request.number) => trouble,
            2 if own.below(12) < many => *own.one(TROUBLES),
            _ => Trouble::Nothing,
        }
    });
    (Arc::new(bucket), over)
}

/// A run into a store in trouble, and one more when the trouble is over.
fn write(case: &Case, dice: &mut Dice) -> Vec<String> {
    let (bucket, over) = troubled(dice, |_| true);
    let folder = case.input.folder.display().to_string();
    let rewrite = |more: &[&str]| {
        let mut tool = case.rewrite_from(&folder, "s3://bucket/new");
        run(tool.args(bucket.options()).args(more))
    };
    let said = rewrite(&QUICK);
    over.store(true, Ordering::SeqCst);
    let is_published = bucket.below("new/").contains_key("_metadata");
    let is_known = !said
        .stderr
        .contains("whether the snapshot was published is not known");
    let happened = match said.code {
        Some(0) => "done",
        Some(5) if !is_known => "not known whether it was published",
        Some(5) => "an error",
        _ => panic!("{case:?}: {said:?}"),
    };
    if is_known {
        assert_eq!(is_published, said.code == Some(0), "{case:?}: {said:?}");
    }
    if !is_published {
        let again = rewrite(&[]);
        assert_eq!(again.code, Some(0), "{case:?}: {said:?}, then {again:?}");
    }
    let local = fetched(&bucket);
    case.assert_whole(local.path());
    vec![happened.to_owned()]
}

#[test]
fn a_target_in_trouble() {
    let untouched = Untouched::now();
    let cases = cases();
    let counts = runs("a target in trouble", 250, 6, |dice| write(dice.one(cases), dice));
    assert!(counts["done"] > 10 && counts["an error"] > 10, "{counts:?}");
    untouched.check();
}

#[test]
fn an_input_in_trouble() {
    let untouched = Untouched::now();
    let cases = cases();
    let counts = runs("an input in trouble", 150, 6, |dice| {
        let case = dice.one(cases);
        let (bucket, over) = troubled(dice, |request| request.method != "PUT");
        put(&case.input, &bucket);
        let before = bucket.below("");
        let folder = place(true);
        let out = folder.path().join("new");
        let place = out.display().to_string();
        let rewrite = |more: &[&str]| {
            run(case
                .rewrite_from("s3://bucket/in", &place)
                .args(bucket.options())
                .args(more))
        };
        let said = rewrite(&QUICK);
        over.store(true, Ordering::SeqCst);
        assert!(bucket.below("") == before, "the input was changed");
        if said.code == Some(0) {
            case.assert_complete(&out);
            return vec!["done".to_owned()];
        }
        assert_eq!(said.code, Some(3), "{case:?}: {said:?}");
        assert!(!out.exists(), "{case:?}: {said:?}");
        let again = rewrite(&[]);
        assert_eq!(again.code, Some(0), "{case:?}: {again:?}");
        case.assert_complete(&out);
        vec!["an error".to_owned()]
    });
    assert!(counts["done"] > 10 && counts["an error"] > 10, "{counts:?}");
    untouched.check();
}

/// Whatever request it does not answer: there is an error in the end.
#[test]
fn a_target_that_falls_silent() {
    let case = &cases()[0];
    let folder = case.input.folder.display().to_string();
    for from in [0, 1, 3, 6, 10] {
        let bucket = Bucket::start(move |request| match request.number >= from {
            true => Trouble::IsSilent(Duration::from_secs(60)),
            false => Trouble::Nothing,
        });
        let begun = Instant::now();
        let said = run(case
            .rewrite_from(&folder, "s3://bucket/new")
            .args(bucket.options())
            .args(QUICK));
        assert_eq!(said.code, Some(5), "{from}: {said:?}");
        let words = ["did not answer in time", "no answer within"];
        assert!(
            words.iter().any(|words| said.stderr.contains(words)),
            "{from}: {said:?}"
        );
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{from}: {:?}",
            begun.elapsed()
        );
        assert!(!bucket.below("new/").contains_key("_metadata"));
    }
}

/// The answer to the publication is lost, and then every other one: it may have been done, so that no file goes.
#[test]
fn a_lost_answer_loses_no_files() {
    let case = &cases()[0];
    let folder = case.input.folder.display().to_string();
    for (after, code, words) in [
        (Trouble::Nothing, 0, ""),
        (
            Trouble::Refuses,
            5,
            "; whether the snapshot was published is not known\nhint: look with `statetool inspect`; if it is no snapshot, run the same command again",
        ),
        (
            Trouble::IsSilent(Duration::from_secs(5)),
            5,
            "; whether the snapshot was published is not known",
        ),
    ] {
        let lost = AtomicBool::new(false);
        let bucket = Bucket::start(move |request| {
            let publishes = request.method == "PUT" && request.target.ends_with("/_metadata");
            match lost.load(Ordering::SeqCst) {
                false if publishes => {
                    lost.store(true, Ordering::SeqCst);
                    Trouble::LosesAnswer
                }
                false => Trouble::Nothing,
                true => after,
            }
        });
        let said = run(case
            .rewrite_from(&folder, "s3://bucket/new")
            .args(bucket.options())
            .args(QUICK));
        assert_eq!(said.code, Some(code), "{after:?}: {said:?}");
        assert!(said.stderr.contains(words), "{after:?}: {said:?}");
        let local = fetched(&bucket);
        case.assert_complete(local.path());
    }
}
