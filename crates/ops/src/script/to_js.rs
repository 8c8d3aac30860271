//! Values of entries become values of the engine.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rquickjs::object::Property;
use rquickjs::{Array, Atom, BigInt, Ctx, Error as JsError, Object, Result, String as JsString, Value};
use statetool_values::types::FieldName;
use statetool_values::{JsonOptions, JsonWriter, LocalDate, Sink, Text, row_kind};

use super::engine::Helpers;

/// The largest number below which every whole number has a double of its own.
const MAX_SAFE: u64 = (1 << 53) - 1;

/// A [`Sink`] that makes a value of the engine, in the form that rows show as JSON.
///
/// Numbers that JSON has no words for are numbers; longs that no double holds exactly are
/// BigInts. Wrappers of TTL do not appear.
pub(super) struct JsBuilder<'js, 'h> {
    ctx: Ctx<'js>,
    helpers: &'h Helpers,
    open: Vec<Open<'js>>,
    class: Option<String>,
    done: Option<Value<'js>>,
    failed: Option<JsError>,
    /// Whether a string was no text, so that the bytes do not follow from the value.
    is_lossy: bool,
}

/// A container that has begun.
enum Open<'js> {
    List(Array<'js>, usize),
    Object(Object<'js>, Option<Atom<'js>>),
    Map {
        pairs: Vec<(Value<'js>, Value<'js>)>,
        key: Option<Value<'js>>,
        string_keys: bool,
    },
}

impl<'js, 'h> JsBuilder<'js, 'h> {
    pub(super) fn new(ctx: &Ctx<'js>, helpers: &'h Helpers) -> Self {
        Self {
            ctx: ctx.clone(),
            helpers,
            open: Vec::new(),
            class: None,
            done: None,
            failed: None,
            is_lossy: false,
        }
    }

    /// The value, and whether some of its bytes do not follow from it; null if none arrived.
    pub(super) fn finish(self) -> Result<(Value<'js>, bool)> {
        match (self.failed, self.done) {
            (Some(error), _) => Err(error),
            (None, Some(value)) => Ok((value, self.is_lossy)),
            (None, None) => Ok((Value::new_null(self.ctx), self.is_lossy)),
        }
    }

    /// Puts what `make` makes into the innermost container.
    fn put(&mut self, make: impl FnOnce(&Ctx<'js>) -> Result<Value<'js>>) {
        // Only objects can show the class.
        self.class = None;
        if self.failed.is_some() {
            return;
        }
        let value = make(&self.ctx);
        if let Err(error) = value.and_then(|value| self.place(value)) {
            self.failed = Some(error);
        }
    }

    fn place(&mut self, value: Value<'js>) -> Result<()> {
        match self.open.last_mut() {
            None => self.done = Some(value),
            Some(Open::List(array, len)) => {
                array.set(*len, value)?;
                *len += 1;
            }
            Some(Open::Object(object, name)) => {
                if let Some(name) = name.take() {
                    define(object, name, value)?;
                }
            }
            Some(Open::Map { pairs, key, .. }) => match key.take() {
                Some(key) => pairs.push((key, value)),
                None => *key = Some(value),
            },
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.put(|ctx| Ok(JsString::from_str(ctx.clone(), text)?.into_value()));
    }

    /// A string of code units, which may hold lone surrogates.
    fn units(&mut self, units: impl Iterator<Item = u16>) {
        let helpers = self.helpers;
        self.put(|ctx| {
            let units: Vec<u16> = units.collect();
            helpers.text.clone().restore(ctx)?.call((units,))
        });
    }

    /// What JSON shows as a string, as that string.
    fn shown(&mut self, write: impl FnOnce(&mut JsonWriter<'_>)) {
        let mut json = Vec::new();
        write(&mut JsonWriter::new(&mut json, JsonOptions::default()));
        // Numbers and times need no escapes.
        let text = String::from_utf8_lossy(&json);
        self.text(text.trim_matches('"'));
    }

    fn begin(&mut self, make: impl FnOnce(&Ctx<'js>) -> Result<Open<'js>>) {
        match make(&self.ctx) {
            Ok(open) => self.open.push(open),
            // Whatever follows belongs to something.
            Err(error) => {
                self.open.push(Open::Map {
                    pairs: Vec::new(),
                    key: None,
                    string_keys: false,
                });
                self.failed.get_or_insert(error);
            }
        }
    }

    fn end(&mut self) {
        match self.open.pop() {
            None => {}
            Some(Open::List(array, _)) => self.put(|_| Ok(array.into_value())),
            Some(Open::Object(object, _)) => self.put(|_| Ok(object.into_value())),
            Some(Open::Map {
                pairs, string_keys, ..
            }) => self.put(|ctx| map(ctx, pairs, string_keys)),
        }
    }

    /// Begins an object with a member of text, if there is one, and perhaps the name of the next.
    fn begin_object_with(&mut self, member: Option<(&str, &str)>, next: Option<&str>) {
        self.begin(|ctx| {
            let object = Object::new(ctx.clone())?;
            if let Some((name, text)) = member {
                object.set(name, text)?;
            }
            let next = next.map(|name| Atom::from_str(ctx.clone(), name)).transpose()?;
            Ok(Open::Object(object, next))
        });
    }
}

/// Adds a member, whatever its name means to objects.
fn define<'js>(object: &Object<'js>, name: Atom<'js>, value: Value<'js>) -> Result<()> {
    let property = Property::from(value).writable().enumerable().configurable();
    object.prop(name, property)
}

/// A map as an object if all its keys are strings, else as pairs.
fn map<'js>(ctx: &Ctx<'js>, pairs: Vec<(Value<'js>, Value<'js>)>, string_keys: bool) -> Result<Value<'js>> {
    if string_keys && pairs.iter().all(|(key, _)| key.is_string()) {
        let object = Object::new(ctx.clone())?;
        for (key, value) in pairs {
            define(&object, Atom::from_value(ctx.clone(), &key)?, value)?;
        }
        return Ok(object.into_value());
    }
    let array = Array::new(ctx.clone())?;
    for (index, (key, value)) in pairs.into_iter().enumerate() {
        let pair = Array::new(ctx.clone())?;
        pair.set(0, key)?;
        pair.set(1, value)?;
        array.set(index, pair)?;
    }
    Ok(array.into_value())
}

/// A long: a number if that is exact, else a BigInt.
pub(super) fn long<'js>(ctx: &Ctx<'js>, v: i64) -> Result<Value<'js>> {
    match i32::try_from(v) {
        Ok(v) => Ok(Value::new_int(ctx.clone(), v)),
        Err(_) if v.unsigned_abs() <= MAX_SAFE => Ok(Value::new_float(ctx.clone(), v as f64)),
        Err(_) => Ok(BigInt::from_i64(ctx.clone(), v)?.into_value()),
    }
}

impl Sink for JsBuilder<'_, '_> {
    fn null(&mut self) {
        self.put(|ctx| Ok(Value::new_null(ctx.clone())));
    }
    fn boolean(&mut self, v: bool) {
        self.put(|ctx| Ok(Value::new_bool(ctx.clone(), v)));
    }
    fn byte(&mut self, v: i8) {
        self.int(v.into());
    }
    fn short(&mut self, v: i16) {
        self.int(v.into());
    }
    fn char(&mut self, v: u16) {
        match char::from_u32(v.into()) {
            Some(c) => self.text(c.encode_utf8(&mut [0; 4])),
            None => self.units(std::iter::once(v)),
        }
    }
    fn int(&mut self, v: i32) {
        self.put(|ctx| Ok(Value::new_int(ctx.clone(), v)));
    }
    fn long(&mut self, v: i64) {
        self.put(|ctx| long(ctx, v));
    }
    fn float(&mut self, v: f32) {
        // As rows show it: 0.1, not the double nearest to the float nearest to it.
        let shown = v.to_string().parse().ok().filter(|_| v.is_finite());
        self.double(shown.unwrap_or_else(|| v.into()));
    }
    fn double(&mut self, v: f64) {
        self.put(|ctx| Ok(Value::new_float(ctx.clone(), v)));
    }
    fn string(&mut self, text: Text<'_>) {
        if let Text::Ascii(bytes) = text
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            return self.text(text);
        }
        let java = text.to_java_str();
        match (std::str::from_utf8(java.as_wtf8()), text) {
            (Ok(text), _) => self.text(text),
            (Err(_), Text::Utf8(_)) => {
                self.is_lossy = true;
                self.text(&text.to_str());
            }
            (Err(_), _) => self.units(java.units()),
        }
    }
    fn bytes(&mut self, bytes: &[u8]) {
        self.begin_object_with(None, Some("@bytes"));
        self.text(&STANDARD.encode(bytes));
        self.end();
    }
    fn big_integer(&mut self, twos_complement: &[u8]) {
        self.shown(|json| json.big_integer(twos_complement));
    }
    fn decimal(&mut self, unscaled: &[u8], scale: i32) {
        self.shown(|json| json.decimal(unscaled, scale));
    }
    fn instant(&mut self, seconds: i64, nanos: u32) {
        self.shown(|json| json.instant(seconds, nanos));
    }
    fn local_date(&mut self, date: LocalDate) {
        self.shown(|json| json.local_date(date));
    }
    fn local_time(&mut self, nanos: u64) {
        self.shown(|json| json.local_time(nanos));
    }
    fn local_date_time(&mut self, date: LocalDate, nanos: u64) {
        self.shown(|json| json.local_date_time(date, nanos));
    }
    fn uuid(&mut self, v: u128) {
        self.shown(|json| json.uuid(v));
    }
    fn enum_constant(&mut self, _: i32, name: &str) {
        self.text(name);
    }
    fn window(&mut self, start: i64, end: i64) {
        self.begin_object_with(None, Some("start"));
        self.long(start);
        self.field_named("end");
        self.long(end);
        self.end();
    }

    fn begin_list(&mut self, _: usize) {
        self.class = None;
        self.begin(|ctx| Ok(Open::List(Array::new(ctx.clone())?, 0)));
    }
    fn end_list(&mut self) {
        self.end();
    }
    fn begin_tuple(&mut self, arity: usize) {
        self.begin_list(arity);
    }
    fn end_tuple(&mut self) {
        self.end();
    }
    fn begin_map(&mut self, _: usize, string_keys: bool) {
        self.class = None;
        self.begin(|_| {
            Ok(Open::Map {
                pairs: Vec::new(),
                key: None,
                string_keys,
            })
        });
    }
    fn end_map(&mut self) {
        self.end();
    }

    fn subclass(&mut self, class: &str) {
        self.class = Some(class.to_owned());
    }
    fn begin_object(&mut self) {
        let class = self.class.take();
        self.begin_object_with(class.as_deref().map(|class| ("@class", class)), None);
    }
    fn field(&mut self, name: &FieldName) {
        self.field_named(name.as_str());
    }
    fn field_named(&mut self, field: &str) {
        if let Some(Open::Object(_, name)) = self.open.last_mut() {
            match Atom::from_str(self.ctx.clone(), field) {
                Ok(atom) => *name = Some(atom),
                Err(error) => self.failed = Some(error),
            }
        }
    }
    fn end_object(&mut self) {
        self.end();
    }

    fn begin_row(&mut self, kind: u8, named: bool) {
        self.class = None;
        let kind = (kind != 0).then(|| ("@kind", row_kind(kind)));
        if named || kind.is_some() {
            self.begin_object_with(kind, (!named).then_some("fields"));
        }
        if !named {
            self.begin_list(0);
        }
    }
    fn end_row(&mut self, kind: u8, named: bool) {
        self.end();
        if kind != 0 && !named {
            self.end();
        }
    }
    fn begin_either(&mut self, right: bool) {
        self.class = None;
        self.begin_object_with(None, Some(if right { "right" } else { "left" }));
    }
    fn end_either(&mut self) {
        self.end();
    }

    fn opaque(&mut self, class: &str, bytes: &[u8]) {
        self.begin_object_with(Some(("@opaque", class)), Some("@bytes"));
        self.text(&STANDARD.encode(bytes));
        self.end();
    }
}
