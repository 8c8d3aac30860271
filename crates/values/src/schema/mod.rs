//! Types in the languages of other tools.

mod avro;
mod avro_names;
mod json;
mod proto;
mod tree;

pub use avro::{avro, avro_records};
pub use json::{JsonSchemas, json_schema};
pub use proto::{proto, proto_records};
pub use tree::tree;

use std::collections::HashMap;

use crate::logical::{LogicalKind, LogicalType};
use crate::types::{StringLayout, Type};

/// Fields with their types under one name, such as those of a state.
#[derive(Debug, Clone)]
pub struct Record<'t> {
    /// The name; what is no letter or digit in it becomes an underscore.
    pub name: String,
    /// What it is, in a line.
    pub doc: String,
    /// The fields by name.
    pub fields: Vec<(&'static str, &'t Type)>,
}

/// Whether values can be null without a wrapper that says so: some of Flink's serializers have a
/// null of their own. It occurs inside of other values only.
fn may_be_null(ty: &Type) -> bool {
    match ty {
        Type::String(StringLayout::Nullable) | Type::BigInteger | Type::BigDecimal | Type::Time(_) => true,
        Type::Framed(framed) => may_be_null(&framed.inner),
        _ => false,
    }
}

/// How often each element is in a multiset.
static MULTISET_COUNT: LogicalType = LogicalType {
    nullable: false,
    kind: LogicalKind::Integer,
};

/// A name made of letters, digits and underscores that does not begin with a digit.
fn identifier(name: &str) -> String {
    let mut text: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        text.insert(0, '_');
    }
    text
}

/// The part of a class name after packages and outer classes, as an identifier.
fn simple_identifier(class: &str) -> String {
    identifier(
        class
            .rsplit(['.', '$'])
            .find(|part| !part.is_empty())
            .unwrap_or(class),
    )
}

/// Hands out names, numbering those that were taken before.
#[derive(Default)]
struct Names(HashMap<String, u32>);

impl Names {
    fn fresh(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        loop {
            if !self.0.contains_key(&name) {
                self.0.insert(name.clone(), 1);
                return name;
            }
            let count = self.0.entry(wanted.to_owned()).or_insert(1);
            *count += 1;
            name = format!("{wanted}{count}");
        }
    }
}
