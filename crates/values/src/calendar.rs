//! The proleptic ISO calendar: days since 1970-01-01 and back.

use crate::value::LocalDate;

/// Nanoseconds of a day.
pub(crate) const NANOS_PER_DAY: u64 = 86_400_000_000_000;
/// Milliseconds of a day.
pub(crate) const MILLIS_PER_DAY: i64 = 86_400_000;

const DAYS_PER_ERA: i64 = 146_097;
/// From 0000-03-01 to 1970-01-01.
const EPOCH_SHIFT: i64 = 719_468;

impl LocalDate {
    /// The date of a day since 1970-01-01; years outside of `i32` saturate.
    pub fn from_epoch_day(day: i64) -> Self {
        let (year, month, day) = civil(day);
        Self {
            year: year.clamp(i32::MIN.into(), i32::MAX.into()) as i32,
            month,
            day,
        }
    }

    /// Days since 1970-01-01.
    pub fn to_epoch_day(self) -> i64 {
        // Years begin in March, so that the leap day is the last.
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let month = (i64::from(self.month) + 9) % 12;
        let day_of_year = (153 * month + 2) / 5 + i64::from(self.day) - 1;
        let year_of_era = year.rem_euclid(400);
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        year.div_euclid(400) * DAYS_PER_ERA + day_of_era - EPOCH_SHIFT
    }

    /// The date, if there is such a day.
    pub fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        let date = Self { year, month, day };
        let exists = (1..=12).contains(&month) && (1..=31).contains(&day);
        (exists && Self::from_epoch_day(date.to_epoch_day()) == date).then_some(date)
    }
}

/// Year, month and day of a day since 1970-01-01.
pub(crate) fn civil(day: i64) -> (i64, u8, u8) {
    let day = day.saturating_add(EPOCH_SHIFT);
    let era = day.div_euclid(DAYS_PER_ERA);
    let day_of_era = day.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (
        year,
        month as u8,
        (day_of_year - (153 * shifted + 2) / 5 + 1) as u8,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree() {
        for (day, year, month, dom) in [
            (0, 1970, 1, 1),
            (-1, 1969, 12, 31),
            (19_782, 2024, 2, 29),
            (11_016, 2000, 2, 29),
            (-719_528, 0, 1, 1),
            (-719_529, -1, 12, 31),
            (2_932_896, 9999, 12, 31),
        ] {
            let date = LocalDate {
                year,
                month,
                day: dom,
            };
            assert_eq!(LocalDate::from_epoch_day(day), date);
            assert_eq!(date.to_epoch_day(), day);
        }
        (-800_000..800_000).step_by(17).for_each(|day| {
            assert_eq!(LocalDate::from_epoch_day(day).to_epoch_day(), day);
        });
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        assert_eq!(LocalDate::new(2023, 2, 29), None);
        assert_eq!(LocalDate::new(2023, 0, 1), None);
        assert_eq!(LocalDate::new(2023, 13, 1), None);
        assert!(LocalDate::new(2024, 2, 29).is_some());
        assert!(LocalDate::new(i32::MAX, 12, 31).is_some());
        assert!(LocalDate::new(i32::MIN, 1, 1).is_some());
    }
}
