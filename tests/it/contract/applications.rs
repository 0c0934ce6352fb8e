//! Applications, which Flink has from 2.3 on.

use flink_client::{ApplicationId, ApplicationState, ClusterClientExt, ErrorKind, ExecutionPlan, JobStatus};

use super::scene::{Job, Soon, until};
use super::{APPLICATIONS, Rest, Target};

pub(crate) fn a_server_without_applications_says_so(t: &dyn Target) {
    if t.flink() >= APPLICATIONS {
        // There they are.
        t.rest().list_applications().done();
        return;
    }
    let (rest, id) = (t.rest(), ApplicationId::random());
    rest.list_applications().refused(ErrorKind::Unsupported);
    rest.application(id).refused(ErrorKind::Unsupported);
    rest.application_exceptions(id).refused(ErrorKind::Unsupported);
    rest.cancel_application(id).refused(ErrorKind::Unsupported);
    let jar = rest.upload_jar(t.jobs_jar()).done();
    let plan = ExecutionPlan::uploaded_jar(&jar).entry_class("jobs.Accumulators");
    rest.run_application(plan).refused(ErrorKind::Unsupported);
    rest.delete_jar(&jar).done();
}

#[track_caller]
fn reach(rest: &Rest, id: ApplicationId, state: ApplicationState) {
    until("the application's end", || (rest.application(id).done().status == state).then_some(()));
}

pub(crate) fn an_application_runs_every_job_of_its_program(t: &dyn Target) {
    if t.flink() < APPLICATIONS {
        return a_server_without_applications_says_so(t);
    }
    let rest = t.rest();
    let jar = rest.upload_jar(t.jobs_jar()).done();
    let of = |entry: &str| ExecutionPlan::uploaded_jar(&jar).entry_class(format!("jobs.{entry}"));
    let id = rest.run_application(of("TwoJobs")).done();
    reach(&rest, id, ApplicationState::Finished);
    let application = rest.application(id).done();
    let mut names: Vec<_> = application.jobs.iter().map(|job| &*job.job_name).collect();
    names.sort_unstable();
    assert_eq!(names, ["first", "second"]);
    assert!(application.jobs.iter().all(|job| job.job_state == JobStatus::Finished));
    assert!(application.end_time.is_some());
    let listed = rest.list_applications().done();
    let listed = listed.iter().find(|listed| listed.id == id).expect("it is listed");
    assert_eq!(
        (listed.status, listed.jobs.get(&JobStatus::Finished)),
        (ApplicationState::Finished, Some(&2))
    );
    assert!(rest.application_exceptions(id).done().entries.is_empty());

    let id = rest.run_application(of("ThrowingMain").arg("--message").arg("not today")).done();
    reach(&rest, id, ApplicationState::Failed);
    let exceptions = rest.application_exceptions(id).done();
    assert!(exceptions.entries[0].stack_trace.contains("not today"), "{exceptions:?}");

    let error = rest.run_application(of("NoSuchClass")).refused(ErrorKind::ProgramFailed);
    assert!(error.to_string().contains("jobs.NoSuchClass"), "{error}");
    rest.delete_jar(&jar).done();
    rest.run_application(of("TwoJobs")).refused(ErrorKind::JarNotFound);
}

pub(crate) fn a_cancelled_application_cancels_its_job(t: &dyn Target) {
    if t.flink() < APPLICATIONS {
        return a_server_without_applications_says_so(t);
    }
    let rest = t.rest();
    let job = Job::running(t, "Stateful", &[]);
    let id = job.client.job_details(*job).done().application_id.expect("every job has one");
    assert_eq!(rest.application(id).done().status, ApplicationState::Running);
    rest.cancel_application(id).done();
    reach(&rest, id, ApplicationState::Canceled);
    job.reach(JobStatus::Canceled);
    job.client.cancel_if_running(*job).done();
    rest.cancel_application(id).refused(ErrorKind::NotFound);
}

pub(crate) fn an_unknown_application_is_not_found(t: &dyn Target) {
    if t.flink() < APPLICATIONS {
        return a_server_without_applications_says_so(t);
    }
    let (rest, id) = (t.rest(), ApplicationId::random());
    let error = rest.application(id).refused(ErrorKind::NotFound);
    assert!(error.to_string().contains(&id.to_string()), "{error}");
    rest.application_exceptions(id).refused(ErrorKind::NotFound);
    rest.cancel_application(id).refused(ErrorKind::NotFound);
}
