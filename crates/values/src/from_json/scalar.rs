//! Numbers, strings, dates and times.

use num_bigint::BigInt;

use super::{Result, bytes, mismatch, not};
use crate::calendar::MILLIS_PER_DAY;
use crate::mismatch::Mismatch;
use crate::plain::Plain;
use crate::types::{PrimitiveKind, TimeLayout, Type};
use crate::value::{LocalDate, Value};

pub(super) fn value(ty: &Type, plain: &Plain) -> Result {
    match ty {
        Type::Constant(crate::types::Constant::Tuple0)
            if plain.as_array().is_some_and(<[Plain]>::is_empty) =>
        {
            Ok(Value::Tuple(Vec::new()))
        }
        Type::Constant(_) if plain.is_null() => Ok(Value::Null),
        Type::Primitive(primitive) => primitive_value(primitive.kind, plain),
        Type::String(_) => match plain {
            Plain::Null => Ok(Value::Null),
            plain => string(plain),
        },
        Type::Bytes(_) => bytes(plain).map(Value::Bytes),
        Type::BigInteger => match decimal(plain)? {
            (unscaled, 0) => Ok(Value::BigInteger(unscaled)),
            _ => Err(not("an integer", plain)),
        },
        Type::BigDecimal => decimal(plain).map(|(unscaled, scale)| Value::Decimal { unscaled, scale }),
        Type::DecimalData { scale, .. } => decimal_of_scale(plain, *scale),
        Type::Time(layout) => time(*layout, plain),
        Type::TimestampData { .. } => parsed(plain, "a date and time", local_date_time),
        Type::Uuid => parsed(plain, "a UUID", uuid),
        _ => Err(mismatch(ty, plain)),
    }
}

pub(super) fn primitive_value(kind: PrimitiveKind, plain: &Plain) -> Result {
    let name = kind.name();
    let integer = || integer(name, plain);
    let out_of_range = || out_of_range(name, plain);
    Ok(match kind {
        PrimitiveKind::Boolean => Value::Boolean(plain.as_bool().ok_or_else(|| mismatch(name, plain))?),
        PrimitiveKind::Byte => Value::Byte(i8::try_from(integer()?).map_err(|_| out_of_range())?),
        PrimitiveKind::Short => Value::Short(i16::try_from(integer()?).map_err(|_| out_of_range())?),
        PrimitiveKind::Int => Value::Int(i32::try_from(integer()?).map_err(|_| out_of_range())?),
        PrimitiveKind::Long | PrimitiveKind::SortedLong => Value::Long(integer()?),
        PrimitiveKind::Float => {
            let wide = float(plain)?;
            match wide as f32 {
                narrow if narrow.is_infinite() && wide.is_finite() => return Err(out_of_range()),
                narrow => Value::Float(narrow),
            }
        }
        PrimitiveKind::Double => Value::Double(float(plain)?),
        PrimitiveKind::Char => {
            let mut units = match plain {
                Plain::Text(text) => text.text.units(),
                other => return Err(mismatch(name, other)),
            };
            match (units.next(), units.next()) {
                (Some(unit), None) => Value::Char(unit),
                _ => return Err(not("one UTF-16 unit", plain)),
            }
        }
    })
}

/// A `long`, as a number or in a string.
pub(super) fn long(plain: &Plain) -> Result<i64> {
    integer("Long", plain)
}

fn integer(name: &str, plain: &Plain) -> Result<i64> {
    match plain {
        Plain::Integer(v) => Ok(*v),
        Plain::BigInteger(_) => Err(out_of_range(name, plain)),
        // Scripts get -0 where they round.
        Plain::Float(v) if *v == 0.0 => Ok(0),
        Plain::Float(v) if v.fract() == 0.0 && v.abs() > MAX_EXACT => Err(not(name, plain)
            .because("whole numbers beyond 9007199254740991 have to be a BigInt, lest they are rounded")),
        Plain::Text(text) if text.may_be_number => {
            let number = plain.as_str().and_then(|text| text.parse().ok());
            number.ok_or_else(|| not(name, plain))
        }
        Plain::Float(_) => Err(not(name, plain)),
        other => Err(not(name, other)),
    }
}

/// The largest whole number that no other one is rounded to.
const MAX_EXACT: f64 = 9_007_199_254_740_991.0;

fn out_of_range(name: &str, plain: &Plain) -> Mismatch {
    Mismatch::new(format!("{plain} is out of the range of {name}"))
        .without_data(format!("the number is out of the range of {name}"))
}

fn float(plain: &Plain) -> Result<f64> {
    match plain {
        Plain::Integer(v) => Ok(*v as f64),
        Plain::Float(v) => Ok(*v),
        Plain::BigInteger(v) => v.to_string().parse().map_err(|_| mismatch("a number", plain)),
        Plain::Text(text) if text.may_be_number => match plain.as_str() {
            Some("NaN") => Ok(f64::NAN),
            Some("Infinity") => Ok(f64::INFINITY),
            Some("-Infinity") => Ok(f64::NEG_INFINITY),
            _ => Err(mismatch("a number", plain)),
        },
        _ => Err(mismatch("a number", plain)),
    }
}

/// A string, lone surrogates included.
pub(super) fn string(plain: &Plain) -> Result {
    match plain {
        Plain::Text(text) => Ok(Value::String(text.text.clone())),
        other => Err(mismatch("a string", other)),
    }
}

/// How far the digits of a decimal may be from its point.
const MAX_SCALE: i32 = 1_000_000;

/// Digits and scale of a number, or of one in a string: `12.50` has scale 2.
pub(super) fn decimal(plain: &Plain) -> Result<(BigInt, i32)> {
    let digits = match plain {
        Plain::Text(text) => text.text.to_string(),
        Plain::Integer(_) | Plain::BigInteger(_) | Plain::Float(_) => plain.to_string(),
        other => return Err(mismatch("a decimal", other)),
    };
    parse_decimal(&digits).ok_or_else(|| not("a decimal", plain))
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
pub(super) fn decimal_of_scale(plain: &Plain, scale: i32) -> Result {
    let (unscaled, found) = decimal(plain)?;
    match u32::try_from(i64::from(scale) - i64::from(found)) {
        Ok(more) if more <= MAX_SCALE as u32 => Ok(Value::Decimal {
            unscaled: unscaled * BigInt::from(10).pow(more),
            scale,
        }),
        _ => Err(not(format_args!("at most {scale} digits after the point"), plain)),
    }
}

pub(super) fn time(layout: TimeLayout, plain: &Plain) -> Result {
    if plain.is_null() {
        return Ok(Value::Null);
    }
    match layout {
        TimeLayout::Date | TimeLayout::SqlTimestamp | TimeLayout::Instant => {
            parsed(plain, "a time in UTC", instant)
        }
        TimeLayout::SqlDate => parsed(plain, "a date", |text| local_date(text).or_else(|| instant(text))),
        TimeLayout::SqlTime => parsed(plain, "a time", |text| local_time(text).or_else(|| instant(text))),
        TimeLayout::LocalDate => parsed(plain, "a date", local_date),
        TimeLayout::LocalTime => parsed(plain, "a time of day", local_time),
        TimeLayout::LocalDateTime => parsed(plain, "a date and time", local_date_time),
    }
}

pub(super) fn parsed(plain: &Plain, expected: &str, parse: impl Fn(&str) -> Option<Value>) -> Result {
    let text = plain.as_str().ok_or_else(|| mismatch(expected, plain))?;
    parse(text).ok_or_else(|| not(expected, plain))
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
