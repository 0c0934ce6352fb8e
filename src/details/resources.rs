//! How wide the vertices of a job may run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::ids::JobVertexId;

/// Between which bounds the adaptive scheduler may choose the parallelism of each vertex of a job.
///
/// # Examples
/// ```
/// use flink_client::{JobResourceRequirements, JobVertexId};
///
/// let vertex: JobVertexId = "cbc357ccb763df2852fee8c4fc7d55f2".parse()?;
/// let requirements = JobResourceRequirements::new().vertex(vertex, 1, 4)?;
/// assert_eq!(requirements.vertices[&vertex].upper_bound, 4);
/// assert!(requirements.vertex(vertex, 3, 2).is_err());
/// # Ok::<(), flink_client::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
#[non_exhaustive]
pub struct JobResourceRequirements {
    /// The bounds of each vertex. Flink refuses requirements that leave out a vertex of the job.
    #[serde(with = "vertices")]
    pub vertices: BTreeMap<JobVertexId, ParallelismBounds>,
}

/// Between which bounds the parallelism of a vertex may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ParallelismBounds {
    /// With fewer slots than this the job does not run.
    pub lower_bound: u32,
    /// More slots than this are not used.
    pub upper_bound: u32,
}

impl JobResourceRequirements {
    /// Requirements for no vertex yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the bounds of `vertex`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] unless 1 ≤ `lower_bound` ≤ `upper_bound`.
    pub fn vertex(mut self, vertex: JobVertexId, lower_bound: u32, upper_bound: u32) -> Result<Self> {
        if lower_bound == 0 || lower_bound > upper_bound {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "the parallelism of vertex {vertex} must be between bounds of at least 1, the lower one not above the upper one, got {lower_bound} and {upper_bound}"
                ),
            ));
        }
        self.vertices.insert(vertex, ParallelismBounds { lower_bound, upper_bound });
        Ok(self)
    }
}

/// Each vertex's bounds are one level deeper in JSON, for kinds of resources that are yet to come.
mod vertices {
    use serde::{Deserializer, Serializer};

    use super::*;

    #[derive(Deserialize, Serialize)]
    struct Vertex {
        parallelism: ParallelismBounds,
    }

    pub(super) fn serialize<S: Serializer>(
        vertices: &BTreeMap<JobVertexId, ParallelismBounds>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(vertices.iter().map(|(id, &parallelism)| (id, Vertex { parallelism })))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<JobVertexId, ParallelismBounds>, D::Error> {
        let vertices = BTreeMap::<JobVertexId, Vertex>::deserialize(deserializer)?;
        Ok(vertices.into_iter().map(|(id, vertex)| (id, vertex.parallelism)).collect())
    }
}
