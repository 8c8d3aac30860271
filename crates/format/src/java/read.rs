//! The parser of the Java Object Serialization Stream Protocol.
//!
//! ```text
//! stream    AC ED 00 05, content
//! content   70 null · 71 i32 reference · 72 class descriptor · 73 object · 74/7C string
//!           75 array · 76 class · 77/7A block · 7B exception · 7D proxy descriptor · 7E enum
//! ```

use super::codes::*;
use super::graph::{ClassDesc, ClassId, Field, FieldType, Graph, Items, Level, Node, NodeId, Slot};
use crate::error::{Error, Fault, Result};
use crate::reader::Reader;
use crate::text::{JavaString, long_utf16};

/// How deeply objects may be nested.
///
/// Java's own recursion overflows its stack at a small multiple of this.
pub const MAX_DEPTH: u32 = 500;

/// How many classes the hierarchy of one class may have.
const MAX_SUPERCLASSES: u32 = 100;

/// How often the parser may start over with an object whose class seems not to have written
/// its fields; it bounds the work to that multiple of the input.
const MAX_RETRIES: u32 = 64;

/// For how many values room is made at once; objects in each other may all claim to hold
/// as many as there are bytes.
const ROOM: usize = 64;

const WHAT: &str = "Java object stream";

impl Graph {
    /// Reads one stream: the header and one content element.
    pub fn read(r: &mut Reader<'_>) -> Result<Self> {
        let at = r.offset();
        let magic = r.u32(WHAT)?;
        if magic != MAGIC {
            let fault = Fault::Unknown {
                got: magic.into(),
                expected: "the header AC ED 00 05",
            };
            return Err(Error::new(at, WHAT, fault));
        }
        let mut graph = Self::default();
        graph.root = graph.read_next(r)?;
        Ok(graph)
    }

    /// Reads one more content element of the same stream, without header and with the
    /// handles so far, as Kryo keeps one object stream for all of a value's objects.
    pub fn read_next(&mut self, r: &mut Reader<'_>) -> Result<Slot> {
        let mut parser = Parser {
            r,
            graph: self,
            depth: 0,
            retries: MAX_RETRIES,
        };
        while parser.r.rest().first() == Some(&RESET) {
            parser.r.u8(WHAT)?;
            parser.graph.handles.clear();
        }
        parser.content()
    }
}

struct Parser<'p, 'a> {
    r: &'p mut Reader<'a>,
    graph: &'p mut Graph,
    depth: u32,
    retries: u32,
}

/// A point to which the parser can return.
struct Mark<'a> {
    r: Reader<'a>,
    nodes: usize,
    classes: usize,
    handles: usize,
    depth: u32,
}

impl<'a> Parser<'_, 'a> {
    fn content(&mut self) -> Result<Slot> {
        let at = self.r.offset();
        let tag = self.r.u8(WHAT)?;
        self.nested(at, |p| p.tagged(at, tag))
    }

    /// Runs `f` one level deeper.
    fn nested<T>(&mut self, at: u64, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == MAX_DEPTH {
            return Err(Error::new(at, WHAT, Fault::TooDeep(MAX_DEPTH)));
        }
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        result
    }

    fn tagged(&mut self, at: u64, tag: u8) -> Result<Slot> {
        match tag {
            NULL => Ok(Slot::Null),
            REFERENCE => self.reference(at),
            CLASS_DESC => self.class_desc().map(Slot::Descriptor),
            PROXY_DESC => self.proxy_desc().map(Slot::Descriptor),
            OBJECT => self.object(at),
            STRING | LONG_STRING => self.string(tag),
            ARRAY => self.array(at),
            CLASS => self.class(),
            BLOCK | LONG_BLOCK => self.block(tag),
            EXCEPTION => self.exception(at),
            ENUM => self.enum_constant(at),
            _ => Err(unknown(
                at,
                tag,
                "a type code of 0x70 to 0x7e that begins a value",
            )),
        }
    }

    fn push_handle(&mut self, node: Node) -> NodeId {
        let id = self.graph.add(node);
        self.graph.handles.push(Slot::Node(id));
        id
    }

    fn set(&mut self, id: NodeId, node: Node) -> Slot {
        if let Some(place) = self.graph.nodes.get_mut(id.0 as usize) {
            *place = node;
        }
        Slot::Node(id)
    }

    fn reference(&mut self, at: u64) -> Result<Slot> {
        let handle = self.r.i32("Java reference")?;
        let index = usize::try_from(handle.wrapping_sub(FIRST_HANDLE)).ok();
        index
            .and_then(|i| self.graph.handles.get(i).copied())
            .ok_or_else(|| {
                let why = format!(
                    "handle {handle:#x} is not one of the {} assigned so far",
                    self.graph.handles.len()
                );
                Error::new(at, "Java reference", Fault::Invalid(why))
            })
    }

    fn string(&mut self, tag: u8) -> Result<Slot> {
        let units = if tag == STRING {
            self.r.utf("Java string")?.utf16().collect()
        } else {
            self.long_string()?
        };
        Ok(Slot::Node(self.push_handle(Node::String(units))))
    }

    fn long_string(&mut self) -> Result<Box<[u16]>> {
        const WHAT: &str = "long Java string";
        let at = self.r.offset();
        let len = self.r.i64(WHAT)?;
        let left = self.r.left() as u64;
        let len = usize::try_from(len).map_err(|_| {
            Error::new(
                at,
                WHAT,
                Fault::Range {
                    got: len,
                    min: 0,
                    max: left.try_into().unwrap_or(i64::MAX),
                },
            )
        })?;
        let bytes = self.r.take(len, WHAT)?;
        long_utf16(bytes).ok_or_else(|| Error::new(at, WHAT, Fault::MalformedText))
    }

    fn block(&mut self, tag: u8) -> Result<Slot> {
        const WHAT: &str = "Java data block";
        let len = if tag == BLOCK {
            self.r.u8(WHAT)?.into()
        } else {
            self.r.count(1, WHAT)?
        };
        let bytes = self.r.take(len, WHAT)?.into();
        Ok(Slot::Node(self.graph.add(Node::Block(bytes))))
    }

    /// A class descriptor, proxy descriptor, reference to one, or null.
    fn class_ref(&mut self) -> Result<Option<ClassId>> {
        let at = self.r.offset();
        let tag = self.r.u8("Java class descriptor")?;
        self.nested(at, |p| match tag {
            NULL => Ok(None),
            CLASS_DESC => p.class_desc().map(Some),
            PROXY_DESC => p.proxy_desc().map(Some),
            REFERENCE => match p.reference(at)? {
                Slot::Descriptor(id) if p.graph.class(id).is_some_and(|class| class.complete) => Ok(Some(id)),
                _ => Err(invalid(
                    at,
                    "Java class descriptor",
                    "the reference is not to a complete class descriptor",
                )),
            },
            _ => Err(unknown(at, tag, "a class descriptor (0x70, 0x71, 0x72 or 0x7d)")),
        })
    }

    fn class_of(&mut self, at: u64, what: &'static str) -> Result<ClassId> {
        self.class_ref()?
            .ok_or_else(|| invalid(at, what, "without a class descriptor"))
    }

    fn class_desc(&mut self) -> Result<ClassId> {
        let name = self.r.utf("Java class name")?.to_java_string();
        let uid = self.r.i64("serialVersionUID")?;
        let id = self.push_class(name, uid);
        let at = self.r.offset();
        let flags = self.r.u8("Java class flags")?;
        if flags & (SERIALIZABLE | EXTERNALIZABLE) == SERIALIZABLE | EXTERNALIZABLE {
            return Err(invalid(
                at,
                "Java class flags",
                "both serializable and externalizable",
            ));
        }
        let count = self.r.u16("number of fields of a Java class")?;
        let mut fields = Vec::with_capacity(usize::from(count).min(self.r.left() / 3));
        for _ in 0..count {
            fields.push(self.field()?);
        }
        self.complete(id, |class| {
            class.flags = flags;
            class.fields = fields;
        })
    }

    fn proxy_desc(&mut self) -> Result<ClassId> {
        let id = self.push_class(JavaString::new("$Proxy").unwrap_or_default(), 0);
        let count = self.r.count(2, "number of interfaces of a Java proxy")?;
        let mut interfaces = Vec::with_capacity(count);
        for _ in 0..count {
            interfaces.push(self.r.utf("interface of a Java proxy")?.to_java_string());
        }
        self.complete(id, |class| {
            class.flags = SERIALIZABLE;
            class.is_proxy = true;
            class.interfaces = interfaces;
        })
    }

    fn push_class(&mut self, name: JavaString, uid: i64) -> ClassId {
        let id = self.graph.push_class(ClassDesc::begin(name, uid));
        self.graph.handles.push(Slot::Descriptor(id));
        id
    }

    /// Reads what all descriptors end with, and fills in the rest.
    fn complete(&mut self, id: ClassId, fill: impl FnOnce(&mut ClassDesc)) -> Result<ClassId> {
        let annotation = self.annotation()?;
        let at = self.r.offset();
        let superclass = self.class_ref()?;
        let depth = superclass
            .and_then(|id| self.graph.class(id))
            .map_or(1, |class| class.depth + 1);
        if depth > MAX_SUPERCLASSES {
            return Err(Error::new(
                at,
                "Java superclass",
                Fault::TooDeep(MAX_SUPERCLASSES),
            ));
        }
        if let Some(class) = self.graph.classes.get_mut(id.0 as usize) {
            fill(class);
            class.annotation = annotation;
            class.superclass = superclass;
            class.depth = depth;
            class.complete = true;
        }
        Ok(id)
    }

    fn field(&mut self) -> Result<Field> {
        let at = self.r.offset();
        let code = self.r.u8("Java field type")?;
        let ty = FieldType::of_code(code)
            .ok_or_else(|| unknown_in(at, "Java field type", code, "one of B C D F I J S Z L ["))?;
        let name = self.r.utf("Java field name")?.to_java_string();
        let signature = match ty {
            FieldType::Object => Some(self.string_content("Java field signature")?),
            _ => None,
        };
        Ok(Field { ty, name, signature })
    }

    /// A string where only a string may stand: new, or a reference to an earlier one.
    fn string_content(&mut self, what: &'static str) -> Result<NodeId> {
        let at = self.r.offset();
        let slot = match self.r.u8(what)? {
            tag @ (STRING | LONG_STRING) => self.string(tag)?,
            REFERENCE => self.reference(at)?,
            tag => return Err(unknown_in(at, what, tag, "a string (0x71, 0x74 or 0x7c)")),
        };
        let view = self.graph.view(slot);
        view.utf16()
            .and(view.node_id())
            .ok_or_else(|| invalid(at, what, "the reference is not to a string"))
    }

    fn class(&mut self) -> Result<Slot> {
        let class = self.class_ref()?;
        Ok(Slot::Node(self.push_handle(Node::Class(class))))
    }

    fn enum_constant(&mut self, at: u64) -> Result<Slot> {
        let class = self.class_of(at, "Java enum constant")?;
        let id = self.push_handle(Node::Class(Some(class)));
        let constant = self.string_content("name of a Java enum constant")?;
        Ok(self.set(id, Node::Enum { class, constant }))
    }

    fn exception(&mut self, at: u64) -> Result<Slot> {
        self.graph.handles.clear();
        let slot = self.content()?;
        let class = self.graph.view(slot).class_name().unwrap_or_default();
        let why = format!("its writer failed with {class} and gave the stream up");
        Err(Error::new(at, WHAT, Fault::Invalid(why)))
    }

    fn array(&mut self, at: u64) -> Result<Slot> {
        let class = self.class_of(at, "Java array")?;
        let id = self.push_handle(Node::Array {
            class,
            items: Items::Slots(Vec::new()),
        });
        let name = self
            .graph
            .class(class)
            .map(|class| class.name.as_text().as_modified_utf8());
        let code = match name {
            Some(&[b'[', code, ..]) => code,
            _ => return Err(invalid(at, "Java array", "its class is no array class")),
        };
        let ty = FieldType::of_code(code)
            .ok_or_else(|| unknown_in(at, "Java array", code, "an element type of B C D F I J S Z L ["))?;
        let count = self
            .r
            .count(ty.smallest(), "number of elements of a Java array")?;
        let items = if ty == FieldType::Byte {
            Items::Bytes(self.r.take(count, "Java byte array")?.into())
        } else {
            let mut slots = Vec::with_capacity(count.min(ROOM));
            for _ in 0..count {
                slots.push(self.value(ty)?);
            }
            Items::Slots(slots)
        };
        Ok(self.set(id, Node::Array { class, items }))
    }

    fn value(&mut self, ty: FieldType) -> Result<Slot> {
        const WHAT: &str = "value of a Java field";
        Ok(match ty {
            FieldType::Boolean => Slot::Boolean(self.r.bool(WHAT)?),
            FieldType::Byte => Slot::Byte(self.r.i8(WHAT)?),
            FieldType::Char => Slot::Char(self.r.u16(WHAT)?),
            FieldType::Short => Slot::Short(self.r.i16(WHAT)?),
            FieldType::Int => Slot::Int(self.r.i32(WHAT)?),
            FieldType::Long => Slot::Long(self.r.i64(WHAT)?),
            FieldType::Float => Slot::Float(self.r.f32(WHAT)?),
            FieldType::Double => Slot::Double(self.r.f64(WHAT)?),
            FieldType::Object => self.field_content()?,
        })
    }

    fn field_content(&mut self) -> Result<Slot> {
        let at = self.r.offset();
        match self.r.rest().first() {
            Some(&tag @ (BLOCK | LONG_BLOCK)) => Err(unknown(at, tag, "a value, not a data block")),
            _ => self.content(),
        }
    }

    fn annotation(&mut self) -> Result<Vec<Slot>> {
        let mut parts = Vec::new();
        while self.r.rest().first() != Some(&END) {
            parts.push(self.content()?);
        }
        self.r.u8(WHAT)?;
        Ok(parts)
    }

    fn object(&mut self, at: u64) -> Result<Slot> {
        let class = self.class_of(at, "Java object")?;
        let id = self.push_handle(Node::Object {
            class,
            levels: Vec::new(),
        });
        let mut hierarchy: Vec<ClassId> = self.graph.hierarchy(class).map(|(id, _)| id).collect();
        let mut levels = Vec::new();
        while let Some(class) = hierarchy.pop() {
            levels.extend(self.level(at, class)?);
        }
        Ok(self.set(id, Node::Object { class, levels }))
    }

    /// What one class of an object's hierarchy wrote, if it wrote anything.
    fn level(&mut self, at: u64, class: ClassId) -> Result<Option<Level>> {
        let Some(desc) = self.graph.class(class) else {
            return Ok(None);
        };
        let (flags, writes_fields, no_fields) = (desc.flags, desc.writes_fields, desc.fields.is_empty());
        if flags & EXTERNALIZABLE != 0 {
            if flags & BLOCK_DATA == 0 {
                let why = "an externalizable class wrote it without data blocks: nothing says where it ends";
                return Err(invalid(at, "Java object", why));
            }
            return Ok(Some(Level {
                class,
                fields: Vec::new(),
                annotation: self.annotation()?,
            }));
        }
        if flags & SERIALIZABLE == 0 || (no_fields && flags & WRITE_METHOD == 0) {
            return Ok(None);
        }
        if flags & WRITE_METHOD == 0 {
            return Ok(Some(Level {
                class,
                fields: self.fields(class)?,
                annotation: Vec::new(),
            }));
        }
        match writes_fields {
            _ if no_fields => self.written(class, false).map(Some),
            Some(written) => self.written(class, written).map(Some),
            None => self.written_or_not(class).map(Some),
        }
    }

    /// The level of a class with a `writeObject` method; nothing in the stream says whether
    /// that wrote the fields of the class.
    fn written_or_not(&mut self, class: ClassId) -> Result<Level> {
        let mark = self.mark();
        let plausible = self
            .r
            .rest()
            .first()
            .is_some_and(|tag| (NULL..=ENUM).contains(tag));
        let error = match self.written(class, true) {
            Ok(level) => {
                self.remember(class, true);
                return Ok(level);
            }
            Err(error) => error,
        };
        let proven = self
            .graph
            .class(class)
            .is_none_or(|class| class.writes_fields.is_some());
        if proven || !plausible || self.retries == 0 {
            return Err(error);
        }
        self.retries -= 1;
        self.back_to(mark);
        match self.written(class, false) {
            Ok(level) => {
                self.remember(class, false);
                Ok(level)
            }
            Err(_) => Err(error),
        }
    }

    fn written(&mut self, class: ClassId, with_fields: bool) -> Result<Level> {
        let fields = if with_fields {
            self.fields(class)?
        } else {
            Vec::new()
        };
        Ok(Level {
            class,
            fields,
            annotation: self.annotation()?,
        })
    }

    fn remember(&mut self, class: ClassId, writes_fields: bool) {
        if let Some(class) = self.graph.classes.get_mut(class.0 as usize) {
            class.writes_fields = Some(writes_fields);
        }
    }

    fn fields(&mut self, class: ClassId) -> Result<Vec<Slot>> {
        let count = self.graph.class(class).map_or(0, |class| class.fields.len());
        let mut slots = Vec::with_capacity(count.min(ROOM));
        for i in 0..count {
            let field = self.graph.class(class).and_then(|class| class.fields.get(i));
            let Some(ty) = field.map(|field| field.ty) else {
                break;
            };
            slots.push(self.value(ty)?);
        }
        Ok(slots)
    }

    fn mark(&self) -> Mark<'a> {
        Mark {
            r: self.r.clone(),
            nodes: self.graph.nodes.len(),
            classes: self.graph.classes.len(),
            handles: self.graph.handles.len(),
            depth: self.depth,
        }
    }

    fn back_to(&mut self, mark: Mark<'a>) {
        *self.r = mark.r;
        self.graph.nodes.truncate(mark.nodes);
        self.graph.classes.truncate(mark.classes);
        self.graph.handles.truncate(mark.handles);
        self.depth = mark.depth;
    }
}

fn invalid(at: u64, what: &'static str, why: &str) -> Error {
    Error::new(at, what, Fault::Invalid(why.into()))
}

fn unknown(at: u64, tag: u8, expected: &'static str) -> Error {
    unknown_in(at, WHAT, tag, expected)
}

fn unknown_in(at: u64, what: &'static str, tag: u8, expected: &'static str) -> Error {
    Error::new(
        at,
        what,
        Fault::Unknown {
            got: tag.into(),
            expected,
        },
    )
}
