//! Stopping jobs with a savepoint.

use flink_client::{ApplicationStatus, ClusterClientExt, ErrorKind, JobStatus, SavepointFormatType};

use super::Target;
use super::scene::{Job, Soon, directory, files_of, impossible_directory, is_complete, names, until};

use SavepointFormatType::{Canonical, Native};

pub(crate) fn a_stop_gives_the_savepoint_and_the_job_finishes(t: &dyn Target) {
    for (drain, format, name) in
        [(false, Canonical, "stop"), (true, Canonical, "drain"), (false, Native, "stop-native")]
    {
        let job = Job::running(t, "Stateful", &[]);
        let folder = directory(t, name);
        let path = job.client.stop_with_savepoint(*job, drain, Some(&folder), format).done();
        assert!(files_of(&path).starts_with(&folder) && is_complete(&path), "{path}");
        assert_eq!(job.result().application_status, ApplicationStatus::Succeeded);
        assert_eq!(job.status(), JobStatus::Finished);
    }
}

pub(crate) fn a_job_that_was_stopped_and_waited_for_has_ended(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &["--close-millis", "500"]);
    let path = job.client.stop_and_wait(*job, Some(&directory(t, "waited-for")), Canonical).done();
    assert_eq!(job.status(), JobStatus::Finished);
    assert!(is_complete(&path));
}

pub(crate) fn a_job_that_is_being_stopped_says_that_it_runs(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &["--snapshot-millis", "1500"]);
    let folder = directory(t, "being-stopped");
    let trigger = job.client.stop_with_detached_savepoint(*job, false, Some(&folder), Canonical).done();
    assert!(job.client.savepoint_status(*job, trigger).done().is_in_progress());
    assert_eq!(job.status(), JobStatus::Running);
    let path = until("the stop", || job.client.savepoint_status(*job, trigger).done().into_result()).unwrap();
    assert!(is_complete(&path));
    assert!(job.result().is_success());
}

pub(crate) fn a_stop_without_any_directory_is_refused(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let missing = ErrorKind::SavepointDirectoryMissing;
    let error = job.client.stop_with_savepoint(*job, false, None, Canonical).refused(missing);
    names(&error, *job);
    assert!(error.trigger_id().is_some());
    job.client.stop_with_detached_savepoint(*job, true, None, Canonical).refused(missing);
    job.client.stop_and_wait(*job, None, Canonical).refused(missing);
    assert_eq!(job.status(), JobStatus::Running);
}

pub(crate) fn a_stop_whose_directory_cannot_be_made_leaves_the_job_running(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let folder = impossible_directory(t, "impossible-stop");
    let error = job
        .client
        .stop_with_savepoint(*job, false, Some(&folder), Canonical)
        .refused(ErrorKind::SavepointFailed);
    names(&error, *job);
    assert!(error.savepoint_path().is_none());
    assert_eq!(job.status(), JobStatus::Running);
    // It can be stopped all the same.
    let path = job.client.stop_with_savepoint(*job, false, Some(&directory(t, "possible")), Canonical).done();
    assert!(is_complete(&path) && job.result().is_success());
}

pub(crate) fn a_snapshot_that_throws_fails_the_stop_and_the_job(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &["--snapshot-fails", "--restarts", "0"]);
    let folder = directory(t, "throwing-stop");
    let error = job
        .client
        .stop_with_savepoint(*job, false, Some(&folder), Canonical)
        .refused(ErrorKind::SavepointFailed);
    names(&error, *job);
    assert_eq!(job.result().application_status, ApplicationStatus::Failed);
}

pub(crate) fn a_job_that_restarts_or_initialises_is_not_ready_to_be_stopped(t: &dyn Target) {
    let folder = directory(t, "not-ready-to-stop");
    for job in [Job::restarting(t), Job::initializing(t)] {
        let error = job
            .client
            .stop_with_savepoint(*job, false, Some(&folder), Canonical)
            .refused(ErrorKind::JobNotReady);
        names(&error, *job);
    }
}

pub(crate) fn a_job_that_has_ended_is_not_stopped(t: &dyn Target) {
    let folder = directory(t, "ended-stop");
    for (job, state) in
        [(Job::finished(t), "FINISHED"), (Job::failed(t), "FAILED"), (Job::cancelled(t), "CANCELED")]
    {
        let error = job
            .client
            .stop_with_savepoint(*job, false, Some(&folder), Canonical)
            .refused(ErrorKind::JobAlreadyTerminal);
        names(&error, *job);
        assert!(error.to_string().contains(state), "{error}");
    }
}

pub(crate) fn a_job_that_fails_after_its_last_savepoint_tells_where_that_is(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &["--close-fails", "--restarts", "0"]);
    let folder = directory(t, "failed-after");
    let error =
        job.client.stop_and_wait(*job, Some(&folder), Canonical).refused(ErrorKind::StopFailedAfterSavepoint);
    names(&error, *job);
    let path = error.savepoint_path().expect("the savepoint's path");
    assert!(files_of(path).starts_with(&folder) && is_complete(path), "{path}");
    assert!(error.to_string().contains(path), "{error}");
    job.reach(JobStatus::Failed);
}
