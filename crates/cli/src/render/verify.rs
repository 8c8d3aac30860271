//! The report of `verify` as text.

use std::io::Write;

use statetool_ops::verify::{Finding, VerifyReport};

use super::{count, json_line};
use crate::style::{self, paint};

/// For people.
pub(crate) fn table(report: &VerifyReport, out: &mut dyn Write) -> anyhow::Result<()> {
    for finding in &report.findings {
        let kind = paint(style::ERROR, "finding");
        writeln!(out, "{kind}: {}{}", place(finding), finding.message)?;
    }
    for note in &report.notes {
        let kind = paint(style::NOTE, "note");
        writeln!(out, "{kind}: {}{}", place(note), note.message)?;
    }
    let c = &report.checked;
    let result = match report.findings.len() as u64 {
        0 => paint(style::GOOD, "no findings"),
        n => paint(style::ERROR, count(n, "finding", "findings")),
    };
    let depth = if report.deep { "decoded" } else { "read" };
    let incomplete = match c.incomplete {
        0 => String::new(),
        n => format!(", {} not checked to the end", count(n, "piece", "pieces")),
    };
    writeln!(
        out,
        "{result}: {}, {}, {} {depth}{incomplete}  {}",
        count(c.operators, "operator", "operators"),
        count(c.handles, "handle", "handles"),
        count(c.entries, "entry", "entries"),
        report.location
    )?;
    Ok(())
}

fn place(finding: &Finding) -> String {
    let mut text = String::new();
    // What could not be loaded says itself where.
    if finding.message.starts_with("operator `") {
        return text;
    }
    if let Some(operator) = finding.uid.as_ref().or(finding.operator.as_ref()) {
        text.push_str(&format!("operator `{operator}`: "));
    }
    if let Some(subtask) = finding.subtask {
        text.push_str(&format!("subtask {subtask}: "));
    }
    if let Some(state) = &finding.state {
        text.push_str(&format!("state `{state}`: "));
    }
    text
}

/// A line a finding.
pub(crate) fn jsonl(report: &VerifyReport, out: &mut dyn Write) -> anyhow::Result<()> {
    for finding in &report.findings {
        json_line(finding, out)?;
    }
    Ok(())
}

/// A row a finding.
pub(crate) fn csv(report: &VerifyReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(["operator", "uid", "subtask", "state", "message"])?;
    for finding in &report.findings {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let subtask = finding
            .subtask
            .map(|subtask| subtask.to_string())
            .unwrap_or_default();
        writer.write_record([
            text(&finding.operator),
            text(&finding.uid),
            subtask,
            text(&finding.state),
            finding.message.clone(),
        ])?;
    }
    writer.flush()?;
    Ok(())
}
