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
