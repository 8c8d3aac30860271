//! Operators, and how users name them and their states.

use statetool_format::OperatorId;
use statetool_format::metadata::{OperatorState, StreamHandle, SubtaskState, Subtasks};

use crate::error::{Error, Result};
use crate::snapshot::Snapshot;

/// One operator of a snapshot.
#[derive(Debug, Clone)]
pub struct Operator<'s> {
    /// Its position in the metadata file.
    pub index: usize,
    /// What the metadata says.
    pub state: &'s OperatorState,
    /// Its uid, where the file stores it or one of the given uids has its hash.
    pub uid: Option<String>,
}

impl<'s> Operator<'s> {
    pub(crate) fn new(index: usize, state: &'s OperatorState, uids: &[String]) -> Self {
        let stored = (!state.uid.is_empty()).then(|| state.uid.to_str().into_owned());
        let uid = stored.or_else(|| {
            uids.iter()
                .find(|uid| OperatorId::from_uid(uid) == state.id)
                .cloned()
        });
        Self { index, state, uid }
    }

    /// The operator's id.
    pub fn id(&self) -> OperatorId {
        self.state.id
    }

    /// The operator's name, where the file stores one.
    pub fn name(&self) -> Option<String> {
        (!self.state.name.is_empty()).then(|| self.state.name.to_str().into_owned())
    }

    /// What to call the operator: its uid, else its name, else its id.
    pub fn label(&self) -> String {
        self.uid
            .clone()
            .or_else(|| self.name())
            .unwrap_or_else(|| self.id().to_string())
    }

    /// As [`label`](Self::label), with no more of an id than names it among a few, for words beside rows.
    pub fn short_label(&self) -> String {
        self.uid.clone().or_else(|| self.name()).unwrap_or_else(|| {
            let id = self.id().to_string();
            format!("id:{}", id.get(..SHORT_ID).unwrap_or(&id))
        })
    }

    /// Whether the job would go on the same without it: it has neither state nor finished subtasks.
    pub fn holds_nothing(&self) -> bool {
        let stateless = |(_, state): (u32, &SubtaskState)| {
            let mut streams = 0_usize;
            state.visit_streams(&mut |_| streams += 1);
            streams == 0 && state.managed_keyed.is_none() && state.raw_keyed.is_none()
        };
        self.finished() == "no" && self.state.coordinator.is_none() && self.state.running().all(stateless)
    }

    /// How many of its subtasks had finished: `no`, `some` or `all`.
    pub fn finished(&self) -> &'static str {
        match &self.state.subtasks {
            Subtasks::FullyFinished(_) => "all",
            Subtasks::Listed(subtasks) => {
                let finished = |s: &_| matches!(s, statetool_format::metadata::Subtask::Finished { .. });
                if subtasks.iter().any(finished) {
                    "some"
                } else {
                    "no"
                }
            }
        }
    }

    /// Bytes of all its streams, as recorded.
    pub fn recorded_bytes(&self) -> u64 {
        let coordinator = self
            .state
            .coordinator
            .as_ref()
            .and_then(StreamHandle::recorded_size)
            .unwrap_or(0);
        coordinator
            + self
                .state
                .running()
                .map(|(_, state)| subtask_bytes(state))
                .sum::<u64>()
    }
}

/// Bytes of the streams of one subtask; streams shared by several handles count once.
fn subtask_bytes(state: &SubtaskState) -> u64 {
    let mut streams = Vec::new();
    state.visit_streams(&mut |stream| {
        if !streams.contains(&stream) {
            streams.push(stream);
        }
    });
    streams.into_iter().filter_map(StreamHandle::recorded_size).sum()
}

/// How a user names an operator: `uid:X`, `id:HEX`, `name:X`, or a bare word, which is tried
/// in that order as uid, name and id prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperatorSelector {
    /// The text given to `uid(…)`.
    Uid(String),
    /// The id's hex digits, or at least six of the first ones.
    Id(String),
    /// The operator's name.
    Name(String),
    /// A bare word.
    Any(String),
}

/// Whether a text names an operator.
type Stage = fn(&Operator<'_>, &str) -> bool;

/// As much of an id as a selector needs, and a little more.
const SHORT_ID: usize = 8;

/// Shortest prefix of an id that names an operator.
const MIN_ID_PREFIX: usize = 6;

impl OperatorSelector {
    /// Parses a selector.
    pub fn parse(text: &str) -> Self {
        match text.split_once(':') {
            Some(("uid", uid)) => Self::Uid(uid.into()),
            Some((prefix, id)) if prefix.eq_ignore_ascii_case("id") => Self::Id(id.to_ascii_lowercase()),
            Some(("name", name)) => Self::Name(name.into()),
            _ => Self::Any(text.into()),
        }
    }

    /// Whether it means any operator of a snapshot, or several.
    pub fn means_some(&self, snapshot: &Snapshot) -> bool {
        let operators: Vec<Operator<'_>> = snapshot.operators().collect();
        let means = |stage: &Stage| operators.iter().any(|operator| stage(operator, self.text()));
        !self.text().is_empty() && self.stages().iter().any(means)
    }

    /// The operator that is meant.
    ///
    /// # Errors
    /// When no operator or more than one is meant; the message lists those that there are,
    /// nearest first.
    pub fn resolve<'s>(&self, snapshot: &'s Snapshot) -> Result<Operator<'s>> {
        if self.text().is_empty() {
            return Err(Error::usage("an operator must be named")
                .hint("name it by `uid:X`, `name:X`, `id:HEX` or a bare word; `*` is every operator"));
        }
        let operators: Vec<Operator<'s>> = snapshot.operators().collect();
        for stage in self.stages() {
            let mut found: Vec<&Operator<'s>> =
                operators.iter().filter(|op| stage(op, self.text())).collect();
            match (found.pop(), found.is_empty()) {
                (Some(operator), true) => return Ok(with_uid(operator, self)),
                (Some(last), false) => {
                    found.push(last);
                    return Err(self.ambiguous(&found));
                }
                (None, _) => {}
            }
        }
        Err(self.unknown(&operators))
    }

    /// What an operator may have in common with the selector; the first that is found counts.
    fn stages(&self) -> &'static [Stage] {
        match self {
            Self::Uid(_) => &[has_uid],
            Self::Id(_) => &[has_id_prefix],
            Self::Name(_) => &[has_name],
            Self::Any(_) => &[has_uid, has_name, has_id_prefix],
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Uid(text) | Self::Id(text) | Self::Name(text) | Self::Any(text) => text,
        }
    }

    fn ambiguous(&self, found: &[&Operator<'_>]) -> Error {
        let labels: Vec<String> = found.iter().map(|op| describe(op)).collect();
        Error::usage(format!(
            "`{}` means several operators: {}",
            self.text(),
            first_of(labels)
        ))
        .hint(match found.iter().all(|op| has_id_prefix(op, self.text())) {
            true => "write more digits of the id",
            false => "name one by its uid or id: `uid:…`, `id:…`",
        })
    }

    fn unknown(&self, operators: &[Operator<'_>]) -> Error {
        let mut near: Vec<(usize, String)> = operators
            .iter()
            .map(|op| (distance(self.text(), &op.label()), describe(op)))
            .collect();
        near.sort();
        let error = Error::usage(format!("no operator `{}`", self.text()));
        if near.is_empty() {
            return error.hint("the snapshot has no operators");
        }
        if let Some(hint) = self.too_short(operators) {
            return error.hint(hint);
        }
        let list = near.into_iter().map(|(_, label)| label).collect();
        let stores_uids = operators.iter().any(|op| !op.state.uid.is_empty());
        let stores_names = operators.iter().any(|op| !op.state.name.is_empty());
        let spelling = match self {
            Self::Name(_) if !stores_names => {
                "; names are not stored in this snapshot, name an operator by its uid or id: `uid:…`, `id:…`"
            }
            Self::Name(_) => "",
            _ if stores_uids => "",
            _ => "; uids are not stored in this snapshot, so a uid must be spelled as in the job",
        };
        error.hint(format!("there are: {}{spelling}", first_of(list)))
    }
}

impl OperatorSelector {
    /// The hint for the first digits of an id that are too few to name it by.
    fn too_short(&self, operators: &[Operator<'_>]) -> Option<String> {
        let digits = self.text().to_ascii_lowercase();
        if digits.len() >= MIN_ID_PREFIX || matches!(self, Self::Uid(_) | Self::Name(_)) {
            return None;
        }
        let mut begin: Vec<String> = operators
            .iter()
            .filter(|op| !digits.is_empty() && op.id().to_string().starts_with(&digits))
            .map(describe)
            .collect();
        begin.sort();
        let rule = format!("an id is named by its first {MIN_ID_PREFIX} digits or more");
        match (begin.is_empty(), self) {
            (false, _) => Some(format!("{rule}; with `{digits}` begin: {}", first_of(begin))),
            (true, Self::Id(_)) => {
                let all = operators.iter().map(describe).collect();
                Some(format!("{rule}; there are: {}", first_of(all)))
            }
            // Most likely a uid or a name.
            (true, _) => None,
        }
    }
}

/// How many names an error lists.
const MAX_LISTED: usize = 12;

/// The first names of a list, and how many more there are.
pub fn first_of(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(MAX_LISTED);
    names.truncate(MAX_LISTED);
    match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

fn has_uid(operator: &Operator<'_>, uid: &str) -> bool {
    operator.uid.as_deref() == Some(uid) || operator.id() == OperatorId::from_uid(uid)
}

fn has_name(operator: &Operator<'_>, name: &str) -> bool {
    operator.name().as_deref() == Some(name)
}

fn has_id_prefix(operator: &Operator<'_>, prefix: &str) -> bool {
    prefix.len() >= MIN_ID_PREFIX
        && operator
            .id()
            .to_string()
            .starts_with(&prefix.to_ascii_lowercase())
}

/// A uid that led to the operator is known from then on.
fn with_uid<'s>(operator: &Operator<'s>, selector: &OperatorSelector) -> Operator<'s> {
    let mut operator = operator.clone();
    if let OperatorSelector::Uid(text) | OperatorSelector::Any(text) = selector
        && operator.uid.is_none()
        && operator.id() == OperatorId::from_uid(text)
    {
        operator.uid = Some(text.clone());
    }
    operator
}

fn describe(operator: &Operator<'_>) -> String {
    let label = operator.label();
    let id = operator.id().to_string();
    if label == id {
        id
    } else {
        format!("{label} (id:{id})")
    }
}

/// Levenshtein distance, for "nearest first".
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(128).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(128).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (slot, y) in row.iter_mut().skip(1).zip(&b) {
            let above = *slot;
            *slot = (above + 1).min(left + 1).min(diagonal + usize::from(x != *y));
            diagonal = above;
            left = *slot;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// How a user names states: `OPERATOR/STATE`, `OPERATOR/*`, `*/STATE`, `*/*`; an operator
/// alone means all its states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSelector {
    /// The operator; `None` is every one.
    pub operator: Option<OperatorSelector>,
    /// The state's name; `None` is every one.
    pub state: Option<String>,
}

impl StateSelector {
    /// Parses a selector, as one of the snapshot's operators may need it: names may hold `/`.
    pub fn parse(text: &str, snapshot: &Snapshot) -> Self {
        // Operators' names often hold slashes ("Source: a/b"), so the longest part before a
        // slash that is an operator counts.
        for (at, _) in text.rmatch_indices('/') {
            let (operator, state) = text.split_at(at);
            let selector = OperatorSelector::parse(operator);
            if operator == "*" || selector.resolve(snapshot).is_ok() {
                return Self {
                    operator: (operator != "*").then_some(selector),
                    state: named(state.get(1..)),
                };
            }
        }
        let whole = OperatorSelector::parse(text);
        if text == "*" || whole.resolve(snapshot).is_ok() {
            return Self {
                operator: (text != "*").then_some(whole),
                state: None,
            };
        }
        match text.split_once('/') {
            Some((operator, state)) => Self {
                operator: Some(OperatorSelector::parse(operator)),
                state: named(Some(state)),
            },
            None => Self {
                operator: Some(whole),
                state: None,
            },
        }
    }

    /// Everything.
    pub fn all() -> Self {
        Self {
            operator: None,
            state: None,
        }
    }

    /// The operators that are meant.
    ///
    /// # Errors
    /// As [`OperatorSelector::resolve`].
    pub fn operators<'s>(&self, snapshot: &'s Snapshot) -> Result<Vec<Operator<'s>>> {
        match &self.operator {
            Some(selector) => {
                let resolved = selector.resolve(snapshot);
                let operator = resolved.map_err(|error| match self.is_of_state(snapshot) {
                    Some(name) => Error::usage(error.to_string()).hint(format!(
                        "a state has that name: write `*/{name}`, or its operator before the slash"
                    )),
                    None => error,
                });
                Ok(vec![operator?])
            }
            None => Ok(snapshot.operators().collect()),
        }
    }

    /// The bare word that was to be an operator, if it is the name of a state.
    fn is_of_state(&self, snapshot: &Snapshot) -> Option<&str> {
        let (Some(OperatorSelector::Any(name)), None) = (&self.operator, &self.state) else {
            return None;
        };
        let has = |operator: Operator<'_>| {
            let loaded = snapshot.load_operator(&operator);
            loaded.is_ok_and(|loaded| loaded.states.iter().any(|state| state.name == *name))
        };
        snapshot.operators().any(has).then_some(name)
    }

    /// Whether a state of this name is meant.
    pub fn wants(&self, state: &str) -> bool {
        self.state.as_deref().is_none_or(|wanted| wanted == state)
    }
}

fn named(state: Option<&str>) -> Option<String> {
    state
        .filter(|state| *state != "*" && !state.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (a, b, expected) in [
            ("", "", 0),
            ("abc", "", 3),
            ("", "ab", 2),
            ("totals", "total", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn digits_of_ids_that_are_too_few_name_those_that_begin_so() {
        let states: Vec<OperatorState> = [0x10, 0x11, 0x20]
            .map(|last| OperatorState {
                name: Default::default(),
                uid: Default::default(),
                id: OperatorId::new([0xab, 0xcd, 0xef, last, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
                parallelism: 1,
                max_parallelism: 128,
                chain_length: 1,
                coordinator: None,
                subtasks: Subtasks::Listed(Vec::new()),
            })
            .into();
        let operators: Vec<_> = states.iter().map(|state| Operator::new(0, state, &[])).collect();
        let all: Vec<&Operator<'_>> = operators.iter().collect();
        for (text, hint) in [
            ("id:abcd", Some("with `abcd` begin: abcdef1")),
            ("ABCDE", Some("with `abcde` begin: abcdef1")),
            ("id:12", Some("; there are: abcdef1")),
            ("id:abcdef2", None),
            ("word", None),
            ("uid:abcd", None),
        ] {
            let found = OperatorSelector::parse(text).too_short(&operators);
            assert_eq!(found.is_some(), hint.is_some(), "{text}: {found:?}");
            let found = found.unwrap_or_default();
            assert!(found.contains(hint.unwrap_or_default()), "{text}: {found}");
        }
        let (two, _) = all.split_at(2);
        let error = OperatorSelector::parse("id:abcdef1").ambiguous(two);
        assert!(
            error
                .to_string()
                .starts_with("`abcdef1` means several operators: abcdef10")
        );
        assert_eq!(error.help(), Some("write more digits of the id"));
    }

    #[test]
    fn selectors_are_told_by_their_prefix() {
        assert_eq!(
            OperatorSelector::parse("uid:a/b"),
            OperatorSelector::Uid("a/b".into())
        );
        assert_eq!(
            OperatorSelector::parse("id:ABCDEF"),
            OperatorSelector::Id("abcdef".into())
        );
        assert_eq!(
            OperatorSelector::parse("name:Source: x"),
            OperatorSelector::Name("Source: x".into())
        );
        assert_eq!(
            OperatorSelector::parse("Sink: x"),
            OperatorSelector::Any("Sink: x".into())
        );
    }
}
