//! How Flink writes times, durations, numbers and enums in JSON.

pub(crate) mod write;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

/// A Rust enum for one of Java's: the same names in texts and JSON (there exactly), an unknown one is an error that
/// shows it.
macro_rules! java_enum {
    (
        $(#[$meta:meta])*
        $name:ident, $what:literal {
            $( $(#[$variant_meta:meta])* $variant:ident = $text:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )+
        }

        impl $name {
            /// All of them, in Flink's order.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )+];

            /// Flink's name for it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $text, )+
                }
            }

            fn find(text: &str) -> Option<Self> {
                match text {
                    $( $text => Some(Self::$variant), )+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::Error;

            /// Reads Flink's name in upper or lower case, and `-` for `_`, as people write it.
            ///
            /// # Errors
            /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument), with the names there are, for any
            /// other text.
            fn from_str(text: &str) -> Result<Self, crate::Error> {
                let mut known = Self::ALL.iter().copied();
                known.find(|known| $crate::wire::same_name(known.as_str(), text)).ok_or_else(|| {
                    crate::Error::new(
                        crate::ErrorKind::InvalidArgument,
                        $crate::wire::unknown_name($what, text, &[$( $text, )+]),
                    )
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Name;

                impl serde::de::Visitor<'_> for Name {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($what)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::find(text)
                            .ok_or_else(|| E::custom($crate::wire::unknown_name($what, text, &[$( $text, )+])))
                    }
                }

                deserializer.deserialize_str(Name)
            }
        }
    };
}

pub(crate) use java_enum;

/// Whether a person who writes `text` means Flink's name `known`.
pub(crate) fn same_name(known: &str, text: &str) -> bool {
    let flinks = |byte: u8| if byte == b'-' { b'_' } else { byte.to_ascii_uppercase() };
    known.bytes().eq(text.bytes().map(flinks))
}

pub(crate) fn unknown_name(what: &str, text: &str, known: &[&str]) -> String {
    let shown: String = text.chars().take(64).collect();
    format!("{shown:?} is not {what}; known are {}", known.join(", "))
}

/// A point in time as Flink writes it: milliseconds since 1970 in UTC.
pub(crate) fn system_time(millis: i64) -> SystemTime {
    let distance = Duration::from_millis(millis.unsigned_abs());
    let time = if millis < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    time.unwrap_or(UNIX_EPOCH)
}

/// Reads `null` as the default. Flink writes `null` where a list or text has no value yet.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A name that is nearly always one of a few, which then costs no memory: lists have thousands of them.
pub(crate) fn name_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'static, str>>, D::Error> {
    struct Name;

    impl Visitor<'_> for Name {
        type Value = Option<Cow<'static, str>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a name")
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            let known = ["STREAMING", "BATCH", "Default", "Adaptive", "AdaptiveBatch"]
                .into_iter()
                .find(|name| *name == text);
            Ok(Some(known.map_or_else(|| Cow::Owned(text.to_owned()), Cow::Borrowed)))
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }

    deserializer.deserialize_any(Name)
}

/// A time that has not come yet is -1 or 0 in Flink's JSON, or `null`.
pub(crate) fn time_or_never<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(Option::<i64>::deserialize(deserializer)?.filter(|millis| *millis > 0))
}

/// A duration in milliseconds; what has not begun lasts -1, which reads as zero.
pub(crate) fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Ok(deserializer.deserialize_any(Number)?.map_or(Duration::ZERO, duration_of))
}

/// A duration in milliseconds that may not have begun: -1, `null` or `"NaN"`.
pub(crate) fn millis_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    Ok(deserializer.deserialize_any(Number)?.filter(|millis| *millis >= 0.0).map(duration_of))
}

/// A number that Flink writes as the text `"NaN"` while there is nothing to measure.
pub(crate) fn number_or_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    deserializer.deserialize_any(Number)
}

/// Negative and absurd numbers become the nearest duration there is.
fn duration_of(millis: f64) -> Duration {
    Duration::from_millis(millis as u64)
}

struct Number;

impl Visitor<'_> for Number {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or \"NaN\"")
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(number).filter(|number| !number.is_nan()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        match text {
            "NaN" => Ok(None),
            "Infinity" => Ok(Some(f64::INFINITY)),
            "-Infinity" => Ok(Some(f64::NEG_INFINITY)),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }
}

/// A count that is -1 where there is none (a port, a maximum parallelism).
pub(crate) fn count_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Ok(Option::<i64>::deserialize(deserializer)?.and_then(|count| u32::try_from(count).ok()))
}

/// Values by the name of a state. A state that this version of the library does not know is left out, so that a
/// newer server's answer can still be read.
pub(crate) fn by_state<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
where
    K: FromStr + Ord,
    V: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let named = BTreeMap::<String, V>::deserialize(deserializer)?;
    Ok(named.into_iter().filter_map(|(name, value)| Some((name.parse().ok()?, value))).collect())
}

/// Points in time by the name of a state; one that was never reached has 0 and is left out.
pub(crate) fn times_by_state<'de, K, D>(deserializer: D) -> Result<BTreeMap<K, i64>, D::Error>
where
    K: FromStr + Ord,
    D: Deserializer<'de>,
{
    let mut times = by_state(deserializer)?;
    times.retain(|_, millis: &mut i64| *millis > 0);
    Ok(times)
}

/// Durations in milliseconds by the name of a state.
pub(crate) fn millis_by_state<'de, K, D>(deserializer: D) -> Result<BTreeMap<K, Duration>, D::Error>
where
    K: FromStr + Ord,
    D: Deserializer<'de>,
{
    let millis: BTreeMap<K, i64> = by_state(deserializer)?;
    Ok(millis.into_iter().map(|(state, millis)| (state, duration_of(millis as f64))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wire {
        #[serde(deserialize_with = "millis")]
        lasted: Duration,
        #[serde(default, deserialize_with = "time_or_never")]
        ended: Option<i64>,
        #[serde(default, deserialize_with = "number_or_nan")]
        mean: Option<f64>,
        #[serde(default, deserialize_with = "count_or_none")]
        limit: Option<u32>,
        #[serde(default, deserialize_with = "millis_or_none")]
        since: Option<Duration>,
    }

    fn read(json: &str) -> Wire {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn minus_one_null_and_nan_mean_nothing_yet() {
        let nothing = Wire { lasted: Duration::ZERO, ended: None, mean: None, limit: None, since: None };
        assert_eq!(read(r#"{"lasted":-1,"ended":-1,"mean":"NaN","limit":-1,"since":-1}"#), nothing);
        assert_eq!(read(r#"{"lasted":null,"ended":null,"mean":null,"limit":null,"since":"NaN"}"#), nothing);
        assert_eq!(read(r#"{"lasted":0}"#), nothing);
    }

    #[test]
    fn values_are_read_as_they_are() {
        assert_eq!(
            read(r#"{"lasted":12,"ended":1795371371709,"mean":488.5,"limit":128,"since":0}"#),
            Wire {
                lasted: Duration::from_millis(12),
                ended: Some(1_795_371_371_709),
                mean: Some(488.5),
                limit: Some(128),
                since: Some(Duration::ZERO),
            }
        );
    }

    #[test]
    fn the_longest_interval_does_not_overflow() {
        let wire = read(r#"{"lasted":9223372036854775807,"since":1e300}"#);
        assert!(wire.lasted > Duration::from_secs(1 << 40));
        assert_eq!(wire.since, Some(Duration::from_millis(u64::MAX)));
    }

    #[test]
    fn times_before_1970_and_beyond_the_clock_are_not_a_panic() {
        assert!(system_time(-1) < UNIX_EPOCH);
        assert!(system_time(i64::MAX) >= UNIX_EPOCH);
        assert!(system_time(i64::MIN) <= UNIX_EPOCH);
    }
}
