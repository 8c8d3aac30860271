//! `schema`: the types of states, for people and for other tools.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use statetool_snapshot::{
    Error, LoadedOperator, Operator, Result, Snapshot, State, StateKind, StateSelector,
};
use statetool_values::Type;
use statetool_values::schema::{self, JsonSchemas, Record};
use statetool_values::types::{Primitive, PrimitiveKind};

use crate::cat;

/// In which language the types are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaFormat {
    /// An indented tree with Flink's own names.
    Tree,
    /// One Avro schema: a record, or for several states a union of records.
    Avro,
    /// One Protobuf file (proto3) with a message for each state.
    Proto,
    /// One JSON Schema (2020-12) of the rows that `cat` writes.
    Json,
}

/// Types of states, written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// The text in the wanted language.
    pub text: String,
    /// What could not be expressed, because nobody can interpret it.
    pub warnings: Vec<String>,
}

/// A state, and the operator it belongs to.
struct Selected<'s> {
    operator: Operator<'s>,
    state: Arc<State>,
}

/// The type of a timer's time stamp.
static LONG: Type = Type::Primitive(Primitive {
    kind: PrimitiveKind::Long,
    mutable: false,
});

/// Writes down the types of the selected states.
///
/// # Errors
/// An operator or state that is not there, with a list of what is; damaged headers; a selection
/// without any state.
pub fn schema(snapshot: &Snapshot, selector: &StateSelector, format: SchemaFormat) -> Result<Schema> {
    let operators = selector.operators(snapshot)?;
    let mut selected = Vec::new();
    let mut warnings = Vec::new();
    for operator in &operators {
        let loaded = snapshot.load_operator(operator)?;
        warnings.extend(unreadable(operator, &loaded, selector));
        for state in loaded.states.iter().filter(|state| selector.wants(&state.name)) {
            let (operator, state) = (operator.clone(), state.clone());
            selected.push(Selected { operator, state });
        }
    }
    match (&selector.state, selected.is_empty()) {
        (Some(state), true) => return Err(cat::unknown_state(snapshot, &operators, state)),
        (None, true) => return Err(no_states(&operators)),
        _ => {}
    }
    let text = match format {
        SchemaFormat::Tree => selected.iter().map(Selected::tree).collect::<Vec<_>>().join("\n"),
        SchemaFormat::Avro => pretty(&schema::avro_records(&records(&selected))),
        SchemaFormat::Proto => schema::proto_records(&records(&selected)),
        SchemaFormat::Json => pretty(&rows(&selected)),
    };
    Ok(Schema { text, warnings })
}

fn unreadable(operator: &Operator<'_>, loaded: &LoadedOperator, selector: &StateSelector) -> Vec<String> {
    let wanted = |state: &Option<String>| state.as_deref().is_none_or(|state| selector.wants(state));
    let parts = loaded.unreadable.iter().filter(|part| wanted(&part.state));
    let text = parts.map(|part| match &part.state {
        Some(state) => format!(
            "state `{}/{state}`: `{}`: {}",
            operator.short_label(),
            part.serializer,
            part.reason
        ),
        None => format!("operator `{}`: {}", operator.short_label(), part.reason),
    });
    text.collect()
}

fn no_states(operators: &[Operator<'_>]) -> Error {
    match operators {
        [operator] => Error::usage(format!("operator `{}` has no states", operator.label())),
        _ => Error::usage("the snapshot has no states"),
    }
    .hint("`statetool inspect SNAPSHOT` lists all operators and states")
}

fn records<'t>(selected: &'t [Selected<'_>]) -> Vec<Record<'t>> {
    selected.iter().map(Selected::record).collect()
}

impl Selected<'_> {
    /// The parts of a row that have a type of their own, by the names of its fields.
    fn parts(&self) -> Vec<(&'static str, &Type)> {
        let state = &self.state;
        let types = [
            ("key", &state.key),
            ("namespace", &state.namespace),
            ("map_key", &state.map_key),
        ];
        let parts = types
            .into_iter()
            .filter_map(|(name, ty)| Some((name, &**ty.as_ref()?)));
        let last = match state.kind {
            StateKind::Timer => ("timestamp", &LONG),
            _ => ("value", state.user_value()),
        };
        parts.chain([last]).collect()
    }

    fn record(&self) -> Record<'_> {
        // A namespace of which there is but one value says nothing.
        let parts = self.parts().into_iter();
        let fields = parts.filter(|(name, ty)| *name != "namespace" || !matches!(ty, Type::Constant(_)));
        let state = &self.state;
        let ttl = if state.ttl { " with TTL" } else { "" };
        let name = state.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        Record {
            name,
            doc: format!(
                "{} state {}{ttl} of operator {}",
                state.kind,
                state.name,
                self.operator.label()
            ),
            fields: fields.collect(),
        }
    }

    fn tree(&self) -> String {
        let (state, label) = (&self.state, self.operator.label());
        let ttl = if state.ttl { ", with TTL" } else { "" };
        let mut text = format!("{label}/{}: {} state{ttl}\n", state.name, state.kind);
        for (name, ty) in self.parts() {
            let tree = schema::tree(ty);
            let mut lines = tree.lines();
            let first = lines.next().unwrap_or_default();
            text.push_str(&format!("  {name}: {first}\n"));
            lines.for_each(|line| text.push_str(&format!("  {line}\n")));
        }
        text
    }

    /// A row of `cat` with all its fields.
    fn row(&self, schemas: &mut JsonSchemas) -> Json {
        let (state, null) = (&self.state, || json!({"type": "null"}));
        let mut part = |name| {
            let parts = self.parts();
            let found = parts.into_iter().find(|(part, _)| *part == name);
            found.map_or_else(null, |(_, ty)| schemas.of(ty))
        };
        let integer = |max: Option<u32>| match max {
            Some(max) => json!({"type": "integer", "minimum": 0, "maximum": max}),
            None => json!({"type": "integer", "minimum": 0}),
        };
        let keyed = state.kind.is_keyed();
        let last_group = self.operator.state.max_parallelism.saturating_sub(1);
        let value = match state.kind {
            StateKind::Timer => null(),
            StateKind::Map => or_null(part("value")),
            _ => part("value"),
        };
        let is_list = !matches!(
            state.kind,
            StateKind::Value
                | StateKind::Map
                | StateKind::Reducing
                | StateKind::Aggregating
                | StateKind::Timer
                | StateKind::Broadcast
        );
        let mut fields = vec![
            ("operator", json!({"const": self.operator.id().to_string()})),
            ("uid", json!({"type": ["string", "null"]})),
            ("state", json!({"const": state.name})),
            ("kind", json!({"const": state.kind.name()})),
            (
                "key_group",
                if keyed { integer(Some(last_group)) } else { null() },
            ),
            ("key", part("key")),
            ("namespace", part("namespace")),
            ("map_key", part("map_key")),
            ("index", if is_list { integer(None) } else { null() }),
            ("value", value),
            (
                "expires_from",
                if state.ttl {
                    json!({"type": "string", "format": "date-time"})
                } else {
                    null()
                },
            ),
        ];
        match state.kind {
            StateKind::Timer => fields.push(("timestamp", part("timestamp"))),
            _ if !keyed => fields.push(("subtask", integer(None))),
            _ => {}
        }
        let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let fields: Map<String, Json> = fields
            .into_iter()
            .map(|(name, ty)| (name.to_owned(), ty))
            .collect();
        json!({"title": state.name, "type": "object", "properties": fields, "required": required,
            "additionalProperties": false})
    }
}

/// The rows of all selected states: each is of one of them.
fn rows(selected: &[Selected<'_>]) -> Json {
    let mut schemas = JsonSchemas::default();
    let mut rows: Vec<Json> = selected.iter().map(|one| one.row(&mut schemas)).collect();
    let schema = match rows.len() {
        1 => rows.swap_remove(0),
        _ => json!({"anyOf": rows}),
    };
    schemas.document(schema)
}

fn or_null(schema: Json) -> Json {
    match schema.as_object().is_some_and(Map::is_empty) {
        true => schema,
        false => json!({"anyOf": [schema, {"type": "null"}]}),
    }
}

fn pretty(value: &Json) -> String {
    // What is made of strings and numbers can always be written.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}
