//! The differences of two snapshots as text.

use std::io::{self, Write};

use serde_json::{Map, Value as Json};
use statetool_ops::diff::{DiffReport, Difference, StateCounts, StructureDifference};
use statetool_ops::time::moment;

use super::rows::{MAX_CELL, csv_line, table_cell};
use super::{Head, columns, count, json_line, shorten};
use crate::args::Format;
use crate::style::{self, paint};

/// Writes differences as they come, or when all are there.
pub(crate) struct Differences {
    format: Format,
    summary: bool,
    any: bool,
    /// Rows of a table, and the places of their states in the report.
    rows: Vec<(usize, Row)>,
}

type Row = Map<String, Json>;

/// The columns of csv: those of rows, then those of structure.
const FIELDS: [&str; 18] = [
    "change",
    "operator",
    "uid",
    "state",
    "kind",
    "key_group",
    "key",
    "namespace",
    "map_key",
    "timestamp",
    "before",
    "after",
    "expires_from",
    "paths",
    "what",
    "part",
    "in_a",
    "in_b",
];

impl Differences {
    /// Begins the output; a summary has no rows.
    pub(crate) fn new(format: Format, summary: bool, out: &mut dyn Write) -> anyhow::Result<Self> {
        match format {
            Format::Json => write!(out, "{{\"schema\":\"statetool.diff.v1\",\"rows\":[")?,
            Format::Csv => {
                out.write_all(csv_line(head(summary).iter().map(|name| Some((*name).to_owned()))).as_bytes())?
            }
            Format::Table | Format::Jsonl => {}
        }
        Ok(Self {
            format,
            summary,
            any: false,
            rows: Vec::new(),
        })
    }

    /// Takes some differences.
    pub(crate) fn add(&mut self, difference: Difference<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
        match (difference, self.format) {
            (Difference::Structure(found), Format::Jsonl) => json_line(found, out)?,
            (Difference::Structure(found), Format::Csv) => {
                out.write_all(csv_row(&to_row(found)?, self.summary).as_bytes())?;
            }
            // These stand in the report.
            (Difference::Structure(_), Format::Table | Format::Json) => {}
            (Difference::Entries(rows), Format::Jsonl) => out.write_all(&rows.text)?,
            (Difference::Entries(rows), Format::Json) => {
                for line in lines(&rows.text) {
                    let first = !std::mem::replace(&mut self.any, true);
                    out.write_all(if first { b"\n" } else { b",\n" })?;
                    out.write_all(line)?;
                }
            }
            (Difference::Entries(rows), Format::Csv) => {
                for line in lines(&rows.text) {
                    let row = parse(line)?;
                    out.write_all(csv_row(&row, self.summary).as_bytes())?;
                }
            }
            (Difference::Entries(rows), Format::Table) => {
                for (line, state) in lines(&rows.text).zip(&rows.states) {
                    let row = parse(line)?;
                    self.rows.push((*state, row));
                }
            }
        }
        Ok(())
    }

    /// Ends the output.
    pub(crate) fn finish(self, report: &DiffReport, out: &mut dyn Write) -> anyhow::Result<()> {
        match self.format {
            Format::Json => {
                let report = serde_json::to_string(report).map_err(io::Error::from)?;
                // All but the beginning, which stands there already.
                let rest = report.split_once("\",").map_or("", |(_, rest)| rest);
                let rest = rest.strip_suffix('}').unwrap_or(rest);
                writeln!(out, "{}],{rest}}}", if self.any { "\n" } else { "" })?;
            }
            Format::Jsonl | Format::Csv if self.summary => {
                for state in &report.states {
                    match self.format {
                        Format::Jsonl => json_line(state, out)?,
                        _ => out.write_all(csv_row(&to_row(state)?, true).as_bytes())?,
                    }
                }
            }
            Format::Jsonl | Format::Csv => {}
            Format::Table => self.table(report, out)?,
        }
        Ok(())
    }

    fn table(&self, report: &DiffReport, out: &mut dyn Write) -> anyhow::Result<()> {
        for (name, side) in [("A", &report.a), ("B", &report.b)] {
            let name = paint(style::NAME, name);
            let (kind, id, flink) = (side.kind, side.checkpoint_id, &side.flink);
            writeln!(
                out,
                "{name}  {}  {kind}, checkpoint {id}, form of Flink {flink}",
                side.location
            )?;
        }
        if !report.structure.is_empty() {
            write!(out, "\n{}", structure(&report.structure))?;
        }
        let differing: Vec<&StateCounts> = (report.states.iter())
            .filter(|state| state.differences() > 0)
            .collect();
        if !differing.is_empty() {
            write!(out, "\n{}", counts(&differing))?;
        }
        for (index, state) in report.states.iter().enumerate() {
            self.rows_of(index, state, out)?;
        }
        writeln!(out, "\n{}", verdict(report))?;
        Ok(())
    }

    /// The rows of a state.
    fn rows_of(&self, index: usize, state: &StateCounts, out: &mut dyn Write) -> anyhow::Result<()> {
        let rows: Vec<&Row> = (self.rows.iter())
            .filter(|(of, _)| *of == index)
            .map(|(_, row)| row)
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        let name = format!("{}/{}", state.label, state.state);
        writeln!(out, "\n{}", paint(style::NAME, name))?;
        rows.iter().try_for_each(|row| write_row(row, out))?;
        let more = state.differences().saturating_sub(rows.len() as u64);
        if more > 0 {
            writeln!(out, "  … and {more} more; --limit N shows so many, -f jsonl all")?;
        }
        Ok(())
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// A row, of which a text may hold a lone surrogate: what else would be no JSON is a replacement character then.
fn parse(line: &[u8]) -> anyhow::Result<Row> {
    if let Ok(row) = serde_json::from_slice(line) {
        return Ok(row);
    }
    let mut text = String::from_utf8_lossy(line).into_owned();
    for (at, _) in String::from_utf8_lossy(line).match_indices("\\u") {
        let digits = at + 2..at + 6;
        let is_surrogate = |text: &str| {
            text.starts_with(['d', 'D'])
                && matches!(text.as_bytes(), [_, b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..])
        };
        if text.get(digits.clone()).is_some_and(is_surrogate) {
            text.replace_range(digits, "fffd");
        }
    }
    Ok(serde_json::from_str(&text).map_err(io::Error::from)?)
}

fn to_row(found: &impl serde::Serialize) -> anyhow::Result<Row> {
    match serde_json::to_value(found).map_err(io::Error::from)? {
        Json::Object(row) => Ok(row),
        _ => Ok(Row::new()),
    }
}

/// The columns of csv.
fn head(summary: bool) -> Vec<&'static str> {
    let counted = ["equal", "added", "removed", "changed"];
    match summary {
        true => {
            let fields = [
                "change", "operator", "uid", "state", "kind", "before", "after", "what", "part", "in_a",
                "in_b",
            ];
            fields.into_iter().chain(counted).collect()
        }
        false => FIELDS
            .into_iter()
            .filter(|field| !field.starts_with("in_"))
            .collect(),
    }
}

fn csv_row(row: &Row, summary: bool) -> String {
    csv_line(head(summary).into_iter().map(|field| match row.get(field) {
        None | Some(Json::Null) => None,
        Some(Json::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    }))
}

/// What is no entry.
fn structure(found: &[StructureDifference]) -> String {
    let rows = found.iter().map(|found| {
        let operator = found
            .uid
            .clone()
            .or_else(|| Some(format!("id:{}", found.operator.as_ref()?.get(..8)?)));
        let place = match (&operator, &found.state) {
            (Some(operator), Some(state)) => format!("{operator}/{state}"),
            (operator, _) => operator.clone().unwrap_or_default(),
        };
        let what = match &found.part {
            Some(part) => format!("{} {part}", found.what),
            None => found.what.to_owned(),
        };
        let cells = [place, what, type_cell(&found.before), type_cell(&found.after)];
        // Without one of its columns, nobody would know which snapshot the other is of.
        cells
            .map(|cell| if cell.is_empty() { "-".to_owned() } else { cell })
            .to_vec()
    });
    let heads = [
        Head::Words("STRUCTURE"),
        Head::Words("WHAT"),
        Head::Words("A"),
        Head::Words("B"),
    ];
    columns(0, &heads, &rows.collect::<Vec<_>>())
}

fn cell(value: &Json) -> String {
    shorten(&table_cell(value.to_string().as_bytes()), MAX_CELL)
}

/// Types have several lines.
fn type_cell(value: &Json) -> String {
    match value {
        Json::String(text) => cell(&Json::from(
            text.lines().map(str::trim).collect::<Vec<_>>().join("; "),
        )),
        other => cell(other),
    }
}

fn counts(states: &[&StateCounts]) -> String {
    let rows = states.iter().map(|state| {
        let counts = [
            state.in_a,
            state.in_b,
            state.equal,
            state.added,
            state.removed,
            state.changed,
        ];
        let name = format!("{}/{}", state.label, state.state);
        std::iter::once(name)
            .chain(counts.map(|count| count.to_string()))
            .collect()
    });
    let heads = [
        Head::Words("ENTRIES"),
        Head::Numbers("IN A"),
        Head::Numbers("IN B"),
        Head::Numbers("EQUAL"),
        Head::Numbers("ADDED"),
        Head::Numbers("REMOVED"),
        Head::Numbers("CHANGED"),
    ];
    columns(0, &heads, &rows.collect::<Vec<_>>())
}

/// A difference of an entry, in a line or one a path.
fn write_row(row: &Row, out: &mut dyn Write) -> anyhow::Result<()> {
    let field = |name: &str| row.get(name).unwrap_or(&Json::Null);
    let change = field("change").as_str().unwrap_or_default();
    let (sign, value) = match change {
        "added" => (paint(style::GOOD, "+"), field("after")),
        "removed" => (paint(style::ERROR, "-"), field("before")),
        _ => (paint(style::WARNING, "~"), &Json::Null),
    };
    let mut names = Vec::new();
    for name in ["key", "namespace", "map_key"] {
        if !field(name).is_null() {
            names.push(cell(field(name)));
        }
    }
    if let Some(timestamp) = field("timestamp").as_i64() {
        names.push(format!("at {}", moment(timestamp)));
    }
    let mut line = names.join(" / ");
    let is_timer = field("kind") == "timer";
    if change != "changed" && !is_timer {
        let separator = if line.is_empty() { "" } else { "  " };
        line.push_str(&format!("{separator}{}", shown(value)));
    }
    writeln!(out, "{sign} {line}")?;
    for path in field("paths").as_array().into_iter().flatten().take(MAX_PATHS) {
        write_path(path, out)?;
    }
    let paths = field("paths").as_array().map_or(0, Vec::len);
    if paths > MAX_PATHS {
        writeln!(out, "    … and {} more places", paths - MAX_PATHS)?;
    }
    Ok(())
}

/// How many places inside a value a table shows.
const MAX_PATHS: usize = 10;

fn write_path(path: &Json, out: &mut dyn Write) -> anyhow::Result<()> {
    let side = |name: &str| path.get(name).map(shown);
    let name = path.get("path").and_then(Json::as_str).unwrap_or_default();
    let separator = if name.is_empty() { "" } else { ": " };
    let words = match (side("before"), side("after")) {
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (Some(before), None) => format!("{before} → {}", paint(style::ERROR, "gone")),
        (None, Some(after)) => format!("{} → {after}", paint(style::GOOD, "new")),
        (None, None) => String::new(),
    };
    writeln!(out, "    {name}{separator}{words}")?;
    Ok(())
}

/// A value as JSON, no longer than a line can bear.
fn shown(value: &Json) -> String {
    shorten(&value.to_string(), MAX_CELL)
}

/// What it has come to, in a line.
fn verdict(report: &DiffReport) -> String {
    let states = &report.states;
    let entries: u64 = states.iter().map(|state| state.in_a.max(state.in_b)).sum();
    let what = format!(
        "{}, {} compared",
        count(states.len() as u64, "state", "states"),
        count(entries, "entry", "entries")
    );
    let missed = report.unreadable.iter().filter(|part| !part.compared).count() as u64;
    let missed = match missed {
        0 => String::new(),
        missed => format!("; {} could not be compared", count(missed, "part", "parts")),
    };
    match report.differences() {
        0 => format!("{}: {what}{missed}", paint(style::GOOD, "no differences")),
        found => {
            let found = paint(style::ERROR, count(found, "difference", "differences"));
            format!("{found}: {what}{missed}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_with_lone_surrogates_are_rows() {
        for (line, value) in [
            (r#"{"before":"a\ud83d\ude00b"}"#, "a😀b"),
            (r#"{"before":"a\ud800b"}"#, "a\u{fffd}b"),
            (r#"{"before":"\udfff \u0041"}"#, "\u{fffd} A"),
        ] {
            assert_eq!(parse(line.as_bytes()).unwrap()["before"], value, "{line}");
        }
        assert!(parse(b"{").is_err());
    }
}
