//! The time of an entry as a field of its value or key.

use statetool_backend::InFile;
use statetool_format::Reader;
use statetool_snapshot::{Entry, Error, ErrorKind, Payload, Result};
use statetool_values::{Framing, Type, Value};

/// Where the time of entries stands: `value.lastSeen`, `key.f1`, `mapKey`, `namespace.end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldPath {
    root: Root,
    fields: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    Value,
    Key,
    MapKey,
    Namespace,
}

const ROOTS: [(&str, Root); 4] = [
    ("value", Root::Value),
    ("key", Root::Key),
    ("mapKey", Root::MapKey),
    ("namespace", Root::Namespace),
];

/// What stands at the end of a path.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Found {
    /// Epoch milliseconds; nothing for null.
    Time(Option<i64>),
    /// A text or a number that may mean some.
    Scalar(Value),
}

/// What is wrong with a path for an entry.
pub(super) enum Wrong {
    /// The path itself, in words.
    Path(String),
    /// What it was looked for in.
    Entry(Error),
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Self {
        Self::Entry(error)
    }
}

impl FieldPath {
    /// Reads a path; nothing if the text is more than that.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('.');
        let name = parts.next().unwrap_or_default();
        let (_, root) = ROOTS.iter().find(|(known, _)| *known == name)?;
        let fields: Vec<String> = parts.map(str::to_owned).collect();
        fields
            .iter()
            .all(|field| is_name(field))
            .then_some(Self { root: *root, fields })
    }

    /// What stands there in an entry.
    pub(super) fn find(&self, entry: &Entry<'_>) -> Result<Found, Wrong> {
        let mut value = match self.part(entry)? {
            None => return Ok(Found::Time(None)),
            Some((ty, bytes)) => decoded(ty, bytes, entry)?,
        };
        for field in &self.fields {
            value = match fields_of(value) {
                Fields::None => return Ok(Found::Time(None)),
                Fields::Some(fields) => field_named(field, fields).map_err(Wrong::Path)?,
                Fields::NoneIn(what) => {
                    return Err(Wrong::Path(format!("{what} has no field `{field}`")));
                }
            };
        }
        match millis(&value) {
            Some(time) => Ok(Found::Time(time)),
            None if is_scalar(&value) => Ok(Found::Scalar(value)),
            None => Err(Wrong::Path(format!("{} is no time", value.kind()))),
        }
    }

    /// Type and bytes of the part of an entry at which the path begins; nothing if that is null.
    fn part<'e>(&self, entry: &Entry<'e>) -> Result<Option<(&'e Type, &'e [u8])>, Wrong> {
        let state = entry.state;
        let key = || entry.key_parts().in_file(&state.name).map_err(Error::from);
        let part = match self.root {
            Root::Value => match entry.value {
                Payload::Null(_) => return Ok(None),
                Payload::Value(bytes) => Some((state.user_value(), bytes)),
                _ => None,
            },
            Root::Key => state.key.as_deref().zip(key()?.map(|key| key.key)),
            Root::MapKey => state.map_key.as_deref().zip(key()?.and_then(|key| key.map_key)),
            Root::Namespace => state.namespace.as_deref().zip(key()?.map(|key| key.namespace)),
        };
        let root = ROOTS.iter().find(|(_, root)| *root == self.root);
        let name = root.map_or("", |(name, _)| *name);
        part.ok_or_else(|| Wrong::Path(format!("{} state has no `{name}`", state.kind)))
            .map(Some)
    }
}

fn is_name(field: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    let has = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    !field.is_empty() && !field.starts_with(is_digit) && field.chars().all(has)
}

fn field_named(field: &str, fields: Vec<(String, Value)>) -> Result<Value, String> {
    let names: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
    let found = fields.into_iter().find(|(name, _)| name == field);
    found
        .map(|(_, value)| value)
        .ok_or_else(|| no_field(field, names))
}

fn decoded(ty: &Type, bytes: &[u8], entry: &Entry<'_>) -> Result<Value> {
    let decoded = Value::decode(ty, &mut Reader::new(bytes), Framing::Framed).in_file(&entry.state.name);
    let decoded = decoded.map_err(|error| {
        let error = Error::from(error);
        match error.kind() {
            ErrorKind::NotInterpretable => error.hint("only the job's classes can read its time"),
            _ => error,
        }
    });
    Ok(decoded?.0)
}

/// Whether a value may be a time in other words than those of its type.
fn is_scalar(value: &Value) -> bool {
    use Value::{BigInteger, Byte, Double, Float, Int, Short, String};
    matches!(
        value,
        Byte(_) | Short(_) | Int(_) | Float(_) | Double(_) | BigInteger(_) | String(_)
    )
}

/// The fields of a value.
enum Fields {
    /// It is null.
    None,
    /// They have names, or are called `f0`, `f1` and so on.
    Some(Vec<(String, Value)>),
    /// It is something else.
    NoneIn(&'static str),
}

fn fields_of(value: Value) -> Fields {
    let by_place = |values: Vec<Value>| {
        let names = (0..).map(|place| format!("f{place}"));
        Fields::Some(names.zip(values).collect())
    };
    match value {
        Value::Null => Fields::None,
        Value::Object { fields, .. } => Fields::Some(fields),
        Value::Tuple(values) => by_place(values),
        Value::Row {
            fields,
            names: Some(names),
            ..
        } => Fields::Some(names.into_iter().zip(fields).collect()),
        Value::Row { fields, .. } => by_place(fields),
        Value::Window { start, end } => Fields::Some(vec![
            ("start".to_owned(), Value::Long(start)),
            ("end".to_owned(), Value::Long(end)),
        ]),
        other => Fields::NoneIn(other.kind()),
    }
}

fn no_field(field: &str, names: Vec<String>) -> String {
    format!(
        "there is no field `{field}`; there are: {}",
        statetool_snapshot::first_of(names)
    )
}

/// A time in epoch milliseconds, null as nothing; nothing at all for what is no time.
///
/// Dates and times of day without a zone are taken for those of UTC.
fn millis(value: &Value) -> Option<Option<i64>> {
    const DAY: i64 = 86_400_000;
    let millis = match value {
        Value::Null => return Some(None),
        Value::Long(millis) => *millis,
        Value::Instant { seconds, nanos } => seconds
            .saturating_mul(1000)
            .saturating_add(i64::from(nanos / 1_000_000)),
        Value::LocalDate(date) => date.to_epoch_day().saturating_mul(DAY),
        Value::LocalDateTime(date, nanos) => {
            let of_day = i64::try_from(nanos / 1_000_000).unwrap_or(0);
            date.to_epoch_day().saturating_mul(DAY).saturating_add(of_day)
        }
        _ => return None,
    };
    Some(Some(millis))
}

#[cfg(test)]
mod tests {
    use statetool_values::LocalDate;

    use super::*;

    #[test]
    fn paths_begin_at_a_part_of_the_entry() {
        for (text, root, fields) in [
            ("value", Root::Value, &[][..]),
            (" value.lastSeen ", Root::Value, &["lastSeen"]),
            ("key.f1.at", Root::Key, &["f1", "at"]),
            ("mapKey", Root::MapKey, &[]),
            ("namespace.end", Root::Namespace, &["end"]),
        ] {
            let path = FieldPath::parse(text).unwrap();
            let fields = fields.iter().map(|&field| field.to_owned()).collect();
            assert_eq!((path.root, path.fields), (root, fields));
        }
        for text in [
            "",
            "valu",
            "value.",
            "value..x",
            "value.1",
            "value[0]",
            "value.a + 1",
            "Math.max(value.a, 1)",
            ".value",
        ] {
            assert_eq!(FieldPath::parse(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_epoch_milliseconds() {
        let date = LocalDate::new(1970, 1, 2).unwrap();
        for (value, expected) in [
            (Value::Null, Some(None)),
            (Value::Long(7), Some(Some(7))),
            (
                Value::Instant {
                    seconds: -1,
                    nanos: 999_000_000,
                },
                Some(Some(-1)),
            ),
            (
                Value::Instant {
                    seconds: i64::MAX,
                    nanos: 0,
                },
                Some(Some(i64::MAX)),
            ),
            (Value::LocalDate(date), Some(Some(86_400_000))),
            (Value::LocalDateTime(date, 1_500_000), Some(Some(86_400_001))),
            (Value::Int(7), None),
            (Value::String("1970-01-01".into()), None),
        ] {
            assert_eq!(millis(&value), expected, "{value:?}");
        }
    }
}
