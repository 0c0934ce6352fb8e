//! The value of an accumulator.

use std::collections::BTreeMap;
use std::fmt;

use base64::display::Base64Display;
use base64::prelude::BASE64_STANDARD;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// The value of an accumulator: what its `getLocalValue` gave in the cluster, in Rust's terms.
///
/// | Flink's accumulator | variant |
/// |---|---|
/// | `IntCounter`, `LongCounter`, `IntMinimum`, `LongMaximum`, … | [`Integer`](Self::Integer) |
/// | `DoubleCounter`, `DoubleMinimum`, `AverageAccumulator`, … | [`Float`](Self::Float) |
/// | `Histogram` | [`Map`](Self::Map) of integers; see [`to_histogram`](Self::to_histogram) |
/// | `ListAccumulator` | [`List`](Self::List) |
/// | `SerializedListAccumulator` | [`List`](Self::List) of [`Bytes`](Self::Bytes) |
///
/// Accumulators of the user's own may have any Java value: Java's boxed numbers, texts, enums, arrays and
/// collections, and Flink's tuples, are read, at any depth; all else is [`Opaque`](Self::Opaque).
///
/// `Display` writes the value as Java's `toString` would: `[a, b]`, `{0=20, 1=20}`. `Serialize` writes a plain JSON
/// value: maps as objects with their keys as texts, bytes as base64, opaque values as `{"class": …, "text": …}`.
///
/// # Examples
/// ```
/// use flink_client::AccumulatorValue;
///
/// let value = AccumulatorValue::List(vec![AccumulatorValue::Integer(3), AccumulatorValue::Text("a".into())]);
/// assert_eq!(value.to_string(), "[3, a]");
/// assert_eq!(value.as_list().and_then(|list| list[0].as_i64()), Some(3));
/// assert_eq!(value.as_str(), None);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AccumulatorValue {
    /// Java's `null`.
    Null,
    /// A `Boolean`.
    Boolean(bool),
    /// A `Byte`, `Short`, `Integer` or `Long`, or a `BigInteger` that is no larger.
    Integer(i64),
    /// A `Float` or `Double`.
    Float(f64),
    /// A `String`, a `Character`, the name of an enum's constant, a `UUID`, and the decimal digits of a `BigDecimal`
    /// or of a `BigInteger` beyond 64 bits. Half of a surrogate pair becomes U+FFFD.
    Text(String),
    /// A `byte[]`.
    Bytes(Vec<u8>),
    /// A list, set, queue, tuple or array, in the order of its iteration in the cluster.
    List(Vec<Self>),
    /// A map, in the order of its iteration in the cluster.
    Map(Vec<(Self, Self)>),
    /// A value of a class that this library does not know. Its bytes are in
    /// [`Accumulator::serialized`](crate::Accumulator::serialized).
    Opaque {
        /// The name of the Java class; of the accumulator's class, without its package, if the server sent no bytes.
        class: String,
        /// What its `toString` gave in the cluster, if the server sent it. A job's result does not have it, its
        /// accumulators do.
        text: Option<String>,
    },
}

impl AccumulatorValue {
    /// The value of an [`Integer`](Self::Integer).
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    /// The value of a [`Float`](Self::Float), or of an [`Integer`](Self::Integer), rounded beyond 2^53.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(float) => Some(*float),
            Self::Integer(integer) => Some(*integer as f64),
            _ => None,
        }
    }

    /// The value of a [`Boolean`](Self::Boolean).
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(boolean) => Some(*boolean),
            _ => None,
        }
    }

    /// The value of a [`Text`](Self::Text).
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of [`Bytes`](Self::Bytes).
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The elements of a [`List`](Self::List).
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// The keys and values of a [`Map`](Self::Map).
    pub fn as_map(&self) -> Option<&[(Self, Self)]> {
        match self {
            Self::Map(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// What a `Histogram` counted: how often each number was added. `None` unless this is a [`Map`](Self::Map) with
    /// integers for all its keys and values.
    ///
    /// # Examples
    /// ```
    /// use flink_client::AccumulatorValue::{Integer, Map};
    ///
    /// let histogram = Map(vec![(Integer(0), Integer(20)), (Integer(7), Integer(1))]).to_histogram().unwrap();
    /// assert_eq!(histogram[&7], 1);
    /// ```
    pub fn to_histogram(&self) -> Option<BTreeMap<i64, i64>> {
        self.as_map()?.iter().map(|(key, value)| Some((key.as_i64()?, value.as_i64()?))).collect()
    }

    /// Whether this is Java's `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl fmt::Display for AccumulatorValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(boolean) => write!(f, "{boolean}"),
            Self::Integer(integer) => write!(f, "{integer}"),
            // As in Java, a float shows that it is one: `5.0`.
            Self::Float(float) => write!(f, "{float:?}"),
            Self::Text(text) => f.write_str(text),
            Self::Bytes(bytes) => write!(f, "{}", Base64Display::new(bytes, &BASE64_STANDARD)),
            Self::List(elements) => {
                f.write_str("[")?;
                for (index, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Map(pairs) => {
                f.write_str("{")?;
                for (index, (key, value)) in pairs.iter().enumerate() {
                    write!(f, "{}{key}={value}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
            Self::Opaque { text: Some(text), .. } => f.write_str(text),
            Self::Opaque { class, text: None } => write!(f, "<{class}>"),
        }
    }
}

impl Serialize for AccumulatorValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(boolean) => serializer.serialize_bool(*boolean),
            Self::Integer(integer) => serializer.serialize_i64(*integer),
            Self::Float(float) => serializer.serialize_f64(*float),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.collect_str(&Base64Display::new(bytes, &BASE64_STANDARD)),
            Self::List(elements) => serializer.collect_seq(elements),
            // JSON has no other keys than texts.
            Self::Map(pairs) => {
                serializer.collect_map(pairs.iter().map(|(key, value)| (key.to_string(), value)))
            }
            Self::Opaque { class, text } => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("class", class)?;
                map.serialize_entry("text", text)?;
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AccumulatorValue::{self, *};

    fn text(text: &str) -> AccumulatorValue {
        Text(text.into())
    }

    #[test]
    fn shows_and_serialises_as_java_and_json_would() {
        let opaque = |text: Option<&str>| Opaque { class: "lab.Odd".into(), text: text.map(str::to_owned) };
        for (value, shown, json) in [
            (Null, "null", "null"),
            (Boolean(true), "true", "true"),
            (Integer(i64::MIN), "-9223372036854775808", "-9223372036854775808"),
            (Float(5.0), "5.0", "5.0"),
            (Float(f64::NAN), "NaN", "null"),
            (text("a \"b\""), "a \"b\"", r#""a \"b\"""#),
            (Bytes(vec![0, 255]), "AP8=", r#""AP8=""#),
            (List(vec![]), "[]", "[]"),
            (List(vec![Integer(1), List(vec![Null])]), "[1, [null]]", "[1,[null]]"),
            (Map(vec![]), "{}", "{}"),
            (
                Map(vec![(Integer(0), Float(0.5)), (text("k"), Null)]),
                "{0=0.5, k=null}",
                r#"{"0":0.5,"k":null}"#,
            ),
            (Map(vec![(List(vec![Integer(1)]), Boolean(false))]), "{[1]=false}", r#"{"[1]":false}"#),
            (opaque(Some("odd!")), "odd!", r#"{"class":"lab.Odd","text":"odd!"}"#),
            (opaque(None), "<lab.Odd>", r#"{"class":"lab.Odd","text":null}"#),
        ] {
            assert_eq!(value.to_string(), shown);
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
        }
    }

    #[test]
    fn accessors_answer_for_their_own_kind_only() {
        assert_eq!(
            (Integer(3).as_i64(), Integer(3).as_f64(), Integer(3).as_str()),
            (Some(3), Some(3.0), None)
        );
        assert_eq!((Float(0.5).as_f64(), Float(0.5).as_i64()), (Some(0.5), None));
        assert_eq!((Boolean(true).as_bool(), Null.as_bool()), (Some(true), None));
        assert_eq!((text("3").as_str(), text("3").as_i64()), (Some("3"), None));
        assert_eq!((Bytes(vec![1]).as_bytes(), text("1").as_bytes()), (Some(&[1][..]), None));
        assert_eq!((List(vec![Null]).as_list(), Map(vec![]).as_list()), (Some(&[Null][..]), None));
        assert_eq!((Map(vec![]).as_map(), List(vec![]).as_map()), (Some(&[][..]), None));
        assert!(Null.is_null() && !text("null").is_null());
        assert_eq!(Map(vec![(Integer(1), text("2"))]).to_histogram(), None);
        assert_eq!(Map(vec![(Integer(1), Integer(2))]).to_histogram(), Some([(1, 2)].into()));
    }
}
