//! The leading JobManager dies while operations are in flight: all end rightly, and none is done twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flink_client::{
    ApplicationStatus, CheckpointType, ClusterClient, Error, ErrorKind, ExecutionPlan,
    ExponentialWaitStrategy, JobId, Pending, RestClusterClient, RestClusterClientConfiguration,
    SavepointFormatType, StandaloneClusterId,
};

use crate::support::{Environment, HaPair, until};

/// Detection takes 4 s here, recovery some more, and the machine may be busy. What takes longer hangs.
const HANG: Duration = Duration::from_secs(120);

type Client = RestClusterClient<StandaloneClusterId>;

/// A client of both JobManagers that loses 5 s to a request which a dying JobManager swallowed.
fn client_of(pair: &HaPair) -> Client {
    let millis = Duration::from_millis;
    let configuration = RestClusterClientConfiguration::builder()
        .addresses([pair.http(0).url(), pair.http(1).url()])
        .answer_timeout(Duration::from_secs(5))
        .await_leader_timeout(HANG)
        .retry_strategy(ExponentialWaitStrategy::new(millis(20), millis(500), 2.0).unwrap())
        .build()
        .unwrap();
    RestClusterClient::new(configuration, StandaloneClusterId).unwrap()
}

#[track_caller]
fn ended<T: Send + 'static>(what: &str, pending: Pending<T>) -> Result<T, Error> {
    pending.wait_timeout(HANG).unwrap_or_else(|_| panic!("{what} did not end within {HANG:?}"))
}

/// The savepoints in a folder; one that was not completed has no metadata.
fn savepoints_in(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().join("_metadata").exists())).count()
}

/// What became of the operations of one sort, by how they ended.
#[derive(Default)]
struct Log(Mutex<BTreeMap<String, usize>>);

impl Log {
    fn note<T>(&self, what: &str, outcome: &Result<T, Error>) {
        let how = outcome.as_ref().map_or_else(|error| format!("{:?}", error.kind()), |_| "done".to_owned());
        *self.0.lock().unwrap().entry(format!("{what}: {how}")).or_default() += 1;
    }
}

#[test]
fn operations_in_flight_survive_the_death_of_the_leader_or_say_truly_that_they_did_not() {
    let mut pair = HaPair::start(&[("web.refresh-interval", "50")]);
    let client = client_of(&pair);
    let jar = pair.http(0).upload(&Environment::get().jobs_jar());
    let arguments = ["--checkpoint-millis", "300", "--parallelism", "1"];
    let running = pair.http(0).run(&jar, "Stateful", &arguments);
    let stopping = pair.http(0).run(&jar, "Stateful", &["--snapshot-millis", "3000", "--parallelism", "1"]);
    [&running, &stopping].iter().for_each(|job| pair.http(0).await_running(job));
    let (job, stopped): (JobId, JobId) = (running.parse().unwrap(), stopping.parse().unwrap());
    let root = pair.folder("savepoints");

    // Waited for all the time; and a stop that is in the middle of its savepoint when the leader dies.
    let result = client.job_result(job);
    let stop_folder = root.join("stop");
    let stop = client.stop_with_savepoint(
        stopped,
        false,
        Some(&stop_folder.display().to_string()),
        SavepointFormatType::Canonical,
    );
    until("the stop's savepoint to be under way", HANG, || {
        let (_, body) = pair.http(0).get(&format!("/jobs/{stopped}/checkpoints"));
        (body["counts"]["in_progress"] == 1).then_some(())
    });

    let log = Log::default();
    let submitted = Mutex::new(BTreeSet::from([running.clone(), stopping.clone()]));
    let (over, saved, numbered) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let refused = Mutex::new(Vec::new());
    let going_on = || !over.load(Ordering::SeqCst);
    let save = || {
        while going_on() {
            let number = numbered.fetch_add(1, Ordering::SeqCst);
            let folder = root.join(number.to_string());
            let pending = client.trigger_savepoint(
                job,
                Some(&folder.display().to_string()),
                SavepointFormatType::Canonical,
            );
            let outcome = ended("a savepoint", pending);
            log.note("savepoint", &outcome);
            match &outcome {
                Ok(_) => {
                    assert_eq!(savepoints_in(&folder), 1, "{outcome:?}");
                    saved.fetch_add(1, Ordering::SeqCst);
                }
                Err(error) => match error.kind() {
                    ErrorKind::OperationLost | ErrorKind::OutcomeUnknown => {
                        assert!(error.trigger_id().is_some(), "{error:?}");
                    }
                    ErrorKind::SavepointFailed | ErrorKind::JobNotReady | ErrorKind::Unavailable => {
                        refused.lock().unwrap().push(number);
                    }
                    _ => panic!("{error:?}"),
                },
            }
        }
    };
    let checkpoint = || {
        while going_on() {
            let outcome = ended("a checkpoint", client.trigger_checkpoint(job, CheckpointType::Full));
            log.note("checkpoint", &outcome);
        }
    };
    let run = || {
        while going_on() {
            let id = JobId::random();
            submitted.lock().unwrap().insert(id.to_string());
            let plan = ExecutionPlan::jar(Environment::get().jobs_jar())
                .entry_class("jobs.Stateful")
                .parallelism(1)
                .job_id(id);
            let outcome = ended("a run", client.submit_job(plan));
            log.note("run", &outcome);
            assert!(
                outcome
                    .as_ref()
                    .map_or_else(|error| error.kind() == ErrorKind::OutcomeUnknown, |ran| *ran == id),
                "{outcome:?}"
            );
            let outcome = ended("a cancel", client.cancel(id));
            log.note("cancel", &outcome);
            // One that was cancelled before its leader died is not known to the next.
            assert!(
                outcome.as_ref().map_or_else(
                    |error| [ErrorKind::JobNotFound, ErrorKind::OutcomeUnknown].contains(&error.kind()),
                    |_| true
                ),
                "{outcome:?}"
            );
        }
    };
    let list = || {
        while going_on() {
            let outcome = ended("a list", client.list_jobs());
            log.note("list", &outcome);
            let jobs = outcome.expect("a list is had in the end");
            let known = submitted.lock().unwrap().clone();
            assert!(jobs.iter().all(|listed| known.contains(&listed.job_id.to_string())), "{jobs:?}");
            assert!(jobs.iter().any(|listed| listed.job_id == job), "{jobs:?}");
        }
    };

    let mut died = None;
    std::thread::scope(|scope| {
        // However this ends, the others end.
        let _stop = OnDrop(&over);
        let workers = [
            scope.spawn(save),
            scope.spawn(save),
            scope.spawn(checkpoint),
            scope.spawn(run),
            scope.spawn(list),
        ];
        let alive =
            || assert!(!workers.iter().any(std::thread::ScopedJoinHandle::is_finished), "a worker failed");
        let some_more = |count: usize| {
            let before = saved.load(Ordering::SeqCst);
            until("savepoints", 2 * HANG, || {
                alive();
                (saved.load(Ordering::SeqCst) >= before + count).then_some(())
            });
        };
        some_more(2);
        pair.kill_job_manager(0);
        let at = Instant::now();
        some_more(1);
        died = Some(at.elapsed());
        some_more(3);
    });

    let stop = ended("the stop", stop);
    log.note("stop", &stop);
    // The leader that took it died within it, so the job goes on from its last checkpoint, or ended before.
    match &stop {
        Ok(_) => assert_eq!(savepoints_in(&stop_folder), 1),
        Err(error) => assert!(
            [ErrorKind::OperationLost, ErrorKind::OutcomeUnknown].contains(&error.kind())
                && error.trigger_id().is_some(),
            "{error:?}"
        ),
    }
    for number in 0..numbered.load(Ordering::SeqCst) {
        assert!(savepoints_in(&root.join(number.to_string())) <= 1, "savepoint {number} was made twice");
    }
    assert!(savepoints_in(&stop_folder) <= 1);
    for number in refused.into_inner().unwrap() {
        assert_eq!(
            savepoints_in(&root.join(number.to_string())),
            0,
            "savepoint {number} was refused, and made"
        );
    }

    assert!(!result.is_done(), "the job runs still");
    ended("the cancel", client.cancel(job)).unwrap();
    let result = ended("the wait for the result", result).unwrap();
    assert_eq!(result.application_status, ApplicationStatus::Canceled);

    println!(
        "Flink {}: the first savepoint under the new leader {:.1} s after the death of the old; {:?}",
        Environment::get().version,
        died.unwrap_or_default().as_secs_f64(),
        log.0.lock().unwrap()
    );
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
