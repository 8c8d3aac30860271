//! Collections and maps.

use std::rc::Rc;

use statetool_format::{Error, Fault, Result};

use super::decoder::{Class, Decoder, ROOM};
use super::layout::{Elements, Header};
use crate::shape::{Id, Shape};
use crate::value::Value;

const WHAT: &str = "Kryo collection";

impl Decoder<'_, '_, '_> {
    pub(super) fn collection(&mut self, header: Header, elements: Elements) -> Result<Shape> {
        match self.is_v5() {
            true => self.collection_v5(header, elements),
            false => {
                self.comparator(header)?;
                let count = self.input.count(1, WHAT)?;
                Ok(Shape::List(self.classes_and_objects(count)?))
            }
        }
    }

    fn comparator(&mut self, header: Header) -> Result<()> {
        match header {
            Header::Plain => Ok(()),
            Header::Comparator => self.class_and_object().map(drop),
        }
    }

    /// Kryo 5 looks whether all elements have the same class, and then writes it once.
    fn collection_v5(&mut self, header: Header, elements: Elements) -> Result<Shape> {
        let at = self.offset();
        let (same, n) = self.input.flag_varint(WHAT)?;
        let Some(count) = n.checked_sub(1).filter(|count| *count >= 0) else {
            return match n {
                0 => Ok(Shape::Leaf(Value::Null)),
                n => Err(Error::new(
                    at,
                    WHAT,
                    Fault::Range {
                        got: n.into(),
                        min: 0,
                        max: i32::MAX.into(),
                    },
                )),
            };
        };
        self.comparator(header)?;
        if count == 0 {
            return Ok(Shape::List(Vec::new()));
        }
        if same {
            return self.of_one_class(at, count, elements);
        }
        let count = self.input.checked(at, count, 1, WHAT)?;
        Ok(Shape::List(self.classes_and_objects(count)?))
    }

    fn of_one_class(&mut self, at: u64, count: i32, elements: Elements) -> Result<Shape> {
        let Some(class) = self.class()? else {
            let count = self.input.checked(at, count, 0, WHAT)?;
            self.empty_elements(at, count)?;
            let null = self.shapes.leaf(Value::Null);
            return Ok(Shape::List(vec![null; count]));
        };
        let nullable = elements == Elements::Nullable && self.input.bool(WHAT)?;
        let count = self.input.checked(at, count, 1, WHAT)?;
        self.of_class(&class, count, nullable)
    }

    fn of_class(&mut self, class: &Rc<Class>, count: usize, nullable: bool) -> Result<Shape> {
        let mut items: Vec<Id> = Vec::with_capacity(count.min(ROOM));
        for _ in 0..count {
            items.push(match nullable {
                true => self.object_or_null(class)?,
                false => self.object(class)?,
            });
        }
        Ok(Shape::List(items))
    }

    pub(super) fn map(&mut self, header: Header) -> Result<Shape> {
        const WHAT: &str = "Kryo map";
        let v5 = self.is_v5();
        if !v5 {
            self.comparator(header)?;
        }
        let count = match v5 {
            true => self.input.count_or_none(2, WHAT)?,
            false => Some(self.input.count(2, WHAT)?),
        };
        let Some(count) = count else {
            return Ok(Shape::Leaf(Value::Null));
        };
        if v5 {
            self.comparator(header)?;
        }
        let mut entries = Vec::with_capacity(count.min(ROOM));
        for _ in 0..count {
            entries.push((self.class_and_object()?, self.class_and_object()?));
        }
        Ok(Shape::Map(entries))
    }
}
