//! The ids that classes have without being registered by anybody.

use super::KryoGeneration;

/// Kryo's own, 0 to 9. Wrappers share the ids of their primitives.
const PRIMITIVES: [(&str, &str); 10] = [
    ("int", "java.lang.Integer"),
    ("java.lang.String", "java.lang.String"),
    ("float", "java.lang.Float"),
    ("boolean", "java.lang.Boolean"),
    ("byte", "java.lang.Byte"),
    ("char", "java.lang.Character"),
    ("short", "java.lang.Short"),
    ("long", "java.lang.Long"),
    ("double", "java.lang.Double"),
    ("void", "java.lang.Void"),
];

const FIRST_SCALA: u32 = 10;
/// Of chill's `FlinkScalaKryoInstantiator`, 10 to 72, which only Flink 1.x has.
const SCALA: [&str; 63] = [
    "scala.collection.convert.Wrappers$SeqWrapper",
    "scala.collection.convert.Wrappers$IteratorWrapper",
    "scala.collection.convert.Wrappers$MapWrapper",
    "scala.collection.convert.Wrappers$JListWrapper",
    "scala.collection.convert.Wrappers$JMapWrapper",
    "scala.Some",
    "scala.util.Left",
    "scala.util.Right",
    "scala.collection.immutable.Vector",
    "scala.collection.immutable.Set$Set1",
    "scala.collection.immutable.Set$Set2",
    "scala.collection.immutable.Set$Set3",
    "scala.collection.immutable.Set$Set4",
    "scala.collection.immutable.HashSet$HashTrieSet",
    "scala.collection.immutable.Map$Map1",
    "scala.collection.immutable.Map$Map2",
    "scala.collection.immutable.Map$Map3",
    "scala.collection.immutable.Map$Map4",
    "scala.collection.immutable.HashMap$HashTrieMap",
    "scala.collection.immutable.Range$Inclusive",
    "scala.collection.immutable.NumericRange$Inclusive",
    "scala.collection.immutable.NumericRange$Exclusive",
    "scala.collection.mutable.BitSet",
    "scala.collection.mutable.HashMap",
    "scala.collection.mutable.HashSet",
    "scala.collection.convert.Wrappers$IterableWrapper",
    "scala.Tuple1",
    "scala.Tuple2",
    "scala.Tuple3",
    "scala.Tuple4",
    "scala.Tuple5",
    "scala.Tuple6",
    "scala.Tuple7",
    "scala.Tuple8",
    "scala.Tuple9",
    "scala.Tuple10",
    "scala.Tuple11",
    "scala.Tuple12",
    "scala.Tuple13",
    "scala.Tuple14",
    "scala.Tuple15",
    "scala.Tuple16",
    "scala.Tuple17",
    "scala.Tuple18",
    "scala.Tuple19",
    "scala.Tuple20",
    "scala.Tuple21",
    "scala.Tuple22",
    "scala.Tuple1$mcJ$sp",
    "scala.Tuple1$mcI$sp",
    "scala.Tuple1$mcD$sp",
    "scala.Tuple2$mcJJ$sp",
    "scala.Tuple2$mcJI$sp",
    "scala.Tuple2$mcJD$sp",
    "scala.Tuple2$mcIJ$sp",
    "scala.Tuple2$mcII$sp",
    "scala.Tuple2$mcID$sp",
    "scala.Tuple2$mcDJ$sp",
    "scala.Tuple2$mcDI$sp",
    "scala.Tuple2$mcDD$sp",
    "scala.Symbol",
    "scala.reflect.ClassTag",
    "scala.runtime.BoxedUnit",
];

const FIRST_JDK: u32 = 73;
/// Of Flink's `FlinkChillPackageRegistrar`, 73 to 84.
const JDK: [&str; 12] = [
    "java.util.Arrays$ArrayList",
    "java.util.BitSet",
    "java.util.PriorityQueue",
    "java.util.regex.Pattern",
    "java.sql.Date",
    "java.sql.Time",
    "java.sql.Timestamp",
    "java.net.URI",
    "java.net.InetSocketAddress",
    "java.util.UUID",
    "java.util.Locale",
    "java.text.SimpleDateFormat",
];

fn tables(generation: KryoGeneration) -> impl Iterator<Item = (u32, &'static str)> {
    let (primitives, scala) = match generation {
        KryoGeneration::V2 => (&PRIMITIVES[..], &SCALA[..]),
        KryoGeneration::V5 => (PRIMITIVES.split_last().map_or(&[][..], |(_, rest)| rest), &[][..]),
    };
    let primitives = (0..).zip(primitives.iter().map(|(primitive, _)| *primitive));
    primitives
        .chain((FIRST_SCALA..).zip(scala.iter().copied()))
        .chain((FIRST_JDK..).zip(JDK))
}

/// The class of an id below those of the snapshot; primitives for their wrappers.
pub(super) fn class_of(id: u32, generation: KryoGeneration) -> Option<&'static str> {
    tables(generation)
        .find(|(known, _)| *known == id)
        .map(|(_, class)| class)
}

/// The id of a class below those of the snapshot.
pub(super) fn id_of(class: &str, generation: KryoGeneration) -> Option<u32> {
    tables(generation)
        .find(|(_, known)| *known == class)
        .map(|(id, _)| id)
}

/// The primitive of a wrapper class.
pub(super) fn primitive_of(class: &str) -> Option<&'static str> {
    PRIMITIVES
        .iter()
        .find(|(_, wrapper)| *wrapper == class)
        .map(|(primitive, _)| *primitive)
}

/// The wrapper class of a primitive.
pub(super) fn wrapper_of(class: &str) -> Option<&'static str> {
    PRIMITIVES
        .iter()
        .find(|(primitive, _)| *primitive == class)
        .map(|(_, wrapper)| *wrapper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_flinks_registration_list() {
        for (id, class) in [
            (0, "int"),
            (9, "void"),
            (15, "scala.Some"),
            (35, "scala.collection.convert.Wrappers$IterableWrapper"),
            (57, "scala.Tuple22"),
            (61, "scala.Tuple2$mcJJ$sp"),
            (72, "scala.runtime.BoxedUnit"),
            (73, "java.util.Arrays$ArrayList"),
            (84, "java.text.SimpleDateFormat"),
        ] {
            assert_eq!(class_of(id, KryoGeneration::V2), Some(class));
            assert_eq!(id_of(class, KryoGeneration::V2), Some(id));
        }
        assert_eq!(class_of(85, KryoGeneration::V2), None);
        assert_eq!(
            (class_of(9, KryoGeneration::V5), class_of(15, KryoGeneration::V5)),
            (None, None)
        );
        assert_eq!(class_of(82, KryoGeneration::V5), Some("java.util.UUID"));
    }
}
