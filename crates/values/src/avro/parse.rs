//! From a schema in JSON to nodes.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::{AvroField, AvroId, AvroNode, AvroType};
use crate::types::FieldName;

impl AvroType {
    /// Parses a schema.
    ///
    /// # Errors
    /// Says in words what is no Avro schema.
    pub fn parse(class: Option<String>, schema: &str) -> Result<Self, String> {
        let schema: Json = serde_json::from_str(schema).map_err(|error| error.to_string())?;
        let mut parser = Parser {
            nodes: Vec::new(),
            names: HashMap::new(),
        };
        let root = parser.schema(&schema, "")?;
        let smallest = smallest(&parser.nodes);
        Ok(Self {
            class,
            schema,
            nodes: parser.nodes,
            smallest,
            root,
        })
    }
}

/// Nesting is bounded by that of JSON.
struct Parser {
    nodes: Vec<AvroNode>,
    names: HashMap<String, AvroId>,
}

impl Parser {
    fn push(&mut self, node: AvroNode) -> AvroId {
        self.nodes.push(node);
        AvroId(self.nodes.len() - 1)
    }

    fn schema(&mut self, schema: &Json, namespace: &str) -> Result<AvroId, String> {
        match schema {
            Json::String(name) => self.by_name(name, namespace),
            Json::Array(branches) => {
                let branches = branches
                    .iter()
                    .map(|branch| self.schema(branch, namespace))
                    .collect::<Result<_, _>>()?;
                Ok(self.push(AvroNode::Union(branches)))
            }
            Json::Object(object) => match object.get("type") {
                Some(Json::String(kind)) => self.complex(kind, object, namespace),
                Some(inner) => self.schema(inner, namespace),
                None => Err("an object without `type`".to_owned()),
            },
            other => Err(format!("`{other}` is no schema")),
        }
    }

    fn by_name(&mut self, name: &str, namespace: &str) -> Result<AvroId, String> {
        let node = match name {
            "null" => AvroNode::Null,
            "boolean" => AvroNode::Boolean,
            "int" => AvroNode::Int,
            "long" => AvroNode::Long,
            "float" => AvroNode::Float,
            "double" => AvroNode::Double,
            "bytes" => AvroNode::Bytes,
            "string" => AvroNode::String,
            _ => {
                let named = self
                    .names
                    .get(&qualified(name, namespace))
                    .or_else(|| self.names.get(name));
                return named.copied().ok_or_else(|| format!("unknown type `{name}`"));
            }
        };
        Ok(self.push(node))
    }

    fn complex(&mut self, kind: &str, object: &Map<String, Json>, namespace: &str) -> Result<AvroId, String> {
        match kind {
            "array" => {
                let items = self.part(object, "items", namespace)?;
                Ok(self.push(AvroNode::Array(items)))
            }
            "map" => {
                let values = self.part(object, "values", namespace)?;
                Ok(self.push(AvroNode::Map(values)))
            }
            "fixed" => {
                let size = object
                    .get("size")
                    .and_then(Json::as_u64)
                    .and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or("a fixed without `size`")?;
                self.named(object, namespace, |name| AvroNode::Fixed(name, size))
                    .map(|(id, _)| id)
            }
            "enum" => {
                let symbols = strings(object.get("symbols")).ok_or("an enum without `symbols`")?;
                self.named(object, namespace, |name| AvroNode::Enum(name, symbols))
                    .map(|(id, _)| id)
            }
            "record" | "error" => self.record(object, namespace),
            name => self.by_name(name, namespace),
        }
    }

    fn part(&mut self, object: &Map<String, Json>, key: &str, namespace: &str) -> Result<AvroId, String> {
        let part = object.get(key).ok_or_else(|| format!("no `{key}`"))?;
        self.schema(part, namespace)
    }

    /// Adds a named type, and returns the namespace of what is inside.
    fn named(
        &mut self,
        object: &Map<String, Json>,
        namespace: &str,
        node: impl FnOnce(String) -> AvroNode,
    ) -> Result<(AvroId, String), String> {
        let name = object
            .get("name")
            .and_then(Json::as_str)
            .ok_or("a named type without `name`")?;
        let own = object
            .get("namespace")
            .and_then(Json::as_str)
            .unwrap_or(namespace);
        let full = qualified(name, own);
        let inner = full
            .rsplit_once('.')
            .map_or("", |(namespace, _)| namespace)
            .to_owned();
        let id = self.push(node(full.clone()));
        self.names.insert(full, id);
        Ok((id, inner))
    }

    fn record(&mut self, object: &Map<String, Json>, namespace: &str) -> Result<AvroId, String> {
        let (id, inner) = self.named(object, namespace, |name| AvroNode::Record(name, Vec::new()))?;
        let fields = object
            .get("fields")
            .and_then(Json::as_array)
            .ok_or("a record without `fields`")?;
        let fields = fields
            .iter()
            .map(|field| self.field(field, &inner))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(AvroNode::Record(_, known)) = self.nodes.get_mut(id.0) {
            *known = fields;
        }
        Ok(id)
    }

    fn field(&mut self, field: &Json, namespace: &str) -> Result<AvroField, String> {
        let name = field
            .get("name")
            .and_then(Json::as_str)
            .ok_or("a field without `name`")?;
        let ty = field
            .get("type")
            .ok_or_else(|| format!("field `{name}` without `type`"))?;
        Ok(AvroField {
            name: FieldName::new(name),
            schema: self.schema(ty, namespace)?,
            ignored: field.get("order").and_then(Json::as_str) == Some("ignore"),
        })
    }
}

fn qualified(name: &str, namespace: &str) -> String {
    match name.contains('.') || namespace.is_empty() {
        true => name.to_owned(),
        false => format!("{namespace}.{name}"),
    }
}

fn strings(json: Option<&Json>) -> Option<Vec<String>> {
    json?
        .as_array()?
        .iter()
        .map(|item| item.as_str().map(str::to_owned))
        .collect()
}

/// The least number of bytes of each schema. Types that contain themselves make the sums
/// grow; a few rounds give a bound that is low enough, and right for all others.
fn smallest(nodes: &[AvroNode]) -> Vec<usize> {
    const ROUNDS: usize = 8;
    let mut sizes = vec![0; nodes.len()];
    for _ in 0..ROUNDS {
        sizes = nodes.iter().map(|node| smallest_of(node, &sizes)).collect();
    }
    sizes
}

fn smallest_of(node: &AvroNode, sizes: &[usize]) -> usize {
    let size = |id: &AvroId| sizes.get(id.0).copied().unwrap_or_default();
    match node {
        AvroNode::Null => 0,
        AvroNode::Boolean | AvroNode::Array(_) | AvroNode::Map(_) => 1,
        AvroNode::Int | AvroNode::Float | AvroNode::Bytes | AvroNode::String | AvroNode::Enum(..) => 4,
        AvroNode::Long | AvroNode::Double => 8,
        AvroNode::Fixed(_, len) => *len,
        AvroNode::Union(branches) => branches
            .iter()
            .map(size)
            .min()
            .unwrap_or_default()
            .saturating_add(4),
        AvroNode::Record(_, fields) => fields
            .iter()
            .map(|field| size(&field.schema))
            .fold(0, usize::saturating_add),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_types_resolve_with_their_namespace() {
        let schema = r#"{"type":"record","namespace":"a.b","name":"R","fields":[
            {"name":"self","type":["null","R"]},
            {"name":"e","type":{"type":"enum","name":"E","symbols":["X","Y"]}},
            {"name":"again","type":"a.b.E"},
            {"name":"h","type":{"type":"fixed","name":"c.H","size":3},"order":"ignore"},
            {"name":"t","type":{"type":"long","logicalType":"timestamp-millis"}}]}"#;
        let avro = AvroType::parse(None, schema).unwrap();
        assert_eq!(avro.name(), "a.b.R");
        let AvroNode::Record(_, fields) = avro.node(avro.root()) else {
            panic!("no record")
        };
        assert_eq!(fields[1].schema, fields[2].schema);
        assert!(fields[3].ignored);
        assert_eq!(avro.node(fields[4].schema), &AvroNode::Long);
        assert_eq!(avro.smallest(), 4 + 4 + 4 + 3 + 8);
    }

    #[test]
    fn what_is_no_schema_is_said_in_words() {
        for (schema, why) in [
            ("{}", "an object without `type`"),
            ("3", "`3` is no schema"),
            ("\"Nobody\"", "unknown type `Nobody`"),
            (r#"{"type":"record","name":"R"}"#, "a record without `fields`"),
            (r#"{"type":"array"}"#, "no `items`"),
        ] {
            assert_eq!(AvroType::parse(None, schema).unwrap_err(), why);
        }
    }
}
