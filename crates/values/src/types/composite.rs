//! Serializers that consist of others, by name.

use statetool_format::serializer::Outer;

use super::simple::list;
use super::{
    EitherKind, EitherType, FramedType, ListKind, ListType, MapType, Nulls, OptionalKind, OptionalType,
    RowType, TupleType, Type, record,
};

/// What a composite snapshot says, its nested types already made.
pub(super) struct Composite<'s> {
    /// Short name of the serializer.
    pub(super) name: &'s str,
    /// Version of the outer content, or of the whole snapshot where there is no other.
    pub(super) version: i32,
    /// The content besides the nested snapshots.
    pub(super) outer: &'s Outer,
    /// The nested types.
    pub(super) nested: Vec<Type>,
}

impl Composite<'_> {
    /// The type; `None` if nobody knows the serializer, or it has an unexpected shape.
    pub(super) fn into_type(self) -> Option<Type> {
        match self.name {
            "Tuple" | "ScalaCaseClass" | "Tuple2CaseClass" => Some(Type::Tuple(Box::new(TupleType {
                class: self.text()?,
                fields: self.nested,
            }))),
            "Row" => Some(Type::Row(Box::new(RowType {
                with_kind: self.flag(3)?,
                fields: self.nested,
            }))),
            "Node" => Some(record::sequenced_node::<6>(self.nested.try_into().ok()?)),
            "MetaSqnInfo" => Some(record::meta_sqn_info()),
            "RowSqnInfo" => Some(record::row_sqn_info()),
            _ => self.by_arity(),
        }
    }

    fn by_arity(mut self) -> Option<Type> {
        match self.nested.len() {
            1 => {
                let inner = self.nested.pop()?;
                self.of_one(inner)
            }
            2 => {
                let second = self.nested.pop()?;
                let first = self.nested.pop()?;
                self.of_two(first, second)
            }
            3 if self.name == "NFAState" => {
                let [version, node, event_id] =
                    <[Type; 3]>::try_from(std::mem::take(&mut self.nested)).ok()?;
                Some(record::nfa_state(version, node, event_id, self.flag(2)?))
            }
            _ => None,
        }
    }

    fn of_one(&self, inner: Type) -> Option<Type> {
        Some(match self.name {
            "ListView"
            | "MapView"
            | "SingleThreadAccessChecking"
            | "External"
            | "SingleThreadAccessCheckingType" => inner,
            "List" | "ArrayList" | "LinkedList" => self.list(ListKind::List, inner, self.list_nulls()?),
            "Set" => self.list(ListKind::Set, inner, Nulls::IsNull),
            "Traversable" => self.list(ListKind::Traversable, inner, Nulls::IsPresent),
            "GenericArray" => self.list(ListKind::GenericArray(self.text()?), inner, Nulls::IsPresent),
            "Nullable" => self.optional(
                OptionalKind::Nullable {
                    padding: self.padding()?,
                },
                inner,
            ),
            "ScalaOption" | "Option" => self.optional(OptionalKind::Option, inner),
            "BufferEntry" => record::buffer_entry(inner),
            "StreamElement" => record::stream_element(inner),
            "CRow" => record::crow(inner),
            "WindowKey" => record::window_key(inner),
            "NodeId" => record::node_id(inner),
            "LockableType" | "Lockable" => record::lockable(inner),
            "SharedBufferNode" => list(inner),
            "SharedBufferNodeSerializerSnapshotV2" => list(record::lockable(inner)),
            "RawValueData" | "RawValue" | "BinaryGeneric" => Type::Framed(Box::new(FramedType {
                name: "RawValueData",
                inner,
            })),
            _ => return None,
        })
    }

    fn of_two(&self, first: Type, second: Type) -> Option<Type> {
        Some(match self.name {
            "Map" => map(first, second, false),
            "NullAwareMap" => map(first, second, true),
            "Ttl" => Type::Ttl(Box::new(second)),
            "Timer" => record::timer(first, second),
            "JavaEither" | "ScalaEither" | "Either" => either(EitherKind::Either, first, second),
            // Flink nests the value before the throwable.
            "ScalaTry" | "Try" => either(EitherKind::Try, second, first),
            "Union" => either(EitherKind::Union, first, second),
            "State" => record::two_phase_commit(first, second, self.flag(3)?),
            "SharedBufferEdge" => record::shared_buffer_edge(first, second),
            _ => return None,
        })
    }

    fn list(&self, kind: ListKind, element: Type, nulls: Nulls) -> Type {
        Type::List(Box::new(ListType { kind, element, nulls }))
    }

    fn optional(&self, kind: OptionalKind, inner: Type) -> Type {
        Type::Optional(Box::new(OptionalType { kind, inner }))
    }

    /// Only `LinkedList` has a mask; a development version of `List` had one too.
    fn list_nulls(&self) -> Option<Nulls> {
        let mask = match self.name {
            "LinkedList" => self.flag(2)?,
            _ => matches!(self.outer, Outer::Flag(true)),
        };
        Some(if mask { Nulls::Mask } else { Nulls::Never })
    }

    /// The flag of a composite; before it was stored, versions from `implied_since` had it.
    fn flag(&self, implied_since: i32) -> Option<bool> {
        match self.outer {
            Outer::Flag(flag) => Some(*flag),
            Outer::None => Some(self.version >= implied_since),
            _ => None,
        }
    }

    fn text(&self) -> Option<String> {
        match self.outer {
            Outer::Text(text) => Some(text.to_str().into_owned()),
            _ => None,
        }
    }

    fn padding(&self) -> Option<usize> {
        match self.outer {
            Outer::Padding(padding) => usize::try_from(*padding).ok(),
            _ => None,
        }
    }
}

/// A map as `MapSerializer` and `NullAwareMapSerializer` write it.
pub(super) fn map(key: Type, value: Type, null_keys: bool) -> Type {
    Type::Map(Box::new(MapType {
        key,
        value,
        null_keys,
        null_values: true,
    }))
}

fn either(kind: EitherKind, left: Type, right: Type) -> Type {
    Type::Either(Box::new(EitherType { kind, left, right }))
}
