//! How the program ends: exit codes, and the words for an error.

use std::process::ExitCode;

use statetool_ops::{Error, ErrorKind};
use statetool_store::plain;

use crate::output::{is_closed_pipe, say};

/// Exit codes, a contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done, and nothing found.
    Done = 0,
    /// Differences, failed checks.
    Findings = 1,
    /// The call is wrong.
    Usage = 2,
    /// The input cannot be read, or is damaged.
    Input = 3,
    /// Refused: it would destroy something.
    Refused = 4,
    /// The output could not be written.
    Target = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Says what went wrong, where and why, and what to try; returns how to end.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    if is_closed_pipe(error) {
        return Exit::Done;
    }
    let known = error.downcast_ref::<Error>();
    // Without a context it is about stdout or a file that was opened.
    let bare = error
        .downcast_ref::<std::io::Error>()
        .filter(|_| error.chain().len() == 1);
    match bare {
        Some(error) => say("error", &format!("cannot write the result: {}", plain(error))),
        None => say("error", &in_words(error)),
    }
    if let Some(hint) = known.and_then(Error::help) {
        say("hint", hint);
    }
    match known.map(Error::kind) {
        Some(ErrorKind::Usage) => Exit::Usage,
        Some(ErrorKind::Refused) => Exit::Refused,
        Some(ErrorKind::Target) => Exit::Target,
        Some(_) => Exit::Input,
        None if error.is::<UsageError>() => Exit::Usage,
        None => Exit::Target,
    }
}

/// All that is known of an error, from the outside in.
fn in_words(error: &anyhow::Error) -> String {
    let words = error.chain().map(|cause| match cause.downcast_ref() {
        Some(system) => plain(system),
        None => cause.to_string(),
    });
    words.collect::<Vec<_>>().join(": ")
}

/// A call that cannot be meant.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}
