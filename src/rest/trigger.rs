//! Savepoints, stops, checkpoints, disposals: triggered once. `follow` follows them until they are done.
//!
//! # Exactly once
//! The trigger's id is chosen before the first attempt, and the cluster answers a repeated id with the first one's
//! operation; so a trigger whose answer was lost can be sent again. That holds as long as the JobManager that took it
//! remembers: not after a failover, which behind a gateway or another JobManager cannot be seen. But a failover starts
//! the job's master anew, and the list of jobs tells how long it has been there. So a trigger is repeated only to a
//! master that is older than the first attempt, or for a job that has ended, of which nothing more can be taken; and
//! only as long as no operation that the first attempt started can have ended and been forgotten since.
//! Otherwise, and once the operation is being followed, nothing is ever triggered again: the client only looks, and
//! says [`ErrorKind::OutcomeUnknown`] or [`ErrorKind::OperationLost`] if there is nothing to see.
//!
//! Disposals take no id. A repeated one finds the savepoint gone, which after a first attempt that may have arrived
//! is what was asked for; or finds it half gone, and fails, and is repeated once more.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::classify::AsyncOperation;
use crate::config::{Configuration, options};
use crate::details::{CheckpointStatistics, CheckpointingStatistics};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{IntermediateDataSetId, JobId, TriggerId};
use crate::job::{Acknowledge, JobStatus};
use crate::pending::operation::Operating;
use crate::rest::endpoint::{self, Endpoint};
use crate::rest::messages::{
    CheckpointInfo, CheckpointTriggerRequest, ConfigurationEntry, JobStatusInfo, SavepointDisposalRequest,
    SavepointInfo, SavepointTriggerRequest, StopWithSavepointRequest, TriggerResponse,
};
use crate::rest::operation::{AsynchronousOperationResult, Operation};
use crate::rest::request::{Api, Call, Tries};
use crate::savepoint::{CheckpointType, OperationStatus, SavepointFormatType};

/// What a savepoint is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Keep,
    CancelJob,
    Stop { drain: bool },
}

/// A savepoint to be taken.
#[derive(Clone, Debug)]
pub(crate) struct SavepointOrder {
    pub(crate) trigger_id: TriggerId,
    pub(crate) job_id: JobId,
    pub(crate) purpose: Purpose,
    pub(crate) directory: Option<String>,
    pub(crate) format_type: SavepointFormatType,
}

/// However short a time a cluster is told to remember operations that have ended: not less than this.
const SURELY_KEPT: Duration = Duration::from_secs(5);

/// How often a disposal is tried again that failed while one of ours before it may have been under way.
const DISPOSED_AGAIN: u32 = 5;

/// How far the server's clock may be behind this one when a savepoint is looked up by its time.
const CLOCKS_DIFFER: Duration = Duration::from_secs(5);

impl SavepointOrder {
    pub(crate) fn operating(&self) -> Operating {
        let what = match self.purpose {
            Purpose::Keep => "triggering a savepoint of job",
            Purpose::CancelJob => "cancelling with a savepoint job",
            Purpose::Stop { .. } => "stopping with a savepoint job",
        };
        Operating::new(format!("{what} {}", self.job_id)).job(self.job_id).trigger(self.trigger_id)
    }

    fn call(&self) -> Call<'static> {
        let (target_directory, format_type, trigger_id) =
            (self.directory.as_deref(), self.format_type, self.trigger_id);
        match self.purpose {
            Purpose::Stop { drain } => {
                Call::new(&endpoint::STOP, &[&self.job_id], "the trigger id of a stop")
                    .json(&StopWithSavepointRequest { target_directory, drain, format_type, trigger_id })
            }
            Purpose::Keep | Purpose::CancelJob => {
                Call::new(&endpoint::SAVEPOINT, &[&self.job_id], "the trigger id of a savepoint").json(
                    &SavepointTriggerRequest {
                        target_directory,
                        cancel_job: self.purpose == Purpose::CancelJob,
                        format_type,
                        trigger_id,
                    },
                )
            }
        }
    }

    fn kind(&self) -> AsyncOperation {
        match self.purpose {
            Purpose::Stop { .. } => AsyncOperation::Stop,
            Purpose::Keep | Purpose::CancelJob => AsyncOperation::Savepoint,
        }
    }
}

impl Api {
    /// Starts a savepoint, or a stop with one.
    pub(crate) async fn trigger_savepoint(
        &self,
        operating: &Operating,
        order: &SavepointOrder,
    ) -> Result<()> {
        let (job_id, trigger_id) = (order.job_id, order.trigger_id);
        let status = &endpoint::SAVEPOINT_STATUS;
        self.trigger::<SavepointInfo>(operating, &order.call(), status, job_id, trigger_id).await
    }

    /// Starts a savepoint, or a stop with one, and follows it until it is done.
    pub(crate) async fn complete_savepoint(
        &self,
        operating: &Operating,
        order: &SavepointOrder,
    ) -> Result<String> {
        match self.savepoint_once(operating, order).await {
            Err(error) => Err(self.ended_or_unknown(operating, order.job_id, error).await),
            done => done,
        }
    }

    /// Flink does not find a job that has ended when a savepoint or checkpoint is asked of it, though it knows it
    /// otherwise. Which of the two it is matters to a caller.
    async fn ended_or_unknown(&self, operating: &Operating, job_id: JobId, error: Error) -> Error {
        if error.kind() != ErrorKind::JobNotFound {
            return error;
        }
        match self.job_status(operating, job_id).await {
            Ok(status) => ended_or_unknown(status, error),
            Err(_) => error,
        }
    }

    async fn savepoint_once(&self, operating: &Operating, order: &SavepointOrder) -> Result<String> {
        let since = SystemTime::now();
        match self.trigger_savepoint(operating, order).await {
            // The cluster knows none of this id, which it may have done and forgotten.
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown && error.status() == Some(404) => {
                return self.find_lost_savepoint(operating, order, since, error).await;
            }
            triggered => triggered?,
        }
        operating.follow()?;
        let (job_id, trigger_id) = (order.job_id, order.trigger_id);
        let looking = || self.savepoint_status(operating, job_id, trigger_id, order.kind());
        match self.follow(operating, job_id, looking).await {
            Err(error) if error.kind() == ErrorKind::OperationLost => {
                self.find_lost_savepoint(operating, order, since, error).await
            }
            followed => followed,
        }
    }

    pub(crate) async fn savepoint_status(
        &self,
        operating: &Operating,
        job_id: JobId,
        trigger_id: TriggerId,
        kind: AsyncOperation,
    ) -> Result<OperationStatus<String>> {
        let call =
            Call::new(&endpoint::SAVEPOINT_STATUS, &[&job_id, &trigger_id], "the status of a savepoint");
        self.result_of::<SavepointInfo>(operating, call).await?.into_status(kind)
    }

    /// The server forgot the operation, or does not end it although the job has ended, so only what it did can be looked
    /// for: a savepoint in the job's history.
    ///
    /// For a stop, a job that has finished by now is proof that the savepoint was made: a stop's are told from others. A
    /// savepoint may have been taken by somebody else meanwhile, so a find is told but not taken for ours.
    async fn find_lost_savepoint(
        &self,
        operating: &Operating,
        order: &SavepointOrder,
        since: SystemTime,
        lost: Error,
    ) -> Result<String> {
        let call = Call::new(&endpoint::CHECKPOINTS, &[&order.job_id], "checkpoint statistics");
        let Ok(statistics) = self.get::<CheckpointingStatistics>(operating, call).await else {
            return Err(lost);
        };
        let its_type = match order.purpose {
            Purpose::Stop { .. } => "SYNC_SAVEPOINT",
            Purpose::Keep | Purpose::CancelJob => "SAVEPOINT",
        };
        let fits = |savepoint: &CheckpointStatistics| {
            let place = match (&order.directory, &savepoint.external_path) {
                (Some(directory), Some(path)) => without_scheme(path).starts_with(without_scheme(directory)),
                (None, Some(_)) => true,
                (_, None) => false,
            };
            place && savepoint.checkpoint_type.as_deref().is_none_or(|known| known == its_type)
        };
        let mut paths = statistics
            .into_savepoints_since(since - CLOCKS_DIFFER)
            .into_iter()
            .filter(fits)
            .filter_map(|savepoint| savepoint.external_path)
            .collect::<Vec<_>>();
        let stop = matches!(order.purpose, Purpose::Stop { .. });
        let (Some(path), true) = (paths.pop(), paths.is_empty()) else {
            return Err(match lost.job_status() {
                // A job that was stopped has its savepoint, wherever that is.
                Some(status) if paths.is_empty() && !(stop && status == JobStatus::Finished) => {
                    let message = format!(
                        "the job is {status}, and its history has no such savepoint, though the cluster says that one \
                         is still being taken"
                    );
                    Error::new(ErrorKind::SavepointFailed, message).with_job_status(status).with_source(lost)
                }
                _ => lost,
            });
        };
        let stopped =
            stop && matches!(self.job_status(operating, order.job_id).await, Ok(JobStatus::Finished));
        if stopped {
            return Ok(path);
        }
        let hint = format!("the job's history has one savepoint since then, which may be it: {path}");
        Err(lost.with_hint(hint).with_savepoint_path(path))
    }

    pub(crate) async fn job_status(&self, operating: &Operating, job_id: JobId) -> Result<JobStatus> {
        let call = Call::new(&endpoint::JOB_STATUS, &[&job_id], "the status of a job");
        Ok(self.get::<JobStatusInfo>(operating, call).await?.status)
    }

    /// Takes a checkpoint and follows it until it is done.
    pub(crate) async fn complete_checkpoint(
        &self,
        operating: &Operating,
        job_id: JobId,
        trigger_id: TriggerId,
        checkpoint_type: CheckpointType,
    ) -> Result<u64> {
        match self.checkpoint_once(operating, job_id, trigger_id, checkpoint_type).await {
            Err(error) => Err(self.ended_or_unknown(operating, job_id, error).await),
            done => done,
        }
    }

    async fn checkpoint_once(
        &self,
        operating: &Operating,
        job_id: JobId,
        trigger_id: TriggerId,
        checkpoint_type: CheckpointType,
    ) -> Result<u64> {
        let call = Call::new(&endpoint::CHECKPOINT, &[&job_id], "the trigger id of a checkpoint")
            .json(&CheckpointTriggerRequest { checkpoint_type, trigger_id });
        let status = &endpoint::CHECKPOINT_STATUS;
        self.trigger::<CheckpointInfo>(operating, &call, status, job_id, trigger_id).await?;
        operating.follow()?;
        self.follow(operating, job_id, || self.checkpoint_status(operating, job_id, trigger_id)).await
    }

    pub(crate) async fn checkpoint_status(
        &self,
        operating: &Operating,
        job_id: JobId,
        trigger_id: TriggerId,
    ) -> Result<OperationStatus<u64>> {
        let call =
            Call::new(&endpoint::CHECKPOINT_STATUS, &[&job_id, &trigger_id], "the status of a checkpoint");
        self.result_of::<CheckpointInfo>(operating, call).await?.into_status(AsyncOperation::Checkpoint)
    }

    /// Removes a savepoint and follows until that is done.
    pub(crate) async fn dispose(&self, operating: &Operating, path: &str) -> Result<Acknowledge> {
        let call = Call::new(&endpoint::DISPOSE, &[], "the trigger id of a disposal")
            .json(&SavepointDisposalRequest { savepoint_path: path });
        let mut tries = Tries::new();
        let mut again = 0;
        loop {
            let disposed = self
                .repeatable(
                    operating,
                    &mut tries,
                    &call,
                    &endpoint::DISPOSAL_STATUS,
                    AsyncOperation::Disposal,
                )
                .await;
            match disposed {
                // An earlier attempt of ours that went unanswered did it.
                Err(error) if error.kind() == ErrorKind::SavepointNotFound && tries.perhaps_sent() => {
                    return Ok(Acknowledge);
                }
                // It may be at it still: what one attempt has removed the other fails to find.
                Err(error)
                    if error.kind() == ErrorKind::Server
                        && tries.perhaps_sent()
                        && again < DISPOSED_AGAIN =>
                {
                    self.between_looks(operating, &mut again).await;
                }
                disposed => return disposed,
            }
        }
    }

    /// Removes a data set and follows until that is done. The server takes it as often as one likes.
    pub(crate) async fn delete_data_set(
        &self,
        operating: &Operating,
        data_set: IntermediateDataSetId,
    ) -> Result<Acknowledge> {
        let call = Call::new(&endpoint::DELETE_DATA_SET, &[&data_set], "the trigger id of a deletion");
        let mut tries = Tries::new();
        self.repeatable(
            operating,
            &mut tries,
            &call,
            &endpoint::DATA_SET_DELETION,
            AsyncOperation::DataSetDeletion,
        )
        .await
    }

    /// An operation under an id of the server's, which may be started anew when it, or the answer to its trigger, was
    /// lost.
    async fn repeatable(
        &self,
        operating: &Operating,
        tries: &mut Tries,
        call: &Call<'_>,
        status: &'static Endpoint,
        kind: AsyncOperation,
    ) -> Result<Acknowledge> {
        loop {
            let triggered = match self.call::<TriggerResponse>(operating, tries, call).await {
                Ok(triggered) => triggered,
                Err(error) if tries.perhaps_sent() => {
                    self.pause(operating, tries, error).await.map_err(|error| tries.give_up(error))?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.unread.note(status.path(&[&triggered.request_id]));
            let followed = self.follow_operation(operating, status, triggered.request_id, kind).await;
            match followed {
                Err(error) if error.kind() == ErrorKind::OperationLost && !tries.was_lost() => {
                    tries.note_lost();
                }
                followed => return followed,
            }
        }
    }

    /// Sends a trigger that carries our own id until it has surely arrived once.
    async fn trigger<T: Operation + DeserializeOwned>(
        &self,
        operating: &Operating,
        call: &Call<'_>,
        status: &'static Endpoint,
        job_id: JobId,
        trigger_id: TriggerId,
    ) -> Result<()> {
        let mut tries = Tries::new();
        let path = status.path(&[&job_id, &trigger_id]);
        self.unread.note(path.clone());
        loop {
            let error = match self.call::<TriggerResponse>(operating, &mut tries, call).await {
                Ok(_) => return Ok(()),
                Err(error) if tries.perhaps_sent() => error,
                Err(error) => {
                    self.unread.forget(&path);
                    return Err(error);
                }
            };
            self.pause(operating, &mut tries, error).await.map_err(|error| tries.give_up(error))?;
            if self.remembers(operating, job_id, &tries).await.map_err(|error| tries.give_up(error))? {
                continue;
            }
            let look = Call::new(status, &[&job_id, &trigger_id], "the status of an operation");
            let Err(error) = self.get::<AsynchronousOperationResult<T>>(operating, look).await else {
                return Ok(());
            };
            let error = match error.kind() {
                ErrorKind::OperationLost => error.with_kind(ErrorKind::OutcomeUnknown).with_message(
                    "the answer was lost, and the cluster may have forgotten since what became of this: it is not \
                     known whether it took effect",
                ),
                _ => tries.give_up(error),
            };
            return Err(error.with_hint("look at the job's checkpoint history before it is done again"));
        }
    }

    /// Whether repeating a trigger is safe: the job's master is the one that the first attempt met, and remembers its
    /// id; or the job has ended, and no trigger does anything.
    ///
    /// The master's age is measured by the server's clock and the attempts' by ours, so the two clocks need not agree.
    /// An operation that ended at once may be forgotten when it has been kept for as long as the cluster keeps them: the
    /// second half of that time is left for the request to arrive in.
    async fn remembers(&self, operating: &Operating, job_id: JobId, tries: &Tries) -> Result<bool> {
        #[derive(Deserialize)]
        struct Overview {
            jobs: Vec<Entry>,
        }

        #[derive(Deserialize)]
        struct Entry {
            jid: JobId,
            state: JobStatus,
            /// Milliseconds since this master began to initialise the job, or that the job took if it has ended.
            duration: i64,
        }

        let call = Call::new(&endpoint::JOBS, &[], "a list of jobs");
        let overview: Overview = self.get(operating, call).await?;
        let since_first = i64::try_from(tries.age().as_millis()).unwrap_or(i64::MAX);
        let job = overview.jobs.into_iter().find(|job| job.jid == job_id);
        let same = job.is_some_and(|job| job.state.is_globally_terminal() || job.duration > since_first);
        Ok(same && (tries.age() < SURELY_KEPT || tries.age() < self.kept(operating).await / 2))
    }

    /// How long the cluster remembers an operation that has ended; zero if it does not tell.
    async fn kept(&self, operating: &Operating) -> Duration {
        let call = Call::new(&endpoint::CLUSTER_CONFIG, &[], "the configuration of the cluster");
        let Ok(entries) = self.get::<Vec<ConfigurationEntry>>(operating, call).await else {
            return Duration::ZERO;
        };
        let configuration: Configuration =
            entries.into_iter().map(|entry| (entry.key, entry.value)).collect();
        configuration.get(&options::REST_ASYNC_STORE_DURATION).unwrap_or_default()
    }
}

/// The job that was not found has this status.
pub(crate) fn ended_or_unknown(status: JobStatus, not_found: Error) -> Error {
    if !status.is_globally_terminal() {
        return not_found;
    }
    let message = format!("the job has ended: it is {status}");
    Error::new(ErrorKind::JobAlreadyTerminal, message).with_job_status(status).with_source(not_found)
}

/// A path is given as `/a`, `file:/a` or `file:///a` and answered as `file:/a`.
fn without_scheme(path: &str) -> &str {
    let path = path.strip_prefix("file:").unwrap_or(path);
    match path.strip_prefix("///") {
        Some(_) => &path[2..],
        None => path,
    }
}
