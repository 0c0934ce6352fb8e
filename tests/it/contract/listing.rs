//! The list of jobs.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use flink_client::{ClusterClientExt, JobStatus};

use super::scene::{Job, Soon, until};
use super::{APPLICATIONS, Target};

pub(crate) fn a_running_job_is_listed_with_its_name_state_start_and_tasks(t: &dyn Target) {
    // The cluster's clock is this machine's.
    let before = SystemTime::now() - Duration::from_secs(1);
    let job = Job::running(t, "Stateful", &["--name", "a name with ümläut \"quotes\"", "--parallelism", "2"]);
    let jobs = job.client.list_jobs().done();
    let listed: Vec<_> = jobs.iter().filter(|listed| listed.job_id == *job).collect();
    let [listed] = listed[..] else { panic!("listed {} times", listed.len()) };
    assert_eq!(listed.job_name, "a name with ümläut \"quotes\"");
    assert_eq!(listed.job_state, JobStatus::Running);
    assert!(listed.started_at() >= before && listed.started_at() <= SystemTime::now(), "{listed:?}");
    assert_eq!((listed.end_time, listed.ended_at()), (None, None));
    assert!(listed.last_modification.is_some_and(|at| at >= listed.start_time), "{listed:?}");
    assert!(listed.tasks.all_running(), "{listed:?}");
    assert_eq!(listed.tasks.running, listed.tasks.total());
    if t.flink() >= APPLICATIONS {
        assert_eq!(listed.job_type, Some(Cow::Borrowed("STREAMING")));
        assert_eq!(listed.scheduler_type, Some(Cow::Borrowed("Default")));
    } else {
        assert_eq!((&listed.job_type, &listed.scheduler_type), (&None, &None));
    }
}

pub(crate) fn a_finished_job_stays_listed_with_its_end(t: &dyn Target) {
    let job = Job::finished(t);
    let jobs = job.client.list_jobs().done();
    let listed = jobs.iter().find(|listed| listed.job_id == *job).expect("the job is listed");
    assert_eq!(listed.job_state, JobStatus::Finished);
    let end = listed.end_time.expect("it has ended");
    assert!(end >= listed.start_time);
    assert_eq!(listed.duration.as_millis(), u128::try_from(end - listed.start_time).unwrap());
    assert!(listed.tasks.finished > 0 && listed.tasks.finished == listed.tasks.total(), "{listed:?}");
}

pub(crate) fn an_initialising_job_is_listed_without_tasks(t: &dyn Target) {
    let job = Job::initializing(t);
    let jobs = job.client.list_jobs().done();
    let listed = jobs.iter().find(|listed| listed.job_id == *job).expect("the job is listed");
    assert_eq!(listed.job_state, JobStatus::Initializing);
    assert_eq!(listed.tasks.total(), 0);
    assert!(!listed.tasks.all_running());
}

pub(crate) fn a_failed_and_a_cancelled_job_stay_listed(t: &dyn Target) {
    let (failed, cancelled) = (Job::failed(t), Job::cancelled(t));
    let jobs = failed.client.list_jobs().done();
    for (job, state) in [(&failed, JobStatus::Failed), (&cancelled, JobStatus::Canceled)] {
        let listed = jobs.iter().find(|listed| listed.job_id == **job).expect("the job is listed");
        assert_eq!(listed.job_state, state);
        assert!(listed.end_time.is_some());
    }
}

pub(crate) fn a_list_overlaps_with_a_wait(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let ended = job.client.job_result(*job);
    assert!(job.client.list_jobs().done().iter().any(|listed| listed.job_id == *job));
    assert!(!ended.is_done());
    job.client.cancel(*job).done();
    assert!(!ended.done().is_success());
}

pub(crate) fn details_have_vertices_times_and_plan(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &["--name", "detailed", "--parallelism", "2"]);
    // They come from a cache that is a moment old.
    let details = until("all tasks in the details", || {
        let details = job.client.job_details(*job).done();
        details.tasks().all_running().then_some(details)
    });
    assert_eq!((details.job_id, &*details.name, details.state), (*job, "detailed", JobStatus::Running));
    assert!(!details.vertices.is_empty());
    assert!(details.vertices.iter().all(|vertex| vertex.parallelism == 2), "{details:?}");
    assert_eq!(details.plan.nodes.len(), details.vertices.len());
    assert!(details.timestamps[&JobStatus::Running] >= details.start_time);
    assert_eq!(details.end_time, None);
    assert_eq!(details.application_id.is_some(), t.flink() >= APPLICATIONS);
}

pub(crate) fn details_of_an_initialising_job_are_empty(t: &dyn Target) {
    let job = Job::initializing(t);
    let details = job.client.job_details(*job).done();
    assert_eq!(details.state, JobStatus::Initializing);
    assert!(details.vertices.is_empty() && details.plan.nodes.is_empty(), "{details:?}");
}

pub(crate) fn a_job_that_starts_slowly_is_initialising_first_and_running_then(t: &dyn Target) {
    let job = Job::initializing(t);
    job.client.wait_until_running(*job).done();
    assert_eq!(job.status(), JobStatus::Running);
}
