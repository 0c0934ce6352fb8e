//! A blocking client for Apache Flink clusters.

mod accumulator;
mod config;
mod details;
mod error;
mod failure;
mod ids;
#[allow(dead_code)] // failures of operations and leaders in ZooKeeper are read next
mod java_stream;
mod job;
mod job_result;
mod pending;
mod plan;
#[allow(dead_code)] // until the client calls it
mod rest;
mod runtime;
mod savepoint;
mod sync;
mod trace;
mod wire;

pub use crate::accumulator::{Accumulator, AccumulatorValue, Accumulators};
pub use crate::config::{
    ConfigOption, ConfigValue, Configuration, IntoConfigValue, InvalidValue, MemorySize, options,
};
pub use crate::details::*;
pub use crate::error::{Error, ErrorFamily, ErrorKind, Result};
pub use crate::failure::FailureCause;
pub use crate::ids::{ApplicationId, IntermediateDataSetId, JobId, JobVertexId, OperatorId, TriggerId};
pub use crate::job::{Acknowledge, ApplicationStatus, JobStatus, JobStatusMessage, TaskCounts};
pub use crate::job_result::{JobExecutionResult, JobResult};
pub use crate::pending::{AsCompleted, Pending, Promise};
pub use crate::plan::ExecutionPlan;
pub use crate::runtime::{Runtime, RuntimeBuilder};
pub use crate::savepoint::{
    CheckpointStatus, CheckpointType, ClaimMode, OperationStatus, SavepointFormatType, SavepointStatus,
};
