//! Into how many subtasks and key groups the state of operators is divided.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use statetool_format::key_group::MAX_PARALLELISM;
use statetool_format::metadata::{Subtask, Subtasks};
use statetool_snapshot::{Error, Layout, LoadedOperator, Operator, OperatorSelector, Result, Snapshot};

use super::edits::Edits;

/// Subtasks and key groups of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
}

/// A number for one operator or for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleTo {
    /// The operator: a selector; all that are not named otherwise if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// The number.
    pub to: u32,
}

impl ScaleTo {
    /// Reads `N` or `OPERATOR=N`.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (operator, number) = match text.rsplit_once('=') {
            Some(("", _)) => return Err("write N or OPERATOR=N".to_owned()),
            Some((operator, number)) => (Some(operator.to_owned()), number),
            None => (None, text),
        };
        match number.parse() {
            Ok(to @ 1..=MAX_PARALLELISM) => Ok(Self { operator, to }),
            _ => Err(format!("`{number}` is no number from 1 to {MAX_PARALLELISM}")),
        }
    }
}

impl Scale {
    /// That of an operator as it is.
    pub fn of(operator: &Operator<'_>) -> Self {
        Self {
            parallelism: operator.state.parallelism,
            max_parallelism: operator.state.max_parallelism,
        }
    }
}

/// The new scale of operators, by index.
pub(super) fn resolve(snapshot: &Snapshot, edits: &Edits) -> Result<HashMap<usize, Scale>> {
    let parallelism = numbers(snapshot, &edits.parallelism)?;
    let max_parallelism = numbers(snapshot, &edits.max_parallelism)?;
    let mut scales = HashMap::new();
    for operator in snapshot.operators() {
        let old = Scale::of(&operator);
        let new = |numbers: &Numbers| numbers.of.get(&operator.index).copied().or(numbers.others);
        let scale = Scale {
            parallelism: new(&parallelism).unwrap_or(old.parallelism),
            max_parallelism: new(&max_parallelism).unwrap_or(old.max_parallelism),
        };
        if scale == old {
            continue;
        }
        if scale.max_parallelism < scale.parallelism || scale.max_parallelism > MAX_PARALLELISM {
            return Err(Error::usage(format!(
                "operator `{}`: {} subtasks cannot share {} key groups",
                operator.label(),
                scale.parallelism,
                scale.max_parallelism
            ))
            .hint(
                "name a smaller parallelism or a larger max parallelism for it: --parallelism OPERATOR=N",
            ));
        }
        scales.insert(operator.index, scale);
    }
    Ok(scales)
}

/// Numbers by operator.
struct Numbers {
    of: HashMap<usize, u32>,
    others: Option<u32>,
}

fn numbers(snapshot: &Snapshot, wanted: &[ScaleTo]) -> Result<Numbers> {
    let mut numbers = Numbers {
        of: HashMap::new(),
        others: None,
    };
    for ScaleTo { operator, to } in wanted {
        if !(1..=MAX_PARALLELISM).contains(to) {
            return Err(Error::usage(format!(
                "`{to}` is no number from 1 to {MAX_PARALLELISM}"
            )));
        }
        let before = match operator {
            None => numbers.others.replace(*to),
            Some(selector) => {
                let operator = OperatorSelector::parse(selector).resolve(snapshot)?;
                numbers.of.insert(operator.index, *to)
            }
        };
        if before.is_some_and(|before| before != *to) {
            let whom = operator.as_deref().unwrap_or("all operators");
            return Err(Error::usage(format!("two numbers for {whom}")));
        }
    }
    Ok(numbers)
}

/// Refuses what only the job could divide.
pub(super) fn check(operator: &Operator<'_>, loaded: &LoadedOperator, scale: Scale) -> Result<()> {
    let refuse = |what: &str, hint: &str| {
        let why = format!("operator `{}`: {what}", operator.label());
        Err(Error::refused(why).hint(hint))
    };
    let old = Scale::of(operator);
    let moves = scale.parallelism != old.parallelism;
    for (_, state) in operator.state.running() {
        if !state.input_channels.is_empty() || !state.output_channels.is_empty() {
            return refuse(
                "it has records in flight, which belong to its subtasks as they were",
                "take an aligned checkpoint or a savepoint",
            );
        }
        if moves && state.raw_operator.is_some() {
            return refuse(
                "its raw operator state is bytes that only the job can divide",
                "leave its parallelism as it is: --parallelism OPERATOR=N",
            );
        }
    }
    if loaded
        .parts
        .iter()
        .any(|part| matches!(part.layout, Layout::RawKeyed { .. }))
    {
        return refuse(
            "its raw keyed state is bytes that only the job can divide",
            "leave it as it is: name the other operators, OPERATOR=N",
        );
    }
    if let Subtasks::Listed(subtasks) = &operator.state.subtasks
        && subtasks
            .iter()
            .any(|subtask| matches!(subtask, Subtask::Finished { .. }))
    {
        return refuse(
            "some of its subtasks have finished and others have not",
            "leave it as it is: name the other operators, OPERATOR=N",
        );
    }
    Ok(())
}
