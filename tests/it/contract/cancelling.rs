//! Cancelling jobs.

use flink_client::{ApplicationStatus, ClusterClientExt, Error, ErrorKind, JobStatus, SavepointFormatType};

use super::Target;
use super::scene::{Job, Soon, directory, names, of_kind, until};

pub(crate) fn a_running_job_is_cancelled(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    job.client.cancel(*job).done();
    assert_eq!(job.result().application_status, ApplicationStatus::Canceled);
    assert_eq!(job.status(), JobStatus::Canceled);
}

pub(crate) fn a_job_whose_tasks_linger_is_cancelling_and_may_be_cancelled_again(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &["--close-millis", "1500"]);
    job.client.cancel(*job).done();
    job.reach(JobStatus::Cancelling);
    job.client.cancel(*job).done();
    job.reach(JobStatus::Canceled);
}

pub(crate) fn a_cancelled_job_may_be_cancelled_again(t: &dyn Target) {
    let job = Job::cancelled(t);
    job.client.cancel(*job).done();
    job.client.cancel_if_running(*job).done();
    assert_eq!(job.status(), JobStatus::Canceled);
}

/// Why the job that has ended is not cancelled. Its result may be there a moment before its JobManager has gone, which
/// takes any order.
#[track_caller]
fn refused_to_be_cancelled(job: &Job) -> Error {
    let refusal = until("a refusal", || job.client.cancel(job.id).soon().err());
    names(&refusal, job.id);
    of_kind(refusal, ErrorKind::JobAlreadyTerminal)
}

pub(crate) fn a_finished_job_cannot_be_cancelled(t: &dyn Target) {
    let job = Job::finished(t);
    let error = refused_to_be_cancelled(&job);
    assert!(error.to_string().contains("FINISHED"), "{error}");
    assert!(error.is_job() && !error.is_retryable());
    job.client.cancel_if_running(*job).done();
    assert_eq!(job.status(), JobStatus::Finished);
}

pub(crate) fn a_failed_job_cannot_be_cancelled(t: &dyn Target) {
    let job = Job::failed(t);
    let error = refused_to_be_cancelled(&job);
    assert!(error.to_string().contains("FAILED"), "{error}");
    job.client.cancel_if_running(*job).done();
    assert_eq!(job.status(), JobStatus::Failed);
}

/// A task that is cancelled before it has heard of the savepoint declines it as one that is not ready yet.
#[track_caller]
fn not_made(error: Error) -> Error {
    let kind = match error.kind() {
        ErrorKind::JobNotReady => ErrorKind::JobNotReady,
        _ => ErrorKind::SavepointFailed,
    };
    of_kind(error, kind)
}

/// What becomes of the savepoint is not promised: it fails, or, seen on a busy machine on Flink 1.20 and 2.3, it is left going
/// on for as long as a checkpoint may. It is not made.
pub(crate) fn a_job_whose_savepoint_is_being_taken_is_cancelled(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &["--snapshot-millis", "10000"]);
    let folder = directory(t, "cancelled-savepoint");
    let trigger =
        job.client.trigger_detached_savepoint(*job, Some(&folder), SavepointFormatType::Canonical).done();
    assert!(job.client.savepoint_status(*job, trigger).done().is_in_progress());
    job.client.cancel(*job).done();
    assert_eq!(job.result().application_status, ApplicationStatus::Canceled);
    if let Some(ended) = job.client.savepoint_status(*job, trigger).done().into_result() {
        not_made(ended.unwrap_err());
    }
}

/// However Flink ends it, or does not.
pub(crate) fn a_savepoint_that_is_followed_fails_with_its_job(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &["--snapshot-millis", "10000"]);
    let folder = directory(t, "cancelled-with-its-job");
    let saving = job.client.trigger_savepoint(*job, Some(&folder), SavepointFormatType::Canonical);
    until("the savepoint in the statistics", || {
        (job.client.checkpoints(*job).done().counts.in_progress > 0).then_some(())
    });
    job.client.cancel(*job).done();
    let error = not_made(saving.soon().expect_err("it is not made"));
    names(&error, *job);
    assert!(error.trigger_id().is_some());
}

pub(crate) fn cancelling_one_job_leaves_the_others(t: &dyn Target) {
    let (one, other) = (Job::running(t, "Stateful", &[]), Job::running(t, "Stateful", &[]));
    one.client.cancel(*one).done();
    one.reach(JobStatus::Canceled);
    assert_eq!(other.status(), JobStatus::Running);
}
