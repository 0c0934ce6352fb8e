//! The upgrade of `examples/upgrade`, as it is, on real Flink: killed between any two of its steps and run again, it comes
//! to the same end, and no record is lost or counted twice.

#[path = "../../examples/upgrade/upgrade/mod.rs"]
mod example;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use clap::Parser;
use flink_client::{ClusterClient, ClusterClientExt, ExecutionPlan, JobId, JobStatus, RestClusterClient};
use tempfile::TempDir;

use self::example::{Arguments, Outcome};
use crate::support::{Environment, shared, until};

const LIMIT: Duration = Duration::from_secs(120);

/// Set in a child process: the arguments that it is run with, as a JSON list.
const CHILD: &str = "FLINK_TEST_UPGRADE_ARGUMENTS";

/// A job to upgrade, on the shared cluster.
struct Lab {
    client: RestClusterClient,
    folder: TempDir,
    old: JobId,
}

impl Lab {
    fn new() -> Self {
        let client = RestClusterClient::connect(shared().url()).unwrap();
        let plan = ExecutionPlan::jar(Environment::get().jobs_jar()).entry_class("jobs.Stateful");
        let old = client.submit_job(plan.args(["--records-per-second", "1000"])).wait().unwrap();
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let lab = Self { client, folder, old };
        lab.client.wait_until_running(old).wait().unwrap();
        until("some records", LIMIT, || (lab.accumulator(old, "count")? > 100).then_some(()));
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let jar = Environment::get().jobs_jar().display().to_string();
        let [journal, savepoints] =
            ["journal.json", "savepoints"].map(|name| self.path(name).display().to_string());
        let old = self.old.to_string();
        let classes = ["--old-class", "jobs.Stateful", "--new-class", "jobs.Stateful"];
        let given = ["upgrade", "-m", shared().url(), "-j", &journal, "-p", &savepoints];
        let jars = [&*old, &jar, &jar];
        given.iter().chain(&classes).chain(more).chain(&jars).map(|&argument| argument.to_owned()).collect()
    }

    /// Runs the program as a process of its own.
    fn spawn(&self, arguments: &[&str]) -> ExitStatus {
        let arguments = serde_json::to_string(&self.arguments(arguments)).unwrap();
        Command::new(std::env::current_exe().expect("this binary has a path"))
            .args(["--exact", "upgrade::a_process_of_its_own_when_it_is_told_to_be", "--nocapture"])
            .env(CHILD, arguments)
            .stdout(Stdio::null())
            .status()
            .expect("this binary starts")
    }

    /// Runs it here; what it came to, and what it printed.
    fn run(&self, arguments: &[&str]) -> (Result<Outcome, String>, String) {
        let mut printed = Vec::new();
        let arguments = Arguments::parse_from(self.arguments(arguments));
        let outcome = example::run(&arguments, &mut printed).map_err(|failure| failure.to_string());
        (outcome, String::from_utf8(printed).expect("text"))
    }

    fn accumulator(&self, job: JobId, name: &str) -> Option<i64> {
        self.client.accumulators(job).wait().ok()?.value(name).ok()?.as_i64()
    }

    /// One of the jobs in the journal runs, and goes on from where the old one ended.
    #[track_caller]
    fn check(&self, which: &str) {
        let journal = fs::read_to_string(self.path("journal.json")).unwrap();
        let journal: serde_json::Value = serde_json::from_str(&journal).unwrap();
        let id = |name: &str| -> JobId { journal["plan"][name].as_str().expect("an id").parse().unwrap() };
        for name in ["old_job", "new_job", "again_job"] {
            let status = self.client.job_status(id(name)).wait();
            let runs = status.as_ref().is_ok_and(|status| !status.is_globally_terminal());
            assert_eq!(runs, name == which, "{name}: {status:?}");
        }
        assert_eq!(self.client.job_status(self.old).wait().unwrap(), JobStatus::Finished);
        assert_eq!(fs::read_dir(self.path("savepoints")).unwrap().count(), 1, "one savepoint");
        let ended_at =
            self.client.job_result(self.old).wait().unwrap().accumulators.value("count").unwrap().as_i64();
        let restored = until("what was restored", LIMIT, || {
            self.accumulator(id(which), "restored").filter(|&restored| restored > 0)
        });
        assert_eq!(Some(restored), ended_at, "nothing lost and nothing twice");
    }
}

impl Drop for Lab {
    /// Frees the slots.
    fn drop(&mut self) {
        let journal = fs::read_to_string(self.path("journal.json")).unwrap_or_default();
        let journal: serde_json::Value = serde_json::from_str(&journal).unwrap_or_default();
        for name in ["new_job", "again_job"] {
            if let Some(Ok(id)) = journal["plan"][name].as_str().map(str::parse) {
                let _ = self.client.cancel_if_running(id).wait();
            }
        }
        let _ = self.client.cancel_if_running(self.old).wait();
    }
}

/// Not a test of its own: the process that the others start and see die.
#[test]
fn a_process_of_its_own_when_it_is_told_to_be() {
    if let Ok(arguments) = std::env::var(CHILD) {
        let arguments: Vec<String> = serde_json::from_str(&arguments).expect("a list");
        let outcome = example::run(&Arguments::parse_from(arguments), std::io::stdout());
        std::process::exit(match outcome {
            Ok(Outcome::Upgraded) => 0,
            Ok(Outcome::RolledBack) => 2,
            Err(failure) => {
                eprintln!("{failure}");
                1
            }
        });
    }
}

/// Kills it at each of its points, one after the other, and runs it again. How many there are.
fn dies_at_each_point(more: &[&str], outcome: Outcome, which: &str) -> u32 {
    let expected = if outcome == Outcome::Upgraded { 0 } else { 2 };
    for point in 1.. {
        let lab = Lab::new();
        let killed = lab.spawn(&[more, &["--die-at", &point.to_string()]].concat());
        let survived = killed.code() == Some(expected);
        // It neither gave up nor panicked.
        assert!(!matches!(killed.code(), Some(1 | 101)), "point {point}: {killed}");
        let (again, printed) = lab.run(more);
        assert_eq!(again, Ok(outcome), "killed at point {point}: {printed}");
        lab.check(which);
        if survived {
            return point - 1;
        }
    }
    unreachable!("it has an end")
}

#[test]
fn an_upgrade_that_is_killed_at_any_point_is_taken_up_and_done_once() {
    let more = ["--new-arg", "--records-per-second", "--new-arg", "500", "--proof", "1"];
    let points = dies_at_each_point(&more, Outcome::Upgraded, "new_job");
    // Planned, stop triggered, savepoint made, stopped, submitted, running, upgraded.
    assert_eq!(points, 7);
}

#[test]
fn a_new_program_that_fails_gives_way_to_the_old_one_wherever_it_is_killed() {
    // It runs until its first checkpoint.
    let more = ["--snapshot-fails", "--checkpoint-millis", "300", "--restarts", "0"];
    let more: Vec<_> =
        more.iter().flat_map(|argument| ["--new-arg", argument]).chain(["--proof", "60"]).collect();
    let points = dies_at_each_point(&more, Outcome::RolledBack, "again_job");
    assert!(points >= 10, "{points}");
}

#[test]
fn a_new_program_that_does_not_know_the_state_gives_way_to_the_old_one() {
    let lab = Lab::new();
    let (outcome, printed) = lab.run(&["--new-arg", "--count-uid", "--new-arg", "other", "--proof", "1"]);
    assert_eq!(outcome, Ok(Outcome::RolledBack), "{printed}");
    assert!(printed.contains("the new program does not run: "), "{printed}");
    lab.check("again_job");
}
