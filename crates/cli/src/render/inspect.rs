//! The report of `inspect` as text.

use std::io::Write;

use serde_json::{Value as Json, json};
use statetool_ops::inspect::{InspectReport, OperatorReport, StateReport};
use statetool_ops::kafka::KafkaPosition;

use super::{Head, bytes, columns, count, json_line, short_type, stats};
use crate::style::{self, paint};

const STATE_HEADS: [Head; 9] = [
    Head::Words("STATE"),
    Head::Words("KIND"),
    Head::Words("KEY"),
    Head::Words("NAMESPACE"),
    Head::Words("MAP KEY"),
    Head::Words("VALUE"),
    Head::Words("TTL"),
    Head::Numbers("ENTRIES"),
    Head::Numbers("BYTES"),
];

const KAFKA_HEADS: [Head; 7] = [
    Head::Words("KAFKA SOURCE"),
    Head::Words("TOPIC"),
    Head::Numbers("PARTITION"),
    Head::Numbers("NEXT OFFSET"),
    Head::Numbers("STOPS AT"),
    Head::Numbers("SUBTASK"),
    Head::Words("GENERATION"),
];

/// For people.
pub(crate) fn table(report: &InspectReport, out: &mut dyn Write) -> anyhow::Result<()> {
    write_head(report, out)?;
    let (with_states, without): (Vec<_>, Vec<_>) = report.operators.iter().partition(|operator| {
        let unread = report
            .unreadable
            .iter()
            .any(|unreadable| unreadable.operator == operator.id);
        !operator.states.is_empty() || unread || report.operators.len() == 1
    });
    for operator in with_states {
        operator_table(operator, out)?;
    }
    for (heading, operators) in without_named_states(&without) {
        writeln!(out, "\n{heading}:")?;
        for operator in operators {
            writeln!(out, "  {}", operator_line(operator))?;
        }
    }
    if !report.kafka.is_empty() {
        let rows: Vec<_> = report.kafka.iter().map(kafka_row).collect();
        write!(out, "\n{}", columns(0, &KAFKA_HEADS, &rows))?;
    }
    write_unreadable(report, out)?;
    write_notes(report, out)
}

/// Operators that have no state with a name, by what they have instead.
fn without_named_states<'o>(
    operators: &[&'o OperatorReport],
) -> Vec<(&'static str, Vec<&'o OperatorReport>)> {
    let heading = |operator: &OperatorReport| match (operator.channel_states, operator.coordinator_bytes) {
        (0, None) => "without state",
        (0, Some(_)) => "with nothing but the state of a coordinator",
        (_, None) => "with nothing but records in flight",
        (_, Some(_)) => "with nothing but records in flight and the state of a coordinator",
    };
    let mut headed: Vec<(&'static str, Vec<&OperatorReport>)> = Vec::new();
    for operator in operators {
        let heading = heading(operator);
        match headed.iter_mut().find(|(known, _)| *known == heading) {
            Some((_, operators)) => operators.push(operator),
            None => headed.push((heading, vec![operator])),
        }
    }
    headed
}

fn write_head(report: &InspectReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let s = &report.snapshot;
    writeln!(out, "{}  {}", paint(style::NAME, s.kind), s.location)?;
    let written = s.timestamp.as_ref();
    let written = written.map_or_else(String::new, |time| format!(", _metadata written {time}"));
    writeln!(
        out,
        "checkpoint {}, form of Flink {}, metadata version {}, {}{written}",
        s.checkpoint_id,
        s.flink,
        s.metadata_version,
        bytes(s.bytes),
    )?;
    Ok(())
}

fn operator_line(operator: &OperatorReport) -> String {
    let id = format!("id:{}", operator.id);
    let name = |name: &str| paint(style::NAME, name);
    let mut words = match (&operator.uid, &operator.name) {
        (Some(uid), _) => vec![name(uid), id],
        (None, Some(text)) => vec![name(&format!("name:{text}")), id],
        (None, None) => vec![name(&id)],
    };
    let (parallelism, max) = (operator.parallelism, operator.max_parallelism);
    words.push(format!("parallelism {parallelism} of at most {max}"));
    if operator.bytes > 0 {
        words.push(bytes(operator.bytes));
    }
    if let (Some(name), true) = (&operator.name, operator.uid.is_some()) {
        words.push(format!("\"{name}\""));
    }
    match operator.finished {
        "no" => {}
        "all" => words.push("finished".into()),
        some => words.push(format!("finished: {some}")),
    }
    if operator.channel_states > 0 {
        let channels = count(operator.channel_states as u64, "channel", "channels");
        words.push(format!("{channels} with records in flight"));
    }
    words.join("  ")
}

fn operator_table(operator: &OperatorReport, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "\n{}", operator_line(operator))?;
    if operator.states.is_empty() {
        return Ok(writeln!(out, "  no states")?);
    }
    let any_counted = operator.states.iter().any(|state| state.entries.is_some());
    let rows: Vec<_> = operator
        .states
        .iter()
        .map(|state| state_row(state, any_counted))
        .collect();
    write!(out, "{}", columns(2, &STATE_HEADS, &rows))?;
    for state in &operator.states {
        stats::state(state, out)?;
    }
    if let Some(groups) = &operator.key_groups {
        stats::key_groups(groups, out)?;
    }
    Ok(())
}

fn state_row(state: &StateReport, any_counted: bool) -> Vec<String> {
    let short = |ty: &Option<String>| ty.as_deref().map(short_type).unwrap_or_default();
    let number = |number: Option<String>| match number {
        Some(number) => number,
        None if any_counted => "not counted".to_owned(),
        None => String::new(),
    };
    // That there is but one namespace says nothing.
    let namespace = match state.namespace_type.as_deref() {
        Some("VoidNamespace") => String::new(),
        _ => short(&state.namespace_type),
    };
    vec![
        state.name.clone(),
        state.kind.into(),
        short(&state.key_type),
        namespace,
        short(&state.map_key_type),
        short(&state.value_type),
        if state.ttl { "yes" } else { "" }.into(),
        number(state.entries.map(|entries| entries.to_string())),
        state.bytes.map(bytes).unwrap_or_default(),
    ]
}

fn kafka_row(position: &KafkaPosition) -> Vec<String> {
    let next = match position.next_offset {
        Some(next) => next.to_string(),
        None => position.marker.unwrap_or_default().to_owned(),
    };
    let stop = position.stopping_offset;
    vec![
        position
            .uid
            .clone()
            .unwrap_or_else(|| format!("id:{}", position.operator)),
        position.topic.clone(),
        position.partition.to_string(),
        next,
        stop.map(|stop| stop.to_string()).unwrap_or_default(),
        position.subtask.to_string(),
        position.generation.into(),
    ]
}

fn write_unreadable(report: &InspectReport, out: &mut dyn Write) -> anyhow::Result<()> {
    if !report.unreadable.is_empty() {
        writeln!(out, "\n{}", paint(style::WARNING, "not interpretable:"))?;
    }
    for unreadable in &report.unreadable {
        let operator = report
            .operators
            .iter()
            .find(|operator| operator.id == unreadable.operator);
        let label = operator.and_then(|operator| operator.uid.as_ref());
        let label = label.unwrap_or(&unreadable.operator);
        let state = unreadable.state.as_ref();
        let state = state.map_or_else(String::new, |state| format!("/{state}"));
        let serializer = match unreadable.serializer.as_str() {
            "" => String::new(),
            serializer if unreadable.reason.contains(serializer) => String::new(),
            serializer => format!("{serializer}: "),
        };
        writeln!(out, "  {label}{state}: {serializer}{}", unreadable.reason)?;
    }
    Ok(())
}

/// What a reader may miss, and how to get it.
fn write_notes(report: &InspectReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut states = report.operators.iter().flat_map(|operator| &operator.states);
    let mut notes = Vec::new();
    if states.any(|state| state.entries.is_none() || state.bytes.is_none()) {
        notes.push("entries and bytes of states: not counted; --stats counts them");
    }
    if report.operators.iter().any(|operator| operator.uid.is_none()) {
        notes.push("uids are not stored in this snapshot; --uid NAME tells which operator has one");
    }
    if !notes.is_empty() {
        writeln!(out, "\n{}", notes.join("\n"))?;
    }
    Ok(())
}

/// What the rows of Kafka positions have for a kind of state.
const KAFKA_POSITION: &str = "kafka-position";

/// A line a state, then one a Kafka position.
pub(crate) fn jsonl(report: &InspectReport, out: &mut dyn Write) -> anyhow::Result<()> {
    for operator in &report.operators {
        for state in &operator.states {
            let row = json!({"operator": operator.id, "uid": operator.uid, "state": state.name});
            json_row(row, serde_json::to_value(state)?, out)?;
        }
    }
    for position in &report.kafka {
        let (operator, uid, state) = (&position.operator, &position.uid, position.state());
        let row = json!({"operator": operator, "uid": uid, "state": state, "kind": KAFKA_POSITION});
        json_row(row, serde_json::to_value(position)?, out)?;
    }
    Ok(())
}

/// A row of some fields and of those of an object; a state's name is `state` in rows.
fn json_row(mut row: Json, more: Json, out: &mut dyn Write) -> anyhow::Result<()> {
    if let (Some(row), Json::Object(mut more)) = (row.as_object_mut(), more) {
        more.shift_remove("name");
        row.extend(more);
    }
    json_line(&row, out)
}

/// A row a state, then one a Kafka position.
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
        "generation",
        "subtask",
        "topic",
        "partition",
        "next_offset",
        "marker",
        "stopping_offset",
    ])?;
    for operator in &report.operators {
        for state in &operator.states {
            let text = |ty: &Option<String>| ty.clone().unwrap_or_default();
            let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
            let row = [
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
            ];
            writer.write_record(row.iter().map(String::as_str).chain([""; KAFKA_FIELDS]))?;
        }
    }
    for position in &report.kafka {
        writer.write_record(kafka_record(position))?;
    }
    writer.flush()?;
    Ok(())
}

/// How many columns only Kafka positions have, and how many only states.
const KAFKA_FIELDS: usize = 7;
const STATE_FIELDS: usize = 7;

fn kafka_record(position: &KafkaPosition) -> Vec<String> {
    let number = |number: Option<i64>| number.map(|n| n.to_string()).unwrap_or_default();
    let mut row = vec![
        position.operator.clone(),
        position.uid.clone().unwrap_or_default(),
        position.state().to_owned(),
        KAFKA_POSITION.to_owned(),
    ];
    row.extend(std::iter::repeat_n(String::new(), STATE_FIELDS));
    row.extend([
        position.generation.to_owned(),
        position.subtask.to_string(),
        position.topic.clone(),
        position.partition.to_string(),
        number(position.next_offset),
        position.marker.unwrap_or_default().to_owned(),
        number(position.stopping_offset),
    ]);
    row
}
