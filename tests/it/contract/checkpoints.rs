//! Checkpoints that are asked for.

use flink_client::{ApplicationStatus, CheckpointType, ErrorKind, JobStatus, TriggerId};

use super::Target;
use super::scene::{Job, Soon, names, until};

pub(crate) fn a_checkpoint_has_the_next_number(t: &dyn Target) {
    // Without checkpoints of its own.
    let job = Job::running(t, "Stateful", &[]);
    let first = job.client.trigger_checkpoint(*job, CheckpointType::Configured).done();
    let second = job.client.trigger_checkpoint(*job, CheckpointType::Full).done();
    assert_eq!((first, second), (1, 2));
    assert_eq!(job.status(), JobStatus::Running);
}

pub(crate) fn an_incremental_checkpoint_cannot_be_asked_for(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let error =
        job.client.trigger_checkpoint(*job, CheckpointType::Incremental).refused(ErrorKind::Unsupported);
    names(&error, *job);
}

pub(crate) fn a_job_that_is_not_ready_takes_no_checkpoint(t: &dyn Target) {
    for job in [Job::restarting(t), Job::initializing(t)] {
        let error = job.client.trigger_checkpoint(*job, CheckpointType::Full).refused(ErrorKind::JobNotReady);
        names(&error, *job);
    }
}

pub(crate) fn a_job_that_has_ended_takes_no_checkpoint(t: &dyn Target) {
    for (job, state) in
        [(Job::finished(t), "FINISHED"), (Job::failed(t), "FAILED"), (Job::cancelled(t), "CANCELED")]
    {
        let error =
            job.client.trigger_checkpoint(*job, CheckpointType::Full).refused(ErrorKind::JobAlreadyTerminal);
        names(&error, *job);
        assert!(error.to_string().contains(state), "{error}");
    }
}

pub(crate) fn a_snapshot_that_throws_fails_the_checkpoint(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &["--snapshot-fails", "--restarts", "0"]);
    let error =
        job.client.trigger_checkpoint(*job, CheckpointType::Full).refused(ErrorKind::CheckpointFailed);
    names(&error, *job);
    assert!(error.trigger_id().is_some() && error.stack_trace().is_some());
    // Whether it fails the job too is for `execution.checkpointing.tolerable-failed-checkpoints`, which is 0.
    assert_eq!(job.result().application_status, ApplicationStatus::Failed);
}

pub(crate) fn a_checkpoint_that_nobody_started_is_lost(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let trigger = TriggerId::random();
    let error = job.client.checkpoint_status(*job, trigger).refused(ErrorKind::OperationLost);
    names(&error, *job);
    assert_eq!(error.trigger_id(), Some(trigger));
}

pub(crate) fn the_statistics_know_every_checkpoint(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &["--parallelism", "2"]);
    let number = job.client.trigger_checkpoint(*job, CheckpointType::Full).done();
    let statistics = until("the checkpoint in the statistics", || {
        let statistics = job.client.checkpoints(*job).done();
        statistics.latest.completed.is_some().then_some(statistics)
    });
    assert_eq!((statistics.counts.completed, statistics.counts.failed), (1, 0));
    assert_eq!(statistics.history.len(), 1);
    let latest = statistics.latest.completed.unwrap();
    assert_eq!(latest.id, number);
    assert!(!latest.is_savepoint && latest.num_acknowledged_subtasks == latest.num_subtasks, "{latest:?}");
}

pub(crate) fn a_checkpoint_is_told_in_detail(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let number = job.client.trigger_checkpoint(*job, CheckpointType::Full).done();
    let rest = t.rest();
    let details = rest.checkpoint_details(*job, number).done();
    assert_eq!(details.id, number);
    assert!(!details.tasks.is_empty(), "{details:?}");
    let error = rest.checkpoint_details(*job, number + 1000).refused(ErrorKind::NotFound);
    names(&error, *job);
}

pub(crate) fn the_checkpoint_configuration_is_the_jobs(t: &dyn Target) {
    let rest = t.rest();
    let job = Job::running(t, "Stateful", &["--checkpoint-millis", "60000"]);
    let config = rest.checkpoint_config(*job).done();
    assert_eq!(config.interval, Some(std::time::Duration::from_secs(60)));
    assert_eq!(config.mode, "exactly_once");
    let job = Job::running(t, "Stateful", &[]);
    assert_eq!(rest.checkpoint_config(*job).done().interval, None);
}

pub(crate) fn statistics_of_an_initialising_job_are_not_ready(t: &dyn Target) {
    let job = Job::initializing(t);
    names(&job.client.checkpoints(*job).refused(ErrorKind::JobNotReady), *job);
}
