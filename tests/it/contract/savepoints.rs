//! Savepoints of jobs that run on, and of jobs that cannot have one.

use std::error::Error as _;

use flink_client::{
    ApplicationStatus, ClusterClientExt, Error, ErrorKind, JobStatus, OperationStatus, SavepointFormatType,
    TriggerId,
};

use super::Target;
use super::scene::{
    Job, Soon, directory, files_of, impossible_directory, is_complete, names, of_kind, until,
};

use SavepointFormatType::{Canonical, Native};

pub(crate) fn a_savepoint_is_in_its_directory_and_the_job_runs_on(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let folder = directory(t, "savepoints");
    let path = job.client.trigger_savepoint(*job, Some(&folder), Canonical).done();
    assert!(files_of(&path).starts_with(&folder), "{path}");
    assert!(path.starts_with("file:/") && is_complete(&path), "{path}");
    assert_eq!(job.status(), JobStatus::Running);
    let second = job.client.trigger_savepoint(*job, Some(&folder), Canonical).done();
    assert!(second != path && is_complete(&second) && is_complete(&path));
}

pub(crate) fn a_savepoint_in_the_native_format_is_complete(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let path = job.client.trigger_savepoint(*job, Some(&directory(t, "native")), Native).done();
    assert!(is_complete(&path), "{path}");
}

pub(crate) fn a_directory_that_is_not_there_is_made(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let folder = t.folder("made").join("for this").join("savepoint");
    let path = job.client.trigger_savepoint(*job, folder.to_str(), Canonical).done();
    assert!(files_of(&path).starts_with(&folder) && is_complete(&path), "{path}");
}

pub(crate) fn a_savepoint_without_any_directory_is_refused(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let looks_right = |error: Error| {
        names(&error, *job);
        assert!(error.trigger_id().is_some());
        assert!(error.to_string().contains("execution.checkpointing.savepoint-dir"), "{error}");
    };
    let missing = ErrorKind::SavepointDirectoryMissing;
    looks_right(job.client.trigger_savepoint(*job, None, Canonical).refused(missing));
    looks_right(job.client.trigger_detached_savepoint(*job, None, Canonical).refused(missing));
    looks_right(job.client.cancel_with_savepoint(*job, None, Canonical).refused(missing));
    assert_eq!(job.status(), JobStatus::Running);
}

pub(crate) fn the_clusters_own_directory_is_used_when_none_is_given(t: &dyn Target) {
    let folder = directory(t, "the-clusters-own");
    let own = t.dedicated(&[("execution.checkpointing.savepoint-dir", &format!("file://{folder}"))]);
    let job = Job::running(&*own, "Stateful", &[]);
    let path = job.client.trigger_savepoint(*job, None, Canonical).done();
    assert!(files_of(&path).starts_with(&folder) && is_complete(&path), "{path}");
    let elsewhere = directory(t, "elsewhere");
    let path = job.client.trigger_savepoint(*job, Some(&elsewhere), Canonical).done();
    assert!(files_of(&path).starts_with(&elsewhere), "{path}");
    let path = job.client.stop_with_savepoint(*job, false, None, Canonical).done();
    assert!(files_of(&path).starts_with(&folder) && is_complete(&path), "{path}");
    assert!(job.result().is_success());
}

pub(crate) fn a_directory_that_cannot_be_made_fails_the_savepoint_alone(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let folder = impossible_directory(t, "impossible");
    let error =
        job.client.trigger_savepoint(*job, Some(&folder), Canonical).refused(ErrorKind::SavepointFailed);
    names(&error, *job);
    assert!(error.trigger_id().is_some());
    assert!(error.to_string().contains("a-file"), "{error}");
    assert!(error.exception_class().is_some());
    assert_eq!(job.status(), JobStatus::Running);
}

pub(crate) fn an_unknown_file_system_fails_the_savepoint_alone(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let error = job
        .client
        .trigger_savepoint(*job, Some("nosuch://bucket/savepoints"), Canonical)
        .refused(ErrorKind::SavepointFailed);
    names(&error, *job);
    assert!(error.stack_trace().unwrap().contains("'nosuch'"), "{error}");
    assert_eq!(job.status(), JobStatus::Running);
}

pub(crate) fn a_snapshot_that_throws_fails_the_savepoint_and_the_job(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &["--snapshot-fails", "--restarts", "0"]);
    let folder = directory(t, "throwing");
    let error =
        job.client.trigger_savepoint(*job, Some(&folder), Canonical).refused(ErrorKind::SavepointFailed);
    names(&error, *job);
    assert!(error.stack_trace().is_some());
    let result = job.result();
    assert_eq!(result.application_status, ApplicationStatus::Failed);
    assert_eq!(result.failure_cause.unwrap().root_message, "this job takes no snapshot");
}

pub(crate) fn a_job_that_restarts_is_not_ready_for_a_savepoint(t: &dyn Target) {
    let job = Job::restarting(t);
    let folder = directory(t, "restarting");
    let error = job.client.trigger_savepoint(*job, Some(&folder), Canonical).refused(ErrorKind::JobNotReady);
    names(&error, *job);
    assert!(error.is_retryable(), "it may be ready later");
    assert_eq!(job.status(), JobStatus::Restarting);
}

pub(crate) fn a_job_that_initialises_is_not_ready_for_a_savepoint(t: &dyn Target) {
    let job = Job::initializing(t);
    let folder = directory(t, "initialising");
    let error = job.client.trigger_savepoint(*job, Some(&folder), Canonical).refused(ErrorKind::JobNotReady);
    names(&error, *job);
}

/// The cluster says that it knows no such job; the client looks again.
pub(crate) fn a_job_that_has_ended_takes_no_savepoint(t: &dyn Target) {
    let folder = directory(t, "ended");
    for (job, state) in
        [(Job::finished(t), "FINISHED"), (Job::failed(t), "FAILED"), (Job::cancelled(t), "CANCELED")]
    {
        let error = job
            .client
            .trigger_savepoint(*job, Some(&folder), Canonical)
            .refused(ErrorKind::JobAlreadyTerminal);
        names(&error, *job);
        assert!(error.to_string().contains(state), "{error}");
        assert!(error.trigger_id().is_some());
        let behind = error.source().and_then(|source| source.downcast_ref::<Error>()).expect("a source");
        assert_eq!(behind.kind(), ErrorKind::JobNotFound);
    }
}

pub(crate) fn a_detached_savepoint_is_followed_by_its_id(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &["--snapshot-millis", "1500"]);
    let folder = directory(t, "detached");
    let trigger = job.client.trigger_detached_savepoint(*job, Some(&folder), Canonical).done();
    // By whoever has the id.
    let other = t.client();
    assert!(other.savepoint_status(*job, trigger).done().is_in_progress());
    let path = until("the savepoint", || other.savepoint_status(*job, trigger).done().into_result()).unwrap();
    assert!(files_of(&path).starts_with(&folder) && is_complete(&path), "{path}");
}

pub(crate) fn a_detached_savepoint_that_fails_says_so_in_its_status(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let folder = impossible_directory(t, "impossible-detached");
    let trigger = job.client.trigger_detached_savepoint(*job, Some(&folder), Canonical).done();
    let ended = until("the failure", || job.client.savepoint_status(*job, trigger).done().into_result());
    let error = of_kind(ended.unwrap_err(), ErrorKind::SavepointFailed);
    names(&error, *job);
    assert_eq!(error.trigger_id(), Some(trigger));
}

pub(crate) fn an_operation_that_nobody_started_is_lost(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let trigger = TriggerId::random();
    let error = job.client.savepoint_status(*job, trigger).refused(ErrorKind::OperationLost);
    names(&error, *job);
    assert_eq!(error.trigger_id(), Some(trigger));
}

pub(crate) fn a_savepoint_is_not_found_under_another_job(t: &dyn Target) {
    let (job, other) = (Job::running(t, "Stateful", &[]), Job::running(t, "Stateful", &[]));
    let folder = directory(t, "under-another");
    let trigger = job.client.trigger_detached_savepoint(*job, Some(&folder), Canonical).done();
    job.client.savepoint_status(*other, trigger).refused(ErrorKind::OperationLost);
    until("the savepoint", || match job.client.savepoint_status(*job, trigger).done() {
        OperationStatus::Completed(path) => Some(path),
        _ => None,
    });
}

pub(crate) fn cancelling_with_a_savepoint_gives_its_path_and_cancels(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let folder = directory(t, "cancelled-with");
    let path = job.client.cancel_with_savepoint(*job, Some(&folder), Canonical).done();
    assert!(files_of(&path).starts_with(&folder) && is_complete(&path), "{path}");
    assert_eq!(job.result().application_status, ApplicationStatus::Canceled);
}

pub(crate) fn cancelling_with_a_savepoint_that_fails_leaves_the_job(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let folder = impossible_directory(t, "impossible-cancel");
    let error =
        job.client.cancel_with_savepoint(*job, Some(&folder), Canonical).refused(ErrorKind::SavepointFailed);
    names(&error, *job);
    assert_eq!(job.status(), JobStatus::Running);
}

pub(crate) fn a_savepoint_is_disposed_of_once(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let path = job.client.trigger_savepoint(*job, Some(&directory(t, "disposed")), Canonical).done();
    job.client.dispose_savepoint(&path).done();
    assert!(!files_of(&path).exists(), "{path}");
    let error = job.client.dispose_savepoint(&path).refused(ErrorKind::SavepointNotFound);
    assert!(error.to_string().contains(&path), "{error}");
    assert_eq!(job.status(), JobStatus::Running);
}

pub(crate) fn what_is_no_savepoint_is_not_disposed_of(t: &dyn Target) {
    let folder = t.folder("not-a-savepoint");
    let bystander = folder.join("bystander");
    std::fs::write(&bystander, "keep me").unwrap();
    let path = folder.display().to_string();
    let error = t.client().dispose_savepoint(&path).refused(ErrorKind::SavepointNotFound);
    assert!(error.to_string().contains(&path), "{error}");
    assert!(bystander.exists());
}

pub(crate) fn savepoints_of_several_jobs_are_taken_at_the_same_time(t: &dyn Target) {
    let jobs = [(); 3].map(|()| Job::running(t, "Stateful", &["--snapshot-millis", "300"]));
    let folder = directory(t, "at-the-same-time");
    let savepoints =
        jobs.each_ref().map(|job| job.client.trigger_savepoint(job.id, Some(&folder), Canonical));
    let mut paths = savepoints.map(Soon::done).to_vec();
    assert!(paths.iter().all(|path| is_complete(path)), "{paths:?}");
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 3);
}

pub(crate) fn the_history_tells_a_savepoints_format_and_path(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let since = std::time::SystemTime::now() - std::time::Duration::from_secs(1);
    for (format, folder) in [(Native, "history-native"), (Canonical, "history-canonical")] {
        let path = job.client.trigger_savepoint(*job, Some(&directory(t, folder)), format).done();
        let savepoint = until("the savepoint in the history", || {
            let mut found = job.client.completed_savepoints(*job, since).done();
            found.pop().filter(|latest| latest.external_path.as_ref() == Some(&path))
        });
        assert!(savepoint.is_savepoint);
        assert_eq!(savepoint.savepoint_format, Some(format), "{savepoint:?}");
        assert_eq!(savepoint.checkpoint_type.as_deref(), Some("SAVEPOINT"));
    }
    // That of a stop is told from the others.
    let folder = directory(t, "history-stop");
    let path = job.client.stop_with_savepoint(*job, false, Some(&folder), Canonical).done();
    let savepoint = until("the stop's savepoint in the history", || {
        let mut found = job.client.completed_savepoints(*job, since).done();
        found.pop().filter(|latest| latest.external_path.as_ref() == Some(&path))
    });
    assert_eq!(savepoint.checkpoint_type.as_deref(), Some("SYNC_SAVEPOINT"));
}
