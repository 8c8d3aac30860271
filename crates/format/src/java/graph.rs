//! What an object stream says: an arena of nodes and class descriptors.

use super::View;
use crate::text::JavaString;

/// The content of an object stream. Nodes refer to each other by [`NodeId`], so that
/// cycles and shared objects are what they are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) classes: Vec<ClassDesc>,
    pub(super) handles: Vec<Slot>,
    pub(super) root: Slot,
}

/// A node of one [`Graph`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) u32);

/// A class descriptor of one [`Graph`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub(super) u32);

/// A value of a field, an array element, or an element that a class wrote by itself.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Slot {
    /// Null.
    #[default]
    Null,
    /// An object, string, array, enum constant, class or data block.
    Node(NodeId),
    /// A class descriptor (`java.io.ObjectStreamClass`) written as a value.
    Descriptor(ClassId),
    /// A `boolean`.
    Boolean(bool),
    /// A `byte`.
    Byte(i8),
    /// A `char`.
    Char(u16),
    /// A `short`.
    Short(i16),
    /// An `int`.
    Int(i32),
    /// A `long`.
    Long(i64),
    /// A `float`.
    Float(f32),
    /// A `double`.
    Double(f64),
}

/// A thing with an identity in an object stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// An instance: its class, and the levels of its hierarchy that wrote anything.
    Object {
        /// The class of the object.
        class: ClassId,
        /// From the topmost superclass down.
        levels: Vec<Level>,
    },
    /// A string, as UTF-16 code units.
    String(Box<[u16]>),
    /// An array.
    Array {
        /// The array class, such as `[I`.
        class: ClassId,
        /// The elements.
        items: Items,
    },
    /// A constant of an enum.
    Enum {
        /// The enum.
        class: ClassId,
        /// The string that names the constant.
        constant: NodeId,
    },
    /// A `java.lang.Class`; `None` where the writer had no descriptor.
    Class(Option<ClassId>),
    /// Bytes that a class wrote with the methods of `DataOutput`.
    Block(Box<[u8]>),
}

/// What one class of an object's hierarchy wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// The class.
    pub class: ClassId,
    /// Values of the fields of [`ClassDesc::fields`], or nothing where a `writeObject`
    /// method left them out.
    pub fields: Vec<Slot>,
    /// What its `writeObject` or `writeExternal` method added: blocks and values.
    pub annotation: Vec<Slot>,
}

/// The elements of an array.
#[derive(Debug, Clone, PartialEq)]
pub enum Items {
    /// Of a `byte[]`.
    Bytes(Box<[u8]>),
    /// Of any other array.
    Slots(Vec<Slot>),
}

/// A class descriptor.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassDesc {
    /// Binary name of the class; `$Proxy` for a dynamic proxy.
    pub name: JavaString,
    /// `serialVersionUID`.
    pub uid: i64,
    /// The `SC_` flags: 1 write method, 2 serializable, 4 externalizable, 8 block data, 16 enum.
    pub flags: u8,
    /// Fields in the order of their values.
    pub fields: Vec<Field>,
    /// Interfaces of a dynamic proxy.
    pub interfaces: Vec<JavaString>,
    /// What `annotateClass` added.
    pub annotation: Vec<Slot>,
    /// The superclass, if that is serializable.
    pub superclass: Option<ClassId>,
    pub(super) is_proxy: bool,
    pub(super) depth: u32,
    pub(super) complete: bool,
    pub(super) writes_fields: Option<bool>,
}

/// A field of a class descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What its values look like.
    pub ty: FieldType,
    /// Its name.
    pub name: JavaString,
    /// The string with the JVM signature of the declared class, for fields that hold objects.
    pub signature: Option<NodeId>,
}

/// Type of a field or of the elements of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// `boolean`, code `Z`.
    Boolean,
    /// `byte`, code `B`.
    Byte,
    /// `char`, code `C`.
    Char,
    /// `short`, code `S`.
    Short,
    /// `int`, code `I`.
    Int,
    /// `long`, code `J`.
    Long,
    /// `float`, code `F`.
    Float,
    /// `double`, code `D`.
    Double,
    /// Objects and arrays, codes `L` and `[`.
    Object,
}

impl FieldType {
    /// The type of a JVM type code.
    pub fn of_code(code: u8) -> Option<Self> {
        Some(match code {
            b'Z' => Self::Boolean,
            b'B' => Self::Byte,
            b'C' => Self::Char,
            b'S' => Self::Short,
            b'I' => Self::Int,
            b'J' => Self::Long,
            b'F' => Self::Float,
            b'D' => Self::Double,
            b'L' | b'[' => Self::Object,
            _ => return None,
        })
    }

    /// The least number of bytes that a value takes.
    pub fn smallest(self) -> usize {
        match self {
            Self::Boolean | Self::Byte | Self::Object => 1,
            Self::Char | Self::Short => 2,
            Self::Int | Self::Float => 4,
            Self::Long | Self::Double => 8,
        }
    }
}

impl ClassDesc {
    pub(super) fn begin(name: JavaString, uid: i64) -> Self {
        Self {
            name,
            uid,
            flags: 0,
            fields: Vec::new(),
            interfaces: Vec::new(),
            annotation: Vec::new(),
            superclass: None,
            is_proxy: false,
            depth: 1,
            complete: false,
            writes_fields: None,
        }
    }
}

impl Graph {
    /// Adds a node without a handle.
    pub(super) fn add(&mut self, node: Node) -> NodeId {
        // Every node takes at least a byte, and streams of more than 4 GiB do not occur.
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(node);
        id
    }

    pub(super) fn push_class(&mut self, class: ClassDesc) -> ClassId {
        let id = ClassId(u32::try_from(self.classes.len()).unwrap_or(u32::MAX));
        self.classes.push(class);
        id
    }

    /// The first object of the stream.
    pub fn root(&self) -> View<'_> {
        self.view(self.root)
    }

    /// A slot of this graph, with the graph to look up what it refers to.
    pub fn view(&self, slot: Slot) -> View<'_> {
        View::new(self, slot)
    }

    /// A node; `None` for the id of another graph.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// A class descriptor; `None` for the id of another graph.
    pub fn class(&self, id: ClassId) -> Option<&ClassDesc> {
        self.classes.get(id.0 as usize)
    }

    /// Gives a class descriptor another `serialVersionUID`.
    pub fn set_uid(&mut self, id: ClassId, uid: i64) {
        if let Some(class) = self.classes.get_mut(id.0 as usize) {
            class.uid = uid;
        }
    }

    /// A class and its serializable superclasses, the class itself first.
    pub fn hierarchy(&self, class: ClassId) -> impl Iterator<Item = (ClassId, &ClassDesc)> {
        let mut next = Some(class);
        std::iter::from_fn(move || {
            let id = next?;
            let desc = self.class(id)?;
            next = desc.superclass;
            Some((id, desc))
        })
    }

    /// All nodes in the order in which they begin in the stream.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        (0..).map(NodeId).zip(&self.nodes)
    }

    /// All class descriptors in the order in which they begin in the stream.
    pub fn classes(&self) -> impl Iterator<Item = (ClassId, &ClassDesc)> {
        (0..).map(ClassId).zip(&self.classes)
    }
}
