//! The operations that every deployment target has.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::SystemTime;

use crate::accumulator::Accumulators;
use crate::config::Configuration;
use crate::details::{CheckpointingStatistics, ExceptionHistory, JobDetails};
use crate::ids::{IntermediateDataSetId, JobId, TriggerId};
use crate::job::{Acknowledge, JobStatus, JobStatusMessage};
use crate::job_result::JobResult;
use crate::pending::Pending;
use crate::plan::ExecutionPlan;
use crate::savepoint::{CheckpointStatus, CheckpointType, SavepointFormatType, SavepointStatus};

/// A client of one Flink cluster, wherever that runs.
///
/// Every operation starts when it is called and returns a [`Pending`] at once. All of them fail with
/// [`ErrorKind::Closed`](crate::ErrorKind::Closed) after [`close`](Self::close); each one's `# Errors` lists what is
/// particular to it. The trait is object-safe: `Arc<dyn ClusterClient<ClusterId = Id>>` is a client too.
///
/// Savepoints, stops and checkpoints are *triggered* under an id chosen on this side, so that repeating a request
/// whose answer was lost finds the first one's effect instead of doubling it. The forms that end in `_as` take that
/// id from the caller, who can so take the operation up again after a crash, by
/// [`savepoint_status`](Self::savepoint_status).
pub trait ClusterClient: fmt::Debug + Send + Sync {
    /// What names the cluster.
    type ClusterId: fmt::Debug + Send + Sync;

    /// The name of the cluster, as it was given when the client was made.
    fn cluster_id(&self) -> &Self::ClusterId;

    /// The configuration that the client was made from.
    fn flink_configuration(&self) -> &Configuration;

    /// Where a browser finds the cluster's web interface. No request is sent to the cluster; where the leader is looked up
    /// and not known now, this looks, and gives the configured address if there is none.
    fn web_interface_url(&self) -> String;

    /// Ends the client: every open operation, in whatever phase, fails with
    /// [`ErrorKind::Closed`](crate::ErrorKind::Closed), and requests in flight are interrupted. Neither the cluster
    /// nor its jobs are touched. Any thread may call it, a callback too; twice is fine.
    fn close(&self);

    /// Ends the cluster, with all jobs that run in it.
    ///
    /// Completes when the cluster has taken the order. A standalone cluster's TaskManagers go on and wait for another
    /// JobManager. Over REST: `DELETE /cluster`; if the answer is lost, it counts as taken when the host that it was sent to
    /// refuses connections from then on.
    ///
    /// # Errors
    /// Over REST [`ErrorKind::OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) if the answer was lost and then the
    /// address could not be reached, or another leads.
    fn shut_down_cluster(&self) -> Pending<Acknowledge>;

    /// All jobs that the cluster knows, running and ended. Over REST: `GET /jobs/overview`.
    fn list_jobs(&self) -> Pending<Vec<JobStatusMessage>>;

    /// Submits a job and completes with its id once the cluster has accepted it.
    ///
    /// A jar is uploaded, run and removed again, whatever happens. Over REST: `POST /jars/upload`,
    /// `POST /jars/:jarid/run`, `DELETE /jars/:jarid`; a serialised graph is `POST /jobs`.
    ///
    /// # Errors
    /// [`ProgramFailed`](crate::ErrorKind::ProgramFailed), [`DuplicateJob`](crate::ErrorKind::DuplicateJob),
    /// [`JobInitializationFailed`](crate::ErrorKind::JobInitializationFailed),
    /// [`SavepointNotFound`](crate::ErrorKind::SavepointNotFound),
    /// [`NonRestoredState`](crate::ErrorKind::NonRestoredState), [`LocalFile`](crate::ErrorKind::LocalFile) if the jar
    /// cannot be read, [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) with the job's id if it may have been
    /// submitted.
    fn submit_job(&self, plan: ExecutionPlan) -> Pending<JobId>;

    /// The job's state now. Over REST: `GET /jobs/:jobid/status`.
    ///
    /// # Errors
    /// [`JobNotFound`](crate::ErrorKind::JobNotFound).
    fn job_status(&self, job_id: JobId) -> Pending<JobStatus>;

    /// The job as the web interface shows it: vertices, task counts, times. Over REST: `GET /jobs/:jobid`.
    ///
    /// # Errors
    /// [`JobNotFound`](crate::ErrorKind::JobNotFound).
    fn job_details(&self, job_id: JobId) -> Pending<JobDetails>;

    /// What went wrong in the job so far, the latest first: why it failed, or restarts over and over. Over REST:
    /// `GET /jobs/:jobid/exceptions`.
    ///
    /// # Errors
    /// [`JobNotFound`](crate::ErrorKind::JobNotFound).
    ///
    /// # Examples
    /// ```
    /// use flink_client::prelude::*;
    /// use flink_client::{JobId, Result};
    ///
    /// /// Why a job does not get going, in one line.
    /// fn reason(client: &impl ClusterClient, job: JobId) -> Result<String> {
    ///     let history = client.job_exceptions(job).wait()?;
    ///     Ok(match history.entries.first() {
    ///         Some(latest) => latest.cause().to_string(),
    ///         None => format!("nothing went wrong; it is {}", client.job_status(job).wait()?),
    ///     })
    /// }
    /// ```
    fn job_exceptions(&self, job_id: JobId) -> Pending<ExceptionHistory>;

    /// The job's checkpoints and savepoints: counts, sizes, the latest ones. Over REST: `GET /jobs/:jobid/checkpoints`.
    ///
    /// # Errors
    /// [`JobNotFound`](crate::ErrorKind::JobNotFound); [`JobNotReady`](crate::ErrorKind::JobNotReady) while the job
    /// initialises.
    fn checkpoints(&self, job_id: JobId) -> Pending<CheckpointingStatistics>;

    /// Waits until the job has ended, however, and completes with its result.
    ///
    /// A job that failed or was cancelled is a result, not an error. Over REST: `GET /jobs/:jobid/execution-result`,
    /// once the job has ended; waiting for many jobs costs one `GET /jobs/overview` a round, whatever their number.
    ///
    /// # Errors
    /// [`JobNotFound`](crate::ErrorKind::JobNotFound).
    fn job_result(&self, job_id: JobId) -> Pending<JobResult>;

    /// Cancels the job. Completes when the cluster has taken the order; the job may be CANCELLING for a while. A job
    /// that is cancelled or being cancelled already is a success. Over REST: `PATCH /jobs/:jobid?mode=cancel`.
    ///
    /// # Errors
    /// [`JobNotFound`](crate::ErrorKind::JobNotFound); [`JobAlreadyTerminal`](crate::ErrorKind::JobAlreadyTerminal) if
    /// it has finished or failed.
    fn cancel(&self, job_id: JobId) -> Pending<Acknowledge>;

    /// Takes a savepoint, ends the job gracefully, and completes with the savepoint's path.
    ///
    /// `advance_to_end_of_event_time` sends the maximum watermark first, so that windows and timers fire ("drain");
    /// not for a job that is to go on later. Without a directory the cluster's `execution.checkpointing.savepoint-dir`
    /// is used. When this completes the job may still be finishing: [`job_result`](Self::job_result) waits for it.
    /// Over REST: `POST /jobs/:jobid/stop`, then `GET /jobs/:jobid/savepoints/:triggerid`.
    ///
    /// # Errors
    /// As [`trigger_savepoint`](Self::trigger_savepoint), and
    /// [`StopFailedAfterSavepoint`](crate::ErrorKind::StopFailedAfterSavepoint) with the savepoint's path.
    fn stop_with_savepoint(
        &self,
        job_id: JobId,
        advance_to_end_of_event_time: bool,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<String>;

    /// Starts a [`stop_with_savepoint`](Self::stop_with_savepoint) and completes with its trigger id, to be followed
    /// by [`savepoint_status`](Self::savepoint_status). The cluster forgets the outcome
    /// `rest.async.store-duration` (5 min) after the savepoint is done.
    ///
    /// # Errors
    /// [`SavepointDirectoryMissing`](crate::ErrorKind::SavepointDirectoryMissing).
    fn stop_with_detached_savepoint(
        &self,
        job_id: JobId,
        advance_to_end_of_event_time: bool,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<TriggerId> {
        self.stop_with_detached_savepoint_as(
            TriggerId::random(),
            job_id,
            advance_to_end_of_event_time,
            savepoint_directory,
            format_type,
        )
    }

    /// [`stop_with_detached_savepoint`](Self::stop_with_detached_savepoint) under an id of the caller's choice.
    ///
    /// An id is good for one operation, also a failed one: the cluster answers a repeated id with the first outcome.
    fn stop_with_detached_savepoint_as(
        &self,
        trigger_id: TriggerId,
        job_id: JobId,
        advance_to_end_of_event_time: bool,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<TriggerId>;

    /// Takes a savepoint while the job runs on, and completes with its path.
    ///
    /// Without a directory the cluster's `execution.checkpointing.savepoint-dir` is used. Over REST:
    /// `POST /jobs/:jobid/savepoints`, then `GET /jobs/:jobid/savepoints/:triggerid`.
    ///
    /// # Errors
    /// [`JobNotFound`](crate::ErrorKind::JobNotFound);
    /// [`JobAlreadyTerminal`](crate::ErrorKind::JobAlreadyTerminal) if it has ended;
    /// [`JobNotReady`](crate::ErrorKind::JobNotReady) if not all of its tasks run;
    /// [`SavepointDirectoryMissing`](crate::ErrorKind::SavepointDirectoryMissing);
    /// [`SavepointFailed`](crate::ErrorKind::SavepointFailed);
    /// [`OperationLost`](crate::ErrorKind::OperationLost) if the cluster forgot the operation, as after a failover.
    fn trigger_savepoint(
        &self,
        job_id: JobId,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<String>;

    /// Starts a savepoint and completes with its trigger id, to be followed by
    /// [`savepoint_status`](Self::savepoint_status). The cluster forgets the outcome `rest.async.store-duration`
    /// (5 min) after the savepoint is done.
    ///
    /// # Errors
    /// [`SavepointDirectoryMissing`](crate::ErrorKind::SavepointDirectoryMissing).
    fn trigger_detached_savepoint(
        &self,
        job_id: JobId,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<TriggerId> {
        self.trigger_detached_savepoint_as(TriggerId::random(), job_id, savepoint_directory, format_type)
    }

    /// [`trigger_detached_savepoint`](Self::trigger_detached_savepoint) under an id of the caller's choice.
    ///
    /// An id is good for one operation, also a failed one: the cluster answers a repeated id with the first outcome.
    fn trigger_detached_savepoint_as(
        &self,
        trigger_id: TriggerId,
        job_id: JobId,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<TriggerId>;

    /// Takes a savepoint and cancels the job when it is made. Completes with the savepoint's path.
    ///
    /// Over REST: `POST /jobs/:jobid/savepoints` with `cancel-job`. Deprecated in Flink in favour of
    /// [`stop_with_savepoint`](Self::stop_with_savepoint), which loses no output.
    ///
    /// # Errors
    /// As [`trigger_savepoint`](Self::trigger_savepoint).
    fn cancel_with_savepoint(
        &self,
        job_id: JobId,
        savepoint_directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<String>;

    /// How far the savepoint or stop of this trigger id is. Does not wait. Over REST:
    /// `GET /jobs/:jobid/savepoints/:triggerid`.
    ///
    /// # Errors
    /// [`OperationLost`](crate::ErrorKind::OperationLost) if the cluster does not know it (any more).
    fn savepoint_status(&self, job_id: JobId, trigger_id: TriggerId) -> Pending<SavepointStatus>;

    /// Removes a savepoint's files, through the cluster. Over REST: `POST /savepoint-disposal`, then
    /// `GET /savepoint-disposal/:triggerid`.
    ///
    /// # Errors
    /// [`SavepointNotFound`](crate::ErrorKind::SavepointNotFound) if there is none at that path.
    fn dispose_savepoint(&self, savepoint_path: &str) -> Pending<Acknowledge>;

    /// Takes a checkpoint now and completes with its number. Over REST: `POST /jobs/:jobid/checkpoints`, then
    /// `GET /jobs/:jobid/checkpoints/:triggerid`.
    ///
    /// # Errors
    /// [`JobNotFound`](crate::ErrorKind::JobNotFound),
    /// [`JobAlreadyTerminal`](crate::ErrorKind::JobAlreadyTerminal), [`JobNotReady`](crate::ErrorKind::JobNotReady),
    /// [`CheckpointFailed`](crate::ErrorKind::CheckpointFailed);
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for [`CheckpointType::Incremental`].
    fn trigger_checkpoint(&self, job_id: JobId, checkpoint_type: CheckpointType) -> Pending<u64> {
        self.trigger_checkpoint_as(TriggerId::random(), job_id, checkpoint_type)
    }

    /// [`trigger_checkpoint`](Self::trigger_checkpoint) under an id of the caller's choice.
    fn trigger_checkpoint_as(
        &self,
        trigger_id: TriggerId,
        job_id: JobId,
        checkpoint_type: CheckpointType,
    ) -> Pending<u64>;

    /// How far the checkpoint of this trigger id is. Does not wait. Over REST:
    /// `GET /jobs/:jobid/checkpoints/:triggerid`.
    ///
    /// # Errors
    /// [`OperationLost`](crate::ErrorKind::OperationLost) if the cluster does not know it (any more).
    fn checkpoint_status(&self, job_id: JobId, trigger_id: TriggerId) -> Pending<CheckpointStatus>;

    /// The job's accumulators, of a running job as far as the cluster has them (it may lag by seconds). Over REST:
    /// `GET /jobs/:jobid/accumulators`.
    ///
    /// # Errors
    /// [`JobNotFound`](crate::ErrorKind::JobNotFound). One accumulator that is broken is that entry's error, not this
    /// call's.
    fn accumulators(&self, job_id: JobId) -> Pending<Accumulators>;

    /// Sends a request to an operator's coordinator and completes with its answer; both are serialised Java objects.
    ///
    /// `operator` is the operator's id in 32 hexadecimal digits up to Flink 1.20, its uid from 2.0 on. Over REST:
    /// `POST /jobs/:jobid/coordinators/:operator`. Never repeated after it may have been sent.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such operator or it has no coordinator.
    fn send_coordination_request(
        &self,
        job_id: JobId,
        operator: &str,
        serialized_request: Vec<u8>,
    ) -> Pending<Vec<u8>>;

    /// The data sets that finished jobs left in the cluster. Over REST: `GET /datasets`.
    fn list_completed_cluster_dataset_ids(&self) -> Pending<BTreeSet<IntermediateDataSetId>>;

    /// Removes a data set. One that is not there is a success, as in Flink. Over REST: `DELETE /datasets/:datasetid`,
    /// then `GET /datasets/delete/:triggerid`.
    fn invalidate_cluster_dataset(&self, dataset_id: IntermediateDataSetId) -> Pending<Acknowledge>;

    /// Tells the cluster that this job's client lives, until `expires` at least. Over REST:
    /// `PATCH /jobs/:jobid/clientHeartbeat`. The cluster takes it for any job id.
    fn report_heartbeat(&self, job_id: JobId, expires: SystemTime) -> Pending<Acknowledge>;
}

/// All methods but the cluster's id, asked of what this dereferences to.
macro_rules! operations {
    () => {
        fn flink_configuration(&self) -> &Configuration {
            (**self).flink_configuration()
        }
        fn web_interface_url(&self) -> String {
            (**self).web_interface_url()
        }
        fn close(&self) {
            (**self).close();
        }
        fn shut_down_cluster(&self) -> Pending<Acknowledge> {
            (**self).shut_down_cluster()
        }
        fn list_jobs(&self) -> Pending<Vec<JobStatusMessage>> {
            (**self).list_jobs()
        }
        fn submit_job(&self, plan: ExecutionPlan) -> Pending<JobId> {
            (**self).submit_job(plan)
        }
        fn job_status(&self, job_id: JobId) -> Pending<JobStatus> {
            (**self).job_status(job_id)
        }
        fn job_details(&self, job_id: JobId) -> Pending<JobDetails> {
            (**self).job_details(job_id)
        }
        fn job_exceptions(&self, job_id: JobId) -> Pending<ExceptionHistory> {
            (**self).job_exceptions(job_id)
        }
        fn checkpoints(&self, job_id: JobId) -> Pending<CheckpointingStatistics> {
            (**self).checkpoints(job_id)
        }
        fn job_result(&self, job_id: JobId) -> Pending<JobResult> {
            (**self).job_result(job_id)
        }
        fn cancel(&self, job_id: JobId) -> Pending<Acknowledge> {
            (**self).cancel(job_id)
        }
        fn stop_with_savepoint(
            &self,
            job_id: JobId,
            advance: bool,
            directory: Option<&str>,
            format_type: SavepointFormatType,
        ) -> Pending<String> {
            (**self).stop_with_savepoint(job_id, advance, directory, format_type)
        }
        fn stop_with_detached_savepoint(
            &self,
            job_id: JobId,
            advance: bool,
            directory: Option<&str>,
            format_type: SavepointFormatType,
        ) -> Pending<TriggerId> {
            (**self).stop_with_detached_savepoint(job_id, advance, directory, format_type)
        }
        fn stop_with_detached_savepoint_as(
            &self,
            trigger_id: TriggerId,
            job_id: JobId,
            advance: bool,
            directory: Option<&str>,
            format_type: SavepointFormatType,
        ) -> Pending<TriggerId> {
            (**self).stop_with_detached_savepoint_as(trigger_id, job_id, advance, directory, format_type)
        }
        fn trigger_savepoint(
            &self,
            job_id: JobId,
            directory: Option<&str>,
            format_type: SavepointFormatType,
        ) -> Pending<String> {
            (**self).trigger_savepoint(job_id, directory, format_type)
        }
        fn trigger_detached_savepoint(
            &self,
            job_id: JobId,
            directory: Option<&str>,
            format_type: SavepointFormatType,
        ) -> Pending<TriggerId> {
            (**self).trigger_detached_savepoint(job_id, directory, format_type)
        }
        fn trigger_detached_savepoint_as(
            &self,
            trigger_id: TriggerId,
            job_id: JobId,
            directory: Option<&str>,
            format_type: SavepointFormatType,
        ) -> Pending<TriggerId> {
            (**self).trigger_detached_savepoint_as(trigger_id, job_id, directory, format_type)
        }
        fn cancel_with_savepoint(
            &self,
            job_id: JobId,
            directory: Option<&str>,
            format_type: SavepointFormatType,
        ) -> Pending<String> {
            (**self).cancel_with_savepoint(job_id, directory, format_type)
        }
        fn savepoint_status(&self, job_id: JobId, trigger_id: TriggerId) -> Pending<SavepointStatus> {
            (**self).savepoint_status(job_id, trigger_id)
        }
        fn dispose_savepoint(&self, savepoint_path: &str) -> Pending<Acknowledge> {
            (**self).dispose_savepoint(savepoint_path)
        }
        fn trigger_checkpoint(&self, job_id: JobId, checkpoint_type: CheckpointType) -> Pending<u64> {
            (**self).trigger_checkpoint(job_id, checkpoint_type)
        }
        fn trigger_checkpoint_as(
            &self,
            trigger_id: TriggerId,
            job_id: JobId,
            checkpoint_type: CheckpointType,
        ) -> Pending<u64> {
            (**self).trigger_checkpoint_as(trigger_id, job_id, checkpoint_type)
        }
        fn checkpoint_status(&self, job_id: JobId, trigger_id: TriggerId) -> Pending<CheckpointStatus> {
            (**self).checkpoint_status(job_id, trigger_id)
        }
        fn accumulators(&self, job_id: JobId) -> Pending<Accumulators> {
            (**self).accumulators(job_id)
        }
        fn send_coordination_request(
            &self,
            job_id: JobId,
            operator: &str,
            serialized_request: Vec<u8>,
        ) -> Pending<Vec<u8>> {
            (**self).send_coordination_request(job_id, operator, serialized_request)
        }
        fn list_completed_cluster_dataset_ids(&self) -> Pending<BTreeSet<IntermediateDataSetId>> {
            (**self).list_completed_cluster_dataset_ids()
        }
        fn invalidate_cluster_dataset(&self, dataset_id: IntermediateDataSetId) -> Pending<Acknowledge> {
            (**self).invalidate_cluster_dataset(dataset_id)
        }
        fn report_heartbeat(&self, job_id: JobId, expires: SystemTime) -> Pending<Acknowledge> {
            (**self).report_heartbeat(job_id, expires)
        }
    };
}

macro_rules! forward {
    ($pointer:ident) => {
        #[deny(clippy::missing_trait_methods)]
        impl<C: ClusterClient + ?Sized> ClusterClient for $pointer<C> {
            type ClusterId = C::ClusterId;

            fn cluster_id(&self) -> &Self::ClusterId {
                (**self).cluster_id()
            }

            operations!();
        }
    };
}

forward!(Arc);
forward!(Box);

/// A client whose cluster's id is a text, so that clients of different targets have one type.
#[derive(Debug)]
pub(crate) struct Named<C> {
    pub(crate) client: C,
    pub(crate) name: String,
}

impl<C> Deref for Named<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.client
    }
}

#[deny(clippy::missing_trait_methods)]
impl<C: ClusterClient> ClusterClient for Named<C> {
    type ClusterId = String;

    fn cluster_id(&self) -> &String {
        &self.name
    }

    operations!();
}
