//! A client of no cluster: it answers what a test tells it to, and remembers what was asked.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use flink_client::{
    Accumulators, Acknowledge, CheckpointStatus, CheckpointType, CheckpointingStatistics, ClusterClient,
    Configuration, Error, ErrorKind, ExceptionHistory, ExecutionPlan, IntermediateDataSetId, JobDetails,
    JobId, JobResult, JobStatus, JobStatusMessage, Pending, SavepointFormatType, SavepointStatus, TriggerId,
};

/// Clones are one client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Double(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    configuration: Configuration,
    closed: AtomicBool,
    asked: Mutex<Vec<String>>,
    statuses: Mutex<VecDeque<JobStatus>>,
    results: Mutex<VecDeque<JobResult>>,
}

impl Double {
    /// The answers to questions for a job's status; the last one is repeated.
    pub(crate) fn with_statuses(self, statuses: impl IntoIterator<Item = JobStatus>) -> Self {
        self.0.statuses.lock().unwrap().extend(statuses);
        self
    }

    /// The answer to the next question for a job's result.
    pub(crate) fn with_result(self, result: JobResult) -> Self {
        self.0.results.lock().unwrap().push_back(result);
        self
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::SeqCst)
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What was asked, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.asked.lock().unwrap().clone()
    }

    fn note(&self, question: String) {
        self.0.asked.lock().unwrap().push(question);
    }

    fn refuse<T: Send + 'static>(&self, question: &str) -> Pending<T> {
        self.note(question.to_owned());
        Pending::failed(Error::new(ErrorKind::Unsupported, format!("a double knows no {question}")))
    }
}

impl ClusterClient for Double {
    type ClusterId = &'static str;

    fn cluster_id(&self) -> &&'static str {
        &"double"
    }
    fn flink_configuration(&self) -> &Configuration {
        &self.0.configuration
    }
    fn web_interface_url(&self) -> String {
        "http://nowhere:1".to_owned()
    }
    fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
    }
    fn shut_down_cluster(&self) -> Pending<Acknowledge> {
        self.refuse("shutdown")
    }
    fn list_jobs(&self) -> Pending<Vec<JobStatusMessage>> {
        self.refuse("list of jobs")
    }
    fn submit_job(&self, _plan: ExecutionPlan) -> Pending<JobId> {
        self.refuse("submission")
    }
    fn job_status(&self, job_id: JobId) -> Pending<JobStatus> {
        self.note(format!("status {job_id}"));
        let mut statuses = self.0.statuses.lock().unwrap();
        let status = if statuses.len() > 1 { statuses.pop_front() } else { statuses.front().copied() };
        status.map_or_else(|| self.refuse("status"), Pending::ready)
    }
    fn job_details(&self, _job_id: JobId) -> Pending<JobDetails> {
        self.refuse("details")
    }
    fn job_exceptions(&self, _job_id: JobId) -> Pending<ExceptionHistory> {
        self.refuse("exceptions")
    }
    fn checkpoints(&self, _job_id: JobId) -> Pending<CheckpointingStatistics> {
        self.refuse("checkpoints")
    }
    fn job_result(&self, job_id: JobId) -> Pending<JobResult> {
        self.note(format!("result {job_id}"));
        let result = self.0.results.lock().unwrap().pop_front();
        result.map_or_else(|| self.refuse("result"), Pending::ready)
    }
    fn cancel(&self, job_id: JobId) -> Pending<Acknowledge> {
        self.note(format!("cancel {job_id}"));
        Pending::ready(Acknowledge)
    }
    fn stop_with_savepoint(
        &self,
        job_id: JobId,
        advance: bool,
        directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<String> {
        self.note(format!("stop {job_id} {advance} {directory:?} {format_type}"));
        Pending::ready("/stopped".to_owned())
    }
    fn stop_with_detached_savepoint_as(
        &self,
        _trigger_id: TriggerId,
        _job_id: JobId,
        _advance: bool,
        _directory: Option<&str>,
        _format_type: SavepointFormatType,
    ) -> Pending<TriggerId> {
        self.refuse("detached stop")
    }
    fn trigger_savepoint(
        &self,
        job_id: JobId,
        directory: Option<&str>,
        format_type: SavepointFormatType,
    ) -> Pending<String> {
        self.note(format!("savepoint {job_id} {directory:?} {format_type}"));
        Pending::ready("/saved".to_owned())
    }
    fn trigger_detached_savepoint_as(
        &self,
        _trigger_id: TriggerId,
        _job_id: JobId,
        _directory: Option<&str>,
        _format_type: SavepointFormatType,
    ) -> Pending<TriggerId> {
        self.refuse("detached savepoint")
    }
    fn cancel_with_savepoint(
        &self,
        _job_id: JobId,
        _directory: Option<&str>,
        _format_type: SavepointFormatType,
    ) -> Pending<String> {
        self.refuse("cancellation with a savepoint")
    }
    fn savepoint_status(&self, _job_id: JobId, _trigger_id: TriggerId) -> Pending<SavepointStatus> {
        self.refuse("savepoint status")
    }
    fn dispose_savepoint(&self, _savepoint_path: &str) -> Pending<Acknowledge> {
        self.refuse("disposal")
    }
    fn trigger_checkpoint_as(
        &self,
        _trigger_id: TriggerId,
        _job_id: JobId,
        _checkpoint_type: CheckpointType,
    ) -> Pending<u64> {
        self.refuse("checkpoint")
    }
    fn checkpoint_status(&self, _job_id: JobId, _trigger_id: TriggerId) -> Pending<CheckpointStatus> {
        self.refuse("checkpoint status")
    }
    fn accumulators(&self, job_id: JobId) -> Pending<Accumulators> {
        self.note(format!("accumulators {job_id}"));
        Pending::ready(Accumulators::default())
    }
    fn send_coordination_request(
        &self,
        job_id: JobId,
        operator: &str,
        mut serialized_request: Vec<u8>,
    ) -> Pending<Vec<u8>> {
        self.note(format!("coordinate {job_id} {operator} {serialized_request:?}"));
        serialized_request.reverse();
        Pending::ready(serialized_request)
    }
    fn list_completed_cluster_dataset_ids(&self) -> Pending<BTreeSet<IntermediateDataSetId>> {
        self.refuse("data sets")
    }
    fn invalidate_cluster_dataset(&self, _dataset_id: IntermediateDataSetId) -> Pending<Acknowledge> {
        self.refuse("removal of a data set")
    }
    fn report_heartbeat(&self, job_id: JobId, expires: SystemTime) -> Pending<Acknowledge> {
        self.note(format!("heartbeat {job_id} {:?}", expires.duration_since(SystemTime::UNIX_EPOCH).ok()));
        Pending::ready(Acknowledge)
    }
}
