//! Two runs into the same place: one wins, the other says so.

use std::time::Duration;

use super::case::{Untouched, cases, place, start, wait};
use super::dice::runs;

#[test]
fn of_two_runs_into_the_same_place_one_wins() {
    let untouched = Untouched::now();
    let cases = cases();
    let counts = runs("two at once", 60, 2, |dice| {
        let (case, folder) = (dice.one(cases), place(dice.below(2) == 0));
        let out = folder.path().join("new");
        let apart = match dice.below(3) {
            0 => Duration::ZERO,
            _ => dice.time(case.takes),
        };
        let first = start(&mut case.rewrite(&out));
        std::thread::sleep(apart);
        let second = start(&mut case.rewrite(&out));
        let said = [wait(first), wait(second)];
        let winner = said.iter().position(|said| said.code == Some(0));
        let (Some(winner), Some(loser)) = (winner, said.iter().find(|said| said.code == Some(4))) else {
            panic!("{case:?}: {said:?}");
        };
        let met = "another run has written a snapshot there meanwhile";
        let came_late = "holds a snapshot already";
        let words = [met, came_late]
            .into_iter()
            .find(|words| loser.stderr.contains(words));
        let Some(words) = words else {
            panic!("{case:?}: {said:?}");
        };
        case.assert_complete(&out);
        vec![words.to_owned(), format!("number {} wins", winner + 1)]
    });
    assert!(
        counts["another run has written a snapshot there meanwhile"] >= 10,
        "{counts:?}"
    );
    untouched.check();
}
