//! A job that the cluster does not know: Flink answers in four ways, a client with one kind.

use std::error::Error as _;
use std::time::SystemTime;

use flink_client::{
    CheckpointType, ClusterClientExt, ErrorKind, JobId, OperationStatus, SavepointFormatType, TriggerId,
};

use super::Target;
use super::scene::{Soon, directory, names, of_kind};

use ErrorKind::JobNotFound;
use SavepointFormatType::Canonical;

pub(crate) fn status_of_an_unknown_job_is_not_found(t: &dyn Target) {
    let id = JobId::random();
    let error = t.client().job_status(id).refused(JobNotFound);
    names(&error, id);
    assert!(error.is_job() && !error.is_retryable());
    assert!(error.source().is_none(), "nothing is behind it but the server's word: {error:?}");
}

pub(crate) fn details_of_an_unknown_job_are_not_found(t: &dyn Target) {
    let id = JobId::random();
    names(&t.client().job_details(id).refused(JobNotFound), id);
}

pub(crate) fn result_of_an_unknown_job_is_not_found(t: &dyn Target) {
    let id = JobId::random();
    names(&t.client().job_result(id).refused(JobNotFound), id);
    names(&t.client().execution_result(id).refused(JobNotFound), id);
}

pub(crate) fn cancelling_an_unknown_job_is_not_found(t: &dyn Target) {
    let id = JobId::random();
    names(&t.client().cancel(id).refused(JobNotFound), id);
    names(&t.client().cancel_if_running(id).refused(JobNotFound), id);
}

pub(crate) fn accumulators_of_an_unknown_job_are_not_found(t: &dyn Target) {
    let id = JobId::random();
    names(&t.client().accumulators(id).refused(JobNotFound), id);
}

pub(crate) fn a_savepoint_of_an_unknown_job_is_not_found(t: &dyn Target) {
    let id = JobId::random();
    let error =
        t.client().trigger_savepoint(id, Some(&directory(t, "unknown")), Canonical).refused(JobNotFound);
    names(&error, id);
    assert!(error.trigger_id().is_some());
    let error =
        t.client().cancel_with_savepoint(id, Some(&directory(t, "unknown")), Canonical).refused(JobNotFound);
    names(&error, id);
}

pub(crate) fn a_detached_savepoint_of_an_unknown_job_fails_in_its_status(t: &dyn Target) {
    let (client, id) = (t.client(), JobId::random());
    let trigger = TriggerId::random();
    let triggered =
        client.trigger_detached_savepoint_as(trigger, id, Some(&directory(t, "unknown")), Canonical).done();
    assert_eq!(triggered, trigger);
    let status = super::scene::until("the failure", || match client.savepoint_status(id, trigger).done() {
        OperationStatus::InProgress => None,
        ended => Some(ended),
    });
    let OperationStatus::Failed(error) = status else { panic!("{status:?}") };
    let error = of_kind(error, JobNotFound);
    names(&error, id);
    assert_eq!(error.trigger_id(), Some(trigger));
}

pub(crate) fn stopping_an_unknown_job_is_not_found(t: &dyn Target) {
    let id = JobId::random();
    let folder = directory(t, "unknown");
    let error = t.client().stop_with_savepoint(id, false, Some(&folder), Canonical).refused(JobNotFound);
    names(&error, id);
    assert!(error.trigger_id().is_some());
    names(&t.client().stop_and_wait(id, Some(&folder), Canonical).refused(JobNotFound), id);
}

pub(crate) fn a_checkpoint_of_an_unknown_job_is_not_found(t: &dyn Target) {
    let id = JobId::random();
    let error = t.client().trigger_checkpoint(id, CheckpointType::Configured).refused(JobNotFound);
    names(&error, id);
    assert!(error.trigger_id().is_some());
}

pub(crate) fn waiting_until_an_unknown_job_runs_is_not_found(t: &dyn Target) {
    let id = JobId::random();
    names(&t.client().wait_until_running(id).refused(JobNotFound), id);
}

pub(crate) fn a_coordinator_of_an_unknown_job_is_not_found(t: &dyn Target) {
    let id = JobId::random();
    let operator = "763f86174614878ff610bb1063155d4f";
    let error = t.client().send_coordination_request(id, operator, b"anything".to_vec()).refused(JobNotFound);
    names(&error, id);
}

/// Flink does not look whether the job is there.
pub(crate) fn a_heartbeat_for_an_unknown_job_is_taken(t: &dyn Target) {
    t.client().report_heartbeat(JobId::random(), SystemTime::now()).done();
}

pub(crate) fn the_history_of_an_unknown_job_is_not_found(t: &dyn Target) {
    let (client, id) = (t.client(), JobId::random());
    names(&client.job_exceptions(id).refused(JobNotFound), id);
    names(&client.checkpoints(id).refused(JobNotFound), id);
    names(&client.completed_savepoints(id, SystemTime::UNIX_EPOCH).refused(JobNotFound), id);
}

pub(crate) fn everything_about_an_unknown_job_is_not_found(t: &dyn Target) {
    let (rest, id) = (t.rest(), JobId::random());
    names(&rest.job_config(id).refused(JobNotFound), id);
    names(&rest.job_plan(id).refused(JobNotFound), id);
    names(&rest.checkpoint_config(id).refused(JobNotFound), id);
    names(&rest.resource_requirements(id).refused(JobNotFound), id);
}
