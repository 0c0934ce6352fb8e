//! [`RestClusterClient`]: the operations of every client, over Flink's REST API.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;

use crate::StandaloneClusterId;
use crate::accumulator::{Accumulators, JobAccumulatorsInfo};
use crate::classify::AsyncOperation;
use crate::client::ClusterClient;
use crate::config::Configuration;
use crate::details::{CheckpointingStatistics, ExceptionHistory, JobDetails};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{IntermediateDataSetId, JobId, TriggerId};
use crate::job::{Acknowledge, ApplicationStatus, JobStatus, JobStatusMessage};
use crate::job_result::JobResult;
use crate::pending::Pending;
use crate::pending::operation::{self, Operating, Scope};
use crate::plan::ExecutionPlan;
use crate::rest::config::RestClusterClientConfiguration;
use crate::rest::endpoint::{self, Endpoint};
use crate::rest::messages::{
    ClientCoordinationRequest, ClientCoordinationResponse, ClusterDataSetList, EmptyResponse,
    JobClientHeartbeatRequest, JobExceptions, JobExecutionResultResponse, JobsOverview,
};
use crate::rest::request::{Api, Call, RetryPolicy, Tries};
use crate::rest::transport::{Setup, Transport};
use crate::rest::trigger::{Purpose, SavepointOrder};
use crate::rest::watch::Watch;
use crate::runtime::Runtime;
use crate::savepoint::{
    CheckpointStatus, CheckpointType, OperationStatus, SavepointFormatType, SavepointStatus,
};

/// A client of a Flink cluster, over its REST API: session or application cluster, Flink 1.18 to 2.3.
///
/// Cheap to clone; clones are the same client, and closing one closes all. A client costs no threads of its own.
/// Dropping the last clone does not close it: handles that are out still complete.
///
/// # Retries and limits
///
/// A request whose failure is one that passes (network, leader election, an overloaded server) is tried again, up to
/// `rest.retry.max-attempts` times, if that cannot double its effect; see [`ClusterClient`] for how triggers and
/// submissions are made safe to repeat. Every attempt is limited, an operation is not: limit it with
/// [`Pending::timeout`] or [`Pending::wait_timeout`].
///
/// # Errors of every operation
///
/// Beside what each one's `# Errors` lists: the families [`is_connection`](Error::is_connection) and
/// [`is_authentication`](Error::is_authentication), and where something else than Flink's REST API answers, mostly
/// [`ErrorKind::Decode`], [`ErrorKind::Redirected`] or [`ErrorKind::Unsupported`]. What changes the cluster can be
/// [`ErrorKind::OutcomeUnknown`] when answers are lost.
///
/// # Examples
/// ```no_run
/// use flink_client::prelude::*;
/// use flink_client::{ExecutionPlan, RestClusterClient, SavepointFormatType};
///
/// let client = RestClusterClient::connect("localhost:8081")?;
/// let job = client.submit_job(ExecutionPlan::jar("target/etl.jar").entry_class("com.acme.Etl")).wait()?;
/// client.wait_until_running(job).wait()?;
/// let saved = client.trigger_savepoint(job, Some("s3://savepoints/etl"), SavepointFormatType::Canonical);
/// println!("{} jobs", client.list_jobs().wait()?.len());
/// println!("savepoint at {}", saved.wait()?);
/// # Ok::<(), flink_client::Error>(())
/// ```
pub struct RestClusterClient<Id = StandaloneClusterId> {
    shared: Arc<Shared<Id>>,
}

struct Shared<Id> {
    cluster_id: Id,
    configuration: RestClusterClientConfiguration,
    runtime: Runtime,
    api: Arc<Api>,
    watch: Arc<Watch>,
}

impl RestClusterClient {
    /// A client of the cluster at `address`, with Flink's defaults for everything else. Nothing connects before the
    /// first operation.
    ///
    /// Takes `host`, `host:port`, `http(s)://host:port` and `http(s)://host:port/prefix`: what leads to the cluster's
    /// web interface. Without a port it is Flink's 8081; but after a scheme it is the scheme's own, 80 or 443.
    ///
    /// Clusters restart, so an address where nobody listens is tried again for most of a minute before that is an error.
    /// [`on_retry`](crate::RestClusterClientConfigurationBuilder::on_retry) hears of the first failure at once, and so
    /// does `log`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if that is no address; [`ErrorKind::Unsupported`] for `https` without the feature
    /// `tls`.
    pub fn connect(address: impl Into<String>) -> Result<Self> {
        let configuration = RestClusterClientConfiguration::builder().address(address).build()?;
        Self::new(configuration, StandaloneClusterId)
    }
}

impl<Id> RestClusterClient<Id> {
    /// A client of the cluster that `configuration` leads to. Nothing connects before the first operation.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if a certificate or key cannot be used.
    pub fn new(configuration: RestClusterClientConfiguration, cluster_id: Id) -> Result<Self> {
        let runtime = configuration.runtime.clone().unwrap_or_else(Runtime::shared);
        let scope = Arc::new(Scope::default());
        let setup = Arc::new(Setup {
            limits: configuration.limits.clone(),
            headers: configuration.headers.clone(),
            bearer: configuration.bearer.clone(),
            tls: configuration.tls.clone(),
            proxy: configuration.proxy.clone(),
        });
        let api = Arc::new(Api {
            core: Arc::clone(runtime.core()),
            scope: Arc::clone(&scope),
            transport: Transport::new(setup, scope),
            leader: Arc::clone(&configuration.leader),
            retry: RetryPolicy {
                max_attempts: configuration.max_attempts,
                strategy: Arc::clone(&configuration.retry_strategy),
                await_leader: configuration.await_leader,
                hook: configuration.retry_hook.clone(),
            },
            poll: Arc::clone(&configuration.poll_strategy),
            unread: Arc::default(),
        });
        let shared = Shared { cluster_id, configuration, runtime, api, watch: Arc::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// [`new`](Self::new) with another limit of attempts than the configuration's `rest.retry.max-attempts`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_max_retry_attempts(
        mut configuration: RestClusterClientConfiguration,
        cluster_id: Id,
        max_retry_attempts: u32,
    ) -> Result<Self> {
        configuration.max_attempts = max_retry_attempts;
        Self::new(configuration, cluster_id)
    }

    /// The configuration that this client was made from.
    pub fn rest_configuration(&self) -> &RestClusterClientConfiguration {
        &self.shared.configuration
    }

    /// The threads that this client uses.
    pub fn runtime(&self) -> &Runtime {
        &self.shared.runtime
    }

    /// How many of its operations are open.
    pub fn open_operations(&self) -> usize {
        self.shared.api.scope.open()
    }

    /// Starts an operation.
    pub(crate) fn start<T, M, F>(&self, operating: Operating, machine: M) -> Pending<T>
    where
        T: Send + 'static,
        M: FnOnce(Arc<Api>, Arc<Operating>) -> F,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let operating = Arc::new(operating);
        let machine = machine(Arc::clone(&self.shared.api), Arc::clone(&operating));
        operation::start(&self.shared.runtime, Some(&self.shared.api.scope), operating, machine)
    }

    /// An operation that is one request whose answer is the result.
    pub(crate) fn read<T>(&self, operating: Operating, call: Call<'static>) -> Pending<T>
    where
        T: DeserializeOwned + Send + 'static,
    {
        self.read_as(operating, call, |answer: T| answer)
    }

    /// An operation that is one request, with the result made of its answer.
    pub(crate) fn read_as<A, T>(
        &self,
        operating: Operating,
        call: Call<'static>,
        result: impl FnOnce(A) -> T + Send + 'static,
    ) -> Pending<T>
    where
        A: DeserializeOwned + Send + 'static,
        T: Send + 'static,
    {
        self.start(
            operating,
            |api, operating| async move { Ok(result(api.get::<A>(&operating, call).await?)) },
        )
    }

    /// A request about one job that reads and changes nothing.
    pub(crate) fn read_job<T>(
        &self,
        doing: &str,
        job_id: JobId,
        endpoint: &'static Endpoint,
        expected: &'static str,
    ) -> Pending<T>
    where
        T: DeserializeOwned + Send + 'static,
    {
        self.read(about_job(doing, job_id).reading(), Call::new(endpoint, &[&job_id], expected))
    }

    fn savepoint(&self, order: SavepointOrder) -> Pending<String> {
        self.start(order.operating(), |api, operating| async move {
            api.complete_savepoint(&operating, &order).await
        })
    }

    fn detached_savepoint(&self, order: SavepointOrder) -> Pending<TriggerId> {
        self.start(order.operating(), |api, operating| async move {
            api.trigger_savepoint(&operating, &order).await?;
            Ok(order.trigger_id)
        })
    }
}

/// An operation named `doing` and the job.
pub(crate) fn about_job(doing: &str, job_id: JobId) -> Operating {
    Operating::new(format!("{doing} {job_id}")).job(job_id)
}

fn order(
    trigger_id: TriggerId,
    job_id: JobId,
    purpose: Purpose,
    directory: Option<&str>,
    format_type: SavepointFormatType,
) -> SavepointOrder {
    SavepointOrder { trigger_id, job_id, purpose, directory: directory.map(str::to_owned), format_type }
}

impl<Id: fmt::Debug + Send + Sync> ClusterClient for RestClusterClient<Id> {
    type ClusterId = Id;

    fn cluster_id(&self) -> &Id {
        &self.shared.cluster_id
    }

    fn flink_configuration(&self) -> &Configuration {
        &self.shared.configuration.configuration
    }

    fn web_interface_url(&self) -> String {
        let api = &self.shared.api;
        api.leader
            .leader_address()
            .unwrap_or_else(|_| self.shared.configuration.web_interface_url().to_owned())
    }

    fn close(&self) {
        self.shared.api.scope.close();
        self.shared.api.transport.shut_down();
    }

    fn shut_down_cluster(&self) -> Pending<Acknowledge> {
        self.start(Operating::new("shutting the cluster down"), |api, operating| async move {
            let mut tries = Tries::new();
            let call = Call::new(&endpoint::SHUT_DOWN, &[], "an empty answer");
            let unread = api.read_unread();
            let error = loop {
                let error = match api.call::<EmptyResponse>(&operating, &mut tries, &call).await {
                    Ok(_) => {
                        api.read_later(unread);
                        return Ok(Acknowledge);
                    }
                    Err(error) => error,
                };
                // Nobody is there any more: an earlier attempt was taken. An address that cannot be reached does not say
                // so, nor does another one than the order was sent to.
                if tries.perhaps_only_here() && api.transport.is_refused(&error) {
                    return Ok(Acknowledge);
                }
                // Whoever leads after the one that may have taken it leads another cluster than was meant.
                if !tries.perhaps_sent() || tries.leader_changed() {
                    break error;
                }
                if let Err(error) = api.pause(&operating, &mut tries, error).await {
                    break error;
                }
            };
            unread.into_iter().for_each(|path| api.unread.note(path));
            Err(tries.give_up(error))
        })
    }

    fn list_jobs(&self) -> Pending<Vec<JobStatusMessage>> {
        self.read_as(
            Operating::new("listing jobs").reading(),
            Call::new(&endpoint::JOBS, &[], "a list of jobs"),
            |overview: JobsOverview| overview.jobs,
        )
    }

    fn submit_job(&self, plan: ExecutionPlan) -> Pending<JobId> {
        let job_id = plan.chosen_job_id();
        let operating = match job_id {
            // Its id is in the graph; one that is made up here is nobody's.
            _ if plan.is_graph() && plan.job_id.is_none() => Operating::new("submitting a serialised graph"),
            Some(job_id) => about_job("submitting job", job_id),
            None => Operating::new("submitting the jobs of a program"),
        };
        self.start(operating, |api, operating| async move { api.submit(&operating, &plan, job_id).await })
    }

    fn job_status(&self, job_id: JobId) -> Pending<JobStatus> {
        self.start(about_job("asking for the status of job", job_id).reading(), |api, operating| async move {
            api.job_status(&operating, job_id).await
        })
    }

    fn job_details(&self, job_id: JobId) -> Pending<JobDetails> {
        self.read_job("asking for the details of job", job_id, &endpoint::JOB, "the details of a job")
    }

    fn job_exceptions(&self, job_id: JobId) -> Pending<ExceptionHistory> {
        self.read_as(
            about_job("asking for the exceptions of job", job_id).reading(),
            Call::new(&endpoint::EXCEPTIONS, &[&job_id], "the exceptions of a job"),
            |answer: JobExceptions| answer.history,
        )
    }

    fn checkpoints(&self, job_id: JobId) -> Pending<CheckpointingStatistics> {
        let doing = "asking for the checkpoints of job";
        self.read_job(doing, job_id, &endpoint::CHECKPOINTS, "checkpoint statistics")
    }

    fn job_result(&self, job_id: JobId) -> Pending<JobResult> {
        let watch = Arc::clone(&self.shared.watch);
        let runtime = self.shared.runtime.clone();
        // The turn is entered here and not in the machine, so that ten thousand waits are one burst of turns and not
        // ten thousand steps of the request lane.
        let mut turn = watch.enter(&self.shared.api, &runtime, job_id);
        self.start(
            about_job("waiting for the result of job", job_id).reading(),
            |api, operating| async move {
                let mut suspended_since = None;
                let mut runs = false;
                loop {
                    let listed = turn.next(&operating).await;
                    if runs && listed.is_none() {
                        let status = api.job_status(&operating, job_id).await?;
                        operating.saw(status);
                        operating.enter(operation::Phase::Polling);
                        if !status.is_terminal() {
                            continue;
                        }
                    }
                    let call = Call::new(&endpoint::JOB_RESULT, &[&job_id], "the result of a job");
                    let answer: JobExecutionResultResponse = api.get(&operating, call).await?;
                    operating.enter(operation::Phase::Polling);
                    match answer.into_result()? {
                        // What a JobManager that lost its leadership says of a job that goes on elsewhere.
                        Some(result) if result.application_status == ApplicationStatus::Unknown => {
                            let since = *suspended_since.get_or_insert_with(Instant::now);
                            operating.saw(JobStatus::Suspended);
                            runs = false;
                            suspended(since, api.retry.await_leader)?;
                        }
                        Some(result) => return Ok(result),
                        None => {
                            suspended_since = None;
                            runs = true;
                        }
                    }
                }
            },
        )
    }

    fn cancel(&self, job_id: JobId) -> Pending<Acknowledge> {
        self.read_as(
            about_job("cancelling job", job_id),
            Call::new(&endpoint::CANCEL, &[&job_id], "an empty answer"),
            |_: EmptyResponse| Acknowledge,
        )
    }

    fn stop_with_savepoint(
        &self,
        job_id: JobId,
        advance_to_end_of_event_time: bool,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<String> {
        let purpose = Purpose::Stop { drain: advance_to_end_of_event_time };
        self.savepoint(order(TriggerId::random(), job_id, purpose, savepoint_directory, format_type))
    }

    fn stop_with_detached_savepoint_as(
        &self,
        trigger_id: TriggerId,
        job_id: JobId,
        advance_to_end_of_event_time: bool,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<TriggerId> {
        let purpose = Purpose::Stop { drain: advance_to_end_of_event_time };
        self.detached_savepoint(order(trigger_id, job_id, purpose, savepoint_directory, format_type))
    }

    fn trigger_savepoint(
        &self,
        job_id: JobId,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<String> {
        self.savepoint(order(TriggerId::random(), job_id, Purpose::Keep, savepoint_directory, format_type))
    }

    fn trigger_detached_savepoint_as(
        &self,
        trigger_id: TriggerId,
        job_id: JobId,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<TriggerId> {
        self.detached_savepoint(order(trigger_id, job_id, Purpose::Keep, savepoint_directory, format_type))
    }

    fn cancel_with_savepoint(
        &self,
        job_id: JobId,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<String> {
        self.savepoint(order(
            TriggerId::random(),
            job_id,
            Purpose::CancelJob,
            savepoint_directory,
            format_type,
        ))
    }

    fn savepoint_status(&self, job_id: JobId, trigger_id: TriggerId) -> Pending<SavepointStatus> {
        let operating =
            about_job("asking for the savepoint status of job", job_id).trigger(trigger_id).reading();
        self.start(operating, |api, operating| async move {
            let status =
                api.savepoint_status(&operating, job_id, trigger_id, AsyncOperation::Savepoint).await?;
            Ok(failing(status, "the savepoint", job_id, trigger_id))
        })
    }

    fn dispose_savepoint(&self, savepoint_path: &str) -> Pending<Acknowledge> {
        let path = savepoint_path.to_owned();
        self.start(
            Operating::new(format!("disposing of the savepoint {path}")),
            |api, operating| async move { api.dispose(&operating, &path).await },
        )
    }

    fn trigger_checkpoint_as(
        &self,
        trigger_id: TriggerId,
        job_id: JobId,
        checkpoint_type: CheckpointType,
    ) -> Pending<u64> {
        let operating = about_job("triggering a checkpoint of job", job_id).trigger(trigger_id);
        self.start(operating, |api, operating| async move {
            api.complete_checkpoint(&operating, job_id, trigger_id, checkpoint_type).await
        })
    }

    fn checkpoint_status(&self, job_id: JobId, trigger_id: TriggerId) -> Pending<CheckpointStatus> {
        let operating =
            about_job("asking for the checkpoint status of job", job_id).trigger(trigger_id).reading();
        self.start(operating, |api, operating| async move {
            let status = api.checkpoint_status(&operating, job_id, trigger_id).await?;
            Ok(failing(status, "the checkpoint", job_id, trigger_id))
        })
    }

    fn accumulators(&self, job_id: JobId) -> Pending<Accumulators> {
        self.read_as(
            about_job("asking for the accumulators of job", job_id).reading(),
            Call::new(&endpoint::ACCUMULATORS, &[&job_id], "the accumulators of a job"),
            |answer: JobAccumulatorsInfo| answer.into(),
        )
    }

    fn send_coordination_request(
        &self,
        job_id: JobId,
        operator: &str,
        serialized_request: Vec<u8>,
    ) -> Pending<Vec<u8>> {
        let operator = operator.to_owned();
        let operating = about_job("sending a request to a coordinator of job", job_id);
        self.start(operating, |api, operating| async move {
            let serialized = STANDARD.encode(serialized_request);
            let call = Call::new(&endpoint::COORDINATE, &[&job_id, &operator], "a coordinator's answer")
                .json(&ClientCoordinationRequest { serialized: &serialized });
            let answer: ClientCoordinationResponse = api.get(&operating, call).await?;
            STANDARD.decode(&answer.serialized).map_err(|error| {
                Error::new(ErrorKind::Decode, format!("the coordinator's answer is not in base64: {error}"))
            })
        })
    }

    fn list_completed_cluster_dataset_ids(&self) -> Pending<BTreeSet<IntermediateDataSetId>> {
        self.read_as(
            Operating::new("listing data sets").reading(),
            Call::new(&endpoint::DATA_SETS, &[], "a list of data sets"),
            |list: ClusterDataSetList| {
                list.data_sets.into_iter().filter(|entry| entry.is_complete).map(|entry| entry.id).collect()
            },
        )
    }

    fn invalidate_cluster_dataset(&self, dataset_id: IntermediateDataSetId) -> Pending<Acknowledge> {
        let operating = Operating::new(format!("removing the data set {dataset_id}"));
        self.start(
            operating,
            |api, operating| async move { api.delete_data_set(&operating, dataset_id).await },
        )
    }

    fn report_heartbeat(&self, job_id: JobId, expires: SystemTime) -> Pending<Acknowledge> {
        let millis = expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let request = JobClientHeartbeatRequest { expired_timestamp: millis.try_into().unwrap_or(i64::MAX) };
        self.read_as(
            about_job("reporting a heartbeat for job", job_id),
            Call::new(&endpoint::HEARTBEAT, &[&job_id], "an empty answer").json(&request),
            |_: EmptyResponse| Acknowledge,
        )
    }
}

/// The status of an operation whose failure says which operation it was.
fn failing<T>(
    status: OperationStatus<T>,
    what: &str,
    job_id: JobId,
    trigger_id: TriggerId,
) -> OperationStatus<T> {
    match status {
        OperationStatus::Failed(error) => OperationStatus::Failed(
            error
                .with_operation(format!("{what} {trigger_id} of job {job_id}"))
                .with_job_id(job_id)
                .with_trigger_id(trigger_id),
        ),
        status => status,
    }
}

/// An error once a job has been SUSPENDED for longer than a cluster without a leader is waited for.
fn suspended(since: Instant, limit: Duration) -> Result<()> {
    if since.elapsed() < limit {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Unavailable,
        format!("the job is SUSPENDED, and no JobManager took it up within {limit:?}"),
    )
    .with_hint("see whether the cluster has a leader; the limit is rest.await-leader-timeout"))
}

impl<Id> Clone for RestClusterClient<Id> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<Id: fmt::Debug> fmt::Debug for RestClusterClient<Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestClusterClient")
            .field("cluster_id", &self.shared.cluster_id)
            .field("leader", &self.shared.api.leader)
            .field("open_operations", &self.open_operations())
            .field("closed", &self.shared.api.scope.is_closed())
            .finish_non_exhaustive()
    }
}
