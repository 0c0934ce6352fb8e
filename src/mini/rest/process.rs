//! What a JVM would tell of itself: here the one process that all TaskManagers are in.

use crate::details::{Metric, TaskManagerMetrics};

/// The heap of a TaskManager with Flink's defaults: 384 MiB for tasks and 128 MiB for Flink.
const HEAP: i64 = 512 << 20;

/// The memory that the process holds, where the system tells; else a TaskManager's usual heap. There is no heap of a
/// TaskManager's own to be measured.
fn held() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = resident.and_then(|rest| rest.trim().split(' ').next()?.parse::<i64>().ok());
    kibibytes.map_or(HEAP, |kibibytes| kibibytes.saturating_mul(1024))
}

pub(super) fn task_manager_metrics() -> TaskManagerMetrics {
    let held = held();
    TaskManagerMetrics {
        heap_used: held,
        heap_committed: held,
        heap_max: HEAP.max(held),
        ..TaskManagerMetrics::default()
    }
}

/// The same by Flink's names of metrics.
pub(super) fn metrics() -> Vec<Metric> {
    let TaskManagerMetrics { heap_used, heap_committed, heap_max, .. } = task_manager_metrics();
    [
        ("Status.JVM.Memory.Heap.Used", heap_used),
        ("Status.JVM.Memory.Heap.Committed", heap_committed),
        ("Status.JVM.Memory.Heap.Max", heap_max),
    ]
    .into_iter()
    .map(|(id, value)| Metric { id: id.into(), value: Some(value.to_string()) })
    .collect()
}
