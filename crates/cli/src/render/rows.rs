//! The rows of `cat` as text.

use std::io::Write;

use statetool_ops::cat::Chunk;
use statetool_ops::row::FIELDS;
use statetool_ops::time::moment;

use super::{Head, columns, shorten};
use crate::args::Format;

/// Writes rows as they come.
pub(crate) struct Rows {
    format: Format,
    any: bool,
    /// Rows of a table, whose widths are known only when all of them are.
    table: Vec<Vec<String>>,
}

/// How wide a cell of a table may be.
pub(super) const MAX_CELL: usize = 60;

/// After how many rows a table begins anew, so that memory stays bounded.
const TABLE_ROWS: usize = 2000;

/// The columns of a table, by the names of the fields; the operator by its uid if that is known.
const TABLE: [Head; 12] = [
    Head::Words("OPERATOR"),
    Head::Words("STATE"),
    Head::Words("KIND"),
    Head::Numbers("KEY GROUP"),
    Head::Words("KEY"),
    Head::Words("NAMESPACE"),
    Head::Words("MAP KEY"),
    Head::Numbers("INDEX"),
    Head::Words("VALUE"),
    Head::Words("EXPIRES FROM"),
    Head::Words("TIMESTAMP"),
    Head::Numbers("SUBTASK"),
];

impl Rows {
    /// Begins the output.
    pub(crate) fn new(format: Format, out: &mut dyn Write) -> anyhow::Result<Self> {
        match format {
            Format::Json => write!(out, "{{\"schema\":\"statetool.cat.v1\",\"rows\":[")?,
            Format::Csv => out.write_all(csv_line(FIELDS.map(|name| Some(name.to_owned()))).as_bytes())?,
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
                    out.write_all(csv_line(cells).as_bytes())?;
                }
            }
            Format::Table => {
                for cells in table_cells(chunk) {
                    self.table.push(cells);
                    if self.table.len() == TABLE_ROWS {
                        self.flush_table(out)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn flush_table(&mut self, out: &mut dyn Write) -> anyhow::Result<()> {
        if self.table.is_empty() {
            return Ok(());
        }
        if std::mem::replace(&mut self.any, true) {
            writeln!(out)?;
        }
        out.write_all(columns(0, &TABLE, &self.table).as_bytes())?;
        self.table.clear();
        Ok(())
    }

    /// Ends the output.
    pub(crate) fn finish(&mut self, out: &mut dyn Write) -> anyhow::Result<()> {
        match self.format {
            Format::Json => writeln!(out, "\n]}}")?,
            Format::Table => self.flush_table(out)?,
            Format::Jsonl | Format::Csv => {}
        }
        Ok(())
    }
}

/// The cells of each row of a table.
pub(super) fn table_cells(chunk: &Chunk) -> impl Iterator<Item = Vec<String>> + '_ {
    chunk.rows.iter().map(|spans| {
        let mut cells = spans.iter().zip(FIELDS).map(|(span, field)| {
            let text = chunk.text.get(span.clone()).unwrap_or_default();
            match field {
                "timestamp" => timestamp_cell(text),
                _ => shorten(&table_cell(text), MAX_CELL),
            }
        });
        let (id, uid) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        // As much of an id as a selector needs, and a little more.
        let operator = match uid.is_empty() {
            true => format!("id:{}", id.get(..8).unwrap_or(&id)),
            false => uid,
        };
        std::iter::once(operator).chain(cells).collect()
    })
}

/// When a timer fires; nothing where there is no time.
fn timestamp_cell(json: &[u8]) -> String {
    serde_json::from_slice(json).map_or_else(|_| table_cell(json), moment)
}

/// Null as nothing, a string without its quotes if it can be told from other things then.
pub(super) fn table_cell(json: &[u8]) -> String {
    let is_plain = |text: &str| {
        !text.is_empty()
            && !text.starts_with(char::is_whitespace)
            && !text.ends_with(char::is_whitespace)
            && !text.contains(char::is_control)
    };
    match serde_json::from_slice(json) {
        Ok(serde_json::Value::Null) => String::new(),
        Ok(serde_json::Value::String(text)) if is_plain(&text) => text,
        _ => String::from_utf8_lossy(json).into_owned(),
    }
}

/// The cells of each row: strings without their quotes, nothing for null.
fn cells(chunk: &Chunk) -> impl Iterator<Item = impl Iterator<Item = Option<String>> + '_> + '_ {
    chunk.rows.iter().map(|spans| {
        spans.iter().map(|span| {
            let text = chunk.text.get(span.clone()).unwrap_or_default();
            match serde_json::from_slice(text) {
                Ok(serde_json::Value::Null) => None,
                // A field that rows of this kind do not have.
                _ if text.is_empty() => None,
                Ok(serde_json::Value::String(text)) => Some(text),
                _ => Some(String::from_utf8_lossy(text).into_owned()),
            }
        })
    })
}

/// A row: what is null is nothing between two commas, and what is empty a pair of quotes.
pub(super) fn csv_line(cells: impl IntoIterator<Item = Option<String>>) -> String {
    let mut line = String::new();
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        match cell {
            None => {}
            Some(cell) if needs_quotes(&cell) => {
                line.push('"');
                line.push_str(&cell.replace('"', "\"\""));
                line.push('"');
            }
            Some(cell) => line.push_str(&cell),
        }
    }
    line.push('\n');
    line
}

/// Whether a reader would take the text for something else, or for nothing.
fn needs_quotes(cell: &str) -> bool {
    cell.is_empty() || cell.contains(|c: char| matches!(c, ',' | '"') || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_of_csv_get_back_what_was_there() {
        let rows: [[Option<&str>; 4]; 3] = [
            [Some("a"), None, Some(""), Some("1.5")],
            [
                Some("a,b"),
                Some("say \"so\""),
                Some("two\nlines\r\n"),
                Some("nul\0byte"),
            ],
            [Some(" x "), Some("żółw"), Some("{\"a\":[1,2]}"), None],
        ];
        let line = |row: [Option<&str>; 4]| csv_line(row.map(|cell| cell.map(str::to_owned)));
        assert_eq!(line(rows[0]), "a,,\"\",1.5\n");
        let text: String = rows.map(line).concat();
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(text.as_bytes());
        let read: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        for (read, row) in read.iter().zip(rows) {
            assert_eq!(read, row.map(Option::unwrap_or_default).as_slice());
        }
        assert_eq!(read.len(), rows.len());
    }
}
