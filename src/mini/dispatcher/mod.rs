//! All that can be asked of a cluster, with Flink's answers: what the client and the REST API are in front of.
//!
//! A method answers at once with an [`Answer`], or with a [`Pending`] of one where Flink lets its caller wait: the
//! cluster closing fails that with `Closed`. An [`Answer`]'s error is the exception that Flink's dispatcher throws; who
//! shows it decides on statuses and wrappings.

mod programs;
mod savepoints;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) use self::programs::program;
use super::accumulators::AccumulatorEntry;
use super::core::{Core, Settings, State};
use super::exception::JavaException;
use super::job::{Job, run};
use super::task::CoordinationRequest;
use super::{Answer, inspect, wording};
use crate::details::{
    ApplicationDetails, ApplicationOverview, ClusterOverview, ExceptionHistory, ExecutionState,
    JobConfigInfo, JobDetails, JobPlan, JobResourceRequirements, JobVertexDetails, Metric, TaskManagerInfo,
};
use crate::ids::{ApplicationId, IntermediateDataSetId, JobId, JobVertexId, TriggerId};
use crate::job::{JobStatus, JobStatusMessage};
use crate::job_result::JobResult;
use crate::pending::Pending;
use crate::pending::operation::Operating;
use crate::savepoint::ClaimMode;

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

    /// The same, but not before the outcomes of all operations have been told, as long as they are kept.
    pub(crate) fn shut_down_when_told(&self) {
        let kept = self.core.settings.async_store_duration;
        self.core.act(|state, effects| {
            state.ending = true;
            effects.after(kept, |_, effects| effects.then(Core::close_elsewhere));
        });
    }

    // Jobs.

    /// Looks at a job.
    fn look<R>(&self, id: JobId, look: impl FnOnce(&Job, i64) -> R) -> Answer<R> {
        self.core.act(|state, effects| {
            super::job::forget(state, effects);
            state.jobs.get(&id).map(|job| look(job, effects.now)).ok_or_else(|| wording::job_not_found(id))
        })
    }

    /// The newest first.
    pub(crate) fn list_jobs(&self) -> Vec<JobStatusMessage> {
        let settings = &self.core.settings;
        self.core.act(|state, effects| {
            super::job::forget(state, effects);
            let mut jobs: Vec<_> = state.jobs.values().collect();
            jobs.sort_unstable_by_key(|job| std::cmp::Reverse(job.number));
            jobs.into_iter().map(|job| job.message(settings, effects.now)).collect()
        })
    }

    pub(crate) fn job_status(&self, id: JobId) -> Answer<JobStatus> {
        self.look(id, |job, _| job.status)
    }

    /// Tells an operation the state of its job, now and whenever that changes.
    pub(crate) fn tell(&self, id: JobId, operating: &Arc<Operating>) {
        self.core.act(|state, _| {
            if let Some(job) = state.jobs.get_mut(&id) {
                job.tell(operating);
            }
        });
    }

    pub(crate) fn job_details(&self, id: JobId) -> Answer<JobDetails> {
        self.look(id, |job, now| job.details(&self.core.settings, now))
    }

    pub(crate) fn job_config(&self, id: JobId) -> Answer<JobConfigInfo> {
        self.look(id, |job, _| job.config(&self.core.settings))
    }

    pub(crate) fn job_plan(&self, id: JobId) -> Answer<JobPlan> {
        self.look(id, |job, now| job.details(&self.core.settings, now).plan)
    }

    /// The job's result: `None` while it has not ended.
    pub(crate) fn job_result(&self, id: JobId) -> Answer<Option<JobResult>> {
        let flink_2 = self.core.settings.is_flink_2();
        self.look(id, |job, _| job.status.is_globally_terminal().then(|| job.result(flink_2)))
    }

    /// Why the job failed, if it did: for those who want more than the text.
    pub(crate) fn job_failure(&self, id: JobId) -> Answer<Option<JavaException>> {
        self.look(id, |job, _| job.failure.clone().filter(|_| job.status == JobStatus::Failed))
    }

    /// The job's result when it has ended.
    pub(crate) fn await_job_result(&self, id: JobId) -> Pending<Answer<JobResult>> {
        let (promise, pending) = Pending::promise();
        self.core.act(|state, effects| {
            super::job::forget(state, effects);
            match state.jobs.get_mut(&id) {
                None => promise.complete(Ok(Err(wording::job_not_found(id)))),
                Some(job) if job.status.is_globally_terminal() => {
                    promise.complete(Ok(Ok(job.result(state.settings.flink_2))));
                }
                Some(job) => job.result_waiters.push(promise),
            }
        });
        pending
    }

    pub(crate) fn accumulators(&self, id: JobId) -> Answer<Vec<AccumulatorEntry>> {
        self.look(id, |job, _| job.accumulators(None))
    }

    /// The newest ones: as many as the cluster shows, if it is not said how many.
    pub(crate) fn exceptions(&self, id: JobId, most: Option<usize>) -> Answer<ExceptionHistory> {
        let settings = &self.core.settings;
        self.look(id, |job, _| job.exceptions(settings, most.unwrap_or(settings.exceptions_shown)))
    }

    pub(crate) fn vertex(&self, id: JobId, vertex: JobVertexId) -> Answer<JobVertexDetails> {
        self.look(id, |job, now| {
            let index = job.graph.vertex(vertex).ok_or_else(|| wording::no_such_vertex(vertex))?;
            Ok(job.vertex_details(index, &self.core.settings, now))
        })?
    }

    /// Looks at a vertex, by its index.
    fn look_at_vertex<R>(
        &self,
        id: JobId,
        vertex: JobVertexId,
        look: impl FnOnce(&Job, usize) -> R,
    ) -> Answer<R> {
        self.look(id, |job, _| {
            let index = job.graph.vertex(vertex).ok_or_else(|| wording::no_such_vertex(vertex))?;
            Ok(look(job, index))
        })?
    }

    pub(crate) fn vertex_accumulators(
        &self,
        id: JobId,
        vertex: JobVertexId,
    ) -> Answer<Vec<AccumulatorEntry>> {
        self.look_at_vertex(id, vertex, |job, index| job.accumulators(Some(index)))
    }

    /// Of each task by itself.
    pub(crate) fn task_accumulators(
        &self,
        id: JobId,
        vertex: JobVertexId,
    ) -> Answer<Vec<Vec<AccumulatorEntry>>> {
        self.look_at_vertex(id, vertex, Job::task_accumulators)
    }

    /// When each task entered which state.
    pub(crate) fn task_times(
        &self,
        id: JobId,
        vertex: JobVertexId,
    ) -> Answer<Vec<BTreeMap<ExecutionState, i64>>> {
        self.look_at_vertex(id, vertex, Job::task_times)
    }

    /// Answers when the order is taken; for a job that initialises, when it has been initialised.
    pub(crate) fn cancel(&self, id: JobId) -> Pending<Answer<()>> {
        let (promise, pending) = Pending::promise();
        self.core.act(|state, effects| {
            super::job::forget(state, effects);
            run::cancel(state, effects, id, promise);
        });
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

    // The cluster as a whole.

    pub(crate) fn overview(&self) -> ClusterOverview {
        self.core.act(|state, effects| {
            super::job::forget(state, effects);
            inspect::overview(&self.core.settings, state)
        })
    }

    /// With the slots in use; who lists them leaves those out.
    pub(crate) fn task_managers(&self) -> Vec<TaskManagerInfo> {
        let settings = &self.core.settings;
        self.core.act(|state, effects| {
            let managers = 0..settings.task_managers.len();
            managers.map(|index| inspect::task_manager(settings, state, index, effects.now)).collect()
        })
    }

    pub(crate) fn task_manager(&self, id: &str) -> Answer<TaskManagerInfo> {
        let found = self.task_managers().into_iter().find(|manager| manager.id == id);
        found.ok_or_else(|| wording::no_such_task_manager(id))
    }

    /// All that there are, with their values.
    pub(crate) fn job_metrics(&self, id: JobId) -> Answer<Vec<Metric>> {
        self.look(id, inspect::job_metrics)
    }

    pub(crate) fn job_manager_metrics(&self) -> Vec<Metric> {
        self.core.act(|state, _| inspect::job_manager_metrics(&self.core.settings, state))
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

    /// What the application's `main` threw, and when.
    pub(crate) fn application_failure(&self, id: ApplicationId) -> Answer<Option<(JavaException, i64)>> {
        self.core.act(|state, _| {
            let application = state.applications.get(id).ok_or_else(|| wording::no_such_application(id))?;
            Ok(application.failure.clone())
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

    #[cfg(test)]
    pub(super) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

fn running(state: &State, id: JobId) -> Answer<&Job> {
    match state.jobs.get(&id).filter(|job| !job.status.is_terminal()) {
        None => Err(wording::job_not_found(id)),
        Some(job) if !job.initialized => Err(wording::initializing()),
        Some(job) => Ok(job),
    }
}
