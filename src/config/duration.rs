//! Flink's durations: `3 s`, `500ms`, a plain number of milliseconds, or ISO-8601 (`PT1M`).

use std::time::Duration;

use thiserror::Error;

use super::value::java_trim;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Labels and length in nanoseconds, longest unit first; the first label is the one that is written.
const UNITS: [(&[&str], u128); 7] = [
    (&["d", "day", "days"], 86_400 * NANOS_PER_SECOND),
    (&["h", "hour", "hours"], 3_600 * NANOS_PER_SECOND),
    (&["min", "m", "minute", "minutes"], 60 * NANOS_PER_SECOND),
    (&["s", "sec", "secs", "second", "seconds"], NANOS_PER_SECOND),
    (&["ms", "milli", "millis", "millisecond", "milliseconds"], 1_000_000),
    (&["\u{b5}s", "micro", "micros", "microsecond", "microseconds"], 1_000),
    (&["ns", "nano", "nanos", "nanosecond", "nanoseconds"], 1),
];

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum DurationError {
    #[error("the text is empty")]
    Empty,
    #[error("the text does not start with a number")]
    NoNumber,
    #[error("the unit is unknown")]
    UnknownUnit,
    #[error("the duration is negative")]
    Negative,
    #[error("the duration is too long")]
    TooLong,
}

/// Reads a duration in the grammar of Flink 2.x, of which 1.x knows all but the ISO-8601 form.
pub(super) fn parse(text: &str) -> Result<Duration, DurationError> {
    let text = java_trim(text);
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, label) = text.split_at(digits);
    if number.is_empty() {
        return parse_iso(text);
    }
    let number: u128 = number.parse().map_err(|_| DurationError::TooLong)?;
    let label = java_trim(label).to_lowercase();
    let nanos_per_unit = if label.is_empty() {
        1_000_000
    } else {
        UNITS
            .iter()
            .find(|(labels, _)| labels.contains(&label.as_str()))
            .map(|(_, nanos)| *nanos)
            .ok_or(DurationError::UnknownUnit)?
    };
    from_nanos(number.checked_mul(nanos_per_unit).ok_or(DurationError::TooLong)?)
}

/// Writes `duration` as Flink does: a whole number of the longest unit that keeps it exact.
pub(super) fn format(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0 ms".to_owned();
    }
    UNITS
        .iter()
        .find(|(_, unit)| nanos.is_multiple_of(*unit))
        .map_or_else(|| format!("{nanos} ns"), |(labels, unit)| format!("{} {}", nanos / unit, labels[0]))
}

/// Java's seconds are a signed 64-bit number: more than that no Flink reads back.
fn from_nanos(nanos: u128) -> Result<Duration, DurationError> {
    let seconds = i64::try_from(nanos / NANOS_PER_SECOND).map_err(|_| DurationError::TooLong)?;
    let rest = u32::try_from(nanos % NANOS_PER_SECOND).unwrap_or(0);
    Ok(Duration::new(seconds.unsigned_abs(), rest))
}

/// `PnDTnHnMn.nS` in any case, every part optional but one, each with its own sign, as `java.time.Duration` reads it.
fn parse_iso(text: &str) -> Result<Duration, DurationError> {
    let (negated, rest) = sign(text);
    let rest = rest.strip_prefix(['P', 'p']).ok_or(DurationError::NoNumber)?;
    let (days, time) = match rest.split_once(['T', 't']) {
        Some((days, time)) if !time.is_empty() => (days, time),
        Some(_) => return Err(DurationError::UnknownUnit),
        None => (rest, ""),
    };
    let mut total = 0_i128;
    let days = read_parts(days, &[('d', 86_400)], &mut total)?;
    let times = read_parts(time, &[('h', 3_600), ('m', 60), ('s', 1)], &mut total)?;
    if days + times == 0 {
        return Err(DurationError::NoNumber);
    }
    let total = if negated { -total } else { total };
    from_nanos(u128::try_from(total).map_err(|_| DurationError::Negative)?)
}

/// Adds `text`, numbers each followed by one of `units` in their order, to `total`; answers how many there were.
fn read_parts(mut text: &str, units: &[(char, i128)], total: &mut i128) -> Result<usize, DurationError> {
    let mut units = units.iter();
    let mut count = 0;
    while !text.is_empty() {
        let (negative, unsigned) = sign(text);
        let end = unsigned
            .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')
            .ok_or(DurationError::UnknownUnit)?;
        let (number, rest) = unsigned.split_at(end);
        let label = rest.chars().next().map_or(' ', |c| c.to_ascii_lowercase());
        let (unit, seconds) = units.find(|(unit, _)| *unit == label).ok_or(DurationError::UnknownUnit)?;
        let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
        if whole.is_empty() || (whole.len() < number.len() && *unit != 's') || fraction.len() > 9 {
            return Err(DurationError::NoNumber);
        }
        let whole: i64 = whole.parse().map_err(|_| DurationError::TooLong)?;
        let fraction: i128 = format!("{fraction:0<9}").parse().map_err(|_| DurationError::NoNumber)?;
        let nanos = i128::from(whole) * seconds * 1_000_000_000 + fraction;
        *total += if negative { -nanos } else { nanos };
        text = rest.get(1..).ok_or(DurationError::UnknownUnit)?;
        count += 1;
    }
    Ok(count)
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_flink_reads() {
        // Every row was answered so by TimeUtils.parseDuration of 2.3.0.
        for (text, seconds, nanos) in [
            ("1 min", 60, 0),
            ("3s", 3, 0),
            ("500 ms", 0, 500_000_000),
            ("42", 0, 42_000_000),
            ("1d", 86_400, 0),
            ("1 D", 86_400, 0),
            ("2 MINUTES", 120, 0),
            ("1 m", 60, 0),
            ("10 hours", 36_000, 0),
            ("5 \u{b5}s", 0, 5_000),
            ("7 micros", 0, 7_000),
            ("1 nanosecond", 0, 1),
            ("1 secs", 1, 0),
            ("1 millis", 0, 1_000_000),
            (" 12   ms ", 0, 12_000_000),
            ("1\ts", 1, 0),
            ("0", 0, 0),
            ("9223372036854775808", 9_223_372_036_854_775, 808_000_000),
            ("9223372036854775807 s", 9_223_372_036_854_775_807, 0),
            ("PT1M", 60, 0),
            ("pt1m", 60, 0),
            ("P1D", 86_400, 0),
            ("P1DT2H3M4.5S", 93_784, 500_000_000),
            ("-PT-1S", 1, 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::new(seconds, nanos)), "{text:?}");
        }
    }

    #[test]
    fn refuses_what_flink_refuses_and_what_is_negative() {
        for (text, error) in [
            ("", DurationError::Empty),
            ("  ", DurationError::Empty),
            ("-1 s", DurationError::NoNumber),
            ("-5", DurationError::NoNumber),
            ("+5", DurationError::NoNumber),
            ("soon", DurationError::NoNumber),
            ("\u{ff11} s", DurationError::NoNumber),
            ("1.5 s", DurationError::UnknownUnit),
            ("1 min 30 s", DurationError::UnknownUnit),
            ("1 month", DurationError::UnknownUnit),
            ("1 W", DurationError::UnknownUnit),
            ("5 us", DurationError::UnknownUnit),
            ("5 \u{3bc}s", DurationError::UnknownUnit),
            ("1\u{a0}s", DurationError::UnknownUnit),
            ("9223372036854775807 d", DurationError::TooLong),
            ("99999999999999999999999999999999999999999999", DurationError::TooLong),
            ("P", DurationError::NoNumber),
            ("P1DT", DurationError::UnknownUnit),
            ("PT1.5H", DurationError::NoNumber),
            ("PT1M1H", DurationError::UnknownUnit),
            ("PT-1M", DurationError::Negative),
            ("-PT1M", DurationError::Negative),
            ("PT9223372036854775807H", DurationError::TooLong),
        ] {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn writes_the_longest_exact_unit() {
        for (millis, text) in [
            (0, "0 ms"),
            (42, "42 ms"),
            (1_500, "1500 ms"),
            (90_000, "90 s"),
            (3_600_000, "1 h"),
            (86_400_000, "1 d"),
        ] {
            assert_eq!(format(Duration::from_millis(millis)), text);
        }
        assert_eq!(format(Duration::from_micros(5)), "5 \u{b5}s");
        assert_eq!(format(Duration::from_nanos(1)), "1 ns");
    }
}
