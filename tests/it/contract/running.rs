//! Waiting until a job really runs.

use flink_client::{ClusterClientExt, ErrorKind, JobStatus, SavepointFormatType};

use super::Target;
use super::scene::{Job, Soon, directory, is_complete, names};

pub(crate) fn a_job_whose_tasks_all_run_takes_a_savepoint_at_once(t: &dyn Target) {
    let job = Job::initializing(t);
    job.client.wait_until_running(*job).done();
    let folder = directory(t, "at-once");
    let path = job.client.trigger_savepoint(*job, Some(&folder), SavepointFormatType::Canonical).done();
    assert!(is_complete(&path));
}

pub(crate) fn a_running_job_is_not_waited_for(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    job.client.wait_until_running(*job).done();
    assert_eq!(job.status(), JobStatus::Running);
}

pub(crate) fn a_job_that_has_ended_will_not_run(t: &dyn Target) {
    for (job, state) in
        [(Job::finished(t), "FINISHED"), (Job::failed(t), "FAILED"), (Job::cancelled(t), "CANCELED")]
    {
        let error = job.client.wait_until_running(*job).refused(ErrorKind::JobAlreadyTerminal);
        names(&error, *job);
        let outcome = format!("the job is {state}, so its tasks will not run");
        assert!(error.to_string().contains(&outcome), "{error}");
    }
}

pub(crate) fn a_wait_for_a_job_that_restarts_goes_on_until_it_ends(t: &dyn Target) {
    let job = Job::restarting(t);
    let waiting = job.client.wait_until_running(*job);
    job.client.list_jobs().done();
    let waiting = waiting.try_wait().expect_err("it does not run");
    job.client.cancel(*job).done();
    let error = waiting.refused(ErrorKind::JobAlreadyTerminal);
    assert!(error.to_string().contains("CANCELED"), "{error}");
}

pub(crate) fn a_job_without_slots_does_not_run_although_its_status_says_so(t: &dyn Target) {
    let scarce = t.scarce();
    let job = Job::submitted(&*scarce, "TooManySlots", &["--restarts", "0"]);
    let error = job.client.wait_until_running(*job).refused(ErrorKind::JobAlreadyTerminal);
    names(&error, *job);
    assert!(error.to_string().contains("FAILED"), "{error}");
}
