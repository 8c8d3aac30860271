//! Java's hash codes of keys, which decide their key groups.

use num_bigint::{BigInt, Sign};

use crate::avro::{AvroId, AvroNode, AvroType};
use crate::encode::binary_row;
use crate::logical::LogicalType;
use crate::types::{ListKind, PrimitiveKind, RowType, TimeLayout, Type};
use crate::value::{LocalDate, Value};

/// `Object.hashCode` of a value as the job that keyed by it computed it; `None` where it
/// depends on code that is not in the state.
///
/// POJOs, case classes, Kryo objects (but UUIDs) and value types have hash codes of their own; those of enums
/// and arrays differ from JVM to JVM. Rows are hashed as since Flink 1.13; earlier releases
/// had other rules, and wrote other key groups.
pub fn java_hash(ty: &Type, value: &Value) -> Option<i32> {
    match (ty, value) {
        (Type::Optional(optional), _) if *value != Value::Null => java_hash(&optional.inner, value),
        (Type::Primitive(primitive), _) if !primitive.mutable => primitive_hash(primitive.kind, value),
        (Type::String(_), Value::String(text)) => Some(fold(0, text.units().map(i32::from))),
        (Type::BigInteger, Value::BigInteger(v)) => Some(big_integer_hash(v)),
        (Type::BigDecimal, Value::Decimal { unscaled, scale }) => {
            Some(big_integer_hash(unscaled).wrapping_mul(31).wrapping_add(*scale))
        }
        (Type::Uuid | Type::Kryo(_), Value::Uuid(v)) => Some(long_hash((*v >> 64) as i64 ^ *v as i64)),
        (Type::Time(layout), _) => time_hash(*layout, value),
        (Type::Tuple(tuple), Value::Tuple(items)) if is_flink_tuple(&tuple.class, items.len()) => {
            let hashes = tuple
                .fields
                .iter()
                .zip(items)
                .map(|(ty, item)| nullable_hash(ty, item));
            // The first hash is not multiplied.
            fold_all(0, hashes)
        }
        (Type::List(list), Value::List(items)) => {
            let hashes = items.iter().map(|item| nullable_hash(&list.element, item));
            match list.kind {
                ListKind::List => fold_all(1, hashes),
                ListKind::Set => hashes.sum::<Option<Wrapping>>().map(|sum| sum.0),
                _ => None,
            }
        }
        (Type::Map(map), Value::Map(entries)) => {
            let entry = |(key, value): &(Value, Value)| {
                Some(Wrapping(nullable(&map.key, key)? ^ nullable(&map.value, value)?))
            };
            entries
                .iter()
                .map(entry)
                .sum::<Option<Wrapping>>()
                .map(|sum| sum.0)
        }
        (Type::Either(either), Value::Either(right, value)) => {
            java_hash(if *right { &either.right } else { &either.left }, value)
        }
        (Type::Row(row), Value::Row { kind, fields, .. }) => row_hash(row, *kind, fields),
        (Type::RowData(columns), Value::Row { .. }) => row_data_hash(columns, value),
        (Type::BinaryRow { .. }, Value::Opaque { bytes, .. }) => word_hash(bytes),
        (Type::Avro(avro), _) => avro_hash(avro, avro.root(), value),
        _ => None,
    }
}

/// A wrapping sum.
struct Wrapping(i32);

impl std::iter::Sum for Wrapping {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        Self(iter.fold(0, |sum, v| sum.wrapping_add(v.0)))
    }
}

fn nullable(ty: &Type, value: &Value) -> Option<i32> {
    match value {
        Value::Null => Some(0),
        value => java_hash(ty, value),
    }
}

fn nullable_hash(ty: &Type, value: &Value) -> Option<Wrapping> {
    nullable(ty, value).map(Wrapping)
}

/// `h = 31 * h + e` over all elements.
fn fold(start: i32, hashes: impl Iterator<Item = i32>) -> i32 {
    hashes.fold(start, |h, e| h.wrapping_mul(31).wrapping_add(e))
}

fn fold_all(start: i32, mut hashes: impl Iterator<Item = Option<Wrapping>>) -> Option<i32> {
    hashes.try_fold(start, |h, e| Some(h.wrapping_mul(31).wrapping_add(e?.0)))
}

fn long_hash(v: i64) -> i32 {
    (v ^ (v as u64 >> 32) as i64) as i32
}

fn primitive_hash(kind: PrimitiveKind, value: &Value) -> Option<i32> {
    match (kind, value) {
        (PrimitiveKind::Boolean, Value::Boolean(v)) => Some(if *v { 1231 } else { 1237 }),
        (_, Value::Byte(v)) => Some((*v).into()),
        (_, Value::Short(v)) => Some((*v).into()),
        (_, Value::Char(v)) => Some((*v).into()),
        (_, Value::Int(v)) => Some(*v),
        (_, Value::Long(v)) => Some(long_hash(*v)),
        (_, Value::Float(v)) => Some(float_hash(*v)),
        (_, Value::Double(v)) => Some(double_hash(*v)),
        _ => None,
    }
}

/// All NaNs are one.
fn float_hash(v: f32) -> i32 {
    if v.is_nan() {
        0x7fc0_0000
    } else {
        v.to_bits() as i32
    }
}

fn double_hash(v: f64) -> i32 {
    long_hash(if v.is_nan() {
        0x7ff8_0000_0000_0000
    } else {
        v.to_bits() as i64
    })
}

fn big_integer_hash(v: &BigInt) -> i32 {
    let (sign, words) = v.to_u32_digits();
    let magnitude = fold(0, words.iter().rev().map(|word| *word as i32));
    if sign == Sign::Minus {
        magnitude.wrapping_neg()
    } else {
        magnitude
    }
}

fn time_hash(layout: TimeLayout, value: &Value) -> Option<i32> {
    Some(match (layout, value) {
        (TimeLayout::Instant, Value::Instant { seconds, nanos }) => {
            long_hash(*seconds).wrapping_add(51i32.wrapping_mul(*nanos as i32))
        }
        (_, Value::Instant { seconds, nanos }) => long_hash(
            seconds
                .wrapping_mul(1000)
                .wrapping_add((nanos / 1_000_000).into()),
        ),
        (TimeLayout::SqlDate, Value::LocalDate(date)) => {
            long_hash(date.to_epoch_day() * crate::calendar::MILLIS_PER_DAY)
        }
        (TimeLayout::SqlTime, Value::LocalTime(nanos)) => long_hash((nanos / 1_000_000) as i64),
        (_, Value::LocalDate(date)) => date_hash(*date),
        (_, Value::LocalTime(nanos)) => long_hash(*nanos as i64),
        (_, Value::LocalDateTime(date, nanos)) => date_hash(*date) ^ long_hash(*nanos as i64),
        _ => return None,
    })
}

fn date_hash(date: LocalDate) -> i32 {
    let year = date.year;
    (year as u32 & 0xffff_f800) as i32 ^ ((year << 11) + (i32::from(date.month) << 6) + i32::from(date.day))
}

/// Subclasses of tuples may have a hash code of their own.
fn is_flink_tuple(class: &str, arity: usize) -> bool {
    class
        .strip_prefix("org.apache.flink.api.java.tuple.Tuple")
        .is_some_and(|n| n.parse() == Ok(arity))
}

/// `RowUtils.deepHashCodeRow` of Flink 1.13 and later, for rows whose fields have no names.
fn row_hash(row: &RowType, kind: u8, fields: &[Value]) -> Option<i32> {
    let mut hashes = row
        .fields
        .iter()
        .zip(fields)
        .map(|(ty, field)| deep_hash(ty, field).map(Wrapping));
    let fields = fold_all(1, &mut hashes)?;
    Some(fields.wrapping_add(31i32.wrapping_mul(kind.into())))
}

/// Collections by their elements, anything else by its hash code plus 31.
fn deep_hash(ty: &Type, value: &Value) -> Option<i32> {
    match (ty, value) {
        (_, Value::Null) => Some(0),
        (Type::Optional(optional), _) => deep_hash(&optional.inner, value),
        (Type::List(list), Value::List(items)) => match (&list.kind, &list.element) {
            (ListKind::PrimitiveArray, Type::Primitive(_)) => {
                fold_all(1, items.iter().map(|item| nullable_hash(&list.element, item))).map(boxed)
            }
            (ListKind::List | ListKind::GenericArray(_) | ListKind::PrimitiveArray, element) => {
                fold_all(1, items.iter().map(|item| deep_hash(element, item).map(Wrapping)))
            }
            _ => java_hash(ty, value).map(boxed),
        },
        (Type::Map(map), Value::Map(entries)) => {
            let entry = |(key, value): &(Value, Value)| {
                Some(Wrapping(
                    deep_hash(&map.key, key)? ^ deep_hash(&map.value, value)?,
                ))
            };
            entries
                .iter()
                .map(entry)
                .sum::<Option<Wrapping>>()
                .map(|sum| sum.0.wrapping_add(1))
        }
        (Type::Bytes(_), Value::Bytes(bytes)) => {
            Some(boxed(fold(1, bytes.iter().map(|b| i32::from(*b as i8)))))
        }
        _ => java_hash(ty, value).map(boxed),
    }
}

/// `Arrays.deepHashCode` of a single object.
fn boxed(hash: i32) -> i32 {
    hash.wrapping_add(31)
}

fn row_data_hash(columns: &[LogicalType], value: &Value) -> Option<i32> {
    word_hash(&binary_row(columns, value).ok()?)
}

/// The hash of `BinaryRowData`: Murmur3 over its words; `None` if these are no whole words.
fn word_hash(bytes: &[u8]) -> Option<i32> {
    const SEED: u32 = 42;
    let (words, []) = bytes.as_chunks::<4>() else {
        return None;
    };
    let mix = |h: u32, word: &[u8; 4]| {
        let k = u32::from_le_bytes(*word)
            .wrapping_mul(0xcc9e_2d51)
            .rotate_left(15)
            .wrapping_mul(0x1b87_3593);
        (h ^ k).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
    };
    let mut h = words.iter().fold(SEED, mix) ^ u32::try_from(bytes.len()).ok()?;
    h = (h ^ h >> 16).wrapping_mul(0x85eb_ca6b);
    h = (h ^ h >> 13).wrapping_mul(0xc2b2_ae35);
    Some((h ^ h >> 16) as i32)
}

/// `GenericData.hashCode` of Avro.
fn avro_hash(avro: &AvroType, id: AvroId, value: &Value) -> Option<i32> {
    Some(match (avro.node(id), value) {
        (AvroNode::Record(_, fields), Value::Object { fields: values, .. }) => {
            let pairs = fields.iter().zip(values).filter(|(field, _)| !field.ignored);
            fold_all(
                1,
                pairs.map(|(field, (_, value))| avro_hash(avro, field.schema, value).map(Wrapping)),
            )?
        }
        (AvroNode::Array(item), Value::List(items)) => fold_all(
            1,
            items
                .iter()
                .map(|value| avro_hash(avro, *item, value).map(Wrapping)),
        )?,
        (AvroNode::Union(branches), value) => {
            return branches.iter().find_map(|branch| avro_hash(avro, *branch, value));
        }
        (AvroNode::Null, Value::Null) => 0,
        (AvroNode::String, Value::String(text)) => {
            fold(0, text.as_wtf8().iter().map(|b| i32::from(*b as i8)))
        }
        (AvroNode::Enum(_, symbols), Value::Enum { name, .. }) => {
            i32::try_from(symbols.iter().position(|symbol| symbol == name)?).ok()?
        }
        (AvroNode::Boolean, Value::Boolean(v)) => {
            if *v {
                1231
            } else {
                1237
            }
        }
        (AvroNode::Int, Value::Int(v)) => *v,
        (AvroNode::Long, Value::Long(v)) => long_hash(*v),
        (AvroNode::Float, Value::Float(v)) => float_hash(*v),
        (AvroNode::Double, Value::Double(v)) => double_hash(*v),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logical::LogicalKind;
    use crate::types::{ListType, MapType, Nulls, StringLayout, TupleType};

    fn primitive(kind: PrimitiveKind) -> Type {
        kind.into()
    }

    fn string() -> Type {
        Type::String(StringLayout::Nullable)
    }

    fn text(text: &str) -> Value {
        Value::String(text.into())
    }

    fn tuple(fields: Vec<Type>) -> Type {
        let class = format!("org.apache.flink.api.java.tuple.Tuple{}", fields.len());
        Type::Tuple(Box::new(TupleType { class, fields }))
    }

    fn list(kind: ListKind, element: Type) -> Type {
        Type::List(Box::new(ListType {
            kind,
            element,
            nulls: Nulls::Never,
        }))
    }

    fn row(fields: Vec<Type>) -> Type {
        Type::Row(Box::new(RowType {
            with_kind: true,
            fields,
        }))
    }

    fn decimal(unscaled: i64, scale: i32) -> Value {
        Value::Decimal {
            unscaled: unscaled.into(),
            scale,
        }
    }

    /// The numbers that Flink itself computed.
    #[test]
    fn scalars_hash_as_in_java() {
        use PrimitiveKind::{Boolean, Double, Float, Int, Long};
        let date = LocalDate {
            year: 2024,
            month: 2,
            day: 29,
        };
        let time = 45_296_789_000_000;
        let big: BigInt = "-12345678901234567890".parse().unwrap();
        let cases = [
            (primitive(Int), Value::Int(42), 42),
            (primitive(Int), Value::Int(-1), -1),
            (primitive(Long), Value::Long(-1), 0),
            (primitive(Long), Value::Long(4_294_967_296), 1),
            (primitive(Long), Value::Long(1_234_567_890_123), 1_912_276_436),
            (primitive(Boolean), Value::Boolean(true), 1231),
            (primitive(Boolean), Value::Boolean(false), 1237),
            (primitive(Float), Value::Float(1.5), 1_069_547_520),
            (primitive(Double), Value::Double(1.5), 1_073_217_536),
            (primitive(Double), Value::Double(-0.0), -2_147_483_648),
            (primitive(Double), Value::Double(f64::NAN), 2_146_959_360),
            (string(), text(""), 0),
            (string(), text("key-0"), 101_943_362),
            (string(), text("hello"), 99_162_322),
            (string(), text("é𝄞"), 1_996_307),
            (Type::BigInteger, Value::BigInteger(big), 1_436_577_082),
            (Type::BigDecimal, decimal(1250, 2), 38_752),
            (Type::BigDecimal, decimal(-1_234_567_890_123, 3), 848_705_039),
            (
                Type::Uuid,
                Value::Uuid(0x123e4567_e89b_12d3_a456_426614174000),
                1_256_478_162,
            ),
            (
                Type::Time(TimeLayout::LocalDate),
                Value::LocalDate(date),
                4_145_309,
            ),
            (
                Type::Time(TimeLayout::LocalTime),
                Value::LocalTime(time),
                2_063_902_322,
            ),
            (
                Type::Time(TimeLayout::LocalDateTime),
                Value::LocalDateTime(date, time),
                2_067_523_311,
            ),
            (
                Type::Time(TimeLayout::Instant),
                Value::Instant {
                    seconds: 1_700_000_000,
                    nanos: 123,
                },
                1_700_006_273,
            ),
            (
                Type::Time(TimeLayout::Date),
                Value::Instant {
                    seconds: 1_700_000_000,
                    nanos: 123_000_000,
                },
                -807_048_720,
            ),
            (
                Type::Time(TimeLayout::SqlTimestamp),
                Value::Instant {
                    seconds: 1_700_000_000,
                    nanos: 123_000_000,
                },
                -807_048_720,
            ),
        ];
        for (ty, value, hash) in cases {
            assert_eq!(java_hash(&ty, &value), Some(hash), "{ty} {value:?}");
        }
    }

    #[test]
    fn composites_hash_as_in_java() {
        use PrimitiveKind::{Int, Long};
        let int = || primitive(Int);
        let ints = || Value::List(vec![Value::Int(1), Value::Int(2), Value::Int(3)]);
        let pair = vec![text("a"), Value::Int(1)];
        let map = MapType {
            key: string(),
            value: int(),
            null_keys: false,
            null_values: true,
        };
        let entries = vec![(text("a"), Value::Int(1)), (text("b"), Value::Int(2))];
        let of_kind = |kind, fields| Value::Row {
            kind,
            fields,
            names: None,
        };
        let cases = [
            (
                tuple(vec![primitive(Long)]),
                Value::Tuple(vec![Value::Long(5)]),
                5,
            ),
            (tuple(vec![string(), int()]), Value::Tuple(pair.clone()), 3008),
            (
                tuple(vec![string(), int(), primitive(Long)]),
                Value::Tuple(vec![text("a"), Value::Null, Value::Long(2)]),
                93_219,
            ),
            (row(vec![string(), int()]), of_kind(0, pair.clone()), 4961),
            (row(vec![string(), int()]), of_kind(3, pair), 5054),
            (
                row(vec![Type::Bytes(crate::types::BytesKind::Array)]),
                of_kind(0, vec![Value::Bytes(vec![1, 2])]),
                1056,
            ),
            (list(ListKind::List, int()), ints(), 30_817),
            (Type::Map(Box::new(map)), Value::Map(entries), 192),
        ];
        for (ty, value, hash) in cases {
            assert_eq!(java_hash(&ty, &value), Some(hash), "{ty} {value:?}");
        }
    }

    #[test]
    fn binary_rows_hash_their_words() {
        let int = || LogicalType::new(LogicalKind::Integer);
        let string = LogicalType::new(LogicalKind::Char(false, i32::MAX));
        let cases = [
            (vec![int()], vec![Value::Int(3)], -771_300_025),
            (
                vec![string, LogicalType::new(LogicalKind::BigInt)],
                vec![text("hello world, long"), Value::Long(7)],
                -1_812_075_009,
            ),
            (vec![], vec![], -1_670_924_195),
        ];
        for (columns, fields, hash) in cases {
            let value = Value::Row {
                kind: 0,
                fields,
                names: None,
            };
            assert_eq!(
                java_hash(&Type::RowData(columns.into()), &value),
                Some(hash),
                "{value:?}"
            );
        }
    }

    #[test]
    fn what_depends_on_code_has_no_hash() {
        let array = list(ListKind::PrimitiveArray, primitive(PrimitiveKind::Int));
        assert_eq!(java_hash(&array, &Value::List(vec![])), None);
        assert_eq!(java_hash(&Type::opaque("A", "b"), &Value::Null), None);
        let pair = Type::Tuple(Box::new(TupleType {
            class: "com.acme.Pair".into(),
            fields: vec![],
        }));
        assert_eq!(java_hash(&pair, &Value::Tuple(vec![])), None);
    }
}
