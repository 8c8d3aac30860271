//! The table of snapshot classes: which of them stores what.

use crate::text::JavaString;

/// What a snapshot class stores, and in which of its versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `SimpleTypeSerializerSnapshot`.
    Simple,
    /// `GenericTypeSerializerSnapshot`.
    Generic,
    /// `CompositeTypeSerializerSnapshot`: latest known version of the outer content, and
    /// what that is.
    Composite(i32, OuterLayout),
    /// A class with a layout of its own.
    Own(OwnLayout),
    /// A `TypeSerializerConfigSnapshot`.
    Old(OldLayout),
    /// A `TypeSerializerConfigSnapshot` whose version 2 (Flink 1.7) is a composite.
    Renewed(OldLayout, OuterLayout),
}

/// What a composite stores besides its nested snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OuterLayout {
    Nothing,
    Text,
    /// A flag since the named outer version; nothing before.
    Flag(i32),
    Padding,
    External,
}

/// Layouts of classes that belong to no family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnLayout {
    Pojo,
    Enum,
    ScalaEnum,
    Avro,
    Kryo,
    RowData,
    BinaryRowData,
    ArrayData,
    MapData,
    SortedMap,
    Decimal,
    Timestamp,
    TtlAware,
    RowDataKey,
    StateFunProtobuf,
    StateFunRemoteValue,
    StateFunMessage,
}

impl OwnLayout {
    /// The versions that can be read.
    pub(super) fn versions(self) -> std::ops::RangeInclusive<i32> {
        match self {
            Self::Pojo | Self::Kryo => 2..=2,
            Self::Avro => 1..=3,
            Self::Timestamp | Self::TtlAware | Self::StateFunProtobuf | Self::StateFunRemoteValue => 1..=1,
            Self::StateFunMessage => 1..=2,
            Self::RowDataKey => 0..=0,
            _ => 3..=3,
        }
    }
}

/// Layouts of `TypeSerializerConfigSnapshot`s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OldLayout {
    Parameterless,
    Composite,
    CompositeWithClass,
    Pojo,
    Enum,
    ScalaEnum,
    Generic,
    Registrations,
    AvroSchema,
}

impl OldLayout {
    /// The versions that can be read.
    pub(super) fn versions(self) -> std::ops::RangeInclusive<i32> {
        match self {
            // CompositeSerializer's form of Flink 1.6 is version 0.
            Self::Composite => 0..=1,
            Self::Enum | Self::ScalaEnum => 1..=2,
            _ => 1..=1,
        }
    }
}

/// The layout of a class of Flink's; `None` for anybody else's class.
pub(super) fn layout(class: &JavaString) -> Option<Layout> {
    let name = class
        .as_text()
        .as_modified_utf8()
        .strip_prefix(b"org.apache.flink")?;
    // PyFlink's serializers of the same names never get into a state.
    if !name.starts_with(b".") || name.windows(IN_PYTHON.len()).any(|part| part == IN_PYTHON) {
        return None;
    }
    TABLE
        .iter()
        .find(|(ending, _)| ends_with(name, ending))
        .map(|(_, layout)| *layout)
}

const IN_PYTHON: &[u8] = b".serializers.python.";

/// Packages of which all snapshot classes of all releases up to 2.3 stand in the table.
const COMPLETE: [&[u8]; 5] = [
    b"org.apache.flink.api.",
    b"org.apache.flink.cep.",
    b"org.apache.flink.runtime.",
    b"org.apache.flink.streaming.api.",
    b"org.apache.flink.table.runtime.",
];

/// Whether a class would be one of Flink's own, and no release has it.
pub(super) fn is_in_no_release(class: &JavaString) -> bool {
    let name = class.as_text().as_modified_utf8();
    COMPLETE.iter().any(|package| name.starts_with(package)) && layout(class).is_none()
}

fn ends_with(name: &[u8], segments: &str) -> bool {
    let head = name.strip_suffix(segments.as_bytes());
    head.is_some_and(|head| matches!(head.last(), Some(b'.' | b'$')))
}

use Layout::{Composite, Generic, Old, Own, Renewed, Simple};
use OuterLayout::{External, Flag, Nothing, Padding, Text};

/// The last segments of class names (more than one where the last alone is ambiguous), and
/// the layouts. Packages moved between releases and do not count.
#[rustfmt::skip]
const TABLE: &[(&str, Layout)] = &[
    // org.apache.flink.api.common.typeutils.base
    ("BooleanSerializerSnapshot", Simple),
    ("ByteSerializerSnapshot", Simple),
    ("ShortSerializerSnapshot", Simple),
    ("CharSerializerSnapshot", Simple),
    ("IntSerializerSnapshot", Simple),
    ("LongSerializerSnapshot", Simple),
    ("FloatSerializerSnapshot", Simple),
    ("DoubleSerializerSnapshot", Simple),
    ("StringSerializerSnapshot", Simple),
    ("BooleanValueSerializerSnapshot", Simple),
    ("ByteValueSerializerSnapshot", Simple),
    ("ShortValueSerializerSnapshot", Simple),
    ("CharValueSerializerSnapshot", Simple),
    ("IntValueSerializerSnapshot", Simple),
    ("LongValueSerializerSnapshot", Simple),
    ("FloatValueSerializerSnapshot", Simple),
    ("DoubleValueSerializerSnapshot", Simple),
    ("StringValueSerializerSnapshot", Simple),
    ("NullValueSerializerSnapshot", Simple),
    ("VoidSerializerSnapshot", Simple),
    ("BigIntSerializerSnapshot", Simple),
    ("BigDecSerializerSnapshot", Simple),
    ("DateSerializerSnapshot", Simple),
    ("SqlDateSerializerSnapshot", Simple),
    ("SqlTimeSerializerSnapshot", Simple),
    // The Table runtime of 1.10 called its own serializer the same.
    ("table.runtime.typeutils.SqlTimestampSerializer$SqlTimestampSerializerSnapshot", Own(OwnLayout::Timestamp)),
    ("SqlTimestampSerializerSnapshot", Simple),
    ("InstantSerializerSnapshot", Simple),
    ("LocalDateSerializerSnapshot", Simple),
    ("LocalTimeSerializerSnapshot", Simple),
    ("LocalDateTimeSerializerSnapshot", Simple),
    ("UuidSerializerSnapshot", Simple),
    ("VariantSerializerSnapshot", Simple),
    ("BitmapSerializerSnapshot", Simple),
    ("EnumSerializerSnapshot", Own(OwnLayout::Enum)),

    // Arrays
    ("BooleanPrimitiveArraySerializerSnapshot", Simple),
    ("BytePrimitiveArraySerializerSnapshot", Simple),
    ("ShortPrimitiveArraySerializerSnapshot", Simple),
    ("CharPrimitiveArraySerializerSnapshot", Simple),
    ("IntPrimitiveArraySerializerSnapshot", Simple),
    ("LongPrimitiveArraySerializerSnapshot", Simple),
    ("FloatPrimitiveArraySerializerSnapshot", Simple),
    ("DoublePrimitiveArraySerializerSnapshot", Simple),
    ("StringArraySerializerSnapshot", Simple),
    ("GenericArraySerializerSnapshot", Composite(1, Text)),
    ("GenericArraySerializerConfigSnapshot", Renewed(OldLayout::CompositeWithClass, Text)),
    ("ByteArrayWrapperSerializerSnapshot", Simple),

    // Collections and wrappers
    // A development version of List had a mask of nulls, and with it a flag.
    ("ListSerializerSnapshot", Composite(2, Flag(2))),
    ("ArrayListSerializerSnapshot", Composite(1, Nothing)),
    ("SetSerializerSnapshot", Composite(1, Nothing)),
    ("MapSerializerSnapshot", Composite(1, Nothing)),
    ("NullableSerializerSnapshot", Composite(2, Padding)),
    ("JavaEitherSerializerSnapshot", Composite(1, Nothing)),
    ("EitherSerializerSnapshot", Renewed(OldLayout::Composite, Nothing)),
    ("UnionSerializerSnapshot", Composite(2, Nothing)),
    ("TtlSerializerSnapshot", Composite(2, Nothing)),
    ("TtlAwareSerializerSnapshot", Own(OwnLayout::TtlAware)),
    ("SingleThreadAccessCheckingTypeSerializerSnapshot", Composite(1, Nothing)),

    // Rows, tuples, objects
    ("Tuple0SerializerSnapshot", Simple),
    ("TupleSerializerSnapshot", Composite(2, Text)),
    ("RowSerializerSnapshot", Composite(4, Flag(4))),
    ("PojoSerializerSnapshot", Own(OwnLayout::Pojo)),
    ("AvroSerializerSnapshot", Own(OwnLayout::Avro)),
    ("KryoSerializerSnapshot", Own(OwnLayout::Kryo)),
    ("JavaSerializerSnapshot", Simple),
    ("ValueSerializerSnapshot", Generic),
    ("CopyableValueSerializerSnapshot", Generic),
    ("WritableSerializerSnapshot", Generic),

    // Runtime and operators
    ("VoidNamespaceSerializerSnapshot", Simple),
    ("GlobalWindowSerializerSnapshot", Simple),
    ("TimeWindowSerializerSnapshot", Simple),
    ("CountWindowSerializerSnapshot", Simple),
    ("TimerSerializerSnapshot", Composite(2, Nothing)),
    ("StreamElementSerializerSnapshot", Composite(2, Nothing)),
    ("BufferEntrySerializerSnapshot", Composite(2, Nothing)),
    ("TwoPhaseCommitSinkFunction$StateSerializerSnapshot", Composite(4, Flag(4))),
    ("TransactionStateSerializerSnapshot", Simple),
    ("ContextStateSerializerSnapshot", Simple),
    ("NextTransactionalIdHintSerializerSnapshot", Simple),

    // CEP
    ("EventIdSerializerSnapshot", Simple),
    ("DeweyNumberSerializerSnapshot", Simple),
    ("NodeIdSerializerSnapshot", Composite(1, Nothing)),
    ("SharedBufferEdgeSerializerSnapshot", Composite(1, Nothing)),
    ("SharedBufferNodeSerializerSnapshot", Composite(1, Nothing)),
    ("SharedBufferNodeSerializerSnapshotV2", Composite(1, Nothing)),
    ("LockableTypeSerializerSnapshot", Composite(1, Nothing)),
    ("NFAStateSerializerSnapshot", Composite(2, Flag(2))),
    ("MigratedNFASerializerSnapshot", Composite(2, Nothing)),
    ("SharedBuffer$SharedBufferSerializerSnapshot", Composite(2, Nothing)),

    // Scala
    ("ScalaOptionSerializerSnapshot", Composite(2, Nothing)),
    ("ScalaEitherSerializerSnapshot", Composite(1, Nothing)),
    ("ScalaTrySerializerSnapshot", Composite(2, Nothing)),
    ("TraversableSerializerSnapshot", Composite(2, Text)),
    ("ScalaCaseClassSerializerSnapshot", Composite(2, Text)),
    ("Tuple2CaseClassSerializerSnapshot", Composite(2, Text)),
    ("ScalaEnumSerializerSnapshot", Own(OwnLayout::ScalaEnum)),
    ("UnitSerializerSnapshot", Simple),
    ("NothingSerializerSnapshot", Simple),

    // Gelly
    ("ByteValueArraySerializerSnapshot", Simple),
    ("ShortValueArraySerializerSnapshot", Simple),
    ("CharValueArraySerializerSnapshot", Simple),
    ("BooleanValueArraySerializerSnapshot", Simple),
    ("IntValueArraySerializerSnapshot", Simple),
    ("LongValueArraySerializerSnapshot", Simple),
    ("FloatValueArraySerializerSnapshot", Simple),
    ("DoubleValueArraySerializerSnapshot", Simple),
    ("StringValueArraySerializerSnapshot", Simple),
    ("NullValueArraySerializerSnapshot", Simple),
    ("LongValueWithProperHashCodeSerializerSnapshot", Simple),

    // Table runtime, with the names of 1.9 and 1.10
    ("RowDataSerializerSnapshot", Own(OwnLayout::RowData)),
    ("BaseRowSerializerSnapshot", Own(OwnLayout::RowData)),
    ("BinaryRowDataSerializerSnapshot", Own(OwnLayout::BinaryRowData)),
    ("BinaryRowSerializerSnapshot", Own(OwnLayout::BinaryRowData)),
    ("ArrayDataSerializerSnapshot", Own(OwnLayout::ArrayData)),
    ("BaseArraySerializerSnapshot", Own(OwnLayout::ArrayData)),
    ("MapDataSerializerSnapshot", Own(OwnLayout::MapData)),
    ("BaseMapSerializerSnapshot", Own(OwnLayout::MapData)),
    ("StringDataSerializerSnapshot", Simple),
    ("BinaryStringSerializerSnapshot", Simple),
    ("DecimalSerializerSnapshot", Own(OwnLayout::Decimal)),
    ("TimestampDataSerializerSnapshot", Own(OwnLayout::Timestamp)),
    ("RawValueDataSerializerSnapshot", Composite(0, Nothing)),
    ("BinaryGenericSerializerSnapshot", Composite(0, Nothing)),
    ("ExternalSerializerSnapshot", Composite(1, External)),
    ("WindowKeySerializerSnapshot", Composite(1, Nothing)),
    ("LinkedListSerializerSnapshot", Composite(3, Flag(3))),
    ("SortedMapSerializerSnapshot", Own(OwnLayout::SortedMap)),
    ("SortedLongSerializerSnapshot", Simple),
    ("NullAwareMapSerializerSnapshot", Composite(1, Nothing)),
    ("ListViewSerializerSnapshot", Composite(1, Nothing)),
    ("MapViewSerializerSnapshot", Composite(1, Nothing)),
    ("NullSerializerSnapshot", Simple),
    ("CRowSerializerSnapshot", Composite(1, Nothing)),
    ("RowDataKeySerializerSnapshot", Own(OwnLayout::RowDataKey)),
    ("MetaSqnInfoSerializerSnapshot", Composite(0, Nothing)),
    ("RowSqnInfoSerializerSnapshot", Composite(0, Nothing)),
    ("linked.NodeSerializer$NodeSerializerSnapshot", Composite(0, Nothing)),

    // Stateful Functions
    ("ProtobufTypeSerializerSnapshot", Own(OwnLayout::StateFunProtobuf)),
    ("RemoteValueSerializerSnapshot", Own(OwnLayout::StateFunRemoteValue)),
    ("MessageTypeSerializer$Snapshot", Own(OwnLayout::StateFunMessage)),

    // TypeSerializerConfigSnapshot, Flink 1.3 to 1.7
    ("ParameterlessTypeSerializerConfig", Old(OldLayout::Parameterless)),
    ("CollectionSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("MapSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("EitherSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("RowSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("NullableSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("CompositeSerializer$ConfigSnapshot", Old(OldLayout::Composite)),
    ("TimerSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("UnionSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("StreamElementSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("StreamRecordSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("MultiplexingStreamRecordSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("BufferSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("StateSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("OptionSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("ScalaOptionSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("TrySerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("ScalaTrySerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("TraversableSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("ListViewSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("MapViewSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("CRowSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("NFASerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("SharedBufferSerializerConfigSnapshot", Old(OldLayout::Composite)),
    ("TupleSerializerConfigSnapshot", Old(OldLayout::CompositeWithClass)),
    ("PojoSerializerConfigSnapshot", Old(OldLayout::Pojo)),
    ("EnumSerializerConfigSnapshot", Old(OldLayout::Enum)),
    ("ScalaEnumSerializerConfigSnapshot", Old(OldLayout::ScalaEnum)),
    ("KryoSerializerConfigSnapshot", Old(OldLayout::Registrations)),
    ("ValueSerializerConfigSnapshot", Old(OldLayout::Registrations)),
    ("AvroSerializerConfigSnapshot", Old(OldLayout::Registrations)),
    ("CopyableValueSerializerConfigSnapshot", Old(OldLayout::Generic)),
    ("WritableSerializerConfigSnapshot", Old(OldLayout::Generic)),
    ("AvroSchemaSerializerConfigSnapshot", Old(OldLayout::AvroSchema)),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(class: &str) -> Option<Layout> {
        layout(&JavaString::new(class).unwrap())
    }

    #[test]
    fn packages_do_not_count_within_flink() {
        let option = Some(Composite(2, Nothing));
        assert_eq!(
            of("org.apache.flink.api.scala.typeutils.ScalaOptionSerializerSnapshot"),
            option
        );
        assert_eq!(
            of("org.apache.flink.table.api.typeutils.ScalaOptionSerializerSnapshot"),
            option
        );
        assert_eq!(of("com.acme.ScalaOptionSerializerSnapshot"), None);
        assert_eq!(of("org.apache.flink.MyLongSerializerSnapshot"), None);
        assert_eq!(of("org.apache.flinkish.LongSerializerSnapshot"), None);
    }

    #[test]
    fn names_in_flinks_packages_that_no_release_has_are_told() {
        let missing = |class: &str| is_in_no_release(&JavaString::new(class).unwrap());
        let base = "org.apache.flink.api.common.typeutils.base.";
        assert!(missing(&format!("{base}StringSerializer$StringSerializes")));
        assert!(!missing(&format!(
            "{base}StringSerializer$StringSerializerSnapshot"
        )));
        assert!(!missing("org.apache.flink.cdc.StringSerializes"));
        assert!(!missing("com.acme.StringSerializes"));
    }

    #[test]
    fn names_that_two_classes_share_are_told_apart() {
        let base = "org.apache.flink.api.common.typeutils.base.SqlTimestampSerializer$SqlTimestampSerializerSnapshot";
        assert_eq!(of(base), Some(Simple));
        let table =
            "org.apache.flink.table.runtime.typeutils.SqlTimestampSerializer$SqlTimestampSerializerSnapshot";
        assert_eq!(of(table), Some(Own(OwnLayout::Timestamp)));
        let python = "org.apache.flink.table.runtime.typeutils.serializers.python.RowDataSerializer$RowDataSerializerSnapshot";
        assert_eq!(of(python), None);
        assert_eq!(of("org.apache.flink.statefun.Other$Snapshot"), None);
    }

    #[test]
    fn no_entry_hides_a_later_one() {
        for (i, (name, _)) in TABLE.iter().enumerate() {
            let class = format!("org.apache.flink.{name}");
            let first = TABLE
                .iter()
                .position(|(ending, _)| ends_with(class.as_bytes(), ending));
            assert_eq!(first, Some(i), "{name}");
        }
    }
}
