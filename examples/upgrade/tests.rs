//! Killed between any two of its steps and run again, an upgrade comes to the same end, with everything done once.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use flink_client::mini::{
    EMPTY_JAR, JavaException, MiniCluster, MiniClusterConfiguration, MiniJob, RestartStrategy, TaskContext,
    TaskResult,
};
use flink_client::prelude::*;
use flink_client::{ExecutionPlan, JobId, JobStatus, RestClusterClient, SavepointFormatType};
use tempfile::TempDir;

use crate::upgrade::{self, Arguments, Outcome};

const LIMIT: Duration = Duration::from_secs(60);

/// Set in a child process: the arguments that it is run with, as a JSON list.
const CHILD: &str = "UPGRADE_TEST_ARGUMENTS";

/// A cluster with a job to upgrade.
struct Lab {
    cluster: MiniCluster,
    client: RestClusterClient,
    folder: TempDir,
    old: JobId,
}

impl Lab {
    fn new() -> Self {
        Self::with(|| counting("count"))
    }

    /// One whose old program is another.
    fn with(old: impl Fn() -> MiniJob + Send + Sync + 'static) -> Self {
        let configuration = MiniClusterConfiguration::new().slots_per_task_manager(2).rest_port(0);
        let cluster = MiniCluster::start(configuration).unwrap();
        cluster.register_program("com.acme.Old", move |_| old());
        cluster.register_program("com.acme.New", |program| {
            counting(program.parameter("operator").unwrap_or("count"))
        });
        cluster.register_program("com.acme.Broken", |_| {
            counting("count").vertex("broken", 1, |task| {
                // Not at once: it runs first.
                task.sleep(Duration::from_millis(50))?;
                Err(JavaException::new("com.acme.Broken", "the new program is broken"))
            })
        });
        let client = RestClusterClient::connect(cluster.rest_address().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for jar in ["old.jar", "new.jar"] {
            fs::write(folder.path().join(jar), EMPTY_JAR).unwrap();
        }
        let plan = ExecutionPlan::jar(folder.path().join("old.jar")).entry_class("com.acme.Old");
        let old = client.submit_job(plan).wait().unwrap();
        client.wait_until_running(old).wait().unwrap();
        let lab = Self { cluster, client, folder, old };
        until("it has counted", || (lab.accumulator(old, "count")? > 10).then_some(()));
        lab
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let (address, old) = (self.cluster.rest_address().unwrap(), self.old.to_string());
        let (journal, savepoints) = (self.path("journal.json"), self.path("savepoints"));
        let (old_jar, new_jar) = (self.path("old.jar"), self.path("new.jar"));
        let given =
            ["upgrade", "-m", &address, "-j", &journal, "-p", &savepoints, "--old-class", "com.acme.Old"];
        let jars = [&*old, &old_jar, &new_jar];
        let proof = if more.contains(&"--proof") { &[][..] } else { &["--proof", "0"] };
        given.iter().chain(more).chain(proof).chain(&jars).map(|&argument| argument.to_owned()).collect()
    }

    /// Runs the program as a process of its own.
    fn spawn(&self, arguments: &[&str]) -> ExitStatus {
        let arguments = serde_json::to_string(&self.arguments(arguments)).unwrap();
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::a_process_of_its_own_when_it_is_told_to_be", "--nocapture"])
            .env(CHILD, arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
    }

    /// Runs it here; what it came to, and what it printed.
    fn run(&self, arguments: &[&str]) -> (Result<Outcome, String>, String) {
        let mut printed = Vec::new();
        let arguments = Arguments::parse_from(self.arguments(arguments));
        let outcome = upgrade::run(&arguments, &mut printed).map_err(|failure| failure.to_string());
        (outcome, String::from_utf8(printed).unwrap())
    }

    fn accumulator(&self, job: JobId, name: &str) -> Option<i64> {
        self.client.accumulators(job).wait().ok()?.value(name).ok()?.as_i64()
    }

    /// The one job that runs; it goes on from where the old one ended, and is all that was done.
    fn check(&self, jobs: usize) -> JobId {
        let all = self.client.list_jobs().wait().unwrap();
        assert_eq!(all.len(), jobs, "{all:?}");
        let running: Vec<_> = all.iter().filter(|job| !job.job_state.is_globally_terminal()).collect();
        assert_eq!(running.len(), 1, "{all:?}");
        let job = running[0].job_id;
        assert_ne!(job, self.old);
        assert_eq!(self.client.job_status(self.old).wait().unwrap(), JobStatus::Finished);
        let savepoints = fs::read_dir(self.path("savepoints")).unwrap().count();
        assert_eq!(savepoints, 1, "one savepoint");
        let ended_at =
            self.client.job_result(self.old).wait().unwrap().accumulators.value("count").unwrap().as_i64();
        let restored = until("it has restored", || self.accumulator(job, "restored"));
        assert_eq!(Some(restored), ended_at, "nothing lost and nothing twice");
        assert!(self.client.list_jars().wait().unwrap().is_empty(), "no jar is left behind");
        job
    }
}

/// Counts in its state, under an operator of this name.
fn counting(operator: &str) -> MiniJob {
    let name = operator.to_owned();
    MiniJob::new("counting")
        .vertex("source", 1, move |task| {
            let count = task.value_state(&name, "count", 0_i64)?;
            let restored = count.get();
            task.long_counter("restored").add(restored);
            task.long_counter("count").add(restored);
            while task.sleep(Duration::from_millis(1))? {
                count.update(|count| *count += 1);
                task.long_counter("count").add(1);
            }
            Ok(())
        })
        .operator(operator)
}

#[track_caller]
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < LIMIT, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Not a test of its own: the process that the others start and see die.
#[test]
fn a_process_of_its_own_when_it_is_told_to_be() {
    if let Ok(arguments) = std::env::var(CHILD) {
        let arguments: Vec<String> = serde_json::from_str(&arguments).unwrap();
        let outcome = upgrade::run(&Arguments::parse_from(arguments), std::io::stdout());
        std::process::exit(match outcome {
            Ok(Outcome::Upgraded) => 0,
            Ok(Outcome::RolledBack) => 2,
            Err(_) => 1,
        });
    }
}

/// Kills it at each of its points, one after the other, and runs it again. How many there are.
fn dies_at_each_point(more: &[&str], outcome: Outcome, jobs: usize) -> u32 {
    let expected = match outcome {
        Outcome::Upgraded => Some(0),
        Outcome::RolledBack => Some(2),
    };
    for point in 1.. {
        let lab = Lab::new();
        let killed = lab.spawn(&[more, &["--die-at", &point.to_string()]].concat());
        let survived = killed.code() == expected;
        // It neither gave up nor panicked.
        assert!(!matches!(killed.code(), Some(1 | 101)), "point {point}: {killed}");
        let (again, printed) = lab.run(more);
        assert_eq!(again, Ok(outcome), "killed at point {point}: {printed}");
        lab.check(jobs);
        // And once more, when all is done.
        assert_eq!(lab.run(more).0, Ok(outcome));
        lab.check(jobs);
        if survived {
            return point - 1;
        }
    }
    unreachable!("it has an end")
}

#[test]
fn an_upgrade_that_is_killed_at_any_point_is_taken_up_and_done_once() {
    let points = dies_at_each_point(&["--new-class", "com.acme.New"], Outcome::Upgraded, 2);
    // Planned, stop triggered, savepoint made, stopped, submitted, running, upgraded.
    assert_eq!(points, 7);
}

#[test]
fn a_new_program_that_fails_gives_way_to_the_old_one_wherever_it_is_killed() {
    let points =
        dies_at_each_point(&["--new-class", "com.acme.Broken", "--proof", "30"], Outcome::RolledBack, 3);
    // The same until the new one is submitted and seen to run, or to have failed already; then the failure is written
    // down, the new one gone, the old one submitted, running, and all done.
    assert!(points >= 10, "{points}");
}

#[test]
fn a_new_program_that_is_refused_gives_way_to_the_old_one() {
    for (more, told) in [
        (&["--new-class", "com.acme.Nowhere"][..], "com.acme.Nowhere"),
        // Its state belongs to nobody.
        (&["--new-class", "com.acme.New", "--new-arg", "--operator", "--new-arg", "other"], "state"),
    ] {
        let lab = Lab::new();
        let (outcome, printed) = lab.run(more);
        assert_eq!(outcome, Ok(Outcome::RolledBack), "{printed}");
        assert!(printed.contains("the new program does not run: "), "{printed}");
        assert!(printed.contains(told), "{printed}");
        let jobs = lab.client.list_jobs().wait().unwrap().len();
        lab.check(jobs);
    }
}

#[test]
fn every_step_is_told_with_its_ids() {
    let lab = Lab::new();
    let (outcome, printed) = lab.run(&["--new-class", "com.acme.New"]);
    assert_eq!(outcome, Ok(Outcome::Upgraded));
    let job = lab.check(2).to_string();
    let journal: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(lab.path("journal.json")).unwrap()).unwrap();
    assert_eq!(journal["state"], "upgraded");
    assert_eq!(journal["plan"]["new_job"], *job);
    for id in ["stop", "new_job", "again_job"] {
        assert!(printed.contains(journal["plan"][id].as_str().unwrap()), "{id}: {printed}");
    }
    assert!(printed.contains(journal["savepoint"].as_str().unwrap()), "{printed}");
    assert!(printed.lines().last().unwrap().starts_with(&format!("upgraded: job {job} runs")), "{printed}");
}

#[test]
fn nothing_is_stopped_for_an_upgrade_that_cannot_begin() {
    let lab = Lab::new();
    fs::remove_file(lab.path("new.jar")).unwrap();
    let (outcome, _) = lab.run(&["--new-class", "com.acme.New"]);
    assert!(outcome.unwrap_err().contains("cannot read "));
    assert!(!PathBuf::from(lab.path("journal.json")).exists());
    assert_eq!(lab.client.job_status(lab.old).wait().unwrap(), JobStatus::Running);
}

#[test]
fn a_stop_that_fails_leaves_the_job_as_it_was_and_can_be_tried_again() {
    let lab = Lab::new();
    fs::write(lab.path("savepoints"), "a file where the folder would be").unwrap();
    let (outcome, printed) = lab.run(&["--new-class", "com.acme.New"]);
    let told = outcome.unwrap_err();
    assert!(told.contains("could not be stopped, and is RUNNING now: "), "{told} {printed}");
    assert_eq!(lab.client.job_status(lab.old).wait().unwrap(), JobStatus::Running);
    fs::remove_file(lab.path("savepoints")).unwrap();
    assert_eq!(lab.run(&["--new-class", "com.acme.New"]).0, Ok(Outcome::Upgraded));
    lab.check(2);
}

/// An old program with one task, which counts and then does what the test is about.
fn old(task: impl Fn(&mut TaskContext) -> TaskResult + Send + Sync + 'static) -> MiniJob {
    let source = move |context: &mut TaskContext| {
        context.long_counter("count").add(11);
        task(context)
    };
    MiniJob::new("old").vertex("source", 1, source).restart_strategy(RestartStrategy::None)
}

#[test]
fn a_job_that_its_stop_has_made_fail_is_not_said_to_run_on() {
    let lab = Lab::with(|| {
        old(|task| {
            task.on_snapshot(|_| Err(JavaException::new("com.acme.Old", "no snapshot")));
            while task.sleep(Duration::from_millis(1))? {}
            Ok(())
        })
    });
    let told = lab.run(&["--new-class", "com.acme.New"]).0.unwrap_err();
    assert!(told.contains("could not be stopped, and is ") && !told.contains("nothing was"), "{told}");
    assert!(lab.client.job_result(lab.old).wait().unwrap().failure_cause.is_some());
    assert_eq!(lab.client.list_jobs().wait().unwrap().len(), 1, "nothing is started");
}

#[test]
fn a_job_that_fails_after_its_savepoint_is_named_with_it_and_its_journal_is_kept() {
    let lab = Lab::with(|| {
        old(|task| {
            while task.sleep(Duration::from_millis(1))? {}
            Err(JavaException::new("com.acme.Old", "does not close"))
        })
    });
    for _ in 0..2 {
        let told = lab.run(&["--new-class", "com.acme.New"]).0.unwrap_err();
        let savepoint = fs::read_dir(lab.path("savepoints")).unwrap().next().unwrap().unwrap().path();
        assert!(told.contains(&*savepoint.to_string_lossy()), "{told}");
        assert!(told.contains("look at it first"), "{told}");
    }
    assert!(PathBuf::from(lab.path("journal.json")).exists());
    assert_eq!(lab.client.list_jobs().wait().unwrap().len(), 1, "nothing is started");
}

/// The stop was never triggered, or the cluster has forgotten it: that looks the same.
#[test]
fn only_the_savepoint_of_a_stop_is_taken_for_one() {
    let ends = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&ends);
    let lab = Lab::with(move || {
        let ended = Arc::clone(&ended);
        old(move |task| {
            while !ended.load(Ordering::Relaxed) && task.sleep(Duration::from_millis(1))? {}
            Ok(())
        })
    });
    lab.spawn(&["--new-class", "com.acme.New", "--die-at", "1"]);
    assert!(PathBuf::from(lab.path("journal.json")).exists());
    let format = SavepointFormatType::Canonical;
    lab.client.trigger_savepoint(lab.old, Some(&lab.path("others")), format).wait().unwrap();
    ends.store(true, Ordering::Relaxed);
    assert!(lab.client.job_result(lab.old).wait().unwrap().is_success());
    let told = lab.run(&["--new-class", "com.acme.New"]).0.unwrap_err();
    assert!(told.contains("is finished, and not by a stop"), "{told}");
    assert_eq!(lab.client.list_jobs().wait().unwrap().len(), 1, "nothing is started");

    let lab = Lab::new();
    lab.spawn(&["--new-class", "com.acme.New", "--die-at", "1"]);
    let savepoints = lab.path("savepoints");
    lab.client.stop_with_savepoint(lab.old, false, Some(&savepoints), format).wait().unwrap();
    lab.client.job_result(lab.old).wait().unwrap();
    assert_eq!(lab.run(&["--new-class", "com.acme.New"]).0, Ok(Outcome::Upgraded));
    lab.check(2);
}

#[test]
fn a_journal_of_another_upgrade_is_not_taken_up() {
    let lab = Lab::new();
    assert_eq!(lab.run(&["--new-class", "com.acme.New"]).0, Ok(Outcome::Upgraded));
    let (outcome, _) = lab.run(&["--new-class", "com.acme.Other"]);
    assert!(outcome.unwrap_err().contains("the journal of an upgrade with other arguments"));
}

/// The jobs' ids are those of the journal, and no other.
#[test]
fn only_jobs_of_the_journal_are_started() {
    let lab = Lab::new();
    lab.run(&["--new-class", "com.acme.Broken", "--proof", "30"]).0.unwrap();
    let journal: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(lab.path("journal.json")).unwrap()).unwrap();
    let planned: BTreeSet<_> =
        ["old_job", "new_job", "again_job"].map(|id| journal["plan"][id].as_str().unwrap().to_owned()).into();
    let jobs = lab.client.list_jobs().wait().unwrap();
    let started: BTreeSet<_> = jobs.iter().map(|job| job.job_id.to_string()).collect();
    assert_eq!(started, planned);
}
