//! The bodies of Flink's REST API as they are on the wire, in the order of its reference.
//!
//! Requests leave out what is not set. Answers ignore what they do not know, and have options for what only some
//! versions send. Answers that are of use as they are have public types in [`crate::details`] and [`crate::job`].

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::accumulator::Accumulators;
use crate::details::{
    ApplicationOverview, ExceptionHistory, JarInfo, JobPlan, TaskManagerInfo, UserAccumulator,
};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{ApplicationId, IntermediateDataSetId, JobId, TriggerId};
use crate::job::{Acknowledge, ApplicationStatus, JobStatus, JobStatusMessage};
use crate::job_result::JobResult;
use crate::rest::operation::{Operation, QueueStatus, QueueStatusId, SerializedThrowable};
use crate::savepoint::{CheckpointType, ClaimMode, SavepointFormatType};
use crate::wire;

/// The answer to requests whose success is all there is to know: `{}`.
#[derive(Debug, Deserialize)]
pub(crate) struct EmptyResponse {}

/// `POST /jobs/:jobid/savepoints`, `/stop`, `/checkpoints`, `DELETE /datasets/:datasetid`, `POST /savepoint-disposal`.
#[derive(Debug, Deserialize)]
pub(crate) struct TriggerResponse {
    #[serde(rename = "request-id")]
    pub(crate) request_id: TriggerId,
}

// Applications: Flink 2.3.

/// `GET /applications/overview`.
#[derive(Debug, Deserialize)]
pub(crate) struct ApplicationsOverview {
    pub(crate) applications: Vec<ApplicationOverview>,
}

/// `GET /applications/:applicationid/exceptions`.
#[derive(Debug, Deserialize)]
pub(crate) struct ApplicationExceptions {
    #[serde(rename = "exceptionHistory")]
    pub(crate) history: ExceptionHistory,
}

// Data sets.

/// `GET /datasets`.
#[derive(Debug, Deserialize)]
pub(crate) struct ClusterDataSetList {
    #[serde(rename = "dataSets")]
    pub(crate) data_sets: Vec<ClusterDataSetEntry>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ClusterDataSetEntry {
    pub(crate) id: IntermediateDataSetId,
    #[serde(rename = "isComplete")]
    pub(crate) is_complete: bool,
}

/// `GET /datasets/delete/:triggerid` and `GET /savepoint-disposal/:triggerid`: no failure is success.
#[derive(Debug, Deserialize)]
pub(crate) struct AsynchronousOperationInfo {
    #[serde(rename = "failure-cause", alias = "failureCause", default)]
    pub(crate) failure_cause: Option<SerializedThrowable>,
}

impl Operation for AsynchronousOperationInfo {
    type Value = Acknowledge;

    fn failure_cause(&self) -> Option<&SerializedThrowable> {
        self.failure_cause.as_ref()
    }

    fn into_value(self) -> Option<Acknowledge> {
        Some(Acknowledge)
    }
}

// Jars.

/// `GET /jars`.
#[derive(Debug, Deserialize)]
pub(crate) struct JarList {
    pub(crate) files: Vec<JarInfo>,
}

/// `POST /jars/upload`.
#[derive(Debug, Deserialize)]
pub(crate) struct JarUploadResponse {
    /// A path on the server.
    filename: String,
}

impl JarUploadResponse {
    /// The jar's id is the last part of its path, of whatever system the server runs on.
    pub(crate) fn jar_id(&self) -> &str {
        self.filename.rsplit(['/', '\\']).next().unwrap_or_default()
    }
}

/// `POST /jars/:jarid/plan`.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JarPlanRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entry_class: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) program_args_list: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parallelism: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job_id: Option<JobId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flink_configuration: Option<&'a BTreeMap<String, String>>,
}

/// `POST /jars/:jarid/plan` and `GET /jobs/:jobid/plan`.
#[derive(Debug, Deserialize)]
pub(crate) struct JobPlanResponse {
    pub(crate) plan: JobPlan,
}

/// `POST /jars/:jarid/run` and, with an application id, `POST /jars/:jarid/run-application` of Flink 2.3.
///
/// Arguments are always a list: Flink 2.x ignores the older `programArgs`, one text, without a word.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JarRunRequest<'a> {
    #[serde(flatten)]
    pub(crate) program: JarPlanRequest<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) savepoint_path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allow_non_restored_state: Option<bool>,
    #[serde(flatten)]
    pub(crate) claim: ClaimModeNames,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) application_id: Option<ApplicationId>,
}

/// How a savepoint is claimed, under both of its names.
///
/// Flink 1.18 and 1.19 know `restoreMode` only and ignore the other without a word; from 1.20 `claimMode` is the name,
/// and comes first where both are given.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClaimModeNames {
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_mode: Option<ClaimMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restore_mode: Option<ClaimMode>,
}

impl From<Option<ClaimMode>> for ClaimModeNames {
    fn from(mode: Option<ClaimMode>) -> Self {
        Self { claim_mode: mode, restore_mode: mode }
    }
}

/// `POST /jars/:jarid/run`.
#[derive(Debug, Deserialize)]
pub(crate) struct JarRunResponse {
    /// The first job, if the program made several.
    #[serde(rename = "jobid")]
    pub(crate) job_id: JobId,
}

/// `POST /jars/:jarid/run-application`.
#[derive(Debug, Deserialize)]
pub(crate) struct JarRunApplicationResponse {
    #[serde(rename = "applicationid")]
    pub(crate) application_id: ApplicationId,
}

// The JobManager.

/// One entry of `GET /jobmanager/config` and `GET /jobs/:jobid/jobmanager/config`.
#[derive(Debug, Deserialize)]
pub(crate) struct ConfigurationEntry {
    pub(crate) key: String,
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub(crate) value: String,
}

// Jobs.

/// `GET /jobs`.
#[derive(Debug, Deserialize)]
pub(crate) struct JobIdsWithStatuses {
    pub(crate) jobs: Vec<JobIdWithStatus>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct JobIdWithStatus {
    pub(crate) id: JobId,
    pub(crate) status: JobStatus,
}

/// `POST /jobs`: the part `request` of the multipart body. All names are of files in other parts.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobSubmitRequest<'a> {
    /// The plan's file, from Flink 2.0 on; earlier versions refuse a request without the next field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) execution_plan_file_name: Option<&'a str>,
    /// The plan's file up to Flink 1.20, and still understood by 2.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job_graph_file_name: Option<&'a str>,
    pub(crate) job_jar_file_names: &'a [String],
    pub(crate) job_artifact_file_names: &'a [DistributedCacheFile],
}

/// A file for the distributed cache of a job.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DistributedCacheFile {
    #[serde(rename = "entryName")]
    pub(crate) entry_name: String,
    #[serde(rename = "fileName")]
    pub(crate) file_name: String,
}

/// `POST /jobs`.
#[derive(Debug, Deserialize)]
pub(crate) struct JobSubmitResponse {
    /// `/jobs/:jobid`.
    #[serde(rename = "jobUrl")]
    pub(crate) job_url: String,
}

/// `GET /jobs/overview`.
///
/// Read straight into what is handed out: besides the list, nothing but the names of the jobs is allocated.
#[derive(Debug, Deserialize)]
pub(crate) struct JobsOverview {
    pub(crate) jobs: Vec<JobStatusMessage>,
}

/// `POST /jobs/:jobid/checkpoints`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckpointTriggerRequest {
    pub(crate) checkpoint_type: CheckpointType,
    pub(crate) trigger_id: TriggerId,
}

/// `GET /jobs/:jobid/checkpoints/:triggerid`. The only one that writes `failureCause` for `failure-cause`.
#[derive(Debug, Deserialize)]
pub(crate) struct CheckpointInfo {
    #[serde(rename = "checkpointId", default)]
    pub(crate) checkpoint_id: Option<u64>,
    #[serde(rename = "failureCause", alias = "failure-cause", default)]
    pub(crate) failure_cause: Option<SerializedThrowable>,
}

impl Operation for CheckpointInfo {
    type Value = u64;

    fn failure_cause(&self) -> Option<&SerializedThrowable> {
        self.failure_cause.as_ref()
    }

    fn into_value(self) -> Option<u64> {
        self.checkpoint_id
    }
}

/// `PATCH /jobs/:jobid/clientHeartbeat`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct JobClientHeartbeatRequest {
    /// Milliseconds since 1970 in UTC.
    #[serde(rename = "expiredTimestamp")]
    pub(crate) expired_timestamp: i64,
}

/// `POST /jobs/:jobid/coordinators/:operatorid`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ClientCoordinationRequest<'a> {
    /// A serialised Java object, in base64.
    #[serde(rename = "serializedCoordinationRequest")]
    pub(crate) serialized: &'a str,
}

/// `POST /jobs/:jobid/coordinators/:operatorid`.
#[derive(Debug, Deserialize)]
pub(crate) struct ClientCoordinationResponse {
    /// A serialised Java object, in base64.
    #[serde(rename = "serializedCoordinationResult")]
    pub(crate) serialized: String,
}

/// `GET /jobs/:jobid/exceptions`.
#[derive(Debug, Deserialize)]
pub(crate) struct JobExceptions {
    #[serde(rename = "exceptionHistory")]
    pub(crate) history: ExceptionHistory,
}

/// `GET /jobs/:jobid/execution-result`.
#[derive(Debug, Deserialize)]
pub(crate) struct JobExecutionResultResponse {
    pub(crate) status: QueueStatus,
    #[serde(rename = "job-execution-result", default)]
    pub(crate) result: Option<JobResultBody>,
}

impl JobExecutionResultResponse {
    /// The result: `None` while the job has not ended.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] if the job has ended and there is no result.
    pub(crate) fn into_result(self) -> Result<Option<JobResult>> {
        match (self.status.id, self.result) {
            (QueueStatusId::InProgress, _) => Ok(None),
            (QueueStatusId::Completed, Some(body)) => Ok(Some(body.into())),
            (QueueStatusId::Completed, None) => {
                Err(Error::new(ErrorKind::Decode, "the job has ended, but the server sends no result"))
            }
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct JobResultBody {
    id: JobId,
    application_status: ApplicationStatus,
    /// Names, and values in base64; `null` for one that could not be serialised.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    accumulator_results: BTreeMap<String, Option<String>>,
    #[serde(deserialize_with = "wire::millis")]
    net_runtime: Duration,
    #[serde(default)]
    failure_cause: Option<SerializedThrowable>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    application_id: Option<ApplicationId>,
    #[serde(default, deserialize_with = "wire::time_or_never")]
    start_time: Option<i64>,
    #[serde(default, deserialize_with = "wire::time_or_never")]
    end_time: Option<i64>,
}

impl From<JobResultBody> for JobResult {
    fn from(body: JobResultBody) -> Self {
        Self {
            job_id: body.id,
            application_status: body.application_status,
            net_runtime: body.net_runtime,
            accumulators: Accumulators::from_results(body.accumulator_results),
            failure_cause: body.failure_cause.as_ref().map(SerializedThrowable::cause),
            job_name: body.name,
            application_id: body.application_id,
            start_time: body.start_time,
            end_time: body.end_time,
        }
    }
}

/// `POST /jobs/:jobid/savepoints`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SavepointTriggerRequest<'a> {
    #[serde(rename = "target-directory", skip_serializing_if = "Option::is_none")]
    pub(crate) target_directory: Option<&'a str>,
    #[serde(rename = "cancel-job")]
    pub(crate) cancel_job: bool,
    #[serde(rename = "formatType")]
    pub(crate) format_type: SavepointFormatType,
    #[serde(rename = "triggerId")]
    pub(crate) trigger_id: TriggerId,
}

/// `GET /jobs/:jobid/savepoints/:triggerid`, for savepoints and stops.
#[derive(Debug, Deserialize)]
pub(crate) struct SavepointInfo {
    #[serde(default)]
    pub(crate) location: Option<String>,
    #[serde(rename = "failure-cause", alias = "failureCause", default)]
    pub(crate) failure_cause: Option<SerializedThrowable>,
}

impl Operation for SavepointInfo {
    type Value = String;

    fn failure_cause(&self) -> Option<&SerializedThrowable> {
        self.failure_cause.as_ref()
    }

    fn into_value(self) -> Option<String> {
        self.location
    }
}

/// `GET /jobs/:jobid/status`.
#[derive(Debug, Deserialize)]
pub(crate) struct JobStatusInfo {
    pub(crate) status: JobStatus,
}

/// `POST /jobs/:jobid/stop`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StopWithSavepointRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target_directory: Option<&'a str>,
    pub(crate) drain: bool,
    pub(crate) format_type: SavepointFormatType,
    pub(crate) trigger_id: TriggerId,
}

/// `GET /jobs/:jobid/vertices/:vertexid/accumulators`.
#[derive(Debug, Deserialize)]
pub(crate) struct JobVertexAccumulators {
    #[serde(rename = "user-accumulators")]
    pub(crate) user_accumulators: Vec<UserAccumulator>,
}

// Savepoints.

/// `POST /savepoint-disposal`. Takes no trigger id, in no version: the server makes one.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SavepointDisposalRequest<'a> {
    #[serde(rename = "savepoint-path")]
    pub(crate) savepoint_path: &'a str,
}

// TaskManagers.

/// `GET /taskmanagers`.
#[derive(Debug, Deserialize)]
pub(crate) struct TaskManagersInfo {
    #[serde(rename = "taskmanagers")]
    pub(crate) task_managers: Vec<TaskManagerInfo>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(body: &impl Serialize) -> String {
        serde_json::to_string(body).unwrap()
    }

    #[test]
    fn a_jar_run_says_only_what_is_set_and_both_names_of_the_claim_mode() {
        assert_eq!(json(&JarRunRequest::default()), "{}");
        let arguments = ["--interval".to_owned(), "5 s".to_owned()];
        let configuration = BTreeMap::from([("pipeline.name".to_owned(), "etl".to_owned())]);
        let request = JarRunRequest {
            program: JarPlanRequest {
                entry_class: Some("com.acme.Etl"),
                program_args_list: &arguments,
                parallelism: Some(4),
                job_id: Some(JobId::from_bytes([1; 16])),
                flink_configuration: Some(&configuration),
            },
            savepoint_path: Some("s3://sp/1"),
            allow_non_restored_state: Some(true),
            claim: Some(ClaimMode::NoClaim).into(),
            application_id: None,
        };
        assert_eq!(
            json(&request),
            r#"{"entryClass":"com.acme.Etl","programArgsList":["--interval","5 s"],"parallelism":4,"jobId":"01010101010101010101010101010101","flinkConfiguration":{"pipeline.name":"etl"},"savepointPath":"s3://sp/1","allowNonRestoredState":true,"claimMode":"NO_CLAIM","restoreMode":"NO_CLAIM"}"#
        );
    }

    #[test]
    fn savepoint_and_stop_name_their_directory_differently() {
        let trigger_id = TriggerId::from_bytes([2; 16]);
        let savepoint = SavepointTriggerRequest {
            target_directory: Some("s3://sp"),
            cancel_job: false,
            format_type: SavepointFormatType::Native,
            trigger_id,
        };
        assert_eq!(
            json(&savepoint),
            r#"{"target-directory":"s3://sp","cancel-job":false,"formatType":"NATIVE","triggerId":"02020202020202020202020202020202"}"#
        );
        let stop = StopWithSavepointRequest {
            target_directory: None,
            drain: true,
            format_type: SavepointFormatType::Canonical,
            trigger_id,
        };
        assert_eq!(
            json(&stop),
            r#"{"drain":true,"formatType":"CANONICAL","triggerId":"02020202020202020202020202020202"}"#
        );
    }

    #[test]
    fn the_other_requests_have_flinks_names() {
        let trigger_id = TriggerId::from_bytes([2; 16]);
        let checkpoint = CheckpointTriggerRequest { checkpoint_type: CheckpointType::Full, trigger_id };
        assert_eq!(
            json(&checkpoint),
            r#"{"checkpointType":"FULL","triggerId":"02020202020202020202020202020202"}"#
        );
        assert_eq!(json(&SavepointDisposalRequest { savepoint_path: "/x" }), r#"{"savepoint-path":"/x"}"#);
        assert_eq!(json(&JobClientHeartbeatRequest { expired_timestamp: 7 }), r#"{"expiredTimestamp":7}"#);
        assert_eq!(
            json(&ClientCoordinationRequest { serialized: "rO0=" }),
            r#"{"serializedCoordinationRequest":"rO0="}"#
        );
        let submit = JobSubmitRequest {
            execution_plan_file_name: None,
            job_graph_file_name: Some("graph.bin"),
            job_jar_file_names: &["a.jar".to_owned()],
            job_artifact_file_names: &[],
        };
        assert_eq!(
            json(&submit),
            r#"{"jobGraphFileName":"graph.bin","jobJarFileNames":["a.jar"],"jobArtifactFileNames":[]}"#
        );
    }

    #[test]
    fn a_jar_id_is_the_last_part_of_a_path_of_either_system() {
        for path in ["/tmp/flink-web-upload/1_a.jar", r"C:\tmp\1_a.jar", "1_a.jar"] {
            let response: JarUploadResponse =
                serde_json::from_value(serde_json::json!({"filename": path, "status": "success"})).unwrap();
            assert_eq!(response.jar_id(), "1_a.jar");
        }
    }
}
