//! A cluster that runs on this machine, and what one does with it.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::record::Record;
use super::running::Running;
use crate::config::{Configuration, options};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::JobId;
use crate::job::Acknowledge;
use crate::pending::Pending;
use crate::pending::operation::{Operating, start};
use crate::provider::{ClusterClientProvider, LazyClusterClientProvider};
use crate::rest::client::RestClusterClient;
use crate::rest::config::{RestClusterClientConfiguration, RestClusterClientConfigurationBuilder};
use crate::runtime::Runtime;

/// Names a cluster on this machine that this library started: by the folder that it works in.
///
/// Its text is the folder's path, so it can be handed to another process, which finds the cluster by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalClusterId(Arc<Path>);

impl LocalClusterId {
    /// The cluster that works in `folder`.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self::of(folder.as_ref())
    }

    pub(super) fn of(folder: &Path) -> Self {
        Self(folder.into())
    }

    /// The folder that the cluster works in: its configuration is in `conf`, its logs are in `log`.
    pub fn folder(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for LocalClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

impl FromStr for LocalClusterId {
    type Err = Infallible;

    fn from_str(folder: &str) -> Result<Self, Infallible> {
        Ok(Self::new(folder))
    }
}

impl From<PathBuf> for LocalClusterId {
    fn from(folder: PathBuf) -> Self {
        Self(folder.into())
    }
}

/// Changes how the clients of a cluster are made.
type Adjust =
    dyn Fn(RestClusterClientConfigurationBuilder) -> RestClusterClientConfigurationBuilder + Send + Sync;

/// How the clients of a cluster are made.
#[derive(Clone, Default)]
pub(super) struct ClientSettings(pub(super) Option<Arc<Adjust>>);

impl ClientSettings {
    pub(super) fn client(
        &self,
        configuration: &Configuration,
        id: LocalClusterId,
    ) -> Result<RestClusterClient<LocalClusterId>> {
        RestClusterClient::new(self.builder(configuration)?.build()?, id)
    }

    /// A client that tries once and not for long, for a cluster that may not be there yet.
    pub(super) fn probe(
        &self,
        configuration: &Configuration,
        id: LocalClusterId,
    ) -> Result<RestClusterClient<LocalClusterId>> {
        let builder = self
            .builder(configuration)?
            .max_attempts(0)
            .await_leader_timeout(Duration::ZERO)
            .connection_timeout(Duration::from_secs(2))
            .answer_timeout(Duration::from_secs(5));
        RestClusterClient::new(builder.build()?, id)
    }

    fn builder(&self, configuration: &Configuration) -> Result<RestClusterClientConfigurationBuilder> {
        // There is one JobManager, and it is known where.
        let mut configuration = configuration.clone();
        configuration.remove(&options::HIGH_AVAILABILITY_TYPE);
        let builder = RestClusterClientConfiguration::builder().configuration(&configuration)?;
        Ok(match &self.0 {
            Some(adjust) => adjust(builder),
            None => builder,
        })
    }
}

/// A Flink cluster on this machine: JobManager and TaskManagers as processes, and the client to work with them.
///
/// Made by a [`StandaloneClusterDescriptor`](crate::StandaloneClusterDescriptor). Dropping one that was deployed ends
/// the cluster, and so does the end of this process, whatever that is: a panic, Ctrl-C, `kill -9`. The drop waits until
/// the processes are gone, mostly a second and never more than 15 s; not on a thread of this library. Dropping one that
/// was [retrieved](crate::ClusterDescriptor::retrieve) or deployed [detached](crate::StandaloneClusterDescriptor::detached)
/// leaves it running.
///
/// [`close`](ClusterClientProvider::close) closes the client alone; [`kill`](Self::kill) ends the cluster.
pub struct StandaloneCluster {
    shared: Arc<Shared>,
}

struct Shared {
    clients: LazyClusterClientProvider<RestClusterClient<LocalClusterId>>,
    running: Running,
    web_interface_url: String,
    flink_version: String,
    job_id: Option<JobId>,
}

impl Drop for Shared {
    /// A client of a cluster that is gone would try for long to reach it.
    fn drop(&mut self) {
        if !self.running.is_detached() {
            self.clients.close();
        }
    }
}

impl StandaloneCluster {
    pub(super) fn new(running: Running, client: RestClusterClient<LocalClusterId>, record: &Record) -> Self {
        Self {
            shared: Arc::new(Shared {
                clients: LazyClusterClientProvider::of(client),
                running,
                web_interface_url: record.web_interface_url.clone(),
                flink_version: record.flink_version.clone(),
                job_id: record.job_id,
            }),
        }
    }

    /// Where the web interface and the REST API are, such as `http://127.0.0.1:43210`.
    pub fn web_interface_url(&self) -> &str {
        &self.shared.web_interface_url
    }

    /// Flink's version, by the name of its jar.
    pub fn flink_version(&self) -> &str {
        &self.shared.flink_version
    }

    /// The job of an application cluster; `None` for a session cluster.
    pub fn job_id(&self) -> Option<JobId> {
        self.shared.job_id
    }

    /// The folder that the cluster works in: its configuration is in `conf`, its logs are in `log`. It is removed with
    /// the cluster, unless it was made below a [`working_directory`](crate::StandaloneClusterDescriptor::working_directory).
    pub fn folder(&self) -> &Path {
        self.shared.running.folder.path()
    }

    /// The ids of its processes: JobManager and TaskManagers, by name, and what watches over them.
    pub fn processes(&self) -> Vec<(String, u32)> {
        self.shared.running.processes().into_iter().map(|process| (process.name, process.pid)).collect()
    }

    /// Whether its JobManager runs. It does not after [`kill`](Self::kill) or
    /// [`shut_down_cluster`](crate::ClusterClient::shut_down_cluster), and TaskManagers end with it.
    pub fn is_running(&self) -> bool {
        self.shared.running.runs()
    }

    /// The last lines of a process's log, by its name in [`processes`](Self::processes).
    pub fn log_tail(&self, process: &str) -> String {
        self.shared.running.folder.log_tail(process)
    }

    pub(super) fn detach(&self) -> Result<()> {
        self.shared.running.detach()
    }

    /// Ends the cluster with all jobs in it, and completes when none of its processes runs any more. The client is
    /// closed. Processes that do not end within 5 s of being asked to are killed.
    ///
    /// # Errors
    /// [`ErrorKind::Process`], naming them, if some cannot be killed. A cluster that has ended already is a success.
    pub fn kill(&self) -> Pending<Acknowledge> {
        let shared = Arc::clone(&self.shared);
        let operating = Operating::new(format!("ending the cluster in {}", self.folder().display()));
        let runtime = Runtime::shared();
        let core = Arc::clone(runtime.core());
        start(&runtime, None, Arc::new(operating), async move {
            shared.clients.close();
            shared.running.end(&core).await.map(|()| Acknowledge)
        })
    }
}

impl ClusterClientProvider for StandaloneCluster {
    type Client = RestClusterClient<LocalClusterId>;

    fn cluster_client(&self) -> Result<Self::Client> {
        self.shared.clients.cluster_client()
    }

    fn cluster_id(&self) -> &LocalClusterId {
        self.shared.clients.cluster_id()
    }

    fn close(&self) {
        self.shared.clients.close();
    }
}

impl fmt::Debug for StandaloneCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandaloneCluster")
            .field("folder", &self.folder())
            .field("web_interface_url", &self.web_interface_url())
            .field("flink_version", &self.flink_version())
            .field("job_id", &self.job_id())
            .field("processes", &self.processes())
            .finish_non_exhaustive()
    }
}

/// # Errors
/// [`ErrorKind::Process`] if the cluster that `record` tells of does not run.
pub(super) fn check_running(running: &Running, record: &Record) -> Result<()> {
    if running.runs() {
        return Ok(());
    }
    let message = format!(
        "the cluster in {} does not run any more: its JobManager is gone",
        running.folder.path().display()
    );
    Err(Error::new(ErrorKind::Process, message)
        .with_hint(format!("it was Flink {} at {}", record.flink_version, record.web_interface_url)))
}
