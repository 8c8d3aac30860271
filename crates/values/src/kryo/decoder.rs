//! The grammar of object graphs: classes, references, nulls.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use statetool_format::java::Graph;
use statetool_format::{Error, Fault, MAX_EMPTY_ELEMENTS, Reader, Result};

use super::config::{KryoConfig, KryoGeneration};
use super::input::Input;
use super::layout::{Layout, Primitive, StreamOf};
use super::registry;
use crate::java_value::Converter;
use crate::shape::{Id, Shape, Shapes};
use crate::value::Value;

/// How deeply the objects of a value may be nested.
///
/// Kryo recurses for each level as this decoder does, with several calls between two levels.
pub(super) const MAX_DEPTH: u32 = 200;

/// For how many elements room is made at once; collections in each other may all claim to
/// hold as many as there are bytes.
pub(super) const ROOM: usize = 64;

/// The decoder of one graph.
pub(super) struct Decoder<'c, 'r, 'a> {
    pub(super) config: &'c KryoConfig,
    pub(super) input: Input<'r, 'a>,
    pub(super) shapes: Shapes,
    /// Objects that can be referred to.
    slots: Vec<Id>,
    /// Classes whose names stood in the graph.
    names: Vec<Rc<Class>>,
    registered: HashMap<u32, Rc<Class>>,
    pub(super) streams: HashMap<StreamOf, (Graph, Converter)>,
    empty_elements: usize,
    depth: u32,
}

/// A class as it occurs in one graph.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) name: Rc<str>,
    pub(super) layout: Layout,
    /// Whether its objects can be referred to.
    references: bool,
    /// Whether it is one of Kryo's ids 0 to 8, each of a primitive and its wrapper.
    pub(super) shared_id: bool,
    /// The class of the elements of an array.
    pub(super) component: OnceCell<Rc<Class>>,
}

impl Class {
    /// Whether objects of this class have no marker of their own.
    pub(super) fn is_bare(&self) -> bool {
        !self.references
    }
}

impl<'c, 'r, 'a> Decoder<'c, 'r, 'a> {
    pub(super) fn new(config: &'c KryoConfig, r: &'r mut Reader<'a>) -> Self {
        Self {
            config,
            input: Input::new(r, config.generation()),
            shapes: Shapes::default(),
            slots: Vec::new(),
            names: Vec::new(),
            registered: HashMap::new(),
            streams: HashMap::new(),
            empty_elements: 0,
            depth: 0,
        }
    }

    pub(super) fn into_shapes(self) -> Shapes {
        self.shapes
    }

    pub(super) fn is_v5(&self) -> bool {
        self.config.generation() == KryoGeneration::V5
    }

    pub(super) fn offset(&self) -> u64 {
        self.input.r.offset()
    }

    /// A class, or null.
    pub(super) fn class(&mut self) -> Result<Option<Rc<Class>>> {
        const WHAT: &str = "Kryo class id";
        let at = self.offset();
        match self.input.varint(WHAT)? {
            0 => Ok(None),
            1 => self.named_class().map(Some),
            n => {
                let id = n.wrapping_sub(2) as u32;
                if let Some(class) = self.registered.get(&id) {
                    return Ok(Some(Rc::clone(class)));
                }
                let Some(name) = self.config.registered(id) else {
                    return Err(Error::new(
                        at,
                        WHAT,
                        Fault::Invalid(format!("id {id} is not registered")),
                    ));
                };
                let class = self.class_of_name(name);
                self.registered.insert(id, Rc::clone(&class));
                Ok(Some(class))
            }
        }
    }

    fn named_class(&mut self) -> Result<Rc<Class>> {
        const WHAT: &str = "Kryo class name";
        let at = self.offset();
        let index = self.input.varint(WHAT)? as u32 as usize;
        if let Some(class) = self.names.get(index) {
            return Ok(Rc::clone(class));
        }
        if index > self.names.len() {
            let why = format!("name {index} refers ahead, {} are known", self.names.len());
            return Err(Error::new(at, WHAT, Fault::Invalid(why)));
        }
        let name = self.input.some_string(WHAT)?;
        let class = self.class_of_name(&name.to_str());
        self.names.push(Rc::clone(&class));
        Ok(class)
    }

    /// A class by its name.
    pub(super) fn class_of_name(&self, name: &str) -> Rc<Class> {
        let layout = Layout::of(name, self.config);
        let primitive = match layout {
            Layout::Primitive(primitive) => primitive != Primitive::Void,
            _ => false,
        };
        let v5_enum = self.is_v5() && matches!(layout, Layout::Enum(_));
        Rc::new(Class {
            name: name.into(),
            layout,
            references: !primitive && !v5_enum,
            shared_id: registry::wrapper_of(name).is_some_and(|wrapper| wrapper != name),
            component: OnceCell::new(),
        })
    }

    /// A value that says its class.
    pub(super) fn class_and_object(&mut self) -> Result<Id> {
        match self.class()? {
            None => Ok(self.shapes.leaf(Value::Null)),
            Some(class) => self.object(&class),
        }
    }

    /// A value of a class that is known, not null.
    pub(super) fn object(&mut self, class: &Class) -> Result<Id> {
        if class.is_bare() {
            return self.new_object(class);
        }
        let at = self.offset();
        match self.input.varint("Kryo reference")? {
            0 => Err(Error::new(
                at,
                "Kryo reference",
                Fault::Invalid("null where an object must be".into()),
            )),
            1 => self.new_object(class),
            n => self.reference(at, n),
        }
    }

    /// A value of a class that is known, or null.
    pub(super) fn object_or_null(&mut self, class: &Class) -> Result<Id> {
        let at = self.offset();
        match self.input.varint("Kryo reference")? {
            0 => Ok(self.shapes.leaf(Value::Null)),
            1 => self.new_object(class),
            n => self.reference(at, n),
        }
    }

    fn reference(&mut self, at: u64, n: i32) -> Result<Id> {
        let slot = n.wrapping_sub(2) as u32;
        self.slots.get(slot as usize).copied().ok_or_else(|| {
            let why = format!("object {slot} is not one of the {} so far", self.slots.len());
            Error::new(at, "Kryo reference", Fault::Invalid(why))
        })
    }

    fn new_object(&mut self, class: &Class) -> Result<Id> {
        if self.depth == MAX_DEPTH {
            return Err(self.input.r.fault("Kryo object", Fault::TooDeep(MAX_DEPTH)));
        }
        let id = self.shapes.reserve(Rc::clone(&class.name));
        if class.references {
            self.slots.push(id);
        }
        self.depth += 1;
        let shape = self.body(class)?;
        self.depth -= 1;
        self.shapes.set(id, shape);
        Ok(id)
    }

    /// Counts elements that take no bytes at all.
    pub(super) fn empty_elements(&mut self, at: u64, count: usize) -> Result<()> {
        self.empty_elements = self.empty_elements.saturating_add(count);
        if self.empty_elements <= MAX_EMPTY_ELEMENTS {
            return Ok(());
        }
        let fault = Fault::TooLarge {
            got: self.empty_elements as u64,
            limit: MAX_EMPTY_ELEMENTS as u64,
        };
        Err(Error::new(at, "Kryo collection of nulls", fault))
    }

    /// Values that say their classes.
    pub(super) fn classes_and_objects(&mut self, count: usize) -> Result<Vec<Id>> {
        let mut items = Vec::with_capacity(count.min(ROOM));
        for _ in 0..count {
            items.push(self.class_and_object()?);
        }
        Ok(items)
    }

    /// An error at `at`, where `fault` was found in what was read there.
    pub(super) fn checked<T>(&self, at: u64, value: Result<T, Fault>) -> Result<T> {
        value.map_err(|fault| Error::new(at, "Kryo object", fault))
    }

    /// The next value of a Java object stream that all objects of `key` share.
    pub(super) fn java_stream(&mut self, key: &StreamOf) -> Result<Shape> {
        let (slot, (graph, converter)) = match self.streams.get_mut(key) {
            Some(stream) => (stream.0.read_next(self.input.r)?, stream),
            None => {
                let graph = Graph::read(self.input.r)?;
                let root = graph.root().slot();
                (
                    root,
                    self.streams
                        .entry(key.clone())
                        .or_insert((graph, Converter::default())),
                )
            }
        };
        Ok(Shape::Same(converter.convert(graph, slot, &mut self.shapes)))
    }
}
