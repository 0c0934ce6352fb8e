//! Whether two JSON documents have the same members, of the same types.

use serde_json::{Map, Value};

/// What of `mini` is other than in `real`, in words: what is only in one, or of another type. Nothing can be said where
/// one has no value or no element.
pub(super) fn differences(real: &Value, mini: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", &shape(real), &shape(mini), &mut found);
    found.retain(|difference| !is_named_by_data(difference));
    found
}

/// A value with nothing left of it but its type.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(elements) => fullest(elements).map(shape).into_iter().collect(),
        Value::Number(_) => "number".into(),
        Value::String(text) if text == "NaN" => "number".into(),
        Value::String(_) => "text".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Null => Value::Null,
    }
}

/// The first of those elements that have most members: a checkpoint in progress lacks what one has that is complete.
fn fullest(elements: &[Value]) -> Option<&Value> {
    elements.iter().rev().max_by_key(|element| element.as_object().map_or(0, Map::len))
}

fn compare(path: &str, real: &Value, mini: &Value, found: &mut Vec<String>) {
    match (real, mini) {
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(real), Value::Object(mini)) => {
            let missing = |of: &Map<String, Value>, from: &Map<String, Value>, where_: &str| {
                let names = of.keys().filter(|name| !from.contains_key(*name));
                names.map(|name| format!("{path}.{name} is only in {where_}")).collect::<Vec<_>>()
            };
            found.extend(missing(real, mini, "Flink"));
            found.extend(missing(mini, real, "the mini cluster"));
            for (name, real) in real {
                if let Some(mini) = mini.get(name) {
                    compare(&format!("{path}.{name}"), real, mini, found);
                }
            }
        }
        (Value::Array(real), Value::Array(mini)) => {
            if let (Some(real), Some(mini)) = (real.first(), mini.first()) {
                compare(&format!("{path}[]"), real, mini, found);
            }
        }
        _ if real == mini => {}
        _ => found.push(format!("{path} is {real} in Flink and {mini} in the mini cluster")),
    }
}

/// Members whose names are data: vertices, states that were entered, names of metrics; and the inputs of a vertex, which
/// not every vertex has.
fn is_named_by_data(difference: &str) -> bool {
    [
        "nodes[].inputs",
        "tasks.",
        "timestamps.",
        "status-duration.",
        "user-config.",
        "serialized-user-task-accumulators.",
        "accumulator-results.",
        ".jobs.",
    ]
    .iter()
    .any(|of| difference.contains(of))
}
