//! Rules by which entries are left out or get other values.

use std::sync::Arc;

use statetool_snapshot::{Entry, Payload, Result, State};

/// A rule for entries. Threads apply it side by side, each with a worker of its own.
pub trait Rule: Send + Sync {
    /// What it is called where entries are accounted for.
    fn name(&self) -> &str;

    /// Whether entries of a state of the operator can fall under it.
    fn concerns(&self, state: &State) -> bool;

    /// What applies it in one thread.
    ///
    /// # Errors
    /// Whatever keeps it from beginning.
    fn worker(&self) -> Result<Box<dyn Apply + '_>>;

    /// What should be known when all entries have passed.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Applies a rule to one entry after the other.
pub trait Apply {
    /// What becomes of an entry; the bytes of a new value are put into `out`, which is empty.
    ///
    /// # Errors
    /// Entries that the rule cannot be applied to.
    fn apply(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) -> Result<Fate>;
}

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays as it is.
    Keep,
    /// It is left out.
    Drop,
    /// It gets another value.
    Change(Form),
}

/// The form of a value, as [`Payload`] has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// [`Payload::None`].
    None,
    /// [`Payload::Null`].
    Null,
    /// [`Payload::Value`].
    Value,
    /// [`Payload::Delimited`].
    Delimited,
    /// [`Payload::Counted`].
    Counted,
}

impl Form {
    /// The form of a value.
    pub fn of(payload: Payload<'_>) -> Self {
        match payload {
            Payload::None => Self::None,
            Payload::Null(_) => Self::Null,
            Payload::Value(_) => Self::Value,
            Payload::Delimited(_) => Self::Delimited,
            Payload::Counted(_) => Self::Counted,
        }
    }

    /// A value of this form.
    pub fn payload(self, bytes: &[u8]) -> Payload<'_> {
        match self {
            Self::None => Payload::None,
            Self::Null => Payload::Null(bytes),
            Self::Value => Payload::Value(bytes),
            Self::Delimited => Payload::Delimited(bytes),
            Self::Counted => Payload::Counted(bytes),
        }
    }
}

/// Rules with the workers of one thread.
pub(super) struct Rules<'r> {
    rules: &'r [Arc<dyn Rule>],
    workers: Vec<Option<Box<dyn Apply + 'r>>>,
    /// The value after the last change, and room for the next one.
    value: Vec<u8>,
    next: Vec<u8>,
    changed: Vec<&'r str>,
}

/// What rules make of an entry.
pub(super) enum Applied<'a, 'r> {
    /// It is left out by this rule.
    Dropped(&'r str),
    /// It is written, after changes by some rules.
    Kept {
        entry: Entry<'a>,
        changed: &'a [&'r str],
    },
}

impl<'r> Rules<'r> {
    pub(super) fn new(rules: &'r [Arc<dyn Rule>]) -> Self {
        Self {
            rules,
            workers: rules.iter().map(|_| None).collect(),
            value: Vec::new(),
            next: Vec::new(),
            changed: Vec::new(),
        }
    }

    /// The rules for a state, in their order.
    pub(super) fn concerning(&self, state: &State) -> Vec<usize> {
        let rules = self.rules.iter().enumerate();
        rules
            .filter(|(_, rule)| rule.concerns(state))
            .map(|(index, _)| index)
            .collect()
    }

    /// Applies some of the rules to an entry, each to what the one before has made of it.
    pub(super) fn apply<'a>(&'a mut self, rules: &[usize], entry: &Entry<'a>) -> Result<Applied<'a, 'r>> {
        self.changed.clear();
        let mut form = None;
        for index in rules {
            let Some((rule, worker)) = self.rules.get(*index).zip(self.workers.get_mut(*index)) else {
                continue;
            };
            let worker = match worker {
                Some(worker) => worker,
                None => worker.insert(rule.worker()?),
            };
            let value = form.map_or(entry.value, |form: Form| form.payload(&self.value));
            self.next.clear();
            match worker.apply(&Entry { value, ..*entry }, &mut self.next)? {
                Fate::Keep => {}
                Fate::Drop => return Ok(Applied::Dropped(rule.name())),
                Fate::Change(new) => {
                    form = Some(new);
                    std::mem::swap(&mut self.value, &mut self.next);
                    if self.changed.last() != Some(&rule.name()) {
                        self.changed.push(rule.name());
                    }
                }
            }
        }
        let value = form.map_or(entry.value, |form| form.payload(&self.value));
        Ok(Applied::Kept {
            entry: Entry { value, ..*entry },
            changed: &self.changed,
        })
    }
}
