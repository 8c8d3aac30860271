//! Numbers, strings, dates and times.

use num_bigint::BigInt;
use serde_json::Value as Json;

use super::{Result, bytes, mismatch};
use crate::calendar::MILLIS_PER_DAY;
use crate::mismatch::Mismatch;
use crate::types::{PrimitiveKind, TimeLayout, Type};
use crate::value::{LocalDate, Value};

pub(super) fn value(ty: &Type, json: &Json) -> Result {
    match ty {
        Type::Constant(crate::types::Constant::Tuple0) if json.as_array().is_some_and(Vec::is_empty) => {
            Ok(Value::Tuple(Vec::new()))
        }
        Type::Constant(_) if json.is_null() => Ok(Value::Null),
        Type::Primitive(primitive) => primitive_value(primitive.kind, json),
        Type::String(_) => match json {
            Json::Null => Ok(Value::Null),
            Json::String(text) => Ok(Value::String(text.as_str().into())),
            other => Err(mismatch("a string", other)),
        },
        Type::Bytes(_) => bytes(json).map(Value::Bytes),
        Type::BigInteger => match decimal(json)? {
            (unscaled, 0) => Ok(Value::BigInteger(unscaled)),
            _ => Err(mismatch("an integer", json)),
        },
        Type::BigDecimal => decimal(json).map(|(unscaled, scale)| Value::Decimal { unscaled, scale }),
        Type::DecimalData { scale, .. } => decimal_of_scale(json, *scale),
        Type::Time(layout) => time(*layout, json),
        Type::TimestampData { .. } => parsed(json, "a date and time", local_date_time),
        Type::Uuid => parsed(json, "a UUID", uuid),
        _ => Err(mismatch(ty, json)),
    }
}

pub(super) fn primitive_value(kind: PrimitiveKind, json: &Json) -> Result {
    let name = kind.name();
    let integer = || integer(name, json);
    let out_of_range = |_| Mismatch::new(format!("{json} is out of the range of {name}"));
    Ok(match kind {
        PrimitiveKind::Boolean => Value::Boolean(json.as_bool().ok_or_else(|| mismatch(name, json))?),
        PrimitiveKind::Byte => Value::Byte(i8::try_from(integer()?).map_err(out_of_range)?),
        PrimitiveKind::Short => Value::Short(i16::try_from(integer()?).map_err(out_of_range)?),
        PrimitiveKind::Int => Value::Int(i32::try_from(integer()?).map_err(out_of_range)?),
        PrimitiveKind::Long | PrimitiveKind::SortedLong => Value::Long(integer()?),
        PrimitiveKind::Float => Value::Float(float(json)? as f32),
        PrimitiveKind::Double => Value::Double(float(json)?),
        PrimitiveKind::Char => {
            let mut units = json.as_str().ok_or_else(|| mismatch(name, json))?.encode_utf16();
            match (units.next(), units.next()) {
                (Some(unit), None) => Value::Char(unit),
                _ => return Err(Mismatch::new(format!("{json} is not one UTF-16 unit"))),
            }
        }
    })
}

/// A `long`, as a number or in a string.
pub(super) fn long(json: &Json) -> Result<i64> {
    integer("Long", json)
}

fn integer(name: &str, json: &Json) -> Result<i64> {
    match json {
        Json::Number(number) => number.as_i64().ok_or_else(|| Mismatch::expected(name, number)),
        Json::String(text) => text
            .parse()
            .map_err(|_| Mismatch::expected(name, format!("`{text}`"))),
        other => Err(mismatch(name, other)),
    }
}

fn float(json: &Json) -> Result<f64> {
    match json.as_str() {
        Some("NaN") => Ok(f64::NAN),
        Some("Infinity") => Ok(f64::INFINITY),
        Some("-Infinity") => Ok(f64::NEG_INFINITY),
        _ => json.as_f64().ok_or_else(|| mismatch("a number", json)),
    }
}

/// How far the digits of a decimal may be from its point.
const MAX_SCALE: i32 = 1_000_000;

/// Digits and scale of a number, or of one in a string: `12.50` has scale 2.
pub(super) fn decimal(json: &Json) -> Result<(BigInt, i32)> {
    let text = match json {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        other => return Err(mismatch("a decimal", other)),
    };
    parse_decimal(&text).ok_or_else(|| Mismatch::expected("a decimal", format!("`{text}`")))
}

fn parse_decimal(text: &str) -> Option<(BigInt, i32)> {
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    let unscaled = format!("{whole}{fraction}").parse().ok()?;
    (scale.abs() <= MAX_SCALE).then_some((unscaled, scale))
}

/// A decimal of exactly this scale; zeros are appended, but digits never dropped.
pub(super) fn decimal_of_scale(json: &Json, scale: i32) -> Result {
    let (unscaled, found) = decimal(json)?;
    match u32::try_from(i64::from(scale) - i64::from(found)) {
        Ok(more) if more <= MAX_SCALE as u32 => Ok(Value::Decimal {
            unscaled: unscaled * BigInt::from(10).pow(more),
            scale,
        }),
        _ => Err(Mismatch::new(format!(
            "{json} has more than {scale} digits after the point"
        ))),
    }
}

pub(super) fn time(layout: TimeLayout, json: &Json) -> Result {
    if json.is_null() {
        return Ok(Value::Null);
    }
    match layout {
        TimeLayout::Date | TimeLayout::SqlTimestamp | TimeLayout::Instant => {
            parsed(json, "a time in UTC", instant)
        }
        TimeLayout::SqlDate => parsed(json, "a date", |text| local_date(text).or_else(|| instant(text))),
        TimeLayout::SqlTime => parsed(json, "a time", |text| local_time(text).or_else(|| instant(text))),
        TimeLayout::LocalDate => parsed(json, "a date", local_date),
        TimeLayout::LocalTime => parsed(json, "a time of day", local_time),
        TimeLayout::LocalDateTime => parsed(json, "a date and time", local_date_time),
    }
}

pub(super) fn parsed(json: &Json, expected: &str, parse: impl Fn(&str) -> Option<Value>) -> Result {
    let text = json.as_str().ok_or_else(|| mismatch(expected, json))?;
    parse(text).ok_or_else(|| Mismatch::expected(expected, format!("`{text}`")))
}

pub(super) fn instant(text: &str) -> Option<Value> {
    let (date, nanos) = date_and_time(text.strip_suffix('Z')?)?;
    let day = date.to_epoch_day().checked_mul(MILLIS_PER_DAY / 1000)?;
    Some(Value::Instant {
        seconds: day.checked_add((nanos / 1_000_000_000) as i64)?,
        nanos: (nanos % 1_000_000_000) as u32,
    })
}

pub(super) fn local_date_time(text: &str) -> Option<Value> {
    date_and_time(text).map(|(date, nanos)| Value::LocalDateTime(date, nanos))
}

pub(super) fn local_date(text: &str) -> Option<Value> {
    date(text).map(Value::LocalDate)
}

pub(super) fn local_time(text: &str) -> Option<Value> {
    time_of_day(text).map(Value::LocalTime)
}

fn date_and_time(text: &str) -> Option<(LocalDate, u64)> {
    let (date_text, time_text) = text.split_once('T')?;
    Some((date(date_text)?, time_of_day(time_text)?))
}

/// `2024-02-29`; years beyond four digits have a sign.
fn date(text: &str) -> Option<LocalDate> {
    let mut parts = text.rsplitn(3, '-');
    let (day, month, year) = (
        digits(parts.next()?, 2)?,
        digits(parts.next()?, 2)?,
        parts.next()?,
    );
    LocalDate::new(
        year.parse().ok()?,
        u8::try_from(month).ok()?,
        u8::try_from(day).ok()?,
    )
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.fraction`, in nanoseconds.
fn time_of_day(text: &str) -> Option<u64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |second| digits(second, 2))?;
    let fraction_nanos =
        digits(fraction, fraction.len())? * 10u64.pow(9u32.checked_sub(u32::try_from(fraction.len()).ok()?)?);
    let in_range = hour < 24 && minute < 60 && second < 60 && parts.next().is_none();
    in_range.then_some(((hour * 60 + minute) * 60 + second) * 1_000_000_000 + fraction_nanos)
}

/// Exactly so many digits, at most nine.
fn digits(text: &str, count: usize) -> Option<u64> {
    let fits = text.len() == count && count <= 9 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| fits)
}

fn uuid(text: &str) -> Option<Value> {
    let digits: String = text.split('-').collect();
    let fits = digits.len() == 32 && text.len() == 36;
    u128::from_str_radix(&digits, 16)
        .ok()
        .filter(|_| fits)
        .map(Value::Uuid)
}
