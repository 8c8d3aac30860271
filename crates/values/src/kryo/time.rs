//! `java.time`: Kryo 5's serializers, and what Kryo 2.24 makes of the fields.

use statetool_format::{Fault, Result};

use super::decoder::Decoder;
use super::layout::Temporal;
use crate::temporal;
use crate::value::{LocalDate, Value};

const WHAT: &str = "Kryo java.time value";

impl Decoder<'_, '_, '_> {
    pub(super) fn time(&mut self, time: Temporal) -> Result<Value> {
        let at = self.offset();
        Ok(match time {
            Temporal::Duration => temporal::duration(self.input.i64(WHAT)?, self.input.varint(WHAT)?),
            Temporal::Instant => {
                let (seconds, nanos) = (self.input.varlong(WHAT)?, self.input.varint(WHAT)?);
                self.checked(at, temporal::instant(seconds, nanos.into()))?
            }
            Temporal::LocalDate => Value::LocalDate(self.local_date()?),
            Temporal::LocalTime => Value::LocalTime(self.local_time()?),
            Temporal::LocalDateTime => self.local_date_time()?,
            Temporal::OffsetTime => {
                temporal::offset_time(Value::LocalTime(self.local_time()?), self.zone_offset()?)
            }
            Temporal::OffsetDateTime => {
                temporal::offset_date_time(self.local_date_time()?, self.zone_offset()?)
            }
            Temporal::ZonedDateTime => {
                temporal::zoned(self.local_date_time()?, None, self.string_value(WHAT)?)
            }
            Temporal::ZoneOffset => self.zone_offset()?,
            Temporal::ZoneRegion => temporal::region(self.string_value(WHAT)?),
            Temporal::Year => temporal::year(self.input.varint(WHAT)?),
            Temporal::YearMonth => {
                temporal::year_month(self.input.varint(WHAT)?, self.input.r.u8(WHAT)?.into())
            }
            Temporal::MonthDay => {
                temporal::month_day(self.input.r.u8(WHAT)?.into(), self.input.r.u8(WHAT)?.into())
            }
            Temporal::Period => temporal::period(
                self.input.varint(WHAT)?,
                self.input.varint(WHAT)?,
                self.input.varint(WHAT)?,
            ),
        })
    }

    fn local_date(&mut self) -> Result<LocalDate> {
        let at = self.offset();
        let year = self.input.varint(WHAT)?;
        let date = temporal::date(year, self.input.r.u8(WHAT)?.into(), self.input.r.u8(WHAT)?.into());
        self.checked(at, date)
    }

    /// Ends at the last part that is not zero, which is written as its complement.
    fn local_time(&mut self) -> Result<u64> {
        let at = self.offset();
        let mut parts = [0; 4];
        for (index, part) in parts.iter_mut().enumerate() {
            if index == 3 {
                *part = self.input.varint(WHAT)?.into();
                break;
            }
            let byte = i64::from(self.input.r.i8(WHAT)?);
            *part = if byte < 0 { !byte } else { byte };
            if byte < 0 {
                break;
            }
        }
        let [hour, minute, second, nano] = parts;
        self.checked(at, temporal::time(hour, minute, second, nano))
    }

    fn local_date_time(&mut self) -> Result<Value> {
        Ok(Value::LocalDateTime(self.local_date()?, self.local_time()?))
    }

    /// Quarters of an hour, or 127 and the seconds.
    fn zone_offset(&mut self) -> Result<Value> {
        Ok(temporal::offset(match self.input.r.i8(WHAT)? {
            127 => self.input.i32(WHAT)?,
            quarters => i32::from(quarters) * 900,
        }))
    }
}

/// The value that the fields of a class of `java.time` stand for, in the order of their
/// names; `None` for other classes.
pub(super) fn of_fields(class: &str, fields: &[&Value]) -> Option<Result<Value, Fault>> {
    Some(match (class.strip_prefix("java.time.")?, fields) {
        ("LocalDate", &[Value::Short(day), Value::Short(month), Value::Int(year)]) => {
            temporal::date(*year, (*month).into(), (*day).into()).map(Value::LocalDate)
        }
        (
            "LocalTime",
            &[
                Value::Byte(hour),
                Value::Byte(minute),
                Value::Int(nano),
                Value::Byte(second),
            ],
        ) => {
            let [hour, minute, second] = [*hour, *minute, *second].map(i64::from);
            temporal::time(hour, minute, second, (*nano).into()).map(Value::LocalTime)
        }
        ("LocalDateTime", &[Value::LocalDate(date), Value::LocalTime(time)]) => {
            Ok(Value::LocalDateTime(*date, *time))
        }
        ("Instant", &[Value::Int(nanos), Value::Long(seconds)]) => {
            temporal::instant(*seconds, (*nanos).into())
        }
        ("Duration", &[Value::Int(nanos), Value::Long(seconds)]) => Ok(temporal::duration(*seconds, *nanos)),
        ("Period", &[Value::Int(days), Value::Int(months), Value::Int(years)]) => {
            Ok(temporal::period(*years, *months, *days))
        }
        ("ZoneOffset", &[Value::Int(seconds)]) => Ok(temporal::offset(*seconds)),
        ("ZoneRegion", &[id]) => Ok(temporal::region(id.clone())),
        ("ZonedDateTime", &[date_time, offset, zone]) => Ok(temporal::zoned(
            date_time.clone(),
            Some(offset.clone()),
            zone.clone(),
        )),
        ("OffsetDateTime", &[date_time, offset]) => {
            Ok(temporal::offset_date_time(date_time.clone(), offset.clone()))
        }
        ("OffsetTime", &[offset, time]) => Ok(temporal::offset_time(time.clone(), offset.clone())),
        ("YearMonth", &[Value::Int(month), Value::Int(year)]) => Ok(temporal::year_month(*year, *month)),
        ("MonthDay", &[Value::Int(day), Value::Int(month)]) => Ok(temporal::month_day(*month, *day)),
        ("Year", &[Value::Int(year)]) => Ok(temporal::year(*year)),
        _ => return None,
    })
}
