//! Actions that take savepoints and checkpoints, and show them.

use std::io::Write;

use flink_client::{CheckpointStatistics, ClusterClient, JobId};
use serde_json::{Value, json};

use super::arguments::{Checkpoint, Savepoint, Stop};
use super::output::{Output, bytes, millis, time};
use super::{Client, Outcome, progress};

pub(crate) fn savepoint(client: &Client, savepoint: &Savepoint, out: &mut Output<impl Write>) -> Outcome {
    let Some(job) = savepoint.job else {
        let path = savepoint.dispose.as_deref().unwrap_or_default();
        progress::wait(client.dispose_savepoint(path))?;
        out.line(format_args!("Savepoint '{path}' disposed."))?;
        out.document(|| json!({"disposed": path}))?;
        return Ok(());
    };
    let (directory, format) = (savepoint.directory.as_deref(), &savepoint.format);
    if format.detached {
        let trigger = progress::wait(client.trigger_detached_savepoint(job, directory, format.kind))?;
        out.line(format_args!("Successfully trigger manual savepoint, triggerId: {trigger}"))?;
        out.document(|| json!({"job_id": job, "trigger_id": trigger}))?;
        return Ok(());
    }
    let path = progress::wait(client.trigger_savepoint(job, directory, format.kind))?;
    out.line(format_args!("Savepoint completed. Path: {path}"))?;
    out.line("You can resume your program from this savepoint with the run command.")?;
    out.document(|| json!({"job_id": job, "savepoint": path}))?;
    Ok(())
}

pub(crate) fn stop(client: &Client, stop: &Stop, out: &mut Output<impl Write>) -> Outcome {
    let (job, directory, format) = (stop.job, stop.savepoint_path.as_deref(), &stop.format);
    if format.detached {
        let trigger =
            progress::wait(client.stop_with_detached_savepoint(job, stop.drain, directory, format.kind))?;
        out.line(format_args!(
            "Successfully trigger stop-with-savepoint in detached mode, triggerId: {trigger}"
        ))?;
        out.document(|| json!({"job_id": job, "trigger_id": trigger}))?;
        return Ok(());
    }
    let path = progress::wait(client.stop_with_savepoint(job, stop.drain, directory, format.kind))?;
    out.line(format_args!("Savepoint completed. Path: {path}"))?;
    out.document(|| json!({"job_id": job, "savepoint": path}))?;
    Ok(())
}

pub(crate) fn checkpoint(client: &Client, checkpoint: &Checkpoint, out: &mut Output<impl Write>) -> Outcome {
    let (job, kind) = (checkpoint.job, checkpoint.kind());
    let id = progress::wait(client.trigger_checkpoint(job, kind))?;
    let all = if checkpoint.full { "(FULL)" } else { "" };
    out.line(format_args!("Checkpoint{all} {id} for job {job} completed."))?;
    out.line("You can resume your program from this checkpoint with the run command.")?;
    out.document(|| json!({"job_id": job, "checkpoint_id": id}))?;
    Ok(())
}

pub(crate) fn checkpoints(client: &Client, job: JobId, out: &mut Output<impl Write>) -> Outcome {
    let statistics = progress::wait(client.checkpoints(job))?;
    let counts = &statistics.counts;
    out.line(format_args!(
        "{} completed, {} in progress, {} failed; restored {} times",
        counts.completed, counts.in_progress, counts.failed, counts.restored
    ))?;
    if let Some(restored) = &statistics.latest.restored {
        let path = restored.external_path.as_deref().unwrap_or("the JobManager's memory");
        out.line(format_args!("Restored at {} from {path}", time(restored.restore_timestamp)))?;
    }
    let rows: Vec<_> = statistics.history.iter().map(row).collect();
    out.table(["ID", "TYPE", "STATUS", "TRIGGERED", "TOOK", "STATE", "PATH"], &rows)?;
    out.document(|| {
        let latest = &statistics.latest;
        json!({
            "job_id": job,
            "counts": {
                "completed": counts.completed,
                "in_progress": counts.in_progress,
                "failed": counts.failed,
                "restored": counts.restored,
            },
            "latest_checkpoint": latest.completed.as_ref().map(document),
            "latest_savepoint": latest.savepoint.as_ref().map(document),
            "restored_from": latest.restored.as_ref().map(|restored| &restored.external_path),
            "history": statistics.history.iter().map(document).collect::<Vec<_>>(),
        })
    })?;
    Ok(())
}

fn row(checkpoint: &CheckpointStatistics) -> [String; 7] {
    let kind = checkpoint.checkpoint_type.as_deref().unwrap_or("CHECKPOINT");
    let place = checkpoint.external_path.as_deref().or(checkpoint.failure_message.as_deref());
    [
        checkpoint.id.to_string(),
        kind.to_owned(),
        checkpoint.status.to_string(),
        time(checkpoint.trigger_timestamp),
        format!("{} ms", millis(checkpoint.end_to_end_duration)),
        bytes(checkpoint.state_size),
        place.unwrap_or_default().to_owned(),
    ]
}

fn document(checkpoint: &CheckpointStatistics) -> Value {
    json!({
        "id": checkpoint.id,
        "type": checkpoint.checkpoint_type,
        "is_savepoint": checkpoint.is_savepoint,
        "status": checkpoint.status,
        "trigger_timestamp": checkpoint.trigger_timestamp,
        "duration_ms": millis(checkpoint.end_to_end_duration),
        "state_size": checkpoint.state_size,
        "path": checkpoint.external_path,
        "failure_message": checkpoint.failure_message,
    })
}
