//! The graph of a job.

use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::{JobId, JobVertexId};
use crate::wire;

/// The graph of a job, or of the job that a jar would make.
///
/// Everything is empty while the job initialises.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct JobPlan {
    /// Names the job. Of a jar's plan it is made up by the server and means nothing.
    #[serde(rename = "jid", deserialize_with = "id_or_empty", serialize_with = "wire::write::id_or_empty")]
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
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct JobPlanNode {
    /// Names the vertex.
    pub id: JobVertexId,
    /// What it does, in HTML, as the web interface shows it; see [`description_text`](Self::description_text).
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub description: String,
    /// In how many parallel tasks.
    pub parallelism: u32,
    /// How the operator works, if it says so.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub operator_strategy: String,
    /// Where its input comes from; empty for a source.
    #[serde(default, deserialize_with = "wire::null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<JobPlanInput>,
}

impl JobPlanNode {
    /// What it does, as plain text: an operator a line, each below the one that it follows.
    pub fn description_text(&self) -> String {
        let text = self.description.replace("<br/>", "\n");
        let text =
            text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        text.trim_end().to_owned()
    }
}

/// One edge of a job's graph.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct JobPlanInput {
    /// Which input of its vertex it is, from 0.
    pub num: u32,
    /// The vertex that it comes from.
    pub id: JobVertexId,
    /// How records are spread over the parallel tasks: `FORWARD`, `HASH`, `REBALANCE`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_strategy: Option<String>,
    /// How they are handed over: `pipelined_bounded`, `blocking`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<String>,
    /// What is done with them at the receiver, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_strategy: Option<String>,
    /// How they are cached at the receiver, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caching: Option<String>,
}

/// Flink 2.x sends an empty text for a job that has no graph yet.
fn id_or_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<JobId>, D::Error> {
    match Option::<String>::deserialize(deserializer)?.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read_without_its_html() {
        let node: JobPlanNode = serde_json::from_str(
            r#"{"id":"bc764cd8ddf7a0cff126f51c16239658","parallelism":1,
                "description":"Source: a &amp;lt; b<br/>+- Map -&gt; c<br/>"}"#,
        )
        .unwrap();
        assert_eq!(node.description_text(), "Source: a &lt; b\n+- Map -> c");
    }
}
