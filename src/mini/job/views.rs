//! A job as clients are shown it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Failure, Job, Task};
use crate::details::{
    CheckpointConfig, ExceptionEntry, ExceptionHistory, ExecutionConfigInfo, ExecutionState,
    ExternalizedCheckpoints, IoMetrics, JobConfigInfo, JobDetails, JobPlan, JobPlanInput, JobPlanNode,
    JobResourceRequirements, JobVertexDetails, JobVertexInfo, SubtaskInfo,
};
use crate::failure::FailureCause;
use crate::job::{ApplicationStatus, JobStatus, JobStatusMessage, TaskCounts};
use crate::job_result::JobResult;
use crate::mini::accumulators::{self, AccumulatorEntry};
use crate::mini::checkpoint_storage::Retention;
use crate::mini::core::Settings;
use crate::mini::program::RestartStrategy;
use crate::mini::task::AccumulatorState;

fn millis(from: i64, to: i64) -> Duration {
    Duration::from_millis((to - from).try_into().unwrap_or(0))
}

fn counts<'a>(states: impl Iterator<Item = &'a ExecutionState>) -> TaskCounts {
    let mut counts = TaskCounts::default();
    for state in states {
        *match state {
            ExecutionState::Created => &mut counts.created,
            ExecutionState::Scheduled => &mut counts.scheduled,
            ExecutionState::Deploying => &mut counts.deploying,
            ExecutionState::Initializing => &mut counts.initializing,
            ExecutionState::Running => &mut counts.running,
            ExecutionState::Finished => &mut counts.finished,
            ExecutionState::Canceling => &mut counts.canceling,
            ExecutionState::Canceled => &mut counts.canceled,
            ExecutionState::Failed => &mut counts.failed,
            ExecutionState::Reconciling => &mut counts.reconciling,
        } += 1;
    }
    counts
}

/// The state of a vertex as the sum of its tasks', by Flink's rules.
fn sum(tasks: &[Task]) -> ExecutionState {
    let has = |state| tasks.iter().any(|task| task.state == state);
    let all = |state| tasks.iter().all(|task| task.state == state);
    use ExecutionState as State;
    if has(State::Failed) {
        State::Failed
    } else if has(State::Canceling) {
        State::Canceling
    } else if has(State::Canceled) {
        State::Canceled
    } else if has(State::Initializing) {
        State::Initializing
    } else if has(State::Running) {
        State::Running
    } else if has(State::Finished) {
        if all(State::Finished) { State::Finished } else { State::Running }
    } else if has(State::Deploying) {
        State::Deploying
    } else {
        State::Created
    }
}

impl Task {
    fn began(&self) -> Option<i64> {
        self.times.get(&ExecutionState::Deploying).copied()
    }

    fn ended(&self) -> Option<i64> {
        self.has_ended().then(|| self.times.get(&self.state).copied()).flatten()
    }

    /// From entering each state to entering the next.
    fn durations(&self, now: i64) -> BTreeMap<ExecutionState, Duration> {
        let mut times: Vec<_> = self.times.iter().map(|(state, at)| (*at, *state)).collect();
        // Of states entered in the same millisecond, the present one came last; each of the others took no time.
        times.sort_by_key(|(at, state)| (*at, *state == self.state));
        let ends = times.iter().skip(1).map(|(at, _)| *at).chain([self.ended().unwrap_or(now)]);
        times.iter().zip(ends).map(|((at, state), end)| (*state, millis(*at, end))).collect()
    }

    fn records(&self) -> u64 {
        match &self.control {
            Some(control) if !self.has_ended() => control.records.load(std::sync::atomic::Ordering::Relaxed),
            _ => self.records,
        }
    }

    fn metrics(&self) -> IoMetrics {
        let complete = self.has_ended();
        IoMetrics {
            read_bytes_complete: complete,
            write_bytes_complete: complete,
            read_records_complete: complete,
            write_records: self.records(),
            write_records_complete: complete,
            backpressured_time: Some(Duration::ZERO),
            idle_time: Some(Duration::ZERO),
            busy_time: Some(Duration::ZERO),
            ..IoMetrics::default()
        }
    }
}

impl Job {
    pub(crate) fn job_type(&self) -> &'static str {
        if self.graph.batch { "BATCH" } else { "STREAMING" }
    }

    /// A job that initialises, or never got further, has no vertices yet.
    fn has_vertices(&self) -> bool {
        self.timestamps.contains_key(&JobStatus::Created)
    }

    pub(crate) fn message(&self, settings: &Settings, now: i64) -> JobStatusMessage {
        let tasks =
            self.tasks().map(|task| &task.state).take(if self.has_vertices() { usize::MAX } else { 0 });
        let last = self.timestamps.values().copied().chain(
            self.tasks().flat_map(|task| task.times.values().copied()).filter(|_| self.has_vertices()),
        );
        let mut message =
            JobStatusMessage::new(self.id, self.graph.name.clone(), self.status, self.started_at());
        message.end_time = self.ended_at();
        message.duration = millis(self.started_at(), self.ended_at().unwrap_or(now));
        message.last_modification = last.max();
        message.tasks = counts(tasks);
        if settings.is_flink_2() {
            message.job_type = Some(self.job_type().into());
            message.scheduler_type = self.has_vertices().then(|| settings.scheduler().into());
            message.pending_operators = Some(0);
        }
        message
    }

    pub(crate) fn details(&self, settings: &Settings, now: i64) -> JobDetails {
        let vertices = if self.has_vertices() { self.vertices(now) } else { Vec::new() };
        let of_flink_2 = self.has_vertices() && settings.is_flink_2();
        JobDetails {
            job_id: self.id,
            name: self.graph.name.clone(),
            state: self.status,
            job_type: Some(self.job_type().into()),
            start_time: self.started_at(),
            end_time: self.ended_at(),
            duration: millis(self.started_at(), self.ended_at().unwrap_or(now)),
            max_parallelism: None,
            now,
            timestamps: self.timestamps.clone(),
            status_counts: counts(vertices.iter().map(|vertex| &vertex.status)),
            vertices,
            plan: if self.has_vertices() { self.plan() } else { JobPlan::default() },
            application_id: of_flink_2.then_some(self.application),
            scheduler_type: of_flink_2.then(|| settings.scheduler().into()),
            pending_operators: settings.is_flink_2().then_some(0),
        }
    }

    fn vertices(&self, now: i64) -> Vec<JobVertexInfo> {
        let sharing = crate::mini::graph::operator_id(&format!("slot sharing of {}", self.id));
        self.graph
            .vertices
            .iter()
            .zip(&self.vertices)
            .map(|(vertex, run)| {
                let status = sum(&run.tasks);
                let start_time = run.tasks.iter().filter_map(Task::began).min();
                let ended = run.tasks.iter().all(Task::has_ended);
                let end_time = run.tasks.iter().filter_map(Task::ended).max().filter(|_| ended);
                let duration =
                    start_time.map_or(Duration::ZERO, |start| millis(start, end_time.unwrap_or(now)));
                let mut metrics = run.tasks.first().map(Task::metrics).unwrap_or_default();
                metrics.write_records = run.tasks.iter().map(Task::records).sum();
                for complete in [
                    &mut metrics.read_bytes_complete,
                    &mut metrics.write_bytes_complete,
                    &mut metrics.read_records_complete,
                    &mut metrics.write_records_complete,
                ] {
                    *complete = ended;
                }
                JobVertexInfo {
                    id: vertex.id,
                    name: vertex.name.clone(),
                    parallelism: run.tasks.len() as u32,
                    max_parallelism: Some(run.max_parallelism),
                    status,
                    start_time,
                    end_time,
                    duration: start_time.map(|_| duration),
                    tasks: counts(run.tasks.iter().map(|task| &task.state)),
                    metrics,
                    slot_sharing_group_id: Some(sharing.to_string()),
                }
            })
            .collect()
    }

    pub(crate) fn plan(&self) -> JobPlan {
        let parallelisms: Vec<_> = self.vertices.iter().map(|vertex| vertex.tasks.len() as u32).collect();
        plan(&self.graph, &parallelisms)
    }

    pub(crate) fn vertex_details(&self, vertex: usize, settings: &Settings, now: i64) -> JobVertexDetails {
        let (known, run) = (&self.graph.vertices[vertex], &self.vertices[vertex]);
        let subtasks = run.tasks.iter().enumerate().map(|(subtask, task)| {
            let manager = task.slot.and_then(|slot| settings.task_managers.get(slot.task_manager));
            SubtaskInfo {
                subtask: subtask as u32,
                status: task.state,
                attempt: task.attempt,
                endpoint: Some(
                    manager.map_or_else(|| "(unassigned)".into(), |manager| manager.endpoint.clone()),
                ),
                start_time: task.began(),
                end_time: task.ended(),
                duration: task.began().map(|began| millis(began, task.ended().unwrap_or(now))),
                status_durations: task.durations(now),
                metrics: task.metrics(),
                task_manager_id: manager.map(|manager| manager.id.clone()),
            }
        });
        JobVertexDetails {
            id: known.id,
            name: known.name.clone(),
            parallelism: run.tasks.len() as u32,
            max_parallelism: Some(run.max_parallelism),
            now,
            subtasks: subtasks.collect(),
        }
    }

    /// Of each task of a vertex by itself.
    pub(crate) fn task_accumulators(&self, vertex: usize) -> Vec<Vec<AccumulatorEntry>> {
        self.vertices[vertex].tasks.iter().map(|task| accumulators::merge(&[task.accumulators()])).collect()
    }

    /// When each task of a vertex entered which state.
    pub(crate) fn task_times(&self, vertex: usize) -> Vec<BTreeMap<ExecutionState, i64>> {
        self.vertices[vertex].tasks.iter().map(|task| task.times.clone()).collect()
    }

    /// Of all tasks, merged; of one vertex's only, if that is asked for.
    pub(crate) fn accumulators(&self, vertex: Option<usize>) -> Vec<AccumulatorEntry> {
        let tasks: Vec<BTreeMap<String, AccumulatorState>> = self
            .vertices
            .iter()
            .enumerate()
            .filter(|(index, _)| vertex.is_none_or(|vertex| vertex == *index))
            .flat_map(|(_, run)| run.tasks.iter().map(Task::accumulators))
            .collect();
        accumulators::merge(&tasks)
    }

    /// Flink 2 tells more of it than Flink 1.
    pub(crate) fn result(&self, flink_2: bool) -> JobResult {
        let ended = self.ended_at().unwrap_or_default();
        JobResult {
            job_id: self.id,
            application_status: match self.status {
                JobStatus::Finished => ApplicationStatus::Succeeded,
                JobStatus::Failed => ApplicationStatus::Failed,
                JobStatus::Canceled => ApplicationStatus::Canceled,
                _ => ApplicationStatus::Unknown,
            },
            net_runtime: millis(self.started_at(), ended),
            accumulators: accumulators::results(self.accumulators(None)),
            failure_cause: self
                .failure
                .as_ref()
                .filter(|_| self.status == JobStatus::Failed)
                .map(|failure| FailureCause::read(failure.class(), &failure.stack_trace())),
            job_name: flink_2.then(|| self.graph.name.clone()),
            application_id: flink_2.then_some(self.application),
            start_time: flink_2.then(|| self.started_at()),
            end_time: flink_2.then_some(ended),
        }
    }

    pub(crate) fn exceptions(&self, settings: &Settings, most: usize) -> ExceptionHistory {
        ExceptionHistory {
            entries: self.exceptions.iter().take(most).map(|failure| entry(failure, settings)).collect(),
            truncated: self.exceptions_dropped || self.exceptions.len() > most,
        }
    }

    pub(crate) fn checkpoint_config(&self) -> CheckpointConfig {
        let checkpointing = self.graph.checkpointing;
        let storage = &self.graph.checkpoint_storage;
        let external = storage.directory.is_some();
        CheckpointConfig {
            mode: if checkpointing.is_some() { "exactly_once" } else { "at_least_once" }.into(),
            interval: checkpointing.map(|checkpointing| checkpointing.interval),
            timeout: checkpointing.map_or(Duration::from_secs(600), |checkpointing| checkpointing.timeout),
            min_pause: checkpointing.map_or(Duration::ZERO, |checkpointing| checkpointing.minimum_pause),
            max_concurrent: 1,
            externalization: ExternalizedCheckpoints {
                enabled: storage.retention != Retention::Never,
                delete_on_cancellation: !storage.retention.keeps(JobStatus::Canceled),
            },
            state_backend: Some("HashMapStateBackend".into()),
            checkpoint_storage: Some(
                if external { "FileSystemCheckpointStorage" } else { "JobManagerCheckpointStorage" }.into(),
            ),
            unaligned_checkpoints: false,
            aligned_checkpoint_timeout: Duration::ZERO,
            tolerable_failed_checkpoints: checkpointing
                .map_or(0, |checkpointing| i64::from(checkpointing.tolerable_failures)),
            checkpoints_after_tasks_finish: true,
        }
    }

    pub(crate) fn config(&self, settings: &Settings) -> JobConfigInfo {
        let restart_strategy = match self.graph.restart_strategy {
            _ if !self.graph.restart_strategy_chosen => "Cluster level default restart strategy".into(),
            RestartStrategy::None => "Restart deactivated".into(),
            RestartStrategy::FixedDelay { attempts, delay } => {
                format!("Restart with fixed delay ({} ms). #{attempts} restart attempts.", delay.as_millis())
            }
        };
        JobConfigInfo {
            job_id: self.id,
            name: self.graph.name.clone(),
            execution_config: self.has_vertices().then(|| ExecutionConfigInfo {
                restart_strategy,
                job_parallelism: Some(self.graph.parallelism),
                object_reuse: false,
                user_config: BTreeMap::new(),
                execution_mode: (!settings.is_flink_2()).then(|| "PIPELINED".into()),
            }),
        }
    }

    pub(crate) fn requirements(&self) -> JobResourceRequirements {
        let bounds =
            self.graph.vertices.iter().zip(&self.vertices).map(|(vertex, run)| (vertex.id, run.bounds));
        JobResourceRequirements { vertices: bounds.collect() }
    }
}

fn entry(failure: &Failure, settings: &Settings) -> ExceptionEntry {
    let manager = failure.task.as_ref().and_then(|(_, manager)| settings.task_managers.get(*manager));
    ExceptionEntry {
        exception_name: failure.exception.class().to_owned(),
        stack_trace: failure.exception.stack_trace(),
        timestamp: failure.at,
        task_name: failure.task.as_ref().map(|(name, _)| name.clone()),
        endpoint: manager.map(|manager| manager.endpoint.clone()),
        task_manager_id: manager.map(|manager| manager.id.clone()),
        failure_labels: BTreeMap::new(),
        job_id: None,
        concurrent_exceptions: failure.concurrent.iter().map(|failure| entry(failure, settings)).collect(),
    }
}

/// Vertices are drawn as a line, in the order in which the program added them.
pub(crate) fn plan(graph: &crate::mini::graph::JobGraph, parallelisms: &[u32]) -> JobPlan {
    let nodes = graph.vertices.iter().zip(parallelisms).enumerate().map(|(index, (vertex, &parallelism))| {
        let before = index.checked_sub(1).map(|before| (&graph.vertices[before], parallelisms[before]));
        let inputs = before.map(|(input, width)| JobPlanInput {
            num: 0,
            id: input.id,
            ship_strategy: Some(if width == parallelism { "FORWARD" } else { "REBALANCE" }.into()),
            exchange: Some(if graph.batch { "blocking" } else { "pipelined_bounded" }.into()),
            local_strategy: None,
            caching: None,
        });
        JobPlanNode {
            id: vertex.id,
            description: format!("{}<br/>", vertex.name.replace('&', "&amp;").replace('<', "&lt;")),
            parallelism,
            operator_strategy: String::new(),
            inputs: inputs.into_iter().collect(),
        }
    });
    JobPlan {
        job_id: Some(graph.job_id),
        name: graph.name.clone(),
        job_type: if graph.batch { "BATCH" } else { "STREAMING" }.into(),
        nodes: nodes.collect(),
    }
}

impl Settings {
    pub(crate) fn is_flink_2(&self) -> bool {
        self.flink_version.major >= 2
    }

    pub(crate) fn scheduler(&self) -> &'static str {
        if self.adaptive { "Adaptive" } else { "Default" }
    }
}
