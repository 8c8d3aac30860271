//! Values that may share parts or contain themselves, before they become a tree.

use std::rc::Rc;

use statetool_format::Fault;

use crate::value::Value;

/// How deeply the parts of a value may be nested; as deeply as the objects of a Java stream.
const MAX_DEPTH: u32 = 500;

/// Bytes that a tree may take besides a multiple of what it was read from: shared parts are
/// repeated in it, and a few of them could be made to double it over and over.
const FREE_BYTES: usize = 16 << 20;
const BYTES_PER_BYTE: usize = 64;

/// A part of a value, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id(u32);

/// What a part is made of.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// A value without parts of its own.
    Leaf(Value),
    List(Vec<Id>),
    Map(Vec<(Id, Id)>),
    Tuple(Vec<Id>),
    Object(Rc<str>, Vec<(Rc<str>, Id)>),
    Either(bool, Id),
    /// The same value as another part's.
    Same(Id),
}

/// The parts of one value.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    parts: Vec<(Rc<str>, Shape)>,
}

impl Shapes {
    /// A part of an object of `class`, of which the content is not known yet.
    pub(crate) fn reserve(&mut self, class: Rc<str>) -> Id {
        // Each part takes a byte of input, and inputs of more than 4 GiB do not exist.
        let id = Id(u32::try_from(self.parts.len()).unwrap_or(u32::MAX));
        self.parts.push((class, Shape::Leaf(Value::Null)));
        id
    }

    pub(crate) fn set(&mut self, id: Id, shape: Shape) {
        if let Some(part) = self.parts.get_mut(id.0 as usize) {
            part.1 = shape;
        }
    }

    pub(crate) fn get(&self, id: Id) -> Option<&Shape> {
        self.parts.get(id.0 as usize).map(|part| &part.1)
    }

    pub(crate) fn leaf(&mut self, value: Value) -> Id {
        let id = self.reserve("".into());
        self.set(id, Shape::Leaf(value));
        id
    }

    /// The value of a part, if that has no parts of its own.
    pub(crate) fn value(&self, id: Id) -> Option<&Value> {
        match self.get(id)? {
            Shape::Leaf(value) => Some(value),
            _ => None,
        }
    }

    /// The tree below `root`, which was read from `bytes` bytes.
    pub(crate) fn build(&self, root: Id, bytes: u64) -> Result<Value, Fault> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let limit = bytes.saturating_mul(BYTES_PER_BYTE).saturating_add(FREE_BYTES);
        Builder {
            shapes: self,
            open: vec![false; self.parts.len()],
            left: limit,
            limit,
            depth: 0,
        }
        .build(root)
    }
}

struct Builder<'s> {
    shapes: &'s Shapes,
    open: Vec<bool>,
    left: usize,
    limit: usize,
    depth: u32,
}

impl Builder<'_> {
    fn spend(&mut self, bytes: usize) -> Result<(), Fault> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Fault::TooLarge {
                got: self.limit as u64 + 1,
                limit: self.limit as u64,
            }),
        }
    }

    fn build(&mut self, id: Id) -> Result<Value, Fault> {
        let shapes = self.shapes;
        self.spend(size_of::<Value>())?;
        let Some((class, shape)) = shapes.parts.get(id.0 as usize) else {
            return Ok(Value::Null);
        };
        if let Shape::Leaf(value) = shape {
            self.spend(size_of_leaf(value))?;
            return Ok(value.clone());
        }
        if self.open.get(id.0 as usize) == Some(&true) {
            self.spend(class.len())?;
            return Ok(Value::String(
                format!("<reference to the enclosing {class}>").as_str().into(),
            ));
        }
        if self.depth == MAX_DEPTH {
            return Err(Fault::TooDeep(MAX_DEPTH));
        }
        self.depth += 1;
        self.mark(id, true);
        let value = self.container(shape);
        self.mark(id, false);
        self.depth -= 1;
        value
    }

    fn mark(&mut self, id: Id, open: bool) {
        if let Some(mark) = self.open.get_mut(id.0 as usize) {
            *mark = open;
        }
    }

    fn container(&mut self, shape: &Shape) -> Result<Value, Fault> {
        Ok(match shape {
            Shape::Leaf(value) => value.clone(),
            Shape::Same(id) => self.build(*id)?,
            Shape::List(items) => Value::List(self.items(items)?),
            Shape::Tuple(items) => Value::Tuple(self.items(items)?),
            Shape::Either(right, id) => Value::Either(*right, Box::new(self.build(*id)?)),
            Shape::Map(entries) => {
                let mut values = Vec::new();
                for (key, value) in entries {
                    values.push((self.build(*key)?, self.build(*value)?));
                }
                Value::Map(values)
            }
            Shape::Object(class, fields) => {
                self.spend(class.len())?;
                let mut values = Vec::new();
                for (name, value) in fields {
                    self.spend(name.len() + size_of::<String>())?;
                    values.push((name.to_string(), self.build(*value)?));
                }
                Value::Object {
                    class: Some(class.to_string()),
                    fields: values,
                }
            }
        })
    }

    fn items(&mut self, items: &[Id]) -> Result<Vec<Value>, Fault> {
        let mut values = Vec::new();
        for item in items {
            values.push(self.build(*item)?);
        }
        Ok(values)
    }
}

fn size_of_leaf(value: &Value) -> usize {
    match value {
        Value::String(text) => text.as_wtf8().len(),
        Value::Bytes(bytes) | Value::Opaque { bytes, .. } => bytes.len(),
        Value::BigInteger(digits) | Value::Decimal { unscaled: digits, .. } => digits.bits() as usize / 8,
        Value::List(items) => items.len().saturating_mul(size_of::<Value>()),
        Value::Enum { name, .. } => name.len(),
        Value::Object { class, fields } => {
            let fields = fields
                .iter()
                .map(|(name, value)| name.len() + size_of::<Value>() + size_of_leaf(value));
            class.as_ref().map_or(0, String::len) + fields.sum::<usize>()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_become_references_and_shared_parts_are_repeated() {
        let mut shapes = Shapes::default();
        let one = shapes.leaf(Value::Int(1));
        let list = shapes.reserve("L".into());
        shapes.set(list, Shape::List(vec![one, list, one]));
        let reference = Value::String("<reference to the enclosing L>".into());
        assert_eq!(
            shapes.build(list, 1),
            Ok(Value::List(vec![Value::Int(1), reference, Value::Int(1)]))
        );
    }

    #[test]
    fn doubling_and_depth_are_bounded() {
        for (depth, fault) in [
            (60, Fault::TooLarge { got: 0, limit: 0 }),
            (501, Fault::TooDeep(MAX_DEPTH)),
        ] {
            let mut shapes = Shapes::default();
            let mut id = shapes.leaf(Value::Null);
            for _ in 0..depth {
                let list = shapes.reserve("L".into());
                let width = if depth == 60 { 2 } else { 1 };
                shapes.set(list, Shape::List(vec![id; width]));
                id = list;
            }
            let error = shapes.build(id, 100).unwrap_err();
            assert_eq!(std::mem::discriminant(&error), std::mem::discriminant(&fault));
        }
    }
}
