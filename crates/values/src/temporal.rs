//! The values of `java.time`, checked, for the serializers that store their parts.

use statetool_format::Fault;

use crate::value::{LocalDate, Value};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

pub(crate) fn instant(seconds: i64, nanos: i64) -> Result<Value, Fault> {
    Ok(Value::Instant {
        seconds,
        nanos: part(nanos, 0, 999_999_999)? as u32,
    })
}

/// A `java.util.Date` or what else counts milliseconds.
pub(crate) fn millis(millis: i64) -> Value {
    let nanos = millis.rem_euclid(1000) as u32 * 1_000_000;
    Value::Instant {
        seconds: millis.div_euclid(1000),
        nanos,
    }
}

pub(crate) fn date(year: i32, month: i64, day: i64) -> Result<LocalDate, Fault> {
    let (m, d) = (part(month, 1, 12)? as u8, part(day, 1, 31)? as u8);
    LocalDate::new(year, m, d).ok_or_else(|| Fault::Invalid(format!("{year}-{month}-{day} is no date")))
}

/// Nanoseconds of a day.
pub(crate) fn time(hour: i64, minute: i64, second: i64, nano: i64) -> Result<u64, Fault> {
    let seconds = (part(hour, 0, 23)? * 60 + part(minute, 0, 59)?) * 60 + part(second, 0, 59)?;
    Ok(seconds * NANOS_PER_SECOND + part(nano, 0, 999_999_999)?)
}

fn part(got: i64, min: i64, max: i64) -> Result<u64, Fault> {
    u64::try_from(got)
        .ok()
        .filter(|_| (min..=max).contains(&got))
        .ok_or(Fault::Range { got, min, max })
}

pub(crate) fn duration(seconds: i64, nanos: i32) -> Value {
    object(
        "java.time.Duration",
        [("seconds", Value::Long(seconds)), ("nanos", Value::Int(nanos))],
    )
}

pub(crate) fn offset(seconds: i32) -> Value {
    object("java.time.ZoneOffset", [("totalSeconds", Value::Int(seconds))])
}

pub(crate) fn region(id: Value) -> Value {
    object("java.time.ZoneRegion", [("id", id)])
}

pub(crate) fn year(year: i32) -> Value {
    object("java.time.Year", [("year", Value::Int(year))])
}

pub(crate) fn year_month(year: i32, month: i32) -> Value {
    object(
        "java.time.YearMonth",
        [("year", Value::Int(year)), ("month", Value::Int(month))],
    )
}

pub(crate) fn month_day(month: i32, day: i32) -> Value {
    object(
        "java.time.MonthDay",
        [("month", Value::Int(month)), ("day", Value::Int(day))],
    )
}

pub(crate) fn period(years: i32, months: i32, days: i32) -> Value {
    let parts = [
        ("years", Value::Int(years)),
        ("months", Value::Int(months)),
        ("days", Value::Int(days)),
    ];
    object("java.time.Period", parts)
}

pub(crate) fn offset_time(time: Value, offset: Value) -> Value {
    object("java.time.OffsetTime", [("time", time), ("offset", offset)])
}

pub(crate) fn offset_date_time(date_time: Value, offset: Value) -> Value {
    object(
        "java.time.OffsetDateTime",
        [("dateTime", date_time), ("offset", offset)],
    )
}

pub(crate) fn zoned(date_time: Value, offset: Option<Value>, zone: Value) -> Value {
    let fields = [
        Some(("dateTime", date_time)),
        offset.map(|o| ("offset", o)),
        Some(("zone", zone)),
    ];
    object("java.time.ZonedDateTime", fields.into_iter().flatten())
}

/// An object of which only the parts matter.
pub(crate) fn object(class: &str, fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let fields = fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Value::Object {
        class: Some(class.to_owned()),
        fields,
    }
}
