//! `schema`: the types of a state, for people and for other tools.

use statetool_snapshot::{Result, State, StateKind};
use statetool_values::{Type, schema};

/// In which language the types are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaFormat {
    /// An indented tree with Flink's own names.
    Tree,
    /// Avro schemas, as JSON.
    Avro,
    /// Protobuf messages, proto3.
    Proto,
    /// JSON Schema of the values as `cat` writes them.
    Json,
}

/// The parts of a state that have a type of their own, by the names of a row's fields.
pub fn parts(state: &State) -> Vec<(&'static str, &Type)> {
    let mut parts: Vec<(&'static str, &Type)> = Vec::new();
    let types = [("key", &state.key), ("namespace", &state.namespace), ("map_key", &state.map_key)];
    parts.extend(types.into_iter().filter_map(|(name, ty)| Some((name, &**ty.as_ref()?))));
    if state.kind != StateKind::Timer {
        parts.push(("value", state.user_value()));
    }
    parts
}

/// The types of a state as an indented tree.
pub fn tree(state: &State) -> String {
    let mut text = format!("{} {}{}\n", state.kind, state.name, if state.ttl { ", with TTL" } else { "" });
    for (name, ty) in parts(state) {
        text.push_str(&format!("  {name}: "));
        let tree = schema::tree(ty);
        let mut lines = tree.lines();
        text.push_str(lines.next().unwrap_or_default());
        text.push('\n');
        lines.for_each(|line| text.push_str(&format!("  {line}\n")));
    }
    text
}

/// The types of a state in the wanted language.
///
/// # Errors
/// None today; a language may come that cannot express a type.
pub fn render(state: &State, format: SchemaFormat) -> Result<String> {
    let name = identifier(&state.name);
    Ok(match format {
        SchemaFormat::Tree => tree(state),
        SchemaFormat::Avro => pretty(&object(state, |part, ty| schema::avro(ty, &format!("{name}_{part}")))),
        SchemaFormat::Json => pretty(&object(state, |_, ty| schema::json_schema(ty))),
        SchemaFormat::Proto => schema::proto(&name, &parts(state)),
    })
}

fn object(state: &State, schema: impl Fn(&str, &Type) -> serde_json::Value) -> serde_json::Value {
    parts(state).into_iter().map(|(part, ty)| (part.to_owned(), schema(part, ty))).collect()
}

fn pretty(value: &serde_json::Value) -> String {
    // A value that is made of strings and numbers can always be written.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

/// A state's name as a name that other languages take.
fn identifier(name: &str) -> String {
    let mut text: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        text.insert(0, '_');
    }
    text
}
