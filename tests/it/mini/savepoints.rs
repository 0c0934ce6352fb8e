//! Savepoints and checkpoints: taken, found again, restored from, removed.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use flink_client::mini::{
    Checkpointing, JavaException, MiniClock, MiniClusterConfiguration, MiniJob, TaskContext,
};
use flink_client::{
    ApplicationStatus, CheckpointType, ClaimMode, ClusterClient, Error, ErrorKind, ExecutionPlan, JobId,
    JobStatus, SavepointFormatType, TriggerId,
};

use super::support::{Gate, Lab, awake, counting, endless, eventually, idle, local};

const FORMAT: SavepointFormatType = SavepointFormatType::Canonical;

fn savepoint(lab: &Lab, job: JobId) -> String {
    lab.client.trigger_savepoint(job, Some(&lab.path("savepoints")), FORMAT).wait().unwrap()
}

/// Runs `com.acme.Counting` with this parallelism from a savepoint.
fn restore(
    lab: &Lab,
    savepoint: &str,
    change: impl FnOnce(ExecutionPlan) -> ExecutionPlan,
) -> Result<JobId, Error> {
    lab.cluster.register_program("com.acme.Counting", |program| counting(program.parallelism()));
    let jar = lab.jar("Main-Class: com.acme.Counting\n");
    lab.client.submit_job(change(ExecutionPlan::jar(jar).savepoint(savepoint))).wait()
}

fn seen(lab: &Lab, job: JobId, name: &str) -> i64 {
    let accumulators = lab.client.accumulators(job).wait().unwrap();
    accumulators.value(name).ok().and_then(flink_client::AccumulatorValue::as_i64).unwrap_or(-1)
}

/// A job that keeps each kind of state, and shows what it was restored with.
fn keeping(parallelism: u32) -> MiniJob {
    MiniJob::new("keeping").vertex("source", parallelism, |task| {
        let list = task.list_state::<u32>("source", "list")?;
        let keyed = task.keyed_state::<(u8, String), u32>("source", "keyed")?;
        let value = task.merged_value_state("source", "value", 0_i64, |a, b| a + b)?;
        task.long_counter("list").add(list.elements().iter().copied().map(i64::from).sum());
        task.long_counter("value").add(value.get());
        for (key, n) in &*keyed.entries() {
            assert!(task.owns_key(key)?);
            task.long_counter("keyed").add(i64::from(*n));
        }
        if !task.configuration().contains(&flink_client::ConfigOption::<String>::new("restored")) {
            list.update(|list| list.extend([1, 2, 3]));
            value.set(10);
            for n in 0..20_u8 {
                let key = (n, format!("key {n}"));
                if task.owns_key(&key)? {
                    keyed.put(key, 1)?;
                }
            }
        }
        task.int_counter("ready").add(1);
        idle(task)
    })
}

#[test]
fn a_restored_job_goes_on_where_the_savepoint_was_taken() {
    let lab = Lab::new(4);
    let job = lab.run(counting(2));
    let mut path = savepoint(&lab, job);
    assert_eq!(lab.status(job), JobStatus::Running);
    let short = &job.to_string()[..6];
    assert!(
        path.starts_with("file:/") && path.contains(&format!("/savepoints/savepoint-{short}-")),
        "{path}"
    );
    assert!(local(&path).join("_metadata").is_file());
    eventually("records before a savepoint", || {
        path = savepoint(&lab, job);
        let copy = restore(&lab, &path, |plan| plan.parallelism(2)).unwrap();
        eventually("it runs", || seen(&lab, copy, "restored") >= 0);
        lab.client.cancel(copy).wait().unwrap();
        lab.client.job_result(copy).wait().unwrap();
        seen(&lab, copy, "restored") > 10
    });
    let statistics = lab.client.job_details(job).wait().unwrap();
    assert_eq!(statistics.tasks().running, 2);
}

#[test]
fn every_kind_of_state_survives_another_parallelism() {
    let lab = Lab::new(7);
    lab.cluster.register_program("com.acme.Keeping", |program| keeping(program.parallelism()));
    let jar = lab.jar("Main-Class: com.acme.Keeping\n");
    let plan = |parallelism| ExecutionPlan::jar(&jar).parallelism(parallelism);
    let first = lab.client.submit_job(plan(3)).wait().unwrap();
    eventually("all tasks are ready", || seen(&lab, first, "ready") == 3);
    let stopped = lab.client.stop_with_savepoint(first, false, Some(&lab.path("s")), FORMAT).wait().unwrap();
    for parallelism in [1, 2, 3, 5] {
        let plan = plan(parallelism).savepoint(&stopped).configuration("restored", "yes");
        let job = lab.client.submit_job(plan).wait().unwrap();
        eventually("all tasks are ready", || seen(&lab, job, "ready") == i64::from(parallelism));
        assert_eq!(
            (seen(&lab, job, "list"), seen(&lab, job, "value"), seen(&lab, job, "keyed").max(0)),
            (18, 30, 20),
            "at parallelism {parallelism}"
        );
        lab.client.cancel(job).wait().unwrap();
        lab.client.job_result(job).wait().unwrap();
    }
    let too_many = plan(129).savepoint(&stopped);
    let refused = lab.client.submit_job(too_many).wait().unwrap_err();
    assert!(refused.stack_trace().unwrap().contains("The maximum parallelism (128) of the restored state"));
}

#[test]
fn state_that_the_new_job_cannot_map_is_refused_unless_it_may_be_left() {
    let lab = Lab::new(2);
    lab.cluster.register_program("com.acme.Other", |_| endless(1));
    let job = lab.run(counting(1));
    let mut path = String::new();
    eventually("there is state", || {
        path = savepoint(&lab, job);
        restore(&lab, &path, |plan| plan.entry_class("com.acme.Other")).is_err_and(|refused| {
            assert_eq!(refused.kind(), ErrorKind::NonRestoredState, "{refused}");
            assert!(refused.to_string().contains("allow non-restored state"), "{refused}");
            true
        })
    });
    let taken =
        restore(&lab, &path, |plan| plan.entry_class("com.acme.Other").allow_non_restored_state(true));
    lab.client.cancel(taken.unwrap()).wait().unwrap();
}

#[test]
fn a_savepoint_that_is_missing_or_damaged_fails_the_start() {
    let lab = Lab::new(1);
    let missing = restore(&lab, &lab.path("nowhere"), |plan| plan).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::SavepointNotFound, "{missing}");
    let job = lab.run(counting(1));
    let path = savepoint(&lab, job);
    let file = local(&path).join("_metadata");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    let damaged = restore(&lab, &path, |plan| plan).unwrap_err();
    assert_eq!(damaged.kind(), ErrorKind::JobInitializationFailed, "{damaged}");
    fs::write(&file, "something else").unwrap();
    assert_eq!(restore(&lab, &path, |plan| plan).unwrap_err().kind(), ErrorKind::SavepointNotFound);
    fs::remove_file(&file).unwrap();
    assert_eq!(restore(&lab, &path, |plan| plan).unwrap_err().kind(), ErrorKind::SavepointNotFound);
    assert_eq!(lab.status(job), JobStatus::Running);
}

#[test]
fn a_claimed_savepoint_goes_with_the_job_and_another_stays() {
    let lab = Lab::new(1);
    let job = lab.run(counting(1));
    let paths = [savepoint(&lab, job), savepoint(&lab, job)];
    lab.client.cancel(job).wait().unwrap();
    lab.client.job_result(job).wait().unwrap();
    for (path, mode) in paths.iter().zip([ClaimMode::Claim, ClaimMode::NoClaim]) {
        let job = restore(&lab, path, |plan| plan.claim_mode(mode)).unwrap();
        lab.client.cancel(job).wait().unwrap();
        lab.client.job_result(job).wait().unwrap();
    }
    eventually("the claimed one is removed", || !local(&paths[0]).exists());
    assert!(local(&paths[1]).exists());
}

#[test]
fn a_savepoint_that_cannot_be_written_leaves_the_job_running() {
    let lab = Lab::new(1);
    let job = lab.run(counting(1));
    fs::write(lab.path("file"), "").unwrap();
    let unwritable =
        lab.client.trigger_savepoint(job, Some(&lab.path("file/below")), FORMAT).wait().unwrap_err();
    assert_eq!(unwritable.kind(), ErrorKind::SavepointFailed, "{unwritable}");
    assert!(
        unwritable.to_string().contains("Failed to create savepoint directory at file:/"),
        "{unwritable}"
    );
    let s3 = lab.client.stop_with_savepoint(job, false, Some("s3://bucket/a"), FORMAT).wait().unwrap_err();
    assert_eq!(s3.kind(), ErrorKind::SavepointFailed, "{s3}");
    assert_eq!(s3.exception_class(), Some("org.apache.flink.core.fs.UnsupportedFileSystemSchemeException"));
    let nowhere = lab.client.trigger_savepoint(job, None, FORMAT).wait().unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::SavepointDirectoryMissing, "{nowhere}");
    assert_eq!(lab.status(job), JobStatus::Running);
    savepoint(&lab, job);
}

#[test]
fn the_configured_directory_is_used_if_none_is_given() {
    let directory = tempfile::tempdir().unwrap();
    let configured = directory.path().join("configured");
    let lab = Lab::with(MiniClusterConfiguration::new().savepoint_directory(configured.to_string_lossy()));
    let job = lab.run(counting(1));
    let path = lab.client.trigger_savepoint(job, None, SavepointFormatType::Native).wait().unwrap();
    assert!(local(&path).starts_with(&configured), "{path}");
}

#[test]
fn a_job_whose_tasks_do_not_all_run_is_not_ready() {
    let lab = Lab::new(1);
    let job = lab.submit(endless(2));
    let refused = lab.client.trigger_savepoint(job, Some(&lab.path("s")), FORMAT).wait().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::JobNotReady, "{refused}");
    assert!(refused.stack_trace().unwrap().contains("Checkpoint triggering task source (1/2) of job"));
    let batch = lab.run(MiniJob::new("batch").batch().vertex("source", 1, idle));
    let refused = lab.client.trigger_savepoint(batch, Some(&lab.path("s")), FORMAT).wait().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::CheckpointingDisabled, "{refused}");
}

#[test]
fn a_trigger_id_is_good_for_one_savepoint() {
    let clock = MiniClock::manual(SystemTime::now());
    let lab = Lab::with(
        MiniClusterConfiguration::new().clock(clock.clone()).set("rest.async.store-duration", "20 s"),
    );
    let job = lab.run(MiniJob::new("busy").vertex("source", 1, awake));
    let directory = lab.path("savepoints");
    let trigger = |id, directory: &str| {
        lab.client.trigger_detached_savepoint_as(id, job, Some(directory), FORMAT).wait().unwrap()
    };
    let outcome = |id| {
        let mut result = None;
        eventually("the operation ends", || {
            result = lab.client.savepoint_status(job, id).wait().unwrap().into_result();
            result.is_some()
        });
        result.unwrap()
    };
    let id = TriggerId::random();
    assert_eq!(trigger(id, &directory), id);
    let path = outcome(id).unwrap();
    trigger(id, &lab.path("elsewhere"));
    assert_eq!(outcome(id).unwrap(), path);
    assert!(!directory.is_empty() && !std::path::Path::new(&lab.path("elsewhere")).exists());

    let failed = TriggerId::random();
    trigger(failed, "/proc/nowhere");
    let first = outcome(failed).unwrap_err();
    assert_eq!((first.job_id(), first.trigger_id()), (Some(job), Some(failed)));
    trigger(failed, &directory);
    assert_eq!(outcome(failed).unwrap_err().kind(), ErrorKind::SavepointFailed);

    let other = lab.client.savepoint_status(JobId::random(), id).wait().unwrap_err();
    assert_eq!(other.kind(), ErrorKind::OperationLost, "{other}");
    clock.advance(Duration::from_secs(20));
    let expired = lab.client.savepoint_status(job, id).wait().unwrap_err();
    assert_eq!(expired.kind(), ErrorKind::OperationLost, "{expired}");
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
    trigger(id, &directory);
    assert_ne!(outcome(id).unwrap(), path);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
}

#[test]
fn a_snapshot_that_fails_fails_the_savepoint_and_the_job() {
    let lab = Lab::new(1);
    let job = lab.run(MiniJob::new("broken").vertex("source", 1, |task| {
        task.on_snapshot(|_| {
            Err(JavaException::new("java.lang.IllegalStateException", "this snapshot always fails"))
        });
        idle(task)
    }));
    let failed = lab.client.trigger_savepoint(job, Some(&lab.path("s")), FORMAT).wait().unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::SavepointFailed, "{failed}");
    assert_eq!(failed.exception_class(), Some("java.lang.IllegalStateException"));
    let result = lab.client.job_result(job).wait().unwrap();
    assert_eq!(result.application_status, ApplicationStatus::Failed);
    assert_eq!(result.failure_cause.unwrap().root_message, "this snapshot always fails");
}

#[test]
fn a_task_that_ends_meanwhile_is_in_the_savepoint_with_its_last_state() {
    let lab = Lab::new(2);
    let end = Gate::default();
    let ends = end.clone();
    let begun = Arc::new(AtomicU32::new(0));
    let snapshots = Arc::clone(&begun);
    let build = move |parallelism: u32| {
        let (ends, snapshots) = (ends.clone(), Arc::clone(&snapshots));
        MiniJob::new("ending").vertex("source", parallelism, move |task| {
            let list = task.list_state::<u32>("source", "list")?;
            task.long_counter("list").add(list.elements().iter().copied().map(i64::from).sum());
            list.update(|list| *list = vec![1]);
            if task.subtask_index() == 0 {
                // Deaf to barriers until its end.
                ends.pass();
                list.update(|list| *list = vec![100]);
                return Ok(());
            }
            let counted = Arc::clone(&snapshots);
            task.on_snapshot(move |_| {
                counted.fetch_add(1, Ordering::SeqCst);
                Ok(())
            });
            idle(task)
        })
    };
    lab.cluster.register_program("com.acme.Ending", move |program| build(program.parallelism()));
    let jar = lab.jar("Main-Class: com.acme.Ending\n");
    let job = lab.client.submit_job(ExecutionPlan::jar(&jar).parallelism(2)).wait().unwrap();
    eventually("both run", || lab.client.job_details(job).wait().unwrap().tasks().all_running());
    let pending = lab.client.trigger_savepoint(job, Some(&lab.path("s")), FORMAT);
    eventually("the other task has taken its snapshot", || begun.load(Ordering::SeqCst) > 0);
    end.open();
    let path = pending.wait().unwrap();
    let again = savepoint(&lab, job);
    lab.client.cancel(job).wait().unwrap();
    lab.client.job_result(job).wait().unwrap();
    for path in [path, again] {
        let copy =
            lab.client.submit_job(ExecutionPlan::jar(&jar).parallelism(2).savepoint(path)).wait().unwrap();
        eventually("it shows its state", || seen(&lab, copy, "list") == 101);
        lab.client.cancel(copy).wait().unwrap();
        lab.client.job_result(copy).wait().unwrap();
    }
}

#[test]
fn a_savepoint_is_disposed_of_once() {
    let lab = Lab::new(1);
    let job = lab.run(counting(1));
    let path = savepoint(&lab, job);
    lab.client.dispose_savepoint(&path).wait().unwrap();
    assert!(!local(&path).exists());
    let gone = lab.client.dispose_savepoint(&path).wait().unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::SavepointNotFound, "{gone}");
    fs::create_dir(lab.path("mine")).unwrap();
    fs::write(lab.path("mine/_metadata"), "my own notes").unwrap();
    assert!(lab.client.dispose_savepoint(&lab.path("mine")).wait().is_err());
    assert!(std::path::Path::new(&lab.path("mine/_metadata")).exists());
}

#[test]
fn checkpoints_are_numbered_kept_one_by_one_and_removed_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let lab = Lab::with(
        MiniClusterConfiguration::new()
            .set("execution.checkpointing.dir", directory.path().join("checkpoints").to_string_lossy()),
    );
    let job = lab.run(counting(1));
    let own = directory.path().join("checkpoints").join(job.to_string());
    for number in 1..=3 {
        assert_eq!(lab.client.trigger_checkpoint(job, CheckpointType::Full).wait().unwrap(), number);
    }
    eventually("only the newest is kept", || fs::read_dir(&own).unwrap().count() == 1);
    assert!(own.join("chk-3/_metadata").is_file());
    let refused = lab.client.trigger_checkpoint(job, CheckpointType::Incremental).wait().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported, "{refused}");
    lab.client.cancel(job).wait().unwrap();
    eventually("the last is removed", || fs::read_dir(&own).unwrap().count() == 0);
}

#[test]
fn checkpoints_are_taken_by_the_clock_and_go_on_after_a_savepoint() {
    let clock = MiniClock::manual(SystemTime::now());
    let lab = Lab::with(MiniClusterConfiguration::new().clock(clock.clone()));
    let taken = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&taken);
    let job = lab.run(
        MiniJob::new("periodic")
            .vertex("source", 1, move |task| {
                let counted = Arc::clone(&counted);
                task.on_snapshot(move |_| {
                    counted.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                });
                awake(task)
            })
            .checkpointing(Checkpointing::every(Duration::from_secs(10))),
    );
    for number in 1..=3 {
        clock.advance(Duration::from_secs(10));
        eventually("a checkpoint is taken", || taken.load(Ordering::SeqCst) == number);
    }
    assert_eq!(lab.client.trigger_checkpoint(job, CheckpointType::Configured).wait().unwrap(), 4);
}

#[test]
fn a_checkpoint_that_is_due_while_another_is_being_taken_follows_it() {
    let clock = MiniClock::manual(SystemTime::now());
    let lab = Lab::with(MiniClusterConfiguration::new().slots_per_task_manager(2).clock(clock.clone()));
    let every_ten_seconds = |name: &str, taken: &Arc<AtomicU32>, first_may_end: &Gate| {
        let (counted, opened) = (Arc::clone(taken), first_may_end.clone());
        let source = move |task: &mut TaskContext| {
            let (counted, opened) = (Arc::clone(&counted), opened.clone());
            task.on_snapshot(move |_| {
                counted.fetch_add(1, Ordering::SeqCst);
                opened.pass();
                Ok(())
            });
            awake(task)
        };
        let checkpointing = Checkpointing::every(Duration::from_secs(10));
        lab.run(MiniJob::new(name).vertex("source", 1, source).checkpointing(checkpointing))
    };
    let (taken, seen) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (held, open) = (Gate::default(), Gate::default());
    open.open();
    every_ten_seconds("held", &taken, &held);
    // Its checkpoints are due when the other's are, and after them.
    every_ten_seconds("witness", &seen, &open);
    for number in 1..=2 {
        clock.advance(Duration::from_secs(10));
        eventually("the witness takes one", || seen.load(Ordering::SeqCst) == number);
    }
    eventually("the first is begun", || taken.load(Ordering::SeqCst) == 1);
    held.open();
    eventually("the second follows", || taken.load(Ordering::SeqCst) == 2);
}

#[test]
fn a_savepoint_that_takes_too_long_expires() {
    let clock = MiniClock::manual(SystemTime::now());
    let lab = Lab::with(MiniClusterConfiguration::new().clock(clock.clone()));
    let go_on = Gate::default();
    let opened = go_on.clone();
    let job = lab.run(MiniJob::new("deaf").vertex("source", 1, move |task| {
        opened.pass();
        awake(task)
    }));
    let id = TriggerId::random();
    lab.client.trigger_detached_savepoint_as(id, job, Some(&lab.path("s")), FORMAT).wait().unwrap();
    let status = || lab.client.savepoint_status(job, id).wait().unwrap();
    assert!(status().is_in_progress());
    clock.advance(Duration::from_secs(600));
    eventually("it has expired", || !status().is_in_progress());
    let expired = status().into_result().unwrap().unwrap_err();
    assert!(expired.to_string().contains("Checkpoint expired before completing"), "{expired}");
    assert_eq!(lab.status(job), JobStatus::Running);
    go_on.open();
    savepoint(&lab, job);
}
