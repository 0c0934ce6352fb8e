//! `Retry-After`: how long a server asks to wait.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longer than anyone waits, and short enough that no clock overflows by adding it.
const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

/// The delay that a `Retry-After` header asks for at `now`: seconds, or an HTTP date in any of its three forms. A date
/// that has passed is no delay. What is neither is `None`.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a long time too.
        let seconds = value.parse().map_or(LONGEST, Duration::from_secs);
        return Some(seconds.min(LONGEST));
    }
    let date = http_date(value)?;
    Some(date.duration_since(now).unwrap_or_default().min(LONGEST))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or `Sun Nov  6 08:49:37 1994`.
fn http_date(value: &str) -> Option<SystemTime> {
    let words: Vec<&str> = value.split([' ', ',', '-']).filter(|word| !word.is_empty()).collect();
    let (day, month, year, time) = match words[..] {
        [_, day, month, year, time, "GMT"] => (day, month, year, time),
        [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let day = number(day, 1..=31)?;
    // A year of two digits is of the obsolete form; these dates are of our time.
    let year = match number(year, 0..=9999)? {
        short if year.len() == 2 => 2000 + short,
        long => long,
    };
    let mut parts = time.split(':');
    let mut part = |max| number(parts.next()?, 0..=max);
    let (hour, minute, second) = (part(23)?, part(59)?, part(60)?);
    if parts.next().is_some() {
        return None;
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds.try_into().ok()?))
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn number(text: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && range.contains(number))
}

/// Days of the Gregorian calendar. A year is counted from March, so that the day that comes and goes is its last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days_before_month = (153 * month + 2) / 5;
    // 719,468 days lie between 1 March of the year 0 and 1 January 1970.
    year * 365 + leap_days + days_before_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn seconds_are_a_delay() {
        assert_eq!(retry_after(" 120 ", at(0)), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("0", at(0)), Some(Duration::ZERO));
        assert_eq!(retry_after("99999999999999999999999", at(0)), Some(LONGEST));
    }

    #[test]
    fn dates_of_all_three_forms_are_a_point_in_time() {
        for (date, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777),
            ("Thu, 29 Feb 2024 23:59:60 GMT", 1_709_251_200),
            ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200),
            ("Sunday, 22-Nov-26 20:00:00 GMT", 1_795_377_600),
        ] {
            assert_eq!(http_date(date), Some(at(seconds)), "{date}");
        }
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:49:37 GMT", at(784_111_770)),
            Some(Duration::from_secs(7))
        );
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", at(784_111_780)), Some(Duration::ZERO));
    }

    #[test]
    fn anything_else_is_no_delay() {
        for value in [
            "",
            "soon",
            "-1",
            "+5",
            "1.5",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49 GMT",
            "Sun, 06 Nov 1900 08:49:37 GMT",
        ] {
            assert_eq!(retry_after(value, at(0)), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(value in any::<String>(), date in "[A-Za-z]{3}, ?[0-9]{1,3}[ -](Jan|Feb|Dec)[ -][0-9]{0,5} [0-9:]{0,9} GMT") {
            let _ = retry_after(&value, at(1));
            let _ = retry_after(&date, at(1));
        }
    }
}
