//! The cluster and its clients: opened, closed, dropped.

use std::time::Duration;

use flink_client::mini::{MiniCluster, MiniClusterClient, MiniClusterConfiguration, MiniClusterId, MiniJob};
use flink_client::{ClusterClient, ErrorKind, JobStatus};

use super::support::{LONG, Lab, endless, eventually, idle};

#[test]
fn a_closed_client_refuses_and_leaves_the_cluster_running() {
    let lab = Lab::new(1);
    let job = lab.run(endless(1));
    let open = lab.client.job_result(job);
    lab.client.close();
    lab.client.close();
    assert_eq!(open.wait().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(lab.client.list_jobs().wait().unwrap_err().kind(), ErrorKind::Closed);
    let other = MiniClusterClient::new(lab.cluster.configuration().clone(), lab.cluster.clone());
    assert_eq!(other.job_status(job).wait().unwrap(), JobStatus::Running);
    assert_eq!((*other.cluster_id(), other.cluster_id().to_string()), (MiniClusterId, "mini-cluster".into()));
}

#[test]
fn a_closed_cluster_suspends_its_jobs_and_answers_nobody() {
    let lab = Lab::new(1);
    let (held, tasks) = crossbeam_channel::bounded::<()>(0);
    let job = lab.run(MiniJob::new("endless").vertex("source", 1, move |task| {
        let _held = &held;
        idle(task)
    }));
    let changes = lab.cluster.job_status_changes();
    let (result, waiting) = (lab.client.job_result(job), lab.cluster.submit(endless(1)));
    waiting.wait().unwrap();
    lab.cluster.close();
    lab.cluster.close();
    assert!(tasks.try_recv().is_err_and(|error| error.is_disconnected()), "its tasks have ended");
    let mut ends: Vec<_> = changes.iter().map(|change| change.to).collect();
    ends.retain(|status| status.is_terminal());
    assert_eq!(ends, [JobStatus::Suspended; 2]);
    let refused = lab.cluster.submit(endless(1)).wait().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Closed);
    for error in [
        refused,
        result.wait().unwrap_err(),
        lab.client.list_jobs().wait().unwrap_err(),
        lab.client.cancel(job).wait().unwrap_err(),
    ] {
        assert!(error.is_connection() || error.kind() == ErrorKind::Closed, "{error:?}");
        assert!(error.to_string().contains("the mini cluster is not running"), "{error}");
    }
}

#[test]
fn a_client_can_end_the_cluster() {
    let lab = Lab::new(1);
    lab.run(endless(1));
    lab.client.shut_down_cluster().wait().unwrap();
    eventually("it is closed", || !lab.cluster.is_open());
    assert_eq!(lab.client.shut_down_cluster().wait().unwrap_err().kind(), ErrorKind::Connect);
}

#[test]
fn a_dropped_cluster_ends_its_tasks() {
    let (sender, ended) = crossbeam_channel::bounded::<()>(0);
    let cluster = MiniCluster::start(MiniClusterConfiguration::new()).unwrap();
    cluster
        .submit(MiniJob::new("endless").vertex("source", 1, move |task| {
            let _held = &sender;
            while task.sleep(Duration::from_secs(3600))? {}
            Ok(())
        }))
        .wait()
        .unwrap();
    drop(cluster);
    assert!(ended.recv_timeout(LONG).is_err_and(|error| error.is_disconnected()));
}

#[test]
fn a_cluster_may_end_with_its_job() {
    let lab = Lab::with(MiniClusterConfiguration::new().ends_with_its_job(true));
    let job = lab.run(endless(1));
    let changes = lab.cluster.job_status_changes();
    assert!(lab.cluster.is_open());
    // The answer may be lost with the cluster.
    let _ = lab.client.cancel(job).wait();
    eventually("it is closed", || !lab.cluster.is_open());
    assert_eq!(changes.iter().last().map(|change| change.to), Some(JobStatus::Canceled));
}

#[test]
fn a_task_may_close_its_own_cluster() {
    let lab = Lab::new(1);
    let own = lab.cluster.clone();
    lab.submit(MiniJob::new("last").vertex("source", 1, move |_task| {
        own.close();
        Ok(())
    }));
    eventually("it is closed", || !lab.cluster.is_open());
}

#[test]
fn a_configuration_that_cannot_be_is_refused_by_key() {
    for (key, value) in [
        ("taskmanager.numberOfTaskSlots", "many"),
        ("slot.request.timeout", "soon"),
        ("jobmanager.scheduler", "Lottery"),
        ("execution.checkpointing.dir", "s3://bucket/a"),
    ] {
        let refused = MiniCluster::start(MiniClusterConfiguration::new().set(key, value)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Configuration, "{refused}");
        assert!(refused.to_string().contains(key), "{refused}");
    }
    let many = MiniClusterConfiguration::new().task_managers(1000).slots_per_task_manager(1000);
    assert_eq!(MiniCluster::start(many).unwrap_err().kind(), ErrorKind::Configuration);
}
