//! Avro schemas, as far as they decide what Flink's Avro serializer wrote.

mod parse;

use serde_json::Value as Json;

use crate::types::FieldName;

/// `AvroSerializer`: a schema, and the class of its records.
///
/// Flink drives Avro's writer with an encoder of its own, so the layout is not Avro's
/// binary encoding: numbers have fixed width, see docs/format/serializers.md.
#[derive(Debug, Clone, PartialEq)]
pub struct AvroType {
    class: Option<String>,
    schema: Json,
    nodes: Vec<AvroNode>,
    smallest: Vec<usize>,
    root: AvroId,
}

/// A schema within one [`AvroType`]; named types are shared and may refer to themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvroId(usize);

/// One schema.
#[derive(Debug, Clone, PartialEq)]
pub enum AvroNode {
    /// `null`
    Null,
    /// `boolean`
    Boolean,
    /// `int`
    Int,
    /// `long`
    Long,
    /// `float`
    Float,
    /// `double`
    Double,
    /// `bytes`
    Bytes,
    /// `string`
    String,
    /// `fixed`: full name and number of bytes.
    Fixed(String, usize),
    /// `enum`: full name and symbols.
    Enum(String, Vec<String>),
    /// `array`: the items.
    Array(AvroId),
    /// `map`: the values.
    Map(AvroId),
    /// `union`: the branches.
    Union(Vec<AvroId>),
    /// `record`: full name and fields.
    Record(String, Vec<AvroField>),
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct AvroField {
    /// The name.
    pub name: FieldName,
    /// The schema of its values.
    pub schema: AvroId,
    /// Whether `order` is `ignore`, so that hash codes leave it out.
    pub ignored: bool,
}

impl AvroType {
    /// The schema of the values.
    pub fn root(&self) -> AvroId {
        self.root
    }

    /// A schema of this type; of another one, it may be any or `null`.
    pub fn node(&self, id: AvroId) -> &AvroNode {
        self.nodes.get(id.0).unwrap_or(&AvroNode::Null)
    }

    /// The schema as JSON.
    pub fn schema(&self) -> &Json {
        &self.schema
    }

    /// The schema's full name; for schemas without one the class of the values.
    pub fn name(&self) -> &str {
        match self.node(self.root) {
            AvroNode::Record(name, _) | AvroNode::Enum(name, _) | AvroNode::Fixed(name, _) => name,
            _ => self.class.as_deref().unwrap_or("value"),
        }
    }

    /// Whether the schema itself has a name.
    pub fn is_named(&self) -> bool {
        matches!(
            self.node(self.root),
            AvroNode::Record(..) | AvroNode::Enum(..) | AvroNode::Fixed(..)
        )
    }

    /// The class of the values in the job that wrote them.
    pub fn class(&self) -> Option<&str> {
        self.class.as_deref()
    }

    /// The least number of bytes of a value.
    pub(crate) fn smallest(&self) -> usize {
        self.smallest_of(self.root)
    }

    pub(crate) fn smallest_of(&self, id: AvroId) -> usize {
        self.smallest.get(id.0).copied().unwrap_or_default()
    }
}

impl AvroNode {
    /// The schema in a word, for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
            Self::Fixed(..) => "fixed",
            Self::Enum(..) => "enum",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::Record(..) => "record",
        }
    }
}
