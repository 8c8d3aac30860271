//! Avro schemas inside of others: each name may be defined once.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::Names;

/// The named schemas that a document has so far.
#[derive(Default)]
pub(super) struct Embedded {
    /// Full names and their definitions as they stand in their own documents.
    defined: HashMap<String, Json>,
    names: Names,
}

/// One schema that is being copied into the document.
struct Copy<'e> {
    embedded: &'e mut Embedded,
    /// Full names that another definition has taken, and what they are called instead.
    renamed: HashMap<String, String>,
}

impl Embedded {
    /// A schema as a part of the document: what is defined already is only named, and what
    /// differs from a definition of the same name gets a name of its own.
    pub(super) fn inline(&mut self, schema: &Json) -> Json {
        let mut copy = Copy {
            embedded: self,
            renamed: HashMap::new(),
        };
        copy.of(schema, "")
    }
}

impl Copy<'_> {
    fn of(&mut self, schema: &Json, namespace: &str) -> Json {
        match schema {
            Json::String(name) => match self.renamed.get(&full_name(name, namespace)) {
                Some(renamed) => json!(renamed),
                None => schema.clone(),
            },
            Json::Array(branches) => branches.iter().map(|branch| self.of(branch, namespace)).collect(),
            Json::Object(members) => match named(members, namespace) {
                Some(name) => self.definition(schema, members, name),
                None => Json::Object(self.members(members, namespace)),
            },
            other => other.clone(),
        }
    }

    fn definition(&mut self, schema: &Json, members: &Map<String, Json>, name: String) -> Json {
        match self.embedded.defined.get(&name) {
            Some(known) if known == schema => return json!(name),
            Some(_) => {
                let other = self.embedded.names.fresh(&name);
                self.renamed.insert(name.clone(), other);
            }
            None => {
                self.embedded.names.fresh(&name);
                self.embedded.defined.insert(name.clone(), schema.clone());
            }
        }
        let namespace = name.rsplit_once('.').map_or("", |(namespace, _)| namespace);
        let mut copy = self.members(members, namespace);
        if let Some(renamed) = self.renamed.get(&name) {
            copy.insert("name".into(), json!(renamed));
            copy.shift_remove("namespace");
        }
        Json::Object(copy)
    }

    fn members(&mut self, members: &Map<String, Json>, namespace: &str) -> Map<String, Json> {
        let member = |(key, value): (&String, &Json)| {
            let copy = match key.as_str() {
                "type" | "items" | "values" => self.of(value, namespace),
                "fields" => value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|field| match field {
                        Json::Object(field) => Json::Object(self.members(field, namespace)),
                        other => other.clone(),
                    })
                    .collect(),
                _ => value.clone(),
            };
            (key.clone(), copy)
        };
        members.iter().map(member).collect()
    }
}

/// The full name of a record, enum or fixed.
fn named(members: &Map<String, Json>, namespace: &str) -> Option<String> {
    let text = |key| members.get(key).and_then(Json::as_str);
    if !matches!(text("type"), Some("record" | "error" | "enum" | "fixed")) {
        return None;
    }
    Some(full_name(text("name")?, text("namespace").unwrap_or(namespace)))
}

fn full_name(name: &str, namespace: &str) -> String {
    match name.contains('.') || namespace.is_empty() {
        true => name.to_owned(),
        false => format!("{namespace}.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &str) -> Json {
        let text = format!(r#"{{"type":"record","name":"Order","namespace":"a","fields":[{fields}]}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_definition_stands_once_and_another_of_its_name_is_renamed() {
        let mut embedded = Embedded::default();
        let node = record(r#"{"name":"next","type":["null","Order"]}"#);
        assert_eq!(embedded.inline(&node), node);
        assert_eq!(embedded.inline(&node), json!("a.Order"));
        let list = json!({"type": "array", "items": node});
        assert_eq!(
            embedded.inline(&list),
            json!({"type": "array", "items": "a.Order"})
        );
        let other = record(r#"{"name":"id","type":"long"},{"name":"next","type":["null","a.Order"]}"#);
        assert_eq!(
            embedded.inline(&other).to_string(),
            r#"{"type":"record","name":"a.Order2","fields":[{"name":"id","type":"long"},{"name":"next","type":["null","a.Order2"]}]}"#
        );
    }
}
