//! The vertices of a job and their tasks.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::Call;
use super::jobs::{of_graph, texts, written};
use super::reply::Refusal;
use crate::details::{ExecutionState, IoMetrics, JobVertexDetails, SubtaskInfo};
use crate::ids::JobVertexId;
use crate::mini::accumulators::AccumulatorEntry;
use crate::mini::exception::JavaException;
use crate::mini::{Answer, wording};

type Body = Result<Value, Refusal>;

fn found(call: &Call<'_>) -> Result<JobVertexDetails, Refusal> {
    let job = call.job()?;
    of_graph(job, call.dispatcher().vertex(job, call.argument("vertexid")?))
}

/// What Flink says of a vertex that is not there by all but two paths.
fn of_vertex<T>(call: &Call<'_>, answer: Answer<T>) -> Result<T, Refusal> {
    let job = call.job()?;
    let worded = answer.map_err(|exception| match exception.class() {
        wording::NOT_FOUND => {
            let text = format!("No vertex with ID '{}' exists.", call.text("vertexid").to_ascii_lowercase());
            JavaException::new(wording::REST_HANDLER, text)
        }
        _ => exception,
    });
    of_graph(job, worded)
}

fn existing(call: &Call<'_>) -> Result<JobVertexDetails, Refusal> {
    of_vertex(call, call.dispatcher().vertex(call.job()?, call.argument("vertexid")?))
}

/// Where Flink looks at what has been measured only: a vertex or job that is not there is `None`.
pub(super) fn known(call: &Call<'_>) -> Result<Option<JobVertexDetails>, Refusal> {
    let vertex = call.argument("vertexid")?;
    Ok(call.dispatcher().vertex(call.job()?, vertex).ok())
}

/// A task of the vertex, by its index.
fn task(call: &Call<'_>) -> Result<SubtaskInfo, Refusal> {
    let index: u32 = call.argument("subtaskindex")?;
    let vertex = existing(call)?;
    let task = vertex.subtasks.into_iter().find(|task| task.subtask == index);
    task.ok_or_else(|| Refusal::rest(404, format!("Invalid subtask index for vertex {}", vertex.id)))
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
    place(call, &mut body, task);
    body
}

pub(super) fn one_task(call: &Call<'_>) -> Body {
    Ok(shown(call, &task(call)?))
}

pub(super) fn attempt(call: &Call<'_>) -> Body {
    Ok(shown(call, &this_attempt(call)?))
}

/// Only the current attempt is known.
fn this_attempt(call: &Call<'_>) -> Result<SubtaskInfo, Refusal> {
    let wanted: u32 = call.argument("attempt")?;
    let task = task(call)?;
    if task.attempt != wanted {
        return Err(Refusal::rest(404, format!("Invalid attempt num {wanted}")));
    }
    Ok(task)
}

pub(super) fn accumulators(call: &Call<'_>) -> Body {
    let id: JobVertexId = call.argument("vertexid")?;
    let entries = of_vertex(call, call.dispatcher().vertex_accumulators(call.job()?, id))?;
    Ok(json!({"id": id, "user-accumulators": texts(&entries)}))
}

pub(super) fn task_accumulators(call: &Call<'_>) -> Body {
    let vertex = existing(call)?;
    let accumulators = each_accumulators(call)?;
    let tasks = vertex.subtasks.iter().zip(&accumulators).map(|(task, entries)| {
        let mut body = json!({
            "subtask": task.subtask,
            "attempt": task.attempt,
            "endpoint": task.endpoint,
            "user-accumulators": texts(entries),
        });
        place(call, &mut body, task);
        body
    });
    Ok(json!({
        "id": vertex.id,
        "parallelism": vertex.parallelism,
        "subtasks": tasks.collect::<Vec<_>>(),
    }))
}

pub(super) fn attempt_accumulators(call: &Call<'_>) -> Body {
    let task = this_attempt(call)?;
    let entries = each_accumulators(call)?.into_iter().nth(task.subtask as usize).unwrap_or_default();
    Ok(json!({
        "subtask": task.subtask,
        "attempt": task.attempt,
        "id": format!("{}_{}_{}", call.text("vertexid"), task.subtask, task.attempt),
        "user-accumulators": texts(&entries),
    }))
}

fn each_accumulators(call: &Call<'_>) -> Result<Vec<Vec<AccumulatorEntry>>, Refusal> {
    of_vertex(call, call.dispatcher().task_accumulators(call.job()?, call.argument("vertexid")?))
}

/// Flink 1.x tells the host once more.
fn place(call: &Call<'_>, body: &mut Value, task: &SubtaskInfo) {
    if !call.endpoint.is_flink_2() {
        body["host"] = json!(task.endpoint.as_deref().and_then(|endpoint| endpoint.split(':').next()));
    }
}

pub(super) fn times(call: &Call<'_>) -> Body {
    let vertex = existing(call)?;
    let times = of_vertex(call, call.dispatcher().task_times(call.job()?, vertex.id))?;
    let tasks = vertex.subtasks.iter().zip(times).map(|(task, times)| {
        let at = |state: &ExecutionState| (state.as_str().to_owned(), json!(times.get(state).unwrap_or(&0)));
        let mut body = json!({
            "subtask": task.subtask,
            "endpoint": task.endpoint,
            "duration": written(task)["duration"],
            "timestamps": ExecutionState::ALL.iter().map(at).collect::<Value>(),
        });
        place(call, &mut body, task);
        body
    });
    Ok(json!({
        "id": vertex.id,
        "name": vertex.name,
        "now": vertex.now,
        "subtasks": tasks.collect::<Vec<_>>(),
    }))
}

pub(super) fn task_managers(call: &Call<'_>) -> Body {
    let vertex = found(call)?;
    let mut by_manager = BTreeMap::<&str, Vec<&SubtaskInfo>>::new();
    for task in &vertex.subtasks {
        by_manager.entry(task.task_manager_id.as_deref().unwrap_or("(unassigned)")).or_default().push(task);
    }
    let managers = by_manager.into_iter().map(|(id, tasks)| {
        let shown: Value = tasks.iter().map(|task| shown(call, task)).collect();
        let began = tasks.iter().filter_map(|task| task.start_time).min();
        let ended = tasks.iter().map(|task| task.end_time).min().flatten();
        let mut counts = BTreeMap::new();
        for state in ExecutionState::ALL {
            counts.insert(state, tasks.iter().filter(|task| task.status == *state).count());
        }
        let mut metrics = IoMetrics::default();
        for task in &tasks {
            metrics.write_records += task.metrics.write_records;
        }
        let mut body = json!({
            "endpoint": tasks[0].endpoint,
            "status": tasks[0].status,
            "start-time": began.unwrap_or(-1),
            "end-time": ended.unwrap_or(-1),
            "duration": began.map_or(-1, |began| ended.unwrap_or(vertex.now) - began),
            "metrics": metrics,
            "status-counts": counts,
            "taskmanager-id": id,
            "aggregated": aggregated(&shown),
        });
        place(call, &mut body, tasks[0]);
        body
    });
    Ok(json!({
        "id": vertex.id,
        "name": vertex.name,
        "now": vertex.now,
        "taskmanagers": managers.collect::<Vec<_>>(),
    }))
}

/// Nothing flows between the vertices of a mini cluster, so nothing is ever held up.
pub(super) fn back_pressure(call: &Call<'_>) -> Body {
    let Some(vertex) = known(call)? else { return Ok(json!({ "status": "deprecated" })) };
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
    existing(call)?;
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
