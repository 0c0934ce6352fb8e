//! The other way: times, durations and numbers as Flink writes them, so that what was read is written again alike.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use serde::{Serialize, Serializer};

fn whole_millis(duration: Duration) -> i64 {
    duration.as_millis().try_into().unwrap_or(i64::MAX)
}

/// A time that has not come yet is -1.
pub(crate) fn time<S: Serializer>(time: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(time.unwrap_or(-1))
}

/// Of a few that is 0: a job's last change, a TaskManager's last heartbeat.
pub(crate) fn time_or_zero<S: Serializer>(time: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(time.unwrap_or(0))
}

pub(crate) fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(whole_millis(*duration))
}

/// What has not begun lasts -1.
pub(crate) fn millis_or_none<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(duration.map_or(-1, whole_millis))
}

/// The time at work is the one duration with a fraction, and the one that a task may not be able to tell.
pub(crate) fn busy<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    number(&duration.map(|duration| duration.as_secs_f64() * 1000.0), serializer)
}

/// JSON has no such numbers: they are texts.
pub(crate) fn number<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number.unwrap_or(f64::NAN) {
        number if number.is_finite() => serializer.serialize_f64(number),
        number if number.is_nan() => serializer.serialize_str("NaN"),
        number => serializer.serialize_str(if number > 0.0 { "Infinity" } else { "-Infinity" }),
    }
}

/// A count that there is not is -1.
pub(crate) fn count<S: Serializer>(count: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(count.map_or(-1, i64::from))
}

/// An id that there is not is an empty text.
pub(crate) fn id_or_empty<T: Display, S: Serializer>(
    id: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_str(""),
    }
}

/// Every state is named: one that was never entered has 0.
pub(crate) fn times<K: Copy + Ord + Serialize, S: Serializer>(
    all: &[K],
    times: &BTreeMap<K, i64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(all.iter().map(|state| (state, times.get(state).copied().unwrap_or(0))))
}

pub(crate) fn millis_by_state<K: Ord + Serialize, S: Serializer>(
    durations: &BTreeMap<K, Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(durations.iter().map(|(state, duration)| (state, whole_millis(*duration))))
}
