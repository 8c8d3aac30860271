//! A sink that builds a [`Value`].

use num_bigint::BigInt;
use statetool_format::{Reader, Result};

use crate::sink::Sink;
use crate::text::Text;
use crate::types::{FieldName, Type};
use crate::value::{LocalDate, Value};
use crate::walk::{Extent, Framing, walk};

/// A [`Sink`] that builds one [`Value`].
#[derive(Debug, Default)]
pub struct ValueBuilder {
    open: Vec<Open>,
    class: Option<String>,
    done: Option<Value>,
}

/// A container that has begun.
#[derive(Debug)]
enum Open {
    List(Vec<Value>),
    Tuple(Vec<Value>),
    Map(Vec<(Value, Value)>, Option<Value>),
    Object {
        class: Option<String>,
        fields: Vec<(String, Value)>,
        name: String,
    },
    Row {
        kind: u8,
        fields: Vec<Value>,
        names: Option<Vec<String>>,
    },
    Either(bool),
    Ttl(i64),
}

impl ValueBuilder {
    /// A builder.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value; null if none arrived.
    pub fn finish(self) -> Value {
        self.done.unwrap_or(Value::Null)
    }

    fn put(&mut self, value: Value) {
        self.class = None;
        let mut value = value;
        loop {
            match self.open.last_mut() {
                None => self.done = Some(value),
                Some(Open::List(items) | Open::Tuple(items)) => items.push(value),
                Some(Open::Row { fields, .. }) => fields.push(value),
                Some(Open::Object { fields, name, .. }) => fields.push((std::mem::take(name), value)),
                Some(Open::Map(entries, key)) => match key.take() {
                    Some(key) => entries.push((key, value)),
                    None => *key = Some(value),
                },
                Some(Open::Either(right)) => {
                    let right = *right;
                    self.done = Some(Value::Either(right, Box::new(value)));
                }
                // The wrapper ends with its value.
                Some(Open::Ttl(last_access)) => {
                    value = Value::Ttl(*last_access, Box::new(value));
                    self.open.pop();
                    continue;
                }
            }
            return;
        }
    }

    fn end(&mut self) {
        let value = match self.open.pop() {
            Some(Open::List(items)) => Value::List(items),
            Some(Open::Tuple(items)) => Value::Tuple(items),
            Some(Open::Map(entries, _)) => Value::Map(entries),
            Some(Open::Object { class, fields, .. }) => Value::Object { class, fields },
            Some(Open::Row { kind, fields, names }) => Value::Row { kind, fields, names },
            Some(Open::Either(_)) => self.done.take().unwrap_or(Value::Null),
            Some(Open::Ttl(last_access)) => Value::Ttl(last_access, Box::new(Value::Null)),
            None => return,
        };
        self.put(value);
    }
}

/// No more room than this is reserved on the word of a count.
const MAX_RESERVED: usize = 4096;

impl Sink for ValueBuilder {
    fn null(&mut self) {
        self.put(Value::Null);
    }
    fn boolean(&mut self, v: bool) {
        self.put(Value::Boolean(v));
    }
    fn byte(&mut self, v: i8) {
        self.put(Value::Byte(v));
    }
    fn short(&mut self, v: i16) {
        self.put(Value::Short(v));
    }
    fn char(&mut self, v: u16) {
        self.put(Value::Char(v));
    }
    fn int(&mut self, v: i32) {
        self.put(Value::Int(v));
    }
    fn long(&mut self, v: i64) {
        self.put(Value::Long(v));
    }
    fn float(&mut self, v: f32) {
        self.put(Value::Float(v));
    }
    fn double(&mut self, v: f64) {
        self.put(Value::Double(v));
    }
    fn string(&mut self, text: Text<'_>) {
        self.put(Value::String(text.to_java_str()));
    }
    fn bytes(&mut self, bytes: &[u8]) {
        self.put(Value::Bytes(bytes.to_vec()));
    }
    fn big_integer(&mut self, twos_complement: &[u8]) {
        self.put(Value::BigInteger(BigInt::from_signed_bytes_be(twos_complement)));
    }
    fn decimal(&mut self, unscaled: &[u8], scale: i32) {
        self.put(Value::Decimal {
            unscaled: BigInt::from_signed_bytes_be(unscaled),
            scale,
        });
    }
    fn instant(&mut self, seconds: i64, nanos: u32) {
        self.put(Value::Instant { seconds, nanos });
    }
    fn local_date(&mut self, date: LocalDate) {
        self.put(Value::LocalDate(date));
    }
    fn local_time(&mut self, nanos: u64) {
        self.put(Value::LocalTime(nanos));
    }
    fn local_date_time(&mut self, date: LocalDate, nanos: u64) {
        self.put(Value::LocalDateTime(date, nanos));
    }
    fn uuid(&mut self, v: u128) {
        self.put(Value::Uuid(v));
    }
    fn enum_constant(&mut self, index: i32, name: &str) {
        self.put(Value::Enum {
            index,
            name: name.to_owned(),
        });
    }
    fn window(&mut self, start: i64, end: i64) {
        self.put(Value::Window { start, end });
    }
    fn ttl(&mut self, last_access: i64) {
        self.open.push(Open::Ttl(last_access));
    }
    fn begin_list(&mut self, len: usize) {
        self.open
            .push(Open::List(Vec::with_capacity(len.min(MAX_RESERVED))));
    }
    fn end_list(&mut self) {
        self.end();
    }
    fn begin_tuple(&mut self, arity: usize) {
        self.open
            .push(Open::Tuple(Vec::with_capacity(arity.min(MAX_RESERVED))));
    }
    fn end_tuple(&mut self) {
        self.end();
    }
    fn begin_map(&mut self, len: usize, _: bool) {
        self.open
            .push(Open::Map(Vec::with_capacity(len.min(MAX_RESERVED)), None));
    }
    fn end_map(&mut self) {
        self.end();
    }
    fn subclass(&mut self, class: &str) {
        self.class = Some(class.to_owned());
    }
    fn begin_object(&mut self) {
        let class = self.class.take();
        self.open.push(Open::Object {
            class,
            fields: Vec::new(),
            name: String::new(),
        });
    }
    fn field_named(&mut self, field: &str) {
        match self.open.last_mut() {
            Some(Open::Object { name, .. }) => *name = field.to_owned(),
            Some(Open::Row {
                names: Some(names), ..
            }) => names.push(field.to_owned()),
            _ => {}
        }
    }
    fn field(&mut self, name: &FieldName) {
        self.field_named(name.as_str());
    }
    fn end_object(&mut self) {
        self.end();
    }
    fn begin_row(&mut self, kind: u8, named: bool) {
        self.open.push(Open::Row {
            kind,
            fields: Vec::new(),
            names: named.then(Vec::new),
        });
    }
    fn end_row(&mut self, _: u8, _: bool) {
        self.end();
    }
    fn begin_either(&mut self, right: bool) {
        self.open.push(Open::Either(right));
    }
    fn end_either(&mut self) {
        self.end();
    }
    fn opaque(&mut self, class: &str, bytes: &[u8]) {
        self.put(Value::Opaque {
            class: class.to_owned(),
            bytes: bytes.to_vec(),
        });
    }
    fn value(&mut self, value: Value) {
        self.put(value);
    }
}

impl Value {
    /// Decodes one value; leaves `r` behind it.
    ///
    /// # Errors
    /// As [`walk`].
    pub fn decode(ty: &Type, r: &mut Reader<'_>, framing: Framing) -> Result<(Self, Extent)> {
        let mut builder = ValueBuilder::new();
        let extent = walk(ty, r, framing, &mut builder)?;
        Ok((builder.finish(), extent))
    }
}
