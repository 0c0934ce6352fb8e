//! Data sets that finished jobs leave in the cluster.

use flink_client::IntermediateDataSetId;

use super::Target;
use super::scene::{Job, Soon, until};

pub(crate) fn a_finished_job_leaves_its_data_set_until_that_is_invalidated(t: &dyn Target) {
    let client = t.client();
    let before = client.list_completed_cluster_dataset_ids().done();
    let job = Job::submitted(t, "DataSet", &[]);
    assert!(job.result().is_success());
    let mine = until("the data set", || {
        let now = client.list_completed_cluster_dataset_ids().done();
        now.difference(&before).next().copied()
    });
    client.invalidate_cluster_dataset(mine).done();
    until("the data set to be gone", || {
        (!client.list_completed_cluster_dataset_ids().done().contains(&mine)).then_some(())
    });
    client.invalidate_cluster_dataset(mine).done();
}

pub(crate) fn a_data_set_that_never_was_is_invalidated(t: &dyn Target) {
    t.client().invalidate_cluster_dataset(IntermediateDataSetId::random()).done();
}
