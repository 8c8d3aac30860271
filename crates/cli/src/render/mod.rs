//! Reports as text.

pub(crate) mod compact;
pub(crate) mod detail;
pub(crate) mod diff;
pub(crate) mod inspect;
pub(crate) mod rewrite;
pub(crate) mod rows;
mod stats;
pub(crate) mod verify;

use std::io::{self, Write};

use serde::Serialize;
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Padding, Style};

use crate::style::{self, paint};

/// A report as one JSON document.
pub(crate) fn json(report: &impl Serialize, out: &mut dyn Write) -> anyhow::Result<()> {
    // As an I/O error, so that a closed pipe is still known as one.
    serde_json::to_writer_pretty(&mut *out, report).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

/// A report as one line of JSON.
pub(crate) fn json_line(report: &impl Serialize, out: &mut dyn Write) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, report).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

/// The head of a column.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Head {
    /// Of words.
    Words(&'static str),
    /// Of numbers, which stand at the right.
    Numbers(&'static str),
}

/// Rows under a head, in columns that are as wide as they must be.
///
/// A column in which nothing stands is left out; else a cell in which nothing stands is `-`.
pub(crate) fn columns(indent: usize, heads: &[Head], rows: &[Vec<String>]) -> String {
    let cell = |row: &Vec<String>, i: usize| row.get(i).cloned().unwrap_or_default();
    let used: Vec<(usize, Head)> = heads
        .iter()
        .copied()
        .enumerate()
        .filter(|(i, _)| rows.iter().any(|row| !cell(row, *i).is_empty()))
        .collect();
    let mut builder = Builder::default();
    builder.push_record(used.iter().map(|(_, head)| match head {
        Head::Words(name) | Head::Numbers(name) => *name,
    }));
    for row in rows {
        builder.push_record(used.iter().map(|(i, _)| match cell(row, *i) {
            empty if empty.is_empty() => "-".to_owned(),
            text => text,
        }));
    }
    let mut table = builder.build();
    table.with(Style::blank()).with(Padding::new(0, 1, 0, 0));
    for (column, (_, head)) in used.iter().enumerate() {
        if matches!(head, Head::Numbers(_)) {
            table.modify(Columns::one(column), Alignment::right());
        }
    }
    let text = table.to_string();
    let line = |(number, line): (usize, &str)| {
        let line = line.trim_end();
        match number {
            0 => format!("{:indent$}{}\n", "", paint(style::HEAD, line)),
            _ => format!("{:indent$}{line}\n", ""),
        }
    };
    text.lines().enumerate().map(line).collect()
}

/// Counts under names, each with a bar that shows its part of the largest.
pub(crate) fn bars(indent: usize, counts: &[(String, u64)]) -> String {
    const WIDTH: u64 = 24;
    let largest = counts.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let names = counts
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let numbers = largest.to_string().len();
    let line = |(name, count): &(String, u64)| {
        let ratio = u128::from(*count) * u128::from(WIDTH) / u128::from(largest);
        let bar = "█".repeat((ratio as usize).max(usize::from(*count > 0)));
        let line = format!("{:indent$}{name:>names$}  {count:>numbers$}  {bar}", "");
        format!("{}\n", line.trim_end())
    };
    counts.iter().map(line).collect()
}

/// Bytes for people.
pub(crate) fn bytes(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// A number and what it counts.
pub(crate) fn count(number: impl Into<u64>, one: &str, many: &str) -> String {
    match number.into() {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

/// A type without the packages of its classes, no longer than a table can bear.
pub(crate) fn short_type(name: &str) -> String {
    const MAX: usize = 48;
    let mut short = String::new();
    let mut class = String::new();
    let is_class = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.');
    for c in name.chars() {
        if is_class(c) {
            class.push(c);
        } else {
            push_class(&mut short, &class);
            class.clear();
            short.push(c);
        }
    }
    push_class(&mut short, &class);
    shorten(&short, MAX)
}

fn push_class(out: &mut String, class: &str) {
    out.push_str(class.rsplit('.').next().unwrap_or(class));
}

/// A text of at most so many characters.
pub(crate) fn shorten(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}
