//! How a job ended, for those who want to know and for those who want it to have ended well.

use flink_client::{
    ApplicationStatus, ClusterClientExt, ErrorKind, JobId, JobStatus, Pending, SavepointFormatType,
};

use super::scene::{Job, Soon, directory, names, plan, until};
use super::{APPLICATIONS, Target};

pub(crate) fn a_finished_job_succeeded_with_its_accumulators(t: &dyn Target) {
    let job = Job::submitted(t, "Accumulators", &["--name", "a result"]);
    let result = job.result();
    assert_eq!(result.job_id, *job);
    assert_eq!(result.application_status, ApplicationStatus::Succeeded);
    assert!(result.is_success() && result.failure_cause.is_none());
    assert_eq!(result.accumulators.value("longs").unwrap().as_i64(), Some(5050));
    if t.flink() >= APPLICATIONS {
        assert_eq!(result.job_name.as_deref(), Some("a result"));
        assert!(result.application_id.is_some());
        let (start, end) = (result.start_time.unwrap(), result.end_time.unwrap());
        assert_eq!(u128::try_from(end - start).unwrap(), result.net_runtime.as_millis());
    } else {
        assert_eq!((&result.job_name, result.application_id), (&None, None));
    }
}

pub(crate) fn a_finished_job_has_an_execution_result(t: &dyn Target) {
    let job = Job::submitted(t, "Accumulators", &[]);
    let result = job.client.execution_result(*job).done();
    assert_eq!(result.job_id, *job);
    assert_eq!(result.accumulators.value("ints").unwrap().as_i64(), Some(100));
    assert_eq!(result.net_runtime, job.result().net_runtime);
}

pub(crate) fn a_failed_job_is_a_result_with_its_cause(t: &dyn Target) {
    let job = Job::submitted(t, "Failing", &["--records", "3", "--restarts", "0"]);
    let result = job.result();
    assert_eq!(result.application_status, ApplicationStatus::Failed);
    let cause = result.failure_cause.expect("a cause");
    assert_eq!(cause.class, "org.apache.flink.runtime.JobException");
    assert_eq!(cause.root_class, "jobs.Failing$Broke");
    assert_eq!(cause.root_message, "broke after 3 records");
    assert!(cause.stack_trace.contains("Caused by: jobs.Failing$Broke"), "{}", cause.stack_trace);
    let line = cause.to_string();
    assert!(line.contains("broke after 3 records") && !line.contains('\n'), "{line}");
    assert_eq!(result.accumulators.value("seen").unwrap().as_i64(), Some(3), "a failed job keeps them");
}

pub(crate) fn a_failed_job_has_no_execution_result(t: &dyn Target) {
    let job = Job::submitted(t, "Failing", &["--records", "3", "--restarts", "0"]);
    let error = job.client.execution_result(*job).refused(ErrorKind::JobFailed);
    names(&error, *job);
    assert!(error.to_string().starts_with(&format!("Job failed (JobID: {})", job.id)), "{error}");
    assert!(error.to_string().contains("broke after 3 records"), "{error}");
    assert_eq!(error.exception_class(), Some("jobs.Failing$Broke"));
    assert!(error.stack_trace().unwrap().contains("Caused by: jobs.Failing$Broke"));
}

pub(crate) fn what_went_wrong_in_a_job_is_told_latest_first(t: &dyn Target) {
    let job =
        Job::submitted(t, "Failing", &["--records", "3", "--restarts", "1", "--restart-delay-millis", "1"]);
    job.result();
    let history = until("both exceptions", || {
        Some(job.client.job_exceptions(*job).done()).filter(|history| history.entries.len() >= 2)
    });
    assert_eq!(history.entries.len(), 2);
    assert!(history.entries[0].timestamp >= history.entries[1].timestamp);
    for entry in &history.entries {
        assert_eq!(entry.cause().root_message, "broke after 3 records");
    }
    let fine = Job::running(t, "Stateful", &[]);
    assert!(fine.client.job_exceptions(*fine).done().entries.is_empty());
}

pub(crate) fn a_job_that_restarts_says_why(t: &dyn Target) {
    let job = Job::restarting(t);
    let history = until("the exception", || {
        Some(job.client.job_exceptions(*job).done()).filter(|history| !history.entries.is_empty())
    });
    assert_eq!(history.entries[0].cause().root_message, "broke after 3 records");
    assert!(history.entries[0].task_name.is_some(), "{history:?}");
    assert_eq!(job.status(), JobStatus::Restarting);
}

pub(crate) fn a_wait_that_is_given_up_tells_the_jobs_last_state(t: &dyn Target) {
    let job = Job::restarting(t);
    let wait = job.client.job_result(*job);
    let seen = || wait.progress().filter(|progress| progress.job_status == Some(JobStatus::Restarting));
    let progress = until("the job's state", seen);
    assert!(progress.to_string().contains("RESTARTING"), "{progress}");
    let error = wait.timeout(std::time::Duration::from_millis(1)).refused(ErrorKind::Timeout);
    names(&error, *job);
    assert_eq!(error.job_status(), Some(JobStatus::Restarting));
    assert!(error.to_string().contains("last seen RESTARTING"), "{error}");
}

pub(crate) fn restarts_that_are_used_up_fail_the_job_with_its_last_cause(t: &dyn Target) {
    let arguments = ["--records", "2", "--restarts", "2", "--restart-delay-millis", "1"];
    let job = Job::submitted(t, "Failing", &arguments);
    let cause = job.result().failure_cause.expect("a cause");
    assert!(cause.message.contains("maxNumberRestartAttempts=2"), "{cause:?}");
    assert_eq!(cause.root_class, "jobs.Failing$Broke");
}

pub(crate) fn a_cancelled_job_is_a_result_and_no_execution_result(t: &dyn Target) {
    let job = Job::cancelled(t);
    let result = job.result();
    assert_eq!(result.application_status, ApplicationStatus::Canceled);
    assert!(result.failure_cause.is_none());
    let error = job.client.execution_result(*job).refused(ErrorKind::JobCancelled);
    names(&error, *job);
    assert!(error.stack_trace().is_none());
}

pub(crate) fn a_job_cancelled_while_it_restarts_is_cancelled(t: &dyn Target) {
    let job = Job::restarting(t);
    job.client.cancel(*job).done();
    assert_eq!(job.result().application_status, ApplicationStatus::Canceled);
}

pub(crate) fn a_job_cancelled_while_it_initialises_is_cancelled(t: &dyn Target) {
    let job = Job::initializing(t);
    job.client.cancel(*job).done();
    assert_eq!(job.result().application_status, ApplicationStatus::Canceled);
}

pub(crate) fn a_job_cancelled_while_it_waits_for_slots_is_cancelled(t: &dyn Target) {
    let own = t.dedicated(&[("slot.request.timeout", "10 min")]);
    let job = Job::submitted(&*own, "TooManySlots", &[]);
    assert_eq!(job.status(), JobStatus::Running, "it says so without a task");
    job.client.cancel(*job).done();
    assert_eq!(job.result().application_status, ApplicationStatus::Canceled);
}

pub(crate) fn a_stopped_job_succeeded(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let folder = directory(t, "stopped-job");
    job.client.stop_with_savepoint(*job, false, Some(&folder), SavepointFormatType::Canonical).done();
    assert_eq!(job.result().application_status, ApplicationStatus::Succeeded);
    assert!(job.client.execution_result(*job).done().accumulators.value("count").unwrap().as_i64() > Some(0));
}

pub(crate) fn a_job_that_gets_no_slots_fails_for_want_of_resources(t: &dyn Target) {
    let scarce = t.scarce();
    let job = Job::submitted(&*scarce, "TooManySlots", &["--restarts", "0"]);
    let error = job.client.execution_result(*job).refused(ErrorKind::NoResources);
    names(&error, *job);
    assert!(error.is_resource());
    assert!(error.to_string().contains("add TaskManagers or slots"), "{error}");
    let cause = job.result().failure_cause.expect("a cause");
    assert!(cause.stack_trace.contains("NoResourceAvailableException"), "{}", cause.stack_trace);
}

pub(crate) fn a_job_whose_initialisation_failed_is_a_failed_result(t: &dyn Target) {
    let (client, id) = (t.client(), JobId::random());
    let broken = plan(t, "SlowStart", &["--init-millis", "0", "--init-fails"]).job_id(id);
    client.submit_job(broken).refused(ErrorKind::JobInitializationFailed);
    let result = client.job_result(id).done();
    assert_eq!(result.application_status, ApplicationStatus::Failed);
    let cause = result.failure_cause.expect("a cause");
    assert_eq!(cause.root_message, "the output cannot be initialised");
    assert_eq!(client.job_status(id).done(), JobStatus::Failed);
    let error = client.execution_result(id).refused(ErrorKind::JobInitializationFailed);
    names(&error, id);
}

pub(crate) fn a_result_is_waited_for(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let waiting = job.client.job_result(*job);
    // A request that is answered shows that time has passed in the cluster as well.
    assert_eq!(job.status(), JobStatus::Running);
    let waiting = waiting.try_wait().expect_err("the job has not ended");
    job.client.cancel(*job).done();
    assert_eq!(waiting.done().application_status, ApplicationStatus::Canceled);
}

pub(crate) fn many_waits_end_with_their_own_jobs(t: &dyn Target) {
    let (ends, runs) = (Job::finished(t), Job::running(t, "Stateful", &[]));
    let client = t.client();
    let mut waits: Vec<_> =
        (0..40).map(|at| client.job_result(if at < 20 { *ends } else { *runs })).collect();
    let running = waits.split_off(20);
    for result in Pending::all(waits).done() {
        assert_eq!((result.job_id, result.is_success()), (*ends, true));
    }
    assert!(running.iter().all(|wait| !wait.is_done()));
    client.cancel(*runs).done();
    for result in Pending::all(running).done() {
        assert_eq!((result.job_id, result.is_success()), (*runs, false));
    }
}
