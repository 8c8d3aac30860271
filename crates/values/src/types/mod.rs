//! What the bytes of a state mean: the tree that a serializer snapshot describes.

mod class;
mod composite;
mod length;
mod name;
mod of;
mod old;
mod record;
mod simple;
mod visit;

use crate::avro::AvroType;
use crate::kryo::KryoConfig;
use crate::logical::LogicalType;
use crate::protobuf::ProtobufType;

pub use crate::kryo::KryoGeneration;

/// What the bytes of a value mean: one variant for each family of Flink's serializers.
///
/// Made by [`Type::of`]. Wrappers that add no bytes (`TtlAwareSerializer`, `ListView`,
/// `ExternalSerializer`, …) do not appear. What nobody can interpret is [`Type::Opaque`],
/// so that everything around it still can be.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Type {
    /// A type with one value only.
    Constant(Constant),
    /// A number, boolean or character of fixed width.
    Primitive(Primitive),
    /// A string.
    String(StringLayout),
    /// `BigIntSerializer`.
    BigInteger,
    /// `BigDecSerializer`.
    BigDecimal,
    /// A date or time of fixed width.
    Time(TimeLayout),
    /// `UuidSerializer` (after 2.3).
    Uuid,
    /// `VariantSerializer` (2.1 and later).
    Variant,
    /// A length and bytes.
    Bytes(BytesKind),
    /// A list, set or array.
    List(Box<ListType>),
    /// A map.
    Map(Box<MapType>),
    /// A value that may be missing.
    Optional(Box<OptionalType>),
    /// One of two types.
    Either(Box<EitherType>),
    /// Fields by position without null flags: tuples and Scala case classes.
    Tuple(Box<TupleType>),
    /// `RowSerializer`.
    Row(Box<RowType>),
    /// Named fields without null flags: the states of Flink's own operators.
    Record(Box<RecordType>),
    /// A tag byte and what that tag stands for.
    Tagged(Box<TaggedType>),
    /// `PojoSerializer`.
    Pojo(Box<PojoType>),
    /// A constant of a Java or Scala enum.
    Enum(Box<EnumType>),
    /// `AvroSerializer`.
    Avro(Box<AvroType>),
    /// `KryoSerializer`.
    Kryo(Box<KryoConfig>),
    /// `JavaSerializer` of flink-runtime: a Java object stream.
    JavaObject,
    /// StateFun's `ProtobufTypeSerializer`: a length and a message.
    Protobuf(Box<ProtobufType>),
    /// A length in bytes and a value that fills it.
    Framed(Box<FramedType>),
    /// `TtlSerializer`: the time stamp of the last access, and the value.
    Ttl(Box<Type>),
    /// Two epoch milliseconds, `TimeWindow$Serializer`.
    TimeWindow,
    /// `DecimalDataSerializer`.
    DecimalData {
        /// Number of digits; decides the layout.
        precision: i32,
        /// Digits after the point.
        scale: i32,
    },
    /// `TimestampDataSerializer`.
    TimestampData {
        /// Digits of the fraction of a second; decides the layout.
        precision: i32,
    },
    /// `RowDataSerializer`: a size and a binary row.
    RowData(Box<[LogicalType]>),
    /// `BinaryRowDataSerializer`: a binary row of which only the number of columns is known.
    BinaryRow {
        /// Number of columns.
        arity: usize,
    },
    /// `ArrayDataSerializer`: a size and a binary array of these elements.
    ArrayData(Box<LogicalType>),
    /// `MapDataSerializer`: a size and a binary map of these keys and values.
    MapData(Box<(LogicalType, LogicalType)>),
    /// What nobody here can interpret.
    Opaque(Box<OpaqueType>),
}

/// A type with one value, which is written as the same few bytes each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Constant {
    /// `VoidNamespaceSerializer`, which declares length 0 and writes one byte.
    VoidNamespace,
    /// `VoidSerializer`.
    Void,
    /// `NullSerializer` of the Table runtime.
    Null,
    /// `GlobalWindow$Serializer`.
    GlobalWindow,
    /// `Tuple0Serializer`, whose byte is 42.
    Tuple0,
    /// `UnitSerializer` of Scala.
    Unit,
    /// `NullValueSerializer`, which writes nothing.
    NullValue,
    /// `NothingSerializer` of Scala, of which there are no values.
    Nothing,
    /// A `NullValue` written by itself: one byte.
    NullValueBody,
}

/// A number, boolean or character of fixed width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Primitive {
    /// Which one.
    pub kind: PrimitiveKind,
    /// Whether it is one of Flink's mutable values (`LongValue`).
    pub mutable: bool,
}

/// Kinds of [`Primitive`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrimitiveKind {
    /// One byte, 0 or 1.
    Boolean,
    /// `i8`.
    Byte,
    /// `i16`.
    Short,
    /// One UTF-16 code unit.
    Char,
    /// `i32`.
    Int,
    /// `i64`.
    Long,
    /// IEEE 754 single.
    Float,
    /// IEEE 754 double.
    Double,
    /// `i64` with its sign bit flipped: the time stamp of a `TimerSerializer`, and
    /// `SortedLongSerializer` (2.2 and later).
    SortedLong,
}

/// How a string is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StringLayout {
    /// `StringSerializer`: length plus one, 0 for null, and UTF-16 units as varuints.
    Nullable,
    /// `StringValueSerializer`: the same without null.
    Value,
    /// `StringDataSerializer`: `i32` length and UTF-8.
    Utf8,
    /// `DataOutput.writeUTF`: `u16` length and modified UTF-8.
    Utf,
}

/// Dates and times of fixed width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLayout {
    /// `java.util.Date`: epoch milliseconds.
    Date,
    /// `java.sql.Date`: epoch milliseconds of a midnight in the zone of the writing JVM.
    SqlDate,
    /// `java.sql.Time`: epoch milliseconds.
    SqlTime,
    /// `java.sql.Timestamp`: epoch milliseconds, and nanoseconds of the second.
    SqlTimestamp,
    /// `java.time.Instant`: epoch seconds and nanoseconds.
    Instant,
    /// `java.time.LocalDate`.
    LocalDate,
    /// `java.time.LocalTime`.
    LocalTime,
    /// `java.time.LocalDateTime`.
    LocalDateTime,
}

/// What a length and bytes stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BytesKind {
    /// `BytePrimitiveArraySerializer`.
    Array,
    /// `ByteArrayWrapperSerializer` of PyFlink.
    Wrapper,
    /// `BitmapSerializer` (2.3 and later): a RoaringBitmap in its portable format.
    Bitmap,
}

/// A count and as many elements.
#[derive(Debug, Clone, PartialEq)]
pub struct ListType {
    /// Which collection.
    pub kind: ListKind,
    /// The elements.
    pub element: Type,
    /// How null elements are told from others.
    pub nulls: Nulls,
}

/// Which collection a list is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListKind {
    /// A list: `ListSerializer`, `ArrayListSerializer`, `LinkedListSerializer`.
    List,
    /// `SetSerializer` (2.0 and later).
    Set,
    /// An array of a primitive type, or `String[]`.
    PrimitiveArray,
    /// `GenericArraySerializer`: the class of its elements.
    GenericArray(String),
    /// `TraversableSerializer` of Scala.
    Traversable,
    /// An array of mutable values of Gelly, such as `LongValueArray`.
    ValueArray,
    /// `StringValueArray` of Gelly, which writes the size of its elements after the count.
    SizedValueArray,
}

/// How a collection marks null elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// There are none.
    Never,
    /// A byte before each element, 1 for null.
    IsNull,
    /// A byte before each element, 1 for one that is there.
    IsPresent,
    /// A bit mask before all elements, most significant bit first, 1 for null.
    Mask,
}

/// A count and as many keys and values.
#[derive(Debug, Clone, PartialEq)]
pub struct MapType {
    /// The keys.
    pub key: Type,
    /// The values; a byte before each says whether it is null.
    pub value: Type,
    /// `NullAwareMapSerializer`: a byte before each key says whether it is null.
    pub null_keys: bool,
    /// Whether values have that byte: not in the `MapValue` of Flink's value types.
    pub null_values: bool,
}

/// A flag, and a value if there is one.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionalType {
    /// Which flag and which name.
    pub kind: OptionalKind,
    /// The value.
    pub inner: Type,
}

/// Which wrapper an optional value has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionalKind {
    /// `NullableSerializer`: flag 1 is null, followed by this many bytes of padding.
    Nullable {
        /// Zero bytes in place of a null value.
        padding: usize,
    },
    /// `OptionSerializer` of Scala: flag 1 is a value.
    Option,
    /// A part of a state of Flink's own operators: flag 1 is a value.
    Present,
}

/// A flag and a value of one of two types.
#[derive(Debug, Clone, PartialEq)]
pub struct EitherType {
    /// Which flag and which name.
    pub kind: EitherKind,
    /// Type of the left side; the failure of a `Try`, the first of a union.
    pub left: Type,
    /// Type of the right side; the success of a `Try`, the second of a union.
    pub right: Type,
}

/// Which pair of types an either is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EitherKind {
    /// `EitherSerializer` of Java or Scala: flag 1 is left.
    Either,
    /// `TrySerializer` of Scala: flag 1 is success, which is right.
    Try,
    /// `UnionSerializer` of co-groups and joins: 1 is left, 2 is right.
    Union,
}

/// Fields by position.
#[derive(Debug, Clone, PartialEq)]
pub struct TupleType {
    /// The class.
    pub class: String,
    /// The fields.
    pub fields: Vec<Type>,
}

/// A `Row`: a bit mask of nulls, and the fields that are not null.
#[derive(Debug, Clone, PartialEq)]
pub struct RowType {
    /// Whether the mask starts with the two bits of the `RowKind`.
    pub with_kind: bool,
    /// The fields.
    pub fields: Vec<Type>,
}

/// Named fields.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordType {
    /// The class in short.
    pub name: &'static str,
    /// The fields.
    pub fields: Vec<Field>,
    /// What its serializer declares as length.
    pub length: Option<usize>,
}

/// A tag and what follows it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaggedType {
    /// The class in short.
    pub name: &'static str,
    /// Tag, name, and what follows the tag.
    pub cases: Vec<(u8, FieldName, Type)>,
}

/// A field by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The name.
    pub name: FieldName,
    /// The type.
    pub ty: Type,
}

/// A field's name, and the same as a JSON key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldName {
    text: Box<str>,
    json: Box<[u8]>,
}

/// A POJO, or a Java record.
#[derive(Debug, Clone, PartialEq)]
pub struct PojoType {
    /// The class.
    pub class: String,
    /// The fields in the order of their data.
    pub fields: Vec<Field>,
    /// Registered subclasses: class and type, in the order of their tags.
    pub registered: Vec<(String, Type)>,
    /// Other subclasses that were seen when the snapshot was taken.
    pub non_registered: Vec<(String, Type)>,
}

/// An enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumType {
    /// The class.
    pub class: String,
    /// Name and stored number of each constant.
    pub constants: Vec<(String, i32)>,
}

/// A length in bytes and a value that fills it.
#[derive(Debug, Clone, PartialEq)]
pub struct FramedType {
    /// What the frame is for.
    pub name: &'static str,
    /// The value.
    pub inner: Type,
}

/// What nobody here can interpret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpaqueType {
    /// The class of the values if that is known, else of the serializer or its snapshot.
    pub class: String,
    /// Why it cannot be interpreted, as a lower-case fragment.
    pub reason: String,
    /// How many bytes every value takes, where somebody found that out.
    pub length: Option<usize>,
}

impl Type {
    /// A type that cannot be interpreted.
    pub fn opaque(class: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Opaque(Box::new(OpaqueType {
            class: class.into(),
            reason: reason.into(),
            length: None,
        }))
    }

    /// Whether values are wrapped with the time stamp of their last access.
    ///
    /// Looks into lists and maps, whose elements or values carry the wrapper.
    pub fn ttl(&self) -> bool {
        match self {
            Self::Ttl(_) => true,
            Self::List(list) => list.element.ttl(),
            Self::Map(map) => map.value.ttl(),
            _ => false,
        }
    }

    /// The type of the values that users see: without the wrapper that [`Type::ttl`] finds.
    pub fn without_ttl(&self) -> Self {
        match self {
            Self::Ttl(inner) => (**inner).clone(),
            Self::List(list) => Self::List(Box::new(ListType {
                element: list.element.without_ttl(),
                ..(**list).clone()
            })),
            Self::Map(map) => Self::Map(Box::new(MapType {
                value: map.value.without_ttl(),
                ..(**map).clone()
            })),
            other => other.clone(),
        }
    }
}

impl FieldName {
    /// A field's name.
    pub fn new(name: &str) -> Self {
        let mut json = Vec::with_capacity(name.len() + 3);
        crate::json::push_str(&mut json, name);
        json.push(b':');
        Self {
            text: name.into(),
            json: json.into(),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name as a JSON string and a colon.
    pub(crate) fn as_json_key(&self) -> &[u8] {
        &self.json
    }
}

impl Field {
    /// A field.
    pub fn new(name: &str, ty: Type) -> Self {
        Self {
            name: FieldName::new(name),
            ty,
        }
    }
}

impl Primitive {
    /// Number of bytes.
    pub fn width(self) -> usize {
        self.kind.width()
    }
}

impl PrimitiveKind {
    /// Number of bytes.
    pub fn width(self) -> usize {
        match self {
            Self::Boolean | Self::Byte => 1,
            Self::Short | Self::Char => 2,
            Self::Int | Self::Float => 4,
            Self::Long | Self::Double | Self::SortedLong => 8,
        }
    }

    /// Java's boxed type of that name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "Boolean",
            Self::Byte => "Byte",
            Self::Short => "Short",
            Self::Char => "Char",
            Self::Int => "Int",
            Self::Long | Self::SortedLong => "Long",
            Self::Float => "Float",
            Self::Double => "Double",
        }
    }
}

impl From<PrimitiveKind> for Type {
    fn from(kind: PrimitiveKind) -> Self {
        Self::Primitive(Primitive { kind, mutable: false })
    }
}

impl Type {
    /// Whether values are strings, so that maps with such keys can be JSON objects.
    pub fn is_string(&self) -> bool {
        match self {
            Self::String(_) => true,
            Self::Optional(optional) => optional.inner.is_string(),
            Self::Kryo(kryo) => kryo.class() == "java.lang.String",
            _ => false,
        }
    }
}
