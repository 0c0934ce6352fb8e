//! Metrics: by name, and summed up over several jobs, TaskManagers or tasks.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::Call;
use super::reply::Refusal;
use super::vertices;
use crate::details::{AggregatedMetric, IoMetrics, Metric};
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

/// There is no JVM to be measured.
pub(super) fn task_manager(call: &Call<'_>) -> Body {
    chosen(call, Vec::new())
}

pub(super) fn vertex(call: &Call<'_>) -> Body {
    let tasks = vertices::known(call)?.map(|vertex| vertex.subtasks).unwrap_or_default();
    let metrics = tasks.iter().flat_map(|task| {
        let with_index = |metric: Metric| Metric { id: format!("{}.{}", task.subtask, metric.id), ..metric };
        of_task(&task.metrics).into_iter().map(with_index)
    });
    chosen(call, metrics.collect())
}

pub(super) fn task(call: &Call<'_>) -> Body {
    let index: u32 = call.argument("subtaskindex")?;
    let tasks = vertices::known(call)?.map(|vertex| vertex.subtasks).unwrap_or_default();
    let task = tasks.into_iter().find(|task| task.subtask == index);
    chosen(call, task.map(|task| of_task(&task.metrics)).unwrap_or_default())
}

/// The coordinators of a mini cluster's operators measure nothing.
pub(super) fn of_coordinators(call: &Call<'_>) -> Body {
    vertices::known(call)?;
    chosen(call, Vec::new())
}

fn of_task(metrics: &IoMetrics) -> Vec<Metric> {
    [
        ("numRecordsIn", metrics.read_records),
        ("numRecordsOut", metrics.write_records),
        ("numBytesIn", metrics.read_bytes),
        ("numBytesOut", metrics.write_bytes),
    ]
    .into_iter()
    .map(|(id, value)| Metric { id: id.into(), value: Some(value.to_string()) })
    .collect()
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
    aggregated(call, std::iter::empty())
}

pub(super) fn of_tasks(call: &Call<'_>) -> Body {
    let tasks = vertices::known(call)?.map(|vertex| vertex.subtasks).unwrap_or_default();
    let chosen = call.list("subtasks");
    let is_chosen = |index: u32| chosen.as_ref().is_none_or(|chosen| chosen.contains(&index.to_string()));
    let tasks = tasks.iter().filter(|task| is_chosen(task.subtask));
    aggregated(call, tasks.map(|task| of_task(&task.metrics)))
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
