//! The checkpoints that a job has taken.

use serde_json::{Value, json};

use super::call::Call;
use super::jobs::{of_graph, written};
use super::reply::Refusal;
use crate::details::{CheckpointStatistics, CheckpointStatsStatus};

type Body = Result<Value, Refusal>;

pub(super) fn statistics(call: &Call<'_>) -> Body {
    let job = call.job()?;
    let statistics = of_graph(job, call.dispatcher().checkpoints(job))?;
    let mut body = written(&statistics);
    // Measured by a way of aligning that is gone.
    body["summary"]["alignment_buffered"] =
        json!({"min": 0, "max": 0, "avg": 0, "p50": 0.0, "p90": 0.0, "p95": 0.0, "p99": 0.0, "p999": 0.0});
    body["history"] = statistics.history.iter().map(one).collect();
    let latest = &statistics.latest;
    for (name, checkpoint) in
        [("completed", &latest.completed), ("savepoint", &latest.savepoint), ("failed", &latest.failed)]
    {
        body["latest"][name] = checkpoint.as_ref().map(one).unwrap_or_default();
    }
    Ok(body)
}

fn one(checkpoint: &CheckpointStatistics) -> Value {
    let mut body = written(checkpoint);
    body["alignment_buffered"] = json!(0);
    let class = match checkpoint.status {
        CheckpointStatsStatus::InProgress => "in_progress",
        CheckpointStatsStatus::Completed => "completed",
        CheckpointStatsStatus::Failed => "failed",
    };
    body["className"] = json!(class);
    match checkpoint.status {
        CheckpointStatsStatus::Completed => {
            let path = checkpoint.external_path.as_deref();
            body["external_path"] = json!(path.unwrap_or("<checkpoint-not-externally-addressable>"));
        }
        _ => {
            if let Value::Object(members) = &mut body {
                members.remove("discarded");
            }
        }
    }
    for task in body["tasks"].as_object_mut().into_iter().flat_map(|tasks| tasks.values_mut()) {
        task["id"] = json!(checkpoint.id);
        for name in ["alignment_buffered", "processed_data", "persisted_data"] {
            task[name] = json!(0);
        }
    }
    body
}

pub(super) fn details(call: &Call<'_>) -> Body {
    let job = call.job()?;
    let checkpoint = call.argument("checkpointid")?;
    Ok(one(&of_graph(job, call.dispatcher().checkpoint_details(job, checkpoint))?))
}

pub(super) fn config(call: &Call<'_>) -> Body {
    let job = call.job()?;
    let mut body = written(&of_graph(job, call.dispatcher().checkpoint_config(job))?);
    body["state_changelog_enabled"] = json!(false);
    body["changelog_periodic_materialization_interval"] = json!(600_000);
    body["changelog_storage"] = json!("memory");
    Ok(body)
}
