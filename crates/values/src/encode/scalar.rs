//! Values of fixed width, strings, and numbers of any size.

use num_bigint::BigInt;
use statetool_format::Put;

use super::{Result, mismatch};
use crate::calendar::{MILLIS_PER_DAY, NANOS_PER_DAY};
use crate::mismatch::Mismatch;
use crate::types::{Constant, EnumType, PrimitiveKind, StringLayout, TimeLayout, Type};
use crate::value::{JavaStr, LocalDate, Value};

pub(super) fn put(ty: &Type, value: &Value, out: &mut Vec<u8>) -> Result {
    match (ty, value) {
        (Type::Constant(constant), _) => put_constant(*constant, value, out),
        (Type::Primitive(primitive), _) => put_primitive(primitive.kind, value, out),
        (Type::String(layout), _) => put_string(*layout, value, out),
        (Type::Time(layout), _) => put_time(*layout, value, out),
        (Type::Enum(e), _) => put_enum(e, value, out),
        (Type::BigInteger | Type::BigDecimal, Value::Null) => {
            out.put_i32(0);
            Ok(())
        }
        (Type::BigInteger, Value::BigInteger(v)) => {
            put_big_integer(v, out);
            Ok(())
        }
        (Type::BigDecimal, Value::Decimal { unscaled, scale }) => {
            put_big_integer(unscaled, out);
            out.put_i32(*scale);
            Ok(())
        }
        (Type::Uuid, Value::Uuid(v)) => {
            out.put(&v.to_be_bytes());
            Ok(())
        }
        (Type::Bytes(_), Value::Bytes(bytes)) => {
            out.put_bytes(bytes);
            Ok(())
        }
        (Type::TimeWindow, Value::Window { start, end }) => {
            out.put_i64(*start);
            out.put_i64(*end);
            Ok(())
        }
        (Type::DecimalData { precision, scale }, Value::Decimal { .. }) => {
            let unscaled = rescaled(value, *scale)?;
            match precision {
                ..=18 => out.put_i64(compact(&unscaled)?),
                _ => out.put_bytes(&unscaled.to_signed_bytes_be()),
            }
            Ok(())
        }
        (Type::TimestampData { precision }, Value::LocalDateTime(date, nanos)) => {
            let (millis, nanos) = local_millis(*date, *nanos)?;
            out.put_i64(millis);
            if *precision > 3 {
                out.put_i32(nanos as i32);
            }
            Ok(())
        }
        _ => Err(mismatch(ty, value)),
    }
}

fn put_constant(constant: Constant, value: &Value, out: &mut Vec<u8>) -> Result {
    match (constant, value) {
        (Constant::Nothing, _) => Err(Mismatch::new("there are no values of type Nothing")),
        (Constant::Tuple0, Value::Tuple(items)) if items.is_empty() => {
            out.put(constant.bytes());
            Ok(())
        }
        (_, Value::Null) => {
            out.put(constant.bytes());
            Ok(())
        }
        _ => Err(mismatch("null", value)),
    }
}

fn put_primitive(kind: PrimitiveKind, value: &Value, out: &mut Vec<u8>) -> Result {
    match (kind, value) {
        (PrimitiveKind::Boolean, Value::Boolean(v)) => out.put_bool(*v),
        (PrimitiveKind::Byte, Value::Byte(v)) => out.put_i8(*v),
        (PrimitiveKind::Short, Value::Short(v)) => out.put_i16(*v),
        (PrimitiveKind::Char, Value::Char(v)) => out.put_u16(*v),
        (PrimitiveKind::Int, Value::Int(v)) => out.put_i32(*v),
        (PrimitiveKind::Long, Value::Long(v)) => out.put_i64(*v),
        (PrimitiveKind::Float, Value::Float(v)) => out.put(&v.to_be_bytes()),
        (PrimitiveKind::Double, Value::Double(v)) => out.put(&v.to_be_bytes()),
        (PrimitiveKind::SortedLong, Value::Long(v)) => out.put_i64(*v ^ i64::MIN),
        _ => return Err(mismatch(kind.name(), value)),
    }
    Ok(())
}

fn put_string(layout: StringLayout, value: &Value, out: &mut Vec<u8>) -> Result {
    match (layout, value) {
        (StringLayout::Nullable, Value::Null) => out.put_varuint(0),
        (StringLayout::Nullable, Value::String(text)) => put_units(text, 1, out)?,
        (StringLayout::Value, Value::String(text)) => put_units(text, 0, out)?,
        (StringLayout::Utf8, Value::String(text)) => out.put_bytes(text.as_wtf8()),
        (StringLayout::Utf, Value::String(text)) => put_utf(text.units(), out)?,
        _ => return Err(mismatch("a string", value)),
    }
    Ok(())
}

/// The number of code units plus `more`, and each as a varuint.
fn put_units(text: &JavaStr, more: usize, out: &mut Vec<u8>) -> Result {
    let ascii = text.as_wtf8().is_ascii();
    let len = if ascii {
        text.as_wtf8().len()
    } else {
        text.units().count()
    };
    out.put_varuint(u32::try_from(len + more).map_err(|_| Mismatch::new("the string is too long"))?);
    match ascii {
        true => out.put(text.as_wtf8()),
        false => text.units().for_each(|unit| out.put_varuint(unit.into())),
    }
    Ok(())
}

/// What `DataOutput.writeUTF` writes.
pub(super) fn put_utf(units: impl Iterator<Item = u16>, out: &mut Vec<u8>) -> Result {
    let start = out.len();
    out.put_u16(0);
    for unit in units {
        let (high, middle, low) = ((unit >> 12) as u8, (unit >> 6) as u8, unit as u8 & 0x3f);
        match unit {
            1..0x80 => out.put_u8(unit as u8),
            0 | 0x80..0x800 => out.put(&[0xc0 | middle, 0x80 | low]),
            _ => out.put(&[0xe0 | high, 0x80 | (middle & 0x3f), 0x80 | low]),
        }
    }
    let too_long = || Mismatch::new("the text takes more than 65535 bytes");
    let len = u16::try_from(out.len() - start - 2).map_err(|_| too_long())?;
    if let Some(room) = out.get_mut(start..start + 2) {
        room.copy_from_slice(&len.to_be_bytes());
    }
    Ok(())
}

fn put_big_integer(v: &BigInt, out: &mut Vec<u8>) {
    match i8::try_from(v) {
        Ok(0) => out.put_i32(1),
        Ok(1) => out.put_i32(2),
        Ok(10) => out.put_i32(3),
        _ => {
            let bytes = v.to_signed_bytes_be();
            out.put_count(bytes.len() + 4);
            out.put(&bytes);
        }
    }
}

fn put_enum(e: &EnumType, value: &Value, out: &mut Vec<u8>) -> Result {
    let Value::Enum { index, name } = value else {
        return Err(mismatch(format_args!("a constant of `{}`", e.class), value));
    };
    match e.constant(*index) {
        Some(found) if found == name => {
            out.put_i32(*index);
            Ok(())
        }
        _ => Err(Mismatch::new(format!(
            "`{}` has no constant `{name}` with number {index}",
            e.class
        ))),
    }
}

fn put_time(layout: TimeLayout, value: &Value, out: &mut Vec<u8>) -> Result {
    match layout {
        TimeLayout::Date | TimeLayout::SqlDate | TimeLayout::SqlTime => {
            out.put_i64(epoch_millis(layout, value)?)
        }
        TimeLayout::SqlTimestamp | TimeLayout::Instant => {
            let (seconds, nanos) = match (layout, value) {
                (_, Value::Instant { seconds, nanos }) => (*seconds, *nanos as i32),
                (TimeLayout::Instant, Value::Null) => (i64::MIN, i32::MIN),
                (_, Value::Null) => (i64::MIN, 0),
                _ => return Err(mismatch(layout.name(), value)),
            };
            match (layout, value) {
                (TimeLayout::Instant, _) | (_, Value::Null) => out.put_i64(seconds),
                _ => out.put_i64(to_millis(seconds, nanos as u32)?),
            }
            out.put_i32(nanos);
        }
        TimeLayout::LocalDate => match value {
            Value::LocalDate(date) => put_date(Some(*date), out),
            Value::Null => put_date(None, out),
            _ => return Err(mismatch(layout.name(), value)),
        },
        TimeLayout::LocalTime => match value {
            Value::LocalTime(nanos) => put_time_of_day(Some(*nanos), out)?,
            Value::Null => put_time_of_day(None, out)?,
            _ => return Err(mismatch(layout.name(), value)),
        },
        TimeLayout::LocalDateTime => match value {
            Value::LocalDateTime(date, nanos) => {
                put_date(Some(*date), out);
                put_time_of_day(Some(*nanos), out)?;
            }
            Value::Null => {
                put_date(None, out);
                put_time_of_day(None, out)?;
            }
            _ => return Err(mismatch(layout.name(), value)),
        },
    }
    Ok(())
}

fn epoch_millis(layout: TimeLayout, value: &Value) -> Result<i64> {
    match (layout, value) {
        (_, Value::Null) => Ok(i64::MIN),
        (_, Value::Instant { seconds, nanos }) => to_millis(*seconds, *nanos),
        (TimeLayout::SqlDate, Value::LocalDate(date)) => Ok(date.to_epoch_day() * MILLIS_PER_DAY),
        (TimeLayout::SqlTime, Value::LocalTime(nanos)) => Ok((nanos / 1_000_000) as i64),
        _ => Err(mismatch(layout.name(), value)),
    }
}

/// Epoch milliseconds of a moment.
pub(crate) fn to_millis(seconds: i64, nanos: u32) -> Result<i64> {
    let millis = seconds
        .checked_mul(1000)
        .and_then(|millis| millis.checked_add((nanos / 1_000_000).into()));
    millis.ok_or_else(|| Mismatch::new("the time is out of range"))
}

/// Milliseconds since 1970-01-01T00:00, and nanoseconds of the millisecond.
pub(super) fn local_millis(date: LocalDate, nanos: u64) -> Result<(i64, u32)> {
    check_time_of_day(nanos)?;
    let millis = date.to_epoch_day() * MILLIS_PER_DAY + (nanos / 1_000_000) as i64;
    Ok((millis, (nanos % 1_000_000) as u32))
}

pub(super) fn check_time_of_day(nanos: u64) -> Result {
    match nanos < NANOS_PER_DAY {
        true => Ok(()),
        false => Err(Mismatch::new(format!("{nanos} ns are no time of day"))),
    }
}

fn put_date(date: Option<LocalDate>, out: &mut Vec<u8>) {
    let date = date.unwrap_or(LocalDate {
        year: i32::MIN,
        month: 0x80,
        day: 0,
    });
    out.put_i32(date.year);
    out.put(&[date.month, date.day]);
}

fn put_time_of_day(nanos: Option<u64>, out: &mut Vec<u8>) -> Result {
    let Some(nanos) = nanos else {
        out.put(&[0x80, 0x80, 0]);
        out.put_i32(i32::MIN);
        return Ok(());
    };
    check_time_of_day(nanos)?;
    let seconds = nanos / 1_000_000_000;
    out.put(&[
        (seconds / 3600) as u8,
        (seconds / 60 % 60) as u8,
        (seconds % 60) as u8,
    ]);
    out.put_i32((nanos % 1_000_000_000) as i32);
    Ok(())
}

/// The digits of a decimal of exactly this scale.
pub(super) fn rescaled(value: &Value, scale: i32) -> Result<BigInt> {
    match value {
        Value::Decimal {
            unscaled,
            scale: found,
        } if *found == scale => Ok(unscaled.clone()),
        Value::Decimal { scale: found, .. } => Err(Mismatch::expected(format!("scale {scale}"), found)),
        other => Err(mismatch("a decimal", other)),
    }
}

/// The digits of a decimal of at most 18 of them.
pub(super) fn compact(unscaled: &BigInt) -> Result<i64> {
    i64::try_from(unscaled).map_err(|_| Mismatch::new("the decimal has too many digits"))
}
