//! Which body the objects of a class have.

use super::config::{KryoClass, KryoConfig, KryoField, KryoGeneration};
use super::known;
use super::scala::{self, Scala};

/// The layout of the body of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Layout {
    Primitive(Primitive),
    String,
    /// A string that stands for an object, as the named field.
    Text(&'static str),
    BigInteger,
    BigDecimal,
    Class,
    /// A `java.util.Date` or subclass of it.
    Millis,
    SqlTimestamp,
    Calendar,
    BitSet,
    Pattern,
    SocketAddress,
    Uuid,
    Locale,
    Enum(Vec<String>),
    EnumSet,
    PrimitiveArray(Primitive),
    /// An array of objects: the component class, and whether that is final, if known.
    Array(String, Option<bool>),
    /// Kryo 2.24's `java.util.Arrays$ArrayList`.
    AsList,
    Collection(Header, Elements),
    Map(Header),
    /// `Collections.emptyList` and the like.
    EmptyList,
    EmptyMap,
    SingletonList,
    SingletonMap,
    Optional,
    OptionalPrimitive(Primitive),
    Time(Temporal),
    Fields(Vec<(String, KryoField)>),
    Scala(Scala),
    /// A Java object stream, shared with all others of the same serializer.
    JavaStream(StreamOf),
    /// A length and bytes in the format of another framework.
    Framed,
    JodaDateTime,
    /// Nobody knows; the class, or the serializer that does.
    Unknown(String),
}

/// Whether a comparator comes before the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    Plain,
    Comparator,
}

/// Whether elements can be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elements {
    Nullable,
    NeverNull,
}

/// A primitive type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Primitive {
    Boolean,
    Byte,
    Char,
    Short,
    Int,
    Long,
    Float,
    Double,
    Void,
}

/// A class of `java.time` with a serializer in Kryo 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Temporal {
    Duration,
    Instant,
    LocalDate,
    LocalTime,
    LocalDateTime,
    OffsetTime,
    OffsetDateTime,
    ZonedDateTime,
    ZoneOffset,
    ZoneRegion,
    Year,
    YearMonth,
    MonthDay,
    Period,
}

/// Objects that share one Java object stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum StreamOf {
    Throwable,
    Class(&'static str),
    Serializer(String),
}

impl Primitive {
    /// The least number of bytes that a value takes in an array.
    pub(super) fn smallest(self) -> usize {
        match self {
            Self::Void => 0,
            Self::Boolean | Self::Byte | Self::Int | Self::Long => 1,
            Self::Char | Self::Short => 2,
            Self::Float => 4,
            Self::Double => 8,
        }
    }

    /// The primitive of a name or of a wrapper's name.
    fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "boolean" | "java.lang.Boolean" => Self::Boolean,
            "byte" | "java.lang.Byte" => Self::Byte,
            "char" | "java.lang.Character" => Self::Char,
            "short" | "java.lang.Short" => Self::Short,
            "int" | "java.lang.Integer" => Self::Int,
            "long" | "java.lang.Long" => Self::Long,
            "float" | "java.lang.Float" => Self::Float,
            "double" | "java.lang.Double" => Self::Double,
            "void" | "java.lang.Void" => Self::Void,
            _ => return None,
        })
    }

    /// The primitive of a JVM type code.
    fn of_code(code: &str) -> Option<Self> {
        Some(match code {
            "Z" => Self::Boolean,
            "B" => Self::Byte,
            "C" => Self::Char,
            "S" => Self::Short,
            "I" => Self::Int,
            "J" => Self::Long,
            "F" => Self::Float,
            "D" => Self::Double,
            _ => return None,
        })
    }
}

impl Layout {
    /// The layout of `class`: by the serializer it was registered with, by what somebody
    /// said of it, or by Kryo's defaults.
    pub(super) fn of(class: &str, config: &KryoConfig) -> Self {
        if let Some(serializer) = config.serializer(class) {
            return of_serializer(serializer, class, config);
        }
        match described(class, config) {
            Some(KryoClass::Enum(constants)) => return Self::Enum(constants.clone()),
            Some(KryoClass::Fields(fields)) => return Self::Fields(fields.clone()),
            None => {}
        }
        Self::by_default(class, config)
    }

    fn by_default(class: &str, config: &KryoConfig) -> Self {
        let generation = config.generation();
        if let Some(primitive) = Primitive::of_name(class) {
            return Self::Primitive(primitive);
        }
        if let Some(component) = class.strip_prefix('[') {
            return array(component, config);
        }
        let of_generation = match generation {
            KryoGeneration::V2 => scala::layout(class).map(Self::Scala).or_else(|| v2(class)),
            KryoGeneration::V5 => v5(class),
        };
        let found = of_generation
            .or_else(|| jdk(class))
            .or_else(|| known::class(class, generation));
        found.unwrap_or_else(|| Self::Unknown(class.to_owned()))
    }
}

/// What somebody said of a class, or of the enum of which it is a constant's body.
fn described<'c>(class: &str, config: &'c KryoConfig) -> Option<&'c KryoClass> {
    config.described(class).or_else(|| {
        let (outer, number) = class.rsplit_once('$')?;
        number.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
        config
            .described(outer)
            .filter(|outer| matches!(outer, KryoClass::Enum(_)))
    })
}

fn array(component: &str, config: &KryoConfig) -> Layout {
    if let Some(primitive) = Primitive::of_code(component) {
        return Layout::PrimitiveArray(primitive);
    }
    match component
        .strip_prefix('L')
        .and_then(|name| name.strip_suffix(';'))
    {
        Some(class) => Layout::Array(class.to_owned(), is_final(class, config)),
        None => Layout::Array(component.to_owned(), Some(true)),
    }
}

/// Whether a class is final, if that is known.
fn is_final(class: &str, config: &KryoConfig) -> Option<bool> {
    if let Some(KryoClass::Enum(_)) = config.described(class) {
        return None;
    }
    let finals = [
        "java.lang.String",
        "java.lang.Class",
        "java.lang.StringBuilder",
        "java.lang.StringBuffer",
        "java.util.UUID",
        "java.util.Locale",
        "java.util.Currency",
        "java.util.regex.Pattern",
        "java.net.URI",
        "java.net.URL",
        "java.util.Optional",
        "java.util.OptionalInt",
        "java.util.OptionalLong",
        "java.util.OptionalDouble",
    ];
    let open = [
        "java.lang.Object",
        "java.lang.Number",
        "java.lang.Comparable",
        "java.lang.CharSequence",
        "java.lang.Enum",
        "java.io.Serializable",
        "java.math.BigDecimal",
        "java.math.BigInteger",
        "java.util.Map$Entry",
        "java.util.Date",
        "java.sql.Date",
        "java.sql.Time",
        "java.sql.Timestamp",
        "java.lang.Throwable",
        "java.util.TimeZone",
        "java.util.Calendar",
        "java.util.BitSet",
        "java.time.ZoneId",
    ];
    if finals.contains(&class) || Primitive::of_name(class).is_some() {
        return Some(true);
    }
    if open.contains(&class) || is_collection(class) {
        return Some(false);
    }
    (class.starts_with("java.time.") && v5(class).is_some()).then_some(true)
}

fn is_collection(class: &str) -> bool {
    let interfaces = [
        "List",
        "Set",
        "Map",
        "Collection",
        "Queue",
        "Deque",
        "SortedMap",
        "SortedSet",
        "Iterator",
    ];
    let name = class.strip_prefix("java.util.").unwrap_or_default();
    interfaces.contains(&name)
        || name == "concurrent.ConcurrentMap"
        || matches!(jdk(class), Some(Layout::Collection(..) | Layout::Map(_)))
}

fn v2(class: &str) -> Option<Layout> {
    Some(match class {
        "java.util.Arrays$ArrayList" => Layout::AsList,
        "java.util.regex.Pattern" => Layout::Text("pattern"),
        "java.util.Locale" => Layout::JavaStream(StreamOf::Class("java.util.Locale")),
        "java.util.concurrent.ConcurrentSkipListMap" => Layout::Map(Header::Plain),
        _ if class.starts_with("java.util.ImmutableCollections$") && !class.contains("$Map") => {
            Layout::Collection(Header::Plain, Elements::Nullable)
        }
        _ => return None,
    })
}

fn v5(class: &str) -> Option<Layout> {
    Some(match class {
        "java.util.regex.Pattern" => Layout::Pattern,
        "java.util.Locale" => Layout::Locale,
        "java.net.URL" => Layout::Text("text"),
        "java.util.Optional" => Layout::Optional,
        "java.util.OptionalInt" => Layout::OptionalPrimitive(Primitive::Int),
        "java.util.OptionalLong" => Layout::OptionalPrimitive(Primitive::Long),
        "java.util.OptionalDouble" => Layout::OptionalPrimitive(Primitive::Double),
        "java.util.concurrent.ConcurrentSkipListMap" => Layout::Map(Header::Comparator),
        _ if class.starts_with("sun.nio.cs.") => Layout::Text("text"),
        _ if class.starts_with("java.util.ImmutableCollections$") && !class.contains("$Map") => {
            Layout::Collection(Header::Plain, Elements::NeverNull)
        }
        _ => Layout::Time(time(class.strip_prefix("java.time.")?)?),
    })
}

fn time(name: &str) -> Option<Temporal> {
    Some(match name {
        "Duration" => Temporal::Duration,
        "Instant" => Temporal::Instant,
        "LocalDate" => Temporal::LocalDate,
        "LocalTime" => Temporal::LocalTime,
        "LocalDateTime" => Temporal::LocalDateTime,
        "OffsetTime" => Temporal::OffsetTime,
        "OffsetDateTime" => Temporal::OffsetDateTime,
        "ZonedDateTime" => Temporal::ZonedDateTime,
        "ZoneOffset" => Temporal::ZoneOffset,
        "ZoneRegion" => Temporal::ZoneRegion,
        "Year" => Temporal::Year,
        "YearMonth" => Temporal::YearMonth,
        "MonthDay" => Temporal::MonthDay,
        "Period" => Temporal::Period,
        _ => return None,
    })
}

/// Classes of the JDK with the same layout, or the same but for byte order, in both.
fn jdk(class: &str) -> Option<Layout> {
    let plain = Some(Layout::Collection(Header::Plain, Elements::Nullable));
    let map = Some(Layout::Map(Header::Plain));
    Some(match class {
        "java.lang.String" => Layout::String,
        "java.lang.StringBuilder"
        | "java.lang.StringBuffer"
        | "java.util.Currency"
        | "java.net.URI"
        | "sun.util.calendar.ZoneInfo"
        | "java.util.SimpleTimeZone" => Layout::Text("text"),
        "java.lang.Class" => Layout::Class,
        "java.math.BigInteger" => Layout::BigInteger,
        "java.math.BigDecimal" => Layout::BigDecimal,
        "java.util.Date" | "java.sql.Date" | "java.sql.Time" => Layout::Millis,
        "java.sql.Timestamp" => Layout::SqlTimestamp,
        "java.util.GregorianCalendar"
        | "sun.util.BuddhistCalendar"
        | "java.util.JapaneseImperialCalendar" => Layout::Calendar,
        "java.util.BitSet" => Layout::BitSet,
        "java.net.InetSocketAddress" => Layout::SocketAddress,
        "java.util.UUID" => Layout::Uuid,
        "java.text.SimpleDateFormat" => Layout::JavaStream(StreamOf::Class("java.text.SimpleDateFormat")),
        "java.util.RegularEnumSet" | "java.util.JumboEnumSet" => Layout::EnumSet,
        "java.util.Collections$EmptyList" | "java.util.Collections$EmptySet" => Layout::EmptyList,
        "java.util.Collections$EmptyMap" => Layout::EmptyMap,
        "java.util.Collections$SingletonList" | "java.util.Collections$SingletonSet" => Layout::SingletonList,
        "java.util.Collections$SingletonMap" => Layout::SingletonMap,
        "java.util.TreeSet" | "java.util.PriorityQueue" => {
            Layout::Collection(Header::Comparator, Elements::Nullable)
        }
        "java.util.TreeMap" => Layout::Map(Header::Comparator),
        "java.util.Arrays$ArrayList"
        | "java.util.ArrayList"
        | "java.util.LinkedList"
        | "java.util.ArrayDeque"
        | "java.util.Vector"
        | "java.util.Stack"
        | "java.util.HashSet"
        | "java.util.LinkedHashSet"
        | "java.util.concurrent.CopyOnWriteArrayList"
        | "java.util.concurrent.CopyOnWriteArraySet"
        | "java.util.concurrent.ConcurrentLinkedQueue"
        | "java.util.concurrent.ConcurrentLinkedDeque"
        | "java.util.concurrent.LinkedBlockingQueue"
        | "java.util.concurrent.LinkedBlockingDeque" => return plain,
        _ if class.starts_with("java.util.ImmutableCollections$Map") => return map,
        "java.util.HashMap"
        | "java.util.LinkedHashMap"
        | "java.util.EnumMap"
        | "java.util.IdentityHashMap"
        | "java.util.WeakHashMap"
        | "java.util.Hashtable"
        | "java.util.Properties"
        | "java.util.concurrent.ConcurrentHashMap" => return map,
        _ => return None,
    })
}

/// The layout that a registered serializer writes.
fn of_serializer(serializer: &str, class: &str, config: &KryoConfig) -> Layout {
    const FLINK: &str = "org.apache.flink.";
    let name = serializer.rsplit(['.', '$']).next().unwrap_or_default();
    let plain = Layout::Collection(Header::Plain, Elements::Nullable);
    if serializer.starts_with("com.twitter.chill.")
        && matches!(name, "ProtobufSerializer" | "TBaseSerializer")
    {
        return Layout::Framed;
    }
    if serializer.starts_with("de.javakaffee.kryoserializers.") && name == "JodaDateTimeSerializer" {
        return Layout::JodaDateTime;
    }
    let kryos = serializer.starts_with("com.esotericsoftware.kryo.");
    match name {
        "JavaSerializer" if kryos || serializer.starts_with(FLINK) => {
            Layout::JavaStream(StreamOf::Serializer(serializer.to_owned()))
        }
        "AvroSchemaSerializer" if serializer.starts_with(FLINK) => Layout::Text("schema"),
        "SpecificInstanceCollectionSerializerForArrayList" | "SpecificInstanceCollectionSerializer"
            if serializer.starts_with(FLINK) =>
        {
            plain
        }
        "CollectionSerializer" if kryos => plain,
        "MapSerializer" if kryos => Layout::Map(Header::Plain),
        "FieldSerializer" if kryos => match config.described(class) {
            Some(KryoClass::Fields(fields)) => Layout::Fields(fields.clone()),
            _ => Layout::Unknown(class.to_owned()),
        },
        _ if serializer.contains("kryo.serializers.Default") => Layout::by_default(class, config),
        _ => Layout::Unknown(if serializer.is_empty() { class } else { serializer }.to_owned()),
    }
}
