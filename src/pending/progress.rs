//! [`Progress`]: how far the operation behind a handle has come.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::job::JobStatus;
use crate::pending::operation::Phase;

/// How far the operation behind a [`Pending`](crate::Pending) has come; see
/// [`Pending::progress`](crate::Pending::progress).
///
/// Its text is one line, as in `waiting until all tasks run of job 5f…: RUNNING, 12 s`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The operation, as in `triggering a savepoint of job 5f…`.
    pub operation: Cow<'static, str>,
    /// What it is doing now.
    pub phase: Phase,
    /// How long ago it was started.
    pub elapsed: Duration,
    /// How often the cluster has been looked at since it took the order. A job whose end is waited for together with
    /// others' is looked at with them: that counts once here.
    pub polls: u64,
    /// The job's state as it was last seen: by waits for a job from their second look on, by a savepoint or checkpoint
    /// once it has gone on for some seconds.
    pub job_status: Option<JobStatus>,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation)?;
        match self.job_status {
            Some(status) => write!(f, "{status}")?,
            None => write!(f, "{}", self.phase)?,
        }
        write!(f, ", {} s", self.elapsed.as_secs())
    }
}
