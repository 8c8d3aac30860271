//! Where the time of an entry stands: a path of fields, or an expression.

use statetool_snapshot::{Entry, Error, Result};

use super::path::{FieldPath, Found, Wrong};
use crate::script::{self, Limits, Script, Whose};

/// Tells the times of entries: `value.lastSeen`, or `Math.max(value.created, value.changed)`.
///
/// Elements of lists come one by one. A path of fields needs no engine; all else is JavaScript. What a time
/// may be is the same for both.
#[derive(Debug, Clone)]
pub struct By {
    text: String,
    path: Option<FieldPath>,
    /// The expression; behind a path the engine that knows what texts and numbers mean.
    script: Script,
}

impl By {
    /// Reads a path or an expression.
    ///
    /// # Errors
    /// A text that is no expression either; the message says where.
    pub fn parse(text: &str) -> Result<Self> {
        let path = FieldPath::parse(text);
        let source = if path.is_some() { "null" } else { text };
        Ok(Self {
            text: text.trim().to_owned(),
            path,
            script: Script::expression(source, Limits::default())?,
        })
    }

    /// What tells times in one thread.
    pub(super) fn clock(&self, whose: &Whose, show_data: bool) -> Clock<'_> {
        Clock {
            by: self,
            whose: whose.clone(),
            show_data,
            worker: None,
        }
    }
}

/// Tells the times of the entries of one operator in one thread.
pub(super) struct Clock<'b> {
    by: &'b By,
    whose: Whose,
    show_data: bool,
    worker: Option<script::Worker>,
}

impl Clock<'_> {
    /// The time of an entry in epoch milliseconds; nothing for one that has none.
    pub(super) fn time(&mut self, entry: &Entry<'_>) -> Result<Option<i64>> {
        let Some(path) = &self.by.path else {
            return self.worker()?.time(entry);
        };
        match path.find(entry) {
            Ok(Found::Time(time)) => Ok(time),
            Ok(Found::Scalar(value)) => self.worker()?.time_in(entry, &value),
            Err(Wrong::Entry(error)) => Err(error),
            Err(Wrong::Path(why)) => Err(self.refuse(entry, &why)),
        }
    }

    fn worker(&mut self) -> Result<&script::Worker> {
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => self.by.script.worker(&self.whose, self.show_data)?,
        };
        Ok(self.worker.insert(worker))
    }

    fn refuse(&self, entry: &Entry<'_>, why: &str) -> Error {
        let place = script::place(&self.whose, entry, self.show_data);
        Error::usage(format!("{place}, time `{}`: {why}", self.by.text)).hint(
            "a time is epoch milliseconds, an instant, a date or its text; `statetool schema` shows the fields, \
             and a JavaScript expression reaches what no path of fields does",
        )
    }
}
