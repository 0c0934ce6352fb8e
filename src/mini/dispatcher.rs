//! All that can be asked of a cluster, with Flink's answers: what the client and the REST API are in front of.
//!
//! A method answers at once with an [`Answer`], or with a [`Pending`] of one where Flink lets its caller wait: the
//! cluster closing fails that with `Closed`. An [`Answer`]'s error is the exception that Flink's dispatcher throws; who
//! shows it decides on statuses and wrappings.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use super::accumulators::AccumulatorEntry;
use super::core::{Core, Effects, Settings, State};
use super::exception::JavaException;
use super::graph::{JobGraph, Restore, Setting};
use super::job::checkpoint::{self, Purpose};
use super::job::{Job, run, submit, views};
use super::program::{IntoJobs, MiniJob, MiniProgram, ProgramFn};
use super::task::CoordinationRequest;
use super::{Answer, jars, savepoint_store, wording};
use crate::config::Configuration;
use crate::details::{
    ApplicationDetails, ApplicationOverview, CheckpointConfig, CheckpointStatistics, CheckpointingStatistics,
    ExceptionHistory, JarInfo, JobConfigInfo, JobDetails, JobPlan, JobResourceRequirements, JobVertexDetails,
};
use crate::ids::{ApplicationId, IntermediateDataSetId, JobId, JobVertexId, TriggerId};
use crate::job::{JobStatus, JobStatusMessage};
use crate::job_result::JobResult;
use crate::pending::Pending;
use crate::savepoint::{CheckpointType, ClaimMode, SavepointFormatType};

/// The dispatcher of a cluster. Cheap to clone; keeps no cluster open.
#[derive(Clone, Debug)]
pub(crate) struct Dispatcher {
    core: Arc<Core>,
}

/// How a program is to be run.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunRequest {
    pub(crate) entry_class: Option<String>,
    pub(crate) args: Vec<String>,
    pub(crate) parallelism: Option<u32>,
    pub(crate) job_id: Option<JobId>,
    pub(crate) savepoint: Option<String>,
    pub(crate) claim_mode: Option<ClaimMode>,
    pub(crate) allow_non_restored_state: Option<bool>,
    pub(crate) configuration: BTreeMap<String, String>,
}

impl Dispatcher {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.core.settings
    }

    /// Milliseconds since 1970, by the cluster's clock.
    pub(crate) fn now(&self) -> i64 {
        self.core.clock.millis()
    }

    /// Whether the cluster serves. If not, REST is to answer as while no dispatcher leads.
    pub(crate) fn is_open(&self) -> bool {
        self.core.act(|state, _| state.open)
    }

    /// Ends the cluster, on a thread of its own.
    pub(crate) fn shut_down(&self) {
        self.core.close_elsewhere();
    }

    // Programs and jars.

    pub(crate) fn register(&self, class: String, program: Arc<ProgramFn>) {
        self.core.act(|state, _| state.programs.insert(class, program));
    }

    /// The directory of uploaded jars, as answers show it.
    pub(crate) fn jar_directory(&self) -> PathBuf {
        self.core.jars.directory().to_owned()
    }

    /// Stores a jar; its path. The last component is its id.
    pub(crate) fn upload_jar(&self, name: &str, content: &mut dyn Read) -> Answer<PathBuf> {
        self.core.jars.store(name, content)
    }

    pub(crate) fn list_jars(&self) -> Vec<JarInfo> {
        self.core.jars.list()
    }

    pub(crate) fn delete_jar(&self, id: &str) -> Answer<()> {
        self.core.jars.delete(id)
    }

    /// Runs the program of an uploaded jar; the id of its (first) job, once that has been initialised.
    pub(crate) fn run_jar(&self, jar_id: &str, request: &RunRequest) -> Pending<Answer<JobId>> {
        match self.core.jars.entry_class(jar_id, request.entry_class.as_deref()) {
            Ok(class) => self.run(class, request, None),
            Err(exception) => Pending::ready(Err(exception)),
        }
    }

    /// Runs the program of a jar file that was not uploaded.
    pub(crate) fn run_jar_file(
        &self,
        path: &std::path::Path,
        request: &RunRequest,
    ) -> Pending<Answer<JobId>> {
        match jars::entry_class(path, request.entry_class.as_deref()) {
            Ok(class) => self.run(class, request, None),
            Err(exception) => Pending::ready(Err(exception)),
        }
    }

    /// Runs the program of an uploaded jar as an application of its own; answers once the program is known.
    pub(crate) fn run_application(
        &self,
        jar_id: &str,
        request: &RunRequest,
        id: Option<ApplicationId>,
    ) -> Answer<ApplicationId> {
        let class = self.core.jars.entry_class(jar_id, request.entry_class.as_deref())?;
        let id = id.unwrap_or_else(ApplicationId::random);
        let known = self.core.act(|state, effects| {
            if !state.programs.contains_key(&class) {
                return Err(wording::entry_class_not_found(&class));
            }
            if !state.applications.begin(id, class.clone(), false, effects.now) {
                return Err(JavaException::new(wording::REST_HANDLER, "Could not submit application.")
                    .caused_by(JavaException::new(
                        "org.apache.flink.runtime.client.DuplicateApplicationSubmissionException",
                        "Application has already been submitted.",
                    )));
            }
            Ok(())
        });
        known?;
        // Nobody waits for it: what becomes of it is the application's to tell.
        drop(self.run(class, request, Some(id)));
        Ok(id)
    }

    /// The graph of the job that a run of the jar would submit.
    pub(crate) fn jar_plan(&self, jar_id: &str, request: &RunRequest) -> Pending<Answer<JobPlan>> {
        let class = match self.core.jars.entry_class(jar_id, request.entry_class.as_deref()) {
            Ok(class) => class,
            Err(exception) => return Pending::ready(Err(exception)),
        };
        let (promise, pending) = Pending::promise();
        self.in_main(class, request, move |_, main| {
            let plan = main.and_then(|(jobs, setting)| {
                let job = jobs.into_iter().next().ok_or_else(wording::plan_without_job)?;
                let graph = JobGraph::new(job, setting).map_err(wording::plan_failed)?;
                let parallelisms: Vec<_> = graph.vertices.iter().map(|vertex| vertex.parallelism).collect();
                Ok(views::plan(&graph, &parallelisms))
            });
            promise.complete(Ok(plan));
        });
        pending
    }

    fn run(
        &self,
        class: String,
        request: &RunRequest,
        application: Option<ApplicationId>,
    ) -> Pending<Answer<JobId>> {
        let (promise, pending) = Pending::promise();
        self.in_main(class, request, move |core, main| {
            let graphs = main.and_then(|(jobs, setting)| {
                let mut graphs = Vec::with_capacity(jobs.len());
                for job in jobs {
                    let first = graphs.is_empty();
                    let job_id = if first { setting.job_id } else { JobId::random() };
                    let setting = Setting { job_id, ..setting.clone() };
                    graphs.push(JobGraph::new(job, setting).map_err(wording::main_failed)?);
                }
                Ok(graphs)
            });
            let well = graphs.is_ok();
            let mut promise = Some(promise);
            match graphs {
                Err(exception) => {
                    if let Some(promise) = promise.take() {
                        promise.complete(Ok(Err(exception)));
                    }
                }
                Ok(graphs) => {
                    for graph in graphs {
                        let (id, name) = (graph.job_id, graph.name.clone());
                        let promise = promise.take();
                        let answer = move |initialized: Answer<()>| {
                            let answer = initialized.map(|()| id).map_err(|cause| {
                                let cause = match cause.class() {
                                    wording::INITIALIZATION => wording::rethrown(cause),
                                    _ => cause,
                                };
                                wording::main_failed(wording::execute_failed(&name, cause))
                            });
                            if let Some(promise) = promise {
                                promise.complete(Ok(answer));
                            }
                        };
                        core.act(|state, effects| submit_job(state, effects, graph, application, answer));
                    }
                    if let Some(promise) = promise.take() {
                        promise.complete(Ok(Err(wording::no_jobs())));
                    }
                }
            }
            if let Some(application) = application {
                core.act(|state, effects| state.applications.main_done(application, well, effects.now));
            }
        });
        pending
    }

    /// Runs `main` of a program on a thread for programs, and goes on with what it built.
    fn in_main(
        &self,
        class: String,
        request: &RunRequest,
        then: impl FnOnce(&Arc<Core>, Result<(Vec<MiniJob>, Setting), JavaException>) + Send + 'static,
    ) {
        let program = self.core.act(|state, _| state.programs.get(&class).cloned());
        let Some(program) = program else {
            then(&self.core, Err(wording::entry_class_not_found(&class)));
            return;
        };
        let setting = self.setting(request);
        let (parallelism, job_id) = (request.parallelism, request.job_id);
        let core = Arc::clone(&self.core);
        let spawned = self.core.programs.run(move || {
            let main = match parallelism {
                Some(0) => Err(wording::bad_parallelism()),
                _ => {
                    let call = MiniProgram {
                        entry_class: class,
                        args: Arc::clone(&setting.args),
                        parallelism: setting.parallelism,
                        configuration: Arc::clone(&setting.configuration),
                        job_id,
                    };
                    catch_unwind(AssertUnwindSafe(|| program(&call)))
                        .unwrap_or_else(|payload| Err(JavaException::from_panic(&*payload)))
                }
            };
            then(&core, main.map(|jobs| (jobs, setting)).map_err(wording::main_failed));
        });
        if let Err(error) = spawned {
            // What was to come next is dropped, and with it the promise.
            log::error!("the mini cluster gets no thread for a program: {error}");
        }
    }

    /// Submits a job that was built here.
    pub(crate) fn submit(&self, job: MiniJob, request: &RunRequest) -> Pending<Answer<JobId>> {
        let graph = match JobGraph::new(job, self.setting(request)) {
            Ok(graph) => graph,
            Err(exception) => return Pending::ready(Err(exception)),
        };
        let (promise, pending) = Pending::promise();
        let id = graph.job_id;
        let answer = move |initialized: Answer<()>| promise.complete(Ok(initialized.map(|()| id)));
        self.core.act(|state, effects| submit_job(state, effects, graph, None, answer));
        pending
    }

    fn setting(&self, request: &RunRequest) -> Setting {
        let settings = &self.core.settings;
        let mut configuration = settings.configuration.clone();
        for (key, value) in &request.configuration {
            configuration.set_raw(key, value);
        }
        let restore = request.savepoint.clone().filter(|path| !path.is_empty()).map(|path| Restore {
            path,
            claim_mode: request
                .claim_mode
                .or_else(|| claim_mode(&configuration))
                .unwrap_or(ClaimMode::NoClaim),
            allow_non_restored_state: request.allow_non_restored_state.unwrap_or_else(|| {
                configuration.get_raw("execution.state-recovery.ignore-unclaimed-state") == Some("true")
            }),
        });
        Setting {
            job_id: request.job_id.unwrap_or_else(JobId::random),
            args: request.args.iter().cloned().collect(),
            parallelism: request.parallelism.unwrap_or(settings.parallelism),
            configuration: Arc::new(configuration),
            restore,
        }
    }

    // Jobs.

    /// Looks at a job.
    fn look<R>(&self, id: JobId, look: impl FnOnce(&Job, i64) -> R) -> Answer<R> {
        self.core.act(|state, effects| {
            super::job::forget(state, effects.now);
            state.jobs.get(&id).map(|job| look(job, effects.now)).ok_or_else(|| wording::job_not_found(id))
        })
    }

    /// The newest first.
    pub(crate) fn list_jobs(&self) -> Vec<JobStatusMessage> {
        let settings = &self.core.settings;
        self.core.act(|state, effects| {
            super::job::forget(state, effects.now);
            let mut jobs: Vec<_> = state.jobs.values().collect();
            jobs.sort_unstable_by_key(|job| std::cmp::Reverse(job.number));
            jobs.into_iter().map(|job| job.message(settings, effects.now)).collect()
        })
    }

    pub(crate) fn job_status(&self, id: JobId) -> Answer<JobStatus> {
        self.look(id, |job, _| job.status)
    }

    pub(crate) fn job_details(&self, id: JobId) -> Answer<JobDetails> {
        self.look(id, |job, now| job.details(&self.core.settings, now))
    }

    pub(crate) fn job_config(&self, id: JobId) -> Answer<JobConfigInfo> {
        self.look(id, |job, _| job.config())
    }

    pub(crate) fn job_plan(&self, id: JobId) -> Answer<JobPlan> {
        self.look(id, |job, now| job.details(&self.core.settings, now).plan)
    }

    /// The job's result: `None` while it has not ended.
    pub(crate) fn job_result(&self, id: JobId) -> Answer<Option<JobResult>> {
        self.look(id, |job, _| job.status.is_globally_terminal().then(|| job.result()))
    }

    /// Why the job failed, if it did: for those who want more than the text.
    pub(crate) fn job_failure(&self, id: JobId) -> Answer<Option<JavaException>> {
        self.look(id, |job, _| job.failure.clone().filter(|_| job.status == JobStatus::Failed))
    }

    /// The job's result when it has ended.
    pub(crate) fn await_job_result(&self, id: JobId) -> Pending<Answer<JobResult>> {
        let (promise, pending) = Pending::promise();
        self.core.act(|state, effects| {
            super::job::forget(state, effects.now);
            match state.jobs.get_mut(&id) {
                None => promise.complete(Ok(Err(wording::job_not_found(id)))),
                Some(job) if job.status.is_globally_terminal() => promise.complete(Ok(Ok(job.result()))),
                Some(job) => job.result_waiters.push(promise),
            }
        });
        pending
    }

    pub(crate) fn accumulators(&self, id: JobId) -> Answer<Vec<AccumulatorEntry>> {
        self.look(id, |job, _| job.accumulators(None))
    }

    pub(crate) fn exceptions(&self, id: JobId, most: usize) -> Answer<ExceptionHistory> {
        self.look(id, |job, _| job.exceptions(&self.core.settings, most))
    }

    pub(crate) fn vertex(&self, id: JobId, vertex: JobVertexId) -> Answer<JobVertexDetails> {
        self.look(id, |job, now| {
            let index = job.graph.vertex(vertex).ok_or_else(|| wording::no_such_vertex(vertex))?;
            Ok(job.vertex_details(index, &self.core.settings, now))
        })?
    }

    pub(crate) fn vertex_accumulators(
        &self,
        id: JobId,
        vertex: JobVertexId,
    ) -> Answer<Vec<AccumulatorEntry>> {
        self.look(id, |job, _| {
            let index = job.graph.vertex(vertex).ok_or_else(|| wording::no_such_vertex(vertex))?;
            Ok(job.accumulators(Some(index)))
        })?
    }

    /// Answers when the order is taken; for a job that initialises, when it has been initialised.
    pub(crate) fn cancel(&self, id: JobId) -> Pending<Answer<()>> {
        let (promise, pending) = Pending::promise();
        self.core.act(|state, effects| {
            super::job::forget(state, effects.now);
            run::cancel(state, effects, id, promise);
        });
        pending
    }

    // Savepoints and checkpoints.

    /// Begins a savepoint under a trigger id; one that is known already is not begun again.
    ///
    /// # Errors
    /// Only that there is no directory. All else is the operation's outcome.
    pub(crate) fn trigger_savepoint(
        &self,
        id: JobId,
        trigger: TriggerId,
        directory: Option<&str>,
        format: SavepointFormatType,
        cancel: bool,
    ) -> Answer<()> {
        let directory = self.savepoint_directory(directory, "target-directory")?;
        self.begin(id, trigger, Purpose::Savepoint { trigger, format, cancel }, &directory);
        Ok(())
    }

    /// Begins a stop; as [`trigger_savepoint`](Self::trigger_savepoint), with which it shares its trigger ids.
    pub(crate) fn stop(
        &self,
        id: JobId,
        trigger: TriggerId,
        directory: Option<&str>,
        format: SavepointFormatType,
        drain: bool,
    ) -> Answer<()> {
        let directory = self.savepoint_directory(directory, "targetDirectory")?;
        self.begin(id, trigger, Purpose::Stop { trigger, format, drain }, &directory);
        Ok(())
    }

    fn savepoint_directory(&self, given: Option<&str>, field: &str) -> Answer<String> {
        let configured = || self.core.settings.savepoint_directory.as_deref();
        given
            .or_else(configured)
            .map(str::to_owned)
            .ok_or_else(|| wording::savepoint_directory_missing(field))
    }

    fn begin(&self, id: JobId, trigger: TriggerId, purpose: Purpose, directory: &str) {
        let local = savepoint_store::local_path(directory).map_err(wording::checkpoint_io);
        self.core.act(|state, effects| {
            if !state.operations.savepoints.begin(
                (id, trigger),
                effects.now,
                state.settings.async_store_millis,
            ) {
                return;
            }
            // A job that is not there matters more than where its savepoint should have been.
            let begun = match local {
                Ok(local) => checkpoint::trigger(state, effects, id, purpose, Some(local)),
                Err(_) if state.jobs.get(&id).is_none_or(|job| job.status.is_terminal()) => {
                    Err(wording::job_not_found(id))
                }
                Err(exception) => Err(exception),
            };
            if let Err(exception) = begun {
                let outcome = Err(JavaException::completion(exception));
                state.operations.savepoints.end((id, trigger), outcome, effects.now);
            }
        });
    }

    /// How far a savepoint or stop is: `None` while it goes on.
    ///
    /// # Errors
    /// There is no such operation.
    pub(crate) fn savepoint_status(&self, id: JobId, trigger: TriggerId) -> Answer<Option<Answer<String>>> {
        self.core.act(|state, effects| {
            let kept = state.settings.async_store_millis;
            state
                .operations
                .savepoints
                .look((id, trigger), effects.now, kept)
                .ok_or_else(|| wording::no_such_operation("savepoint", id, trigger))
        })
    }

    /// The outcome of a savepoint or stop when there is one.
    pub(crate) fn await_savepoint(&self, id: JobId, trigger: TriggerId) -> Pending<Answer<String>> {
        let (promise, pending) = Pending::promise();
        self.core.act(|state, _| {
            let unknown = || wording::no_such_operation("savepoint", id, trigger);
            state.operations.savepoints.wait((id, trigger), promise, unknown);
        });
        pending
    }

    /// Begins a checkpoint under a trigger id.
    ///
    /// # Errors
    /// Only that there is no such kind.
    pub(crate) fn trigger_checkpoint(
        &self,
        id: JobId,
        trigger: TriggerId,
        kind: CheckpointType,
    ) -> Answer<()> {
        if kind == CheckpointType::Incremental {
            return Err(wording::incremental_unsupported());
        }
        self.core.act(|state, effects| {
            if !state.operations.checkpoints.begin(
                (id, trigger),
                effects.now,
                state.settings.async_store_millis,
            ) {
                return;
            }
            let begun = checkpoint::trigger(state, effects, id, Purpose::Asked(trigger), None);
            if let Err(exception) = begun {
                let outcome = Err(JavaException::completion(exception));
                state.operations.checkpoints.end((id, trigger), outcome, effects.now);
            }
        });
        Ok(())
    }

    /// As [`savepoint_status`](Self::savepoint_status), for checkpoints.
    pub(crate) fn checkpoint_status(&self, id: JobId, trigger: TriggerId) -> Answer<Option<Answer<u64>>> {
        self.core.act(|state, effects| {
            let kept = state.settings.async_store_millis;
            state
                .operations
                .checkpoints
                .look((id, trigger), effects.now, kept)
                .ok_or_else(|| wording::no_such_operation("checkpoint", id, trigger))
        })
    }

    /// The outcome of a checkpoint when there is one.
    pub(crate) fn await_checkpoint(&self, id: JobId, trigger: TriggerId) -> Pending<Answer<u64>> {
        let (promise, pending) = Pending::promise();
        self.core.act(|state, _| {
            let unknown = || wording::no_such_operation("checkpoint", id, trigger);
            state.operations.checkpoints.wait((id, trigger), promise, unknown);
        });
        pending
    }

    pub(crate) fn checkpoints(&self, id: JobId) -> Answer<CheckpointingStatistics> {
        self.look(id, |job, _| {
            if job.initialized {
                Ok(job.checkpoints.statistics.overview())
            } else {
                Err(wording::initializing())
            }
        })?
    }

    /// With the part of each vertex.
    pub(crate) fn checkpoint_details(&self, id: JobId, checkpoint: u64) -> Answer<CheckpointStatistics> {
        self.look(id, |job, _| {
            let details = job.checkpoints.statistics.details(checkpoint);
            details.ok_or_else(|| wording::no_such_checkpoint(checkpoint))
        })?
    }

    pub(crate) fn checkpoint_config(&self, id: JobId) -> Answer<CheckpointConfig> {
        self.look(id, |job, _| job.checkpoint_config(&self.core.settings))
    }

    /// Begins to remove a savepoint.
    pub(crate) fn dispose_savepoint(&self, path: &str, trigger: TriggerId) {
        let path = path.to_owned();
        self.core.act(|state, effects| {
            if !state.operations.disposals.begin(trigger, effects.now, state.settings.async_store_millis) {
                return;
            }
            effects.with_files(move |core| {
                let disposed =
                    savepoint_store::dispose(&path).map_err(|cause| wording::disposal_failed(&path, cause));
                core.act(|state, effects| state.operations.disposals.end(trigger, disposed, effects.now));
            });
        });
    }

    pub(crate) fn disposal_status(&self, trigger: TriggerId) -> Answer<Option<Answer<()>>> {
        self.core.act(|state, effects| {
            let kept = state.settings.async_store_millis;
            state.operations.disposals.look(trigger, effects.now, kept).ok_or_else(wording::no_such_key)
        })
    }

    pub(crate) fn await_disposal(&self, trigger: TriggerId) -> Pending<Answer<()>> {
        let (promise, pending) = Pending::promise();
        self.core.act(|state, _| state.operations.disposals.wait(trigger, promise, wording::no_such_key));
        pending
    }

    // The rest of a job.

    /// Hands a request to the operator's task with index 0.
    pub(crate) fn coordinate(&self, id: JobId, operator: &str, bytes: Vec<u8>) -> Pending<Answer<Vec<u8>>> {
        let (promise, pending) = Pending::promise();
        let refused = self.core.act(|state, _| {
            let job = match state.jobs.get(&id).filter(|job| !job.status.is_terminal()) {
                None => return Some((promise, wording::job_not_found(id))),
                Some(job) if !job.initialized => return Some((promise, wording::initializing())),
                Some(job) => job,
            };
            let found = job.graph.operator(operator).filter(|(_, found)| found.coordinated);
            let control = found.and_then(|(vertex, _)| job.vertices[vertex].tasks.first()?.control.as_ref());
            match (found, control) {
                (Some((_, found)), Some(control)) => {
                    let request = CoordinationRequest::new(found.uid.clone(), bytes, promise);
                    // One that comes back is dropped here, and so refused.
                    drop(control.request(request));
                    None
                }
                _ => Some((promise, wording::no_coordinator(operator))),
            }
        });
        if let Some((promise, exception)) = refused {
            promise.complete(Ok(Err(exception)));
        }
        pending
    }

    /// Takes any job id, as Flink does.
    pub(crate) fn heartbeat(&self, id: JobId, expires: i64) {
        self.core.act(|state, _| {
            if state.jobs.contains_key(&id) {
                state.heartbeats.insert(id, expires);
            }
        });
    }

    pub(crate) fn requirements(&self, id: JobId) -> Answer<JobResourceRequirements> {
        self.core.act(|state, _| {
            let job = running(state, id)?;
            if self.core.settings.adaptive { Ok(job.requirements()) } else { Err(wording::not_adaptive()) }
        })
    }

    /// # Errors
    /// Also that the bounds cannot be: all that is wrong with them, a line each, as a `RestHandlerException`.
    pub(crate) fn set_requirements(&self, id: JobId, wanted: &JobResourceRequirements) -> Answer<()> {
        self.core.act(|state, effects| {
            let job = running(state, id)?;
            if !self.core.settings.adaptive {
                return Err(wording::not_adaptive());
            }
            let faults = super::requirements::faults(job, wanted);
            if !faults.is_empty() {
                return Err(JavaException::new(wording::REST_HANDLER, faults.join("\n")));
            }
            super::requirements::apply(state, effects, id, wanted);
            Ok(())
        })
    }

    // Applications.

    pub(crate) fn applications(&self) -> Vec<ApplicationOverview> {
        self.core.act(|state, effects| {
            state.applications.list(effects.now, |job| state.jobs.get(&job).map(|job| job.status))
        })
    }

    pub(crate) fn application(&self, id: ApplicationId) -> Answer<ApplicationDetails> {
        let settings = &self.core.settings;
        self.core.act(|state, effects| {
            let application = state.applications.get(id).ok_or_else(|| wording::no_such_application(id))?;
            let overview =
                application.overview(id, effects.now, |job| state.jobs.get(&job).map(|job| job.status));
            let jobs = application.jobs.keys().filter_map(|job| state.jobs.get(job));
            Ok(ApplicationDetails {
                id,
                name: overview.name,
                status: overview.status,
                start_time: overview.start_time,
                end_time: overview.end_time,
                duration: overview.duration,
                timestamps: application.timestamps.clone(),
                jobs: jobs.map(|job| job.message(settings, effects.now)).collect(),
            })
        })
    }

    /// # Errors
    /// There is no such application, or it has ended.
    pub(crate) fn cancel_application(&self, id: ApplicationId) -> Answer<()> {
        self.core.act(|state, effects| {
            let jobs =
                state.applications.cancel(id, effects.now).ok_or_else(|| wording::no_such_application(id))?;
            for job in jobs {
                run::cancel_job(state, effects, job);
            }
            Ok(())
        })
    }

    // Data sets.

    pub(crate) fn data_sets(&self) -> BTreeSet<IntermediateDataSetId> {
        self.core.act(|state, _| state.data_sets.clone())
    }

    /// Removes a data set; one that is not there is removed as well.
    pub(crate) fn invalidate_data_set(&self, id: IntermediateDataSetId, trigger: TriggerId) {
        self.core.act(|state, effects| {
            if state.operations.data_sets.begin(trigger, effects.now, state.settings.async_store_millis) {
                state.data_sets.remove(&id);
                state.operations.data_sets.end(trigger, Ok(()), effects.now);
            }
        });
    }

    pub(crate) fn data_set_status(&self, trigger: TriggerId) -> Answer<Option<Answer<()>>> {
        self.core.act(|state, effects| {
            let kept = state.settings.async_store_millis;
            state.operations.data_sets.look(trigger, effects.now, kept).ok_or_else(wording::no_such_key)
        })
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

fn claim_mode(configuration: &Configuration) -> Option<ClaimMode> {
    configuration.get_raw("execution.state-recovery.claim-mode")?.to_ascii_uppercase().parse().ok()
}

fn running(state: &State, id: JobId) -> Answer<&Job> {
    match state.jobs.get(&id).filter(|job| !job.status.is_terminal()) {
        None => Err(wording::job_not_found(id)),
        Some(job) if !job.initialized => Err(wording::initializing()),
        Some(job) => Ok(job),
    }
}

fn submit_job(
    state: &mut State,
    effects: &mut Effects,
    graph: JobGraph,
    application: Option<ApplicationId>,
    answer: impl FnOnce(Answer<()>) + Send + 'static,
) {
    if !state.open {
        return;
    }
    super::job::forget(state, effects.now);
    let id = graph.job_id;
    let own = ApplicationId::from_bytes(*id.as_bytes());
    let name = format!("SingleJobApplication({})", graph.name);
    let accepted = submit::submit(state, effects, graph, application.unwrap_or(own), Box::new(answer));
    if accepted {
        if application.is_none() {
            state.applications.begin(own, name, true, effects.now);
        }
        state.applications.add_job(application.unwrap_or(own), id);
    }
}

/// A program as it is registered.
pub(crate) fn program<F, J>(function: F) -> Arc<ProgramFn>
where
    F: Fn(&MiniProgram) -> J + Send + Sync + 'static,
    J: IntoJobs,
{
    Arc::new(move |call| function(call).into_jobs())
}
