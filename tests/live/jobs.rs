//! Each test job does what it says, on the version under test: what other tests build on.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Environment, Http, scarce, shared, until};

const LIMIT: Duration = Duration::from_secs(120);

fn http() -> &'static Http {
    shared().http()
}

/// The jobs' jar on the shared cluster: uploaded once.
fn jar() -> &'static str {
    static JAR: OnceLock<String> = OnceLock::new();
    JAR.get_or_init(|| http().upload(&Environment::get().jobs_jar()))
}

fn run(entry: &str, arguments: &[&str]) -> String {
    http().run(jar(), entry, arguments)
}

/// The whole text of an answer: causes are nested deep in stack traces.
fn refused(entry: &str, arguments: &[&str]) -> String {
    let (status, body) = http().try_run(jar(), entry, arguments, &json!({}));
    assert!(status >= 400, "{status} {body}");
    body.to_string()
}

#[track_caller]
fn failure_of(http: &Http, job: &str) -> String {
    http.await_status(job, "FAILED");
    let (_, body) = http.get(&format!("/jobs/{job}/execution-result"));
    body["job-execution-result"]["failure-cause"]["stack-trace"].as_str().expect("a cause").to_owned()
}

#[track_caller]
fn count_of(job: &str, accumulator: &str) -> u64 {
    http().accumulator(job, accumulator).and_then(|value| value.parse().ok()).unwrap_or(0)
}

#[test]
fn accumulators_of_every_type_have_their_results() {
    let job = run("Accumulators", &["--parallelism", "2"]);
    http().await_status(&job, "FINISHED");
    for (name, value) in [
        ("ints", "100"),
        ("int-minimum", "1"),
        ("int-maximum", "100"),
        ("longs", "5050"),
        ("long-minimum", "1"),
        ("long-maximum", "100"),
        ("doubles", "2525.0"),
        ("double-minimum", "0.5"),
        ("double-maximum", "50.0"),
        ("average", "50.5"),
        ("histogram", "{0=20, 1=20, 2=20, 3=20, 4=20}"),
        ("longest", "record-100"),
    ] {
        // The job's page may be older than its status by the refresh interval.
        until(name, LIMIT, || (http().accumulator(&job, name)? == value).then_some(()));
    }
    let list = http().accumulator(&job, "list").expect("a list");
    for record in ["record-25", "record-50", "record-75", "record-100"] {
        assert!(list.contains(record), "{list}");
    }
}

#[test]
fn an_accumulator_that_does_not_merge_spoils_only_itself() {
    let job = run("Accumulators", &["--parallelism", "2", "--broken"]);
    http().await_status(&job, "FINISHED");
    until("the failed merge", LIMIT, || {
        http().accumulator(&job, "broken")?.contains("this counter does not merge").then_some(())
    });
    assert_eq!(count_of(&job, "ints"), 100);
}

#[test]
fn a_job_restored_from_a_savepoint_goes_on_counting() {
    let first = run("Stateful", &["--records-per-second", "1000"]);
    http().await_running(&first);
    until("a hundred records", LIMIT, || (count_of(&first, "count") > 100).then_some(()));
    let stopped = http().savepoint(&first, "stop", &shared().folder("savepoints"));
    let savepoint = stopped["location"].as_str().expect("a savepoint").to_owned();
    http().await_status(&first, "FINISHED");

    let more = json!({"savepointPath": savepoint});
    let (status, body) = http().try_run(jar(), "Stateful", &[], &more);
    assert_eq!(status, 200, "{body}");
    let second = body["jobid"].as_str().expect("a job id").to_owned();
    until("restored and fresh records", LIMIT, || {
        let restored = count_of(&second, "restored");
        (restored > 100 && count_of(&second, "fresh") > 0).then_some(())
    });
    http().cancel(&second);
    http().await_status(&second, "CANCELED");

    // The same state under another uid belongs to nobody.
    let (status, body) = http().try_run(jar(), "Stateful", &["--count-uid", "other"], &more);
    assert_eq!(status, 400, "{body}");
    assert!(
        body.to_string().contains("allowNonRestoredState") || body.to_string().contains("non-restored"),
        "{body}"
    );
    let more = json!({"savepointPath": savepoint, "allowNonRestoredState": true});
    let (status, body) = http().try_run(jar(), "Stateful", &["--count-uid", "other"], &more);
    assert_eq!(status, 200, "{body}");
    let third = body["jobid"].as_str().expect("a job id").to_owned();
    until("records counted from nothing", LIMIT, || (count_of(&third, "fresh") > 0).then_some(()));
    assert_eq!(count_of(&third, "restored"), 0);
    http().cancel(&third);
}

#[test]
fn a_job_with_checkpoints_completes_them() {
    let job = run("Stateful", &["--checkpoint-millis", "100"]);
    until("two checkpoints", LIMIT, || {
        let (_, body) = http().get(&format!("/jobs/{job}/checkpoints"));
        (body["counts"]["completed"].as_u64()? >= 2).then_some(())
    });
    http().cancel(&job);
}

#[test]
fn a_slow_snapshot_keeps_its_savepoint_in_progress() {
    let job = run("Stateful", &["--snapshot-millis", "1500"]);
    http().await_running(&job);
    let body = json!({"target-directory": shared().folder("slow"), "cancel-job": false});
    let (_, body) = http().post(&format!("/jobs/{job}/savepoints"), &body);
    let status = format!("/jobs/{job}/savepoints/{}", body["request-id"].as_str().expect("a trigger id"));
    assert_eq!(http().get(&status).1["status"]["id"], "IN_PROGRESS");
    let done = until("the savepoint", LIMIT, || {
        let (_, body) = http().get(&status);
        (body["status"]["id"] == "COMPLETED").then_some(body)
    });
    assert!(done["operation"]["location"].is_string(), "{done}");
    http().cancel(&job);
}

#[test]
fn a_snapshot_that_throws_fails_the_savepoint_and_the_job() {
    let job = run("Stateful", &["--snapshot-fails", "--restarts", "0"]);
    http().await_running(&job);
    let operation = http().savepoint(&job, "savepoints", &shared().folder("refused"));
    assert!(operation["failure-cause"].is_object(), "{operation}");
    assert!(failure_of(http(), &job).contains("this job takes no snapshot"));
}

#[test]
fn a_lingering_task_keeps_its_job_cancelling() {
    let job = run("Stateful", &["--close-millis", "1500"]);
    http().await_running(&job);
    http().cancel(&job);
    http().await_status(&job, "CANCELLING");
    http().await_status(&job, "CANCELED");
}

#[test]
fn a_failing_job_fails_after_its_records() {
    let job = run("Failing", &["--records", "7", "--restarts", "0"]);
    assert!(failure_of(http(), &job).contains("jobs.Failing$Broke: broke after 7 records"));
    until("its accumulator", LIMIT, || (count_of(&job, "seen") == 7).then_some(()));
}

#[test]
fn a_failing_job_with_restarts_is_restarting() {
    let job = run("Failing", &["--restarts", "1000", "--restart-delay-millis", "600000"]);
    http().await_status(&job, "RESTARTING");
    http().cancel(&job);
    http().await_status(&job, "CANCELED");
}

#[test]
fn restarts_that_are_used_up_fail_the_job() {
    let job = run("Failing", &["--records", "1", "--restarts", "2", "--restart-delay-millis", "1"]);
    let failure = failure_of(http(), &job);
    assert!(failure.contains("maxNumberRestartAttempts=2"), "{failure}");
}

#[test]
fn a_job_of_too_many_slots_fails_for_want_of_resources() {
    let http = scarce().http();
    let jar = http.upload(&Environment::get().jobs_jar());
    let job = http.run(&jar, "TooManySlots", &["--restarts", "0"]);
    let failure = failure_of(http, &job);
    assert!(failure.contains("NoResourceAvailableException"), "{failure}");
}

#[test]
fn main_methods_that_submit_nothing_are_refused() {
    let text = refused("ThrowingMain", &["--message", "enough of this"]);
    assert!(text.contains("java.lang.IllegalStateException: enough of this"), "{text}");
    let text = refused("NothingSubmitted", &[]);
    assert!(text.contains("No jobs included in application"), "{text}");
}

#[test]
fn a_main_method_with_two_jobs_runs_both() {
    let first = run("TwoJobs", &[]);
    http().await_status(&first, "FINISHED");
    let (_, body) = http().get("/jobs/overview");
    let name_of_first = body["jobs"].as_array().expect("jobs").iter().find(|job| job["jid"] == *first);
    assert_eq!(name_of_first.expect("the job")["name"], "first");
    until("the second job", LIMIT, || {
        let (_, body) = http().get("/jobs/overview");
        let jobs = body["jobs"].as_array()?;
        jobs.iter().any(|job| job["name"] == "second" && job["state"] == "FINISHED").then_some(())
    });
}

#[test]
fn a_slow_start_is_seen_initializing() {
    // The answer to a run comes only when initialisation is over, so somebody else has to ask.
    let id = "5107000000000000000000000000a001";
    let (jar, arguments) = (jar(), ["--init-millis", "2000"]);
    let runner =
        std::thread::spawn(move || http().try_run(jar, "SlowStart", &arguments, &json!({"jobId": id})));
    http().await_status(id, "INITIALIZING");
    let (status, body) = runner.join().expect("no panic");
    assert_eq!(status, 200, "{body}");
    http().await_status(id, "RUNNING");
    http().cancel(id);
}

#[test]
fn an_initialisation_that_fails_refuses_the_run() {
    let text = refused("SlowStart", &["--init-millis", "0", "--init-fails"]);
    assert!(text.contains("the output cannot be initialised"), "{text}");
}

#[test]
fn the_echo_coordinator_answers() {
    let job = run("Echo", &[]);
    http().await_running(&job);
    let ask = |text: &str| {
        let request = Environment::get().run_java("jobs.EchoRequest", &[text]);
        let body = json!({"serializedCoordinationRequest": request});
        http().post(&format!("/jobs/{job}/coordinators/{}", echo_operator()), &body)
    };
    let (status, body) = ask("hello there");
    assert_eq!(status, 200, "{body}");
    // A Java object stream: the text stands in it as it is.
    let answer = base64_text(body["serializedCoordinationResult"].as_str().expect("a result"));
    assert!(answer.contains("jobs.Echo$Response") && answer.contains("hello there"), "{answer}");
    let (status, body) = ask("fail");
    assert_eq!(status, 500, "{body}");
    assert!(body.to_string().contains("asked to fail"), "{body}");
    http().cancel(&job);
}

/// What `/jobs/:id/coordinators/` wants: the operator's uid in Flink 2, the id made from it in Flink 1.
fn echo_operator() -> &'static str {
    if Environment::get().is_flink_1() { ECHO_OPERATOR_ID } else { "echo" }
}

/// Murmur3 of "echo", as Flink makes it of any uid.
const ECHO_OPERATOR_ID: &str = "763f86174614878ff610bb1063155d4f";

fn base64_text(text: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Writes a plan with `WritePlan` and submits it with the jobs' jar; gives the answer.
fn submit_plan(plan: &str, job_id: &str, field: &str) -> (u16, Value) {
    let environment = Environment::get();
    let file = plan_file(job_id);
    let out = file.display().to_string();
    let printed =
        environment.run_java("jobs.WritePlan", &["--plan", plan, "--job-id", job_id, "--out", &out]);
    assert_eq!(printed, job_id);
    let request = json!({field: "plan.bin", "jobJarFileNames": ["jobs.jar"], "jobArtifactFileNames": []});
    http().post_multipart(
        "/jobs",
        &[
            ("request", None, request.to_string().into_bytes()),
            ("file_0", Some("plan.bin"), read(&file)),
            ("file_1", Some("jobs.jar"), read(&environment.jobs_jar())),
        ],
    )
}

fn plan_file(job_id: &str) -> PathBuf {
    shared().folder("plans").join(job_id)
}

fn read(file: &Path) -> Vec<u8> {
    fs::read(file).expect("the file is there")
}

#[test]
fn a_serialised_job_graph_is_a_job() {
    let id = "5107000000000000000000000000b001";
    let (status, body) = submit_plan("job-graph", id, "jobGraphFileName");
    assert_eq!(status, 202, "{body}");
    http().await_status(id, "FINISHED");
    until("its accumulators", LIMIT, || (count_of(id, "longs") == 5050).then_some(()));
}

#[test]
fn only_flink_2_takes_a_serialised_stream_graph() {
    let id = "5107000000000000000000000000b002";
    if Environment::get().is_flink_1() {
        let (status, body) = submit_plan("job-graph", id, "executionPlanFileName");
        assert_eq!(status, 400, "Flink 1 knows no such member: {body}");
        return;
    }
    let (status, body) = submit_plan("stream-graph", id, "executionPlanFileName");
    assert_eq!(status, 202, "{body}");
    http().await_status(id, "FINISHED");
}

#[test]
fn the_jar_with_a_main_class_needs_no_entry_class() {
    let jar = http().upload(&Environment::get().jobs_jar_with_main());
    let (status, body) = http().post(&format!("/jars/{jar}/run"), &json!({}));
    assert_eq!(status, 200, "{body}");
    http().await_status(body["jobid"].as_str().expect("a job id"), "FINISHED");
}
