//! `verify`: is everything of a snapshot there, and is it what it should be?

mod agreement;
mod contents;
mod duplicates;
mod files;
mod headers;
mod stray;
mod structure;

use std::sync::Arc;

use serde::Serialize;
use statetool_snapshot::{Operator, Snapshot};

use crate::progress::Progress;
use files::BrokenFiles;

/// How thoroughly to look.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// Whether to decode every key and value.
    pub deep: bool,
    /// Whether findings may show keys and values.
    pub show_data: bool,
    /// How many threads work.
    pub threads: usize,
    /// Where to count what has been read.
    pub progress: Arc<Progress>,
}

impl Default for VerifyOptions {
    /// Structure and files, looked at by one thread.
    fn default() -> Self {
        Self {
            deep: false,
            show_data: false,
            threads: 1,
            progress: Arc::default(),
        }
    }
}

/// What was checked, and what is wrong.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyReport {
    /// `statetool.verify.v1`.
    pub schema: &'static str,
    /// The metadata file.
    pub location: String,
    /// Whether every key and value was decoded.
    pub deep: bool,
    /// What was checked.
    pub checked: Checked,
    /// What is wrong; empty if nothing is.
    pub findings: Vec<Finding>,
    /// What could not be checked, because nobody can interpret it, and what else should be known.
    /// No findings.
    pub notes: Vec<Finding>,
}

/// How much was checked.
#[derive(Debug, Clone, Copy, Default, Serialize, PartialEq, Eq)]
pub struct Checked {
    /// Operators.
    pub operators: u64,
    /// Handles whose bytes were looked for.
    pub handles: u64,
    /// Entries read.
    pub entries: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Pieces of state that were not checked to their end; a note says why of each.
    pub incomplete: u64,
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The operator's id.
    pub operator: Option<String>,
    /// Its uid, if that is known.
    pub uid: Option<String>,
    /// The subtask.
    pub subtask: Option<u32>,
    /// The state.
    pub state: Option<String>,
    /// What is wrong, with file and offset where there are some.
    pub message: String,
}

impl Finding {
    fn new(message: impl Into<String>) -> Self {
        Self {
            operator: None,
            uid: None,
            subtask: None,
            state: None,
            message: message.into(),
        }
    }

    fn of(operator: &Operator<'_>, message: impl Into<String>) -> Self {
        let (id, uid) = (Some(operator.id().to_string()), operator.uid.clone());
        Self {
            operator: id,
            uid,
            ..Self::new(message)
        }
    }

    fn subtask(mut self, subtask: u32) -> Self {
        self.subtask = Some(subtask);
        self
    }

    fn state(mut self, state: &str) -> Self {
        self.state = Some(state.to_owned());
        self
    }
}

/// At most so many findings about the entries of one work item; damage rarely comes alone.
const MAX_FINDINGS: usize = 100;

/// How notes begin that say what has not been seen.
const NOT_TO_THE_END: &str = "not checked to the end";

/// Checks a snapshot.
///
/// Damage is a finding of the report, never an error; only the metadata has to be readable.
pub fn verify(snapshot: &Snapshot, options: &VerifyOptions) -> VerifyReport {
    let mut report = VerifyReport {
        schema: "statetool.verify.v1",
        location: snapshot.location().to_string(),
        deep: options.deep,
        checked: Checked::default(),
        findings: Vec::new(),
        notes: Vec::new(),
    };
    structure::check_metadata(snapshot, &mut report);
    stray::check(snapshot, &mut report);
    let mut broken = BrokenFiles::default();
    let operators: Vec<_> = snapshot.operators().collect();
    snapshot.open_ahead(&operators);
    for operator in operators {
        report.checked.operators += 1;
        structure::check_operator(snapshot, &operator, &mut broken, &mut report);
        let (loaded, failed) = snapshot.load_readable(&operator);
        for (subtask, error) in failed.iter().filter(|(_, error)| !broken.explain(error)) {
            let finding = Finding::of(&operator, error.to_string());
            report.findings.push(finding.subtask(*subtask));
        }
        headers::check(&operator, &loaded, &mut report);
        agreement::check(&operator, &loaded, &mut report);
        contents::check(snapshot, &operator, &loaded, options, &broken, &mut report);
    }
    broken.count_handles(&mut report);
    report.notes.sort();
    report.notes.dedup();
    let incomplete = report.notes.iter();
    let incomplete = incomplete.filter(|note| note.message.starts_with(NOT_TO_THE_END));
    report.checked.incomplete = incomplete.count() as u64;
    report
}
