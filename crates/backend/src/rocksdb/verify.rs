//! Checking a table from end to end.

use std::sync::Arc;

use super::checksum::Checksum;
use super::edit::LiveFile;
use super::index::IndexCursor;
use super::key::{self, EntryType};
use super::properties::Properties;
use super::table::{Table, TableCursor};
use super::window::Window;
use crate::error::{Error, InFile, Result};

/// What a table holds, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// Version of the table's format.
    pub format_version: u32,
    /// How its blocks are summed up.
    pub checksum: Checksum,
    /// Puts.
    pub values: u64,
    /// Deletions of one key.
    pub deletions: u64,
    /// Merge operands.
    pub operands: u64,
    /// Deletions of ranges of keys.
    pub range_deletions: u64,
    /// Size of all keys, their trailers included, and values.
    pub bytes: u64,
    /// What the table says about itself; it agrees.
    pub properties: Properties,
}

/// Reads every block of a table and checks that its entries are where they should be.
pub(super) fn verify(table: &Arc<Table>, live: &LiveFile, read_ahead: usize) -> Result<FileReport> {
    let mut report = FileReport {
        format_version: table.version(),
        checksum: table.checksum(),
        values: 0,
        deletions: 0,
        operands: 0,
        range_deletions: 0,
        bytes: 0,
        properties: table.properties.clone(),
    };
    for &(_, handle) in &table.meta_blocks {
        table.contents(&mut Window::new(0), handle, table.limit(), b"")?;
    }
    // They may reach beyond the file's keys: compactions cut tables, not the deletions in them.
    report.range_deletions = table.range_deletions()?.len() as u64;
    IndexCursor::check(table)?;
    let cursor = TableCursor::open(table.clone(), &Arc::default(), read_ahead)?;
    if let Some(cursor) = cursor {
        entries(cursor, live, &mut report)?;
    }
    compare(&table.name, &report)?;
    Ok(report)
}

fn entries(mut cursor: TableCursor, live: &LiveFile, report: &mut FileReport) -> Result<()> {
    let mut before: Option<(Vec<u8>, u64)> = None;
    let mut block = None;
    let mut reach = Vec::new();
    loop {
        let is_first = block.replace(cursor.block_place()) != Some(cursor.block_place());
        if is_first {
            cursor.check_restarts()?;
        }
        let (user_key, trailer) = cursor.key();
        let (file, at) = cursor.place();
        let bad = |why: &str| Err(Error::invalid(file, at, "entry key", why));
        match &before {
            None if key::compare((user_key, trailer), live.smallest.parts()).is_lt() => {
                return bad("comes before the smallest key that the manifest gives the file");
            }
            Some((key, newer)) if !key::compare((key, *newer), (user_key, trailer)).is_lt() => {
                return bad("does not come after the one in front of it");
            }
            _ => {}
        }
        if is_first && user_key < reach.as_slice() {
            return bad("comes before the key to which the index says the block before reaches");
        }
        if is_first {
            reach = cursor.separator().to_vec();
        }
        if user_key > reach.as_slice() {
            return bad("comes after the key to which the index says its block reaches");
        }
        match EntryType::of(trailer, at).in_file(file)? {
            EntryType::Value => report.values += 1,
            EntryType::Merge => report.operands += 1,
            EntryType::Deletion | EntryType::SingleDeletion => report.deletions += 1,
            EntryType::RangeDeletion => return bad("a range deletion among keys"),
        }
        report.bytes += (user_key.len() + 8 + cursor.value().len()) as u64;
        let (mut key, _) = before.unwrap_or_default();
        key.clear();
        key.extend_from_slice(user_key);
        before = Some((key, trailer));
        if !cursor.advance()? {
            break;
        }
    }
    match before {
        Some((key, trailer)) if key::compare((&key, trailer), live.largest.parts()).is_gt() => {
            let (file, at) = cursor.place();
            Err(Error::invalid(
                file,
                at,
                "entry key",
                "comes after the largest key that the manifest gives the file",
            ))
        }
        _ => Ok(()),
    }
}

/// Compares what was counted with the table's properties, as far as its engine wrote them.
fn compare(file: &str, report: &FileReport) -> Result<()> {
    let properties = &report.properties;
    let entries = report.values + report.deletions + report.operands;
    let counts = [
        (
            "entries",
            properties.entries,
            entries + report.range_deletions,
            entries,
        ),
        (
            "range deletions",
            properties.range_deletions,
            report.range_deletions,
            0,
        ),
    ];
    for (what, said, counted, or) in counts {
        if said != counted && said != or {
            let why = format!("it says that it has {said} {what}, and has {counted}");
            return Err(Error::invalid(file, 0, "table properties", why));
        }
    }
    Ok(())
}
