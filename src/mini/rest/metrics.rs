//! Metrics: by name, and summed up over several jobs, TaskManagers or tasks.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::Call;
use super::reply::Refusal;
use super::{process, vertices};
use crate::details::{AggregatedMetric, IoMetrics, JobVertexDetails, Metric};
use crate::ids::JobId;

type Body = Result<Value, Refusal>;

/// Those that are asked for with `get`; the names of all, if none is.
fn chosen(call: &Call<'_>, metrics: Vec<Metric>) -> Body {
    Ok(match call.list("get") {
        None => metrics.into_iter().map(|metric| json!({ "id": metric.id })).collect(),
        Some(names) => {
            let metrics = metrics.into_iter().filter(|metric| names.contains(&metric.id));
            metrics.map(|metric| json!(metric)).collect()
        }
    })
}

pub(super) fn job_manager(call: &Call<'_>) -> Body {
    chosen(call, call.dispatcher().job_manager_metrics())
}

/// A job that is not there has none.
pub(super) fn job(call: &Call<'_>) -> Body {
    chosen(call, call.dispatcher().job_metrics(call.job()?).unwrap_or_default())
}

pub(super) fn task_manager(call: &Call<'_>) -> Body {
    let known = call.dispatcher().task_manager(call.text("taskmanagerid")).is_ok();
    chosen(call, if known { process::metrics() } else { Vec::new() })
}

pub(super) fn vertex(call: &Call<'_>) -> Body {
    let vertex = vertices::known(call)?;
    let metrics = vertex.iter().flat_map(of_subtasks).flat_map(|(subtask, metrics)| {
        let with_index = move |metric: Metric| Metric { id: format!("{subtask}.{}", metric.id), ..metric };
        metrics.into_iter().map(with_index)
    });
    chosen(call, metrics.collect())
}

pub(super) fn task(call: &Call<'_>) -> Body {
    let index: u32 = call.argument("subtaskindex")?;
    let vertex = vertices::known(call)?;
    let task = vertex.iter().flat_map(of_subtasks).find(|(subtask, _)| *subtask == index);
    chosen(call, task.map(|(_, metrics)| metrics).unwrap_or_default())
}

/// The coordinators of a mini cluster's operators measure nothing.
pub(super) fn of_coordinators(call: &Call<'_>) -> Body {
    vertices::known(call)?;
    chosen(call, Vec::new())
}

fn of_subtasks(vertex: &JobVertexDetails) -> impl Iterator<Item = (u32, Vec<Metric>)> {
    vertex.subtasks.iter().map(|task| (task.subtask, of_task(&vertex.name, &task.metrics)))
}

/// The task's own, and those of its operators: their names are parts of the vertex's.
fn of_task(vertex: &str, metrics: &IoMetrics) -> Vec<Metric> {
    let metric = |id: String, value: u64| Metric { id, value: Some(value.to_string()) };
    let mut all = vec![
        metric("numRecordsIn".into(), metrics.read_records),
        metric("numRecordsOut".into(), metrics.write_records),
        metric("numBytesIn".into(), metrics.read_bytes),
        metric("numBytesOut".into(), metrics.write_bytes),
    ];
    for (at, operator) in vertex.split(" -> ").enumerate() {
        // As Flink writes names into those of metrics.
        let name = operator.replace([' ', '.', ':', ','], "_");
        // What comes out of the source goes through all others.
        let records_in = if at == 0 { metrics.read_records } else { metrics.write_records };
        all.push(metric(format!("{name}.numRecordsIn"), records_in));
        all.push(metric(format!("{name}.numRecordsOut"), metrics.write_records));
    }
    all
}

pub(super) fn of_jobs(call: &Call<'_>) -> Body {
    let dispatcher = call.dispatcher();
    let jobs: Vec<JobId> = match call.list("jobs") {
        None => dispatcher.list_jobs().into_iter().map(|job| job.job_id).collect(),
        Some(ids) => {
            let ids: Result<Vec<JobId>, _> = ids.iter().map(|id| id.parse()).collect();
            ids.map_err(|_| call.unresolved_parameter("jobs"))?
        }
    };
    aggregated(call, jobs.into_iter().filter_map(|job| dispatcher.job_metrics(job).ok()))
}

pub(super) fn of_task_managers(call: &Call<'_>) -> Body {
    aggregated(call, call.dispatcher().task_managers().into_iter().map(|_| process::metrics()))
}

pub(super) fn of_tasks(call: &Call<'_>) -> Body {
    let vertex = vertices::known(call)?;
    let chosen = call.list("subtasks");
    let is_chosen = |index: u32| chosen.as_ref().is_none_or(|chosen| chosen.contains(&index.to_string()));
    let tasks = vertex.iter().flat_map(of_subtasks).filter(|(subtask, _)| is_chosen(*subtask));
    aggregated(call, tasks.map(|(_, metrics)| metrics))
}

/// What several values are summed up to.
const SUMS: [&str; 5] = ["min", "max", "avg", "sum", "skew"];

/// Only numbers can be summed up.
fn aggregated(call: &Call<'_>, each: impl Iterator<Item = Vec<Metric>>) -> Body {
    let wanted = call.list("agg").unwrap_or_else(|| SUMS.map(str::to_owned).to_vec());
    let wanted: Vec<_> = wanted.iter().map(|want| want.to_ascii_lowercase()).collect();
    if !wanted.iter().all(|want| SUMS.contains(&want.as_str())) {
        return Err(call.unresolved_parameter("agg"));
    }
    let wants = |name: &str| wanted.iter().any(|want| want == name);
    let mut values = BTreeMap::<String, Vec<f64>>::new();
    for metric in each.flatten() {
        if let Some(value) = metric.as_f64() {
            values.entry(metric.id).or_default().push(value);
        }
    }
    let Some(names) = call.list("get") else {
        return Ok(values.into_keys().map(|id| json!({ "id": id })).collect());
    };
    let metrics = values.into_iter().filter(|(id, _)| names.contains(id)).map(|(id, values)| {
        let count = values.len() as f64;
        let sum: f64 = values.iter().sum();
        let average = sum / count;
        let distance: f64 = values.iter().map(|value| (value - average).abs()).sum();
        // Flink's measure: the mean distance from the mean, as a share of it.
        let skew = if average == 0.0 { 0.0 } else { (distance / count / average * 100.0).clamp(0.0, 100.0) };
        let metric = AggregatedMetric {
            id,
            min: Some(values.iter().copied().fold(f64::INFINITY, f64::min)).filter(|_| wants("min")),
            max: Some(values.iter().copied().fold(f64::NEG_INFINITY, f64::max)).filter(|_| wants("max")),
            avg: Some(average).filter(|_| wants("avg")),
            sum: Some(sum).filter(|_| wants("sum")),
            skew: Some(skew).filter(|_| wants("skew")),
        };
        json!(metric)
    });
    Ok(metrics.collect())
}
