//! What a cluster keeps of what is over, and for how long: outcomes of operations, ended jobs, checkpoints.

use std::fs;
use std::path::{Path, PathBuf};

use flink_client::{
    CheckpointType, ClusterClientExt, ErrorKind, ExecutionPlan, JobId, SavepointFormatType, TriggerId,
};

use super::Target;
use super::scene::{Job, Soon, directory, is_complete, names, of_kind, plan, until};

use SavepointFormatType::Canonical;

pub(crate) fn an_outcome_is_forgotten_after_its_time_and_its_trigger_id_is_free_again(t: &dyn Target) {
    let own = t.dedicated(&[("rest.async.store-duration", "1 s")]);
    let job = Job::running(&*own, "Stateful", &[]);
    let (client, folder, trigger) = (own.client(), directory(t, "forgotten"), TriggerId::random());
    client.trigger_detached_savepoint_as(trigger, *job, Some(&folder), Canonical).done();
    until("the outcome to be forgotten", || {
        let forgotten = client.savepoint_status(*job, trigger).soon().err()?;
        assert_eq!(forgotten.kind(), ErrorKind::OperationLost, "{forgotten:?}");
        names(&forgotten, *job);
        Some(())
    });
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    client.trigger_detached_savepoint_as(trigger, *job, Some(&folder), Canonical).done();
    until("another savepoint", || (fs::read_dir(&folder).unwrap().count() == 2).then_some(()));

    let trigger = TriggerId::random();
    let first = client.trigger_checkpoint_as(trigger, *job, CheckpointType::Full).done();
    until("the checkpoint to be forgotten", || {
        let forgotten = client.checkpoint_status(*job, trigger).soon().err()?;
        assert_eq!(forgotten.kind(), ErrorKind::OperationLost, "{forgotten:?}");
        Some(())
    });
    assert!(client.trigger_checkpoint_as(trigger, *job, CheckpointType::Full).done() > first);
}

pub(crate) fn the_oldest_ended_jobs_are_forgotten_when_there_are_too_many(t: &dyn Target) {
    let own = t.dedicated(&[("jobstore.max-capacity", "1")]);
    let running = Job::running(&*own, "Stateful", &[]);
    let (forgotten, kept) = (Job::finished(&*own), Job::finished(&*own));
    until("the older one to be forgotten", || {
        let jobs = own.client().list_jobs().done();
        (!jobs.iter().any(|job| job.job_id == forgotten.id)).then_some(())
    });
    is_forgotten(&*own, &forgotten);
    assert!(kept.result().is_success());
    let listed: Vec<_> = own.client().list_jobs().done().iter().map(|job| job.job_id).collect();
    assert!(listed.len() == 2 && listed.contains(&kept) && listed.contains(&running), "{listed:?}");
}

pub(crate) fn ended_jobs_are_forgotten_after_their_time_and_running_ones_are_not(t: &dyn Target) {
    // In seconds.
    let own = t.dedicated(&[("jobstore.expiration-time", "1")]);
    let running = Job::running(&*own, "Stateful", &[]);
    let ended = Job::cancelled(&*own);
    until("it to be forgotten", || {
        let jobs = own.client().list_jobs().done();
        (!jobs.iter().any(|job| job.job_id == ended.id)).then_some(())
    });
    is_forgotten(&*own, &ended);
    running.client.wait_until_running(*running).done();
}

/// It is as a job that never was, but for its id.
fn is_forgotten(t: &dyn Target, job: &Job) {
    let unknown = ErrorKind::JobNotFound;
    names(&job.client.job_status(job.id).refused(unknown), job.id);
    names(&job.client.job_result(job.id).refused(unknown), job.id);
    // These come from a cache that is a moment old.
    let gone = until("the details to be gone", || job.client.job_details(job.id).soon().err());
    names(&of_kind(gone, unknown), job.id);
    names(&job.client.cancel(job.id).refused(unknown), job.id);
    let again = plan(t, "Accumulators", &[]).job_id(job.id);
    names(&job.client.submit_job(again).refused(ErrorKind::DuplicateJob), job.id);
}

/// A plan of a job that keeps its checkpoints below `folder`.
fn checkpointing(t: &dyn Target, entry: &str, arguments: &[&str], folder: &str, keep: &str) -> ExecutionPlan {
    plan(t, entry, arguments)
        .args(["--checkpoint-millis", "50"])
        .configuration("execution.checkpointing.dir", format!("file://{folder}"))
        .configuration("execution.checkpointing.externalized-checkpoint-retention", keep)
}

/// The whole checkpoints of a job in its folder.
fn checkpoints_of(folder: &str, job: JobId) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(Path::new(folder).join(job.to_string())) else { return Vec::new() };
    let named = entries.map(|entry| entry.unwrap()).filter(|entry| {
        // What is being written may be beside them under another name.
        entry.file_name().to_string_lossy().starts_with("chk-")
    });
    named.map(|entry| entry.path()).filter(|path| path.join("_metadata").is_file()).collect()
}

#[track_caller]
fn with_checkpoint(job: &Job, folder: &str) {
    until("a checkpoint", || (!checkpoints_of(folder, job.id).is_empty()).then_some(()));
}

pub(crate) fn a_job_starts_from_the_checkpoint_that_a_cancelled_one_left(t: &dyn Target) {
    let folder = directory(t, "retained");
    let retained = checkpointing(t, "Stateful", &[], &folder, "RETAIN_ON_CANCELLATION");
    let job = Job::of_plan(t, retained);
    with_checkpoint(&job, &folder);
    until("records", || (job.count("count") > 20).then_some(()));
    job.client.cancel(*job).done();
    job.result();
    let left = until("the newest alone", || {
        let left = checkpoints_of(&folder, *job);
        (left.len() == 1).then(|| left[0].display().to_string())
    });
    let restored = Job::of_plan(t, plan(t, "Stateful", &[]).savepoint(&left));
    until("restored records", || (restored.count("restored") > 0).then_some(()));
    restored.client.cancel(*restored).done();
    restored.result();
    assert!(is_complete(&left), "it was not claimed");
}

pub(crate) fn checkpoints_go_with_a_cancelled_job_unless_they_are_to_stay(t: &dyn Target) {
    let folder = directory(t, "not-retained");
    for keep in ["NO_EXTERNALIZED_CHECKPOINTS", "DELETE_ON_CANCELLATION"] {
        let job = Job::of_plan(t, checkpointing(t, "Stateful", &[], &folder, keep));
        with_checkpoint(&job, &folder);
        job.client.cancel(*job).done();
        job.result();
        until(&format!("no checkpoint with {keep}"), || {
            checkpoints_of(&folder, *job).is_empty().then_some(())
        });
    }
}

pub(crate) fn the_checkpoint_of_a_failed_job_stays_if_it_may(t: &dyn Target) {
    let folder = directory(t, "of-a-failed-job");
    // Two seconds of records, then no more.
    let arguments = ["--records", "200", "--restarts", "0"];
    for (keep, left) in
        [("DELETE_ON_CANCELLATION", 1), ("RETAIN_ON_CANCELLATION", 1), ("NO_EXTERNALIZED_CHECKPOINTS", 0)]
    {
        let job = Job::of_plan(t, checkpointing(t, "Failing", &arguments, &folder, keep));
        with_checkpoint(&job, &folder);
        assert!(!job.result().is_success());
        until(&format!("{left} checkpoints with {keep}"), || {
            (checkpoints_of(&folder, *job).len() == left).then_some(())
        });
    }
}

pub(crate) fn a_stopped_job_leaves_its_savepoint_and_no_checkpoint(t: &dyn Target) {
    let (folder, savepoints) = (directory(t, "of-a-stopped-job"), directory(t, "of-a-stopped-job-too"));
    let job = Job::of_plan(t, checkpointing(t, "Stateful", &[], &folder, "RETAIN_ON_CANCELLATION"));
    with_checkpoint(&job, &folder);
    let path = job.client.stop_and_wait(*job, Some(&savepoints), Canonical).done();
    until("no checkpoint", || checkpoints_of(&folder, *job).is_empty().then_some(()));
    assert!(is_complete(&path));
}

pub(crate) fn a_job_that_restarts_needs_its_newest_checkpoint_alone(t: &dyn Target) {
    let folder = directory(t, "newest-alone");
    let job = Job::of_plan(t, checkpointing(t, "Stateful", &[], &folder, "RETAIN_ON_CANCELLATION"));
    with_checkpoint(&job, &folder);
    let first = checkpoints_of(&folder, *job);
    until("a later checkpoint and no earlier one", || {
        let now = checkpoints_of(&folder, *job);
        (now.len() == 1 && !first.contains(&now[0])).then_some(())
    });
}
