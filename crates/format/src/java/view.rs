//! Looking things up in a graph.

use std::borrow::Cow;
use std::fmt;

use super::graph::{ClassId, Graph, Items, Level, Node, NodeId, Slot};
use crate::reader::Reader;

/// A value of a [`Graph`], with the graph to look up what it refers to.
#[derive(Clone, Copy)]
pub struct View<'g> {
    graph: &'g Graph,
    slot: Slot,
}

impl<'g> View<'g> {
    pub(super) fn new(graph: &'g Graph, slot: Slot) -> Self {
        Self { graph, slot }
    }

    /// The slot itself.
    pub fn slot(self) -> Slot {
        self.slot
    }

    /// The node it refers to.
    pub fn node(self) -> Option<&'g Node> {
        self.node_id().and_then(|id| self.graph.node(id))
    }

    /// The identity of the node it refers to.
    pub fn node_id(self) -> Option<NodeId> {
        match self.slot {
            Slot::Node(id) => Some(id),
            _ => None,
        }
    }

    /// Whether it is null.
    pub fn is_null(self) -> bool {
        self.slot == Slot::Null
    }

    /// The class of an object, array or enum constant.
    pub fn class_id(self) -> Option<ClassId> {
        match self.node()? {
            Node::Object { class, .. } | Node::Array { class, .. } | Node::Enum { class, .. } => Some(*class),
            _ => None,
        }
    }

    /// Binary name of the class of an object, array or enum constant; strings and classes
    /// have those of Java.
    pub fn class_name(self) -> Option<Cow<'g, str>> {
        match self.node()? {
            Node::String(_) => Some("java.lang.String".into()),
            Node::Class(_) => Some("java.lang.Class".into()),
            _ => self
                .graph
                .class(self.class_id()?)
                .map(|class| class.name.to_str()),
        }
    }

    /// The class that a `java.lang.Class` object stands for.
    pub fn represented_class(self) -> Option<Cow<'g, str>> {
        match self.node()? {
            Node::Class(class) => self.graph.class((*class)?).map(|class| class.name.to_str()),
            _ => None,
        }
    }

    /// Whether it is an object of the named class or of a serializable subclass.
    pub fn is_instance_of(self, class: &str) -> bool {
        self.class_id()
            .is_some_and(|id| self.graph.hierarchy(id).any(|(_, desc)| desc.name == *class))
    }

    /// What the classes of an object's hierarchy wrote, the topmost superclass first.
    pub fn levels(self) -> &'g [Level] {
        match self.node() {
            Some(Node::Object { levels, .. }) => levels,
            _ => &[],
        }
    }

    /// A field of an object, the most derived class first.
    pub fn field(self, name: &str) -> Option<Self> {
        self.levels().iter().rev().find_map(|level| {
            let class = self.graph.class(level.class)?;
            let (_, slot) = class
                .fields
                .iter()
                .zip(&level.fields)
                .find(|(field, _)| field.name == *name)?;
            Some(self.graph.view(*slot))
        })
    }

    /// All fields of an object, the topmost superclass first.
    pub fn fields(self) -> impl Iterator<Item = (Cow<'g, str>, Self)> {
        self.levels().iter().flat_map(move |level| {
            let fields = self
                .graph
                .class(level.class)
                .map_or(&[][..], |class| &class.fields);
            fields
                .iter()
                .zip(&level.fields)
                .map(move |(field, slot)| (field.name.to_str(), self.graph.view(*slot)))
        })
    }

    /// What the methods of the object's classes wrote besides fields, the topmost superclass
    /// first.
    pub fn annotation(self) -> impl Iterator<Item = Self> {
        self.levels()
            .iter()
            .flat_map(|level| &level.annotation)
            .map(move |slot| self.graph.view(*slot))
    }

    /// The text of a string; lone surrogates become U+FFFD.
    pub fn text(self) -> Option<String> {
        self.utf16().map(String::from_utf16_lossy)
    }

    /// The UTF-16 code units of a string.
    pub fn utf16(self) -> Option<&'g [u16]> {
        match self.node()? {
            Node::String(units) => Some(units),
            _ => None,
        }
    }

    /// Name of an enum constant.
    pub fn enum_constant(self) -> Option<String> {
        match self.node()? {
            Node::Enum { constant, .. } => self.graph.view(Slot::Node(*constant)).text(),
            _ => None,
        }
    }

    /// The bytes of a data block.
    pub fn block(self) -> Option<&'g [u8]> {
        match self.node()? {
            Node::Block(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A `boolean`, or the value of a `java.lang.Boolean`.
    pub fn bool(self) -> Option<bool> {
        match self.unboxed() {
            Slot::Boolean(v) => Some(v),
            _ => None,
        }
    }

    /// An `int`, or the value of a `java.lang.Integer`.
    pub fn i32(self) -> Option<i32> {
        match self.unboxed() {
            Slot::Int(v) => Some(v),
            _ => None,
        }
    }

    /// A `long`, or the value of a `java.lang.Long`.
    pub fn i64(self) -> Option<i64> {
        match self.unboxed() {
            Slot::Long(v) => Some(v),
            _ => None,
        }
    }

    /// The primitive in a wrapper object; anything else as it is.
    pub fn unboxed(self) -> Slot {
        const WRAPPERS: [&str; 8] = [
            "Boolean",
            "Byte",
            "Character",
            "Short",
            "Integer",
            "Long",
            "Float",
            "Double",
        ];
        let wrapper = self.class_name().is_some_and(|class| {
            class
                .strip_prefix("java.lang.")
                .is_some_and(|name| WRAPPERS.contains(&name))
        });
        match wrapper {
            true => self.field("value").map_or(self.slot, |value| value.slot),
            false => self.slot,
        }
    }

    /// The elements of an object array.
    pub fn array_items(self) -> Option<impl ExactSizeIterator<Item = Self> + use<'g>> {
        match self.node()? {
            Node::Array {
                items: Items::Slots(slots),
                ..
            } => {
                let graph = self.graph;
                Some(slots.iter().map(move |slot| graph.view(*slot)))
            }
            _ => None,
        }
    }

    /// The elements of one of Java's lists, sets, queues or object arrays, in stored order;
    /// `None` for anything else. Wrappers such as `Collections.unmodifiableList` are looked
    /// through.
    pub fn list_items(self) -> Option<Vec<Self>> {
        match self.unwrapped()? {
            Collection::Items(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of one of Java's maps in stored order; `None` for anything else. Wrappers
    /// such as `Collections.unmodifiableMap` are looked through.
    pub fn map_entries(self) -> Option<Vec<(Self, Self)>> {
        match self.unwrapped()? {
            Collection::Entries(entries) => Some(entries),
            _ => None,
        }
    }

    fn unwrapped(self) -> Option<Collection<'g>> {
        let mut view = self;
        for _ in 0..MAX_WRAPPERS {
            match view.collection()? {
                Collection::Wrapper(inner) => view = inner,
                found => return Some(found),
            }
        }
        None
    }

    /// What one of Java's collections, maps or object arrays holds; `None` for anything else.
    pub fn collection(self) -> Option<Collection<'g>> {
        if let Some(items) = self.array_items() {
            return Some(Collection::Items(items.collect()));
        }
        Some(match self.layout()? {
            Layout::Empty => Collection::Items(Vec::new()),
            Layout::EmptyMap => Collection::Entries(Vec::new()),
            Layout::Single => Collection::Items(vec![self.field("element")?]),
            Layout::SingleMap => Collection::Entries(vec![(self.field("k")?, self.field("v")?)]),
            Layout::Wrapper(field) => Collection::Wrapper(self.field(field)?),
            Layout::Annotation { prefix } => Collection::Items(self.counted(prefix, 1)?),
            Layout::MapAnnotation { prefix } => entries(&self.counted(prefix, 2)?),
            Layout::Sized => Collection::Items(self.sized()?),
            Layout::Terminated => entries(&self.terminated()),
            Layout::CollSer if self.field("tag")?.i32()? & 0xff == 3 => entries(&self.counted(0, 1)?),
            Layout::CollSer => Collection::Items(self.counted(0, 1)?),
        })
    }

    fn layout(self) -> Option<Layout> {
        self.graph
            .hierarchy(self.class_id()?)
            .find_map(|(_, class)| layout(&class.name.to_str()))
    }

    /// The objects that follow a block of `prefix` bytes and a count in the annotation.
    fn counted(self, prefix: usize, each: usize) -> Option<Vec<Self>> {
        let mut parts = self.annotation().skip_while(|part| part.block().is_none());
        let mut block = Reader::new(parts.next()?.block()?);
        block.take(prefix, "prefix").ok()?;
        let count = usize::try_from(block.i32("count").ok()?)
            .ok()?
            .checked_mul(each)?;
        let items: Vec<Self> = parts.filter(|part| part.block().is_none()).take(count).collect();
        (items.len() == count).then_some(items)
    }

    /// The objects whose number is in the field `size`, after one block.
    fn sized(self) -> Option<Vec<Self>> {
        let count = usize::try_from(self.field("size")?.i32()?).ok()?;
        let items: Vec<Self> = self
            .annotation()
            .filter(|part| part.block().is_none())
            .take(count)
            .collect();
        (items.len() == count).then_some(items)
    }

    /// Keys and values up to a null key.
    fn terminated(self) -> Vec<Self> {
        let parts: Vec<Self> = self.annotation().filter(|part| part.block().is_none()).collect();
        let pairs = parts
            .chunks(2)
            .take_while(|pair| pair.first().is_some_and(|key| !key.is_null()));
        pairs.flatten().copied().collect()
    }
}

/// What a collection, a map or an array of objects holds.
#[derive(Debug, Clone)]
pub enum Collection<'g> {
    /// Elements in stored order.
    Items(Vec<View<'g>>),
    /// Keys and values in stored order.
    Entries(Vec<(View<'g>, View<'g>)>),
    /// What the collection that this one wraps holds.
    Wrapper(View<'g>),
}

fn entries<'g>(flat: &[View<'g>]) -> Collection<'g> {
    Collection::Entries(
        flat.as_chunks()
            .0
            .iter()
            .map(|&[key, value]| (key, value))
            .collect(),
    )
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node() {
            Some(Node::Object { .. }) => write!(f, "object of {}", self.class_name().unwrap_or_default()),
            Some(node) => node.fmt(f),
            None => self.slot.fmt(f),
        }
    }
}

/// How many wrappers may lie around a collection; a cycle of them would never end.
const MAX_WRAPPERS: usize = 16;

/// Where a collection class keeps its elements.
enum Layout {
    Empty,
    EmptyMap,
    Single,
    SingleMap,
    Wrapper(&'static str),
    Annotation { prefix: usize },
    MapAnnotation { prefix: usize },
    Sized,
    CollSer,
    Terminated,
}

fn layout(class: &str) -> Option<Layout> {
    let name = class.strip_prefix("java.util.")?;
    Some(match name {
        "ArrayList" | "PriorityQueue" => Layout::Sized,
        "LinkedList" | "ArrayDeque" | "TreeSet" | "concurrent.CopyOnWriteArrayList" => {
            Layout::Annotation { prefix: 0 }
        }
        "HashSet" | "LinkedHashSet" => Layout::Annotation { prefix: 8 },
        "HashMap" | "LinkedHashMap" | "Hashtable" | "Properties" => Layout::MapAnnotation { prefix: 4 },
        "TreeMap" | "EnumMap" | "IdentityHashMap" => Layout::MapAnnotation { prefix: 0 },
        "concurrent.ConcurrentHashMap" | "concurrent.ConcurrentSkipListMap" => Layout::Terminated,
        "CollSer" | "ImmutableCollections$CollSer" => Layout::CollSer,
        "Arrays$ArrayList" => Layout::Wrapper("a"),
        "Collections$EmptyList" | "Collections$EmptySet" => Layout::Empty,
        "Collections$EmptyMap" => Layout::EmptyMap,
        "Collections$SingletonList" | "Collections$SingletonSet" => Layout::Single,
        "Collections$SingletonMap" => Layout::SingleMap,
        _ => return wrapper(name.strip_prefix("Collections$")?),
    })
}

fn wrapper(name: &str) -> Option<Layout> {
    let rest = ["Unmodifiable", "Synchronized", "Checked"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))?;
    Some(match rest {
        "List" | "RandomAccessList" => Layout::Wrapper("c"),
        "Collection" | "Set" | "SortedSet" | "NavigableSet" | "Queue" => Layout::Wrapper("c"),
        "Map" | "SortedMap" | "NavigableMap" => Layout::Wrapper("m"),
        _ => return None,
    })
}
