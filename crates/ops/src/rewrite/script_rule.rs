//! Scripts as rules.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use statetool_snapshot::{Entry, Error, Operator, Result, Snapshot, State, StateKind, StateSelector};

use super::edits::Edits;
use super::plan::PlanOptions;
use super::rule::{Apply, Fate, Form, Rule};
use crate::script::{self, Limits, Outcome, Script, Whose, Worker};

/// An expression for the entries of a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expression {
    /// The state: a selector.
    pub state: String,
    /// The expression, in JavaScript.
    pub expression: String,
}

/// A script file for the entries of states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptFile {
    /// The states: a selector; all if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The file.
    pub file: String,
}

/// What a script is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Where,
    Map,
    File,
}

/// A script for the states of one operator.
struct ScriptRule {
    role: Role,
    script: Arc<Script>,
    whose: Whose,
    selector: StateSelector,
    show_data: bool,
}

/// All scripts of some edits, read once, and the states that each is for.
pub(super) struct Scripts(Vec<(Role, StateSelector, Arc<Script>)>);

impl Scripts {
    /// Reads all scripts.
    pub(super) fn read(snapshot: &Snapshot, edits: &Edits) -> Result<Self> {
        let mut scripts = Vec::new();
        for (role, expressions) in [(Role::Where, &edits.keep_where), (Role::Map, &edits.map)] {
            for Expression { state, expression } in expressions {
                let script = Script::expression(expression, Limits::default())?;
                scripts.push((role, StateSelector::parse(state, snapshot), Arc::new(script)));
            }
        }
        for ScriptFile { state, file } in &edits.script {
            let name = Path::new(file).display();
            let source = std::fs::read_to_string(file)
                .map_err(|error| Error::usage(format!("`{name}`, a script: {error}")))?;
            let selector = match state {
                Some(state) => StateSelector::parse(state, snapshot),
                None => StateSelector::all(),
            };
            let script = Script::file(file, &source, Limits::default())?;
            scripts.push((Role::File, selector, Arc::new(script)));
        }
        Ok(Self(scripts))
    }

    /// The states that scripts are for, each of which has to mean some.
    pub(super) fn selectors(&self) -> impl Iterator<Item = &StateSelector> {
        self.0.iter().map(|(_, selector, _)| selector)
    }

    /// The rules for an operator.
    pub(super) fn rules(
        &self,
        snapshot: &Snapshot,
        operator: &Operator<'_>,
        options: &PlanOptions,
    ) -> Result<Vec<Arc<dyn Rule>>> {
        let mut rules: Vec<Arc<dyn Rule>> = Vec::new();
        for (role, selector, script) in &self.0 {
            let meant = selector.operators(snapshot)?;
            if meant.iter().any(|other| other.index == operator.index) {
                rules.push(Arc::new(ScriptRule {
                    role: *role,
                    script: script.clone(),
                    whose: Whose::of(operator),
                    selector: selector.clone(),
                    show_data: options.show_data,
                }));
            }
        }
        Ok(rules)
    }
}

impl Rule for ScriptRule {
    fn name(&self) -> &'static str {
        match self.role {
            Role::Where => "where",
            Role::Map => "map",
            Role::File => "script",
        }
    }

    fn concerns(&self, state: &State) -> bool {
        self.selector.wants(&state.name)
    }

    fn worker(&self) -> Result<Box<dyn Apply + '_>> {
        Ok(Box::new(ScriptWorker {
            role: self.role,
            worker: self.script.worker(&self.whose, self.show_data)?,
        }))
    }
}

struct ScriptWorker {
    role: Role,
    worker: Worker,
}

impl Apply for ScriptWorker {
    fn apply(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) -> Result<Fate> {
        let decides = self.role != Role::Map;
        if decides && !self.worker.keeps(entry)? {
            return Ok(Fate::Drop);
        }
        // A file is for all states, and timers have no value that it could change.
        let is_timer = self.role == Role::File && entry.state.kind == StateKind::Timer;
        if self.role == Role::Where || is_timer {
            return Ok(Fate::Keep);
        }
        Ok(match self.worker.replace(entry, out)? {
            Outcome::Keep => Fate::Keep,
            Outcome::Drop => Fate::Drop,
            Outcome::Changed(form) => Fate::Change(match form {
                script::Form::Null => Form::Null,
                script::Form::Value => Form::Value,
                script::Form::Delimited => Form::Delimited,
            }),
        })
    }
}
