//! A job's accumulators: merged over its tasks, and written as Flink writes them.
//!
//! They are written in Java's serialization format and read back by what reads a real cluster's, so that both give the
//! same for the same.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;

use super::exception::JavaException;
use super::java_writer;
use super::task::AccumulatorState;
use crate::accumulator::{Accumulators, JobAccumulatorsInfo};

/// One accumulator as Flink shows it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AccumulatorEntry {
    pub(crate) name: String,
    /// Flink's class without its package; `"null"` for one that failed.
    pub(crate) type_name: String,
    /// The value, or the stack trace of one that failed.
    pub(crate) text: String,
    /// A serialised `OptionalFailure`.
    pub(crate) serialized: Vec<u8>,
}

pub(crate) fn merge(tasks: &[BTreeMap<String, AccumulatorState>]) -> Vec<AccumulatorEntry> {
    let mut merged = BTreeMap::<&str, Result<AccumulatorState, JavaException>>::new();
    for (name, state) in tasks.iter().flatten() {
        match merged.get_mut(name.as_str()) {
            None => {
                merged.insert(name, Ok(state.clone()));
            }
            Some(sum) => {
                if let Ok(so_far) = sum
                    && let Err(failure) = so_far.merge(state)
                {
                    *sum = Err(failure);
                }
            }
        }
    }
    merged.into_iter().map(|(name, state)| entry(name, &state)).collect()
}

fn entry(name: &str, state: &Result<AccumulatorState, JavaException>) -> AccumulatorEntry {
    match state {
        Ok(state) => {
            let value = state.value();
            AccumulatorEntry {
                name: name.into(),
                type_name: state.kind().class().into(),
                text: value.to_string(),
                serialized: java_writer::success(&value, state.kind().is_int()),
            }
        }
        Err(failure) => AccumulatorEntry {
            name: name.into(),
            type_name: "null".into(),
            text: failure.stack_trace(),
            serialized: java_writer::failure(failure),
        },
    }
}

/// As a job's result has them.
pub(crate) fn results(entries: Vec<AccumulatorEntry>) -> Accumulators {
    let results =
        entries.into_iter().map(|entry| (entry.name, Some(BASE64_STANDARD.encode(entry.serialized))));
    Accumulators::from_results(results.collect())
}

/// As the list of a job's accumulators has them.
pub(crate) fn shown(entries: &[AccumulatorEntry]) -> Accumulators {
    let texts: Vec<_> = entries
        .iter()
        .map(|entry| json!({"name": entry.name, "type": entry.type_name, "value": entry.text}))
        .collect();
    let serialized: BTreeMap<_, _> =
        entries.iter().map(|entry| (&entry.name, BASE64_STANDARD.encode(&entry.serialized))).collect();
    let answer = json!({
        "job-accumulators": [],
        "user-task-accumulators": texts,
        "serialized-user-task-accumulators": serialized,
    });
    serde_json::from_value::<JobAccumulatorsInfo>(answer).map(Accumulators::from).unwrap_or_default()
}
