//! What a compaction has left out, or would leave out.

use std::io::Write;

use statetool_ops::compact::{
    CompactReport, OperatorReport, StateReport, Times, Totals, Treatment, duration,
};
use statetool_ops::rewrite::ByRule;

use super::stats::times;
use super::{Head, bytes, columns, count};
use crate::style::{self, paint};

/// The report.
pub(crate) fn report(report: &CompactReport, out: &mut dyn Write) -> anyhow::Result<()> {
    // To what nothing expires the instant means nothing.
    let expires = |state: &StateReport| state.times.is_some() || state.kept_millis.is_some();
    let states = || report.operators.iter().flat_map(|operator| &operator.states);
    let at = match states().any(expires) {
        true => format!(", at {}", report.at),
        false => String::new(),
    };
    match &report.output {
        Some(output) => writeln!(out, "checkpoint {} as {output}{at}", report.checkpoint_id)?,
        None => writeln!(out, "{}{at}  nothing was written", report.input)?,
    }
    totals(&report.totals, out)?;
    let rows: Vec<_> = (report.operators.iter())
        .flat_map(|operator| operator.states.iter().map(move |state| row(operator, state)))
        .collect();
    if !rows.is_empty() {
        let heads = [
            Head::Words("STATE"),
            Head::Words("KEPT FOR"),
            Head::Numbers("READ"),
            Head::Numbers("DROPPED"),
            Head::Numbers("CHANGED"),
            Head::Numbers("WRITTEN"),
            Head::Numbers("BYTES"),
            Head::Numbers("AFTERWARDS"),
            Head::Words("BY"),
        ];
        write!(out, "\n{}", columns(0, &heads, &rows))?;
    }
    for operator in &report.operators {
        for state in &operator.states {
            details(operator, state, out)?;
        }
    }
    files(report, out)?;
    if let Some(evidence) = &report.evidence {
        let dropped = evidence.dropped;
        writeln!(
            out,
            "\n{} of {dropped} keys and elements: {}",
            evidence.algorithm, evidence.digest
        )?;
    }
    Ok(())
}

/// All in a line; operators that are copied unseen are no part of it.
fn totals(totals: &Totals, out: &mut dyn Write) -> anyhow::Result<()> {
    if totals.read.entries == 0 {
        writeln!(out, "no entries were looked at")?;
        return Ok(());
    }
    let dropped: u64 = totals.dropped.values().map(|amount| amount.entries).sum();
    let size: u64 = totals.dropped.values().map(|amount| amount.bytes).sum();
    writeln!(
        out,
        "dropped {dropped} of the {} looked at, {} of {}",
        count(totals.read.entries, "entry", "entries"),
        bytes(size),
        bytes(totals.read.bytes)
    )?;
    Ok(())
}

fn row(operator: &OperatorReport, state: &StateReport) -> Vec<String> {
    let account = &state.account;
    let sum = |amounts: &ByRule| amounts.values().map(|amount| amount.entries).sum::<u64>();
    let mut rules: Vec<String> = account
        .dropped
        .keys()
        .chain(account.changed.keys())
        .cloned()
        .collect();
    rules.dedup();
    vec![
        format!("{}/{}", operator.name, state.name),
        match (state.kept_millis, state.ttl) {
            (Some(millis), _) => duration::in_words(millis),
            (None, true) => "not said".to_owned(),
            (None, false) => String::new(),
        },
        account.read.entries.to_string(),
        sum(&account.dropped).to_string(),
        sum(&account.changed).to_string(),
        account.written.entries.to_string(),
        bytes(account.read.bytes),
        bytes(account.written.bytes),
        rules.join(", "),
    ]
}

/// What is to be said of one state besides.
fn details(operator: &OperatorReport, state: &StateReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let elements = state.elements.filter(|elements| elements.dropped > 0);
    let empty_maps = state.account.empty_maps;
    if elements.is_none() && state.times.is_none() && state.found.is_empty() && empty_maps.entries == 0 {
        return Ok(());
    }
    let name = format!("{}/{}", operator.name, state.name);
    writeln!(out, "\n{}", paint(style::NAME, &name))?;
    if let Some(elements) = elements {
        writeln!(
            out,
            "    {} of {} list elements dropped",
            elements.dropped, elements.read
        )?;
    }
    if empty_maps.entries > 0 {
        let found = match operator.treatment {
            Treatment::Copied => "found",
            Treatment::WrittenAnew => "left out",
        };
        writeln!(
            out,
            "    {} {found}, {}: empty-maps",
            empty_maps.entries,
            bytes(empty_maps.bytes)
        )?;
    }
    for (rule, amount) in &state.found {
        writeln!(
            out,
            "    {} found, {}: {rule}",
            amount.entries,
            bytes(amount.bytes)
        )?;
    }
    match &state.times {
        Some(of_state) => ages(state, of_state, out),
        None => Ok(()),
    }
}

fn ages(state: &StateReport, of_state: &Times, out: &mut dyn Write) -> anyhow::Result<()> {
    let what = if state.ttl { "last access" } else { "times" };
    if let Some(histogram) = &of_state.histogram {
        times(what, histogram, out)?;
    }
    if of_state.in_future > 0 {
        writeln!(out, "      {} later than the instant", of_state.in_future)?;
    }
    if of_state.without > 0 {
        writeln!(out, "      {} without a time", of_state.without)?;
    }
    Ok(())
}

/// What became of files.
fn files(report: &CompactReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let superfluous = report.totals.superfluous;
    if superfluous.records > 0 {
        writeln!(
            out,
            "\n{} of databases, {}, were overwritten, deleted or apart from each other, and are no entries",
            count(superfluous.records, "record", "records"),
            bytes(superfluous.bytes)
        )?;
    }
    let copied = report
        .operators
        .iter()
        .filter(|operator| operator.treatment == Treatment::Copied);
    let copied = copied.count() as u64;
    let anew = report.operators.len() as u64 - copied;
    write!(
        out,
        "\n{} written anew, {} as they are; files of {}",
        count(anew, "operator", "operators"),
        copied,
        bytes(report.totals.old_bytes)
    )?;
    match report.totals.new_bytes {
        Some(new) => writeln!(out, " are {} now", bytes(new))?,
        None => writeln!(out)?,
    }
    Ok(())
}
