//! The life of a job.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use flink_client::mini::{
    Checkpointing, JavaException, MiniClock, MiniClusterConfiguration, MiniJob, RestartStrategy,
};
use flink_client::{
    ApplicationStatus, ClusterClient, ErrorKind, ExecutionState, IntermediateDataSetId, JobId, JobStatus,
    Pending,
};

use super::support::{Gate, LONG, Lab, endless, eventually, idle};

fn states(changes: &crossbeam_channel::Receiver<flink_client::mini::JobStatusChange>) -> Vec<JobStatus> {
    let mut states = Vec::new();
    for change in changes {
        states.push(change.to);
        if change.to.is_terminal() {
            break;
        }
    }
    states
}

fn failing() -> JavaException {
    JavaException::new("com.acme.BadRecord", "record 21 is one too many")
        .caused_by(JavaException::new("java.lang.ArithmeticException", "/ by zero"))
}

#[test]
fn a_job_that_fails_keeps_its_causes_and_goes_through_failing() {
    let lab = Lab::new(2);
    let changes = lab.cluster.job_status_changes();
    let job = lab.submit(MiniJob::new("failing").vertex("source", 2, |task| match task.subtask_index() {
        0 => Err(failing()),
        _ => idle(task),
    }));
    let result = lab.client.job_result(job).wait().unwrap();
    assert_eq!(
        states(&changes),
        [JobStatus::Created, JobStatus::Running, JobStatus::Failing, JobStatus::Failed]
    );
    assert_eq!(result.application_status, ApplicationStatus::Failed);
    let cause = result.failure_cause.unwrap();
    assert_eq!(cause.class, "org.apache.flink.runtime.JobException");
    assert_eq!(cause.message, "Recovery is suppressed by NoRestartBackoffTimeStrategy");
    assert_eq!(
        cause.causes()[1..],
        [("com.acme.BadRecord", "record 21 is one too many"), ("java.lang.ArithmeticException", "/ by zero")]
    );
    let details = lab.client.job_details(job).wait().unwrap();
    let times: Vec<_> = details.timestamps.keys().map(|status| status.as_str()).collect();
    assert_eq!(times, ["INITIALIZING", "CREATED", "RUNNING", "FAILING", "FAILED"]);
    assert_eq!((details.tasks().failed, details.tasks().canceled), (1, 1));
    assert_eq!(lab.cluster.slots_available(), 2);
}

#[test]
fn a_panic_is_a_failure_with_its_message() {
    let lab = Lab::new(1);
    let job = lab.submit(MiniJob::new("panics").vertex("source", 1, |_task| panic!("the task panicked")));
    let cause = lab.client.job_result(job).wait().unwrap().failure_cause.unwrap();
    assert!(cause.root_message.contains("the task panicked"), "{cause}");
    let next = lab.submit(MiniJob::new("next").vertex("source", 1, |_task| Ok(())));
    assert!(lab.client.job_result(next).wait().unwrap().is_success());
}

#[test]
fn a_job_waits_for_slots_and_runs_when_another_ends() {
    let lab = Lab::new(3);
    let first = lab.run(endless(2));
    let second = lab.submit(endless(2));
    let details = lab.client.job_details(second).wait().unwrap();
    assert_eq!((details.state, details.tasks().scheduled), (JobStatus::Running, 2));
    let small = lab.run(endless(1));
    assert_eq!(lab.cluster.slots_available(), 0);
    lab.client.cancel(first).wait().unwrap();
    eventually("the second job runs", || {
        lab.client.job_details(second).wait().unwrap().tasks().all_running()
    });
    for job in [second, small] {
        lab.client.cancel(job).wait().unwrap();
        lab.client.job_result(job).wait().unwrap();
    }
    assert_eq!(lab.cluster.slots_available(), 3);
}

#[test]
fn a_job_that_gets_no_slots_in_time_fails_for_want_of_resources() {
    let clock = MiniClock::manual(SystemTime::now());
    let lab = Lab::with(
        MiniClusterConfiguration::new()
            .slots_per_task_manager(4)
            .clock(clock.clone())
            .set("slot.request.timeout", "10 s"),
    );
    let job = lab.submit(MiniJob::new("greedy").vertex("source", 5, idle));
    clock.advance(Duration::from_millis(9_999));
    assert_eq!(lab.status(job), JobStatus::Running);
    clock.advance(Duration::from_millis(1));
    let result = lab.client.job_result(job).wait().unwrap();
    let cause = result.failure_cause.unwrap();
    assert_eq!(
        cause.root_class,
        "org.apache.flink.runtime.jobmanager.scheduler.NoResourceAvailableException"
    );
    assert_eq!(cause.root_message, "Could not acquire the minimum required resources.");
    assert_eq!(result.net_runtime, Duration::from_secs(10));
}

#[test]
fn tasks_of_different_vertices_share_slots() {
    let lab = Lab::new(2);
    let job = lab.run(MiniJob::new("wide").vertex("a", 2, idle).vertex("b", 2, idle).vertex("c", 1, idle));
    assert_eq!(lab.cluster.slots_available(), 0);
    let details = lab.client.job_details(job).wait().unwrap();
    assert_eq!(details.tasks().running, 5);
    assert_eq!(details.plan.nodes[2].inputs[0].ship_strategy.as_deref(), Some("REBALANCE"));
    assert!(details.vertices.iter().all(|vertex| vertex.status == ExecutionState::Running));
}

#[test]
fn a_failed_job_is_restarted_until_its_attempts_are_used_up() {
    let lab = Lab::new(1);
    let changes = lab.cluster.job_status_changes();
    let job = lab.submit(
        MiniJob::new("restarting")
            .vertex("source", 1, |task| {
                task.int_maximum("attempt").add(task.attempt() as i32);
                Err(failing())
            })
            .restart_strategy(RestartStrategy::fixed_delay(2, Duration::from_millis(1))),
    );
    let result = lab.client.job_result(job).wait().unwrap();
    use JobStatus::{Created, Failed, Failing, Restarting, Running};
    assert_eq!(
        states(&changes),
        [Created, Running, Restarting, Running, Restarting, Running, Failing, Failed]
    );
    assert_eq!(
        result.failure_cause.unwrap().message,
        "Recovery is suppressed by FixedDelayRestartBackoffTimeStrategy(maxNumberRestartAttempts=2, backoffTimeMS=1)"
    );
    assert_eq!(result.accumulators.value("attempt").unwrap().as_i64(), Some(2));
}

#[test]
fn a_restart_goes_on_from_the_latest_checkpoint() {
    let lab = Lab::new(1);
    let (counted, fail) = (Gate::default(), Gate::default());
    let (count, opened) = (counted.clone(), fail.clone());
    let job = lab.run(
        MiniJob::new("recovering")
            .vertex("source", 1, move |task| {
                let seen = task.value_state("source", "seen", 0_i64)?;
                if task.attempt() > 0 {
                    task.long_counter("restored").add(seen.get());
                    return Ok(());
                }
                while task.sleep(Duration::from_millis(1))? {
                    seen.update(|seen| *seen += 1);
                    count.open();
                    if opened.is_open() {
                        return Err(failing());
                    }
                }
                Ok(())
            })
            .checkpointing(Checkpointing::every(Duration::from_secs(3600)))
            .restart_strategy(RestartStrategy::fixed_delay(1, Duration::ZERO)),
    );
    eventually("a record is counted", || counted.is_open());
    lab.client.trigger_checkpoint(job, flink_client::CheckpointType::Full).wait().unwrap();
    fail.open();
    let result = lab.client.job_result(job).wait().unwrap();
    assert!(result.is_success(), "{result:?}");
    assert!(result.accumulators.value("restored").unwrap().as_i64().unwrap() > 0);
}

#[test]
fn a_job_is_cancelled_whatever_it_is_doing() {
    let lab = Lab::new(1);
    let running = lab.run(endless(1));
    let waiting = lab.submit(endless(1));
    lab.client.cancel(waiting).wait().unwrap();
    assert_eq!(lab.status(waiting), JobStatus::Canceled);
    lab.client.cancel(running).wait().unwrap();
    lab.client.cancel(running).wait().unwrap();
    let result = lab.client.job_result(running).wait().unwrap();
    assert_eq!(result.application_status, ApplicationStatus::Canceled);
    lab.client.cancel(running).wait().unwrap();

    let restarting = lab.submit(
        MiniJob::new("restarting")
            .vertex("source", 1, |_task| Err(failing()))
            .restart_strategy(RestartStrategy::fixed_delay(1, Duration::from_secs(3600))),
    );
    eventually("it restarts", || lab.status(restarting) == JobStatus::Restarting);
    lab.client.cancel(restarting).wait().unwrap();
    assert_eq!(lab.status(restarting), JobStatus::Canceled);
    assert_eq!(lab.cluster.slots_available(), 1);
}

#[test]
fn a_job_that_initialises_is_cancelled_when_it_has() {
    let lab = Lab::new(1);
    let gate = Gate::default();
    let opened = gate.clone();
    let changes = lab.cluster.job_status_changes();
    let submitted = lab.cluster.submit(endless(1).on_initialize(move || {
        opened.pass();
        Ok(())
    }));
    let mut listed = Vec::new();
    eventually("it is listed", || {
        listed = lab.client.list_jobs().wait().unwrap();
        !listed.is_empty()
    });
    let job = listed.remove(0);
    assert_eq!((job.job_state, job.tasks.total()), (JobStatus::Initializing, 0));
    let savepoint =
        lab.client.trigger_savepoint(job.job_id, Some("/tmp/x"), Default::default()).wait().unwrap_err();
    assert_eq!(savepoint.kind(), ErrorKind::JobNotReady, "{savepoint}");
    let cancelled = lab.client.cancel(job.job_id);
    eventually("the order has come", || lab.status(job.job_id) == JobStatus::Cancelling);
    assert!(!cancelled.is_done());
    gate.open();
    cancelled.wait().unwrap();
    submitted.wait().unwrap();
    assert_eq!(states(&changes), [JobStatus::Cancelling, JobStatus::Canceled]);
}

#[test]
fn an_initialisation_that_fails_fails_the_job() {
    let lab = Lab::new(1);
    let changes = lab.cluster.job_status_changes();
    let refused = lab
        .cluster
        .submit(endless(1).on_initialize(|| Err(JavaException::new("java.io.IOException", "no such topic"))))
        .wait()
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::JobInitializationFailed, "{refused}");
    assert_eq!(refused.exception_class(), Some("java.io.IOException"));
    assert_eq!(states(&changes), [JobStatus::Failed]);
    let job = &lab.client.list_jobs().wait().unwrap()[0];
    let cause = lab.client.job_result(job.job_id).wait().unwrap().failure_cause.unwrap();
    assert_eq!(cause.class, "org.apache.flink.runtime.client.JobInitializationException");
}

#[test]
fn what_has_ended_cannot_be_cancelled_and_what_is_unknown_is_not_found() {
    let lab = Lab::new(1);
    let job = lab.submit(MiniJob::new("short").vertex("source", 1, |_task| Ok(())));
    lab.client.job_result(job).wait().unwrap();
    let refused = lab.client.cancel(job).wait().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::JobAlreadyTerminal, "{refused}");
    assert_eq!(refused.job_id(), Some(job));
    let unknown = JobId::random();
    for error in [
        lab.client.cancel(unknown).wait().unwrap_err(),
        lab.client.job_status(unknown).wait().unwrap_err(),
        lab.client.job_details(unknown).wait().unwrap_err(),
        lab.client.job_result(unknown).wait().unwrap_err(),
        lab.client.accumulators(unknown).wait().unwrap_err(),
        lab.client.trigger_savepoint(unknown, Some("/tmp/x"), Default::default()).wait().unwrap_err(),
        lab.client.send_coordination_request(job, "x", vec![]).wait().unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::JobNotFound, "{error}");
        assert_eq!(error.status(), None);
    }
    lab.client.report_heartbeat(unknown, SystemTime::now()).wait().unwrap();
}

#[test]
fn accumulators_of_all_kinds_are_merged_over_the_tasks() {
    let lab = Lab::new(4);
    let reported = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&reported);
    let job = lab.run(MiniJob::new("counting").vertex("source", 4, move |task| {
        let n = task.subtask_index() as i32;
        task.int_counter("ints").add(n);
        task.long_counter("longs").add(i64::from(n) << 40);
        task.double_counter("doubles").add(0.5);
        task.int_minimum("least").add(n);
        task.long_maximum("most").add(i64::from(n));
        task.average("average").add(f64::from(n));
        task.histogram("histogram").add(n % 2);
        task.list("list").add(format!("r{n}"));
        if n == 0 {
            task.int_counter("mixed").add(1);
        } else {
            task.list("mixed").add("a");
        }
        counted.fetch_add(1, Ordering::SeqCst);
        idle(task)
    }));
    eventually("all tasks have counted", || reported.load(Ordering::SeqCst) == 4);
    let running = lab.client.accumulators(job).wait().unwrap();
    lab.client.cancel(job).wait().unwrap();
    let ended = lab.client.job_result(job).wait().unwrap().accumulators;
    for accumulators in [&running, &ended] {
        let text = |name: &str| accumulators.value(name).unwrap().to_string();
        assert_eq!(
            (text("ints"), text("longs"), text("doubles")),
            ("6".into(), (6_i64 << 40).to_string(), "2.0".into())
        );
        assert_eq!((text("least"), text("most"), text("average")), ("0".into(), "3".into(), "1.5".into()));
        assert_eq!((text("histogram"), text("list")), ("{0=2, 1=2}".into(), "[r0, r1, r2, r3]".into()));
        let mixed = accumulators.value("mixed").unwrap_err();
        assert!(mixed.to_string().contains("different types"), "{mixed}");
    }
    assert_eq!(running.get("histogram").unwrap().type_name(), Some("Histogram"));
}

#[test]
fn a_coordinated_operator_answers_and_no_other() {
    let lab = Lab::new(1);
    let job = lab.run(
        MiniJob::new("coordinated")
            .vertex("source", 1, |task| {
                while task.sleep(Duration::from_millis(1))? {
                    if let Some(request) = task.next_coordination_request() {
                        let mut answer = request.bytes().to_vec();
                        answer.reverse();
                        if answer.is_empty() {
                            request.fail(JavaException::new("java.io.IOException", "nothing to reverse"));
                        } else {
                            request.respond(answer);
                        }
                    }
                }
                Ok(())
            })
            .operator("plain")
            .coordinated_operator("collector"),
    );
    let ask = |operator: &str, bytes: &[u8]| {
        lab.client.send_coordination_request(job, operator, bytes.to_vec()).wait()
    };
    assert_eq!(ask("collector", b"abc").unwrap(), b"cba");
    assert_eq!(ask("collector", b"").unwrap_err().exception_class(), Some("java.io.IOException"));
    assert_eq!(ask("plain", b"abc").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(ask("11111111111111111111111111111111", b"abc").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_finished_job_leaves_its_data_sets() {
    let lab = Lab::new(1);
    let data_set = IntermediateDataSetId::random();
    let job = MiniJob::new("batch").batch().vertex("source", 1, |_task| Ok(())).cluster_dataset(data_set);
    let job = lab.submit(job);
    lab.client.job_result(job).wait().unwrap();
    assert_eq!(lab.client.list_completed_cluster_dataset_ids().wait().unwrap(), BTreeSet::from([data_set]));
    for _ in 0..2 {
        lab.client.invalidate_cluster_dataset(data_set).wait().unwrap();
    }
    assert!(lab.client.list_completed_cluster_dataset_ids().wait().unwrap().is_empty());
}

#[test]
fn ended_jobs_are_forgotten_by_number_and_by_age_but_their_ids_stay_taken() {
    let clock = MiniClock::manual(SystemTime::now());
    let lab =
        Lab::with(MiniClusterConfiguration::new().clock(clock.clone()).set("jobstore.max-capacity", "2"));
    let short = || MiniJob::new("short").vertex("source", 1, |_task| Ok(()));
    lab.cluster.register_program("com.acme.Short", move |_| short());
    let jar = lab.jar("Main-Class: com.acme.Short\n");
    let plan = |id| flink_client::ExecutionPlan::jar(&jar).job_id(id);
    let ids: Vec<_> = (0..3).map(|n| JobId::from_bytes([n; 16])).collect();
    for id in &ids {
        lab.client.submit_job(plan(*id)).wait().unwrap();
        lab.client.job_result(*id).wait().unwrap();
    }
    let known: Vec<_> = lab.client.list_jobs().wait().unwrap().iter().map(|job| job.job_id).collect();
    assert_eq!(known, [ids[2], ids[1]]);
    assert_eq!(lab.client.job_status(ids[0]).wait().unwrap_err().kind(), ErrorKind::JobNotFound);
    for id in &ids {
        let refused = lab.client.submit_job(plan(*id)).wait().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::DuplicateJob, "{refused}");
    }
    clock.advance(Duration::from_secs(3600));
    assert!(lab.client.list_jobs().wait().unwrap().is_empty());
}

#[test]
fn a_running_job_is_rescaled_by_the_adaptive_scheduler_only() {
    let lab = Lab::with(
        MiniClusterConfiguration::new().slots_per_task_manager(3).set("jobmanager.scheduler", "adaptive"),
    );
    let job = lab.run(endless(8));
    let width = || lab.client.job_details(job).wait().unwrap().vertices[0].parallelism;
    assert_eq!(width(), 3, "it takes what there is");
    assert_eq!(lab.client.job_details(job).wait().unwrap().scheduler_type.as_deref(), Some("Adaptive"));
}

#[test]
fn a_thousand_jobs_are_run_in_seconds_with_few_threads() {
    let lab = Lab::new(4);
    let most = Arc::new(AtomicU32::new(0));
    let now = Arc::new(AtomicU32::new(0));
    let begun = Instant::now();
    let jobs = (0..1000).map(|n: i64| {
        let (most, now) = (Arc::clone(&most), Arc::clone(&now));
        lab.cluster.submit(MiniJob::new(format!("job {n}")).vertex("source", 1, move |task| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            task.long_counter("n").add(n);
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        }))
    });
    let ids = Pending::all(jobs).wait().unwrap();
    let results = Pending::all(ids.into_iter().map(|id| lab.client.job_result(id))).wait().unwrap();
    let sum: i64 =
        results.iter().map(|result| result.accumulators.value("n").unwrap().as_i64().unwrap()).sum();
    assert_eq!(sum, 499_500);
    assert!(most.load(Ordering::SeqCst) <= 4, "no more tasks than slots");
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
    assert_eq!(lab.cluster.slots_available(), 4);
}
