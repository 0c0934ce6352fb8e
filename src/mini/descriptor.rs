//! Starts clusters in this process, as other descriptors start them elsewhere.

use std::fmt;
use std::sync::Arc;

use super::{MiniCluster, MiniClusterClient, MiniClusterConfiguration, MiniClusterId};
use crate::client::ClusterClient;
use crate::config::Configuration;
use crate::descriptor::ClusterDescriptor;
use crate::error::{Error, ErrorKind, Result};
use crate::job::Acknowledge;
use crate::pending::Pending;
use crate::plan::ExecutionPlan;
use crate::provider::{ClusterClientProvider, LazyClusterClientProvider};
use crate::runtime::Runtime;
use crate::specification::ClusterSpecification;

type Programs = dyn Fn(&MiniCluster) + Send + Sync;

/// Starts [`MiniCluster`]s: the target `local`. Each lives until its provider and clients are dropped.
///
/// # Examples
/// ```
/// use flink_client::mini::{MiniClusterDescriptor, MiniJob};
/// use flink_client::{
///     ClusterClient, ClusterClientProvider, ClusterDescriptor, ClusterSpecification, Configuration,
/// };
///
/// let descriptor = MiniClusterDescriptor::new(Configuration::new(), |cluster| {
///     cluster.register_program("com.acme.Etl", |_| MiniJob::new("etl").vertex("source", 1, |_task| Ok(())));
/// });
/// let size = ClusterSpecification::new().slots_per_task_manager(2);
/// let provider = descriptor.deploy_session_cluster(&size).wait()?;
/// assert_eq!(provider.cluster_client()?.mini_cluster().slots_total(), 2);
/// # Ok::<(), flink_client::Error>(())
/// ```
#[derive(Clone)]
pub struct MiniClusterDescriptor {
    configuration: Configuration,
    programs: Arc<Programs>,
}

impl MiniClusterDescriptor {
    /// Descriptor of clusters with this configuration, into which `programs` registers the stand-ins that they run.
    pub fn new(
        configuration: Configuration,
        programs: impl Fn(&MiniCluster) + Send + Sync + 'static,
    ) -> Self {
        Self { configuration, programs: Arc::new(programs) }
    }

    pub(crate) fn with_programs(configuration: Configuration, programs: Arc<Programs>) -> Self {
        Self { configuration, programs }
    }
}

impl ClusterDescriptor for MiniClusterDescriptor {
    type ClusterId = MiniClusterId;
    type Provider = LazyClusterClientProvider<MiniClusterClient>;

    fn cluster_description(&self) -> String {
        "mini cluster in this process".into()
    }

    /// # Errors
    /// [`ErrorKind::Unsupported`], always: who has a mini cluster has it.
    fn retrieve(&self, _cluster_id: &MiniClusterId) -> Result<Self::Provider> {
        let message = "cannot find a mini cluster: it has no address, and is reached by those who hold it";
        Err(Error::new(ErrorKind::Unsupported, message)
            .with_hint("deploy a session cluster, and keep its provider"))
    }

    /// Starts a cluster with so many TaskManagers and slots; memory is not counted.
    ///
    /// # Errors
    /// As [`MiniCluster::start`]; [`ErrorKind::InvalidArgument`] for a specification without a slot.
    fn deploy_session_cluster(&self, specification: &ClusterSpecification) -> Pending<Self::Provider> {
        let (specification, configuration) = (specification.clone(), self.configuration.clone());
        let programs = Arc::clone(&self.programs);
        Runtime::shared().spawn(move || {
            specification.check()?;
            let settings = MiniClusterConfiguration::new()
                .configuration(configuration.clone())
                .task_managers(specification.task_managers)
                .slots_per_task_manager(specification.slots_per_task_manager);
            let cluster = MiniCluster::start(settings)?;
            programs(&cluster);
            Ok(LazyClusterClientProvider::of(MiniClusterClient::new(configuration, cluster)))
        })
    }

    /// Starts a cluster and submits the program to it. The cluster stays when the program ends.
    ///
    /// # Errors
    /// As [`deploy_session_cluster`](Self::deploy_session_cluster), and as [`ClusterClient::submit_job`].
    fn deploy_application_cluster(
        &self,
        specification: &ClusterSpecification,
        application: ExecutionPlan,
    ) -> Pending<Self::Provider> {
        self.deploy_session_cluster(specification).and_then(|provider| match provider.cluster_client() {
            Ok(client) => client.submit_job(application).map(|_| provider),
            Err(error) => Pending::failed(error),
        })
    }

    /// # Errors
    /// [`ErrorKind::Unsupported`], always: drop its provider and clients, or [close](MiniCluster::close) it.
    fn kill_cluster(&self, _cluster_id: &MiniClusterId) -> Pending<Acknowledge> {
        let message = "cannot kill a mini cluster by its id, which is the same for all";
        Pending::failed(
            Error::new(ErrorKind::Unsupported, message)
                .with_hint("drop its provider and clients, or close it with `MiniCluster::close`"),
        )
    }
}

impl fmt::Debug for MiniClusterDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MiniClusterDescriptor")
            .field("configuration", &self.configuration)
            .finish_non_exhaustive()
    }
}
