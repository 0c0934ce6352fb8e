//! The end of a job: who is told, what is kept, what is removed.

use super::checkpoint;
use crate::ids::JobId;
use crate::job::JobStatus;
use crate::mini::core::{Core, Effects, State};
use crate::mini::savepoint_store;

/// The job has ended for good.
pub(super) fn end(state: &mut State, effects: &mut Effects, id: JobId, status: JobStatus) {
    let Some(job) = state.jobs.get_mut(&id) else { return };
    job.enter(status, effects);
    job.slots.clear();
    for task in job.tasks_mut() {
        // What a task held goes with its job; its numbers stay.
        task.control = None;
    }
    state.slots.release(id);
    state.waiting.retain(|waiting| *waiting != id);
    checkpoint::job_ended(state, effects, id);
    let Some(job) = state.jobs.get_mut(&id) else { return };
    if let Some(path) = job.checkpoints.give_up(job.graph.checkpoint_storage.retention.keeps(status)) {
        effects.with_files(move |_| {
            if let Err(error) = savepoint_store::dispose(&path) {
                log::warn!("the mini cluster could not remove {path}: {error}");
            }
        });
    }
    if status == JobStatus::Finished {
        state.data_sets.extend(job.graph.data_sets.iter().copied());
    }
    let result = job.result(state.settings.flink_2);
    for promise in job.result_waiters.drain(..) {
        promise.complete(Ok(Ok(result.clone())));
    }
    state.ended.push_back(id);
    state.ever_ended.insert(id);
    state.applications.job_ended(job, effects.now);
    forget(state, effects);
    super::run::allocate(state, effects);
    if state.settings.ends_with_its_job {
        effects.then(Core::close_elsewhere);
    }
}

/// Forgets the jobs that ended longest ago, as the job store's capacity and expiry say.
pub(crate) fn forget(state: &mut State, effects: &mut Effects) {
    while let Some(&oldest) = state.ended.front() {
        let expired = state.jobs.get(&oldest).and_then(super::Job::ended_at).is_none_or(|ended| {
            effects.now.saturating_sub(ended) >= state.settings.job_store_expiration_millis
        });
        if !expired && state.ended.len() <= state.settings.job_store_capacity {
            break;
        }
        state.ended.pop_front();
        if let Some(job) = state.jobs.remove(&oldest) {
            state.applications.forget(job.application);
            // With it go functions of the caller's and what they hold: not under the lock.
            effects.then(move |_| drop(job));
        }
        state.heartbeats.remove(&oldest);
    }
}
