//! The vertices of a job and their tasks.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::Call;
use super::jobs::{of_graph, texts, written};
use super::reply::Refusal;
use crate::details::{JobVertexDetails, SubtaskInfo};
use crate::ids::JobVertexId;
use crate::mini::exception::JavaException;
use crate::mini::wording;

type Body = Result<Value, Refusal>;

pub(super) fn found(call: &Call<'_>) -> Result<JobVertexDetails, Refusal> {
    let job = call.job()?;
    of_graph(job, call.dispatcher().vertex(job, call.argument("vertexid")?))
}

/// A task of the vertex, by its index.
fn task(call: &Call<'_>) -> Result<SubtaskInfo, Refusal> {
    let index: u32 = call.argument("subtaskindex")?;
    let vertex = found(call)?;
    let count = vertex.subtasks.len();
    vertex.subtasks.into_iter().find(|task| task.subtask == index).ok_or_else(|| {
        let text = format!("Invalid subtask index for vertex {}: {index} of {count}.", vertex.id);
        Refusal::Refused(404, JavaException::new(wording::NOT_FOUND, text))
    })
}

pub(super) fn details(call: &Call<'_>) -> Body {
    let vertex = found(call)?;
    let mut body = written(&vertex);
    body["subtasks"] = vertex.subtasks.iter().map(|task| shown(call, task)).collect();
    body["aggregated"] = aggregated(&body["subtasks"]);
    Ok(body)
}

fn shown(call: &Call<'_>, task: &SubtaskInfo) -> Value {
    let mut body = written(task);
    // Once written by mistake, and kept for those who read it.
    body["start_time"] = body["start-time"].clone();
    if !call.endpoint.is_flink_2() {
        body["host"] = json!(task.endpoint.as_deref().and_then(|endpoint| endpoint.split(':').next()));
    }
    body
}

pub(super) fn one_task(call: &Call<'_>) -> Body {
    Ok(shown(call, &task(call)?))
}

/// Only the current attempt is known.
pub(super) fn attempt(call: &Call<'_>) -> Body {
    let wanted: u32 = call.argument("attempt")?;
    let task = task(call)?;
    if task.attempt != wanted {
        let text = format!("Attempt {wanted} not found in subtask {}", task.subtask);
        return Err(Refusal::Refused(404, JavaException::new(wording::NOT_FOUND, text)));
    }
    Ok(shown(call, &task))
}

pub(super) fn accumulators(call: &Call<'_>) -> Body {
    let job = call.job()?;
    let id: JobVertexId = call.argument("vertexid")?;
    let entries = of_graph(job, call.dispatcher().vertex_accumulators(job, id))?;
    Ok(json!({"id": id, "user-accumulators": texts(&entries)}))
}

/// Nothing flows between the vertices of a mini cluster, so nothing is ever held up.
pub(super) fn back_pressure(call: &Call<'_>) -> Body {
    let vertex = found(call)?;
    let tasks = vertex.subtasks.iter().map(|task| {
        json!({
            "subtask": task.subtask,
            "attempt-number": task.attempt,
            "backpressureLevel": "ok",
            "backpressure-level": "ok",
            "ratio": 0.0,
            "idleRatio": 0.0,
            "busyRatio": 0.0,
        })
    });
    Ok(json!({
        "status": "ok",
        "backpressureLevel": "ok",
        "backpressure-level": "ok",
        "end-timestamp": call.dispatcher().now(),
        "subtasks": tasks.collect::<Vec<_>>(),
    }))
}

/// Nor are there watermarks.
pub(super) fn watermarks(call: &Call<'_>) -> Body {
    found(call)?;
    Ok(json!([]))
}

/// One number over several tasks.
fn spread(mut values: Vec<i64>) -> Value {
    values.sort_unstable();
    let sum: i64 = values.iter().sum();
    let at = |percent: usize| values.get((values.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    json!({
        "min": values.first(),
        "max": values.last(),
        "avg": sum.checked_div(values.len() as i64),
        "sum": sum,
        "median": at(50),
        "p25": at(25),
        "p75": at(75),
        "p95": at(95),
    })
}

fn aggregated(tasks: &Value) -> Value {
    let mut bodies = BTreeMap::<&str, BTreeMap<&str, Vec<i64>>>::new();
    for task in tasks.as_array().into_iter().flatten() {
        for group in ["metrics", "status-duration"] {
            for (name, value) in task[group].as_object().into_iter().flatten() {
                let number = value.as_i64().or_else(|| value.as_f64().map(|number| number as i64));
                if let Some(number) = number {
                    bodies.entry(group).or_default().entry(name).or_default().push(number);
                }
            }
        }
    }
    let spread_all = |numbers: BTreeMap<&str, Vec<i64>>| -> Value {
        numbers.into_iter().map(|(name, values)| (name.to_owned(), spread(values))).collect()
    };
    json!({
        "metrics": spread_all(bodies.remove("metrics").unwrap_or_default()),
        "status-duration": spread_all(bodies.remove("status-duration").unwrap_or_default()),
    })
}
