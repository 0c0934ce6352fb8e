//! Random operations on one cluster, with what must hold whatever they are.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use flink_client::mini::{
    Checkpointing, JavaException, JobStatusChange, MiniClusterConfiguration, MiniJob, RestartStrategy,
};
use flink_client::{
    CheckpointType, ClaimMode, ClusterClient, ErrorKind, ExecutionPlan, JobId, JobResourceRequirements,
    JobStatus, Pending, RestClusterClient, SavepointFormatType,
};
use proptest::prelude::*;

use super::support::{LONG, Lab};

#[derive(Clone, Copy, Debug)]
enum Step {
    Submit {
        parallelism: u32,
        conduct: Conduct,
        restarts: u32,
        checkpoints: bool,
    },
    Cancel(prop::sample::Index),
    Savepoint(prop::sample::Index),
    CancelWithSavepoint(prop::sample::Index),
    Checkpoint(prop::sample::Index),
    Stop {
        job: prop::sample::Index,
        drain: bool,
    },
    /// A savepoint, and another job that starts from it.
    Restore {
        job: prop::sample::Index,
        parallelism: u32,
        claim: bool,
    },
    Rescale {
        job: prop::sample::Index,
        parallelism: u32,
    },
    Dispose(prop::sample::Index),
    Dwell,
}

#[derive(Clone, Copy, Debug)]
enum Conduct {
    Endless,
    Short,
    Failing,
    Panicking,
    BadSnapshots,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let job = any::<prop::sample::Index>;
    let conduct = prop_oneof![
        3 => Just(Conduct::Endless),
        1 => Just(Conduct::Short),
        1 => Just(Conduct::Failing),
        1 => Just(Conduct::Panicking),
        1 => Just(Conduct::BadSnapshots),
    ];
    let step = prop_oneof![
        3 => (1..5_u32, conduct, 0..3_u32, any::<bool>()).prop_map(|(parallelism, conduct, restarts, checkpoints)| {
            Step::Submit { parallelism, conduct, restarts, checkpoints }
        }),
        2 => job().prop_map(Step::Cancel),
        2 => job().prop_map(Step::Savepoint),
        1 => job().prop_map(Step::CancelWithSavepoint),
        1 => job().prop_map(Step::Checkpoint),
        2 => (job(), any::<bool>()).prop_map(|(job, drain)| Step::Stop { job, drain }),
        2 => (job(), 1..5_u32, any::<bool>())
            .prop_map(|(job, parallelism, claim)| Step::Restore { job, parallelism, claim }),
        1 => (job(), 1..5_u32).prop_map(|(job, parallelism)| Step::Rescale { job, parallelism }),
        1 => job().prop_map(Step::Dispose),
        1 => Just(Step::Dwell),
    ];
    proptest::collection::vec(step, 1..25)
}

fn job(parallelism: u32, conduct: Conduct, restarts: u32, checkpoints: bool) -> MiniJob {
    let job = MiniJob::new(format!("{conduct:?}"))
        .vertex("source", parallelism, move |task| {
            let list = task.list_state::<u32>("source", "list")?;
            if matches!(conduct, Conduct::BadSnapshots) {
                task.on_snapshot(|_| Err(JavaException::new("java.io.IOException", "no snapshot")));
            }
            let last = task.subtask_index() + 1 == task.parallelism();
            for record in 0.. {
                match conduct {
                    Conduct::Short if record == 3 => return Ok(()),
                    Conduct::Failing if record == 3 && last => {
                        return Err(JavaException::new("com.acme.Kaput", "on purpose"));
                    }
                    Conduct::Panicking if record == 3 && last => panic!("on purpose"),
                    _ => {}
                }
                list.add(record);
                if !task.sleep(Duration::from_micros(100))? {
                    break;
                }
            }
            Ok(())
        })
        .vertex("sink", 1, move |task| {
            while task.sleep(Duration::from_micros(300))? {
                if matches!(conduct, Conduct::Short) {
                    break;
                }
            }
            Ok(())
        })
        .restart_strategy(RestartStrategy::fixed_delay(restarts, Duration::from_micros(200)));
    if checkpoints { job.checkpointing(Checkpointing::every(Duration::from_millis(1))) } else { job }
}

/// Flink's transitions, written again.
fn may_follow(from: JobStatus, to: JobStatus) -> bool {
    use JobStatus::{
        Canceled, Cancelling, Created, Failed, Failing, Finished, Initializing, Restarting, Running,
        Suspended,
    };
    match from {
        Initializing => matches!(to, Created | Cancelling | Failed | Suspended),
        Created => matches!(to, Running | Cancelling | Failing | Suspended),
        Running => matches!(to, Finished | Failing | Restarting | Cancelling | Suspended),
        // By way of Created under the adaptive scheduler.
        Restarting => matches!(to, Running | Created | Cancelling | Failing | Suspended),
        Failing => matches!(to, Failed | Suspended),
        Cancelling => matches!(to, Canceled | Suspended),
        _ => false,
    }
}

fn check_changes(changes: &[JobStatusChange]) {
    let mut now = BTreeMap::<JobId, JobStatus>::new();
    for change in changes {
        let before = now.insert(change.job_id, change.to).unwrap_or(JobStatus::Initializing);
        assert_eq!(before, change.from);
        assert!(may_follow(change.from, change.to), "{change:?}");
    }
}

/// What a savepoint, checkpoint or stop of such jobs may fail with.
fn check_refusal(error: &flink_client::Error) {
    let known = matches!(
        error.kind(),
        ErrorKind::JobAlreadyTerminal
            | ErrorKind::JobNotReady
            | ErrorKind::SavepointFailed
            | ErrorKind::CheckpointFailed
            | ErrorKind::StopFailedAfterSavepoint
    );
    assert!(known, "{:?}: {error}", error.kind());
}

fn settled<T: Send + 'static>(what: &str, pending: Pending<T>) -> flink_client::Result<T> {
    pending.wait_timeout(LONG).unwrap_or_else(|_| panic!("never ends: {what}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_asked_every_operation_ends_and_no_slot_is_lost(steps in steps(), adaptive in any::<bool>()) {
        const SLOTS: u32 = 6;
        let lab = Lab::with(
            MiniClusterConfiguration::new()
                .slots_per_task_manager(SLOTS)
                .set("jobmanager.scheduler", if adaptive { "adaptive" } else { "default" })
                .rest_port(0),
        );
        lab.cluster.register_program("com.acme.Restored", |program| {
            job(program.parallelism(), Conduct::Endless, 0, true)
        });
        let jar = lab.jar("Main-Class: com.acme.Restored\n");
        let rest = RestClusterClient::connect(lab.cluster.rest_address().unwrap()).unwrap();
        let directory = lab.path("savepoints");
        let directory = Some(directory.as_str());
        let changes = lab.cluster.job_status_changes();
        let format = SavepointFormatType::Canonical;
        let mut jobs = Vec::new();
        let (mut paths, mut numbers, mut orders, mut disposed) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for step in &steps {
            let client = &lab.client;
            let chosen = |index: &prop::sample::Index| (!jobs.is_empty()).then(|| *index.get(&jobs));
            match step {
                Step::Submit { parallelism, conduct, restarts, checkpoints } => {
                    let id = settled("a submission", lab.cluster.submit(job(*parallelism, *conduct, *restarts, *checkpoints)));
                    jobs.push(id.unwrap());
                }
                Step::Cancel(index) => orders.extend(chosen(index).map(|job| client.cancel(job))),
                Step::Savepoint(index) => {
                    paths.extend(chosen(index).map(|job| client.trigger_savepoint(job, directory, format)));
                }
                Step::CancelWithSavepoint(index) => {
                    paths.extend(chosen(index).map(|job| client.cancel_with_savepoint(job, directory, format)));
                }
                Step::Checkpoint(index) => {
                    numbers.extend(chosen(index).map(|job| client.trigger_checkpoint(job, CheckpointType::Full)));
                }
                Step::Stop { job, drain } => {
                    paths.extend(chosen(job).map(|job| client.stop_with_savepoint(job, *drain, directory, format)));
                }
                Step::Restore { job, parallelism, claim } => {
                    let Some(job) = chosen(job) else { continue };
                    match settled("a savepoint", client.trigger_savepoint(job, directory, format)) {
                        Ok(path) => {
                            let claim = if *claim { ClaimMode::Claim } else { ClaimMode::NoClaim };
                            let plan = ExecutionPlan::jar(&jar).parallelism(*parallelism);
                            let plan = plan.savepoint(path).claim_mode(claim);
                            jobs.push(settled("a restore", client.submit_job(plan)).unwrap());
                        }
                        Err(error) => check_refusal(&error),
                    }
                }
                Step::Rescale { job, parallelism } => {
                    let Some(job) = chosen(job) else { continue };
                    let Ok(now) = settled("requirements", rest.resource_requirements(job)) else { continue };
                    let wanted = now.vertices.keys().fold(JobResourceRequirements::new(), |all, vertex| {
                        all.vertex(*vertex, 1, *parallelism).unwrap()
                    });
                    // It may have ended meanwhile.
                    let _ = settled("a rescale", rest.update_resource_requirements(job, &wanted));
                }
                Step::Dispose(job) => {
                    let Some(job) = chosen(job) else { continue };
                    match settled("a savepoint", client.trigger_savepoint(job, directory, format)) {
                        Ok(path) => disposed.push((client.dispose_savepoint(&path), path)),
                        Err(error) => check_refusal(&error),
                    }
                }
                Step::Dwell => {
                    let until = Instant::now() + Duration::from_millis(2);
                    while Instant::now() < until {
                        std::thread::yield_now();
                    }
                }
            }
            prop_assert!(lab.cluster.slots_available() <= SLOTS as usize);
        }
        for id in &jobs {
            orders.push(lab.client.cancel(*id));
        }
        for order in orders {
            if let Err(error) = settled("a cancellation", order) {
                prop_assert_eq!(error.kind(), ErrorKind::JobAlreadyTerminal, "{}", error);
            }
        }
        for id in &jobs {
            settled("a job", lab.client.job_result(*id)).unwrap();
        }
        for path in paths {
            match settled("a savepoint", path) {
                Ok(path) => prop_assert!(super::support::local(&path).join("_metadata").is_file()),
                Err(error) => check_refusal(&error),
            }
        }
        for (disposal, path) in disposed {
            settled("a disposal", disposal).unwrap();
            prop_assert!(!super::support::local(&path).exists());
        }
        for number in numbers {
            if let Err(error) = settled("a checkpoint", number) {
                check_refusal(&error);
            }
        }
        prop_assert_eq!(lab.cluster.slots_available(), SLOTS as usize);
        check_changes(&changes.try_iter().collect::<Vec<_>>());
        lab.cluster.close();
        let left = std::fs::read_dir(lab.path("savepoints")).map_or(0, |entries| {
            entries.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with('.'))).count()
        });
        prop_assert_eq!(left, 0, "half-written savepoints are left");
    }
}
