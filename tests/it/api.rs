//! What the types are for those who use them: which of them cross threads, and how they are given.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use flink_client::mini::{
    CoordinationRequest, HistogramAccumulator, JavaException, JobStatusChange, ListAccumulator, LongCounter,
    MiniClock, MiniClusterClient, MiniProgram,
};
use flink_client::prelude::*;
use flink_client::*;

fn crosses<T: Send + Sync + 'static>() {}

fn is_sent<T: Send + 'static>() {}

#[test]
fn whatever_a_program_holds_can_be_shared_between_its_threads() {
    crosses::<RestClusterClient>();
    crosses::<RestClusterClientConfiguration>();
    crosses::<RestClusterClientConfigurationBuilder>();
    crosses::<Arc<dyn ClusterClient<ClusterId = StandaloneClusterId>>>();
    crosses::<Arc<dyn JobClient>>();
    crosses::<LazyClusterClientProvider<RestClusterClient>>();
    crosses::<ClusterClientJobClientAdapter<LazyClusterClientProvider<RestClusterClient>>>();
    crosses::<AddressList>();
    crosses::<FixedAddress>();
    crosses::<Runtime>();
    crosses::<RuntimeBuilder>();
    crosses::<Pending<Vec<JobStatusMessage>>>();
    crosses::<Promise<JobId>>();
    crosses::<Progress>();
    crosses::<Heartbeat>();
    crosses::<ExecutionPlan>();
    crosses::<Configuration>();
    crosses::<ExponentialWaitStrategy>();
    crosses::<Error>();
    crosses::<ErrorKind>();
    crosses::<FailureCause>();
    crosses::<JobResult>();
    crosses::<JobExecutionResult>();
    crosses::<Accumulators>();
    crosses::<JobDetails>();
    crosses::<CheckpointingStatistics>();
    crosses::<SavepointStatus>();
    crosses::<RemoteClusterDescriptor>();
    crosses::<StandaloneClusterDescriptor>();
    crosses::<StandaloneCluster>();
    crosses::<ClusterSpecification>();
    crosses::<ClusterTargets>();
    crosses::<MiniCluster>();
    crosses::<MiniClusterClient>();
    crosses::<MiniClusterConfiguration>();
    crosses::<MiniClock>();
    crosses::<MiniJob>();
    crosses::<MiniProgram>();
    crosses::<JavaException>();
    crosses::<JobStatusChange>();
    crosses::<LongCounter>();
    crosses::<HistogramAccumulator>();
    crosses::<ListAccumulator>();
    is_sent::<CoordinationRequest>();
    is_sent::<AsCompleted<JobId>>();
    // A result need not be shared to be handed over.
    is_sent::<Pending<Cell<u8>>>();
}

#[test]
fn clients_are_used_behind_a_pointer_with_all_that_is_made_of_their_operations() {
    let cluster = MiniCluster::start(MiniClusterConfiguration::new()).unwrap();
    let job = cluster.submit(MiniJob::new("short").vertex("source", 1, |_task| Ok(()))).wait().unwrap();
    let shared: Arc<dyn ClusterClient<ClusterId = _>> = Arc::new(cluster.client());
    // In this order: what is still running would be cancelled, and have no result.
    assert_eq!(shared.execution_result(job).wait().unwrap().job_id, job);
    shared.cancel_if_running(job).wait().unwrap();
    let boxed: Box<dyn ClusterClient<ClusterId = _>> = Box::new(cluster.client());
    assert_eq!(boxed.list_jobs().wait().unwrap().len(), 1);
}

#[test]
fn texts_and_paths_are_taken_as_they_come() {
    let (owned, borrowed) = (String::from("a.jar"), "a.jar");
    let plans = [
        ExecutionPlan::jar(borrowed),
        ExecutionPlan::jar(&owned),
        ExecutionPlan::jar(Path::new(borrowed)),
        ExecutionPlan::uploaded_jar(owned.clone()).entry_class(borrowed).args(vec![owned.clone()]),
        ExecutionPlan::serialized(Path::new(borrowed))
            .with_jar(&owned)
            .with_artifact(borrowed, owned.clone()),
        ExecutionPlan::jar(owned).args([borrowed]).arg(borrowed).savepoint(String::from("s3://sp")),
    ];
    assert_eq!(plans.len(), 6);
    assert!(
        RestClusterClient::connect("localhost").is_ok()
            && RestClusterClient::connect(String::from("h:1")).is_ok()
    );
}
