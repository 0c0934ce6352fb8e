//! Checkpoints that a job takes by itself.
//!
//! They are due at a fixed rate, as Flink's coordinator has it. One that is due while another is being taken is not
//! left out: it follows when that has ended and the minimum pause is over, and the rate counts from there.

use std::time::Duration;

use super::Job;
use super::checkpoint::{Purpose, trigger};
use crate::details::ExecutionState;
use crate::ids::JobId;
use crate::job::JobStatus;
use crate::mini::core::{Effects, State};

/// When a job's next checkpoint is due.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// The run of the job whose checkpoints these are.
    epoch: u64,
    /// Raised whenever the rate begins anew: what was due in an earlier series no longer is.
    series: u64,
    /// Whether one was due while another was being taken.
    overdue: bool,
}

/// A task runs: when all do, checkpoints begin.
pub(super) fn task_runs(state: &mut State, effects: &mut Effects, id: JobId) {
    let Some(job) = state.jobs.get_mut(&id) else { return };
    let Some(checkpointing) = job.graph.checkpointing else { return };
    let all =
        job.tasks().all(|task| matches!(task.state, ExecutionState::Running | ExecutionState::Finished));
    if all && job.checkpoints.schedule.epoch < job.epoch {
        job.checkpoints.schedule.epoch = job.epoch;
        begin(job, effects, checkpointing.interval);
    }
}

/// A checkpoint or savepoint has ended, well or not.
pub(super) fn one_has_ended(job: &mut Job, effects: &mut Effects) {
    if job.checkpoints.schedule.overdue && !job.checkpoints.takes_one() {
        let pause =
            job.graph.checkpointing.map_or(Duration::ZERO, |checkpointing| checkpointing.minimum_pause);
        begin(job, effects, pause);
    }
}

/// Begins the rate anew, with its first checkpoint after `delay`.
fn begin(job: &mut Job, effects: &mut Effects, delay: Duration) {
    let schedule = &mut job.checkpoints.schedule;
    schedule.overdue = false;
    schedule.series += 1;
    let (id, series, due) = (job.id, schedule.series, effects.at.saturating_add(delay));
    effects.when(due, move |state, effects| periodic(state, effects, id, series, due));
}

fn periodic(state: &mut State, effects: &mut Effects, id: JobId, series: u64, due: Duration) {
    let Some(job) = state.jobs.get_mut(&id).filter(|job| {
        let schedule = &job.checkpoints.schedule;
        schedule.series == series && schedule.epoch == job.epoch && job.status == JobStatus::Running
    }) else {
        return;
    };
    let Some(checkpointing) = job.graph.checkpointing else { return };
    let next = due.saturating_add(checkpointing.interval);
    let pause_ends = job.checkpoints.ended_at.saturating_add(checkpointing.minimum_pause);
    if job.checkpoints.takes_one() {
        job.checkpoints.schedule.overdue = true;
    } else if effects.at < pause_ends {
        let rest = pause_ends - effects.at;
        return begin(job, effects, rest);
    } else if job.stop.is_none()
        && let Err(reason) = trigger(state, effects, id, Purpose::Periodic, None)
    {
        log::debug!("no checkpoint of job {id}: {reason}");
    }
    effects.when(next, move |state, effects| periodic(state, effects, id, series, next));
}
