//! Where clusters come from: found, deployed and killed, whatever the target.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::client::{ClusterClient, Named};
use crate::error::{Error, ErrorKind, Result};
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
/// What a target cannot do fails with [`ErrorKind::Unsupported`], and says what to do
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
    fn retrieve(&self, cluster_id: &Self::ClusterId) -> Result<Self::Provider>;

    /// Deploys a cluster that takes jobs, and completes when it is ready for them.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a specification that cannot be; whatever
    /// keeps the target from deploying it.
    fn deploy_session_cluster(&self, specification: &ClusterSpecification) -> Pending<Self::Provider>;

    /// Deploys a cluster that runs one application, and completes when the cluster knows its job.
    ///
    /// The application is a program in a [jar](ExecutionPlan::jar), whose main method runs in the cluster. Its job has
    /// the id that the plan fixes, or a random one.
    ///
    /// # Errors
    /// As [`deploy_session_cluster`](Self::deploy_session_cluster); and
    /// [`ErrorKind::InvalidArgument`] for a plan of another kind.
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

    /// The same descriptor with texts as ids, and with a client of one type for every target.
    fn into_any(self) -> AnyClusterDescriptor
    where
        Self: Sized + 'static,
        Self::ClusterId: fmt::Display + FromStr<Err: fmt::Display>,
    {
        Arc::new(AnyDescriptor(self))
    }
}

/// A client of any target; the cluster's id as a text.
pub type AnyClusterClient = Arc<dyn ClusterClient<ClusterId = String>>;

/// Gives the client of a cluster of any target.
pub type AnyClusterClientProvider = Arc<dyn ClusterClientProvider<Client = AnyClusterClient>>;

/// A descriptor of any target; made by [`ClusterDescriptor::into_any`].
pub type AnyClusterDescriptor =
    Arc<dyn ClusterDescriptor<ClusterId = String, Provider = AnyClusterClientProvider>>;

#[derive(Debug)]
struct AnyDescriptor<D>(D);

#[derive(Debug)]
struct AnyProvider<P> {
    provider: P,
    name: String,
}

impl<P> AnyProvider<P>
where
    P: ClusterClientProvider<Client: ClusterClient<ClusterId: fmt::Display>> + 'static,
{
    fn make(provider: P) -> AnyClusterClientProvider {
        let name = provider.cluster_id().to_string();
        Arc::new(Self { provider, name })
    }
}

impl<P: ClusterClientProvider> ClusterClientProvider for AnyProvider<P> {
    type Client = AnyClusterClient;

    fn cluster_client(&self) -> Result<AnyClusterClient> {
        let client = self.provider.cluster_client()?;
        Ok(Arc::new(Named { client, name: self.name.clone() }))
    }

    fn cluster_id(&self) -> &String {
        &self.name
    }

    fn close(&self) {
        self.provider.close();
    }
}

impl<D> AnyDescriptor<D>
where
    D: ClusterDescriptor<ClusterId: FromStr<Err: fmt::Display>>,
{
    fn id(&self, text: &str) -> Result<D::ClusterId> {
        text.parse().map_err(|error| {
            let target = self.0.cluster_description();
            Error::new(ErrorKind::InvalidArgument, format!("{text:?} is no cluster of a {target}: {error}"))
        })
    }
}

impl<D> ClusterDescriptor for AnyDescriptor<D>
where
    D: ClusterDescriptor<ClusterId: fmt::Display + FromStr<Err: fmt::Display>> + 'static,
{
    type ClusterId = String;
    type Provider = AnyClusterClientProvider;

    fn cluster_description(&self) -> String {
        self.0.cluster_description()
    }

    fn retrieve(&self, cluster_id: &String) -> Result<AnyClusterClientProvider> {
        self.0.retrieve(&self.id(cluster_id)?).map(AnyProvider::make)
    }

    fn deploy_session_cluster(
        &self,
        specification: &ClusterSpecification,
    ) -> Pending<AnyClusterClientProvider> {
        self.0.deploy_session_cluster(specification).map(AnyProvider::make)
    }

    fn deploy_application_cluster(
        &self,
        specification: &ClusterSpecification,
        application: ExecutionPlan,
    ) -> Pending<AnyClusterClientProvider> {
        self.0.deploy_application_cluster(specification, application).map(AnyProvider::make)
    }

    fn kill_cluster(&self, cluster_id: &String) -> Pending<Acknowledge> {
        match self.id(cluster_id) {
            Ok(cluster_id) => self.0.kill_cluster(&cluster_id),
            Err(error) => Pending::failed(error),
        }
    }
}
