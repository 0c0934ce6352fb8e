//! The command line of `examples/flink`, as it is, on real Flink: what it prints and when it fails.

#[path = "../../examples/flink/command/mod.rs"]
mod command;

use std::ffi::OsString;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Environment, shared, until};

/// Runs the command line on the shared cluster; gives what it printed, or its error line.
fn flink(arguments: &[&str]) -> Result<String, String> {
    let mut printed = Vec::new();
    let arguments = ["-m", shared().url()].into_iter().chain(arguments.iter().copied()).map(OsString::from);
    match command::run(arguments, &mut printed) {
        Ok(()) => Ok(String::from_utf8(printed).expect("text")),
        Err(failure) => Err(failure.to_string()),
    }
}

#[track_caller]
fn printed(arguments: &[&str]) -> String {
    flink(arguments).expect("it succeeds")
}

#[track_caller]
fn document(arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(arguments)).expect("one JSON document")
}

/// Runs one of the test jobs detached and waits until all of its tasks run; gives its id.
fn detached(class: &str, options: &[&str]) -> String {
    let jar = Environment::get().jobs_jar().display().to_string();
    let mut arguments = vec!["run", "-d", "-c", class];
    arguments.extend(options);
    arguments.push(&jar);
    let line = printed(&arguments);
    let job = line.trim_end().strip_prefix("Job has been submitted with JobID ").expect("Flink's words");
    let job = job.to_owned();
    until("all of its tasks", Duration::from_secs(120), || {
        let jobs = document(&["list", "--json"]);
        let tasks = &jobs.as_array()?.iter().find(|listed| listed["job_id"] == *job)?["tasks"];
        (tasks["total"] != 0 && tasks["running"] == tasks["total"]).then_some(())
    });
    job
}

fn status(job: &str) -> String {
    printed(&["status", job]).trim_end().to_owned()
}

#[test]
fn a_job_is_saved_stopped_restored_and_cancelled_from_the_command_line() {
    let folder = shared().folder("cli").display().to_string();
    let job = detached("jobs.Stateful", &[]);
    assert!(printed(&["list", "-r"]).contains(&format!(" : {job} : stateful (RUNNING)\n")));
    let saved = printed(&["savepoint", "-type", "native", &job, &folder]);
    assert!(saved.starts_with("Savepoint completed. Path: file:"), "{saved}");
    assert!(printed(&["checkpoint", "-full", &job]).starts_with("Checkpoint(FULL) "));

    let stopped = document(&["--json", "stop", "-p", &folder, &job]);
    let savepoint = stopped["savepoint"].as_str().expect("a path");
    assert_eq!(document(&["result", &job, "--json"])["status"], "SUCCEEDED");

    let restored = detached("jobs.Stateful", &["-s", savepoint, "-cm", "no_claim"]);
    assert_eq!(document(&["checkpoints", &restored, "--json"])["restored_from"], savepoint);
    assert_eq!(printed(&["cancel", &restored]), format!("Cancelled job {restored}.\n"));
    shared().http().await_status(&restored, "CANCELED");
    assert_eq!(status(&restored), "CANCELED");
    assert!(printed(&["list", "-a"]).contains(&format!(" : {restored} : stateful (CANCELED)\n")));

    assert_eq!(
        printed(&["savepoint", "-dispose", savepoint]),
        format!("Savepoint '{savepoint}' disposed.\n")
    );
    let gone = flink(&["savepoint", "-dispose", savepoint]).unwrap_err();
    assert!(gone.contains("FileNotFoundException"), "{gone}");
}

#[test]
fn an_attached_run_waits_and_prints_what_the_job_computed() {
    let jar = Environment::get().jobs_jar().display().to_string();
    let text = printed(&["run", "-c", "jobs.Accumulators", &jar, "--parallelism", "2"]);
    assert!(text.contains(" has finished.\nJob Runtime: "), "{text}");
    assert!(text.contains("\n- longs: 5050\n"), "{text}");
    let failed = flink(&["run", "-c", "jobs.Failing", &jar, "--restarts", "0"]).unwrap_err();
    assert!(failed.contains("jobs.Failing$Broke: broke after"), "{failed}");
    assert!(!failed.contains('\n'), "{failed}");
}

#[test]
fn a_detached_stop_gives_its_trigger_id() {
    let folder = shared().folder("cli").display().to_string();
    let job = detached("jobs.Stateful", &[]);
    let line = printed(&["stop", "-detached", "-p", &folder, &job]);
    assert!(
        line.starts_with("Successfully trigger stop-with-savepoint in detached mode, triggerId: "),
        "{line}"
    );
    shared().http().await_status(&job, "FINISHED");
}

#[test]
fn a_program_is_looked_at_without_running_it() {
    let jar = Environment::get().jobs_jar().display().to_string();
    let plan = document(&["info", "--json", "-p", "2", "-c", "jobs.Stateful", &jar]);
    assert_eq!(plan["nodes"][0]["parallelism"], 2, "{plan}");
    assert!(flink(&["info", "-c", "jobs.NoSuch", &jar]).is_err());
}

#[test]
fn what_cannot_be_is_one_line() {
    let unknown = "00000000000000000000000000000001";
    for arguments in
        [&["status", unknown][..], &["cancel", unknown], &["list", "-m", "x y"], &["status", "7"], &[]]
    {
        let line = flink(arguments).unwrap_err();
        assert!(!line.is_empty() && !line.contains('\n'), "{line}");
    }
}
