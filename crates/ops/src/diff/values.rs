//! Values that differ in their bytes: whether they differ in what rows show, and where.

use std::collections::HashMap;

use serde_json::Value as Json;
use statetool_format::{Fault, Reader, Result as FormatResult};
use statetool_snapshot::{Entry, Payload};
use statetool_values::{Extent, Framing, JsonOptions, JsonWriter, Type, Value};

use crate::time::rfc3339;

/// What an entry holds, decoded.
pub(super) enum Decoded {
    /// A null of a map, or nothing at all, as timers.
    Nothing,
    One(Value),
    /// The elements of a list.
    List(Vec<Value>),
}

/// Decodes the value of an entry.
pub(super) fn decode(entry: &Entry<'_>) -> FormatResult<Decoded> {
    Ok(match entry.value {
        Payload::None | Payload::Null(_) => Decoded::Nothing,
        Payload::Value(bytes) => Decoded::One(value(&entry.state.value, bytes)?),
        Payload::Delimited(_) | Payload::Counted(_) => {
            let mut elements = entry.elements();
            let mut list = Vec::new();
            while let Some(element) = elements.next_element()? {
                list.push(value(&entry.state.value, element)?);
            }
            Decoded::List(list)
        }
    })
}

/// Decodes all of some bytes.
pub(super) fn value(ty: &Type, bytes: &[u8]) -> FormatResult<Value> {
    let r = &mut Reader::new(bytes);
    match Value::decode(ty, r, Framing::Framed) {
        Ok((value, Extent::Rest)) => Ok(value),
        Ok((value, Extent::Exact)) => r.finish("value").map(|()| value),
        Err(error) => match error.fault() {
            // Whatever is meant by it, it is these bytes.
            Fault::UnknownClass(class) => Ok(Value::Opaque {
                class: class.clone(),
                bytes: bytes.to_vec(),
            }),
            _ => Err(error),
        },
    }
}

/// A place inside a value where the two sides differ; a side is missing where the place is not there.
#[derive(Debug)]
pub(super) struct PathDifference {
    path: String,
    /// As rows show it.
    before: Option<String>,
    after: Option<String>,
}

impl PathDifference {
    /// Appends it as JSON.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{{\"path\":{}", Json::from(self.path.as_str())).as_bytes());
        for (name, side) in [("before", &self.before), ("after", &self.after)] {
            if let Some(text) = side {
                out.extend_from_slice(format!(",\"{name}\":{text}").as_bytes());
            }
        }
        out.push(b'}');
    }
}

/// Compares decoded values.
pub(super) struct Comparison {
    json: JsonOptions,
    ignore_ttl: bool,
    /// Whether to stop at the first difference.
    brief: bool,
    path: String,
    pub(super) found: Vec<PathDifference>,
}

impl Comparison {
    /// A comparison that finds all places that differ.
    pub(super) fn new(json: JsonOptions, ignore_ttl: bool) -> Self {
        Self {
            json,
            ignore_ttl,
            brief: false,
            path: String::new(),
            found: Vec::new(),
        }
    }

    /// Whether two entries hold the same.
    pub(super) fn same(a: &Decoded, b: &Decoded, ignore_ttl: bool) -> bool {
        let mut comparison = Self {
            brief: true,
            ..Self::new(JsonOptions::default(), ignore_ttl)
        };
        comparison.entries(a, b);
        comparison.found.is_empty()
    }

    /// Compares what two entries hold.
    pub(super) fn entries(&mut self, a: &Decoded, b: &Decoded) {
        match (a, b) {
            (Decoded::Nothing, Decoded::Nothing) => {}
            (Decoded::One(a), Decoded::One(b)) => self.values(a, b),
            (Decoded::List(a), Decoded::List(b)) => self.lists(a, b),
            (a, b) => {
                let one = |side: &Decoded| match side {
                    Decoded::One(value) => value.clone(),
                    Decoded::List(list) => Value::List(list.clone()),
                    Decoded::Nothing => Value::Null,
                };
                self.leaves(&one(a), &one(b));
            }
        }
    }

    fn is_done(&self) -> bool {
        self.brief && !self.found.is_empty()
    }

    fn push(&mut self, before: Option<&Value>, after: Option<&Value>) {
        // Whoever only asks whether there is a difference does not look at it.
        let shown = |value: Option<&Value>| match self.brief {
            true => None,
            false => value.map(|value| text(value, self.json)),
        };
        let (before, after) = (shown(before), shown(after));
        self.found.push(PathDifference {
            path: self.path.clone(),
            before,
            after,
        });
    }

    /// Goes on below a step of the path.
    fn below(&mut self, step: &str, compare: impl FnOnce(&mut Self)) {
        if self.is_done() {
            return;
        }
        let len = self.path.len();
        match step.starts_with(['[', '{']) || len == 0 {
            true => self.path.push_str(step),
            false => {
                self.path.push('.');
                self.path.push_str(step);
            }
        }
        compare(self);
        self.path.truncate(len);
    }

    fn values(&mut self, a: &Value, b: &Value) {
        match (a, b) {
            (Value::Ttl(time_a, a), Value::Ttl(time_b, b)) => {
                if time_a != time_b && !self.ignore_ttl {
                    let [before, after] =
                        [time_a, time_b].map(|millis| Some(Json::from(rfc3339(*millis)).to_string()));
                    self.below("@expires_from", |this| {
                        let path = this.path.clone();
                        this.found.push(PathDifference { path, before, after });
                    });
                }
                self.values(a, b);
            }
            // Only one side has a TTL: what users see may be the same.
            (Value::Ttl(_, a), b) => self.values(a, b),
            (a, Value::Ttl(_, b)) => self.values(a, b),
            (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => self.lists(a, b),
            (Value::Map(a), Value::Map(b)) => self.maps(a, b),
            (Value::Either(side_a, a), Value::Either(side_b, b)) if side_a == side_b => {
                self.below(if *side_a { "right" } else { "left" }, |this| this.values(a, b));
            }
            (
                Value::Object {
                    class: class_a,
                    fields: a,
                },
                Value::Object {
                    class: class_b,
                    fields: b,
                },
            ) if class_a == class_b => self.fields(a, b),
            (
                Value::Row {
                    kind: kind_a,
                    fields: a,
                    names: names_a,
                },
                Value::Row {
                    kind: kind_b,
                    fields: b,
                    names: names_b,
                },
            ) if kind_a == kind_b => match (names_a, names_b) {
                (Some(names_a), Some(names_b)) => {
                    let named = |names: &[String], fields: &[Value]| -> Vec<(String, Value)> {
                        names.iter().cloned().zip(fields.iter().cloned()).collect()
                    };
                    self.fields(&named(names_a, a), &named(names_b, b));
                }
                _ => self.lists(a, b),
            },
            (a, b) => self.leaves(a, b),
        }
    }

    /// Elements by their places.
    fn lists(&mut self, a: &[Value], b: &[Value]) {
        for index in 0..a.len().max(b.len()) {
            self.below(&format!("[{index}]"), |this| {
                this.options(a.get(index), b.get(index))
            });
            if self.is_done() {
                return;
            }
        }
    }

    fn options(&mut self, a: Option<&Value>, b: Option<&Value>) {
        match (a, b) {
            (Some(a), Some(b)) => self.values(a, b),
            (a, b) => self.push(a, b),
        }
    }

    /// Fields by their names, whatever their order.
    fn fields(&mut self, a: &[(String, Value)], b: &[(String, Value)]) {
        let of = |fields: &[(String, Value)], name: &str| fields.iter().position(|(known, _)| known == name);
        for (index, (name, value)) in a.iter().enumerate() {
            let same_place = b.get(index).filter(|(other, _)| other == name);
            let partner = same_place.or_else(|| b.get(of(b, name)?));
            let partner = partner.map(|(_, value)| value);
            self.below(&step(name), |this| this.options(Some(value), partner));
        }
        for (name, value) in b.iter().filter(|(name, _)| of(a, name).is_none()) {
            self.below(&step(name), |this| this.options(None, Some(value)));
        }
    }

    /// Entries by their keys, whatever their order.
    fn maps(&mut self, a: &[(Value, Value)], b: &[(Value, Value)]) {
        let mut rest: HashMap<String, &Value> = HashMap::new();
        for (key, value) in b {
            rest.insert(text(key, self.json), value);
        }
        for (key, value) in a {
            let partner = rest.remove(&text(key, self.json));
            self.below(&key_step(key, self.json), |this| {
                this.options(Some(value), partner)
            });
        }
        for (key, _) in b {
            if let Some(value) = rest.remove(&text(key, self.json)) {
                self.below(&key_step(key, self.json), |this| this.options(None, Some(value)));
            }
        }
    }

    /// Values without parts, or of different shapes: by what rows show.
    fn leaves(&mut self, a: &Value, b: &Value) {
        if a != b && text(a, self.json) != text(b, self.json) {
            self.push(Some(a), Some(b));
        }
    }
}

/// A value as rows show it.
pub(super) fn text(value: &Value, json: JsonOptions) -> String {
    let mut text = Vec::new();
    value.emit(&mut JsonWriter::new(&mut text, json));
    // The writer makes nothing but JSON.
    String::from_utf8(text).unwrap_or_default()
}

/// A step to a field: its name where that can be told from other steps.
fn step(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '@');
    match !name.is_empty() && name.chars().all(is_plain) {
        true => name.to_owned(),
        false => format!("[{}]", Json::from(name)),
    }
}

/// A step to a value of a map.
fn key_step(key: &Value, json: JsonOptions) -> String {
    let shown = text(key, json);
    match serde_json::from_str(&shown) {
        Ok(Json::String(name)) => step(&name),
        _ => format!("{{{shown}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(v: i64) -> Value {
        Value::Long(v)
    }

    fn object(fields: &[(&str, Value)]) -> Value {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        Value::Object {
            class: None,
            fields: fields.collect(),
        }
    }

    fn map(entries: &[(Value, Value)]) -> Value {
        Value::Map(entries.to_vec())
    }

    fn string(text: &str) -> Value {
        Value::String(text.into())
    }

    fn found(a: &Value, b: &Value) -> Vec<String> {
        let mut comparison = Comparison::new(JsonOptions::default(), false);
        let (a, b) = (Decoded::One(a.clone()), Decoded::One(b.clone()));
        comparison.entries(&a, &b);
        assert_eq!(comparison.found.is_empty(), Comparison::same(&a, &b, false));
        let shown = comparison.found.iter();
        let text = |found: &PathDifference| {
            let mut out = Vec::new();
            found.write(&mut out);
            String::from_utf8(out).unwrap()
        };
        shown.map(text).collect()
    }

    #[test]
    fn paths_lead_to_what_differs() {
        let inner = |n| object(&[("n", long(n)), ("list", Value::List(vec![long(1), long(n)]))]);
        let cases = [
            (long(1), long(1), vec![]),
            (long(1), long(2), vec![r#"{"path":"","before":1,"after":2}"#]),
            (Value::Int(7), long(7), vec![]),
            (Value::Double(f64::NAN), Value::Double(f64::NAN), vec![]),
            (
                object(&[("a", inner(1)), ("gone", Value::Null)]),
                object(&[("new", long(3)), ("a", inner(2))]),
                vec![
                    r#"{"path":"a.n","before":1,"after":2}"#,
                    r#"{"path":"a.list[1]","before":1,"after":2}"#,
                    r#"{"path":"gone","before":null}"#,
                    r#"{"path":"new","after":3}"#,
                ],
            ),
            (
                map(&[(string("x"), long(1)), (string("a b"), long(2))]),
                map(&[(string("a b"), long(3)), (string("x"), long(1))]),
                vec![r#"{"path":"[\"a b\"]","before":2,"after":3}"#],
            ),
            (
                map(&[(long(1), object(&[("v", long(1))]))]),
                map(&[(long(1), object(&[("v", long(2))])), (long(2), Value::Null)]),
                vec![
                    r#"{"path":"{1}.v","before":1,"after":2}"#,
                    r#"{"path":"{2}","after":null}"#,
                ],
            ),
            (
                Value::Ttl(1000, Box::new(long(1))),
                Value::Ttl(2000, Box::new(long(2))),
                vec![
                    r#"{"path":"@expires_from","before":"1970-01-01T00:00:01Z","after":"1970-01-01T00:00:02Z"}"#,
                    r#"{"path":"","before":1,"after":2}"#,
                ],
            ),
            (
                Value::List(vec![long(1), long(2)]),
                Value::List(vec![long(1)]),
                vec![r#"{"path":"[1]","before":2}"#],
            ),
            (
                Value::Either(true, Box::new(long(1))),
                Value::Either(false, Box::new(long(1))),
                vec![r#"{"path":"","before":{"right":1},"after":{"left":1}}"#],
            ),
        ];
        for (a, b, expected) in cases {
            assert_eq!(found(&a, &b), expected);
        }
    }

    #[test]
    fn times_of_access_can_be_ignored() {
        let side = |time, value| Decoded::One(Value::Ttl(time, Box::new(long(value))));
        assert!(Comparison::same(&side(1, 5), &side(2, 5), true));
        assert!(!Comparison::same(&side(1, 5), &side(2, 5), false));
        assert!(!Comparison::same(&side(1, 5), &side(1, 6), true));
    }
}
