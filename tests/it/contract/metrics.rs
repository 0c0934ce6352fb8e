//! Metrics, whose names may be anything.

use flink_client::ExecutionState;

use super::Target;
use super::scene::{Job, Soon, until};

pub(crate) fn metrics_of_the_job_manager_have_names_and_values(t: &dyn Target) {
    let rest = t.rest();
    let names = until("metrics", || Some(rest.job_manager_metrics(&[]).done()).filter(|all| !all.is_empty()));
    assert!(names.iter().any(|metric| metric.id == "taskSlotsTotal"), "{names:?}");
    assert!(names.iter().all(|metric| metric.value.is_none()), "names alone");
    let values = until("values", || {
        let values = rest.job_manager_metrics(&["taskSlotsTotal", "numRegisteredTaskManagers"]).done();
        (values.len() == 2 && values.iter().all(|metric| metric.as_f64().is_some())).then_some(values)
    });
    let total = values.iter().find(|metric| metric.id == "taskSlotsTotal").unwrap();
    assert_eq!(total.as_f64(), Some(f64::from(rest.overview().done().slots_total)));
}

pub(crate) fn a_metric_that_is_not_there_is_left_out(t: &dyn Target) {
    assert!(t.rest().job_manager_metrics(&["no such metric", "a&b=c", "x%20y", "#"]).done().is_empty());
}

/// An operator's name is part of its metrics' names: spaces, colons and arrows.
pub(crate) fn metrics_of_odd_names_have_their_values(t: &dyn Target) {
    let rest = t.rest();
    let job = Job::running(t, "Stateful", &[]);
    let vertex = until("a vertex that runs", || {
        let details = job.client.job_details(*job).done();
        details
            .vertices
            .first()
            .filter(|vertex| vertex.status == ExecutionState::Running)
            .map(|vertex| vertex.id)
    });
    let odd = until("an odd name", || {
        let all = rest.vertex_metrics(*job, vertex, &[]).done();
        let odd = |name: &str| name.contains("Source: numbers") || name.contains("Source__numbers");
        all.into_iter().map(|metric| metric.id).find(|name| odd(name) && name.ends_with("numRecordsOut"))
    });
    let value = until("its value", || {
        let values = rest.vertex_metrics(*job, vertex, &[&odd]).done();
        values.first().filter(|metric| metric.id == odd).and_then(flink_client::Metric::as_f64)
    });
    assert!(value >= 0.0);
}

pub(crate) fn metrics_of_jobs_and_task_managers_have_values(t: &dyn Target) {
    let rest = t.rest();
    let job = Job::running(t, "Stateful", &[]);
    let restarts = until("the job's metric", || rest.job_metrics(*job, &["numRestarts"]).done().pop());
    assert_eq!(restarts.as_f64(), Some(0.0));
    let task_manager = rest.list_task_managers().done().remove(0).id;
    let heap = "Status.JVM.Memory.Heap.Used";
    let used =
        until("the TaskManager's metric", || rest.task_manager_metrics(&task_manager, &[heap]).done().pop());
    assert!(used.id == heap && used.as_f64() > Some(0.0), "{used:?}");
}
