//! Actions about the cluster as a whole.

use std::io::Write;

use flink_client::{Acknowledge, ClusterClient};
use serde_json::json;

use super::output::{Output, time};
use super::{Client, Outcome, progress};

pub(crate) fn overview(client: &Client, out: &mut Output<impl Write>) -> Outcome {
    let overview = progress::wait(client.overview())?;
    let url = client.web_interface_url();
    out.line(format_args!("Flink {} at {url}", overview.flink_version))?;
    out.line(format_args!("TaskManagers: {}", overview.task_managers))?;
    out.line(format_args!("Slots: {}, {} of them free", overview.slots_total, overview.slots_available))?;
    out.line(format_args!(
        "Jobs: {} running, {} finished, {} cancelled, {} failed",
        overview.jobs_running, overview.jobs_finished, overview.jobs_cancelled, overview.jobs_failed
    ))?;
    out.document(|| {
        json!({
            "url": url,
            "flink_version": overview.flink_version,
            "flink_commit": overview.flink_commit,
            "task_managers": overview.task_managers,
            "slots_total": overview.slots_total,
            "slots_available": overview.slots_available,
            "jobs_running": overview.jobs_running,
            "jobs_finished": overview.jobs_finished,
            "jobs_cancelled": overview.jobs_cancelled,
            "jobs_failed": overview.jobs_failed,
        })
    })?;
    Ok(())
}

pub(crate) fn jars(client: &Client, out: &mut Output<impl Write>) -> Outcome {
    let jars = progress::wait(client.list_jars())?;
    if jars.is_empty() {
        out.line("No jars.")?;
    }
    let entries = |jar: &flink_client::JarInfo| -> Vec<String> {
        jar.entries.iter().map(|entry| entry.name.clone()).collect()
    };
    let rows: Vec<_> =
        jars.iter().map(|jar| [jar.id.clone(), time(jar.uploaded), entries(jar).join(" ")]).collect();
    out.table(["ID", "UPLOADED", "MAIN CLASSES"], &rows)?;
    out.document(|| {
        jars.iter()
            .map(|jar| {
                json!({"id": jar.id, "name": jar.name, "uploaded": jar.uploaded, "main_classes": entries(jar)})
            })
            .collect()
    })?;
    Ok(())
}

pub(crate) fn shutdown(client: &Client, out: &mut Output<impl Write>) -> Outcome {
    let url = client.web_interface_url();
    let Acknowledge = progress::wait(client.shut_down_cluster())?;
    out.line(format_args!("The cluster at {url} shuts down."))?;
    out.document(|| json!({"url": url}))?;
    Ok(())
}
