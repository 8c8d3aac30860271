//! Why a value does not fit a type, and which part of it.

use std::fmt;

/// A value that does not fit its type: the path of the part, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Innermost first.
    path: Vec<Segment>,
    why: String,
    /// The same without data, where it has some.
    without_data: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Field(String),
    Index(usize),
    /// The key of a map, which is data.
    Key(String),
}

impl Mismatch {
    /// What is wrong, as a lower-case fragment without data.
    pub fn new(why: impl Into<String>) -> Self {
        Self {
            path: Vec::new(),
            why: why.into(),
            without_data: None,
        }
    }

    /// `expected …, got …`.
    pub(crate) fn expected(expected: impl fmt::Display, got: impl fmt::Display) -> Self {
        Self::new(format!("expected {expected}, got {got}"))
    }

    /// What can be said of it to those who may not see data.
    pub(crate) fn without_data(mut self, why: impl Into<String>) -> Self {
        self.without_data = Some(why.into());
        self
    }

    /// The same, and the rule behind it.
    pub(crate) fn because(mut self, rule: &str) -> Self {
        for why in std::iter::once(&mut self.why).chain(&mut self.without_data) {
            why.push_str(&format!(": {rule}"));
        }
        self
    }

    /// The same inside the named field.
    #[must_use]
    pub fn in_field(mut self, name: &str) -> Self {
        self.path.push(Segment::Field(name.to_owned()));
        self
    }

    /// The same inside the value of a map's key.
    pub(crate) fn at_key(mut self, key: &str) -> Self {
        self.path.push(Segment::Key(key.to_owned()));
        self
    }

    /// The same inside an element.
    #[must_use]
    pub fn at(mut self, index: usize) -> Self {
        self.path.push(Segment::Index(index));
        self
    }

    /// Where in the value, such as `.items[3].name`; empty for the value itself.
    pub fn path(&self) -> String {
        self.path_with(true)
    }

    /// What is wrong, as a lower-case fragment.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// What is wrong and where, with or without keys and values.
    pub fn message(&self, show_data: bool) -> String {
        let why = match &self.without_data {
            Some(why) if !show_data => why,
            _ => &self.why,
        };
        match self.path.is_empty() {
            true => why.clone(),
            false => format!("`{}`: {why}", self.path_with(show_data).trim_start_matches('.')),
        }
    }

    fn path_with(&self, show_data: bool) -> String {
        let segment = |segment: &Segment| match segment {
            Segment::Field(name) => format!(".{name}"),
            Segment::Index(index) => format!("[{index}]"),
            Segment::Key(key) if show_data => format!(".{key}"),
            Segment::Key(_) => "[…]".to_owned(),
        };
        self.path.iter().rev().map(segment).collect()
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(true))
    }
}

impl std::error::Error for Mismatch {}
