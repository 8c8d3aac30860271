//! Runs into an object store that holds one answer back, until they are ended.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use statetool_testkit::bucket::{Bucket, Trouble};

use super::case::{Case, Said, fetched, start, wait};
use super::dice::Dice;
use super::interrupted::signal;

/// How a run was ended while one of its requests had no answer, and the store.
pub(crate) struct Ended {
    pub(crate) bucket: Bucket,
    pub(crate) at: usize,
    pub(crate) said: Said,
}

impl Ended {
    /// Ends a run at any request, which the store may have done; nothing if there were not so many.
    pub(crate) fn by(name: &str, case: &Case, dice: &mut Dice) -> Option<Self> {
        let (at, does_it) = (dice.below(case.files * 2 + 12), dice.below(2) == 0);
        let (send, held) = channel();
        let send = Mutex::new(send);
        let bucket = Bucket::start(move |request| {
            if request.number != at {
                return Trouble::Nothing;
            }
            let _ = send.lock().unwrap().send(());
            let long = Duration::from_secs(20);
            match does_it {
                true => Trouble::IsSlow(long),
                false => Trouble::IsSilent(long),
            }
        });
        let folder = case.input.folder.display().to_string();
        let mut tool = case.rewrite_from(&folder, PLACE);
        tool.args(bucket.options())
            .args(["--store-option", "read-timeout=500ms"]);
        let mut child = start(&mut tool);
        while held.recv_timeout(Duration::from_millis(5)).is_err() {
            if child.try_wait().unwrap().is_some() {
                return None;
            }
        }
        signal(name, child.id());
        let said = wait(child);
        Some(Self { bucket, at, said })
    }

    /// Whether there is a snapshot, which then has to be whole.
    pub(crate) fn is_published(&self, case: &Case) -> bool {
        let objects = fetched(&self.bucket);
        if !objects.path().join("_metadata").exists() {
            return false;
        }
        case.assert_whole(objects.path());
        true
    }
}

/// Where the runs write to.
pub(crate) const PLACE: &str = "s3://bucket/new";
