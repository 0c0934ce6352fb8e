//! What went wrong: one error type, few kinds, each decided from what happened.

mod kind;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::kind::{ErrorFamily, ErrorKind};
use crate::ids::{JobId, TriggerId};
use crate::job::JobStatus;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, with what a program needs to act on it.
///
/// [`kind`](Self::kind) says what happened; the predicates (`is_job()`, `is_timeout()`, …) group the kinds
/// into families. `Display` is one line: the operation, its target, the outcome in the server's own words, where
/// and how often it was tried, and the next step where there is one. A server's stack trace is not in that line;
/// it is kept whole in [`stack_trace`](Self::stack_trace).
///
/// One word in size, `Send + Sync`. Cloning keeps everything, [`source`](StdError::source) included: one failure can be
/// told to several who wait for it.
///
/// # Examples
/// ```
/// use flink_client::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::JobNotFound, "no such job");
/// assert!(error.is_job());
/// assert!(!error.is_retryable());
/// assert_eq!(error.to_string(), "no such job");
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone, Default)]
struct Inner {
    kind: ErrorKind,
    operation: Option<Cow<'static, str>>,
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    job_id: Option<JobId>,
    trigger_id: Option<TriggerId>,
    job_status: Option<JobStatus>,
    savepoint_path: Option<String>,
    jar_id: Option<String>,
    status: Option<u16>,
    request: Option<String>,
    attempts: u32,
    elapsed: Duration,
    exception_class: Option<String>,
    server_errors: Vec<String>,
    stack_trace: Option<String>,
    retry_after: Option<Duration>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind` that says `message`.
    ///
    /// For those who implement this crate's traits or complete a [`Promise`](crate::Promise).
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), ..Inner::default() }))
    }

    /// Wraps an error of the caller's own, so that a callback can return it.
    ///
    /// Its kind is [`ErrorKind::Other`], its text the wrapped error's, which [`source`](StdError::source) gives
    /// back for a downcast.
    ///
    /// # Examples
    /// ```
    /// use flink_client::Error;
    ///
    /// let parsed = "80a1".parse::<u16>().map_err(Error::other);
    /// assert_eq!(parsed.unwrap_err().to_string(), "invalid digit found in string");
    /// ```
    #[cold]
    pub fn other(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let source = source.into();
        let message = Cow::Owned(source.to_string());
        Self(Box::new(Inner { message, source: Some(source.into()), ..Inner::default() }))
    }

    /// What happened.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Network failures and an unavailable cluster.
    pub fn is_connection(&self) -> bool {
        self.kind().family() == ErrorFamily::Connection
    }

    /// Credentials and TLS set-up.
    pub fn is_authentication(&self) -> bool {
        self.kind().family() == ErrorFamily::Authentication
    }

    /// The job, its program, its savepoints.
    pub fn is_job(&self) -> bool {
        self.kind().family() == ErrorFamily::Job
    }

    /// Too few resources in the cluster, or something too large for one side.
    pub fn is_resource(&self) -> bool {
        self.kind().family() == ErrorFamily::Resource
    }

    /// A limit passed.
    pub fn is_timeout(&self) -> bool {
        self.kind().family() == ErrorFamily::Timeout
    }

    /// Whether the same call may succeed later without any change: the network or the cluster's availability, which the
    /// client has already retried within its limits, or a job that is not ready yet, which the client does not retry:
    /// [`wait_until_running`](crate::ClusterClientExt::wait_until_running) waits for it.
    ///
    /// [`ErrorKind::OutcomeUnknown`] is not among them: look first.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Connect
                | ErrorKind::ConnectionLost
                | ErrorKind::Unavailable
                | ErrorKind::JobNotReady
                | ErrorKind::Timeout
        )
    }

    /// The HTTP status of the server's answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The job that the operation was about, or that the submission would have got.
    pub fn job_id(&self) -> Option<JobId> {
        self.0.job_id
    }

    /// The trigger id of the savepoint, stop, checkpoint or disposal, to follow or look up the operation by.
    pub fn trigger_id(&self) -> Option<TriggerId> {
        self.0.trigger_id
    }

    /// The state that the job was in when it was last seen, where that is why the operation ended or was given up: in a
    /// [`Timeout`](ErrorKind::Timeout), a [`JobAlreadyTerminal`](ErrorKind::JobAlreadyTerminal).
    pub fn job_status(&self) -> Option<JobStatus> {
        self.0.job_status
    }

    /// Where the savepoint is that was made although the operation failed.
    pub fn savepoint_path(&self) -> Option<&str> {
        self.0.savepoint_path.as_deref()
    }

    /// The uploaded jar that the operation was about.
    pub fn jar_id(&self) -> Option<&str> {
        self.0.jar_id.as_deref()
    }

    /// The Java class of the server's root cause, such as `org.apache.flink.util.FlinkException`.
    pub fn exception_class(&self) -> Option<&str> {
        self.0.exception_class.as_deref()
    }

    /// The entries of the server's `errors` array, whole.
    pub fn server_errors(&self) -> &[String] {
        &self.0.server_errors
    }

    /// The server's stack trace, whole, if it sent one; the end of its log, if the error is of a process that ended.
    pub fn stack_trace(&self) -> Option<&str> {
        self.0.stack_trace.as_deref().or_else(|| self.0.server_errors.last().map(String::as_str))
    }

    /// Method and address of the request that failed, without credentials.
    pub fn request(&self) -> Option<&str> {
        self.0.request.as_deref()
    }

    /// How often the request was tried; 0 if it never came to a request.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// How long the server asked to wait before the next attempt (`Retry-After`).
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Adds the underlying error, kept for [`source`](StdError::source).
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// Names the job that the operation was about.
    #[must_use]
    pub fn with_job_id(mut self, job_id: JobId) -> Self {
        self.0.job_id = Some(job_id);
        self
    }

    /// Says what to do about it; shown at the end of the line.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Names the operation; shown at the start of the line, as in `triggering a savepoint of job 5f…`. An
    /// operation that is named already keeps its name: the innermost says most.
    #[must_use]
    pub fn with_operation(mut self, operation: impl Into<Cow<'static, str>>) -> Self {
        self.0.operation.get_or_insert_with(|| operation.into());
        self
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    pub(crate) fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.message = message.into();
        self
    }

    pub(crate) fn with_trigger_id(mut self, trigger_id: TriggerId) -> Self {
        self.0.trigger_id = Some(trigger_id);
        self
    }

    pub(crate) fn with_job_status(mut self, status: JobStatus) -> Self {
        self.0.job_status = Some(status);
        self
    }

    pub(crate) fn with_savepoint_path(mut self, path: impl Into<String>) -> Self {
        self.0.savepoint_path = Some(path.into());
        self
    }

    pub(crate) fn with_jar_id(mut self, jar_id: impl Into<String>) -> Self {
        self.0.jar_id = Some(jar_id.into());
        self
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// `request` is the method and URL, without credentials.
    pub(crate) fn with_request(mut self, request: impl Into<String>) -> Self {
        self.0.request = Some(request.into());
        self
    }

    pub(crate) fn with_attempts(mut self, attempts: u32, elapsed: Duration) -> Self {
        self.0.attempts = attempts;
        self.0.elapsed = elapsed;
        self
    }

    pub(crate) fn with_exception_class(mut self, class: impl Into<String>) -> Self {
        self.0.exception_class = Some(class.into());
        self
    }

    pub(crate) fn with_server_errors(mut self, errors: Vec<String>) -> Self {
        self.0.server_errors = errors;
        self
    }

    pub(crate) fn with_stack_trace(mut self, trace: impl Into<String>) -> Self {
        self.0.stack_trace = Some(trace.into());
        self
    }

    pub(crate) fn with_retry_after(mut self, delay: Option<Duration>) -> Self {
        self.0.retry_after = delay;
        self
    }

    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// The message of a caught panic, as an error.
    #[cold]
    pub(crate) fn from_panic(payload: &(dyn std::any::Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&'static str>()
            .map(|text| Cow::Borrowed(*text))
            .or_else(|| payload.downcast_ref::<String>().map(|text| Cow::Owned(text.clone())))
            .unwrap_or(Cow::Borrowed("a panic without a message"));
        Self::new(ErrorKind::Panicked, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if let Some(operation) = &inner.operation {
            write!(f, "{}: ", OneLine(operation))?;
        }
        write!(f, "{}", OneLine(&inner.message))?;
        let mut separator = " (";
        if let Some(request) = &inner.request {
            write!(f, "{separator}{}", OneLine(request))?;
            separator = ", ";
        }
        if let Some(status) = inner.status {
            write!(f, "{separator}HTTP {status}")?;
            separator = ", ";
        }
        if inner.attempts > 1 {
            write!(f, "{separator}{} attempts in {:.1?}", inner.attempts, inner.elapsed)?;
            separator = ", ";
        }
        if separator == ", " {
            f.write_str(")")?;
        }
        if let Some(hint) = &inner.hint {
            write!(f, "; {}", OneLine(hint))?;
        }
        Ok(())
    }
}

/// Kind and line, which is what a `main` that returns it and an `unwrap` show; `{:#?}` shows all there is.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if !f.alternate() {
            return write!(f, "{:?}: {self}", inner.kind);
        }
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &inner.kind).field("line", &format_args!("{self}"));
        if let Some(job_id) = &inner.job_id {
            debug.field("job_id", job_id);
        }
        if let Some(trigger_id) = &inner.trigger_id {
            debug.field("trigger_id", trigger_id);
        }
        if let Some(status) = &inner.job_status {
            debug.field("job_status", status);
        }
        if let Some(path) = &inner.savepoint_path {
            debug.field("savepoint_path", path);
        }
        if let Some(class) = &inner.exception_class {
            debug.field("exception_class", class);
        }
        if let Some(source) = &inner.source {
            debug.field("source", source);
        }
        debug.finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Shows a text without the control characters and line breaks that would make two lines of one.
pub(crate) struct OneLine<'a>(pub(crate) &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = false;
        for piece in self.0.split(|c: char| c.is_control()).map(str::trim).filter(|piece| !piece.is_empty()) {
            if gap {
                f.write_str(" ")?;
            }
            f.write_str(piece)?;
            gap = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_has_operation_outcome_request_and_hint_in_one_line() {
        let error = Error::new(ErrorKind::JobNotFound, "Could not find\n\tjob\r\n")
            .with_operation("cancelling job 1")
            .with_request("PATCH http://h:1/jobs/1")
            .with_status(404)
            .with_attempts(3, Duration::from_millis(1200))
            .with_hint("list the jobs");
        assert_eq!(
            error.to_string(),
            "cancelling job 1: Could not find job (PATCH http://h:1/jobs/1, HTTP 404, 3 attempts in 1.2s); list the jobs"
        );
    }

    #[test]
    fn what_a_main_that_fails_shows_is_for_people() {
        let source = std::io::Error::other("broken");
        let error =
            Error::new(ErrorKind::Connect, "nobody there").with_operation("listing jobs").with_source(source);
        assert_eq!(format!("{error:?}"), "Connect: listing jobs: nobody there");
        assert!(format!("{error:#?}").contains("broken"), "{error:#?}");
    }

    #[test]
    fn error_is_one_word_and_crosses_threads() {
        fn crosses<T: Send + Sync + 'static>() {}
        crosses::<Error>();
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn panic_messages_survive() {
        for payload in [
            std::panic::catch_unwind(|| panic!("plain")).unwrap_err(),
            std::panic::catch_unwind(|| panic!("pl{}", "ain")).unwrap_err(),
        ] {
            let error = Error::from_panic(&*payload);
            assert_eq!((error.kind(), error.to_string()), (ErrorKind::Panicked, "plain".into()));
        }
    }
}
