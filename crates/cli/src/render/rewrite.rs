//! What a rewrite would do, and what it has done.

use std::io::Write;

use indicatif::HumanBytes;
use statetool_ops::rewrite::{Planned, RewriteReport};

use super::{Head, columns};

/// A plan that was not executed.
pub(crate) fn planned(planned: &Planned, out: &mut dyn Write) -> anyhow::Result<()> {
    let release = for_flink(planned.flink.as_deref());
    writeln!(out, "{}  nothing was written{release}", planned.input)?;
    let rows: Vec<Vec<String>> = planned
        .operators
        .iter()
        .map(|operator| {
            vec![
                operator.name.clone(),
                operator.id.clone(),
                operator.becomes.clone(),
            ]
        })
        .collect();
    let heads = [Head::Words("OPERATOR"), Head::Words("ID"), Head::Words("BECOMES")];
    write!(out, "{}", columns(0, &heads, &rows))?;
    let states: Vec<Vec<String>> = (planned.operators.iter())
        .flat_map(|operator| operator.states.iter().map(move |state| (operator, state)))
        .map(|(operator, state)| vec![format!("{}/{}", operator.name, state.name), state.becomes.clone()])
        .collect();
    if !states.is_empty() {
        writeln!(out)?;
        write!(
            out,
            "{}",
            columns(0, &[Head::Words("STATE"), Head::Words("BECOMES")], &states)
        )?;
    }
    Ok(())
}

/// What was done.
pub(crate) fn report(report: &RewriteReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let copied: u64 = report
        .operators
        .iter()
        .map(|operator| operator.copied_bytes)
        .sum();
    writeln!(
        out,
        "checkpoint {} as {}{}: {} operators, {} copied as they are",
        report.checkpoint_id,
        report.output,
        for_flink(report.flink.as_deref()),
        report.operators.len(),
        HumanBytes(copied)
    )?;
    for dropped in &report.dropped_operators {
        writeln!(out, "left out: operator {dropped}")?;
    }
    let mut rows = Vec::new();
    for operator in &report.operators {
        for state in &operator.states {
            let dropped: u64 = state.account.dropped.values().map(|amount| amount.entries).sum();
            rows.push(vec![
                format!("{}/{}", operator.name, state.name),
                match &state.new_name {
                    Some(name) if *name == state.name => String::new(),
                    Some(name) => name.clone(),
                    None => "left out".to_owned(),
                },
                state.account.read.entries.to_string(),
                state.account.written.entries.to_string(),
                dropped.to_string(),
                HumanBytes(state.account.written.bytes).to_string(),
            ]);
        }
    }
    if !rows.is_empty() {
        let heads = [
            Head::Words("STATE"),
            Head::Words("BECOMES"),
            Head::Numbers("READ"),
            Head::Numbers("WRITTEN"),
            Head::Numbers("DROPPED"),
            Head::Numbers("BYTES"),
        ];
        write!(out, "\n{}", columns(0, &heads, &rows))?;
    }
    Ok(())
}

fn for_flink(release: Option<&str>) -> String {
    release.map_or_else(String::new, |release| format!(", for Flink {release}"))
}
