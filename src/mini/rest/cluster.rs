//! The cluster as a whole: what it is, its TaskManagers, and its end.

use serde_json::{Value, json};

use super::call::Call;
use super::jobs::written;
use super::process;
use super::reply::Refusal;
use crate::config::secret;
use crate::details::{DashboardConfiguration, DashboardFeatures, TaskManagerInfo};
use crate::mini::exception::JavaException;
use crate::mini::wording;

type Body = Result<Value, Refusal>;

/// The cluster ends when this has been answered.
pub(super) fn shut_down(_: &Call<'_>) -> Body {
    Ok(json!({}))
}

/// In place of the revision of Flink's source.
const REVISION: &str = concat!("flink-client-", env!("CARGO_PKG_VERSION"));

pub(super) fn overview(call: &Call<'_>) -> Body {
    let mut overview = call.dispatcher().overview();
    overview.flink_commit = Some(REVISION.into());
    Ok(written(&overview))
}

pub(super) fn dashboard(call: &Call<'_>) -> Body {
    let settings = &call.endpoint.settings;
    Ok(written(&DashboardConfiguration {
        refresh_interval: settings.refresh_interval,
        // A mini cluster knows the time, and of zones nothing.
        timezone_name: "Coordinated Universal Time".into(),
        timezone_offset: 0,
        flink_version: call.dispatcher().settings().flink_version.to_string(),
        flink_revision: Some(format!("{REVISION} @ 1970-01-01T00:00:00Z")),
        features: DashboardFeatures {
            web_submit: settings.jars,
            web_cancel: settings.cancel,
            web_rescale: false,
            web_history: false,
        },
    }))
}

fn entries(call: &Call<'_>) -> Value {
    let configuration = &call.dispatcher().settings().configuration;
    let entries =
        configuration.iter().map(|(key, value)| json!({"key": key, "value": secret::shown(key, value)}));
    entries.collect()
}

pub(super) fn configuration(call: &Call<'_>) -> Body {
    Ok(entries(call))
}

/// What the JobManager of one job is configured with: the same for all, and nobody looks whether there is such a job.
pub(super) fn job_configuration(call: &Call<'_>) -> Body {
    call.job()?;
    Ok(entries(call))
}

pub(super) fn environment(_: &Call<'_>) -> Body {
    Ok(json!({
        "jvm": {"version": REVISION, "arch": std::env::consts::ARCH, "options": []},
        "classpath": [],
    }))
}

pub(super) fn job_environment(call: &Call<'_>) -> Body {
    call.job()?;
    environment(call)
}

/// A mini cluster logs where its program does.
pub(super) fn no_logs(_: &Call<'_>) -> Body {
    Ok(json!({ "logs": [] }))
}

pub(super) fn no_task_manager_logs(call: &Call<'_>) -> Body {
    let id = call.text("taskmanagerid");
    let found = call.dispatcher().task_manager(id);
    found.map_err(|exception| {
        let text = format!("Could not find TaskExecutor {id}");
        Refusal::Refused(404, JavaException::new(wording::REST_HANDLER, text).caused_by(exception))
    })?;
    no_logs(call)
}

pub(super) fn no_threads(call: &Call<'_>) -> Body {
    if !call.text("taskmanagerid").is_empty() {
        of_task_manager(call)?;
    }
    Ok(json!({ "threadInfos": [] }))
}

pub(super) fn task_managers(call: &Call<'_>) -> Body {
    let managers = call.dispatcher().task_managers().into_iter().map(|mut manager| {
        manager.allocated_slots.clear();
        task_manager(call, manager)
    });
    Ok(json!({ "taskmanagers": managers.collect::<Vec<_>>() }))
}

fn task_manager(call: &Call<'_>, mut manager: TaskManagerInfo) -> Value {
    manager.memory.get_or_insert_default();
    if !call.endpoint.is_flink_2() {
        manager.assigned_tasks = None;
        for slot in &mut manager.allocated_slots {
            slot.assigned_tasks = None;
        }
    }
    written(&manager)
}

fn of_task_manager(call: &Call<'_>) -> Result<TaskManagerInfo, Refusal> {
    call.dispatcher().task_manager(call.text("taskmanagerid")).map_err(Refusal::Failed)
}

pub(super) fn one_task_manager(call: &Call<'_>) -> Body {
    let mut manager = of_task_manager(call)?;
    manager.metrics = Some(process::task_manager_metrics());
    let slots = std::mem::take(&mut manager.allocated_slots);
    let mut body = task_manager(call, manager);
    // There even if there are none.
    body["allocatedSlots"] = written(&slots);
    if !call.endpoint.is_flink_2() {
        body["metrics"]["memorySegmentsAvailable"] = json!(0);
        body["metrics"]["memorySegmentsTotal"] = json!(0);
        for slot in body["allocatedSlots"].as_array_mut().into_iter().flatten() {
            slot.as_object_mut().map(|slot| slot.remove("assignedTasks"));
        }
    }
    Ok(body)
}
