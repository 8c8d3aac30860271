//! Contents: streams parse to their exact ends; with `--deep`, every key and value decodes.

use std::sync::Arc;

use statetool_backend::rocksdb::Database;
use statetool_format::key_group::key_group_of_hash;
use statetool_format::{Fault, Reader, Result as FormatResult};
use statetool_snapshot::{
    Entry, ErrorKind, Flow, Layout, LoadedOperator, Operator, Part, Payload, Result, Snapshot, StateKind,
};
use statetool_values::{Extent, Framing, Skip, Type, decode_java_hash, walk};

use super::duplicates::{Duplicate, Duplicates};
use super::{Checked, Finding, MAX_FINDINGS, VerifyOptions, VerifyReport};
use crate::work;

/// What one thread checks at a time.
enum Task<'p> {
    /// A table of a database, whose scan sees only what the newest entries say.
    Table(u32, Arc<Database>, u64),
    /// Entries as a job would see them.
    Entries(work::WorkItem<'p>),
}

/// What a task found.
#[derive(Default)]
struct Found {
    findings: Vec<Finding>,
    notes: Vec<Finding>,
    checked: Checked,
}

/// Reads all entries of an operator.
pub(super) fn check(
    snapshot: &Snapshot,
    operator: &Operator<'_>,
    loaded: &LoadedOperator,
    options: &VerifyOptions,
    report: &mut VerifyReport,
) {
    for unreadable in &loaded.unreadable {
        let reason = match unreadable.reason.contains(&unreadable.serializer) {
            true => unreadable.reason.clone(),
            false => format!("`{}`: {}", unreadable.serializer, unreadable.reason),
        };
        let note = Finding::of(operator, reason);
        report.notes.push(match &unreadable.state {
            Some(state) => note.state(state),
            None => note,
        });
    }
    let mut tasks = Vec::new();
    for part in &loaded.parts {
        add_tables(snapshot, operator, part, report, &mut tasks);
    }
    tasks.extend(work::items(loaded, None).into_iter().map(Task::Entries));
    options.progress.expect(operator.recorded_bytes());
    let numbered: Vec<_> = tasks.iter().enumerate().collect();
    let run = |done: &mut Vec<(usize, Found)>, (number, task): &(usize, &Task<'_>)| {
        let mut found = Found::default();
        match task {
            Task::Table(subtask, database, file) => {
                let checked = database.verify_file(*file).err();
                let finding = |message: String| Finding::of(operator, message).subtask(*subtask);
                found
                    .findings
                    .extend(checked.map(|error| finding(error.to_string())));
            }
            Task::Entries(item) => check_item(snapshot, operator, item, options, &mut found),
        }
        done.push((*number, found));
        Ok(())
    };
    // Errors have become findings.
    let threads = work::for_each(&numbered, options.threads, Vec::new, run).unwrap_or_default();
    let mut done: Vec<_> = threads.into_iter().flatten().collect();
    done.sort_by_key(|(number, _)| *number);
    for (_, found) in done {
        report.findings.extend(found.findings);
        report.notes.extend(found.notes);
        report.checked.entries += found.checked.entries;
        report.checked.bytes += found.checked.bytes;
    }
    report.notes.sort();
    report.notes.dedup();
}

/// Adds the tables of a database to what is checked.
fn add_tables(
    snapshot: &Snapshot,
    operator: &Operator<'_>,
    part: &Part,
    report: &mut VerifyReport,
    tasks: &mut Vec<Task<'_>>,
) {
    match &part.layout {
        Layout::RocksDb(database) => {
            let finding = |message: String| Finding::of(operator, message).subtask(part.subtask);
            match database.open(snapshot.files()) {
                Err(error) => report.findings.push(finding(error.to_string())),
                Ok(opened) => {
                    for missing in opened.missing_files() {
                        report.findings.push(finding(format!(
                            "the manifest names `{missing}`, which is not in the handle"
                        )));
                    }
                    for family in opened
                        .families()
                        .iter()
                        .filter(|family| family.files().next().is_some())
                    {
                        if part.index_of(family.name()).is_none() {
                            report.findings.push(finding(format!(
                                "the database has a column family `{}`, and the header names no such state",
                                family.name()
                            )));
                        }
                    }
                    let files = opened.families().iter().flat_map(|family| family.files());
                    tasks.extend(files.map(|file| Task::Table(part.subtask, opened.clone(), file.number)));
                }
            }
        }
        Layout::Changelog { base, .. } => base
            .iter()
            .for_each(|part| add_tables(snapshot, operator, part, report, tasks)),
        _ => {}
    }
}

fn check_item(
    snapshot: &Snapshot,
    operator: &Operator<'_>,
    item: &work::WorkItem<'_>,
    options: &VerifyOptions,
    found: &mut Found,
) {
    let Found {
        findings,
        notes,
        checked,
    } = found;
    let finding = |message: String| Finding::of(operator, message).subtask(item.part.subtask);
    let mut ticker = options.progress.ticker();
    let mut duplicates = Duplicates::default();
    let duplicate = |(state, group, count): Duplicate| {
        let message = format!("key group {group}: {count} entries have the key of another entry");
        finding(message).state(&state)
    };
    let mut visit = |entry: &Entry<'_>| -> Result<Flow> {
        let bytes = entry.bytes();
        ticker.tick(bytes);
        checked.entries += 1;
        checked.bytes += bytes;
        if !options.deep {
            return Ok(Flow::Continue(()));
        }
        findings.extend(duplicates.add(entry).into_iter().map(duplicate));
        match check_entry(entry, operator.state.max_parallelism) {
            Ok(()) => Ok(Flow::Continue(())),
            Err(error) => {
                let group = entry
                    .key_group
                    .map_or_else(String::new, |group| format!("key group {group}, "));
                let at = entry
                    .offset
                    .map_or_else(String::new, |offset| format!("entry at offset {offset:#x}, "));
                let data = match options.show_data {
                    true => crate::row::data_of(entry),
                    false => String::new(),
                };
                findings.push(finding(format!("{group}{at}{error}{data}")).state(&entry.state.name));
                Ok(if findings.len() < MAX_FINDINGS {
                    Flow::Continue(())
                } else {
                    Flow::Break(())
                })
            }
        }
    };
    match item
        .part
        .scan(snapshot.files(), item.range, &|_| true, &mut visit)
    {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotInterpretable => {
            notes.push(finding(format!("not checked to the end: {error}")));
        }
        Err(error) => findings.push(finding(error.to_string())),
    }
    findings.extend(duplicates.end().into_iter().map(duplicate));
}

/// Decodes key, namespace, map key and value of an entry, and re-hashes its key.
fn check_entry(entry: &Entry<'_>, max_parallelism: u32) -> FormatResult<()> {
    let state = entry.state;
    match entry.key_parts() {
        Ok(Some(parts)) => {
            check_key(entry, parts.key, max_parallelism)?;
            if state.kind == StateKind::Map {
                check_part(state.map_key.as_deref(), parts.map_key.unwrap_or_default())?;
            }
        }
        Ok(None) => check_part(state.map_key.as_deref(), entry.map_key()?.unwrap_or_default())?,
        Err(error) if matches!(error.fault(), Fault::UnknownClass(_)) => {}
        Err(error) => return Err(error),
    }
    match entry.value {
        Payload::None | Payload::Null => Ok(()),
        Payload::Value(bytes) => check_part(Some(&state.value), bytes),
        Payload::Delimited(_) | Payload::Counted(_) => {
            let mut elements = entry.elements();
            while let Some(element) = elements.next_element()? {
                check_part(Some(&state.value), element)?;
            }
            Ok(())
        }
    }
}

/// Decodes bytes that should be one value of a type.
fn check_part(ty: Option<&Type>, bytes: &[u8]) -> FormatResult<()> {
    let Some(ty) = ty else { return Ok(()) };
    let mut r = Reader::new(bytes);
    match walk(ty, &mut r, Framing::Framed, &mut Skip)? {
        Extent::Exact => r.finish("value"),
        Extent::Rest => Ok(()),
    }
}

/// Decodes a key; one in the wrong key group is invisible to the job.
fn check_key(entry: &Entry<'_>, key: &[u8], max_parallelism: u32) -> FormatResult<()> {
    let (Some(ty), Some(group)) = (&entry.state.key, entry.key_group) else {
        return check_part(entry.state.key.as_deref(), key);
    };
    let r = &mut Reader::new(key);
    let (extent, hash) = decode_java_hash(ty, r, Framing::Framed)?;
    if extent == Extent::Exact {
        r.finish("value")?;
    }
    let Some(hash) = hash else {
        return Ok(());
    };
    match key_group_of_hash(hash, max_parallelism) {
        expected if expected == group => Ok(()),
        expected => Err(r.invalid(
            "key",
            format!("belongs to key group {expected}, but is stored in {group}"),
        )),
    }
}
