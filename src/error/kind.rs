//! The kinds of errors, and their families.

use serde::Serialize;

/// What happened, as a program would match on it.
///
/// Every kind belongs to one [`ErrorFamily`]. New kinds may be added; match with a `_` arm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum ErrorKind {
    // Connection
    /// The request provably never reached the server: refused, unreachable, no such name, connect limit passed.
    Connect,
    /// The connection broke after the request may have been sent.
    ConnectionLost,
    /// The cluster is there but cannot serve now: leader election, a 503 (or 429, 502, 504 of a proxy), a job that stays SUSPENDED.
    Unavailable,

    // Authentication
    /// The server, or a login proxy before it, wants other credentials.
    Authentication,
    /// The TLS handshake failed, or one side speaks TLS and the other does not.
    Tls,

    // Job
    /// The cluster knows no job of this id (any more). A job that has ended is answered so too where a savepoint, a
    /// checkpoint or a stop of it is asked for.
    JobNotFound,
    /// The job has already reached a terminal state, so it cannot be cancelled or stopped, and will not run.
    JobAlreadyTerminal,
    /// The job cannot do this yet: it initialises, restarts, is being changed, or not all of its tasks run. Flink says
    /// the same of one that is being cancelled.
    JobNotReady,
    /// The job ran and failed; the cause is in the text and in [`Error::stack_trace`](crate::Error::stack_trace).
    JobFailed,
    /// The job was cancelled, so it has no result.
    JobCancelled,
    /// A job of this id exists already, and it is not the one that this call submitted.
    DuplicateJob,
    /// The job was accepted but could not be initialised.
    JobInitializationFailed,
    /// The program's main method threw, executed nothing, or its entry class is missing.
    ProgramFailed,
    /// The server has no such jar (any more: uploads vanish with the JobManager).
    JarNotFound,
    /// The job does not take checkpoints.
    CheckpointingDisabled,
    /// No savepoint directory was given and the cluster configures none.
    SavepointDirectoryMissing,
    /// There is no savepoint at this path, or it cannot be read.
    SavepointNotFound,
    /// The savepoint holds state that the new job cannot map; see `allow_non_restored_state`.
    NonRestoredState,
    /// The savepoint failed, so there is none. The job usually runs on, but a snapshot that throws, or two stops at a
    /// time, fail a job that is not to be restarted: its status tells.
    SavepointFailed,
    /// The checkpoint failed. The job usually runs on; its status tells.
    CheckpointFailed,
    /// The savepoint was made but the job could not be stopped; [`Error::savepoint_path`](crate::Error::savepoint_path) has the path.
    StopFailedAfterSavepoint,
    /// The server knows no operation of this trigger id (any more), or does not end it although its job has ended. It
    /// may have completed long ago.
    OperationLost,
    /// Whether the request took effect is not known, and repeating it could double the effect.
    /// [`Error::job_id`](crate::Error::job_id) or [`Error::trigger_id`](crate::Error::trigger_id) is what to look it up by.
    OutcomeUnknown,
    /// A job vertex, operator, coordinator, accumulator, TaskManager, data set, checkpoint or application of this
    /// name or id is not there.
    NotFound,

    // Resource
    /// The cluster has too few slots or other resources.
    NoResources,
    /// The request is larger than the server takes (`rest.server.max-content-length`), or the answer larger
    /// than this client takes (`rest.client.max-content-length`).
    TooLarge,

    // Timeout
    /// A limit passed. The operation itself may go on in the cluster.
    Timeout,

    // Protocol
    /// The server refused the request as malformed or not allowed.
    InvalidRequest,
    /// The server failed in a way that no other kind describes.
    Server,
    /// The answer is not what the endpoint answers.
    Decode,
    /// The server redirects elsewhere; redirects are never followed.
    Redirected,

    // Configuration
    /// A configuration value is missing, malformed or contradicts another.
    Configuration,
    /// An argument cannot be used: refused before anything was sent.
    InvalidArgument,
    /// A local file could not be read or written.
    LocalFile,
    /// A local process (a cluster started by this library) could not be started or ended too early.
    Process,

    // Closed
    /// The client, cluster, runtime or promise was closed first.
    Closed,
    /// The handle was cancelled; nothing is said about the operation in the cluster.
    Cancelled,

    // Unsupported
    /// This server, its version or scheduler, or this build of the library cannot do it. An address that does not lead
    /// to Flink's REST API (a wrong path prefix) is answered so too: no such path.
    Unsupported,

    // Internal
    /// A callback or task panicked; the text is its message.
    Panicked,
    /// A caller's own error, from [`Error::other`](crate::Error::other).
    #[default]
    Other,
}

/// The families of [`ErrorKind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorFamily {
    /// The network failed or the cluster is unavailable.
    Connection,
    /// Credentials or TLS set-up.
    Authentication,
    /// The job, its program, its savepoints.
    Job,
    /// Too few resources, or something too large.
    Resource,
    /// A limit passed.
    Timeout,
    /// The two sides do not understand each other.
    Protocol,
    /// The caller's configuration, arguments or machine.
    Configuration,
    /// Closed or cancelled on this side.
    Closed,
    /// Not available here.
    Unsupported,
    /// A panic or an error of the caller's own.
    Other,
}

impl ErrorKind {
    /// The family that this kind belongs to.
    pub fn family(self) -> ErrorFamily {
        match self {
            Self::Connect | Self::ConnectionLost | Self::Unavailable => ErrorFamily::Connection,
            Self::Authentication | Self::Tls => ErrorFamily::Authentication,
            Self::JobNotFound
            | Self::JobAlreadyTerminal
            | Self::JobNotReady
            | Self::JobFailed
            | Self::JobCancelled
            | Self::DuplicateJob
            | Self::JobInitializationFailed
            | Self::ProgramFailed
            | Self::JarNotFound
            | Self::CheckpointingDisabled
            | Self::SavepointDirectoryMissing
            | Self::SavepointNotFound
            | Self::NonRestoredState
            | Self::SavepointFailed
            | Self::CheckpointFailed
            | Self::StopFailedAfterSavepoint
            | Self::OperationLost
            | Self::OutcomeUnknown
            | Self::NotFound => ErrorFamily::Job,
            Self::NoResources | Self::TooLarge => ErrorFamily::Resource,
            Self::Timeout => ErrorFamily::Timeout,
            Self::InvalidRequest | Self::Server | Self::Decode | Self::Redirected => ErrorFamily::Protocol,
            Self::Configuration | Self::InvalidArgument | Self::LocalFile | Self::Process => {
                ErrorFamily::Configuration
            }
            Self::Closed | Self::Cancelled => ErrorFamily::Closed,
            Self::Unsupported => ErrorFamily::Unsupported,
            Self::Panicked | Self::Other => ErrorFamily::Other,
        }
    }
}
