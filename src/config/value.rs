//! The types that a configuration's values can have, and their grammar.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::{ParseFloatError, ParseIntError};
use std::time::Duration;

use thiserror::Error;

use super::duration::{self, DurationError};
use super::flow;
use super::memory::{self, MemoryError, MemorySize};
use super::node::{self, Node};
use super::split::{SplitError, split};

/// A type that a [`ConfigOption`](crate::ConfigOption) can have: it can be read from and written to Flink's text.
///
/// Implemented for `bool`, the integers, `f64`, `String`, [`Duration`], [`MemorySize`], `Vec` of these, and
/// `BTreeMap<String, String>`, in the grammar that Flink has for each. Implement it for an enum of your own to have
/// typed access to an option that this crate does not know.
///
/// # Examples
/// ```
/// use flink_client::{ConfigOption, ConfigValue, Configuration, InvalidValue};
///
/// #[derive(Debug, PartialEq)]
/// enum Scheduler { Default, Adaptive }
///
/// impl ConfigValue for Scheduler {
///     fn parse_value(text: &str) -> Result<Self, InvalidValue> {
///         match text.to_ascii_lowercase().as_str() {
///             "default" => Ok(Self::Default),
///             "adaptive" => Ok(Self::Adaptive),
///             _ => Err(InvalidValue::new("Default or Adaptive")),
///         }
///     }
///
///     fn format_value(&self) -> String {
///         format!("{self:?}")
///     }
/// }
///
/// const SCHEDULER: ConfigOption<Scheduler> = ConfigOption::new("jobmanager.scheduler").with_default("Default");
///
/// let mut configuration = Configuration::new();
/// assert_eq!(configuration.get(&SCHEDULER)?, Scheduler::Default);
/// configuration.set_raw("jobmanager.scheduler", "lazy");
/// assert_eq!(
///     configuration.get(&SCHEDULER).unwrap_err().to_string(),
///     "jobmanager.scheduler: expected Default or Adaptive, got \"lazy\""
/// );
/// # Ok::<(), flink_client::Error>(())
/// ```
pub trait ConfigValue: Sized {
    /// Reads the text of a value.
    ///
    /// # Errors
    /// [`InvalidValue`], which says what was expected; the configuration adds the key, the text and where it was set.
    fn parse_value(text: &str) -> Result<Self, InvalidValue>;

    /// Writes the value so that [`parse_value`](Self::parse_value), and Flink, read the same value back.
    fn format_value(&self) -> String;

    /// Reads a value that has no entry of its own but one for each of its parts, given as part and text.
    ///
    /// Only maps have such: Flink reads `option.a: 1` as the entry `a` of the map `option`. Others answer `None`.
    fn from_parts(_parts: &mut dyn Iterator<Item = (&str, &str)>) -> Option<Self> {
        None
    }
}

/// What [`Configuration::set`](crate::Configuration::set) takes for an option of type `T`: a `T`, or `&str` for text.
pub trait IntoConfigValue<T> {
    /// The value.
    fn into_config_value(self) -> T;
}

impl<T: ConfigValue> IntoConfigValue<T> for T {
    fn into_config_value(self) -> T {
        self
    }
}

impl IntoConfigValue<String> for &str {
    fn into_config_value(self) -> String {
        self.to_owned()
    }
}

/// A text that is no value of the wanted type: says what was expected.
///
/// It does not repeat the text, which may be a secret.
#[derive(Debug, Error)]
#[error("expected {expected}")]
pub struct InvalidValue {
    expected: Cow<'static, str>,
    #[source]
    cause: Option<Cause>,
}

#[derive(Debug, Error)]
enum Cause {
    #[error("not a whole number in range")]
    Integer(#[source] ParseIntError),
    #[error("not a number")]
    Float(#[source] ParseFloatError),
    #[error("{0}")]
    Duration(#[source] DurationError),
    #[error("{0}")]
    Memory(#[source] MemoryError),
    #[error("{0}")]
    Split(#[source] SplitError),
    #[error("item {number}: {source}")]
    Item { number: usize, source: Box<InvalidValue> },
}

impl InvalidValue {
    /// An error that reads "expected …".
    pub fn new(expected: impl Into<Cow<'static, str>>) -> Self {
        Self { expected: expected.into(), cause: None }
    }

    fn caused(expected: impl Into<Cow<'static, str>>, cause: Cause) -> Self {
        Self { expected: expected.into(), cause: Some(cause) }
    }

    /// Why the text was refused, where that is not clear from what was expected.
    pub(super) fn reason(&self) -> Option<String> {
        match &self.cause {
            None | Some(Cause::Integer(_) | Cause::Float(_)) => None,
            Some(cause) => Some(cause.to_string()),
        }
    }
}

impl ConfigValue for String {
    fn parse_value(text: &str) -> Result<Self, InvalidValue> {
        Ok(text.to_owned())
    }

    fn format_value(&self) -> String {
        self.clone()
    }
}

impl ConfigValue for bool {
    fn parse_value(text: &str) -> Result<Self, InvalidValue> {
        if text.eq_ignore_ascii_case("true") {
            Ok(true)
        } else if text.eq_ignore_ascii_case("false") {
            Ok(false)
        } else {
            Err(InvalidValue::new("true or false"))
        }
    }

    fn format_value(&self) -> String {
        self.to_string()
    }
}

/// Java's `int` and `long` end at these, so a larger value would be refused by the cluster that reads the same file.
macro_rules! integer {
    ($($type:ty: $min:expr, $max:expr;)*) => {$(
        impl ConfigValue for $type {
            fn parse_value(text: &str) -> Result<Self, InvalidValue> {
                let expected = || format!("a whole number from {} to {}", $min, $max);
                let number: i128 =
                    text.parse().map_err(|cause| InvalidValue::caused(expected(), Cause::Integer(cause)))?;
                if !(i128::from($min)..=i128::from($max)).contains(&number) {
                    return Err(InvalidValue::new(expected()));
                }
                Self::try_from(number).map_err(|_| InvalidValue::new(expected()))
            }

            fn format_value(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

integer! {
    u16: 0_u16, u16::MAX;
    u32: 0_u32, i32::MAX;
    u64: 0_u64, i64::MAX;
    i32: i32::MIN, i32::MAX;
    i64: i64::MIN, i64::MAX;
}

impl ConfigValue for f64 {
    /// Decimal, with or without exponent and Java's suffixes `d` and `f`, `NaN`, or `Infinity`.
    fn parse_value(text: &str) -> Result<Self, InvalidValue> {
        const EXPECTED: &str = "a number such as 0.4";
        let trimmed = java_trim(text);
        let unsigned = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
        let plain = match unsigned {
            "NaN" | "Infinity" => trimmed,
            // Rust reads words such as `inf` that Java does not.
            _ if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
                return Err(InvalidValue::new(EXPECTED));
            }
            _ => trimmed.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(trimmed),
        };
        plain.parse().map_err(|cause| InvalidValue::caused(EXPECTED, Cause::Float(cause)))
    }

    fn format_value(&self) -> String {
        if self.is_nan() {
            "NaN".to_owned()
        } else if self.is_infinite() {
            if *self > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
        } else {
            node::java_double(*self)
        }
    }
}

impl ConfigValue for Duration {
    fn parse_value(text: &str) -> Result<Self, InvalidValue> {
        duration::parse(text).map_err(|cause| {
            InvalidValue::caused("a duration such as 500 ms, 30 s or 1 min", Cause::Duration(cause))
        })
    }

    fn format_value(&self) -> String {
        duration::format(*self)
    }
}

impl ConfigValue for MemorySize {
    fn parse_value(text: &str) -> Result<Self, InvalidValue> {
        memory::parse(text).map_err(|cause| {
            InvalidValue::caused("a memory size such as 1600m or 4 gb", Cause::Memory(cause))
        })
    }

    fn format_value(&self) -> String {
        self.to_string()
    }
}

impl<T: ConfigValue> ConfigValue for Vec<T> {
    /// `[a, b]` as in YAML, or `a;b`; parts may be quoted.
    fn parse_value(text: &str) -> Result<Self, InvalidValue> {
        const EXPECTED: &str = "a list such as [a, b] or a;b";
        let items = match flow::parse(text) {
            // Flink does not take a list with a null in it for a list either.
            Some(Node::List(items)) if !items.contains(&Node::Null) => {
                items.into_iter().map(Node::into_value).collect()
            }
            _ => split(text, ';').map_err(|cause| InvalidValue::caused(EXPECTED, Cause::Split(cause)))?,
        };
        items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                T::parse_value(item).map_err(|source| {
                    InvalidValue::caused(
                        EXPECTED,
                        Cause::Item { number: index + 1, source: Box::new(source) },
                    )
                })
            })
            .collect()
    }

    fn format_value(&self) -> String {
        Node::List(self.iter().map(|item| Node::Text(item.format_value())).collect()).to_flow()
    }
}

impl ConfigValue for BTreeMap<String, String> {
    /// `{k: v, k2: v2}` as in YAML, or `k:v,k2:v2`; parts may be quoted.
    fn parse_value(text: &str) -> Result<Self, InvalidValue> {
        const EXPECTED: &str = "a map such as {k: v, k2: v2} or k:v,k2:v2";
        let refused = |cause| InvalidValue::caused(EXPECTED, Cause::Split(cause));
        let trimmed = text.trim();
        let pairs = if trimmed.starts_with('{') && trimmed.ends_with('}') {
            // Flink takes a malformed one for the older form, and gets keys with braces in them.
            let Some(Node::Map(pairs)) = flow::parse(trimmed) else {
                return Err(InvalidValue::new(EXPECTED));
            };
            if pairs.iter().any(|(_, value)| *value == Node::Null) {
                return Err(InvalidValue::new(EXPECTED));
            }
            pairs.into_iter().map(|(key, value)| (key, value.into_value())).collect()
        } else {
            let mut pairs = Vec::new();
            for item in split(text, ',').map_err(refused)? {
                let [key, value] = <[String; 2]>::try_from(split(&item, ':').map_err(refused)?)
                    .map_err(|_| InvalidValue::new(EXPECTED))?;
                pairs.push((key, value));
            }
            pairs
        };
        let mut map = Self::new();
        for (key, value) in pairs {
            if map.insert(key, value).is_some() {
                return Err(InvalidValue::new("a map with different keys"));
            }
        }
        Ok(map)
    }

    fn format_value(&self) -> String {
        Node::Map(self.iter().map(|(key, value)| (key.clone(), Node::Text(value.clone()))).collect())
            .to_flow()
    }

    fn from_parts(parts: &mut dyn Iterator<Item = (&str, &str)>) -> Option<Self> {
        let map: Self = parts.map(|(part, value)| (part.to_owned(), value.to_owned())).collect();
        (!map.is_empty()).then_some(map)
    }
}

/// Without what `String.trim` of Java takes off: every character up to the space.
pub(super) fn java_trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Option<Vec<String>> {
        Vec::parse_value(text).ok()
    }

    fn map(text: &str) -> Option<String> {
        let map = BTreeMap::parse_value(text).ok()?;
        Some(map.iter().map(|(key, value)| format!("<{key}={value}>")).collect())
    }

    #[test]
    fn booleans_are_true_or_false_in_any_case() {
        for (text, value) in [("true", true), ("TRUE", true), ("True", true), ("false", false)] {
            assert_eq!(bool::parse_value(text).unwrap(), value);
        }
        for text in [" true", "yes", "on", "1", "", "t"] {
            assert_eq!(
                bool::parse_value(text).unwrap_err().to_string(),
                "expected true or false",
                "{text:?}"
            );
        }
    }

    #[test]
    fn integers_are_java_integers_and_counts_are_not_negative() {
        for (text, value) in [("1", 1), ("+5", 5), ("-5", -5), ("010", 10), ("-2147483648", i32::MIN)] {
            assert_eq!(i32::parse_value(text).unwrap(), value);
        }
        for text in [" 1", "1 ", "1_000", "2147483648", "0x1F", "1.0", "", "1e3"] {
            assert!(i32::parse_value(text).is_err(), "{text:?}");
        }
        assert_eq!(i64::parse_value("9223372036854775807").unwrap(), i64::MAX);
        for (error, line) in [
            (u16::parse_value("65536").unwrap_err(), "expected a whole number from 0 to 65535"),
            (u16::parse_value("80a1").unwrap_err(), "expected a whole number from 0 to 65535"),
            (u32::parse_value("-1").unwrap_err(), "expected a whole number from 0 to 2147483647"),
            (u32::parse_value("2147483648").unwrap_err(), "expected a whole number from 0 to 2147483647"),
            (
                u64::parse_value("9223372036854775808").unwrap_err(),
                "expected a whole number from 0 to 9223372036854775807",
            ),
            (
                i64::parse_value(&"9".repeat(99)).unwrap_err(),
                "expected a whole number from -9223372036854775808 to 9223372036854775807",
            ),
        ] {
            assert_eq!(error.to_string(), line);
        }
    }

    #[test]
    fn numbers_are_java_doubles() {
        for (text, value) in [
            ("1.5", 1.5),
            ("1e3", 1000.0),
            ("Infinity", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("1d", 1.0),
            ("1F", 1.0),
            (" 1.5 ", 1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e999", f64::INFINITY),
        ] {
            assert_eq!(f64::parse_value(text).unwrap(), value, "{text:?}");
        }
        assert!(f64::parse_value("NaN").unwrap().is_nan());
        for text in ["inf", "nan", "infinity", "", "abc", "1 2", "0x1p3"] {
            assert!(f64::parse_value(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn lists_are_as_flink_reads_them() {
        for (text, items) in [
            ("[a, b]", &["a", "b"][..]),
            ("a;b", &["a", "b"]),
            ("a", &["a"]),
            ("", &[]),
            ("[]", &[]),
            ("['a;b', c]", &["a;b", "c"]),
            ("[a", &["[a"]),
            ("[a, b] x", &["[a, b] x"]),
            ("[[a,b],c]", &["[a, b]", "c"]),
            ("[{a: b},c]", &["{a: b}", "c"]),
            ("[1, true, null]", &["[1, true, null]"]),
            ("[1.50, 0x1F]", &["1.5", "31"]),
            ("{a: b}", &["{a: b}"]),
            ("a,b", &["a,b"]),
            ("[::1]:8081;[::2]:8081", &["[::1]:8081", "[::2]:8081"]),
        ] {
            assert_eq!(list(text).unwrap(), items, "{text:?}");
        }
        let error = Vec::<u32>::parse_value("[1, x]").unwrap_err();
        assert_eq!(error.to_string(), "expected a list such as [a, b] or a;b");
        assert_eq!(error.reason().unwrap(), "item 2: expected a whole number from 0 to 2147483647");
        assert_eq!(list("'a"), None);
    }

    #[test]
    fn maps_are_as_flink_reads_them() {
        for (text, pairs) in [
            ("a:1,b:2", "<a=1><b=2>"),
            ("{a: 1, b: 2}", "<a=1><b=2>"),
            ("{a: 1, b: {c: d}}", "<a=1><b={c: d}>"),
            ("{a: 1.50}", "<a=1.5>"),
            ("", ""),
            ("{}", ""),
            (",", ""),
            ("a: 1, b: 2", "<a=1><b=2>"),
            ("a:'b:c'", "<a=b:c>"),
            ("'a:\"x,y\"'", "<a=x,y>"),
            ("'k1:v,1',k2:v2", "<k1=v,1><k2=v2>"),
            ("'''a:b'':c,d'", "<a:b=c,d>"),
        ] {
            assert_eq!(map(text).as_deref(), Some(pairs), "{text:?}");
        }
        for text in [
            "a",
            "a:b:c",
            "a:",
            "'a:b':c",
            "{",
            "a:1,a:2",
            "[a]",
            "a:1,,b:2",
            "{a: null}",
            "{a:1}",
            "{a: 1, a: 2}",
        ] {
            assert_eq!(map(text), None, "{text:?}");
        }
    }
}
