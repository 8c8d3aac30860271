//! `java.time.Ser`, as which the classes of `java.time` are written.

use statetool_format::java::View;
use statetool_format::{Fault, Reader, Result};

use crate::temporal;
use crate::value::{JavaStr, LocalDate, Value};

const WHAT: &str = "java.time value";

/// The value of a `Ser` object; `None` where it is none of those known.
pub(super) fn decode(view: View<'_>) -> Option<Value> {
    let mut parts = view.annotation();
    let mut r = Reader::new(parts.next()?.block()?);
    let value = tagged(&mut r).ok()?;
    (r.is_empty() && parts.next().is_none()).then_some(value)
}

fn tagged(r: &mut Reader<'_>) -> Result<Value> {
    Ok(match r.u8(WHAT)? {
        1 => temporal::duration(r.i64(WHAT)?, r.i32(WHAT)?),
        2 => {
            let (seconds, nanos) = (r.i64(WHAT)?, r.i32(WHAT)?);
            checked(r, temporal::instant(seconds, nanos.into()))?
        }
        3 => Value::LocalDate(date(r)?),
        4 => Value::LocalTime(time(r)?),
        5 => date_time(r)?,
        6 => {
            let (date_time, offset) = (date_time(r)?, offset(r)?);
            temporal::zoned(date_time, Some(offset), zone(r)?)
        }
        7 => region(r)?,
        8 => offset(r)?,
        9 => temporal::offset_time(Value::LocalTime(time(r)?), offset(r)?),
        10 => temporal::offset_date_time(date_time(r)?, offset(r)?),
        11 => temporal::year(r.i32(WHAT)?),
        12 => temporal::year_month(r.i32(WHAT)?, r.u8(WHAT)?.into()),
        13 => temporal::month_day(r.u8(WHAT)?.into(), r.u8(WHAT)?.into()),
        14 => temporal::period(r.i32(WHAT)?, r.i32(WHAT)?, r.i32(WHAT)?),
        tag => return Err(unknown(r, tag)),
    })
}

fn zone(r: &mut Reader<'_>) -> Result<Value> {
    match r.u8(WHAT)? {
        7 => region(r),
        8 => offset(r),
        tag => Err(unknown(r, tag)),
    }
}

fn unknown(r: &Reader<'_>, tag: u8) -> statetool_format::Error {
    r.fault(
        WHAT,
        Fault::Unknown {
            got: tag.into(),
            expected: "a type of java.time.Ser",
        },
    )
}

fn checked<T>(r: &Reader<'_>, part: Result<T, Fault>) -> Result<T> {
    part.map_err(|fault| r.fault(WHAT, fault))
}

fn date(r: &mut Reader<'_>) -> Result<LocalDate> {
    let date = temporal::date(r.i32(WHAT)?, r.u8(WHAT)?.into(), r.u8(WHAT)?.into());
    checked(r, date)
}

/// Ends at the last part that is not zero, which is written as its complement.
fn time(r: &mut Reader<'_>) -> Result<u64> {
    let mut parts = [0; 3];
    let mut nano = 0;
    let mut complete = true;
    for part in &mut parts {
        let byte = i64::from(r.i8(WHAT)?);
        complete = byte >= 0;
        *part = if complete { byte } else { !byte };
        if !complete {
            break;
        }
    }
    if complete {
        nano = r.i32(WHAT)?.into();
    }
    let [hour, minute, second] = parts;
    checked(r, temporal::time(hour, minute, second, nano))
}

fn date_time(r: &mut Reader<'_>) -> Result<Value> {
    Ok(Value::LocalDateTime(date(r)?, time(r)?))
}

/// Quarters of an hour, or 127 and the seconds.
fn offset(r: &mut Reader<'_>) -> Result<Value> {
    Ok(temporal::offset(match r.i8(WHAT)? {
        127 => r.i32(WHAT)?,
        quarters => i32::from(quarters) * 900,
    }))
}

fn region(r: &mut Reader<'_>) -> Result<Value> {
    let id: JavaStr = r.utf(WHAT)?.utf16().collect();
    Ok(temporal::region(Value::String(id)))
}
