//! Contents: streams parse to their exact ends; with `--deep`, every key and value decodes.

use statetool_format::key_group::key_group_of_hash;
use statetool_format::{Fault, Reader, Result as FormatResult};
use statetool_snapshot::{
    Entry, ErrorKind, Flow, Layout, LoadedOperator, Operator, Part, Payload, Result, Snapshot, StateKind,
};
use statetool_values::{Extent, Framing, Skip, Type, Value, java_hash, walk};

use super::{Checked, Finding, MAX_FINDINGS, VerifyOptions, VerifyReport};
use crate::work;

/// What one thread found.
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
        let note = Finding::of(operator, unreadable.reason.clone());
        report.notes.push(match &unreadable.state {
            Some(state) => note.state(state),
            None => note,
        });
    }
    for part in &loaded.parts {
        check_tables(snapshot, operator, part, report);
    }
    let items = work::items(loaded, None);
    options.progress.expect(operator.recorded_bytes());
    let scan = |found: &mut Found, item: &work::WorkItem<'_>| {
        check_item(snapshot, operator, item, options, found);
        Ok(())
    };
    // Errors have become findings.
    for found in work::for_each(&items, options.threads, Found::default, scan).unwrap_or_default() {
        report.findings.extend(found.findings);
        report.notes.extend(found.notes);
        report.checked.entries += found.checked.entries;
        report.checked.bytes += found.checked.bytes;
    }
    report.notes.sort();
    report.notes.dedup();
}

/// Checks the tables of a database, whose scan sees only what the newest entries say.
fn check_tables(snapshot: &Snapshot, operator: &Operator<'_>, part: &Part, report: &mut VerifyReport) {
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
                    for file in opened.families().iter().flat_map(|family| family.files()) {
                        if let Err(error) = opened.verify_file(file.number) {
                            report.findings.push(finding(error.to_string()));
                        }
                    }
                }
            }
        }
        Layout::Changelog { base, .. } => base
            .iter()
            .for_each(|part| check_tables(snapshot, operator, part, report)),
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
    let before = findings.len();
    let mut ticker = options.progress.ticker();
    let mut visit = |entry: &Entry<'_>| -> Result<Flow> {
        let bytes = entry.bytes();
        ticker.tick(bytes);
        checked.entries += 1;
        checked.bytes += bytes;
        if !options.deep {
            return Ok(Flow::Continue(()));
        }
        match check_entry(entry, operator.state.max_parallelism) {
            Ok(()) => Ok(Flow::Continue(())),
            Err(error) => {
                let group = entry
                    .key_group
                    .map_or_else(String::new, |group| format!("key group {group}, "));
                let at = entry
                    .offset
                    .map_or_else(String::new, |offset| format!("entry at offset {offset:#x}, "));
                findings.push(finding(format!("{group}{at}{error}")).state(&entry.state.name));
                Ok(if findings.len() - before < MAX_FINDINGS {
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
}

/// Decodes key, namespace, map key and value of an entry, and re-hashes its key.
fn check_entry(entry: &Entry<'_>, max_parallelism: u32) -> FormatResult<()> {
    let state = entry.state;
    match entry.key_parts() {
        Ok(Some(parts)) => {
            check_part(state.key.as_deref(), parts.key)?;
            if state.kind == StateKind::Map {
                check_part(state.map_key.as_deref(), parts.map_key.unwrap_or_default())?;
            }
            check_key_group(entry, parts.key, max_parallelism)?;
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

/// A key in the wrong key group is invisible to the job.
fn check_key_group(entry: &Entry<'_>, key: &[u8], max_parallelism: u32) -> FormatResult<()> {
    let (Some(ty), Some(group)) = (&entry.state.key, entry.key_group) else {
        return Ok(());
    };
    let r = &mut Reader::new(key);
    let Ok((value, Extent::Exact)) = Value::decode(ty, r, Framing::Framed) else {
        return Ok(());
    };
    let Some(hash) = java_hash(ty, &value) else {
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
