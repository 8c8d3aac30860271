//! Contents: streams parse to their exact ends; with `--deep`, every key and value decodes.

use std::sync::Arc;

use statetool_backend::rocksdb::Database;
use statetool_format::key_group::key_group_of_hash;
use statetool_format::serializer::is_in_no_release;
use statetool_format::{Fault, Reader, Result as FormatResult};
use statetool_snapshot::{
    Entry, Error, ErrorKind, Flow, Layout, LoadedOperator, Operator, Part, Payload, Result, Snapshot,
    StateKind,
};
use statetool_values::{Extent, Framing, Skip, Type, decode_java_hash, walk};

use super::duplicates::{Duplicate, Duplicates};
use super::files::BrokenFiles;
use super::{Checked, Finding, MAX_FINDINGS, NOT_TO_THE_END, VerifyOptions, VerifyReport};
use crate::work;

/// What one thread checks at a time.
enum Task<'p> {
    /// A table of a database, whose scan sees only what the newest entries say.
    Table(Table),
    /// Entries as a job would see them.
    Entries(work::WorkItem<'p>),
}

/// A table of a database.
struct Table {
    subtask: u32,
    database: Arc<Database>,
    /// Its column family, which is a state.
    family: String,
    number: u64,
}

/// What a task found.
#[derive(Default)]
struct Found {
    findings: Vec<Finding>,
    /// Files that cannot be opened, and whose they are.
    files: Vec<(String, String)>,
    notes: Vec<Finding>,
    checked: Checked,
}

/// Reads all entries of an operator.
pub(super) fn check(
    snapshot: &Snapshot,
    operator: &Operator<'_>,
    loaded: &LoadedOperator,
    options: &VerifyOptions,
    broken: &BrokenFiles,
    report: &mut VerifyReport,
) {
    for unreadable in &loaded.unreadable {
        let reason = match unreadable.reason.contains(&unreadable.serializer) {
            true => unreadable.reason.clone(),
            false => format!("`{}`: {}", unreadable.serializer, unreadable.reason),
        };
        // Otherwise it is a user's class, and the bytes are what they should be.
        if is_in_no_release(&unreadable.serializer) {
            let why = format!(
                "`{}`: no release of Flink has such a class",
                unreadable.serializer
            );
            let finding = Finding::of(operator, why);
            report.findings.push(match &unreadable.state {
                Some(state) => finding.state(state),
                None => finding,
            });
        }
        report.notes.push(match &unreadable.state {
            Some(state) => Finding::of(operator, reason).state(state),
            None => Finding::of(operator, format!("{NOT_TO_THE_END}: {reason}")),
        });
    }
    let begun = report.findings.len();
    let mut tasks = Vec::new();
    for part in &loaded.parts {
        add_tables(snapshot, operator, part, broken, report, &mut tasks);
    }
    tasks.extend(work::items(loaded, None).into_iter().map(Task::Entries));
    options.progress.expect(operator.recorded_bytes());
    let numbered: Vec<_> = tasks.iter().enumerate().collect();
    let run = |done: &mut Vec<(usize, Found)>, (number, task): &(usize, &Task<'_>)| {
        let mut found = Found::default();
        match task {
            Task::Table(table) => check_table(operator, table, broken, &mut found),
            Task::Entries(item) => check_item(snapshot, operator, item, options, broken, &mut found),
        }
        done.push((*number, found));
        Ok(())
    };
    // Errors have become findings.
    let threads = work::for_each(&numbered, options.threads, Vec::new, run).unwrap_or_default();
    let mut done: Vec<_> = threads.into_iter().flatten().collect();
    done.sort_by_key(|(number, _)| *number);
    for (_, found) in done {
        for finding in found.findings {
            add_once(&mut report.findings, begun, finding);
        }
        for (file, state) in found.files {
            broken.name_state(&file, &state, report);
        }
        report.notes.extend(found.notes);
        report.checked.entries += found.checked.entries;
        report.checked.bytes += found.checked.bytes;
    }
}

/// Adds a finding unless another one says the same of the same subtask: damage that a table shows
/// is met again by who reads its entries. What one of them knows of the state both do then.
fn add_once(findings: &mut Vec<Finding>, begun: usize, finding: Finding) {
    let mut others = findings.iter_mut().skip(begun);
    let same = others.find(|other| {
        (other.subtask, &other.message) == (finding.subtask, &finding.message)
            && (other.state == finding.state || other.state.is_none() || finding.state.is_none())
    });
    match same {
        Some(same) => same.state = same.state.take().or(finding.state),
        None => findings.push(finding),
    }
}

/// Adds the tables of a database to what is checked.
fn add_tables(
    snapshot: &Snapshot,
    operator: &Operator<'_>,
    part: &Part,
    broken: &BrokenFiles,
    report: &mut VerifyReport,
    tasks: &mut Vec<Task<'_>>,
) {
    match &part.layout {
        Layout::RocksDb(database) => {
            let finding = |message: String| Finding::of(operator, message).subtask(part.subtask);
            match database.open(snapshot.files()) {
                Err(error) if broken.explain(&error) => {}
                Err(error) => report.findings.push(finding(error.to_string())),
                Ok(opened) => {
                    let families = opened.families().iter();
                    for family in families.filter(|family| family.files().next().is_some()) {
                        if part.index_of(family.name()).is_none() {
                            report.findings.push(finding(format!(
                                "the database has a column family `{}`, and the header names no such state",
                                family.name()
                            )));
                        }
                        tasks.extend(family.files().map(|file| {
                            Task::Table(Table {
                                subtask: part.subtask,
                                database: opened.clone(),
                                family: family.name().to_owned(),
                                number: file.number,
                            })
                        }));
                    }
                }
            }
        }
        Layout::Changelog { base, .. } => base
            .iter()
            .for_each(|part| add_tables(snapshot, operator, part, broken, report, tasks)),
        _ => {}
    }
}

/// Reads a table from end to end.
fn check_table(operator: &Operator<'_>, table: &Table, broken: &BrokenFiles, found: &mut Found) {
    let Err(error) = table.database.verify_file(table.number) else {
        return;
    };
    let error = Error::from(error);
    match error.file() {
        Some(file) if broken.explain(&error) => found.files.push((file.to_owned(), table.family.clone())),
        _ => {
            let finding = Finding::of(operator, error.to_string()).subtask(table.subtask);
            found.findings.push(finding.state(&table.family));
        }
    }
}

fn check_item(
    snapshot: &Snapshot,
    operator: &Operator<'_>,
    item: &work::WorkItem<'_>,
    options: &VerifyOptions,
    broken: &BrokenFiles,
    found: &mut Found,
) {
    let Found {
        findings,
        notes,
        checked,
        ..
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
        Ok(Flow::Continue(())) => {}
        Ok(Flow::Break(())) => {
            let why = format!("{NOT_TO_THE_END}: {MAX_FINDINGS} findings are enough");
            notes.push(finding(why));
        }
        Err(error) if error.kind() == ErrorKind::NotInterpretable => {
            notes.push(finding(format!("{NOT_TO_THE_END}: {error}")));
        }
        Err(error) if broken.explain(&error) => {
            let file = error.file().unwrap_or_default();
            notes.push(finding(format!("{NOT_TO_THE_END}: it needs `{file}`")));
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
        Payload::None | Payload::Null(_) => Ok(()),
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
