//! `inspect OPERATOR/STATE` for people: the serializers as a tree, and where the bytes are.

use std::io::Write;

use serde_json::Value as Json;
use statetool_ops::inspect::{BytePlace, OperatorDetail, SerializerDetail, StateDetail};

use super::{Head, bytes, columns};
use crate::style::{self, paint};

const PLACE_HEADS: [Head; 8] = [
    Head::Numbers("SUBTASK"),
    Head::Words("KEY GROUPS"),
    Head::Words("STORED AS"),
    Head::Numbers("OFFSET"),
    Head::Numbers("BYTES"),
    Head::Numbers("LEVEL"),
    Head::Words("TABLE"),
    Head::Words("FILE"),
];

/// All about operators and states; files below `directory` are named relative to it.
pub(crate) fn table(details: &[OperatorDetail], directory: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    for operator in details {
        let label = operator.uid.as_ref().or(operator.name.as_ref());
        let label = label.unwrap_or(&operator.operator);
        for state in &operator.states {
            let name = format!("{label}/{}", state.state);
            writeln!(out, "\n{}  {}", paint(style::NAME, name), state.kind)?;
            write_state(state, directory, out)?;
        }
        if !operator.streams.is_empty() {
            writeln!(out, "\n{}, besides its states:", paint(style::NAME, label))?;
            write!(out, "{}", places(&operator.streams, directory))?;
        }
    }
    if !details.is_empty() {
        writeln!(out, "\nfiles are relative to {directory}")?;
    }
    Ok(())
}

fn write_state(state: &StateDetail, directory: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    for (name, value) in &state.options {
        writeln!(out, "  {name}: {value}")?;
    }
    if state.ttl {
        writeln!(
            out,
            "  TTL: yes; how long entries live is in the job, not in the snapshot"
        )?;
    }
    let mut lines = vec![Line {
        is_head: true,
        ..Line::of("TYPE", Some("SERIALIZER SNAPSHOT"))
    }];
    for serializer in &state.serializers {
        tree(serializer, 0, &mut lines);
    }
    let typed = lines.iter().filter(|line| line.class.is_some());
    let width = typed.map(|line| line.text.chars().count()).max().unwrap_or(0);
    for line in &lines {
        match &line.class {
            Some(class) if line.is_head => {
                let head = format!("{:width$}  {class}", line.text);
                writeln!(out, "  {}", paint(style::HEAD, head))?;
            }
            Some(class) => writeln!(out, "  {:width$}  {class}", line.text)?,
            None => writeln!(out, "  {}", line.text)?,
        }
    }
    for serializer in &state.serializers {
        schemas(serializer, &serializer.part, out)?;
    }
    match state.places.as_slice() {
        [] => writeln!(out, "  no bytes: the state is empty")?,
        found => write!(out, "{}", places(found, directory))?,
    }
    Ok(())
}

/// A line of the tree: a type and its serializer, or a setting, which may be as long as it likes.
struct Line {
    text: String,
    class: Option<String>,
    is_head: bool,
}

impl Line {
    fn of(text: impl Into<String>, class: Option<&str>) -> Self {
        Self {
            text: text.into(),
            class: class.map(str::to_owned),
            is_head: false,
        }
    }
}

/// A line for the serializer, and below it one for each setting and each part.
fn tree(serializer: &SerializerDetail, depth: usize, lines: &mut Vec<Line>) {
    let class = serializer.snapshot.as_deref().map(|class| {
        let simple = class.rsplit(['.', '$']).next().unwrap_or(class);
        match serializer.version {
            Some(version) => format!("{simple} v{version}"),
            None => simple.to_owned(),
        }
    });
    let text = format!("{:1$}{2}: {3}", "", 2 * depth, serializer.part, serializer.ty);
    lines.push(Line::of(text, class.as_deref()));
    for (name, value) in &serializer.config {
        for text in setting(name, value) {
            lines.push(Line::of(format!("{:1$}· {text}", "", 2 * depth + 2), None));
        }
    }
    for part in &serializer.parts {
        tree(part, depth + 1, lines);
    }
}

/// A setting in a line or more.
fn setting(name: &str, value: &Json) -> Vec<String> {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match (name, value) {
        // Too wide for a table; it follows below.
        ("schema", _) => Vec::new(),
        ("registrations", Json::Array(registrations)) => {
            let class = |registration: &Json| match (&registration["class"], &registration["serializer"]) {
                (class, Json::Null) => format!("registered {}", text(class)),
                (class, serializer) => format!("registered {} with {}", text(class), text(serializer)),
            };
            registrations.iter().map(class).collect()
        }
        ("default_serializers", Json::Object(defaults)) => {
            let class = |(class, serializer): (&String, &Json)| {
                format!("{class} by default with {}", text(serializer))
            };
            defaults.iter().map(class).collect()
        }
        ("inherited_fields", Json::Object(fields)) => {
            let mut classes: Vec<(String, Vec<&str>)> = Vec::new();
            for (field, class) in fields {
                let class = text(class);
                match classes.iter_mut().find(|(known, _)| *known == class) {
                    Some((_, fields)) => fields.push(field),
                    None => classes.push((class, vec![field])),
                }
            }
            let line = |(class, fields): (String, Vec<&str>)| {
                format!("inherited from {class}: {}", fields.join(", "))
            };
            classes.into_iter().map(line).collect()
        }
        (_, Json::Array(values)) => {
            let values: Vec<String> = values.iter().map(text).collect();
            vec![format!("{name}: {}", values.join(", "))]
        }
        _ => vec![format!("{name}: {}", text(value))],
    }
}

/// Avro schemas, each by the path of what it describes.
fn schemas(serializer: &SerializerDetail, path: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    if let Some(schema) = serializer.config.get("schema") {
        writeln!(out, "  Avro schema of {path}: {schema}")?;
    }
    for part in &serializer.parts {
        schemas(part, &format!("{path}.{}", part.part), out)?;
    }
    Ok(())
}

fn places(places: &[BytePlace], directory: &str) -> String {
    let rows: Vec<_> = places.iter().map(|place| row(place, directory)).collect();
    columns(2, &PLACE_HEADS, &rows)
}

fn row(place: &BytePlace, directory: &str) -> Vec<String> {
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    let file = place
        .file
        .strip_prefix(directory)
        .map_or(place.file.as_str(), |file| file.trim_start_matches('/'));
    vec![
        number(place.subtask),
        place.key_groups.clone().unwrap_or_default(),
        place.layout.to_owned(),
        place
            .offset
            .map(|offset| format!("{offset:#x}"))
            .unwrap_or_default(),
        place.bytes.map(bytes).unwrap_or_default(),
        number(place.level),
        place.local_name.clone().unwrap_or_default(),
        if place.inline {
            format!("{file} (inline)")
        } else {
            file.to_owned()
        },
    ]
}
