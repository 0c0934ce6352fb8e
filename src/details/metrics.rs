//! Metrics by name.

use serde::{Deserialize, Serialize};

use crate::wire;

/// One metric.
///
/// A list that was asked for without names has names only.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Metric {
    /// The metric's name.
    pub id: String,
    /// Its value, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl Metric {
    /// The value as a number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        self.value.as_deref()?.trim().parse().ok()
    }
}

/// One metric over several jobs, tasks or TaskManagers.
///
/// A list that was asked for without names has names only.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct AggregatedMetric {
    /// The metric's name.
    pub id: String,
    /// The least value.
    #[serde(
        default,
        deserialize_with = "wire::number_or_nan",
        serialize_with = "wire::write::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub min: Option<f64>,
    /// The greatest value.
    #[serde(
        default,
        deserialize_with = "wire::number_or_nan",
        serialize_with = "wire::write::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub max: Option<f64>,
    /// The mean.
    #[serde(
        default,
        deserialize_with = "wire::number_or_nan",
        serialize_with = "wire::write::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub avg: Option<f64>,
    /// The sum.
    #[serde(
        default,
        deserialize_with = "wire::number_or_nan",
        serialize_with = "wire::write::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub sum: Option<f64>,
    /// How unequal the values are, in percent: 0 for all the same, 100 for all in one place; Flink 1.18 lacks it.
    #[serde(
        default,
        deserialize_with = "wire::number_or_nan",
        serialize_with = "wire::write::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub skew: Option<f64>,
}
