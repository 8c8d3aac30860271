//! Serializer snapshots: how a state says what its bytes mean.
//!
//! ```text
//! proxy    i32 2 (the framing version), then snapshot          Flink's TypeSerializerSnapshotSerializationUtil
//! snapshot utf class name, i32 version, content by class and version; no length
//! ```
//!
//! Layouts of all classes are in docs/format/serializers.md. A decoded [`SerializerSnapshot`]
//! encodes to the bytes it was read from.

use crate::java::JavaStream;
use crate::text::JavaString;

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
    /// `AvroSerializerSnapshot`.
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
        /// Version 2: the payload serializer's class, if any.
        serializer: Option<Option<Text>>,
    },
    /// A `TypeSerializerConfigSnapshot` of Flink 1.3 to 1.7; see [`OldStyle`].
    OldStyle(OldStyle),
    /// A class nobody described, of which only the extent is known.
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

/// A string as Flink's `StringValue.writeString` writes it: UTF-16 code units, lone
/// surrogates included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(pub Vec<u16>);

/// An entry of a `LinkedOptionalMap`: the key's name, and key and value if their classes
/// could be loaded when the snapshot was written.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionalEntry<K, V> {
    /// Name of the key: a field, a class, or a Kryo registration tag.
    pub name: JavaString,
    /// The key frame.
    pub key: Option<Frame<K>>,
    /// The value frame.
    pub value: Option<Frame<V>>,
}

/// A frame with an explicit length: what it holds, or its bytes if that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame<T> {
    /// Understood to the last byte.
    Known(T),
    /// Kept as it stands.
    Opaque(Vec<u8>),
}

/// Content of `PojoSerializerSnapshot`, version 2.
#[derive(Debug, Clone, PartialEq)]
pub struct PojoContent {
    /// The POJO class.
    pub class: JavaString,
    /// Fields in the order of their data: ascending names.
    pub fields: Vec<OptionalEntry<PojoField, SerializerSnapshot>>,
    /// Registered subclasses in tag order.
    pub registered: Vec<OptionalEntry<(), SerializerSnapshot>>,
    /// Subclasses that were seen but not registered.
    pub non_registered: Vec<OptionalEntry<(), SerializerSnapshot>>,
}

/// Key frame of a POJO field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PojoField {
    /// The class that declares the field.
    pub declaring_class: JavaString,
    /// The field's name.
    pub name: JavaString,
}

/// Content of `KryoSerializerSnapshot`, version 2.
#[derive(Debug, Clone, PartialEq)]
pub struct KryoContent {
    /// The class with which the state was declared.
    pub class: JavaString,
    /// Registrations in the order that gives Kryo's class ids.
    pub registrations: Vec<OptionalEntry<JavaString, KryoRegistration>>,
    /// Default serializer instances by class.
    pub default_serializers: Vec<OptionalEntry<JavaString, JavaStream>>,
    /// Default serializer classes by class.
    pub default_serializer_classes: Vec<OptionalEntry<JavaString, JavaString>>,
}

/// One Kryo registration.
#[derive(Debug, Clone, PartialEq)]
pub struct KryoRegistration {
    /// The registered class.
    pub class: JavaString,
    /// Which serializer it was registered with.
    pub serializer: KryoSerializerDefinition,
}

/// How a Kryo registration names its serializer.
#[derive(Debug, Clone, PartialEq)]
pub enum KryoSerializerDefinition {
    /// Kind 0: Kryo's default for the class.
    Default,
    /// Kind 1: a serializer class.
    Class(JavaString),
    /// Kind 2: a Java-serialized instance.
    Instance(JavaStream),
}

/// Placeholder; the old forms are described in `old.rs`.
#[derive(Debug, Clone, PartialEq)]
pub struct OldStyle;
