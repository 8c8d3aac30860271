//! Types in the languages of other tools.

mod avro;
mod json;
mod proto;
mod tree;

pub use avro::avro;
pub use json::json_schema;
pub use proto::proto;
pub use tree::tree;

use std::collections::HashMap;

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
