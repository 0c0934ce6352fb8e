//! One job, seen by itself.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::accumulator::Accumulators;
use crate::client::ClusterClient;
use crate::client_ext::ClusterClientExt;
use crate::ids::JobId;
use crate::job::{Acknowledge, JobStatus};
use crate::job_result::JobExecutionResult;
use crate::pending::Pending;
use crate::provider::{ClusterClientProvider, LazyClusterClientProvider};
use crate::savepoint::SavepointFormatType;

/// A client of one job: what [`ClusterClient`] does, without naming the job each time.
///
/// Object-safe, so that a program can follow jobs without knowing where they run: `Arc<dyn JobClient>`.
pub trait JobClient: fmt::Debug + Send + Sync {
    /// Names the job.
    fn job_id(&self) -> JobId;

    /// The job's state now.
    ///
    /// # Errors
    /// As [`ClusterClient::job_status`].
    fn job_status(&self) -> Pending<JobStatus>;

    /// Cancels the job. Completes when the cluster has taken the order.
    ///
    /// # Errors
    /// As [`ClusterClient::cancel`].
    fn cancel(&self) -> Pending<Acknowledge>;

    /// Takes a savepoint, ends the job gracefully, and completes with the savepoint's path.
    ///
    /// # Errors
    /// As [`ClusterClient::stop_with_savepoint`].
    fn stop_with_savepoint(
        &self,
        advance_to_end_of_event_time: bool,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<String>;

    /// Takes a savepoint while the job runs on, and completes with its path.
    ///
    /// # Errors
    /// As [`ClusterClient::trigger_savepoint`].
    fn trigger_savepoint(
        &self,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<String>;

    /// The job's accumulators, of a running job as far as the cluster has them.
    ///
    /// # Errors
    /// As [`ClusterClient::accumulators`].
    fn accumulators(&self) -> Pending<Accumulators>;

    /// Waits until the job has ended, and completes with what it computed.
    ///
    /// # Errors
    /// A job that failed is an error here, `Job failed (JobID: …)` with the cause after it, of the kind that the cause
    /// has: [`ErrorKind::JobFailed`](crate::ErrorKind::JobFailed) where the job's own code threw,
    /// [`ErrorKind::NoResources`](crate::ErrorKind::NoResources) and others where that is known. One that was cancelled
    /// is [`ErrorKind::JobCancelled`](crate::ErrorKind::JobCancelled). Otherwise as [`ClusterClient::job_result`].
    fn job_execution_result(&self) -> Pending<JobExecutionResult>;

    /// Waits until the job's initialisation is over, which is before its tasks run.
    ///
    /// # Errors
    /// As [`ClusterClientExt::wait_until_job_initialized`].
    fn wait_until_initialized(&self) -> Pending<Acknowledge>;

    /// Sends a request to an operator's coordinator and completes with its answer; both are serialised Java objects.
    ///
    /// # Errors
    /// As [`ClusterClient::send_coordination_request`].
    fn send_coordination_request(&self, operator: &str, serialized_request: Vec<u8>) -> Pending<Vec<u8>>;

    /// Tells the cluster that this job's client lives, until `expires` at least.
    ///
    /// # Errors
    /// As [`ClusterClient::report_heartbeat`].
    fn report_heartbeat(&self, expires: SystemTime) -> Pending<Acknowledge>;
}

/// A [`JobClient`] on top of any cluster's client, which comes from a [`ClusterClientProvider`].
///
/// The client is made by the first call that needs it. A provider that fails to make one fails that call, and is asked
/// again by the next. Cheap to clone; dropping it neither closes the client nor touches the job.
///
/// # Examples
/// ```no_run
/// use flink_client::{ClusterClientJobClientAdapter, JobClient, RestClusterClient};
///
/// let client = RestClusterClient::connect("localhost:8081")?;
/// let job = ClusterClientJobClientAdapter::attach(client, "5f1c2d3e4a5b6c7d8e9fa0b1c2d3e4f5".parse()?);
/// println!("{} is {}", job.job_id(), job.job_status().wait()?);
/// let result = job.job_execution_result().wait()?;
/// println!("ran for {:?}", result.net_runtime);
/// # Ok::<(), flink_client::Error>(())
/// ```
pub struct ClusterClientJobClientAdapter<P: ?Sized> {
    job_id: JobId,
    provider: Arc<P>,
}

impl<P: ClusterClientProvider + ?Sized> ClusterClientJobClientAdapter<P> {
    /// The job `job_id` of the provider's cluster. Nothing is asked of the cluster: whether it knows the job is told by
    /// the first operation.
    pub fn new(provider: Arc<P>, job_id: JobId) -> Self {
        Self { job_id, provider }
    }

    /// Where the cluster's client comes from.
    pub fn provider(&self) -> &Arc<P> {
        &self.provider
    }

    /// The cluster's client.
    ///
    /// # Errors
    /// As [`ClusterClientProvider::cluster_client`].
    pub fn cluster_client(&self) -> crate::Result<P::Client> {
        self.provider.cluster_client()
    }

    fn with_client<T: Send + 'static>(&self, ask: impl FnOnce(&P::Client) -> Pending<T>) -> Pending<T> {
        match self.provider.cluster_client() {
            Ok(client) => ask(&client),
            Err(error) => Pending::failed(error.with_job_id(self.job_id)),
        }
    }
}

impl<C> ClusterClientJobClientAdapter<LazyClusterClientProvider<C>>
where
    C: ClusterClient + Clone + 'static,
    C::ClusterId: Clone,
{
    /// The job `job_id` of the cluster that `client` is connected to, running or ended.
    pub fn attach(client: C, job_id: JobId) -> Self {
        Self::new(Arc::new(LazyClusterClientProvider::of(client)), job_id)
    }
}

impl<P: ClusterClientProvider + ?Sized> JobClient for ClusterClientJobClientAdapter<P> {
    fn job_id(&self) -> JobId {
        self.job_id
    }

    fn job_status(&self) -> Pending<JobStatus> {
        self.with_client(|client| client.job_status(self.job_id))
    }

    fn cancel(&self) -> Pending<Acknowledge> {
        self.with_client(|client| client.cancel(self.job_id))
    }

    fn stop_with_savepoint(
        &self,
        advance_to_end_of_event_time: bool,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<String> {
        self.with_client(|client| {
            client.stop_with_savepoint(
                self.job_id,
                advance_to_end_of_event_time,
                savepoint_directory,
                format_type,
            )
        })
    }

    fn trigger_savepoint(
        &self,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<String> {
        self.with_client(|client| client.trigger_savepoint(self.job_id, savepoint_directory, format_type))
    }

    fn accumulators(&self) -> Pending<Accumulators> {
        self.with_client(|client| client.accumulators(self.job_id))
    }

    fn job_execution_result(&self) -> Pending<JobExecutionResult> {
        self.with_client(|client| client.execution_result(self.job_id))
    }

    fn wait_until_initialized(&self) -> Pending<Acknowledge> {
        self.with_client(|client| client.wait_until_job_initialized(self.job_id))
    }

    fn send_coordination_request(&self, operator: &str, serialized_request: Vec<u8>) -> Pending<Vec<u8>> {
        self.with_client(|client| client.send_coordination_request(self.job_id, operator, serialized_request))
    }

    fn report_heartbeat(&self, expires: SystemTime) -> Pending<Acknowledge> {
        self.with_client(|client| client.report_heartbeat(self.job_id, expires))
    }
}

impl<P: ?Sized> Clone for ClusterClientJobClientAdapter<P> {
    fn clone(&self) -> Self {
        Self { job_id: self.job_id, provider: Arc::clone(&self.provider) }
    }
}

impl<P: fmt::Debug + ?Sized> fmt::Debug for ClusterClientJobClientAdapter<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterClientJobClientAdapter")
            .field("job_id", &self.job_id)
            .field("provider", &&*self.provider)
            .finish()
    }
}
