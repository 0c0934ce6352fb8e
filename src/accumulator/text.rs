//! What can be known of an accumulator from the texts that Flink shows in its web interface.

use super::AccumulatorValue;

/// The value of one of Flink's own accumulators, from the name of its class and its text; of any other, an opaque
/// value, as `[a, b]` may be a list of two texts or of one.
pub(super) fn from_text(type_name: &str, text: &str) -> AccumulatorValue {
    let value = match type_name {
        // How Flink shows an accumulator that has no value. One that failed never gets here.
        "null" if text == "null" => Some(AccumulatorValue::Null),
        "IntCounter" | "IntMaximum" | "IntMinimum" | "LongCounter" | "LongMaximum" | "LongMinimum" => {
            text.parse().ok().map(AccumulatorValue::Integer)
        }
        "AverageAccumulator" | "DoubleCounter" | "DoubleMaximum" | "DoubleMinimum" => {
            text.parse().ok().map(AccumulatorValue::Float)
        }
        "Histogram" => histogram(text),
        _ => None,
    };
    // A user's class may have the same name and quite another value.
    value.unwrap_or_else(|| AccumulatorValue::Opaque { class: type_name.into(), text: Some(text.into()) })
}

fn histogram(text: &str) -> Option<AccumulatorValue> {
    let pairs = text.strip_prefix('{')?.strip_suffix('}')?;
    let integer = |text: &str| text.parse().ok().map(AccumulatorValue::Integer);
    let pairs = pairs.split(", ").filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=')?;
        Some((integer(key)?, integer(value)?))
    });
    pairs.collect::<Option<_>>().map(AccumulatorValue::Map)
}

#[cfg(test)]
mod tests {
    use super::AccumulatorValue::{Float, Integer, Map, Null, Opaque};
    use super::*;

    #[test]
    fn flinks_own_accumulators_are_typed_by_their_text() {
        for (type_name, text, value) in [
            ("IntCounter", "42", Integer(42)),
            ("LongMinimum", "-9223372036854775808", Integer(i64::MIN)),
            ("DoubleCounter", "2525.0", Float(2525.0)),
            ("DoubleMaximum", "1.7976931348623157E308", Float(f64::MAX)),
            ("DoubleMinimum", "-Infinity", Float(f64::NEG_INFINITY)),
            ("Histogram", "{}", Map(vec![])),
            ("Histogram", "{0=20, -1=1}", Map(vec![(Integer(0), Integer(20)), (Integer(-1), Integer(1))])),
            ("null", "null", Null),
        ] {
            assert_eq!(from_text(type_name, text), value, "{type_name} {text}");
        }
        assert!(from_text("AverageAccumulator", "NaN").as_f64().unwrap().is_nan());
    }

    #[test]
    fn other_texts_stay_texts() {
        for (type_name, text) in [
            ("ListAccumulator", "[a, b]"),
            ("IntCounter", "4.2"),
            ("IntCounter", ""),
            ("DoubleCounter", "much"),
            ("Histogram", "{a=1}"),
            ("Histogram", "0=1"),
            ("Distinct", "7"),
            ("", "null"),
        ] {
            let opaque = Opaque { class: type_name.into(), text: Some(text.into()) };
            assert_eq!(from_text(type_name, text), opaque);
        }
    }
}
