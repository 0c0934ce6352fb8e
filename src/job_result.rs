//! How a job ended.

use std::time::Duration;

use serde::Serialize;

use crate::accumulator::Accumulators;
use crate::classify::job_failure;
use crate::error::{Error, ErrorKind};
use crate::failure::FailureCause;
use crate::ids::{ApplicationId, JobId};
use crate::job::ApplicationStatus;
use crate::wire;

/// How a job ended: what `job_result` completes with, for a failed job too.
///
/// Serialised, it has its members by their names, and durations in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JobResult {
    /// Names the job.
    pub job_id: JobId,
    /// How it ended.
    pub application_status: ApplicationStatus,
    /// From its start to its end.
    #[serde(serialize_with = "wire::write::millis")]
    pub net_runtime: Duration,
    /// The values that the job's accumulators had at its end. Failed and cancelled jobs have theirs too.
    pub accumulators: Accumulators,
    /// Why it failed, if it did.
    pub failure_cause: Option<FailureCause>,
    /// The job's name; Flink 2.3.
    pub job_name: Option<String>,
    /// The application that it belonged to; Flink 2.3.
    pub application_id: Option<ApplicationId>,
    /// When it started (milliseconds since 1970 in UTC); Flink 2.3.
    pub start_time: Option<i64>,
    /// When it ended (milliseconds since 1970 in UTC); Flink 2.3.
    pub end_time: Option<i64>,
}

impl JobResult {
    /// A result with these values, no accumulators and no cause of a failure.
    pub fn new(job_id: JobId, application_status: ApplicationStatus, net_runtime: Duration) -> Self {
        Self {
            job_id,
            application_status,
            net_runtime,
            accumulators: Accumulators::default(),
            failure_cause: None,
            job_name: None,
            application_id: None,
            start_time: None,
            end_time: None,
        }
    }

    /// Whether the job finished well.
    pub fn is_success(&self) -> bool {
        self.application_status == ApplicationStatus::Succeeded
    }

    /// The error of a job that did not finish well.
    pub(crate) fn failure(&self) -> Error {
        let name = self.job_name.as_deref().map(|name| format!("{name:?} ")).unwrap_or_default();
        let error = match (&self.failure_cause, self.application_status) {
            (Some(cause), _) => job_failure(cause),
            (None, ApplicationStatus::Canceled) => {
                Error::new(ErrorKind::JobCancelled, format!("the job {name}was cancelled"))
            }
            (None, status) => Error::new(
                ErrorKind::JobFailed,
                format!("the job {name}ended with status {status} and no cause was reported"),
            ),
        };
        error.with_job_id(self.job_id)
    }

    /// What the job computed, if it finished well.
    ///
    /// # Errors
    /// [`ErrorKind::JobFailed`](crate::ErrorKind::JobFailed), or what it failed of where that is known (as
    /// [`ErrorKind::NoResources`](crate::ErrorKind::NoResources)), with the whole stack trace;
    /// [`ErrorKind::JobCancelled`](crate::ErrorKind::JobCancelled).
    pub fn into_execution_result(self) -> crate::Result<JobExecutionResult> {
        if self.is_success() {
            return Ok(JobExecutionResult::new(self.job_id, self.net_runtime, self.accumulators));
        }
        let error = self.failure();
        Err(match self.failure_cause {
            Some(_) => error.with_operation(format!("Job failed (JobID: {})", self.job_id)),
            None => error.with_operation(format!("asking for what job {} gave", self.job_id)),
        })
    }
}

/// What a job that finished well gave.
///
/// Serialised, it has its members by their names, and durations in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JobExecutionResult {
    /// Names the job.
    pub job_id: JobId,
    /// From its start to its end.
    #[serde(serialize_with = "wire::write::millis")]
    pub net_runtime: Duration,
    /// The values that the job's accumulators had at its end.
    pub accumulators: Accumulators,
}

impl JobExecutionResult {
    /// A result with these values.
    pub fn new(job_id: JobId, net_runtime: Duration, accumulators: Accumulators) -> Self {
        Self { job_id, net_runtime, accumulators }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_job_and_one_without_a_cause_are_errors_that_say_so() {
        let mut result =
            JobResult::new(JobId::from_bytes([1; 16]), ApplicationStatus::Canceled, Duration::ZERO);
        result.job_name = Some("etl".into());
        let error = result.failure();
        assert_eq!(
            (error.kind(), error.to_string()),
            (ErrorKind::JobCancelled, "the job \"etl\" was cancelled".into())
        );
        assert_eq!(error.job_id(), Some(result.job_id));
        result.application_status = ApplicationStatus::Unknown;
        assert_eq!(result.failure().kind(), ErrorKind::JobFailed);
        let trace = "org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy\n\tat a.B(C)\n\
            Caused by: java.util.concurrent.CompletionException: org.apache.flink.runtime.jobmanager.scheduler.\
            NoResourceAvailableException: Could not acquire the minimum required resources.\n\tat a.B(C)";
        result.failure_cause = Some(FailureCause::read("org.apache.flink.runtime.JobException", trace));
        let error = result.failure();
        assert_eq!(error.kind(), ErrorKind::NoResources);
        assert!(
            error.to_string().starts_with("Could not acquire the minimum required resources; "),
            "{error}"
        );
    }

    #[test]
    fn a_result_is_written_for_those_who_read_json() {
        let mut result =
            JobResult::new(JobId::from_bytes([1; 16]), ApplicationStatus::Failed, Duration::from_secs(2));
        result.failure_cause = Some(FailureCause::read("a.B", "a.B: broke\n\tat a.B(C)"));
        let json = serde_json::to_value(&result).unwrap();
        assert_eq!(json["job_id"], "01010101010101010101010101010101");
        assert_eq!((&json["application_status"], &json["net_runtime"]), (&"FAILED".into(), &2000.into()));
        assert_eq!(json["failure_cause"]["message"], "broke");
        assert_eq!(serde_json::to_value(ErrorKind::JobFailed).unwrap(), "JobFailed");
    }
}
