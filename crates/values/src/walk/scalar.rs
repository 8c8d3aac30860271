//! Values of fixed width, strings, and numbers of any size.

use statetool_format::{Error, Fault, Reader, Result};

use super::Walker;
use crate::calendar::MILLIS_PER_DAY;
use crate::sink::Sink;
use crate::text::Text;
use crate::types::{Constant, EnumType, PrimitiveKind, StringLayout, TimeLayout, Type};
use crate::value::LocalDate;

impl<S: Sink> Walker<'_, S> {
    #[inline]
    pub(super) fn primitive(&mut self, kind: PrimitiveKind, r: &mut Reader<'_>) -> Result<()> {
        match kind {
            PrimitiveKind::Boolean => self.sink.boolean(r.bool("boolean")?),
            PrimitiveKind::Byte => self.sink.byte(r.i8("byte")?),
            PrimitiveKind::Short => self.sink.short(r.i16("short")?),
            PrimitiveKind::Char => self.sink.char(r.u16("char")?),
            PrimitiveKind::Int => self.sink.int(r.i32("int")?),
            PrimitiveKind::Long => self.sink.long(r.i64("long")?),
            PrimitiveKind::Float => self.sink.float(r.f32("float")?),
            PrimitiveKind::Double => self.sink.double(r.f64("double")?),
            PrimitiveKind::SortedLong => self.sink.long(r.i64("long")? ^ i64::MIN),
        }
        Ok(())
    }

    #[inline]
    pub(super) fn string(&mut self, layout: StringLayout, r: &mut Reader<'_>) -> Result<()> {
        match layout {
            StringLayout::Nullable => match r.varuint("length of a string")?.checked_sub(1) {
                Some(len) => self.sink.string(Text::read_units(r, len as usize)?),
                None => self.sink.null(),
            },
            _ => self.rare_string(layout, r)?,
        }
        Ok(())
    }

    fn rare_string(&mut self, layout: StringLayout, r: &mut Reader<'_>) -> Result<()> {
        let text = match layout {
            StringLayout::Nullable | StringLayout::Value => {
                let len = r.varuint("length of a string")?;
                Text::read_units(r, len as usize)?
            }
            StringLayout::Utf8 => Text::utf8(r.bytes("string")?),
            StringLayout::Utf => Text::Modified(r.utf("string")?),
        };
        self.sink.string(text);
        Ok(())
    }

    pub(super) fn constant(&mut self, constant: Constant, r: &mut Reader<'_>) -> Result<()> {
        if constant == Constant::Nothing {
            return Err(r.invalid("Nothing", "there are no values of this type"));
        }
        let at = r.offset();
        let bytes = r.take(constant.bytes().len(), constant.name())?;
        if bytes != constant.bytes() {
            let got = bytes.first().copied().unwrap_or_default().into();
            return Err(Error::new(
                at,
                constant.name(),
                Fault::Unknown {
                    got,
                    expected: "its one constant byte",
                },
            ));
        }
        match constant {
            Constant::Tuple0 => {
                self.sink.begin_tuple(0);
                self.sink.end_tuple();
            }
            _ => self.sink.null(),
        }
        Ok(())
    }

    pub(super) fn enum_constant(&mut self, e: &EnumType, r: &mut Reader<'_>) -> Result<()> {
        let at = r.offset();
        let index = r.i32("enum constant")?;
        let name = e.constant(index).ok_or_else(|| {
            Error::new(
                at,
                "enum constant",
                Fault::Unknown {
                    got: index.into(),
                    expected: "the number of a constant",
                },
            )
        })?;
        self.sink.enum_constant(index, name);
        Ok(())
    }

    pub(super) fn time(&mut self, layout: TimeLayout, r: &mut Reader<'_>) -> Result<()> {
        match layout {
            TimeLayout::Date | TimeLayout::SqlDate | TimeLayout::SqlTime => {
                let millis = r.i64("epoch milliseconds")?;
                self.millis(layout, millis);
            }
            TimeLayout::SqlTimestamp => {
                let millis = r.i64("epoch milliseconds")?;
                let nanos = r.i32_in(0, 999_999_999, "nanoseconds")?;
                match millis {
                    i64::MIN => self.sink.null(),
                    _ => self.sink.instant(millis.div_euclid(1000), nanos as u32),
                }
            }
            TimeLayout::Instant => {
                let seconds = r.i64("epoch seconds")?;
                let at = r.offset();
                let nanos = r.i32("nanoseconds")?;
                match (seconds, nanos) {
                    (i64::MIN, i32::MIN) => self.sink.null(),
                    (_, 0..=999_999_999) => self.sink.instant(seconds, nanos as u32),
                    _ => return Err(range(at, "nanoseconds", nanos, 999_999_999)),
                }
            }
            TimeLayout::LocalDate => match local_date(r)? {
                Some(date) => self.sink.local_date(date),
                None => self.sink.null(),
            },
            TimeLayout::LocalTime => match local_time(r)? {
                Some(nanos) => self.sink.local_time(nanos),
                None => self.sink.null(),
            },
            TimeLayout::LocalDateTime => match (local_date(r)?, local_time(r)?) {
                (Some(date), Some(nanos)) => self.sink.local_date_time(date, nanos),
                (None, None) => self.sink.null(),
                _ => return Err(r.invalid("LocalDateTime", "either date or time is null")),
            },
        }
        Ok(())
    }

    /// `java.sql.Date` and `Time` are dates and times where the writing JVM's zone was UTC,
    /// and moments that nobody can name otherwise where it was not.
    fn millis(&mut self, layout: TimeLayout, millis: i64) {
        match layout {
            _ if millis == i64::MIN => self.sink.null(),
            TimeLayout::SqlDate if millis % MILLIS_PER_DAY == 0 => {
                self.sink
                    .local_date(LocalDate::from_epoch_day(millis / MILLIS_PER_DAY));
            }
            TimeLayout::SqlTime if (0..MILLIS_PER_DAY).contains(&millis) => {
                self.sink.local_time(millis as u64 * 1_000_000);
            }
            _ => self.sink.instant(
                millis.div_euclid(1000),
                millis.rem_euclid(1000) as u32 * 1_000_000,
            ),
        }
    }

    /// The scalars that are rare enough not to be on the fast path.
    pub(super) fn scalar(&mut self, ty: &Type, r: &mut Reader<'_>) -> Result<()> {
        match ty {
            Type::BigInteger => match big_integer(r)? {
                Some(bytes) => self.sink.big_integer(bytes),
                None => self.sink.null(),
            },
            Type::BigDecimal => match big_integer(r)? {
                Some(unscaled) => self.sink.decimal(unscaled, r.i32("scale")?),
                None => self.sink.null(),
            },
            Type::Uuid => {
                let high = r.i64("UUID")? as u64;
                let low = r.i64("UUID")? as u64;
                self.sink.uuid(u128::from(high) << 64 | u128::from(low));
            }
            Type::TimeWindow => {
                let start = r.i64("start of a window")?;
                let end = r.i64("end of a window")?;
                self.sink.window(start, end);
            }
            Type::DecimalData {
                precision: ..=18,
                scale,
            } => {
                let unscaled = r.i64("decimal")?;
                self.sink.decimal(&unscaled.to_be_bytes(), *scale);
            }
            Type::DecimalData { scale, .. } => {
                let unscaled = not_empty(r, "decimal")?;
                self.sink.decimal(unscaled, *scale);
            }
            Type::TimestampData { precision } => {
                let millis = r.i64("time stamp")?;
                let nanos = if *precision <= 3 {
                    0
                } else {
                    r.i32_in(0, 999_999, "nanoseconds")?
                };
                self.local_timestamp(millis, nanos as u32);
            }
            Type::Variant => return self.variant(r),
            _ => return Err(r.invalid("value", "no layout is known for this type")),
        }
        Ok(())
    }

    /// A SQL TIMESTAMP: milliseconds since 1970-01-01T00:00 and nanoseconds of the millisecond.
    pub(super) fn local_timestamp(&mut self, millis: i64, nanos: u32) {
        let date = LocalDate::from_epoch_day(millis.div_euclid(MILLIS_PER_DAY));
        let time = millis.rem_euclid(MILLIS_PER_DAY) as u64 * 1_000_000;
        self.sink.local_date_time(date, time + u64::from(nanos));
    }
}

impl EnumType {
    /// The name of the constant with a stored number.
    pub fn constant(&self, index: i32) -> Option<&str> {
        let direct = usize::try_from(index)
            .ok()
            .and_then(|i| self.constants.get(i))
            .filter(|c| c.1 == index);
        direct
            .or_else(|| self.constants.iter().find(|c| c.1 == index))
            .map(|c| c.0.as_str())
    }
}

/// Zero, one and ten have short forms, which Flink uses for the constants of `BigInteger`.
fn big_integer<'a>(r: &mut Reader<'a>) -> Result<Option<&'a [u8]>> {
    let mut ahead = r.clone();
    let short: &[u8] = match ahead.i32("BigInteger")? {
        0 => {
            *r = ahead;
            return Ok(None);
        }
        1 => &[0],
        2 => &[1],
        3 => &[10],
        4.. => {
            // The length is four more than the number of bytes.
            let len = r.i32("BigInteger")?.saturating_sub(4);
            return match usize::try_from(len) {
                Ok(len) if len > 0 => r.take(len, "BigInteger").map(Some),
                _ => Err(r.invalid("BigInteger", "no bytes at all")),
            };
        }
        got => return Err(range(r.offset(), "BigInteger", got, i32::MAX)),
    };
    *r = ahead;
    Ok(Some(short))
}

fn not_empty<'a>(r: &mut Reader<'a>, what: &'static str) -> Result<&'a [u8]> {
    match r.bytes(what)? {
        [] => Err(r.invalid(what, "no bytes at all")),
        bytes => Ok(bytes),
    }
}

fn local_date(r: &mut Reader<'_>) -> Result<Option<LocalDate>> {
    let at = r.offset();
    let year = r.i32("year")?;
    let (month, day) = (r.u8("month")?, r.u8("day")?);
    // Flink marks null by the smallest int and short.
    if (year, month, day) == (i32::MIN, 0x80, 0) {
        return Ok(None);
    }
    let no_such_day = || {
        Error::new(
            at,
            "date",
            Fault::Invalid(format!("no such day: {year}-{month}-{day}")),
        )
    };
    LocalDate::new(year, month, day).map(Some).ok_or_else(no_such_day)
}

fn local_time(r: &mut Reader<'_>) -> Result<Option<u64>> {
    let at = r.offset();
    let (hour, minute, second) = (r.u8("hour")?, r.u8("minute")?, r.u8("second")?);
    let nanos = r.i32("nanoseconds")?;
    match (hour, minute, second, nanos) {
        (0x80, 0x80, 0, i32::MIN) => Ok(None),
        (0..24, 0..60, 0..60, 0..1_000_000_000) => {
            let seconds = u64::from(hour) * 3600 + u64::from(minute) * 60 + u64::from(second);
            Ok(Some(seconds * 1_000_000_000 + nanos as u64))
        }
        _ => {
            let why = format!("no such time: {hour}:{minute}:{second} and {nanos} ns");
            Err(Error::new(at, "time", Fault::Invalid(why)))
        }
    }
}

fn range(at: u64, what: &'static str, got: i32, max: i32) -> Error {
    Error::new(
        at,
        what,
        Fault::Range {
            got: got.into(),
            min: 0,
            max: max.into(),
        },
    )
}
