//! What `inspect --stats` counted, for people.

use std::io::Write;

use statetool_ops::inspect::{KeyGroupStats, StateReport, StateStats};
use statetool_ops::time::TimeReport;

use super::{Head, bars, bytes, columns, shorten};
use crate::style::{self, paint};

/// How long a key may be.
const MAX_KEY: usize = 40;

const TIMERS: &str = "timers";

/// Sizes, largest keys and times of a state.
pub(super) fn state(state: &StateReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let Some(stats) = state.stats.as_ref().filter(|_| state.entries > Some(0)) else {
        return Ok(());
    };
    let share = stats.share * 100.0;
    let name = paint(style::NAME, &state.name);
    writeln!(out, "\n  {name}: {share:.1} % of the operator's bytes")?;
    let sizes: Vec<_> = stats
        .sizes
        .iter()
        .map(|size| (format!("below {}", bytes(size.below)), size.entries))
        .collect();
    let (smallest, largest) = (bytes(stats.min_bytes), bytes(stats.max_bytes));
    writeln!(out, "    entries of {smallest} to {largest}")?;
    write!(out, "{}", bars(6, &sizes))?;
    largest_keys(stats, out)?;
    for (what, report) in [(TIMERS, &stats.timers), ("last access", &stats.last_access)] {
        if let Some(report) = report {
            times(what, report, out)?;
        }
    }
    Ok(())
}

fn largest_keys(stats: &StateStats, out: &mut dyn Write) -> anyhow::Result<()> {
    if stats.largest_keys.is_empty() {
        return Ok(());
    }
    let heads = [
        Head::Words("LARGEST KEYS"),
        Head::Words("NAMESPACE"),
        Head::Numbers("KEY GROUP"),
        Head::Numbers("ENTRIES"),
        Head::Numbers("BYTES"),
    ];
    let row = |key: &statetool_ops::inspect::LargestKey| {
        let namespace = match &key.namespace {
            serde_json::Value::Null => String::new(),
            namespace => shorten(&namespace.to_string(), MAX_KEY),
        };
        vec![
            shorten(&key.key.to_string(), MAX_KEY),
            namespace,
            key.key_group.map(|group| group.to_string()).unwrap_or_default(),
            key.entries.to_string(),
            bytes(key.bytes),
        ]
    };
    let rows: Vec<_> = stats.largest_keys.iter().map(row).collect();
    write!(out, "{}", columns(4, &heads, &rows))?;
    Ok(())
}

pub(super) fn times(what: &str, report: &TimeReport, out: &mut dyn Write) -> anyhow::Result<()> {
    match (&report.earliest, &report.latest) {
        (Some(earliest), Some(latest)) => writeln!(out, "    {what} from {earliest} to {latest}")?,
        _ => writeln!(out, "    {what}")?,
    }
    let buckets: Vec<_> = report
        .buckets
        .iter()
        .map(|bucket| (format!("from {}", bucket.from), bucket.count))
        .collect();
    write!(out, "{}", bars(6, &buckets))?;
    let timers = what == TIMERS;
    let others = [
        (
            report.before_year_0,
            "before all time, counted from Long.MIN_VALUE",
            ", the watermark before there is one; due at once",
        ),
        (report.after_year_9999, "after the year 9999", ""),
        (
            report.at_end_of_input,
            "at Long.MAX_VALUE",
            ": never, or at the end of the input",
        ),
    ];
    for (count, text, of_timers) in others {
        if count > 0 {
            writeln!(out, "      {count} {text}{}", if timers { of_timers } else { "" })?;
        }
    }
    Ok(())
}

/// How entries are spread over key groups.
pub(super) fn key_groups(groups: &KeyGroupStats, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "\n  key groups: {} of {} used; the largest has {:.1} times the bytes of the mean",
        groups.used, groups.of, groups.skew
    )?;
    let heads = [
        Head::Numbers("LARGEST KEY GROUPS"),
        Head::Numbers("ENTRIES"),
        Head::Numbers("BYTES"),
    ];
    let rows: Vec<_> = groups
        .largest
        .iter()
        .map(|(group, entries, size)| vec![group.to_string(), entries.to_string(), bytes(*size)])
        .collect();
    write!(out, "{}", columns(4, &heads, &rows))?;
    Ok(())
}
