//! From the nodes of an object stream to the parts of a value.

use std::collections::HashMap;
use std::rc::Rc;

use num_bigint::{BigInt, Sign};
use statetool_format::java::{ClassId, Collection, Graph, Items, Node, NodeId, Slot, View};

use super::time;
use crate::shape::{Id, Shape, Shapes};
use crate::temporal;
use crate::value::{JavaStr, Value};

/// Converts the objects of one graph, each of them once.
#[derive(Debug, Default)]
pub(crate) struct Converter {
    done: HashMap<NodeId, Id>,
    pending: Vec<(NodeId, Id)>,
    names: HashMap<ClassId, Rc<str>>,
    fields: HashMap<ClassId, Vec<Rc<str>>>,
}

impl Converter {
    /// The part of `shapes` that is the value of `slot`.
    ///
    /// Works off a list instead of recursing, since references make paths as long as the
    /// stream.
    pub(crate) fn convert(&mut self, graph: &Graph, slot: Slot, shapes: &mut Shapes) -> Id {
        let root = self.part(graph, slot, shapes);
        while let Some((node, id)) = self.pending.pop() {
            let shape = self.shape(graph.view(Slot::Node(node)), graph, shapes);
            shapes.set(id, shape);
        }
        root
    }

    fn part(&mut self, graph: &Graph, slot: Slot, shapes: &mut Shapes) -> Id {
        let Slot::Node(node) = slot else {
            return shapes.leaf(primitive(graph, slot));
        };
        if let Some(id) = self.done.get(&node) {
            return *id;
        }
        let name = graph
            .view(slot)
            .class_id()
            .map_or_else(|| "".into(), |class| self.name(graph, class));
        let id = shapes.reserve(name);
        self.done.insert(node, id);
        self.pending.push((node, id));
        id
    }

    fn name(&mut self, graph: &Graph, class: ClassId) -> Rc<str> {
        let name = || {
            graph
                .class(class)
                .map_or_else(|| "".into(), |class| class.name.to_str().into())
        };
        Rc::clone(self.names.entry(class).or_insert_with(name))
    }

    fn shape(&mut self, view: View<'_>, graph: &Graph, shapes: &mut Shapes) -> Shape {
        match view.node() {
            None => Shape::Leaf(Value::Null),
            Some(Node::String(units)) => Shape::Leaf(Value::String(units.iter().copied().collect())),
            Some(
                Node::Block(bytes)
                | Node::Array {
                    items: Items::Bytes(bytes),
                    ..
                },
            ) => Shape::Leaf(Value::Bytes(bytes.to_vec())),
            Some(Node::Array {
                items: Items::Slots(slots),
                ..
            }) => Shape::List(slots.iter().map(|slot| self.part(graph, *slot, shapes)).collect()),
            Some(Node::Enum { .. }) => Shape::Leaf(Value::Enum {
                index: -1,
                name: view.enum_constant().unwrap_or_default(),
            }),
            Some(Node::Class(_)) => {
                let name = view
                    .represented_class()
                    .map_or(Value::Null, |name| Value::String(name.as_ref().into()));
                Shape::Leaf(temporal::object("java.lang.Class", [("name", name)]))
            }
            Some(Node::Object { .. }) => match special(view) {
                Some(value) => Shape::Leaf(value),
                None => self.object(view, graph, shapes),
            },
        }
    }

    fn object(&mut self, view: View<'_>, graph: &Graph, shapes: &mut Shapes) -> Shape {
        let mut part = |view: View<'_>| self.part(graph, view.slot(), shapes);
        match view.collection() {
            Some(Collection::Items(items)) => Shape::List(items.into_iter().map(part).collect()),
            Some(Collection::Entries(entries)) => Shape::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| (part(key), part(value)))
                    .collect(),
            ),
            Some(Collection::Wrapper(inner)) => Shape::Same(part(inner)),
            None => self.plain(view, graph, shapes),
        }
    }

    fn plain(&mut self, view: View<'_>, graph: &Graph, shapes: &mut Shapes) -> Shape {
        let mut fields = Vec::new();
        for level in view.levels() {
            let names = self.fields.entry(level.class).or_insert_with(|| {
                let fields = graph.class(level.class).map_or(&[][..], |class| &class.fields);
                fields.iter().map(|field| field.name.to_str().into()).collect()
            });
            let named: Vec<_> = names.iter().map(Rc::clone).zip(&level.fields).collect();
            for (name, slot) in named {
                fields.push((name, self.part(graph, *slot, shapes)));
            }
        }
        let annotation: Vec<Slot> = view
            .levels()
            .iter()
            .flat_map(|level| &level.annotation)
            .copied()
            .collect();
        if !annotation.is_empty() {
            let parts = annotation
                .into_iter()
                .map(|slot| self.part(graph, slot, shapes))
                .collect();
            let list = shapes.reserve("".into());
            shapes.set(list, Shape::List(parts));
            fields.push(("<annotation>".into(), list));
        }
        let class = view
            .class_id()
            .map_or_else(|| "".into(), |class| self.name(graph, class));
        Shape::Object(class, fields)
    }
}

fn primitive(graph: &Graph, slot: Slot) -> Value {
    match slot {
        Slot::Null | Slot::Node(_) => Value::Null,
        Slot::Boolean(v) => Value::Boolean(v),
        Slot::Byte(v) => Value::Byte(v),
        Slot::Char(v) => Value::Char(v),
        Slot::Short(v) => Value::Short(v),
        Slot::Int(v) => Value::Int(v),
        Slot::Long(v) => Value::Long(v),
        Slot::Float(v) => Value::Float(v),
        Slot::Double(v) => Value::Double(v),
        Slot::Descriptor(class) => {
            let name = graph
                .class(class)
                .map_or_else(JavaStr::default, |class| class.name.to_str().as_ref().into());
            temporal::object("java.io.ObjectStreamClass", [("name", Value::String(name))])
        }
    }
}

/// Objects of the JDK that stand for one value.
fn special(view: View<'_>) -> Option<Value> {
    let class = view.class_name()?;
    let name = class.strip_prefix("java.")?;
    match name {
        "lang.Boolean" | "lang.Byte" | "lang.Character" | "lang.Short" | "lang.Integer" | "lang.Long"
        | "lang.Float" | "lang.Double" => match view.unboxed() {
            Slot::Node(_) | Slot::Null | Slot::Descriptor(_) => None,
            // A primitive needs no graph to be looked up in.
            slot => Some(primitive(&Graph::new(), slot)),
        },
        "util.UUID" => {
            let half = |name| view.field(name)?.i64().map(|half| u128::from(half as u64));
            Some(Value::Uuid(half("mostSigBits")? << 64 | half("leastSigBits")?))
        }
        "math.BigInteger" => big_integer(view).map(Value::BigInteger),
        "math.BigDecimal" => {
            let unscaled = big_integer(view.field("intVal")?)?;
            Some(Value::Decimal {
                unscaled,
                scale: view.field("scale")?.i32()?,
            })
        }
        "util.Date" | "sql.Date" | "sql.Time" => date(view),
        "sql.Timestamp" => {
            let Value::Instant { seconds, .. } = date(view)? else {
                return None;
            };
            temporal::instant(seconds, view.field("nanos")?.i32()?.into()).ok()
        }
        "lang.StringBuilder" => builder(view),
        "time.Ser" => time::decode(view),
        _ => None,
    }
}

fn big_integer(view: View<'_>) -> Option<BigInt> {
    let Some(Node::Array {
        items: Items::Bytes(magnitude),
        ..
    }) = view.field("magnitude")?.node()
    else {
        return None;
    };
    let sign = match view.field("signum")?.i32()? {
        -1 => Sign::Minus,
        0 => Sign::NoSign,
        1 => Sign::Plus,
        _ => return None,
    };
    Some(BigInt::from_bytes_be(sign, magnitude))
}

fn date(view: View<'_>) -> Option<Value> {
    let block = view.annotation().find_map(View::block)?;
    Some(temporal::millis(i64::from_be_bytes(block.try_into().ok()?)))
}

fn builder(view: View<'_>) -> Option<Value> {
    let block = view.annotation().find_map(View::block)?;
    let len = usize::try_from(i32::from_be_bytes(block.try_into().ok()?)).ok()?;
    let chars = view.annotation().find_map(View::array_items)?;
    let units = chars.take(len).map(|char| match char.slot() {
        Slot::Char(unit) => Some(unit),
        _ => None,
    });
    let text: JavaStr = units.collect::<Option<Vec<u16>>>()?.into_iter().collect();
    Some(temporal::object(
        "java.lang.StringBuilder",
        [("text", Value::String(text))],
    ))
}
