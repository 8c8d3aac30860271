//! Avro values as Flink's encoder writes them: numbers of fixed width, blocks of items.

use statetool_format::{Error, Fault, Reader, Result};

use super::{MAX_DEPTH, Walker};
use crate::avro::{AvroId, AvroNode, AvroType};
use crate::sink::Sink;
use crate::text::Text;
use crate::types::PrimitiveKind;

impl<S: Sink> Walker<'_, S> {
    pub(super) fn avro(&mut self, avro: &AvroType, id: AvroId, r: &mut Reader<'_>) -> Result<()> {
        match avro.node(id) {
            AvroNode::Null => self.sink.null(),
            AvroNode::Boolean => self.primitive(PrimitiveKind::Boolean, r)?,
            AvroNode::Int => self.primitive(PrimitiveKind::Int, r)?,
            AvroNode::Long => self.primitive(PrimitiveKind::Long, r)?,
            AvroNode::Float => self.primitive(PrimitiveKind::Float, r)?,
            AvroNode::Double => self.primitive(PrimitiveKind::Double, r)?,
            AvroNode::Bytes => self.sink.bytes(r.bytes("bytes")?),
            AvroNode::String => self.sink.string(Text::utf8(r.bytes("string")?)),
            AvroNode::Fixed(_, size) => self.sink.bytes(r.take(*size, "fixed")?),
            AvroNode::Enum(_, symbols) => {
                let at = r.offset();
                let index = r.i32("enum symbol")?;
                let symbol = usize::try_from(index).ok().and_then(|i| symbols.get(i));
                let symbol = symbol.ok_or_else(|| unknown(at, "enum symbol", index))?;
                self.sink.enum_constant(index, symbol);
            }
            _ => return self.avro_nested(avro, id, r),
        }
        Ok(())
    }

    fn avro_nested(&mut self, avro: &AvroType, id: AvroId, r: &mut Reader<'_>) -> Result<()> {
        if self.depth >= MAX_DEPTH {
            return Err(r.fault("Avro value", Fault::TooDeep(MAX_DEPTH)));
        }
        self.depth += 1;
        let before = r.offset();
        match avro.node(id) {
            AvroNode::Array(items) => self.avro_array(avro, *items, r)?,
            AvroNode::Map(values) => self.avro_map(avro, *values, r)?,
            AvroNode::Union(branches) => {
                let index = r.i32("union branch")?;
                let branch = usize::try_from(index).ok().and_then(|i| branches.get(i));
                let branch = branch.ok_or_else(|| unknown(before, "union branch", index))?;
                self.avro(avro, *branch, r)?;
            }
            AvroNode::Record(_, fields) => {
                self.sink.begin_object();
                for field in fields {
                    self.sink.field(&field.name);
                    self.avro(avro, field.schema, r)?;
                }
                self.sink.end_object();
                // Records of records without bytes can double with each level of nesting.
                self.count_empty(before, r)?;
            }
            _ => {}
        }
        self.depth -= 1;
        Ok(())
    }

    fn avro_array(&mut self, avro: &AvroType, items: AvroId, r: &mut Reader<'_>) -> Result<()> {
        self.sink.begin_list(0);
        while let Some(count) = block(r, avro.smallest_of(items))? {
            for _ in 0..count {
                let before = r.offset();
                self.sink.item();
                self.avro(avro, items, r)?;
                self.count_empty(before, r)?;
            }
        }
        self.sink.end_list();
        Ok(())
    }

    fn avro_map(&mut self, avro: &AvroType, values: AvroId, r: &mut Reader<'_>) -> Result<()> {
        self.sink.begin_map(0, true);
        while let Some(count) = block(r, avro.smallest_of(values).saturating_add(4))? {
            for _ in 0..count {
                self.sink.map_key();
                self.sink.string(Text::utf8(r.bytes("map key")?));
                self.sink.map_value();
                self.avro(avro, values, r)?;
                self.sink.end_entry();
            }
        }
        self.sink.end_map();
        Ok(())
    }
}

/// The number of items of the next block; `None` at the end.
fn block(r: &mut Reader<'_>, smallest: usize) -> Result<Option<u32>> {
    let at = r.offset();
    let count = r.varuint("number of items")?;
    let needed = u64::from(count).saturating_mul(smallest as u64);
    if needed > r.left() as u64 {
        return Err(Error::new(
            at,
            "number of items",
            Fault::Truncated {
                needed,
                left: r.left() as u64,
            },
        ));
    }
    Ok((count > 0).then_some(count))
}

fn unknown(at: u64, what: &'static str, got: i32) -> Error {
    Error::new(
        at,
        what,
        Fault::Unknown {
            got: got.into(),
            expected: "an index of the schema",
        },
    )
}
