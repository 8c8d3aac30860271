//! Dates and times in the words of ISO 8601, as `java.time` writes them, but always with
//! seconds.

use std::fmt;

use crate::calendar::civil;
use crate::value::LocalDate;

const SECONDS_PER_DAY: i64 = 86_400;

/// Epoch seconds and nanoseconds, in UTC.
pub(crate) struct Instant(pub(crate) i64, pub(crate) u32);

/// Nanoseconds since midnight.
pub(crate) struct TimeOfDay(pub(crate) u64);

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0.div_euclid(SECONDS_PER_DAY));
        date(year, month, day, f)?;
        let nanos = self.0.rem_euclid(SECONDS_PER_DAY) as u64 * 1_000_000_000 + u64::from(self.1);
        write!(f, "T{}Z", TimeOfDay(nanos))
    }
}

impl fmt::Display for LocalDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        date(self.year.into(), self.month, self.day, f)
    }
}

/// Years beyond four digits have a sign.
fn date(year: i64, month: u8, day: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match year {
        0..=9999 => write!(f, "{year:04}")?,
        _ => write!(f, "{year:+05}")?,
    }
    write!(f, "-{month:02}-{day:02}")
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        write!(
            f,
            "{:02}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )?;
        match (nanos % 1_000_000, nanos % 1000) {
            _ if nanos == 0 => Ok(()),
            (0, _) => write!(f, ".{:03}", nanos / 1_000_000),
            (_, 0) => write!(f, ".{:06}", nanos / 1000),
            _ => write!(f, ".{nanos:09}"),
        }
    }
}
