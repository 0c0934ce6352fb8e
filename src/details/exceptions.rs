//! What went wrong in a job or an application so far.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::failure::FailureCause;
use crate::ids::JobId;
use crate::wire;

/// The failures that a job or an application has had, the newest first.
///
/// The same for all versions: Flink 1.x sends the newest failure twice, once in an older shape that adds nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ExceptionHistory {
    /// The failures.
    #[serde(deserialize_with = "wire::null_is_default")]
    pub entries: Vec<ExceptionEntry>,
    /// Whether there were more than the server sent (`web.exception-history-size` of them, 16 by default).
    #[serde(deserialize_with = "wire::null_is_default")]
    pub truncated: bool,
}

/// One failure, with the others that came at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ExceptionEntry {
    /// The Java class.
    #[serde(rename = "exceptionName", default, deserialize_with = "wire::null_is_default")]
    pub exception_name: String,
    /// The Java stack trace, whole.
    #[serde(rename = "stacktrace", default, deserialize_with = "wire::null_is_default")]
    pub stack_trace: String,
    /// When it happened.
    pub timestamp: i64,
    /// The task that failed; absent if the job as a whole did.
    #[serde(rename = "taskName", default, skip_serializing_if = "Option::is_none")]
    pub task_name: Option<String>,
    /// Host and port of the task's TaskManager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Names the task's TaskManager.
    #[serde(rename = "taskManagerId", default, skip_serializing_if = "Option::is_none")]
    pub task_manager_id: Option<String>,
    /// What the cluster's failure enrichers say about it.
    #[serde(rename = "failureLabels", default, deserialize_with = "wire::null_is_default")]
    pub failure_labels: BTreeMap<String, String>,
    /// The job that failed, in the failures of an application.
    #[serde(rename = "jobId", default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<JobId>,
    /// Failures that came at the same time.
    #[serde(rename = "concurrentExceptions", default, deserialize_with = "wire::null_is_default")]
    pub concurrent_exceptions: Vec<Self>,
}

impl ExceptionEntry {
    /// The failure with its root cause, read from the stack trace.
    pub fn cause(&self) -> FailureCause {
        FailureCause::read(&self.exception_name, &self.stack_trace)
    }
}
