//! Serialised graphs, as Java's client makes and sends them.

use std::path::PathBuf;

use flink_client::{ClusterClient, ErrorKind, ExecutionPlan, JobId, JobStatus};

use super::lossy::Lossy;
use super::scene::{Job, Soon, names, until};
use super::{FLINK_2, Target};

/// Has Java write a graph with this id.
#[track_caller]
fn graph(t: &dyn Target, kind: &str, id: JobId, more: &[&str]) -> PathBuf {
    let file = t.folder("graphs").join(format!("{id}.graph"));
    let (out, id) = (file.display().to_string(), id.to_string());
    let arguments = [&["--plan", kind, "--job-id", &id, "--out", &out], more].concat();
    assert_eq!(t.run_java("jobs.WritePlan", &arguments), id);
    file
}

pub(crate) fn a_job_graph_runs_as_the_job_that_it_names(t: &dyn Target) {
    let id = JobId::random();
    let plan = ExecutionPlan::serialized(graph(t, "job-graph", id, &["--name", "from a graph"]));
    let job = Job::of_plan(t, plan.with_jar(t.jobs_jar()));
    assert_eq!(*job, id);
    assert_eq!(job.result().accumulators.value("longs").unwrap().as_i64(), Some(5050));
    let jobs = job.client.list_jobs().done();
    assert_eq!(jobs.iter().find(|listed| listed.job_id == id).unwrap().job_name, "from a graph");
}

/// Flink 1.x has no stream graphs that could be sent.
/// The kinds of graphs that are taken.
fn kinds(t: &dyn Target) -> &'static [&'static str] {
    if t.flink() >= FLINK_2 { &["job-graph", "stream-graph"] } else { &["job-graph"] }
}

pub(crate) fn a_stream_graph_runs_where_flink_takes_it(t: &dyn Target) {
    let id = JobId::random();
    let kind = if t.flink() >= FLINK_2 { "stream-graph" } else { "job-graph" };
    let plan = ExecutionPlan::serialized(graph(t, kind, id, &[])).with_jar(t.jobs_jar()).job_id(id);
    let job = Job::of_plan(t, plan);
    assert_eq!(*job, id);
    assert_eq!(job.result().accumulators.value("longs").unwrap().as_i64(), Some(5050));
}

pub(crate) fn artifacts_reach_the_tasks(t: &dyn Target) {
    for kind in kinds(t) {
        let id = JobId::random();
        let folder = t.folder("artifacts");
        let known_to_java = folder.join(format!("{id}.txt"));
        std::fs::write(&known_to_java, "read by Java").unwrap();
        let cached = known_to_java.display().to_string();
        let file = graph(t, kind, id, &["--job", "cached", "--cache-file", &cached]);
        // Were it read where Java found it, it would say something else, or nothing.
        std::fs::remove_file(&known_to_java).unwrap();
        let sent = folder.join("words.txt");
        std::fs::write(&sent, "sent along").unwrap();
        let plan = ExecutionPlan::serialized(file).with_jar(t.jobs_jar()).with_artifact("words", &sent);
        let result = Job::of_plan(t, plan).result();
        assert!(result.is_success(), "{result:?}");
        let words = result.accumulators.value("words").unwrap();
        assert_eq!(words.as_list().unwrap()[0].as_str(), Some("sent along"));
    }
}

pub(crate) fn jars_of_one_name_are_all_there(t: &dyn Target) {
    let id = JobId::random();
    let mut plan = ExecutionPlan::serialized(graph(t, "job-graph", id, &[]));
    for folder in ["first", "second"] {
        let jar = t.folder("same-name").join(folder).join("jobs.jar");
        std::fs::create_dir_all(jar.parent().unwrap()).unwrap();
        // Only the second one has what the job needs.
        match folder {
            "first" => std::fs::copy(t.jobs_jar_with_main(), &jar).unwrap(),
            _ => std::fs::copy(t.jobs_jar(), &jar).unwrap(),
        };
        plan = plan.with_jar(jar);
    }
    assert!(Job::of_plan(t, plan).result().is_success());
}

pub(crate) fn a_graph_without_its_jar_is_a_job_that_fails(t: &dyn Target) {
    let id = JobId::random();
    let client = t.client();
    let submitted = client.submit_job(ExecutionPlan::serialized(graph(t, "job-graph", id, &[]))).done();
    assert_eq!(submitted, id);
    let cause = client.job_result(id).done().failure_cause.expect("a cause");
    assert!(cause.stack_trace.contains("jobs."), "{}", cause.stack_trace);
}

pub(crate) fn a_graph_whose_job_is_there_already_is_a_duplicate(t: &dyn Target) {
    let id = JobId::random();
    let file = graph(t, "job-graph", id, &["--job", "stateful"]);
    let plan = || ExecutionPlan::serialized(&file).with_jar(t.jobs_jar());
    let job = Job::of_plan(t, plan());
    let error = job.client.submit_job(plan().job_id(id)).refused(ErrorKind::DuplicateJob);
    names(&error, id);
    // The graph itself says which job it is.
    let error = job.client.submit_job(plan()).refused(ErrorKind::DuplicateJob);
    assert_eq!(error.job_id(), Some(id), "{error:?}");
    until("the job to run", || (job.status() == JobStatus::Running).then_some(()));
    job.client.cancel(id).done();
    job.result();
    job.client.submit_job(plan()).refused(ErrorKind::DuplicateJob);
}

pub(crate) fn what_is_no_graph_is_refused(t: &dyn Target) {
    let client = t.client();
    let file = t.folder("graphs").join("garbage.graph");
    std::fs::write(&file, "no graph at all").unwrap();
    let error = client.submit_job(ExecutionPlan::serialized(&file)).refused(ErrorKind::InvalidRequest);
    assert!(error.to_string().contains("Failed to deserialize"), "{error}");
    assert_eq!(error.job_id(), None, "nobody knows: {error:?}");

    let error = client
        .submit_job(ExecutionPlan::serialized(t.folder("graphs").join("no-such.graph")))
        .refused(ErrorKind::LocalFile);
    assert!(error.to_string().contains("no-such.graph"), "{error}");
    client
        .submit_job(ExecutionPlan::serialized(&file).with_jar(t.folder("graphs").join("no-such.jar")))
        .refused(ErrorKind::LocalFile);
    let error = client
        .submit_job(ExecutionPlan::serialized(&file).parallelism(2))
        .refused(ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("parallelism"), "{error}");
}

pub(crate) fn a_graph_whose_answer_was_lost_is_found_by_the_id_inside_it(t: &dyn Target) {
    for kind in kinds(t) {
        let id = JobId::random();
        let plan = ExecutionPlan::serialized(graph(t, kind, id, &[])).with_jar(t.jobs_jar());
        let lossy = Lossy::losing(t, "POST /jobs ");
        assert_eq!(lossy.client().submit_job(plan).done(), id, "{kind}");
        assert_eq!(lossy.requests(), 1, "it is looked for, not sent again");
        assert!(t.client().job_result(id).done().is_success());
    }
}
