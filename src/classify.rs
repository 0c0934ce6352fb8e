//! What happened: from an answer or a failure of Flink's to an [`ErrorKind`].
//!
//! A status code says little (a job that is not there is answered with 404, with 500, or with 202 and a failure later),
//! so the exceptions decide: [`TABLE`] is the one place where they are told apart. The status decides only where no
//! exception does.

#[cfg(test)]
mod tests;

use crate::error::{Error, ErrorKind};
use crate::failure::FailureCause;
use crate::trace::{Cause, Trace};

/// What a request is about: decides what a 404 without a word that is known here says is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// The cluster as a whole, or a list.
    Cluster,
    /// A job.
    Job,
    /// An operation, by its trigger id.
    Operation,
    /// An uploaded jar.
    Jar,
    /// A vertex, checkpoint, TaskManager, data set, application or operator.
    Part,
}

/// An operation that goes on in the server after its trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AsyncOperation {
    Savepoint,
    Stop,
    Checkpoint,
    Disposal,
    DataSetDeletion,
}

/// Where an exception was found. The same exception may be the answer in one place and an aside in another: a job
/// whose program throws `UnsupportedOperationException` has failed, a request that is answered so is not supported.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the answer to a request.
    Answer,
    /// In the failure of an operation.
    Operation,
    /// In the failure of a job.
    Job,
}

use Place::{Answer, Job, Operation};

const ANYWHERE: &[Place] = &[Answer, Operation, Job];

/// By what an exception is known.
enum Sign {
    /// A class of Flink's, without its package: packages move.
    Flinks(&'static str),
    /// Texts in the message, in this order. Flink's own texts, the same from 1.18 to 2.3.
    Says(&'static [&'static str]),
    /// Any class, with its package; only where it is the first exception that says something.
    First(&'static str),
    /// A whole sentence that is no exception: the server's router and its leader election speak so.
    Sentence(&'static [&'static str]),
}

struct Row {
    sign: Sign,
    places: &'static [Place],
    kind: ErrorKind,
}

const fn row(sign: Sign, places: &'static [Place], kind: ErrorKind) -> Row {
    Row { sign, places, kind }
}

use ErrorKind::{
    CheckpointingDisabled, DuplicateJob, JarNotFound, JobAlreadyTerminal, JobInitializationFailed,
    JobNotFound, JobNotReady, NoResources, NonRestoredState, NotFound, OperationLost, ProgramFailed,
    SavepointDirectoryMissing, SavepointNotFound, StopFailedAfterSavepoint, Timeout, Unavailable,
    Unsupported,
};
use Sign::{First, Flinks, Says, Sentence};

/// The first row that fits any exception of the chain decides, so the more telling come first: a main program that
/// throws because its job could not be initialised because its savepoint is missing is about the savepoint.
const TABLE: &[Row] = &[
    // The savepoint is there, whatever else went wrong.
    row(Flinks("StopWithSavepointStoppingException"), &[Answer, Operation], StopFailedAfterSavepoint),
    row(Says(&[SAVEPOINT_MADE, STOP_FAILED]), &[Answer, Operation], StopFailedAfterSavepoint),
    // Submitting.
    row(Flinks("DuplicateJobSubmissionException"), &[Answer], DuplicateJob),
    row(Flinks("DuplicateApplicationSubmissionException"), &[Answer], DuplicateJob),
    row(Says(&["Failed to rollback to checkpoint/savepoint"]), &[Answer, Job], NonRestoredState),
    row(Says(&["Cannot map checkpoint/savepoint state"]), &[Answer, Job], NonRestoredState),
    row(Says(&["Cannot find checkpoint or savepoint file/directory"]), ANYWHERE, SavepointNotFound),
    row(Says(&["Cannot find meta data file '_metadata'"]), ANYWHERE, SavepointNotFound),
    row(Says(&["Checkpoint/savepoint path '", "' is not a valid file URI"]), ANYWHERE, SavepointNotFound),
    row(Says(&["Cannot access file system for checkpoint/savepoint path"]), ANYWHERE, SavepointNotFound),
    row(Says(&["Unexpected magic number", "not a savepoint"]), ANYWHERE, SavepointNotFound),
    row(Flinks("NoResourceAvailableException"), ANYWHERE, NoResources),
    row(Flinks("UnfulfillableSlotRequestException"), ANYWHERE, NoResources),
    row(Flinks("JobInitializationException"), &[Answer, Job], JobInitializationFailed),
    // The cluster's own communication: a program fails of it that submits its job while the leader dies.
    row(Sentence(&["ongoing leader election"]), &[Answer], Unavailable),
    row(Flinks("RecipientUnreachableException"), &[Answer, Operation], Unavailable),
    row(Flinks("EndpointNotStartedException"), &[Answer, Operation], Unavailable),
    row(Flinks("FencingTokenException"), &[Answer, Operation], Unavailable),
    row(Flinks("LeadershipLostException"), &[Answer, Operation], Unavailable),
    row(Says(&["Could not connect to BlobServer at address "]), &[Answer], Unavailable),
    row(Says(&["Invocation of [", " timed out"]), &[Answer, Operation], Timeout),
    // Programs.
    row(Flinks("ProgramInvocationException"), &[Answer], ProgramFailed),
    row(Flinks("ProgramParametrizationException"), &[Answer], ProgramFailed),
    row(Flinks("ProgramMissingJobException"), &[Answer], ProgramFailed),
    row(Says(&["No jobs included in application"]), &[Answer], ProgramFailed),
    row(Says(&["Jar file ", " does not exist"]), &[Answer], JarNotFound),
    row(Says(&["File ", " does not exist in "]), &[Answer], JarNotFound),
    // Savepoints and checkpoints.
    row(
        Says(&["Config key [", "] is not set. Property [target"]),
        &[Answer, Operation],
        SavepointDirectoryMissing,
    ),
    row(Says(&["No savepoint directory configured"]), &[Answer, Operation], SavepointDirectoryMissing),
    row(Says(&["No savepoint location given"]), &[Answer, Operation], SavepointDirectoryMissing),
    row(Says(&["Checkpointing ", " not been enabled"]), &[Answer, Operation], CheckpointingDisabled),
    row(Says(&["Checkpointing ", " not enabled for "]), &[Answer, Operation], CheckpointingDisabled),
    row(Says(&["Job ", " is not a streaming job"]), &[Answer, Operation], CheckpointingDisabled),
    row(Says(&["does not support triggering incremental checkpoint"]), &[Answer, Operation], Unsupported),
    // The state of the job.
    row(Flinks("UnavailableDispatcherOperationException"), &[Answer, Operation], JobNotReady),
    row(Says(&["Not all required tasks are currently running"]), &[Answer, Operation], JobNotReady),
    row(Says(&["Checkpoint was declined (tasks not ready)"]), &[Answer, Operation], JobNotReady),
    row(Says(&["job is currently not executing"]), &[Answer, Operation], JobNotReady),
    row(Says(&["Scheduler is currently not executing the job"]), &[Answer, Operation], JobNotReady),
    row(Says(&["Another update to the job", "is in progress"]), &[Answer], JobNotReady),
    row(Says(&["has already reached another terminal state"]), &[Answer, Operation], JobAlreadyTerminal),
    row(Flinks("FlinkJobTerminatedWithoutCancellationException"), &[Answer, Operation], JobAlreadyTerminal),
    row(Flinks("FlinkApplicationTerminatedWithoutCancellationException"), &[Answer], JobAlreadyTerminal),
    // What is not there.
    row(Flinks("FlinkJobNotFoundException"), &[Answer, Operation], JobNotFound),
    row(Says(&["Job could not be found"]), &[Answer], JobNotFound),
    row(Says(&["There is no ", " operation with triggerId="]), &[Answer], OperationLost),
    row(Says(&["Operation not found under key"]), &[Answer], OperationLost),
    row(Flinks("UnknownOperationKeyException"), &[Answer], OperationLost),
    row(Flinks("FlinkApplicationNotFoundException"), &[Answer], NotFound),
    row(Flinks("UnknownTaskExecutorException"), &[Answer], NotFound),
    row(Flinks("CoordinatorNotExistException"), &[Answer], NotFound),
    row(Says(&["Coordinator of operator ", " does not exist"]), &[Answer], NotFound),
    row(Says(&["JobVertex ", " not found"]), &[Answer], NotFound),
    row(Says(&["Job vertex [", "] was not found in the JobGraph"]), &[Answer], NotFound),
    row(Says(&["Could not find checkpointing statistics"]), &[Answer], NotFound),
    row(Says(&["Invalid subtask index"]), &[Answer], NotFound),
    // What the server does not do.
    row(First("java.lang.UnsupportedOperationException"), &[Answer], Unsupported),
    row(Says(&["Rescaling is temporarily disabled"]), &[Answer], Unsupported),
    row(Sentence(&["Unable to load requested file "]), &[Answer], Unsupported),
    row(Sentence(&["Not found: /"]), &[Answer], Unsupported),
    row(Says(&["cancellation timed out"]), &[Answer], Timeout),
];

const SAVEPOINT_MADE: &str = "A savepoint has been created at: ";
const STOP_FAILED: &str = ", but the corresponding job ";

impl Sign {
    fn is_on(&self, cause: &Cause<'_>, trace: &Trace<'_>) -> bool {
        match self {
            Flinks(class) => cause.is_flinks() && cause.simple_class() == *class,
            Says(texts) => says(cause.message, texts),
            First(class) => cause.class == *class && *cause == trace.first(),
            Sentence(texts) => cause.class.is_empty() && says(cause.message, texts),
        }
    }
}

fn says(message: &str, texts: &[&str]) -> bool {
    let mut rest = message;
    texts.iter().all(|text| match rest.split_once(text) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

/// The kind that the exceptions of a chain give, and the exception that decided.
fn look_up<'a>(trace: &Trace<'a>, place: Place) -> Option<(ErrorKind, Cause<'a>)> {
    TABLE.iter().find_map(|row| Some((row.kind, row.decides(trace, place)?)))
}

impl Row {
    fn decides<'a>(&self, trace: &Trace<'a>, place: Place) -> Option<Cause<'a>> {
        let mut causes = trace.causes().iter().filter(|_| self.places.contains(&place));
        causes.find(|cause| self.sign.is_on(cause, trace)).copied()
    }
}

/// The error of an answer that has the server's `errors`.
pub(crate) fn server_errors(about: About, status: u16, errors: Vec<String>) -> Error {
    let trace = Trace::parse(reason(&errors));
    let (kind, decisive) = match status {
        // Whoever answers so stands before Flink and has not looked further.
        401 | 403 | 407 => (by_status(about, status), trace.first()),
        _ => look_up(&trace, Answer).unwrap_or_else(|| (by_status(about, status), trace.first())),
    };
    let error = described(kind, &trace, decisive).with_status(status);
    error.with_server_errors(errors)
}

/// Whether these `errors` of an answer say, in words of Flink's own, that it cannot serve now.
pub(crate) fn says_unavailable(errors: &[String]) -> bool {
    look_up(&Trace::parse(reason(errors)), Answer).is_some_and(|(kind, _)| kind == Unavailable)
}

/// Whether these `errors` of an answer are about a program that was run on the cluster.
pub(crate) fn says_program_failed(errors: &[String]) -> bool {
    let trace = Trace::parse(reason(errors));
    trace.causes().iter().any(|cause| Flinks("ProgramInvocationException").is_on(cause, &trace))
}

/// The first entry is "Internal server error." where the second has the reason.
fn reason(errors: &[String]) -> &str {
    errors.iter().rev().map(String::as_str).find(|text| !text.trim().is_empty()).unwrap_or_default()
}

/// The error of an exception that a cluster in this process answered with: the same as over HTTP, without a status.
pub(crate) fn exception(stack_trace: String) -> Error {
    let trace = Trace::parse(&stack_trace);
    let (kind, decisive) = look_up(&trace, Answer).unwrap_or_else(|| (ErrorKind::Server, trace.first()));
    let error = described(kind, &trace, decisive);
    error.with_stack_trace(stack_trace)
}

/// The error of an operation that failed in the server after its trigger was accepted.
pub(crate) fn operation_failure(operation: AsyncOperation, class: &str, stack_trace: &str) -> Error {
    let trace = Trace::parse(stack_trace);
    let (kind, decisive) = look_up(&trace, Operation).unwrap_or_else(|| {
        let kind = match operation {
            AsyncOperation::Savepoint | AsyncOperation::Stop => ErrorKind::SavepointFailed,
            AsyncOperation::Checkpoint => ErrorKind::CheckpointFailed,
            AsyncOperation::Disposal | AsyncOperation::DataSetDeletion => ErrorKind::Server,
        };
        (kind, trace.first())
    });
    let error = described(kind, &trace, decisive).with_stack_trace(stack_trace);
    if trace.root().class.is_empty() { error.with_exception_class(class) } else { error }
}

/// The error of a job that failed of this.
pub(crate) fn job_failure(cause: &FailureCause) -> Error {
    let trace = Trace::parse(&cause.stack_trace);
    let (kind, decisive) = look_up(&trace, Job).unwrap_or_else(|| (ErrorKind::JobFailed, trace.first()));
    let error = described(kind, &trace, decisive).with_stack_trace(cause.stack_trace.as_str());
    error.with_exception_class(cause.root_class.as_str())
}

fn described(kind: ErrorKind, trace: &Trace<'_>, decisive: Cause<'_>) -> Error {
    let mut error = Error::new(kind, trace.summary(decisive));
    if let Some(hint) = hint(kind, &decisive) {
        error = error.with_hint(hint);
    }
    let class = trace.root().class;
    if !class.is_empty() {
        error = error.with_exception_class(class);
    }
    match trace.causes().iter().find_map(|cause| savepoint_path(cause.message)) {
        Some(path) => error.with_savepoint_path(path),
        None => error,
    }
}

/// The path in the text of Flink's exception for a stop that failed after its savepoint.
fn savepoint_path(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once(SAVEPOINT_MADE)?;
    rest.split_once(STOP_FAILED).map(|(path, _)| path)
}

/// What a status says by itself.
pub(crate) fn by_status(about: About, status: u16) -> ErrorKind {
    match status {
        401 | 403 | 407 | 511 => ErrorKind::Authentication,
        404 => match about {
            About::Job => JobNotFound,
            About::Operation => OperationLost,
            About::Jar => JarNotFound,
            About::Cluster | About::Part => NotFound,
        },
        405 | 501 => Unsupported,
        408 => Timeout,
        413 | 414 | 431 => ErrorKind::TooLarge,
        429 | 502 | 503 | 504 => Unavailable,
        300..=399 => ErrorKind::Redirected,
        400..=499 => ErrorKind::InvalidRequest,
        _ => ErrorKind::Server,
    }
}

/// The next step, where there is one.
pub(crate) fn hint(kind: ErrorKind, decisive: &Cause<'_>) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::Authentication => "give the credentials that the server asks for, as a header",
        JobNotFound => "list the jobs to see those that the cluster still knows",
        JobNotReady => "wait until all tasks of the job run",
        ErrorKind::JobFailed => "the error's stack trace has the whole story",
        ProgramFailed => "the error's stack trace has the program's own, and its output",
        JarNotFound => "upload the jar again: a JobManager that restarts has lost it",
        SavepointDirectoryMissing => {
            "give a directory, or configure execution.checkpointing.savepoint-dir (state.savepoints.dir before Flink 1.20)"
        }
        SavepointNotFound => "check the path, and that the JobManager can read it",
        NonRestoredState if decisive.message.contains("allowNonRestoredState") => {
            "allow non-restored state to leave that state out"
        }
        StopFailedAfterSavepoint => "the savepoint is complete; look at the job's status, it may run on",
        OperationLost => {
            "the server forgets operations after rest.async.store-duration and at a failover; see whether it was done (a \
             savepoint is in the job's checkpoint statistics) before repeating it"
        }
        NoResources => "add TaskManagers or slots, or lower the parallelism",
        ErrorKind::TooLarge => "the server's limit is rest.server.max-content-length",
        Unsupported if decisive.class.is_empty() => {
            "check the address and its path prefix (rest.path, rest.url-prefix), and Flink's version"
        }
        _ => return None,
    })
}
