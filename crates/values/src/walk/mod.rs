//! The decoder: walks the bytes of a value along its type and tells a [`Sink`] what is there.

mod avro;
mod binary;
mod collection;
mod composite;
mod opaque;
mod scalar;
mod variant;

pub(crate) use composite::pojo_flags;

use statetool_format::{Fault, MAX_EMPTY_ELEMENTS, Reader, Result};

use crate::sink::Sink;
use crate::types::Type;

/// How deep values may nest.
pub const MAX_DEPTH: u32 = 200;

/// Whether the value is all that is left in the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// The value ends where the reader ends: values of RocksDB and of canonical savepoints.
    /// What cannot be interpreted is handed to [`Sink::opaque`], up to the end.
    Framed,
    /// Something else may follow: heap streams, and keys with a namespace behind them. What
    /// cannot be interpreted is an error, because nobody knows where it ends.
    Unframed,
}

/// How a value ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Extent {
    /// Where its bytes say.
    Exact,
    /// With the frame: the last part could not be interpreted.
    Rest,
}

/// Decodes one value of type `ty` and tells `sink` what it is; the only decoder there is.
///
/// Leaves `r` behind the value. With [`Framing::Framed`] bytes left over after a value that
/// was understood are not consumed; the caller decides whether that is an error.
///
/// # Errors
/// Bytes that are no such value; with [`Framing::Unframed`] also
/// [`Fault::UnknownClass`] where the extent of a part is not known. What `sink` got
/// before an error is incomplete.
pub fn walk<S: Sink>(ty: &Type, r: &mut Reader<'_>, framing: Framing, sink: &mut S) -> Result<Extent> {
    let mut walker = Walker {
        sink,
        framing,
        depth: 0,
        empty: 0,
        ended: false,
    };
    walker.value(ty, r)?;
    Ok(if walker.ended { Extent::Rest } else { Extent::Exact })
}

struct Walker<'s, S> {
    sink: &'s mut S,
    framing: Framing,
    depth: u32,
    /// Elements met so far that took no bytes.
    empty: usize,
    /// Whether something took the rest of the frame; nothing can follow then.
    ended: bool,
}

impl<S: Sink> Walker<'_, S> {
    #[inline]
    fn value(&mut self, ty: &Type, r: &mut Reader<'_>) -> Result<()> {
        match ty {
            Type::Primitive(primitive) => self.primitive(primitive.kind, r),
            Type::String(layout) => self.string(*layout, r),
            Type::Time(layout) => self.time(*layout, r),
            Type::Constant(constant) => self.constant(*constant, r),
            Type::Enum(e) => self.enum_constant(e, r),
            Type::Bytes(_) => {
                let bytes = r.bytes("bytes")?;
                self.sink.bytes(bytes);
                Ok(())
            }
            _ => self.nested(ty, r),
        }
    }

    fn nested(&mut self, ty: &Type, r: &mut Reader<'_>) -> Result<()> {
        if self.depth >= MAX_DEPTH {
            return Err(r.fault("value", Fault::TooDeep(MAX_DEPTH)));
        }
        self.depth += 1;
        self.by_family(ty, r)?;
        self.depth -= 1;
        Ok(())
    }

    fn by_family(&mut self, ty: &Type, r: &mut Reader<'_>) -> Result<()> {
        match ty {
            Type::Pojo(pojo) => self.pojo(pojo, r),
            Type::Tuple(tuple) => self.tuple(tuple, r),
            Type::Record(record) => self.record(record, r),
            Type::Row(row) => self.row(row, r),
            Type::List(list) => self.list(list, r),
            Type::Map(map) => self.map(map, r),
            Type::Optional(optional) => self.optional(optional, r),
            Type::Either(either) => self.either(either, r),
            Type::Tagged(tagged) => self.tagged(tagged, r),
            Type::Framed(framed) => self.framed(framed, r),
            Type::Ttl(inner) => {
                let last_access = r.i64("TTL time stamp")?;
                self.sink.ttl(last_access);
                self.value(inner, r)
            }
            Type::Avro(avro) => self.avro(avro, avro.root(), r),
            Type::Kryo(kryo) => self.kryo(kryo, r),
            Type::JavaObject => self.java_object(r),
            Type::Protobuf(protobuf) => self.protobuf(protobuf, r),
            Type::RowData(_) | Type::BinaryRow { .. } | Type::ArrayData(_) | Type::MapData(_) => {
                self.table(ty, r)
            }
            Type::Opaque(opaque) => self.opaque_type(opaque, r),
            _ => self.scalar(ty, r),
        }
    }

    /// Counts an element that took no bytes, which nothing but this count bounds.
    #[inline]
    fn count_empty(&mut self, before: u64, r: &Reader<'_>) -> Result<()> {
        if r.offset() > before {
            return Ok(());
        }
        self.empty += 1;
        if self.empty > MAX_EMPTY_ELEMENTS {
            let fault = Fault::TooLarge {
                got: self.empty as u64,
                limit: MAX_EMPTY_ELEMENTS as u64,
            };
            return Err(r.fault("elements without bytes", fault));
        }
        Ok(())
    }
}
