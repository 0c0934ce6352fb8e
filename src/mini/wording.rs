//! What Flink says when it refuses or fails: its classes and texts, as recorded from 1.20 and 2.3.

use super::exception::JavaException;
use super::program::RestartStrategy;
use crate::ids::{JobId, TriggerId};

const CHECKPOINT: &str = "org.apache.flink.runtime.checkpoint.CheckpointException";
pub(crate) const FLINK: &str = "org.apache.flink.util.FlinkException";
const FLINK_RUNTIME: &str = "org.apache.flink.util.FlinkRuntimeException";
pub(crate) const INVOCATION: &str = "org.apache.flink.client.program.ProgramInvocationException";
pub(crate) const INITIALIZATION: &str = "org.apache.flink.runtime.client.JobInitializationException";
pub(crate) const REST_HANDLER: &str = "org.apache.flink.runtime.rest.handler.RestHandlerException";
pub(crate) const NOT_FOUND: &str = "org.apache.flink.runtime.rest.NotFoundException";
pub(crate) const JOB_NOT_FOUND: &str = "org.apache.flink.runtime.messages.FlinkJobNotFoundException";
pub(crate) const NO_COORDINATOR: &str = "org.apache.flink.runtime.scheduler.CoordinatorNotExistException";

pub(crate) fn task_name(vertex: &str, subtask: u32, parallelism: u32) -> String {
    format!("{vertex} ({}/{parallelism})", subtask.saturating_add(1))
}

pub(crate) fn job_not_found(job: JobId) -> JavaException {
    JavaException::new(JOB_NOT_FOUND, format!("Could not find Flink job ({job})"))
}

pub(crate) fn initializing() -> JavaException {
    JavaException::new(
        "org.apache.flink.runtime.dispatcher.UnavailableDispatcherOperationException",
        "Unable to get JobMasterGateway for initializing job. The requested operation is not available while the \
         JobManager is initializing.",
    )
}

pub(crate) fn already_ended(status: crate::JobStatus) -> JavaException {
    JavaException::new(
        REST_HANDLER,
        format!(
            "Job cancellation failed because the job has already reached another terminal state ({status})."
        ),
    )
}

// Submitting.

/// Of Flink 2 a job is an application of its own.
pub(crate) fn duplicate_job(flink_2: bool) -> JavaException {
    let what = if flink_2 { "Application" } else { "Job" };
    JavaException::new(
        format!("org.apache.flink.runtime.client.Duplicate{what}SubmissionException"),
        format!("{what} has already been submitted."),
    )
}

pub(crate) fn initialization_failed(cause: JavaException) -> JavaException {
    JavaException::new(INITIALIZATION, "Could not start the JobMaster.")
        .caused_by(JavaException::completion(cause))
}

/// As Flink rethrows what is no runtime exception.
pub(crate) fn rethrown(cause: JavaException) -> JavaException {
    JavaException::wrapping("java.lang.RuntimeException", cause)
}

/// What failed within `main`, as a run of a jar answers it.
pub(crate) fn main_failed(cause: JavaException) -> JavaException {
    let text = format!("The main method caused an error: {}", cause.message().unwrap_or(cause.class()));
    let inner = JavaException::new(FLINK_RUNTIME, "Could not execute application.")
        .caused_by(JavaException::new(INVOCATION, text).caused_by(cause));
    JavaException::new(REST_HANDLER, "Could not execute application.")
        .caused_by(JavaException::completion(inner))
}

/// The same, as the exceptions of an application tell it.
pub(crate) fn application_failed(main_failed: &JavaException) -> JavaException {
    let class = "org.apache.flink.client.deployment.application.ApplicationExecutionException";
    let cause = main_failed.find(INVOCATION).unwrap_or(main_failed);
    JavaException::new(class, "Could not execute application.").caused_by(cause.clone())
}

/// What failed when `main` submitted its job.
pub(crate) fn execute_failed(job_name: &str, cause: JavaException) -> JavaException {
    JavaException::new(FLINK, format!("Failed to execute job '{job_name}'.")).caused_by(cause)
}

pub(crate) fn no_jobs() -> JavaException {
    JavaException::new(REST_HANDLER, "No jobs included in application.")
}

pub(crate) fn entry_class_not_found(class: &str) -> JavaException {
    let cause = JavaException::new("java.lang.ClassNotFoundException", class);
    let text = format!("The program's entry point class '{class}' was not found in the jar file.");
    JavaException::completion(JavaException::new(INVOCATION, text).caused_by(cause))
}

pub(crate) fn no_entry_class() -> JavaException {
    JavaException::completion(JavaException::new(
        INVOCATION,
        "Neither a 'Main-Class', nor a 'program-class' entry was found in the jar file.",
    ))
}

pub(crate) fn jar_unreadable(path: &str, reason: &str) -> JavaException {
    let text = format!("Error while opening jar file '{path}'. {reason}");
    let cause = JavaException::new("java.util.zip.ZipException", reason);
    JavaException::completion(JavaException::new(INVOCATION, text).caused_by(cause))
}

pub(crate) fn jar_not_found(path: &str) -> JavaException {
    JavaException::completion(JavaException::new(REST_HANDLER, format!("Jar file {path} does not exist")))
}

pub(crate) fn jar_to_delete_not_found(id: &str, directory: &str) -> JavaException {
    JavaException::new(REST_HANDLER, format!("File {id} does not exist in {directory}."))
}

pub(crate) fn not_a_jar_name() -> JavaException {
    JavaException::new(REST_HANDLER, "Only Jar files are allowed.")
}

/// `kind`: `ExecutionPlan`, or `JobGraph` before Flink 2.0.
pub(crate) fn graph_unreadable(kind: &str) -> JavaException {
    JavaException::new(REST_HANDLER, format!("Failed to deserialize {kind}.")).caused_by(JavaException::new(
        "java.io.InvalidClassException",
        "the mini cluster runs stand-in programs, not serialised Java graphs",
    ))
}

pub(crate) fn plan_without_job() -> JavaException {
    JavaException::new(
        INVOCATION,
        "The program plan could not be fetched - the program aborted pre-maturely. The root cause may be that the \
         main method doesn't call `env.execute()` or `env.executeAsync()`.",
    )
}

pub(crate) fn plan_failed(cause: JavaException) -> JavaException {
    let text = format!("The main method caused an error: {}", cause.message().unwrap_or(cause.class()));
    JavaException::new(INVOCATION, text).caused_by(cause)
}

pub(crate) fn bad_parallelism() -> JavaException {
    JavaException::new(
        "java.lang.IllegalArgumentException",
        "Parallelism must be at least one, or ExecutionConfig.PARALLELISM_DEFAULT (use system default).",
    )
}

// Running.

pub(crate) fn task_cancelled() -> JavaException {
    JavaException::new("org.apache.flink.runtime.execution.CancelTaskException", "The task was cancelled.")
}

pub(crate) fn recovery_suppressed(strategy: RestartStrategy, cause: JavaException) -> JavaException {
    JavaException::new(
        "org.apache.flink.runtime.JobException",
        format!("Recovery is suppressed by {}", strategy.java_text()),
    )
    .caused_by(cause)
}

pub(crate) fn no_resources() -> JavaException {
    let cause = JavaException::new(
        "org.apache.flink.runtime.jobmanager.scheduler.NoResourceAvailableException",
        "Could not acquire the minimum required resources.",
    );
    JavaException::completion(JavaException::completion(cause))
}

pub(crate) fn no_thread(error: &std::io::Error) -> JavaException {
    JavaException::new("java.lang.OutOfMemoryError", format!("unable to create native thread: {error}"))
}

// Checkpoints and savepoints.

pub(crate) fn savepoint_directory_missing(field: &str) -> JavaException {
    JavaException::new(
        REST_HANDLER,
        format!(
            "Config key [execution.checkpointing.savepoint-dir] is not set. Property [{field}] must be provided."
        ),
    )
}

pub(crate) fn incremental_unsupported() -> JavaException {
    JavaException::new(
        "java.lang.IllegalStateException",
        "Flink does not support triggering incremental checkpoint explicitly. See FLINK-33723.",
    )
}

pub(crate) fn not_streaming(job: JobId) -> JavaException {
    JavaException::new("java.lang.IllegalStateException", format!("Job {job} is not a streaming job."))
}

pub(crate) fn tasks_not_running(task: &str, job: JobId) -> JavaException {
    JavaException::new(
        CHECKPOINT,
        format!(
            "Checkpoint triggering task {task} of job {job} is not being executed at the moment. Aborting \
             checkpoint. Failure reason: Not all required tasks are currently running."
        ),
    )
}

pub(crate) fn coordinator_suspending() -> JavaException {
    JavaException::new(CHECKPOINT, "Checkpoint Coordinator is suspending.")
}

pub(crate) fn coordinator_shut_down() -> JavaException {
    JavaException::new(CHECKPOINT, "CheckpointCoordinator shutdown.")
}

pub(crate) fn checkpoint_expired() -> JavaException {
    JavaException::new(CHECKPOINT, "Checkpoint expired before completing.")
}

pub(crate) fn checkpoint_io(cause: JavaException) -> JavaException {
    JavaException::new(
        CHECKPOINT,
        "An Exception occurred while triggering the checkpoint. IO-problem detected.",
    )
    .caused_by(cause)
}

pub(crate) fn checkpoint_not_written(cause: JavaException) -> JavaException {
    JavaException::new(CHECKPOINT, "Failure to finalize checkpoint.").caused_by(cause)
}

pub(crate) fn task_failed_checkpoint(task: &str, cause: Option<JavaException>) -> JavaException {
    let inner = JavaException::new(
        CHECKPOINT,
        format!("{CHECKPOINT}: Task name with subtask : {task} Failure reason: Task has failed."),
    );
    let outer = JavaException::new(CHECKPOINT, "Task has failed.").caused_by(inner);
    match cause {
        Some(cause) => outer.caused_by(cause),
        None => outer,
    }
}

pub(crate) fn snapshot_failed(
    checkpoint: u64,
    task: &str,
    attempt: u32,
    cause: JavaException,
) -> JavaException {
    let operator = format!("{task}#{attempt}");
    JavaException::new(
        "java.lang.Exception",
        format!("Could not perform checkpoint {checkpoint} for operator {operator}."),
    )
    .caused_by(
        JavaException::new(
            CHECKPOINT,
            format!(
                "Could not complete snapshot {checkpoint} for operator {operator}. Failure reason: Checkpoint was \
                 declined."
            ),
        )
        .caused_by(cause),
    )
}

pub(crate) fn too_many_failed_checkpoints(cause: &JavaException) -> JavaException {
    JavaException::new(
        FLINK_RUNTIME,
        format!(
            "Exceeded checkpoint tolerable failure threshold. The latest checkpoint failed due to {}, view the \
             Checkpoint History tab or the Job Manager log to find out why continuous checkpoints failed.",
            cause.message().unwrap_or(cause.class())
        ),
    )
}

pub(crate) fn stop_failed() -> JavaException {
    JavaException::new(FLINK_RUNTIME, "Stop-with-savepoint failed.")
}

pub(crate) fn stop_failed_after_savepoint(path: &str, job: JobId, cause: JavaException) -> JavaException {
    JavaException::new(
        "org.apache.flink.runtime.scheduler.stopwithsavepoint.StopWithSavepointStoppingException",
        format!(
            "A savepoint has been created at: {path}, but the corresponding job {job} failed during stopping. The \
             savepoint is consistent, but might have uncommitted transactions. If you want to commit the \
             transaction please restart a job from this savepoint."
        ),
    )
    .caused_by(cause)
}

pub(crate) fn no_such_operation(kind: &str, job: JobId, trigger: TriggerId) -> JavaException {
    JavaException::new(
        REST_HANDLER,
        format!("There is no {kind} operation with triggerId={trigger} for job {job}."),
    )
}

pub(crate) fn no_such_key() -> JavaException {
    JavaException::new(
        NOT_FOUND,
        "Operation not found under key: org.apache.flink.runtime.rest.handler.async.OperationKey@1f",
    )
}

pub(crate) fn disposal_failed(path: &str, cause: JavaException) -> JavaException {
    JavaException::new(FLINK, format!("Could not dispose savepoint {path}.")).caused_by(cause)
}

pub(crate) fn state_not_restored(path: &str, operator: &str) -> JavaException {
    JavaException::new(
        "java.lang.IllegalStateException",
        format!(
            "Failed to rollback to checkpoint/savepoint {path}. Cannot map checkpoint/savepoint state for operator \
             {operator} to the new program, because the operator is not available in the new program. If you want \
             to allow to skip this, you can set the --allowNonRestoredState option on the CLI."
        ),
    )
}

pub(crate) fn max_parallelism_changed(vertex: &str, before: u32, now: u32) -> JavaException {
    JavaException::new(
        "java.lang.IllegalStateException",
        format!(
            "The maximum parallelism ({before}) with which the latest checkpoint of the execution job vertex \
             {vertex} has been taken and the current maximum parallelism ({now}) changed. This is currently not \
             supported."
        ),
    )
}

pub(crate) fn parallelism_above_restored(vertex: &str, most: u32, wanted: u32) -> JavaException {
    JavaException::new(
        "java.lang.IllegalStateException",
        format!(
            "The state for task {vertex} can not be restored. The maximum parallelism ({most}) of the restored \
             state is lower than the configured parallelism ({wanted}). Please reduce the parallelism of the task \
             to be lower or equal to the maximum parallelism."
        ),
    )
}

// Other parts of a job.

pub(crate) fn no_coordinator(operator: &str) -> JavaException {
    JavaException::new(
        NO_COORDINATOR,
        format!(
            "Coordinator of operator {operator} does not exist or the job vertex this operator belongs to is not \
             initialized."
        ),
    )
}

pub(crate) fn no_such_vertex(vertex: crate::JobVertexId) -> JavaException {
    JavaException::new(NOT_FOUND, format!("JobVertex {vertex} not found"))
}

pub(crate) fn no_such_task_manager(id: &str) -> JavaException {
    JavaException::new(
        "org.apache.flink.runtime.resourcemanager.exceptions.UnknownTaskExecutorException",
        format!("No TaskExecutor registered under {id}."),
    )
}

pub(crate) fn no_such_application(id: crate::ApplicationId) -> JavaException {
    JavaException::new(
        "org.apache.flink.runtime.messages.FlinkApplicationNotFoundException",
        format!("Could not find Flink application ({id})"),
    )
}

pub(crate) fn no_such_checkpoint(id: u64) -> JavaException {
    JavaException::new(REST_HANDLER, format!("Could not find checkpointing statistics for checkpoint {id}."))
}

pub(crate) fn not_adaptive() -> JavaException {
    JavaException::new(
        "java.lang.UnsupportedOperationException",
        "The DefaultScheduler does not support changing the parallelism without a job restart. This feature is \
         currently only expected to work with the AdaptiveScheduler.",
    )
}
