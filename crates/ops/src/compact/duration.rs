//! Durations and instants as the command line writes them.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use statetool_snapshot::{Error, Result};

/// The units of durations, in milliseconds, by the shortest name of each.
const UNITS: [(&str, i64); 5] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];
/// Their other names, as Flink's configuration has them (`TimeUtils`).
const NAMES: [(&str, &str); 15] = [
    ("milli", "ms"),
    ("millis", "ms"),
    ("millisecond", "ms"),
    ("milliseconds", "ms"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("min", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("hour", "h"),
    ("hours", "h"),
    ("day", "d"),
    ("days", "d"),
];

/// Reads `90s`, `15m`, `36h`, `7d` or `500ms`, also as Flink's configuration has them, such as `7 days`, in
/// milliseconds.
///
/// # Errors
/// What is wrong, in words.
pub fn duration(text: &str) -> Result<i64, String> {
    let refuse = || format!("`{text}` is no duration: write 90s, 15m, 36h or 7d");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let names = NAMES.iter().find(|(name, _)| *name == unit);
    let unit = names.map_or(unit.as_str(), |(_, short)| short);
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refuse)?;
    if number.is_empty() {
        return Err(refuse());
    }
    let number = number.parse::<i64>().ok();
    let millis = number.and_then(|number| number.checked_mul(*millis));
    millis.ok_or_else(|| format!("`{text}` is longer than Flink can count"))
}

/// A duration in the largest unit that it has a whole number of.
pub fn in_words(millis: i64) -> String {
    let whole = UNITS.iter().rev().find(|(_, unit)| millis % unit == 0);
    match whole {
        Some((unit, length)) if millis > 0 => format!("{}{unit}", millis / length),
        _ => format!("{millis}ms"),
    }
}

/// Reads an instant, in epoch milliseconds; what is less than one is cut off.
///
/// It is written as in RFC 3339, as a date or a time without a zone, which are those of UTC, or as epoch
/// milliseconds.
///
/// # Errors
/// A text that is none.
pub fn instant(text: &str) -> Result<i64, String> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.timestamp_millis());
    let local = || {
        text.parse()
            .map(|time: NaiveDateTime| time.and_utc().timestamp_millis())
    };
    let date = || {
        text.parse()
            .map(|date: NaiveDate| NaiveDateTime::from(date).and_utc().timestamp_millis())
    };
    let instant = zoned.or_else(|_| local()).or_else(|_| date()).ok();
    instant.or_else(|| text.parse().ok()).ok_or_else(|| {
        format!(
            "`{text}` is no time: write 2026-05-01T10:00:00Z, a date, which begins at midnight in UTC, or epoch milliseconds"
        )
    })
}

/// A duration, of the states of a selector, of something that is not over before it begins.
pub(super) fn positive(millis: i64, state: Option<&str>) -> Result<i64> {
    if millis > 0 {
        return Ok(millis);
    }
    let whose = state.map_or_else(String::new, |state| format!("`{state}`: "));
    Err(Error::usage(format!("{whose}a duration is longer than nothing"))
        .hint("to leave out all that a state has: statetool rewrite --drop-state OPERATOR/STATE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_numbers_of_one_unit() {
        for (text, millis) in [
            ("90s", 90_000),
            ("15m", 900_000),
            ("36h", 129_600_000),
            ("7d", 604_800_000),
            ("0s", 0),
            ("500ms", 500),
            ("7 d", 604_800_000),
            ("7 days", 604_800_000),
            ("1 min", 60_000),
            ("2 H", 7_200_000),
            ("30 seconds", 30_000),
        ] {
            assert_eq!(duration(text), Ok(millis));
        }
        for text in [
            "",
            "d",
            "7",
            "7w",
            "-7d",
            "1.5h",
            "7 days ago",
            "+7d",
            " 7d",
            "1h30m",
        ] {
            let why = format!("`{text}` is no duration: write 90s, 15m, 36h or 7d");
            assert_eq!(duration(text), Err(why));
        }
        let long = "106751991168d";
        assert_eq!(
            duration(long),
            Err(format!("`{long}` is longer than Flink can count"))
        );
        assert_eq!(duration("9223372036854775s"), Ok(9_223_372_036_854_775_000));
    }

    #[test]
    fn durations_are_told_in_their_largest_unit() {
        for (millis, text) in [
            (604_800_000, "7d"),
            (129_600_000, "36h"),
            (90_000, "90s"),
            (1, "1ms"),
            (0, "0ms"),
        ] {
            assert_eq!(in_words(millis), text);
        }
    }

    #[test]
    fn instants_are_rfc_3339_dates_and_milliseconds() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2023-11-14T22:13:20.123999Z", 1_700_000_000_123),
            ("2026-05-01T12:00:00+02:00", 1_777_629_600_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000),
            ("2026-05-01T10:00:00", 1_777_629_600_000),
            ("2026-05-01", 1_777_593_600_000),
            ("1777629600000", 1_777_629_600_000),
            ("-1", -1),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(instant(text), Ok(millis));
        }
        for text in [
            "",
            "2026-05",
            "10:00:00",
            "tomorrow",
            "2026-02-30",
            "2026-02-30T10:00:00Z",
            "2026-05-01T10:00:00+25:00",
            "9223372036854775808",
            "1e12",
        ] {
            assert!(
                instant(text)
                    .unwrap_err()
                    .starts_with(&format!("`{text}` is no time: "))
            );
        }
    }
}
