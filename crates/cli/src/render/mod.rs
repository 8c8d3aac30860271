//! Reports as text.

pub(crate) mod inspect;
pub(crate) mod rows;
pub(crate) mod verify;

use std::io::Write;

use serde::Serialize;
use tabled::builder::Builder;
use tabled::settings::{Padding, Style};

/// A report as one JSON document.
pub(crate) fn json(report: &impl Serialize, out: &mut dyn Write) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)?;
    Ok(())
}

/// Rows under a head, in columns.
pub(crate) fn columns(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut builder = Builder::default();
    builder.push_record(head.iter().copied());
    rows.into_iter().for_each(|row| builder.push_record(row));
    let mut table = builder.build();
    table.with(Style::blank()).with(Padding::new(0, 1, 0, 0));
    let text = table.to_string();
    text.lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

/// Bytes for people.
pub(crate) fn bytes(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}
