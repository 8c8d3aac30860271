//! Arrays.

use std::rc::Rc;

use statetool_format::{Fault, Result};

use super::decoder::{Class, Decoder, ROOM};
use super::layout::Primitive;
use crate::shape::Shape;
use crate::value::Value;

const WHAT: &str = "Kryo array";

impl Decoder<'_, '_, '_> {
    pub(super) fn primitive_array(&mut self, primitive: Primitive) -> Result<Shape> {
        let Some(count) = self.input.count_or_none(primitive.smallest(), WHAT)? else {
            return Ok(Shape::Leaf(Value::Null));
        };
        if primitive == Primitive::Byte {
            return Ok(Shape::Leaf(Value::Bytes(
                self.input.r.take(count, WHAT)?.to_vec(),
            )));
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.primitive(primitive)?);
        }
        Ok(Shape::Leaf(Value::List(items)))
    }

    /// Elements of a final class do not repeat it.
    pub(super) fn object_array(
        &mut self,
        array: &Class,
        component: &str,
        is_final: Option<bool>,
    ) -> Result<Shape> {
        let Some(count) = self.input.count_or_none(1, WHAT)? else {
            return Ok(Shape::Leaf(Value::Null));
        };
        match is_final {
            Some(true) => {
                let class = Rc::clone(array.component.get_or_init(|| self.class_of_name(component)));
                let mut items = Vec::with_capacity(count.min(ROOM));
                for _ in 0..count {
                    items.push(self.object_or_null(&class)?);
                }
                Ok(Shape::List(items))
            }
            _ if count == 0 => Ok(Shape::List(Vec::new())),
            Some(false) => Ok(Shape::List(self.classes_and_objects(count)?)),
            None => Err(self
                .input
                .r
                .fault(WHAT, Fault::UnknownClass(component.to_owned()))),
        }
    }

    /// `Arrays.asList` in Kryo 2.24.
    pub(super) fn as_list(&mut self) -> Result<Shape> {
        let count = self.input.count(1, WHAT)?;
        self.class()?;
        Ok(Shape::List(self.classes_and_objects(count)?))
    }
}
