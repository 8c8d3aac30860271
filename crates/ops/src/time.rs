//! Epoch milliseconds as RFC 3339, and histograms over time.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Serialize;

/// The first and the last millisecond that RFC 3339 has words for: years 0 to 9999.
const FIRST: i64 = -62_167_219_200_000;
const LAST: i64 = 253_402_300_799_999;

/// A moment as `2026-05-01T10:00:00Z`, with milliseconds where there are any.
///
/// Moments outside of the years 0 to 9999 are shown as their number of milliseconds.
pub fn rfc3339(epoch_millis: i64) -> String {
    if !(FIRST..=LAST).contains(&epoch_millis) {
        return epoch_millis.to_string();
    }
    let (days, millis) = (
        epoch_millis.div_euclid(86_400_000),
        epoch_millis.rem_euclid(86_400_000),
    );
    let (year, month, day) = civil_from_days(days);
    let (seconds, fraction) = (millis / 1000, millis % 1000);
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = if fraction == 0 {
        String::new()
    } else {
        format!(".{fraction:03}")
    };
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}{fraction}Z")
}

/// A moment for people: as [`rfc3339`], but numbers that stand for the ends of time, which jobs also
/// count on from, are named: `Long.MAX_VALUE`, `Long.MIN_VALUE + 10`.
pub fn moment(epoch_millis: i64) -> String {
    /// Farther from the ends than any duration is.
    const NEAR: u64 = LAST as u64;
    let (after, before) = (epoch_millis.abs_diff(i64::MIN), epoch_millis.abs_diff(i64::MAX));
    match (after, before) {
        (0, _) => "Long.MIN_VALUE".to_owned(),
        (_, 0) => "Long.MAX_VALUE".to_owned(),
        (..=NEAR, _) => format!("Long.MIN_VALUE + {after}"),
        (_, ..=NEAR) => format!("Long.MAX_VALUE - {before}"),
        _ => rfc3339(epoch_millis),
    }
}

/// A moment of a clock or of a file system, in the same form.
pub fn of_system(time: SystemTime) -> String {
    rfc3339(epoch_millis(time))
}

/// What the clock shows, in epoch milliseconds.
pub fn now() -> i64 {
    epoch_millis(SystemTime::now())
}

fn epoch_millis(time: SystemTime) -> i64 {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => millis(since),
        Err(error) => -millis(error.duration()),
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    // Years that begin in March make the leap day the last of the year, and 400 of them
    // always have the same number of days.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Counts of moments in buckets of equal width, which grows with the span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeHistogram {
    width: i64,
    buckets: BTreeMap<i64, u64>,
    first: i64,
    last: i64,
    /// `Long.MAX_VALUE`: timers at the end of the input.
    never: u64,
    /// Out of the years that can be shown, which would make all others one bucket.
    before: u64,
    after: u64,
}

/// How many buckets a histogram has at most.
const MAX_BUCKETS: usize = 32;

impl Default for TimeHistogram {
    fn default() -> Self {
        Self {
            width: 1000,
            buckets: BTreeMap::new(),
            first: i64::MAX,
            last: i64::MIN,
            never: 0,
            before: 0,
            after: 0,
        }
    }
}

impl TimeHistogram {
    /// Counts a moment.
    pub fn add(&mut self, epoch_millis: i64) {
        match epoch_millis {
            i64::MAX => self.never += 1,
            ..FIRST => self.before += 1,
            FIRST..=LAST => self.add_shown(epoch_millis),
            _ => self.after += 1,
        }
    }

    fn add_shown(&mut self, epoch_millis: i64) {
        self.first = self.first.min(epoch_millis);
        self.last = self.last.max(epoch_millis);
        *self
            .buckets
            .entry(epoch_millis.div_euclid(self.width))
            .or_default() += 1;
        while self.buckets.len() > MAX_BUCKETS {
            self.widen();
        }
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, mut other: Self) {
        while self.width < other.width {
            self.widen();
        }
        while other.width < self.width {
            other.widen();
        }
        for (bucket, count) in other.buckets {
            *self.buckets.entry(bucket).or_default() += count;
        }
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.never += other.never;
        self.before += other.before;
        self.after += other.after;
        while self.buckets.len() > MAX_BUCKETS {
            self.widen();
        }
    }

    fn widen(&mut self) {
        self.width = self.width.saturating_mul(2);
        let narrow = std::mem::take(&mut self.buckets);
        for (bucket, count) in narrow {
            *self.buckets.entry(bucket.div_euclid(2)).or_default() += count;
        }
    }

    /// The histogram for a report; `None` if nothing was counted.
    pub fn report(&self) -> Option<TimeReport> {
        let earliest = (!self.buckets.is_empty()).then_some(self.first);
        if earliest.is_none() && self.never + self.before + self.after == 0 {
            return None;
        }
        let bucket = |(bucket, count): (&i64, &u64)| TimeBucket {
            from: rfc3339(bucket.saturating_mul(self.width).max(FIRST)),
            count: *count,
        };
        Some(TimeReport {
            earliest: earliest.map(rfc3339),
            latest: earliest.map(|_| rfc3339(self.last)),
            at_end_of_input: self.never,
            before_year_0: self.before,
            after_year_9999: self.after,
            bucket_millis: self.width,
            buckets: self.buckets.iter().map(bucket).collect(),
        })
    }
}

/// A histogram over time.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct TimeReport {
    /// The first moment of the years 0 to 9999.
    pub earliest: Option<String>,
    /// The last moment of these years.
    pub latest: Option<String>,
    /// How many are at `Long.MAX_VALUE`, the end of the input.
    pub at_end_of_input: u64,
    /// How many are earlier than the year 0: timers that count from `Long.MIN_VALUE`, the watermark
    /// before there is one.
    pub before_year_0: u64,
    /// How many are later than the year 9999, but not at the end of the input.
    pub after_year_9999: u64,
    /// Width of a bucket.
    pub bucket_millis: i64,
    /// The buckets that are not empty.
    pub buckets: Vec<TimeBucket>,
}

/// One bucket.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct TimeBucket {
    /// Where it begins.
    pub from: String,
    /// How many moments are in it.
    pub count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_rfc_3339() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_826_154_500, "2000-02-29T12:09:14.500Z"),
            (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (i64::MAX, "9223372036854775807"),
            (i64::MIN, "-9223372036854775808"),
        ] {
            assert_eq!(rfc3339(millis), text);
        }
    }

    #[test]
    fn moments_at_the_ends_of_time_have_names() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (FIRST, "0000-01-01T00:00:00Z"),
            (FIRST - 1, "-62167219200001"),
            (LAST, "9999-12-31T23:59:59.999Z"),
            (LAST + 1, "253402300800000"),
            (i64::MIN, "Long.MIN_VALUE"),
            (i64::MIN + 10, "Long.MIN_VALUE + 10"),
            (i64::MAX, "Long.MAX_VALUE"),
            (i64::MAX - 60_000, "Long.MAX_VALUE - 60000"),
            (i64::MAX / 2, "4611686018427387903"),
        ] {
            assert_eq!(moment(millis), text);
        }
    }

    #[test]
    fn moments_that_are_none_do_not_spoil_a_histogram() {
        let (mut all, mut other) = (TimeHistogram::default(), TimeHistogram::default());
        for millis in [i64::MIN, i64::MIN + 10, FIRST - 1, 1_000, 61_000] {
            all.add(millis);
        }
        for millis in [2_000, LAST + 1, i64::MAX - 1, i64::MAX] {
            other.add(millis);
        }
        all.merge(other);
        let report = all.report().unwrap();
        assert_eq!(
            (
                report.before_year_0,
                report.after_year_9999,
                report.at_end_of_input
            ),
            (3, 2, 1)
        );
        assert_eq!(report.earliest.as_deref(), Some("1970-01-01T00:00:01Z"));
        assert_eq!(report.latest.as_deref(), Some("1970-01-01T00:01:01Z"));
        assert_eq!((report.bucket_millis, report.buckets.len()), (1000, 3));
        let mut none = TimeHistogram::default();
        none.add(i64::MIN);
        let report = none.report().unwrap();
        assert_eq!(
            (report.earliest, report.buckets.len(), report.before_year_0),
            (None, 0, 1)
        );
        assert!(TimeHistogram::default().report().is_none());
    }

    #[test]
    fn buckets_of_all_years_begin_in_one() {
        let mut all = TimeHistogram::default();
        (0..=100).for_each(|part| all.add(FIRST + (LAST - FIRST) / 100 * part));
        let report = all.report().unwrap();
        assert_eq!(report.buckets.first().unwrap().from, "0000-01-01T00:00:00Z");
        assert_eq!(report.buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 101);
    }

    #[test]
    fn histograms_keep_counts_while_their_buckets_grow() {
        let mut all = TimeHistogram::default();
        let mut parts = [TimeHistogram::default(), TimeHistogram::default()];
        for i in 0..5000_i64 {
            all.add(i * i * 7919);
            parts[(i % 2) as usize].add(i * i * 7919);
        }
        let [mut merged, other] = parts;
        merged.merge(other);
        let counted = |h: &TimeHistogram| h.report().unwrap().buckets.iter().map(|b| b.count).sum::<u64>();
        assert_eq!((counted(&all), counted(&merged)), (5000, 5000));
        assert_eq!(all.report().unwrap().latest, merged.report().unwrap().latest);
        assert!(all.report().unwrap().buckets.len() <= MAX_BUCKETS);
    }
}
