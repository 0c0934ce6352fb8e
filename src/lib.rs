//! A blocking client for Apache Flink clusters.

mod error;
mod ids;
mod job;
mod savepoint;
#[allow(dead_code)] // the types that need the rest of it come next
mod wire;

pub use crate::error::{Error, ErrorFamily, ErrorKind, Result};
pub use crate::ids::{ApplicationId, IntermediateDataSetId, JobId, JobVertexId, OperatorId, TriggerId};
pub use crate::job::{Acknowledge, ApplicationStatus, JobStatus, JobStatusMessage, TaskCounts};
pub use crate::savepoint::{
    CheckpointStatus, CheckpointType, ClaimMode, OperationStatus, SavepointFormatType, SavepointStatus,
};
