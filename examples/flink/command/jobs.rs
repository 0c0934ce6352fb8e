//! Actions about one job, and the list of all.

use std::io::Write;

use flink_client::{
    Accumulators, ClusterClient, ExceptionEntry, JobId, JobResult, JobStatus, JobStatusMessage,
    SavepointFormatType,
};
use serde_json::{Value, json};

use super::arguments::{Cancel, List};
use super::output::{Output, millis, time};
use super::{Client, Failure, Outcome, progress};

const RULE: &str = "--------------------------------------------------------------";

pub(crate) fn list(client: &Client, list: &List, out: &mut Output<impl Write>) -> Outcome {
    let mut jobs = progress::wait(client.list_jobs())?;
    jobs.sort_by_key(|job| job.start_time);
    let everything = list.all || !(list.running || list.scheduled);
    let (running, scheduled, ended) = (everything || list.running, everything || list.scheduled, list.all);
    jobs.retain(|job| match group(job.job_state) {
        Group::Running => running,
        Group::Scheduled => scheduled,
        Group::Ended => ended,
    });

    let section = |group_of: Group| jobs.iter().filter(move |job| group(job.job_state) == group_of);
    for (shown, which, title, none) in [
        (
            running,
            Group::Running,
            "------------------ Running/Restarting Jobs -------------------",
            "No running jobs.",
        ),
        (
            scheduled,
            Group::Scheduled,
            "----------------------- Scheduled Jobs -----------------------",
            "No scheduled jobs.",
        ),
        (ended, Group::Ended, "---------------------- Terminated Jobs -----------------------", ""),
    ] {
        if !shown {
            continue;
        }
        if section(which).next().is_none() {
            if !none.is_empty() {
                out.line(none)?;
            }
            continue;
        }
        out.line(title)?;
        for job in section(which) {
            let JobStatusMessage { job_id, job_name, job_state, start_time, .. } = job;
            out.line(format_args!("{} : {job_id} : {job_name} ({job_state})", time(*start_time)))?;
        }
        out.line(RULE)?;
    }
    out.document(|| jobs.iter().map(job_document).collect())?;
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Group {
    Running,
    Scheduled,
    Ended,
}

fn group(state: JobStatus) -> Group {
    match state {
        JobStatus::Created | JobStatus::Initializing => Group::Scheduled,
        state if state.is_globally_terminal() => Group::Ended,
        _ => Group::Running,
    }
}

fn job_document(job: &JobStatusMessage) -> Value {
    json!({
        "job_id": job.job_id,
        "name": job.job_name,
        "state": job.job_state,
        "start_time": job.start_time,
        "end_time": job.end_time,
        "duration_ms": millis(job.duration),
        "tasks": {"total": job.tasks.total(), "running": job.tasks.running, "finished": job.tasks.finished},
    })
}

pub(crate) fn status(client: &Client, job: JobId, out: &mut Output<impl Write>) -> Outcome {
    let status = progress::wait(client.job_status(job))?;
    out.line(status)?;
    out.document(|| json!({"job_id": job, "status": status}))?;
    Ok(())
}

pub(crate) fn result(client: &Client, job: JobId, out: &mut Output<impl Write>) -> Outcome {
    let result = progress::wait(client.job_result(job))?;
    print_result(result, out)
}

/// Prints the result of a job that finished; fails with that of one that did not.
pub(crate) fn print_result(result: JobResult, out: &mut Output<impl Write>) -> Outcome {
    out.document(|| result_document(&result))?;
    let result = result.into_execution_result()?;
    out.line("Program execution finished")?;
    out.line(format_args!("Job with JobID {} has finished.", result.job_id))?;
    out.line(format_args!("Job Runtime: {} ms", result.net_runtime.as_millis()))?;
    if !result.accumulators.is_empty() {
        out.line("Accumulator Results:")?;
        print_accumulators(&result.accumulators, out)?;
    }
    Ok(())
}

fn result_document(result: &JobResult) -> Value {
    json!({
        "job_id": result.job_id,
        "status": result.application_status,
        "net_runtime_ms": millis(result.net_runtime),
        "accumulators": result.accumulators,
        "failure_cause": result.failure_cause,
    })
}

pub(crate) fn accumulators(client: &Client, job: JobId, out: &mut Output<impl Write>) -> Outcome {
    let accumulators = progress::wait(client.accumulators(job))?;
    if accumulators.is_empty() {
        out.line("No accumulators.")?;
    }
    print_accumulators(&accumulators, out)?;
    out.document(|| json!({"job_id": job, "accumulators": accumulators}))?;
    Ok(())
}

fn print_accumulators(accumulators: &Accumulators, out: &mut Output<impl Write>) -> Outcome {
    for (name, accumulator) in accumulators {
        let class = accumulator.type_name().map(|class| format!(" ({class})")).unwrap_or_default();
        match accumulator.value() {
            Ok(value) => out.line(format_args!("- {name}{class}: {value}"))?,
            Err(error) => out.line(format_args!("- {name}{class}: {error}"))?,
        }
    }
    Ok(())
}

pub(crate) fn cancel(client: &Client, cancel: &Cancel, out: &mut Output<impl Write>) -> Outcome {
    let (job, directory) = match (cancel.job, &cancel.with_savepoint) {
        // In `cancel -s JOB` the directory is left out.
        (None, Some(Some(job))) => (job.parse()?, None),
        (Some(job), directory) => (job, directory.clone().flatten()),
        (None, _) => return Err(Failure::Usage("which job is to be cancelled?".into())),
    };
    if cancel.with_savepoint.is_none() {
        progress::wait(client.cancel(job))?;
        out.line(format_args!("Cancelled job {job}."))?;
        out.document(|| json!({"job_id": job}))?;
        return Ok(());
    }
    let format = SavepointFormatType::Canonical;
    let path = progress::wait(client.cancel_with_savepoint(job, directory.as_deref(), format))?;
    out.line(format_args!("Cancelled job {job}. Savepoint stored in {path}."))?;
    out.document(|| json!({"job_id": job, "savepoint": path}))?;
    Ok(())
}

pub(crate) fn exceptions(client: &Client, job: JobId, out: &mut Output<impl Write>) -> Outcome {
    let history = progress::wait(client.job_exceptions(job))?;
    if history.entries.is_empty() {
        out.line("No exceptions.")?;
    }
    for entry in &history.entries {
        print_exception(entry, "", out)?;
    }
    if history.truncated {
        out.line("... and more, which the cluster has forgotten")?;
    }
    out.document(|| {
        let entries: Vec<_> = history.entries.iter().map(exception_document).collect();
        json!({"job_id": job, "truncated": history.truncated, "exceptions": entries})
    })?;
    Ok(())
}

fn print_exception(entry: &ExceptionEntry, indent: &str, out: &mut Output<impl Write>) -> Outcome {
    let task = entry.task_name.as_deref().unwrap_or("(the job)");
    let place = entry.endpoint.as_deref().map(|endpoint| format!(" @ {endpoint}")).unwrap_or_default();
    out.line(format_args!("{indent}{} : {task}{place} : {}", time(entry.timestamp), entry.cause()))?;
    for other in &entry.concurrent_exceptions {
        print_exception(other, "  at the same time ", out)?;
    }
    Ok(())
}

fn exception_document(entry: &ExceptionEntry) -> Value {
    json!({
        "timestamp": entry.timestamp,
        "task": entry.task_name,
        "endpoint": entry.endpoint,
        "task_manager": entry.task_manager_id,
        "labels": entry.failure_labels,
        "cause": entry.cause(),
        "concurrent": entry.concurrent_exceptions.iter().map(exception_document).collect::<Vec<_>>(),
    })
}
