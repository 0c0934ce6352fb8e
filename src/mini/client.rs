//! A client of a cluster in this process.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::cluster::{MiniCluster, closed, refused};
use super::dispatcher::{Dispatcher, RunRequest};
use super::exception::JavaException;
use super::{Answer, accumulators};
use crate::accumulator::Accumulators;
use crate::classify::{AsyncOperation, operation_failure};
use crate::client::ClusterClient;
use crate::config::Configuration;
use crate::details::{CheckpointingStatistics, ExceptionHistory, JobDetails};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{IntermediateDataSetId, JobId, TriggerId};
use crate::job::{Acknowledge, JobStatus, JobStatusMessage};
use crate::job_result::JobResult;
use crate::pending::Pending;
use crate::pending::operation::{Operating, Phase, Scope, start};
use crate::plan::{ExecutionPlan, PlanSource, UploadProgress};
use crate::rest::submit::more_than_one_job;
use crate::rest::trigger::ended_or_unknown;
use crate::runtime::Runtime;
use crate::savepoint::{
    CheckpointStatus, CheckpointType, OperationStatus, SavepointFormatType, SavepointStatus,
};

/// Names a [`MiniCluster`] for its client. All are the same: a client of a mini cluster holds the cluster itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MiniClusterId;

impl fmt::Display for MiniClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("mini-cluster")
    }
}

impl FromStr for MiniClusterId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        crate::ids::only("mini-cluster", text).map(|()| Self)
    }
}

/// A client of a [`MiniCluster`], without a network in between.
///
/// Every operation gives what a [`ClusterClient`] over REST gives for the same cluster, errors included; only
/// [`Error::status`] is absent. Closing it leaves the cluster running; when the cluster is closed, what is
/// open fails with [`ErrorKind::ConnectionLost`] and what is asked then with [`ErrorKind::Connect`].
///
/// # Examples
/// ```
/// use flink_client::mini::{MiniCluster, MiniClusterConfiguration, MiniJob};
/// use flink_client::prelude::*;
/// use flink_client::{ErrorKind, JobId, JobStatus};
///
/// let cluster = MiniCluster::start(MiniClusterConfiguration::new())?;
/// let client = cluster.client();
/// let job = cluster.submit(MiniJob::new("endless").vertex("source", 1, |task| {
///     while task.keep_running()? {}
///     Ok(())
/// })).wait()?;
/// client.cancel(job).wait()?;
/// client.job_result(job).wait()?;
/// assert_eq!(client.job_status(job).wait()?, JobStatus::Canceled);
/// let unknown = client.job_status(JobId::random()).wait().unwrap_err();
/// assert_eq!(unknown.kind(), ErrorKind::JobNotFound);
/// # Ok::<(), flink_client::Error>(())
/// ```
#[derive(Clone)]
pub struct MiniClusterClient {
    configuration: Arc<Configuration>,
    cluster: MiniCluster,
    scope: Arc<Scope>,
    runtime: Runtime,
}

impl MiniClusterClient {
    /// A client of `cluster`, which it keeps open. `configuration` is what it says it was made from; where that is the
    /// cluster's own, [`MiniCluster::client`] is shorter.
    pub fn new(configuration: Configuration, cluster: MiniCluster) -> Self {
        let scope = Arc::new(Scope::default());
        // There is no connection to open, so a thread that waits may do the operation itself.
        scope.connection_is_free(Duration::from_secs(1 << 30));
        Self { configuration: Arc::new(configuration), cluster, scope, runtime: Runtime::shared() }
    }

    /// The cluster that this is a client of.
    pub fn mini_cluster(&self) -> &MiniCluster {
        &self.cluster
    }

    /// Starts an operation: `run` is stepped on a request thread, or on the thread that waits for it.
    fn operate<T, F>(&self, operating: Operating, run: impl FnOnce(Dispatcher) -> F) -> Pending<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.operate_as(Arc::new(operating), run)
    }

    fn operate_as<T, F>(&self, operating: Arc<Operating>, run: impl FnOnce(Dispatcher) -> F) -> Pending<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let dispatcher = self.cluster.dispatcher();
        let open = dispatcher.clone();
        let running = run(dispatcher);
        let begun = Arc::clone(&operating);
        start(&self.runtime, Some(&self.scope), operating, async move {
            // Nothing lies between: as soon as it runs, it is the cluster that works on it.
            begun.enter(Phase::Polling);
            if !open.is_open() {
                return Err(gone(ErrorKind::Connect));
            }
            running.await.map_err(|error| if open.is_open() { error } else { ended(error) })
        })
    }

    /// [`operate`](Self::operate) for what takes as long as the job pleases: its progress tells the job's state.
    fn follow<T, F>(
        &self,
        operating: Operating,
        job_id: JobId,
        run: impl FnOnce(Dispatcher) -> F,
    ) -> Pending<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let operating = Arc::new(operating.job(job_id));
        self.cluster.dispatcher().tell(job_id, &operating);
        self.operate_as(operating, run)
    }

    fn savepoint(
        &self,
        operating: Operating,
        job_id: JobId,
        directory: Option<&str>,
        format_type: SavepointFormatType,
        cancel: bool,
    ) -> Pending<String> {
        let trigger = TriggerId::random();
        let directory = directory.map(str::to_owned);
        self.follow(operating.trigger(trigger), job_id, move |dispatcher| async move {
            dispatcher
                .trigger_savepoint(job_id, trigger, directory.as_deref(), format_type, cancel)
                .map_err(|exception| refused(&exception))?;
            let outcome = dispatcher.await_savepoint(job_id, trigger).await?;
            outcome.map_err(|exception| failed_of(&dispatcher, job_id, AsyncOperation::Savepoint, &exception))
        })
    }
}

/// A handle that fails when the cluster goes says so.
fn ended(error: Error) -> Error {
    if error.kind() == ErrorKind::Closed { gone(ErrorKind::ConnectionLost) } else { error }
}

/// The client is open and its cluster is not: over REST nobody would listen there any more.
fn gone(kind: ErrorKind) -> Error {
    closed().with_kind(kind)
}

fn failed(operation: AsyncOperation, exception: &JavaException) -> Error {
    operation_failure(operation, exception.class(), &exception.stack_trace())
}

/// As [`failed`]. Flink does not find a job that has ended when something is asked of it: a caller is told which it is.
fn failed_of(
    dispatcher: &Dispatcher,
    job_id: JobId,
    operation: AsyncOperation,
    exception: &JavaException,
) -> Error {
    let error = failed(operation, exception);
    match dispatcher.job_status(job_id) {
        Ok(status) if error.kind() == ErrorKind::JobNotFound => ended_or_unknown(status, error),
        _ => error,
    }
}

fn settled<T>(answer: Answer<T>) -> Result<T> {
    answer.map_err(|exception| refused(&exception))
}

/// How far an operation is. Its failure is a value here, not the look's.
fn status<T>(
    kind: AsyncOperation,
    answer: Answer<Option<Answer<T>>>,
    name: impl FnOnce(Error) -> Error,
) -> Result<OperationStatus<T>> {
    Ok(match settled(answer)? {
        None => OperationStatus::InProgress,
        Some(Ok(value)) => OperationStatus::Completed(value),
        Some(Err(exception)) => OperationStatus::Failed(name(failed(kind, &exception))),
    })
}

impl ClusterClient for MiniClusterClient {
    type ClusterId = MiniClusterId;

    fn cluster_id(&self) -> &MiniClusterId {
        &MiniClusterId
    }

    fn flink_configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Empty while the cluster's REST API is off.
    fn web_interface_url(&self) -> String {
        self.cluster.rest_address().unwrap_or_default()
    }

    fn close(&self) {
        self.scope.close();
    }

    fn shut_down_cluster(&self) -> Pending<Acknowledge> {
        self.operate(Operating::new("shutting the cluster down"), |dispatcher| async move {
            dispatcher.shut_down();
            Ok(Acknowledge)
        })
    }

    fn list_jobs(&self) -> Pending<Vec<JobStatusMessage>> {
        let operating = Operating::new("listing jobs").reading();
        self.operate(operating, |dispatcher| async move { Ok(dispatcher.list_jobs()) })
    }

    fn submit_job(&self, plan: ExecutionPlan) -> Pending<JobId> {
        let job_id = plan.chosen_job_id();
        let operating = match job_id {
            Some(job_id) => Operating::new(format!("submitting job {job_id}")).job(job_id),
            None => Operating::new("submitting the jobs of a program"),
        };
        self.operate(operating, move |dispatcher| async move {
            plan.check()?;
            let chosen = plan.job_id_if_chosen().is_some();
            // Nobody else can have an id that was made up here: the program itself submitted it before.
            let duplicate = |error: Error| match (error.kind(), job_id) {
                (ErrorKind::DuplicateJob, Some(job_id)) if !chosen => more_than_one_job(error, job_id),
                _ => error,
            };
            let request = RunRequest {
                entry_class: plan.entry_class,
                args: plan.args,
                parallelism: plan.parallelism,
                job_id,
                savepoint: plan.savepoint,
                claim_mode: plan.claim_mode,
                allow_non_restored_state: plan.allow_non_restored_state,
                configuration: plan.configuration,
            };
            match &plan.source {
                PlanSource::UploadedJar(id) => {
                    let submitted = dispatcher.run_jar(id, &request).await?;
                    settled(submitted).map_err(|error| duplicate(error).with_jar_id(id.as_str()))
                }
                PlanSource::Jar(path) => {
                    let jar = upload(&dispatcher, path, plan.on_upload.as_ref())?;
                    let submitted = dispatcher.run_jar(&jar.id, &request).await?;
                    settled(submitted).map_err(|error| duplicate(error).with_jar_id(jar.id.as_str()))
                }
                PlanSource::Graph { .. } => Err(Error::new(
                    ErrorKind::Unsupported,
                    "the mini cluster runs stand-in programs, not serialised Java graphs",
                )
                .with_hint("submit a jar whose entry class has a stand-in, or a MiniJob")),
            }
        })
    }

    fn job_status(&self, job_id: JobId) -> Pending<JobStatus> {
        let operating =
            Operating::new(format!("asking for the status of job {job_id}")).job(job_id).reading();
        self.operate(operating, move |dispatcher| async move { settled(dispatcher.job_status(job_id)) })
    }

    fn job_details(&self, job_id: JobId) -> Pending<JobDetails> {
        let operating =
            Operating::new(format!("asking for the details of job {job_id}")).job(job_id).reading();
        self.operate(operating, move |dispatcher| async move { settled(dispatcher.job_details(job_id)) })
    }

    fn job_exceptions(&self, job_id: JobId) -> Pending<ExceptionHistory> {
        let operating =
            Operating::new(format!("asking for the exceptions of job {job_id}")).job(job_id).reading();
        self.operate(operating, move |dispatcher| async move { settled(dispatcher.exceptions(job_id, None)) })
    }

    fn checkpoints(&self, job_id: JobId) -> Pending<CheckpointingStatistics> {
        let operating =
            Operating::new(format!("asking for the checkpoints of job {job_id}")).job(job_id).reading();
        self.operate(operating, move |dispatcher| async move { settled(dispatcher.checkpoints(job_id)) })
    }

    fn job_result(&self, job_id: JobId) -> Pending<JobResult> {
        let operating = Operating::new(format!("waiting for the result of job {job_id}")).reading();
        self.follow(operating, job_id, move |dispatcher| async move {
            settled(dispatcher.await_job_result(job_id).await?)
        })
    }

    fn cancel(&self, job_id: JobId) -> Pending<Acknowledge> {
        let operating = Operating::new(format!("cancelling job {job_id}")).job(job_id);
        self.operate(operating, move |dispatcher| async move {
            settled(dispatcher.cancel(job_id).await?).map(|()| Acknowledge)
        })
    }

    fn stop_with_savepoint(
        &self,
        job_id: JobId,
        advance_to_end_of_event_time: bool,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<String> {
        let trigger = TriggerId::random();
        let operating = Operating::new(format!("stopping with a savepoint job {job_id}"));
        let directory = savepoint_directory.map(str::to_owned);
        self.follow(operating.trigger(trigger), job_id, move |dispatcher| async move {
            let drain = advance_to_end_of_event_time;
            settled(dispatcher.stop(job_id, trigger, directory.as_deref(), format_type, drain))?;
            let outcome = dispatcher.await_savepoint(job_id, trigger).await?;
            outcome.map_err(|exception| failed_of(&dispatcher, job_id, AsyncOperation::Stop, &exception))
        })
    }

    fn stop_with_detached_savepoint_as(
        &self,
        trigger_id: TriggerId,
        job_id: JobId,
        advance_to_end_of_event_time: bool,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<TriggerId> {
        let operating = Operating::new(format!("stopping with a savepoint job {job_id}"));
        let directory = savepoint_directory.map(str::to_owned);
        self.operate(operating.job(job_id).trigger(trigger_id), move |dispatcher| async move {
            let drain = advance_to_end_of_event_time;
            settled(dispatcher.stop(job_id, trigger_id, directory.as_deref(), format_type, drain))?;
            Ok(trigger_id)
        })
    }

    fn trigger_savepoint(
        &self,
        job_id: JobId,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<String> {
        let operating = Operating::new(format!("triggering a savepoint of job {job_id}"));
        self.savepoint(operating, job_id, savepoint_directory, format_type, false)
    }

    fn trigger_detached_savepoint_as(
        &self,
        trigger_id: TriggerId,
        job_id: JobId,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<TriggerId> {
        let operating = Operating::new(format!("triggering a savepoint of job {job_id}"));
        let directory = savepoint_directory.map(str::to_owned);
        self.operate(operating.job(job_id).trigger(trigger_id), move |dispatcher| async move {
            settled(dispatcher.trigger_savepoint(
                job_id,
                trigger_id,
                directory.as_deref(),
                format_type,
                false,
            ))?;
            Ok(trigger_id)
        })
    }

    fn cancel_with_savepoint(
        &self,
        job_id: JobId,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<String> {
        let operating = Operating::new(format!("cancelling with a savepoint job {job_id}"));
        self.savepoint(operating, job_id, savepoint_directory, format_type, true)
    }

    fn savepoint_status(&self, job_id: JobId, trigger_id: TriggerId) -> Pending<SavepointStatus> {
        let name = format!("asking for the savepoint status of job {job_id}");
        let operating = Operating::new(name.clone()).job(job_id).trigger(trigger_id).reading();
        self.operate(operating, move |dispatcher| async move {
            let name =
                |error: Error| error.with_operation(name).with_job_id(job_id).with_trigger_id(trigger_id);
            status(AsyncOperation::Savepoint, dispatcher.savepoint_status(job_id, trigger_id), name)
        })
    }

    fn dispose_savepoint(&self, savepoint_path: &str) -> Pending<Acknowledge> {
        let trigger = TriggerId::random();
        let path = savepoint_path.to_owned();
        let operating = Operating::new(format!("disposing of the savepoint {path}")).trigger(trigger);
        self.operate(operating, move |dispatcher| async move {
            dispatcher.dispose_savepoint(&path, trigger);
            let outcome = dispatcher.await_disposal(trigger).await?;
            outcome.map(|()| Acknowledge).map_err(|exception| failed(AsyncOperation::Disposal, &exception))
        })
    }

    fn trigger_checkpoint_as(
        &self,
        trigger_id: TriggerId,
        job_id: JobId,
        checkpoint_type: CheckpointType,
    ) -> Pending<u64> {
        let operating = Operating::new(format!("triggering a checkpoint of job {job_id}"));
        self.follow(operating.trigger(trigger_id), job_id, move |dispatcher| async move {
            settled(dispatcher.trigger_checkpoint(job_id, trigger_id, checkpoint_type))?;
            let outcome = dispatcher.await_checkpoint(job_id, trigger_id).await?;
            outcome
                .map_err(|exception| failed_of(&dispatcher, job_id, AsyncOperation::Checkpoint, &exception))
        })
    }

    fn checkpoint_status(&self, job_id: JobId, trigger_id: TriggerId) -> Pending<CheckpointStatus> {
        let name = format!("asking for the checkpoint status of job {job_id}");
        let operating = Operating::new(name.clone()).job(job_id).trigger(trigger_id).reading();
        self.operate(operating, move |dispatcher| async move {
            let name =
                |error: Error| error.with_operation(name).with_job_id(job_id).with_trigger_id(trigger_id);
            status(AsyncOperation::Checkpoint, dispatcher.checkpoint_status(job_id, trigger_id), name)
        })
    }

    fn accumulators(&self, job_id: JobId) -> Pending<Accumulators> {
        let operating =
            Operating::new(format!("asking for the accumulators of job {job_id}")).job(job_id).reading();
        self.operate(operating, move |dispatcher| async move {
            settled(dispatcher.accumulators(job_id)).map(|entries| accumulators::shown(&entries))
        })
    }

    fn send_coordination_request(
        &self,
        job_id: JobId,
        operator: &str,
        serialized_request: Vec<u8>,
    ) -> Pending<Vec<u8>> {
        let operating = Operating::new(format!("sending a request to a coordinator of job {job_id}"));
        let operator = operator.to_owned();
        self.operate(operating.job(job_id), move |dispatcher| async move {
            settled(dispatcher.coordinate(job_id, &operator, serialized_request).await?)
        })
    }

    fn list_completed_cluster_dataset_ids(&self) -> Pending<BTreeSet<IntermediateDataSetId>> {
        let operating = Operating::new("listing data sets").reading();
        self.operate(operating, |dispatcher| async move { Ok(dispatcher.data_sets()) })
    }

    fn invalidate_cluster_dataset(&self, dataset_id: IntermediateDataSetId) -> Pending<Acknowledge> {
        let operating = Operating::new(format!("removing the data set {dataset_id}"));
        self.operate(operating, move |dispatcher| async move {
            dispatcher.invalidate_data_set(dataset_id, TriggerId::random());
            Ok(Acknowledge)
        })
    }

    fn report_heartbeat(&self, job_id: JobId, expires: SystemTime) -> Pending<Acknowledge> {
        let operating = Operating::new(format!("reporting a heartbeat for job {job_id}")).job(job_id);
        let expires = expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        self.operate(operating, move |dispatcher| async move {
            dispatcher.heartbeat(job_id, expires.try_into().unwrap_or(i64::MAX));
            Ok(Acknowledge)
        })
    }
}

/// A jar that goes when this does, however the submission ends.
struct Uploaded<'a> {
    dispatcher: &'a Dispatcher,
    id: String,
}

impl Drop for Uploaded<'_> {
    fn drop(&mut self) {
        if let Err(exception) = self.dispatcher.delete_jar(&self.id) {
            log::debug!("jar {} is gone already: {exception}", self.id);
        }
    }
}

fn upload<'a>(
    dispatcher: &'a Dispatcher,
    path: &Path,
    progress: Option<&UploadProgress>,
) -> Result<Uploaded<'a>> {
    let local = |error: std::io::Error| {
        Error::new(ErrorKind::LocalFile, format!("jar {}: {error}", path.display())).with_source(error)
    };
    let file = File::open(path).map_err(local)?;
    let length = file.metadata().map_err(local)?.len();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut reported = Reported { file, sent: 0, length, progress };
    let stored = settled(dispatcher.upload_jar(&name, &mut reported))?;
    let id = stored.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Uploaded { dispatcher, id })
}

/// Tells how far the reading is.
struct Reported<'a> {
    file: File,
    sent: u64,
    length: u64,
    progress: Option<&'a UploadProgress>,
}

impl Read for Reported<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.sent += read as u64;
        if let Some(progress) = self.progress.filter(|_| read > 0) {
            progress(self.sent, self.length);
        }
        Ok(read)
    }
}

impl fmt::Debug for MiniClusterClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MiniClusterClient")
            .field("cluster", &self.cluster)
            .field("closed", &self.scope.is_closed())
            .field("open_operations", &self.scope.open())
            .finish_non_exhaustive()
    }
}
