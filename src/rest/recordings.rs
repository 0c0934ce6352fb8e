//! Every recorded answer of real Flink is read by the operation that it belongs to, and is what it should be.
//!
//! `tests/fixtures/rest` has one file for each exchange, recorded from clusters of two versions. What each
//! recorded *error* means is stated here, from what had happened in the cluster, not from what the code makes of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::accumulator::JobAccumulatorsInfo;
use crate::classify::{About, AsyncOperation};
use crate::details::*;
use crate::error::{Error, ErrorKind, Result};
use crate::job::{ApplicationStatus, JobStatus};
use crate::rest::answer::Answer;
use crate::rest::messages::*;
use crate::rest::operation::AsynchronousOperationResult;
use crate::savepoint::OperationStatus;

const VERSIONS: [&str; 2] = ["1.20.5", "2.3.0"];

/// Recordings that no operation of this library asks for.
const NO_OPERATION: &[&str] = &[
    "adaptive-rescales-config",
    "adaptive-rescales-details",
    "adaptive-rescales-history",
    "adaptive-rescales-overview",
    "adaptive-rescales-summary",
    "ha-zookeeper-leader-znodes",
    "jobmanager-environment",
    "jobmanager-logs",
    "wire-behaviour",
];

/// What a recorded error means; all others must be read as successes. The version is the start of the only one
/// that the row is for.
#[rustfmt::skip]
const ERRORS: &[(&str, &str, ErrorKind)] = {
    use ErrorKind::*;
    &[
        ("", "adaptive-execution-result-failed", JobFailed),
        ("", "adaptive-resource-requirements-put-empty", InvalidRequest),
        ("", "adaptive-resource-requirements-put-inverted", InvalidRequest),
        ("", "adaptive-resource-requirements-put-malformed", InvalidRequest),
        ("", "adaptive-resource-requirements-put-partial", InvalidRequest),
        ("", "adaptive-resource-requirements-put-too-many", InvalidRequest),
        ("", "adaptive-resource-requirements-put-unknown-vertex", NotFound),
        ("", "adaptive-resource-requirements-put-zero", InvalidRequest),
        // The application has ended, but that is not what the server says.
        ("", "application-cancel-canceled", NotFound),
        ("", "application-cancel-failed", NotFound),
        ("", "application-cancel-finished", NotFound),
        ("", "application-cancel-unknown", NotFound),
        ("", "application-exceptions-unknown", NotFound),
        ("", "application-malformed", InvalidRequest),
        ("", "application-unknown", NotFound),
        ("1.", "applications-overview", Unsupported),
        ("", "body-bad-format-type", InvalidRequest),
        ("", "body-bad-trigger-id", InvalidRequest),
        ("", "body-empty-savepoint", SavepointDirectoryMissing),
        ("", "body-oversize", TooLarge),
        ("", "body-text-plain", SavepointDirectoryMissing),
        ("", "body-unknown-field", SavepointDirectoryMissing),
        ("", "body-wrong-type", InvalidRequest),
        ("", "checkpoint-bad-type", InvalidRequest),
        ("", "checkpoint-incremental", Unsupported),
        ("", "checkpoint-status-unknown-trigger", OperationLost),
        ("", "checkpoints-initializing", JobNotReady),
        ("", "coordination-initializing", JobNotReady),
        ("", "coordination-no-such-operator", NotFound),
        ("", "coordination-unknown-operator", JobNotFound),
        ("", "dataset-delete-status-unknown", OperationLost),
        ("", "evicted-job", JobNotFound),
        ("", "evicted-job-execution-result", JobNotFound),
        ("", "evicted-job-status", JobNotFound),
        ("", "execution-result-canceled", JobCancelled),
        ("", "execution-result-canceled-while-initializing", JobCancelled),
        ("", "execution-result-canceled-while-restarting", JobCancelled),
        ("", "execution-result-failed", JobFailed),
        ("", "execution-result-failed-full", JobFailed),
        ("", "execution-result-no-slots", NoResources),
        ("", "execution-result-restarts-exhausted", JobFailed),
        ("", "failed-job-cancel", JobAlreadyTerminal),
        ("", "finished-job-cancel", JobAlreadyTerminal),
        ("", "finished-job-cancel-no-mode", JobAlreadyTerminal),
        // The job has finished, but where savepoints are taken it is not known any more.
        ("", "finished-job-checkpoint-status", JobNotFound),
        ("", "finished-job-savepoint-status", JobNotFound),
        ("", "finished-job-stop-status", JobNotFound),
        ("", "ha-after-failover-savepoint-status", OperationLost),
        ("", "ha-failover-job-status-500", Unavailable),
        ("", "ha-failover-job-status-503", Unavailable),
        ("", "ha-standby-unknown-job", JobNotFound),
        ("", "head-overview", Unsupported),
        ("", "heartbeat-no-body", InvalidRequest),
        ("", "initialization-failed-execution-result", JobInitializationFailed),
        ("", "jar-delete-again", JarNotFound),
        ("", "jar-plan-no-execute", ProgramFailed),
        ("", "jar-plan-throwing-main", ProgramFailed),
        ("1.", "jar-run-application", Unsupported),
        ("", "jar-run-application-duplicate-id", DuplicateJob),
        ("", "jar-run-application-nosuch", ProgramFailed),
        ("", "jar-run-bad-claim-mode", InvalidRequest),
        // Flink takes the parallelism and lets the main program fail on it.
        ("", "jar-run-bad-parallelism", ProgramFailed),
        ("1.", "jar-run-both-args", InvalidRequest),
        ("", "jar-run-collecting", ProgramFailed),
        ("", "jar-run-duplicate-job-id", DuplicateJob),
        ("", "jar-run-empty-body", ProgramFailed),
        ("", "jar-run-finished-job-id", DuplicateJob),
        ("", "jar-run-initialization-fails", JobInitializationFailed),
        ("", "jar-run-no-entry-class", ProgramFailed),
        ("", "jar-run-no-execute", ProgramFailed),
        ("", "jar-run-no-savepoint", SavepointNotFound),
        ("", "jar-run-non-restored-state", NonRestoredState),
        ("", "jar-run-not-a-main", ProgramFailed),
        ("", "jar-run-throwing-main", ProgramFailed),
        ("", "jar-run-unknown-jar", JarNotFound),
        ("", "jar-run-wrong-entry-class", ProgramFailed),
        ("", "jar-upload-empty-body", InvalidRequest),
        ("", "jar-upload-no-filename", InvalidRequest),
        ("", "jar-upload-not-multipart", InvalidRequest),
        ("", "jar-upload-two-files", InvalidRequest),
        ("", "jar-upload-wrong-extension", InvalidRequest),
        ("", "malformed-body", InvalidRequest),
        ("", "malformed-job-id", InvalidRequest),
        ("", "malformed-job-id-cancel", InvalidRequest),
        ("", "malformed-job-id-dashed", InvalidRequest),
        ("", "malformed-job-id-short", InvalidRequest),
        ("", "malformed-job-id-uppercase", JobNotFound),
        ("", "options-overview", Unsupported),
        ("", "query-bad-bool", JobNotFound),
        ("", "query-bad-mode", InvalidRequest),
        ("", "rescaling", Unsupported),
        ("", "resource-requirements-default-scheduler", Unsupported),
        ("", "resource-requirements-initializing", JobNotReady),
        ("", "restarting-job-savepoint-status", JobNotReady),
        // The web interface's page, as by a wrong path prefix.
        ("", "root", Decode),
        ("", "savepoint-cancelling-status", JobNotReady),
        ("", "savepoint-disposal-missing-status", SavepointNotFound),
        ("", "savepoint-disposal-no-path", InvalidRequest),
        ("", "savepoint-disposal-status-unknown", OperationLost),
        ("", "savepoint-empty-body", SavepointDirectoryMissing),
        ("", "savepoint-initializing-status", JobNotReady),
        ("", "savepoint-no-directory", SavepointDirectoryMissing),
        ("", "savepoint-of-canceled-job-status", SavepointFailed),
        ("", "savepoint-snapshot-throws-status", SavepointFailed),
        ("", "savepoint-status-bad-trigger", InvalidRequest),
        ("", "savepoint-status-expired", OperationLost),
        ("", "savepoint-status-unknown-trigger", OperationLost),
        ("", "savepoint-tasks-not-running-status", JobNotReady),
        ("", "savepoint-trigger-id-again-after-failure-status", SavepointFailed),
        ("", "savepoint-trigger-id-other-job-status", OperationLost),
        ("", "savepoint-unknown-scheme-status", SavepointFailed),
        ("", "savepoint-unwritable-directory-status", SavepointFailed),
        ("1.", "starting-config-503", Unavailable),
        ("1.", "starting-jars-503", Unavailable),
        ("1.", "starting-jobs-503", Unavailable),
        ("1.", "starting-jobs-overview-503", Unavailable),
        ("2.", "starting-overview-503", Unavailable),
        ("", "stop-drain-while-stopping-first", SavepointFailed),
        ("", "stop-drain-while-stopping-status", SavepointFailed),
        ("", "stop-empty-body", SavepointDirectoryMissing),
        ("", "stop-initializing-status", JobNotReady),
        ("", "stop-no-directory", SavepointDirectoryMissing),
        // The savepoint before it had failed the job.
        ("", "stop-snapshot-throws-status", JobNotFound),
        ("", "stop-unwritable-directory-status", SavepointFailed),
        ("", "stop-while-stopping-execution-result", JobFailed),
        ("", "stop-while-stopping-first", SavepointFailed),
        ("", "stop-while-stopping-status", SavepointFailed),
        ("", "submit-jobgraph-corrupt-graph", InvalidRequest),
        ("", "submit-jobgraph-executionPlanFileName-again-after-finish", DuplicateJob),
        ("", "submit-jobgraph-executionPlanFileName-duplicate", DuplicateJob),
        ("", "submit-jobgraph-jobGraphFileName-again-after-finish", DuplicateJob),
        ("", "submit-jobgraph-jobGraphFileName-duplicate", DuplicateJob),
        ("", "submit-jobgraph-missing-graph-file", InvalidRequest),
        ("", "submit-jobgraph-missing-jar", InvalidRequest),
        ("", "submit-jobgraph-no-request-part", InvalidRequest),
        ("", "submit-not-multipart", InvalidRequest),
        ("", "submit-streamgraph-corrupt-graph", InvalidRequest),
        ("", "submit-streamgraph-executionPlanFileName-again-after-finish", DuplicateJob),
        ("", "submit-streamgraph-executionPlanFileName-duplicate", DuplicateJob),
        ("", "submit-streamgraph-jobGraphFileName-again-after-finish", DuplicateJob),
        ("", "submit-streamgraph-jobGraphFileName-duplicate", DuplicateJob),
        ("", "submit-streamgraph-missing-graph-file", InvalidRequest),
        ("", "submit-streamgraph-missing-jar", InvalidRequest),
        ("", "submit-streamgraph-no-request-part", InvalidRequest),
        ("", "taskmanager-unknown", NotFound),
        ("", "unknown-endpoint", Unsupported),
        ("", "unknown-endpoint-post", Unsupported),
        ("", "unknown-job-accumulators", JobNotFound),
        ("", "unknown-job-cancel", JobNotFound),
        ("", "unknown-job-checkpoints", JobNotFound),
        ("", "unknown-job-exceptions", JobNotFound),
        ("", "unknown-job-execution-result", JobNotFound),
        ("", "unknown-job-job", JobNotFound),
        ("", "unknown-job-job-config", JobNotFound),
        ("", "unknown-job-job-status", JobNotFound),
        ("", "unknown-job-plan", JobNotFound),
        ("", "unknown-job-resource-requirements", JobNotFound),
        ("", "unknown-job-savepoint-status", JobNotFound),
        ("", "v2-prefix-overview", Unsupported),
        ("", "vertex-unknown", NotFound),
        ("", "wrong-method", Unsupported),
        ("", "wrong-method-put-jobs", Unsupported),
    ]
};

/// How the answer of an operation is read: `Ok` for a success, and for what goes on.
pub(crate) type Read = fn(&Answer<'_>) -> Result<()>;

/// The operations by method and path, where `*` is any one segment. The first that fits is meant.
#[rustfmt::skip]
const OPERATIONS: &[(&str, &str, Read)] = &[
    ("GET", "applications/overview", |answer| read::<ApplicationsOverview>(answer, About::Cluster)),
    ("GET", "applications/*", |answer| read::<ApplicationDetails>(answer, About::Part)),
    ("POST", "applications/*/cancel", |answer| read::<EmptyResponse>(answer, About::Part)),
    ("GET", "applications/*/exceptions", |answer| read::<ApplicationExceptions>(answer, About::Part)),
    ("GET", "applications/*/jobmanager/config", |answer| read::<Vec<ConfigurationEntry>>(answer, About::Part)),
    ("DELETE", "cluster", |answer| read::<EmptyResponse>(answer, About::Cluster)),
    ("GET", "config", |answer| read::<DashboardConfiguration>(answer, About::Cluster)),
    ("GET", "datasets", |answer| read::<ClusterDataSetList>(answer, About::Cluster)),
    ("DELETE", "datasets/*", |answer| read::<TriggerResponse>(answer, About::Part)),
    ("GET", "datasets/delete/*", |answer| deletion(answer, AsyncOperation::DataSetDeletion)),
    ("GET", "jars", |answer| read::<JarList>(answer, About::Cluster)),
    ("POST", "jars/upload", |answer| read::<JarUploadResponse>(answer, About::Cluster)),
    ("DELETE", "jars/*", |answer| read::<EmptyResponse>(answer, About::Jar)),
    ("GET", "jars/*/plan", |answer| read::<JobPlanResponse>(answer, About::Jar)),
    ("POST", "jars/*/plan", |answer| read::<JobPlanResponse>(answer, About::Jar)),
    ("POST", "jars/*/run", |answer| read::<JarRunResponse>(answer, About::Jar)),
    ("POST", "jars/*/run-application", |answer| read::<JarRunApplicationResponse>(answer, About::Jar)),
    ("GET", "jobmanager/config", |answer| read::<Vec<ConfigurationEntry>>(answer, About::Cluster)),
    ("GET", "jobmanager/metrics", |answer| read::<Vec<Metric>>(answer, About::Cluster)),
    ("GET", "jobs", |answer| read::<JobIdsWithStatuses>(answer, About::Cluster)),
    ("POST", "jobs", |answer| read::<JobSubmitResponse>(answer, About::Cluster)),
    ("GET", "jobs/metrics", |answer| read::<Vec<AggregatedMetric>>(answer, About::Cluster)),
    ("GET", "jobs/overview", |answer| read::<JobsOverview>(answer, About::Cluster)),
    ("GET", "jobs/*", |answer| read::<JobDetails>(answer, About::Job)),
    ("PATCH", "jobs/*", |answer| read::<EmptyResponse>(answer, About::Job)),
    ("GET", "jobs/*/accumulators", |answer| read::<JobAccumulatorsInfo>(answer, About::Job)),
    ("GET", "jobs/*/checkpoints", |answer| read::<CheckpointingStatistics>(answer, About::Job)),
    ("POST", "jobs/*/checkpoints", |answer| read::<TriggerResponse>(answer, About::Job)),
    ("GET", "jobs/*/checkpoints/config", |answer| read::<CheckpointConfig>(answer, About::Job)),
    ("GET", "jobs/*/checkpoints/details/*", |answer| read::<CheckpointStatistics>(answer, About::Part)),
    ("GET", "jobs/*/checkpoints/*", checkpoint),
    ("PATCH", "jobs/*/clientHeartbeat", |answer| read::<EmptyResponse>(answer, About::Job)),
    ("GET", "jobs/*/config", |answer| read::<JobConfigInfo>(answer, About::Job)),
    ("POST", "jobs/*/coordinators/*", |answer| read::<ClientCoordinationResponse>(answer, About::Part)),
    ("GET", "jobs/*/exceptions", |answer| read::<JobExceptions>(answer, About::Job)),
    ("GET", "jobs/*/execution-result", execution_result),
    ("GET", "jobs/*/jobmanager/config", |answer| read::<Vec<ConfigurationEntry>>(answer, About::Job)),
    ("GET", "jobs/*/metrics", |answer| read::<Vec<Metric>>(answer, About::Job)),
    ("GET", "jobs/*/plan", |answer| read::<JobPlanResponse>(answer, About::Job)),
    ("PATCH", "jobs/*/rescaling", |answer| read::<TriggerResponse>(answer, About::Job)),
    ("GET", "jobs/*/resource-requirements", |answer| read::<JobResourceRequirements>(answer, About::Job)),
    ("PUT", "jobs/*/resource-requirements", |answer| read::<EmptyResponse>(answer, About::Job)),
    ("POST", "jobs/*/savepoints", |answer| read::<TriggerResponse>(answer, About::Job)),
    ("GET", "jobs/*/savepoints/*", savepoint),
    ("GET", "jobs/*/status", |answer| read::<JobStatusInfo>(answer, About::Job)),
    ("POST", "jobs/*/stop", |answer| read::<TriggerResponse>(answer, About::Job)),
    ("GET", "jobs/*/vertices/*", |answer| read::<JobVertexDetails>(answer, About::Part)),
    ("GET", "jobs/*/vertices/*/accumulators", |answer| read::<JobVertexAccumulators>(answer, About::Part)),
    ("GET", "overview", |answer| read::<ClusterOverview>(answer, About::Cluster)),
    ("POST", "savepoint-disposal", |answer| read::<TriggerResponse>(answer, About::Cluster)),
    ("GET", "savepoint-disposal/*", |answer| deletion(answer, AsyncOperation::Disposal)),
    ("GET", "taskmanagers", |answer| read::<TaskManagersInfo>(answer, About::Cluster)),
    ("GET", "taskmanagers/*", |answer| read::<TaskManagerInfo>(answer, About::Part)),
];

fn read<T: DeserializeOwned>(answer: &Answer<'_>, about: About) -> Result<()> {
    answer.read::<T>(about, "the answer").map(drop)
}

fn savepoint(answer: &Answer<'_>) -> Result<()> {
    let status = answer
        .read::<AsynchronousOperationResult<SavepointInfo>>(About::Operation, "a savepoint's status")?;
    status.into_status(AsyncOperation::Savepoint)?.into_result().transpose().map(drop)
}

fn checkpoint(answer: &Answer<'_>) -> Result<()> {
    let status = answer
        .read::<AsynchronousOperationResult<CheckpointInfo>>(About::Operation, "a checkpoint's status")?;
    status.into_status(AsyncOperation::Checkpoint)?.into_result().transpose().map(drop)
}

fn deletion(answer: &Answer<'_>, operation: AsyncOperation) -> Result<()> {
    let status = answer
        .read::<AsynchronousOperationResult<AsynchronousOperationInfo>>(About::Operation, "a status")?;
    status.into_status(operation)?.into_result().transpose().map(drop)
}

fn execution_result(answer: &Answer<'_>) -> Result<()> {
    match answer.read::<JobExecutionResultResponse>(About::Job, "a job's result")?.into_result()? {
        Some(result) if !result.is_success() => Err(result.failure()),
        _ => Ok(()),
    }
}

struct Recording {
    version: &'static str,
    name: String,
    exchange: Value,
}

impl Recording {
    fn method_and_path(&self) -> (&str, &str) {
        let request = &self.exchange["request"];
        let path = request["path"].as_str().unwrap_or_default().split('?').next().unwrap_or_default();
        let path = path.strip_prefix("/v1").unwrap_or(path).trim_start_matches('/');
        (request["method"].as_str().unwrap_or_default(), path)
    }

    fn operation(&self) -> Option<Read> {
        let (method, path) = self.method_and_path();
        let fits = |pattern: &str| {
            let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
            loop {
                match (wanted.next(), given.next()) {
                    (None, None) => return true,
                    (Some(wanted), Some(given)) if wanted == "*" || wanted == given => {}
                    _ => return false,
                }
            }
        };
        OPERATIONS
            .iter()
            .find(|(name, pattern, _)| *name == method && fits(pattern))
            .map(|(_, _, read)| *read)
    }

    fn body(&self) -> Vec<u8> {
        match &self.exchange["body"] {
            Value::String(text) => text.clone().into_bytes(),
            json => serde_json::to_vec(json).unwrap(),
        }
    }

    fn with_answer<T>(&self, look: impl FnOnce(&Answer<'_>) -> T) -> T {
        let body = self.body();
        let status = self.exchange["status"].as_u64().unwrap().try_into().unwrap();
        let content_type = self.exchange["headers"]["content-type"].as_str();
        look(&Answer { content_type, ..Answer::new(status, &body) })
    }

    fn read<T: DeserializeOwned>(&self) -> T {
        self.with_answer(|answer| answer.read(About::Cluster, "the answer")).unwrap()
    }

    fn expected_error(&self) -> Option<ErrorKind> {
        let row =
            ERRORS.iter().find(|(version, name, _)| *name == self.name && self.version.starts_with(version));
        row.map(|(_, _, kind)| *kind)
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rest")
}

fn recording(version: &'static str, name: &str) -> Recording {
    let path = folder().join(version).join(name).with_extension("json");
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Recording { version, name: name.to_owned(), exchange: serde_json::from_slice(&text).unwrap() }
}

fn recordings() -> Vec<Recording> {
    let names = |version| {
        let folder = folder().join(version);
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let names: BTreeSet<_> =
            entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_owned()).collect();
        names.into_iter().map(move |name| recording(version, name.to_str().unwrap()))
    };
    VERSIONS.into_iter().flat_map(names).collect()
}

/// Every recorded answer with how it is read: its status and its body.
pub(crate) fn readable() -> impl Iterator<Item = (Read, u16, Value)> {
    recordings().into_iter().filter_map(|mut recording| {
        let status = recording.exchange["status"].as_u64()?.try_into().ok()?;
        Some((recording.operation()?, status, recording.exchange["body"].take()))
    })
}

/// The error of a recording that must be one.
fn error(version: &'static str, name: &str) -> Error {
    let recording = recording(version, name);
    let read = recording.operation().unwrap();
    recording.with_answer(read).unwrap_err()
}

#[test]
fn every_recording_is_read_or_is_the_error_that_it_should_be() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for recording in recordings() {
        if NO_OPERATION.contains(&recording.name.as_str()) {
            continue;
        }
        seen += 1;
        let expected = recording.expected_error();
        let read: Read = match (recording.operation(), expected) {
            (Some(read), _) => read,
            (None, Some(_)) => |answer| read::<EmptyResponse>(answer, About::Cluster),
            (None, None) => {
                wrong.push(format!("{} {}: no row says what it is", recording.version, recording.name));
                continue;
            }
        };
        let result = recording.with_answer(read);
        if result.as_ref().err().map(Error::kind) != expected {
            wrong.push(format!(
                "{} {}: expected {expected:?}, got {result:?}",
                recording.version, recording.name
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {seen} recordings:\n{}", wrong.len(), wrong.join("\n"));
    assert!(seen > 600, "only {seen} recordings");
}

#[test]
fn every_row_is_about_a_recording() {
    let recordings = recordings();
    for (version, name, _) in ERRORS {
        let found = recordings
            .iter()
            .any(|recording| recording.name == *name && recording.version.starts_with(version));
        assert!(found, "{version} {name}");
    }
    for name in NO_OPERATION {
        assert!(recordings.iter().any(|recording| recording.name == *name), "{name}");
    }
}

#[test]
fn every_recorded_error_is_one_line_without_frames_and_keeps_the_servers_words() {
    for recording in recordings() {
        let (Some(_), Some(read)) = (recording.expected_error(), recording.operation()) else { continue };
        let error = recording.with_answer(read).unwrap_err();
        let line = error.to_string();
        assert!(!line.contains('\n') && !line.contains("\tat ") && line.len() < 3_000, "{line}");
        assert!(!line.contains("End of exception on server side"), "{line}");
        if let Some(errors) = recording.exchange["body"]["errors"].as_array() {
            assert_eq!(
                error.server_errors(),
                errors.iter().map(|text| text.as_str().unwrap()).collect::<Vec<_>>()
            );
            assert_eq!(error.stack_trace(), errors.last().and_then(Value::as_str));
            assert_eq!(error.status().map(u64::from), recording.exchange["status"].as_u64());
        }
    }
}

#[test]
fn errors_say_what_happened_and_which_class_said_so() {
    for (name, line, class) in [
        (
            "unknown-job-job-status",
            "Could not find Flink job (00000000000000000000000000000001) (HTTP 500); list the jobs to see those that the cluster still knows",
            "org.apache.flink.runtime.messages.FlinkJobNotFoundException",
        ),
        (
            "jar-run-wrong-entry-class",
            "The program's entry point class 'lab.NoSuch' was not found in the jar file (HTTP 500); the error's stack trace has the program's own, and its output",
            "java.lang.ClassNotFoundException",
        ),
        (
            "jar-run-throwing-main",
            "java.lang.ArithmeticException: because (The main method caused an error: main gave up) (HTTP 400); the error's stack trace has the program's own, and its output",
            "java.lang.ArithmeticException",
        ),
        (
            "savepoint-unwritable-directory-status",
            "java.io.IOException: Failed to create savepoint directory at file:/proc/nowhere (An Exception occurred while triggering the checkpoint. IO-problem detected)",
            "java.io.IOException",
        ),
        (
            "execution-result-failed",
            "java.lang.ArithmeticException: no luck (lab.Failing$Kaput: record 21 is one too many); the error's stack trace has the whole story",
            "java.lang.ArithmeticException",
        ),
    ] {
        for version in VERSIONS {
            let error = error(version, name);
            assert_eq!(error.to_string(), line, "{version}");
            assert_eq!(error.exception_class(), Some(class));
        }
    }
    assert!(
        error("2.3.0", "jar-plan-no-execute")
            .stack_trace()
            .unwrap()
            .contains("System.out: nothing was executed")
    );
}

#[test]
fn a_failed_jobs_cause_is_read_from_its_whole_trace() {
    for version in VERSIONS {
        let recording = recording(version, "execution-result-failed-full");
        let response: JobExecutionResultResponse = recording.read();
        let result = response.into_result().unwrap().unwrap();
        let cause = result.failure_cause.unwrap();
        assert_eq!(cause.class, "org.apache.flink.runtime.JobException");
        assert_eq!(cause.message, "Recovery is suppressed by NoRestartBackoffTimeStrategy");
        assert_eq!(cause.causes()[1], ("lab.Failing$Kaput", "record 21 is one too many"));
        assert_eq!(
            (cause.root_class.as_str(), cause.root_message.as_str()),
            ("java.lang.ArithmeticException", "no luck")
        );
        assert_eq!(result.application_status, ApplicationStatus::Failed);
        assert_eq!(result.job_name.as_deref(), (version == "2.3.0").then_some("failing"));
    }
}

#[test]
fn values_are_those_that_the_server_sent() {
    for version in VERSIONS {
        let config: DashboardConfiguration = recording(version, "config").read();
        assert_eq!(config.version().unwrap().to_string(), version);
        assert!(config.features.web_submit && !config.features.web_history);
        assert_eq!(config.refresh_interval.as_millis(), 100);

        let job: JobDetails = recording(version, "job-running").read();
        assert_eq!((job.state, job.end_time, job.tasks().running), (JobStatus::Running, None, 2));
        assert!(job.tasks().all_running());
        assert_eq!(job.status_counts.running, 1);
        assert_eq!(job.plan.nodes[0].id, job.vertices[0].id);
        assert_eq!(
            job.timestamps.keys().map(|status| status.as_str()).collect::<Vec<_>>(),
            ["INITIALIZING", "CREATED", "RUNNING"]
        );
        assert_eq!(job.application_id.is_some(), version == "2.3.0");
        let waiting: JobDetails = recording(version, "job-no-slots-waiting").read();
        assert_eq!(
            (waiting.state, waiting.tasks().scheduled, waiting.vertices[0].duration),
            (JobStatus::Running, 64, None)
        );
        assert!(!waiting.tasks().all_running());
        let initializing: JobDetails = recording(version, "job-initializing").read();
        assert_eq!(initializing.plan, JobPlan::default());

        let statistics: CheckpointingStatistics = recording(version, "checkpoints-restored").read();
        let restored = statistics.latest.restored.unwrap();
        assert!(
            restored.is_savepoint
                && restored.external_path.unwrap().starts_with("file:$SAVEPOINTS/savepoint-")
        );
        assert_eq!(statistics.latest.completed.unwrap().external_path, None);
        assert!(statistics.summary.state_size.p99.is_some());
        let none: CheckpointingStatistics = recording(version, "checkpoints-not-enabled").read();
        assert_eq!((none.counts.total, none.summary.state_size.p99), (0, None));
        let config: CheckpointConfig = recording(version, "checkpoints-config").read();
        assert_eq!(config.interval.unwrap().as_millis(), 500);
        let config: CheckpointConfig = recording(version, "checkpoints-config-not-enabled").read();
        assert_eq!(config.interval, None);

        let exceptions: JobExceptions = recording(version, "exceptions-failed").read();
        let entry = &exceptions.history.entries[0];
        assert_eq!(entry.cause().root_message, "no luck");
        assert_eq!(entry.concurrent_exceptions[0].exception_name, "lab.Failing$Kaput");
        assert!(entry.concurrent_exceptions[0].endpoint.is_some());

        let task_managers: TaskManagersInfo = recording(version, "taskmanagers").read();
        let task_manager = &task_managers.task_managers[0];
        assert_eq!((task_manager.slots_number, task_manager.free_slots, task_manager.jmx_port), (4, 4, None));
        assert_eq!(task_manager.memory.unwrap().total_process_memory, Some(838_860_800));
        let requirements: JobResourceRequirements =
            recording(version, "adaptive-resource-requirements").read();
        assert!(
            requirements.vertices.values().all(|bounds| (bounds.lower_bound, bounds.upper_bound) == (1, 2))
        );
        assert_eq!(
            serde_json::to_value(&requirements).unwrap(),
            recording(version, "adaptive-resource-requirements").exchange["body"]
        );

        let jobs: JobsOverview = recording(version, "jobs-overview").read();
        assert!(jobs.jobs.iter().any(|job| job.job_state == JobStatus::Failed && job.end_time.is_some()));
        let upload: JarUploadResponse = recording(version, "jar-upload").read();
        assert!(upload.jar_id().ends_with("_lab-jobs.jar") && !upload.jar_id().contains('/'));
        let saved: AsynchronousOperationResult<SavepointInfo> = recording(version, "savepoint-status").read();
        let OperationStatus::Completed(path) = saved.into_status(AsyncOperation::Savepoint).unwrap() else {
            panic!()
        };
        assert!(path.starts_with("file:$SAVEPOINTS/savepoint-"), "{path}");
        let going_on: AsynchronousOperationResult<SavepointInfo> =
            recording(version, "savepoint-in-progress").read();
        assert!(going_on.into_status(AsyncOperation::Savepoint).unwrap().is_in_progress());
    }
    let application: ApplicationDetails = recording("2.3.0", "application-twice-end").read();
    assert_eq!((application.status, application.jobs.len()), (ApplicationState::Finished, 2));
    let overview: ApplicationsOverview = recording("2.3.0", "applications-overview").read();
    assert_eq!(overview.applications[0].jobs[&JobStatus::Running], 1);
}
