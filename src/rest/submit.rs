//! Submitting jobs: upload, run, and clean up, exactly once.
//!
//! # Exactly once
//! A jar's job gets its id before the first attempt. When the answer to a run was lost, the cluster is asked for that
//! id; if it is known the job was submitted, else the run is sent again, and a refusal because the id is taken is the
//! first attempt's success. An upload has no id, but a submission's jar has a name of its own: what a lost answer left
//! behind is found by that name, and used; and what is there under that name in the end is removed. A jar that is
//! uploaded to stay keeps its file's name, which tells nothing: it is uploaded again, and a copy may stay.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::details::{ApplicationDetails, JobPlan};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{ApplicationId, JobId};
use crate::java_stream::graph_job_id;
use crate::job::JobStatus;
use crate::pending::operation::Operating;
use crate::plan::{ExecutionPlan, PlanSource, UploadProgress, check_jar_id};
use crate::rest::endpoint;
use crate::rest::messages::{
    DistributedCacheFile, EmptyResponse, JarList, JarPlanRequest, JarRunApplicationResponse, JarRunRequest,
    JarRunResponse, JarUploadResponse, JobExecutionResultResponse, JobPlanResponse, JobStatusInfo,
    JobSubmitRequest, JobSubmitResponse,
};
use crate::rest::multipart::Multipart;
use crate::rest::own_jar::OwnJar;
use crate::rest::request::{Api, Call, Tries, passes, unknown};

const JAR_TYPE: &str = "application/x-java-archive";
const GRAPH_TYPE: &str = "application/octet-stream";

/// Whose the name is that a jar is uploaded under.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// Made up for this one: a jar of this name is this one.
    Own,
    /// The file's, which any other may have.
    Shared,
}

impl Api {
    pub(crate) async fn submit(
        self: &Arc<Self>,
        operating: &Operating,
        plan: &ExecutionPlan,
        // The one chosen for a jar's job, if it may have one; that of a graph is in the graph.
        job_id: Option<JobId>,
    ) -> Result<JobId> {
        plan.check()?;
        match &plan.source {
            PlanSource::Jar(path) => {
                let mut jar = OwnJar::new(self, path);
                let submitted = self.upload_and_run(operating, &mut jar, path, plan, job_id).await;
                jar.remove(operating).await;
                submitted
            }
            PlanSource::UploadedJar(id) => {
                check_jar_id(id)?;
                self.run_jar(operating, &mut Tries::new(), id, plan, job_id).await
            }
            PlanSource::Graph { graph, jars, artifacts } => {
                let mut files = Multipart::new();
                let graph_name = file_name(graph);
                let mut names = BTreeSet::from([graph_name.clone()]);
                files = files.file("file_0", &graph_name, GRAPH_TYPE, graph);
                let mut jar_names = Vec::with_capacity(jars.len());
                let mut artifact_files = Vec::with_capacity(artifacts.len());
                let all = jars
                    .iter()
                    .map(|jar| (None, jar))
                    .chain(artifacts.iter().map(|(name, path)| (Some(name), path)));
                for (number, (artifact, path)) in all.enumerate() {
                    let mut name = file_name(path);
                    // The server tells files apart by their names only.
                    while !names.insert(name.clone()) {
                        name = format!("{number}-{name}");
                    }
                    let (field, content_type) = (
                        format!("file_{}", number + 1),
                        if artifact.is_some() { GRAPH_TYPE } else { JAR_TYPE },
                    );
                    files = files.file(&field, &name, content_type, path);
                    match artifact {
                        None => jar_names.push(name),
                        Some(entry) => {
                            artifact_files
                                .push(DistributedCacheFile { entry_name: entry.clone(), file_name: name });
                        }
                    }
                }
                let request = JobSubmitRequest {
                    execution_plan_file_name: None,
                    job_graph_file_name: Some(&graph_name),
                    job_jar_file_names: &jar_names,
                    job_artifact_file_names: &artifact_files,
                };
                let request = serde_json::to_string(&request).unwrap_or_default();
                let body = files.json("request", request).on_progress(plan.on_upload.clone());
                self.submit_graph(operating, &body, graph, plan.job_id).await
            }
        }
    }

    /// Uploads and runs a jar; once more from the upload on if the JobManager that had the jar is gone.
    async fn upload_and_run(
        &self,
        operating: &Operating,
        jar: &mut OwnJar,
        path: &Path,
        plan: &ExecutionPlan,
        job_id: Option<JobId>,
    ) -> Result<JobId> {
        let mut tries = Tries::new();
        let mut uploads = 0;
        loop {
            uploads += 1;
            let id = jar.upload(operating, path, plan.on_upload.clone()).await?;
            match self.run_jar(operating, &mut tries, &id, plan, job_id).await {
                Err(error)
                    if error.kind() == ErrorKind::JarNotFound && uploads <= self.retry.max_attempts =>
                {
                    log::warn!("{}: uploading the jar again: {error}", operating.name);
                }
                submitted => return submitted,
            }
        }
    }

    /// Uploads a jar that stays, and gives its id. Others may have jars of the same name, there before or just come, and
    /// each JobManager its own: none of them is taken for this one, or removed.
    pub(crate) async fn upload_jar(&self, operating: &Operating, path: &Path) -> Result<String> {
        let mut tries = Tries::new();
        let id = self.upload(operating, &mut tries, path, &file_name(path), Name::Shared, None).await?;
        if tries.perhaps_sent() {
            log::warn!("{}: the answer was lost once, so a copy of the jar {id} may stay", operating.name);
        }
        Ok(id)
    }

    /// Uploads a jar and gives its id. When an answer was lost, a jar whose name nobody else has is looked for by that.
    pub(super) async fn upload(
        &self,
        operating: &Operating,
        tries: &mut Tries,
        path: &Path,
        name: &str,
        whose: Name,
        progress: Option<UploadProgress>,
    ) -> Result<String> {
        let body = Multipart::new().file("jarfile", name, JAR_TYPE, path).on_progress(progress);
        let call =
            Call::new(&endpoint::UPLOAD_JAR, &[], "the name of an uploaded jar").multipart(&body).patient();
        loop {
            let error = match self.call::<JarUploadResponse>(operating, tries, &call).await {
                Ok(uploaded) => return Ok(uploaded.jar_id().to_owned()),
                Err(error) if tries.perhaps_sent() => error,
                Err(error) => return Err(error),
            };
            self.pause(operating, tries, error).await.map_err(|error| tries.give_up(error))?;
            if whose == Name::Own {
                let there = self.jars_named(operating, name).await.map_err(|error| tries.give_up(error))?;
                if let Some(jar) = there.into_iter().next() {
                    return Ok(jar);
                }
            }
        }
    }

    pub(super) async fn jars_named(&self, operating: &Operating, name: &str) -> Result<BTreeSet<String>> {
        let list: JarList = self.get(operating, Call::new(&endpoint::JARS, &[], "a list of jars")).await?;
        Ok(list.files.into_iter().filter(|jar| jar.name == name).map(|jar| jar.id).collect())
    }

    /// Removes an uploaded jar. One that is gone when an earlier attempt of this went unanswered was removed by it.
    pub(crate) async fn delete_jar(&self, operating: &Operating, id: &str) -> Result<()> {
        let mut tries = Tries::new();
        check_jar_id(id)?;
        let call = Call::new(&endpoint::DELETE_JAR, &[&id], "an empty answer");
        match self.call::<EmptyResponse>(operating, &mut tries, &call).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::JarNotFound && tries.perhaps_sent() => Ok(()),
            Err(error) => Err(tries.give_up_unanswered(error).with_jar_id(id)),
        }
    }

    async fn run_jar(
        &self,
        operating: &Operating,
        tries: &mut Tries,
        jar: &str,
        plan: &ExecutionPlan,
        job_id: Option<JobId>,
    ) -> Result<JobId> {
        let call = Call::new(&endpoint::RUN_JAR, &[&jar], "the id of a job").patient().json(&JarRunRequest {
            program: program(plan, job_id),
            savepoint_path: plan.savepoint.as_deref(),
            allow_non_restored_state: plan.allow_non_restored_state,
            claim: plan.claim_mode.into(),
            application_id: None,
        });
        loop {
            let error = match self.call::<JarRunResponse>(operating, tries, &call).await {
                Ok(run) => return Ok(run.job_id),
                Err(error) => about(error, job_id).with_jar_id(jar),
            };
            // Nobody else can have an id that was made up here: the program itself submitted it before.
            if error.kind() == ErrorKind::DuplicateJob
                && let (Some(job_id), None, false) = (job_id, plan.job_id, tries.perhaps_sent())
            {
                return Err(more_than_one_job(error, job_id));
            }
            match self.submitted_before(operating, tries, error, job_id).await? {
                Some(job_id) => return Ok(job_id),
                None => continue,
            }
        }
    }

    /// What a jar's program would run. A jar of this machine is there for it only.
    pub(crate) async fn jar_plan(
        self: &Arc<Self>,
        operating: &Operating,
        plan: &ExecutionPlan,
    ) -> Result<JobPlan> {
        plan.check()?;
        match &plan.source {
            PlanSource::Jar(path) => {
                let mut jar = OwnJar::new(self, path);
                let planned = match jar.upload(operating, path, plan.on_upload.clone()).await {
                    Ok(id) => self.plan_of(operating, &id, plan).await,
                    Err(error) => Err(error),
                };
                jar.remove(operating).await;
                planned
            }
            PlanSource::UploadedJar(id) => {
                check_jar_id(id)?;
                self.plan_of(operating, id, plan).await
            }
            PlanSource::Graph { .. } => Err(Error::new(
                ErrorKind::InvalidArgument,
                "a serialised graph is no program that could be asked for its graph",
            )),
        }
    }

    async fn plan_of(&self, operating: &Operating, jar: &str, plan: &ExecutionPlan) -> Result<JobPlan> {
        let call = Call::new(&endpoint::JAR_PLAN, &[&jar], "the plan of a job").patient();
        let call = call.json(&program(plan, plan.job_id));
        // A question, although it is a POST: a lost answer leaves nothing to be looked up.
        Ok(self.call::<JobPlanResponse>(operating, &mut Tries::new(), &call).await?.plan)
    }

    /// Runs an uploaded jar as an application of Flink 2.3, under this id.
    pub(crate) async fn run_application(
        &self,
        operating: &Operating,
        plan: &ExecutionPlan,
        id: ApplicationId,
    ) -> Result<ApplicationId> {
        plan.check()?;
        let jar = plan.uploaded_jar_id()?;
        let call = Call::new(&endpoint::RUN_APPLICATION, &[&jar], "the id of an application").patient().json(
            &JarRunRequest {
                program: program(plan, plan.job_id),
                savepoint_path: plan.savepoint.as_deref(),
                allow_non_restored_state: plan.allow_non_restored_state,
                claim: plan.claim_mode.into(),
                application_id: Some(id),
            },
        );
        let mut tries = Tries::new();
        loop {
            let error = match self.call::<JarRunApplicationResponse>(operating, &mut tries, &call).await {
                Ok(run) => return Ok(run.application_id),
                Err(error) => error.with_jar_id(jar),
            };
            match error.kind() {
                ErrorKind::DuplicateJob if tries.perhaps_sent() => return Ok(id),
                _ if !tries.perhaps_sent() => return Err(error),
                _ => {}
            }
            let answered = if passes(&error) {
                self.pause(operating, &mut tries, error).await.map_err(|error| tries.give_up(error))?;
                None
            } else {
                Some(error)
            };
            let look = Call::new(&endpoint::APPLICATION, &[&id], "the details of an application");
            let missing = match self.look::<ApplicationDetails>(operating, &mut tries, look).await {
                Ok(_) => return Ok(id),
                Err(error) if error.kind() == ErrorKind::NotFound => error,
                Err(error) => return Err(tries.give_up(error)),
            };
            match answered {
                // Jars go with their JobManager, as what it remembers of applications does.
                Some(error) if error.kind() == ErrorKind::JarNotFound => {
                    return Err(unknown("it is not known whether an earlier attempt took effect", error));
                }
                Some(error) => return Err(tries.give_up(error)),
                None if tries.leader_changed() => return Err(tries.give_up(missing)),
                None => {}
            }
        }
    }

    async fn submit_graph(
        &self,
        operating: &Operating,
        body: &Multipart,
        graph: &Path,
        job_id: Option<JobId>,
    ) -> Result<JobId> {
        let call = Call::new(&endpoint::SUBMIT, &[], "the address of a job").multipart(body).patient();
        let mut tries = Tries::new();
        loop {
            let error = match self.call::<JobSubmitResponse>(operating, &mut tries, &call).await {
                Ok(submitted) => {
                    let id = submitted.job_url.rsplit('/').next().unwrap_or_default();
                    return id.parse().map_err(|error| {
                        Error::new(
                            ErrorKind::Decode,
                            format!("the server answers with no job's address: {error}"),
                        )
                    });
                }
                Err(error) => error,
            };
            let job_id = job_id.or_else(|| job_id_of(graph));
            let error = about(error, job_id);
            match self.submitted_before(operating, &mut tries, error, job_id).await? {
                Some(job_id) => return Ok(job_id),
                None => continue,
            }
        }
    }

    /// A submission failed. Finds out whether it, or one before it, has been accepted all the same: then its id;
    /// `None` if the submission is to be sent again.
    async fn submitted_before(
        &self,
        operating: &Operating,
        tries: &mut Tries,
        error: Error,
        job_id: Option<JobId>,
    ) -> Result<Option<JobId>> {
        if !tries.perhaps_sent() {
            return Err(error);
        }
        let Some(job_id) = job_id else {
            // Nothing to look by.
            let error = tries.give_up(error);
            return Err(match error.kind() {
                ErrorKind::OutcomeUnknown => {
                    error.with_hint("see whether it is in the list of jobs before it is done again")
                }
                _ => error,
            });
        };
        let answered = if passes(&error) {
            self.pause(operating, tries, error)
                .await
                .map_err(|error| tries.give_up(error).with_job_id(job_id))?;
            None
        } else {
            Some(error)
        };
        let missing = match self.initialized(operating, tries, job_id).await {
            Ok(job_id) => return Ok(Some(job_id)),
            Err(error) if error.kind() != ErrorKind::JobNotFound => {
                return Err(tries.give_up(error).with_job_id(job_id));
            }
            Err(error) => error,
        };
        match answered {
            Some(error) if error.kind() == ErrorKind::DuplicateJob => {
                let message = "the answer was lost, and then the job was refused as one that is there already; but \
                               the cluster knows none of this id";
                let hint =
                    "see that the id is the one in the graph; a job that has ended may have been forgotten";
                let unknown = error.with_kind(ErrorKind::OutcomeUnknown).with_message(message);
                Err(unknown.with_hint(hint))
            }
            // Jars go with their JobManager, as what it remembers of jobs does.
            Some(error) if error.kind() == ErrorKind::JarNotFound => Err(forgotten(error, job_id)),
            Some(error) => Err(tries.give_up(error)),
            None if !tries.leader_changed() => Ok(None),
            None => Err(forgotten(missing, job_id)),
        }
    }

    /// The job's id, if the cluster knows it; an error if it could not even be initialised. Waits for that, as the
    /// submission itself would have.
    async fn initialized(&self, operating: &Operating, tries: &mut Tries, job_id: JobId) -> Result<JobId> {
        let mut looks = 0;
        let status = loop {
            let call = Call::new(&endpoint::JOB_STATUS, &[&job_id], "the status of a job");
            match self.look::<JobStatusInfo>(operating, tries, call).await?.status {
                JobStatus::Initializing => self.between_looks(operating, &mut looks).await,
                status => break status,
            }
        };
        if status == JobStatus::Failed {
            let call = Call::new(&endpoint::JOB_RESULT, &[&job_id], "the result of a job");
            let result = self.look::<JobExecutionResultResponse>(operating, tries, call).await?;
            if let Some(result) = result.into_result()? {
                let failure = result.failure();
                let at_start = matches!(
                    failure.kind(),
                    ErrorKind::JobInitializationFailed
                        | ErrorKind::SavepointNotFound
                        | ErrorKind::NonRestoredState
                );
                if at_start {
                    return Err(failure);
                }
            }
        }
        Ok(job_id)
    }
}

/// The duplicate is the program's own first job.
pub(crate) fn more_than_one_job(duplicate: Error, job_id: JobId) -> Error {
    let message = format!(
        "the program submits more than one job, of which only the first, {job_id}, was accepted: the id of a job is \
         chosen beforehand here, and each of the program's jobs wants it"
    );
    duplicate.with_kind(ErrorKind::ProgramFailed).with_message(message).with_job_id(job_id).with_hint(
        "submit it as a plan of `several_jobs`, or run it as an application, or one job per program",
    )
}

fn about(error: Error, job_id: Option<JobId>) -> Error {
    match job_id {
        Some(job_id) => error.with_job_id(job_id),
        None => error,
    }
}

/// Whoever may have taken the job may be gone: that the cluster does not know it proves nothing.
fn forgotten(error: Error, job_id: JobId) -> Error {
    let message = "the answer was lost, and the cluster may have changed its leader since: it is not known whether \
                   the job was submitted";
    error.with_kind(ErrorKind::OutcomeUnknown).with_message(message).with_job_id(job_id)
}

fn program(plan: &ExecutionPlan, job_id: Option<JobId>) -> JarPlanRequest<'_> {
    JarPlanRequest {
        entry_class: plan.entry_class.as_deref(),
        program_args_list: &plan.args,
        parallelism: plan.parallelism,
        job_id,
        flink_configuration: (!plan.configuration.is_empty()).then_some(&plan.configuration),
    }
}

/// Graphs are some kilobytes, with large closures some megabytes. One beyond this is not read for its id.
const LARGEST_READ_GRAPH: u64 = 16 << 20;

/// The id of the job that a serialised graph describes, if it can be read.
fn job_id_of(graph: &Path) -> Option<JobId> {
    let mut bytes = Vec::new();
    // One byte more than is wanted tells that there are more.
    File::open(graph).ok()?.take(LARGEST_READ_GRAPH + 1).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 > LARGEST_READ_GRAPH {
        return None;
    }
    graph_job_id(&bytes).map(JobId::from_bytes)
}

/// The file's name as the server will know it, without what would have to be escaped on the way: whether that is undone
/// there is not certain, and requests name the file again.
pub(crate) fn file_name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.replace(|c: char| matches!(c, '"' | '\\') || c.is_control(), "_")
}
