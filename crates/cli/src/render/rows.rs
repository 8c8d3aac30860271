//! The rows of `cat` as text.

use std::io::Write;

use statetool_ops::cat::Chunk;
use statetool_ops::row::FIELDS;

use super::columns;
use crate::args::Format;

/// Writes rows as they come.
pub(crate) struct Rows {
    format: Format,
    any: bool,
    /// Rows of a table, whose widths are known only at the end.
    table: Vec<Vec<String>>,
}

/// How wide a cell of a table may be.
const MAX_CELL: usize = 60;

impl Rows {
    /// Begins the output.
    pub(crate) fn new(format: Format, out: &mut dyn Write) -> anyhow::Result<Self> {
        match format {
            Format::Json => write!(out, "{{\"schema\":\"statetool.cat.v1\",\"rows\":[")?,
            Format::Csv => out.write_all(&csv_line(FIELDS)?)?,
            Format::Table | Format::Jsonl => {}
        }
        Ok(Self {
            format,
            any: false,
            table: Vec::new(),
        })
    }

    /// Whether the places of fields are needed.
    pub(crate) fn needs_spans(&self) -> bool {
        matches!(self.format, Format::Csv | Format::Table)
    }

    /// Writes some rows.
    pub(crate) fn write(&mut self, chunk: &Chunk, out: &mut dyn Write) -> anyhow::Result<()> {
        match self.format {
            Format::Jsonl => out.write_all(&chunk.text)?,
            Format::Json => {
                for line in chunk
                    .text
                    .split(|byte| *byte == b'\n')
                    .filter(|line| !line.is_empty())
                {
                    out.write_all(if std::mem::replace(&mut self.any, true) {
                        b",\n"
                    } else {
                        b"\n"
                    })?;
                    out.write_all(line)?;
                }
            }
            Format::Csv => {
                for cells in cells(chunk) {
                    out.write_all(&csv_line(cells)?)?;
                }
            }
            Format::Table => self
                .table
                .extend(cells(chunk).map(|cells| cells.map(shorten).collect())),
        }
        Ok(())
    }

    /// Ends the output.
    pub(crate) fn finish(self, out: &mut dyn Write) -> anyhow::Result<()> {
        match self.format {
            Format::Json => writeln!(out, "\n]}}")?,
            Format::Table if !self.table.is_empty() => {
                let used: Vec<bool> = (0..FIELDS.len())
                    .map(|i| {
                        self.table
                            .iter()
                            .any(|row| row.get(i).is_some_and(|cell| !cell.is_empty()))
                    })
                    .collect();
                let keep = |cells: Vec<String>| {
                    cells
                        .into_iter()
                        .zip(&used)
                        .filter(|(_, used)| **used)
                        .map(|(cell, _)| cell)
                        .collect()
                };
                let head: Vec<&str> = FIELDS
                    .into_iter()
                    .zip(&used)
                    .filter(|(_, used)| **used)
                    .map(|(name, _)| name)
                    .collect();
                write!(
                    out,
                    "{}",
                    columns(&head, self.table.into_iter().map(keep).collect())
                )?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The cells of each row: strings without their quotes, null as nothing.
fn cells(chunk: &Chunk) -> impl Iterator<Item = impl Iterator<Item = String> + '_> + '_ {
    chunk.rows.iter().map(|spans| {
        spans.iter().map(|span| {
            let text = chunk.text.get(span.clone()).unwrap_or_default();
            match serde_json::from_slice(text) {
                Ok(serde_json::Value::Null) => String::new(),
                Ok(serde_json::Value::String(text)) => text,
                _ => String::from_utf8_lossy(text).into_owned(),
            }
        })
    })
}

fn csv_line<T: AsRef<[u8]>>(cells: impl IntoIterator<Item = T>) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells)?;
    Ok(writer.into_inner()?)
}

fn shorten(cell: String) -> String {
    match cell.char_indices().nth(MAX_CELL) {
        Some((at, _)) => format!("{}…", cell.get(..at).unwrap_or_default()),
        None => cell,
    }
}
