//! How a job ended.

use std::time::Duration;

use crate::accumulator::Accumulators;
use crate::failure::FailureCause;
use crate::ids::{ApplicationId, JobId};
use crate::job::ApplicationStatus;

/// How a job ended: what `job_result` completes with, for a failed job too.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JobResult {
    /// Names the job.
    pub job_id: JobId,
    /// How it ended.
    pub application_status: ApplicationStatus,
    /// From its start to its end.
    pub net_runtime: Duration,
    /// The values that the job's accumulators had at its end. Failed and cancelled jobs have theirs too.
    pub accumulators: Accumulators,
    /// Why it failed, if it did.
    pub failure_cause: Option<FailureCause>,
    /// The job's name; Flink 2.x.
    pub job_name: Option<String>,
    /// The application that it belonged to; Flink 2.x.
    pub application_id: Option<ApplicationId>,
    /// When it started (milliseconds since 1970 in UTC); Flink 2.x.
    pub start_time: Option<i64>,
    /// When it ended (milliseconds since 1970 in UTC); Flink 2.x.
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
        let error = crate::rest::classify::job_failure(&self);
        Err(match self.failure_cause {
            Some(_) => error.with_operation(format!("Job failed (JobID: {})", self.job_id)),
            None => error.with_operation(format!("asking for what job {} gave", self.job_id)),
        })
    }
}

/// What a job that finished well gave.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JobExecutionResult {
    /// Names the job.
    pub job_id: JobId,
    /// From its start to its end.
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
