//! Where clusters come from: found, deployed and killed, whatever the target.

use std::fmt;

use crate::client::ClusterClient;
use crate::job::Acknowledge;
use crate::pending::Pending;
use crate::plan::ExecutionPlan;
use crate::provider::ClusterClientProvider;
use crate::specification::ClusterSpecification;

/// Finds, deploys and kills the clusters of one deployment target.
///
/// [`StandaloneClusterDescriptor`](crate::StandaloneClusterDescriptor) starts Flink's processes on this machine,
/// [`RemoteClusterDescriptor`](crate::RemoteClusterDescriptor) only finds a cluster by its address, and
/// [`MiniClusterDescriptor`](crate::mini::MiniClusterDescriptor) starts clusters in this process. Implement it for a
/// target of your own, and have it chosen by `execution.target` with [`ClusterTargets`](crate::ClusterTargets).
///
/// What a target cannot do fails with [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported), and says what to do
/// instead.
pub trait ClusterDescriptor: fmt::Debug + Send + Sync {
    /// What names a cluster of this target.
    type ClusterId: fmt::Debug + Send + Sync;

    /// What gives the client of a cluster, and owns the cluster if somebody has to.
    type Provider: ClusterClientProvider<Client: ClusterClient<ClusterId = Self::ClusterId>> + 'static;

    /// The target in a few words, for logs and errors.
    fn cluster_description(&self) -> String;

    /// Finds a cluster that runs already. No request is sent to it. Dropping the provider leaves the cluster running.
    ///
    /// # Errors
    /// If there is no such cluster, as far as that can be told without asking it.
    fn retrieve(&self, cluster_id: &Self::ClusterId) -> crate::Result<Self::Provider>;

    /// Deploys a cluster that takes jobs, and completes when it is ready for them.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) for a specification that cannot be; whatever
    /// keeps the target from deploying it.
    fn deploy_session_cluster(&self, specification: &ClusterSpecification) -> Pending<Self::Provider>;

    /// Deploys a cluster that runs one application, and completes when the cluster knows its job.
    ///
    /// The application is a program in a [jar](ExecutionPlan::jar), whose main method runs in the cluster. Its job has
    /// the id that the plan fixes, or a random one.
    ///
    /// # Errors
    /// As [`deploy_session_cluster`](Self::deploy_session_cluster); and
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) for a plan of another kind.
    fn deploy_application_cluster(
        &self,
        specification: &ClusterSpecification,
        application: ExecutionPlan,
    ) -> Pending<Self::Provider>;

    /// Ends a cluster with all jobs in it, and completes when nothing of it runs any more.
    ///
    /// # Errors
    /// If there is no such cluster, or something of it could not be ended.
    fn kill_cluster(&self, cluster_id: &Self::ClusterId) -> Pending<Acknowledge>;
}
