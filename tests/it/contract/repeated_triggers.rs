//! One trigger id is one operation, however often it is sent: what makes a lost answer harmless.

use std::time::SystemTime;

use flink_client::{ClusterClientExt, ErrorKind, JobStatus, OperationStatus, SavepointFormatType, TriggerId};

use super::Target;
use super::scene::{Job, Soon, directory, impossible_directory, is_complete, of_kind, until};

use SavepointFormatType::Canonical;

#[track_caller]
fn path_of(job: &Job, trigger: TriggerId) -> String {
    until("the savepoint", || job.client.savepoint_status(job.id, trigger).done().into_result()).unwrap()
}

/// How many savepoints the job has made.
fn made(job: &Job) -> usize {
    job.client.completed_savepoints(job.id, SystemTime::UNIX_EPOCH).done().len()
}

pub(crate) fn a_savepoint_triggered_again_in_progress_and_afterwards_is_one_savepoint(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &["--snapshot-millis", "700"]);
    let (trigger, first, second) = (TriggerId::random(), directory(t, "once"), directory(t, "twice"));
    let again = |folder: &str| {
        let triggered =
            job.client.trigger_detached_savepoint_as(trigger, *job, Some(folder), Canonical).done();
        assert_eq!(triggered, trigger);
    };
    again(&first);
    assert!(job.client.savepoint_status(*job, trigger).done().is_in_progress());
    again(&second);
    let path = path_of(&job, trigger);
    again(&second);
    assert_eq!(path_of(&job, trigger), path);
    assert!(is_complete(&path));
    assert_eq!(std::fs::read_dir(&first).unwrap().count(), 1);
    assert_eq!(std::fs::read_dir(&second).unwrap().count(), 0);
}

pub(crate) fn a_trigger_id_whose_operation_failed_is_used_up(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let (trigger, bad) = (TriggerId::random(), impossible_directory(t, "used-up"));
    job.client.trigger_detached_savepoint_as(trigger, *job, Some(&bad), Canonical).done();
    let failed = || {
        until("the failure", || job.client.savepoint_status(*job, trigger).done().into_result()).unwrap_err()
    };
    of_kind(failed(), ErrorKind::SavepointFailed);
    let good = directory(t, "used-up-good");
    job.client.trigger_detached_savepoint_as(trigger, *job, Some(&good), Canonical).done();
    let error = of_kind(failed(), ErrorKind::SavepointFailed);
    assert!(error.to_string().contains("a-file"), "the first failure: {error}");
    assert_eq!(std::fs::read_dir(&good).unwrap().count(), 0);
}

pub(crate) fn the_same_id_for_another_job_is_another_operation(t: &dyn Target) {
    let (one, other) = (Job::running(t, "Stateful", &[]), Job::running(t, "Stateful", &[]));
    let (trigger, folder) = (TriggerId::random(), directory(t, "for-another"));
    for job in [&one, &other] {
        job.client.trigger_detached_savepoint_as(trigger, job.id, Some(&folder), Canonical).done();
    }
    assert_ne!(path_of(&one, trigger), path_of(&other, trigger));
}

pub(crate) fn a_stop_triggered_again_is_one_stop(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &["--snapshot-millis", "700"]);
    let (trigger, folder) = (TriggerId::random(), directory(t, "one-stop"));
    for _ in 0..2 {
        job.client.stop_with_detached_savepoint_as(trigger, *job, false, Some(&folder), Canonical).done();
    }
    let path = path_of(&job, trigger);
    assert!(job.result().is_success());
    job.client.stop_with_detached_savepoint_as(trigger, *job, false, Some(&folder), Canonical).done();
    assert_eq!(path_of(&job, trigger), path);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}

/// Savepoints and stops share their ids, so this stop has been done already, as a savepoint.
pub(crate) fn a_stop_under_the_id_of_a_savepoint_stops_nothing(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let (trigger, folder) = (TriggerId::random(), directory(t, "shared-ids"));
    job.client.trigger_detached_savepoint_as(trigger, *job, Some(&folder), Canonical).done();
    let path = path_of(&job, trigger);
    job.client.stop_with_detached_savepoint_as(trigger, *job, false, Some(&folder), Canonical).done();
    assert_eq!(path_of(&job, trigger), path);
    assert_eq!(job.status(), JobStatus::Running);
}

/// What becomes of the second is not promised: it is made and the job finishes, or it fails too and the job with it, or it
/// goes on for as long as a checkpoint may.
pub(crate) fn a_second_stop_of_another_id_fails_the_first(t: &dyn Target) {
    use ErrorKind::{SavepointFailed, StopFailedAfterSavepoint};
    let job = Job::running(t, "Stateful", &["--snapshot-millis", "4000", "--restarts", "0"]);
    let folder = directory(t, "two-stops");
    let first = job.client.stop_with_detached_savepoint(*job, false, Some(&folder), Canonical).done();
    assert!(job.client.savepoint_status(*job, first).done().is_in_progress());
    let second = job.client.stop_with_detached_savepoint(*job, false, Some(&folder), Canonical).done();
    let outcome = |trigger| job.client.savepoint_status(*job, trigger).done().into_result();
    let error = until("its end", || outcome(first)).unwrap_err();
    // On a busy machine the second may come when the first has its savepoint, and not yet the end of the job.
    let kind = if error.savepoint_path().is_some() { StopFailedAfterSavepoint } else { SavepointFailed };
    let error = of_kind(error, kind);
    assert_eq!((error.job_id(), error.trigger_id()), (Some(*job), Some(first)));
    match outcome(second) {
        None => {}
        Some(Ok(path)) => assert!(is_complete(&path) && job.result().is_success(), "{path}"),
        Some(Err(error)) => {
            of_kind(error, SavepointFailed);
            assert!(!job.result().is_success());
        }
    }
}

pub(crate) fn a_checkpoint_triggered_again_is_one_checkpoint(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let trigger = TriggerId::random();
    let checkpoint = || job.client.trigger_checkpoint_as(trigger, *job, Default::default()).done();
    let first = checkpoint();
    assert_eq!(checkpoint(), first);
    let status = job.client.checkpoint_status(*job, trigger).done();
    assert!(matches!(status, OperationStatus::Completed(number) if number == first), "{status:?}");
    assert_ne!(job.client.trigger_checkpoint(*job, Default::default()).done(), first);
}

pub(crate) fn a_savepoint_triggered_twice_is_once_in_the_history(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let (trigger, folder) = (TriggerId::random(), directory(t, "history-once"));
    for _ in 0..3 {
        job.client.trigger_detached_savepoint_as(trigger, *job, Some(&folder), Canonical).done();
        path_of(&job, trigger);
    }
    until("the savepoint in the history", || (made(&job) > 0).then_some(()));
    assert_eq!(made(&job), 1);
}
