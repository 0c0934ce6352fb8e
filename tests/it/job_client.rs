//! The job client asks the cluster's client for the one job, and says of a job what Java's says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use flink_client::{
    ApplicationStatus, ClusterClientJobClientAdapter, Error, ErrorKind, FailureCause, JobClient, JobId,
    JobResult, JobStatus, LazyClusterClientProvider, SavepointFormatType,
};

use crate::double::Double;

const JOB: &str = "00000000000000000000000000000001";

fn job_id() -> JobId {
    JOB.parse().unwrap()
}

fn attach(client: &Double) -> Arc<dyn JobClient> {
    Arc::new(ClusterClientJobClientAdapter::attach(client.clone(), job_id()))
}

fn result(status: ApplicationStatus, cause: Option<FailureCause>) -> JobResult {
    let mut result = JobResult::new(job_id(), status, Duration::from_secs(2));
    result.failure_cause = cause;
    result
}

fn thrown(class: &str, trace: &str) -> Option<FailureCause> {
    Some(FailureCause::read(class, trace))
}

#[test]
fn every_operation_is_asked_of_the_one_job() {
    let client = Double::default()
        .with_statuses([JobStatus::Running])
        .with_result(result(ApplicationStatus::Succeeded, None));
    let job = attach(&client);
    assert_eq!(job.job_id(), job_id());
    assert_eq!(job.job_status().wait().unwrap(), JobStatus::Running);
    job.cancel().wait().unwrap();
    let stopped = job.stop_with_savepoint(true, Some("/s"), SavepointFormatType::Native);
    assert_eq!(stopped.wait().unwrap(), "/stopped");
    let saved = job.trigger_savepoint(None, SavepointFormatType::Canonical);
    assert_eq!(saved.wait().unwrap(), "/saved");
    assert!(job.accumulators().wait().unwrap().is_empty());
    assert_eq!(job.send_coordination_request("sink", vec![1, 2]).wait().unwrap(), [2, 1]);
    job.report_heartbeat(SystemTime::UNIX_EPOCH + Duration::from_secs(5)).wait().unwrap();
    let result = job.job_execution_result().wait().unwrap();
    assert_eq!((result.job_id, result.net_runtime), (job_id(), Duration::from_secs(2)));
    assert_eq!(
        client.asked(),
        [
            &format!("status {JOB}")[..],
            &format!("cancel {JOB}"),
            &format!("stop {JOB} true Some(\"/s\") NATIVE"),
            &format!("savepoint {JOB} None CANONICAL"),
            &format!("accumulators {JOB}"),
            &format!("coordinate {JOB} sink [1, 2]"),
            &format!("heartbeat {JOB} Some(5s)"),
            &format!("result {JOB}"),
        ]
    );
}

#[test]
fn a_job_that_failed_is_an_error_around_its_cause() {
    let cause = thrown(
        "org.apache.flink.runtime.JobException",
        "org.apache.flink.runtime.JobException: Recovery is suppressed\n\
         Caused by: com.acme.BadRecord: record 21 is one too many\n",
    );
    let job = attach(&Double::default().with_result(result(ApplicationStatus::Failed, cause)));
    let error = job.job_execution_result().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::JobFailed);
    assert_eq!(error.job_id(), Some(job_id()));
    assert_eq!(error.exception_class(), Some("com.acme.BadRecord"));
    let text = error.to_string();
    assert!(text.starts_with(&format!("Job failed (JobID: {JOB}): ")), "{text}");
    assert!(text.contains("record 21 is one too many"), "{text}");
}

#[test]
fn a_job_that_was_cancelled_says_so() {
    let job = attach(&Double::default().with_result(result(ApplicationStatus::Canceled, None)));
    let error = job.job_execution_result().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::JobCancelled);
    assert!(error.to_string().contains("cancelled"), "{error}");
    assert_eq!(error.job_id(), Some(job_id()));
}

#[test]
fn initialisation_is_waited_for_until_the_job_is_anything_else() {
    let client = Double::default().with_statuses([
        JobStatus::Initializing,
        JobStatus::Initializing,
        JobStatus::Created,
    ]);
    attach(&client).wait_until_initialized().wait().unwrap();
    assert_eq!(client.asked(), [&*format!("status {JOB}"); 3]);
}

#[test]
fn a_job_whose_initialisation_failed_is_the_error_that_it_failed_of() {
    let wrapped = |cause: &str| {
        let class = "org.apache.flink.runtime.client.JobInitializationException";
        thrown(class, &format!("{class}: Could not start the JobMaster.\nCaused by: {cause}\n"))
    };
    for (cause, kind) in [
        ("java.lang.IllegalStateException: no such table", ErrorKind::JobInitializationFailed),
        (
            "java.io.FileNotFoundException: Cannot find checkpoint or savepoint file/directory '/s' on file system 'file'.",
            ErrorKind::SavepointNotFound,
        ),
    ] {
        let client = Double::default()
            .with_statuses([JobStatus::Initializing, JobStatus::Failed])
            .with_result(result(ApplicationStatus::Failed, wrapped(cause)));
        let error = attach(&client).wait_until_initialized().wait().unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.stack_trace().is_some_and(|trace| trace.contains(cause)));
    }
}

#[test]
fn a_job_that_failed_later_was_initialised() {
    let cause = thrown("com.acme.BadRecord", "com.acme.BadRecord: record 21 is one too many\n");
    let client = Double::default()
        .with_statuses([JobStatus::Failed])
        .with_result(result(ApplicationStatus::Failed, cause));
    attach(&client).wait_until_initialized().wait().unwrap();
}

#[test]
fn a_provider_that_fails_fails_the_operation_and_is_asked_again_by_the_next() {
    let attempts = AtomicUsize::new(0);
    let provider =
        LazyClusterClientProvider::new("double", move || match attempts.fetch_add(1, Ordering::SeqCst) {
            0 => Err(Error::new(ErrorKind::Unavailable, "no leader")),
            _ => Ok(Double::default()),
        });
    let job = ClusterClientJobClientAdapter::new(Arc::new(provider), job_id());
    let error = job.clone().cancel().wait().unwrap_err();
    assert_eq!((error.kind(), error.job_id()), (ErrorKind::Unavailable, Some(job_id())));
    job.cancel().wait().unwrap();
    assert!(format!("{job:?}").contains(JOB), "{job:?}");
}
