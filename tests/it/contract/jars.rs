//! Jars in the cluster: those that stay, and those that must not.

use std::path::{Path, PathBuf};

use flink_client::{ClusterClient, ErrorKind, ExecutionPlan, JobId};

use super::scene::{Job, Soon, names, until};
use super::{Rest, Target};

/// The jobs' jar under a name that no other test uses.
fn own_jar(t: &dyn Target, name: &str) -> PathBuf {
    let copy = t.folder("jars").join(format!("{name}.jar"));
    std::fs::copy(t.jobs_jar(), &copy).unwrap();
    copy
}

/// How many jars in the cluster were made of this file.
#[track_caller]
fn left_of(rest: &Rest, file: &Path) -> usize {
    let stem = file.file_stem().unwrap().to_str().unwrap();
    rest.list_jars().done().iter().filter(|jar| jar.name.starts_with(stem)).count()
}

pub(crate) fn an_uploaded_jar_is_listed_run_and_deleted(t: &dyn Target) {
    let rest = t.rest();
    let jar = rest.upload_jar(own_jar(t, "uploaded")).done();
    let listed = rest.list_jars().done();
    let listed = listed.iter().find(|listed| listed.id == jar).expect("the jar is listed");
    assert_eq!(listed.name, "uploaded.jar");
    let run = || ExecutionPlan::uploaded_jar(&jar).entry_class("jobs.Accumulators").arg("--records").arg("3");
    let job = Job::of_plan(t, run());
    assert_eq!(job.result().accumulators.value("ints").unwrap().as_i64(), Some(3));
    assert!(rest.list_jars().done().iter().any(|listed| listed.id == jar), "it stays");

    rest.delete_jar(&jar).done();
    assert!(!rest.list_jars().done().iter().any(|listed| listed.id == jar));
    let error = rest.delete_jar(&jar).refused(ErrorKind::JarNotFound);
    assert_eq!(error.jar_id(), Some(&*jar));
    let id = JobId::random();
    let error = rest.submit_job(run().job_id(id)).refused(ErrorKind::JarNotFound);
    assert_eq!((error.job_id(), error.jar_id()), (Some(id), Some(&*jar)));
    assert!(error.to_string().contains("upload the jar again"), "{error}");
    let error = rest.jar_plan(&run()).refused(ErrorKind::JarNotFound);
    assert!(error.to_string().contains(&*jar), "{error}");
}

pub(crate) fn the_main_class_is_listed_with_its_jar(t: &dyn Target) {
    let rest = t.rest();
    let jar = rest.upload_jar(t.jobs_jar_with_main()).done();
    let listed = rest.list_jars().done().into_iter().find(|listed| listed.id == jar).unwrap();
    assert_eq!(listed.entries.iter().map(|entry| &*entry.name).collect::<Vec<_>>(), ["jobs.Accumulators"]);
    rest.delete_jar(&jar).done();
}

pub(crate) fn what_is_no_jar_is_refused_by_its_name(t: &dyn Target) {
    let rest = t.rest();
    let file = t.folder("jars").join("notes.txt");
    std::fs::write(&file, "not a jar").unwrap();
    let error = rest.upload_jar(&file).refused(ErrorKind::InvalidRequest);
    assert!(error.to_string().contains("Only Jar files are allowed"), "{error}");
    rest.upload_jar(t.folder("jars").join("no-such.jar")).refused(ErrorKind::LocalFile);
}

pub(crate) fn odd_names_reach_the_cluster_and_come_back(t: &dyn Target) {
    let rest = t.rest();
    for name in ["two words", "100%", "ümläut", "a+b&c#d", "%2e%2e%2f"] {
        let jar = rest.upload_jar(own_jar(t, name)).done();
        let listed = rest.list_jars().done().into_iter().find(|listed| listed.id == jar);
        assert_eq!(listed.unwrap().name, format!("{name}.jar"));
        rest.delete_jar(&jar).done();
        assert!(!rest.list_jars().done().iter().any(|listed| listed.id == jar), "{name}");
    }
}

pub(crate) fn a_jar_id_cannot_leave_its_place_in_the_path(t: &dyn Target) {
    let rest = t.rest();
    for id in ["..", ".", "", "../../jobs", "no/such.jar", "no\\such.jar", "a\r\nb"] {
        rest.delete_jar(id).refused(ErrorKind::InvalidArgument);
        let plan = || ExecutionPlan::uploaded_jar(id).entry_class("jobs.Accumulators");
        rest.jar_plan(&plan()).refused(ErrorKind::InvalidArgument);
        rest.submit_job(plan()).refused(ErrorKind::InvalidArgument);
    }
    for id in ["?mode=x", "%2e%2e", "%2e%2e%2fjobs", "%252e%252e", "a b+c"] {
        rest.delete_jar(id).refused(ErrorKind::JarNotFound);
    }
}

pub(crate) fn a_jars_plan_is_its_graph_and_runs_nothing(t: &dyn Target) {
    let rest = t.rest();
    let jar = rest.upload_jar(own_jar(t, "planned")).done();
    let of = |entry: &str| ExecutionPlan::uploaded_jar(&jar).entry_class(format!("jobs.{entry}"));
    let id = JobId::random();
    let graph = rest.jar_plan(&of("Stateful").parallelism(5).job_id(id)).done();
    assert!(!graph.nodes.is_empty());
    assert!(graph.nodes.iter().all(|node| node.parallelism == 5), "{graph:?}");
    rest.job_status(id).refused(ErrorKind::JobNotFound);

    let error =
        rest.jar_plan(&of("ThrowingMain").arg("--message").arg("no plan")).refused(ErrorKind::ProgramFailed);
    assert!(error.to_string().contains("no plan"), "{error}");
    rest.jar_plan(&of("NothingSubmitted")).refused(ErrorKind::ProgramFailed);
    rest.jar_plan(&of("NoSuchClass")).refused(ErrorKind::ProgramFailed);
    rest.delete_jar(&jar).done();

    // A jar that is only here is there for no longer than it takes.
    let local = own_jar(t, "planned-from-here");
    let graph = rest.jar_plan(&ExecutionPlan::jar(&local).entry_class("jobs.Stateful").parallelism(5)).done();
    assert!(graph.nodes.iter().all(|node| node.parallelism == 5), "{graph:?}");
    assert_eq!(left_of(&rest, &local), 0);
}

pub(crate) fn a_submitted_jar_is_removed_again(t: &dyn Target) {
    let (rest, jar) = (t.rest(), own_jar(t, "removed-after-success"));
    let job = Job::of_plan(t, ExecutionPlan::jar(&jar).entry_class("jobs.Accumulators"));
    assert_eq!(left_of(&rest, &jar), 0);
    assert!(job.result().is_success(), "the job does not need it any more");
}

pub(crate) fn the_jar_of_a_failed_submission_is_removed(t: &dyn Target) {
    let (rest, jar) = (t.rest(), own_jar(t, "removed-after-failure"));
    let of = |entry: &str| ExecutionPlan::jar(&jar).entry_class(format!("jobs.{entry}"));
    let missing = of("Stateful").savepoint("/no/such/savepoint");
    let broken = of("SlowStart").args(["--init-millis", "0", "--init-fails"]);
    for (plan, kind) in [
        (of("ThrowingMain"), ErrorKind::ProgramFailed),
        (of("NothingSubmitted"), ErrorKind::ProgramFailed),
        (of("NoSuchClass"), ErrorKind::ProgramFailed),
        (missing, ErrorKind::SavepointNotFound),
        (broken, ErrorKind::JobInitializationFailed),
    ] {
        rest.submit_job(plan).refused(kind);
        assert_eq!(left_of(&rest, &jar), 0, "{kind:?}");
    }
}

pub(crate) fn the_jar_of_a_submission_that_nobody_waits_for_is_removed(t: &dyn Target) {
    let (rest, jar) = (t.rest(), own_jar(t, "removed-after-drop"));
    let id = JobId::random();
    let slow =
        ExecutionPlan::jar(&jar).entry_class("jobs.SlowStart").args(["--init-millis", "1000"]).job_id(id);
    drop(rest.submit_job(slow));
    let job = Job { client: t.client(), id };
    until("the job", || job.client.job_status(id).soon().ok());
    until("the jar to be gone", || (left_of(&rest, &jar) == 0).then_some(()));
}

pub(crate) fn the_jar_of_a_submission_whose_client_closes_is_removed(t: &dyn Target) {
    let (rest, jar) = (t.rest(), own_jar(t, "removed-after-close"));
    let id = JobId::random();
    let slow =
        ExecutionPlan::jar(&jar).entry_class("jobs.SlowStart").args(["--init-millis", "1500"]).job_id(id);
    let closing = t.rest();
    let submitting = closing.submit_job(slow);
    let job = Job { client: t.client(), id };
    until("the job", || job.client.job_status(id).soon().ok());
    assert_eq!(left_of(&rest, &jar), 1, "its answer is still out");
    closing.close();
    names(&submitting.refused(ErrorKind::Closed), id);
    until("the jar to be gone", || (left_of(&rest, &jar) == 0).then_some(()));
}
