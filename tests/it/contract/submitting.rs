//! Submitting a jar.

use std::sync::{Arc, Mutex};

use flink_client::{ClusterClientExt, ErrorKind, ExecutionPlan, JobId, JobStatus};

use super::scene::{Job, Soon, names, of_kind, plan, until};
use super::{APPLICATIONS, Target};

pub(crate) fn arguments_reach_the_program_as_they_are(t: &dyn Target) {
    let name = "two words, 'single' and \"double\" quotes, a \\ and a $HOME, ünïcödé";
    let job = Job::submitted(t, "Accumulators", &["--records", "7", "--name", name]);
    assert_eq!(job.result().accumulators.value("ints").unwrap().as_i64(), Some(7));
    let jobs = job.client.list_jobs().done();
    assert_eq!(jobs.iter().find(|listed| listed.job_id == *job).unwrap().job_name, name);
}

pub(crate) fn the_main_class_of_the_manifest_needs_no_name(t: &dyn Target) {
    let plan = ExecutionPlan::jar(t.jobs_jar_with_main()).arg("--records").arg("5");
    let job = Job::of_plan(t, plan);
    assert_eq!(job.result().accumulators.value("ints").unwrap().as_i64(), Some(5));
}

pub(crate) fn a_job_has_the_id_that_was_chosen_for_it(t: &dyn Target) {
    let id = JobId::random();
    let job = Job::of_plan(t, plan(t, "Accumulators", &[]).job_id(id));
    assert_eq!(*job, id);
    assert_eq!(job.result().job_id, id);
}

pub(crate) fn parallelism_and_configuration_reach_the_job(t: &dyn Target) {
    let plan = plan(t, "Stateful", &[])
        .parallelism(3)
        .configuration("pipeline.max-parallelism", "77")
        .configuration("restart-strategy.type", "none");
    let job = Job::of_plan(t, plan);
    job.client.wait_until_running(*job).done();
    let details = until("the job's vertices", || {
        let details = job.client.job_details(*job).done();
        (!details.vertices.is_empty()).then_some(details)
    });
    for vertex in &details.vertices {
        assert_eq!((vertex.parallelism, vertex.max_parallelism), (3, Some(77)), "{vertex:?}");
    }
}

pub(crate) fn an_upload_tells_its_progress(t: &dyn Target) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&seen);
    let plan =
        plan(t, "Accumulators", &[]).on_upload(move |sent, all| heard.lock().unwrap().push((sent, all)));
    Job::of_plan(t, plan).result();
    let seen = seen.lock().unwrap();
    let size = std::fs::metadata(t.jobs_jar()).unwrap().len();
    let &(sent, all) = seen.last().expect("something was said");
    assert!(sent == all && all >= size, "{seen:?}");
    assert!(seen.is_sorted(), "{seen:?}");
}

pub(crate) fn a_program_that_throws_is_a_failed_program(t: &dyn Target) {
    let id = JobId::random();
    let throwing = plan(t, "ThrowingMain", &["--message", "enough of this"]).job_id(id);
    let error = t.client().submit_job(throwing).refused(ErrorKind::ProgramFailed);
    names(&error, id);
    assert_eq!(error.exception_class(), Some("java.lang.IllegalStateException"));
    assert!(error.to_string().contains("enough of this"), "{error}");
    assert!(error.stack_trace().unwrap().contains("jobs.ThrowingMain.main"));
    t.client().job_status(id).refused(ErrorKind::JobNotFound);
}

pub(crate) fn a_program_that_executes_nothing_is_a_failed_program(t: &dyn Target) {
    let error = t.client().submit_job(plan(t, "NothingSubmitted", &[])).refused(ErrorKind::ProgramFailed);
    assert!(error.to_string().contains("No jobs included in application"), "{error}");
}

pub(crate) fn an_entry_class_that_is_missing_or_no_program_is_a_failed_program(t: &dyn Target) {
    let client = t.client();
    let error = client.submit_job(plan(t, "NoSuchClass", &[])).refused(ErrorKind::ProgramFailed);
    assert!(error.to_string().contains("jobs.NoSuchClass"), "{error}");
    let error = client.submit_job(plan(t, "LongestText", &[])).refused(ErrorKind::ProgramFailed);
    assert!(error.to_string().contains("main(String[])"), "{error}");
    let error = client.submit_job(ExecutionPlan::jar(t.jobs_jar())).refused(ErrorKind::ProgramFailed);
    assert!(error.to_string().contains("Main-Class"), "{error}");
}

/// A job's id is chosen before it is submitted, and all jobs of the program get it: Flink 2.3 refuses the second one,
/// earlier ones take it for the first one once more.
pub(crate) fn a_program_of_two_jobs_runs_the_first(t: &dyn Target) {
    let submitted = t.client().submit_job(plan(t, "TwoJobs", &["--prefix", "no more than the "])).soon();
    let id = if t.flink() >= APPLICATIONS {
        let error = of_kind(submitted.unwrap_err(), ErrorKind::ProgramFailed);
        assert!(error.to_string().contains("more than one job"), "{error}");
        error.job_id().expect("the first job")
    } else {
        submitted.unwrap()
    };
    let job = Job { client: t.client(), id };
    assert!(job.result().is_success());
    let jobs = job.client.list_jobs().done();
    let names: Vec<_> =
        jobs.iter().map(|job| &*job.job_name).filter(|name| name.starts_with("no more")).collect();
    assert_eq!(names, ["no more than the first"]);
}

pub(crate) fn a_program_of_several_jobs_runs_them_all_if_none_has_an_id_beforehand(t: &dyn Target) {
    let several = plan(t, "TwoJobs", &["--prefix", "all of them, "]).several_jobs();
    let first = Job { client: t.client(), id: t.client().submit_job(several).done() };
    assert!(first.result().is_success());
    let jobs = until("the second job's end", || {
        let mut jobs = first.client.list_jobs().done();
        jobs.retain(|job| job.job_name.starts_with("all of them, "));
        let ended = jobs.len() == 2 && jobs.iter().all(|job| job.job_state == JobStatus::Finished);
        ended.then_some(jobs)
    });
    let of_first = jobs.iter().find(|job| job.job_id == *first).expect("it is listed");
    assert_eq!(of_first.job_name, "all of them, first");
}

pub(crate) fn an_initialisation_that_fails_refuses_the_job(t: &dyn Target) {
    let id = JobId::random();
    let broken = plan(t, "SlowStart", &["--init-millis", "0", "--init-fails"]).job_id(id);
    let error = t.client().submit_job(broken).refused(ErrorKind::JobInitializationFailed);
    names(&error, id);
    assert!(error.to_string().contains("the output cannot be initialised"), "{error}");
    assert_eq!(error.exception_class(), Some("java.io.IOException"));
}

pub(crate) fn the_id_of_a_running_job_is_taken(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let again = plan(t, "Accumulators", &[]).job_id(*job);
    let error = job.client.submit_job(again).refused(ErrorKind::DuplicateJob);
    names(&error, *job);
    assert_eq!(job.status(), JobStatus::Running, "the first job is left alone");
}

pub(crate) fn the_id_of_a_finished_job_is_taken(t: &dyn Target) {
    let job = Job::finished(t);
    let again = plan(t, "Accumulators", &[]).job_id(*job);
    names(&job.client.submit_job(again).refused(ErrorKind::DuplicateJob), *job);
    assert_eq!(job.status(), JobStatus::Finished);
}

pub(crate) fn what_cannot_be_is_refused_before_anything_is_sent(t: &dyn Target) {
    let client = t.client();
    let error =
        client.submit_job(plan(t, "Stateful", &[]).parallelism(0)).refused(ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("parallelism"), "{error}");
    client.submit_job(plan(t, "Stateful", &[]).savepoint(" ")).refused(ErrorKind::InvalidArgument);
    let error = client
        .submit_job(ExecutionPlan::jar(t.folder("nothing-there").join("no-such.jar")))
        .refused(ErrorKind::LocalFile);
    assert!(error.to_string().contains("no-such.jar"), "{error}");
    assert!(std::error::Error::source(&error).is_some(), "what the system said");
}
