//! Classes of Kryo's `FieldSerializer` and enums that are known without anybody's help.

use super::config::{KryoField, KryoGeneration};
use super::layout::Layout;

use KryoField::{Boolean, Byte, Double, Int, Long, Open, Short};

/// The layout of a class of the JDK or of Flink's connectors.
pub(super) fn class(name: &str, generation: KryoGeneration) -> Option<Layout> {
    let fields = both(name).or_else(|| match generation {
        KryoGeneration::V2 => v2(name),
        KryoGeneration::V5 => None,
    });
    match fields {
        Some(fields) => Some(Layout::Fields(
            fields
                .into_iter()
                .map(|(name, field)| (name.to_owned(), field))
                .collect(),
        )),
        None => {
            constants(name).map(|names| Layout::Enum(names.iter().map(|&name| name.to_owned()).collect()))
        }
    }
}

type Fields = Vec<(&'static str, KryoField)>;

fn of(class: &str) -> KryoField {
    KryoField::Final(class.to_owned())
}

fn both(name: &str) -> Option<Fields> {
    Some(match name {
        "java.util.concurrent.atomic.AtomicInteger" | "java.util.concurrent.atomic.AtomicBoolean" => {
            vec![("value", Int)]
        }
        "java.util.concurrent.atomic.AtomicLong" => vec![("value", Long)],
        "java.util.concurrent.atomic.AtomicReference" => vec![("value", Open)],
        "java.util.AbstractMap$SimpleEntry" | "java.util.AbstractMap$SimpleImmutableEntry" => {
            vec![("key", Open), ("value", Open)]
        }
        // Comparators without a state.
        "java.util.Collections$ReverseComparator" | "java.lang.String$CaseInsensitiveComparator" => {
            Vec::new()
        }
        "org.apache.flink.streaming.connectors.kafka.internals.KafkaTopicPartition" => {
            vec![
                ("cachedHash", Int),
                ("partition", Int),
                ("topic", of("java.lang.String")),
            ]
        }
        _ => return None,
    })
}

/// Classes of the JDK that have serializers of their own in Kryo 5.
fn v2(name: &str) -> Option<Fields> {
    let local = [
        "java.time.LocalDate",
        "java.time.LocalTime",
        "java.time.LocalDateTime",
    ]
    .map(of);
    let [date, time, date_time] = local;
    let offset = of("java.time.ZoneOffset");
    Some(match name {
        "java.time.LocalDate" => vec![("day", Short), ("month", Short), ("year", Int)],
        "java.time.LocalTime" => vec![("hour", Byte), ("minute", Byte), ("nano", Int), ("second", Byte)],
        "java.time.LocalDateTime" => vec![("date", date), ("time", time)],
        "java.time.Instant" | "java.time.Duration" => vec![("nanos", Int), ("seconds", Long)],
        "java.time.Period" => vec![("days", Int), ("months", Int), ("years", Int)],
        "java.time.ZoneOffset" => vec![("totalSeconds", Int)],
        "java.time.ZoneRegion" => vec![("id", of("java.lang.String"))],
        "java.time.ZonedDateTime" => vec![("dateTime", date_time), ("offset", offset), ("zone", Open)],
        "java.time.OffsetDateTime" => vec![("dateTime", date_time), ("offset", offset)],
        "java.time.OffsetTime" => vec![("offset", offset), ("time", time)],
        "java.time.Year" => vec![("year", Int)],
        "java.time.YearMonth" => vec![("month", Int), ("year", Int)],
        "java.time.MonthDay" => vec![("day", Int), ("month", Int)],
        "java.util.Optional" => vec![("value", Open)],
        "java.util.OptionalInt" => vec![("isPresent", Boolean), ("value", Int)],
        "java.util.OptionalLong" => vec![("isPresent", Boolean), ("value", Long)],
        "java.util.OptionalDouble" => vec![("isPresent", Boolean), ("value", Double)],
        _ => return None,
    })
}

fn constants(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "java.time.DayOfWeek" => &[
            "MONDAY",
            "TUESDAY",
            "WEDNESDAY",
            "THURSDAY",
            "FRIDAY",
            "SATURDAY",
            "SUNDAY",
        ],
        "java.time.Month" => &[
            "JANUARY",
            "FEBRUARY",
            "MARCH",
            "APRIL",
            "MAY",
            "JUNE",
            "JULY",
            "AUGUST",
            "SEPTEMBER",
            "OCTOBER",
            "NOVEMBER",
            "DECEMBER",
        ],
        "java.util.concurrent.TimeUnit" => &[
            "NANOSECONDS",
            "MICROSECONDS",
            "MILLISECONDS",
            "SECONDS",
            "MINUTES",
            "HOURS",
            "DAYS",
        ],
        "java.math.RoundingMode" => &[
            "UP",
            "DOWN",
            "CEILING",
            "FLOOR",
            "HALF_UP",
            "HALF_DOWN",
            "HALF_EVEN",
            "UNNECESSARY",
        ],
        _ => return None,
    })
}
