//! One job, its vertices and their subtasks.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use crate::details::JobPlan;
use crate::ids::{ApplicationId, JobId, JobVertexId};
use crate::job::{JobStatus, TaskCounts};
use crate::wire::{self, java_enum};

java_enum! {
    /// The state of a task, and of a vertex as the sum of its tasks.
    ExecutionState, "a task state" {
        /// Not scheduled yet.
        Created = "CREATED",
        /// Waiting for a slot.
        Scheduled = "SCHEDULED",
        /// Being sent to a TaskManager.
        Deploying = "DEPLOYING",
        /// At work.
        Running = "RUNNING",
        /// At the end of its input.
        Finished = "FINISHED",
        /// Being cancelled.
        Canceling = "CANCELING",
        /// Cancelled.
        Canceled = "CANCELED",
        /// Failed.
        Failed = "FAILED",
        /// Not known yet to a new JobManager.
        Reconciling = "RECONCILING",
        /// Restoring state.
        Initializing = "INITIALIZING",
    }
}

/// One job in detail.
///
/// Comes from a cache of the server (`web.refresh-interval`, 3 s by default), so it may lag behind
/// the job's status.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct JobDetails {
    /// Names the job.
    #[serde(rename = "jid")]
    pub job_id: JobId,
    /// The job's name.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub name: String,
    /// The job's state.
    pub state: JobStatus,
    /// `STREAMING` or `BATCH`.
    #[serde(rename = "job-type", default, deserialize_with = "wire::name_or_none")]
    pub job_type: Option<Cow<'static, str>>,
    /// When it was accepted.
    #[serde(rename = "start-time")]
    pub start_time: i64,
    /// When it ended, if it has.
    #[serde(
        rename = "end-time",
        default,
        deserialize_with = "wire::time_or_never",
        serialize_with = "wire::write::time"
    )]
    pub end_time: Option<i64>,
    /// How long it has been there, or was until it ended.
    #[serde(default, deserialize_with = "wire::millis", serialize_with = "wire::write::millis")]
    pub duration: Duration,
    /// The highest parallelism that it can be scaled to, if one is set for the job.
    #[serde(
        rename = "maxParallelism",
        default,
        deserialize_with = "wire::count_or_none",
        serialize_with = "wire::write::count"
    )]
    pub max_parallelism: Option<u32>,
    /// The server's clock when it made this answer.
    #[serde(default)]
    pub now: i64,
    /// When it last entered which state.
    #[serde(default, deserialize_with = "wire::times_by_state", serialize_with = "times")]
    pub timestamps: BTreeMap<JobStatus, i64>,
    /// Its vertices; none while it initialises.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub vertices: Vec<JobVertexInfo>,
    /// How many of its vertices (not tasks) are in which state.
    #[serde(
        rename = "status-counts",
        default,
        deserialize_with = "wire::null_is_default",
        serialize_with = "TaskCounts::by_state"
    )]
    pub status_counts: TaskCounts,
    /// Its graph.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub plan: JobPlan,
    /// The application that it belongs to; Flink 2.3, and only when the job has left `INITIALIZING`.
    #[serde(rename = "application-id", default)]
    pub application_id: Option<ApplicationId>,
    /// `Default`, `Adaptive` or `AdaptiveBatch`; Flink 2.3.
    #[serde(rename = "schedulerType", default, deserialize_with = "wire::name_or_none")]
    pub scheduler_type: Option<Cow<'static, str>>,
    /// Operators of an adaptive batch job that have no vertex yet; Flink 2.x.
    #[serde(rename = "pending-operators", default)]
    pub pending_operators: Option<u32>,
}

impl JobDetails {
    /// How many of the tasks of all its vertices are in which state.
    pub fn tasks(&self) -> TaskCounts {
        self.vertices.iter().fold(TaskCounts::default(), |sum, vertex| sum.plus(&vertex.tasks))
    }
}

/// One vertex of a job: a chain of operators that run in the same tasks.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct JobVertexInfo {
    /// Names the vertex.
    pub id: JobVertexId,
    /// Its operators' names, joined by ` -> `.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub name: String,
    /// In how many parallel tasks it runs.
    pub parallelism: u32,
    /// The highest parallelism that it can be scaled to.
    #[serde(
        rename = "maxParallelism",
        default,
        deserialize_with = "wire::count_or_none",
        serialize_with = "wire::write::count"
    )]
    pub max_parallelism: Option<u32>,
    /// The sum of its tasks' states.
    pub status: ExecutionState,
    /// When its first task was sent to a TaskManager, if one was.
    #[serde(
        rename = "start-time",
        default,
        deserialize_with = "wire::time_or_never",
        serialize_with = "wire::write::time"
    )]
    pub start_time: Option<i64>,
    /// When its last task ended, if all have.
    #[serde(
        rename = "end-time",
        default,
        deserialize_with = "wire::time_or_never",
        serialize_with = "wire::write::time"
    )]
    pub end_time: Option<i64>,
    /// How long it has run, if it has begun.
    #[serde(
        default,
        deserialize_with = "wire::millis_or_none",
        serialize_with = "wire::write::millis_or_none"
    )]
    pub duration: Option<Duration>,
    /// How many of its tasks are in which state.
    #[serde(default, deserialize_with = "wire::null_is_default", serialize_with = "TaskCounts::by_state")]
    pub tasks: TaskCounts,
    /// What went through it.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub metrics: IoMetrics,
    /// Vertices of the same group share slots.
    #[serde(rename = "slotSharingGroupId", default)]
    pub slot_sharing_group_id: Option<String>,
}

/// What went through a vertex or a task, within its job.
///
/// A number is complete when all its tasks have reported.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct IoMetrics {
    /// Bytes read from other tasks.
    #[serde(rename = "read-bytes")]
    pub read_bytes: u64,
    /// Whether `read_bytes` is complete.
    #[serde(rename = "read-bytes-complete")]
    pub read_bytes_complete: bool,
    /// Bytes written to other tasks.
    #[serde(rename = "write-bytes")]
    pub write_bytes: u64,
    /// Whether `write_bytes` is complete.
    #[serde(rename = "write-bytes-complete")]
    pub write_bytes_complete: bool,
    /// Records read from other tasks.
    #[serde(rename = "read-records")]
    pub read_records: u64,
    /// Whether `read_records` is complete.
    #[serde(rename = "read-records-complete")]
    pub read_records_complete: bool,
    /// Records written to other tasks.
    #[serde(rename = "write-records")]
    pub write_records: u64,
    /// Whether `write_records` is complete.
    #[serde(rename = "write-records-complete")]
    pub write_records_complete: bool,
    /// Time that was spent waiting for slower tasks downstream.
    #[serde(
        rename = "accumulated-backpressured-time",
        deserialize_with = "wire::millis_or_none",
        serialize_with = "wire::write::millis_or_none"
    )]
    pub backpressured_time: Option<Duration>,
    /// Time without anything to do.
    #[serde(
        rename = "accumulated-idle-time",
        deserialize_with = "wire::millis_or_none",
        serialize_with = "wire::write::millis_or_none"
    )]
    pub idle_time: Option<Duration>,
    /// Time at work; `None` for tasks that cannot tell.
    #[serde(
        rename = "accumulated-busy-time",
        deserialize_with = "wire::millis_or_none",
        serialize_with = "wire::write::busy"
    )]
    pub busy_time: Option<Duration>,
}

/// One vertex of a job with its subtasks.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct JobVertexDetails {
    /// Names the vertex.
    pub id: JobVertexId,
    /// Its operators' names, joined by ` -> `.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub name: String,
    /// In how many parallel tasks it runs.
    pub parallelism: u32,
    /// The highest parallelism that it can be scaled to.
    #[serde(
        rename = "maxParallelism",
        default,
        deserialize_with = "wire::count_or_none",
        serialize_with = "wire::write::count"
    )]
    pub max_parallelism: Option<u32>,
    /// The server's clock when it made this answer.
    #[serde(default)]
    pub now: i64,
    /// Its parallel tasks.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub subtasks: Vec<SubtaskInfo>,
}

/// One parallel task of a vertex, in its current attempt.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct SubtaskInfo {
    /// Which of the parallel tasks it is, from 0.
    pub subtask: u32,
    /// Its state.
    pub status: ExecutionState,
    /// How often it was tried before.
    #[serde(default)]
    pub attempt: u32,
    /// Host and port of its TaskManager.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// When it was sent to the TaskManager, if it was.
    #[serde(
        rename = "start-time",
        default,
        deserialize_with = "wire::time_or_never",
        serialize_with = "wire::write::time"
    )]
    pub start_time: Option<i64>,
    /// When it ended, if it has.
    #[serde(
        rename = "end-time",
        default,
        deserialize_with = "wire::time_or_never",
        serialize_with = "wire::write::time"
    )]
    pub end_time: Option<i64>,
    /// How long it has run, if it has begun.
    #[serde(
        default,
        deserialize_with = "wire::millis_or_none",
        serialize_with = "wire::write::millis_or_none"
    )]
    pub duration: Option<Duration>,
    /// How long it was in each state that it has entered, or has been so far.
    #[serde(
        rename = "status-duration",
        default,
        deserialize_with = "wire::millis_by_state",
        serialize_with = "wire::write::millis_by_state"
    )]
    pub status_durations: BTreeMap<ExecutionState, Duration>,
    /// What went through it.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub metrics: IoMetrics,
    /// Names its TaskManager.
    #[serde(rename = "taskmanager-id", default)]
    pub task_manager_id: Option<String>,
}

/// The settings of a job that its program made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct JobConfigInfo {
    /// Names the job.
    #[serde(rename = "jid")]
    pub job_id: JobId,
    /// The job's name.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub name: String,
    /// The settings; none while the job initialises.
    #[serde(rename = "execution-config", default, skip_serializing_if = "Option::is_none")]
    pub execution_config: Option<ExecutionConfigInfo>,
}

/// The settings of a job that its program made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ExecutionConfigInfo {
    /// The restart strategy, in words.
    #[serde(rename = "restart-strategy", deserialize_with = "wire::null_is_default")]
    pub restart_strategy: String,
    /// The parallelism of operators that set none; `None` for the cluster's default.
    #[serde(
        rename = "job-parallelism",
        deserialize_with = "wire::count_or_none",
        serialize_with = "wire::write::count"
    )]
    pub job_parallelism: Option<u32>,
    /// Whether records may be reused instead of copied between functions.
    #[serde(rename = "object-reuse-mode")]
    pub object_reuse: bool,
    /// The program's own settings (`setGlobalJobParameters`).
    #[serde(rename = "user-config", deserialize_with = "wire::null_is_default")]
    pub user_config: BTreeMap<String, String>,
    /// `PIPELINED` or `BATCH`; Flink 1.x.
    #[serde(rename = "execution-mode", skip_serializing_if = "Option::is_none")]
    pub execution_mode: Option<String>,
}

/// A program's own accumulator as the web interface shows it: everything is text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct UserAccumulator {
    /// The name that the program gave it.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub name: String,
    /// The class, without its package; `"null"` for one whose merging failed.
    #[serde(rename = "type", default, deserialize_with = "wire::null_is_default")]
    pub class: String,
    /// The value, or the stack trace if merging failed.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub value: String,
}

fn times<S: Serializer>(times: &BTreeMap<JobStatus, i64>, serializer: S) -> Result<S::Ok, S::Error> {
    wire::write::times(JobStatus::ALL, times, serializer)
}
