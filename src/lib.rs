//! A blocking client for Apache Flink clusters.

mod error;
mod ids;

pub use crate::error::{Error, ErrorFamily, ErrorKind, Result};
pub use crate::ids::{ApplicationId, IntermediateDataSetId, JobId, JobVertexId, OperatorId, TriggerId};
