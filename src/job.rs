//! Jobs as the cluster reports them: status, list entries, results.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize, Serializer};

use crate::ids::JobId;
use crate::wire::{self, java_enum};

java_enum! {
    /// The state of a job.
    ///
    /// Texts are Flink's upper-case names; lower case is read too.
    ///
    /// # Examples
    /// ```
    /// use flink_client::JobStatus;
    ///
    /// let status: JobStatus = "SUSPENDED".parse()?;
    /// assert!(status.is_terminal() && !status.is_globally_terminal());
    /// assert_eq!(JobStatus::Canceled.to_string(), "CANCELED");
    /// assert!("DONE".parse::<JobStatus>().unwrap_err().to_string().starts_with("\"DONE\" is not a job status"));
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    JobStatus, "a job status" {
        /// Accepted; its JobMaster is being set up.
        Initializing = "INITIALIZING",
        /// Set up; none of its tasks runs yet.
        Created = "CREATED",
        /// Some tasks are scheduled or running. Says nothing about all of them: see the task counts.
        Running = "RUNNING",
        /// Failed and cleaning up.
        Failing = "FAILING",
        /// Failed for good.
        Failed = "FAILED",
        /// Being cancelled.
        Cancelling = "CANCELLING",
        /// Cancelled.
        Canceled = "CANCELED",
        /// All tasks ended well; a job that was stopped with a savepoint ends here too.
        Finished = "FINISHED",
        /// Being restarted after a failure.
        Restarting = "RESTARTING",
        /// Given up by this JobManager, which lost leadership; the next leader may go on with it.
        Suspended = "SUSPENDED",
        /// Waiting for TaskManagers to report what still runs.
        Reconciling = "RECONCILING",
    }
}

impl JobStatus {
    /// Whether nothing more happens to the job in this JobManager: failed, cancelled, finished or suspended.
    pub const fn is_terminal(self) -> bool {
        self.is_globally_terminal() || matches!(self, Self::Suspended)
    }

    /// Whether the job has ended for good, for every JobManager: failed, cancelled or finished.
    pub const fn is_globally_terminal(self) -> bool {
        matches!(self, Self::Failed | Self::Canceled | Self::Finished)
    }
}

java_enum! {
    /// How a job ended.
    ApplicationStatus, "an application status" {
        /// It finished, or was stopped with a savepoint.
        Succeeded = "SUCCEEDED",
        /// It failed.
        Failed = "FAILED",
        /// It was cancelled.
        Canceled = "CANCELED",
        /// Its end is not known; suspended, for example.
        Unknown = "UNKNOWN",
    }
}

/// The answer to a request that has no other result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Acknowledge;

/// One job in the list of a cluster's jobs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct JobStatusMessage {
    /// Names the job.
    #[serde(rename = "jid")]
    pub job_id: JobId,
    /// The job's name, as the program gave it.
    #[serde(rename = "name", default, deserialize_with = "wire::null_is_default")]
    pub job_name: String,
    /// The job's state.
    #[serde(rename = "state")]
    pub job_state: JobStatus,
    /// When the job was accepted: milliseconds since 1970 in UTC; see also [`started_at`](Self::started_at).
    #[serde(rename = "start-time")]
    pub start_time: i64,
    /// When the job ended (milliseconds since 1970 in UTC), if it has.
    #[serde(
        rename = "end-time",
        default,
        deserialize_with = "wire::time_or_never",
        serialize_with = "wire::write::time"
    )]
    pub end_time: Option<i64>,
    /// How long the job has been there, or was until it ended.
    #[serde(default, deserialize_with = "wire::millis", serialize_with = "wire::write::millis")]
    pub duration: Duration,
    /// When its state last changed (milliseconds since 1970 in UTC).
    #[serde(
        rename = "last-modification",
        default,
        deserialize_with = "wire::time_or_never",
        serialize_with = "wire::write::time_or_zero"
    )]
    pub last_modification: Option<i64>,
    /// How many of the job's tasks are in which state.
    #[serde(default, deserialize_with = "wire::null_is_default")]
    pub tasks: TaskCounts,
    /// `STREAMING` or `BATCH`; Flink 2.3.
    #[serde(rename = "jobType", default, deserialize_with = "wire::name_or_none")]
    pub job_type: Option<Cow<'static, str>>,
    /// `Default`, `Adaptive` or `AdaptiveBatch`; Flink 2.3.
    #[serde(rename = "schedulerType", default, deserialize_with = "wire::name_or_none")]
    pub scheduler_type: Option<Cow<'static, str>>,
    /// Operators of an adaptive batch job that have no vertex yet; Flink 2.x.
    #[serde(rename = "pending-operators", default)]
    pub pending_operators: Option<u32>,
}

impl JobStatusMessage {
    /// A message with these values and no task counts; `start_time` is milliseconds since 1970 in UTC.
    pub fn new(job_id: JobId, job_name: impl Into<String>, job_state: JobStatus, start_time: i64) -> Self {
        Self {
            job_id,
            job_name: job_name.into(),
            job_state,
            start_time,
            end_time: None,
            duration: Duration::ZERO,
            last_modification: None,
            tasks: TaskCounts::default(),
            job_type: None,
            scheduler_type: None,
            pending_operators: None,
        }
    }

    /// [`start_time`](Self::start_time) as a point in time.
    pub fn started_at(&self) -> SystemTime {
        wire::system_time(self.start_time)
    }

    /// [`end_time`](Self::end_time) as a point in time.
    pub fn ended_at(&self) -> Option<SystemTime> {
        self.end_time.map(wire::system_time)
    }
}

/// How many tasks are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TaskCounts {
    /// Not scheduled yet.
    #[serde(alias = "CREATED")]
    pub created: u32,
    /// Waiting for a slot.
    #[serde(alias = "SCHEDULED")]
    pub scheduled: u32,
    /// Being sent to a TaskManager.
    #[serde(alias = "DEPLOYING")]
    pub deploying: u32,
    /// Restoring state.
    #[serde(alias = "INITIALIZING")]
    pub initializing: u32,
    /// At work.
    #[serde(alias = "RUNNING")]
    pub running: u32,
    /// At the end of their input.
    #[serde(alias = "FINISHED")]
    pub finished: u32,
    /// Being cancelled.
    #[serde(alias = "CANCELING")]
    pub canceling: u32,
    /// Cancelled.
    #[serde(alias = "CANCELED")]
    pub canceled: u32,
    /// Failed.
    #[serde(alias = "FAILED")]
    pub failed: u32,
    /// Not known yet to a new JobManager.
    #[serde(alias = "RECONCILING")]
    pub reconciling: u32,
}

impl TaskCounts {
    /// Whether there are tasks, and each is at work or has finished already.
    ///
    /// This, not [`JobStatus::Running`] alone, says that a job is up: a savepoint is refused before.
    pub fn all_running(&self) -> bool {
        let up = self.running.saturating_add(self.finished);
        up > 0 && up == self.total()
    }

    /// All of them.
    pub fn total(&self) -> u32 {
        self.named().into_iter().fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    fn named(&self) -> [(&'static str, u32); 10] {
        [
            ("created", self.created),
            ("scheduled", self.scheduled),
            ("deploying", self.deploying),
            ("initializing", self.initializing),
            ("running", self.running),
            ("finished", self.finished),
            ("canceling", self.canceling),
            ("canceled", self.canceled),
            ("failed", self.failed),
            ("reconciling", self.reconciling),
        ]
    }

    /// As Flink writes the counts of a vertex: by the states' own names, without the sum.
    pub(crate) fn by_state<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.named().map(|(state, count)| (state.to_ascii_uppercase(), count)))
    }

    /// The sum of two counts, state by state.
    pub(crate) fn plus(self, other: &Self) -> Self {
        Self {
            created: self.created.saturating_add(other.created),
            scheduled: self.scheduled.saturating_add(other.scheduled),
            deploying: self.deploying.saturating_add(other.deploying),
            initializing: self.initializing.saturating_add(other.initializing),
            running: self.running.saturating_add(other.running),
            finished: self.finished.saturating_add(other.finished),
            canceling: self.canceling.saturating_add(other.canceling),
            canceled: self.canceled.saturating_add(other.canceled),
            failed: self.failed.saturating_add(other.failed),
            reconciling: self.reconciling.saturating_add(other.reconciling),
        }
    }
}

/// As Flink writes the counts of a job: with the sum.
impl Serialize for TaskCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.named().into_iter().chain([("total", self.total())]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn all_eleven_states_have_flinks_names_both_ways() {
        assert_eq!(JobStatus::ALL.len(), 11);
        for &status in JobStatus::ALL {
            assert_eq!(status.to_string().parse::<JobStatus>().unwrap(), status);
            let json = serde_json::to_string(&status).unwrap();
            assert_eq!(json, format!("\"{status}\""));
            assert_eq!(serde_json::from_str::<JobStatus>(&json).unwrap(), status);
        }
    }

    #[test]
    fn only_four_states_are_terminal_and_suspended_is_so_only_locally() {
        let names = |wanted: fn(JobStatus) -> bool| {
            JobStatus::ALL
                .iter()
                .filter(|status| wanted(**status))
                .map(|status| status.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(JobStatus::is_terminal), ["FAILED", "CANCELED", "FINISHED", "SUSPENDED"]);
        assert_eq!(names(JobStatus::is_globally_terminal), ["FAILED", "CANCELED", "FINISHED"]);
    }

    #[test]
    fn an_unknown_state_is_an_error_that_names_it() {
        let error = "HIBERNATING".parse::<JobStatus>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(
            error.to_string().starts_with("\"HIBERNATING\" is not a job status; known are INITIALIZING, "),
            "{error}"
        );
        let error = serde_json::from_str::<JobStatus>("\"HIBERNATING\"").unwrap_err();
        assert!(error.to_string().contains("HIBERNATING"), "{error}");
        assert!(serde_json::from_str::<JobStatus>("\"running\"").is_err(), "Flink never writes it so");
    }

    #[test]
    fn a_job_is_up_when_every_task_runs_or_has_finished() {
        let counts = |json: &str| serde_json::from_str::<TaskCounts>(json).unwrap();
        assert!(counts(r#"{"running":2,"finished":1,"total":3}"#).all_running());
        assert!(counts(r#"{"RUNNING":2,"SCHEDULED":0,"SLEEPING":7}"#).all_running());
        assert!(!counts(r#"{"running":2,"scheduled":1,"total":3}"#).all_running());
        assert!(!counts("{}").all_running());
        assert_eq!(counts(r#"{"running":4294967295,"failed":1}"#).total(), u32::MAX);
    }

    #[test]
    fn start_and_end_are_points_in_time() {
        let mut message = JobStatusMessage::new(JobId::from_bytes([1; 16]), "etl", JobStatus::Running, 1000);
        assert_eq!(message.started_at(), std::time::UNIX_EPOCH + Duration::from_secs(1));
        assert_eq!(message.ended_at(), None);
        message.end_time = Some(2000);
        assert_eq!(message.ended_at(), Some(std::time::UNIX_EPOCH + Duration::from_secs(2)));
    }
}
