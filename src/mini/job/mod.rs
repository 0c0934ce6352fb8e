//! One job: what it is, what state it is in, and how that may change.

pub(crate) mod checkpoint;
mod ended;
mod periodic;
pub(crate) mod run;
mod statistics;
pub(crate) mod submit;
pub(crate) mod views;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};

pub(crate) use self::checkpoint::Checkpoints;
pub(crate) use self::ended::forget;
use super::core::Effects;
use super::exception::{JavaException, TaskResult};
use super::graph::JobGraph;
use super::slots::SlotId;
use super::task::{AccumulatorState, Control, TaskSnapshot};
use super::{Answer, JobStatusChange};
use crate::details::{ExecutionState, ParallelismBounds};
use crate::ids::{ApplicationId, JobId};
use crate::job::JobStatus;
use crate::job_result::JobResult;
use crate::pending::Promise;
use crate::pending::operation::Operating;

pub(crate) struct Job {
    pub(crate) id: JobId,
    /// In the order of submission.
    pub(crate) number: u64,
    pub(crate) graph: Arc<JobGraph>,
    pub(crate) application: ApplicationId,
    pub(crate) status: JobStatus,
    pub(crate) timestamps: BTreeMap<JobStatus, i64>,
    pub(crate) vertices: Vec<VertexRun>,
    /// How often the tasks were started: what tasks of an earlier run report is not heard.
    pub(crate) epoch: u64,
    /// How many of the strategy's attempts are used up.
    pub(crate) restarts: u32,
    pub(crate) slots: Vec<SlotId>,
    pub(crate) aftermath: Aftermath,
    /// Why it failed, once that is decided.
    pub(crate) failure: Option<JavaException>,
    pub(crate) exceptions: VecDeque<Failure>,
    pub(crate) exceptions_dropped: bool,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) stop: Option<checkpoint::Stop>,
    pub(crate) initialized: bool,
    pub(crate) result_waiters: Vec<Promise<Answer<JobResult>>>,
    pub(crate) initialization_waiters: Vec<submit::Waiter>,
    pub(crate) cancel_waiters: Vec<Promise<Answer<()>>>,
    /// Clients' operations that are told each state.
    watchers: Vec<Weak<Operating>>,
}

/// One vertex as it runs now.
pub(crate) struct VertexRun {
    pub(crate) max_parallelism: u32,
    pub(crate) bounds: ParallelismBounds,
    pub(crate) tasks: Vec<Task>,
}

pub(crate) struct Task {
    pub(crate) state: ExecutionState,
    pub(crate) attempt: u32,
    pub(crate) times: BTreeMap<ExecutionState, i64>,
    pub(crate) slot: Option<SlotId>,
    pub(crate) control: Option<Arc<Control>>,
    /// The snapshot with which it ended.
    pub(crate) last: Option<TaskResult<TaskSnapshot>>,
    pub(crate) accumulators: BTreeMap<String, AccumulatorState>,
    pub(crate) records: u64,
}

/// What is done when all tasks have ended that are being cancelled now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aftermath {
    Nothing,
    Cancel,
    Fail,
    /// `due`: the delay has passed.
    Restart {
        due: bool,
    },
}

/// One entry of the exception history.
pub(crate) struct Failure {
    pub(crate) exception: JavaException,
    pub(crate) at: i64,
    /// The name of the task with its attempt, and its TaskManager.
    pub(crate) task: Option<(String, usize)>,
    pub(crate) concurrent: Vec<Self>,
}

/// `web.exception-history-size`.
const HISTORY: usize = 16;

impl Job {
    pub(crate) fn new(graph: JobGraph, number: u64, application: ApplicationId, now: i64) -> Self {
        let vertices = graph
            .vertices
            .iter()
            .map(|vertex| VertexRun {
                max_parallelism: vertex.max_parallelism,
                bounds: ParallelismBounds { lower_bound: 1, upper_bound: vertex.parallelism },
                tasks: (0..vertex.parallelism).map(|_| Task::new(0, now)).collect(),
            })
            .collect();
        Self {
            id: graph.job_id,
            number,
            application,
            status: JobStatus::Initializing,
            timestamps: BTreeMap::from([(JobStatus::Initializing, now)]),
            vertices,
            epoch: 0,
            restarts: 0,
            slots: Vec::new(),
            aftermath: Aftermath::Nothing,
            failure: None,
            exceptions: VecDeque::new(),
            exceptions_dropped: false,
            checkpoints: Checkpoints::default(),
            stop: None,
            initialized: false,
            result_waiters: Vec::new(),
            initialization_waiters: Vec::new(),
            cancel_waiters: Vec::new(),
            watchers: Vec::new(),
            graph: Arc::new(graph),
        }
    }

    /// Moves the job to another state.
    pub(crate) fn enter(&mut self, status: JobStatus, effects: &mut Effects) {
        debug_assert!(may_follow(self.status, status), "{} -> {status}", self.status);
        effects.changes.push(JobStatusChange { job_id: self.id, from: self.status, to: status });
        self.status = status;
        self.timestamps.insert(status, effects.now);
        self.watchers.retain(|watcher| watcher.upgrade().map(|watcher| watcher.saw(status)).is_some());
    }

    /// Tells an operation the job's state, now and whenever it changes.
    pub(crate) fn tell(&mut self, watcher: &Arc<Operating>) {
        watcher.saw(self.status);
        self.watchers.retain(|watcher| watcher.strong_count() > 0);
        self.watchers.push(Arc::downgrade(watcher));
    }

    pub(crate) fn started_at(&self) -> i64 {
        self.timestamps.get(&JobStatus::Initializing).copied().unwrap_or_default()
    }

    pub(crate) fn ended_at(&self) -> Option<i64> {
        self.status.is_terminal().then(|| self.timestamps.get(&self.status).copied()).flatten()
    }

    pub(crate) fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.vertices.iter().flat_map(|vertex| &vertex.tasks)
    }

    pub(crate) fn tasks_mut(&mut self) -> impl Iterator<Item = &mut Task> {
        self.vertices.iter_mut().flat_map(|vertex| &mut vertex.tasks)
    }

    pub(crate) fn all_ended(&self) -> bool {
        self.tasks().all(Task::has_ended)
    }

    /// The task's name with its number and how many there are.
    pub(crate) fn task_name(&self, vertex: usize, subtask: usize) -> String {
        let parallelism = self.vertices.get(vertex).map_or(0, |vertex| vertex.tasks.len());
        let name = self.graph.vertices.get(vertex).map_or("", |vertex| &vertex.name);
        super::wording::task_name(name, subtask as u32, parallelism as u32)
    }

    pub(crate) fn remember(&mut self, failure: Failure) {
        self.exceptions.push_front(failure);
        if self.exceptions.len() > HISTORY {
            self.exceptions.pop_back();
            self.exceptions_dropped = true;
        }
    }
}

impl Task {
    pub(crate) fn new(attempt: u32, now: i64) -> Self {
        Self {
            state: ExecutionState::Created,
            attempt,
            times: BTreeMap::from([(ExecutionState::Created, now)]),
            slot: None,
            control: None,
            last: None,
            accumulators: BTreeMap::new(),
            records: 0,
        }
    }

    pub(crate) fn enter(&mut self, state: ExecutionState, now: i64) {
        self.state = state;
        self.times.insert(state, now);
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.state, ExecutionState::Finished | ExecutionState::Canceled | ExecutionState::Failed)
    }

    /// Its accumulators now, or at its end.
    pub(crate) fn accumulators(&self) -> BTreeMap<String, AccumulatorState> {
        match &self.control {
            Some(control) if !self.has_ended() => control.accumulator_states(),
            _ => self.accumulators.clone(),
        }
    }
}

/// Flink's transitions, and none besides.
pub(crate) fn may_follow(from: JobStatus, to: JobStatus) -> bool {
    use JobStatus as Status;
    match from {
        Status::Initializing => {
            matches!(to, Status::Created | Status::Cancelling | Status::Failed | Status::Suspended)
        }
        Status::Created => {
            matches!(to, Status::Running | Status::Cancelling | Status::Failing | Status::Suspended)
        }
        Status::Running => matches!(
            to,
            Status::Failing | Status::Cancelling | Status::Finished | Status::Restarting | Status::Suspended
        ),
        Status::Restarting => {
            matches!(
                to,
                Status::Running | Status::Created | Status::Cancelling | Status::Failing | Status::Suspended
            )
        }
        Status::Failing => matches!(to, Status::Failed | Status::Suspended),
        Status::Cancelling => matches!(to, Status::Canceled | Status::Suspended),
        Status::Reconciling => matches!(to, Status::Created | Status::Running | Status::Suspended),
        Status::Failed | Status::Canceled | Status::Finished | Status::Suspended => false,
    }
}
