//! What goes wrong while a script works on an entry.

use rquickjs::{Coerced, Ctx, Error as JsError, FromJs, Object, Value};
use statetool_format::Error as FormatError;
use statetool_snapshot::Error;
use statetool_values::Mismatch;

use super::Limits;
use super::from_js::kind;

/// Why a script came to no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// It ran longer than it may.
    Time,
    /// It took more memory than it may.
    Memory,
    /// Its calls nested deeper than they may.
    Stack,
    /// It threw, or was never a script.
    Thrown {
        /// What it threw, in words.
        what: String,
        /// Line and column.
        at: Option<(u32, u32)>,
    },
    /// Its result is of no use.
    Result(Mismatch),
    /// The entry's bytes are not what its types say.
    Bytes(FormatError),
}

impl From<FormatError> for Failure {
    fn from(error: FormatError) -> Self {
        Self::Bytes(error)
    }
}

impl From<Mismatch> for Failure {
    fn from(mismatch: Mismatch) -> Self {
        Self::Result(mismatch)
    }
}

/// What scripts are called in the places of their errors.
pub(super) const FILE_NAME: &str = "<script>";

impl Failure {
    /// The same, as that of an element of what was returned.
    pub(super) fn at(self, index: usize) -> Self {
        match self {
            Self::Result(mismatch) => Self::Result(mismatch.at(index)),
            other => other,
        }
    }

    /// What the engine's error is; `timed_out` says that its time was over.
    pub(super) fn of(ctx: &Ctx<'_>, error: &JsError, timed_out: bool) -> Self {
        if timed_out {
            // What was thrown meanwhile is of no interest, but must not stay behind.
            ctx.catch();
            return Self::Time;
        }
        match error {
            JsError::Allocation => Self::Memory,
            JsError::Exception | JsError::Unknown => Self::of_exception(&ctx.catch()),
            other => Self::Thrown {
                what: other.to_string(),
                at: None,
            },
        }
    }

    fn of_exception(thrown: &Value<'_>) -> Self {
        // There may be no memory left for the error that would say so.
        if thrown.is_null() {
            return Self::Memory;
        }
        let Some(error) = thrown.as_object().filter(|_| thrown.is_error()) else {
            return Self::Thrown {
                what: format!("threw {}", shown(thrown)),
                at: None,
            };
        };
        let text = |name: &str| error.get::<_, String>(name).unwrap_or_default();
        let (name, message) = (text("name"), text("message"));
        match (name.as_str(), message.as_str()) {
            ("InternalError", "out of memory") => Self::Memory,
            ("RangeError", "Maximum call stack size exceeded") => Self::Stack,
            (_, "") => Self::Thrown {
                what: name,
                at: place(error),
            },
            _ => Self::Thrown {
                what: format!("{name}: {message}"),
                at: place(error),
            },
        }
    }

    /// The error for users. `place` says which entry it is, `first_line` which line of what the engine
    /// read is the first of the script.
    pub(super) fn error(self, place: &str, first_line: u32, limits: &Limits, show_data: bool) -> Error {
        match self {
            Self::Time => Error::usage(format!(
                "{place}: the script took more than {} s",
                limits.time.as_secs_f64()
            ))
            .hint("look for a loop that does not end; one call sees one entry and has this much time"),
            Self::Memory => Error::usage(format!(
                "{place}: the script took more than {} MiB of memory",
                limits.memory >> 20
            ))
            .hint("keep nothing between entries, and build nothing that grows without end"),
            Self::Stack => Error::usage(format!("{place}: the calls of the script nest too deep"))
                .hint("look for a function that calls itself without end"),
            Self::Thrown { what, at } => {
                let at = at.map(|(line, column)| (line.saturating_sub(first_line - 1), column));
                let at = at.map_or_else(String::new, |(line, column)| {
                    format!(" (line {line}, column {column})")
                });
                let error = Error::usage(format!("{place}: {what}{at}"));
                match hint_for(&what) {
                    Some(hint) => error.hint(hint),
                    None => error,
                }
            }
            Self::Result(mismatch) => Error::usage(format!(
                "{place}: what the script returned does not fit: {}",
                mismatch.message(show_data)
            )),
            Self::Bytes(error) => Error::input(format!("{place}: {error}"))
                .hint("`statetool verify --deep` lists all entries that do not decode"),
        }
    }
}

/// What to try about an error of the engine.
fn hint_for(what: &str) -> Option<&'static str> {
    if what.starts_with("TypeError") && what.contains("BigInt") {
        return Some("a long beyond 9007199254740991 is a BigInt; `BigInt(x) + 1n` works with every long");
    }
    let of_modules =
        ["module", "exports", "require"].map(|name| format!("ReferenceError: {name} is not defined"));
    if of_modules.iter().any(|module| module == what) {
        return Some(super::PLAIN);
    }
    if what.starts_with("ReferenceError") && what.ends_with("is not defined") {
        return Some(
            "an expression sees key, namespace, mapKey, value, keyGroup, timestamp, operator, uid, state, \
             subtask and index; a script file has them as fields of the entry",
        );
    }
    None
}

/// Something that was thrown and is no error.
fn shown(thrown: &Value<'_>) -> String {
    match thrown.is_object() || thrown.is_symbol() {
        true => kind(thrown).to_owned(),
        false => Coerced::<String>::from_js(thrown.ctx(), thrown.clone())
            .map_or_else(|_| kind(thrown).to_owned(), |text| text.0),
    }
}

/// Where in the script an error arose: the innermost place that is in it.
fn place(error: &Object<'_>) -> Option<(u32, u32)> {
    let stack = error.get::<_, String>("stack").ok()?;
    let (_, place) = stack.split_once(&format!("{FILE_NAME}:"))?;
    let mut numbers = place.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
