//! The checkpoints of a job and how it takes them.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::JobVertexId;
use crate::savepoint::SavepointFormatType;
use crate::wire::{self, java_enum};

java_enum! {
    /// How far a checkpoint is.
    CheckpointStatsStatus, "a checkpoint status" {
        /// Being taken.
        InProgress = "IN_PROGRESS",
        /// Taken.
        Completed = "COMPLETED",
        /// Failed.
        Failed = "FAILED",
    }
}

/// The checkpoints that a job has taken. Savepoints are among them.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct CheckpointingStatistics {
    /// How many there were.
    pub counts: CheckpointCounts,
    /// What those that completed were like.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub summary: SummaryStatistics,
    /// The newest of each kind.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub latest: LatestCheckpoints,
    /// The newest ones, the newest first (`web.checkpoints.history` of them, 10 by default).
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub history: Vec<CheckpointStatistics>,
}

impl CheckpointingStatistics {
    /// The savepoints that completed and were triggered since, the oldest first.
    pub(crate) fn into_savepoints_since(self, since: SystemTime) -> Vec<CheckpointStatistics> {
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut found: Vec<_> = self
            .history
            .into_iter()
            .chain(self.latest.savepoint)
            .filter(|checkpoint| {
                checkpoint.is_savepoint
                    && checkpoint.status == CheckpointStatsStatus::Completed
                    && u128::try_from(checkpoint.trigger_timestamp).is_ok_and(|at| at >= since)
            })
            .collect();
        found.sort_by_key(|checkpoint| checkpoint.id);
        found.dedup_by_key(|checkpoint| checkpoint.id);
        found
    }
}

/// How many checkpoints there were since the job was started or restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CheckpointCounts {
    /// How often the job was restored from one.
    pub restored: u64,
    /// All that were begun.
    pub total: u64,
    /// Those being taken.
    pub in_progress: u64,
    /// Those that completed.
    pub completed: u64,
    /// Those that failed.
    pub failed: u64,
}

/// What the checkpoints of a job were like.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SummaryStatistics {
    /// Bytes that were written.
    pub checkpointed_size: StatsSummary,
    /// Bytes of state, with those that earlier checkpoints had written.
    pub state_size: StatsSummary,
    /// Milliseconds from the trigger to the last task's acknowledgement.
    pub end_to_end_duration: StatsSummary,
    /// Bytes that were processed while barriers were aligned.
    pub processed_data: StatsSummary,
    /// Bytes in flight that were written by unaligned checkpoints.
    pub persisted_data: StatsSummary,
}

/// How one number is spread over several checkpoints.
///
/// The percentiles are `None` while there is nothing to measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StatsSummary {
    /// The least.
    pub min: i64,
    /// The greatest.
    pub max: i64,
    /// The mean.
    pub avg: i64,
    /// Half are below.
    #[serde(deserialize_with = "wire::number_or_nan", serialize_with = "wire::write::number")]
    pub p50: Option<f64>,
    /// 90 % are below.
    #[serde(deserialize_with = "wire::number_or_nan", serialize_with = "wire::write::number")]
    pub p90: Option<f64>,
    /// 95 % are below.
    #[serde(deserialize_with = "wire::number_or_nan", serialize_with = "wire::write::number")]
    pub p95: Option<f64>,
    /// 99 % are below.
    #[serde(deserialize_with = "wire::number_or_nan", serialize_with = "wire::write::number")]
    pub p99: Option<f64>,
    /// 99.9 % are below.
    #[serde(deserialize_with = "wire::number_or_nan", serialize_with = "wire::write::number")]
    pub p999: Option<f64>,
}

/// The newest checkpoint of each kind.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LatestCheckpoints {
    /// The newest checkpoint that completed.
    pub completed: Option<CheckpointStatistics>,
    /// The newest savepoint that completed.
    pub savepoint: Option<CheckpointStatistics>,
    /// The newest that failed.
    pub failed: Option<CheckpointStatistics>,
    /// The one that the job was last restored from.
    pub restored: Option<RestoredCheckpoint>,
}

/// One checkpoint or savepoint.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct CheckpointStatistics {
    /// Its number in the job.
    pub id: u64,
    /// How far it is.
    pub status: CheckpointStatsStatus,
    /// Whether it is a savepoint.
    #[serde(default)]
    pub is_savepoint: bool,
    /// How a savepoint was written.
    #[serde(rename = "savepointFormat", default)]
    pub savepoint_format: Option<SavepointFormatType>,
    /// `CHECKPOINT`, `UNALIGNED_CHECKPOINT`, `SAVEPOINT` or `SYNC_SAVEPOINT` (the savepoint of a stop).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_type: Option<String>,
    /// When it was triggered.
    pub trigger_timestamp: i64,
    /// When the last task acknowledged it, if one has.
    #[serde(default, deserialize_with = "wire::time_or_never", serialize_with = "wire::write::time")]
    pub latest_ack_timestamp: Option<i64>,
    /// Bytes that were written.
    #[serde(default)]
    pub checkpointed_size: i64,
    /// Bytes of state, with those that earlier checkpoints had written.
    #[serde(default)]
    pub state_size: i64,
    /// From the trigger to the last task's acknowledgement.
    #[serde(default, deserialize_with = "wire::millis", serialize_with = "wire::write::millis")]
    pub end_to_end_duration: Duration,
    /// Bytes that were processed while barriers were aligned.
    #[serde(default)]
    pub processed_data: i64,
    /// Bytes in flight that were written by an unaligned checkpoint.
    #[serde(default)]
    pub persisted_data: i64,
    /// How many tasks take part.
    #[serde(default)]
    pub num_subtasks: u32,
    /// How many of them have acknowledged it.
    #[serde(default)]
    pub num_acknowledged_subtasks: u32,
    /// The same for each vertex; only in the details of one checkpoint.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub tasks: BTreeMap<JobVertexId, TaskCheckpointStatistics>,
    /// Where it is, once it has completed, if it can be restored from.
    #[serde(default, deserialize_with = "path_if_any", skip_serializing_if = "Option::is_none")]
    pub external_path: Option<String>,
    /// Whether its files have been removed.
    #[serde(default)]
    pub discarded: bool,
    /// When it failed, if it did.
    #[serde(
        default,
        deserialize_with = "wire::time_or_never",
        serialize_with = "wire::write::time",
        skip_serializing_if = "Option::is_none"
    )]
    pub failure_timestamp: Option<i64>,
    /// Why it failed, if it did and that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_message: Option<String>,
}

/// The part of one vertex in a checkpoint.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct TaskCheckpointStatistics {
    /// How far it is.
    pub status: CheckpointStatsStatus,
    /// When the last task acknowledged it, if one has.
    #[serde(default, deserialize_with = "wire::time_or_never", serialize_with = "wire::write::time")]
    pub latest_ack_timestamp: Option<i64>,
    /// Bytes that were written.
    #[serde(default)]
    pub checkpointed_size: i64,
    /// Bytes of state, with those that earlier checkpoints had written.
    #[serde(default)]
    pub state_size: i64,
    /// From the trigger to the last task's acknowledgement.
    #[serde(default, deserialize_with = "wire::millis", serialize_with = "wire::write::millis")]
    pub end_to_end_duration: Duration,
    /// How many tasks take part.
    #[serde(default)]
    pub num_subtasks: u32,
    /// How many of them have acknowledged it.
    #[serde(default)]
    pub num_acknowledged_subtasks: u32,
}

/// The checkpoint or savepoint that a job was restored from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct RestoredCheckpoint {
    /// Its number in the job that took it.
    pub id: u64,
    /// When it was restored.
    pub restore_timestamp: i64,
    /// Whether it is a savepoint.
    #[serde(default)]
    pub is_savepoint: bool,
    /// Where it is.
    #[serde(default, deserialize_with = "path_if_any", skip_serializing_if = "Option::is_none")]
    pub external_path: Option<String>,
}

/// How a job takes checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct CheckpointConfig {
    /// `exactly_once` or `at_least_once`.
    pub mode: String,
    /// How often; `None` when the job takes none by itself (`execution.checkpointing.interval` is not set).
    #[serde(default, deserialize_with = "interval_if_any", serialize_with = "write_interval")]
    pub interval: Option<Duration>,
    /// After how long one is given up (`execution.checkpointing.timeout`).
    #[serde(default, deserialize_with = "wire::millis", serialize_with = "wire::write::millis")]
    pub timeout: Duration,
    /// The least time between the end of one and the beginning of the next (`execution.checkpointing.min-pause`).
    #[serde(default, deserialize_with = "wire::millis", serialize_with = "wire::write::millis")]
    pub min_pause: Duration,
    /// How many may be taken at a time (`execution.checkpointing.max-concurrent-checkpoints`).
    #[serde(default)]
    pub max_concurrent: u32,
    /// Whether the newest ones are kept when the job ends.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub externalization: ExternalizedCheckpoints,
    /// Flink's class for keeping state.
    #[serde(default)]
    pub state_backend: Option<String>,
    /// Flink's class for storing checkpoints.
    #[serde(default)]
    pub checkpoint_storage: Option<String>,
    /// Whether barriers may overtake records (`execution.checkpointing.unaligned.enabled`).
    #[serde(default)]
    pub unaligned_checkpoints: bool,
    /// After how long alignment an aligned one becomes unaligned; zero for at once.
    #[serde(default, deserialize_with = "wire::millis", serialize_with = "wire::write::millis")]
    pub aligned_checkpoint_timeout: Duration,
    /// How many may fail in a row before the job does.
    #[serde(default)]
    pub tolerable_failed_checkpoints: i64,
    /// Whether they go on after some tasks have finished.
    #[serde(default)]
    pub checkpoints_after_tasks_finish: bool,
}

/// Whether the newest checkpoints of a job are kept when it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ExternalizedCheckpoints {
    /// Whether they are kept at all.
    pub enabled: bool,
    /// Whether they are removed if the job is cancelled.
    pub delete_on_cancellation: bool,
}

/// A checkpoint in the JobManager's memory has a placeholder for a path.
fn path_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let path = Option::<String>::deserialize(deserializer)?;
    Ok(path.filter(|path| !path.is_empty() && !path.starts_with('<')))
}

/// Java's greatest `long` stands for "never".
fn interval_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let millis = Option::<i64>::deserialize(deserializer)?;
    Ok(millis
        .filter(|millis| *millis != i64::MAX)
        .and_then(|millis| Some(Duration::from_millis(millis.try_into().ok()?))))
}

fn write_interval<S: Serializer>(interval: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    wire::write::millis(&interval.unwrap_or(Duration::MAX), serializer)
}
