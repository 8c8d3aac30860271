//! Why a value does not fit a type, and which part of it.

use std::fmt;

/// A value that does not fit its type: the path of the part, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Segments, innermost first.
    path: Vec<String>,
    why: String,
}

impl Mismatch {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self {
            path: Vec::new(),
            why: why.into(),
        }
    }

    /// `expected …, got …`.
    pub(crate) fn expected(expected: impl fmt::Display, got: impl fmt::Display) -> Self {
        Self::new(format!("expected {expected}, got {got}"))
    }

    /// The same inside the named field.
    pub(crate) fn in_field(mut self, name: &str) -> Self {
        self.path.push(format!(".{name}"));
        self
    }

    /// The same inside an element.
    pub(crate) fn at(mut self, index: usize) -> Self {
        self.path.push(format!("[{index}]"));
        self
    }

    /// Where in the value, such as `.items[3].name`; empty for the value itself.
    pub fn path(&self) -> String {
        self.path.iter().rev().map(String::as_str).collect()
    }

    /// What is wrong, as a lower-case fragment.
    pub fn why(&self) -> &str {
        &self.why
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.is_empty() {
            true => f.write_str(&self.why),
            false => write!(f, "`{}`: {}", self.path().trim_start_matches('.'), self.why),
        }
    }
}

impl std::error::Error for Mismatch {}
