//! What is made of a client's operations, the same for every target.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::client::ClusterClient;
use crate::details::CheckpointStatistics;
use crate::error::{Error, ErrorKind, Result};
use crate::failure::FailureCause;
use crate::ids::JobId;
use crate::job::{Acknowledge, JobStatus};
use crate::job_result::{JobExecutionResult, JobResult};
use crate::pending::Pending;
use crate::pending::operation::{self, Operating, Phase};
use crate::retry::{ExponentialWaitStrategy, WaitStrategy, spared};
use crate::runtime::Runtime;
use crate::runtime::timer::CENTURY;
use crate::savepoint::SavepointFormatType;

/// Conveniences over [`ClusterClient`], for every client that can be cloned (an
/// `Arc<dyn ClusterClient<ClusterId = String>>` too).
///
/// As a bound it says all that a function of yours needs of a client of any target.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use flink_client::prelude::*;
/// use flink_client::{ExecutionPlan, JobId, Result, SavepointFormatType};
///
/// fn upgrade(client: &impl ClusterClientExt, old: JobId, new: ExecutionPlan) -> Result<JobId> {
///     let savepoint = client.stop_and_wait(old, None, SavepointFormatType::Canonical).wait()?;
///     let job = client.submit_job(new.savepoint(savepoint)).wait()?;
///     client.wait_until_running(job).timeout(Duration::from_secs(120)).wait()?;
///     Ok(job)
/// }
/// ```
pub trait ClusterClientExt: ClusterClient + Clone + Sized + 'static {
    /// Waits until all tasks of the job run. A job's status is RUNNING long before that, and a savepoint refused until
    /// then.
    ///
    /// A job that restarts over and over, or waits for slots, is waited for without end: put a
    /// [`timeout`](Pending::timeout) on it. After that the job is still there; cancel it if it is not wanted.
    ///
    /// That all tasks run is what one look saw: a task that fails a moment later is not noticed, so look again
    /// after a while. Where a test has to know the outcome beforehand, let the program fail in its `main`, or lack an
    /// operator whose state the savepoint has: then the submission fails.
    ///
    /// # Errors
    /// [`ErrorKind::JobAlreadyTerminal`] if it has ended; then [`job_result`](ClusterClient::job_result) says why.
    /// [`ErrorKind::JobNotFound`].
    fn wait_until_running(&self, job_id: JobId) -> Pending<Acknowledge> {
        let client = self.clone();
        let operating =
            Operating::new(format!("waiting until all tasks run of job {job_id}")).job(job_id).reading();
        start(operating, move |operating| async move {
            let runtime = Runtime::shared();
            let waits = ExponentialWaitStrategy::new(Duration::from_millis(10), MOST_BETWEEN_LOOKS, 1.08)?;
            for look in 1u32.. {
                let began = Instant::now();
                // Of all that tells task counts, only this list is not served from a cache seconds old.
                let jobs = client.list_jobs().await?;
                let took = began.elapsed();
                let job = jobs.into_iter().find(|job| job.job_id == job_id);
                if let Some(job) = &job {
                    operating.saw(job.job_state);
                }
                match job {
                    None => {
                        return Err(Error::new(ErrorKind::JobNotFound, "the cluster does not know the job"));
                    }
                    Some(job) if job.job_state == JobStatus::Running && job.tasks.all_running() => break,
                    Some(job) if job.job_state.is_globally_terminal() => {
                        let message =
                            format!("the job is {}, so its tasks will not run any more", job.job_state);
                        return Err(Error::new(ErrorKind::JobAlreadyTerminal, message)
                            .with_job_status(job.job_state)
                            .with_hint("its result says why"));
                    }
                    Some(_) => {}
                }
                operating.enter(Phase::Polling);
                runtime.core().sleep(waits.wait_time(look).max(spared(took))).await;
            }
            Ok(Acknowledge)
        })
    }

    /// Waits until the job's initialisation is over: until it is anything but INITIALIZING, which is before its tasks
    /// run. [`submit_job`](ClusterClient::submit_job) of a jar has waited for this already.
    ///
    /// # Errors
    /// What the initialisation failed of: [`ErrorKind::JobInitializationFailed`],
    /// [`ErrorKind::SavepointNotFound`], [`ErrorKind::NonRestoredState`], with the whole stack trace. A job that failed
    /// later is a success here. [`ErrorKind::JobNotFound`].
    fn wait_until_job_initialized(&self, job_id: JobId) -> Pending<Acknowledge> {
        let client = self.clone();
        let operating = Operating::new(format!("waiting until job {job_id} is initialised"));
        start(operating.job(job_id).reading(), move |operating| async move {
            let runtime = Runtime::shared();
            let waits = ExponentialWaitStrategy::new(Duration::from_millis(50), Duration::from_secs(2), 2.0)?;
            for look in 1u32.. {
                let status = client.job_status(job_id).await?;
                operating.saw(status);
                match status {
                    JobStatus::Initializing => {}
                    JobStatus::Failed => {
                        let result = client.job_result(job_id).await?;
                        let failed = result.failure_cause.as_ref().is_some_and(is_initialization_failure);
                        return match result.into_execution_result() {
                            Err(error) if failed => Err(error),
                            _ => Ok(Acknowledge),
                        };
                    }
                    _ => break,
                }
                operating.enter(Phase::Polling);
                runtime.core().sleep(waits.wait_time(look)).await;
            }
            Ok(Acknowledge)
        })
    }

    /// Cancels the job unless it has ended: [`cancel`](ClusterClient::cancel), with a job that has finished or failed
    /// already as a success too.
    ///
    /// # Errors
    /// [`ErrorKind::JobNotFound`].
    fn cancel_if_running(&self, job_id: JobId) -> Pending<Acknowledge> {
        self.cancel(job_id).or_else(|error| match error.kind() {
            ErrorKind::JobAlreadyTerminal => Ok(Acknowledge),
            _ => Err(error),
        })
    }

    /// Stops the job with a savepoint, waits until it has really ended, and completes with the savepoint's path.
    ///
    /// A savepoint is done before the job is: what replaces the job too early meets it still finishing.
    ///
    /// # Errors
    /// As [`stop_with_savepoint`](ClusterClient::stop_with_savepoint); and
    /// [`ErrorKind::StopFailedAfterSavepoint`], with the savepoint's path, if the job then ends otherwise than well.
    fn stop_and_wait(
        &self,
        job_id: JobId,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<String> {
        let client = self.clone();
        self.stop_with_savepoint(job_id, false, savepoint_directory, format_type).and_then(move |path| {
            client.job_result(job_id).then(move |result| {
                if result.is_success() {
                    return Ok(path);
                }
                let message =
                    format!("the savepoint {path} was made, but the job ended {}", result.application_status);
                Err(Error::new(ErrorKind::StopFailedAfterSavepoint, message)
                    .with_job_id(job_id)
                    .with_savepoint_path(path))
            })
        })
    }

    /// Waits until the job has ended, and completes with what it computed; a job that failed or was cancelled is an
    /// error here.
    ///
    /// # Errors
    /// [`ErrorKind::JobFailed`] (or what it failed of, as [`ErrorKind::NoResources`]) around the cause,
    /// [`ErrorKind::JobCancelled`], [`ErrorKind::JobNotFound`].
    fn execution_result(&self, job_id: JobId) -> Pending<JobExecutionResult> {
        self.job_result(job_id).then(JobResult::into_execution_result)
    }

    /// The savepoints in the job's history that were triggered since, the oldest first: a stop's among them, whose
    /// [`checkpoint_type`](CheckpointStatistics::checkpoint_type) is `SYNC_SAVEPOINT`.
    ///
    /// For taking up a savepoint whose trigger id the cluster has forgotten. `since` is compared with the cluster's
    /// clock; allow for a difference.
    ///
    /// # Errors
    /// As [`checkpoints`](ClusterClient::checkpoints).
    fn completed_savepoints(&self, job_id: JobId, since: SystemTime) -> Pending<Vec<CheckpointStatistics>> {
        self.checkpoints(job_id).then(move |statistics| Ok(statistics.into_savepoints_since(since)))
    }

    /// Reports a heartbeat for the job every `interval`, until the returned guard is dropped. Each says that the
    /// client lives for `timeout` more. Flink's `client.heartbeat.interval` is 30 s by default, its
    /// `client.heartbeat.timeout` 3 min.
    ///
    /// One that fails is logged and followed by the next.
    fn keep_alive(&self, job_id: JobId, interval: Duration, timeout: Duration) -> Heartbeat {
        let (client, timeout) = (self.clone(), timeout.min(CENTURY));
        let operating =
            Operating::new(format!("reporting heartbeats for job {job_id}")).job(job_id).reading();
        let beating = start(operating, move |operating| async move {
            let runtime = Runtime::shared();
            loop {
                match client.report_heartbeat(job_id, SystemTime::now() + timeout).await {
                    Err(error) if error.kind() == ErrorKind::Closed => return Err(error),
                    Err(error) => log::warn!("{error}"),
                    Ok(Acknowledge) => {}
                }
                operating.enter(Phase::Polling);
                runtime.core().sleep(interval).await;
            }
        });
        Heartbeat { _beating: beating }
    }
}

impl<C: ClusterClient + Clone + 'static> ClusterClientExt for C {}

/// Reports heartbeats until it is dropped. Made by [`ClusterClientExt::keep_alive`].
#[derive(Debug)]
#[must_use = "dropping it ends the heartbeats"]
pub struct Heartbeat {
    _beating: Pending<()>,
}

/// A closed client is noticed within this.
const MOST_BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Flink wraps whatever went wrong before a job ran in an exception of one class.
fn is_initialization_failure(cause: &FailureCause) -> bool {
    cause.class.ends_with(".JobInitializationException")
        || cause.causes().iter().any(|(class, _)| class.ends_with(".JobInitializationException"))
}

fn start<T, M, F>(operating: Operating, machine: M) -> Pending<T>
where
    T: Send + 'static,
    M: FnOnce(Arc<Operating>) -> F,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let operating = Arc::new(operating);
    let machine = machine(Arc::clone(&operating));
    operation::start(&Runtime::shared(), None, operating, machine)
}
