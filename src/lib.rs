//! A blocking client for [Apache Flink](https://flink.apache.org) clusters.
//!
//! It submits jobs, lists and watches them, takes savepoints and checkpoints, stops, restores and cancels jobs, and reads
//! what a cluster tells about itself. It is for programs without an async runtime: deploy scripts, build tools, services.
//! There is no JVM on this side, and no tokio.
//!
//! Every operation returns a [`Pending`] at once: a handle to a result that is already under way.
//!
//! ```
//! use std::time::Duration;
//!
//! use flink_client::prelude::*;
//! use flink_client::{MiniCluster, MiniClusterConfiguration, MiniJob, Pending};
//!
//! // A cluster in this process, so that the example runs anywhere. Elsewhere, with the same methods:
//! // let client = RestClusterClient::connect("localhost:8081")?;
//! let cluster = MiniCluster::start(MiniClusterConfiguration::new().slots_per_task_manager(2))?;
//! let client = cluster.client();
//! let endless = || MiniJob::new("endless").vertex("source", 1, |task| {
//!     while task.sleep(Duration::from_millis(1))? {}
//!     Ok(())
//! });
//!
//! // Both are submitted at the same time; `wait` blocks until both are accepted.
//! let jobs = Pending::all([cluster.submit(endless()), cluster.submit(endless())]).wait()?;
//! client.wait_until_running(jobs[0]).wait()?;
//! assert_eq!(client.list_jobs().wait()?.len(), 2);
//!
//! // Composed: what comes after is said beforehand.
//! let watching = client.clone();
//! let job = jobs[0];
//! let ended = client.cancel(job).and_then(move |_| watching.job_result(job));
//! assert!(!ended.wait()?.is_success());
//! # Ok::<(), flink_client::Error>(())
//! ```
//!
//! # What it is not
//!
//! It does not build job graphs: programs are written for the JVM (or in SQL or Python) and come as a jar, or as a graph that
//! was serialised elsewhere. It starts clusters on this machine, and does not deploy on YARN or Kubernetes: there it talks to
//! a cluster that runs. The SQL gateway is another API.
//!
//! # Where to find what
//!
//! | for | see |
//! |---|---|
//! | what every cluster can do | the trait [`ClusterClient`], and [`ClusterClientExt`] for what is made of it |
//! | a cluster somewhere | [`RestClusterClient`], [`RestClusterClientConfiguration`]; beyond the trait it has jars, vertices, metrics, rescaling, applications, [`get_json`](RestClusterClient::get_json) |
//! | a cluster on this machine | [`StandaloneClusterDescriptor`] starts, finds and kills real ones, of a [`ClusterSpecification`]; [`StandaloneCluster`] |
//! | a cluster in this process | [`mini`]: [`MiniCluster`], [`MiniClusterClient`](mini::MiniClusterClient) |
//! | a client made when first needed, or one job's client | [`ClusterClientProvider`], [`JobClient`] |
//! | a target chosen by `execution.target`, or one of your own | [`ClusterTargets`], [`ClusterDescriptor`] |
//! | what to run | [`ExecutionPlan`] |
//! | the traits whose methods you call | [`prelude`] |
//! | results that are coming | [`Pending`], [`Progress`], [`Promise`], [`Runtime`] |
//! | how a job is, was, ended | [`JobStatus`], [`JobStatusMessage`], [`JobDetails`], [`JobResult`], [`JobExecutionResult`], [`Accumulators`] |
//! | settings | [`Configuration`] with [`options`] |
//! | failures | [`Error`], [`ErrorKind`], [`FailureCause`] |
//! | how long to wait between attempts | [`WaitStrategy`], [`ExponentialWaitStrategy`], [`FixedWaitStrategy`] |
//!
//! # Recipes
//!
//! The README has programs to copy: list, run and wait, savepoint and stop, upgrade, test. In the examples of the items:
//!
//! - a function over any target: [`ClusterClientExt`] as its bound;
//! - what a long wait is doing, for a bar or a log: [`Pending::progress`]; how far an upload is: [`ExecutionPlan::on_upload`];
//! - results in the order in which they come: [`Pending::as_completed`]; `select!` over several: [`Pending::into_receiver`];
//! - a limit on an operation: [`Pending::timeout`]; a wait that gives up and goes on later: [`Pending::wait_timeout`];
//! - functions after functions: [`then`](Pending::then), [`and_then`](Pending::and_then), [`or_else`](Pending::or_else);
//! - one job of one cluster: [`ClusterClientJobClientAdapter`];
//! - a jar for tests: [`mini::EMPTY_JAR`]; stand-ins with state: [`mini`];
//! - a token that is renewed: [`bearer_token_from`](RestClusterClientConfigurationBuilder::bearer_token_from);
//! - what is not modelled here: [`get_json`](RestClusterClient::get_json).
//!
//! # Threads, and who runs your functions
//!
//! All clients of a process share one [`Runtime`], unless they are given their own: up to four threads that send requests,
//! up to two that run functions given to combinators, and a timer. Waiting for a poll or a retry holds no thread, so ten
//! thousand operations need no more of them than ten. A thread that waits for a handle does that handle's own work if no
//! other has begun it, and nothing else's; so functions may call operations and wait for them, at any depth. [`Pending`]
//! says precisely which thread runs what, and what dropping a handle means. Clients cost no threads, and can be made and
//! closed as often as suits. [`close`](ClusterClient::close) fails all that is open with [`ErrorKind::Closed`].
//!
//! A `Pending` is a [`Future`] too, to be awaited under any executor.
//!
//! # Limits and retries
//!
//! Three limits that have nothing to do with each other:
//!
//! | of | by | default |
//! |---|---|---|
//! | a connection | `rest.connection-timeout`, `rest.idleness-timeout` | 15 s to connect, 5 min of silence |
//! | one attempt of a request | `client.timeout` ([`answer_timeout`](RestClusterClientConfigurationBuilder::answer_timeout)) | 60 s until the answer begins |
//! | an operation | you: [`Pending::timeout`], [`Pending::wait_timeout`] | none: a savepoint may take an hour |
//!
//! A request is tried again when its failure is one that passes (nobody there, connection lost, no leader, 503) and when
//! that cannot double its effect: up to `rest.retry.max-attempts` times (20), with waits that double from 100 ms up to
//! `rest.retry.delay` (3 s). While the cluster has no leader it is tried for `rest.await-leader-timeout` (30 s). What a server
//! refuses is not tried again, nor are TLS, credentials, or an answer that is not Flink's.
//! [`on_retry`](RestClusterClientConfigurationBuilder::on_retry) hears of the first failure at once, and so does `log`.
//!
//! # High availability
//!
//! A cluster with several JobManagers is reached in one of three ways:
//!
//! - By the leader's address, looked up where the cluster writes it, when
//!   [`RestClusterClientConfiguration::from_configuration`] finds it in `high-availability.type`. `zookeeper` needs
//!   `high-availability.zookeeper.quorum`; `high-availability.zookeeper.path.root`, `high-availability.cluster-id` and
//!   the time-outs of `high-availability.zookeeper.client` have Flink's defaults, and credentials (digest) are those of
//!   `high-availability.zookeeper.client.authorization`. SASL and TLS towards ZooKeeper are not spoken. `kubernetes` needs
//!   `kubernetes.cluster-id` (and `kubernetes.namespace`), works inside of a pod whose service account may read
//!   ConfigMaps, and has been tested on a scripted API server only. The address is kept until it fails, then looked up
//!   again; `rest.address` is not used.
//! - By several [`addresses`](RestClusterClientConfigurationBuilder::addresses): any JobManager's REST endpoint serves.
//! - By a [`LeaderRetriever`] of your own. Other values of `high-availability.type` are refused by their names.
//!
//! While the leader changes, requests wait as told above, and a wait for a job goes on. What was under way is told truly:
//! see [exactly once](#exactly-once).
//!
//! # Errors, and what to do about each kind
//!
//! There is one type, [`Error`]. Its text is one line: the operation, what the server says, where and how often it was tried,
//! and the next step where there is one. [`kind`](Error::kind) is decided from what happened, not from a status code: Flink
//! answers 500 for a job that it does not know. A job that ran and failed is no error of
//! [`job_result`](ClusterClient::job_result); it is one of [`execution_result`](ClusterClientExt::execution_result).
//!
//! | [`ErrorKind`] | do |
//! |---|---|
//! | *[`is_connection`](Error::is_connection)* | |
//! | [`Connect`](ErrorKind::Connect), [`ConnectionLost`](ErrorKind::ConnectionLost) | check address and network; it has been tried again already |
//! | [`Unavailable`](ErrorKind::Unavailable) | try later: the cluster starts, elects a leader, or is overloaded |
//! | *[`is_authentication`](Error::is_authentication)* | |
//! | [`Authentication`](ErrorKind::Authentication), [`Tls`](ErrorKind::Tls) | see [TLS and authentication](#tls-and-authentication) |
//! | *[`is_job`](Error::is_job)* | |
//! | [`JobNotFound`](ErrorKind::JobNotFound) | list the jobs; the cluster forgets ended ones after an hour (`jobstore.expiration-time`) |
//! | [`JobAlreadyTerminal`](ErrorKind::JobAlreadyTerminal) | often fine: [`cancel_if_running`](ClusterClientExt::cancel_if_running) takes it for success |
//! | [`JobNotReady`](ErrorKind::JobNotReady) | [`wait_until_running`](ClusterClientExt::wait_until_running), and again |
//! | [`JobFailed`](ErrorKind::JobFailed), [`JobCancelled`](ErrorKind::JobCancelled) | [`stack_trace`](Error::stack_trace) has the whole cause, [`job_exceptions`](ClusterClient::job_exceptions) what went wrong before |
//! | [`DuplicateJob`](ErrorKind::DuplicateJob) | another job has this id; choose another or none |
//! | [`JobInitializationFailed`](ErrorKind::JobInitializationFailed), [`ProgramFailed`](ErrorKind::ProgramFailed) | mend the program: [`stack_trace`](Error::stack_trace) |
//! | [`JarNotFound`](ErrorKind::JarNotFound) | upload it again: jars go with their JobManager |
//! | [`CheckpointingDisabled`](ErrorKind::CheckpointingDisabled) | configure the job's checkpointing |
//! | [`SavepointDirectoryMissing`](ErrorKind::SavepointDirectoryMissing) | give a directory |
//! | [`SavepointNotFound`](ErrorKind::SavepointNotFound) | check the path, as the JobManager sees it |
//! | [`NonRestoredState`](ErrorKind::NonRestoredState) | if meant: [`allow_non_restored_state`](ExecutionPlan::allow_non_restored_state) |
//! | [`SavepointFailed`](ErrorKind::SavepointFailed), [`CheckpointFailed`](ErrorKind::CheckpointFailed) | look at the job's status: usually it runs on, and it can be tried again |
//! | [`StopFailedAfterSavepoint`](ErrorKind::StopFailedAfterSavepoint) | there is a savepoint: [`savepoint_path`](Error::savepoint_path) |
//! | [`OperationLost`](ErrorKind::OperationLost) | it may be done: [`completed_savepoints`](ClusterClientExt::completed_savepoints) before triggering another |
//! | [`OutcomeUnknown`](ErrorKind::OutcomeUnknown) | look it up by [`job_id`](Error::job_id) or [`trigger_id`](Error::trigger_id), then decide |
//! | [`NotFound`](ErrorKind::NotFound) | check the name or id |
//! | *[`is_resource`](Error::is_resource)* | |
//! | [`NoResources`](ErrorKind::NoResources) | add TaskManagers or ask for less parallelism |
//! | [`TooLarge`](ErrorKind::TooLarge) | raise the limit that the text names |
//! | *[`is_timeout`](Error::is_timeout)* | |
//! | [`Timeout`](ErrorKind::Timeout) | the operation may go on in the cluster; look before repeating it |
//! | *protocol* | |
//! | [`InvalidRequest`](ErrorKind::InvalidRequest), [`Server`](ErrorKind::Server) | read what the server says: [`server_errors`](Error::server_errors) |
//! | [`Decode`](ErrorKind::Decode), [`Redirected`](ErrorKind::Redirected) | is this the address of a Flink cluster? Something else answers |
//! | *yours* | |
//! | [`Configuration`](ErrorKind::Configuration), [`InvalidArgument`](ErrorKind::InvalidArgument), [`LocalFile`](ErrorKind::LocalFile), [`Process`](ErrorKind::Process) | the text names the key, argument or file |
//! | [`Closed`](ErrorKind::Closed), [`Cancelled`](ErrorKind::Cancelled) | somebody here closed the client or cancelled the handle |
//! | [`Unsupported`](ErrorKind::Unsupported) | this Flink, scheduler or build cannot do it; or the address lacks a path prefix |
//! | [`Panicked`](ErrorKind::Panicked), [`Other`](ErrorKind::Other) | a function of yours panicked, or returned [`Error::other`] |
//!
//! # Exactly once
//!
//! When the answer to a request is lost, nobody knows whether it took effect. So what must not happen twice carries an id
//! that was chosen here, before the first attempt: a job its [`JobId`], a savepoint, stop or checkpoint its [`TriggerId`]. A
//! repeated request finds what the first one did. Where Flink offers no such id, nothing is repeated blindly, and the error
//! is [`OutcomeUnknown`](ErrorKind::OutcomeUnknown). So it is, too, where another JobManager leads by now and does not know
//! the id: whoever took the first attempt may have done it and be gone.
//!
//! That holds for your process too, if it may die half-way: choose the id yourself and note it down
//! ([`ExecutionPlan::job_id`], [`trigger_detached_savepoint_as`](ClusterClient::trigger_detached_savepoint_as)); afterwards
//! [`job_status`](ClusterClient::job_status) and [`savepoint_status`](ClusterClient::savepoint_status) tell what came of it. The
//! cluster remembers a finished operation for `rest.async.store-duration` (5 min), in the memory of one JobManager; after
//! that the job's checkpoint history has it: [`completed_savepoints`](ClusterClientExt::completed_savepoints).
//!
//! # Testing what you deploy with
//!
//! A [`MiniCluster`] runs stand-ins, written in Rust and registered under the entry classes of your programs, and answers
//! as Flink does, in milliseconds. Write your tool against `impl `[`ClusterClientExt`], and give it a
//! [`MiniClusterClient`](mini::MiniClusterClient) in tests. Where the type has to be named it is
//! `Arc<dyn ClusterClient<ClusterId = String>>`, with the type of the ids written out: [`AnyClusterClient`], which
//! [`into_any`](ClusterDescriptor::into_any) makes of every descriptor, a
//! [`MiniClusterDescriptor`](mini::MiniClusterDescriptor) too. What is another process, or in another language, finds the
//! cluster over Flink's REST API, with [`rest_port`](MiniClusterConfiguration::rest_port). See [`mini`].
//!
//! # TLS and authentication
//!
//! An `https://` address uses TLS (feature `tls`), and trusts the public authorities. A private authority and a client
//! certificate are given by Flink's keys, but as PEM files: `security.ssl.rest.enabled: true`,
//! `security.ssl.rest.truststore`, and with `security.ssl.rest.authentication-enabled: true`, `security.ssl.rest.keystore`
//! with chain and key in one file. They are read when the client is built. An error says how to convert a Java key store.
//!
//! Before a proxy that asks for credentials:
//! [`basic_auth`](RestClusterClientConfigurationBuilder::basic_auth),
//! [`bearer_token`](RestClusterClientConfigurationBuilder::bearer_token) or any
//! [`header`](RestClusterClientConfigurationBuilder::header), or the environment variable `FLINK_REST_CLIENT_HEADERS`. They
//! appear in no text, log or `Debug`, and redirects are not followed with them: a redirect is an error.
//!
//! # Features
//!
//! - **`tls`** (default): HTTPS by rustls. Without it an `https://` address is refused when the client is built.
//! - **`yaml`** (default): reads `config.yaml`. Without it: `flink-conf.yaml`, and configurations made in code.
//!
//! # Coming from Java
//!
//! `CompletableFuture` is [`Pending`], which has its own table. A `@Nullable String` is an `Option<&str>`.
//!
//! | Java | here |
//! |---|---|
//! | `ClusterClient<T>` | [`ClusterClient`], with `T` as [`ClusterId`](ClusterClient::ClusterId) |
//! | `close` | [`close`](ClusterClient::close); dropping the last clone instead lets open handles end |
//! | `getClusterId` | [`cluster_id`](ClusterClient::cluster_id) |
//! | `getFlinkConfiguration` | [`flink_configuration`](ClusterClient::flink_configuration) |
//! | `shutDownCluster` | [`shut_down_cluster`](ClusterClient::shut_down_cluster) |
//! | `getWebInterfaceURL` | [`web_interface_url`](ClusterClient::web_interface_url) |
//! | `listJobs` | [`list_jobs`](ClusterClient::list_jobs) |
//! | `submitJob` | [`submit_job`](ClusterClient::submit_job) |
//! | `getJobStatus` | [`job_status`](ClusterClient::job_status) |
//! | `getJobDetails` | [`job_details`](ClusterClient::job_details) |
//! | `requestJobResult` | [`job_result`](ClusterClient::job_result) |
//! | `cancel` | [`cancel`](ClusterClient::cancel) |
//! | `stopWithSavepoint`, `stopWithDetachedSavepoint` | [`stop_with_savepoint`](ClusterClient::stop_with_savepoint), [`stop_with_detached_savepoint`](ClusterClient::stop_with_detached_savepoint) |
//! | `triggerSavepoint`, `triggerDetachedSavepoint` | [`trigger_savepoint`](ClusterClient::trigger_savepoint), [`trigger_detached_savepoint`](ClusterClient::trigger_detached_savepoint) |
//! | `disposeSavepoint` | [`dispose_savepoint`](ClusterClient::dispose_savepoint) |
//! | `cancelWithSavepoint` | [`cancel_with_savepoint`](ClusterClient::cancel_with_savepoint) |
//! | `triggerCheckpoint` | [`trigger_checkpoint`](ClusterClient::trigger_checkpoint) |
//! | `getAccumulators` | [`accumulators`](ClusterClient::accumulators); there is no class loader to give |
//! | `sendCoordinationRequest` | [`send_coordination_request`](ClusterClient::send_coordination_request) |
//! | `listCompletedClusterDatasetIds`, `invalidateClusterDataset` | [`list_completed_cluster_dataset_ids`](ClusterClient::list_completed_cluster_dataset_ids), [`invalidate_cluster_dataset`](ClusterClient::invalidate_cluster_dataset) |
//! | `reportHeartbeat` | [`report_heartbeat`](ClusterClient::report_heartbeat), [`keep_alive`](ClusterClientExt::keep_alive) |
//! | `RestClusterClient.updateJobResourceRequirements` | [`update_resource_requirements`](RestClusterClient::update_resource_requirements) |
//! | `new RestClusterClient(configuration, id)` | [`RestClusterClient::new`], [`RestClusterClient::connect`] |
//! | `new RestClusterClient(configuration, id, maxRetryAttempts)` | [`RestClusterClient::with_max_retry_attempts`] |
//! | `RestClusterClientConfiguration.fromConfiguration` | [`RestClusterClientConfiguration::from_configuration`] |
//! | `getRestServerEndpointConfiguration` | [`RestClusterClientConfiguration::web_interface_url`] |
//! | `getExecutorService` | [`RestClusterClientConfiguration::runtime`], [`RestClusterClient::runtime`] |
//! | `MiniClusterClient`, `MiniClusterClient.MiniClusterId` | [`MiniClusterClient`](mini::MiniClusterClient), [`MiniClusterId`](mini::MiniClusterId) |
//! | `MiniCluster` | [`MiniCluster`] |
//! | `ClusterClientProvider`: `getClusterClient`, `getClusterId`, `close` | [`ClusterClientProvider`]: [`cluster_client`](ClusterClientProvider::cluster_client), [`cluster_id`](ClusterClientProvider::cluster_id), [`close`](ClusterClientProvider::close); [`LazyClusterClientProvider`] is one |
//! | `ClusterDescriptor`: `retrieve`, `deploySessionCluster`, `deployApplicationCluster`, `killCluster` | [`ClusterDescriptor`]: [`retrieve`](ClusterDescriptor::retrieve), [`deploy_session_cluster`](ClusterDescriptor::deploy_session_cluster), [`deploy_application_cluster`](ClusterDescriptor::deploy_application_cluster) (an [`ExecutionPlan`] for the `ApplicationConfiguration`), [`kill_cluster`](ClusterDescriptor::kill_cluster) |
//! | `StandaloneClusterDescriptor` | [`RemoteClusterDescriptor`], which finds a cluster by its address; [`StandaloneClusterDescriptor`] starts some too |
//! | `ClusterSpecification`, its builder | [`ClusterSpecification`] |
//! | `ClusterClientServiceLoader`, `ClusterClientFactory` | [`ClusterTargets`], [`ClusterClientFactory`] |
//! | `JobClient`, `ClusterClientJobClientAdapter` | [`JobClient`], [`ClusterClientJobClientAdapter`] |
//! | its `getJobID`, `getJobStatus`, `cancel` | [`job_id`](JobClient::job_id), [`job_status`](JobClient::job_status), [`cancel`](JobClient::cancel) |
//! | its `stopWithSavepoint`, `triggerSavepoint` | [`stop_with_savepoint`](JobClient::stop_with_savepoint), [`trigger_savepoint`](JobClient::trigger_savepoint) |
//! | its `getJobExecutionResult`, `getAccumulators` | [`job_execution_result`](JobClient::job_execution_result), [`accumulators`](JobClient::accumulators) |
//! | `WaitStrategy.calculateWaitTime` | [`WaitStrategy::wait_time`]; attempts count from 1 |
//! | `new ExponentialWaitStrategy` | [`ExponentialWaitStrategy::new`] |
//! | `JobStatusMessage`: `getJobId`, `getJobName`, `getJobState`, `getStartTime` | [`JobStatusMessage`]: `job_id`, `job_name`, `job_state`, `start_time` |
//! | `JobExecutionResult`: `getJobID`, `getNetRuntime`, `getAllAccumulatorResults` | [`JobExecutionResult`]: `job_id`, `net_runtime`, `accumulators` |
//! | `JobID`, `JobID.fromHexString`, `new JobID()` | [`JobId`], `text.parse::<JobId>()?` (exactly 32 digits), [`JobId::random`] |
//! | `JobStatus`, `SavepointFormatType`, `CheckpointType`, `Acknowledge` | the same names |
//! | `Configuration`, `RestOptions.PORT` | [`Configuration`], [`options::REST_PORT`] |
//!
//! # Versions
//!
//! Tested on Flink 2.3.0 and 1.20.5. Where versions differ on the wire (1.18 to 2.3), the client speaks each one's form;
//! members of answers that it does not know are ignored.

mod accumulator;
mod classify;
mod client;
mod client_ext;
mod config;
mod descriptor;
mod details;
mod error;
mod failure;
#[cfg(all(test, not(loom)))]
mod hostile;
mod ids;
mod java_stream;
mod job;
mod job_client;
mod job_result;
pub mod mini;
mod panics;
mod pending;
mod plan;
mod provider;
mod remote;
mod rest;
mod retry;
mod runtime;
mod savepoint;
mod specification;
mod standalone;
mod sync;
mod targets;
mod trace;
mod wire;

pub use crate::accumulator::{Accumulator, AccumulatorValue, Accumulators};
pub use crate::client::ClusterClient;
pub use crate::client_ext::{ClusterClientExt, Heartbeat};
pub use crate::config::{
    ConfigOption, ConfigValue, Configuration, IntoConfigValue, InvalidValue, MemorySize, options,
};
pub use crate::descriptor::{
    AnyClusterClient, AnyClusterClientProvider, AnyClusterDescriptor, ClusterDescriptor,
};
pub use crate::details::*;
pub use crate::error::{Error, ErrorFamily, ErrorKind, Result};
pub use crate::failure::FailureCause;
pub use crate::ids::{ApplicationId, IntermediateDataSetId, JobId, JobVertexId, OperatorId, TriggerId};
pub use crate::job::{Acknowledge, ApplicationStatus, JobStatus, JobStatusMessage, TaskCounts};
pub use crate::job_client::{ClusterClientJobClientAdapter, JobClient};
pub use crate::job_result::{JobExecutionResult, JobResult};
pub use crate::mini::{MiniCluster, MiniClusterConfiguration, MiniJob};
pub use crate::pending::operation::Phase;
pub use crate::pending::{AsCompleted, Pending, Progress, Promise};
pub use crate::plan::ExecutionPlan;
pub use crate::provider::{ClusterClientProvider, LazyClusterClientProvider};
pub use crate::remote::RemoteClusterDescriptor;
pub use crate::rest::client::RestClusterClient;
pub use crate::rest::config::{RestClusterClientConfiguration, RestClusterClientConfigurationBuilder};
pub use crate::rest::leader::{AddressList, FixedAddress, LeaderRetriever};
pub use crate::rest::request::RetryEvent;
pub use crate::retry::{ExponentialWaitStrategy, FixedWaitStrategy, WaitStrategy};
pub use crate::runtime::{Runtime, RuntimeBuilder};
pub use crate::savepoint::{
    CheckpointStatus, CheckpointType, ClaimMode, OperationStatus, SavepointFormatType, SavepointStatus,
};
pub use crate::specification::ClusterSpecification;
pub use crate::standalone::{LocalClusterId, StandaloneCluster, StandaloneClusterDescriptor};
pub use crate::targets::{ClusterClientFactory, ClusterTargets};

/// The traits that bring the methods of clients: `use flink_client::prelude::*;`.
///
/// Traits only, so nothing of yours is shadowed; types are imported by their names.
pub mod prelude {
    pub use crate::{ClusterClient, ClusterClientExt, ClusterClientProvider, ClusterDescriptor, JobClient};
}

/// Names a cluster that has no name of its own: one that is known by its address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StandaloneClusterId;

impl std::fmt::Display for StandaloneClusterId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad("standalone-cluster")
    }
}

impl std::str::FromStr for StandaloneClusterId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        ids::only("standalone-cluster", text).map(|()| Self)
    }
}

/// Compiles what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
