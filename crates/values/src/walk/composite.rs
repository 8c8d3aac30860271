//! Values of several fields: POJOs, tuples, rows, records, and wrappers.

use statetool_format::{Error, Fault, Reader, Result};

use super::{Framing, Walker};
use crate::mask::Mask;
use crate::sink::Sink;
use crate::types::{
    EitherKind, EitherType, FramedType, OptionalKind, OptionalType, PojoType, RecordType, RowType,
    TaggedType, TupleType,
};

/// The first byte of a POJO.
pub(crate) mod pojo_flags {
    /// Null.
    pub(crate) const NULL: u8 = 1;
    /// Exactly the declared class.
    pub(crate) const NO_SUBCLASS: u8 = 2;
    /// A subclass by name.
    pub(crate) const SUBCLASS: u8 = 4;
    /// A registered subclass by number.
    pub(crate) const TAGGED_SUBCLASS: u8 = 8;
}

impl<S: Sink> Walker<'_, S> {
    pub(super) fn pojo(&mut self, pojo: &PojoType, r: &mut Reader<'_>) -> Result<()> {
        let at = r.offset();
        match r.u8("POJO flags")? {
            pojo_flags::NO_SUBCLASS => self.pojo_fields(pojo, r),
            pojo_flags::NULL => {
                self.sink.null();
                Ok(())
            }
            pojo_flags::SUBCLASS => {
                let class = r.utf("subclass")?.to_str();
                self.sink.subclass(&class);
                match pojo.non_registered.iter().find(|(name, _)| *name == class) {
                    Some((_, ty)) => self.value(ty, r),
                    None => self.opaque(&class, r),
                }
            }
            pojo_flags::TAGGED_SUBCLASS => {
                let at = r.offset();
                let tag = r.u8("subclass tag")?;
                let Some((class, ty)) = pojo.registered.get(usize::from(tag)) else {
                    let fault = Fault::Unknown {
                        got: tag.into(),
                        expected: "the tag of a registered subclass",
                    };
                    return Err(Error::new(at, "subclass tag", fault));
                };
                self.sink.subclass(class);
                self.value(ty, r)
            }
            got => {
                let fault = Fault::Unknown {
                    got: got.into(),
                    expected: "1, 2, 4 or 8",
                };
                Err(Error::new(at, "POJO flags", fault))
            }
        }
    }

    fn pojo_fields(&mut self, pojo: &PojoType, r: &mut Reader<'_>) -> Result<()> {
        self.sink.begin_object();
        for field in &pojo.fields {
            if self.ended {
                break;
            }
            self.sink.field(&field.name);
            match r.bool("null flag of a POJO field")? {
                true => self.sink.null(),
                false => self.value(&field.ty, r)?,
            }
        }
        self.sink.end_object();
        Ok(())
    }

    pub(super) fn tuple(&mut self, tuple: &TupleType, r: &mut Reader<'_>) -> Result<()> {
        self.sink.begin_tuple(tuple.fields.len());
        for ty in &tuple.fields {
            if self.ended {
                break;
            }
            self.sink.item();
            self.value(ty, r)?;
        }
        self.sink.end_tuple();
        Ok(())
    }

    pub(super) fn record(&mut self, record: &RecordType, r: &mut Reader<'_>) -> Result<()> {
        self.sink.begin_object();
        for field in &record.fields {
            if self.ended {
                break;
            }
            self.sink.field(&field.name);
            self.value(&field.ty, r)?;
        }
        self.sink.end_object();
        Ok(())
    }

    pub(super) fn row(&mut self, row: &RowType, r: &mut Reader<'_>) -> Result<()> {
        let kind_bits = if row.with_kind { 2 } else { 0 };
        let mask = Mask(r.take((kind_bits + row.fields.len()).div_ceil(8), "null mask of a row")?);
        let kind = match row.with_kind {
            true => u8::from(mask.bit(0)) | u8::from(mask.bit(1)) << 1,
            false => 0,
        };
        self.sink.begin_row(kind, false);
        for (i, ty) in row.fields.iter().enumerate() {
            if self.ended {
                break;
            }
            self.sink.item();
            match mask.bit(kind_bits + i) {
                true => self.sink.null(),
                false => self.value(ty, r)?,
            }
        }
        self.sink.end_row(kind, false);
        Ok(())
    }

    pub(super) fn optional(&mut self, optional: &OptionalType, r: &mut Reader<'_>) -> Result<()> {
        let flag = r.bool("flag of an optional value")?;
        match optional.kind {
            OptionalKind::Nullable { padding } if flag => {
                r.take(padding, "padding of a null value")?;
            }
            OptionalKind::Nullable { .. } => return self.value(&optional.inner, r),
            OptionalKind::Option | OptionalKind::Present if flag => return self.value(&optional.inner, r),
            OptionalKind::Option | OptionalKind::Present => {}
        }
        self.sink.null();
        Ok(())
    }

    pub(super) fn either(&mut self, either: &EitherType, r: &mut Reader<'_>) -> Result<()> {
        let at = r.offset();
        let flag = r.u8("flag of an either")?;
        let right = match (either.kind, flag) {
            (EitherKind::Either, flag) => flag == 0,
            (EitherKind::Try, flag) => flag != 0,
            (EitherKind::Union, 1) => false,
            (EitherKind::Union, 2) => true,
            (EitherKind::Union, got) => {
                let fault = Fault::Unknown {
                    got: got.into(),
                    expected: "1 or 2",
                };
                return Err(Error::new(at, "side of a union", fault));
            }
        };
        self.sink.begin_either(right);
        self.value(if right { &either.right } else { &either.left }, r)?;
        self.sink.end_either();
        Ok(())
    }

    pub(super) fn tagged(&mut self, tagged: &TaggedType, r: &mut Reader<'_>) -> Result<()> {
        let at = r.offset();
        let tag = r.u8("tag")?;
        let Some((_, name, ty)) = tagged.cases.iter().find(|case| case.0 == tag) else {
            let fault = Fault::Unknown {
                got: tag.into(),
                expected: "the tag of a stream element",
            };
            return Err(Error::new(at, "tag", fault));
        };
        self.sink.begin_object();
        self.sink.field(name);
        self.value(ty, r)?;
        self.sink.end_object();
        Ok(())
    }

    /// A value in a frame of its own: whatever happens inside, what follows can be read.
    pub(super) fn framed(&mut self, framed: &FramedType, r: &mut Reader<'_>) -> Result<()> {
        let len = r.count(1, "length of a frame")?;
        let mut window = r.window(len, "frame")?;
        self.in_frame(&mut window, |walker, window| walker.value(&framed.inner, window))?;
        window.finish(framed.name)
    }

    pub(super) fn in_frame<'a>(
        &mut self,
        window: &mut Reader<'a>,
        body: impl FnOnce(&mut Self, &mut Reader<'a>) -> Result<()>,
    ) -> Result<()> {
        let outer = std::mem::replace(&mut self.framing, Framing::Framed);
        body(self, window)?;
        self.framing = outer;
        self.ended = false;
        Ok(())
    }
}
