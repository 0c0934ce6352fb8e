//! A cluster as a whole: overview, version, TaskManagers, uploaded jars.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::ids::JobId;
use crate::wire;

/// A cluster in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct ClusterOverview {
    /// How many TaskManagers are registered.
    #[serde(rename = "taskmanagers")]
    pub task_managers: u32,
    /// How many slots they have.
    pub slots_total: u32,
    /// How many of these are free.
    pub slots_available: u32,
    /// How many jobs have not ended.
    pub jobs_running: u32,
    /// How many jobs have finished.
    pub jobs_finished: u32,
    /// How many jobs were cancelled.
    pub jobs_cancelled: u32,
    /// How many jobs have failed.
    pub jobs_failed: u32,
    /// Flink's version.
    pub flink_version: String,
    /// The source revision that this Flink was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flink_commit: Option<String>,
}

/// What the web interface is told about a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct DashboardConfiguration {
    /// How long the server keeps what it knows of a job before it looks again (`web.refresh-interval`, 3 s by default).
    #[serde(deserialize_with = "wire::millis", serialize_with = "wire::write::millis")]
    pub refresh_interval: Duration,
    /// The server's time zone, by name.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub timezone_name: String,
    /// The server's time zone: milliseconds east of UTC.
    #[serde(default)]
    pub timezone_offset: i64,
    /// Flink's version.
    pub flink_version: String,
    /// The source revision that this Flink was built from, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flink_revision: Option<String>,
    /// What the web interface may do.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub features: DashboardFeatures,
}

impl DashboardConfiguration {
    /// Flink's version in numbers.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if [`flink_version`](Self::flink_version) does not begin with two numbers.
    pub fn version(&self) -> Result<FlinkVersion, Error> {
        self.flink_version.parse()
    }
}

/// What the web interface of a cluster may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct DashboardFeatures {
    /// Upload and run jars (`web.submit.enable`). Without it the cluster has no jar endpoints.
    #[serde(rename = "web-submit")]
    pub web_submit: bool,
    /// Cancel jobs (`web.cancel.enable`).
    #[serde(rename = "web-cancel")]
    pub web_cancel: bool,
    /// Rescale jobs (`web.rescale.enable`).
    #[serde(rename = "web-rescale")]
    pub web_rescale: bool,
    /// It is a history server.
    #[serde(rename = "web-history")]
    pub web_history: bool,
}

/// A Flink version, comparable.
///
/// What follows the third number (`-SNAPSHOT`, a vendor's suffix) is left out.
///
/// # Examples
/// ```
/// use flink_client::FlinkVersion;
///
/// let version: FlinkVersion = "1.20.5".parse()?;
/// assert!(version < "2.0-SNAPSHOT".parse()?);
/// assert_eq!((version.major, version.minor, version.patch), (1, 20, 5));
/// # Ok::<(), flink_client::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct FlinkVersion {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third number; 0 if there is none.
    pub patch: u32,
}

impl FlinkVersion {
    /// The version of these numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }
}

impl fmt::Display for FlinkVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for FlinkVersion {
    type Err = Error;

    /// # Errors
    /// [`ErrorKind::InvalidArgument`] unless `text` begins with two numbers.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut numbers = text.trim().splitn(3, '.').map(|part| {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..digits].parse::<u32>().ok()
        });
        match (numbers.next().flatten(), numbers.next().flatten(), numbers.next().flatten()) {
            (Some(major), Some(minor), patch) => Ok(Self { major, minor, patch: patch.unwrap_or(0) }),
            _ => {
                let shown: String = text.chars().take(64).collect();
                Err(Error::new(
                    ErrorKind::InvalidArgument,
                    format!("{shown:?} is not a Flink version: expected numbers such as 2.3.0"),
                ))
            }
        }
    }
}

/// One TaskManager.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TaskManagerInfo {
    /// Names it.
    pub id: String,
    /// Where the JobManager reaches it.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub path: String,
    /// The port for data between TaskManagers.
    #[serde(default, deserialize_with = "wire::count_or_none", serialize_with = "wire::write::count")]
    pub data_port: Option<u32>,
    /// The port for JMX, if it has one.
    #[serde(default, deserialize_with = "wire::count_or_none", serialize_with = "wire::write::count")]
    pub jmx_port: Option<u32>,
    /// When it was last heard of. Flink calls this `timeSinceLastHeartbeat`, but it is a point in time.
    #[serde(
        rename = "timeSinceLastHeartbeat",
        default,
        deserialize_with = "wire::time_or_never",
        serialize_with = "wire::write::time_or_zero"
    )]
    pub last_heartbeat: Option<i64>,
    /// How many slots it has.
    pub slots_number: u32,
    /// How many of these are free.
    pub free_slots: u32,
    /// How many tasks it runs; Flink 2.3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_tasks: Option<u32>,
    /// All that its slots have.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub total_resource: ResourceProfile,
    /// What of that is free.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub free_resource: ResourceProfile,
    /// The machine that it runs on.
    #[serde(default)]
    pub hardware: Option<HardwareDescription>,
    /// How its memory is divided.
    #[serde(rename = "memoryConfiguration", default)]
    pub memory: Option<TaskManagerMemory>,
    /// The slots in use; only in the details of one TaskManager.
    #[serde(default, deserialize_with = "wire::null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub allocated_slots: Vec<SlotInfo>,
    /// What its JVM uses; only in the details of one TaskManager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<TaskManagerMetrics>,
}

/// Resources of a slot or of all slots of a TaskManager. Memory is in mebibytes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct ResourceProfile {
    /// CPU cores.
    pub cpu_cores: f64,
    /// Heap for tasks.
    pub task_heap_memory: i64,
    /// Memory off the heap for tasks.
    pub task_off_heap_memory: i64,
    /// Memory that Flink manages.
    pub managed_memory: i64,
    /// Memory for network buffers.
    pub network_memory: i64,
    /// Other resources by name.
    #[serde(deserialize_with = "wire::null_is_default")]
    pub extended_resources: BTreeMap<String, f64>,
}

/// The machine that a TaskManager runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct HardwareDescription {
    /// CPU cores.
    pub cpu_cores: u32,
    /// Bytes of memory of the machine.
    pub physical_memory: i64,
    /// Bytes that were free in the heap when the TaskManager started.
    pub free_memory: i64,
    /// Bytes that Flink manages.
    pub managed_memory: i64,
}

/// How the memory of a TaskManager is divided, in bytes; `None` for a part that is not configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct TaskManagerMemory {
    /// Heap for Flink.
    pub framework_heap: Option<i64>,
    /// Heap for tasks.
    pub task_heap: Option<i64>,
    /// Memory off the heap for Flink.
    pub framework_off_heap: Option<i64>,
    /// Memory off the heap for tasks.
    pub task_off_heap: Option<i64>,
    /// Network buffers.
    pub network_memory: Option<i64>,
    /// Memory that Flink manages.
    pub managed_memory: Option<i64>,
    /// Classes of the JVM.
    pub jvm_metaspace: Option<i64>,
    /// The rest of the JVM.
    pub jvm_overhead: Option<i64>,
    /// All without the JVM's own.
    pub total_flink_memory: Option<i64>,
    /// All.
    pub total_process_memory: Option<i64>,
}

/// A slot in use.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SlotInfo {
    /// The job that uses it.
    pub job_id: JobId,
    /// What it has.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub resource: ResourceProfile,
    /// How many tasks run in it; Flink 2.3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_tasks: Option<u32>,
}

/// What the JVM of a TaskManager uses, in bytes unless it is a count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct TaskManagerMetrics {
    /// Heap in use.
    pub heap_used: i64,
    /// Heap taken from the system.
    pub heap_committed: i64,
    /// Heap at most.
    pub heap_max: i64,
    /// Memory of the JVM off the heap in use.
    pub non_heap_used: i64,
    /// Memory of the JVM off the heap taken from the system.
    pub non_heap_committed: i64,
    /// Memory of the JVM off the heap at most.
    pub non_heap_max: i64,
    /// How many direct buffers there are.
    pub direct_count: i64,
    /// Direct buffers in use.
    pub direct_used: i64,
    /// Direct buffers at most.
    pub direct_max: i64,
    /// How many mapped buffers there are.
    pub mapped_count: i64,
    /// Mapped buffers in use.
    pub mapped_used: i64,
    /// Mapped buffers at most.
    pub mapped_max: i64,
    /// How many segments of network buffers are free.
    pub netty_shuffle_memory_segments_available: i64,
    /// How many segments of network buffers are in use.
    pub netty_shuffle_memory_segments_used: i64,
    /// How many segments of network buffers there are.
    pub netty_shuffle_memory_segments_total: i64,
    /// Network buffers that are free.
    pub netty_shuffle_memory_available: i64,
    /// Network buffers in use.
    pub netty_shuffle_memory_used: i64,
    /// All network buffers.
    pub netty_shuffle_memory_total: i64,
    /// What the garbage collectors have done.
    #[serde(deserialize_with = "wire::null_is_default")]
    pub garbage_collectors: Vec<GarbageCollector>,
}

/// What a garbage collector has done.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct GarbageCollector {
    /// Its name in the JVM.
    pub name: String,
    /// How often it ran.
    #[serde(default)]
    pub count: i64,
    /// For how long it ran in all.
    #[serde(default, deserialize_with = "wire::millis", serialize_with = "wire::write::millis")]
    pub time: Duration,
}

/// An uploaded jar.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct JarInfo {
    /// Names it in the cluster; ends with its file name.
    pub id: String,
    /// Its file name.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub name: String,
    /// When it was uploaded.
    #[serde(default)]
    pub uploaded: i64,
    /// The main programs that its manifest names.
    #[serde(rename = "entry", default, deserialize_with = "wire::null_is_default")]
    pub entries: Vec<JarEntry>,
}

/// A main program in an uploaded jar.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct JarEntry {
    /// Its class.
    pub name: String,
    /// What it says about itself, if anything.
    #[serde(default)]
    pub description: Option<String>,
}
