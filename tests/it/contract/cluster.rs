//! What the cluster tells about itself and its jobs, and clients that come and go.

use flink_client::{ClusterClient, ErrorKind, ExecutionState, JobStatus, JobVertexId};

use super::Target;
use super::scene::{Job, Soon, names, of_kind, until};

pub(crate) fn the_overview_counts_slots_and_jobs(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    // What it counts comes from several places, none of which waits for the others.
    let overview = until("the job and its slot in the overview", || {
        let overview = t.rest().overview().done();
        (overview.jobs_running > 0 && overview.slots_available < overview.slots_total).then_some(overview)
    });
    assert!(overview.task_managers >= 1 && overview.slots_total >= 16, "{overview:?}");
    assert_eq!(overview.flink_version, t.rest().dashboard_configuration().done().flink_version);
    drop(job);
}

pub(crate) fn the_version_is_the_servers(t: &dyn Target) {
    let configuration = t.rest().dashboard_configuration().done();
    let version = configuration.version().unwrap();
    assert_eq!(version, t.flink());
}

pub(crate) fn the_clusters_configuration_is_told(t: &dyn Target) {
    let configuration = t.rest().cluster_configuration().done();
    assert_eq!(configuration.get("web.refresh-interval").map(String::as_str), Some("100"));
}

pub(crate) fn task_managers_are_listed_and_told_in_detail(t: &dyn Target) {
    let rest = t.rest();
    let listed = rest.list_task_managers().done();
    assert_eq!(listed.iter().map(|one| one.slots_number).sum::<u32>(), rest.overview().done().slots_total);
    let detailed = until("the metrics", || {
        let detailed = rest.task_manager(&listed[0].id).done();
        detailed.metrics.as_ref().is_some_and(|metrics| metrics.heap_used > 0).then_some(detailed)
    });
    assert_eq!((&detailed.id, detailed.slots_number), (&listed[0].id, listed[0].slots_number));
    for unknown in ["localhost:1-ffffff", "../jobs", "no such"] {
        let error = rest.task_manager(unknown).refused(ErrorKind::NotFound);
        assert!(error.to_string().contains(unknown), "{error}");
    }
}

pub(crate) fn states_of_all_jobs_are_the_shortest_list(t: &dyn Target) {
    let (running, finished) = (Job::running(t, "Stateful", &[]), Job::finished(t));
    let states = t.rest().job_statuses().done();
    assert_eq!(states.get(&running.id), Some(&JobStatus::Running));
    assert_eq!(states.get(&finished.id), Some(&JobStatus::Finished));
}

pub(crate) fn vertices_are_told_with_their_subtasks(t: &dyn Target) {
    let rest = t.rest();
    let job = Job::running(t, "Stateful", &["--parallelism", "2"]);
    let vertex = until("a vertex that runs", || {
        let details = job.client.job_details(*job).done();
        details
            .vertices
            .first()
            .filter(|vertex| vertex.status == ExecutionState::Running)
            .map(|vertex| vertex.id)
    });
    let details = rest.vertex(*job, vertex).done();
    assert_eq!((details.id, details.parallelism), (vertex, 2));
    assert_eq!(details.subtasks.iter().map(|subtask| subtask.subtask).collect::<Vec<_>>(), [0, 1]);
    let texts = rest.vertex_accumulators(*job, vertex).done();
    assert!(texts.iter().all(|text| text.class == "LongCounter"), "{texts:?}");

    let nobody = JobVertexId::random();
    let error = rest.vertex(*job, nobody).refused(ErrorKind::NotFound);
    names(&error, *job);
    assert!(error.to_string().contains(&nobody.to_string()), "{error}");
    rest.vertex_accumulators(*job, nobody).refused(ErrorKind::NotFound);
}

pub(crate) fn the_plan_and_configuration_of_a_job_are_told(t: &dyn Target) {
    let rest = t.rest();
    let job = Job::running(t, "Stateful", &["--name", "planned", "--parallelism", "2", "--restarts", "0"]);
    let plan = rest.job_plan(*job).done();
    assert_eq!((plan.job_id, &*plan.name), (Some(*job), "planned"));
    assert!(!plan.nodes.is_empty() && plan.nodes.iter().all(|node| node.parallelism == 2));
    let config = rest.job_config(*job).done();
    assert_eq!((config.job_id, &*config.name), (*job, "planned"));
    assert_eq!(config.execution_config.unwrap().job_parallelism, Some(2));
}

pub(crate) fn anything_can_be_read_as_json(t: &dyn Target) {
    let rest = t.rest();
    let overview: serde_json::Value = rest.get_json("/overview").done();
    assert!(overview["slots-total"].as_u64() >= Some(16), "{overview}");
    let error = rest.get_json::<serde_json::Value>("/no/such/path").refused(ErrorKind::Unsupported);
    assert!(error.to_string().contains("path prefix"), "{error}");
    let error = rest.get_json::<u32>("/overview").refused(ErrorKind::Decode);
    assert_eq!(error.status(), Some(200));
    assert!(std::error::Error::source(&error).is_some(), "where it went wrong");
    for path in ["overview", "", "/a b", "/\u{e4}", "/a\r\nb", "http://elsewhere/overview"] {
        rest.get_json::<serde_json::Value>(path).refused(ErrorKind::InvalidArgument);
    }
}

pub(crate) fn the_web_interface_is_where_the_client_connects(t: &dyn Target) {
    let rest = t.rest();
    let url = rest.web_interface_url();
    assert!(url.starts_with("http"), "{url}");
    rest.close();
    assert_eq!(rest.web_interface_url(), url, "needs no connection");
}

pub(crate) fn errors_tell_the_request_and_the_answer(t: &dyn Target) {
    let rest = t.rest();
    let id = flink_client::JobId::random();
    let error = rest.job_status(id).refused(ErrorKind::JobNotFound);
    let request = format!("GET {}/jobs/{id}/status", rest.web_interface_url());
    assert_eq!(error.request(), Some(&*request));
    assert_eq!((error.status(), error.attempts()), (Some(500), 1));
    assert!(!error.server_errors().is_empty());
    assert_eq!(error.exception_class(), Some("org.apache.flink.runtime.messages.FlinkJobNotFoundException"));
}

pub(crate) fn closing_ends_every_open_operation_and_no_job(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let client = t.client();
    let waits = [client.job_result(*job), client.job_result(*job)];
    client.close();
    for wait in waits {
        names(&wait.refused(ErrorKind::Closed), *job);
    }
    client.close();
    let error = client.list_jobs().refused(ErrorKind::Closed);
    assert!(!error.is_retryable());
    assert_eq!(job.status(), JobStatus::Running, "another client goes on");
}

pub(crate) fn a_dropped_client_lets_its_operations_end(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let status = t.client().job_status(*job);
    assert_eq!(status.done(), JobStatus::Running);
}

pub(crate) fn a_limit_of_the_callers_ends_the_wait_and_not_the_job(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &[]);
    let error = job.client.job_result(*job).timeout(std::time::Duration::from_millis(1)).soon().unwrap_err();
    of_kind(error, ErrorKind::Timeout);
    assert_eq!(job.status(), JobStatus::Running);
}
