//! What behaviours are told with: jobs that do not outlive their test, waits that end, errors looked at from all sides.

use std::fmt::Debug;
use std::ops::Deref;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use flink_client::{
    ClusterClientExt, Error, ErrorKind, ExecutionPlan, JobId, JobResult, JobStatus, Pending, Result,
};

use super::{Client, Target};

/// Longer than anything here takes on a busy machine; a limit for what would otherwise hang.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

/// Waits that cannot hang.
pub(crate) trait Soon<T> {
    /// The result.
    #[track_caller]
    fn soon(self) -> Result<T>;

    /// The value; panics for an error.
    #[track_caller]
    fn done(self) -> T;

    /// The error, which has to be of this kind, and in one line without a stack trace.
    #[track_caller]
    fn refused(self, kind: ErrorKind) -> Error;
}

impl<T: Debug + Send + 'static> Soon<T> for Pending<T> {
    #[track_caller]
    fn soon(self) -> Result<T> {
        self.wait_timeout(LIMIT).unwrap_or_else(|pending| panic!("{pending:?} is not done after {LIMIT:?}"))
    }

    #[track_caller]
    fn done(self) -> T {
        self.soon().unwrap_or_else(|error| panic!("{error:?}\n{}", error.stack_trace().unwrap_or_default()))
    }

    #[track_caller]
    fn refused(self, kind: ErrorKind) -> Error {
        match self.soon() {
            Ok(value) => panic!("expected {kind:?}, got {value:?}"),
            Err(error) => of_kind(error, kind),
        }
    }
}

/// An error of this kind, that says what it has to say in one line.
#[track_caller]
pub(crate) fn of_kind(error: Error, kind: ErrorKind) -> Error {
    assert_eq!(error.kind(), kind, "{error:?}\n{}", error.stack_trace().unwrap_or_default());
    let line = error.to_string();
    assert!(!line.is_empty() && !line.contains(char::is_control), "{line:?}");
    for part_of_a_trace in ["\tat ", " at org.", ".java:", "Caused by:"] {
        assert!(!line.contains(part_of_a_trace), "{line}");
    }
    assert!(line.len() < 1500, "{line}");
    error
}

/// Looks until `look` sees what it looks for; panics, naming `what`, if it never does.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < LIMIT, "waited {LIMIT:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A plan of `jobs.ENTRY` with these arguments.
pub(crate) fn plan(t: &dyn Target, entry: &str, arguments: &[&str]) -> ExecutionPlan {
    ExecutionPlan::jar(t.jobs_jar()).entry_class(format!("jobs.{entry}")).args(arguments.iter().copied())
}

/// A job that is cancelled when its test is over, however that ends, so that its slots are free again.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) client: Client,
    pub(crate) id: JobId,
}

impl Deref for Job {
    type Target = JobId;

    fn deref(&self) -> &JobId {
        &self.id
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // It may have ended, and its cluster too.
        let _ = self.client.cancel_if_running(self.id).wait_timeout(LIMIT);
    }
}

impl Job {
    /// Submits `jobs.ENTRY`.
    #[track_caller]
    pub(crate) fn submitted(t: &dyn Target, entry: &str, arguments: &[&str]) -> Self {
        Self::of_plan(t, plan(t, entry, arguments))
    }

    #[track_caller]
    pub(crate) fn of_plan(t: &dyn Target, plan: ExecutionPlan) -> Self {
        let client = t.client();
        let id = client.submit_job(plan).done();
        Self { client, id }
    }

    /// Submits `jobs.ENTRY`, and waits until all its tasks run.
    #[track_caller]
    pub(crate) fn running(t: &dyn Target, entry: &str, arguments: &[&str]) -> Self {
        let job = Self::submitted(t, entry, arguments);
        job.client.wait_until_running(job.id).done();
        job
    }

    /// A job that stays in its initialisation for a second or two. The submission is answered only afterwards.
    #[track_caller]
    pub(crate) fn initializing(t: &dyn Target) -> Self {
        let client = t.client();
        let id = JobId::random();
        drop(client.submit_job(plan(t, "SlowStart", &["--init-millis", "3000"]).job_id(id)));
        let job = Self { client, id };
        until("the job to initialise", || match job.client.job_status(id).soon() {
            Ok(status) => {
                assert_eq!(status, JobStatus::Initializing);
                Some(())
            }
            Err(error) => {
                of_kind(error, ErrorKind::JobNotFound);
                None
            }
        });
        job
    }

    /// A job that has run to its end.
    #[track_caller]
    pub(crate) fn finished(t: &dyn Target) -> Self {
        let job = Self::submitted(t, "Accumulators", &[]);
        assert!(job.result().is_success());
        job
    }

    /// A job that failed, and is not to be restarted.
    #[track_caller]
    pub(crate) fn failed(t: &dyn Target) -> Self {
        let job = Self::submitted(t, "Failing", &["--records", "3", "--restarts", "0"]);
        assert!(!job.result().is_success());
        job
    }

    /// A job that has failed and waits for its restart, for longer than any test.
    #[track_caller]
    pub(crate) fn restarting(t: &dyn Target) -> Self {
        let forever = ["--records", "3", "--restarts", "1000", "--restart-delay-millis", "600000"];
        let job = Self::submitted(t, "Failing", &forever);
        job.reach(JobStatus::Restarting);
        job
    }

    /// A job that was cancelled.
    #[track_caller]
    pub(crate) fn cancelled(t: &dyn Target) -> Self {
        let job = Self::running(t, "Stateful", &[]);
        job.client.cancel(job.id).done();
        job.reach(JobStatus::Canceled);
        job
    }

    #[track_caller]
    pub(crate) fn status(&self) -> JobStatus {
        self.client.job_status(self.id).done()
    }

    /// How it ended; waits for that.
    #[track_caller]
    pub(crate) fn result(&self) -> JobResult {
        self.client.job_result(self.id).done()
    }

    /// Waits until it has this status.
    #[track_caller]
    pub(crate) fn reach(&self, status: JobStatus) {
        until(&format!("job {} to be {status}", self.id), || (self.status() == status).then_some(()));
    }

    /// The value of an accumulator of integers; 0 as long as it is not there.
    #[track_caller]
    pub(crate) fn count(&self, accumulator: &str) -> i64 {
        let accumulators = self.client.accumulators(self.id).done();
        accumulators.get(accumulator).map_or(0, |one| one.value().unwrap().as_i64().unwrap())
    }
}

/// A folder for this behaviour's savepoints, as the text that an operation takes.
pub(crate) fn directory(t: &dyn Target, name: &str) -> String {
    t.folder(name).display().to_string()
}

/// A folder that nobody can make: its parent is a file.
pub(crate) fn impossible_directory(t: &dyn Target, name: &str) -> String {
    let file = t.folder(name).join("a-file");
    std::fs::write(&file, "not a folder").unwrap();
    file.join("savepoints").display().to_string()
}

/// Where the files of a savepoint are, by the path that the cluster gave.
pub(crate) fn files_of(savepoint: &str) -> PathBuf {
    let path = savepoint.strip_prefix("file:").unwrap_or(savepoint);
    PathBuf::from(path)
}

/// Whether there is a whole savepoint at this path.
pub(crate) fn is_complete(savepoint: &str) -> bool {
    files_of(savepoint).join("_metadata").is_file()
}

/// That an error is about this job and this operation's trigger, if any.
#[track_caller]
pub(crate) fn names(error: &Error, job: JobId) {
    assert_eq!(error.job_id(), Some(job), "{error:?}");
    assert!(error.to_string().contains(&job.to_string()), "{error}");
}
