//! A value that exists already, played to a sink.

use crate::sink::Sink;
use crate::text::Text;
use crate::value::Value;

impl Value {
    /// Plays the value to a sink as the events it would have been decoded to.
    pub fn emit<S: Sink>(&self, sink: &mut S) {
        match self {
            Self::Null => sink.null(),
            Self::Boolean(v) => sink.boolean(*v),
            Self::Byte(v) => sink.byte(*v),
            Self::Short(v) => sink.short(*v),
            Self::Char(v) => sink.char(*v),
            Self::Int(v) => sink.int(*v),
            Self::Long(v) => sink.long(*v),
            Self::Float(v) => sink.float(*v),
            Self::Double(v) => sink.double(*v),
            Self::String(text) => sink.string(Text::Decoded(text)),
            Self::Bytes(bytes) => sink.bytes(bytes),
            Self::BigInteger(v) => sink.big_integer(&v.to_signed_bytes_be()),
            Self::Decimal { unscaled, scale } => sink.decimal(&unscaled.to_signed_bytes_be(), *scale),
            Self::Instant { seconds, nanos } => sink.instant(*seconds, *nanos),
            Self::LocalDate(date) => sink.local_date(*date),
            Self::LocalTime(nanos) => sink.local_time(*nanos),
            Self::LocalDateTime(date, nanos) => sink.local_date_time(*date, *nanos),
            Self::Uuid(v) => sink.uuid(*v),
            Self::Enum { index, name } => sink.enum_constant(*index, name),
            Self::Window { start, end } => sink.window(*start, *end),
            Self::Opaque { class, bytes } => sink.opaque(class, bytes),
            Self::Ttl(last_access, value) => {
                sink.ttl(*last_access);
                value.emit(sink);
            }
            Self::Either(right, value) => {
                sink.begin_either(*right);
                value.emit(sink);
                sink.end_either();
            }
            _ => self.emit_container(sink),
        }
    }

    fn emit_container<S: Sink>(&self, sink: &mut S) {
        match self {
            Self::List(items) => {
                sink.begin_list(items.len());
                emit_items(items, sink);
                sink.end_list();
            }
            Self::Tuple(items) => {
                sink.begin_tuple(items.len());
                emit_items(items, sink);
                sink.end_tuple();
            }
            Self::Map(entries) => {
                let string_keys = entries.iter().all(|(key, _)| matches!(key, Self::String(_)));
                sink.begin_map(entries.len(), string_keys);
                for (key, value) in entries {
                    sink.map_key();
                    key.emit(sink);
                    sink.map_value();
                    value.emit(sink);
                    sink.end_entry();
                }
                sink.end_map();
            }
            Self::Object { class, fields } => {
                if let Some(class) = class {
                    sink.subclass(class);
                }
                sink.begin_object();
                for (name, value) in fields {
                    sink.field_named(name);
                    value.emit(sink);
                }
                sink.end_object();
            }
            Self::Row { kind, fields, names } => emit_row(*kind, fields, names.as_deref(), sink),
            _ => {}
        }
    }
}

fn emit_items<S: Sink>(items: &[Value], sink: &mut S) {
    for item in items {
        sink.item();
        item.emit(sink);
    }
}

fn emit_row<S: Sink>(kind: u8, fields: &[Value], names: Option<&[String]>, sink: &mut S) {
    sink.begin_row(kind, names.is_some());
    match names {
        Some(names) => {
            for (name, value) in names.iter().zip(fields) {
                sink.field_named(name);
                value.emit(sink);
            }
        }
        None => emit_items(fields, sink),
    }
    sink.end_row(kind, names.is_some());
}
