//! Checkpoints and savepoints of a job: triggered, gathered from its tasks, written, completed or given up.
//!
//! `Locating` (a directory is made) `-> Gathering` (barriers are out, tasks hand in their snapshots) `-> Writing` `->`
//! gone. Each has a place in [`Checkpoints::pending`] until it is completed or given up; whoever finds it gone lets it
//! be. A task that ends meanwhile hands in its last snapshot, so a barrier that it did not see is not lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::periodic::{self, Schedule};
use super::run::{cancel_job, fail};
use super::statistics::Statistics;
use crate::details::ExecutionState;
use crate::ids::{JobId, TriggerId};
use crate::job::JobStatus;
use crate::mini::core::{Effects, State};
use crate::mini::exception::JavaException;
use crate::mini::graph::JobGraph;
use crate::mini::savepoint_store::{self, OperatorSnapshot, Snapshot};
use crate::mini::task::{Barrier, BarrierKind, TaskSnapshot, redistribute};
use crate::mini::wording;
use crate::savepoint::SavepointFormatType;

/// A task of one run of a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskRef {
    pub(crate) job_id: JobId,
    pub(crate) epoch: u64,
    pub(crate) vertex: usize,
    pub(crate) subtask: u32,
}

#[derive(Default)]
pub(crate) struct Checkpoints {
    last: u64,
    pending: BTreeMap<u64, Pending>,
    /// What a restart starts from. Savepoints are not among these, but the one that the job was started from is.
    latest: Option<Completed>,
    failed_in_a_row: u32,
    /// When the last one ended, since 1970.
    pub(super) ended_at: Duration,
    pub(super) schedule: Schedule,
    pub(crate) statistics: Statistics,
}

struct Completed {
    snapshot: Arc<Snapshot>,
    path: Option<String>,
    /// Whether its files are the job's to remove.
    owned: bool,
}

/// What a job is started from.
pub(crate) struct Restored {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) path: String,
    pub(crate) claimed: bool,
    pub(crate) max_parallelisms: BTreeMap<usize, u32>,
}

struct Pending {
    purpose: Purpose,
    phase: Phase,
    location: Option<PathBuf>,
    snapshots: BTreeMap<(usize, u32), TaskSnapshot>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Locating,
    Gathering,
    Writing,
}

/// Why a checkpoint is taken, and under which id the outcome is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Periodic,
    Asked(TriggerId),
    Savepoint { trigger: TriggerId, format: SavepointFormatType, cancel: bool },
    Stop { trigger: TriggerId, format: SavepointFormatType, drain: bool },
}

impl Purpose {
    pub(crate) fn format(self) -> Option<SavepointFormatType> {
        match self {
            Self::Periodic | Self::Asked(_) => None,
            Self::Savepoint { format, .. } | Self::Stop { format, .. } => Some(format),
        }
    }
}

/// A stop that is under way.
#[derive(Debug)]
pub(crate) struct Stop {
    trigger: TriggerId,
    checkpoint: u64,
    /// Where its savepoint is, when that is made and the tasks are ending.
    path: Option<String>,
}

/// Without a setting of the job: `execution.checkpointing.timeout`.
const TIMEOUT: Duration = Duration::from_secs(600);

impl Checkpoints {
    pub(super) fn start_from(&mut self, restored: Restored, now: i64) {
        self.last = restored.snapshot.checkpoint;
        self.statistics.restored(&restored.snapshot, Some(&restored.path), now);
        self.latest = Some(Completed {
            snapshot: restored.snapshot,
            path: Some(restored.path),
            owned: restored.claimed,
        });
    }

    /// The tasks are started again, from the newest checkpoint if there is one.
    pub(super) fn started_again(&mut self, now: i64) {
        if let Some(latest) = &self.latest {
            self.statistics.restored(&latest.snapshot, latest.path.as_deref(), now);
        }
    }

    /// What the tasks of a vertex start from: nothing, if there is nothing.
    pub(super) fn restore(
        &self,
        graph: &JobGraph,
        vertex: usize,
        parallelism: u32,
        max_parallelism: u32,
    ) -> Vec<TaskSnapshot> {
        let mut tasks = vec![TaskSnapshot::new(); parallelism as usize];
        let Some(latest) = &self.latest else { return tasks };
        for operator in &graph.vertices[vertex].operators {
            let Some(known) = latest.snapshot.operators.get(&operator.uid) else { continue };
            let before: Vec<_> = known
                .tasks
                .iter()
                .map(|states| TaskSnapshot::from([(operator.uid.clone(), states.clone())]))
                .collect();
            for (task, more) in tasks.iter_mut().zip(redistribute(&before, parallelism, max_parallelism)) {
                task.extend(more.into_iter().filter(|(_, states)| !states.is_empty()));
            }
        }
        tasks
    }

    /// The path of the newest checkpoint, if it is to be removed now that the job has ended.
    pub(super) fn give_up(&mut self, retain: bool) -> Option<String> {
        let latest = self.latest.take()?;
        latest.path.filter(|_| latest.owned && !retain)
    }

    /// Whether a checkpoint that is no savepoint is being taken.
    pub(super) fn takes_one(&self) -> bool {
        self.pending.values().any(|pending| pending.purpose.format().is_none())
    }
}

/// Begins a checkpoint or savepoint. Its outcome is found under its purpose's id.
///
/// # Errors
/// Why none can be taken now.
pub(crate) fn trigger(
    state: &mut State,
    effects: &mut Effects,
    id: JobId,
    purpose: Purpose,
    directory: Option<PathBuf>,
) -> Result<(), JavaException> {
    let Some(job) = state.jobs.get_mut(&id).filter(|job| !job.status.is_terminal()) else {
        return Err(wording::job_not_found(id));
    };
    if !job.initialized {
        return Err(wording::initializing());
    }
    if job.graph.batch {
        return Err(wording::not_streaming(id));
    }
    if let (Purpose::Stop { .. }, Some(stop)) = (purpose, &job.stop) {
        let made = stop.path.is_some();
        if !made {
            // Seen in Flink: two stops undo each other, and the job.
            abort_all(state, effects, id, None, &wording::coordinator_suspending());
            fail(state, effects, id, wording::stop_failed(), None);
        }
        return Err(wording::coordinator_shut_down());
    }
    let ready = |task: &super::Task| matches!(task.state, ExecutionState::Running | ExecutionState::Finished);
    for (vertex, run) in job.vertices.iter().enumerate() {
        if let Some(subtask) =
            run.tasks.iter().position(|task| job.status != JobStatus::Running || !ready(task))
        {
            return Err(wording::tasks_not_running(&job.task_name(vertex, subtask), id));
        }
    }
    job.checkpoints.last += 1;
    let checkpoint = job.checkpoints.last;
    let pending = Pending { purpose, phase: Phase::Locating, location: None, snapshots: BTreeMap::new() };
    job.checkpoints.pending.insert(checkpoint, pending);
    let tasks: Vec<_> = job
        .graph
        .vertices
        .iter()
        .zip(&job.vertices)
        .map(|(vertex, run)| (vertex.id, run.tasks.len() as u32))
        .collect();
    job.checkpoints.statistics.begin(checkpoint, purpose, &tasks, effects.now);
    if let Purpose::Stop { trigger, .. } = purpose {
        job.stop = Some(Stop { trigger, checkpoint, path: None });
    }
    let timeout = job.graph.checkpointing.map_or(TIMEOUT, |checkpointing| checkpointing.timeout);
    effects.after(timeout, move |state, effects| {
        abort(state, effects, id, checkpoint, &wording::checkpoint_expired());
    });
    let place = match directory {
        Some(directory) => Some((directory, savepoint_name(id))),
        None => {
            let checkpoints = job.graph.checkpoint_storage.directory.as_ref();
            checkpoints.map(|checkpoints| (checkpoints.join(id.to_string()), format!("chk-{checkpoint}")))
        }
    };
    match place {
        None => gather(state, effects, id, checkpoint),
        Some((directory, name)) => effects.with_files(move |core| {
            let located = savepoint_store::make_location(&directory, &name);
            core.act(|state, effects| match located {
                Ok(location) => {
                    if let Some(pending) = find(state, id, checkpoint) {
                        pending.location = Some(location);
                        gather(state, effects, id, checkpoint);
                    }
                }
                Err(cause) => abort(state, effects, id, checkpoint, &wording::checkpoint_io(cause)),
            });
        }),
    }
    Ok(())
}

fn savepoint_name(id: JobId) -> String {
    let random = TriggerId::random().to_string();
    format!("savepoint-{}-{}", &id.to_string()[..6], &random[..12])
}

fn find(state: &mut State, id: JobId, checkpoint: u64) -> Option<&mut Pending> {
    state.jobs.get_mut(&id)?.checkpoints.pending.get_mut(&checkpoint)
}

/// Sends the barriers.
fn gather(state: &mut State, effects: &mut Effects, id: JobId, checkpoint: u64) {
    let Some(job) = state.jobs.get_mut(&id) else { return };
    let Some(pending) = job.checkpoints.pending.get_mut(&checkpoint) else { return };
    pending.phase = Phase::Gathering;
    let kind = match pending.purpose {
        Purpose::Stop { drain: true, .. } => BarrierKind::Drain,
        Purpose::Stop { .. } => BarrierKind::Stop,
        _ => BarrierKind::Passing,
    };
    let mut finished = Vec::new();
    for (vertex, run) in job.vertices.iter().enumerate() {
        for (subtask, task) in run.tasks.iter().enumerate() {
            if task.state == ExecutionState::Finished {
                finished.push(TaskRef { job_id: id, epoch: job.epoch, vertex, subtask: subtask as u32 });
            } else if let Some(control) = &task.control {
                // One that ends just now does not take it; its end brings its last snapshot.
                control.deliver(Barrier { checkpoint, kind });
            }
        }
    }
    for task in finished {
        hand_in_last(state, effects, task, checkpoint);
    }
}

/// A task hands in its snapshot.
pub(crate) fn acknowledge(
    state: &mut State,
    effects: &mut Effects,
    of: TaskRef,
    checkpoint: u64,
    snapshot: TaskSnapshot,
) {
    let Some(job) = state.jobs.get_mut(&of.job_id).filter(|job| job.epoch == of.epoch) else { return };
    let Some(pending) = job.checkpoints.pending.get_mut(&checkpoint) else { return };
    if pending.phase != Phase::Gathering {
        return;
    }
    let bytes = size(&snapshot);
    if pending.snapshots.insert((of.vertex, of.subtask), snapshot).is_none() {
        let vertex = job.graph.vertices[of.vertex].id;
        job.checkpoints.statistics.acknowledged(checkpoint, vertex, bytes, effects.now);
    }
    let tasks: usize = job.vertices.iter().map(|vertex| vertex.tasks.len()).sum();
    if pending.snapshots.len() < tasks {
        return;
    }
    pending.phase = Phase::Writing;
    let snapshots = std::mem::take(&mut pending.snapshots);
    let location = pending.location.clone();
    let format = pending.purpose.format();
    let parallelisms: Vec<_> =
        job.vertices.iter().map(|v| (v.tasks.len() as u32, v.max_parallelism)).collect();
    let graph = Arc::clone(&job.graph);
    let job_id = of.job_id;
    let whole = move || Arc::new(assemble(&graph, &parallelisms, checkpoint, format, snapshots));
    match location {
        None => {
            let snapshot = whole();
            written(state, effects, job_id, checkpoint, Ok(snapshot), None);
        }
        Some(location) => effects.with_files(move |core| {
            let snapshot = whole();
            let outcome = savepoint_store::write(&location, &snapshot).map(|_| snapshot);
            core.act(|state, effects| {
                written(state, effects, job_id, checkpoint, outcome, Some(&location));
            });
        }),
    }
}

fn size(snapshot: &TaskSnapshot) -> i64 {
    let elements = snapshot.values().flat_map(BTreeMap::values).flat_map(|state| &state.elements);
    elements.map(|element| element.to_string().len() as i64).sum()
}

fn assemble(
    graph: &JobGraph,
    parallelisms: &[(u32, u32)],
    checkpoint: u64,
    format: Option<SavepointFormatType>,
    mut snapshots: BTreeMap<(usize, u32), TaskSnapshot>,
) -> Snapshot {
    let mut operators = BTreeMap::new();
    for (index, (vertex, &(parallelism, max_parallelism))) in
        graph.vertices.iter().zip(parallelisms).enumerate()
    {
        for operator in &vertex.operators {
            let tasks = (0..parallelism)
                .map(|subtask| {
                    let task = snapshots.get_mut(&(index, subtask));
                    task.and_then(|task| task.remove(&operator.uid)).unwrap_or_default()
                })
                .collect();
            operators.insert(operator.uid.clone(), OperatorSnapshot { max_parallelism, tasks });
        }
    }
    Snapshot { checkpoint, job: graph.job_id, savepoint: format, operators }
}

/// A task cannot take its snapshot; it is failing too.
pub(crate) fn decline(
    state: &mut State,
    effects: &mut Effects,
    of: TaskRef,
    checkpoint: u64,
    cause: JavaException,
) {
    let Some(job) = state.jobs.get_mut(&of.job_id).filter(|job| job.epoch == of.epoch) else { return };
    let name = format!("{}#{}", job.task_name(of.vertex, of.subtask as usize), job.epoch.saturating_sub(1));
    let cause = wording::task_failed_checkpoint(&name, Some(cause));
    give_up(state, effects, of.job_id, checkpoint, cause);
}

/// A task has finished: its last snapshot counts for what it has not handed in.
pub(super) fn task_finished(state: &mut State, effects: &mut Effects, of: TaskRef) {
    let Some(job) = state.jobs.get(&of.job_id) else { return };
    let open: Vec<_> = job
        .checkpoints
        .pending
        .iter()
        .filter(|(_, pending)| {
            pending.phase == Phase::Gathering && !pending.snapshots.contains_key(&(of.vertex, of.subtask))
        })
        .map(|(checkpoint, _)| *checkpoint)
        .collect();
    for checkpoint in open {
        hand_in_last(state, effects, of, checkpoint);
    }
}

fn hand_in_last(state: &mut State, effects: &mut Effects, of: TaskRef, checkpoint: u64) {
    match state.task(of).and_then(|task| task.last.clone()) {
        Some(Ok(snapshot)) => acknowledge(state, effects, of, checkpoint, snapshot),
        Some(Err(cause)) => decline(state, effects, of, checkpoint, cause),
        None => {}
    }
}

/// The snapshot is where it belongs, or could not be written.
fn written(
    state: &mut State,
    effects: &mut Effects,
    id: JobId,
    checkpoint: u64,
    outcome: Result<Arc<Snapshot>, JavaException>,
    location: Option<&Path>,
) {
    let path = location.map(savepoint_store::uri);
    let snapshot = match outcome {
        Ok(snapshot) => snapshot,
        Err(cause) => {
            abort(state, effects, id, checkpoint, &wording::checkpoint_not_written(cause));
            return;
        }
    };
    let found = state.jobs.get_mut(&id).and_then(|job| {
        let pending = job.checkpoints.pending.remove(&checkpoint)?;
        Some((job, pending))
    });
    let Some((job, pending)) = found else {
        // Given up meanwhile, so nobody will ever know of it.
        if let Some(path) = path {
            remove(effects, path);
        }
        return;
    };
    job.checkpoints.ended_at = effects.at;
    periodic::one_has_ended(job, effects);
    job.checkpoints.statistics.completed(checkpoint, path.as_deref(), effects.now);
    match pending.purpose {
        Purpose::Periodic | Purpose::Asked(_) => {
            job.checkpoints.failed_in_a_row = 0;
            // Two may be written at the same time, and the older one later.
            let newest =
                job.checkpoints.latest.as_ref().is_none_or(|latest| latest.snapshot.checkpoint < checkpoint);
            let mut subsumed = Some(Completed { snapshot, path, owned: true });
            if newest && !job.status.is_terminal() {
                std::mem::swap(&mut job.checkpoints.latest, &mut subsumed);
            }
            if let Some(old) = subsumed {
                job.checkpoints.statistics.discarded(old.snapshot.checkpoint);
                if let Some(path) = old.path.filter(|_| old.owned) {
                    remove(effects, path);
                }
            }
            if let Purpose::Asked(trigger) = pending.purpose {
                state.operations.checkpoints.end((id, trigger), Ok(checkpoint), effects.now);
            }
        }
        Purpose::Savepoint { trigger, cancel, .. } => {
            state.operations.savepoints.end((id, trigger), Ok(path.unwrap_or_default()), effects.now);
            if cancel {
                cancel_job(state, effects, id);
            }
        }
        Purpose::Stop { trigger, .. } => {
            let path = path.unwrap_or_default();
            if job.status == JobStatus::Finished {
                state.operations.savepoints.end((id, trigger), Ok(path), effects.now);
                return;
            }
            if let Some(stop) = &mut job.stop {
                stop.path = Some(path);
            }
            for control in job.tasks().filter_map(|task| task.control.as_ref()) {
                control.stopped(checkpoint, true);
            }
        }
    }
}

fn remove(effects: &mut Effects, path: String) {
    effects.with_files(move |_| {
        if let Err(error) = savepoint_store::dispose(&path) {
            log::warn!("the mini cluster could not remove {path}: {error}");
        }
    });
}

/// Gives a checkpoint up, and tells who asked for it.
fn give_up(
    state: &mut State,
    effects: &mut Effects,
    id: JobId,
    checkpoint: u64,
    cause: JavaException,
) -> Option<Pending> {
    let job = state.jobs.get_mut(&id)?;
    let pending = job.checkpoints.pending.remove(&checkpoint)?;
    job.checkpoints.ended_at = effects.at;
    periodic::one_has_ended(job, effects);
    job.checkpoints.statistics.failed(checkpoint, &cause, effects.now);
    if job.stop.as_ref().is_some_and(|stop| stop.checkpoint == checkpoint) {
        job.stop = None;
    }
    for control in job.tasks().filter_map(|task| task.control.as_ref()) {
        control.stopped(checkpoint, false);
    }
    let failure = JavaException::completion(cause);
    match pending.purpose {
        Purpose::Periodic => {}
        Purpose::Asked(trigger) => {
            state.operations.checkpoints.end((id, trigger), Err(failure), effects.now);
        }
        Purpose::Savepoint { trigger, .. } | Purpose::Stop { trigger, .. } => {
            state.operations.savepoints.end((id, trigger), Err(failure), effects.now);
        }
    }
    Some(pending)
}

/// Gives a checkpoint up for a reason of its own, with what follows for the job.
fn abort(state: &mut State, effects: &mut Effects, id: JobId, checkpoint: u64, cause: &JavaException) {
    let Some(pending) = give_up(state, effects, id, checkpoint, cause.clone()) else { return };
    let Some(job) = state.jobs.get_mut(&id) else { return };
    match pending.purpose {
        Purpose::Periodic => {
            job.checkpoints.failed_in_a_row += 1;
            let tolerated =
                job.graph.checkpointing.map_or(u32::MAX, |checkpointing| checkpointing.tolerable_failures);
            if job.checkpoints.failed_in_a_row > tolerated {
                fail(state, effects, id, wording::too_many_failed_checkpoints(cause), None);
            }
        }
        // The tasks may have ended their input already, which cannot be taken back.
        Purpose::Stop { drain: true, .. } if pending.phase != Phase::Locating => {
            fail(state, effects, id, wording::stop_failed(), None);
        }
        _ => {}
    }
}

/// The job is failing, or its cluster gives it up: no checkpoint of this run can be completed.
pub(super) fn abort_all(
    state: &mut State,
    effects: &mut Effects,
    id: JobId,
    task: Option<(usize, usize)>,
    cause: &JavaException,
) {
    let Some(job) = state.jobs.get(&id) else { return };
    let reason = match task {
        Some((vertex, subtask)) => {
            let name = format!("{}#{}", job.task_name(vertex, subtask), job.epoch.saturating_sub(1));
            wording::task_failed_checkpoint(&name, Some(cause.clone()))
        }
        None => wording::coordinator_suspending(),
    };
    give_up_all(state, effects, id, &reason, false);
}

/// The job is being cancelled: its tasks decline.
pub(super) fn abort_for_cancel(state: &mut State, effects: &mut Effects, id: JobId) {
    stop_broken(state, effects, id, &wording::task_cancelled());
    let Some(job) = state.jobs.get(&id) else { return };
    let name = format!("{}#{}", job.task_name(0, 0), job.epoch.saturating_sub(1));
    give_up_all(state, effects, id, &wording::task_failed_checkpoint(&name, None), false);
}

fn give_up_all(
    state: &mut State,
    effects: &mut Effects,
    id: JobId,
    reason: &JavaException,
    spare_writing: bool,
) {
    let Some(job) = state.jobs.get(&id) else { return };
    let given_up: Vec<_> = job
        .checkpoints
        .pending
        .iter()
        .filter(|(_, pending)| !spare_writing || pending.phase != Phase::Writing)
        .map(|(checkpoint, _)| *checkpoint)
        .collect();
    for checkpoint in given_up {
        give_up(state, effects, id, checkpoint, reason.clone());
    }
}

/// The job fails or is cancelled after the savepoint of its stop was made.
pub(super) fn stop_broken(state: &mut State, effects: &mut Effects, id: JobId, cause: &JavaException) {
    let Some(job) = state.jobs.get_mut(&id) else { return };
    if let Some(Stop { trigger, path: Some(path), .. }) = job.stop.take_if(|stop| stop.path.is_some()) {
        let failure = wording::stop_failed_after_savepoint(&path, id, cause.clone());
        let failure = JavaException::completion(failure);
        state.operations.savepoints.end((id, trigger), Err(failure), effects.now);
    }
}

/// The job has ended.
pub(super) fn job_ended(state: &mut State, effects: &mut Effects, id: JobId) {
    let Some(job) = state.jobs.get_mut(&id) else { return };
    let finished = job.status == JobStatus::Finished;
    if finished
        && let Some(Stop { trigger, path: Some(path), .. }) = job.stop.take_if(|stop| stop.path.is_some())
    {
        state.operations.savepoints.end((id, trigger), Ok(path), effects.now);
    }
    // What all tasks have handed in is whole, and is written although they are gone.
    give_up_all(state, effects, id, &wording::coordinator_shut_down(), finished);
}
