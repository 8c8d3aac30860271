//! Where decoded values go: the events of one decoder.

use crate::text::Text;
use crate::types::FieldName;
use crate::value::{LocalDate, Value};

/// A receiver of the events that [`walk`](crate::walk) makes of a value.
///
/// Exactly one value arrives: one call of a scalar method, or a `begin_…`, its content, and
/// the matching `end_…`. All methods do nothing unless overridden. Begun containers are ended
/// even where what follows could not be interpreted; only after an error they are not.
#[allow(unused_variables, reason = "names document the parameters")]
pub trait Sink {
    /// Null, and types with one value.
    fn null(&mut self) {}
    /// A boolean.
    fn boolean(&mut self, v: bool) {}
    /// A `byte`.
    fn byte(&mut self, v: i8) {}
    /// A `short`.
    fn short(&mut self, v: i16) {}
    /// A `char`: one UTF-16 code unit.
    fn char(&mut self, v: u16) {}
    /// An `int`.
    fn int(&mut self, v: i32) {}
    /// A `long`.
    fn long(&mut self, v: i64) {}
    /// A `float`.
    fn float(&mut self, v: f32) {}
    /// A `double`.
    fn double(&mut self, v: f64) {}
    /// A string.
    fn string(&mut self, text: Text<'_>) {}
    /// Bytes.
    fn bytes(&mut self, bytes: &[u8]) {}
    /// An integer of any size: two's complement, big-endian, at least one byte.
    fn big_integer(&mut self, twos_complement: &[u8]) {}
    /// `unscaled * 10^-scale`, the digits as in [`Sink::big_integer`].
    fn decimal(&mut self, unscaled: &[u8], scale: i32) {}
    /// A moment: epoch seconds and nanoseconds.
    fn instant(&mut self, seconds: i64, nanos: u32) {}
    /// A date without a zone.
    fn local_date(&mut self, date: LocalDate) {}
    /// A time of day in nanoseconds since midnight.
    fn local_time(&mut self, nanos: u64) {}
    /// A date and a time of day.
    fn local_date_time(&mut self, date: LocalDate, nanos: u64) {}
    /// A UUID.
    fn uuid(&mut self, v: u128) {}
    /// A constant of an enum.
    fn enum_constant(&mut self, index: i32, name: &str) {}
    /// A time window in epoch milliseconds, end exclusive.
    fn window(&mut self, start: i64, end: i64) {}
    /// The time stamp of a TTL wrapper in epoch milliseconds; the wrapped value follows.
    fn ttl(&mut self, last_access: i64) {}

    /// A list, set or array begins; [`Sink::item`] comes before each element.
    fn begin_list(&mut self, len: usize) {}
    /// A list has ended.
    fn end_list(&mut self) {}
    /// A tuple begins; [`Sink::item`] comes before each field.
    fn begin_tuple(&mut self, arity: usize) {}
    /// A tuple has ended.
    fn end_tuple(&mut self) {}
    /// An element of a list or a field by position follows.
    fn item(&mut self) {}

    /// A map begins. `string_keys` says that keys are strings by their type.
    fn begin_map(&mut self, len: usize, string_keys: bool) {}
    /// A key of a map follows.
    fn map_key(&mut self) {}
    /// The value of the key before follows.
    fn map_value(&mut self) {}
    /// The value of a map entry has ended.
    fn end_entry(&mut self) {}
    /// A map has ended.
    fn end_map(&mut self) {}

    /// The class of the value that follows is not the declared one.
    fn subclass(&mut self, class: &str) {}
    /// A value with named fields begins; [`Sink::field`] comes before each.
    fn begin_object(&mut self) {}
    /// A field follows.
    fn field(&mut self, name: &FieldName) {
        self.field_named(name.as_str());
    }
    /// A field follows whose name is not part of the type.
    fn field_named(&mut self, name: &str) {}
    /// A value with named fields has ended.
    fn end_object(&mut self) {}

    /// A `Row` or `RowData` begins: its kind, and whether [`Sink::field`] or [`Sink::item`]
    /// comes before each field.
    fn begin_row(&mut self, kind: u8, named: bool) {}
    /// A row has ended.
    fn end_row(&mut self, kind: u8, named: bool) {}
    /// The left or right side of an `Either` follows.
    fn begin_either(&mut self, right: bool) {}
    /// An `Either` has ended.
    fn end_either(&mut self) {}

    /// Bytes that nobody here can interpret, and the class that could.
    fn opaque(&mut self, class: &str, bytes: &[u8]) {}
    /// A value in the bytes of another framework, of which there is no way back: its declared
    /// class, the bytes, and what they mean.
    fn foreign(&mut self, class: &str, bytes: &[u8], value: Value)
    where
        Self: Sized,
    {
        let _ = (class, bytes);
        self.value(value);
    }
    /// A value that was decoded before (by Kryo, Java serialization or Protobuf).
    fn value(&mut self, value: Value)
    where
        Self: Sized,
    {
        value.emit(self);
    }
}

/// A sink that drops everything: for finding out where values end, and whether they are sound.
#[derive(Debug, Clone, Copy, Default)]
pub struct Skip;

impl Sink for Skip {
    fn field(&mut self, _: &FieldName) {}
    fn value(&mut self, _: Value) {}
}
