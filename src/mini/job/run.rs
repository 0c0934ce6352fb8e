//! How a job runs: slots, deployment, ends of tasks, failures, restarts, cancelling.

use std::sync::Arc;

use super::checkpoint::{self, TaskRef};
use super::ended::end;
use super::periodic;
use super::{Aftermath, Failure, Job, Task};
use crate::details::ExecutionState;
use crate::ids::JobId;
use crate::job::JobStatus;
use crate::mini::Answer;
use crate::mini::core::{Effects, State};
use crate::mini::exception::{JavaException, TaskResult};
use crate::mini::program::RestartStrategy;
use crate::mini::task::{Control, Deployed, TaskSnapshot, run as run_task};
use crate::mini::wording;
use crate::pending::Promise;

/// Makes the tasks anew and asks for their slots.
pub(super) fn schedule(state: &mut State, effects: &mut Effects, id: JobId) {
    let adaptive = state.settings.adaptive;
    let Some(job) = state.jobs.get_mut(&id) else { return };
    let attempt = u32::try_from(job.epoch).unwrap_or(u32::MAX);
    job.epoch += 1;
    let epoch = job.epoch;
    for vertex in &mut job.vertices {
        let parallelism = vertex.tasks.len();
        vertex.tasks = (0..parallelism).map(|_| Task::new(attempt, effects.now)).collect();
    }
    // The adaptive scheduler has no tasks before it has slots.
    if !adaptive {
        job.enter(JobStatus::Running, effects);
        job.tasks_mut().for_each(|task| task.enter(ExecutionState::Scheduled, effects.now));
    }
    if job.slots.is_empty() {
        state.waiting.push_back(id);
        let limit = state.settings.slot_request_timeout;
        effects.after(limit, move |state, effects| slots_timed_out(state, effects, id, epoch));
        allocate(state, effects);
    } else {
        deploy(state, effects, id);
    }
}

/// Gives free slots to the jobs that wait for them: to the first that they suffice for.
pub(crate) fn allocate(state: &mut State, effects: &mut Effects) {
    let waiting: Vec<_> = state.waiting.iter().copied().collect();
    for id in waiting {
        let Some(job) = state.jobs.get_mut(&id) else { continue };
        let most =
            |bound: fn(&super::VertexRun) -> u32| job.vertices.iter().map(bound).max().unwrap_or(0) as usize;
        let wanted = if state.settings.adaptive {
            let (least, most) = (most(|v| v.bounds.lower_bound), most(|v| v.bounds.upper_bound));
            let free = state.slots.free();
            if free < least { continue } else { most.min(free) }
        } else {
            most(|vertex| vertex.tasks.len() as u32)
        };
        let Some(slots) = state.slots.allocate(id, wanted) else { continue };
        job.slots = slots;
        state.waiting.retain(|waiting| *waiting != id);
        if state.settings.adaptive {
            let attempt = u32::try_from(job.epoch - 1).unwrap_or(u32::MAX);
            for vertex in &mut job.vertices {
                let parallelism = (vertex.bounds.upper_bound as usize).min(wanted);
                vertex.tasks = (0..parallelism).map(|_| Task::new(attempt, effects.now)).collect();
            }
            job.enter(JobStatus::Running, effects);
            job.tasks_mut().for_each(|task| task.enter(ExecutionState::Scheduled, effects.now));
        }
        deploy(state, effects, id);
    }
}

fn slots_timed_out(state: &mut State, effects: &mut Effects, id: JobId, epoch: u64) {
    let waits = state.waiting.contains(&id);
    if waits && state.jobs.get(&id).is_some_and(|job| job.epoch == epoch) {
        state.waiting.retain(|waiting| *waiting != id);
        fail(state, effects, id, wording::no_resources(), None);
    }
}

fn deploy(state: &mut State, effects: &mut Effects, id: JobId) {
    let Some(job) = state.jobs.get_mut(&id) else { return };
    if job.epoch > 1 {
        job.checkpoints.started_again(effects.now);
    }
    let parallelisms: Vec<_> = job.vertices.iter().map(|vertex| vertex.tasks.len() as u32).collect();
    for (vertex, &parallelism) in parallelisms.iter().enumerate() {
        let mut restored =
            job.checkpoints.restore(&job.graph, vertex, parallelism, job.vertices[vertex].max_parallelism);
        let max_parallelism = job.vertices[vertex].max_parallelism;
        for subtask in 0..parallelism {
            let control = Arc::new(Control::default());
            let task = &mut job.vertices[vertex].tasks[subtask as usize];
            task.enter(ExecutionState::Deploying, effects.now);
            task.slot = job.slots.get(subtask as usize).copied();
            task.control = Some(Arc::clone(&control));
            let deployed = Deployed {
                job_id: id,
                graph: Arc::clone(&job.graph),
                vertex,
                subtask,
                parallelism,
                max_parallelism,
                attempt: task.attempt,
                epoch: job.epoch,
                restored: restored.get_mut(subtask as usize).map(std::mem::take),
                control,
            };
            let reference = TaskRef { job_id: id, epoch: job.epoch, vertex, subtask };
            effects.then(move |core| {
                let ours = Arc::clone(core);
                if let Err(error) = core.tasks.run(move || run_task(&ours, deployed)) {
                    let failure = wording::no_thread(&error);
                    core.act(|state, effects| task_ended(state, effects, reference, Err(failure)));
                }
            });
        }
    }
}

impl State {
    /// The task, if it is still of the present run of its job.
    pub(super) fn task(&mut self, of: TaskRef) -> Option<&mut Task> {
        let job = self.jobs.get_mut(&of.job_id).filter(|job| job.epoch == of.epoch)?;
        job.vertices.get_mut(of.vertex)?.tasks.get_mut(of.subtask as usize)
    }
}

pub(crate) fn task_running(state: &mut State, effects: &mut Effects, of: TaskRef) {
    let Some(task) = state.task(of) else { return };
    if task.state != ExecutionState::Deploying {
        return;
    }
    task.enter(ExecutionState::Initializing, effects.now);
    task.enter(ExecutionState::Running, effects.now);
    periodic::task_runs(state, effects, of.job_id);
}

pub(crate) fn task_ended(
    state: &mut State,
    effects: &mut Effects,
    of: TaskRef,
    ended: TaskResult<TaskResult<TaskSnapshot>>,
) {
    let Some(task) = state.task(of) else { return };
    if task.has_ended() {
        return;
    }
    if let Some(control) = &task.control {
        task.accumulators = control.accumulator_states();
        task.records = control.records.load(std::sync::atomic::Ordering::Relaxed);
    }
    let cancelled = task.state == ExecutionState::Canceling;
    match ended {
        _ if cancelled => task.enter(ExecutionState::Canceled, effects.now),
        Ok(last) => {
            task.last = Some(last);
            task.enter(ExecutionState::Finished, effects.now);
            checkpoint::task_finished(state, effects, of);
        }
        Err(exception) => {
            task.enter(ExecutionState::Failed, effects.now);
            fail(state, effects, of.job_id, exception, Some((of.vertex, of.subtask as usize)));
            return;
        }
    }
    settle(state, effects, of.job_id);
}

/// Does what is to be done once all tasks have ended.
pub(crate) fn settle(state: &mut State, effects: &mut Effects, id: JobId) {
    let Some(job) = state.jobs.get_mut(&id) else { return };
    if job.status.is_terminal() || !job.all_ended() {
        return;
    }
    match job.aftermath {
        Aftermath::Nothing => {
            if job.status == JobStatus::Running {
                end(state, effects, id, JobStatus::Finished);
            }
        }
        Aftermath::Cancel => end(state, effects, id, JobStatus::Canceled),
        Aftermath::Fail => end(state, effects, id, JobStatus::Failed),
        Aftermath::Restart { due: true } => {
            job.aftermath = Aftermath::Nothing;
            if state.settings.adaptive {
                job.slots.clear();
                job.enter(JobStatus::Created, effects);
                state.slots.release(id);
            }
            schedule(state, effects, id);
        }
        Aftermath::Restart { due: false } => {}
    }
}

/// Something of the job failed: it is restarted, or has failed.
pub(crate) fn fail(
    state: &mut State,
    effects: &mut Effects,
    id: JobId,
    cause: JavaException,
    task: Option<(usize, usize)>,
) {
    let Some(job) = state.jobs.get_mut(&id) else { return };
    if job.status.is_terminal() {
        return;
    }
    let failure = describe(job, cause.clone(), task, effects.now);
    if matches!(job.status, JobStatus::Cancelling | JobStatus::Failing | JobStatus::Restarting) {
        // It is on its way already; this came with what sent it there.
        match job.exceptions.front_mut() {
            Some(first) if job.status != JobStatus::Cancelling => first.concurrent.push(failure),
            _ => {}
        }
        settle(state, effects, id);
        return;
    }
    checkpoint::abort_all(state, effects, id, task, &cause);
    checkpoint::stop_broken(state, effects, id, &cause);
    let Some(job) = state.jobs.get_mut(&id) else { return };
    state.waiting.retain(|waiting| *waiting != id);
    match job.graph.restart_strategy {
        RestartStrategy::FixedDelay { attempts, delay }
            if job.restarts < attempts && job.status == JobStatus::Running =>
        {
            job.remember(failure);
            job.restarts += 1;
            job.enter(JobStatus::Restarting, effects);
            job.aftermath = Aftermath::Restart { due: false };
            let epoch = job.epoch;
            effects.after(delay, move |state, effects| restart_due(state, effects, id, epoch));
        }
        strategy => {
            let suppressed = wording::recovery_suppressed(strategy, cause);
            let mut whole = describe(job, suppressed.clone(), None, effects.now);
            if task.is_some() {
                whole.concurrent.push(failure);
            }
            job.remember(whole);
            job.failure = Some(suppressed);
            job.enter(JobStatus::Failing, effects);
            job.aftermath = Aftermath::Fail;
        }
    }
    cancel_tasks(job, effects);
    settle(state, effects, id);
}

fn describe(job: &Job, exception: JavaException, task: Option<(usize, usize)>, at: i64) -> Failure {
    let task = task.map(|(vertex, subtask)| {
        let run = &job.vertices[vertex].tasks[subtask];
        let name = format!("{} - execution #{}", job.task_name(vertex, subtask), run.attempt);
        (name, run.slot.map_or(0, |slot| slot.task_manager))
    });
    Failure { exception, at, task, concurrent: Vec::new() }
}

fn restart_due(state: &mut State, effects: &mut Effects, id: JobId, epoch: u64) {
    let Some(job) = state.jobs.get_mut(&id).filter(|job| job.epoch == epoch) else { return };
    if let Aftermath::Restart { due } = &mut job.aftermath {
        *due = true;
        settle(state, effects, id);
    }
}

/// Restarts the job at once, with the parallelism that its requirements now allow.
pub(crate) fn rescale(state: &mut State, effects: &mut Effects, id: JobId) {
    let Some(job) = state.jobs.get_mut(&id) else { return };
    if job.status != JobStatus::Running {
        return;
    }
    job.enter(JobStatus::Restarting, effects);
    job.aftermath = Aftermath::Restart { due: true };
    checkpoint::abort_all(state, effects, id, None, &wording::coordinator_suspending());
    let Some(job) = state.jobs.get_mut(&id) else { return };
    cancel_tasks(job, effects);
    settle(state, effects, id);
}

fn cancel_tasks(job: &mut Job, effects: &mut Effects) {
    for task in job.tasks_mut() {
        match task.state {
            ExecutionState::Created | ExecutionState::Scheduled => {
                task.enter(ExecutionState::Canceled, effects.now);
            }
            ExecutionState::Deploying | ExecutionState::Initializing | ExecutionState::Running => {
                task.enter(ExecutionState::Canceling, effects.now);
                if let Some(control) = &task.control {
                    control.cancel();
                }
            }
            _ => {}
        }
    }
}

/// Cancels the job. While it initialises, the answer comes when it has.
pub(crate) fn cancel(state: &mut State, effects: &mut Effects, id: JobId, promise: Promise<Answer<()>>) {
    let Some(job) = state.jobs.get_mut(&id) else {
        promise.complete(Ok(Err(wording::job_not_found(id))));
        return;
    };
    match job.status {
        JobStatus::Finished | JobStatus::Failed => {
            let refused = wording::already_ended(job.status);
            promise.complete(Ok(Err(refused)));
            return;
        }
        JobStatus::Canceled | JobStatus::Suspended => {
            promise.complete(Ok(Ok(())));
            return;
        }
        _ => {}
    }
    if job.initialized {
        promise.complete(Ok(Ok(())));
    } else {
        job.cancel_waiters.push(promise);
    }
    cancel_job(state, effects, id);
}

/// Cancels the job unless it is ending already.
pub(crate) fn cancel_job(state: &mut State, effects: &mut Effects, id: JobId) {
    let Some(job) = state.jobs.get_mut(&id) else { return };
    // One that fails is let fail: there is nothing left to cancel.
    if job.status.is_terminal() || matches!(job.status, JobStatus::Cancelling | JobStatus::Failing) {
        return;
    }
    job.enter(JobStatus::Cancelling, effects);
    if !job.initialized {
        return;
    }
    state.waiting.retain(|waiting| *waiting != id);
    checkpoint::abort_for_cancel(state, effects, id);
    let Some(job) = state.jobs.get_mut(&id) else { return };
    job.aftermath = Aftermath::Cancel;
    cancel_tasks(job, effects);
    settle(state, effects, id);
}

/// The cluster gives the job up: it closes.
pub(crate) fn suspend(state: &mut State, effects: &mut Effects, id: JobId) {
    let Some(job) = state.jobs.get_mut(&id) else { return };
    if job.status.is_terminal() {
        return;
    }
    job.enter(JobStatus::Suspended, effects);
    cancel_tasks(job, effects);
    state.waiting.retain(|waiting| *waiting != id);
}
