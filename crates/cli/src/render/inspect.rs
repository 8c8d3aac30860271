//! The report of `inspect` as text.

use std::io::Write;

use serde_json::json;
use statetool_ops::inspect::{Detail, InspectReport, OperatorReport, StateReport};

use super::{bytes, columns};

/// For people.
pub(crate) fn table(report: &InspectReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let s = &report.snapshot;
    writeln!(out, "{}  {}", s.kind, s.location)?;
    writeln!(
        out,
        "checkpoint {}, Flink {}, metadata version {}, {}, {} operators",
        s.checkpoint_id,
        s.flink,
        s.metadata_version,
        bytes(s.bytes),
        report.operators.len()
    )?;
    for operator in &report.operators {
        operator_table(operator, out)?;
    }
    if !report.kafka.is_empty() {
        let rows = report.kafka.iter().map(|p| {
            let next = p.next_offset.map_or_else(
                || p.marker.unwrap_or_default().to_owned(),
                |next| next.to_string(),
            );
            let source = p.uid.clone().unwrap_or_else(|| p.operator.clone());
            vec![
                source,
                p.topic.clone(),
                p.partition.to_string(),
                next,
                p.subtask.to_string(),
                p.generation.into(),
            ]
        });
        let head = [
            "KAFKA SOURCE",
            "TOPIC",
            "PARTITION",
            "NEXT OFFSET",
            "SUBTASK",
            "STORED BY",
        ];
        write!(out, "\n{}", columns(&head, rows.collect()))?;
    }
    for unreadable in &report.unreadable {
        let state = unreadable
            .state
            .as_deref()
            .map_or_else(String::new, |state| format!("/{state}"));
        writeln!(
            out,
            "\nnot interpretable: {}{state}: {}",
            unreadable.operator, unreadable.reason
        )?;
    }
    Ok(())
}

fn operator_table(operator: &OperatorReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let label = operator
        .uid
        .as_deref()
        .or(operator.name.as_deref())
        .unwrap_or("(uid not known)");
    write!(
        out,
        "\n{label}  id:{}  parallelism {}/{}",
        operator.id, operator.parallelism, operator.max_parallelism
    )?;
    write!(out, "  {}", bytes(operator.bytes))?;
    if let (Some(name), true) = (&operator.name, operator.uid.is_some()) {
        write!(out, "  \"{name}\"")?;
    }
    if operator.finished != "no" {
        write!(out, "  finished: {}", operator.finished)?;
    }
    if operator.channel_states > 0 {
        write!(
            out,
            "  {} channels with records in flight",
            operator.channel_states
        )?;
    }
    writeln!(out)?;
    if operator.states.is_empty() {
        return Ok(writeln!(out, "  no states")?);
    }
    let rows = operator.states.iter().map(state_row).collect();
    let head = [
        "  STATE",
        "KIND",
        "KEY",
        "NAMESPACE",
        "MAP KEY",
        "VALUE",
        "TTL",
        "ENTRIES",
        "BYTES",
    ];
    write!(out, "{}", columns(&head, rows))?;
    for state in &operator.states {
        stats(state, out)?;
    }
    if let Some(groups) = &operator.key_groups {
        let largest: Vec<String> = groups
            .largest
            .iter()
            .map(|(group, entries, size)| format!("{group}: {entries} in {}", bytes(*size)))
            .collect();
        writeln!(
            out,
            "  key groups: {} of {} used, the largest {:.1} times the mean ({})",
            groups.used,
            groups.of,
            groups.skew,
            largest.join(", ")
        )?;
    }
    Ok(())
}

fn state_row(state: &StateReport) -> Vec<String> {
    let text = |ty: &Option<String>| ty.clone().unwrap_or_else(|| "-".into());
    vec![
        format!("  {}", state.name),
        state.kind.into(),
        text(&state.key_type),
        text(&state.namespace_type),
        text(&state.map_key_type),
        text(&state.value_type),
        if state.ttl { "yes" } else { "no" }.into(),
        state
            .entries
            .map_or_else(|| "not counted".into(), |entries| entries.to_string()),
        state.bytes.map_or_else(|| "not counted".into(), bytes),
    ]
}

fn stats(state: &StateReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let Some(stats) = state.stats.as_ref().filter(|_| state.entries > Some(0)) else {
        return Ok(());
    };
    writeln!(
        out,
        "  {}: {:.1} % of the bytes; entries of {} to {} bytes",
        state.name,
        stats.share * 100.0,
        stats.min_bytes,
        stats.max_bytes
    )?;
    let sizes: Vec<String> = stats
        .sizes
        .iter()
        .map(|size| format!("<{}: {}", size.below, size.entries))
        .collect();
    writeln!(out, "    sizes: {}", sizes.join(", "))?;
    for key in &stats.largest_keys {
        writeln!(
            out,
            "    large key: {} ({} in {} entries)",
            key.key,
            bytes(key.bytes),
            key.entries
        )?;
    }
    for (what, times) in [("timers", &stats.timers), ("last access", &stats.last_access)] {
        let Some(times) = times else { continue };
        let text = |time: &Option<String>| time.clone().unwrap_or_else(|| "-".into());
        writeln!(
            out,
            "    {what}: {} to {}",
            text(&times.earliest),
            text(&times.latest)
        )?;
        if times.at_end_of_input > 0 {
            writeln!(out, "      at the end of the input: {}", times.at_end_of_input)?;
        }
        for bucket in &times.buckets {
            writeln!(out, "      from {}: {}", bucket.from, bucket.count)?;
        }
    }
    Ok(())
}

/// One state in detail.
pub(crate) fn detail(detail: &Detail, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "\n{}/{}", detail.operator, detail.state)?;
    detail
        .types
        .lines()
        .try_for_each(|line| writeln!(out, "  {line}"))?;
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    let rows = detail.places.iter().map(|place| {
        vec![
            format!("  {}", place.subtask),
            text(place.key_groups.clone()),
            place.layout.into(),
            text(place.offset.map(|offset| format!("{offset:#x}"))),
            text(place.bytes.map(bytes)),
            text(place.local_name.clone()),
            place.file.clone(),
        ]
    });
    let head = [
        "  SUBTASK",
        "KEY GROUPS",
        "LAYOUT",
        "OFFSET",
        "FILE SIZE",
        "LOCAL NAME",
        "FILE",
    ];
    write!(out, "{}", columns(&head, rows.collect()))?;
    Ok(())
}

/// A line a state.
pub(crate) fn jsonl(report: &InspectReport, out: &mut dyn Write) -> anyhow::Result<()> {
    for operator in &report.operators {
        for state in &operator.states {
            let mut row = json!({"operator": operator.id, "uid": operator.uid});
            if let (Some(row), serde_json::Value::Object(state)) =
                (row.as_object_mut(), serde_json::to_value(state)?)
            {
                row.extend(state);
            }
            writeln!(out, "{row}")?;
        }
    }
    Ok(())
}

/// A row a state.
pub(crate) fn csv(report: &InspectReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record([
        "operator",
        "uid",
        "state",
        "kind",
        "key_type",
        "namespace_type",
        "map_key_type",
        "value_type",
        "ttl",
        "entries",
        "bytes",
    ])?;
    for operator in &report.operators {
        for state in &operator.states {
            let text = |ty: &Option<String>| ty.clone().unwrap_or_default();
            let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
            writer.write_record([
                operator.id.clone(),
                text(&operator.uid),
                state.name.clone(),
                state.kind.to_owned(),
                text(&state.key_type),
                text(&state.namespace_type),
                text(&state.map_key_type),
                text(&state.value_type),
                state.ttl.to_string(),
                number(state.entries),
                number(state.bytes),
            ])?;
        }
    }
    writer.flush()?;
    Ok(())
}
