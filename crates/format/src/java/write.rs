//! Making graphs, and writing them as `ObjectOutputStream` would.

use std::collections::HashMap;

use super::codes::*;
use super::graph::{ClassDesc, ClassId, Field, FieldType, Graph, Items, Level, Node, NodeId, Slot};
use crate::encode::{Encode, Put};
use crate::text::{JavaString, push_unit};

impl Graph {
    /// A graph of nothing but a null.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes `root` the object of the stream.
    pub fn set_root(&mut self, root: Slot) {
        self.root = root;
    }

    /// Adds a string.
    pub fn add_string(&mut self, text: &str) -> NodeId {
        self.add(Node::String(text.encode_utf16().collect()))
    }

    /// Adds a class descriptor.
    pub fn add_class(
        &mut self,
        name: JavaString,
        uid: i64,
        flags: u8,
        fields: Vec<Field>,
        superclass: Option<ClassId>,
    ) -> ClassId {
        let mut class = ClassDesc::begin(name, uid);
        class.flags = flags;
        class.fields = fields;
        class.superclass = superclass;
        self.push_class(class)
    }

    /// Adds an object of a class without `writeObject` methods, with the fields of that class.
    pub fn add_object(&mut self, class: ClassId, fields: Vec<Slot>) -> NodeId {
        let level = Level {
            class,
            fields,
            annotation: Vec::new(),
        };
        self.add(Node::Object {
            class,
            levels: vec![level],
        })
    }

    /// Adds a constant of an enum.
    pub fn add_enum(&mut self, class: ClassId, constant: NodeId) -> NodeId {
        self.add(Node::Enum { class, constant })
    }
}

impl Encode for Graph {
    /// Writes the root as a stream of its own. What a stream says comes out with the bytes it
    /// had if Java wrote it and it has one object and no resets.
    fn encode(&self, out: &mut Vec<u8>) {
        out.put(&MAGIC.to_be_bytes());
        Writer {
            graph: self,
            out,
            nodes: HashMap::new(),
            classes: HashMap::new(),
        }
        .slot(self.root);
    }
}

struct Writer<'g, 'o> {
    graph: &'g Graph,
    out: &'o mut Vec<u8>,
    nodes: HashMap<NodeId, i32>,
    classes: HashMap<ClassId, i32>,
}

impl Writer<'_, '_> {
    fn next_handle(&self) -> i32 {
        let assigned = self.nodes.len() + self.classes.len();
        FIRST_HANDLE.saturating_add(i32::try_from(assigned).unwrap_or(i32::MAX))
    }

    fn reference(&mut self, handle: i32) {
        self.out.put_u8(REFERENCE);
        self.out.put_i32(handle);
    }

    fn assign(&mut self, id: NodeId) {
        self.nodes.insert(id, self.next_handle());
    }

    fn slot(&mut self, slot: Slot) {
        match slot {
            Slot::Null => self.out.put_u8(NULL),
            Slot::Node(id) => self.node(id),
            Slot::Descriptor(id) => self.class(Some(id)),
            Slot::Boolean(v) => self.out.put_bool(v),
            Slot::Byte(v) => self.out.put_i8(v),
            Slot::Char(v) => self.out.put_u16(v),
            Slot::Short(v) => self.out.put_i16(v),
            Slot::Int(v) => self.out.put_i32(v),
            Slot::Long(v) => self.out.put_i64(v),
            Slot::Float(v) => self.out.put(&v.to_be_bytes()),
            Slot::Double(v) => self.out.put(&v.to_be_bytes()),
        }
    }

    fn slots(&mut self, slots: &[Slot]) {
        slots.iter().for_each(|slot| self.slot(*slot));
    }

    fn node(&mut self, id: NodeId) {
        if let Some(handle) = self.nodes.get(&id) {
            return self.reference(*handle);
        }
        match self.graph.node(id) {
            None => self.out.put_u8(NULL),
            Some(Node::Object { class, levels }) => self.object(id, *class, levels),
            Some(Node::String(units)) => self.string(id, units),
            Some(Node::Array { class, items }) => self.array(id, *class, items),
            Some(Node::Enum { class, constant }) => {
                self.out.put_u8(ENUM);
                self.class(Some(*class));
                self.assign(id);
                self.node(*constant);
            }
            Some(Node::Class(class)) => {
                self.out.put_u8(CLASS);
                self.class(*class);
                self.assign(id);
            }
            Some(Node::Block(bytes)) => self.block(bytes),
        }
    }

    fn object(&mut self, id: NodeId, class: ClassId, levels: &[Level]) {
        self.out.put_u8(OBJECT);
        self.class(Some(class));
        self.assign(id);
        for level in levels {
            self.slots(&level.fields);
            let flags = self.graph.class(level.class).map_or(0, |class| class.flags);
            if flags & (WRITE_METHOD | EXTERNALIZABLE) != 0 {
                self.slots(&level.annotation);
                self.out.put_u8(END);
            }
        }
    }

    fn string(&mut self, id: NodeId, units: &[u16]) {
        self.assign(id);
        let mut bytes = Vec::with_capacity(units.len());
        units.iter().for_each(|unit| push_unit(&mut bytes, *unit));
        match u16::try_from(bytes.len()) {
            Ok(len) => {
                self.out.put_u8(STRING);
                self.out.put_u16(len);
            }
            Err(_) => {
                self.out.put_u8(LONG_STRING);
                self.out.put_i64(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
            }
        }
        self.out.put(&bytes);
    }

    fn array(&mut self, id: NodeId, class: ClassId, items: &Items) {
        self.out.put_u8(ARRAY);
        self.class(Some(class));
        self.assign(id);
        match items {
            Items::Bytes(bytes) => self.out.put_bytes(bytes),
            Items::Slots(slots) => {
                self.out.put_count(slots.len());
                self.slots(slots);
            }
        }
    }

    fn block(&mut self, bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            Ok(len) => {
                self.out.put(&[BLOCK, len]);
                self.out.put(bytes);
            }
            Err(_) => {
                self.out.put_u8(LONG_BLOCK);
                self.out.put_bytes(bytes);
            }
        }
    }

    fn class(&mut self, class: Option<ClassId>) {
        let Some((id, class)) = class.and_then(|id| Some((id, self.graph.class(id)?))) else {
            return self.out.put_u8(NULL);
        };
        if let Some(handle) = self.classes.get(&id) {
            return self.reference(*handle);
        }
        let handle = self.next_handle();
        if class.is_proxy {
            self.out.put_u8(PROXY_DESC);
            self.out.put_count(class.interfaces.len());
            class
                .interfaces
                .iter()
                .for_each(|name| self.out.put_utf(name.as_text()));
        } else {
            self.out.put_u8(CLASS_DESC);
            self.out.put_utf(class.name.as_text());
            self.out.put_i64(class.uid);
        }
        self.classes.insert(id, handle);
        if !class.is_proxy {
            self.out.put_u8(class.flags);
            self.out
                .put_u16(u16::try_from(class.fields.len()).unwrap_or(u16::MAX));
            class.fields.iter().for_each(|field| self.field(field));
        }
        self.slots(&class.annotation);
        self.out.put_u8(END);
        self.class(class.superclass);
    }

    fn field(&mut self, field: &Field) {
        let code = match field.ty {
            FieldType::Boolean => b'Z',
            FieldType::Byte => b'B',
            FieldType::Char => b'C',
            FieldType::Short => b'S',
            FieldType::Int => b'I',
            FieldType::Long => b'J',
            FieldType::Float => b'F',
            FieldType::Double => b'D',
            FieldType::Object => self.object_code(field.signature),
        };
        self.out.put_u8(code);
        self.out.put_utf(field.name.as_text());
        if let Some(signature) = field.signature {
            self.node(signature);
        }
    }

    fn object_code(&self, signature: Option<NodeId>) -> u8 {
        match signature.and_then(|id| self.graph.node(id)) {
            Some(Node::String(units)) if units.first() == Some(&u16::from(b'[')) => b'[',
            _ => b'L',
        }
    }
}
