//! Finds a cluster by the address in its configuration.

use crate::StandaloneClusterId;
use crate::config::Configuration;
use crate::descriptor::ClusterDescriptor;
use crate::error::{Error, ErrorKind, Result};
use crate::job::Acknowledge;
use crate::pending::Pending;
use crate::plan::ExecutionPlan;
use crate::provider::LazyClusterClientProvider;
use crate::rest::client::RestClusterClient;
use crate::rest::config::RestClusterClientConfiguration;
use crate::specification::ClusterSpecification;

/// Finds the cluster at `rest.address` and `rest.port` of a configuration; neither deploys nor kills any. This is what
/// `execution.target: remote` means, and what Java's `StandaloneClusterDescriptor` does.
///
/// # Examples
/// ```
/// use flink_client::{
///     ClusterClient, ClusterClientProvider, ClusterDescriptor, Configuration, RemoteClusterDescriptor,
///     StandaloneClusterId, options,
/// };
///
/// let mut configuration = Configuration::new();
/// configuration.set(&options::REST_ADDRESS, "flink.example.org");
/// let provider = RemoteClusterDescriptor::new(configuration).retrieve(&StandaloneClusterId)?;
/// assert_eq!(provider.cluster_client()?.web_interface_url(), "http://flink.example.org:8081");
/// # Ok::<(), flink_client::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RemoteClusterDescriptor {
    configuration: Configuration,
}

impl RemoteClusterDescriptor {
    /// Descriptor of the cluster that `configuration` leads to.
    pub fn new(configuration: Configuration) -> Self {
        Self { configuration }
    }
}

fn unsupported<T: Send + 'static>(what: &str, instead: &'static str) -> Pending<T> {
    let message = format!("{what}: the target remote only finds a cluster by its address");
    Pending::failed(Error::new(ErrorKind::Unsupported, message).with_hint(instead))
}

const OTHER_TARGET: &str = "`StandaloneClusterDescriptor` starts Flink on this machine";

impl ClusterDescriptor for RemoteClusterDescriptor {
    type ClusterId = StandaloneClusterId;
    type Provider = LazyClusterClientProvider<RestClusterClient<StandaloneClusterId>>;

    fn cluster_description(&self) -> String {
        "cluster at the address of its configuration".into()
    }

    /// Gives the client of the cluster that the configuration leads to. Nothing connects before its first operation.
    ///
    /// # Errors
    /// As [`RestClusterClientConfiguration::from_configuration`].
    fn retrieve(&self, cluster_id: &StandaloneClusterId) -> Result<Self::Provider> {
        // What is wrong with the configuration is told here, and not to whoever asks for the client later.
        let configuration = RestClusterClientConfiguration::from_configuration(&self.configuration)?;
        let cluster_id = *cluster_id;
        Ok(LazyClusterClientProvider::new(cluster_id, move || {
            RestClusterClient::new(configuration.clone(), cluster_id)
        }))
    }

    /// # Errors
    /// [`ErrorKind::Unsupported`], always.
    fn deploy_session_cluster(&self, _specification: &ClusterSpecification) -> Pending<Self::Provider> {
        unsupported("cannot deploy a session cluster", OTHER_TARGET)
    }

    /// # Errors
    /// [`ErrorKind::Unsupported`], always.
    fn deploy_application_cluster(
        &self,
        _specification: &ClusterSpecification,
        _application: ExecutionPlan,
    ) -> Pending<Self::Provider> {
        unsupported("cannot deploy an application cluster", OTHER_TARGET)
    }

    /// # Errors
    /// [`ErrorKind::Unsupported`], always.
    fn kill_cluster(&self, _cluster_id: &StandaloneClusterId) -> Pending<Acknowledge> {
        unsupported(
            "cannot kill the cluster's processes",
            "`shut_down_cluster` asks the cluster to end itself",
        )
    }
}
