//! The graph of a job.

use serde::{Deserialize, Deserializer};

use crate::ids::{JobId, JobVertexId};
use crate::wire;

/// The graph of a job, or of the job that a jar would make.
///
/// Everything is empty while the job initialises.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct JobPlan {
    /// Names the job. Of a jar's plan it is made up by the server and means nothing.
    #[serde(rename = "jid", deserialize_with = "id_or_empty")]
    pub job_id: Option<JobId>,
    /// The job's name.
    #[serde(deserialize_with = "wire::null_is_default")]
    pub name: String,
    /// `STREAMING` or `BATCH`.
    #[serde(rename = "type", deserialize_with = "wire::null_is_default")]
    pub job_type: String,
    /// The vertices.
    #[serde(deserialize_with = "wire::null_is_default")]
    pub nodes: Vec<JobPlanNode>,
}

/// One vertex of a job's graph.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct JobPlanNode {
    /// Names the vertex.
    pub id: JobVertexId,
    /// What it does, with HTML line breaks between its operators.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub description: String,
    /// In how many parallel tasks.
    pub parallelism: u32,
    /// How the operator works, if it says so.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub operator_strategy: String,
    /// Where its input comes from; empty for a source.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub inputs: Vec<JobPlanInput>,
}

/// One edge of a job's graph.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct JobPlanInput {
    /// Which input of its vertex it is, from 0.
    pub num: u32,
    /// The vertex that it comes from.
    pub id: JobVertexId,
    /// How records are spread over the parallel tasks: `FORWARD`, `HASH`, `REBALANCE`, …
    #[serde(default)]
    pub ship_strategy: Option<String>,
    /// How they are handed over: `pipelined_bounded`, `blocking`, …
    #[serde(default)]
    pub exchange: Option<String>,
    /// What is done with them at the receiver, if anything.
    #[serde(default)]
    pub local_strategy: Option<String>,
    /// How they are cached at the receiver, if they are.
    #[serde(default)]
    pub caching: Option<String>,
}

/// Flink 2.x sends an empty text for a job that has no graph yet.
fn id_or_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<JobId>, D::Error> {
    match Option::<String>::deserialize(deserializer)?.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}
