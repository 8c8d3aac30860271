//! Files that are missing or of another length: each is one finding, whoever needs it.

use std::collections::BTreeMap;

use statetool_snapshot::Error;

use super::{Finding, VerifyReport};

/// The findings about whole files, by file.
#[derive(Default)]
pub(super) struct BrokenFiles(BTreeMap<String, Broken>);

struct Broken {
    /// Which of the findings is about it.
    finding: usize,
    /// How many handles name it.
    handles: u64,
}

impl BrokenFiles {
    /// Takes up that a handle cannot be opened: the first finding of its file, or one more handle.
    pub(super) fn add(&mut self, error: &Error, report: &mut VerifyReport, finding: Finding) {
        let known = error.file().and_then(|file| self.0.get_mut(file));
        if let Some(known) = known {
            known.handles += 1;
            return;
        }
        if let Some(file) = error.file() {
            let (finding, handles) = (report.findings.len(), 1);
            self.0.insert(file.to_owned(), Broken { finding, handles });
        }
        report.findings.push(finding);
    }

    /// Whether an error comes from a file that there is a finding about.
    pub(super) fn explain(&self, error: &Error) -> bool {
        error.file().is_some_and(|file| self.0.contains_key(file))
    }

    /// Says of which state a file is, if it belongs to nothing else.
    pub(super) fn name_state(&self, file: &str, state: &str, report: &mut VerifyReport) {
        let alone = self.0.get(file).filter(|broken| broken.handles == 1);
        if let Some(finding) = alone.and_then(|broken| report.findings.get_mut(broken.finding)) {
            finding.state.get_or_insert_with(|| state.to_owned());
        }
    }

    /// Says with each finding how many other handles name the file.
    pub(super) fn count_handles(&self, report: &mut VerifyReport) {
        for broken in self.0.values() {
            let others = broken.handles - 1;
            if let Some(finding) = report.findings.get_mut(broken.finding).filter(|_| others > 0) {
                let handles = if others == 1 {
                    "handle names"
                } else {
                    "handles name"
                };
                finding
                    .message
                    .push_str(&format!(" ({others} more {handles} it)"));
            }
        }
    }
}
