//! A blocking client for Apache Flink clusters.

mod error;
mod ids;
mod job;
mod pending;
mod runtime;
mod savepoint;
mod sync;
#[allow(dead_code)] // the types that need the rest of it come next
mod wire;

pub use crate::error::{Error, ErrorFamily, ErrorKind, Result};
pub use crate::ids::{ApplicationId, IntermediateDataSetId, JobId, JobVertexId, OperatorId, TriggerId};
pub use crate::job::{Acknowledge, ApplicationStatus, JobStatus, JobStatusMessage, TaskCounts};
pub use crate::pending::{AsCompleted, Pending, Promise};
pub use crate::runtime::{Runtime, RuntimeBuilder};
pub use crate::savepoint::{
    CheckpointStatus, CheckpointType, ClaimMode, OperationStatus, SavepointFormatType, SavepointStatus,
};
