//! Stopping with a savepoint.

use std::time::Duration;

use flink_client::mini::{JavaException, MiniJob, RestartStrategy};
use flink_client::{ApplicationStatus, ClusterClient, ErrorKind, JobStatus, SavepointFormatType, TriggerId};

use super::support::{Gate, Lab, counting, endless, eventually};

const FORMAT: SavepointFormatType = SavepointFormatType::Canonical;

/// Shows in accumulators how it ended.
fn watching() -> MiniJob {
    MiniJob::new("watching").vertex("source", 2, |task| {
        let flushed = task.list_state::<String>("source", "flushed")?;
        task.int_counter("restored").add(flushed.elements().len() as i32);
        while task.sleep(Duration::from_millis(1))? {}
        if task.is_drained() {
            flushed.add("windows".into());
            task.int_counter("drained").add(1);
        }
        task.int_counter("ended").add(1);
        Ok(())
    })
}

#[test]
fn a_stopped_job_finishes_and_only_a_drained_one_works_off_what_it_has() {
    let lab = Lab::new(2);
    for drain in [false, true] {
        let job = lab.run(watching());
        let path = lab.client.stop_with_savepoint(job, drain, Some(&lab.path("s")), FORMAT).wait().unwrap();
        let result = lab.client.job_result(job).wait().unwrap();
        assert_eq!(result.application_status, ApplicationStatus::Succeeded);
        assert_eq!(result.accumulators.value("ended").unwrap().as_i64(), Some(2));
        assert_eq!(result.accumulators.value("drained").is_ok(), drain);

        lab.cluster.register_program("com.acme.Watching", |_| watching());
        let plan =
            flink_client::ExecutionPlan::jar(lab.jar("Main-Class: com.acme.Watching\n")).savepoint(path);
        let restored = lab.client.submit_job(plan).wait().unwrap();
        let result = {
            lab.client.cancel(restored).wait().unwrap();
            lab.client.job_result(restored).wait().unwrap()
        };
        assert_eq!(result.application_status, ApplicationStatus::Canceled);
    }
}

#[test]
fn what_a_drained_job_works_off_is_in_its_savepoint() {
    let lab = Lab::new(2);
    lab.cluster.register_program("com.acme.Watching", |_| watching());
    let jar = lab.jar("Main-Class: com.acme.Watching\n");
    for (drain, expected) in [(false, 0), (true, 2)] {
        let job = lab.run(watching());
        let path = lab.client.stop_with_savepoint(job, drain, Some(&lab.path("s")), FORMAT).wait().unwrap();
        let plan = flink_client::ExecutionPlan::jar(&jar).savepoint(path);
        let restored = lab.client.submit_job(plan).wait().unwrap();
        eventually("the restored job runs", || {
            lab.client.job_details(restored).wait().unwrap().tasks().all_running()
        });
        let last = lab.client.stop_with_savepoint(restored, false, Some(&lab.path("s")), FORMAT).wait();
        last.unwrap();
        let result = lab.client.job_result(restored).wait().unwrap();
        assert_eq!(result.accumulators.value("restored").unwrap().as_i64(), Some(expected), "drain: {drain}");
    }
}

#[test]
fn the_same_stop_again_finds_the_first() {
    let lab = Lab::new(1);
    let job = lab.run(counting(1));
    let id = TriggerId::random();
    for _ in 0..3 {
        lab.client
            .stop_with_detached_savepoint_as(id, job, false, Some(&lab.path("s")), FORMAT)
            .wait()
            .unwrap();
    }
    assert!(lab.client.job_result(job).wait().unwrap().is_success());
    let path = lab.client.savepoint_status(job, id).wait().unwrap().into_result().unwrap().unwrap();
    lab.client.stop_with_detached_savepoint_as(id, job, true, Some(&lab.path("t")), FORMAT).wait().unwrap();
    let again = lab.client.savepoint_status(job, id).wait().unwrap().into_result().unwrap().unwrap();
    assert_eq!(again, path);
    assert_eq!(std::fs::read_dir(lab.path("s")).unwrap().count(), 1);
}

#[test]
fn a_stop_with_the_id_of_a_savepoint_reports_that_and_the_job_runs_on() {
    let lab = Lab::new(1);
    let job = lab.run(counting(1));
    let id = TriggerId::random();
    lab.client.trigger_detached_savepoint_as(id, job, Some(&lab.path("s")), FORMAT).wait().unwrap();
    let outcome = || lab.client.savepoint_status(job, id).wait().unwrap().into_result();
    eventually("the savepoint is made", || outcome().is_some());
    lab.client.stop_with_detached_savepoint_as(id, job, false, Some(&lab.path("s")), FORMAT).wait().unwrap();
    assert!(outcome().unwrap().is_ok());
    assert_eq!(lab.status(job), JobStatus::Running);
}

#[test]
fn two_stops_undo_each_other_and_the_job() {
    let lab = Lab::new(1);
    let go_on = Gate::default();
    let opened = go_on.clone();
    let job = lab.run(MiniJob::new("slow").vertex("source", 1, move |task| {
        let opened = opened.clone();
        task.on_snapshot(move |_| {
            opened.pass();
            Ok(())
        });
        super::support::idle(task)
    }));
    let stop = || lab.client.stop_with_savepoint(job, false, Some(&lab.path("s")), FORMAT);
    let id = TriggerId::random();
    lab.client.stop_with_detached_savepoint_as(id, job, false, Some(&lab.path("s")), FORMAT).wait().unwrap();
    let second = stop().wait().unwrap_err();
    go_on.open();
    let first = lab.client.savepoint_status(job, id).wait().unwrap().into_result().unwrap().unwrap_err();
    assert!(first.to_string().contains("Checkpoint Coordinator is suspending"), "{first}");
    assert!(second.to_string().contains("CheckpointCoordinator shutdown"), "{second}");
    let result = lab.client.job_result(job).wait().unwrap();
    assert_eq!(result.failure_cause.unwrap().root_message, "Stop-with-savepoint failed.");
}

#[test]
fn a_job_that_fails_while_it_stops_says_where_the_savepoint_is() {
    let lab = Lab::new(1);
    for restarts in [0, 1] {
        let job = lab.run(
            MiniJob::new("brittle")
                .vertex("source", 1, |task| {
                    super::support::idle(task)?;
                    Err(JavaException::new("java.io.IOException", "sink is gone"))
                })
                .restart_strategy(RestartStrategy::fixed_delay(restarts, Duration::ZERO)),
        );
        let failed =
            lab.client.stop_with_savepoint(job, false, Some(&lab.path("s")), FORMAT).wait().unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::StopFailedAfterSavepoint, "{failed}");
        assert_eq!(failed.exception_class(), Some("java.io.IOException"));
        let path = failed.savepoint_path().unwrap();
        assert!(super::support::local(path).join("_metadata").is_file(), "{path}");
        if restarts > 0 {
            eventually("it runs again", || lab.client.job_details(job).wait().unwrap().tasks().all_running());
            lab.client.cancel(job).wait().unwrap();
        }
        lab.client.job_result(job).wait().unwrap();
    }
}

#[test]
fn a_cancel_with_savepoint_makes_it_and_then_cancels() {
    let lab = Lab::new(1);
    let job = lab.run(counting(1));
    let path = lab.client.cancel_with_savepoint(job, Some(&lab.path("s")), FORMAT).wait().unwrap();
    assert!(super::support::local(&path).exists());
    let result = lab.client.job_result(job).wait().unwrap();
    assert_eq!(result.application_status, ApplicationStatus::Canceled);
}

#[test]
fn a_cancel_ends_a_savepoint_that_is_under_way() {
    let lab = Lab::new(1);
    let job = lab.run(endless(1));
    let id = TriggerId::random();
    lab.client.trigger_detached_savepoint_as(id, job, Some(&lab.path("s")), FORMAT).wait().unwrap();
    lab.client.cancel(job).wait().unwrap();
    lab.client.job_result(job).wait().unwrap();
    let outcome = lab.client.savepoint_status(job, id).wait().unwrap().into_result().unwrap();
    if let Err(error) = outcome {
        assert!(error.to_string().contains("Task has failed"), "{error}");
        eventually("nothing is left", || std::fs::read_dir(lab.path("s")).map_or(0, Iterator::count) == 0);
    }
}
