//! Parts of a value that other frameworks wrote, or that nobody can interpret: they can come back
//! as they were, in the bytes that they had, but not otherwise.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use statetool_values::types::FieldName;
use statetool_values::{Plain, Sink, Value};

/// A part with bytes of its own.
#[derive(Debug)]
pub(super) struct Foreign {
    path: Vec<Step>,
    class: String,
    pub(super) bytes: Vec<u8>,
    /// What the bytes mean, if anybody knows.
    pub(super) value: Option<Value>,
}

/// One step into a value as scripts see it.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Name(String),
    Index(usize),
    /// Any element, or the value of any key: all of them are of one type.
    Any,
}

/// A [`Sink`] that collects the parts with bytes of their own, and where they are.
#[derive(Debug, Default)]
pub(super) struct Collector {
    path: Vec<Step>,
    /// How many steps each row, either and map takes.
    depths: Vec<usize>,
    pub(super) found: Vec<Foreign>,
}

impl Collector {
    fn begin(&mut self, steps: impl IntoIterator<Item = Step>) {
        let before = self.path.len();
        self.path.extend(steps);
        self.depths.push(self.path.len() - before);
    }

    fn end(&mut self) {
        let depth = self.depths.pop().unwrap_or_default();
        self.path.truncate(self.path.len().saturating_sub(depth));
    }

    fn step(&mut self, step: Step) {
        if let Some(last) = self.path.last_mut() {
            *last = step;
        }
    }
}

/// Where a tuple begins, before its first field.
const BEFORE_FIRST: usize = usize::MAX;

impl Sink for Collector {
    fn begin_list(&mut self, _: usize) {
        self.begin([Step::Any]);
    }
    fn end_list(&mut self) {
        self.end();
    }
    fn begin_tuple(&mut self, _: usize) {
        self.begin([Step::Index(BEFORE_FIRST)]);
    }
    fn end_tuple(&mut self) {
        self.end();
    }
    fn item(&mut self) {
        if let Some(Step::Index(index)) = self.path.last_mut() {
            *index = index.wrapping_add(1);
        }
    }
    fn begin_map(&mut self, _: usize, string_keys: bool) {
        match string_keys {
            true => self.begin([Step::Any]),
            false => self.begin([Step::Any, Step::Index(0)]),
        }
    }
    fn map_key(&mut self) {
        if let Some(Step::Index(index)) = self.path.last_mut() {
            *index = 0;
        }
    }
    fn map_value(&mut self) {
        self.item();
    }
    fn end_map(&mut self) {
        self.end();
    }
    fn begin_object(&mut self) {
        self.begin([Step::Any]);
    }
    fn field(&mut self, name: &FieldName) {
        self.field_named(name.as_str());
    }
    fn field_named(&mut self, name: &str) {
        self.step(Step::Name(name.to_owned()));
    }
    fn end_object(&mut self) {
        self.end();
    }
    fn begin_row(&mut self, kind: u8, named: bool) {
        let fields = (kind != 0 && !named).then(|| Step::Name("fields".to_owned()));
        self.begin(fields.into_iter().chain([Step::Index(BEFORE_FIRST)]));
    }
    fn end_row(&mut self, _: u8, _: bool) {
        self.end();
    }
    fn begin_either(&mut self, right: bool) {
        self.begin([Step::Name(if right { "right" } else { "left" }.to_owned())]);
    }
    fn end_either(&mut self) {
        self.end();
    }
    fn opaque(&mut self, class: &str, bytes: &[u8]) {
        self.found.push(Foreign {
            path: self.path.clone(),
            class: class.to_owned(),
            bytes: bytes.to_vec(),
            value: None,
        });
    }
    fn foreign(&mut self, class: &str, bytes: &[u8], value: Value) {
        self.found.push(Foreign {
            path: self.path.clone(),
            class: class.to_owned(),
            bytes: bytes.to_vec(),
            value: Some(value),
        });
    }
}

/// A part that scripts see in a form of which there is no way back.
pub(super) struct Known {
    pub(super) part: Foreign,
    /// The form.
    pub(super) seen: Plain,
}

/// Puts the bytes of known parts where a value has them as they were.
pub(super) fn restore(value: &mut Plain, known: &[Known]) {
    let candidates: Vec<_> = known
        .iter()
        .map(|known| (known.part.path.as_slice(), known))
        .collect();
    restore_at(value, &candidates);
}

fn restore_at(value: &mut Plain, candidates: &[(&[Step], &Known)]) {
    if candidates.is_empty() {
        return;
    }
    let here = candidates
        .iter()
        .find(|(path, known)| path.is_empty() && known.seen == *value);
    if let Some((_, known)) = here {
        let text = |text: &str| Plain::text(text.into());
        *value = Plain::object(vec![
            ("@opaque".to_owned(), text(&known.part.class)),
            ("@bytes".to_owned(), text(&STANDARD.encode(&known.part.bytes))),
        ]);
        return;
    }
    let inside = |step: &Step| -> Vec<(&[Step], &Known)> {
        let inside = candidates.iter().filter_map(|(path, known)| {
            let (first, rest) = path.split_first()?;
            (*first == Step::Any || first == step).then_some((rest, *known))
        });
        inside.collect()
    };
    match value {
        Plain::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                restore_at(item, &inside(&Step::Index(index)));
            }
        }
        Plain::Object(members) => {
            for (name, member) in members.iter_mut() {
                restore_at(member, &inside(&Step::Name(name.clone())));
            }
        }
        _ => {}
    }
}
