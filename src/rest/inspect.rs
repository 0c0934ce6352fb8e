//! What the REST API tells beyond the operations of every client, and what it can change.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::details::{
    ApplicationDetails, ApplicationOverview, CheckpointConfig, CheckpointStatistics, ClusterOverview,
    DashboardConfiguration, ExceptionHistory, JarInfo, JobConfigInfo, JobPlan, JobResourceRequirements,
    JobVertexDetails, Metric, TaskManagerInfo, UserAccumulator,
};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{ApplicationId, JobId, JobVertexId};
use crate::job::{Acknowledge, JobStatus};
use crate::pending::Pending;
use crate::pending::operation::Operating;
use crate::plan::ExecutionPlan;
use crate::rest::client::{RestClusterClient, about_job};
use crate::rest::endpoint::{self, Endpoint};
use crate::rest::messages::{
    ApplicationExceptions, ApplicationsOverview, ConfigurationEntry, EmptyResponse, JarList,
    JobIdsWithStatuses, JobPlanResponse, JobVertexAccumulators, TaskManagersInfo,
};
use crate::rest::request::Call;
use crate::rest::submit::file_name;

impl<Id: std::fmt::Debug + Send + Sync + 'static> RestClusterClient<Id> {
    /// Numbers of the whole cluster: TaskManagers, slots, jobs. `GET /overview`.
    pub fn overview(&self) -> Pending<ClusterOverview> {
        self.read(
            Operating::new("asking for the cluster's overview").reading(),
            Call::new(&endpoint::OVERVIEW, &[], "an overview of the cluster"),
        )
    }

    /// The server's version and what its web interface offers. `GET /config`.
    pub fn dashboard_configuration(&self) -> Pending<DashboardConfiguration> {
        self.read(
            Operating::new("asking for the server's version").reading(),
            Call::new(&endpoint::DASHBOARD_CONFIG, &[], "the configuration of the web interface"),
        )
    }

    /// The configuration that the JobManager runs with; Flink masks secrets in it. `GET /jobmanager/config`.
    pub fn cluster_configuration(&self) -> Pending<BTreeMap<String, String>> {
        self.read_as(
            Operating::new("asking for the cluster's configuration").reading(),
            Call::new(&endpoint::CLUSTER_CONFIG, &[], "the configuration of the cluster"),
            |entries: Vec<ConfigurationEntry>| {
                entries.into_iter().map(|entry| (entry.key, entry.value)).collect()
            },
        )
    }

    /// The TaskManagers that are registered. `GET /taskmanagers`.
    pub fn list_task_managers(&self) -> Pending<Vec<TaskManagerInfo>> {
        self.read_as(
            Operating::new("listing TaskManagers").reading(),
            Call::new(&endpoint::TASK_MANAGERS, &[], "a list of TaskManagers"),
            |list: TaskManagersInfo| list.task_managers,
        )
    }

    /// One TaskManager, with its metrics and slots. `GET /taskmanagers/:taskmanagerid`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::InvalidArgument`] for what cannot be an id.
    pub fn task_manager(&self, id: &str) -> Pending<TaskManagerInfo> {
        if let Err(error) = check_task_manager(id) {
            return Pending::failed(error);
        }
        self.read(
            Operating::new(format!("asking for the TaskManager {id}")).reading(),
            Call::new(&endpoint::TASK_MANAGER, &[&id], "a TaskManager"),
        )
    }

    /// The jars that were uploaded. `GET /jars`.
    pub fn list_jars(&self) -> Pending<Vec<JarInfo>> {
        self.read_as(
            Operating::new("listing jars").reading(),
            Call::new(&endpoint::JARS, &[], "a list of jars"),
            |list: JarList| list.files,
        )
    }

    /// Uploads a jar, streamed from disk, and completes with its id, for [`ExecutionPlan::uploaded_jar`].
    /// `POST /jars/upload`.
    ///
    /// The jar stays until it is deleted or the JobManager ends. The file's name must end in `.jar`. An upload
    /// whose answer is lost is repeated, and the id is that of the one that was answered; a copy of the jar may then
    /// stay in the cluster besides, since nothing tells it from what others upload under the same name.
    ///
    /// # Errors
    /// [`ErrorKind::LocalFile`] if it cannot be read; [`ErrorKind::OutcomeUnknown`] if no attempt was answered, and one
    /// may have left the jar in the cluster.
    pub fn upload_jar(&self, path: impl AsRef<Path>) -> Pending<String> {
        let path = path.as_ref().to_owned();
        let name = file_name(&path);
        self.start(Operating::new(format!("uploading {name}")), |api, operating| async move {
            api.upload_jar(&operating, &path).await
        })
    }

    /// Deletes an uploaded jar. `DELETE /jars/:jarid`.
    ///
    /// # Errors
    /// [`ErrorKind::JarNotFound`].
    pub fn delete_jar(&self, jar_id: &str) -> Pending<Acknowledge> {
        let jar_id = jar_id.to_owned();
        self.start(Operating::new(format!("deleting the jar {jar_id}")), |api, operating| async move {
            api.delete_jar(&operating, &jar_id).await.map(|()| Acknowledge)
        })
    }

    /// The graph that a jar's program would run, without running it. `POST /jars/:jarid/plan`.
    ///
    /// The program's main method runs on the server up to its first execution. A jar of this machine is uploaded for
    /// it and removed again, whatever happens.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a serialised graph, which has no program; [`ErrorKind::LocalFile`] if the jar
    /// cannot be read; [`ErrorKind::JarNotFound`], [`ErrorKind::ProgramFailed`].
    pub fn jar_plan(&self, plan: &ExecutionPlan) -> Pending<JobPlan> {
        let (plan, operating) =
            (plan.clone(), Operating::new(format!("asking for the plan of {}", plan.what())));
        self.start(operating, |api, operating| async move { api.jar_plan(&operating, &plan).await })
    }

    /// Runs an uploaded jar as an application of a Flink 2.3 cluster: its main method may submit several jobs, and goes
    /// on after this completes with the application's id. `POST /jars/:jarid/run-application`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] unless `plan` is [`ExecutionPlan::uploaded_jar`];
    /// [`ErrorKind::JarNotFound`], [`ErrorKind::ProgramFailed`]; [`ErrorKind::Unsupported`] before Flink 2.3.
    pub fn run_application(&self, plan: ExecutionPlan) -> Pending<ApplicationId> {
        self.run_application_as(ApplicationId::random(), plan)
    }

    /// [`run_application`](Self::run_application) under an id that was chosen before, so that another process can look
    /// for the application ([`application`](Self::application)) if this one dies half-way, or if the error is
    /// [`ErrorKind::OutcomeUnknown`]. A cluster takes each id once.
    ///
    /// # Errors
    /// As [`run_application`](Self::run_application); [`ErrorKind::DuplicateJob`] if the id is taken.
    pub fn run_application_as(&self, id: ApplicationId, plan: ExecutionPlan) -> Pending<ApplicationId> {
        self.start(Operating::new(format!("running application {id}")), |api, operating| async move {
            api.run_application(&operating, &plan, id).await
        })
    }

    /// Only the ids and states of all jobs: the cheapest list. `GET /jobs`.
    pub fn job_statuses(&self) -> Pending<BTreeMap<JobId, JobStatus>> {
        self.read_as(
            Operating::new("listing the states of jobs").reading(),
            Call::new(&endpoint::JOB_IDS, &[], "a list of jobs"),
            |list: JobIdsWithStatuses| list.jobs.into_iter().map(|job| (job.id, job.status)).collect(),
        )
    }

    /// One vertex's accumulators, as texts. `GET /jobs/:jobid/vertices/:vertexid/accumulators`.
    ///
    /// # Errors
    /// [`ErrorKind::JobNotFound`], [`ErrorKind::NotFound`].
    pub fn vertex_accumulators(&self, job_id: JobId, vertex: JobVertexId) -> Pending<Vec<UserAccumulator>> {
        self.read_as(
            about_job(&format!("asking for the accumulators of vertex {vertex} of job"), job_id).reading(),
            Call::new(&endpoint::VERTEX_ACCUMULATORS, &[&job_id, &vertex], "the accumulators of a vertex"),
            |answer: JobVertexAccumulators| answer.user_accumulators,
        )
    }

    /// How the job was configured. `GET /jobs/:jobid/config`.
    ///
    /// # Errors
    /// [`ErrorKind::JobNotFound`].
    pub fn job_config(&self, job_id: JobId) -> Pending<JobConfigInfo> {
        self.read_job(
            "asking for the configuration of job",
            job_id,
            &endpoint::JOB_CONFIG,
            "the configuration of a job",
        )
    }

    /// The job's graph. `GET /jobs/:jobid/plan`.
    ///
    /// # Errors
    /// [`ErrorKind::JobNotFound`].
    pub fn job_plan(&self, job_id: JobId) -> Pending<JobPlan> {
        self.read_as(
            about_job("asking for the plan of job", job_id).reading(),
            Call::new(&endpoint::JOB_PLAN, &[&job_id], "the plan of a job"),
            |answer: JobPlanResponse| answer.plan,
        )
    }

    /// How the job takes checkpoints. `GET /jobs/:jobid/checkpoints/config`.
    ///
    /// # Errors
    /// [`ErrorKind::JobNotFound`].
    pub fn checkpoint_config(&self, job_id: JobId) -> Pending<CheckpointConfig> {
        self.read_job(
            "asking for the checkpoint configuration of job",
            job_id,
            &endpoint::CHECKPOINT_CONFIG,
            "a checkpoint configuration",
        )
    }

    /// One checkpoint, with each vertex's part. `GET /jobs/:jobid/checkpoints/details/:checkpointid`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the job's history has no such checkpoint (any more).
    pub fn checkpoint_details(&self, job_id: JobId, checkpoint: u64) -> Pending<CheckpointStatistics> {
        self.read(
            about_job(&format!("asking for checkpoint {checkpoint} of job"), job_id).reading(),
            Call::new(&endpoint::CHECKPOINT_DETAILS, &[&job_id, &checkpoint], "the details of a checkpoint"),
        )
    }

    /// One vertex of the job's graph, with its subtasks. `GET /jobs/:jobid/vertices/:vertexid`.
    ///
    /// # Errors
    /// [`ErrorKind::JobNotFound`], [`ErrorKind::NotFound`].
    pub fn vertex(&self, job_id: JobId, vertex: JobVertexId) -> Pending<JobVertexDetails> {
        self.read(
            about_job(&format!("asking for vertex {vertex} of job"), job_id).reading(),
            Call::new(&endpoint::VERTEX, &[&job_id, &vertex], "the details of a vertex"),
        )
    }

    /// The JobManager's metrics of these names, or only the names of all if none is given.
    /// `GET /jobmanager/metrics`.
    pub fn job_manager_metrics(&self, names: &[&str]) -> Pending<Vec<Metric>> {
        self.metrics(
            Operating::new("asking for metrics of the JobManager"),
            &endpoint::CLUSTER_METRICS,
            &[],
            names,
        )
    }

    /// The job's metrics of these names, or only the names of all if none is given. `GET /jobs/:jobid/metrics`.
    ///
    /// Of a job that it does not know Flink answers with none, and no error.
    pub fn job_metrics(&self, job_id: JobId, names: &[&str]) -> Pending<Vec<Metric>> {
        let operating = about_job("asking for metrics of job", job_id);
        self.metrics(operating, &endpoint::JOB_METRICS, &[&job_id], names)
    }

    /// The vertex's metrics of these names (each begins with the subtask's index and a dot), or only the names of all
    /// if none is given. `GET /jobs/:jobid/vertices/:vertexid/metrics`.
    pub fn vertex_metrics(&self, job_id: JobId, vertex: JobVertexId, names: &[&str]) -> Pending<Vec<Metric>> {
        let operating = about_job(&format!("asking for metrics of vertex {vertex} of job"), job_id);
        self.metrics(operating, &endpoint::VERTEX_METRICS, &[&job_id, &vertex], names)
    }

    /// The TaskManager's metrics of these names, or only the names of all if none is given.
    /// `GET /taskmanagers/:taskmanagerid/metrics`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for what cannot be an id.
    pub fn task_manager_metrics(&self, id: &str, names: &[&str]) -> Pending<Vec<Metric>> {
        if let Err(error) = check_task_manager(id) {
            return Pending::failed(error);
        }
        let operating = Operating::new(format!("asking for metrics of the TaskManager {id}"));
        self.metrics(operating, &endpoint::TASK_MANAGER_METRICS, &[&id], names)
    }

    fn metrics(
        &self,
        operating: Operating,
        endpoint: &'static Endpoint,
        of: &[&dyn std::fmt::Display],
        names: &[&str],
    ) -> Pending<Vec<Metric>> {
        let list = names.join(",");
        let mut arguments = of.to_vec();
        arguments.push(&list);
        let call = Call::new(endpoint, &arguments, "a list of metrics");
        // An empty list is one of no metrics for some endpoints, and of all for others.
        self.read(operating.reading(), if names.is_empty() { call.without_query() } else { call })
    }

    /// Between which bounds each vertex's parallelism may be scaled. `GET /jobs/:jobid/resource-requirements`.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless the job runs under the adaptive scheduler.
    pub fn resource_requirements(&self, job_id: JobId) -> Pending<JobResourceRequirements> {
        self.read_job(
            "asking for the resource requirements of job",
            job_id,
            &endpoint::REQUIREMENTS,
            "resource requirements",
        )
    }

    /// Rescales a running job: sets the bounds of every vertex. `PUT /jobs/:jobid/resource-requirements`.
    ///
    /// Completes when the cluster has taken the bounds; the job follows as resources allow.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] if a vertex is missing or a bound cannot be; [`ErrorKind::Unsupported`] unless the
    /// job runs under the adaptive scheduler.
    pub fn update_resource_requirements(
        &self,
        job_id: JobId,
        requirements: &JobResourceRequirements,
    ) -> Pending<Acknowledge> {
        self.read_as(
            about_job("rescaling job", job_id),
            Call::new(&endpoint::SET_REQUIREMENTS, &[&job_id], "an empty answer").json(requirements),
            |_: EmptyResponse| Acknowledge,
        )
    }

    /// The applications of a Flink 2.3 cluster. `GET /applications/overview`.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] before Flink 2.3.
    pub fn list_applications(&self) -> Pending<Vec<ApplicationOverview>> {
        self.read_as(
            Operating::new("listing applications").reading(),
            Call::new(&endpoint::APPLICATIONS, &[], "a list of applications"),
            |list: ApplicationsOverview| list.applications,
        )
    }

    /// One application of a Flink 2.3 cluster, with its jobs. `GET /applications/:applicationid`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Unsupported`] before Flink 2.3.
    pub fn application(&self, id: ApplicationId) -> Pending<ApplicationDetails> {
        self.read(
            Operating::new(format!("asking for application {id}")).reading(),
            Call::new(&endpoint::APPLICATION, &[&id], "the details of an application"),
        )
    }

    /// What went wrong in an application of a Flink 2.3 cluster. `GET /applications/:applicationid/exceptions`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Unsupported`] before Flink 2.3.
    pub fn application_exceptions(&self, id: ApplicationId) -> Pending<ExceptionHistory> {
        self.read_as(
            Operating::new(format!("asking for the exceptions of application {id}")).reading(),
            Call::new(&endpoint::APPLICATION_EXCEPTIONS, &[&id], "the exceptions of an application"),
            |answer: ApplicationExceptions| answer.history,
        )
    }

    /// Cancels an application of a Flink 2.3 cluster and its jobs. `POST /applications/:applicationid/cancel`.
    ///
    /// Flink 2.3 has a flaw: cancelling an application whose job could not be initialised ends the JobManager.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also for one that has ended; [`ErrorKind::Unsupported`] before Flink 2.3.
    pub fn cancel_application(&self, id: ApplicationId) -> Pending<Acknowledge> {
        self.read_as(
            Operating::new(format!("cancelling application {id}")),
            Call::new(&endpoint::CANCEL_APPLICATION, &[&id], "an empty answer"),
            |_: EmptyResponse| Acknowledge,
        )
    }

    /// Any resource of the REST API, for what this library does not model: sends `GET` with this path and reads JSON.
    ///
    /// `path` begins with a slash and may have a query; what is in it is sent as it is, so escape what needs it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the path has white space, control characters or no slash at its beginning.
    ///
    /// # Examples
    /// ```no_run
    /// # use flink_client::RestClusterClient;
    /// let client = RestClusterClient::connect("localhost:8081")?;
    /// let dump: serde_json::Value = client.get_json("/jobmanager/thread-dump").wait()?;
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn get_json<T: DeserializeOwned + Send + 'static>(&self, path: &str) -> Pending<T> {
        let odd =
            |c: char| c.is_whitespace() || c.is_control() || !c.is_ascii() || "#\"<>\\^`{|}".contains(c);
        if !path.starts_with('/') || path.contains(odd) {
            let message =
                format!("{path:?} is no path: it begins with a slash and has its odd characters escaped");
            return Pending::failed(Error::new(ErrorKind::InvalidArgument, message));
        }
        self.read(
            Operating::new(format!("reading {path}")).reading(),
            Call::at(&endpoint::ANY, path.to_owned()),
        )
    }
}

/// However they are escaped, some gateways take these for steps in a path, and ask Flink for something else.
fn check_task_manager(id: &str) -> Result<()> {
    match id {
        "" | "." | ".." => {
            let message = format!("{id:?} is not the id of a TaskManager");
            Err(Error::new(ErrorKind::InvalidArgument, message).with_hint("`list_task_managers` gives it"))
        }
        _ => Ok(()),
    }
}
