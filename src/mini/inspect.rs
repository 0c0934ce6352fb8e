//! The cluster as a whole, and numbers about it and its jobs.

use super::core::{Settings, State};
use super::job::Job;
use crate::details::{
    ClusterOverview, HardwareDescription, Metric, ResourceProfile, SlotInfo, TaskManagerInfo,
};
use crate::job::JobStatus;

pub(crate) fn overview(settings: &Settings, state: &State) -> ClusterOverview {
    let count = |is: fn(JobStatus) -> bool| {
        u32::try_from(state.jobs.values().filter(|job| is(job.status)).count()).unwrap_or(u32::MAX)
    };
    ClusterOverview {
        task_managers: settings.task_managers.len() as u32,
        slots_total: state.slots.total() as u32,
        slots_available: state.slots.free() as u32,
        jobs_running: count(|status| !status.is_globally_terminal()),
        jobs_finished: count(|status| status == JobStatus::Finished),
        jobs_cancelled: count(|status| status == JobStatus::Canceled),
        jobs_failed: count(|status| status == JobStatus::Failed),
        flink_version: settings.flink_version.to_string(),
        flink_commit: None,
    }
}

pub(crate) fn task_manager(settings: &Settings, state: &State, index: usize, now: i64) -> TaskManagerInfo {
    let manager = &settings.task_managers[index];
    let slots = settings.slots_per_task_manager;
    let resources = |slots: f64| ResourceProfile { cpu_cores: slots, ..ResourceProfile::default() };
    let free = state.slots.free_of(index) as u32;
    let assigned = |id| {
        let tasks = state.jobs.get(&id).into_iter().flat_map(Job::tasks);
        tasks
            .filter(|task| !task.has_ended() && task.slot.is_some_and(|slot| slot.task_manager == index))
            .count()
    };
    let mut jobs: Vec<_> = state.slots.owners_of(index).collect();
    let allocated_slots = jobs
        .iter()
        .map(|job| SlotInfo { job_id: *job, resource: resources(1.0), assigned_tasks: Some(1) })
        .collect();
    jobs.sort_unstable();
    jobs.dedup();
    let port = |text: &str| text.rsplit(':').next().and_then(|port| port.split('-').next()?.parse().ok());
    TaskManagerInfo {
        path: format!("pekko://flink/user/rpc/taskmanager_{index}"),
        data_port: port(&manager.endpoint),
        jmx_port: None,
        last_heartbeat: Some(now),
        slots_number: slots,
        free_slots: free,
        assigned_tasks: Some(jobs.into_iter().map(assigned).sum::<usize>() as u32),
        total_resource: resources(f64::from(slots)),
        free_resource: resources(f64::from(free)),
        hardware: Some(HardwareDescription {
            cpu_cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32),
            ..HardwareDescription::default()
        }),
        memory: None,
        allocated_slots,
        metrics: None,
        id: manager.id.clone(),
    }
}

struct Shown(String);

macro_rules! shown {
    ($($number:ty),*) => { $(
        impl From<$number> for Shown {
            fn from(value: $number) -> Self {
                Self(value.to_string())
            }
        }
    )* };
}

shown!(i64, u32, u64, &str);

/// Numbers and texts alike: Flink sends all as text.
fn metric(id: &str, value: impl Into<Shown>) -> Metric {
    Metric { id: id.into(), value: Some(value.into().0) }
}

pub(crate) fn job_metrics(job: &Job, now: i64) -> Vec<Metric> {
    let statistics = job.checkpoints.statistics.overview();
    let last = statistics.latest.completed.as_ref();
    let since = |status| match job.status == status {
        true => now - job.timestamps.get(&status).copied().unwrap_or(now),
        false => 0,
    };
    let restarts = job.epoch.saturating_sub(1);
    vec![
        metric("numRestarts", restarts),
        metric("fullRestarts", restarts),
        metric("uptime", since(JobStatus::Running)),
        metric("downtime", since(JobStatus::Restarting)),
        metric("runningTime", since(JobStatus::Running)),
        metric("restartingTime", since(JobStatus::Restarting)),
        metric("cancellingTime", since(JobStatus::Cancelling)),
        metric("failingTime", since(JobStatus::Failing)),
        metric("totalNumberOfCheckpoints", statistics.counts.total),
        metric("numberOfInProgressCheckpoints", statistics.counts.in_progress),
        metric("numberOfCompletedCheckpoints", statistics.counts.completed),
        metric("numberOfFailedCheckpoints", statistics.counts.failed),
        metric("lastCheckpointSize", last.map_or(-1, |last| last.state_size)),
        metric("lastCheckpointFullSize", last.map_or(-1, |last| last.state_size)),
        metric("lastCheckpointDuration", last.map_or(-1, |last| last.end_to_end_duration.as_millis() as i64)),
        metric("lastCheckpointProcessedData", last.map_or(-1, |last| last.processed_data)),
        metric("lastCheckpointPersistedData", last.map_or(-1, |last| last.persisted_data)),
        metric(
            "lastCheckpointExternalPath",
            last.and_then(|last| last.external_path.as_deref()).unwrap_or("n/a"),
        ),
        metric(
            "lastCheckpointRestoreTimestamp",
            statistics.latest.restored.map_or(-1, |restored| restored.restore_timestamp),
        ),
    ]
}

pub(crate) fn job_manager_metrics(settings: &Settings, state: &State) -> Vec<Metric> {
    let overview = overview(settings, state);
    vec![
        metric("numRegisteredTaskManagers", overview.task_managers),
        metric("numRunningJobs", overview.jobs_running),
        metric("taskSlotsAvailable", overview.slots_available),
        metric("taskSlotsTotal", overview.slots_total),
    ]
}
