//! Classes of Scala 2.12, which Flink 1.x serializes with chill's serializers.

use statetool_format::Result;

use super::decoder::{Class, Decoder};
use super::layout::Primitive;
use crate::shape::{Id, Shape};
use crate::value::Value;

/// The layout of a Scala class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scala {
    /// A count and the elements.
    Traversable,
    /// A count and key-value tuples.
    Map,
    /// A count, the ordering, and the elements.
    SortedSet,
    SortedMap,
    /// That many values.
    Tuple(u8),
    /// Specialised tuples: numbers that are not packed.
    Tuple1(Primitive),
    Tuple2(Primitive, Primitive),
    Some,
    Left,
    Right,
    /// The collection that is wrapped.
    Iterable,
    WrappedArray,
    BitSet,
    /// A string, as the named field.
    Text(&'static str),
    ClassTag,
    Unit,
    /// A constant of an `Enumeration`.
    EnumerationValue,
    EmptySet,
}

/// The layout of a Scala class, if it has one.
pub(super) fn layout(class: &str) -> Option<Scala> {
    let name = class.strip_prefix("scala.")?;
    Some(match name {
        "Some" => Scala::Some,
        "util.Left" => Scala::Left,
        "util.Right" => Scala::Right,
        "Symbol" => Scala::Text("text"),
        "util.matching.Regex" => Scala::Text("text"),
        "reflect.ClassTag" => Scala::ClassTag,
        "runtime.BoxedUnit" => Scala::Unit,
        "Enumeration$Val" => Scala::EnumerationValue,
        "collection.convert.Wrappers$IterableWrapper" => Scala::Iterable,
        _ => match name.strip_prefix("Tuple") {
            Some(rest) => return tuple(rest),
            None => return collection(name.strip_prefix("collection.")?),
        },
    })
}

fn tuple(rest: &str) -> Option<Scala> {
    let primitive = |code: u8| match code {
        b'J' => Some(Primitive::Long),
        b'I' => Some(Primitive::Int),
        b'D' => Some(Primitive::Double),
        _ => None,
    };
    if let Some(codes) = rest
        .strip_prefix("1$mc")
        .and_then(|rest| rest.strip_suffix("$sp"))
    {
        let &[code] = codes.as_bytes() else { return None };
        return primitive(code).map(Scala::Tuple1);
    }
    if let Some(codes) = rest
        .strip_prefix("2$mc")
        .and_then(|rest| rest.strip_suffix("$sp"))
    {
        let &[first, second] = codes.as_bytes() else {
            return None;
        };
        return Some(Scala::Tuple2(primitive(first)?, primitive(second)?));
    }
    let arity = rest.parse().ok()?;
    (1..=22).contains(&arity).then_some(Scala::Tuple(arity))
}

fn collection(name: &str) -> Option<Scala> {
    Some(match name {
        "immutable.TreeSet" => Scala::SortedSet,
        "immutable.TreeMap" => Scala::SortedMap,
        "immutable.BitSet$BitSet1" | "immutable.BitSet$BitSet2" | "immutable.BitSet$BitSetN" => Scala::BitSet,
        "immutable.Set$EmptySet$" => Scala::EmptySet,
        "immutable.$colon$colon"
        | "immutable.Nil$"
        | "immutable.Queue"
        | "immutable.Queue$EmptyQueue$"
        | "immutable.Vector"
        | "immutable.HashSet$HashTrieSet"
        | "mutable.ListBuffer"
        | "mutable.ArrayBuffer"
        | "mutable.Queue"
        | "mutable.BitSet"
        | "mutable.HashSet"
        | "mutable.LinkedHashSet" => Scala::Traversable,
        "mutable.HashMap" | "mutable.LinkedHashMap" | "mutable.OpenHashMap" | "mutable.ListMap" => Scala::Map,
        _ => return by_prefix(name),
    })
}

fn by_prefix(name: &str) -> Option<Scala> {
    let starts = |prefix| name.starts_with(prefix);
    if starts("mutable.WrappedArray$of") {
        return Some(Scala::WrappedArray);
    }
    if starts("immutable.Set$Set") || starts("immutable.ListSet") {
        return Some(Scala::Traversable);
    }
    let map = starts("immutable.Map$Map") || starts("immutable.HashMap$") || starts("immutable.ListMap");
    (map || name == "immutable.Map$EmptyMap$").then_some(Scala::Map)
}

impl Decoder<'_, '_, '_> {
    pub(super) fn scala(&mut self, scala: Scala, class: &Class) -> Result<Shape> {
        Ok(match scala {
            Scala::Traversable => Shape::List(self.counted()?),
            Scala::Map => {
                let entries = self.counted()?;
                self.entries(entries)
            }
            Scala::SortedSet => Shape::List(self.sorted()?),
            Scala::SortedMap => {
                let entries = self.sorted()?;
                self.entries(entries)
            }
            Scala::Tuple(arity) => Shape::Tuple(self.classes_and_objects(arity.into())?),
            Scala::Tuple1(first) => Shape::Tuple(vec![self.specialised(first)?]),
            Scala::Tuple2(first, second) => {
                Shape::Tuple(vec![self.specialised(first)?, self.specialised(second)?])
            }
            Scala::Some => Shape::Object(
                class.name.clone(),
                vec![("value".into(), self.class_and_object()?)],
            ),
            Scala::Left => Shape::Either(false, self.class_and_object()?),
            Scala::Right => Shape::Either(true, self.class_and_object()?),
            Scala::Iterable => Shape::Same(self.class_and_object()?),
            Scala::WrappedArray => {
                self.class_of_elements()?;
                Shape::Same(self.class_and_object()?)
            }
            Scala::BitSet => self.bits()?,
            Scala::Text(field) => Shape::Leaf(self.text_object(&class.name, field)?),
            Scala::ClassTag => {
                let of = self.class_of_name("java.lang.Class");
                Shape::Object(class.name.clone(), vec![("class".into(), self.object(&of)?)])
            }
            Scala::Unit => Shape::Leaf(Value::Null),
            Scala::EmptySet => Shape::List(Vec::new()),
            Scala::EnumerationValue => {
                let enumeration = self.class_and_object()?;
                let value = Value::Int(self.input.i32("id of a Scala Enumeration value")?);
                let id = self.shapes.leaf(value);
                Shape::Object(
                    class.name.clone(),
                    vec![("enumeration".into(), enumeration), ("id".into(), id)],
                )
            }
        })
    }

    fn counted(&mut self) -> Result<Vec<Id>> {
        let count = self.input.count(1, "Scala collection inside Kryo")?;
        self.classes_and_objects(count)
    }

    fn sorted(&mut self) -> Result<Vec<Id>> {
        let count = self.input.count(1, "Scala collection inside Kryo")?;
        self.class_and_object()?;
        self.classes_and_objects(count)
    }

    /// A map of tuples; a list, should one of them be none.
    fn entries(&self, tuples: Vec<Id>) -> Shape {
        let entry = |id: &Id| match self.shapes.get(*id) {
            Some(Shape::Tuple(parts)) => match parts.as_slice() {
                &[key, value] => Some((key, value)),
                _ => None,
            },
            _ => None,
        };
        match tuples.iter().map(entry).collect() {
            Some(entries) => Shape::Map(entries),
            None => Shape::List(tuples),
        }
    }

    fn specialised(&mut self, primitive: Primitive) -> Result<Id> {
        let value = self.fixed(primitive)?;
        Ok(self.shapes.leaf(value))
    }

    /// The class of an array's elements, as an object that can be referred to.
    fn class_of_elements(&mut self) -> Result<()> {
        let of = self.class_of_name("java.lang.Class");
        self.object(&of).map(drop)
    }

    /// The greatest bit, then the first bit and the distances between bits.
    fn bits(&mut self) -> Result<Shape> {
        const WHAT: &str = "Scala BitSet inside Kryo";
        let count = self.input.count(1, WHAT)?;
        let mut items = Vec::with_capacity(count);
        if count > 0 {
            self.input.varint(WHAT)?;
        }
        let mut bit = 0_i32;
        for _ in 0..count {
            bit = bit.wrapping_add(self.input.varint(WHAT)?);
            items.push(Value::Int(bit));
        }
        Ok(Shape::Leaf(Value::List(items)))
    }
}
