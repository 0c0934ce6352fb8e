//! Every path that is served, in one place.

use serde_json::Value;

use super::call::Call;
use super::endpoint::Endpoint;
use super::reply::Refusal;
use super::{
    applications, checkpoints, cluster, data_sets, graphs, jars, jobs, metrics, rescales, savepoints,
    vertices,
};

/// One method on one path.
pub(super) struct Route {
    method: &'static str,
    /// Each `:name` stands for any one segment.
    path: &'static str,
    /// Of an answer that is none of the refusals.
    pub(super) status: u16,
    /// What Flink calls the body that it expects.
    pub(super) format: &'static str,
    pub(super) handler: Handler,
    pub(super) takes_files: bool,
    pub(super) ends_cluster: bool,
    /// Not before Flink 2.0.
    since_flink_2: bool,
}

type Handler = fn(&Call<'_>) -> Result<Value, Refusal>;

const fn route(method: &'static str, path: &'static str, handler: Handler) -> Route {
    Route {
        method,
        path,
        status: 200,
        format: "EmptyRequestBody",
        handler,
        takes_files: false,
        ends_cluster: false,
        since_flink_2: false,
    }
}

const fn get(path: &'static str, handler: Handler) -> Route {
    route("GET", path, handler)
}

impl Route {
    const fn accepted(mut self) -> Self {
        self.status = 202;
        self
    }

    const fn takes(mut self, format: &'static str) -> Self {
        self.format = format;
        self
    }

    const fn takes_files(mut self) -> Self {
        self.takes_files = true;
        self
    }

    const fn ends_cluster(mut self) -> Self {
        self.ends_cluster = true;
        self
    }

    const fn since_flink_2(mut self) -> Self {
        self.since_flink_2 = true;
        self
    }
}

/// A path with a name of its own stands before one that takes any name in the same place.
static ROUTES: &[Route] = &[
    route("DELETE", "/cluster", cluster::shut_down).ends_cluster(),
    get("/config", cluster::dashboard),
    get("/overview", cluster::overview),
    get("/jobmanager/config", cluster::configuration),
    get("/jobmanager/environment", cluster::environment),
    get("/jobmanager/logs", cluster::no_logs),
    get("/jobmanager/metrics", metrics::job_manager),
    get("/jobmanager/thread-dump", cluster::no_threads),
    get("/taskmanagers", cluster::task_managers),
    get("/taskmanagers/metrics", metrics::of_task_managers),
    get("/taskmanagers/:taskmanagerid", cluster::one_task_manager),
    get("/taskmanagers/:taskmanagerid/logs", cluster::no_task_manager_logs),
    get("/taskmanagers/:taskmanagerid/metrics", metrics::task_manager),
    get("/taskmanagers/:taskmanagerid/thread-dump", cluster::no_threads),
    //
    get("/applications/overview", applications::overview).since_flink_2(),
    get("/applications/:applicationid", applications::details).since_flink_2(),
    route("POST", "/applications/:applicationid/cancel", applications::cancel).accepted().since_flink_2(),
    get("/applications/:applicationid/exceptions", applications::exceptions).since_flink_2(),
    get("/applications/:applicationid/jobmanager/config", applications::configuration).since_flink_2(),
    //
    get("/datasets", data_sets::list),
    route("DELETE", "/datasets/:datasetid", data_sets::delete).accepted(),
    get("/datasets/delete/:triggerid", data_sets::deletion),
    //
    get("/jars", jars::list),
    route("POST", "/jars/upload", jars::upload).takes_files(),
    route("DELETE", "/jars/:jarid", jars::delete),
    get("/jars/:jarid/plan", jars::plan),
    route("POST", "/jars/:jarid/plan", jars::plan).takes("JarPlanRequestBody"),
    route("POST", "/jars/:jarid/run", jars::run).takes("JarRunRequestBody"),
    route("POST", "/jars/:jarid/run-application", jars::run_application)
        .takes("JarRunApplicationRequestBody")
        .accepted()
        .since_flink_2(),
    //
    get("/jobs", jobs::ids),
    route("POST", "/jobs", graphs::submit).takes("JobSubmitRequestBody").takes_files().accepted(),
    get("/jobs/overview", jobs::overview),
    get("/jobs/metrics", metrics::of_jobs),
    get("/jobs/:jobid", jobs::details),
    route("PATCH", "/jobs/:jobid", jobs::cancel).accepted(),
    get("/jobs/:jobid/accumulators", jobs::accumulators),
    get("/jobs/:jobid/config", jobs::config),
    get("/jobs/:jobid/exceptions", jobs::exceptions),
    get("/jobs/:jobid/execution-result", jobs::execution_result),
    get("/jobs/:jobid/jobmanager/config", cluster::job_configuration),
    get("/jobs/:jobid/jobmanager/environment", cluster::job_environment),
    get("/jobs/:jobid/metrics", metrics::job),
    get("/jobs/:jobid/plan", jobs::plan),
    get("/jobs/:jobid/status", jobs::status),
    route("PATCH", "/jobs/:jobid/clientHeartbeat", jobs::heartbeat)
        .takes("JobClientHeartbeatRequestBody")
        .accepted(),
    route("POST", "/jobs/:jobid/coordinators/:operator", jobs::coordinate)
        .takes("ClientCoordinationRequestBody"),
    //
    get("/jobs/:jobid/checkpoints", checkpoints::statistics),
    route("POST", "/jobs/:jobid/checkpoints", savepoints::trigger_checkpoint)
        .takes("CheckpointTriggerRequestBody")
        .accepted(),
    get("/jobs/:jobid/checkpoints/config", checkpoints::config),
    get("/jobs/:jobid/checkpoints/:triggerid", savepoints::checkpoint_status),
    get("/jobs/:jobid/checkpoints/details/:checkpointid", checkpoints::details),
    route("POST", "/jobs/:jobid/savepoints", savepoints::trigger)
        .takes("SavepointTriggerRequestBody")
        .accepted(),
    get("/jobs/:jobid/savepoints/:triggerid", savepoints::status),
    route("POST", "/jobs/:jobid/stop", savepoints::stop).takes("StopWithSavepointRequestBody").accepted(),
    route("POST", "/savepoint-disposal", savepoints::dispose).takes("SavepointDisposalRequest"),
    get("/savepoint-disposal/:triggerid", savepoints::disposal_status),
    //
    get("/jobs/:jobid/resource-requirements", jobs::requirements),
    route("PUT", "/jobs/:jobid/resource-requirements", jobs::set_requirements)
        .takes("JobResourceRequirementsBody"),
    route("PATCH", "/jobs/:jobid/rescaling", jobs::rescaling).accepted(),
    get("/jobs/:jobid/rescaling/:triggerid", jobs::rescaling),
    get("/jobs/:jobid/rescales/history", rescales::history).since_flink_2(),
    get("/jobs/:jobid/rescales/overview", rescales::overview).since_flink_2(),
    get("/jobs/:jobid/rescales/summary", rescales::summary).since_flink_2(),
    //
    get("/jobs/:jobid/vertices/:vertexid", vertices::details),
    get("/jobs/:jobid/vertices/:vertexid/accumulators", vertices::accumulators),
    get("/jobs/:jobid/vertices/:vertexid/backpressure", vertices::back_pressure),
    get("/jobs/:jobid/vertices/:vertexid/metrics", metrics::vertex),
    get("/jobs/:jobid/vertices/:vertexid/jm-operator-metrics", metrics::of_coordinators),
    get("/jobs/:jobid/vertices/:vertexid/subtasks/accumulators", vertices::task_accumulators),
    get("/jobs/:jobid/vertices/:vertexid/subtasks/metrics", metrics::of_tasks),
    get("/jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex", vertices::one_task),
    get("/jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex/attempts/:attempt", vertices::attempt),
    get(
        "/jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex/attempts/:attempt/accumulators",
        vertices::attempt_accumulators,
    ),
    get("/jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex/metrics", metrics::task),
    get("/jobs/:jobid/vertices/:vertexid/subtasktimes", vertices::times),
    get("/jobs/:jobid/vertices/:vertexid/taskmanagers", vertices::task_managers),
    get("/jobs/:jobid/vertices/:vertexid/watermarks", vertices::watermarks),
];

/// The route of a request, and what stands for the names in its path. Each path is there with `/v1` before it, too.
pub(super) fn find(
    method: &str,
    segments: &[String],
    endpoint: &Endpoint,
) -> Option<(&'static Route, Vec<(&'static str, String)>)> {
    let segments = match segments {
        [first, rest @ ..] if first == "v1" => rest,
        _ => segments,
    };
    let served = |route: &Route| {
        route.method == method
            && (!route.since_flink_2 || endpoint.is_flink_2())
            && (endpoint.settings.jars || !route.path.starts_with("/jars"))
    };
    ROUTES.iter().filter(|route| served(route)).find_map(|route| Some((route, route.matches(segments)?)))
}

impl Route {
    fn matches(&self, segments: &[String]) -> Option<Vec<(&'static str, String)>> {
        let mut pattern = self.path.split('/').skip(1);
        let mut arguments = Vec::new();
        for segment in segments {
            let part = pattern.next()?;
            match part.strip_prefix(':') {
                Some(name) => arguments.push((name, segment.clone())),
                None if part == segment => {}
                None => return None,
            }
        }
        if pattern.next().is_some() { None } else { Some(arguments) }
    }
}
