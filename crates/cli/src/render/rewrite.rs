//! What a rewrite would do, and what it has done.

use std::io::Write;

use indicatif::HumanBytes;
use statetool_ops::rewrite::{ByRule, OperatorReport, Planned, PlannedOperator, RewriteReport, StateReport};

use super::{Head, columns, count};

/// A plan that was not executed.
pub(crate) fn planned(planned: &Planned, out: &mut dyn Write) -> anyhow::Result<()> {
    let release = for_flink(planned.flink.as_deref());
    writeln!(out, "{}  nothing was written{release}", planned.input)?;
    operators(planned, None, out)?;
    for merged in &planned.merged {
        writeln!(out, "\n{merged}")?;
        operators(planned, Some(merged), out)?;
    }
    let tried = |operator: &&PlannedOperator| planned.entries.iter().any(|tried| tried.id == operator.id);
    let becoming: Vec<Vec<String>> = (planned.operators.iter())
        .filter(|operator| !tried(operator))
        .flat_map(|operator| operator.states.iter().map(move |state| (operator, state)))
        .map(|(operator, state)| vec![format!("{}/{}", operator.name, state.name), state.becomes.clone()])
        .collect();
    if !becoming.is_empty() {
        writeln!(out)?;
        write!(
            out,
            "{}",
            columns(0, &[Head::Words("STATE"), Head::Words("BECOMES")], &becoming)
        )?;
    }
    states(&planned.entries, out)
}

/// What would become of the operators of one snapshot.
fn operators(planned: &Planned, of: Option<&String>, out: &mut dyn Write) -> anyhow::Result<()> {
    let own = planned.operators.iter();
    let own = own.filter(|operator| operator.merged_from.as_ref() == of);
    let rows = own.map(|operator| {
        vec![
            operator.name.clone(),
            operator.id.clone(),
            operator.becomes.clone(),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let heads = [Head::Words("OPERATOR"), Head::Words("ID"), Head::Words("BECOMES")];
    write!(out, "{}", columns(0, &heads, &rows))?;
    Ok(())
}

/// What was done.
pub(crate) fn report(report: &RewriteReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let operators = report.operators.iter();
    let copied: u64 = operators.clone().map(|operator| operator.copied_bytes).sum();
    let in_place: u64 = operators.map(|operator| operator.bytes_in_place).sum();
    write!(
        out,
        "checkpoint {} as {}{}: {}{}, ",
        report.checkpoint_id,
        report.output,
        for_flink(report.flink.as_deref()),
        count(report.operators.len() as u64, "operator", "operators"),
        match report.merged.len() {
            0 => String::new(),
            others => format!(" of {} snapshots", others + 1),
        }
    )?;
    match in_place {
        0 => writeln!(out, "{} copied as they are", HumanBytes(copied))?,
        _ => writeln!(
            out,
            "{} in files that stay where they are: it cannot be copied without them",
            HumanBytes(in_place)
        )?,
    }
    for dropped in &report.dropped_operators {
        writeln!(out, "left out: operator {dropped}")?;
    }
    states(&report.operators, out)
}

/// What became of the entries of states, by rule as far as there are any.
fn states(operators: &[OperatorReport], out: &mut dyn Write) -> anyhow::Result<()> {
    let all = operators.iter().flat_map(|operator| {
        let states = operator.states.iter();
        states.map(move |state| (operator.name.as_str(), state))
    });
    type Amounts = fn(&StateReport) -> &ByRule;
    let columns_by_rule: [(&'static str, Amounts, bool); 3] = [
        ("DROPPED", |state| &state.account.dropped, true),
        ("CHANGED", |state| &state.account.changed, false),
        ("ADDED", |state| &state.account.added, false),
    ];
    let used = |(_, amounts, always): &(&'static str, Amounts, bool)| {
        *always || all.clone().any(|(_, state)| !amounts(state).is_empty())
    };
    let by_rule: Vec<_> = columns_by_rule.into_iter().filter(used).collect();
    let mut heads = vec![
        Head::Words("STATE"),
        Head::Words("BECOMES"),
        Head::Numbers("READ"),
        Head::Numbers("WRITTEN"),
    ];
    heads.extend(by_rule.iter().map(|(name, ..)| Head::Numbers(name)));
    heads.push(Head::Numbers("BYTES"));
    let row = |(operator, state): (&str, &StateReport)| {
        let mut row = vec![
            format!("{operator}/{}", state.name),
            match &state.new_name {
                Some(name) if *name == state.name => String::new(),
                Some(name) => name.clone(),
                None => "left out".to_owned(),
            },
            state.account.read.entries.to_string(),
            state.account.written.entries.to_string(),
        ];
        for (_, amounts, _) in &by_rule {
            let sum: u64 = amounts(state).values().map(|amount| amount.entries).sum();
            row.push(sum.to_string());
        }
        row.push(HumanBytes(state.account.written.bytes).to_string());
        row
    };
    let rows: Vec<Vec<String>> = all.clone().map(row).collect();
    if !rows.is_empty() {
        write!(out, "\n{}", columns(0, &heads, &rows))?;
    }
    Ok(())
}

fn for_flink(release: Option<&str>) -> String {
    release.map_or_else(String::new, |release| format!(", for Flink {release}"))
}
