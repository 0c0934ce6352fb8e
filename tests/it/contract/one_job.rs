//! The client of one job, over any cluster's client.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flink_client::{
    ClusterClientJobClientAdapter, ErrorKind, JobClient, JobId, JobStatus, LazyClusterClientProvider,
    SavepointFormatType,
};

use super::Target;
use super::scene::{Job, Soon, directory, names, until};

/// Attached by the id alone, as another process would do it.
fn attached(t: &dyn Target, id: JobId) -> Arc<dyn JobClient> {
    Arc::new(ClusterClientJobClientAdapter::attach(t.client(), id))
}

pub(crate) fn a_running_job_is_attached_to_by_its_id_and_followed_to_its_end(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &["--records-per-second", "1000"]);
    let client = attached(t, job.id);
    assert_eq!(client.job_id(), job.id);
    client.wait_until_initialized().done();
    assert_eq!(client.job_status().done(), JobStatus::Running);
    until("records", || {
        let count = client.accumulators().done().value("count").ok()?.as_i64()?;
        (count > 0).then_some(())
    });
    client.report_heartbeat(SystemTime::now() + Duration::from_secs(60)).done();
    let saved = directory(t, "one job");
    client.trigger_savepoint(Some(&saved), SavepointFormatType::Canonical).done();
    client.stop_with_savepoint(false, Some(&saved), SavepointFormatType::Canonical).done();
    let result = client.job_execution_result().done();
    assert_eq!(result.job_id, job.id);
    assert!(result.accumulators.value("count").unwrap().as_i64() > Some(0));
}

pub(crate) fn a_job_that_failed_or_was_cancelled_has_no_result_for_its_client(t: &dyn Target) {
    let job = Job::submitted(t, "Failing", &["--records", "3", "--restarts", "0"]);
    let error = attached(t, job.id).job_execution_result().refused(ErrorKind::JobFailed);
    names(&error, job.id);
    assert!(error.to_string().starts_with(&format!("Job failed (JobID: {})", job.id)), "{error}");
    assert_eq!(error.exception_class(), Some("jobs.Failing$Broke"));

    let job = Job::running(t, "Stateful", &[]);
    let client = attached(t, job.id);
    client.cancel().done();
    let error = client.job_execution_result().refused(ErrorKind::JobCancelled);
    assert!(error.to_string().contains("cancelled"), "{error}");
}

pub(crate) fn the_client_of_a_job_waits_until_it_is_initialised(t: &dyn Target) {
    let job = Job::initializing(t);
    let client = attached(t, job.id);
    client.wait_until_initialized().done();
    assert_ne!(client.job_status().done(), JobStatus::Initializing);
}

pub(crate) fn the_client_of_an_unknown_job_and_one_of_a_closed_provider_say_so(t: &dyn Target) {
    let id = JobId::random();
    for error in [
        attached(t, id).job_status().refused(ErrorKind::JobNotFound),
        attached(t, id).job_execution_result().refused(ErrorKind::JobNotFound),
        attached(t, id).wait_until_initialized().refused(ErrorKind::JobNotFound),
    ] {
        names(&error, id);
    }
    let provider = Arc::new(LazyClusterClientProvider::of(t.client()));
    let client = ClusterClientJobClientAdapter::new(Arc::clone(&provider), id);
    flink_client::ClusterClientProvider::close(&*provider);
    let error = client.cancel().refused(ErrorKind::Closed);
    assert_eq!(error.job_id(), Some(id));
}
