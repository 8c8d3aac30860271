//! Rules by which entries are left out or get other values.

use std::sync::Arc;

use statetool_snapshot::{Entry, Payload, Result, State};

/// A rule for entries. Threads apply it side by side, each with a worker of its own.
pub trait Rule: Send + Sync {
    /// What it is called where entries are accounted for.
    fn name(&self) -> &str;

    /// Whether entries of a state of the operator can fall under it.
    fn concerns(&self, state: &State) -> bool;

    /// Whether it has to see the entries of a state before it can tell what becomes of any in the same
    /// key group, which is then scanned once more, ahead, for what the rules before this one leave of it.
    fn looks_at(&self, _: &State) -> bool {
        false
    }

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

    /// What would become of an entry, for a rule behind this one that looks ahead; counts nothing.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn foresee(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) -> Result<Fate> {
        self.apply(entry, out)
    }

    /// Forgets what it has seen of another key group: that of the next one comes.
    fn begin_group(&mut self) {}

    /// Sees an entry of the key group whose entries come next.
    ///
    /// # Errors
    /// Entries that the rule cannot understand.
    fn look(&mut self, _: &Entry<'_>) -> Result<()> {
        Ok(())
    }
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

    /// The rules that look at one of the states, in their order.
    pub(super) fn looking<'s>(&self, states: impl Iterator<Item = &'s Arc<State>> + Clone) -> Vec<usize> {
        let rules = self.rules.iter().enumerate();
        rules
            .filter(|(_, rule)| states.clone().any(|state| rule.looks_at(state)))
            .map(|(index, _)| index)
            .collect()
    }

    /// Whether a rule looks at a state.
    pub(super) fn looks_at(&self, rule: usize, state: &State) -> bool {
        self.rules.get(rule).is_some_and(|rule| rule.looks_at(state))
    }

    /// Tells a rule that looks ahead that another key group comes.
    pub(super) fn begin_group(&mut self, rule: usize) -> Result<()> {
        if let Some((_, worker)) = worker(self.rules, &mut self.workers, rule)? {
            worker.begin_group();
        }
        Ok(())
    }

    /// Shows an entry to a rule that looks ahead, unless one of the `rules` before it leaves it out.
    pub(super) fn look(&mut self, rule: usize, rules: &[usize], entry: &Entry<'_>) -> Result<()> {
        worker(self.rules, &mut self.workers, rule)?;
        // Taken out, since the entry may be what others have made of it.
        let Some(mut looking) = self.workers.get_mut(rule).and_then(Option::take) else {
            return Ok(());
        };
        let before = rules.iter().copied().take_while(|before| *before < rule);
        if let Applied::Kept { entry, .. } =
            self.pass(before, entry, |worker, entry, out| worker.foresee(entry, out))?
        {
            looking.look(&entry)?;
        }
        if let Some(place) = self.workers.get_mut(rule) {
            *place = Some(looking);
        }
        Ok(())
    }

    /// Applies some of the rules to an entry, each to what the one before has made of it.
    #[inline]
    pub(super) fn apply<'a>(&'a mut self, rules: &[usize], entry: &Entry<'a>) -> Result<Applied<'a, 'r>> {
        let rules = rules.iter().copied();
        self.pass(rules, entry, |worker, entry, out| worker.apply(entry, out))
    }

    fn pass<'a>(
        &'a mut self,
        rules: impl Iterator<Item = usize>,
        entry: &Entry<'a>,
        step: impl Fn(&mut (dyn Apply + 'r), &Entry<'_>, &mut Vec<u8>) -> Result<Fate>,
    ) -> Result<Applied<'a, 'r>> {
        self.changed.clear();
        let mut form = None;
        for index in rules {
            let Some((rule, worker)) = worker(self.rules, &mut self.workers, index)? else {
                continue;
            };
            let value = form.map_or(entry.value, |form: Form| form.payload(&self.value));
            self.next.clear();
            match step(worker, &Entry { value, ..*entry }, &mut self.next)? {
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

/// A rule and what applies it in this thread.
fn worker<'w, 'r>(
    rules: &'r [Arc<dyn Rule>],
    workers: &'w mut [Option<Box<dyn Apply + 'r>>],
    index: usize,
) -> Result<Option<(&'r dyn Rule, &'w mut (dyn Apply + 'r))>> {
    let Some((rule, place)) = rules.get(index).zip(workers.get_mut(index)) else {
        return Ok(None);
    };
    let worker = match place {
        Some(worker) => worker,
        None => place.insert(rule.worker()?),
    };
    Ok(Some((&**rule, &mut **worker)))
}
