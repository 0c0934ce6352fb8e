//! The end of a cluster.

use std::time::{Duration, SystemTime};

use flink_client::{ClusterClient, ClusterClientExt, ErrorKind, SavepointFormatType};

use super::Target;
use super::scene::{Job, Soon, directory, is_complete, until};

pub(crate) fn a_cluster_that_is_shut_down_ends_with_its_jobs(t: &dyn Target) {
    let own = t.dedicated(&[]);
    let job = Job::running(&*own, "Stateful", &[]);
    job.client.shut_down_cluster().done();
    until("the cluster's end", || own.has_ended().then_some(()));
    // It would be tried for as often as the configuration says; here the caller has less patience.
    let error = job.client.job_status(*job).timeout(Duration::from_millis(300)).soon().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Connect), "{error:?}");
    job.client.close();
}

/// A cluster that is asked to end waits until all results of operations were read, or have expired: half an hour here.
pub(crate) fn results_that_nobody_read_do_not_keep_a_cluster(t: &dyn Target) {
    let own = t.dedicated(&[("rest.async.store-duration", "30 min")]);
    let rest = own.rest();
    let job = Job::running(&*own, "Stateful", &[]);
    let folder = directory(t, "unread");
    rest.trigger_detached_savepoint(*job, Some(&folder), SavepointFormatType::Canonical).done();
    drop(rest.trigger_checkpoint(*job, Default::default()));
    drop(rest.trigger_savepoint(*job, Some(&folder), SavepointFormatType::Canonical));
    let made = until("the savepoints", || {
        let made = rest.completed_savepoints(*job, SystemTime::UNIX_EPOCH).done();
        (made.len() == 2).then_some(made)
    });
    rest.shut_down_cluster().done();
    until("the cluster's end", || own.has_ended().then_some(()));
    assert!(made.iter().all(|savepoint| is_complete(savepoint.external_path.as_deref().unwrap())));
    job.client.close();
}
