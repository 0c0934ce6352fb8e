//! What a cluster tells about itself beyond what Java's client reads: one plain type for each answer.
//!
//! Fields are those that Flink 1.20 and 2.3 send. What only some versions send is an `Option`; what this library
//! does not know is ignored. Points in time are milliseconds since 1970 in UTC, sizes are bytes.

mod application;
mod checkpoints;
mod cluster;
mod exceptions;
mod job;
mod metrics;
mod plan;
mod resources;

pub use self::application::{ApplicationDetails, ApplicationOverview, ApplicationState};
pub use self::checkpoints::{
    CheckpointConfig, CheckpointCounts, CheckpointStatistics, CheckpointStatsStatus, CheckpointingStatistics,
    ExternalizedCheckpoints, LatestCheckpoints, RestoredCheckpoint, StatsSummary, SummaryStatistics,
    TaskCheckpointStatistics,
};
pub use self::cluster::{
    ClusterOverview, DashboardConfiguration, DashboardFeatures, FlinkVersion, GarbageCollector,
    HardwareDescription, JarEntry, JarInfo, ResourceProfile, SlotInfo, TaskManagerInfo, TaskManagerMemory,
    TaskManagerMetrics,
};
pub use self::exceptions::{ExceptionEntry, ExceptionHistory};
pub use self::job::{
    ExecutionConfigInfo, ExecutionState, IoMetrics, JobConfigInfo, JobDetails, JobVertexDetails,
    JobVertexInfo, SubtaskInfo, UserAccumulator,
};
pub use self::metrics::{AggregatedMetric, Metric};
pub use self::plan::{JobPlan, JobPlanInput, JobPlanNode};
pub use self::resources::{JobResourceRequirements, ParallelismBounds};

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;
    use crate::JobStatusMessage;

    fn recorded(version: &str, name: &str) -> Value {
        let path = format!("{}/tests/fixtures/rest/{version}/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        serde_json::from_str::<Value>(&text).unwrap()["body"].take()
    }

    /// Every member of `written` is in `recorded`, with the same value. What this library does not know is only there;
    /// what a version does not send is written as nothing: `null`, `false`, an empty text or list.
    fn assert_within(path: &str, written: &Value, recorded: &Value) {
        match (written, recorded) {
            (Value::Null, _) => {}
            (Value::Object(written), Value::Object(recorded)) => {
                for (name, value) in written {
                    let here = format!("{path}.{name}");
                    match recorded.get(name) {
                        Some(recorded) => assert_within(&here, value, recorded),
                        None => {
                            let nothing = [json!(null), json!(false), json!(""), json!([])];
                            assert!(nothing.contains(value), "{here}: {value}");
                        }
                    }
                }
            }
            (Value::Array(written), Value::Array(recorded)) => {
                assert_eq!(written.len(), recorded.len(), "{path}");
                for (written, recorded) in written.iter().zip(recorded) {
                    assert_within(&format!("{path}[]"), written, recorded);
                }
            }
            // 0 and 0.0 are one number.
            (Value::Number(written), Value::Number(recorded)) => {
                assert_eq!(written.as_f64(), recorded.as_f64(), "{path}");
            }
            _ => assert_eq!(written, recorded, "{path}"),
        }
    }

    fn comes_back<T>(name: &str, pointer: &str)
    where
        T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
    {
        for version in ["1.20.5", "2.3.0"] {
            let body = recorded(version, name);
            let part = body.pointer(pointer).unwrap_or_else(|| panic!("{name} has no {pointer}"));
            let read: T = serde_json::from_value(part.clone()).unwrap();
            let written = serde_json::to_value(&read).unwrap();
            assert_within(name, &written, part);
            assert_eq!(serde_json::from_value::<T>(written).unwrap(), read, "{version} {name}");
        }
    }

    #[test]
    fn what_is_read_of_flinks_answers_is_written_as_flink_wrote_it() {
        for job in ["job-running", "job-failed", "job-initializing", "job-no-slots-waiting", "job-finished"] {
            comes_back::<JobDetails>(job, "");
        }
        for jobs in ["jobs-overview", "jobs-overview-initializing", "jobs-overview-many"] {
            comes_back::<Vec<JobStatusMessage>>(jobs, "/jobs");
        }
        for checkpoints in ["checkpoints", "checkpoints-not-enabled", "checkpoints-restored"] {
            comes_back::<CheckpointingStatistics>(checkpoints, "");
        }
        comes_back::<CheckpointingStatistics>("checkpoints-savepoint-in-progress", "");
        comes_back::<CheckpointStatistics>("checkpoint-details", "");
        comes_back::<CheckpointConfig>("checkpoints-config", "");
        comes_back::<CheckpointConfig>("checkpoints-config-not-enabled", "");
        comes_back::<JobVertexDetails>("vertex", "");
        comes_back::<JobConfigInfo>("job-config", "");
        comes_back::<JobPlan>("plan", "/plan");
        comes_back::<ExceptionHistory>("exceptions-failed", "/exceptionHistory");
        comes_back::<ExceptionHistory>("exceptions-none", "/exceptionHistory");
        comes_back::<ClusterOverview>("overview", "");
        comes_back::<DashboardConfiguration>("config", "");
        comes_back::<TaskManagerInfo>("taskmanager", "");
        comes_back::<Vec<TaskManagerInfo>>("taskmanagers", "/taskmanagers");
        comes_back::<Vec<JarInfo>>("jars", "/files");
        comes_back::<Vec<Metric>>("jobmanager-metrics", "");
        comes_back::<Vec<UserAccumulator>>("accumulators", "/user-task-accumulators");
        comes_back::<JobResourceRequirements>("adaptive-resource-requirements", "");
    }
}
