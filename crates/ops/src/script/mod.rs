//! Scripts that say which entries stay, what becomes of values, and when an entry is from.
//!
//! JavaScript in a sandbox: no files, no network, no clock, no chance; what a script sees and may
//! return is in docs/scripts.md. A [`Script`] is read once; each thread has a [`Worker`] of its own.

mod engine;
mod failure;
mod foreign;
mod from_js;
mod names;
mod parts;
mod place;
mod replace;
mod to_js;
mod worker;

use std::time::Duration;

use statetool_snapshot::{Error, Operator, Result};

use names::{NAMES, Name, mentioned};
pub(crate) use place::place;
pub use replace::{Form, Outcome};
pub use worker::Worker;

/// How much a script may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory of each thread.
    pub memory: usize,
    /// Bytes of the stack on which its calls nest.
    pub stack: usize,
    /// How long it may work on one entry.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 128 << 20,
            stack: 256 << 10,
            time: Duration::from_secs(5),
        }
    }
}

/// Whose entries a script sees.
#[derive(Debug, Clone)]
pub struct Whose {
    /// What the operator is called.
    pub label: String,
    /// Its id.
    pub id: String,
    /// Its uid, if that is known.
    pub uid: Option<String>,
}

impl Whose {
    /// The entries of an operator.
    pub fn of(operator: &Operator<'_>) -> Self {
        Self {
            label: operator.label(),
            id: operator.id().to_string(),
            uid: operator.uid.clone(),
        }
    }
}

/// What to do with a script that is a module.
const PLAIN: &str = "a script is a plain one, and no module: write `function where(entry) { … }` and `function map(entry) { … }` \
                     without `export`; nothing can be imported";

/// Whether a script wants to be a module: a line begins with a word that only modules have.
fn is_module(source: &str) -> bool {
    let mut words = source.lines().map(|line| {
        let line = line.trim_start();
        let end = line.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$'));
        line.split_at(end.unwrap_or(line.len())).0
    });
    words.any(|word| matches!(word, "import" | "export"))
}

/// A script that has been read, and is one.
#[derive(Debug, Clone)]
pub struct Script {
    /// What it is called in errors about itself.
    name: String,
    source: Source,
    /// What it sees of an entry.
    names: Vec<(Name, &'static str)>,
    limits: Limits,
}

#[derive(Debug, Clone)]
enum Source {
    /// A function whose arguments are the names, around an expression that begins in its second line.
    Expression(String),
    File(String),
}

impl Script {
    /// Reads an expression such as `value.n > 3`.
    ///
    /// # Errors
    /// When it is none; the message says where.
    pub fn expression(source: &str, limits: Limits) -> Result<Self> {
        if source.trim().is_empty() {
            return Err(Error::usage("the expression is empty").hint("write one such as 'value.n > 3'"));
        }
        let names = mentioned(source);
        let arguments: Vec<&str> = names.iter().map(|(_, name)| *name).collect();
        let script = Self {
            name: "expression".to_owned(),
            source: Source::Expression(format!(
                "(function ({}) {{ \"use strict\"; return (\n{source}\n); }})",
                arguments.join(", ")
            )),
            names,
            limits,
        };
        script.check().map_err(|error| {
            error.hint("an expression has a value, and no `return` and no `;`: for more take a script file")
        })?;
        Ok(script)
    }

    /// Reads a script file with the functions `where(entry)` and `map(entry)`, or one of them.
    ///
    /// # Errors
    /// When it is no script, or has neither; the message says where.
    pub fn file(name: &str, source: &str, limits: Limits) -> Result<Self> {
        let script = Self {
            name: format!("script `{name}`"),
            source: Source::File(source.to_owned()),
            names: NAMES.to_vec(),
            limits,
        };
        script.check().map_err(|error| match is_module(source) {
            true => error.hint(PLAIN),
            false => error,
        })?;
        Ok(script)
    }

    /// A worker for the entries of an operator, on this thread. `show_data` lets errors show keys.
    ///
    /// # Errors
    /// When the script fails while it is loaded.
    pub fn worker(&self, whose: &Whose, show_data: bool) -> Result<Worker> {
        Worker::new(self, whose, show_data)
    }

    fn check(&self) -> Result<()> {
        worker::check(self)
    }

    /// Which line of what the engine reads is the first of the script.
    fn first_line(&self) -> u32 {
        match self.source {
            Source::Expression(_) => 2,
            Source::File(_) => 1,
        }
    }
}
