//! Looking for one namespace: which entries are of it.

use serde_json::{Map, Value as Json, json};
use statetool_snapshot::{Error, Result, State};
use statetool_values::{Type, Value};

use crate::key::{abbreviated, abbreviated_why, can_be_written};

/// Whether entries of a state are told apart by their keys alone.
pub(crate) fn is_void(state: &State) -> bool {
    state.namespace.as_ref().is_some_and(|ty| ty.name() == VOID)
}

/// A namespace as the states of an operator show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Namespace {
    /// What rows show: any of these; of a window some of its bounds.
    shown: Vec<Json>,
}

impl Namespace {
    /// The namespace that a user means by JSON, by a bare word for a string, or by the start of a window.
    ///
    /// # Errors
    /// When the text is not a value of the state's namespace type.
    pub fn parse(text: &str, state: &State) -> Result<Self> {
        let name = &state.name;
        let ty = match &state.namespace {
            Some(ty) if !is_void(state) => ty,
            _ => return Err(Error::usage(format!("state `{name}` has no namespaces"))),
        };
        let word = Json::String(text.to_owned());
        let candidates: Vec<Json> = (serde_json::from_str(text).ok().into_iter())
            .chain([word])
            .collect();
        if matches!(**ty, Type::TimeWindow) {
            let window = candidates.first().and_then(bounds);
            let shown = window.ok_or_else(|| {
                refuse(text, ty, "expected a start, or bounds")
                    .hint("write {\"start\":MILLIS,\"end\":MILLIS}, or the start alone")
            })?;
            return Ok(Self {
                shown: vec![Json::Object(shown)],
            });
        }
        let mut why = None;
        let mut shown = Vec::new();
        for json in candidates {
            match Value::from_json(ty, &json) {
                Err(error) if can_be_written(ty) => {
                    why.get_or_insert(error.to_string());
                }
                _ => shown.push(json),
            }
        }
        match (shown.is_empty(), why) {
            (true, why) => Err(refuse(text, ty, &why.unwrap_or_default())
                .hint("write the namespace as JSON, as `statetool cat` shows it")),
            (false, _) => Ok(Self { shown }),
        }
    }

    /// Whether a row shows the namespace.
    pub fn is(&self, found: &Json) -> bool {
        self.shown.iter().any(|wanted| match (found, wanted) {
            (Json::Object(found), Json::Object(wanted)) => wanted
                .iter()
                .all(|(name, value)| found.get(name).is_some_and(|found| same(found, value))),
            _ => same(found, wanted),
        })
    }
}

/// Whether a row shows a value; it may show numbers as strings.
fn same(found: &Json, wanted: &Json) -> bool {
    match (found, wanted) {
        (Json::String(found), Json::Number(wanted)) => *found == wanted.to_string(),
        _ => found == wanted,
    }
}

/// The type of the namespace of states that have none.
const VOID: &str = "VoidNamespace";

fn refuse(text: &str, ty: &Type, why: &str) -> Error {
    let (text, why) = (abbreviated(text), abbreviated_why(why));
    Error::usage(format!("`{text}` is no namespace of type {}: {why}", ty.name()))
}

/// The bounds of a window that are wanted.
fn bounds(json: &Json) -> Option<Map<String, Json>> {
    match json {
        Json::Number(start) if start.is_i64() => json!({"start": start}).as_object().cloned(),
        Json::Object(bounds) => {
            let is_bound =
                |(name, value): (&String, &Json)| matches!(name.as_str(), "start" | "end") && value.is_i64();
            (!bounds.is_empty() && bounds.iter().all(is_bound)).then(|| bounds.clone())
        }
        _ => None,
    }
}
