//! A blocking client for Apache Flink clusters.

mod accumulator;
mod client;
mod client_ext;
mod config;
mod details;
mod error;
mod failure;
mod ids;
#[allow(dead_code)] // failures of operations and leaders in ZooKeeper are read next
mod java_stream;
mod job;
mod job_result;
#[allow(dead_code)] // the REST API in front of it comes next
pub mod mini;
mod panics;
mod pending;
mod plan;
mod rest;
mod retry;
mod runtime;
mod savepoint;
mod sync;
mod trace;
mod wire;

pub use crate::accumulator::{Accumulator, AccumulatorValue, Accumulators};
pub use crate::client::ClusterClient;
pub use crate::client_ext::{ClusterClientExt, Heartbeat};
pub use crate::config::{
    ConfigOption, ConfigValue, Configuration, IntoConfigValue, InvalidValue, MemorySize, options,
};
pub use crate::details::*;
pub use crate::error::{Error, ErrorFamily, ErrorKind, Result};
pub use crate::failure::FailureCause;
pub use crate::ids::{ApplicationId, IntermediateDataSetId, JobId, JobVertexId, OperatorId, TriggerId};
pub use crate::job::{Acknowledge, ApplicationStatus, JobStatus, JobStatusMessage, TaskCounts};
pub use crate::job_result::{JobExecutionResult, JobResult};
pub use crate::mini::{MiniCluster, MiniClusterConfiguration, MiniJob};
pub use crate::pending::{AsCompleted, Pending, Promise};
pub use crate::plan::ExecutionPlan;
pub use crate::rest::client::RestClusterClient;
pub use crate::rest::config::{RestClusterClientConfiguration, RestClusterClientConfigurationBuilder};
pub use crate::rest::leader::{AddressList, FixedAddress, LeaderRetriever};
pub use crate::rest::request::RetryEvent;
pub use crate::retry::{ExponentialWaitStrategy, FixedWaitStrategy, WaitStrategy};
pub use crate::runtime::{Runtime, RuntimeBuilder};
pub use crate::savepoint::{
    CheckpointStatus, CheckpointType, ClaimMode, OperationStatus, SavepointFormatType, SavepointStatus,
};

/// Names a cluster that has no name of its own: one that is known by its address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StandaloneClusterId;
