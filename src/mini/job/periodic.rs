//! Checkpoints that a job takes by itself.

use super::checkpoint::{Purpose, trigger};
use crate::details::ExecutionState;
use crate::ids::JobId;
use crate::job::JobStatus;
use crate::mini::core::{Effects, State};

/// A task runs: when all do, checkpoints begin.
pub(super) fn task_runs(state: &mut State, effects: &mut Effects, id: JobId) {
    let Some(job) = state.jobs.get_mut(&id) else { return };
    let Some(checkpointing) = job.graph.checkpointing else { return };
    let all =
        job.tasks().all(|task| matches!(task.state, ExecutionState::Running | ExecutionState::Finished));
    if all && job.checkpoints.armed < job.epoch {
        job.checkpoints.armed = job.epoch;
        let epoch = job.epoch;
        effects.after(checkpointing.interval, move |state, effects| periodic(state, effects, id, epoch));
    }
}

fn periodic(state: &mut State, effects: &mut Effects, id: JobId, epoch: u64) {
    let Some(job) = state.jobs.get(&id).filter(|job| job.epoch == epoch && job.status == JobStatus::Running)
    else {
        return;
    };
    let Some(checkpointing) = job.graph.checkpointing else { return };
    let one_under_way = job.checkpoints.takes_one();
    let pause = i64::try_from(checkpointing.minimum_pause.as_millis()).unwrap_or(i64::MAX);
    let paused = effects.now.saturating_sub(job.checkpoints.ended_at) < pause;
    if job.stop.is_none()
        && !one_under_way
        && !paused
        && let Err(reason) = trigger(state, effects, id, Purpose::Periodic, None)
    {
        log::debug!("no checkpoint of job {id}: {reason}");
    }
    effects.after(checkpointing.interval, move |state, effects| periodic(state, effects, id, epoch));
}
