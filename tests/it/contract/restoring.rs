//! Starting a job from a savepoint.

use flink_client::{ClaimMode, ClusterClientExt, ErrorKind, ExecutionPlan, JobId, SavepointFormatType};

use super::Target;
use super::scene::{Job, Soon, directory, files_of, is_complete, names, plan, until};

/// A savepoint of a job that has counted some records, and how many.
#[track_caller]
fn savepoint(t: &dyn Target, name: &str) -> (String, i64) {
    let job = Job::running(t, "Stateful", &["--records-per-second", "1000"]);
    until("a hundred records", || (job.count("count") > 100).then_some(()));
    let folder = directory(t, name);
    let path = job.client.stop_and_wait(*job, Some(&folder), SavepointFormatType::Canonical).done();
    let counted = job.result().accumulators.value("count").unwrap().as_i64().unwrap();
    (path, counted)
}

fn from(t: &dyn Target, savepoint: &str, arguments: &[&str]) -> ExecutionPlan {
    plan(t, "Stateful", arguments).savepoint(savepoint)
}

pub(crate) fn a_restored_job_goes_on_where_the_savepoint_was(t: &dyn Target) {
    let (path, counted) = savepoint(t, "go-on");
    // Parallelism 1, 2 and 1 again: state is spread over other tasks than those that wrote it.
    for parallelism in ["1", "2"] {
        let job = Job::of_plan(t, from(t, &path, &["--parallelism", parallelism]));
        until("restored and fresh records", || {
            (job.count("restored") == counted && job.count("fresh") > 0).then_some(())
        });
        job.client.cancel(*job).done();
        job.result();
    }
    assert!(is_complete(&path), "what was not given away stays");
}

pub(crate) fn a_savepoint_of_other_parallelism_is_restored(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &["--records-per-second", "1000", "--parallelism", "3"]);
    until("records", || (job.count("count") > 100).then_some(()));
    let folder = directory(t, "narrower");
    let path = job.client.stop_and_wait(*job, Some(&folder), SavepointFormatType::Canonical).done();
    let counted = job.result().accumulators.value("count").unwrap().as_i64().unwrap();
    let narrow = Job::of_plan(t, from(t, &path, &["--parallelism", "1"]));
    until("all parts of the state", || (narrow.count("restored") == counted).then_some(()));
}

pub(crate) fn a_claimed_savepoint_is_removed_when_it_is_no_longer_needed(t: &dyn Target) {
    let (path, _) = savepoint(t, "claimed");
    let claiming = from(t, &path, &["--checkpoint-millis", "100"]).claim_mode(ClaimMode::Claim);
    let job = Job::of_plan(t, claiming);
    until("the savepoint to be gone", || (!is_complete(&path)).then_some(()));
    job.client.wait_until_running(*job).done();
}

pub(crate) fn a_savepoint_that_is_not_claimed_stays(t: &dyn Target) {
    let (path, _) = savepoint(t, "unclaimed");
    for mode in [ClaimMode::NoClaim, ClaimMode::Legacy] {
        let job = Job::of_plan(t, from(t, &path, &[]).claim_mode(mode));
        job.client.wait_until_running(*job).done();
        for _ in 0..3 {
            job.client.trigger_checkpoint(*job, Default::default()).done();
        }
        assert!(is_complete(&path), "{mode}");
    }
}

pub(crate) fn state_that_belongs_to_nobody_is_refused_unless_allowed(t: &dyn Target) {
    let (path, _) = savepoint(t, "nobody");
    let (client, id) = (t.client(), JobId::random());
    let error = client
        .submit_job(from(t, &path, &["--count-uid", "other"]).job_id(id))
        .refused(ErrorKind::NonRestoredState);
    names(&error, id);
    assert!(error.to_string().contains("non-restored state"), "{error}");
    let refused = from(t, &path, &["--count-uid", "other"]).allow_non_restored_state(false);
    client.submit_job(refused).refused(ErrorKind::NonRestoredState);

    let allowed = from(t, &path, &["--count-uid", "other"]).allow_non_restored_state(true);
    let job = Job::of_plan(t, allowed);
    until("records counted from nothing", || (job.count("fresh") > 0).then_some(()));
    assert_eq!(job.count("restored"), 0);
}

pub(crate) fn a_savepoint_that_is_not_there_refuses_the_job(t: &dyn Target) {
    let id = JobId::random();
    let nowhere = t.folder("nowhere").join("savepoint-00").display().to_string();
    let error =
        t.client().submit_job(from(t, &nowhere, &[]).job_id(id)).refused(ErrorKind::SavepointNotFound);
    names(&error, id);
    assert!(error.to_string().contains(&nowhere), "{error}");
}

pub(crate) fn a_folder_that_is_no_savepoint_refuses_the_job(t: &dyn Target) {
    let folder = directory(t, "an-empty-folder");
    t.client().submit_job(from(t, &folder, &[])).refused(ErrorKind::SavepointNotFound);
    let garbage = t.folder("garbage");
    std::fs::write(garbage.join("_metadata"), "nothing that Flink has written").unwrap();
    let garbage = garbage.display().to_string();
    t.client().submit_job(from(t, &garbage, &[])).refused(ErrorKind::SavepointNotFound);
}

pub(crate) fn a_savepoint_may_be_named_by_its_file_or_as_a_uri(t: &dyn Target) {
    let (path, counted) = savepoint(t, "named");
    let plain = files_of(&path).display().to_string();
    for name in [
        format!("{plain}/_metadata"),
        format!("{plain}/"),
        format!("file:{plain}"),
        format!("file://{plain}"),
    ] {
        let job = Job::of_plan(t, from(t, &name, &[]));
        until(&format!("what {name} holds"), || (job.count("restored") == counted).then_some(()));
    }
}

pub(crate) fn a_restored_job_counts_its_checkpoints_on(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    assert_eq!(job.client.trigger_checkpoint(*job, Default::default()).done(), 1);
    let folder = directory(t, "counts-on");
    // Number 2.
    let path = job.client.stop_and_wait(*job, Some(&folder), SavepointFormatType::Canonical).done();
    let job = Job::of_plan(t, from(t, &path, &[]));
    job.client.wait_until_running(*job).done();
    assert_eq!(job.client.trigger_checkpoint(*job, Default::default()).done(), 3);
}

pub(crate) fn more_tasks_than_the_savepoint_allows_are_refused(t: &dyn Target) {
    let narrow = plan(t, "Stateful", &[]).configuration("pipeline.max-parallelism", "2");
    let job = Job::of_plan(t, narrow);
    job.client.wait_until_running(*job).done();
    let folder = directory(t, "too-narrow");
    let path = job.client.stop_and_wait(*job, Some(&folder), SavepointFormatType::Canonical).done();
    let wide = from(t, &path, &["--parallelism", "3"]);
    let error = t.client().submit_job(wide).refused(ErrorKind::JobInitializationFailed);
    assert!(error.to_string().contains("maximum parallelism (2)"), "{error}");
    let widest = Job::of_plan(t, from(t, &path, &["--parallelism", "2"]));
    widest.client.wait_until_running(*widest).done();
}

pub(crate) fn two_jobs_may_start_from_one_savepoint(t: &dyn Target) {
    let (path, counted) = savepoint(t, "shared");
    for job in [(); 2].map(|()| Job::of_plan(t, from(t, &path, &[]))) {
        until("all that was counted", || (job.count("restored") == counted).then_some(()));
    }
}

pub(crate) fn the_statistics_know_what_a_job_was_restored_from(t: &dyn Target) {
    let (path, _) = savepoint(t, "restored-from");
    let job = Job::of_plan(t, from(t, &path, &[]));
    job.client.wait_until_running(*job).done();
    let restored = until("the restored savepoint", || job.client.checkpoints(*job).done().latest.restored);
    assert!(restored.is_savepoint);
    assert_eq!(restored.external_path.as_deref(), Some(&*path));
}
