//! One decoded value, whatever serializer wrote it.

use num_bigint::BigInt;

/// A decoded value: the model that Flink's serializers, Kryo and Java serialization share.
///
/// It owns its parts. Scans that only print or check values do not build it; they drive a
/// `Sink` with the same decoder.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Null, and types that have no other value (void namespace, global window).
    Null,
    /// A boolean.
    Boolean(bool),
    /// A Java `byte`.
    Byte(i8),
    /// A Java `short`.
    Short(i16),
    /// A Java `char`: one UTF-16 code unit.
    Char(u16),
    /// A Java `int`.
    Int(i32),
    /// A Java `long`.
    Long(i64),
    /// A Java `float`.
    Float(f32),
    /// A Java `double`.
    Double(f64),
    /// A string, lone surrogates included.
    String(JavaStr),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An integer of any size.
    BigInteger(BigInt),
    /// A decimal: `unscaled * 10^-scale`.
    Decimal {
        /// All digits.
        unscaled: BigInt,
        /// Digits after the point; may be negative.
        scale: i32,
    },
    /// A moment: epoch seconds and nanoseconds (`Instant`, `Date`, `Timestamp`, `TIMESTAMP_LTZ`).
    Instant {
        /// Seconds since 1970-01-01T00:00:00Z.
        seconds: i64,
        /// 0 to 999 999 999.
        nanos: u32,
    },
    /// A date without a zone.
    LocalDate(LocalDate),
    /// A time of day: nanoseconds since midnight.
    LocalTime(u64),
    /// Date and time of day (nanoseconds since midnight) without a zone.
    LocalDateTime(LocalDate, u64),
    /// A UUID, most significant bits first.
    Uuid(u128),
    /// A list, set or array.
    List(Vec<Value>),
    /// A map in stored order.
    Map(Vec<(Value, Value)>),
    /// A tuple or case class: fields by position.
    Tuple(Vec<Value>),
    /// A POJO, an Avro record, a Java object: fields by name.
    Object {
        /// The class, where it is not the declared one.
        class: Option<String>,
        /// Names and values in stored order.
        fields: Vec<(String, Value)>,
    },
    /// `Row` or `RowData`.
    Row {
        /// 0 INSERT, 1 UPDATE_BEFORE, 2 UPDATE_AFTER, 3 DELETE.
        kind: u8,
        /// Fields by position.
        fields: Vec<Value>,
        /// The fields' names, where the snapshot has them.
        names: Option<Vec<String>>,
    },
    /// A constant of an enum.
    Enum {
        /// The index or id that is stored.
        index: i32,
        /// The constant's name; empty where only the index is known.
        name: String,
    },
    /// Left (`false`) or right (`true`) of an `Either`.
    Either(bool, Box<Value>),
    /// A time window, end exclusive, in epoch milliseconds.
    Window {
        /// First millisecond.
        start: i64,
        /// One past the last millisecond.
        end: i64,
    },
    /// A value with the time stamp of its TTL wrapper, in epoch milliseconds.
    Ttl(i64, Box<Value>),
    /// Bytes that nobody here can interpret.
    Opaque {
        /// The serializer or class that could.
        class: String,
        /// The bytes.
        bytes: Vec<u8>,
    },
}

/// A Java string: UTF-16 that may hold lone surrogates, kept as generalised UTF-8 (WTF-8).
///
/// For well-formed text the bytes are plain UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct JavaStr(pub(crate) Vec<u8>);

/// Year, month and day in the proleptic ISO calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalDate {
    /// Year.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl Value {
    /// What the value is, in words for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Byte(_) => "a byte",
            Self::Short(_) => "a short",
            Self::Char(_) => "a char",
            Self::Int(_) => "an int",
            Self::Long(_) => "a long",
            Self::Float(_) => "a float",
            Self::Double(_) => "a double",
            Self::String(_) => "a string",
            Self::Bytes(_) => "bytes",
            Self::BigInteger(_) => "a big integer",
            Self::Decimal { .. } => "a decimal",
            Self::Instant { .. } => "an instant",
            Self::LocalDate(_) => "a date",
            Self::LocalTime(_) => "a time of day",
            Self::LocalDateTime(..) => "a date and time",
            Self::Uuid(_) => "a UUID",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Tuple(_) => "a tuple",
            Self::Object { .. } => "an object",
            Self::Row { .. } => "a row",
            Self::Enum { .. } => "a constant of an enum",
            Self::Either(..) => "left or right",
            Self::Window { .. } => "a time window",
            Self::Ttl(..) => "a value with the time stamp of its last access",
            Self::Opaque { .. } => "bytes that cannot be interpreted",
        }
    }
}
