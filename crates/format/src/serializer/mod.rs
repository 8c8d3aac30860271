//! Serializer snapshots: how a state says what its bytes mean.
//!
//! ```text
//! proxy    i32 2 (the framing version), then snapshot; or i32 1, then the form of Flink 1.3 to 1.6
//! snapshot utf class name, i32 version, content by class and version; no length
//! ```
//!
//! Flink writes the proxy in `TypeSerializerSnapshotSerializationUtil` wherever a state or a key
//! names its serializer; nested snapshots go without. As nothing says how long a content is, a
//! class that nobody described makes what follows unreadable, unless its extent can be told from
//! a frame, from the marks of a composite, or from what stands behind it.
//!
//! A decoded [`SerializerSnapshot`] encodes to the bytes it was read from.
//!
//! | module | what is in it |
//! |---|---|
//! | `layout` | the table of snapshot classes |
//! | `decode` | class, version, and the choice of a layout; limits |
//! | `simple`, `composite`, `pojo`, `kryo`, `avro`, `table_runtime`, `statefun` | the layouts, both ways |
//! | `old_style` | `TypeSerializerConfigSnapshot`s of Flink 1.3 to 1.7 |
//! | `unknown` | what can be told of classes nobody described |
//! | `tree` | questions about whole trees of snapshots |
//! | [`fit`] | snapshots as a certain release can read them |

mod avro;
mod composite;
mod decode;
pub mod fit;
mod kryo;
mod layout;
mod old_style;
mod optional_map;
mod pojo;
mod simple;
mod statefun;
mod table_runtime;
mod text;
mod tree;
mod unknown;

use crate::java::JavaStream;
use crate::text::JavaString;

pub use decode::{MAX_DEPTH, MAX_PARTS};
pub use kryo::{KryoContent, KryoRegistration, KryoSerializerDefinition};
pub use old_style::{
    ADAPTER_VERSION, Adapter, OldContent, OldPojo, OldPojoEntry, OldStyle, ResilienceEntry, ResilienceTable,
};
pub use optional_map::{Frame, OptionalEntry};
pub use pojo::{PojoContent, PojoField};
pub use text::Text;

/// Whether a snapshot class of this name would be one of Flink's own, and no release up to 2.3
/// has it: a name that was damaged, or one of a newer release.
pub fn is_in_no_release(class: &str) -> bool {
    JavaString::new(class).is_some_and(|class| layout::is_in_no_release(&class))
}

/// A serializer snapshot: its class, its version, and what that class stores.
#[derive(Debug, Clone, PartialEq)]
pub struct SerializerSnapshot {
    /// Binary name of the snapshot class (nested classes with `$`).
    pub class: JavaString,
    /// The version with which that class wrote its content.
    pub version: i32,
    /// The content.
    pub content: Content,
}

/// The content of a serializer snapshot, by family of snapshot classes.
///
/// Which Flink serializer a snapshot stands for follows from [`SerializerSnapshot::class`];
/// several serializers share a family.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// `SimpleTypeSerializerSnapshot`, version 3: nothing.
    Simple,
    /// `SimpleTypeSerializerSnapshot`, version 2 (Flink 1.7): the serializer's class name.
    NamedSimple {
        /// Name of the serializer class; Flink ignores it.
        serializer: JavaString,
    },
    /// `GenericTypeSerializerSnapshot`: Value, CopyableValue and Writable serializers.
    Generic {
        /// Class of the values.
        class: JavaString,
    },
    /// `CompositeTypeSerializerSnapshot`: content of its own around nested snapshots.
    Composite {
        /// Version of the outer content. `None` in the form of Flink 1.7, which has neither
        /// the magic number nor this field.
        outer_version: Option<i32>,
        /// The content of the composite itself.
        outer: Outer,
        /// The nested snapshots in order.
        nested: Vec<SerializerSnapshot>,
    },
    /// `PojoSerializerSnapshot`.
    Pojo(PojoContent),
    /// `EnumSerializerSnapshot`.
    Enum {
        /// The enum class.
        class: JavaString,
        /// Constant names; a value is an index into this list.
        constants: Vec<JavaString>,
    },
    /// `ScalaEnumSerializerSnapshot`.
    ScalaEnum {
        /// The enumeration's class.
        class: JavaString,
        /// Names and ids; a value is an id.
        constants: Vec<(JavaString, i32)>,
    },
    /// `AvroSerializerSnapshot`. Versions 1 and 2 have room for texts of 65 535 bytes only.
    Avro {
        /// Class of the records; `None` in version 1.
        runtime_class: Option<Text>,
        /// The schema as JSON.
        schema: Text,
    },
    /// `KryoSerializerSnapshot`.
    Kryo(KryoContent),
    /// `RowDataSerializerSnapshot`: a logical type and a serializer for each column.
    RowData {
        /// A Java-serialized `LogicalType` for each column.
        types: Vec<JavaStream>,
        /// A snapshot for each column.
        nested: Vec<SerializerSnapshot>,
    },
    /// `BinaryRowDataSerializerSnapshot`.
    BinaryRowData {
        /// Number of columns.
        arity: i32,
    },
    /// `ArrayDataSerializerSnapshot`.
    ArrayData {
        /// Java-serialized `LogicalType` of the elements.
        element_type: JavaStream,
        /// The Java-serialized element serializer.
        element_serializer: JavaStream,
    },
    /// `MapDataSerializerSnapshot`.
    MapData {
        /// Java-serialized `LogicalType` of the keys.
        key_type: JavaStream,
        /// Java-serialized `LogicalType` of the values.
        value_type: JavaStream,
        /// The Java-serialized key serializer.
        key_serializer: JavaStream,
        /// The Java-serialized value serializer.
        value_serializer: JavaStream,
    },
    /// `SortedMapSerializerSnapshot`.
    SortedMap {
        /// The Java-serialized comparator.
        comparator: JavaStream,
        /// Snapshots of key and value.
        nested: Vec<SerializerSnapshot>,
    },
    /// `DecimalSerializerSnapshot`.
    Decimal {
        /// Number of digits.
        precision: i32,
        /// Digits after the point.
        scale: i32,
    },
    /// `TimestampDataSerializer.TimestampDataSerializerSnapshot`.
    Timestamp {
        /// Digits of the fraction of a second.
        precision: i32,
    },
    /// `TtlAwareSerializerSnapshot` (2.0 and later).
    TtlAware {
        /// Whether the wrapped serializer writes TTL time stamps.
        enabled: bool,
        /// The wrapped serializer.
        inner: Box<SerializerSnapshot>,
    },
    /// `RowDataKeySerializerSnapshot` (2.2 and later).
    RowDataKey {
        /// The Java-serialized record equaliser.
        equaliser: Vec<u8>,
        /// The Java-serialized hash function.
        hash_function: Vec<u8>,
        /// The row's serializer.
        inner: Box<SerializerSnapshot>,
    },
    /// StateFun `ProtobufTypeSerializerSnapshot`: a protobuf message of Java name, message
    /// name and `FileDescriptorSet`.
    StateFunProtobuf {
        /// The encoded message.
        message: Vec<u8>,
    },
    /// StateFun `RemoteValueSerializerSnapshot`: the SDK type's name.
    StateFunRemoteValue {
        /// Namespace of the type.
        namespace: JavaString,
        /// Name of the type.
        name: JavaString,
    },
    /// StateFun `MessageTypeSerializer$Snapshot`.
    StateFunMessage {
        /// Which kind of payloads.
        payload: JavaString,
        /// The payload serializer's class, if any; absent in version 1.
        serializer: Option<Option<JavaString>>,
    },
    /// A `TypeSerializerConfigSnapshot` of Flink 1.3 to 1.7; see [`OldStyle`].
    OldStyle(OldStyle),
    /// A class nobody described, of which only the extent is known, by the frame around it
    /// or by what follows.
    Opaque {
        /// The content as it stands.
        bytes: Vec<u8>,
    },
}

/// What a composite stores besides its nested snapshots.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Outer {
    /// Nothing.
    None,
    /// A class name or other text: tuple class, component class of an array, source of a
    /// Scala builder.
    Text(JavaString),
    /// A flag: row kinds supported, null mask present, previous time stamp present, null
    /// transactions supported.
    Flag(bool),
    /// Padding length of a `NullableSerializer`.
    Padding(i32),
    /// `ExternalSerializerSnapshot`: the Java-serialized `DataType` and whether input is internal.
    External {
        /// The data type.
        data_type: JavaStream,
        /// Whether the serializer takes internal data structures.
        internal_input: bool,
    },
    /// Outer content of a composite class nobody described.
    Opaque(Vec<u8>),
}
